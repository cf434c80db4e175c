//! The Rust tokenizer as a testee: a request a line in, an answer a line out (see `conformance/tokenizer/run.py`).

use std::io::{self, BufRead, Write};

use plmhead::sequences::{TooLong, normalise, tokenize};
use serde_json::{Value, json};

fn answer(request: &Value) -> Value {
    let too_long = if request["too_long"] == "truncate" { TooLong::Truncate } else { TooLong::Error };
    let texts = request["sequences"].as_array().expect("a list of sequences");
    let mut sequences = Vec::new();
    for (row, text) in texts.iter().enumerate() {
        match normalise(text.as_str().expect("a string"), too_long) {
            Ok(sequence) => sequences.push(sequence),
            Err(fault) => {
                let place = format!("/{row}");
                return json!({"error": {"code": fault.code, "where": place, "position": fault.position}});
            }
        }
    }
    let tokens = tokenize(&sequences);
    let rows = |values: &[i64]| values.chunks(tokens.length).map(<[i64]>::to_vec).collect::<Vec<_>>();
    json!({"input_ids": rows(&tokens.input_ids), "attention_mask": rows(&tokens.attention_mask)})
}

fn main() -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request = serde_json::from_str(&line?).expect("a request in JSON");
        writeln!(output, "{}", answer(&request))?;
        output.flush()?;
    }
    Ok(())
}
