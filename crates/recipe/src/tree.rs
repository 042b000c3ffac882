//! YAML and JSON as one tree, and the reader that turns a map of it into checked fields.
//!
//! A map is read through [`Fields`], which is made with the list of all keys that have a meaning: a key outside the list is an
//! error at once, with the nearest known key as the hint. Every getter names the whole path of its key in its errors.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};

/// A value of a YAML or JSON file. Maps keep their order and their duplicates, so that both can be reported.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Flag(bool),
    Integer(i128),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Parses YAML (one document).
    pub fn from_yaml(text: &str, file: &Path) -> Result<Value> {
        use serde_saphyr::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
        let options = serde_saphyr::options! {
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| Error::Syntax {
            file: file.to_owned(),
            format: "YAML",
            message: error.without_snippet().to_string(),
        })
    }

    /// Parses JSON.
    pub fn from_json(text: &[u8], file: &Path) -> Result<Value> {
        serde_json::from_slice(text).map_err(|error| Error::Syntax {
            file: file.to_owned(),
            format: "JSON",
            message: error.to_string(),
        })
    }

    /// The value in words, for messages.
    pub fn describe(&self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Flag(flag) => flag.to_string(),
            Value::Integer(integer) => integer.to_string(),
            Value::Number(number) => decimal(*number),
            Value::Text(text) => format!("`{}`", shortened(text)),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Map(_) => "a map".into(),
        }
    }
}

/// A number as people write it: with an exponent where there would be many zeros.
fn decimal(number: f64) -> String {
    let is_plain = number == 0.0 || !number.is_finite() || (1e-5..1e15).contains(&number.abs());
    if is_plain { number.to_string() } else { format!("{number:e}") }
}

fn shortened(text: &str) -> String {
    const LIMIT: usize = 60;
    if text.chars().count() <= LIMIT {
        return text.to_owned();
    }
    text.chars().take(LIMIT).chain(['…']).collect()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }
    fn visit_i64<E>(self, integer: i64) -> Result<Value, E> {
        Ok(Value::Integer(integer.into()))
    }
    fn visit_u64<E>(self, integer: u64) -> Result<Value, E> {
        Ok(Value::Integer(integer.into()))
    }
    fn visit_i128<E>(self, integer: i128) -> Result<Value, E> {
        Ok(Value::Integer(integer))
    }
    fn visit_u128<E>(self, integer: u128) -> Result<Value, E> {
        Ok(i128::try_from(integer).map_or(Value::Text(integer.to_string()), Value::Integer))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

/// A map of a file, of which every key is known and none stands twice.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    file: &'a Path,
    prefix: String,
    entries: &'a [(String, Value)],
}

impl<'a> Fields<'a> {
    /// Takes `value` as a map with keys out of `known`; `prefix` is the path of the map itself, empty for the file's root.
    pub fn new(file: &'a Path, prefix: &str, value: &'a Value, known: &[&[&str]]) -> Result<Self> {
        let Value::Map(entries) = value else {
            return Err(Error::WrongType {
                file: file.to_owned(),
                key: if prefix.is_empty() { "top level".into() } else { prefix.to_owned() },
                expected: "a map of keys and values".into(),
                found: value.describe(),
            });
        };
        let fields = Fields { file, prefix: prefix.to_owned(), entries };
        for (index, (key, _)) in entries.iter().enumerate() {
            if !known.iter().any(|keys| keys.contains(&key.as_str())) {
                let hint = nearest_hint(key, known.iter().copied().flatten().copied());
                return Err(Error::UnknownKey { file: fields.path(), key: fields.full(key), hint });
            }
            if entries[..index].iter().any(|(earlier, _)| earlier == key) {
                return Err(Error::DuplicateKey { file: fields.path(), key: fields.full(key) });
            }
        }
        Ok(fields)
    }

    /// A map whose keys are not checked yet: to look at the key that says which keys there may be.
    pub fn unchecked(file: &'a Path, prefix: &str, entries: &'a [(String, Value)]) -> Self {
        Fields { file, prefix: prefix.to_owned(), entries }
    }

    fn path(&self) -> PathBuf {
        self.file.to_owned()
    }

