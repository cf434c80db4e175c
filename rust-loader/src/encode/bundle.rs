//! A bundle: read, checked and proved, rules B1 to B12 of its specification.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::digest::sha256;
use crate::encode::EncodeError;
use crate::encode::golden;
use crate::encode::graph::Graph;
use crate::encode::manifest::{self, Listed, Manifest};
use crate::encode::onnx::{self, Port};
use crate::head::Head;
use crate::json::Value;
use crate::sequences::{ALPHABET, TooLong, tokenize};

const MAX_MANIFEST: u64 = 65_536;

/// Members of an artifact's `embedding`, and those of the manifest's `encoder` that must be equal (B11).
const SAME: [(&str, &str); 4] =
    [("family", "family"), ("checkpoint", "name"), ("weights_sha256", "weights_sha256"), ("dimension", "dimension")];

/// A head and its encoder, both proved: the head by its self-test, the encoder by golden results.
#[derive(Debug)]
pub struct Bundle {
    head: Head,
    encoder: Encoder,
}

/// The graph and what the manifest says of it.
#[derive(Debug)]
pub(super) struct Encoder {
    graph: Graph,
    about: Value,
    dimension: usize,
}

impl Bundle {
    /// Reads the folder. Every byte is hashed before it is used, and nothing outside the folder is opened.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn load(folder: impl AsRef<Path>) -> Result<Bundle, EncodeError> {
        let folder = folder.as_ref();
        let manifest = Manifest::parse(&read(folder, manifest::NAME, MAX_MANIFEST)?)?;
        let mut files = Vec::new();
        for file in &manifest.files {
            files.push((file, read_listed(folder, file)?));
        }
        let mut take = |role: &str| {
            let index = files.iter().position(|(file, _)| file.role == role);
            index.map(|index| files.remove(index)).ok_or_else(|| EncodeError::new("FIELD_VALUE", manifest::NAME, role))
        };
        let [(_, npz), (_, config), (graph, graph_bytes)] = [take("npz")?, take("config")?, take("graph")?];
        let [(vocabulary, tokens), (golden, golden_bytes)] = [take("vocabulary")?, take("golden")?];
        let external: Vec<(String, Vec<u8>)> =
            files.into_iter().map(|(file, bytes)| (file.name.clone(), bytes)).collect();
        check_locations(&graph.name, &graph_bytes, &external)?;
        let dimension = manifest.encoder.get("dimension").and_then(Value::as_i64).unwrap_or_default();
        check_ports(&graph.name, &graph_bytes, &manifest.encoder, dimension)?;
        check_vocabulary(&vocabulary.name, &tokens)?;
        let records = golden::parse(&golden.name, &golden_bytes)?;
        let head = Head::from_bytes(npz, &config)?;
        check_contract(&head, &manifest.encoder)?;
        golden::check_shapes(&golden.name, &records, &head)?;
        let graph = Graph::open(&graph.name, graph_bytes, external)?;
        let dimension = usize::try_from(dimension).unwrap_or_default();
        let encoder = Encoder { graph, about: manifest.encoder, dimension };
        let own = head.config().get("golden").unwrap_or(&Value::Null).clone();
        for stored in [&own, &records] {
            golden::check(&head, &encoder, stored)?;
        }
        Ok(Bundle { head, encoder })
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The encoder's name, such as `facebook/esm2_t6_8M_UR50D`.
    pub fn encoder_name(&self) -> &str {
        self.encoder.about.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// What the head's training did with sequences of more than 1,022 residues.
    pub fn too_long(&self) -> TooLong {
        match self
            .head
            .config()
            .get("embedding")
            .and_then(|embedding| embedding.get("too_long"))
            .and_then(Value::as_str)
        {
            Some("truncate") => TooLong::Truncate,
            _ => TooLong::Error,
        }
    }

    /// The embeddings of one batch of sequences that [`normalise`](crate::sequences::normalise) returned, row after row,
    /// each of [`n_features_in`](Head::n_features_in) values. Batches of neighbours in length take least time.
    ///
    /// # Errors
    /// `RUNTIME`.
    pub fn embed<S: AsRef<str>>(&self, sequences: &[S]) -> Result<Vec<f32>, EncodeError> {
        self.encoder.embed(sequences)
    }
}

impl Encoder {
    pub(super) fn embed<S: AsRef<str>>(&self, sequences: &[S]) -> Result<Vec<f32>, EncodeError> {
        if sequences.is_empty() {
            return Ok(Vec::new());
        }
        self.graph.run(&tokenize(sequences), self.dimension)
    }

