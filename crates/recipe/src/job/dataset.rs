//! The list of data sets of a job file.

use std::path::Path;

use crate::error::Result;
use crate::tree::{Fields, Value};

/// One entry of `datasets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// A glob pattern, with the job file's directory before it.
    pub pattern: String,
    /// How its files are read; none means by each file's extension.
    pub format: Option<Format>,
    /// The field of an object or the column of a row that holds the text.
    pub field: String,
}

/// How a file holds documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The file is one document.
    Text,
    /// Each line is a JSON object; a field of it is a document.
    Jsonl,
    /// Each row of a Parquet file is a document, in a column of text.
    Parquet,
}

const FORMATS: &[(&str, Format)] =
    &[("text", Format::Text), ("jsonl", Format::Jsonl), ("parquet", Format::Parquet)];

impl Format {
    /// The format that a file's extension says: `jsonl` and `ndjson`, `parquet`, and text for anything else.
    pub fn of(file: &Path) -> Self {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "ndjson") => Format::Jsonl,
            Some("parquet") => Format::Parquet,
            _ => Format::Text,
        }
    }
}

pub(super) fn read(fields: &Fields<'_>, directory: &Path) -> Result<Vec<Dataset>> {
    let example = "add `datasets: [{path: \"data/*.txt\"}]`";
    let value = fields.get("datasets").ok_or_else(|| fields.missing("datasets", example))?;
    let Value::List(items) = value else {
        return Err(fields.wrong_type("datasets", "a list of maps with a `path` each", value));
    };
    if items.is_empty() {
        return Err(fields.bad("datasets", "an empty list", "there is nothing to learn from", example));
    }
    items.iter().enumerate().map(|(index, item)| read_one(fields, directory, index, item)).collect()
}

fn read_one(fields: &Fields<'_>, directory: &Path, index: usize, item: &Value) -> Result<Dataset> {
    let prefix = format!("datasets[{index}]");
    let entry = Fields::new(fields.file(), &prefix, item, &[&["path", "type", "field"]])?;
    let path = entry
        .text("path")?
        .ok_or_else(|| entry.missing("path", "give a file or a pattern such as \"data/**/*.txt\""))?;
    if path.is_empty() {
        return Err(entry.bad(
            "path",
            "empty",
            "it names no file",
            "give a file or a pattern such as \"data/**/*.txt\"",
        ));
    }
    let format = entry.choice("type", FORMATS)?;
    let field = entry.text("field")?;
    if field.is_some() && format == Some(Format::Text) {
        return Err(entry.bad(
            "field",
            format!("`{}`", field.unwrap_or_default()),
            "a text file has no fields",
            "remove it",
        ));
    }
    let pattern = if Path::new(path).is_absolute() || directory.as_os_str().is_empty() {
        path.to_owned()
    } else {
        format!("{}/{path}", glob::Pattern::escape(&directory.to_string_lossy()))
    };
    if let Err(error) = glob::Pattern::new(&pattern) {
        let hint = "`*` and `?` match inside a name, `**` stands alone between slashes, `[…]` needs its closing bracket";
        return Err(entry.bad("path", format!("`{path}`"), error.msg, hint));
    }
    Ok(Dataset { pattern, format, field: field.unwrap_or("text").to_owned() })
}