    /// The path of `key` in the file.
    pub fn full(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}.{key}", self.prefix) }
    }

    /// The file that the map is from.
    pub fn file(&self) -> &'a Path {
        self.file
    }

    /// The value of `key`; an explicit null counts as absent.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.entries.iter().find(|(name, value)| name == key && *value != Value::Null).map(|(_, value)| value)
    }

    pub fn missing(&self, key: &str, hint: &str) -> Error {
        Error::MissingKey { file: self.path(), key: self.full(key), hint: hint.to_owned() }
    }

    pub fn wrong_type(&self, key: &str, expected: &str, value: &Value) -> Error {
        Error::WrongType {
            file: self.path(),
            key: self.full(key),
            expected: expected.to_owned(),
            found: value.describe(),
        }
    }

    pub fn bad(
        &self,
        key: &str,
        value: impl ToString,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Error {
        Error::Value {
            file: self.path(),
            key: self.full(key),
            value: value.to_string(),
            reason: reason.into(),
            hint: hint.into(),
        }
    }

    /// A whole number in `range`.
    pub fn count(&self, key: &str, range: RangeInclusive<u64>) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let integer = match value {
            Value::Integer(integer) => *integer,
            Value::Number(number) if number.fract() == 0.0 => *number as i128,
            _ => return Err(self.wrong_type(key, "a whole number", value)),
        };
        match u64::try_from(integer) {
            Ok(count) if range.contains(&count) => Ok(Some(usize::try_from(count).expect("64-bit machine"))),
            _ => Err(self.bad(
                key,
                integer,
                if integer < i128::from(*range.start()) { "too small" } else { "too large" },
                format!("it must be between {} and {}", range.start(), range.end()),
            )),
        }
    }

    /// A whole number in `range` that must be there.
    pub fn required_count(&self, key: &str, range: RangeInclusive<u64>) -> Result<usize> {
        self.count(key, range)?.ok_or_else(|| self.missing(key, &format!("add `{key}: <a whole number>`")))
    }

    /// A finite number in `range`: the decimal's nearest binary64, rounded to binary32.
    pub fn number(&self, key: &str, range: RangeInclusive<f32>) -> Result<Option<f32>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value {
            Value::Integer(integer) => *integer as f64,
            Value::Number(number) => *number,
            _ => return Err(self.wrong_type(key, "a number", value)),
        };
        let single = number as f32;
        if single.is_finite() && range.contains(&single) {
            if single == 0.0 && number != 0.0 {
                let hint = "write 0 or a larger number";
                return Err(self.bad(key, decimal(number), "too small for binary32", hint));
            }
            return Ok(Some(if single == 0.0 { 0.0 } else { single }));
        }
        // The shortest decimal of a bound is a number of binary32.
        let bound = |bound: &f32| decimal(bound.to_string().parse().unwrap_or(f64::from(*bound)));
        let (start, end) = (bound(range.start()), bound(range.end()));
        let hint = format!("it must be between {start} and {end}");
        Err(self.bad(key, decimal(number), "out of range", hint))
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(value) => Err(self.wrong_type(key, "a text", value)),
        }
    }

    /// True or false.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Flag(flag)) => Ok(Some(*flag)),
            Some(value) => Err(self.wrong_type(key, "true or false", value)),
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
            return Ok(Some(*choice));
        }
        let hint = nearest_hint(text, choices.iter().map(|(name, _)| *name));
        Err(self.bad(key, format!("`{}`", shortened(text)), "not a known choice", hint))
    }

    /// Fails unless the key is absent or has this one value; for settings that are recognised but not variable.
    pub fn only(&self, key: &str, allowed: &Value, reason: &str) -> Result<()> {
        match self.get(key) {
            None => Ok(()),
            Some(value) if same(value, allowed) => Ok(()),
            Some(value) => {
                let hint = format!("remove it or set it to {}", allowed.describe().replace('`', ""));
                Err(self.bad(key, value.describe(), reason, hint))
            }
        }
    }
}

fn same(value: &Value, allowed: &Value) -> bool {
    match (value, allowed) {
        (Value::Integer(integer), Value::Number(number))
        | (Value::Number(number), Value::Integer(integer)) => *integer as f64 == *number,
        _ => value == allowed,
    }
}

/// The most words that a hint lists.
const LISTED_LIMIT: usize = 24;

/// The known word that is nearest to `word`, as a hint; or all of them if none is near.
pub(crate) fn nearest_hint<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let lower = word.to_lowercase().replace('-', "_");
    let nearest =
        known.iter().copied().min_by_key(|candidate| strsim::damerau_levenshtein(&lower, candidate));
    match nearest {
        Some(candidate) if strsim::damerau_levenshtein(&lower, candidate) <= 1 + lower.len() / 4 => {
            format!("did you mean `{candidate}`?")
        }
        _ if known.len() > LISTED_LIMIT => "it is not known; remove it if nothing depends on it".into(),
        _ => format!("known here: {}", known.join(", ")),
    }
}
