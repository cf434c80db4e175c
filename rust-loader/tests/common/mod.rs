//! For the tests: the scoring rule as the plainest loops, and pairs of files built from a few numbers.
//!
//! Nothing here shares code with the crate. The loops follow the text of the specification word by word; the crate's
//! own tests hold `exp` against the values printed there.

#![allow(dead_code)] // each test file uses its own part

use std::path::PathBuf;

use sha2::{Digest, Sha256};

/// P2, one index at a time.
pub fn decision(x: &[f64], w: &[f64], b: f64) -> f64 {
    let mut s = [0.0; 8];
    for i in 0..x.len() {
        s[i % 8] += x[i] * w[i];
    }
    (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))) + b
}

/// P4.
pub fn logistic(z: f64) -> [f64; 2] {
    let p1 = 1.0 / (1.0 + exp(-z));
    [1.0 - p1, p1]
}

/// P5.
pub fn softmax(z: &[f64]) -> Vec<f64> {
    let mut largest = z[0];
    for &value in z {
        if value > largest {
            largest = value;
        }
    }
    let e: Vec<f64> = z.iter().map(|z| exp(z - largest)).collect();
    let mut s = e[0];
    for value in &e[1..] {
        s += value;
    }
    e.iter().map(|e| e / s).collect()
}

/// The steps of section 13, by number.
pub fn exp(x: f64) -> f64 {
    let c = |bits: u64| f64::from_bits(bits);
    let two_to = |k: i32| 2.0f64.powi(k);
    // 1
    if x > c(0x40862e42fefa39ef) {
        return f64::INFINITY;
    }
    if x < c(0xc0874910d52d3051) {
        return 0.0;
    }
    let h = (x.to_bits() >> 32) & 0x7fffffff;
    // 2
    if h < 0x3e300000 {
        return 1.0 + x;
    }
    // 3 and 4
    let k;
    if h <= 0x3fd62e42 {
        k = 0.0;
    } else if h < 0x3ff0a2b2 {
        k = if x < 0.0 { -1.0 } else { 1.0 };
    } else {
        let half = if x < 0.0 { -0.5 } else { 0.5 };
        k = (c(0x3ff71547652b82fe) * x + half).trunc();
    }
    let hi = x - k * c(0x3fe62e42fee00000);
    let lo = k * c(0x3dea39ef35793c76);
    let r = hi - lo;
    // 5
    let t = r * r;
    let p = [0x3fc555555555553e, 0xbf66c16c16bebd93, 0x3f11566aaf25de2c, 0xbebbbd41c5d26bf1, 0x3e66376972bea4d0].map(c);
    let c = r - t * (p[0] + t * (p[1] + t * (p[2] + t * (p[3] + t * p[4]))));
    // 6
    if k == 0.0 {
        return 1.0 - ((r * c) / (c - 2.0) - r);
    }
    // 7 and 8
    let y = 1.0 - ((lo - (r * c) / (2.0 - c)) - hi);
    let k = k as i32;
    match k {
        1024 => (y * 2.0) * two_to(1023),
        -1021..=1023 => y * two_to(k),
        _ => (y * two_to(k + 1000)) * two_to(-1000),
    }
}

/// Input j of the self-test of a config that binds these lines.
pub fn self_test_input(n: usize, j: usize, binding: &[&str]) -> Vec<f64> {
    let text: String = binding.iter().map(|line| format!("{line}\n")).collect();
    let seed = u64::from_str_radix(&sha256(text.as_bytes())[8 * j..8 * j + 8], 16).unwrap();
    let r = |m: u64| ((m % (1 << 32) * 2654435761 % (1 << 32)) as f64 - 2147483648.0) / 2147483648.0;
    (0..n).map(|i| r((8 * i + j) as u64 + seed) * (1 << j) as f64).collect()
}

/// An NPY array of version 1.0.
pub fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_of(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), data)
}

pub fn npy_of(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY\x01\x00v\x00".to_vec();
    out.extend(format!("{header:<117}\n").bytes());
    out.extend(data);
    out
}

