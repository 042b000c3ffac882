//! Data sets to one stream of tokens (docs/spec/recipe.md §2).
//!
//! Data sets are read in the job's order, the files of one in the order of their paths' bytes, the documents of a file in the file's
//! order. No step of this depends on the machine, and tokenising on all cores keeps the order.

mod files;
mod parquet;

use std::io::BufRead;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub use files::find_files;

use crate::error::{Error, Result, open_regular};
use crate::job::{Dataset, Format};
use crate::tokenizer::{DocumentError, Tokenizer};

/// The most tokens of a stream.
pub const TOKENS_LIMIT: usize = 1 << 32;
/// The largest document, in bytes.
pub const DOCUMENT_BYTES_LIMIT: usize = 1 << 30;
/// Documents are tokenised together until they have so many bytes; it bounds memory and keeps all cores busy.
const BATCH_BYTES: usize = 32 << 20;

/// The tokens of all data of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenStream {
    /// The tokens, documents one after the other.
    pub tokens: Vec<u32>,
    /// The files in the order in which they were read.
    pub sources: Vec<Source>,
}

/// What one file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// Documents in it that are not empty.
    pub document_count: usize,
    /// Tokens of them.
    pub token_count: usize,
}

/// Reads and tokenises all data sets.
///
/// # Errors
/// A pattern matches nothing, a file cannot be read or is malformed, there is no text at all, or a token is not below `vocabulary`.
pub fn load_tokens(datasets: &[Dataset], tokenizer: &Tokenizer, vocabulary: usize) -> Result<TokenStream> {
    let mut stream = TokenStream::default();
    for dataset in datasets {
        let before = stream.tokens.len();
        let files = find_files(&dataset.pattern)?;
        let file_count = files.len();
        for file in files {
            let source = load_file(dataset, &file, tokenizer, vocabulary, &mut stream.tokens)?;
            stream.sources.push(source);
        }
        if stream.tokens.len() == before {
            return Err(Error::EmptyData { pattern: dataset.pattern.clone(), file_count });
        }
    }
    Ok(stream)
}

fn load_file(
    dataset: &Dataset,
    file: &Path,
    tokenizer: &Tokenizer,
    vocabulary: usize,
    tokens: &mut Vec<u32>,
) -> Result<Source> {
    let start = tokens.len();
    let mut sink =
        Sink { file, tokenizer, vocabulary, tokens, batch: Vec::new(), batch_bytes: 0, documents: 0 };
    match dataset.format.unwrap_or(Format::of(file)) {
        Format::Text => sink.push(read_text(file)?)?,
        Format::Jsonl => read_jsonl(file, &dataset.field, &mut sink)?,
        Format::Parquet => parquet::read(file, &dataset.field, |document| sink.push(document))?,
    }
    sink.flush()?;
    let document_count = sink.documents;
    Ok(Source { file: file.to_owned(), document_count, token_count: tokens.len() - start })
}

fn read_text(file: &Path) -> Result<Vec<u8>> {
    crate::error::read_bounded(
        file,
        DOCUMENT_BYTES_LIMIT as u64,
        "split the text into smaller files, or use jsonl",
    )
}

/// Collects the documents of a file and tokenises them on all cores, a batch at a time, in order.
struct Sink<'a> {
    file: &'a Path,
    tokenizer: &'a Tokenizer,
    vocabulary: usize,
    tokens: &'a mut Vec<u32>,
    batch: Vec<Vec<u8>>,
    batch_bytes: usize,
    documents: usize,
}

impl Sink<'_> {
    fn push(&mut self, document: Vec<u8>) -> Result<()> {
        if document.is_empty() {
            return Ok(());
        }
        self.batch_bytes += document.len();
        self.batch.push(document);
        if self.batch_bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let encoded: Vec<_> =
            batch.par_iter().map(|document| self.tokenizer.encode_document(document)).collect();
        for tokens in encoded {
            let tokens = tokens.map_err(|error| self.explain(error))?;
            self.check(&tokens)?;
            self.tokens.extend_from_slice(&tokens);
            self.documents += 1;
        }
        Ok(())
    }

    fn check(&self, tokens: &[u32]) -> Result<()> {
        if let Some(position) = tokens.iter().position(|id| *id as usize >= self.vocabulary) {
            return Err(Error::TokenBeyondVocabulary {
                file: self.file.to_owned(),
                document: self.documents,
                position,
                id: tokens[position],
                vocabulary: self.vocabulary,
            });
        }
        let value = self.tokens.len() + tokens.len();
        if value > TOKENS_LIMIT {
            let hint = "use less data".into();
            return Err(Error::Limit {
                what: "the data's token count",
                value: value as u128,
                limit: TOKENS_LIMIT as u128,
                hint,
            });
        }
        Ok(())
    }

    fn explain(&self, error: DocumentError) -> Error {
        match error {
            DocumentError::Encode(error) => *error,
            DocumentError::NotUtf8 { byte } => Error::Data {
                file: self.file.to_owned(),
                place: format!("document {}, byte {byte}", self.documents),
                reason: "not UTF-8".into(),
                hint: "convert the file to UTF-8, leave it out of the pattern, or use `tokenizer: bytes`"
                    .into(),
            },
        }
    }
}

fn read_jsonl(file: &Path, field: &str, sink: &mut Sink<'_>) -> Result<()> {
    let fail = |source| Error::Read {
        file: file.to_owned(),
        source,
        hint: String::from("check the data set's path"),
    };
    let mut reader = std::io::BufReader::new(open_regular(file, "check the data set's path")?.0);
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        let bounded = &mut std::io::Read::take(&mut reader, DOCUMENT_BYTES_LIMIT as u64 + 1);
        if bounded.read_until(b'\n', &mut line).map_err(fail)? == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let document = jsonl_document(&line, field).map_err(|reason| Error::Data {
            file: file.to_owned(),
            place: format!("line {number}"),
            reason,
            hint: format!(
                "each line is a JSON object with a text `{field}`; `field:` of the data set names another"
            ),
        })?;
        sink.push(document.into_bytes())?;
    }
    Ok(())
}

fn jsonl_document(line: &[u8], field: &str) -> Result<String, String> {
    if line.len() > DOCUMENT_BYTES_LIMIT {
        return Err(format!("longer than the limit of {DOCUMENT_BYTES_LIMIT} bytes"));
    }
    match serde_json::from_slice::<serde_json::Value>(line) {
        Err(error) => Err(format!("not JSON: {error}")),
        Ok(serde_json::Value::Object(mut object)) => match object.remove(field) {
            Some(serde_json::Value::String(text)) => Ok(text),
            Some(other) => Err(format!("`{field}` is not a text but {}", kind(&other))),
            None => {
                let names: Vec<&str> = object.keys().map(String::as_str).take(8).collect();
                Err(format!("no `{field}` in the object; it has {}", names.join(", ")))
            }
        },
        Ok(other) => Err(format!("not an object but {}", kind(&other))),
    }
}

fn kind(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "true or false",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a text",
        serde_json::Value::Array(_) => "a list",
        serde_json::Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
