//! A head: loaded from a pair, then read-only.

use std::borrow::Cow;
use std::path::Path;

use crate::agreement;
use crate::arrays::{self, Arrays};
use crate::coefficients::{Coefficients, Floats};
use crate::config::{Config, Link};
use crate::digest::sha256;
use crate::errors::{Code, Error};
use crate::files::{Pair, check_sizes};
use crate::input::{self, Element, Matrix};
use crate::kernels::{self, Kernel};
use crate::labels::Label;
use crate::parallel;
use crate::score;
use crate::selftest;
use crate::zip;

/// Rows whose decisions come before their probabilities: so few that the memory works on during the exponentials. A multiple
/// of the rows of every tile.
const ROWS_AT_ONCE: usize = 16;

/// A logistic regression on fixed-length vectors, with everything its artifact says.
///
/// A head does not change after loading and may be shared between threads.
#[derive(Clone, Debug)]
pub struct Head {
    config: Config,
    coef: Coefficients,
    intercept: Vec<f64>,
    n_features: usize,
    classes: Vec<Label>,
    n_iter: Vec<u64>,
    npz_sha256: String,
    kernel: Kernel,
}

/// What loading may ask for beyond the specification's checks.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Refuse a version 0 pair, which carries no digests and no self-test: `NOT_VERIFIED`.
    pub require_verified: bool,
}

impl LoadOptions {
    /// These options with `require_verified` set to `on`.
    pub fn require_verified(mut self, on: bool) -> LoadOptions {
        self.require_verified = on;
        self
    }
}

/// What decides between the two classes of a logistic head. The default is the head's own threshold.
#[derive(Clone, Debug, Default)]
pub struct Cutoff<'a> {
    /// A threshold on the probability of class 1, in [0, 1].
    pub threshold: Option<f64>,
    /// An assay type of the artifact; its threshold goes before `threshold`.
    pub assay_type: Option<&'a str>,
}

/// Everything about a batch of rows, computed once.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores<'a> {
    /// One value a row (logistic) or one a class and row (softmax).
    pub decision: Vec<f64>,
    /// One value a class and row.
    pub probability: Vec<f64>,
    /// One label a row.
    pub labels: Vec<&'a Label>,
}

impl Head {
    /// Loads the pair that `PATH/NAME`, `PATH/NAME.npz` or `PATH/NAME_config.json` names. Where the digest says that
    /// the NPZ is not the config's, both are read again, up to three times: a writer may be between them.
    ///
    /// # Errors
    /// `FILE_UNREADABLE`, or what [`Head::from_bytes`] reports.
    pub fn load(artifact: impl AsRef<Path>) -> Result<Head, Error> {
        Head::load_with(artifact, &LoadOptions::default())
    }

    /// As [`Head::load`], with options.
    ///
    /// # Errors
    /// As [`Head::load`], and `NOT_VERIFIED`.
    pub fn load_with(artifact: impl AsRef<Path>, options: &LoadOptions) -> Result<Head, Error> {
        Pair::of(artifact).read_settled(|npz, config| Head::from_bytes_with(npz, config, options))
    }