pub fn le_f64(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub fn le_i64(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A ZIP of stored members, back to back.
pub fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let (crc, size) = (crc32fast::hash(data).to_le_bytes(), (data.len() as u32).to_le_bytes());
        let offset = (out.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        // Version needed, flags, method, time, date: 20, 0, 0, 0, 1980-01-01.
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc, &size, &size, &length, &[0, 0]].concat();
        out.extend([b"PK\x03\x04", &common[..], name.as_bytes(), data].concat());
        let rest = [&[0; 6][..], &[0, 0, 0x80, 0x81], &offset, name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\x03", &common[..], &rest].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (size, offset) = ((directory.len() as u32).to_le_bytes(), (out.len() as u32).to_le_bytes());
    out.extend(directory);
    out.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &offset, &[0, 0]].concat());
    out
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A head to build files from: `coef` row after row.
#[derive(Clone, Debug)]
pub struct Model {
    pub coef: Vec<f64>,
    pub intercept: Vec<f64>,
}

impl Model {
    pub fn n(&self) -> usize {
        self.coef.len() / self.intercept.len()
    }

    pub fn classes(&self) -> usize {
        self.intercept.len().max(2)
    }

    pub fn decisions(&self, x: &[f64]) -> Vec<f64> {
        self.coef.chunks(self.n()).zip(&self.intercept).map(|(w, b)| decision(x, w, *b)).collect()
    }

    pub fn probabilities(&self, z: &[f64]) -> Vec<f64> {
        if let [z] = z { logistic(*z).to_vec() } else { softmax(z) }
    }

    /// The five members, in canonical order.
    pub fn members(&self) -> Vec<(&'static str, Vec<u8>)> {
        let (rows, n, k) = (self.intercept.len(), self.n(), self.classes());
        let labels: Vec<i64> = (0..k as i64).collect();
        vec![
            ("coef.npy", npy("<f8", &format!("({rows}, {n})"), &le_f64(&self.coef))),
            ("intercept.npy", npy("<f8", &format!("({rows},)"), &le_f64(&self.intercept))),
            ("classes.npy", npy("<i8", &format!("({k},)"), &le_i64(&labels))),
            ("n_features_in.npy", npy("<i8", "(1,)", &le_i64(&[n as i64]))),
            ("n_iter.npy", npy("<i8", "(1,)", &le_i64(&[12]))),
        ]
    }

    /// The config of version 1 up to the seal.
    pub fn config(&self, npz: &[u8]) -> String {
        self.config_of("1.0", npz)
    }

    pub fn config_of(&self, version: &str, npz: &[u8]) -> String {
        let logistic = self.intercept.len() == 1;
        let (link, decision) = if logistic {
            ("logistic", r#"{"threshold": 0.5, "assay_thresholds": {"ELISA": 0.5, "PSR": 0.5495}}"#)
        } else {
            ("softmax", "null")
        };
        let npz_sha256 = sha256(npz);
        let binding = self.binding(version, &npz_sha256);
        let records: Vec<String> = (0..8).map(|j| self.self_test(j, &binding)).collect();
        format!(
            r#"{{"format": "plmhead", "format_version": "{version}", "min_reader": "1.0", "model_type": "LogisticRegression",
  "sklearn_version": "1.7.2", "C": 1.0, "penalty": "l2", "l1_ratio": null, "solver": "lbfgs", "class_weight": null,
  "max_iter": 1000, "random_state": 42, "esm_model": null, "esm_revision": null, "batch_size": null, "device": null,
  "link": "{link}", "decision": {decision}, "embedding": null, "golden": null,
  "self_test": [{}],
  "npz_sha256": "{}",
  "#,
            records.join(", "),
            npz_sha256
        )
    }

    /// The lines that the self-test of `config` is bound to.
    pub fn binding<'a>(&self, version: &'a str, npz_sha256: &'a str) -> Vec<&'a str> {
        let half = "3fe0000000000000";
        let decision = ["threshold", half, "assay_thresholds", "ELISA", half, "PSR", "3fe195810624dd2f"];
        let logistic = self.intercept.len() == 1;
        let (link, decision) = if logistic { ("logistic", &decision[..]) } else { ("softmax", &["null"][..]) };
        [&[version, "1.0", link], decision, &["null", "null", npz_sha256]].concat()
    }

    fn self_test(&self, j: usize, binding: &[&str]) -> String {
        let z = self.decisions(&self_test_input(self.n(), j, binding));
        let p = self.probabilities(&z);
        let list =
            |values: &[f64]| values.iter().map(|v| format!("\"{:016x}\"", v.to_bits())).collect::<Vec<_>>().join(", ");
        format!(r#"{{"decision": [{}], "probability": [{}]}}"#, list(&z), list(&p))
    }

    /// NPZ and config of version 1.
    pub fn pair(&self) -> (Vec<u8>, Vec<u8>) {
        let npz = zip(&self.members());
        let config = seal(&self.config(&npz));
        (npz, config)
    }

    /// The same head as version 0; two classes only.
    pub fn pair_v0(&self) -> (Vec<u8>, Vec<u8>) {
        let config = br#"{"model_type": "LogisticRegression", "sklearn_version": "1.7.2", "C": 1.0, "penalty": "l2",
  "solver": "lbfgs", "class_weight": null, "max_iter": 1000, "random_state": 42, "esm_model": "m",
  "esm_revision": "main", "batch_size": 8}"#;
        (zip(&self.members()), config.to_vec())
    }
}

/// A config with its seal: `body` is every byte before it.
pub fn seal(body: &str) -> Vec<u8> {
    format!("{body}\"config_sha256\": \"{}\"\n}}\n", sha256(body.as_bytes())).into_bytes()
}

/// Two classes, eleven features.
pub fn two_classes() -> Model {
    Model { coef: (0..11).map(|i| f64::from(i) * 0.25 - 1.0).collect(), intercept: vec![0.125] }
}

/// Three classes, five features.
pub fn three_classes() -> Model {
    Model { coef: (0..15).map(|i| f64::from(i % 7) * 0.1 - 0.3).collect(), intercept: vec![0.1, -0.2, 0.0] }
}

/// A path in the repository, beside this crate.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The published version 0 pair, if the shared data are here; says so if not.
pub fn published_v0() -> Option<PathBuf> {
    let artifact = repository("../shared/data/published_v0/boughter_vh_esm1v_logreg");
    if artifact.with_extension("npz").exists() {
        return Some(artifact);
    }
    println!("skipped: no published version 0 pair at {}", artifact.display());
    None
}
