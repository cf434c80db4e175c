//! `bundle.json`: rules B2 to B5 of the bundle's specification. Bytes in, checked members out.

use crate::config::part;
use crate::encode::EncodeError;
use crate::fields::{self, Field, Rule};
use crate::forms::{self, Form};
use crate::json::Value;

pub(super) const NAME: &str = "bundle.json";

const FORMAT: &str = "plmhead-bundle";
const MINOR: u32 = 0;
const SAFE_MAX: i64 = 9_007_199_254_740_991;

const fn must(name: &'static str, rule: Rule) -> Field {
    Field { name, required: true, rule, also: None }
}

macro_rules! one_of {
    ($($word:literal),+) => {
        Form { expected: concat!("one of:", $(" ", $word),+), test: |s| matches!(s, $($word)|+) }
    };
}

const STEM: Form = Form { expected: "1 to 64 letters, digits, '_', '.' and '-'", test: |s| plain(s, 64) };

static DIGEST: Rule = Rule::String(forms::HEX64);
static FILE_OBJECT: Rule = Rule::Object(&FILE);

static ROOT: [Field; 5] = [
    must("format", Rule::String(forms::ANY)),
    must("format_version", Rule::String(forms::ANY)),
    must("name", Rule::String(STEM)),
    must("encoder", Rule::Object(&ENCODER)),
    must("files", Rule::Array(5, 69, &FILE_OBJECT)),
];

static ENCODER: [Field; 7] = [
    must("name", Rule::String(forms::MODEL)),
    must("family", Rule::String(one_of!("esm1b", "esm1v", "esm2"))),
    must("weights_sha256", Rule::Nullable(&DIGEST)),
    must("dimension", Rule::Integer(1, 65_536)),
    must("dtype", Rule::String(one_of!("float32", "float16", "bfloat16"))),
    must("accuracy", Rule::String(one_of!("exact", "fast"))),
    must("input_type", Rule::String(one_of!("int64", "int32"))),
];

static FILE: [Field; 4] = [
    must("role", Rule::String(one_of!("npz", "config", "graph", "external_data", "vocabulary", "golden"))),
    must("name", Rule::String(forms::ANY)),
    must("size", Rule::Integer(0, SAFE_MAX)),
    must("sha256", Rule::String(forms::HEX64)),
];

/// The largest size of a file by its role.
fn most(role: &str) -> u64 {
    match role {
        "npz" => 150_994_944,
        "graph" => (1 << 31) - 1,
        "external_data" => 1 << 36,
        _ => 1 << 20,
    }
}

/// A file that the manifest lists.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) role: String,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: String,
}

/// A checked manifest.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) name: String,
    /// The object `encoder`.
    pub(super) encoder: Value,
    pub(super) files: Vec<Listed>,
}

impl Manifest {
    pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, EncodeError> {
        let root = Value::parse(bytes).map_err(|error| EncodeError::from(error).at(NAME))?;
        let open = version(&root)? > MINOR;
        fields::check(&root, &ROOT, open).map_err(|error| within(error.into(), NAME))?;
        let files: Vec<Listed> =
            root.get("files").and_then(Value::as_array).unwrap_or_default().iter().map(listed).collect();
        let manifest =
            Manifest { name: text(&root, "name"), encoder: root.get("encoder").cloned().unwrap_or(Value::Null), files };
        manifest.check_roles()?;
        manifest.check_names()?;
        Ok(manifest)
    }

    /// B4.
    fn check_roles(&self) -> Result<(), EncodeError> {
        let mut expected = vec!["npz", "config", "graph"];
        expected.resize(self.files.len() - 2, "external_data");
        expected.extend(["vocabulary", "golden"]);
        if !self.files.iter().map(|file| &*file.role).eq(expected.iter().copied()) {
            let message = format!("found the roles in another order, expected {}", expected.join(" "));
            return Err(EncodeError::new("FIELD_VALUE", format!("{NAME}/files"), message));
        }
        for (index, file) in self.files.iter().enumerate() {
            if file.size > most(&file.role) {
                let message = format!("found {}, expected at most {}", file.size, most(&file.role));
                return Err(EncodeError::new("FIELD_VALUE", format!("{NAME}/files/{index}/size"), message));
            }
        }
        Ok(())
    }

