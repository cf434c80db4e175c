//! The numbers of the codes. They are part of the ABI: a new code goes to the end, whatever its place in `errors.json`.

use crate::errors::Code;

pub(super) const OK: i32 = 0;
/// A call that breaks the manual: not of the registry, so below 0.
pub(super) const USAGE: i32 = -1;
/// A panic.
pub(super) const INTERNAL: i32 = -2;

/// The code of status 1, of status 2, and so on.
const NUMBERED: [Code; 48] = [
    Code::FileUnreadable,
    Code::FileSize,
    Code::JsonEncoding,
    Code::JsonSyntax,
    Code::JsonSurrogate,
    Code::JsonDuplicateName,
    Code::JsonNumber,
    Code::JsonLimit,
    Code::FormatMissing,
    Code::FormatUnknown,
    Code::VersionUnsupported,
    Code::ConfigSeal,
    Code::ConfigDigest,
    Code::FieldMissing,
    Code::FieldType,
    Code::FieldValue,
    Code::FieldUnknown,
    Code::NpzDigest,
    Code::ZipEnd,
    Code::ZipCentral,
    Code::ZipFlags,
    Code::ZipMethod,
    Code::ZipLayout,
    Code::ZipLocal,
    Code::ZipName,
    Code::ZipMissing,
    Code::ZipCrc,
    Code::NpyPreamble,
    Code::NpyHeader,
    Code::NpyOrder,
    Code::NpyDtype,
    Code::NpyLength,
    Code::ArrayLimit,
    Code::ArrayShape,
    Code::ArrayNonfinite,
    Code::ArrayValue,
    Code::LabelValue,
    Code::LabelDuplicate,
    Code::FieldMismatch,
    Code::Environment,
    Code::SelfTest,
    Code::NotVerified,
    Code::InputDtype,
    Code::InputShape,
    Code::InputNonfinite,
    Code::DecisionNonfinite,
    Code::Threshold,
    Code::AssayType,
];

/// INTERNAL for a code without a number, which the test below rules out.
pub(super) fn of(code: Code) -> i32 {
    (1..).zip(NUMBERED).find(|(_, numbered)| *numbered == code).map_or(INTERNAL, |(status, _)| status)
}

/// `ZIP_CRC`, `OK`, `USAGE` or `INTERNAL`; None for a number that is no status.
pub(super) fn name(status: i32) -> Option<&'static str> {
    match status {
        OK => Some("OK"),
        USAGE => Some("USAGE"),
        INTERNAL => Some("INTERNAL"),
        _ => usize::try_from(status).ok().and_then(|at| NUMBERED.get(at.checked_sub(1)?)).map(|code| code.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::{INTERNAL, name, of};
    use crate::errors::Code;

    #[test]
    fn every_code_has_a_number_of_its_own() {
        let mut numbers: Vec<i32> = Code::ALL.iter().map(|code| of(*code)).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=Code::ALL.len() as i32).collect::<Vec<_>>());
        assert!(Code::ALL.iter().all(|code| name(of(*code)) == Some(code.as_str())));
    }

    #[test]
    fn other_numbers_have_no_name() {
        assert_eq!((name(INTERNAL - 1), name(Code::ALL.len() as i32 + 1), name(i32::MIN)), (None, None, None));
    }
}
