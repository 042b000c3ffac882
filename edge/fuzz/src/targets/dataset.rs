//! A data set. Input: format u8 · the file.

use crate::scratch;
use samebit_recipe::{Dataset, Format, Tokenizer, load_tokens};

pub fn run(bytes: &[u8]) {
    let Some((format, file)) = bytes.split_first() else { return };
    let format = [Format::Text, Format::Jsonl, Format::Parquet][usize::from(format % 3)];
    let pattern = scratch::file("data", file).to_string_lossy().into_owned();
    let dataset = Dataset { pattern, format: Some(format), field: "text".to_owned() };
    if let Ok(stream) = load_tokens(&[dataset], &Tokenizer::Bytes, 256) {
        assert_eq!(
            stream.tokens.len(),
            stream.sources.iter().map(|source| source.token_count).sum::<usize>()
        );
        assert!(stream.tokens.iter().all(|token| *token < 256));
    }
}
