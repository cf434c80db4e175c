//! The commands `inspect`, `verify`, `score` and `testee`, as `docs/command-line.md` describes them.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use lexopt::{Arg, ValueExt};
use plmhead::{Cutoff, Error, Head, Label, Link, LoadOptions, Matrix, Pair, Scores, Value};

use crate::print::{Json, is_hidden};
use crate::testee;

#[cfg(feature = "encode")]
use crate::predict::{self, Predict};
#[cfg(feature = "serve")]
use crate::serve;

#[cfg(feature = "encode")]
macro_rules! encode_usage {
    (commands) => {
        "       plmhead predict BUNDLE SEQUENCES [--format jsonl|csv] [--on-error stop|skip|report] [--batch-size N]
                       [--threshold T] [--assay-type NAME] [--sequence-column NAME]
"
    };
    (words) => {
        " BUNDLE is the folder that `plmhead bundle` in Python made.
SEQUENCES is a .fasta, .fa, .faa or .csv file, or - for FASTA on standard input."
    };
}

#[cfg(not(feature = "encode"))]
macro_rules! encode_usage {
    ($part:ident) => {
        ""
    };
}

#[cfg(feature = "serve")]
macro_rules! serve_usage {
    () => {
        "       plmhead serve BUNDLE [--listen ADDRESS:PORT] [options, see plmhead serve --help]\n"
    };
}

#[cfg(not(feature = "serve"))]
macro_rules! serve_usage {
    () => {
        ""
    };
}

pub const USAGE: &str = concat!(
    "\
usage: plmhead inspect ARTIFACT [--json]
       plmhead verify ARTIFACT [--require-verified] [--json]
       plmhead score ARTIFACT X.npy [--threshold T] [--assay-type NAME] [--out FILE] [--json]
",
    encode_usage!(commands),
    serve_usage!(),
    "       plmhead testee
       plmhead --help | --version
ARTIFACT is PATH/NAME, PATH/NAME.npz or PATH/NAME_config.json.",
    encode_usage!(words)
);

const VERSION_0_WARNING: &str = "version 0: no digests and no self-test; trained with the field's pooling, which counts \
the end token of every sequence shorter than its batch's longest";
const UPGRADED_WARNING: &str = "upgraded from version 0: trained with the field's pooling, which counts the end token of \
every sequence shorter than its batch's longest";

/// A command line that was understood.
pub enum Command {
    Help,
    Version,
    Inspect {
        artifact: PathBuf,
        json: bool,
    },
    Verify {
        artifact: PathBuf,
        require_verified: bool,
        json: bool,
    },
    Score {
        artifact: PathBuf,
        x: PathBuf,
        threshold: Option<f64>,
        assay_type: Option<String>,
        out: Option<PathBuf>,
    },
    Testee,
    #[cfg(feature = "encode")]
    Predict(Predict),
    #[cfg(feature = "serve")]
    Serve(Box<serve::Options>),
    #[cfg(feature = "serve")]
    ServeHelp,
}

/// Why a command ended with exit code 1.
pub enum Failure {
    /// The artifact or the input was refused.
    Refused(Error),
    /// The same, and the output says so already.
    Reported,
    /// The output cannot be written.
    Output(io::Error),
    /// The bundle, the table or a sequence was refused.
    #[cfg(feature = "encode")]
    Encode(plmhead::encode::EncodeError),
    /// The service cannot start, or has ended with requests unanswered.
    #[cfg(feature = "serve")]
    Service(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Refused(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(error) => write!(f, "{error}"),
            Failure::Reported => Ok(()),
            #[cfg(feature = "encode")]
            Failure::Encode(error) => write!(f, "{error}"),
            #[cfg(feature = "serve")]
            Failure::Service(message) => write!(f, "SERVICE: {message}"),
            Failure::Output(error) => write!(f, "OUTPUT: cannot write the output: {error}"),
        }
    }
}

/// What the options may be, before it is known that the command takes them.
#[derive(Default)]
struct Options {
    values: Vec<std::ffi::OsString>,
    json: bool,
    require_verified: bool,
    threshold: Option<f64>,
    assay_type: Option<String>,
    out: Option<PathBuf>,
    #[cfg(feature = "encode")]
    predict: predict::Options,
}

