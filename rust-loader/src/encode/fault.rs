//! The one error type of this module: the codes of the artifact and those of bundles, sequences and tables.

use std::fmt;

use crate::errors::Error;
use crate::sequences::SequenceError;

const COPY_AGAIN: Option<&str> = Some("copy the whole folder again");

/// The codes of `spec/v1/errors.json` beyond those of [`Code`](crate::Code) that this module reports, with their remedies.
pub(super) const CODES: [(&str, Option<&str>); 9] = [
    ("GOLDEN", None),
    ("ENCODER", None),
    ("DATA", None),
    ("BUNDLE_FILE", COPY_AGAIN),
    ("BUNDLE_NAME", None),
    ("BUNDLE_DIGEST", COPY_AGAIN),
    ("BUNDLE_GRAPH", None),
    ("BUNDLE_VOCABULARY", None),
    ("RUNTIME", None),
];

/// Why a bundle, a table or a sequence was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    code: &'static str,
    place: String,
    message: String,
    remedy: Option<&'static str>,
}

impl EncodeError {
    pub(crate) fn new(code: &'static str, place: impl Into<String>, message: impl Into<String>) -> EncodeError {
        let remedy = CODES.iter().find(|(known, _)| *known == code).and_then(|(_, remedy)| *remedy);
        EncodeError { code, place: place.into(), message: message.into(), remedy }
    }

    /// The error of a table: `DATA` at its name.
    pub fn data(name: impl Into<String>, message: impl Into<String>) -> EncodeError {
        EncodeError::new("DATA", name, message)
    }

    /// The same error, in another place.
    pub(super) fn at(self, place: impl Into<String>) -> EncodeError {
        EncodeError { place: place.into(), ..self }
    }

    /// The error of a sequence, in its place.
    pub fn of_sequence(fault: SequenceError, place: impl Into<String>) -> EncodeError {
        EncodeError { code: fault.code, place: place.into(), message: fault.message, remedy: fault.remedy }
    }

    /// What went wrong: a word of the specification's list of errors.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where: a file of the bundle, `bundle.json` and a JSON pointer, or what [`Error::place`] says.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What was found and what was expected.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What mends it, where the specification knows a remedy.
    pub fn remedy(&self) -> Option<&'static str> {
        self.remedy
    }
}

impl From<Error> for EncodeError {
    fn from(error: Error) -> EncodeError {
        let (place, message) = (error.place().to_string(), error.message().to_string());
        EncodeError { code: error.code().as_str(), place, message, remedy: error.remedy() }
    }
}

/// As [`Error`]: `CODE (where): message`, then the remedy where there is one.
impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.place, self.message)?;
        match self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for EncodeError {}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_and_remedies_are_those_of_the_registry() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/v1/errors.json");
        let registry: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).expect("the registry")).expect("JSON");
        let entries = registry["errors"].as_array().expect("a list");
        for (code, remedy) in CODES {
            let entry = entries.iter().find(|entry| entry["code"] == code).expect(code);
            assert_eq!(entry["remedy"].as_str(), remedy, "{code}");
        }
        let bundles = entries.iter().filter(|entry| entry["phase"] == "bundle");
        assert!(bundles.map(|entry| &entry["code"]).all(|code| CODES.iter().any(|(known, _)| code == known)));
    }
}
