//! Protein sequences as the embedding contract reads them: sections 15 (M1 to M3) and 16 of the specification.
//!
//! Text in, token ids out; no files and no model.

use std::fmt;

/// The 33 tokens of ESM-1b, ESM-1v and ESM-2; a token's id is its index.
#[rustfmt::skip]
pub const ALPHABET: [&str; 33] = [
    "<cls>", "<pad>", "<eos>", "<unk>",
    "L", "A", "G", "V", "S", "E", "R", "T", "I", "D", "P", "K", "Q", "N", "F", "Y", "M", "H", "W", "C",
    "X", "B", "U", "Z", "O", ".", "-", "<null_1>", "<mask>",
];

/// The longest sequence that an encoder takes whole.
pub const MAX_RESIDUES: usize = 1022;

const RESIDUES: &str = "ACDEFGHIKLMNPQRSTVWY";
const BEGIN: i64 = 0;
const PAD: i64 = 1;
const END: i64 = 2;

/// What to do with a sequence of more than [`MAX_RESIDUES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// `SEQUENCE_LENGTH`.
    Error,
    /// Its end is cut off.
    Truncate,
}

/// Why a sequence is refused. Its place is known to whoever read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SequenceError {
    /// `SEQUENCE_EMPTY`, `SEQUENCE_LETTER` or `SEQUENCE_LENGTH`.
    pub code: &'static str,
    /// The place of a character that is no residue, from 1, white space at the start not counted.
    pub position: Option<usize>,
    /// What was found and what was expected.
    pub message: String,
    /// What mends it, where something does.
    pub remedy: Option<&'static str>,
}

impl fmt::Display for SequenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SequenceError {}

/// The text stripped of ASCII white space, in upper case, of 1 to 1,022 residues (M1, M3).
///
/// # Errors
/// `SEQUENCE_EMPTY`, `SEQUENCE_LETTER` or `SEQUENCE_LENGTH`.
pub fn normalise(text: &str, too_long: TooLong) -> Result<String, SequenceError> {
    // Neither trim() nor is_ascii_whitespace(): the one takes all of Unicode's, the other leaves the vertical tab.
    let stripped = text.trim_matches(|character| matches!(character, '\t'..='\r' | ' '));
    if stripped.is_empty() {
        let message = "found no residue, expected at least one".to_string();
        return Err(SequenceError { code: "SEQUENCE_EMPTY", position: None, message, remedy: None });
    }
    let foreign = stripped.chars().zip(1..).find(|(character, _)| id(character.to_ascii_uppercase()).is_none());
    if let Some((character, position)) = foreign {
        return Err(foreign_letter(character, position));
    }
    // From here on every character is one byte.
    if stripped.len() > MAX_RESIDUES && too_long == TooLong::Error {
        let message = format!("found {} residues, expected at most {MAX_RESIDUES}", stripped.len());
        let remedy = Some("pass too_long=\"truncate\" when you train, or cut the sequence");
        return Err(SequenceError { code: "SEQUENCE_LENGTH", position: None, message, remedy });
    }
    Ok(stripped[..stripped.len().min(MAX_RESIDUES)].to_ascii_uppercase())
}

/// The id of an upper-case residue or `X`.
fn id(letter: char) -> Option<i64> {
    let known = letter == 'X' || RESIDUES.contains(letter);
    let mut buffer = [0; 4];
    let letter = &*letter.encode_utf8(&mut buffer);
    (0..).zip(ALPHABET).find(|(_, token)| known && *token == letter).map(|(id, _)| id)
}

fn foreign_letter(character: char, position: usize) -> SequenceError {
    let remedy = match character {
        '*' => Some("remove the stop mark"),
        '.' | '-' => Some("remove the gaps of the alignment"),
        _ if "BJOUZbjouz".contains(character) => Some("write X for a residue that is not one of the twenty"),
        _ => None,
    };
    let point = u32::from(character);
    let found = match character.is_ascii_graphic() {
        true => format!("'{character}' (U+{point:04X})"),
        false => format!("U+{point:04X}"),
    };
    let message = format!("found {found} at position {position}, expected one of {RESIDUES} or X");
    SequenceError { code: "SEQUENCE_LETTER", position: Some(position), message, remedy }
}

/// A batch as a model takes it, row after row (M2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The number of sequences.
    pub rows: usize,
    /// The tokens of a row: two more than the longest sequence has residues.
    pub length: usize,
    /// 0, one id a residue, 2, then 1 up to the length.
    pub input_ids: Vec<i64>,
    /// 1 for all but that padding.
    pub attention_mask: Vec<i64>,
}

/// The tokens of sequences that [`normalise`] returned; any other character becomes `<unk>`, which no encoder expects.
pub fn tokenize<S: AsRef<str>>(sequences: &[S]) -> Tokens {
    let (rows, longest) = (sequences.len(), sequences.iter().map(|sequence| sequence.as_ref().len()).max());
    let length = longest.unwrap_or_default() + 2;
    let mut input_ids = Vec::with_capacity(rows * length);
    for (row, sequence) in (1..).zip(sequences) {
        input_ids.push(BEGIN);
        input_ids.extend(sequence.as_ref().chars().map(|letter| id(letter).unwrap_or(3)));
        input_ids.push(END);
        input_ids.resize(row * length, PAD);
    }
    let attention_mask = input_ids.iter().map(|id| i64::from(*id != PAD)).collect();
    Tokens { rows, length, input_ids, attention_mask }
}

/// The six synthetic sequences of section 16 on which an encoder proves itself.
pub fn golden_sequences() -> [String; 6] {
    let literals = ["M", RESIDUES, "MXAXXCDEFGHIKLMNPQRSTVWX"].map(str::to_string);
    let [first, second, third] = literals;
    [first, second, third, golden(3, 119), golden(4, 121), golden(5, 1022)]
}

/// The letters g(j, length) of section 16.
fn golden(j: u32, length: u32) -> String {
    let letter = |i: u32| RESIDUES.as_bytes()[((1000 * j + i).wrapping_mul(2_654_435_761) >> 16) as usize % 20];
    (0..length).map(|i| char::from(letter(i))).collect()
}