/// Reads a command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let command = match parser.next()? {
        Some(Arg::Long("help") | Arg::Short('h')) => return Ok(Command::Help),
        Some(Arg::Long("version")) => return Ok(Command::Version),
        Some(Arg::Value(command)) => command.string()?,
        Some(other) => return Err(other.unexpected()),
        None => return Err("a command is missing".into()),
    };
    #[cfg(feature = "serve")]
    if command == "serve" {
        let options = serve::parse(&mut parser)?;
        return Ok(options.map_or(Command::ServeHelp, |options| Command::Serve(Box::new(options))));
    }
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match (argument, command.as_str()) {
            (Arg::Long("help") | Arg::Short('h'), _) => return Ok(Command::Help),
            (Arg::Long("json"), "inspect" | "verify" | "score") => options.json = true,
            (Arg::Long("require-verified"), "verify") => options.require_verified = true,
            (Arg::Long("threshold"), "score" | "predict") => options.threshold = Some(parser.value()?.parse()?),
            (Arg::Long("assay-type"), "score" | "predict") => options.assay_type = Some(parser.value()?.string()?),
            (Arg::Long("out"), "score") => options.out = Some(parser.value()?.into()),
            #[cfg(feature = "encode")]
            (Arg::Long("format"), "predict") => options.predict.shape = parser.value()?.parse()?,
            #[cfg(feature = "encode")]
            (Arg::Long("on-error"), "predict") => options.predict.on_error = parser.value()?.parse()?,
            #[cfg(feature = "encode")]
            (Arg::Long("batch-size"), "predict") => options.predict.batch_size = parser.value()?.parse()?,
            #[cfg(feature = "encode")]
            (Arg::Long("sequence-column"), "predict") => options.predict.column = parser.value()?.string()?,
            (Arg::Value(value), _) => options.values.push(value),
            (other, _) => return Err(other.unexpected()),
        }
    }
    command_of(&command, options)
}

fn command_of(command: &str, options: Options) -> Result<Command, lexopt::Error> {
    #[cfg(feature = "encode")]
    let predict = options.predict;
    let Options { values, json, require_verified, threshold, assay_type, out, .. } = options;
    let mut values = values.into_iter().map(PathBuf::from);
    match (command, values.next(), values.next(), values.next()) {
        ("inspect", Some(artifact), None, _) => Ok(Command::Inspect { artifact, json }),
        ("verify", Some(artifact), None, _) => Ok(Command::Verify { artifact, require_verified, json }),
        ("score", Some(artifact), Some(x), None) => Ok(Command::Score { artifact, x, threshold, assay_type, out }),
        ("testee", None, _, _) => Ok(Command::Testee),
        #[cfg(feature = "encode")]
        ("predict", Some(bundle), Some(table), None) => {
            Ok(Command::Predict(Predict { bundle, table, threshold, assay_type, options: predict }))
        }
        #[cfg(feature = "encode")]
        ("predict", ..) => Err("wrong number of arguments of predict".into()),
        #[cfg(not(feature = "encode"))]
        ("predict", ..) => Err("this program was built without the feature encode, which predict needs".into()),
        #[cfg(not(feature = "serve"))]
        ("serve", ..) => Err("this program was built without the feature serve, which serve needs".into()),
        ("inspect" | "verify" | "score" | "testee", ..) => {
            Err(format!("wrong number of arguments of {command}").into())
        }
        _ => Err(format!("unknown command {command:?}").into()),
    }
}

/// Runs a command; its result goes to `output`.
pub fn run(command: Command, output: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Help => writeln!(output, "{USAGE}")?,
        Command::Version => writeln!(output, "plmhead {}", env!("CARGO_PKG_VERSION"))?,
        Command::Inspect { artifact, json } => inspect(&Pair::of(artifact), json, output)?,
        Command::Verify { artifact, require_verified, json } => {
            verify(&Pair::of(artifact), require_verified, json, output)?;
        }
        Command::Score { artifact, x, threshold, assay_type, out } => {
            let head = Head::load(artifact)?;
            let x = Matrix::load(x, head.n_features_in())?;
            let scores = head.score_matrix(&x, &Cutoff { threshold, assay_type: assay_type.as_deref() })?;
            match out {
                Some(path) => write_to_file(&path, &head, &scores)?,
                None => write_scores(&head, &scores, output)?,
            }
        }
        Command::Testee => testee::run(io::stdin().lock(), output)?,
        #[cfg(feature = "encode")]
        Command::Predict(predict) => predict::run(&predict, output)?,
        #[cfg(feature = "serve")]
        Command::Serve(options) => serve::run(*options, output)?,
        #[cfg(feature = "serve")]
        Command::ServeHelp => writeln!(output, "{}", serve::USAGE)?,
    }
    Ok(())
}

/// Members by name, each value as JSON text: one object on one line, or one member a line for people, strings bare.
fn print_members(members: &[(&str, String)], json: bool, output: &mut impl Write) -> io::Result<()> {
    if json {
        let line = Json::object(|json| {
            for (name, value) in members {
                json.name(name).plain(value);
            }
        });
        return writeln!(output, "{line}");
    }
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in members {
        let parsed = Value::parse(value.as_bytes()).ok();
        let bare = parsed.as_ref().and_then(Value::as_str).filter(|text| !text.chars().any(is_hidden));
        let bare = bare.unwrap_or(value);
        writeln!(output, "{name:width$}  {bare}")?;
    }
    Ok(())
}

fn text(text: &str) -> String {
    Json::value(|json| json.str(text))
}

fn optional(text: Option<&str>) -> String {
    Json::value(|json| json.optional_str(text))
}

