//! Golden results: section 16 of the artifact's specification, B10 and B12 of the bundle's.

use crate::encode::EncodeError;
use crate::encode::bundle::Encoder;
use crate::encode::manifest::within;
use crate::fields::{self, Field, Rule};
use crate::head::Head;
use crate::json::Value;
use crate::sequences::golden_sequences;
use crate::tables::GOLDEN_RECORD;

/// The records as a member of an object, so that the checker of fields can look at them.
static ROOT: [Field; 1] =
    [Field { name: "golden", required: true, rule: Rule::Array(6, 6, &GOLDEN_RECORD), also: None }];

/// B10.
pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Value, EncodeError> {
    let records = Value::parse(bytes).map_err(|error| EncodeError::from(error).at(name))?;
    let root = Value::Object(vec![("golden".to_string(), records)]);
    if let Err(error) = fields::check(&root, &ROOT, false) {
        let error = EncodeError::from(error);
        let pointer = error.place().strip_prefix("/golden").unwrap_or_default().to_string();
        return Err(within(error.at(pointer), name));
    }
    Ok(root.get("golden").cloned().unwrap_or(Value::Null))
}

/// As G1 asks of the artifact's own.
pub(super) fn check_shapes(name: &str, records: &Value, head: &Head) -> Result<(), EncodeError> {
    let due =
        [("embedding", head.n_features_in().min(16)), ("decision", head.rows()), ("probability", head.classes().len())];
    for (j, record) in records.as_array().unwrap_or_default().iter().enumerate() {
        for (member, expected) in due {
            let found = numbers(record, member).len();
            if found != expected {
                let message = format!("found {found} values, expected {expected}");
                return Err(EncodeError::new("FIELD_VALUE", format!("{name}/{j}/{member}"), message));
            }
        }
    }
    Ok(())
}

/// B12; `stored` may be null.
pub(super) fn check(head: &Head, encoder: &Encoder, stored: &Value) -> Result<(), EncodeError> {
    let accuracy =
        head.config().get("embedding").and_then(|embedding| embedding.get("accuracy")).and_then(Value::as_str);
    let slack = if encoder.is_fast() || accuracy == Some("fast") { 1e-2 } else { 1e-4 };
    for (j, (record, sequence)) in stored.as_array().unwrap_or_default().iter().zip(golden_sequences()).enumerate() {
        let own: Vec<f64> = encoder.embed(&[sequence])?.into_iter().map(f64::from).collect();
        let fault = |message: String| EncodeError::new("GOLDEN", format!("/golden/{j}"), message);
        for (i, (own, stored)) in own.iter().zip(numbers(record, "embedding")).enumerate() {
            within_of("embedding value", i, *own, stored, slack * (1.0 + stored.abs())).map_err(fault)?;
        }
        let coef: Vec<f64> = head.coef().collect();
        let rows = coef.chunks_exact(own.len()).zip(head.intercept()).zip(numbers(record, "decision"));
        for (i, ((weights, intercept), stored)) in rows.enumerate() {
            let terms = own.iter().zip(weights).map(|(x, w)| x * w);
            let size: f64 = terms.clone().map(f64::abs).sum();
            let decision = terms.sum::<f64>() + intercept;
            within_of("decision", i, decision, stored, slack * size.max(1.0)).map_err(fault)?;
        }
    }
    Ok(())
}

fn within_of(what: &str, i: usize, found: f64, stored: f64, tolerance: f64) -> Result<(), String> {
    // Written so that NaN is far.
    if (found - stored).abs() <= tolerance {
        return Ok(());
    }
    Err(format!("found {what} {i} = {found:?}, expected {stored:?} within {tolerance:.2e}"))
}

fn numbers(record: &Value, member: &str) -> Vec<f64> {
    let values = record.get(member).and_then(Value::as_array).unwrap_or_default();
    values.iter().filter_map(Value::as_f64).collect()
}
