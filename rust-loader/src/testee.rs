//! `plmhead testee`: the conformance protocol, one JSON object a line on standard input and output.
//!
//! The protocol is described in `conformance/README.md`. It ends at `shutdown` or at the end of the input.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use plmhead::{Cutoff, Error, Head, Label, Link, Matrix, Pair, Value};
use sha2::{Digest, Sha256};

use crate::print::Json;

const MAX_LINE: usize = 60_000;

/// Answers requests until there are no more.
pub fn run(mut input: impl BufRead, mut output: impl Write) -> std::io::Result<()> {
    let mut testee = Testee::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let Some(answer) = testee.reply(&line) else {
            return Ok(());
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
}

/// The models that are loaded, by the names that the runner knows them by.
#[derive(Default)]
struct Testee {
    models: HashMap<String, Head>,
    loaded: u64,
}

/// Adds the members of an answer.
type Fill<'a> = Box<dyn FnOnce(&mut Json) + 'a>;

/// Why a request has no result.
enum Refusal {
    Error(Error),
    Request(&'static str),
}

const BAD_REQUEST: Refusal = Refusal::Request("P_BAD_REQUEST");

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Error(error)
    }
}

impl Testee {
    /// The answer to one line, or None after `shutdown`.
    fn reply(&mut self, line: &[u8]) -> Option<String> {
        let request = Value::parse(line).unwrap_or(Value::Null);
        let id = request.get("id").and_then(Value::as_i64).filter(|id| *id >= 0);
        if id.is_some() && request.get("op").and_then(Value::as_str) == Some("shutdown") {
            return None;
        }
        let result = if id.is_some() { self.result(&request) } else { Err(BAD_REQUEST) };
        let answer = answer(id, result);
        if answer.len() <= MAX_LINE {
            return Some(answer);
        }
        Some(Json::object(|json| {
            write_id(json, id);
            json.name("skip").plain(true);
            json.name("reason").str(&format!("the answer is longer than {MAX_LINE} bytes"));
        }))
    }

    /// The members of the answer after `id` and `ok`.
    fn result(&mut self, request: &Value) -> Result<Fill<'_>, Refusal> {
        match text(request, "op")? {
            "hello" if integer(request, "protocol")? == 1 => Ok(Box::new(hello)),
            "hello" => Err(BAD_REQUEST),
            "load" => {
                let name = self.load(request)?;
                Ok(Box::new(move |json| json.name("model").str(&name)))
            }
            "describe" => {
                let head = self.model(request)?;
                Ok(Box::new(|json| describe(json, head)))
            }
            "predict" => {
                let head = self.model(request)?;
                predict(head, request)
            }
            "unload" => {
                self.models.remove(text(request, "model")?).ok_or(BAD_REQUEST)?;
                Ok(Box::new(|_| {}))
            }
            _ => Err(Refusal::Request("P_UNKNOWN_OP")),
        }
    }

    fn load(&mut self, request: &Value) -> Result<String, Refusal> {
        let path = |name| text(request, name).map(PathBuf::from);
        let (npz, config) = Pair { npz: path("npz")?, config: path("config")? }.read()?;
        let head = Head::from_bytes(npz, &config)?;
        self.loaded += 1;
        let name = format!("m{}", self.loaded);
        self.models.insert(name.clone(), head);
        Ok(name)
    }

    fn model(&self, request: &Value) -> Result<&Head, Refusal> {
        self.models.get(text(request, "model")?).ok_or(BAD_REQUEST)
    }
}

fn answer(id: Option<i64>, result: Result<Fill<'_>, Refusal>) -> String {
    Json::object(|json| {
        write_id(json, id);
        json.name("ok").plain(result.is_ok());
        match result {
            Ok(fill) => fill(json),
            Err(refusal) => json.name("error").members(|json| write_refusal(json, &refusal)),
        }
    })
}

fn write_id(json: &mut Json, id: Option<i64>) {
    match id {
        Some(id) => json.name("id").plain(id),
        None => json.name("id").null(),
    }
}

fn text<'a>(request: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    request.get(name).and_then(Value::as_str).ok_or(BAD_REQUEST)
}

/// A string or null; not left out.
fn text_or_null<'a>(request: &'a Value, name: &str) -> Result<Option<&'a str>, Refusal> {
    if request.get(name).is_some_and(Value::is_null) { Ok(None) } else { text(request, name).map(Some) }
}

fn integer(request: &Value, name: &str) -> Result<i64, Refusal> {
    request.get(name).and_then(Value::as_i64).ok_or(BAD_REQUEST)
}

