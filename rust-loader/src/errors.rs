//! The one error type. Its codes and remedies are those of `spec/v1/errors.json`; a test compares the two.

use std::fmt;

macro_rules! codes {
    ($($variant:ident $text:literal $summary:literal $remedy:expr;)*) => {
        /// What went wrong: one word of the specification's list of errors.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $summary] $variant,)*
        }

        impl Code {
            /// Every code that this crate can report, in the order of the specification.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The code as the specification spells it, for example `ZIP_CRC`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// What the code means, in a sentence.
            pub fn summary(self) -> &'static str {
                match self { $(Code::$variant => $summary,)* }
            }

            /// What mends it, where the specification knows a remedy.
            pub fn remedy(self) -> Option<&'static str> {
                match self { $(Code::$variant => $remedy,)* }
            }
        }
    };
}

const FETCH_AGAIN: Option<&str> = Some("fetch both files again; if you edited the config, run: plmhead amend");

codes! {
    FileUnreadable "FILE_UNREADABLE" "A file of the pair cannot be read."
        Some("check the path; the config of NAME.npz is NAME_config.json, beside it");
    FileSize "FILE_SIZE" "A file is larger than the format allows." None;
    JsonEncoding "JSON_ENCODING" "The config is not UTF-8, or begins with a byte order mark."
        Some("save the config as UTF-8 without BOM");
    JsonSyntax "JSON_SYNTAX" "The config is not JSON." None;
    JsonSurrogate "JSON_SURROGATE" "A string escape names half of a surrogate pair." None;
    JsonDuplicateName "JSON_DUPLICATE_NAME" "An object has two members of the same name." None;
    JsonNumber "JSON_NUMBER" "A number is too long, out of range, or an integer written as -0." None;
    JsonLimit "JSON_LIMIT" "The config nests too deep or holds too many values." None;
    FormatMissing "FORMAT_MISSING" "A config with version 1 members has no format member." FETCH_AGAIN;
    FormatUnknown "FORMAT_UNKNOWN" "The config is not a plmhead config." None;
    VersionUnsupported "VERSION_UNSUPPORTED" "The artifact needs a newer reader." Some("update plmhead");
    ConfigSeal "CONFIG_SEAL" "The config does not end with its digest in the fixed form." FETCH_AGAIN;
    ConfigDigest "CONFIG_DIGEST" "The config was changed after it was sealed." FETCH_AGAIN;
    FieldMissing "FIELD_MISSING" "A required member is absent." None;
    FieldType "FIELD_TYPE" "A member has the wrong JSON type." None;
    FieldValue "FIELD_VALUE" "A member's value is out of range." None;
    FieldUnknown "FIELD_UNKNOWN" "A member is not part of the format."
        Some("move it under extensions, or correct its name");
    NpzDigest "NPZ_DIGEST" "The NPZ is not the one that the config was written for."
        Some("fetch both files again; if a save was killed, run: plmhead repair NAME");
    ZipEnd "ZIP_END" "The NPZ does not end with a plain ZIP end record." None;
    ZipCentral "ZIP_CENTRAL" "A ZIP directory record breaks the profile." None;
    ZipFlags "ZIP_FLAGS" "A ZIP member is encrypted, has a data descriptor, or sets another flag." None;
    ZipMethod "ZIP_METHOD" "A ZIP member is compressed."
        Some("write it with numpy.savez, not numpy.savez_compressed");
    ZipLayout "ZIP_LAYOUT" "ZIP members are not back to back from the first byte." None;
    ZipLocal "ZIP_LOCAL" "A ZIP local header contradicts the directory." None;
    ZipName "ZIP_NAME" "The NPZ holds an unexpected or a second member of a name." None;
    ZipMissing "ZIP_MISSING" "The NPZ lacks a member." None;
    ZipCrc "ZIP_CRC" "A member's bytes do not have the stated CRC-32." None;
    NpyPreamble "NPY_PREAMBLE" "A member does not begin with the 128-byte NPY 1.0 preamble." None;
    NpyHeader "NPY_HEADER" "An NPY header is not in the fixed form." None;
    NpyOrder "NPY_ORDER" "An array is in Fortran order." Some("write it with numpy.ascontiguousarray");
    NpyDtype "NPY_DTYPE" "An array has a dtype that its member may not have." None;
    NpyLength "NPY_LENGTH" "An array's data is shorter or longer than its shape says." None;
    ArrayLimit "ARRAY_LIMIT" "An array is larger than the format allows." None;
    ArrayShape "ARRAY_SHAPE" "An array has the wrong shape." None;
    ArrayNonfinite "ARRAY_NONFINITE" "An array holds NaN or infinity." None;
    ArrayValue "ARRAY_VALUE" "`n_features_in` or `n_iter` contradicts the coefficients." None;
    LabelValue "LABEL_VALUE" "A class label is not allowed." None;
    LabelDuplicate "LABEL_DUPLICATE" "Two class labels are equal." None;
    FieldMismatch "FIELD_MISMATCH" "The config contradicts the arrays." None;
    Environment "ENVIRONMENT" "This process does not compute in IEEE 754 as the format needs."
        Some("switch off fast-math, flush-to-zero and directed rounding");
    SelfTest "SELF_TEST" "This loader does not reproduce the scores stored in the artifact." FETCH_AGAIN;
    NotVerified "NOT_VERIFIED" "A verified artifact was required, and this is version 0."
        Some("plmhead upgrade");
    InputDtype "INPUT_DTYPE" "X is not of float32 or float64." None;
    InputShape "INPUT_SHAPE" "X does not have shape (rows, n_features_in)." None;
    InputNonfinite "INPUT_NONFINITE" "X holds NaN or infinity." None;
    DecisionNonfinite "DECISION_NONFINITE" "A row's decision overflows." None;
    Threshold "THRESHOLD" "The threshold is not in [0, 1], or the head has no threshold." None;
    AssayType "ASSAY_TYPE" "The assay type has no threshold in this artifact." None;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an artifact or an input was refused.
///
/// Code and place are fixed by the specification and the same in every plmhead loader; the message is for people.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    code: Code,
    place: String,
    message: String,
}

impl Error {
    pub(crate) fn new(code: Code, place: impl Into<String>, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { code, place: place.into(), message: message.into() }))
    }

    /// What went wrong.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Where: a JSON pointer into the config or X, a member such as `coef.npy`, a word such as `npz`, or an offset
    /// such as `npz@117`. The specification calls it `where`.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// What was found and what was expected.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What mends it, where the specification knows a remedy.
    pub fn remedy(&self) -> Option<&'static str> {
        self.0.code.remedy()
    }
}

/// `CODE (where): message`, then the remedy where there is one.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code(), self.place(), self.message())?;
        match self.remedy() {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// As [`Display`](fmt::Display): it is what `main` prints of an error that it returns.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
