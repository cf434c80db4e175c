//! The library from outside: what a pair becomes, and the words of its errors.

mod common;

use common::{Model, npy, seal, three_classes, two_classes, zip};
use plmhead::{Code, Cutoff, Error, Head, Label, Link, LoadOptions, Matrix, Pair, Value};

fn load(pair: &(Vec<u8>, Vec<u8>)) -> Head {
    Head::from_bytes(&pair.0, &pair.1).expect("a valid pair")
}

/// The full text of the error, remedy included.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, text: &str) {
    assert_eq!(result.expect_err("an error is due").to_string(), text);
}

/// The error of a config with one piece of text replaced, sealed again.
#[track_caller]
fn refused_config(from: &str, to: &str, text: &str) {
    let model = two_classes();
    let (npz, _) = model.pair();
    let body = model.config(&npz);
    assert!(body.contains(from), "{from} is part of the config");
    refused(Head::from_bytes(&npz, &seal(&body.replacen(from, to, 1))), text);
}

/// The error of an NPZ with one member replaced, behind a fresh digest.
#[track_caller]
fn refused_member(name: &'static str, data: Vec<u8>, text: &str) {
    let model = two_classes();
    let mut members = model.members();
    members.iter_mut().filter(|(member, _)| *member == name).for_each(|(_, old)| *old = data.clone());
    refused_npz(&model, zip(&members), text);
}

#[track_caller]
fn refused_npz(model: &Model, npz: Vec<u8>, text: &str) {
    let config = seal(&model.config(&npz));
    refused(Head::from_bytes(&npz, &config), text);
}

#[track_caller]
fn refused_json(config: &str, text: &str) {
    refused(Head::from_bytes(&[], config.as_bytes()), text);
}

#[test]
fn a_head_may_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Head>();
    shared::<Error>();
}

#[test]
fn a_logistic_head() {
    let head = load(&two_classes().pair());
    assert!(head.verified());
    assert_eq!(head.format_version(), "1.0");
    assert_eq!(head.link(), Link::Logistic);
    assert_eq!((head.rows(), head.n_features_in(), head.n_iter()), (1, 11, &[12][..]));
    assert_eq!((head.coef().collect(), head.intercept()), (two_classes().coef, &[0.125][..]));
    assert_eq!(head.classes(), [Label::Int(0), Label::Int(1)]);
    assert_eq!(head.config().threshold, Some(0.5));
    assert_eq!(head.config().assay_thresholds, [("ELISA".to_string(), 0.5), ("PSR".to_string(), 0.5495)]);
    assert_eq!(head.config().get("max_iter").and_then(Value::as_i64), Some(1000));
    assert_eq!(head.npz_sha256(), common::sha256(&two_classes().pair().0));
}

#[test]
fn a_softmax_head() {
    let head = load(&three_classes().pair());
    assert_eq!((head.link(), head.rows(), head.classes().len()), (Link::Softmax, 3, 3));
    assert_eq!(head.config().threshold, None);
    assert_eq!(head.predict_proba(&[0.0f32; 10]).expect("finite rows").len(), 6);
}

#[test]
fn a_version_0_head() {
    let (npz, config) = two_classes().pair_v0();
    let head = load(&(npz.clone(), config.clone()));
    assert!(!head.verified());
    assert_eq!(head.format_version(), "0");
    assert_eq!(head.config().embedding_origin.as_deref(), Some("version-0"));
    let result = Head::from_bytes_with(&npz, &config, &LoadOptions::default().require_verified(true));
    refused(
        result,
        "NOT_VERIFIED (/format): found version 0, expected a version with digests and a self-test; plmhead upgrade",
    );
}

#[test]
fn the_published_version_0_pair() {
    let Some(artifact) = common::published_v0() else { return };
    let head = Head::load(&artifact).expect("the published pair");
    assert_eq!(head.classes(), [Label::Float(0.0), Label::Float(1.0)]);
    assert_eq!((head.n_features_in(), head.n_iter(), head.verified()), (1280, &[70][..], false));
    let z = head.decision_function(&[0.0; 1280]).expect("a finite row");
    assert_eq!(z, head.intercept());
}

