//! What the targets share: the form of an input, seals put right, and what every accepted head must do.

use plmhead::{Cutoff, Element, Error, Head};
use sha2::{Digest, Sha256};

const END: usize = 22;
const SEAL: usize = 86;
const NPZ_DIGEST: &[u8] = b"\"npz_sha256\": \"";

/// A base pair that every target starts from, and into which the smaller inputs are put.
pub struct Base {
    pub npz: &'static [u8],
    pub config: &'static [u8],
}

macro_rules! case {
    ($name:literal, $file:literal) => {
        include_bytes!(concat!("../../../../conformance/cases/base/", $name, "/", $file))
    };
}

/// Of the conformance suite: a version 1 pair with every member, a version 0 pair, and a version 1 pair with the smallest config.
pub const BASES: [Base; 3] = [
    Base { npz: case!("full", "model.npz"), config: case!("full", "model_config.json") },
    Base { npz: case!("v0", "model.npz"), config: case!("v0", "model_config.json") },
    Base { npz: case!("plain", "model.npz"), config: case!("plain", "model_config.json") },
];

/// The two files in the bytes of `load_pair`: a flag, the config's length in three bytes, the config, the NPZ.
/// With the lowest bit of the flag every CRC-32 and digest is put right.
pub fn pair(data: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (front, rest) = data.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes([front[1], front[2], front[3], 0]) as usize;
    let (config, npz) = rest.split_at(length.min(rest.len()));
    let (mut npz, mut config) = (npz.to_vec(), config.to_vec());
    if front[0] & 1 == 1 {
        reseal(&mut npz, &mut config);
    }
    Some((npz, config))
}

/// Puts right the CRC-32 of every member, `npz_sha256` and `config_sha256`, as far as they can be found.
pub fn reseal(npz: &mut [u8], config: &mut [u8]) {
    reseal_members(npz);
    let body = config.len().saturating_sub(SEAL);
    if body == 0 {
        return;
    }
    if let Some(at) = config.windows(NPZ_DIGEST.len()).position(|window| window == NPZ_DIGEST) {
        write_digest(config, at + NPZ_DIGEST.len(), npz);
    }
    let covered = config[..body].to_vec();
    write_digest(config, config.len() - 68, &covered);
}

fn write_digest(config: &mut [u8], at: usize, of: &[u8]) {
    let digits: String = Sha256::digest(of).iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(place) = config.get_mut(at..at + digits.len()) {
        place.copy_from_slice(digits.as_bytes());
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let found = bytes.get(at..at.checked_add(N)?)?;
    Some(found.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
}

/// Walks the directory; a record that leads nowhere ends the walk.
fn reseal_members(npz: &mut [u8]) -> Option<()> {
    let end = npz.len().checked_sub(END)?;
    let (count, mut record) = (number::<2>(npz, end + 10)?, number::<4>(npz, end + 16)?);
    for _ in 0..count.min(16) {
        let (size, name, local) =
            (number::<4>(npz, record + 24)?, number::<2>(npz, record + 28)?, number::<4>(npz, record + 42)?);
        let data = local + 30 + number::<2>(npz, local + 26)? + number::<2>(npz, local + 28)?;
        let crc = crc32fast::hash(npz.get(data..data + size)?).to_le_bytes();
        npz.get_mut(record + 16..record + 20)?.copy_from_slice(&crc);
        npz.get_mut(local + 14..local + 18)?.copy_from_slice(&crc);
        record += 46 + name;
    }
    Some(())
}

/// Loads a pair. Every error has a code and a place; an accepted head scores finite values, or says which row overflows.
pub fn check(npz: &[u8], config: &[u8]) {
    match Head::from_bytes(npz, config) {
        Ok(head) => {
            let n = head.n_features_in();
            score(&head, &vec![1.0_f64; 2 * n]);
            score(&head, &(0..n).map(|i| i as f32 - 2.5).collect::<Vec<f32>>());
            score(&head, &vec![f64::MAX; n]);
        }
        Err(error) => assert!(!error.message().is_empty() && !error.code().as_str().is_empty()),
    }
}

fn score<T: Element>(head: &Head, x: &[T]) {
    let scores = match head.score(x, &Cutoff::default()) {
        Ok(scores) => scores,
        Err(error) => return overflow(&error),
    };
    let k = head.classes().len();
    assert!(scores.decision.iter().all(|z| z.is_finite()));
    assert!(scores.probability.iter().all(|p| (0.0..=1.0).contains(p)));
    for row in scores.probability.chunks(k) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
    assert_eq!(scores.labels.len() * head.n_features_in(), x.len());
}

fn overflow(error: &Error) {
    assert_eq!(error.code().as_str(), "DECISION_NONFINITE");
}

/// The base's archive with `data` in the place of member `which`, of five; right in every field.
pub fn with_member(base: &[u8], which: u8, data: &[u8]) -> Vec<u8> {
    let mut members = members(base);
    let at = usize::from(which) % members.len();
    members[at].1 = data;
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in &members {
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc32fast::hash(data).to_le_bytes());
        common.extend([(data.len() as u32).to_le_bytes(); 2].concat());
        common.extend((name.len() as u32).to_le_bytes()); // the name's length and no extra field
        directory
            .extend([b"PK\x01\x02\x14\x03", &common[..], &[0; 10], &(out.len() as u32).to_le_bytes(), name].concat());
        out.extend([b"PK\x03\x04", &common[..], name, data].concat());
    }
    let offset = (out.len() as u32).to_le_bytes();
    let count = [members.len() as u8, 0];
    let size = (directory.len() as u32).to_le_bytes();
    out.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count, &size, &offset, &[0, 0]].concat());
    out
}

/// Name and data of each member of a base, in the order of the file.
fn members(base: &[u8]) -> Vec<(&[u8], &[u8])> {
    let (mut at, mut found) = (0, Vec::new());
    while base[at..].starts_with(b"PK\x03\x04") {
        let name = number::<2>(base, at + 26).unwrap_or(0);
        let extra = number::<2>(base, at + 28).unwrap_or(0);
        let stated = if extra == 20 { number::<4>(base, at + 30 + name + 4) } else { number::<4>(base, at + 22) };
        let start = at + 30 + name + extra;
        let end = start + stated.unwrap_or(0);
        found.push((&base[at + 30..at + 30 + name], &base[start..end]));
        at = end;
    }
    found
}