    /// Loads a pair from the bytes of its two files. Every check of the specification runs, in its order.
    ///
    /// A head keeps the coefficients as they are stored: in `npz` itself where that is given as a `Vec`, else in a copy.
    ///
    /// # Errors
    /// The first rule that the pair breaks.
    pub fn from_bytes<'a>(npz: impl Into<Cow<'a, [u8]>>, config: &[u8]) -> Result<Head, Error> {
        Head::from_bytes_with(npz, config, &LoadOptions::default())
    }

    /// As [`Head::from_bytes`], with options.
    ///
    /// # Errors
    /// As [`Head::from_bytes`], and `NOT_VERIFIED`.
    pub fn from_bytes_with<'a>(
        npz: impl Into<Cow<'a, [u8]>>,
        config: &[u8],
        options: &LoadOptions,
    ) -> Result<Head, Error> {
        let npz = npz.into();
        check_sizes(&npz, config)?;
        let config = Config::parse(config)?;
        let version_0 = config.is_version_0();
        let npz_sha256 = sha256(&npz);
        if !version_0 {
            agreement::check_digest(&config, &npz_sha256)?;
        }
        let arrays = arrays::read(zip::members(&npz)?, config.link, version_0)?;
        if !version_0 {
            agreement::check(&config, &arrays)?;
        }
        selftest::check_environment()?;
        let kernel = kernels::chosen()?;
        let Arrays { coef: (raw, dtype), intercept, n_features, classes, n_iter } = arrays;
        let start = raw.data.as_ptr().addr() - npz.as_ptr().addr();
        let range = start..start + raw.data.len();
        let coef = Coefficients::new(npz, range, dtype);
        let head = Head { config, coef, intercept, n_features, classes, n_iter, npz_sha256, kernel };
        if !version_0 {
            selftest::check_scores(&head)?;
        } else if options.require_verified {
            let message = "found version 0, expected a version with digests and a self-test";
            return Err(Error::new(Code::NotVerified, "/format", message));
        }
        Ok(head)
    }

    /// Whether digests and self-test stood behind this head: true for every version but 0.
    pub fn verified(&self) -> bool {
        !self.config.is_version_0()
    }

    /// `"0"`, or the artifact's `format_version`.
    pub fn format_version(&self) -> &str {
        &self.config.format_version
    }

    /// The metadata.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How a decision becomes a probability.
    pub fn link(&self) -> Link {
        self.config.link
    }

    /// The coefficients, row after row, each row of [`n_features_in`](Head::n_features_in) values, widened to binary64.
    pub fn coef(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.coef.values().iter()
    }

    /// The intercepts, one a row of coefficients.
    pub fn intercept(&self) -> &[f64] {
        &self.intercept
    }

    /// The rows of coefficients, and so the decisions a scored row has: 1 (logistic) or one a class (softmax).
    pub fn rows(&self) -> usize {
        self.intercept.len()
    }

    /// The length of a vector that this head scores.
    pub fn n_features_in(&self) -> usize {
        self.n_features
    }

    /// The labels, in the order of the probabilities.
    pub fn classes(&self) -> &[Label] {
        &self.classes
    }

    /// The iterations that fitting took.
    pub fn n_iter(&self) -> &[u64] {
        &self.n_iter
    }

    /// The SHA-256 of the NPZ file, 64 hexadecimal digits.
    pub fn npz_sha256(&self) -> &str {
        &self.npz_sha256
    }

    /// The decisions of rows that lie one after the other in `x`: [`rows`](Head::rows) values a row.
    ///
    /// # Errors
    /// `INPUT_SHAPE`, `INPUT_NONFINITE` or `DECISION_NONFINITE`.
    pub fn decision_function<T: Element>(&self, x: &[T]) -> Result<Vec<f64>, Error> {
        let mut decision = vec![0.0; self.count_rows(x)?.saturating_mul(self.rows())];
        self.decide(x, &mut decision);
        self.check_scored(x, &decision)?;
        Ok(decision)
    }

    /// The probabilities of rows that lie one after the other in `x`: one value a class, in the order of
    /// [`classes`](Head::classes), a row.
    ///
    /// # Errors
    /// As [`Head::decision_function`].
    pub fn predict_proba<T: Element>(&self, x: &[T]) -> Result<Vec<f64>, Error> {
        Ok(self.score_all(x)?.1)
    }

    /// The label of each row, by the head's own threshold.
    ///
    /// # Errors
    /// As [`Head::decision_function`].
    pub fn predict<T: Element>(&self, x: &[T]) -> Result<Vec<&Label>, Error> {
        self.predict_with(x, &Cutoff::default())
    }

    /// The label of each row, by another threshold or that of an assay type.
    ///
    /// # Errors
    /// As [`Head::decision_function`]; `THRESHOLD` or `ASSAY_TYPE`.
    pub fn predict_with<T: Element>(&self, x: &[T], cutoff: &Cutoff<'_>) -> Result<Vec<&Label>, Error> {
        Ok(self.score(x, cutoff)?.labels)
    }

    /// Decisions, probabilities and labels together.
    ///
    /// # Errors
    /// As [`Head::predict_with`].
    pub fn score<T: Element>(&self, x: &[T], cutoff: &Cutoff<'_>) -> Result<Scores<'_>, Error> {
        let (decision, probability) = self.score_all(x)?;
        let t = self.threshold(cutoff)?;
        let rows = decision.chunks_exact(self.rows()).zip(probability.chunks_exact(self.classes.len()));
        let label = |(z, p): (&[f64], &[f64])| &self.classes[score::class(self.link(), z, p, t)];
        let labels = rows.map(label).collect();
        Ok(Scores { decision, probability, labels })
    }

    /// As [`Head::score`], for rows whose type is known only at run time.
    ///
    /// # Errors
    /// As [`Head::score`].
    pub fn score_matrix(&self, x: &Matrix, cutoff: &Cutoff<'_>) -> Result<Scores<'_>, Error> {
        match x {
            Matrix::F32(x) => self.score(x, cutoff),
            Matrix::F64(x) => self.score(x, cutoff),
        }
    }

    /// Writes decisions and probabilities into the caller's buffers; allocates nothing, and starts no thread.
    ///
    /// # Errors
    /// As [`Head::decision_function`]; `INPUT_SHAPE` at `decision` or `probability` for a buffer of another length than
    /// [`rows`](Head::rows) or [`classes`](Head::classes) times the rows of `x`. After an error the buffers hold
    /// nothing of use.
    pub fn score_into<T: Element>(&self, x: &[T], decision: &mut [f64], probability: &mut [f64]) -> Result<(), Error> {
        self.score_into_parallel(x, decision, probability, 1)
    }

    /// As [`Head::score_into`], on `threads` threads, this one included: the same bits. A small batch starts none.
    ///
    /// # Errors
    /// As [`Head::score_into`].
    pub fn score_into_parallel<T: Element>(
        &self,
        x: &[T],
        decision: &mut [f64],
        probability: &mut [f64],
        threads: usize,
    ) -> Result<(), Error> {
        let m = self.count_rows(x)?;
        // A product that does not fit is the length of no buffer, and more than there is in one part.
        let z_len = |m: usize| m.saturating_mul(self.rows());
        let p_len = |m: usize| m.saturating_mul(self.classes.len());
        let buffers = check_buffer("decision", decision.len(), z_len(m));
        let buffers = buffers.and_then(|()| check_buffer("probability", probability.len(), p_len(m)));
        if buffers.is_err() {
            return self.check_finite(x).and(buffers);
        }
        let rows = parallel::rows_a_part(self.n_features, ROWS_AT_ONCE);
        let x_parts = x.chunks(rows * self.n_features);
        let out_parts = decision.chunks_mut(z_len(rows)).zip(probability.chunks_mut(p_len(rows)));
        parallel::each(x_parts.zip(out_parts), threads, |(x, (z, p))| self.score_unchecked(x, z, p));
        self.check_scored(x, decision)
    }

    fn score_all<T: Element>(&self, x: &[T]) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let m = self.count_rows(x)?;
        let mut decision = vec![0.0; m.saturating_mul(self.rows())];
        let mut probability = vec![0.0; m.saturating_mul(self.classes.len())];
        self.score_into(x, &mut decision, &mut probability)?;
        Ok((decision, probability))
    }

    /// The number of rows, by P1.
    fn count_rows<T>(&self, x: &[T]) -> Result<usize, Error> {
        let n = self.n_features;
        if !x.len().is_multiple_of(n) {
            return Err(input::shape_fault(&format!("with {} values", x.len()), n));
        }
        Ok(x.len() / n)
    }

    /// P1 and P3, after P2.
    ///
    /// A value that is not finite makes every sum not finite that it enters, whatever it is multiplied with, and so the
    /// decision. Where all decisions are finite so is the input: it need not be read a second time.
    fn check_scored<T: Element>(&self, x: &[T], decision: &[f64]) -> Result<(), Error> {
        // Without an early exit, so that many values are tested at once.
        if decision.iter().fold(true, |all, z| all & z.is_finite()) {
            return Ok(());
        }
        self.check_finite(x)?;
        self.check_decisions(decision)
    }

    /// P2, P4 and P5 for a batch, without checks: a value that is not finite is scored as any other.
    pub(crate) fn score_unchecked<T: Element>(&self, x: &[T], decision: &mut [f64], probability: &mut [f64]) {
        let (n, rows, k) = (self.n_features, self.rows(), self.classes.len());
        let outs = decision.chunks_mut(ROWS_AT_ONCE * rows).zip(probability.chunks_mut(ROWS_AT_ONCE * k));
        for (x, (decision, probability)) in x.chunks(ROWS_AT_ONCE * n).zip(outs) {
            self.decide(x, decision);
            for (z, p) in decision.chunks_exact(rows).zip(probability.chunks_exact_mut(k)) {
                score::probabilities(self.link(), z, p);
            }
        }
    }

    fn decide<T: Element>(&self, x: &[T], decision: &mut [f64]) {
        match self.coef.values() {
            Floats::F4(coef) => self.kernel.decisions(x, coef, &self.intercept, decision),
            Floats::F8(coef) => self.kernel.decisions(x, coef, &self.intercept, decision),
        }
    }

    /// P1: every value is finite.
    fn check_finite<T: Element>(&self, x: &[T]) -> Result<(), Error> {
        match x.iter().position(|value| !value.finite()) {
            Some(index) => {
                let (row, column) = (index / self.n_features, index % self.n_features);
                let message = format!("found {}, expected a finite value", x[index].widen());
                Err(Error::new(Code::InputNonfinite, format!("/{row}/{column}"), message))
            }
            None => Ok(()),
        }
    }

    /// P3.
    fn check_decisions(&self, decision: &[f64]) -> Result<(), Error> {
        match decision.iter().position(|z| !z.is_finite()) {
            Some(index) => {
                let row = index / self.rows();
                let message = format!("found a decision of {}, expected a finite one", decision[index]);
                Err(Error::new(Code::DecisionNonfinite, format!("/{row}"), message))
            }
            None => Ok(()),
        }
    }

    /// P7: the threshold in force. Softmax has none, and its value is not used.
    pub(crate) fn threshold(&self, cutoff: &Cutoff<'_>) -> Result<f64, Error> {
        if let Some(t) = cutoff.threshold {
            if self.link() == Link::Softmax {
                let message = format!("found {t:?}, expected none, because the link is softmax");
                return Err(Error::new(Code::Threshold, "threshold", message));
            }
            if !(0.0..=1.0).contains(&t) {
                return Err(Error::new(Code::Threshold, "threshold", format!("found {t:?}, expected 0 to 1")));
            }
        }
        match cutoff.assay_type {
            Some(name) => self.assay_threshold(name),
            None => Ok(cutoff.threshold.or(self.config.threshold).unwrap_or(0.5)),
        }
    }

    fn assay_threshold(&self, name: &str) -> Result<f64, Error> {
        let known = &self.config.assay_thresholds;
        known.iter().find(|(assay, _)| assay == name).map(|(_, t)| *t).ok_or_else(|| {
            let names: Vec<String> = known.iter().map(|(assay, _)| format!("{assay:?}")).collect();
            let expected = if names.is_empty() { "none".to_string() } else { names.join(" or ") };
            Error::new(Code::AssayType, "assay_type", format!("found {name:?}, expected {expected}"))
        })
    }
}

fn check_buffer(place: &str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::new(Code::InputShape, place, format!("found a buffer of {found} values, expected {expected}")))
}
