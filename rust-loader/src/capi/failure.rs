//! Why a call failed: the object behind `plmhead_error`, and its functions.

use super::border::{Text, value};
use super::status;
use crate::errors::Error;

/// What a caller may ask of an error. Texts are handed out as views of it.
pub struct Failure {
    status: i32,
    place: String,
    message: String,
    remedy: Option<&'static str>,
    line: String,
}

impl Failure {
    fn new(status: i32, place: String, message: String, remedy: Option<&'static str>) -> Failure {
        let name = status::name(status).unwrap_or_default();
        let mut line = format!("{name} ({place}): {message}");
        if let Some(remedy) = remedy {
            line.push_str("; ");
            line.push_str(remedy);
        }
        Failure { status, place, message, remedy, line }
    }

    /// A call that breaks the manual; `place` is the name of the parameter.
    pub(super) fn usage(place: &str, message: impl Into<String>) -> Failure {
        Failure::new(status::USAGE, place.to_string(), message.into(), Some("see plmhead.h"))
    }

    /// A panic: a defect of this library.
    pub(super) fn internal(message: &str) -> Failure {
        let remedy = "this is a defect of the library; please report it with the files that cause it";
        Failure::new(status::INTERNAL, "plmhead".to_string(), message.to_string(), Some(remedy))
    }

    pub(super) fn status(&self) -> i32 {
        self.status
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let (place, message) = (error.place().to_string(), error.message().to_string());
        Failure::new(status::of(error.code()), place, message, error.remedy())
    }
}

#[unsafe(no_mangle)]
extern "C" fn plmhead_status_name(status: i32) -> Text {
    value(|| status::name(status).map(Text::from))
}

/// # Safety
/// `error` is NULL or an error that is not freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_error_status(error: *const Failure) -> i32 {
    // SAFETY: the caller's promise.
    value(|| unsafe { error.as_ref() }.map(|error| error.status))
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_error_where(error: *const Failure) -> Text {
    // SAFETY: the caller's promise.
    value(|| unsafe { error.as_ref() }.map(|error| Text::from(&*error.place)))
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_error_message(error: *const Failure) -> Text {
    // SAFETY: the caller's promise.
    value(|| unsafe { error.as_ref() }.map(|error| Text::from(&*error.message)))
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_error_remedy(error: *const Failure) -> Text {
    // SAFETY: the caller's promise.
    value(|| unsafe { error.as_ref() }?.remedy.map(Text::from))
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_error_line(error: *const Failure) -> Text {
    // SAFETY: the caller's promise.
    value(|| unsafe { error.as_ref() }.map(|error| Text::from(&*error.line)))
}

/// # Safety
/// `error` is NULL or an error that is not freed, and no other call uses it.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_error_free(error: *mut Failure) {
    value(|| {
        if !error.is_null() {
            // SAFETY: the caller's promise; every error came from Box::into_raw in `border::guarded`.
            drop(unsafe { Box::from_raw(error) });
        }
        Some(())
    });
}
