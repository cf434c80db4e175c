//! Checks a config against its tables: rules F1 to F5 of the specification. The tables are in `tables.rs`.
//!
//! Takes a parsed root and a table, returns the first fault. Depth first: an object's contents are checked before the
//! next member of its parent, its unknown members last.

use crate::errors::{Code, Error};
use crate::forms::Form;
use crate::json::Value;

/// One row of a table.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) rule: Rule,
    /// A rule that looks at other members too; it runs after type and range, before the contents.
    pub(crate) also: Option<Also>,
}

/// A check of the root and of one of its values.
pub(crate) type Also = fn(root: &Value, value: &Value) -> Result<(), Error>;

/// A type and a range.
pub(crate) enum Rule {
    Free,
    Boolean,
    False,
    Integer(i64, i64),
    Number(Range),
    String(Form),
    Nullable(&'static Rule),
    /// A string of that form, or what the other rule says.
    StringOr(Form, &'static Rule),
    Array(usize, usize, &'static Rule),
    Object(&'static [Field]),
    /// An object with free names: the form of the names, the rule of the values.
    Map(Form, &'static Rule),
}

/// A test of a number, with what to say when it fails.
pub(crate) struct Range {
    pub(crate) expected: &'static str,
    pub(crate) test: fn(f64) -> bool,
}

/// Checks `root` against `table`. `open` means that unknown members are ignored.
pub(crate) fn check(root: &Value, table: &'static [Field], open: bool) -> Result<(), Error> {
    Checker { root, open, pointer: String::new() }.object(root, table)
}

/// `name` as a reference token of a JSON pointer (RFC 6901).
pub(crate) fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

struct Checker<'a> {
    root: &'a Value,
    open: bool,
    pointer: String,
}

impl Checker<'_> {
    fn fault(&self, code: Code, message: String) -> Result<(), Error> {
        Err(Error::new(code, self.pointer.as_str(), message))
    }

    /// Runs `check` with the pointer one step deeper.
    fn within(&mut self, name: &str, check: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&token(name));
        let result = check(self);
        self.pointer.truncate(length);
        result
    }

    fn object(&mut self, value: &Value, table: &'static [Field]) -> Result<(), Error> {
        for field in table {
            self.within(field.name, |checker| checker.member(value.get(field.name), field))?;
        }
        let known = |name: &str| table.iter().any(|field| field.name == name);
        match value.as_object().unwrap_or_default().iter().find(|(name, _)| !known(name)) {
            Some((name, _)) if !self.open => self.within(name, |checker| {
                let message = format!("found a member {name:?}, expected only members of the format");
                checker.fault(Code::FieldUnknown, message)
            }),
            _ => Ok(()),
        }
    }

    fn member(&mut self, value: Option<&Value>, field: &'static Field) -> Result<(), Error> {
        let Some(value) = value else {
            if !field.required {
                return Ok(());
            }
            return self.fault(Code::FieldMissing, format!("found no member {:?}, expected one", field.name));
        };
        self.itself(value, &field.rule)?;
        if let Some(also) = field.also {
            also(self.root, value)?;
        }
        self.contents(value, &field.rule)
    }

    /// Type and range of the value itself.
    fn itself(&self, value: &Value, rule: &Rule) -> Result<(), Error> {
        match (rule, value) {
            (Rule::Free, _) | (Rule::Boolean, Value::Bool(_)) | (Rule::Nullable(_), Value::Null) => Ok(()),
            (Rule::Object(_) | Rule::Map(..), Value::Object(_)) => Ok(()),
            (Rule::False, Value::Bool(found)) => self.range(!found, "true", "false"),
            (Rule::String(form) | Rule::StringOr(form, _), Value::String(text)) => self.form(text, form),
            (Rule::Integer(low, high), Value::Integer(number)) => {
                self.range((low..=high).contains(&number), number, &between(*low, *high))
            }
            (Rule::Number(range), Value::Integer(_) | Value::Float(_)) => {
                let number = value.as_f64().unwrap_or(f64::NAN);
                self.range((range.test)(number), format_args!("{number:?}"), range.expected)
            }
            (Rule::Array(low, high, _), Value::Array(items)) => {
                let (found, expected) = (items.len(), between(*low as i64, *high as i64));
                self.range((low..=high).contains(&&found), format_args!("{found} items"), &format!("{expected} items"))
            }
            (Rule::StringOr(_, other), _) => self.itself(value, other),
            (Rule::Nullable(other), _) => self.itself(value, other),
            _ => {
                let message = format!("found {}, expected {}", value.kind(), kind(rule));
                self.fault(Code::FieldType, message)
            }
        }
    }

    fn range(&self, holds: bool, found: impl std::fmt::Display, expected: &str) -> Result<(), Error> {
        if holds {
            return Ok(());
        }
        self.fault(Code::FieldValue, format!("found {found}, expected {expected}"))
    }

    fn form(&self, text: &str, form: &Form) -> Result<(), Error> {
        self.range((form.test)(text), format_args!("{text:?}"), form.expected)
    }

    /// What is inside an object or array whose own type and length are right.
    fn contents(&mut self, value: &Value, rule: &Rule) -> Result<(), Error> {
        match (rule, value) {
            (Rule::Nullable(other) | Rule::StringOr(_, other), _) => self.contents(value, other),
            (Rule::Object(table), Value::Object(_)) => self.object(value, table),
            (Rule::Array(_, _, item), Value::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    self.within(&index.to_string(), |checker| checker.entry(value, item))?;
                }
                Ok(())
            }
            (Rule::Map(form, rule), Value::Object(members)) => {
                for (name, value) in members {
                    self.within(name, |checker| {
                        checker.form(name, form)?;
                        checker.entry(value, rule)
                    })?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn entry(&mut self, value: &Value, rule: &Rule) -> Result<(), Error> {
        self.itself(value, rule)?;
        self.contents(value, rule)
    }
}

fn between(low: i64, high: i64) -> String {
    if low == high { low.to_string() } else { format!("{low} to {high}") }
}

/// The type that a rule wants, in words.
fn kind(rule: &Rule) -> &'static str {
    match rule {
        Rule::Free => "a value",
        Rule::Boolean | Rule::False => "a boolean",
        Rule::Integer(..) => "an integer",
        Rule::Number(_) => "a number",
        Rule::String(_) => "a string",
        Rule::Array(..) => "an array",
        Rule::Object(_) | Rule::Map(..) => "an object",
        Rule::StringOr(_, other) | Rule::Nullable(other) => kind(other),
    }
}
