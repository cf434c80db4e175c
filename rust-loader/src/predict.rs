//! The command `predict`: a bundle and a table of sequences in, JSON lines or CSV out, a window of records at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use plmhead::encode::{Bundle, EncodeError, Format, Record, Records};
use plmhead::sequences::{SequenceError, normalise};
use plmhead::{Cutoff, Head, Label};

use crate::cli::{Failure, score_members};
use crate::print::Json;

/// Batches that are read together, so that neighbours in length share one.
const WINDOW: usize = 32;

/// What the user asked for.
pub struct Predict {
    pub bundle: PathBuf,
    /// `-` is FASTA on standard input.
    pub table: PathBuf,
    pub threshold: Option<f64>,
    pub assay_type: Option<String>,
    pub options: Options,
}

/// The options of this command alone.
pub struct Options {
    pub shape: Shape,
    pub on_error: OnError,
    pub batch_size: usize,
    pub column: String,
}

impl Default for Options {
    fn default() -> Options {
        Options { shape: Shape::Jsonl, on_error: OnError::Stop, batch_size: 8, column: "sequence".to_string() }
    }
}

/// How results are written.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
    Jsonl,
    Csv,
}

/// What a record without a usable sequence does.
#[derive(Clone, Copy, PartialEq)]
pub enum OnError {
    /// Ends the run.
    Stop,
    /// Is left out, and counted.
    Skip,
    /// Gets a line that says why, and is counted.
    Report,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Shape, String> {
        match text {
            "jsonl" => Ok(Shape::Jsonl),
            "csv" => Ok(Shape::Csv),
            _ => Err(format!("found {text:?}, expected jsonl or csv")),
        }
    }
}

impl FromStr for OnError {
    type Err = String;

    fn from_str(text: &str) -> Result<OnError, String> {
        match text {
            "stop" => Ok(OnError::Stop),
            "skip" => Ok(OnError::Skip),
            "report" => Ok(OnError::Report),
            _ => Err(format!("found {text:?}, expected stop, skip or report")),
        }
    }
}

/// Why a record has no sequence.
#[derive(Debug)]
pub struct Bad {
    code: &'static str,
    message: String,
    position: Option<usize>,
    remedy: Option<&'static str>,
}

impl Bad {
    /// A record of a table that has none.
    pub fn data(message: String) -> Bad {
        Bad { code: "DATA", message, position: None, remedy: None }
    }

    /// The member `error` of a record's object.
    pub fn member(&self, json: &mut Json) {
        json.name("error").members(|json| {
            json.name("code").str(self.code);
            json.name("message").str(&self.message);
            match self.position {
                Some(position) => json.name("position").plain(position),
                None => json.name("position").null(),
            }
        });
    }
}

impl From<SequenceError> for Bad {
    fn from(fault: SequenceError) -> Bad {
        Bad { code: fault.code, message: fault.message, position: fault.position, remedy: fault.remedy }
    }
}

/// A record with its sequence as the encoder takes it.
struct Entry {
    row: usize,
    line: u64,
    id: Option<String>,
    sequence: Result<String, Bad>,
}

/// Loads the bundle, which proves itself, and streams the table.
pub fn run(predict: &Predict, output: &mut impl Write) -> Result<(), Failure> {
    let bundle = Bundle::load(&predict.bundle).map_err(Failure::Encode)?;
    let cutoff = Cutoff { threshold: predict.threshold, assay_type: predict.assay_type.as_deref() };
    bundle.head().predict_with::<f32>(&[], &cutoff)?; // a bad threshold is said before any embedding
    if bundle.encoder_name().starts_with("plmhead/random-") {
        warn(format_args!(
            "the encoder {} has random weights: for trying things, not for science",
            bundle.encoder_name()
        ));
    }
    let (name, input, format) = open(&predict.table).map_err(Failure::Encode)?;
    let records = Records::new(&name, input, format, &predict.options.column).map_err(Failure::Encode)?;
    let mut run = Run { name, bundle: &bundle, cutoff, options: &predict.options, rows: 0, bad: 0, ids: None };
    run.stream(records, output)
}

type Input = Box<dyn BufRead>;

