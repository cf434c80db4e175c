//! Bundles and tables of sequences through the library. The refusals, 106 of them, are in `tests/test_bundle.py`.

#![cfg(feature = "encode")]

mod common;

use std::fs;
use std::path::PathBuf;

use plmhead::Cutoff;
use plmhead::encode::{Bundle, Format, Record, Records};
use plmhead::sequences::{ALPHABET, TooLong, golden_sequences, normalise, tokenize};
use proptest::prelude::*;
use serde_json::Value;

/// The bundle of the cases, in a folder of this test's own.
fn tiny(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::create_dir_all(&folder).expect("a folder");
    for entry in fs::read_dir(common::repository("conformance/bundle/tiny")).expect("the bundle of the cases") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy");
    }
    let graph = "random-esm2-tiny.onnx";
    fs::copy(common::repository("python/plmhead/encoders").join(graph), folder.join(graph)).expect("a copy");
    folder
}

#[test]
fn a_bundle_scores_its_golden_sequences() {
    let folder = tiny("golden");
    let bundle = Bundle::load(&folder).expect("a good bundle");
    assert_eq!((bundle.encoder_name(), bundle.too_long()), ("plmhead/random-esm2-tiny", TooLong::Error));
    let stored: Value = serde_json::from_slice(&fs::read(folder.join("golden.json")).expect("a file")).expect("JSON");
    for batch in [1, 6] {
        let embeddings: Vec<f32> =
            golden_sequences().chunks(batch).flat_map(|batch| bundle.embed(batch).expect("embeddings")).collect();
        let scores = bundle.head().score(&embeddings, &Cutoff::default()).expect("scores");
        for (j, decision) in scores.decision.iter().enumerate() {
            let stored = stored[j]["decision"][0].as_f64().expect("a number");
            assert!((decision - stored).abs() <= 1e-4, "{j}: {decision} {stored}");
        }
    }
    assert!(bundle.embed::<&str>(&[]).expect("nothing").is_empty());
}

#[test]
fn an_embedding_does_not_depend_on_its_batch() {
    let bundle = Bundle::load(tiny("batch")).expect("a good bundle");
    let [short, _, other, long, ..] = golden_sequences();
    let alone = bundle.embed(&[&short]).expect("one");
    let beside = bundle.embed(&[&long, &short, &other]).expect("three");
    let width = bundle.head().n_features_in();
    let far = alone.iter().zip(&beside[width..]).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(far <= 1e-5, "{far}");
}

/// What the batches of `plmhead serve` rest on. One sequence alone is another matter: the runtime rounds it otherwise.
#[test]
fn neighbours_of_the_same_length_change_no_bit() {
    let bundle = Bundle::load(tiny("neighbours")).expect("a good bundle");
    let residues = &ALPHABET[4..24];
    let text = |seed: usize, length: usize| -> String {
        (0..length).map(|i| residues[(seed + 7 * i + i * i * (seed + 1)) % residues.len()]).collect()
    };
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    for (length, rows) in [(1, 8), (2, 5), (7, 3), (15, 8), (16, 2), (63, 7), (120, 8), (121, 5), (300, 8), (1022, 4)] {
        let texts: Vec<String> = (0..rows).map(|seed| text(seed, length)).collect();
        let twice = |text: &String| bundle.embed(&[text, text]).expect("two")[..bundle.head().n_features_in()].to_vec();
        let due: Vec<f32> = texts.iter().flat_map(twice).collect();
        assert_eq!(bits(bundle.embed(&texts).expect("all")), bits(due), "{rows} of length {length}");
    }
}

#[test]
fn a_refusal_says_code_place_and_remedy() {
    let folder = tiny("refusal");
    fs::write(folder.join("vocabulary.txt"), "L\n").expect("a file");
    let error = Bundle::load(&folder).expect_err("refused");
    assert_eq!((error.code(), error.place()), ("BUNDLE_FILE", "vocabulary.txt"));
    assert_eq!(error.remedy(), Some("copy the whole folder again"));
    assert!(error.to_string().starts_with("BUNDLE_FILE (vocabulary.txt): found 2 bytes, expected 94"), "{error}");
}

