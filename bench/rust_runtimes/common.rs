// Shared by the three programs: PROGRAM GRAPH BATCHES OUT ROUNDS reads the batches, runs them all ROUNDS times, writes the
// pooled float32 of the first round, and prints the seconds of loading and of each round as JSON.
//
// BATCHES: little-endian int64; the number of batches, then for each: rows, length, the ids, the mask.

use std::time::Instant;

pub struct Batch {
    pub rows: usize,
    pub length: usize,
    pub ids: Vec<i64>,
    pub mask: Vec<i64>,
}

fn batches(path: &str) -> Vec<Batch> {
    let bytes = std::fs::read(path).expect("the batches");
    let mut numbers = bytes.chunks_exact(8).map(|eight| i64::from_le_bytes(eight.try_into().expect("eight bytes")));
    let mut next = || numbers.next().expect("another number");
    (0..next())
        .map(|_| {
            let (rows, length) = (next() as usize, next() as usize);
            let ids = (0..rows * length).map(|_| next()).collect();
            let mask = (0..rows * length).map(|_| next()).collect();
            Batch { rows, length, ids, mask }
        })
        .collect()
}

pub fn measure<M>(load: impl FnOnce(&str) -> M, mut pooled: impl FnMut(&mut M, &Batch) -> Vec<f32>) {
    let words: Vec<String> = std::env::args().collect();
    let batches = batches(&words[2]);
    let start = Instant::now();
    let mut model = load(&words[1]);
    let loading = start.elapsed().as_secs_f64();
    let mut rounds = Vec::new();
    for round in 0..words[4].parse::<usize>().expect("a number of rounds") {
        let start = Instant::now();
        let values: Vec<f32> = batches.iter().flat_map(|batch| pooled(&mut model, batch)).collect();
        rounds.push(start.elapsed().as_secs_f64());
        if round == 0 {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(&words[3], bytes).expect("the output");
        }
    }
    println!("{{\"load\": {loading}, \"rounds\": {rounds:?}}}");
}
