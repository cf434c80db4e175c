//! soak NAME REFUSED X LOADS SCORES: as hostile/drivers/soak_python.py, with threads that share one head. `make soak` starts it.

use std::collections::BTreeSet;
use std::path::Path;

use plmhead::{Cutoff, Head};
use sha2::{Digest, Sha256};

const THREADS: usize = 4;
const ROWS: usize = 10; // a call

/// Of this process, in bytes.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux system");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    1024 * line.trim().trim_end_matches(" kB").parse::<i64>().expect("a number")
}

/// The largest resident size in nine looks at `step` over that after the first tenth of the calls.
fn growth(count: usize, mut step: impl FnMut(usize)) -> i64 {
    let mut tenth = || (0..count / 10).for_each(&mut step);
    tenth();
    let base = resident();
    let look = |_| {
        tenth();
        resident() - base
    };
    (0..9).map(look).max().unwrap_or_default()
}

/// A digest of decisions and probabilities of all rows, scored by tens.
fn bits(head: &Head, x: &[f32]) -> String {
    let (mut decisions, mut probabilities) = (Vec::new(), Vec::new());
    for part in x.chunks(ROWS * head.n_features_in()) {
        let scores = head.score(part, &Cutoff::default()).expect("finite rows");
        decisions.extend(scores.decision);
        probabilities.extend(scores.probability);
    }
    let bytes: Vec<u8> = decisions.iter().chain(&probabilities).flat_map(|value| value.to_le_bytes()).collect();
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every tenth load is one that must be refused.
fn load(name: &str, refused: &str, i: usize) {
    match i % 10 {
        0 => assert!(Head::load(refused).is_err(), "the refused pair was loaded"),
        _ => drop(Head::load(name).expect("a pair that loads")),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, refused, x, loads, scores] = arguments.as_slice() else { panic!("NAME REFUSED X LOADS SCORES") };
    let (loads, scores) = (loads.parse().expect("a number"), scores.parse::<usize>().expect("a number"));
    let head = Head::load(name).expect("a pair that loads");
    let bytes = std::fs::read(Path::new(x)).expect("the rows");
    let x: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let mut found = BTreeSet::from([bits(&head, &x)]);
    // One step scores all rows in each thread, with the one head.
    let step = |_| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| bits(&head, &x))).collect();
            found.extend(threads.into_iter().map(|thread| thread.join().expect("no panic")));
        });
    };
    let score_growth = growth(scores / (THREADS * (x.len() / head.n_features_in())), step);
    let load_growth = growth(loads, |i| load(name, refused, i));
    let digests: Vec<String> = found.iter().map(|digest| format!("\"{digest}\"")).collect();
    println!(
        r#"{{"language": "rust", "loads": {loads}, "scores": {scores}, "growth": {}, "digests": [{}]}}"#,
        score_growth.max(load_growth),
        digests.join(", ")
    );
}
