//! Scores against a twin that is one obvious loop, and any bytes against the promise of no panic.

mod common;

use common::Model;
use plmhead::{Cutoff, Head};
use proptest::prelude::*;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![-10.0..10.0, -1e-300..1e-300, -1e100..1e100, Just(0.0), Just(-0.0), Just(f64::MIN_POSITIVE / 4.0)]
}

fn model(rows: impl Strategy<Value = usize>) -> impl Strategy<Value = Model> {
    (rows, 1usize..40).prop_flat_map(|(rows, n)| {
        let coef = prop::collection::vec(value(), rows * n);
        let intercept = prop::collection::vec(value(), rows);
        (coef, intercept).prop_map(|(coef, intercept)| Model { coef, intercept })
    })
}

fn rows_of(model: Model) -> impl Strategy<Value = (Model, Vec<f64>)> {
    let n = model.n();
    (Just(model), 0usize..5).prop_flat_map(move |(model, m)| (Just(model), prop::collection::vec(value(), m * n)))
}

/// All three results of a batch, against the twin row by row.
fn check(head: &Head, model: &Model, x: &[f64]) {
    let z: Vec<f64> = x.chunks(model.n()).flat_map(|row| model.decisions(row)).collect();
    let p: Vec<f64> = z.chunks(model.intercept.len()).flat_map(|z| model.probabilities(z)).collect();
    let scores = head.score(x, &Cutoff::default()).expect("finite rows");
    assert_eq!(bits(&scores.decision), bits(&z));
    assert_eq!(bits(&scores.probability), bits(&p));
    assert_eq!(bits(&head.decision_function(x).expect("as before")), bits(&z));
    assert_eq!(bits(&head.predict_proba(x).expect("as before")), bits(&p));
    let (mut decision, mut probability) = (vec![f64::NAN; z.len()], vec![f64::NAN; p.len()]);
    head.score_into(x, &mut decision, &mut probability).expect("as before");
    assert_eq!((bits(&decision), bits(&probability)), (bits(&z), bits(&p)));
    (decision, probability) = (vec![f64::NAN; z.len()], vec![f64::NAN; p.len()]);
    head.score_into_parallel(x, &mut decision, &mut probability, 3).expect("as before");
    assert_eq!((bits(&decision), bits(&probability)), (bits(&z), bits(&p)));
    for (row, (label, z)) in scores.labels.iter().zip(z.chunks(model.intercept.len())).enumerate() {
        let expected = match z {
            [z] => usize::from(*z > 0.0),
            z => (0..z.len()).find(|&c| z.iter().all(|other| *other <= z[c])).expect("a largest"),
        };
        assert_eq!(**label, head.classes()[expected], "row {row}");
    }
}

proptest! {
    #[test]
    fn two_classes_score_as_the_twin((model, x) in model(Just(1)).prop_flat_map(rows_of)) {
        let (npz, config) = model.pair();
        check(&Head::from_bytes(&npz, &config).expect("a valid pair"), &model, &x);
    }

    #[test]
    fn more_classes_score_as_the_twin((model, x) in model(3usize..6).prop_flat_map(rows_of)) {
        let (npz, config) = model.pair();
        check(&Head::from_bytes(&npz, &config).expect("a valid pair"), &model, &x);
    }

    /// So many values that a batch is cut into parts, with rows and classes left over by every tile.
    #[test]
    fn large_batches_score_as_the_twin(seed: u32, rows in prop_oneof![Just(1usize), 3usize..7], m in 131usize..140) {
        let n = 1003;
        let value = |i: usize| f64::from((i as u32).wrapping_add(seed).wrapping_mul(2_654_435_761) as i32) / 2e8;
        let coef = (0..rows * n).map(|i| value(i) / 100.0).collect();
        let model = Model { coef, intercept: (0..rows).map(value).collect() };
        let (npz, config) = model.pair();
        let x: Vec<f64> = (7..m * n + 7).map(value).collect();
        check(&Head::from_bytes(&npz, &config).expect("a valid pair"), &model, &x);
    }

    #[test]
    fn version_0_scores_as_the_twin((model, x) in model(Just(1)).prop_flat_map(rows_of)) {
        let (npz, config) = model.pair_v0();
        check(&Head::from_bytes(&npz, &config).expect("a valid pair"), &model, &x);
    }

    #[test]
    fn binary32_scores_as_its_widening(x in prop::collection::vec(-100.0f32..100.0, 3 * 11)) {
        let (npz, config) = common::two_classes().pair();
        let head = Head::from_bytes(&npz, &config).expect("a valid pair");
        let wide: Vec<f64> = x.iter().map(|&value| f64::from(value)).collect();
        prop_assert_eq!(head.score(&x, &Cutoff::default()), head.score(&wide, &Cutoff::default()));
    }

    #[test]
    fn a_threshold_compares_the_probability(z in -40.0..40.0, t in 0.0..=1.0) {
        let model = Model { coef: vec![1.0], intercept: vec![0.0] };
        let (npz, config) = model.pair();
        let head = Head::from_bytes(&npz, &config).expect("a valid pair");
        let cutoff = Cutoff { threshold: Some(t), assay_type: None };
        let expected = usize::from(if t == 0.5 { z > 0.0 } else { common::logistic(z)[1] > t });
        prop_assert_eq!(head.predict_with(&[z], &cutoff).expect("a finite row")[0], &head.classes()[expected]);
    }
}