#[test]
fn an_artifact_is_named_in_three_ways() {
    for name in ["dir/a.b", "dir/a.b.npz", "dir/a.b_config.json"] {
        let pair = Pair::of(name);
        assert_eq!(pair.npz.to_str(), Some("dir/a.b.npz"));
        assert_eq!(pair.config.to_str(), Some("dir/a.b_config.json"));
        assert_eq!(pair.name(), "a.b");
    }
}

#[test]
fn files_that_cannot_be_read() {
    let error = Head::load("no-such-folder/model").expect_err("no such file");
    assert_eq!((error.code(), error.place()), (Code::FileUnreadable, "config"));
    assert!(error.message().contains("no-such-folder/model_config.json"), "{error}");
}

#[test]
fn files_that_are_too_large() {
    let message = "FILE_SIZE (config): found more than 1048576 bytes, expected at most that many";
    refused(Head::from_bytes(&[], &vec![b' '; 1_048_577]), message);
    let message = "FILE_SIZE (npz): found more than 150994944 bytes, expected at most that many";
    refused(Head::from_bytes(vec![0; 150_994_945], b"{"), message);
}

#[test]
fn text_that_is_no_json() {
    refused_json("", "JSON_SYNTAX (config@0): found the end of the text, expected a value");
    refused_json("{\"a\": tru}", "JSON_SYNTAX (config@9): found '}', expected true");
    refused_json("[1,]", "JSON_SYNTAX (config@3): found ']', expected a value");
    refused_json("[-01]", "JSON_SYNTAX (config@1): found -01, expected a number as JSON writes it");
    refused_json("[-0]", "JSON_NUMBER (config@1): found -0, expected 0 or -0.0");
    refused_json("1e999", "JSON_NUMBER (config@0): found 1e999, expected a number that binary64 can hold");
    refused_json(
        "9007199254740992",
        "JSON_NUMBER (config@0): found 9007199254740992, expected an integer within ±9007199254740991",
    );
    refused_json(
        "[\"\\uDC00\"]",
        "JSON_SURROGATE (config@2): found \\udc00 alone, expected a high and a low surrogate together",
    );
    refused_json(
        "{\"a\": 1, \"\\u0061\": 2}",
        "JSON_DUPLICATE_NAME (config@9): found a second member \"a\", expected distinct names",
    );
    refused_json(&"[".repeat(17), "JSON_LIMIT (config@16): found nesting of depth 17, expected at most 16");
    refused_json(
        "\u{feff}{}",
        "JSON_ENCODING (config@0): found a byte order mark, expected UTF-8 without a byte order mark; \
         save the config as UTF-8 without BOM",
    );
}

