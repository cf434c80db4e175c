//! What must hold between the config and the arrays: sections 7 and 11 of the specification.

use crate::arrays::Arrays;
use crate::config::Config;
use crate::errors::{Code, Error};
use crate::fields::token;
use crate::json::Value;
use crate::labels::Label;

/// H1.
pub(crate) fn check_digest(config: &Config, found: &str) -> Result<(), Error> {
    let stated = config.get("npz_sha256").and_then(Value::as_str).unwrap_or_default();
    if found == stated {
        return Ok(());
    }
    let message = format!("found SHA-256 {found} of the NPZ, expected {stated}");
    Err(Error::new(Code::NpzDigest, "/npz_sha256", message))
}

/// G1 to G5.
pub(crate) fn check(config: &Config, arrays: &Arrays<'_>) -> Result<(), Error> {
    let (n, rows, k) = (arrays.n_features, arrays.intercept.len(), arrays.classes.len());
    if let Some(dimension) = config.get("embedding").and_then(|embedding| embedding.get("dimension")) {
        expect(dimension.as_i64() == Some(n as i64), "/embedding/dimension", || format!("{n}, the columns of coef"))?;
    }
    check_class_weight(config, &arrays.classes)?;
    check_records(config, "self_test", &[("decision", rows), ("probability", k)])?;
    check_records(config, "golden", &[("embedding", n.min(16)), ("decision", rows), ("probability", k)])?;
    match config.get("training").and_then(|training| training.get("rows_by_class")) {
        Some(counts) => check_count(counts, k, "/training/rows_by_class"),
        None => Ok(()),
    }
}

fn expect(holds: bool, pointer: &str, expected: impl FnOnce() -> String) -> Result<(), Error> {
    if holds {
        return Ok(());
    }
    let message = format!("found another value, expected {}", expected());
    Err(Error::new(Code::FieldMismatch, pointer, message))
}

/// G2: the names are among the keys of the classes, in the order of the classes.
fn check_class_weight(config: &Config, classes: &[Label]) -> Result<(), Error> {
    let mut keys = classes.iter().map(Label::key);
    for (name, _) in config.get("class_weight").and_then(Value::as_object).unwrap_or_default() {
        if !keys.any(|key| key == *name) {
            let message = format!("found {name:?}, expected names of classes in class order");
            return Err(Error::new(Code::FieldMismatch, format!("/class_weight/{}", token(name)), message));
        }
    }
    Ok(())
}

/// G3 and G4: the lengths of the lists in each record.
fn check_records(config: &Config, name: &str, lengths: &[(&str, usize)]) -> Result<(), Error> {
    for (j, record) in config.get(name).and_then(Value::as_array).unwrap_or_default().iter().enumerate() {
        for (list, length) in lengths {
            check_count(record.get(list).unwrap_or(&Value::Null), *length, &format!("/{name}/{j}/{list}"))?;
        }
    }
    Ok(())
}

fn check_count(list: &Value, expected: usize, pointer: &str) -> Result<(), Error> {
    let found = list.as_array().unwrap_or_default().len();
    if found == expected {
        return Ok(());
    }
    let message = format!("found {found} values, expected {expected}");
    Err(Error::new(Code::FieldMismatch, pointer, message))
}