    pub(super) fn is_fast(&self) -> bool {
        self.about.get("accuracy").and_then(Value::as_str) == Some("fast")
    }
}

fn read_listed(folder: &Path, file: &Listed) -> Result<Vec<u8>, EncodeError> {
    let bytes = read(folder, &file.name, file.size)?;
    if bytes.len() as u64 != file.size {
        let message = format!("found {} bytes, expected {}, as the manifest says", bytes.len(), file.size);
        return Err(EncodeError::new("BUNDLE_FILE", &*file.name, message));
    }
    let found = sha256(&bytes);
    if found != file.sha256 {
        return Err(EncodeError::new(
            "BUNDLE_DIGEST",
            &*file.name,
            format!("found SHA-256 {found}, expected {}", file.sha256),
        ));
    }
    Ok(bytes)
}

/// A regular file of the folder itself, of at most `most` bytes.
fn read(folder: &Path, name: &str, most: u64) -> Result<Vec<u8>, EncodeError> {
    let fault = |found: &str, expected: &str| {
        Err(EncodeError::new("BUNDLE_FILE", name, format!("found {found}, expected {expected}")))
    };
    let path = folder.join(name);
    // Asked before opening: a link is not followed, and opening a named pipe would wait for a writer.
    match fs::symlink_metadata(&path) {
        Ok(found) if !found.is_file() => return fault("a link or no regular file", "a file of the folder itself"),
        Ok(found) if found.len() > most => {
            return fault(&format!("{} bytes", found.len()), &format!("at most {most}"));
        }
        _ => {}
    }
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 > most => fault("more bytes", &format!("at most {most}")),
        Ok(_) => Ok(bytes),
        Err(error) => fault(&format!("no readable file ({error})"), "one"),
    }
}

/// B7.
fn check_locations(name: &str, graph: &[u8], external: &[(String, Vec<u8>)]) -> Result<(), EncodeError> {
    let fault = |message: String| EncodeError::new("BUNDLE_GRAPH", name, message);
    for location in onnx::external_files(graph).map_err(fault)? {
        if !external.iter().any(|(listed, _)| listed.as_bytes() == location) {
            let found = String::from_utf8_lossy(location);
            return Err(fault(format!("found external data in {found:?}, expected it in listed files alone")));
        }
    }
    Ok(())
}

/// B8.
fn check_ports(name: &str, graph: &[u8], encoder: &Value, dimension: i64) -> Result<(), EncodeError> {
    let fault = |message: String| EncodeError::new("BUNDLE_GRAPH", name, message);
    let (inputs, outputs) = onnx::ports(graph).map_err(fault)?;
    let int32 = encoder.get("input_type").and_then(Value::as_str) == Some("int32");
    let due = |name: &[u8]| Port { name: name.to_vec(), element: if int32 { 6 } else { 7 }, shape: vec![None, None] };
    let due = [due(b"input_ids"), due(b"attention_mask")];
    if inputs.len() != 2 || !due.iter().all(|port| inputs.contains(port)) {
        let message =
            "found other inputs, expected input_ids and attention_mask of the stated type, with two free axes";
        return Err(fault(message.to_string()));
    }
    let pooled: Vec<&Port> = outputs.iter().filter(|port| port.name == b"pooled").collect();
    let width = |port: &Port| port.shape[1].is_none() || port.shape[1] == u64::try_from(dimension).ok();
    match pooled[..] {
        [port] if port.element == 1 && port.shape.len() == 2 && width(port) => Ok(()),
        _ => Err(fault(format!("found other outputs, expected pooled, float32 (batch, {dimension})"))),
    }
}

/// B9.
fn check_vocabulary(name: &str, bytes: &[u8]) -> Result<(), EncodeError> {
    if bytes == ALPHABET.map(|token| format!("{token}\n")).concat().as_bytes() {
        return Ok(());
    }
    let message = "found another text, expected the 33 tokens, each with a line feed";
    Err(EncodeError::new("BUNDLE_VOCABULARY", name, message))
}

/// B11.
fn check_contract(head: &Head, encoder: &Value) -> Result<(), EncodeError> {
    let Some(contract) = head.config().get("embedding").filter(|contract| !contract.is_null()) else {
        let message = "found no embedding contract, expected one for a head with an encoder";
        return Err(EncodeError::new("ENCODER", "/embedding", message));
    };
    for (member, own) in SAME {
        let [wanted, found] = [contract.get(member), encoder.get(own)].map(|value| value.unwrap_or(&Value::Null));
        let not_compared = member == "weights_sha256" && (wanted.is_null() || found.is_null());
        if wanted != found && !not_compared {
            let message = format!("found another {own} in the bundle's encoder, expected that of the artifact");
            return Err(EncodeError::new("ENCODER", format!("/embedding/{member}"), message));
        }
    }
    Ok(())
}
