//! A `tokenizer.json`: whatever it is, texts are encoded and decoded, or refused.

use samebit_recipe::Tokenizer;
use std::path::Path;

const TEXT: &str =
    "The bits that you would have computed yourself: é, 東京, 🦀\u{200b}\n\n  12345 <|endoftext|>";

pub fn run(bytes: &[u8]) {
    let Ok(tokenizer) = Tokenizer::from_json(bytes, Path::new("tokenizer.json")) else { return };
    if let Ok(tokens) = tokenizer.encode(TEXT) {
        tokenizer.decode(&tokens);
    }
    tokenizer.decode(&[0, 1, u32::MAX]);
    tokenizer.vocabulary();
}
