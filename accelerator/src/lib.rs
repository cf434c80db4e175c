//! The package `plmhead_accelerator`: scores what `plmhead` has loaded and checked, by the Rust loader. The bits are the same.
//!
//! It refuses nothing by rules of its own: where it answers None, plmhead judges the input itself, and says what is wrong.

use std::sync::OnceLock;
use std::thread::available_parallelism;

use plmhead::{Element, Head};
use pyo3::buffer::{Element as Item, PyBuffer, PyUntypedBuffer};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What plmhead and this package have agreed upon; raised with every change of a name, an argument or a result here.
const INTERFACE: u32 = 1;

/// A head, and how many threads score a large batch.
#[pyclass(frozen, module = "plmhead_accelerator")]
struct Scorer {
    head: Head,
    threads: usize,
}

#[pymethods]
impl Scorer {
    /// A head from the bytes of its two files; 0 threads stand for as many as the process may use.
    ///
    /// Raises ValueError for a pair that the Rust loader refuses.
    #[new]
    fn new(py: Python<'_>, npz: &[u8], config: &[u8], threads: usize) -> PyResult<Scorer> {
        let head = py.detach(|| Head::from_bytes(npz, config));
        let head = head.map_err(|fault| PyValueError::new_err(fault.to_string()))?;
        Ok(Scorer { head, threads: if threads == 0 { all_threads() } else { threads } })
    }

    /// Scores x, C-ordered float32 or float64 of shape (m, features), where it lies, into decision (m, rows) and
    /// probability (m, classes), both C-ordered float64.
    ///
    /// False, and nothing written, where x is something else, or where a value of it or a decision is not finite. Raises
    /// BufferError for a decision or probability of another kind or size.
    fn score(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        decision: PyBuffer<f64>,
        probability: PyBuffer<f64>,
    ) -> PyResult<bool> {
        let x = PyUntypedBuffer::get(x)?;
        let scored = match x.shape() {
            [_, features] if *features == self.head.n_features_in() => self.score_buffer(py, &x),
            _ => None,
        };
        let Some(scored) = scored else { return Ok(false) };
        decision.copy_from_slice(py, &scored.0)?;
        probability.copy_from_slice(py, &scored.1)?;
        Ok(true)
    }
}

/// Decisions and probabilities, row after row.
type Scores = (Vec<f64>, Vec<f64>);

impl Scorer {
    fn score_buffer(&self, py: Python<'_>, x: &PyUntypedBuffer) -> Option<Scores> {
        // In the machine's own byte order, which PyO3 alone does not ask for.
        match x.format().to_bytes() {
            b"f" => self.score_values::<f32>(py, x.as_typed().ok()?),
            b"d" => self.score_values::<f64>(py, x.as_typed().ok()?),
            _ => None,
        }
    }

    fn score_values<T: Element + Item>(&self, py: Python<'_>, x: &PyBuffer<T>) -> Option<Scores> {
        let values = x.as_slice_ptr()?;
        // SAFETY: type and alignment are checked, and `x` keeps the memory where it is until after the last use. That
        // nobody writes to an array that is being scored is asked of the caller, as by numpy's own functions, which let
        // other threads run too.
        let values = unsafe { values.as_ref() };
        py.detach(|| self.score_slice(values))
    }

    fn score_slice<T: Element>(&self, x: &[T]) -> Option<Scores> {
        let m = x.len() / self.head.n_features_in();
        let mut decision = vec![0.0; m * self.head.rows()];
        let mut probability = vec![0.0; m * self.head.classes().len()];
        let done = self.head.score_into_parallel(x, &mut decision, &mut probability, self.threads);
        done.is_ok().then_some((decision, probability))
    }
}

/// How many threads this process may use, asked once: the answer is in files.
fn all_threads() -> usize {
    static ALL: OnceLock<usize> = OnceLock::new();
    *ALL.get_or_init(|| available_parallelism().map_or(1, usize::from))
}

#[pymodule]
mod plmhead_accelerator {
    #[pymodule_export]
    use super::Scorer;
    #[pymodule_export]
    const INTERFACE: u32 = super::INTERFACE;
    #[allow(non_upper_case_globals)] // the name that Python has for it
    #[pymodule_export]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