/// The records; None where the table is refused.
fn records(text: &str, format: Format) -> Option<Vec<Record>> {
    Records::new("table", text.as_bytes(), format, "sequence").ok()?.collect::<Result<_, _>>().ok()
}

#[test]
fn fasta_is_read_by_its_lines() {
    let text = "\u{feff}\n>a b\nMK\n\n L \r\n>\n>c\nM";
    let record =
        |(line, id, text): (u64, &str, &str)| Record { line, id: Some(id.to_string()), sequence: Ok(text.to_string()) };
    let expected = [(2, "a", "MKL"), (6, "", ""), (7, "c", "M")].map(record);
    assert_eq!(records(text, Format::Fasta), Some(expected.to_vec()));
}

#[test]
fn csv_counts_the_lines_of_the_file() {
    for end in ["\n", "\r\n"] {
        let text = ["", "id,sequence", "", "a,MK", "\"b", "", "c\",\"ML\"", "", "", "d,M", "e"].join(end);
        let found = records(&text, Format::Csv).expect("a table");
        assert_eq!(found.iter().map(|record| record.line).collect::<Vec<_>>(), [4, 5, 10, 11], "{end:?}");
    }
}

#[test]
fn a_sequence_that_never_ends_is_not_kept() {
    let text = format!(">a\n{}", "MKLV\n".repeat(300_000));
    let found = records(&text, Format::Fasta).expect("a table");
    assert!(found[0].sequence.as_ref().is_err_and(|fault| fault.contains("1048576")), "{:?}", found[0].id);
}

proptest! {
    #[test]
    fn fasta_leads_back_to_what_was_written(
        rows in prop::collection::vec(("[a-z0-9|]{0,8}", "[ACDEFGHIKLMNPQRSTVWYX]{0,40}"), 1..8),
        width in 1usize..20,
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let mut text = String::new();
        for (id, sequence) in &rows {
            text += &format!(">{id} more{end}");
            for piece in sequence.as_bytes().chunks(width) {
                text += &format!("{}{end}", String::from_utf8_lossy(piece));
            }
        }
        let found = records(&text, Format::Fasta).expect("a table");
        let found: Vec<_> = found.into_iter().map(|found| (found.id.expect("an id"), found.sequence.expect("a text"))).collect();
        // An empty id takes the next word.
        let rows: Vec<_> = rows.into_iter().map(|(id, text)| (if id.is_empty() { "more".into() } else { id }, text)).collect();
        prop_assert_eq!(found, rows);
    }

    #[test]
    fn any_bytes_are_records_or_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..200), csv: bool) {
        let format = if csv { Format::Csv } else { Format::Fasta };
        if let Ok(records) = Records::new("table", &bytes[..], format, "sequence") {
            prop_assert!(records.count() <= bytes.len() + 1);
        }
    }

    #[test]
    fn any_text_is_residues_or_a_refusal(text in any::<String>()) {
        match normalise(&text, TooLong::Error) {
            Ok(sequence) => prop_assert!(sequence.bytes().all(|b| b"ACDEFGHIKLMNPQRSTVWYX".contains(&b))),
            Err(fault) => prop_assert!(fault.code.starts_with("SEQUENCE_")),
        }
    }

    #[test]
    fn tokens_lead_back_to_the_sequences(texts in prop::collection::vec("[ACDEFGHIKLMNPQRSTVWYX]{1,40}", 1..6)) {
        let tokens = tokenize(&texts);
        let rows = tokens.input_ids.chunks(tokens.length).zip(tokens.attention_mask.chunks(tokens.length));
        for ((ids, mask), text) in rows.zip(&texts) {
            let kept = ids.iter().zip(mask).filter(|(_, mask)| **mask == 1).map(|(id, _)| ALPHABET[*id as usize]);
            prop_assert_eq!(kept.collect::<String>(), format!("<cls>{text}<eos>"));
            prop_assert!(ids.iter().zip(mask).all(|(id, mask)| (*id == 1) == (*mask == 0)));
        }
    }
}