    /// B5.
    fn check_names(&self) -> Result<(), EncodeError> {
        let mut taken = vec![NAME.to_string()];
        for (index, file) in self.files.iter().enumerate() {
            let due = match &*file.role {
                "npz" => format!("{}.npz", self.name),
                "config" => format!("{}_config.json", self.name),
                _ => file.name.clone(),
            };
            let lower = file.name.to_ascii_lowercase();
            let expected = if !plain(&file.name, 128) {
                "a plain file name of letters, digits, '_', '.' and '-'".to_string()
            } else if taken.contains(&lower) {
                "a name that no other file has, whatever its case".to_string()
            } else if file.role == "external_data" && !is_external(&file.name) {
                "a name that ends in .data or .onnx_data".to_string()
            } else if file.name != due {
                format!("{due:?}")
            } else {
                taken.push(lower);
                continue;
            };
            let message = format!("found {:?}, expected {expected}", file.name);
            return Err(EncodeError::new("BUNDLE_NAME", format!("{NAME}/files/{index}/name"), message));
        }
        Ok(())
    }
}

/// The error of a JSON file's field: its pointer follows the file's name.
pub(super) fn within(error: EncodeError, name: &str) -> EncodeError {
    let place = format!("{name}{}", error.place());
    error.at(place)
}

/// B2: the minor version.
fn version(root: &Value) -> Result<u32, EncodeError> {
    if root.as_object().is_none() {
        return Err(EncodeError::new("FIELD_TYPE", NAME, format!("found {}, expected an object", root.kind())));
    }
    for name in ["format", "format_version"] {
        let place = format!("{NAME}/{name}");
        let Some(value) = root.get(name) else {
            return Err(EncodeError::new("FIELD_MISSING", place, format!("found no member {name}, expected one")));
        };
        let Some(value) = value.as_str() else {
            return Err(EncodeError::new("FIELD_TYPE", place, format!("found {}, expected a string", value.kind())));
        };
        if name == "format" && value != FORMAT {
            return Err(EncodeError::new("FORMAT_UNKNOWN", place, format!("found {value:?}, expected {FORMAT:?}")));
        }
    }
    let (place, stated) = (format!("{NAME}/format_version"), text(root, "format_version"));
    let parts = stated.split_once('.').and_then(|(major, minor)| Some((part(major)?, part(minor)?)));
    match parts {
        Some((1, minor)) => Ok(minor),
        Some(_) => Err(EncodeError::new("VERSION_UNSUPPORTED", place, format!("found {stated}, expected 1.x"))),
        None => Err(EncodeError::new("FIELD_VALUE", place, format!("found {stated:?}, expected MAJOR.MINOR"))),
    }
}

fn listed(file: &Value) -> Listed {
    let size = file.get("size").and_then(Value::as_i64).and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    Listed { role: text(file, "role"), name: text(file, "name"), size, sha256: text(file, "sha256") }
}

fn text(object: &Value, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_string()
}

/// Ends in `.data` or `.onnx_data`, which may be followed by `_` and digits. The runtime takes no other.
fn is_external(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let stem = name.rsplit_once('_').filter(|(_, end)| digits(end)).map_or(name, |(stem, _)| stem);
    [stem, name].iter().any(|name| {
        let stem = name.strip_suffix(".data").or_else(|| name.strip_suffix(".onnx_data"));
        stem.is_some_and(|stem| !stem.is_empty())
    })
}

/// 1 to `most` of `A-Z a-z 0-9 _ . -`, the first a letter or digit.
fn plain(name: &str, most: usize) -> bool {
    let rest = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    name.len() <= most && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && name.bytes().all(rest)
}
