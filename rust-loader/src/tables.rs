//! The tables of section 6 of the specification and of version 0, in the order of checking.

use crate::errors::{Code, Error};
use crate::fields::{Also, Field, Range, Rule};
use crate::forms::{self, Form};
use crate::json::Value;

const fn must(name: &'static str, rule: Rule) -> Field {
    Field { name, required: true, rule, also: None }
}

const fn may(name: &'static str, rule: Rule) -> Field {
    Field { name, required: false, rule, also: None }
}

const fn also(field: Field, also: Also) -> Field {
    Field { also: Some(also), ..field }
}

macro_rules! one_of {
    ($($word:literal),+) => {
        Form { expected: concat!("one of:", $(" ", $word),+), test: |s| matches!(s, $($word)|+) }
    };
}

const INT32_MAX: i64 = 2_147_483_647;
const SAFE_MAX: i64 = 9_007_199_254_740_991;

static ANY_NUMBER: Rule = Rule::Number(Range { expected: "a number", test: |_| true });
static UNIT: Rule = Rule::Number(Range { expected: "0 to 1", test: |x| (0.0..=1.0).contains(&x) });
static WEIGHT: Rule = Rule::Number(Range { expected: "a number >= 0", test: |x| x >= 0.0 });
static WEIGHTS: Rule = Rule::Map(forms::ANY, &WEIGHT);
static CLASS_WEIGHT: Rule = Rule::StringOr(one_of!("balanced"), &WEIGHTS);
static PENALTY: Rule = Rule::String(one_of!("l1", "l2", "elasticnet"));
static SEED: Rule = Rule::Integer(0, 4_294_967_295);
static INTEGER: Rule = Rule::Integer(-SAFE_MAX, SAFE_MAX);
static POSITIVE: Rule = Rule::Integer(1, INT32_MAX);
static ROW_COUNT: Rule = Rule::Integer(0, SAFE_MAX);
static SCORE: Rule = Rule::Nullable(&ANY_NUMBER);
static STRING: Rule = Rule::String(forms::ANY);
static SKLEARN_VERSION: Rule = Rule::String(forms::SKLEARN_VERSION);
static MODEL: Rule = Rule::String(forms::MODEL);
static REVISION: Rule = Rule::String(forms::REVISION);
static DEVICE: Rule = Rule::String(forms::DEVICE);
static BITS: Rule = Rule::String(forms::HEX16);
static DIGEST: Rule = Rule::String(forms::HEX64);
static FOLD: Rule = Rule::String(one_of!("standard_scaler", "two_class_multinomial"));
static FREE: Rule = Rule::Free;
static DECISION_OBJECT: Rule = Rule::Object(&DECISION);
static EMBEDDING_OBJECT: Rule = Rule::Object(&EMBEDDING);
static GOLDEN_ARRAY: Rule = Rule::Array(6, 6, &GOLDEN_RECORD);
pub(crate) static GOLDEN_RECORD: Rule = Rule::Object(&GOLDEN);
static SELF_TEST_RECORD: Rule = Rule::Object(&SELF_TEST);
static CV_SCORE: Rule = Rule::Object(&MEAN_STD);

const fn positive_number() -> Rule {
    Rule::Number(Range { expected: "a number > 0", test: |x| x > 0.0 })
}

/// The root of version 1. Sections 4 and 5 have looked at the members that are strings of any form here.
pub(crate) static ROOT: [Field; 26] = [
    must("format", Rule::String(forms::ANY)),
    must("format_version", Rule::String(forms::ANY)),
    must("min_reader", Rule::String(forms::ANY)),
    must("model_type", Rule::String(one_of!("LogisticRegression"))),
    must("sklearn_version", Rule::Nullable(&SKLEARN_VERSION)),
    must("C", positive_number()),
    must("penalty", Rule::Nullable(&PENALTY)),
    also(must("l1_ratio", Rule::Nullable(&UNIT)), l1_ratio),
    must("solver", Rule::String(forms::SOLVER)),
    must("class_weight", Rule::Nullable(&CLASS_WEIGHT)),
    must("max_iter", Rule::Integer(0, INT32_MAX)),
    must("random_state", Rule::Nullable(&SEED)),
    must("esm_model", Rule::Nullable(&MODEL)),
    must("esm_revision", Rule::Nullable(&REVISION)),
    must("batch_size", Rule::Nullable(&POSITIVE)),
    must("device", Rule::Nullable(&DEVICE)),
    must("link", Rule::String(one_of!("logistic", "softmax"))),
    also(must("decision", Rule::Nullable(&DECISION_OBJECT)), decision),
    also(must("embedding", Rule::Nullable(&EMBEDDING_OBJECT)), embedding),
    also(must("golden", Rule::Nullable(&GOLDEN_ARRAY)), golden),
    must("self_test", Rule::Array(8, 8, &SELF_TEST_RECORD)),
    may("metrics", Rule::Object(&METRICS)),
    may("training", Rule::Object(&TRAINING)),
    may("extensions", Rule::Map(forms::EXTENSION, &FREE)),
    must("npz_sha256", Rule::String(forms::HEX64)),
    must("config_sha256", Rule::String(forms::HEX64)),
];

/// The names that the table of section 6 marks *new*.
pub(crate) const NEW: [&str; 13] = [
    "format_version",
    "min_reader",
    "l1_ratio",
    "link",
    "decision",
    "embedding",
    "golden",
    "self_test",
    "metrics",
    "training",
    "extensions",
    "npz_sha256",
    "config_sha256",
];

