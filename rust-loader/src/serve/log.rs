//! One JSON object a line on standard error. Sequences and ids are private: neither they nor messages that quote them are here.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::print::Json;

/// Writes an event with the members that `fill` adds; `time` is in seconds since 1970.
pub fn event(name: &str, fill: impl FnOnce(&mut Json)) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut line = Json::object(|json| {
        json.name("time").plain(format_args!("{seconds:.3}"));
        json.name("event").str(name);
        fill(json);
    });
    line.push('\n');
    // One write a line, so that lines of several threads stay whole; not eprintln!, which panics when standard error is closed.
    let _ = io::stderr().write_all(line.as_bytes());
}
