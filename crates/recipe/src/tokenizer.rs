//! Text to tokens and back (docs/job-file.md).

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, read_bounded};
use crate::job::TokenizerChoice;

/// The largest `tokenizer.json`, in bytes.
pub const TOKENIZER_BYTES_LIMIT: u64 = 256 << 20;

/// Names of the token that ends a document, in order of preference.
const END_OF_TEXT: [&str; 6] = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "[SEP]"];

/// Turns text into tokens and back.
pub enum Tokenizer {
    /// A byte is a token; a document ends with a newline.
    Bytes,
    /// A Hugging Face tokenizer; a document ends with its end-of-text token, if it has one.
    HuggingFace(HuggingFace),
}

/// A loaded `tokenizer.json`.
pub struct HuggingFace {
    file: PathBuf,
    inner: Box<tokenizers::Tokenizer>,
    end_of_text: Option<u32>,
}

impl Tokenizer {
    /// The tokenizer that a job names.
    ///
    /// # Errors
    /// The file cannot be read or is not a tokenizer.
    pub fn load(choice: &TokenizerChoice) -> Result<Self> {
        match choice {
            TokenizerChoice::Bytes => Ok(Tokenizer::Bytes),
            TokenizerChoice::File(file) => Self::from_json(
                &read_bounded(
                    file,
                    TOKENIZER_BYTES_LIMIT,
                    "`tokenizer` is `bytes` or the path of a tokenizer.json",
                )?,
                file,
            ),
        }
    }

    /// A tokenizer from the bytes of a `tokenizer.json`; `file` is for messages. The library panics on some files that are none, which is an
    /// error, too.
    ///
    /// # Errors
    /// The bytes are not a tokenizer.
    pub fn from_json(json: &[u8], file: &Path) -> Result<Self> {
        let refused = |reason: String| Error::Tokenizer {
            file: file.to_owned(),
            reason,
            hint: "give a tokenizer.json as Hugging Face tokenizers saves it, or `bytes`".into(),
        };
        let read = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(json));
        let read = read.map_err(|_| refused("not a tokenizer".into()))?;
        let mut inner = read.map_err(|error| refused(format!("not a tokenizer: {error}")))?;
        // A stored cut or padding is for batches of sentences; it would silently shorten or lengthen documents.
        inner.with_padding(None);
        inner.with_truncation(None).expect("no truncation is always possible");
        let end_of_text = END_OF_TEXT.iter().find_map(|name| inner.token_to_id(name));
        Ok(Tokenizer::HuggingFace(HuggingFace { file: file.to_owned(), inner: Box::new(inner), end_of_text }))
    }

    /// Tokens below this exist.
    pub fn vocabulary(&self) -> usize {
        match self {
            Tokenizer::Bytes => 256,
            Tokenizer::HuggingFace(tokenizer) => tokenizer.inner.get_vocab_size(true),
        }
    }

    /// The token that ends a document.
    pub fn end_of_text(&self) -> Option<u32> {
        match self {
            Tokenizer::Bytes => None,
            Tokenizer::HuggingFace(tokenizer) => tokenizer.end_of_text,
        }
    }

    /// Tokens of a text, without special tokens around it.
    ///
    /// # Errors
    /// The text is beyond what the tokenizer can do, such as a character that it has no token for.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Tokenizer::Bytes => Ok(text.bytes().map(u32::from).collect()),
            Tokenizer::HuggingFace(tokenizer) => match tokenizer.inner.encode_fast(text, false) {
                Ok(encoding) => Ok(encoding.get_ids().to_vec()),
                Err(error) => Err(Error::Tokenizer {
                    file: tokenizer.file.clone(),
                    reason: format!("cannot encode a text: {error}"),
                    hint: "use a tokenizer that was made for this text".into(),
                }),
            },
        }
    }

    /// Tokens of a document of the data, its end included; none for an empty document.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`]; also bytes that are not UTF-8, unless a byte is a token.
    pub(crate) fn encode_document(&self, document: &[u8]) -> Result<Vec<u32>, DocumentError> {
        if document.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Tokenizer::Bytes => {
                let end = if document.ends_with(b"\n") { None } else { Some(b'\n') };
                Ok(document.iter().copied().chain(end).map(u32::from).collect())
            }
            Tokenizer::HuggingFace(tokenizer) => {
                let text = std::str::from_utf8(document)
                    .map_err(|error| DocumentError::NotUtf8 { byte: error.valid_up_to() })?;
                let mut tokens = self.encode(text).map_err(|error| DocumentError::Encode(Box::new(error)))?;
                tokens.extend(tokenizer.end_of_text);
                Ok(tokens)
            }
        }
    }

    /// The text of tokens. Bytes that are not UTF-8 and tokens that do not exist become U+FFFD; special tokens are left out.
    pub fn decode(&self, tokens: &[u32]) -> String {
        match self {
            Tokenizer::Bytes => {
                let bytes = tokens.iter().flat_map(|token| match u8::try_from(*token) {
                    Ok(byte) => vec![byte],
                    Err(_) => "\u{fffd}".as_bytes().to_vec(),
                });
                String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
            }
            Tokenizer::HuggingFace(tokenizer) => {
                tokenizer.inner.decode(tokens, true).unwrap_or_else(|_| "\u{fffd}".into())
            }
        }
    }
}

/// Why a document has no tokens.
#[derive(Debug)]
pub(crate) enum DocumentError {
    NotUtf8 { byte: usize },
    Encode(Box<Error>),
}