fn open(path: &Path) -> Result<(String, Input, Format), EncodeError> {
    if path == Path::new("-") {
        return Ok(("standard input".to_string(), Box::new(BufReader::new(io::stdin())), Format::Fasta));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let format = Format::of(&name)?;
    match File::open(path) {
        Ok(file) => Ok((name, Box::new(BufReader::with_capacity(1 << 16, file)), format)),
        Err(error) => Err(EncodeError::data(name, format!("cannot be read: {error}"))),
    }
}

/// A run over one table.
struct Run<'a> {
    name: String,
    bundle: &'a Bundle,
    cutoff: Cutoff<'a>,
    options: &'a Options,
    rows: usize,
    bad: usize,
    /// Whether records have ids; the first says so for all.
    ids: Option<bool>,
}

impl Run<'_> {
    fn stream(&mut self, mut records: Records<Input>, output: &mut impl Write) -> Result<(), Failure> {
        loop {
            let window = self.window(&mut records, output)?;
            if window.is_empty() {
                break;
            }
            self.write(&window, output)?;
            output.flush()?; // who reads along sees whole windows
            progress(self.rows, false);
        }
        progress(self.rows, true);
        if self.rows == 0 {
            return Err(Failure::Encode(EncodeError::data(&*self.name, "found no rows, expected at least one")));
        }
        if self.bad > 0 {
            warn(format_args!("{} of {} records are not usable", self.bad, self.rows));
        }
        Ok(())
    }

    /// The next records. Where one is bad and errors stop the run, those before it are written first.
    fn window(&mut self, records: &mut Records<Input>, output: &mut impl Write) -> Result<Vec<Entry>, Failure> {
        let mut window = Vec::new();
        let room = self.options.batch_size.max(1).saturating_mul(WINDOW);
        while window.len() < room {
            let fault = match records.next() {
                None => break,
                Some(Err(error)) => error,
                Some(Ok(record)) => {
                    let entry = self.entry(record);
                    match &entry.sequence {
                        Err(bad) if self.options.on_error == OnError::Stop => self.stop(&entry, bad),
                        _ => {
                            window.push(entry);
                            continue;
                        }
                    }
                }
            };
            self.write(&window, output)?;
            output.flush()?;
            return Err(Failure::Encode(fault));
        }
        Ok(window)
    }

    fn entry(&mut self, record: Record) -> Entry {
        let sequence = match record.sequence {
            Ok(text) => normalise(&text, self.bundle.too_long()).map_err(Bad::from),
            Err(message) => Err(Bad::data(message)),
        };
        self.bad += usize::from(sequence.is_err());
        self.rows += 1;
        Entry { row: self.rows - 1, line: record.line, id: record.id, sequence }
    }

    fn stop(&self, entry: &Entry, bad: &Bad) -> EncodeError {
        // On one line, whatever the id holds: what is printed keeps its line feeds.
        let who = entry.id.as_deref().map(|id| format!(" ({})", id.replace('\n', "\\u000a"))).unwrap_or_default();
        let remedy = bad.remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
        let message = format!("line {}{who}: {}: {}{remedy}", entry.line, bad.code, bad.message);
        EncodeError::data(&*self.name, message)
    }

    /// Embeds and scores a window, and writes it in the order of the table.
    fn write(&mut self, window: &[Entry], output: &mut impl Write) -> Result<(), Failure> {
        let mut good: Vec<usize> = (0..window.len()).filter(|index| window[*index].sequence.is_ok()).collect();
        let text = |index: &usize| window[*index].sequence.as_deref().unwrap_or_default();
        good.sort_by_key(|index| text(index).len());
        let width = self.bundle.head().n_features_in();
        let mut embeddings = vec![0.0; window.len() * width];
        for batch in good.chunks(self.options.batch_size.max(1)) {
            let texts: Vec<&str> = batch.iter().map(text).collect();
            let pooled = self.bundle.embed(&texts).map_err(Failure::Encode)?;
            for (index, values) in batch.iter().zip(pooled.chunks_exact(width)) {
                embeddings[index * width..(index + 1) * width].copy_from_slice(values);
            }
        }
        for (entry, x) in window.iter().zip(embeddings.chunks_exact(width)) {
            self.write_entry(entry, x, output)?;
        }
        Ok(())
    }

    fn write_entry(&mut self, entry: &Entry, x: &[f32], output: &mut impl Write) -> Result<(), Failure> {
        if self.ids.is_none() {
            self.ids = Some(entry.id.is_some());
            if self.options.shape == Shape::Csv {
                write_cells(&self.header(), output)?;
            }
        }
        if entry.sequence.is_err() && self.options.on_error == OnError::Skip {
            return Ok(());
        }
        let head = self.bundle.head();
        match (&entry.sequence, self.options.shape) {
            (Ok(sequence), shape) => {
                let scores = head.score(x, &self.cutoff)?;
                let (z, p) = (&scores.decision, &scores.probability);
                match shape {
                    Shape::Jsonl => writeln!(output, "{}", json_line(entry, sequence, scores.labels[0], z, p))?,
                    Shape::Csv => write_cells(&self.cells(entry, sequence, scores.labels[0], z, p), output)?,
                }
            }
            (Err(bad), Shape::Jsonl) => writeln!(output, "{}", json_fault(entry, bad))?,
            (Err(bad), Shape::Csv) => write_cells(&self.fault_cells(entry, bad), output)?,
        }
        Ok(())
    }

    /// The columns, those of `plmhead predict` in Python; where faults are reported, one more.
    fn header(&self) -> Vec<String> {
        let mut cells: Vec<String> = if self.ids == Some(true) { vec!["id".to_string()] } else { Vec::new() };
        cells.extend(["sequence", "predicted_label"].map(str::to_string));
        let names = class_names(self.bundle.head());
        for part in ["probability", "decision"] {
            match &names {
                None => cells.push(part.to_string()),
                Some(names) => cells.extend(names.iter().map(|name| format!("{part}_{name}"))),
            }
        }
        cells.extend((self.options.on_error == OnError::Report).then(|| "error".to_string()));
        cells
    }

    fn cells(&self, entry: &Entry, sequence: &str, label: &Label, z: &[f64], p: &[f64]) -> Vec<String> {
        let p = if z.len() == 1 { &p[1..] } else { p };
        let mut cells = self.id_cell(entry);
        cells.extend([sequence.to_string(), python_label(label)]);
        cells.extend(p.iter().chain(z).map(|value| format!("{value:?}")));
        cells.extend((self.options.on_error == OnError::Report).then(String::new));
        cells
    }

    fn fault_cells(&self, entry: &Entry, bad: &Bad) -> Vec<String> {
        let mut cells = self.id_cell(entry);
        cells.resize(self.header().len() - 1, String::new());
        cells.push(format!("line {}: {}: {}", entry.line, bad.code, bad.message));
        cells
    }

    fn id_cell(&self, entry: &Entry) -> Vec<String> {
        if self.ids == Some(true) { vec![entry.id.clone().unwrap_or_default()] } else { Vec::new() }
    }
}

