//! The command `plmhead` as a program: what it prints, where, and its exit code.

#![cfg(feature = "cli")]

mod common;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use common::{Model, npy, three_classes, two_classes};
use serde_json::{Value, json};

/// A folder of this test's own, with `model.npz` and `model_config.json` in it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str, pair: (Vec<u8>, Vec<u8>)) -> Folder {
        let folder = Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test));
        fs::create_dir_all(&folder.0).expect("a temporary folder");
        folder.put("model.npz", &pair.0);
        folder.put("model_config.json", &pair.1);
        folder
    }

    fn put(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a temporary file");
        path
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path of plain characters").to_string()
    }
}

fn plmhead(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plmhead")).args(arguments).output().expect("the program runs")
}

/// Standard output of a run that must succeed.
#[track_caller]
fn prints(arguments: &[&str]) -> String {
    let output = plmhead(arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Standard error of a run that must fail.
#[track_caller]
fn complains(arguments: &[&str], code: i32) -> String {
    let output = plmhead(arguments);
    assert_eq!(output.status.code(), Some(code));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn inspect_of_a_logistic_head() {
    let folder = Folder::new("inspect", two_classes().pair());
    let expected = [
        r#"{"name":"model","format_version":"1.0","verified":true,"model_type":"LogisticRegression","link":"logistic","#,
        r#""n_features_in":11,"classes":[0,1],"n_iter":[12],"threshold":0.5,"assay_thresholds":{"ELISA":0.5,"PSR":0.5495},"#,
        r#""sklearn_version":"1.7.2","C":1.0,"penalty":"l2","solver":"lbfgs","esm_model":null,"esm_revision":null,"#,
        &format!(r#""embedding_origin":null,"npz_sha256":"{}","#, common::sha256(&two_classes().pair().0)),
        "\"warnings\":[]}\n",
    ]
    .concat();
    for artifact in ["model", "model.npz", "model_config.json"] {
        assert_eq!(prints(&["inspect", &folder.path(artifact), "--json"]), expected);
    }
    let lines = prints(&["inspect", &folder.path("model")]);
    assert!(lines.starts_with("name              model\nformat_version    1.0\nverified          true\n"), "{lines}");
}

#[test]
fn inspect_of_a_softmax_head() {
    let folder = Folder::new("inspect-softmax", three_classes().pair());
    let found: Value = serde_json::from_str(&prints(&["inspect", "--json", &folder.path("model")])).expect("JSON");
    assert_eq!((&found["threshold"], &found["assay_thresholds"]), (&Value::Null, &Value::Null));
}

#[test]
fn inspect_of_the_published_version_0_pair_warns() {
    let Some(artifact) = common::published_v0() else { return };
    let artifact = artifact.to_str().expect("a path of plain characters");
    let found: Value = serde_json::from_str(&prints(&["inspect", artifact, "--json"])).expect("JSON");
    assert_eq!(found["classes"].to_string(), "[0.0,1.0]");
    assert!(found["warnings"][0].as_str().is_some_and(|warning| {
        warning.starts_with("version 0: no digests and no self-test; trained with the field's pooling, which")
    }));
}

#[test]
fn verify() {
    let folder = Folder::new("verify", two_classes().pair_v0());
    let model = folder.path("model");
    assert_eq!(
        prints(&["verify", &model, "--json"]),
        "{\"name\":\"model\",\"ok\":true,\"format_version\":\"0\",\"verified\":false}\n"
    );
    assert_eq!(
        prints(&["verify", &model]),
        "name            model\nok              true\nformat_version  0\nverified        false\n"
    );
    let output = plmhead(&["verify", "--json", "--require-verified", &model]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "{\"name\":\"model\",\"ok\":false,\"code\":\"NOT_VERIFIED\",\"where\":\"/format\",\
         \"message\":\"found version 0, expected a version with digests and a self-test\"}\n"
    );
    assert_eq!(
        complains(&["verify", "--require-verified", &model], 1),
        "plmhead: NOT_VERIFIED (/format): found version 0, expected a version with digests and a self-test; plmhead upgrade\n"
    );
}

#[test]
fn score_of_a_logistic_head() {
    let model = Model { coef: vec![1.0, -1.0], intercept: vec![0.0] };
    let folder = Folder::new("score", model.pair());
    let x = folder.put("x.npy", &npy("<f8", "(2, 2)", &common::le_f64(&[1.0, 1.0, 3.0, 1.0])));
    let p1 = common::logistic(2.0)[1];
    let expected = format!(
        "{{\"row\":0,\"label\":0,\"decision\":0.0,\"probability\":0.5,\"decision_bits\":\"0000000000000000\",\
         \"probability_bits\":\"3fe0000000000000\"}}\n\
         {{\"row\":1,\"label\":1,\"decision\":2.0,\"probability\":{p1:?},\"decision_bits\":\"4000000000000000\",\
         \"probability_bits\":\"{:016x}\"}}\n",
        p1.to_bits()
    );
    assert_eq!(prints(&["score", &folder.path("model"), &x]), expected);
    let out = folder.path("out.jsonl");
    assert_eq!(prints(&["score", &folder.path("model"), &x, "--out", &out]), "");
    assert_eq!(fs::read_to_string(&out).expect("the output"), expected);
    let low = prints(&["score", &folder.path("model"), &x, "--threshold", "0.4"]);
    assert!(low.starts_with("{\"row\":0,\"label\":1,"), "{low}");
    let assay = prints(&["score", &folder.path("model"), &x, "--threshold=0.4", "--assay-type", "ELISA"]);
    assert!(assay.starts_with("{\"row\":0,\"label\":0,"), "{assay}");
}

#[test]
fn score_of_a_softmax_head() {
    let folder = Folder::new("score-softmax", three_classes().pair());
    let x = folder.put("x.npy", &npy("<f8", "(1, 5)", &common::le_f64(&[0.0; 5])));
    let found: Value = serde_json::from_str(&prints(&["score", &folder.path("model"), &x])).expect("JSON");
    assert_eq!(found["decision"], json!([0.1, -0.2, 0.0]));
    assert_eq!(found["decision_bits"][1], "bfc999999999999a");
    assert_eq!(found["label"], 0);
}

#[test]
fn score_refuses() {
    let folder = Folder::new("score-refuses", two_classes().pair());
    let (model, x) = (folder.path("model"), folder.put("x.npy", &npy("<f4", "(0, 3)", &[])));
    assert_eq!(
        complains(&["score", &model, &x], 1),
        "plmhead: INPUT_SHAPE (X): found shape (0, 3), expected (rows, 11)\n"
    );
    let missing = complains(&["score", &model, &folder.path("none.npy")], 1);
    assert!(missing.starts_with("plmhead: FILE_UNREADABLE (X): found"), "{missing}");
    let x = folder.put("y.npy", &npy("<f4", "(0, 11)", &[]));
    assert_eq!(prints(&["score", &model, &x]), "");
    let threshold = complains(&["score", &model, &x, "--threshold", "2"], 1);
    assert_eq!(threshold, "plmhead: THRESHOLD (threshold): found 2.0, expected 0 to 1\n");
    let out = complains(&["score", &model, &x, "--out", &folder.path("no/such/folder")], 1);
    assert!(out.starts_with("plmhead: OUTPUT: "), "{out}");
}

#[test]
fn wrong_command_lines() {
    let wrong: [&[&str]; 9] = [
        &[],
        &["frobnicate"],
        &["inspect"],
        &["inspect", "a", "b"],
        &["inspect", "a", "--out", "b"],
        &["verify", "a", "--frobnicate"],
        &["score", "a"],
        &["score", "a", "b", "--threshold", "high"],
        &["score", "a", "b", "--threshold"],
    ];
    for arguments in wrong {
        let text = complains(arguments, 2);
        assert!(text.contains("usage: plmhead inspect ARTIFACT"), "{arguments:?}: {text}");
    }
    assert!(prints(&["--help"]).starts_with("usage: "));
    assert_eq!(prints(&["--version"]), concat!("plmhead ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
#[cfg(unix)]
fn a_closed_pipe_is_not_a_panic() {
    let model = Model { coef: vec![1.0], intercept: vec![0.0] };
    let folder = Folder::new("pipe", model.pair());
    let x = folder.put("x.npy", &npy("<f8", "(20000, 1)", &common::le_f64(&[1.0; 20_000])));
    let mut child = Command::new(env!("CARGO_BIN_EXE_plmhead"))
        .args(["score", &folder.path("model"), &x])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// The answers of the testee to these requests.
fn testee(requests: &[String]) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plmhead"))
        .arg("testee")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all((requests.join("\n") + "\n").as_bytes()).expect("the program reads");
    drop(input);
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_testee_answers() {
    let model = Model { coef: vec![1.0, -1.0], intercept: vec![0.0] };
    let folder = Folder::new("testee", model.pair());
    let x = folder.put("x.bin", &common::le_f64(&[1.0, 1.0]));
    let rows = json!({"path": x, "dtype": "f8", "rows": 1, "cols": 2});
    let answers = testee(&[
        r#"{"id":0,"op":"hello","protocol":1}"#.to_string(),
        json!({"id": 1, "op": "load", "npz": folder.path("model.npz"), "config": folder.path("model_config.json")})
            .to_string(),
        json!({"id": 2, "op": "predict", "model": "m1", "x": rows, "threshold": null, "assay_type": null}).to_string(),
        json!({"id": 3, "op": "predict", "model": "m1", "x": rows, "threshold": "4000000000000000", "assay_type": null})
            .to_string(),
        r#"{"id":4,"op":"describe","model":"m1"}"#.to_string(),
        r#"{"id":5,"op":"unload","model":"m1"}"#.to_string(),
        r#"{"id":6,"op":"describe","model":"m1"}"#.to_string(),
        r#"{"id":7,"op":"dance"}"#.to_string(),
        "garbage".to_string(),
        json!({"id": 9, "op": "load", "npz": folder.path("no.npz"), "config": folder.path("model_config.json")})
            .to_string(),
        r#"{"id":10,"op":"shutdown"}"#.to_string(),
        r#"{"id":11,"op":"hello","protocol":1}"#.to_string(),
    ]);
    assert_eq!(answers.len(), 10);
    assert_eq!(answers[0]["testee"]["language"], "rust");
    assert_eq!(answers[1], json!({"id": 1, "ok": true, "model": "m1"}));
    let half = "3fe0000000000000";
    assert_eq!(
        answers[2],
        json!({"id": 2, "ok": true, "decision": ["0000000000000000"], "probability": [half, half],
               "labels": [{"t": "int", "v": "0"}]})
    );
    assert_eq!(
        answers[3]["error"],
        json!({"code": "THRESHOLD", "where": "threshold", "message": "found 2.0, expected 0 to 1"})
    );
    assert_eq!(
        answers[4]["assay_thresholds"],
        json!([["ELISA", half], ["PSR", format!("{:016x}", 0.5495f64.to_bits())]])
    );
    assert_eq!(answers[4]["coef"]["sha256"], common::sha256(&common::le_f64(&[1.0, -1.0])));
    assert_eq!(answers[5], json!({"id": 5, "ok": true}));
    assert_eq!(answers[6], json!({"id": 6, "ok": false, "error": {"code": "P_BAD_REQUEST"}}));
    assert_eq!(answers[7], json!({"id": 7, "ok": false, "error": {"code": "P_UNKNOWN_OP"}}));
    assert_eq!(answers[8], json!({"id": null, "ok": false, "error": {"code": "P_BAD_REQUEST"}}));
    assert_eq!((&answers[9]["id"], &answers[9]["error"]["code"]), (&json!(9), &json!("FILE_UNREADABLE")));
}
