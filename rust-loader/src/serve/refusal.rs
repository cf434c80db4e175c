//! Why a request gets no results: a status of HTTP, and a code of the registry.

use plmhead::Error;
use plmhead::encode::EncodeError;

use crate::print::Json;

/// The codes that only a service has, each with its status and its remedy in `spec/v1/errors.json`.
pub const CODES: [(&str, u16, Option<&str>); 6] = [
    ("REQUEST_PATH", 404, None),
    ("REQUEST_METHOD", 405, None),
    ("REQUEST_SLOW", 408, None),
    ("REQUEST_SIZE", 413, Some("send fewer sequences at a time")),
    ("REQUEST_TYPE", 415, Some("send application/json, text/x-fasta or text/csv")),
    ("SERVICE_BUSY", 503, Some("ask again after the seconds of Retry-After")),
];

/// A request that was refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    /// A part of the request: `body`, `body@N` with an offset, a JSON pointer, or a word of its head such as `path`.
    pub place: String,
    pub message: String,
    pub remedy: Option<&'static str>,
}

impl Refusal {
    /// One of [`CODES`].
    pub fn of_service(code: &'static str, place: &str, message: impl Into<String>) -> Refusal {
        let known = CODES.iter().find(|(known, ..)| *known == code);
        let (status, remedy) = known.map_or((500, None), |(_, status, remedy)| (*status, *remedy));
        Refusal { status, code, place: place.to_string(), message: message.into(), remedy }
    }

    /// Understood, but not usable.
    pub fn unusable(code: &'static str, place: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { status: 422, code, place: place.into(), message: message.into(), remedy: None }
    }

    /// The encoder or the head failed on a sequence that is good: not the client's fault.
    pub fn internal(error: &EncodeError) -> Refusal {
        Refusal {
            status: 500,
            code: error.code(),
            place: error.place().to_string(),
            message: error.message().to_string(),
            remedy: error.remedy(),
        }
    }

    /// The body is no JSON. The parser speaks of the file that it mostly reads.
    pub fn of_json(error: &Error) -> Refusal {
        let place = error.place().replacen("config", "body", 1);
        Refusal { status: 400, ..Refusal::unusable(error.code().as_str(), place, error.message()) }
    }

    pub fn json(&self) -> String {
        let mut text = Json::object(|json| {
            json.name("code").str(self.code);
            json.name("where").str(&self.place);
            json.name("message").str(&self.message);
            json.name("remedy").optional_str(self.remedy);
        });
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, Refusal};

    #[test]
    fn codes_and_remedies_are_those_of_the_registry() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/v1/errors.json");
        let registry: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).expect("the registry")).expect("JSON");
        let entries: Vec<_> = registry["errors"].as_array().expect("a list").iter().collect();
        let service = entries.iter().filter(|entry| entry["phase"] == "service" && entry["code"] != "SERVICE");
        let due: Vec<_> = service.map(|entry| (entry["code"].as_str(), entry["remedy"].as_str())).collect();
        assert_eq!(due, CODES.map(|(code, _, remedy)| (Some(code), remedy)).to_vec());
    }

    #[test]
    fn a_refusal_is_one_object() {
        let refusal = Refusal::of_service("REQUEST_SIZE", "body", "found \"much\"");
        let found: serde_json::Value = serde_json::from_str(&refusal.json()).expect("JSON");
        let remedy = "send fewer sequences at a time";
        let due =
            serde_json::json!({"code": "REQUEST_SIZE", "where": "body", "message": "found \"much\"", "remedy": remedy});
        assert_eq!((found, refusal.status), (due, 413));
    }
}
