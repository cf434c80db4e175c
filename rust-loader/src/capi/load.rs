//! From files or bytes to a head, and its end.

use std::ffi::{CStr, c_char};
use std::path::PathBuf;

use super::border::{guarded, slice, value};
use super::failure::Failure;
use crate::files::Pair;
use crate::head::{Head, LoadOptions};

const REQUIRE_VERIFIED: u32 = 1;

/// # Safety
/// `artifact` is NULL or a C string; `head` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_load(
    artifact: *const c_char,
    flags: u32,
    head: *mut *mut Head,
    error: *mut *mut Failure,
) -> i32 {
    // SAFETY: the caller's promise.
    let load = |options: &LoadOptions| Ok(Head::load_with(unsafe { path(artifact, "artifact") }?, options)?);
    // SAFETY: the caller's promise.
    unsafe { new_head(flags, head, error, load) }
}

/// # Safety
/// As [`plmhead_load`], for both paths.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_load_files(
    npz: *const c_char,
    config: *const c_char,
    flags: u32,
    head: *mut *mut Head,
    error: *mut *mut Failure,
) -> i32 {
    let load = |options: &LoadOptions| {
        // SAFETY: the caller's promise.
        let pair = unsafe { Pair { npz: path(npz, "npz")?, config: path(config, "config")? } };
        Ok(pair.read_settled(|npz, config| Head::from_bytes_with(npz, config, options))?)
    };
    // SAFETY: the caller's promise.
    unsafe { new_head(flags, head, error, load) }
}

/// # Safety
/// `npz` and `config` point to as many bytes as stated, which stay as they are during the call; `head` and `error` are
/// NULL or may be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_load_bytes(
    npz: *const u8,
    npz_size: usize,
    config: *const u8,
    config_size: usize,
    flags: u32,
    head: *mut *mut Head,
    error: *mut *mut Failure,
) -> i32 {
    let load = |options: &LoadOptions| {
        // SAFETY: the caller's promise.
        let (npz, config) = unsafe { (slice(npz, npz_size, "npz")?, slice(config, config_size, "config")?) };
        Ok(Head::from_bytes_with(npz, config, options)?)
    };
    // SAFETY: the caller's promise.
    unsafe { new_head(flags, head, error, load) }
}

/// # Safety
/// `head` is NULL or a head that is not freed, and no other call uses it.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_free(head: *mut Head) {
    value(|| {
        if !head.is_null() {
            // SAFETY: the caller's promise; every head came from Box::into_raw in `new_head`.
            drop(unsafe { Box::from_raw(head) });
        }
        Some(())
    });
}

/// Sets `out` to NULL, or to the head that `load` makes.
///
/// # Safety
/// `out` and `error` are NULL or may be written.
unsafe fn new_head(
    flags: u32,
    out: *mut *mut Head,
    error: *mut *mut Failure,
    load: impl FnOnce(&LoadOptions) -> Result<Head, Failure>,
) -> i32 {
    let body = || {
        if out.is_null() {
            return Err(Failure::usage("head", "found NULL, expected a place for the head"));
        }
        // SAFETY: not NULL, and the caller's promise.
        unsafe { out.write(std::ptr::null_mut()) };
        if flags & !REQUIRE_VERIFIED != 0 {
            return Err(Failure::usage("flags", format!("found {flags:#x}, expected flags of this version")));
        }
        let head = load(&LoadOptions::default().require_verified(flags & REQUIRE_VERIFIED != 0))?;
        // SAFETY: as above.
        unsafe { out.write(Box::into_raw(Box::new(head))) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(error, body) }
}

/// # Safety
/// `text` is NULL or a C string.
unsafe fn path(text: *const c_char, place: &str) -> Result<PathBuf, Failure> {
    if text.is_null() {
        return Err(Failure::usage(place, "found NULL, expected a path"));
    }
    // SAFETY: not NULL, and the caller's promise.
    path_of(unsafe { CStr::from_ptr(text) }, place)
}

#[cfg(unix)]
fn path_of(text: &CStr, _: &str) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(text.to_bytes()).into())
}

#[cfg(not(unix))]
fn path_of(text: &CStr, place: &str) -> Result<PathBuf, Failure> {
    let text = text.to_str().map_err(|_| Failure::usage(place, "found bytes that are no UTF-8, expected UTF-8"));
    text.map(PathBuf::from)
}