/// One byte of a valid file replaced, put in, or taken out; or the file cut.
fn mutate(mut bytes: Vec<u8>, at: prop::sample::Index, kind: u8, byte: u8) -> Vec<u8> {
    let at = at.index(bytes.len());
    match kind {
        0 => bytes[at] = byte,
        1 => bytes.insert(at, byte),
        2 => drop(bytes.remove(at)),
        _ => bytes.truncate(at),
    }
    bytes
}

/// A config that fits the NPZ, whatever the NPZ is: so that the checks behind the digest are reached.
fn resealed(model: &Model, npz: &[u8], edit: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let body = edit(model.config(npz).into_bytes());
    common::seal(&String::from_utf8_lossy(&body))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_refused_without_a_panic(npz: Vec<u8>, config: Vec<u8>) {
        prop_assert!(Head::from_bytes(&npz, &config).is_err());
        prop_assert!(Head::from_bytes(&npz, &common::two_classes().pair().1).is_err());
        prop_assert!(Head::from_bytes(&npz, &common::two_classes().pair_v0().1).is_err());
    }

    #[test]
    fn any_json_like_text_is_refused_without_a_panic(config in "[\\[\\]{}\",:0-9eE+.tfnu\\\\dD8cC -]{0,60}") {
        prop_assert!(Head::from_bytes(&[], config.as_bytes()).is_err());
    }

    #[test]
    fn a_mutated_npz_behind_a_fresh_digest(at: prop::sample::Index, kind in 0u8..4, byte: u8) {
        let model = common::two_classes();
        let npz = mutate(model.pair().0, at, kind, byte);
        // Either outcome is right: the mutation may have hit a byte without meaning.
        let _ = Head::from_bytes(&npz, &resealed(&model, &npz, |body| body));
        let _ = Head::from_bytes(&npz, &model.pair_v0().1);
    }

    #[test]
    fn a_mutated_config_behind_a_fresh_seal(at: prop::sample::Index, kind in 0u8..4, byte: u8) {
        let model = common::three_classes();
        let npz = model.pair().0;
        let _ = Head::from_bytes(&npz, &resealed(&model, &npz, |body| mutate(body, at, kind, byte)));
        let (npz, config) = common::two_classes().pair_v0();
        let _ = Head::from_bytes(&npz, &mutate(config, at, kind, byte));
    }

    #[test]
    fn a_mutated_file_behind_its_old_digest_is_refused(at: prop::sample::Index, kind in 0u8..4, byte: u8) {
        let (npz, config) = common::two_classes().pair();
        let other = mutate(npz.clone(), at, kind, byte);
        prop_assert_eq!(Head::from_bytes(&other, &config).is_ok(), other == npz);
        let other = mutate(config.clone(), at, kind, byte);
        prop_assert_eq!(Head::from_bytes(&npz, &other).is_ok(), other == config);
    }
}
