//! What can be wrong with what people bring, in words that say what to do about it.

use std::path::{Path, PathBuf};

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a job, a config, data or weights cannot be used.
///
/// The text of an error is one line that names the place and the value, and where there is something to do about it a second
/// line that starts with `hint:`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not YAML or not JSON.
    #[error("{}: not valid {format}: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// `YAML` or `JSON`.
        format: &'static str,
        /// What the parser said, with line and column.
        message: String,
    },
    /// A key that nobody reads.
    #[error("{}: unknown key `{key}`\nhint: {hint}", file.display())]
    UnknownKey {
        /// The file.
        file: PathBuf,
        /// The key with its path, such as `model_config.n_layers`.
        key: String,
        /// The nearest known key, or the list of them.
        hint: String,
    },
    /// A key that stands twice in one map.
    #[error("{}: key `{key}` is given twice\nhint: remove one of them", file.display())]
    DuplicateKey {
        /// The file.
        file: PathBuf,
        /// The key with its path.
        key: String,
    },
    /// A key that has no default and is absent.
    #[error("{}: key `{key}` is missing\nhint: {hint}", file.display())]
    MissingKey {
        /// The file.
        file: PathBuf,
        /// The key with its path.
        key: String,
        /// What to write.
        hint: String,
    },
    /// A value of the wrong type.
    #[error("{}: `{key}` must be {expected}, not {found}", file.display())]
    WrongType {
        /// The file.
        file: PathBuf,
        /// The key with its path.
        key: String,
        /// The type that the key takes.
        expected: String,
        /// The value, described.
        found: String,
    },
    /// A value of the right type that cannot be honoured.
    #[error("{}: `{key}` is {value}: {reason}\nhint: {hint}", file.display())]
    Value {
        /// The file.
        file: PathBuf,
        /// The key with its path.
        key: String,
        /// The value as given.
        value: String,
        /// What is wrong with it.
        reason: String,
        /// What to write instead.
        hint: String,
    },
    /// A file that cannot be opened or read.
    #[error("cannot read {}: {source}\nhint: {hint}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
        /// Where the path comes from.
        hint: String,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {source}\nhint: nothing was changed; check the free space and the permissions of the directory", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A data set without a file.
    #[error("data set `{pattern}` matches no file\nhint: {hint}")]
    NoFile {
        /// The pattern, with the job file's directory before it.
        pattern: String,
        /// What to look at.
        hint: String,
    },
    /// A data set without a word in it.
    #[error(
        "data set `{pattern}` is empty: {file_count} files without text\nhint: check the pattern, and `field:` for jsonl and parquet"
    )]
    EmptyData {
        /// The pattern, with the job file's directory before it.
        pattern: String,
        /// How many files it matches.
        file_count: usize,
    },
    /// Data that cannot be used.
    #[error("{}: {place}: {reason}\nhint: {hint}", file.display())]
    Data {
        /// The data file.
        file: PathBuf,
        /// Where in it: a line, a row, a byte.
        place: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A token that the model has no row for.
    #[error("{}: document {document}, token {position}: id {id} is beyond the model's vocabulary of {vocabulary}\nhint: set vocab_size to at least {} or use the tokenizer that the model was made for", file.display(), id + 1)]
    TokenBeyondVocabulary {
        /// The data file.
        file: PathBuf,
        /// The document in it, from 0.
        document: usize,
        /// The token's position in the document, from 0.
        position: usize,
        /// The token.
        id: u32,
        /// The model's vocabulary size.
        vocabulary: usize,
    },
    /// Too little data for one step.
    #[error(
        "the data gives {tokens} tokens, which is {rows} rows of {sequence_len}, but one step takes {rows_per_step} rows\nhint: add data, or lower sequence_len, micro_batch_size or gradient_accumulation_steps"
    )]
    TooLittleData {
        /// Tokens in the stream.
        tokens: usize,
        /// Rows that they give.
        rows: usize,
        /// Tokens of a row.
        sequence_len: usize,
        /// Rows of one step.
        rows_per_step: usize,
    },
    /// Something beyond a named limit of this crate.
    #[error("{what} is {value}, more than the limit of {limit}\nhint: {hint}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        value: u128,
        /// The limit.
        limit: u128,
        /// What to do.
        hint: String,
    },
    /// A weight file that cannot be used.
    #[error("{}: {reason}\nhint: {hint}", file.display())]
    WeightFile {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A tensor of a weight file that cannot be used.
    #[error("{}: tensor `{tensor}`: {reason}\nhint: {hint}", file.display())]
    Tensor {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A tokenizer that cannot be loaded or used.
    #[error("{}: {reason}\nhint: {hint}", file.display())]
    Tokenizer {
        /// The tokenizer's file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
}

impl Error {
    /// Whether the person who brought the input can mend it (exit code 2); otherwise the machine failed (exit code 1).
    pub fn is_bad_input(&self) -> bool {
        match self {
            Error::Write { .. } => false,
            Error::Read { source, .. } => {
                use std::io::ErrorKind::*;
                matches!(
                    source.kind(),
                    NotFound
                        | PermissionDenied
                        | IsADirectory
                        | NotADirectory
                        | InvalidInput
                        | InvalidData
                        | FileTooLarge
                )
            }
            _ => true,
        }
    }
}

/// Opens a regular file for reading; gives its length, too. A pipe, which may wait for ever, and a device, which may never end, are refused
/// before they are opened.
///
/// # Errors
/// [`Error::Read`].
pub(crate) fn open_regular(file: &Path, hint: &str) -> Result<(std::fs::File, u64)> {
    use std::io::{Error as IoError, ErrorKind};
    let fail = |source| Error::Read { file: file.to_owned(), source, hint: hint.to_owned() };
    let found = std::fs::metadata(file).map_err(fail)?;
    if found.is_dir() {
        return Err(fail(IoError::new(ErrorKind::IsADirectory, "it is a directory, not a file")));
    }
    if !found.is_file() {
        let message = "it is a pipe, a device or a socket, not a regular file";
        return Err(fail(IoError::new(ErrorKind::InvalidInput, message)));
    }
    Ok((std::fs::File::open(file).map_err(fail)?, found.len()))
}

/// Reads a whole regular file, at most `limit` bytes of it.
///
/// # Errors
/// [`Error::Read`], also for a file beyond the limit.
pub(crate) fn read_bounded(file: &Path, limit: u64, hint: &str) -> Result<Vec<u8>> {
    use std::io::Read;
    let fail = |source| Error::Read { file: file.to_owned(), source, hint: hint.to_owned() };
    let mut bytes = Vec::new();
    open_regular(file, hint)?.0.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        let message = format!("it is longer than the limit of {limit} bytes");
        return Err(fail(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message)));
    }
    Ok(bytes)
}
