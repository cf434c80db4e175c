//! Class labels: their types, and rule A3 of the specification.

use std::collections::HashSet;
use std::fmt;

use crate::errors::{Code, Error};
use crate::npy::{Dtype, Raw, items};

const PLACE: &str = "classes.npy";
const MAX_FLOAT: f64 = 9_007_199_254_740_992.0;

/// A class label. All labels of a head are of one kind, that of its `classes` array.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// An integer.
    Int(i64),
    /// A float that holds an integer, such as `1.0`.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A string.
    Str(String),
}

impl Label {
    /// The name of this class in a JSON object, as `class_weight` has it: `-3`, `true`, or the string itself.
    pub fn key(&self) -> String {
        match self {
            Label::Int(value) => value.to_string(),
            // Integral and within ±2^53.
            Label::Float(value) => (*value as i64).to_string(),
            Label::Bool(value) => value.to_string(),
            Label::Str(value) => value.clone(),
        }
    }
}

/// As Python prints it, but for `true` and `false`: a float label has one decimal.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Float(value) => write!(f, "{value:.1}"),
            other => f.write_str(&other.key()),
        }
    }
}

/// The labels of a `classes` array whose dtype, shape and length are right.
pub(crate) fn read(raw: &Raw<'_>, dtype: Dtype) -> Result<Vec<Label>, Error> {
    let data = raw.data;
    let labels = match dtype {
        Dtype::F8 => items(data, f64::from_le_bytes).map(float).collect::<Result<_, _>>()?,
        Dtype::Bool => data.iter().map(boolean).collect::<Result<_, _>>()?,
        Dtype::Text(_) => data.chunks_exact(dtype.item_size()).map(text).collect::<Result<_, _>>()?,
        other => integers(data, other).map(integer).collect::<Result<Vec<_>, _>>()?,
    };
    check_distinct(&labels)?;
    Ok(labels)
}

/// The items of an array of any integer dtype.
pub(crate) fn integers(data: &[u8], dtype: Dtype) -> Box<dyn Iterator<Item = i128> + '_> {
    match dtype {
        Dtype::I1 => Box::new(items(data, i8::from_le_bytes).map(i128::from)),
        Dtype::I2 => Box::new(items(data, i16::from_le_bytes).map(i128::from)),
        Dtype::I4 => Box::new(items(data, i32::from_le_bytes).map(i128::from)),
        Dtype::I8 => Box::new(items(data, i64::from_le_bytes).map(i128::from)),
        Dtype::U1 => Box::new(items(data, u8::from_le_bytes).map(i128::from)),
        Dtype::U2 => Box::new(items(data, u16::from_le_bytes).map(i128::from)),
        Dtype::U4 => Box::new(items(data, u32::from_le_bytes).map(i128::from)),
        Dtype::U8 => Box::new(items(data, u64::from_le_bytes).map(i128::from)),
        Dtype::F4 | Dtype::F8 | Dtype::Bool | Dtype::Text(_) => Box::new(std::iter::empty()),
    }
}

fn fault(found: impl fmt::Display, expected: &str) -> Error {
    Error::new(Code::LabelValue, PLACE, format!("found the label {found}, expected {expected}"))
}

fn integer(value: i128) -> Result<Label, Error> {
    i64::try_from(value).map(Label::Int).map_err(|_| fault(value, "at most 2^63 - 1"))
}

fn float(value: f64) -> Result<Label, Error> {
    let negative_zero = value == 0.0 && value.is_sign_negative();
    if value.fract() != 0.0 || value.abs() > MAX_FLOAT || negative_zero {
        return Err(fault(format!("{value:?}"), "an integral number within ±2^53 that is not -0.0"));
    }
    Ok(Label::Float(value))
}

fn boolean(byte: &u8) -> Result<Label, Error> {
    match byte {
        0 => Ok(Label::Bool(false)),
        1 => Ok(Label::Bool(true)),
        other => Err(fault(format!("byte {other}"), "byte 0 or 1")),
    }
}

/// The padding U+0000 at the end does not belong to the label.
fn text(bytes: &[u8]) -> Result<Label, Error> {
    let codes: Vec<u32> = items(bytes, u32::from_le_bytes).collect();
    let length = codes.iter().rposition(|&code| code != 0).map_or(0, |last| last + 1);
    let character = |&code: &u32| char::from_u32(code).filter(|&c| c != '\0').ok_or(code);
    let label: Result<String, u32> = codes.iter().take(length).map(character).collect();
    label.map(Label::Str).map_err(|code| {
        fault(format_args!("with code {code:#x}"), "code points without U+0000, surrogates and values above 0x10ffff")
    })
}

/// Labels of one kind are equal exactly when their keys are.
fn check_distinct(labels: &[Label]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    match labels.iter().find(|label| !seen.insert(label.key())) {
        Some(label) => {
            let message = format!("found the label {:?} twice, expected distinct labels", label.to_string());
            Err(Error::new(Code::LabelDuplicate, PLACE, message))
        }
        None => Ok(()),
    }
}
