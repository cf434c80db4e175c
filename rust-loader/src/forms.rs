//! The forms that strings of a config may have: section 6 of the specification, F5 and the quoted expressions.
//!
//! A form is a test and the words for what it wants. All forms but `text` and `name` are ASCII, so bytes are enough.

/// A test of a whole string, with what to say when it fails.
pub(crate) struct Form {
    pub(crate) expected: &'static str,
    pub(crate) test: fn(&str) -> bool,
}

macro_rules! form {
    ($name:ident, $expected:expr, $test:expr) => {
        pub(crate) const $name: Form = Form { expected: $expected, test: $test };
    };
}

form!(ANY, "a string", |_| true);
form!(HEX16, "16 digits 0-9a-f", |s| hex(s, 16));
form!(HEX64, "64 digits 0-9a-f", |s| hex(s, 64));
form!(TEXT64, "1 to 64 characters without control characters", |s| text(s, 64));
form!(NAME64, "1 to 64 characters without control characters, '/' and '\\'", |s| name(s, 64));
form!(NAME256, "1 to 256 characters without control characters, '/' and '\\'", |s| name(s, 256));
form!(SKLEARN_VERSION, "a version such as \"1.7.2\"", |s| {
    spelled(s, 64, |b| b.is_ascii_alphanumeric(), |b| b.is_ascii_alphanumeric() || b".+-".contains(&b))
});
form!(SOLVER, "a name such as \"lbfgs\"", |s| spelled(s, 64, lower, |b| lower(b) || b == b'-'));
form!(METRIC, "a name of 1 to 32 characters a-z, 0-9 and _, a letter first", |s| spelled(s, 32, lower, |b| {
    lower(b) || digit(b) || b == b'_'
}));
form!(MODEL, "a hub id NAME or OWNER/NAME of at most 192 characters", |s| path(s, 2));
form!(REVISION, "a revision such as \"main\" of at most 192 characters", |s| path(s, usize::MAX));
form!(DEVICE, "a device such as \"cpu\" or \"cuda:0\"", device);
form!(DATE, "a time such as \"2026-01-31T12:00:00Z\"", date);
form!(EXTENSION, "a reverse domain name such as \"org.example\"", extension);

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase()
}

fn digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// One `first` byte, then `rest` bytes, at most `max` together.
fn spelled(s: &str, max: usize, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    match s.as_bytes().split_first() {
        Some((&head, tail)) => s.len() <= max && first(head) && tail.iter().all(|&b| rest(b)),
        None => false,
    }
}

/// *hex(d)*.
pub(crate) fn hex(s: &str, digits: usize) -> bool {
    s.len() == digits && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// *text(1, max)*.
fn text(s: &str, max: usize) -> bool {
    let count = s.chars().count();
    count >= 1 && count <= max && !s.chars().any(|c| c <= '\u{1f}' || c == '\u{7f}')
}

/// *name(1, max)*.
fn name(s: &str, max: usize) -> bool {
    text(s, max) && !s.contains(['/', '\\'])
}

/// SEG/SEG/… with at most `parts` of them; a SEG is words joined by single dots, so `..` is none.
fn path(s: &str, parts: usize) -> bool {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    s.len() <= 192 && s.split('/').count() <= parts && s.split('/').all(|segment| segment.split('.').all(word))
}

fn device(s: &str) -> bool {
    let (kind, index) = match s.split_once(':') {
        Some((kind, index)) => (kind, Some(index)),
        None => (s, None),
    };
    spelled(kind, 16, lower, lower) && index.is_none_or(|i| spelled(i, 3, digit, digit))
}

fn date(s: &str) -> bool {
    let pattern = b"0000-00-00T00:00:00Z";
    let fits = |(byte, form): (u8, &u8)| if *form == b'0' { digit(byte) } else { byte == *form };
    s.len() == pattern.len() && s.bytes().zip(pattern).all(fits)
}

fn extension(s: &str) -> bool {
    let rest = |b: u8| lower(b) || digit(b) || b == b'-';
    let mut parts = s.split('.');
    let first = parts.next().is_some_and(|part| spelled(part, usize::MAX, lower, rest));
    first && s.contains('.') && parts.all(|part| spelled(part, usize::MAX, |b| lower(b) || digit(b), rest))
}