fn write_refusal(json: &mut Json, refusal: &Refusal) {
    match refusal {
        Refusal::Request(code) => json.name("code").str(code),
        Refusal::Error(error) => {
            json.name("code").str(error.code().as_str());
            json.name("where").str(error.place());
            json.name("message").str(error.message());
        }
    }
}

fn hello(json: &mut Json) {
    json.name("protocol").plain(1);
    json.name("testee").members(|json| {
        json.name("name").str("plmhead");
        json.name("version").str(env!("CARGO_PKG_VERSION"));
        json.name("language").str("rust");
    });
    json.name("format_versions").array(["0", "1.0"], Json::str);
    json.name("profiles").array(["strict"], Json::str);
}

fn describe(json: &mut Json, head: &Head) {
    json.name("format_version").str(head.format_version());
    json.name("verified").plain(head.verified());
    json.name("link").str(head.link().as_str());
    json.name("n_features_in").plain(head.n_features_in());
    json.name("classes").array(head.classes(), write_label);
    json.name("n_iter").array(head.n_iter(), |json, n| json.str(&n.to_string()));
    json.name("coef").members(|json| write_array(json, &[head.rows(), head.n_features_in()], head.coef()));
    json.name("intercept").members(|json| write_array(json, &[head.rows()], head.intercept().iter().copied()));
    match head.config().threshold {
        Some(threshold) => json.name("threshold").bits(threshold),
        None => json.name("threshold").null(),
    }
    json.name("assay_thresholds");
    match head.link() {
        Link::Softmax => json.null(),
        Link::Logistic => json.array(&head.config().assay_thresholds, |json, (name, threshold)| {
            let name = Json::value(|json| json.str(name));
            let threshold = Json::value(|json| json.bits(*threshold));
            json.plain(format_args!("[{name},{threshold}]"));
        }),
    }
}

fn write_label(json: &mut Json, label: &Label) {
    let (kind, value) = match label {
        Label::Int(value) => ("int", value.to_string()),
        Label::Float(value) => ("float", format!("{:016x}", value.to_bits())),
        Label::Bool(value) => ("bool", value.to_string()),
        Label::Str(value) => ("str", value.clone()),
    };
    json.members(|json| {
        json.name("t").str(kind);
        json.name("v").str(&value);
    });
}

/// Shape, and the digest of the values as little-endian binary64.
fn write_array(json: &mut Json, shape: &[usize], values: impl Iterator<Item = f64>) {
    json.name("shape").array(shape, Json::plain);
    let mut hash = Sha256::new();
    for value in values {
        hash.update(value.to_le_bytes());
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    json.name("sha256").str(&digest);
}

fn predict<'a>(head: &'a Head, request: &Value) -> Result<Fill<'a>, Refusal> {
    let threshold = text_or_null(request, "threshold")?.map(read_threshold).transpose()?;
    let assay_type = text_or_null(request, "assay_type")?;
    let x = read_rows(head, request.get("x").ok_or(BAD_REQUEST)?)?;
    let scores = head.score_matrix(&x, &Cutoff { threshold, assay_type })?;
    Ok(Box::new(move |json| {
        json.name("decision").array(scores.decision, Json::bits);
        json.name("probability").array(scores.probability, Json::bits);
        json.name("labels").array(scores.labels, write_label);
    }))
}

/// 16 hexadecimal digits in lower case.
fn read_threshold(digits: &str) -> Result<f64, Refusal> {
    if digits.len() != 16 || digits.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(BAD_REQUEST);
    }
    u64::from_str_radix(digits, 16).map(f64::from_bits).map_err(|_| BAD_REQUEST)
}

/// A raw file whose size is exactly that of its rows.
fn read_rows(head: &Head, x: &Value) -> Result<Matrix, Refusal> {
    let count = |name| usize::try_from(integer(x, name)?).map_err(|_| BAD_REQUEST);
    let (rows, columns) = (count("rows")?, count("cols")?);
    let (path, dtype) = (Path::new(text(x, "path")?), text(x, "dtype")?);
    let item = match dtype {
        "f4" => 4,
        "f8" => 8,
        _ => return Err(BAD_REQUEST),
    };
    let due = rows.checked_mul(columns).and_then(|count| count.checked_mul(item)).ok_or(BAD_REQUEST)?;
    // Before the file is read, and before a named pipe is opened.
    let metadata = std::fs::metadata(path).map_err(|_| BAD_REQUEST)?;
    if !metadata.is_file() || metadata.len() != due as u64 {
        return Err(BAD_REQUEST);
    }
    let bytes = std::fs::read(path).map_err(|_| BAD_REQUEST)?;
    if bytes.len() != due {
        return Err(BAD_REQUEST);
    }
    Ok(Matrix::from_raw(&bytes, dtype, (rows, columns), head.n_features_in())?)
}
