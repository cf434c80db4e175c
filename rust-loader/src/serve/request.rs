//! The body of a request, to records and a cut-off. No HTTP here, and nothing that waits.

use plmhead::Value;
use plmhead::encode::{Format, Records};
use plmhead::sequences::{TooLong, normalise};

use crate::predict::Bad;
use crate::serve::refusal::Refusal;

/// What the body is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Json,
    Table(Format),
}

/// How much one request may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub sequences: usize,
    pub residues: usize,
}

/// One record, its sequence as the encoder takes it.
#[derive(Debug)]
pub struct Entry {
    pub id: Option<String>,
    /// Of a table: the number of its first line, from 1.
    pub line: Option<u64>,
    pub sequence: Result<String, Bad>,
}

/// A body that was understood.
#[derive(Debug)]
pub struct Body {
    pub entries: Vec<Entry>,
    pub threshold: Option<f64>,
    pub assay_type: Option<String>,
}

/// A record as it is written.
struct Raw {
    id: Option<String>,
    line: Option<u64>,
    text: Result<String, String>,
}

impl Kind {
    /// By the header `Content-Type`, whose parameters may say UTF-8 and nothing else.
    pub fn of(content_type: Option<&str>) -> Result<Kind, Refusal> {
        let found = content_type.unwrap_or("none");
        let mut parts = found.split(';').map(|part| part.trim().to_ascii_lowercase());
        let kind = match parts.next().as_deref() {
            Some("application/json") => Some(Kind::Json),
            Some("text/x-fasta" | "application/x-fasta") => Some(Kind::Table(Format::Fasta)),
            Some("text/csv") => Some(Kind::Table(Format::Csv)),
            _ => None,
        };
        let plain = parts.all(|part| matches!(&*part, "" | "charset=utf-8" | "charset=\"utf-8\"" | "header=present"));
        let expected = "application/json, text/x-fasta or text/csv, in UTF-8";
        let refusal = || {
            let found: String = found.chars().take(100).collect();
            Refusal::of_service("REQUEST_TYPE", "content-type", format!("found {found:?}, expected {expected}"))
        };
        kind.filter(|_| plain).ok_or_else(refusal)
    }
}

/// Reads a body. A bad sequence is an entry with its fault; what is wrong with the body itself refuses it.
pub fn parse(kind: Kind, body: &[u8], limits: Limits, too_long: TooLong) -> Result<Body, Refusal> {
    let (raws, threshold, assay_type) = match kind {
        Kind::Json => json(body, limits.sequences)?,
        Kind::Table(format) => (table(body, format, limits.sequences)?, None, None),
    };
    let place = if kind == Kind::Json { "/sequences" } else { "body" };
    if raws.is_empty() {
        return Err(Refusal::unusable("DATA", place, "found no rows, expected at least one"));
    }
    let entries: Vec<Entry> = raws.into_iter().map(|raw| entry(raw, too_long)).collect();
    let residues: usize = entries.iter().filter_map(|entry| entry.sequence.as_ref().ok()).map(String::len).sum();
    if residues > limits.residues {
        let message = format!("found {residues} residues, expected at most {}", limits.residues);
        return Err(Refusal::of_service("REQUEST_SIZE", place, message));
    }
    Ok(Body { entries, threshold, assay_type })
}

fn entry(raw: Raw, too_long: TooLong) -> Entry {
    let sequence = match raw.text {
        Ok(text) => normalise(&text, too_long).map_err(Bad::from),
        Err(message) => Err(Bad::data(message)),
    };
    Entry { id: raw.id, line: raw.line, sequence }
}

fn too_many(place: &str, most: usize) -> Refusal {
    let message = format!("found more than {most} sequences, expected at most that many");
    Refusal::of_service("REQUEST_SIZE", place, message)
}

fn table(body: &[u8], format: Format, most: usize) -> Result<Vec<Raw>, Refusal> {
    let fault = |error: plmhead::encode::EncodeError| Refusal::unusable(error.code(), "body", error.message());
    let mut raws = Vec::new();
    for record in Records::new("body", body, format, "sequence").map_err(fault)? {
        let record = record.map_err(fault)?;
        if raws.len() == most {
            return Err(too_many("body", most));
        }
        raws.push(Raw { id: record.id, line: Some(record.line), text: record.sequence });
    }
    Ok(raws)
}

