//! Rows in, decisions, probabilities and class indices out, into the caller's buffers.

use super::border::{Text, check_size, guarded, slice, slice_mut};
use super::failure::Failure;
use super::head::given;
use crate::head::{Cutoff, Head};
use crate::input::{Element, shape_fault};
use crate::score;

/// What decides between two classes, as C has it.
#[repr(C)]
pub struct CutoffView {
    threshold: *const f64,
    assay_type: Text,
}

/// Where results go. NULL: not wanted.
#[repr(C)]
pub struct Buffers {
    decision: *mut f64,
    decision_size: usize,
    probability: *mut f64,
    probability_size: usize,
    class_index: *mut u32,
    class_index_size: usize,
}

/// # Safety
/// `head` is NULL or a head that is not freed; `x` points to `rows` times `columns` values; `cutoff` and what it points
/// to, and `buffers`, are NULL or may be read; nothing else uses the buffers; `error` is NULL or may be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_score_f32(
    head: *const Head,
    x: *const f32,
    rows: usize,
    columns: usize,
    cutoff: *const CutoffView,
    buffers: *const Buffers,
    error: *mut *mut Failure,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guarded(error, || score_rows(head, x, (rows, columns), cutoff, buffers)) }
}

/// # Safety
/// As [`plmhead_score_f32`].
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_score_f64(
    head: *const Head,
    x: *const f64,
    rows: usize,
    columns: usize,
    cutoff: *const CutoffView,
    buffers: *const Buffers,
    error: *mut *mut Failure,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { guarded(error, || score_rows(head, x, (rows, columns), cutoff, buffers)) }
}

/// # Safety
/// As [`plmhead_score_f32`].
unsafe fn score_rows<T: Element>(
    head: *const Head,
    x: *const T,
    shape: (usize, usize),
    cutoff: *const CutoffView,
    buffers: *const Buffers,
) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    let (head, cutoff, buffers) = unsafe { (given(head)?, cutoff.as_ref(), buffers.as_ref()) };
    let (rows, columns) = shape;
    if columns != head.n_features_in() {
        return Err(shape_fault(&format!("{shape:?}"), head.n_features_in()).into());
    }
    let buffers = buffers.ok_or_else(|| Failure::usage("buffers", "found NULL, expected the places of the results"))?;
    // SAFETY: the caller's promise. A product that does not fit is refused as a length that does not either.
    let x = unsafe { slice(x, rows.saturating_mul(columns), "x") }?;
    // SAFETY: the caller's promise.
    let cutoff = unsafe { read_cutoff(cutoff) }?;
    let (decisions, classes) = (rows.saturating_mul(head.rows()), rows.saturating_mul(head.classes().len()));
    // SAFETY: the caller's promise.
    let (decision, probability, class_index) = unsafe {
        (
            wanted(buffers.decision, buffers.decision_size, decisions, "decision")?,
            wanted(buffers.probability, buffers.probability_size, classes, "probability")?,
            wanted(buffers.class_index, buffers.class_index_size, rows, "class_index")?,
        )
    };
    let (mut own_decision, mut own_probability) = (Vec::new(), Vec::new());
    let decision = decision.unwrap_or_else(|| zeros(&mut own_decision, decisions));
    let probability = probability.unwrap_or_else(|| zeros(&mut own_probability, classes));
    head.score_into(x, decision, probability)?;
    let threshold = head.threshold(&cutoff)?;
    let rows = decision.chunks_exact(head.rows()).zip(probability.chunks_exact(head.classes().len()));
    for (index, (z, p)) in class_index.into_iter().flatten().zip(rows) {
        // A head has at most 1024 classes.
        *index = score::class(head.link(), z, p, threshold) as u32;
    }
    Ok(())
}

/// # Safety
/// What `cutoff` points to stays as it is for `'a`.
unsafe fn read_cutoff<'a>(cutoff: Option<&'a CutoffView>) -> Result<Cutoff<'a>, Failure> {
    let Some(cutoff) = cutoff else { return Ok(Cutoff::default()) };
    // SAFETY: the caller's promise.
    let (threshold, assay_type) = unsafe { (cutoff.threshold.as_ref(), cutoff.assay_type.read("assay_type")?) };
    Ok(Cutoff { threshold: threshold.copied(), assay_type })
}

/// None for NULL; else the buffer, whose length must be `expected`.
///
/// # Safety
/// As [`slice_mut`].
unsafe fn wanted<'a, T>(
    data: *mut T,
    size: usize,
    expected: usize,
    place: &str,
) -> Result<Option<&'a mut [T]>, Failure> {
    if data.is_null() {
        return Ok(None);
    }
    check_size(place, size, expected)?;
    // SAFETY: the caller's promise.
    unsafe { slice_mut(data, size, place) }.map(Some)
}

fn zeros(own: &mut Vec<f64>, size: usize) -> &mut [f64] {
    own.resize(size, 0.0);
    own
}
