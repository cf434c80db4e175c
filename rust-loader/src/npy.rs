//! The NPY preamble and header: rules N1 to N3 of the specification, and the dtypes of N4.
//!
//! Takes the bytes of one array, returns what the header says and the data after it; what a member may be is said in
//! `arrays.rs`.

use crate::errors::{Code, Error};

const PREAMBLE: usize = 128;
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00\x76\x00";
const MAX_LABEL: u32 = 256;

/// The type of an array's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    F4,
    F8,
    I1,
    I2,
    I4,
    I8,
    U1,
    U2,
    U4,
    U8,
    Bool,
    /// So many code points of four bytes.
    Text(u32),
}

impl Dtype {
    fn parse(descr: &str) -> Option<Dtype> {
        Some(match descr {
            "<f4" => Dtype::F4,
            "<f8" => Dtype::F8,
            "|i1" => Dtype::I1,
            "<i2" => Dtype::I2,
            "<i4" => Dtype::I4,
            "<i8" => Dtype::I8,
            "|u1" => Dtype::U1,
            "<u2" => Dtype::U2,
            "<u4" => Dtype::U4,
            "<u8" => Dtype::U8,
            "|b1" => Dtype::Bool,
            _ => return Dtype::parse_text(descr.strip_prefix("<U")?),
        })
    }

    /// The digits must be spelled as numpy does: `<U01` is no dtype of the list.
    fn parse_text(digits: &str) -> Option<Dtype> {
        let length = digits.parse().ok().filter(|n| (1..=MAX_LABEL).contains(n))?;
        (length.to_string() == digits).then_some(Dtype::Text(length))
    }

    pub(crate) fn item_size(self) -> usize {
        match self {
            Dtype::I1 | Dtype::U1 | Dtype::Bool => 1,
            Dtype::I2 | Dtype::U2 => 2,
            Dtype::F4 | Dtype::I4 | Dtype::U4 => 4,
            Dtype::F8 | Dtype::I8 | Dtype::U8 => 8,
            Dtype::Text(length) => 4 * length as usize,
        }
    }
}

/// An array in C order: its header, and the bytes after it.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) descr: &'a str,
    /// Unless the dtype is one that no member may have.
    pub(crate) dtype: Option<Dtype>,
    pub(crate) shape: Shape,
    pub(crate) data: &'a [u8],
}

/// Zero, one or two dimensions, of at most nine digits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Scalar,
    Vector(u32),
    Matrix(u32, u32),
}

impl Shape {
    pub(crate) fn count(self) -> Option<usize> {
        match self {
            Shape::Scalar => Some(1),
            Shape::Vector(a) => usize::try_from(a).ok(),
            Shape::Matrix(a, b) => usize::try_from(u64::from(a) * u64::from(b)).ok(),
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Scalar => f.write_str("()"),
            Shape::Vector(a) => write!(f, "({a},)"),
            Shape::Matrix(a, b) => write!(f, "({a}, {b})"),
        }
    }
}

/// Rules N1 to N3. `empty` says whether the first dimension may be 0, as it may in an input but not in a member.
pub(crate) fn read<'a>(bytes: &'a [u8], place: &str, empty: bool) -> Result<Raw<'a>, Error> {
    let preamble = || {
        let message = "found other bytes, expected an NPY 1.0 preamble of 128 bytes";
        Error::new(Code::NpyPreamble, place, message)
    };
    let (head, data) = bytes.split_at_checked(PREAMBLE).ok_or_else(preamble)?;
    let text = head.strip_prefix(MAGIC).and_then(|rest| rest.strip_suffix(b"\n")).ok_or_else(preamble)?;
    let Some((descr, fortran, shape)) = header(text, empty) else {
        let found = String::from_utf8_lossy(text);
        let message = format!(
            "found {:?}, expected {{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }} or the like",
            found.trim_end()
        );
        return Err(Error::new(Code::NpyHeader, place, message));
    };
    if fortran {
        return Err(Error::new(Code::NpyOrder, place, "found Fortran order, expected C order"));
    }
    Ok(Raw { descr, dtype: Dtype::parse(descr), shape, data })
}

/// N2.
fn header(text: &[u8], empty: bool) -> Option<(&str, bool, Shape)> {
    let rest = std::str::from_utf8(text).ok()?.strip_prefix("{'descr': '")?;
    let (descr, rest) = rest.split_once('\'')?;
    let letter = |b: u8| matches!(b, b'<' | b'>' | b'|' | b'=') || b.is_ascii_alphanumeric();
    if !(1..=8).contains(&descr.len()) || !descr.bytes().all(letter) {
        return None;
    }
    let rest = rest.strip_prefix(", 'fortran_order': ")?;
    let (fortran, rest) = match rest.strip_prefix("False") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix("True")?),
    };
    let (shape, rest) = rest.strip_prefix(", 'shape': (")?.split_once("), }")?;
    if rest.bytes().any(|b| b != b' ') {
        return None;
    }
    Some((descr, fortran, parse_shape(shape, empty)?))
}

/// What stands between the parentheses.
fn parse_shape(text: &str, empty: bool) -> Option<Shape> {
    if text.is_empty() {
        return Some(Shape::Scalar);
    }
    let first = |digits| if empty && digits == "0" { Some(0) } else { dimension(digits) };
    if let Some(a) = text.strip_suffix(',') {
        return first(a).map(Shape::Vector);
    }
    let (a, b) = text.split_once(", ")?;
    Some(Shape::Matrix(first(a)?, dimension(b)?))
}

/// One to nine digits, the first not 0.
fn dimension(digits: &str) -> Option<u32> {
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if plain && !digits.starts_with('0') { digits.parse().ok() } else { None }
}

/// N7.
pub(crate) fn check_length(raw: &Raw<'_>, dtype: Dtype, place: &str) -> Result<(), Error> {
    let expected = raw.shape.count().and_then(|count| count.checked_mul(dtype.item_size()));
    if expected == Some(raw.data.len()) {
        return Ok(());
    }
    let message = match expected {
        Some(expected) => format!("found {} bytes of data, expected {expected}", raw.data.len()),
        None => format!("found {} bytes of data, expected more than memory holds", raw.data.len()),
    };
    Err(Error::new(Code::NpyLength, place, message))
}

/// Little-endian items of N bytes; a rest of fewer bytes does not occur after `check_length`.
pub(crate) fn items<'a, const N: usize, T: 'a>(data: &'a [u8], item: fn([u8; N]) -> T) -> impl Iterator<Item = T> + 'a {
    data.as_chunks::<N>().0.iter().map(move |bytes| item(*bytes))
}
