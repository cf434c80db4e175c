//! Every case of the conformance suite, `../conformance`, and of its gold: verdict, code, where, description, predictions by bits.
//!
//! Prints the count. A missing or empty suite is a failure.

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;

use plmhead::{Code, Cutoff, Error, Head, Label, Matrix, Scores};
use serde_json::{Value, json};

/// What a case differs in, or nothing.
type Verdict = Result<(), String>;

#[test]
fn every_case_of_the_suite() {
    run_suite("conformance");
}

/// What earlier writers wrote loads for ever.
#[test]
fn every_case_of_the_gold() {
    run_suite("conformance/gold");
}

fn run_suite(name: &str) {
    let suite = common::repository(name);
    let manifest = fs::read(suite.join("manifest.json")).expect("the manifest can be read");
    let manifest: Value = serde_json::from_slice(&manifest).expect("the manifest is JSON");
    let cases = manifest["cases"].as_array().expect("the manifest lists cases");
    assert!(!cases.is_empty(), "the manifest lists no case");
    let (mut failures, mut predictions) = (Vec::new(), 0);
    for entry in cases {
        match run(&suite, entry) {
            Ok(count) => predictions += count,
            Err(fault) => failures.push(format!("{}: {fault}", entry["id"])),
        }
    }
    // Not println!, whose output is shown only when a test fails.
    let _ = writeln!(
        std::io::stderr(),
        "{name}: {} cases, {predictions} predictions, {} failures",
        cases.len(),
        failures.len()
    );
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string in the suite")
}

/// Returns how many predictions were compared.
fn run(suite: &Path, entry: &Value) -> Result<usize, String> {
    let folder = suite.join(text(&entry["path"]));
    let read = |name: &str| -> Result<Vec<u8>, String> {
        let bytes = fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        compare(&format!("digest of {name}"), &json!(common::sha256(&bytes)), &entry["sha256"][name])?;
        Ok(bytes)
    };
    let case: Value = serde_json::from_slice(&read("case.json")?).map_err(|error| error.to_string())?;
    let padded = |file: &str, bytes: Vec<u8>| {
        let spaces = case["prepend"][file].as_u64().unwrap_or(0) as usize;
        [vec![b' '; spaces], bytes].concat()
    };
    let npz = padded("npz", read("model.npz")?);
    let config = padded("config", read("model_config.json")?);
    let result = Head::from_bytes(&npz, &config);
    match text(&case["kind"]) {
        "reject" => check_error(result.map(|_| "accepted"), &case).map(|()| 0),
        _ => check_accepted(&result.map_err(|error| error.to_string())?, &case, read),
    }
}

fn compare(what: &str, found: &Value, expected: &Value) -> Verdict {
    if found == expected {
        return Ok(());
    }
    let short = |value: &Value| value.to_string().chars().take(300).collect::<String>();
    Err(format!("{what}: found {}, expected {}", short(found), short(expected)))
}

/// A `where` of null is an offset, which is not compared.
fn check_error<T: std::fmt::Debug>(result: Result<T, Error>, expected: &Value) -> Verdict {
    let error = match result {
        Ok(value) => return Err(format!("found {value:?}, expected {}", expected["code"])),
        Err(error) => error,
    };
    compare(&error.to_string(), &json!(error.code().as_str()), &expected["code"])?;
    if expected["where"].is_null() {
        return Ok(());
    }
    compare("where", &json!(error.place()), &expected["where"])
}

