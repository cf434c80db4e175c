//! JSON as the command line and the conformance protocol print it: compact, members in the order they are added.

use std::fmt::{Display, Write};

use plmhead::{Label, Value};

/// A JSON text under construction. Commas are put where they are due.
#[derive(Default)]
pub struct Json {
    text: String,
}

impl Json {
    /// An object with the members that `fill` adds.
    pub fn object(fill: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        json.members(fill);
        json.text
    }

    /// The text of one value.
    pub fn value(fill: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        fill(&mut json);
        json.text
    }

    /// A value begins: after another one, a comma is due. No finished value ends in one of these characters.
    fn begin(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(['{', '[', ':']) {
            self.text.push(',');
        }
    }

    /// A name; its value is added next.
    pub fn name(&mut self, name: &str) -> &mut Json {
        self.str(name);
        self.text.push(':');
        self
    }

    pub fn members(&mut self, fill: impl FnOnce(&mut Json)) {
        self.begin();
        self.text.push('{');
        fill(self);
        self.text.push('}');
    }

    pub fn array<T>(&mut self, items: impl IntoIterator<Item = T>, mut add: impl FnMut(&mut Json, T)) {
        self.begin();
        self.text.push('[');
        for item in items {
            add(self, item);
        }
        self.text.push(']');
    }

    /// What prints as JSON already: integers, booleans, null.
    pub fn plain(&mut self, value: impl Display) {
        self.begin();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
    }

    pub fn null(&mut self) {
        self.plain("null");
    }

    /// The shortest decimal that reads back to the same binary64.
    pub fn number(&mut self, value: f64) {
        self.plain(format_args!("{value:?}"));
    }

    /// The 16 hexadecimal digits of a binary64, as a string.
    pub fn bits(&mut self, value: f64) {
        self.plain(format_args!("\"{:016x}\"", value.to_bits()));
    }

    pub fn str(&mut self, text: &str) {
        self.begin();
        self.text.push('"');
        for character in text.chars() {
            self.character(character);
        }
        self.text.push('"');
    }

    fn character(&mut self, character: char) {
        let escape = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\0'..='\u{1f}' => {
                let _ = write!(self.text, "\\u{:04x}", u32::from(character));
                return;
            }
            _ => return self.text.push(character),
        };
        self.text.push_str(escape);
    }

    pub fn optional_str(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.str(text),
            None => self.null(),
        }
    }

    pub fn label(&mut self, label: &Label) {
        match label {
            Label::Str(text) => self.str(text),
            other => self.plain(other),
        }
    }

    /// A value of a config.
    pub fn json(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Bool(value) => self.plain(value),
            Value::Integer(value) => self.plain(value),
            Value::Float(value) => self.number(*value),
            Value::String(text) => self.str(text),
            Value::Array(items) => self.array(items, Json::json),
            Value::Object(members) => self.members(|json| {
                for (name, value) in members {
                    json.name(name).json(value);
                }
            }),
        }
    }
}
