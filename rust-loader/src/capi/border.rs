//! What every function passes through: no panic leaves, and a pointer is looked at before it is used.

use std::ffi::c_char;
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::failure::Failure;
use super::status;

/// UTF-8 without a NUL at its end; all zero where there is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    data: *const c_char,
    size: usize,
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text { data: text.as_ptr().cast(), size: text.len() }
    }
}

impl Default for Text {
    fn default() -> Text {
        Text { data: std::ptr::null(), size: 0 }
    }
}

impl Text {
    /// None where `data` is NULL.
    ///
    /// # Safety
    /// `data` is NULL or points to `size` bytes that stay as they are for `'a`.
    pub(super) unsafe fn read<'a>(self, place: &str) -> Result<Option<&'a str>, Failure> {
        if self.data.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's promise.
        let bytes = unsafe { slice(self.data.cast::<u8>(), self.size, place) }?;
        let text = std::str::from_utf8(bytes);
        text.map(Some).map_err(|_| Failure::usage(place, "found bytes that are no UTF-8, expected UTF-8"))
    }
}

/// Runs the body of a function that answers with a status. `error` is set to NULL or to what the caller then frees.
///
/// # Safety
/// `error` is NULL or may be written.
pub(super) unsafe fn guarded(error: *mut *mut Failure, body: impl FnOnce() -> Result<(), Failure>) -> i32 {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let failure = body().err();
        (failure.as_ref().map_or(status::OK, Failure::status), failure.map(Box::new))
    }));
    let (status, failure) = result.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        (status::INTERNAL, Some(Box::new(Failure::internal(message.unwrap_or("a panic")))))
    });
    if !error.is_null() {
        // SAFETY: the caller's promise.
        unsafe { error.write(failure.map_or(std::ptr::null_mut(), Box::into_raw)) };
    }
    status
}

/// Runs the body of a function that answers with a value: zero of its type for None and for a panic.
pub(super) fn value<T: Default>(body: impl FnOnce() -> Option<T>) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_default().unwrap_or_default()
}

/// # Safety
/// `data` is NULL, or not aligned, or points to `size` values that stay as they are for `'a`.
pub(super) unsafe fn slice<'a, T>(data: *const T, size: usize, place: &str) -> Result<&'a [T], Failure> {
    check(data, size, place)?;
    // SAFETY: not NULL, aligned, not too long; the rest is the caller's promise.
    Ok(if size == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, size) } })
}

/// # Safety
/// `data` is NULL, or not aligned, or points to `size` values that nothing else reads or writes for `'a`.
pub(super) unsafe fn slice_mut<'a, T>(data: *mut T, size: usize, place: &str) -> Result<&'a mut [T], Failure> {
    check(data, size, place)?;
    // SAFETY: not NULL, aligned, not too long; the rest is the caller's promise. Any bits are a value of the number
    // types that this is called for.
    Ok(if size == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(data, size) } })
}

fn check<T>(data: *const T, size: usize, place: &str) -> Result<(), Failure> {
    if size == 0 {
        return Ok(());
    }
    if data.is_null() {
        return Err(Failure::usage(place, format!("found NULL, expected {size} values")));
    }
    if !data.is_aligned() {
        let message = format!("found an address that is no multiple of {}, expected one", align_of::<T>());
        return Err(Failure::usage(place, message));
    }
    if size > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::usage(place, format!("found a length of {size}, expected one that memory can hold")));
    }
    Ok(())
}

/// The length of a buffer is due exactly.
pub(super) fn check_size(place: &str, found: usize, expected: usize) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(Failure::usage(place, format!("found a buffer of {found} values, expected {expected}")))
}
