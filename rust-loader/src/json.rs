//! JSON text to values, narrowed as section 3 of the specification says (rules T1 to T6).
//!
//! Takes the bytes of a whole file. Keeps the order of members, and keeps integer tokens apart from other numbers:
//! `1` and `1.0` are different values here. The first fault in the order of the bytes is the error.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::errors::{Code, Error};

const MAX_DEPTH: usize = 16;
const MAX_VALUES: usize = 32_768;
const MAX_NUMBER_BYTES: usize = 64;
const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number written without `.`, `e` or `E`; within ±(2^53 - 1).
    Integer(i64),
    /// Any other number; finite.
    Float(f64),
    /// A string, its escapes resolved.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object: its members in the order of the file, names distinct.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Reads one JSON text under the rules of section 3 of the specification.
    ///
    /// # Errors
    /// A `JSON_…` code at `config@N`, N the byte offset.
    pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
        let text = decode(bytes)?;
        let mut parser = Parser { text, at: 0, values: 0 };
        parser.space();
        let value = parser.value(1)?;
        parser.space();
        match parser.peek() {
            None => Ok(value),
            Some(_) => Err(parser.syntax("the end of the text")),
        }
    }

    /// The member of that name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object()?.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The members, if this is an object.
    pub fn as_object(&self) -> Option<&[(String, Value)]> {
        if let Value::Object(members) = self { Some(members) } else { None }
    }

    /// The items, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(items) = self { Some(items) } else { None }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The integer, if this is one.
    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Integer(number) = self { Some(*number) } else { None }
    }

    /// The number, if this is an integer or any other number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            // Exact: an integer token lies within ±(2^53 - 1).
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The type in words, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number that is no integer",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }
}

/// T1: UTF-8 without a byte order mark.
fn decode(bytes: &[u8]) -> Result<&str, Error> {
    let fault = |at: usize, found: &str| {
        let message = format!("found {found}, expected UTF-8 without a byte order mark");
        Err(Error::new(Code::JsonEncoding, format!("config@{at}"), message))
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with('\u{feff}') => fault(0, "a byte order mark"),
        Ok(text) => Ok(text),
        Err(error) => fault(error.valid_up_to(), "a byte that is not UTF-8"),
    }
}

