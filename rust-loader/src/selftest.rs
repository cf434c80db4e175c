//! The arithmetic at hand and the scores stored in the artifact: section 12 of the specification.

use std::hint::black_box;

use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::errors::{Code, Error};
use crate::head::Head;
use crate::json::Value;

const TWO_52: f64 = f64::from_bits(0x3cb0000000000000);
const TWO_53: f64 = f64::from_bits(0x3ca0000000000000);
const TWO_54: f64 = f64::from_bits(0x3c90000000000000);

/// E1. `black_box` keeps the compiler from computing the answers itself, under its own rounding.
pub(crate) fn check_environment() -> Result<(), Error> {
    let b = |x: f64| black_box(x);
    let holds = [
        ("2^-1022 × 0.5", (b(f64::MIN_POSITIVE) * b(0.5)).to_bits() != 0),
        ("2^-1074 × 1", (b(f64::from_bits(1)) * b(1.0)).to_bits() != 0),
        ("1 + 2^-53", b(1.0) + b(TWO_53) == 1.0),
        ("1 + 3·2^-54", b(1.0) + b(3.0 * TWO_54) == 1.0 + TWO_52),
        ("-1 - 2^-53", b(-1.0) - b(TWO_53) == -1.0),
        ("(1 + 2^-52) + 2^-53", b(1.0 + TWO_52) + b(TWO_53) == 1.0 + 2.0 * TWO_52),
    ];
    match holds.iter().find(|(_, holds)| !holds) {
        Some((sum, _)) => {
            let message = format!("found a wrong result of {sum}, expected that of IEEE 754, to nearest even");
            Err(Error::new(Code::Environment, "npz", message))
        }
        None => Ok(()),
    }
}

/// Inputs of 512 KiB in all.
const FEATURES_OF_A_BATCH: usize = 8192;

/// What a config binds its self-test to (E2).
const BOUND: [&str; 7] = ["format_version", "min_reader", "link", "decision", "embedding", "golden", "npz_sha256"];

/// s_0 to s_7 of a config (E2).
fn seeds(config: &Config) -> [u32; 8] {
    let mut binding = Sha256::new();
    BOUND.iter().filter_map(|name| config.get(name)).for_each(|value| add_lines(value, &mut binding));
    let digest = binding.finalize();
    std::array::from_fn(|j| u32_be(&digest, 4 * j))
}

fn u32_be(bytes: &[u8], at: usize) -> u32 {
    bytes.iter().skip(at).take(4).fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// The lines go to the hash one by one: all of them together may be as long as the config.
fn add_lines(value: &Value, binding: &mut Sha256) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_lines(item, binding)),
        Value::Object(members) => members.iter().for_each(|(name, inner)| {
            add_line(name, binding);
            add_lines(inner, binding);
        }),
        Value::Null => add_line("null", binding),
        Value::Bool(truth) => add_line(&truth.to_string(), binding),
        Value::String(text) => add_line(text, binding),
        Value::Integer(number) => add_line(&bits(*number as f64), binding),
        Value::Float(number) => add_line(&bits(*number), binding),
    }
}

fn add_line(line: &str, binding: &mut Sha256) {
    binding.update(line);
    binding.update("\n");
}

fn bits(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

/// E3. A batch, so that the loop that scores batches is what is tested; rows one by one where all eight take much memory.
pub(crate) fn check_scores(head: &Head) -> Result<(), Error> {
    let (n, rows, k) = (head.n_features_in(), head.rows(), head.classes().len());
    let inputs = if n <= FEATURES_OF_A_BATCH { 8 } else { 1 };
    let (mut x, mut decision, mut probability) =
        (vec![0.0; inputs * n], vec![0.0; inputs * rows], vec![0.0; inputs * k]);
    let seeds = seeds(head.config());
    let records = head.config().get("self_test").and_then(Value::as_array).unwrap_or_default();
    for (j, record) in (0u32..8).zip(records) {
        let at = j as usize % inputs;
        if at == 0 {
            (j..).zip(x.chunks_exact_mut(n)).for_each(|(j, x)| fill(x, j, seeds[j as usize]));
            head.score_unchecked(&x, &mut decision, &mut probability);
        }
        compare(record, j, "decision", &decision[at * rows..][..rows])?;
        compare(record, j, "probability", &probability[at * k..][..k])?;
    }
    Ok(())
}

/// Input j: x_i = r(8i + j + s_j) · 2^j.
fn fill(x: &mut [f64], j: u32, seed: u32) {
    let scale = f64::from(1u32 << j);
    for (i, x) in (0u32..).zip(x) {
        let scrambled = (8 * i + j).wrapping_add(seed).wrapping_mul(2_654_435_761);
        *x = (f64::from(scrambled) - 2_147_483_648.0) / 2_147_483_648.0 * scale;
    }
}

fn compare(record: &Value, j: u32, name: &str, found: &[f64]) -> Result<(), Error> {
    let stored = record.get(name).and_then(Value::as_array).unwrap_or_default();
    for (found, stored) in found.iter().zip(stored) {
        let stored = stored.as_str().unwrap_or_default();
        let bits = bits(*found);
        if bits != stored || !found.is_finite() {
            let message = format!("found bits {bits}, expected {stored}, finite");
            return Err(Error::new(Code::SelfTest, format!("/self_test/{j}/{name}"), message));
        }
    }
    Ok(())
}