fn class_names(head: &Head) -> Option<Vec<String>> {
    (head.rows() > 1).then(|| head.classes().iter().map(python_label).collect())
}

/// As Python prints it.
fn python_label(label: &Label) -> String {
    match label {
        Label::Bool(true) => "True".to_string(),
        Label::Bool(false) => "False".to_string(),
        other => other.to_string(),
    }
}

fn write_cells(cells: &[String], output: &mut impl Write) -> io::Result<()> {
    let quoted = |cell: &String| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    let cells: Vec<String> = cells.iter().map(quoted).collect();
    writeln!(output, "{}", cells.join(","))
}

fn json_line(entry: &Entry, sequence: &str, label: &Label, z: &[f64], p: &[f64]) -> String {
    Json::object(|json| {
        json.name("row").plain(entry.row);
        json.name("id").optional_str(entry.id.as_deref());
        json.name("sequence").str(sequence);
        score_members(json, label, z, p);
    })
}

fn json_fault(entry: &Entry, bad: &Bad) -> String {
    Json::object(|json| {
        json.name("row").plain(entry.row);
        json.name("id").optional_str(entry.id.as_deref());
        json.name("line").plain(entry.line);
        bad.member(json);
    })
}

fn warn(text: std::fmt::Arguments<'_>) {
    // Not eprintln!, which panics when standard error is closed.
    let _ = writeln!(io::stderr(), "plmhead: warning: {}", crate::print::printable(&text.to_string()));
}

/// A counter on one line of a terminal; silent when standard error goes elsewhere.
fn progress(rows: usize, last: bool) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\rpredict: {rows} records{}", if last { "\n" } else { "" });
    }
}