fn inspect(pair: &Pair, json: bool, output: &mut impl Write) -> Result<(), Failure> {
    let head = Head::load(&pair.npz)?;
    let config = head.config();
    let member = |name: &str| Json::value(|json| json.json(config.get(name).unwrap_or(&Value::Null)));
    let warning = match (head.verified(), config.embedding_origin.as_deref()) {
        (false, _) => Some(VERSION_0_WARNING),
        (true, Some("version-0")) => Some(UPGRADED_WARNING),
        _ => None,
    };
    let members = [
        ("name", text(&pair.name())),
        ("format_version", text(head.format_version())),
        ("verified", head.verified().to_string()),
        ("model_type", member("model_type")),
        ("link", text(head.link().as_str())),
        ("n_features_in", head.n_features_in().to_string()),
        ("classes", Json::value(|json| json.array(head.classes(), Json::label))),
        ("n_iter", Json::value(|json| json.array(head.n_iter(), Json::plain))),
        ("threshold", Json::value(|json| threshold(json, &head))),
        ("assay_thresholds", Json::value(|json| assay_thresholds(json, &head))),
        ("sklearn_version", member("sklearn_version")),
        ("C", member("C")),
        ("penalty", member("penalty")),
        ("solver", member("solver")),
        ("esm_model", member("esm_model")),
        ("esm_revision", member("esm_revision")),
        ("embedding_origin", optional(config.embedding_origin.as_deref())),
        ("npz_sha256", text(head.npz_sha256())),
        ("warnings", Json::value(|json| json.array(warning, Json::str))),
    ];
    Ok(print_members(&members, json, output)?)
}

/// The head's own threshold.
pub fn threshold(json: &mut Json, head: &Head) {
    match head.config().threshold {
        Some(threshold) => json.number(threshold),
        None => json.null(),
    }
}

/// Those of assay types, by name; null for a head that has no thresholds.
pub fn assay_thresholds(json: &mut Json, head: &Head) {
    match head.link() {
        Link::Softmax => json.null(),
        Link::Logistic => json.members(|json| {
            for (name, threshold) in &head.config().assay_thresholds {
                json.name(name).number(*threshold);
            }
        }),
    }
}

fn verify(pair: &Pair, require_verified: bool, json: bool, output: &mut impl Write) -> Result<(), Failure> {
    let name = ("name", text(&pair.name()));
    match Head::load_with(&pair.npz, &LoadOptions::default().require_verified(require_verified)) {
        Ok(head) => {
            let members = [
                name,
                ("ok", "true".to_string()),
                ("format_version", text(head.format_version())),
                ("verified", head.verified().to_string()),
            ];
            Ok(print_members(&members, json, output)?)
        }
        Err(error) if json => {
            let members = [
                name,
                ("ok", "false".to_string()),
                ("code", text(error.code().as_str())),
                ("where", text(error.place())),
                ("message", text(error.message())),
            ];
            print_members(&members, true, output)?;
            Err(Failure::Reported)
        }
        Err(error) => Err(Failure::Refused(error)),
    }
}

/// The file appears under its name only when it is complete.
fn write_to_file(path: &Path, head: &Head, scores: &Scores<'_>) -> io::Result<()> {
    // The rename would replace a device such as /dev/null by a file.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other(format!("{} is no regular file", path.display())));
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = write_new_file(&temporary, head, scores).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What remains of a failed write is of no use; that it cannot be removed either is no second error.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new_file(path: &Path, head: &Head, scores: &Scores<'_>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write_scores(head, scores, &mut file)?;
    file.flush()
}

fn write_scores(head: &Head, scores: &Scores<'_>, output: &mut impl Write) -> io::Result<()> {
    let decisions = scores.decision.chunks_exact(head.rows());
    let probabilities = scores.probability.chunks_exact(head.classes().len());
    for (row, ((z, p), label)) in decisions.zip(probabilities).zip(&scores.labels).enumerate() {
        writeln!(output, "{}", score_line(row, label, z, p))?;
    }
    Ok(())
}

/// One row by its number.
fn score_line(row: usize, label: &Label, z: &[f64], p: &[f64]) -> String {
    Json::object(|json| {
        json.name("row").plain(row);
        score_members(json, label, z, p);
    })
}

/// One row: plain values for a logistic head, whose probability is that of class 1, and arrays for a softmax head.
pub fn score_members(json: &mut Json, label: &Label, z: &[f64], p: &[f64]) {
    json.name("label").label(label);
    if let ([z], [_, p1]) = (z, p) {
        json.name("decision").number(*z);
        json.name("probability").number(*p1);
        json.name("decision_bits").bits(*z);
        json.name("probability_bits").bits(*p1);
        return;
    }
    let numbers = |json: &mut Json, values: &[f64]| json.array(values, |json, value| json.number(*value));
    let bits = |json: &mut Json, values: &[f64]| json.array(values, |json, value| json.bits(*value));
    numbers(json.name("decision"), z);
    numbers(json.name("probability"), p);
    bits(json.name("decision_bits"), z);
    bits(json.name("probability_bits"), p);
}