type Members = (Vec<Raw>, Option<f64>, Option<String>);

fn json(body: &[u8], most: usize) -> Result<Members, Refusal> {
    let root = Value::parse(body).map_err(|error| Refusal::of_json(&error))?;
    members(&root, "", &["sequences", "threshold", "assay_type"])?;
    let threshold = optional(&root, "", "threshold", "a number", Value::as_f64)?;
    let assay_type = optional(&root, "", "assay_type", "a string", Value::as_str)?.map(str::to_string);
    let Some(sequences) = root.get("sequences") else {
        return Err(Refusal::unusable("FIELD_MISSING", "/sequences", "found no member sequences, expected one"));
    };
    let items = sequences.as_array().ok_or_else(|| other_type("/sequences".to_string(), sequences, "an array"))?;
    if items.len() > most {
        return Err(too_many("/sequences", most));
    }
    let raws: Result<_, _> = items.iter().enumerate().map(|(index, item)| raw(index, item)).collect();
    Ok((raws?, threshold, assay_type))
}

/// A string, or an object with a sequence and perhaps an id.
fn raw(index: usize, item: &Value) -> Result<Raw, Refusal> {
    if let Some(text) = item.as_str() {
        return Ok(Raw { id: None, line: None, text: Ok(text.to_string()) });
    }
    let place = format!("/sequences/{index}");
    members(item, &place, &["id", "sequence"])?;
    let id = optional(item, &place, "id", "a string", Value::as_str)?.map(str::to_string);
    match optional(item, &place, "sequence", "a string", Value::as_str)? {
        Some(text) => Ok(Raw { id, line: None, text: Ok(text.to_string()) }),
        None => {
            let message = "found no member sequence, expected one";
            Err(Refusal::unusable("FIELD_MISSING", format!("{place}/sequence"), message))
        }
    }
}

fn other_type(place: String, found: &Value, expected: &str) -> Refusal {
    Refusal::unusable("FIELD_TYPE", place, format!("found {}, expected {expected}", found.kind()))
}

/// Whether this is an object with no members but these.
fn members(value: &Value, place: &str, known: &[&str]) -> Result<(), Refusal> {
    let Some(found) = value.as_object() else {
        let place = if place.is_empty() { "body" } else { place };
        return Err(other_type(place.to_string(), value, "an object"));
    };
    match found.iter().find(|(name, _)| !known.contains(&&**name)) {
        None => Ok(()),
        Some((name, _)) => {
            let shown: String = name.chars().take(64).collect();
            let message = format!("found the member {shown:?}, expected {} alone", known.join(", "));
            Err(Refusal::unusable("FIELD_UNKNOWN", if place.is_empty() { "body" } else { place }, message))
        }
    }
}