static DECISION: [Field; 2] = [
    must("threshold", Rule::Number(Range { expected: "0 to 1", test: |x| (0.0..=1.0).contains(&x) })),
    must("assay_thresholds", Rule::Map(forms::TEXT64, &UNIT)),
];

static EMBEDDING: [Field; 15] = [
    must("origin", Rule::String(one_of!("plmhead", "declared", "version-0"))),
    must("family", Rule::String(one_of!("esm1b", "esm1v", "esm2"))),
    also(must("checkpoint", Rule::String(forms::ANY)), checkpoint),
    must("revision", Rule::Nullable(&REVISION)),
    must("weights_sha256", Rule::Nullable(&DIGEST)),
    must("dimension", Rule::Integer(1, 65_536)),
    must("layer", Rule::String(one_of!("last"))),
    must("pooling", Rule::String(one_of!("mean"))),
    must("accumulate", Rule::String(one_of!("float32"))),
    must("l2_normalized", Rule::False),
    must("alphabet", Rule::String(one_of!("esm1b-33"))),
    must("max_residues", Rule::Integer(1022, 1022)),
    must("too_long", Rule::String(one_of!("error", "truncate"))),
    must("dtype", Rule::String(one_of!("float32", "float16", "bfloat16"))),
    must("accuracy", Rule::String(one_of!("exact", "fast"))),
];

static GOLDEN: [Field; 3] = [
    must("embedding", Rule::Array(1, 16, &ANY_NUMBER)),
    must("decision", Rule::Array(1, 1024, &ANY_NUMBER)),
    must("probability", Rule::Array(2, 1024, &UNIT)),
];

static SELF_TEST: [Field; 2] =
    [must("decision", Rule::Array(1, 1024, &BITS)), must("probability", Rule::Array(2, 1024, &BITS))];

static METRICS: [Field; 2] =
    [may("train", Rule::Map(forms::METRIC, &SCORE)), may("cross_validation", Rule::Object(&CROSS_VALIDATION))];

static CROSS_VALIDATION: [Field; 3] = [
    must("folds", Rule::Integer(2, 1_000_000)),
    must("stratified", Rule::Boolean),
    must("scores", Rule::Map(forms::METRIC, &CV_SCORE)),
];

static MEAN_STD: [Field; 2] = [must("mean", Rule::Nullable(&ANY_NUMBER)), must("std", Rule::Nullable(&ANY_NUMBER))];

static TRAINING: [Field; 8] = [
    may("date", Rule::String(forms::DATE)),
    may("dataset", Rule::String(forms::NAME256)),
    may("dataset_sha256", Rule::String(forms::HEX64)),
    may("rows", Rule::Integer(1, SAFE_MAX)),
    may("rows_by_class", Rule::Array(1, 1024, &ROW_COUNT)),
    may("assay_type", Rule::String(forms::NAME64)),
    may("fragment_type", Rule::String(forms::NAME64)),
    may("folded", Rule::Array(0, 2, &FOLD)),
];

/// The root of version 0.
pub(crate) static VERSION_0: [Field; 12] = [
    must("model_type", Rule::String(one_of!("LogisticRegression"))),
    must("sklearn_version", Rule::String(forms::ANY)),
    must("C", positive_number()),
    must("penalty", Rule::Nullable(&STRING)),
    must("solver", Rule::String(forms::ANY)),
    must("class_weight", Rule::Nullable(&CLASS_WEIGHT)),
    must("max_iter", Rule::Integer(-SAFE_MAX, SAFE_MAX)),
    must("random_state", Rule::Nullable(&INTEGER)),
    must("esm_model", Rule::String(forms::ANY)),
    must("esm_revision", Rule::Nullable(&STRING)),
    must("batch_size", Rule::Integer(-SAFE_MAX, SAFE_MAX)),
    may("device", Rule::String(forms::ANY)),
];

fn is_null(root: &Value, name: &str) -> bool {
    root.get(name).is_none_or(Value::is_null)
}

fn require(holds: bool, pointer: &str, message: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::new(Code::FieldValue, pointer, message)) }
}

fn l1_ratio(root: &Value, value: &Value) -> Result<(), Error> {
    let elasticnet = root.get("penalty").and_then(Value::as_str) == Some("elasticnet");
    let message = "found null, expected a number, because penalty is \"elasticnet\"";
    require(!(elasticnet && value.is_null()), "/l1_ratio", message)
}

fn decision(root: &Value, value: &Value) -> Result<(), Error> {
    match root.get("link").and_then(Value::as_str) {
        Some("softmax") => {
            require(value.is_null(), "/decision", "found an object, expected null, because link is \"softmax\"")
        }
        _ => require(!value.is_null(), "/decision", "found null, expected an object, because link is \"logistic\""),
    }
}

/// F6.
fn embedding(root: &Value, value: &Value) -> Result<(), Error> {
    if !value.is_null() {
        let message = "found null, expected a hub id, because embedding is not null";
        return require(!is_null(root, "esm_model"), "/esm_model", message);
    }
    for name in ["esm_model", "esm_revision", "batch_size", "device"] {
        let message = "found a value, expected null, because embedding is null";
        require(is_null(root, name), &format!("/{name}"), message)?;
    }
    Ok(())
}

fn golden(root: &Value, value: &Value) -> Result<(), Error> {
    let message = "found an array, expected null, because embedding is null";
    require(value.is_null() || !is_null(root, "embedding"), "/golden", message)
}

fn checkpoint(root: &Value, value: &Value) -> Result<(), Error> {
    let same = root.get("esm_model") == Some(value);
    require(same, "/embedding/checkpoint", "found another name than esm_model, expected the same")
}
