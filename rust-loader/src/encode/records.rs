//! Tables of sequences, a record at a time: FASTA and CSV, as the other languages read them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use crate::encode::EncodeError;

/// The longest line of a FASTA file, and the longest sequence text, in bytes: what is held in memory at a time.
const MOST: usize = 1 << 20;

/// What a table is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Headers that begin with `>`, sequences below.
    Fasta,
    /// Comma-separated, with one line of column names.
    Csv,
}

impl Format {
    /// By a file's suffix: `.fasta`, `.fa`, `.faa` or `.csv`.
    ///
    /// # Errors
    /// `DATA` at the file's name.
    pub fn of(name: &str) -> Result<Format, EncodeError> {
        let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase()).unwrap_or_default();
        match &*suffix {
            "fasta" | "fa" | "faa" => Ok(Format::Fasta),
            "csv" => Ok(Format::Csv),
            _ => {
                let message = format!("found the suffix {suffix:?}, expected .csv, .fasta, .fa or .faa");
                Err(EncodeError::new("DATA", name, message))
            }
        }
    }
}

/// A record of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The number of its first line, from 1.
    pub line: u64,
    /// The first word of its header, or its cell in the column `id`, where there is one.
    pub id: Option<String>,
    /// Its text as written, or why there is none.
    pub sequence: Result<String, String>,
}

/// The records of a table, in its order. Memory holds one at a time.
pub struct Records<R> {
    name: String,
    reader: Reader<R>,
}

enum Reader<R> {
    Fasta(Fasta<R>),
    Csv { records: csv::StringRecordsIntoIter<Lines<R>>, sequence: usize, id: Option<usize>, columns: usize },
    Ended,
}

impl<R: BufRead> Records<R> {
    /// Reads a table; `name` is the file's, for errors, `column` that of the sequences in a CSV.
    ///
    /// # Errors
    /// `DATA` at the name: what cannot be read, is no UTF-8, or has no such column.
    pub fn new(name: &str, mut input: R, format: Format, column: &str) -> Result<Records<R>, EncodeError> {
        let fault = |message: String| EncodeError::new("DATA", name, message);
        let start = input.fill_buf().map_err(|error| fault(format!("cannot be read: {error}")))?;
        if start.starts_with("\u{feff}".as_bytes()) {
            input.consume(3);
        }
        let reader = match format {
            Format::Fasta => Reader::Fasta(Fasta { input, line: 0, header: None, bytes: Vec::new() }),
            Format::Csv => {
                let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(Lines::of(input));
                let names = reader.headers().map_err(|error| fault(error.to_string()))?;
                let names: Vec<String> = names.iter().map(|name| name.trim().to_string()).collect();
                let (sequence, id) = columns(&names, column).map_err(fault)?;
                Reader::Csv { records: reader.into_records(), sequence, id, columns: names.len() }
            }
        };
        Ok(Records { name: name.to_string(), reader })
    }

    fn fault(&mut self, message: String) -> EncodeError {
        self.reader = Reader::Ended;
        EncodeError::new("DATA", &*self.name, message)
    }
}

/// The columns of the sequences and, where there is one, of the ids.
fn columns(names: &[String], column: &str) -> Result<(usize, Option<usize>), String> {
    let twice = names.iter().enumerate().find(|(index, name)| !name.is_empty() && names[..*index].contains(name));
    if let Some((_, name)) = twice {
        return Err(format!("found the column {name:?} more than once, expected distinct names"));
    }
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    let missing = || format!("found the columns {}, expected a column {column:?}", names.join(", "));
    Ok((place(column).ok_or_else(missing)?, place("id")))
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Record, EncodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.reader {
            Reader::Ended => None,
            Reader::Fasta(fasta) => match fasta.next() {
                Ok(record) => record.map(Ok),
                Err(message) => Some(Err(self.fault(message))),
            },
            Reader::Csv { records, sequence, id, columns } => match records.next()? {
                Ok(cells) => {
                    let line = records.reader().get_ref().line_at(cells.position().map_or(0, csv::Position::byte));
                    Some(Ok(row(&cells, line, *sequence, *id, *columns)))
                }
                Err(error) => Some(Err(self.fault(error.to_string()))),
            },
        }
    }
}