fn check_accepted(head: &Head, case: &Value, read: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<usize, String> {
    compare("describe", &describe(head), &case["describe"])?;
    let predictions = case["predictions"].as_array().expect("an accept case has predictions");
    for (index, expected) in predictions.iter().enumerate() {
        check_prediction(head, expected, &read).map_err(|fault| format!("prediction {index}: {fault}"))?;
    }
    Ok(predictions.len())
}

fn describe(head: &Head) -> Value {
    let array =
        |shape: &[usize], values: &[f64]| json!({"shape": shape, "sha256": common::sha256(&common::le_f64(values))});
    let config = head.config();
    let assays: Vec<Value> = config.assay_thresholds.iter().map(|(name, t)| json!([name, bits(*t)])).collect();
    json!({
        "format_version": head.format_version(),
        "verified": head.verified(),
        "link": head.link().as_str(),
        "n_features_in": head.n_features_in(),
        "classes": head.classes().iter().map(label).collect::<Vec<_>>(),
        "n_iter": head.n_iter().iter().map(u64::to_string).collect::<Vec<_>>(),
        "coef": array(&[head.rows(), head.n_features_in()], &head.coef().collect::<Vec<_>>()),
        "intercept": array(&[head.rows()], head.intercept()),
        "threshold": config.threshold.map(bits),
        "assay_thresholds": config.threshold.map(|_| assays),
    })
}

fn bits(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

fn label(label: &Label) -> Value {
    match label {
        Label::Int(value) => json!({"t": "int", "v": value.to_string()}),
        Label::Float(value) => json!({"t": "float", "v": bits(*value)}),
        Label::Bool(value) => json!({"t": "bool", "v": value.to_string()}),
        Label::Str(value) => json!({"t": "str", "v": value}),
    }
}

fn check_prediction(head: &Head, expected: &Value, read: impl Fn(&str) -> Result<Vec<u8>, String>) -> Verdict {
    let result = predict(head, expected, &read(text(&expected["x"]["path"]))?);
    if !expected["error"].is_null() {
        return check_error(result, &expected["error"]);
    }
    let scores = result.map_err(|error| error.to_string())?;
    let list = |values: &[f64]| json!(values.iter().map(|value| bits(*value)).collect::<Vec<_>>());
    compare("decision", &list(&scores.decision), &expected["decision"])?;
    compare("probability", &list(&scores.probability), &expected["probability"])?;
    let labels: Vec<Value> = scores.labels.iter().map(|found| label(found)).collect();
    compare("labels", &json!(labels), &expected["labels"])
}

fn predict<'a>(head: &'a Head, request: &Value, bytes: &[u8]) -> Result<Scores<'a>, Error> {
    let x = &request["x"];
    let count = |name: &str| x[name].as_u64().expect("a count in the suite") as usize;
    let x = Matrix::from_raw(bytes, text(&x["dtype"]), (count("rows"), count("cols")), head.n_features_in())?;
    let threshold = request["threshold"]
        .as_str()
        .map(|digits| f64::from_bits(u64::from_str_radix(digits, 16).expect("a threshold of 16 hexadecimal digits")));
    head.score_matrix(&x, &Cutoff { threshold, assay_type: request["assay_type"].as_str() })
}

/// One fact in two places: the codes and remedies here and in the specification.
#[test]
fn codes_are_those_of_the_specification() {
    let registry = fs::read(common::repository("spec/v1/errors.json")).expect("spec/v1/errors.json can be read");
    let registry: Value = serde_json::from_slice(&registry).expect("the registry is JSON");
    let entries = registry["errors"].as_array().expect("the registry lists errors");
    let ours: Vec<&Value> = entries
        .iter()
        .filter(|entry| {
            !["sequence", "encoder", "writer", "data", "signing", "hub", "bundle", "service"]
                .contains(&text(&entry["phase"]))
        })
        .collect();
    let codes: Vec<&str> = ours.iter().map(|entry| text(&entry["code"])).collect();
    assert_eq!(Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>(), codes);
    for (code, entry) in Code::ALL.iter().zip(ours) {
        assert_eq!(code.remedy(), entry["remedy"].as_str(), "{code}");
        let summary = code.summary().trim_end_matches('.').replace('`', "").to_lowercase();
        assert_eq!(summary, text(&entry["summary"]).to_lowercase(), "{code}");
    }
}
