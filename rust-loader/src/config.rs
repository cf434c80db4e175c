//! The config of a pair: version (section 4), seal (section 5), fields (section 6), and the values as types.

use crate::digest::sha256;
use crate::errors::{Code, Error};
use crate::fields;
use crate::json::Value;
use crate::tables;

/// The newest minor version of major 1 that this crate implements.
const MINOR: u32 = 0;

const SEAL_BYTES: usize = 86;

/// How a decision becomes a probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Two classes, one row of coefficients.
    Logistic,
    /// Three or more classes, one row of coefficients each.
    Softmax,
}

impl Link {
    /// `logistic` or `softmax`.
    pub fn as_str(self) -> &'static str {
        match self {
            Link::Logistic => "logistic",
            Link::Softmax => "softmax",
        }
    }
}

/// The metadata of an artifact. What has no field here is reached by [`Config::get`].
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Config {
    /// `"0"`, or the file's `format_version`.
    pub format_version: String,
    /// How a decision becomes a probability.
    pub link: Link,
    /// The threshold on the probability of class 1; none for softmax.
    pub threshold: Option<f64>,
    /// Thresholds by assay type, in the order of the file.
    pub assay_thresholds: Vec<(String, f64)>,
    /// The scikit-learn that fitted the head.
    pub sklearn_version: Option<String>,
    /// The checkpoint whose embeddings the head was trained on.
    pub esm_model: Option<String>,
    /// Its revision.
    pub esm_revision: Option<String>,
    /// Where the embedding contract comes from: `plmhead`, `declared` or `version-0`.
    pub embedding_origin: Option<String>,
    root: Value,
}

impl Config {
    /// Reads and checks a config on its own: sections 3 to 6.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Config, Error> {
        let root = Value::parse(bytes)?;
        match version(&root)? {
            None => {
                fields::check(&root, &tables::VERSION_0, true)?;
                Ok(Config::version_0(root))
            }
            Some(version) => {
                check_seal(bytes, &root)?;
                fields::check(&root, &tables::ROOT, version.1 > MINOR)?;
                Ok(Config::version_1(root))
            }
        }
    }

    /// A member of the root, as the file holds it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.root.get(name)
    }

    #[cfg(feature = "capi")]
    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    pub(crate) fn is_version_0(&self) -> bool {
        self.format_version == "0"
    }

    fn version_0(root: Value) -> Config {
        Config {
            format_version: "0".to_string(),
            link: Link::Logistic,
            threshold: Some(0.5),
            assay_thresholds: vec![("ELISA".to_string(), 0.5), ("PSR".to_string(), 0.5495)],
            sklearn_version: text(&root, "sklearn_version"),
            esm_model: text(&root, "esm_model"),
            esm_revision: text(&root, "esm_revision"),
            embedding_origin: Some("version-0".to_string()),
            root,
        }
    }

    fn version_1(root: Value) -> Config {
        let decision = root.get("decision").unwrap_or(&Value::Null);
        let assays = decision.get("assay_thresholds").and_then(Value::as_object).unwrap_or_default();
        Config {
            format_version: text(&root, "format_version").unwrap_or_default(),
            link: if text(&root, "link").as_deref() == Some("softmax") { Link::Softmax } else { Link::Logistic },
            threshold: decision.get("threshold").and_then(Value::as_f64),
            assay_thresholds: assays.iter().filter_map(|(name, t)| Some((name.clone(), t.as_f64()?))).collect(),
            sklearn_version: text(&root, "sklearn_version"),
            esm_model: text(&root, "esm_model"),
            esm_revision: text(&root, "esm_revision"),
            embedding_origin: root.get("embedding").and_then(|embedding| text(embedding, "origin")),
            root,
        }
    }
}

fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_string)
}

/// Section 4: the version of the pair, none for version 0.
fn version(root: &Value) -> Result<Option<(u32, u32)>, Error> {
    let Some(members) = root.as_object() else {
        return Err(Error::new(Code::FieldType, "", format!("found {}, expected an object", root.kind())));
    };
    let Some(format) = root.get("format") else {
        let Some((name, _)) = members.iter().find(|(name, _)| tables::NEW.contains(&name.as_str())) else {
            return Ok(None);
        };
        let message = format!("found a member {name:?} but no \"format\", expected \"format\": \"plmhead\"");
        return Err(Error::new(Code::FormatMissing, "/format", message));
    };
    match format.as_str() {
        Some("plmhead") => {}
        Some(other) => {
            return Err(Error::new(Code::FormatUnknown, "/format", format!("found {other:?}, expected \"plmhead\"")));
        }
        None => {
            let message = format!("found {}, expected a string", format.kind());
            return Err(Error::new(Code::FieldType, "/format", message));
        }
    }
    let version = version_member(root, "format_version")?;
    if version.0 != 1 {
        let message = format!("found major version {}, expected 1", version.0);
        return Err(Error::new(Code::VersionUnsupported, "/format_version", message));
    }
    check_min_reader(version_member(root, "min_reader")?, version)?;
    Ok(Some(version))
}

fn check_min_reader(needed: (u32, u32), version: (u32, u32)) -> Result<(), Error> {
    let (code, expected) = if needed > (1, MINOR) {
        (Code::VersionUnsupported, format!("at most 1.{MINOR}"))
    } else if needed.0 != version.0 || needed > version {
        (Code::FieldValue, format!("{}.0 to {}.{}", version.0, version.0, version.1))
    } else {
        return Ok(());
    };
    let message = format!("found {}.{}, expected {expected}", needed.0, needed.1);
    Err(Error::new(code, "/min_reader", message))
}

fn version_member(root: &Value, name: &str) -> Result<(u32, u32), Error> {
    let fault = |code, message| Err(Error::new(code, format!("/{name}"), message));
    let Some(value) = root.get(name) else {
        return fault(Code::FieldMissing, format!("found no member {name:?}, expected one"));
    };
    let Some(text) = value.as_str() else {
        return fault(Code::FieldType, format!("found {}, expected a string", value.kind()));
    };
    let parts = text.split_once('.').and_then(|(major, minor)| Some((part(major)?, part(minor)?)));
    match parts {
        Some(version) => Ok(version),
        None => fault(Code::FieldValue, format!("found {text:?}, expected a version such as \"1.0\"")),
    }
}

/// `0`, or one to four digits without a leading zero.
pub(crate) fn part(text: &str) -> Option<u32> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Section 5.
fn check_seal(bytes: &[u8], root: &Value) -> Result<(), Error> {
    let place = "/config_sha256";
    if root.get("config_sha256").is_none() {
        return Err(Error::new(Code::FieldMissing, place, "found no member \"config_sha256\", expected one"));
    }
    // The name is asked for as well: a last member of another name may end in the same 86 bytes, after \".
    let last = root.as_object().and_then(<[_]>::last).is_some_and(|(name, _)| name == "config_sha256");
    let Some((body, stated)) = split_seal(bytes).filter(|_| last) else {
        let message = "found another ending, expected config_sha256 as the last member and the 86 bytes of the seal";
        return Err(Error::new(Code::ConfigSeal, place, message));
    };
    let found = sha256(body);
    if found.as_bytes() != stated {
        let stated = String::from_utf8_lossy(stated);
        let message = format!("found SHA-256 {found} of the bytes before the seal, expected {stated}");
        return Err(Error::new(Code::ConfigDigest, place, message));
    }
    Ok(())
}

/// The bytes before the seal, and its 64 digits.
fn split_seal(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
    let digits = seal.strip_prefix(b"\"config_sha256\": \"")?.strip_suffix(b"\"\n}\n")?;
    digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then_some((body, digits))
}
