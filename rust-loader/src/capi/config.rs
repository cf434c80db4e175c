//! The config: thresholds, and any member by its JSON pointer.

use std::ffi::{CStr, c_char};

use super::border::Text;
use super::head::of;
use crate::head::Head;
use crate::json::Value;

const NULL: i32 = 1;
const BOOLEAN: i32 = 2;
const INTEGER: i32 = 3;
const NUMBER: i32 = 4;
const TEXT: i32 = 5;
const ARRAY: i32 = 6;
const OBJECT: i32 = 7;

/// A value of the config; all zero where there is none.
#[repr(C)]
#[derive(Default)]
pub struct ValueView {
    kind: i32,
    size: usize,
    integer: i64,
    number: f64,
    text: Text,
}

impl From<&Value> for ValueView {
    fn from(value: &Value) -> ValueView {
        let kind = |kind| ValueView { kind, ..ValueView::default() };
        match value {
            Value::Null => kind(NULL),
            Value::Bool(truth) => ValueView { integer: i64::from(*truth), ..kind(BOOLEAN) },
            // An integer of a config lies within ±(2^53 - 1).
            Value::Integer(integer) => ValueView { integer: *integer, number: *integer as f64, ..kind(INTEGER) },
            Value::Float(number) => ValueView { number: *number, ..kind(NUMBER) },
            Value::String(text) => ValueView { text: Text::from(&**text), ..kind(TEXT) },
            Value::Array(items) => ValueView { size: items.len(), ..kind(ARRAY) },
            Value::Object(members) => ValueView { size: members.len(), ..kind(OBJECT) },
        }
    }
}

/// # Safety
/// `head` is NULL or a head that is not freed; `out` is NULL or may be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_threshold(head: *const Head, out: *mut f64) -> bool {
    let write = |threshold: f64| {
        if !out.is_null() {
            // SAFETY: not NULL, and the caller's promise.
            unsafe { out.write(threshold) };
        }
        true
    };
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| head.config().threshold.map(write)) }
}

/// # Safety
/// `head` is NULL or a head that is not freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_n_assay_types(head: *const Head) -> usize {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| Some(head.config().assay_thresholds.len())) }
}

/// # Safety
/// As above; the text is used only until the head is freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_assay_type(head: *const Head, index: usize) -> Text {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| head.config().assay_thresholds.get(index).map(|(name, _)| Text::from(&**name))) }
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_assay_threshold(head: *const Head, index: usize) -> f64 {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| head.config().assay_thresholds.get(index).map(|(_, threshold)| *threshold)) }
}

/// # Safety
/// `head` is NULL or a head that is not freed; `pointer` is NULL or a C string; the text of the value is used only until
/// the head is freed.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_config(head: *const Head, pointer: *const c_char) -> ValueView {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| at(head, pointer).map(ValueView::from)) }
}

/// # Safety
/// As above.
#[unsafe(no_mangle)]
unsafe extern "C" fn plmhead_config_name(head: *const Head, pointer: *const c_char, index: usize) -> Text {
    // SAFETY: the caller's promise.
    unsafe { of(head, |head| at(head, pointer)?.as_object()?.get(index).map(|(name, _)| Text::from(&**name))) }
}

/// # Safety
/// `pointer` is NULL or a C string.
unsafe fn at(head: &Head, pointer: *const c_char) -> Option<&Value> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not NULL, and the caller's promise.
    find(head.config().root(), unsafe { CStr::from_ptr(pointer) }.to_str().ok()?)
}

/// RFC 6901.
fn find<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() {
        return Some(root);
    }
    pointer.strip_prefix('/')?.split('/').try_fold(root, |value, token| match value {
        Value::Array(items) => items.get(index(token)?),
        _ => value.get(&token.replace("~1", "/").replace("~0", "~")),
    })
}

/// Digits without a sign or leading zeros.
fn index(token: &str) -> Option<usize> {
    token.parse().ok().filter(|index: &usize| index.to_string() == token)
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::json::Value;

    #[track_caller]
    fn check_found(pointer: &str, expected: Option<i64>) {
        let root =
            Value::parse(br#"{"": 0, "a/b": 1, "m~n": 2, "~1": 3, "list": [4, {"x": 5}], "01": 6}"#).expect("JSON");
        assert_eq!(find(&root, pointer).and_then(Value::as_i64), expected, "{pointer:?}");
    }

    #[test]
    fn a_pointer_finds_a_member_or_an_item() {
        for (value, pointer) in (0..).zip(["/", "/a~1b", "/m~0n", "/~01", "/list/0", "/list/1/x", "/01"]) {
            check_found(pointer, Some(value));
        }
    }

    #[test]
    fn any_other_pointer_finds_nothing() {
        for pointer in
            ["", "a", "//", "/list", "/list/", "/list/2", "/list/00", "/list/+0", "/list/-", "/list/0/0", "/A"]
        {
            check_found(pointer, None);
        }
    }
}