/// A member that may be absent or null.
fn optional<'a, T>(
    object: &'a Value,
    place: &str,
    name: &str,
    expected: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| other_type(format!("{place}/{name}"), value, expected)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { sequences: 3, residues: 10 };
    const FASTA: Kind = Kind::Table(Format::Fasta);
    const CSV: Kind = Kind::Table(Format::Csv);

    fn read(kind: Kind, body: &str) -> Result<Body, Refusal> {
        parse(kind, body.as_bytes(), LIMITS, TooLong::Error)
    }

    /// Status, code and place.
    #[track_caller]
    fn refused(kind: Kind, body: &str) -> (u16, &'static str, String) {
        let refusal = read(kind, body).expect_err("a refusal");
        (refusal.status, refusal.code, refusal.place)
    }

    fn sequences(body: &Body) -> Vec<Option<&str>> {
        body.entries.iter().map(|entry| entry.sequence.as_deref().ok()).collect()
    }

    #[test]
    fn content_types() {
        let kinds = [
            ("application/json", Kind::Json),
            ("Application/JSON; Charset=UTF-8", Kind::Json),
            ("text/x-fasta", FASTA),
            ("application/x-fasta;", FASTA),
            ("text/csv; header=present; charset=\"utf-8\"", CSV),
        ];
        for (text, kind) in kinds {
            assert_eq!(Kind::of(Some(text)), Ok(kind), "{text}");
        }
        for text in [None, Some("text/plain"), Some("application/json; charset=latin-1"), Some("")] {
            assert_eq!(Kind::of(text).expect_err("a refusal").status, 415, "{text:?}");
        }
    }

    #[test]
    fn json_of_strings_and_objects() {
        let body = r#"{"sequences": [" mk\n", {"sequence": "M*", "id": "b"}, {"sequence": "V", "id": null}],
            "threshold": 1, "assay_type": "PSR"}"#;
        let body = read(Kind::Json, body).expect("a body");
        assert_eq!(sequences(&body), [Some("MK"), None, Some("V")]);
        assert_eq!(body.entries[1].id.as_deref(), Some("b"));
        assert_eq!((body.threshold, body.assay_type.as_deref()), (Some(1.0), Some("PSR")));
    }

    #[test]
    fn json_that_is_refused() {
        let cases = [
            ("", 400, "JSON_SYNTAX", "body@0"),
            (r#"{"sequences": ["M"]"#, 400, "JSON_SYNTAX", "body@19"),
            (r#"{"sequences": ["M"], "sequences": []}"#, 400, "JSON_DUPLICATE_NAME", "body@21"),
            ("\u{feff}{}", 400, "JSON_ENCODING", "body@0"),
            ("[]", 422, "FIELD_TYPE", "body"),
            ("{}", 422, "FIELD_MISSING", "/sequences"),
            (r#"{"sequence": "M"}"#, 422, "FIELD_UNKNOWN", "body"),
            (r#"{"sequences": "M"}"#, 422, "FIELD_TYPE", "/sequences"),
            (r#"{"sequences": ["M", 1]}"#, 422, "FIELD_TYPE", "/sequences/1"),
            (r#"{"sequences": [{"id": "a"}]}"#, 422, "FIELD_MISSING", "/sequences/0/sequence"),
            (r#"{"sequences": [{"sequence": 1}]}"#, 422, "FIELD_TYPE", "/sequences/0/sequence"),
            (r#"{"sequences": [{"sequence": "M", "id": 1}]}"#, 422, "FIELD_TYPE", "/sequences/0/id"),
            (r#"{"sequences": [{"sequence": "M", "name": 1}]}"#, 422, "FIELD_UNKNOWN", "/sequences/0"),
            (r#"{"sequences": ["M"], "threshold": "1"}"#, 422, "FIELD_TYPE", "/threshold"),
            (r#"{"sequences": ["M"], "assay_type": 1}"#, 422, "FIELD_TYPE", "/assay_type"),
            (r#"{"sequences": []}"#, 422, "DATA", "/sequences"),
            (r#"{"sequences": ["M", "M", "M", "M"]}"#, 413, "REQUEST_SIZE", "/sequences"),
            (r#"{"sequences": ["MKLVM", "MKLVMK"]}"#, 413, "REQUEST_SIZE", "/sequences"),
        ];
        for (body, status, code, place) in cases {
            assert_eq!(refused(Kind::Json, body), (status, code, place.to_string()), "{body}");
        }
    }

    #[test]
    fn tables() {
        let body = read(FASTA, ">a b\nMK\nL\n>c\nZ\n").expect("a body");
        assert_eq!(sequences(&body), [Some("MKL"), None]);
        assert_eq!((body.entries[1].id.as_deref(), body.entries[1].line), (Some("c"), Some(4)));
        let body = read(CSV, "id,sequence\na,MK\nb\n").expect("a body");
        assert_eq!(sequences(&body), [Some("MK"), None]);
        assert_eq!(refused(CSV, "id,name\n"), (422, "DATA", "body".to_string()));
        assert_eq!(refused(FASTA, ""), (422, "DATA", "body".to_string()));
        assert_eq!(refused(FASTA, ">a\nM\n>a\nM\n>a\nM\n>a\nM\n"), (413, "REQUEST_SIZE", "body".to_string()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_body_or_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..3usize) {
            let kind = [Kind::Json, FASTA, CSV][kind];
            match parse(kind, &bytes, LIMITS, TooLong::Truncate) {
                Ok(body) => prop_assert!((1..=LIMITS.sequences).contains(&body.entries.len())),
                Err(refusal) => prop_assert!(matches!(refusal.status, 400 | 413 | 422)),
            }
        }
    }
}