#[test]
fn escapes_and_numbers_are_read() {
    let value = Value::parse(br#"["\ud83d\ude00\n\/", -1, 1.0, 1e-400, -0.0]"#).expect("JSON");
    let expected = [
        Value::String("\u{1f600}\n/".into()),
        Value::Integer(-1),
        Value::Float(1.0),
        Value::Float(0.0),
        Value::Float(-0.0),
    ];
    assert_eq!(value.as_array(), Some(&expected[..]));
}

#[test]
fn versions() {
    refused_config(
        "\"format\": \"plmhead\", ",
        "",
        "FORMAT_MISSING (/format): found a member \"format_version\" but no \"format\", expected \"format\": \"plmhead\"; \
         fetch both files again; if you edited the config, run: plmhead amend",
    );
    refused_config(
        "\"format_version\": \"1.0\"",
        "\"format_version\": \"2.0\"",
        "VERSION_UNSUPPORTED (/format_version): found major version 2, expected 1; update plmhead",
    );
    refused_config(
        "\"min_reader\": \"1.0\"",
        "\"min_reader\": \"1.1\"",
        "VERSION_UNSUPPORTED (/min_reader): found 1.1, expected at most 1.0; update plmhead",
    );
    refused_config(
        "\"min_reader\": \"1.0\"",
        "\"min_reader\": \"1.00\"",
        "FIELD_VALUE (/min_reader): found \"1.00\", expected a version such as \"1.0\"",
    );
}

#[test]
fn the_seal() {
    let (npz, mut config) = two_classes().pair();
    config.push(b'\n');
    refused(
        Head::from_bytes(&npz, &config),
        "CONFIG_SEAL (/config_sha256): found another ending, expected config_sha256 as the last member and the 86 bytes \
         of the seal; fetch both files again; if you edited the config, run: plmhead amend",
    );
    // The last 86 bytes are those of a seal, and the last member has another name.
    let body =
        "{\"format\": \"plmhead\", \"format_version\": \"1.0\", \"min_reader\": \"1.0\", \"config_sha256\": \"\", \"\\";
    let error = Head::from_bytes(&npz, &seal(body)).expect_err("no seal");
    assert_eq!((error.code(), error.place()), (Code::ConfigSeal, "/config_sha256"));
}

#[test]
fn fields() {
    refused_config("\"C\": 1.0, ", "", "FIELD_MISSING (/C): found no member \"C\", expected one");
    refused_config("\"C\": 1.0", "\"C\": true", "FIELD_TYPE (/C): found a boolean, expected a number");
    refused_config("\"C\": 1.0", "\"C\": 0", "FIELD_VALUE (/C): found 0.0, expected a number > 0");
    refused_config(
        "\"max_iter\": 1000",
        "\"max_iter\": 1000.0",
        "FIELD_TYPE (/max_iter): found a number that is no integer, expected an integer",
    );
    refused_config(
        "\"penalty\": \"l2\"",
        "\"penalty\": \"L2\"",
        "FIELD_VALUE (/penalty): found \"L2\", expected one of: l1 l2 elasticnet",
    );
    refused_config(
        "\"PSR\": 0.5495",
        "\"a/b~\": 2",
        "FIELD_VALUE (/decision/assay_thresholds/a~1b~0): found 2.0, expected 0 to 1",
    );
    refused_config(
        "\"golden\": null",
        "\"golden\": null, \"scaler\": {}",
        "FIELD_UNKNOWN (/scaler): found a member \"scaler\", expected only members of the format; \
         move it under extensions, or correct its name",
    );
    refused_config(
        "\"decision\": {",
        "\"decision\": null, \"extensions\": {",
        "FIELD_VALUE (/decision): found null, expected an object, because link is \"logistic\"",
    );
}

#[test]
fn a_newer_minor_may_add_members() {
    let model = two_classes();
    let (npz, _) = model.pair();
    let body = model.config_of("1.1", &npz).replacen("\"C\"", "\"new\": {}, \"C\"", 1);
    assert_eq!(Head::from_bytes(&npz, &seal(&body)).expect("a newer minor").format_version(), "1.1");
}

#[test]
fn agreement_with_the_arrays() {
    refused_config(
        "\"class_weight\": null",
        "\"class_weight\": {\"1\": 2, \"0\": 1}",
        "FIELD_MISMATCH (/class_weight/0): found \"0\", expected names of classes in class order",
    );
    refused_config(
        "\"golden\": null",
        "\"golden\": null, \"training\": {\"rows_by_class\": [1]}",
        "FIELD_MISMATCH (/training/rows_by_class): found 1 values, expected 2",
    );
}

#[test]
fn containers() {
    let model = two_classes();
    refused_npz(
        &model,
        b"PK".to_vec(),
        "ZIP_END (npz): found fewer bytes than an end record has, expected a plain end record in the last 22 bytes, \
         right after the directory",
    );
    let mut members = model.members();
    members.pop();
    refused_npz(&model, zip(&members), "ZIP_MISSING (n_iter.npy): found no such member, expected all five");
    let mut npz = zip(&model.members());
    npz[30 + 8 + 128] ^= 1;
    let error = Head::from_bytes(&npz, &seal(&model.config(&npz))).expect_err("a wrong CRC-32");
    assert_eq!((error.code(), error.place()), (Code::ZipCrc, "coef.npy"));
    let (_, config) = model.pair();
    let error = Head::from_bytes(&npz, &config).expect_err("a wrong digest");
    assert_eq!((error.code(), error.place()), (Code::NpzDigest, "/npz_sha256"));
}

#[test]
fn arrays() {
    let fortran = common::npy_of("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 1), }", &[]);
    refused_member(
        "coef.npy",
        fortran,
        "NPY_ORDER (coef.npy): found Fortran order, expected C order; write it with numpy.ascontiguousarray",
    );
    let eleven = common::le_f64(&two_classes().coef);
    refused_member(
        "coef.npy",
        npy(">f8", "(1, 11)", &eleven),
        "NPY_DTYPE (coef.npy): found dtype \">f8\", expected <f8 or <f4",
    );
    refused_member(
        "coef.npy",
        npy("<f8", "(11,)", &eleven),
        "ARRAY_SHAPE (coef.npy): found shape (11,), expected two dimensions",
    );
    refused_member(
        "coef.npy",
        npy("<f8", "(1, 12)", &eleven),
        "NPY_LENGTH (coef.npy): found 88 bytes of data, expected 96",
    );
    refused_member(
        "n_iter.npy",
        npy("<i8", "(1,)", &common::le_i64(&[-1])),
        "ARRAY_VALUE (n_iter.npy): found -1, expected 0 or more iterations",
    );
    refused_member(
        "intercept.npy",
        npy("<f8", "(1,)", &common::le_f64(&[f64::NAN])),
        "ARRAY_NONFINITE (intercept.npy): found NaN at index 0, expected finite values",
    );
    refused_member(
        "classes.npy",
        npy("<i8", "(2,)", &common::le_i64(&[7, 7])),
        "LABEL_DUPLICATE (classes.npy): found the label \"7\" twice, expected distinct labels",
    );
    refused_member(
        "classes.npy",
        npy("|b1", "(2,)", &[0, 2]),
        "LABEL_VALUE (classes.npy): found the label byte 2, expected byte 0 or 1",
    );
    refused_member(
        "coef.npy",
        npy("<f8", "(1, 11)", &common::le_f64(&[1.0; 11])),
        &format!("SELF_TEST (/self_test/0/decision): {}", self_test_message()),
    );
}

fn self_test_message() -> String {
    let changed = Model { coef: vec![1.0; 11], ..two_classes() };
    let npz_sha256 = common::sha256(&zip(&changed.members()));
    let binding = changed.binding("1.0", &npz_sha256);
    let z = |model: &Model| model.decisions(&common::self_test_input(11, 0, &binding))[0].to_bits();
    let remedy = "fetch both files again; if you edited the config, run: plmhead amend";
    format!("found bits {:016x}, expected {:016x}, finite; {remedy}", z(&changed), z(&two_classes()))
}

#[test]
fn labels_of_every_kind() {
    let text: Vec<u8> = "no\0\0yes\0".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let kinds = [
        (npy("<f8", "(2,)", &common::le_f64(&[-1.0, 1.0])), [Label::Float(-1.0), Label::Float(1.0)], ["-1", "1"]),
        (npy("|b1", "(2,)", &[0, 1]), [Label::Bool(false), Label::Bool(true)], ["false", "true"]),
        (npy("<U4", "(2,)", &text), [Label::Str("no".into()), Label::Str("yes".into())], ["no", "yes"]),
    ];
    for (data, labels, keys) in kinds {
        let model = two_classes();
        let mut members = model.members();
        members[2].1 = data;
        let npz = zip(&members);
        let head = load(&(npz.clone(), seal(&model.config(&npz))));
        assert_eq!(head.classes(), labels);
        assert_eq!(head.classes().iter().map(Label::key).collect::<Vec<_>>(), keys);
    }
}

#[test]
fn inputs() {
    let head = load(&two_classes().pair());
    let mut x = [1.0; 22];
    refused(head.predict(&x[1..]), "INPUT_SHAPE (X): found shape with 21 values, expected (rows, 11)");
    x[13] = f64::NEG_INFINITY;
    refused(head.predict(&x), "INPUT_NONFINITE (/1/2): found -inf, expected a finite value");
    let steep = load(&Model { coef: vec![1e10], intercept: vec![0.0] }.pair());
    refused(steep.predict(&[1.0, 1e300]), "DECISION_NONFINITE (/1): found a decision of inf, expected a finite one");
    refused(
        head.score_into(&[0.0; 11], &mut [0.0], &mut [0.0]),
        "INPUT_SHAPE (probability): found a buffer of 1 values, expected 2",
    );
    refused(head.score_into(&x, &mut [0.0], &mut [0.0]), "INPUT_NONFINITE (/1/2): found -inf, expected a finite value");
    assert_eq!(head.decision_function::<f32>(&[]), Ok(vec![]));
    assert_eq!(head.predict::<f64>(&[]), Ok(vec![]));
}

#[test]
fn thresholds() {
    let head = load(&two_classes().pair());
    let x = [0.0f32; 11];
    let with = |threshold, assay_type| head.predict_with(&x, &Cutoff { threshold, assay_type });
    refused(with(Some(1.5), None), "THRESHOLD (threshold): found 1.5, expected 0 to 1");
    refused(with(Some(f64::NAN), Some("ELISA")), "THRESHOLD (threshold): found NaN, expected 0 to 1");
    refused(with(None, Some("SPR")), "ASSAY_TYPE (assay_type): found \"SPR\", expected \"ELISA\" or \"PSR\"");
    // z = 0.125 and p1 = 0.531: class 1 by z > 0, class 0 by 0.5495.
    assert_eq!(head.predict(&x), Ok(vec![&Label::Int(1)]));
    assert_eq!(with(None, Some("PSR")), Ok(vec![&Label::Int(0)]));
    assert_eq!(with(Some(0.9), Some("ELISA")), Ok(vec![&Label::Int(1)]));
    assert_eq!(with(Some(0.9), None), Ok(vec![&Label::Int(0)]));
    let softmax = load(&three_classes().pair());
    let cutoff = Cutoff { threshold: Some(0.5), assay_type: None };
    refused(
        softmax.predict_with(&[0.0; 5], &cutoff),
        "THRESHOLD (threshold): found 0.5, expected none, because the link is softmax",
    );
    let cutoff = Cutoff { threshold: None, assay_type: Some("ELISA") };
    refused(softmax.predict_with(&[0.0; 5], &cutoff), "ASSAY_TYPE (assay_type): found \"ELISA\", expected none");
}

#[test]
fn matrices_from_npy() {
    let data: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(Matrix::from_npy(&npy("<f4", "(2, 2)", &data), 2), Ok(Matrix::F32(vec![1.0, 2.0, 3.0, 4.0])));
    assert_eq!(Matrix::from_npy(&npy("<f8", "(0, 2)", &[]), 2), Ok(Matrix::F64(vec![])));
    refused(
        Matrix::from_npy(&npy("<i8", "(0, 2)", &[]), 2),
        "INPUT_DTYPE (X): found dtype \"<i8\", expected <f4 or <f8",
    );
    refused(Matrix::from_npy(&npy("<f4", "(4,)", &data), 2), "INPUT_SHAPE (X): found shape (4,), expected (rows, 2)");
    refused(
        Matrix::from_npy(&npy("<f4", "(2, 2)", &data), 3),
        "INPUT_SHAPE (X): found shape (2, 2), expected (rows, 3)",
    );
    refused(Matrix::from_npy(&npy("<f4", "(3, 2)", &data), 2), "NPY_LENGTH (X): found 16 bytes of data, expected 24");
    refused(
        Matrix::from_npy(b"PK", 2),
        "NPY_PREAMBLE (X): found other bytes, expected an NPY 1.0 preamble of 128 bytes",
    );
}
