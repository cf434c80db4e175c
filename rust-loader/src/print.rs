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
            _ if is_hidden(character) => return escape_into(&mut self.text, character),
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

/// The text with hidden characters as JSON escapes them; line feeds stay.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push(character),
            _ if is_hidden(character) => escape_into(&mut shown, character),
            _ => shown.push(character),
        }
    }
    shown
}

fn escape_into(text: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
}

/// What no terminal gets raw: control and format characters, separators of lines, characters without width, for private use,
/// and none. The same ranges as in the other command lines, so that their output is equal by bytes.
#[rustfmt::skip]
pub fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{1fffe}'..='\u{1ffff}' | '\u{2fffe}'..='\u{2ffff}' | '\u{3fffe}'..='\u{3ffff}'
            | '\u{40000}'..='\u{10ffff}'
    )
}