fn row(cells: &csv::StringRecord, line: u64, sequence: usize, id: Option<usize>, columns: usize) -> Record {
    if cells.len() != columns {
        let fault = format!("found {} cells, expected {columns}", cells.len());
        return Record { line, id: None, sequence: Err(fault) };
    }
    let cell = |index: usize| cells.get(index).unwrap_or_default().to_string();
    Record { line, id: id.map(cell), sequence: Ok(cell(sequence)) }
}

/// Passes a CSV on and remembers where its lines begin. csv's own count of lines is that of where it began to look for a record,
/// which is before blank lines and before the line feed of the CRLF that ended the last one.
struct Lines<R> {
    input: R,
    byte: u64,
    line: u64,
    at_start: bool,
    /// Byte and number of the lines that are not blank, from the first that may still be asked for.
    begun: RefCell<VecDeque<(u64, u64)>>,
}

impl<R> Lines<R> {
    fn of(input: R) -> Lines<R> {
        Lines { input, byte: 0, line: 1, at_start: true, begun: RefCell::default() }
    }

    /// The line of the record that csv began to look for at a byte; the byte never falls.
    fn line_at(&self, byte: u64) -> u64 {
        let mut begun = self.begun.borrow_mut();
        while begun.front().is_some_and(|(start, _)| *start < byte) {
            begun.pop_front();
        }
        begun.front().map_or(self.line, |(_, line)| *line)
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        for &byte in &buffer[..read] {
            if self.at_start && !matches!(byte, b'\r' | b'\n') {
                self.begun.get_mut().push_back((self.byte, self.line));
                self.at_start = false;
            }
            self.at_start |= byte == b'\n';
            self.line += u64::from(byte == b'\n');
            self.byte += 1;
        }
        Ok(read)
    }
}

/// A FASTA file.
struct Fasta<R> {
    input: R,
    line: u64,
    /// The line of the record that has begun, and its id.
    header: Option<(u64, String)>,
    bytes: Vec<u8>,
}

impl<R: BufRead> Fasta<R> {
    fn next(&mut self) -> Result<Option<Record>, String> {
        let mut text = String::new();
        let mut fault = None;
        while self.read_line()? {
            let found = std::str::from_utf8(&self.bytes).map_err(|_| format!("line {} is not UTF-8", self.line))?;
            let line = found.trim_matches(|character| matches!(character, '\t'..='\r' | ' '));
            if let Some(header) = line.strip_prefix('>') {
                let next = (self.line, header.split_whitespace().next().unwrap_or_default().to_string());
                if let Some(begun) = self.header.replace(next) {
                    return Ok(Some(record(begun, text, fault)));
                }
            } else if self.header.is_none() && !line.is_empty() {
                let start: String = line.chars().take(20).collect();
                let fault = format!("found {start:?} before the first header, expected a line that begins with >");
                return Ok(Some(Record { line: self.line, id: None, sequence: Err(fault) }));
            } else if text.len() + line.len() > MOST {
                fault = Some(format!("found a sequence of more than {MOST} characters, expected at most that many"));
            } else {
                text.push_str(line);
            }
        }
        Ok(self.header.take().map(|begun| record(begun, text, fault)))
    }

    /// One line into `bytes`, its end included; false where there is none.
    fn read_line(&mut self) -> Result<bool, String> {
        self.bytes.clear();
        let limit = MOST as u64 + 1;
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.bytes);
        read.map_err(|error| format!("cannot be read: {error}"))?;
        self.line += 1;
        if self.bytes.len() > MOST {
            return Err(format!("line {} has more than {MOST} bytes, expected at most that many", self.line));
        }
        Ok(!self.bytes.is_empty())
    }
}

fn record((line, id): (u64, String), text: String, fault: Option<String>) -> Record {
    Record { line, id: Some(id), sequence: fault.map_or(Ok(text), Err) }
}
