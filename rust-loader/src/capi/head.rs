//! What a head says of itself. Each function gives zero of its type for NULL.

use super::border::{Text, check_size, guarded, slice_mut, value};
use super::failure::Failure;
use crate::config::Link;
use crate::head::Head;
use crate::labels::Label;

/// Raised where a function, a type or a number of `plmhead.h` changes its meaning.
const ABI_VERSION: u32 = 1;

const LOGISTIC: i32 = 1;
const SOFTMAX: i32 = 2;

const INTEGER: i32 = 1;
const FLOAT: i32 = 2;
const BOOLEAN: i32 = 3;
const TEXT: i32 = 4;

/// A class label; all zero where there is none.
#[repr(C)]
#[derive(Default)]
pub struct LabelView {
    kind: i32,
    integer: i64,
    text: Text,
}

impl From<&Label> for LabelView {
    fn from(label: &Label) -> LabelView {
        let of = |kind, integer| LabelView { kind, integer, text: Text::default() };
        match label {
            Label::Int(number) => of(INTEGER, *number),
            // Whole and within ±2^53.
            Label::Float(number) => of(FLOAT, *number as i64),
            Label::Bool(truth) => of(BOOLEAN, i64::from(*truth)),
            Label::Str(text) => LabelView { kind: TEXT, integer: 0, text: Text::from(&**text) },
        }
    }
}

/// What `get` gives of a head, zero for NULL.
///
/// # Safety
/// `head` is NULL or a head that is not freed during `'a`.
pub(super) unsafe fn of<'a, T: Default>(head: *const Head, get: impl FnOnce(&'a Head) -> Option<T>) -> T {
    // SAFETY: the caller's promise.
    value(|| unsafe { head.as_ref() }.and_then(get))
}

#[unsafe(no_mangle)]
extern "C" fn plmhead_abi_version() -> u32 {
    ABI_VERSION
}

#[unsafe(no_mangle)]
extern "C" fn plmhead_version() -> Text {
    Text::from(env!("CARGO_PKG_VERSION"))
}

/// # Safety
/// `head` is NULL or a head that is not freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_verified(head: *const Head) -> bool {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(head.verified())) }
}

/// # Safety
/// As above; the text is used only until the head is freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_format_version(head: *const Head) -> Text {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(Text::from(head.format_version()))) }
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_npz_sha256(head: *const Head) -> Text {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(Text::from(head.npz_sha256()))) }
}

/// # Safety
/// `head` is NULL or a head that is not freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_link(head: *const Head) -> i32 {
    let number = |head: &Head| match head.link() {
        Link::Logistic => LOGISTIC,
        Link::Softmax => SOFTMAX,
    };
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(number(head))) }
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_n_features_in(head: *const Head) -> usize {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(head.n_features_in())) }
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_n_decisions(head: *const Head) -> usize {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(head.rows())) }
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_n_classes(head: *const Head) -> usize {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(head.classes().len())) }
}

/// # Safety
/// As above; the text of the label is used only until the head is freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_class(head: *const Head, index: usize) -> LabelView {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| head.classes().get(index).map(LabelView::from)) }
}

/// # Safety
/// `head` is NULL or a head that is not freed; nothing else uses the `size` values at `out`; `error` is NULL or may be
/// written.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_coef(head: *const Head, out: *mut f64, size: usize, error: *mut *mut Failure) -> i32 {
    let body = || {
        // SAFETY: the caller's promise.
        let (head, out) = unsafe { (given(head)?, slice_mut(out, size, "out")?) };
        check_size("out", size, head.coef().len())?;
        out.iter_mut().zip(head.coef()).for_each(|(out, value)| *out = value);
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(error, body) }
}

/// # Safety
/// `head` is NULL or a head that is not freed; the values are used only until it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_intercept(head: *const Head) -> *const f64 {
    // SAFETY: the caller's promise.
    unsafe { head.as_ref() }.map_or(std::ptr::null(), |head| head.intercept().as_ptr())
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_n_iter(head: *const Head) -> *const u64 {
    // SAFETY: the caller's promise.
    unsafe { head.as_ref() }.map_or(std::ptr::null(), |head| head.n_iter().as_ptr())
}

/// # Safety
/// `head` is NULL or a head that is not freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_n_iter_size(head: *const Head) -> usize {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(head.n_iter().len())) }
}

/// A head where one is due.
///
/// # Safety
/// `head` is NULL or a head that is not freed during `'a`.
pub(super) unsafe fn given<'a>(head: *const Head) -> Result<&'a Head, Failure> {
    // SAFETY: the caller's promise.
    unsafe { head.as_ref() }.ok_or_else(|| Failure::usage("head", "found NULL, expected a head"))
}
