//! Where text goes: one JSON object (or lines of them) for scripts on stdout, text for people.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// The format of all JSON that the commands write.
pub const SCHEMA: u32 = 1;

/// The two kinds of reader.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    json: bool,
    is_silent: bool,
}

impl Screen {
    /// A screen for scripts (`json`) or for people.
    pub fn new(json: bool) -> Screen {
        Screen { json, is_silent: false }
    }

    /// A screen that nobody reads.
    pub fn silent() -> Screen {
        Screen { json: true, is_silent: true }
    }

    /// Whether a script reads.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A result for people: on stdout, unless stdout belongs to a script.
    pub fn say(&self, text: impl AsRef<str>) {
        if self.json { self.note(text) } else { put(&mut std::io::stdout(), text.as_ref(), "\n") }
    }

    /// A result for people without a line's end, shown at once.
    pub fn stream(&self, text: &str) {
        if !self.json {
            put(&mut std::io::stdout(), text, "");
        }
    }

    /// A remark for people: on stderr.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.is_silent {
            put(&mut std::io::stderr(), text.as_ref(), "\n");
        }
    }

    /// A result for scripts: one line on stdout, with the schema's number.
    pub fn object(&self, value: &impl Serialize) {
        if !self.json || self.is_silent {
            return;
        }
        let mut value = serde_json::to_value(value).expect("what the commands report is JSON");
        if let Some(map) = value.as_object_mut() {
            map.insert("schema".to_owned(), SCHEMA.into());
        }
        put(&mut std::io::stdout(), &value.to_string(), "\n");
    }

    /// Why a command failed.
    pub fn failure(&self, failure: &Failure) {
        let error = if is_coloured() { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
        self.note(format!("{error} {}", failure.message));
        if let Some(hint) = &failure.hint {
            self.note(format!("hint: {hint}"));
        }
        self.error_object(failure);
    }

    /// Why a command failed, for scripts only.
    pub fn error_object(&self, failure: &Failure) {
        let object = serde_json::json!({
            "error": {"exit": failure.exit as u8, "message": failure.message, "hint": failure.hint}
        });
        self.object(&object);
    }
}

/// Whether text for people may be coloured.
fn is_coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A reader that went away is no error of the command.
fn put(target: &mut impl Write, text: &str, end: &str) {
    let _ = target.write_all(text.as_bytes()).and_then(|()| target.write_all(end.as_bytes()));
    let _ = target.flush();
}

/// A count with thousands set apart.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

/// Bytes in the unit that suits them.
pub fn bytes(count: u64) -> String {
    scaled(count as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// A rate or amount in the unit that suits it.
pub fn amount(count: f64, unit: &str) -> String {
    format!("{}{unit}", scaled(count, 1000.0, &["", "k", "M", "G", "T", "P"]))
}

fn scaled(mut value: f64, base: f64, units: &[&str]) -> String {
    let mut at = 0;
    while value >= base && at + 1 < units.len() {
        value /= base;
        at += 1;
    }
    let digits = if at == 0 && value.fract() == 0.0 { 0 } else { 2 };
    format!("{value:.digits$} {}", units[at])
}

/// A time in the unit that suits it.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(bytes(1000), "1000 B");
        assert_eq!(bytes(3 << 29), "1.50 GiB");
        assert_eq!(amount(2.5e9, "FLOP/s"), "2.50 GFLOP/s");
        assert_eq!(duration(0.25), "250 ms");
        assert_eq!(duration(600.0), "10.0 min");
    }
}
