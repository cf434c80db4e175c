//! From records and their vectors to the answer; and what the service says of its head.

use plmhead::encode::Bundle;
use plmhead::{Cutoff, Error, Head, Scores, Value};

use crate::cli::{assay_thresholds, score_members, threshold};
use crate::predict::Bad;
use crate::print::Json;
use crate::serve::Limits;
use crate::serve::refusal::Refusal;
use crate::serve::request::{Body, Entry};

/// The cut-off of a request: its own where it names one, else that of the service.
pub fn cutoff<'a>(head: &Head, body: &'a Body, service: &Cutoff<'a>) -> Result<Cutoff<'a>, Refusal> {
    let own = body.threshold.is_some() || body.assay_type.is_some();
    let cutoff = match own {
        true => Cutoff { threshold: body.threshold, assay_type: body.assay_type.as_deref() },
        false => service.clone(),
    };
    match head.predict_with::<f32>(&[], &cutoff) {
        Ok(_) => Ok(cutoff),
        Err(error) => Err(Refusal::unusable(error.code().as_str(), format!("/{}", error.place()), error.message())),
    }
}

/// The answer: one result for each entry, in their order. `vectors` are those of the entries that have a sequence.
pub fn answer(head: &Head, body: &Body, vectors: &[f32], cutoff: &Cutoff<'_>) -> Result<String, Error> {
    let scores = head.score(vectors, cutoff)?;
    let mut good = 0;
    let mut text = Json::object(|json| {
        json.name("results").array(body.entries.iter().enumerate(), |json, (row, entry)| {
            json.members(|json| result(json, head, row, entry, &scores, &mut good));
        });
        json.name("failed").plain(body.entries.len() - good);
    });
    text.push('\n');
    Ok(text)
}

fn result(json: &mut Json, head: &Head, row: usize, entry: &Entry, scores: &Scores<'_>, good: &mut usize) {
    json.name("row").plain(row);
    json.name("id").optional_str(entry.id.as_deref());
    if let Some(line) = entry.line {
        json.name("line").plain(line);
    }
    match &entry.sequence {
        Err(bad) => Bad::member(bad, json),
        Ok(_) => {
            let (rows, classes) = (head.rows(), head.classes().len());
            let z = &scores.decision[*good * rows..][..rows];
            let p = &scores.probability[*good * classes..][..classes];
            score_members(json, scores.labels[*good], z, p);
            *good += 1;
        }
    }
}

/// What answers are computed with, and what a request may hold.
pub fn description(bundle: &Bundle, limits: &Limits) -> String {
    let head = bundle.head();
    let member = |name: &str| head.config().get(name).unwrap_or(&Value::Null);
    let mut text = Json::object(|json| {
        json.name("format_version").str(head.format_version());
        json.name("model_type").json(member("model_type"));
        json.name("link").str(head.link().as_str());
        json.name("classes").array(head.classes(), Json::label);
        json.name("n_features_in").plain(head.n_features_in());
        threshold(json.name("threshold"), head);
        assay_thresholds(json.name("assay_thresholds"), head);
        json.name("encoder").str(bundle.encoder_name());
        json.name("embedding").json(member("embedding"));
        json.name("npz_sha256").str(head.npz_sha256());
        json.name("config_sha256").json(member("config_sha256"));
        json.name("verified").plain(head.verified());
        json.name("limits").members(|json| {
            json.name("body_bytes").plain(limits.body_bytes);
            json.name("sequences").plain(limits.request.sequences);
            json.name("residues").plain(limits.request.residues);
        });
    });
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use plmhead::sequences::TooLong;

    use super::*;
    use crate::serve::request::{Kind, Limits, parse};

    fn head() -> Head {
        Head::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/bundle/tiny/head"))
            .expect("the head of the cases")
    }

    fn body(text: &str) -> Body {
        let limits = Limits { sequences: 9, residues: 99 };
        parse(Kind::Json, text.as_bytes(), limits, TooLong::Error).expect("a body")
    }

    #[test]
    fn results_keep_the_order_and_bad_records_their_place() {
        let (head, body) = (head(), body(r#"{"sequences": ["Z", "M", {"id": "x", "sequence": ""}, "K"]}"#));
        let n = head.n_features_in();
        let vectors: Vec<f32> = (0..2 * n).map(|i| i as f32 / 64.0).collect();
        let text = answer(&head, &body, &vectors, &Cutoff::default()).expect("an answer");
        let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(found["failed"], 2);
        let results = found["results"].as_array().expect("a list");
        let codes: Vec<_> = results.iter().map(|result| result["error"]["code"].as_str()).collect();
        assert_eq!(codes, [Some("SEQUENCE_LETTER"), None, Some("SEQUENCE_EMPTY"), None]);
        assert_eq!((&results[0]["error"]["position"], &results[2]["id"]), (&1.into(), &"x".into()));
        for (row, x) in [(1, &vectors[..n]), (3, &vectors[n..])] {
            let due = head.score(x, &Cutoff::default()).expect("scores");
            assert_eq!(results[row]["decision"].as_f64().map(f64::to_bits), Some(due.decision[0].to_bits()));
            assert_eq!(results[row]["probability"].as_f64().map(f64::to_bits), Some(due.probability[1].to_bits()));
        }
    }

    #[test]
    fn a_request_may_bring_its_own_cut_off() {
        let head = head();
        let service = Cutoff { threshold: Some(0.25), assay_type: None };
        let [own, none] = [r#"{"sequences": ["M"], "threshold": 0.75}"#, r#"{"sequences": ["M"]}"#].map(body);
        assert_eq!(cutoff(&head, &own, &service).expect("a cut-off").threshold, Some(0.75));
        assert_eq!(cutoff(&head, &none, &service).expect("a cut-off").threshold, Some(0.25));
        for (text, code) in [(r#""threshold": 2"#, "THRESHOLD"), (r#""assay_type": "none such""#, "ASSAY_TYPE")] {
            let body = body(&format!("{{\"sequences\": [\"M\"], {text}}}"));
            let refusal = cutoff(&head, &body, &service).expect_err("a refusal");
            assert_eq!((refusal.status, refusal.code), (422, code));
        }
    }
}