/// The names of an object so far, as hashes: nine bytes each. Where a hash was met before, the names are compared.
#[derive(Default)]
struct Names {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Names {
    /// Whether `name` is new to `members`.
    fn insert(&mut self, name: &str, members: &[(String, Value)]) -> bool {
        self.hashes.insert(self.hasher.hash_one(name)) || members.iter().all(|(known, _)| known != name)
    }
}

/// A position in the text. Recursion is safe: `value` stops at depth 16.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn slice(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn fault(&self, code: Code, at: usize, message: String) -> Error {
        Error::new(code, format!("config@{at}"), message)
    }

    fn syntax(&self, expected: &str) -> Error {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(character) => format!("{character:?}"),
            None => "the end of the text".to_string(),
        };
        self.fault(Code::JsonSyntax, self.at, format!("found {found}, expected {expected}"))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        match self.peek() {
            Some(open @ (b'{' | b'[')) => {
                self.count(depth)?;
                self.at += 1;
                if open == b'{' { self.object(depth) } else { self.array(depth) }
            }
            // The depth is that of objects and arrays only.
            Some(first @ (b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')) => {
                self.count(1)?;
                self.scalar(first)
            }
            _ => Err(self.syntax("a value")),
        }
    }

    fn scalar(&mut self, first: u8) -> Result<Value, Error> {
        match first {
            b'"' => self.string().map(Value::String),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    /// T6, at the first byte of a value.
    fn count(&mut self, depth: usize) -> Result<(), Error> {
        self.values += 1;
        let message = if depth > MAX_DEPTH {
            format!("found nesting of depth {depth}, expected at most {MAX_DEPTH}")
        } else if self.values > MAX_VALUES {
            format!("found more than {MAX_VALUES} values, expected at most that many")
        } else {
            return Ok(());
        };
        Err(self.fault(Code::JsonLimit, self.at, message))
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        for byte in word.bytes() {
            if !self.eat(byte) {
                return Err(self.syntax(word));
            }
        }
        Ok(value)
    }

    /// After the opening bracket.
    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.eat(b']') {
                items.shrink_to_fit();
                return Ok(Value::Array(items));
            }
            if !self.eat(b',') {
                return Err(self.syntax("',' or ']'"));
            }
        }
    }

    /// After the opening brace.
    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        let mut members = Vec::new();
        let mut names = Names::default();
        self.space();
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let name = self.name(&mut names, &members)?;
            self.space();
            if !self.eat(b':') {
                return Err(self.syntax("':'"));
            }
            self.space();
            members.push((name, self.value(depth + 1)?));
            self.space();
            if self.eat(b'}') {
                members.shrink_to_fit();
                return Ok(Value::Object(members));
            }
            if !self.eat(b',') {
                return Err(self.syntax("',' or '}'"));
            }
        }
    }

    /// T4: a name that its object does not have yet.
    fn name(&mut self, names: &mut Names, members: &[(String, Value)]) -> Result<String, Error> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("a name in quotes"));
        }
        let start = self.at;
        let name = self.string()?;
        if names.insert(&name, members) {
            return Ok(name);
        }
        let message = format!("found a second member {name:?}, expected distinct names");
        Err(self.fault(Code::JsonDuplicateName, start, message))
    }

    fn string(&mut self) -> Result<String, Error> {
        let mut out = String::new();
        self.eat(b'"');
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            out.push_str(self.slice(start));
            if self.eat(b'"') {
                return Ok(out);
            }
            if !self.eat(b'\\') {
                return Err(self.syntax("a character of a string, or its closing quote"));
            }
            out.push(self.escape()?);
        }
    }

    /// After the backslash.
    fn escape(&mut self) -> Result<char, Error> {
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.syntax("an escape: one of \"\\/bfnrtu")),
        };
        self.at += 1;
        Ok(character)
    }

    /// T3, at the `u`.
    fn unicode_escape(&mut self) -> Result<char, Error> {
        let start = self.at.saturating_sub(1);
        self.at += 1;
        let Some(high) = self.hex4() else {
            return Err(self.syntax("four hexadecimal digits"));
        };
        let code = match high {
            0xd800..=0xdbff => self.low_surrogate().map(|low| 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)),
            _ => Some(high),
        };
        code.and_then(char::from_u32).ok_or_else(|| {
            let message = format!("found \\u{high:04x} alone, expected a high and a low surrogate together");
            self.fault(Code::JsonSurrogate, start, message)
        })
    }

    /// The second half of a pair, judged by the next six bytes alone.
    fn low_surrogate(&mut self) -> Option<u32> {
        let escape = self.eat(b'\\') && self.eat(b'u');
        let low = if escape { self.hex4()? } else { return None };
        (0xdc00..=0xdfff).contains(&low).then_some(low)
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            code = code * 16 + char::from(self.peek()?).to_digit(16)?;
            self.at += 1;
        }
        Some(code)
    }

    /// T5: the token is the longest run of bytes that numbers are made of; it is judged as a whole.
    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let token = self.slice(start);
        let Some(integer) = number_grammar(token) else {
            let message = format!("found {token}, expected a number as JSON writes it");
            return Err(self.fault(Code::JsonSyntax, start, message));
        };
        number_value(token, integer).map_err(|message| self.fault(Code::JsonNumber, start, message))
    }
}

/// Whether the token is an integer, that is without `.`, `e`, `E`; `None` if it is not a number of RFC 8259.
fn number_grammar(token: &str) -> Option<bool> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match token.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (token, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let exponent_digits = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    let valid = digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent_digits.is_none_or(digits);
    valid.then_some(fraction.is_none() && exponent.is_none())
}

fn number_value(token: &str, integer: bool) -> Result<Value, String> {
    if token.len() > MAX_NUMBER_BYTES {
        return Err(format!("found a number of {} bytes, expected at most {MAX_NUMBER_BYTES}", token.len()));
    }
    if integer {
        return match token.parse::<i64>() {
            Ok(_) if token == "-0" => Err("found -0, expected 0 or -0.0".to_string()),
            Ok(number) if number.unsigned_abs() <= MAX_INTEGER.unsigned_abs() => Ok(Value::Integer(number)),
            _ => Err(format!("found {token}, expected an integer within ±{MAX_INTEGER}")),
        };
    }
    match token.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        _ => Err(format!("found {token}, expected a number that binary64 can hold")),
    }
}
