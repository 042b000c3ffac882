use std::sync::Arc;

use ::parquet::basic::{Compression, GzipLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::*;
use crate::tokenizer::Tokenizer;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        for (name, bytes) in files {
            let path = folder.0.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn dataset(&self, pattern: &str, format: Option<Format>, field: &str) -> Dataset {
        let pattern = format!("{}/{pattern}", self.0.path().display());
        Dataset { pattern, format, field: field.into() }
    }

    fn load_all(
        &self,
        datasets: &[Dataset],
        tokenizer: &Tokenizer,
        vocabulary: usize,
    ) -> Result<TokenStream> {
        load_tokens(datasets, tokenizer, vocabulary)
    }

    fn bytes(&self, pattern: &str) -> String {
        let stream = self.load_all(&[self.dataset(pattern, None, "text")], &Tokenizer::Bytes, 256).unwrap();
        Tokenizer::Bytes.decode(&stream.tokens)
    }

    /// The error's text with the folder's path cut out.
    fn error(&self, pattern: &str, format: Option<Format>, field: &str) -> String {
        self.error_of(&Tokenizer::Bytes, 256, pattern, format, field)
    }

    fn error_of(
        &self,
        tokenizer: &Tokenizer,
        vocabulary: usize,
        pattern: &str,
        format: Option<Format>,
        field: &str,
    ) -> String {
        let error =
            self.load_all(&[self.dataset(pattern, format, field)], tokenizer, vocabulary).unwrap_err();
        assert!(error.is_bad_input());
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[test]
fn files_are_read_in_the_order_of_their_bytes() {
    let files: &[(&str, &[u8])] = &[
        ("b.txt", b"3"),
        ("B.txt", b"1\n"),
        ("a/z.txt", b"2"),
        ("é.txt", b"5"),
        ("b/a.txt", b"4"),
        ("empty.txt", b""),
        (".hidden/x.txt", b"no"),
        (".x.txt", b"no"),
    ];
    let folder = Folder::new(files);
    std::fs::create_dir(folder.0.path().join("directory.txt")).unwrap();
    assert_eq!(folder.bytes("**/*.txt"), "1\n2\n3\n4\n5\n");
    assert_eq!(folder.bytes("*.txt"), "1\n3\n5\n");
    let datasets = [folder.dataset("b/*", None, "text"), folder.dataset("a/*", None, "text")];
    let stream = folder.load_all(&datasets, &Tokenizer::Bytes, 256).unwrap();
    assert_eq!(stream.tokens, b"4\n2\n".map(u32::from), "data sets keep the job's order");
    assert_eq!(stream.sources[0].token_count, 2);
}

#[test]
fn bytes_need_not_be_text() {
    let folder = Folder::new(&[("x.bin", &[0xff, 0x00, 0xfe])]);
    let stream = folder.load_all(&[folder.dataset("x.bin", None, "text")], &Tokenizer::Bytes, 256).unwrap();
    assert_eq!(stream.tokens, [255, 0, 254, 10]);
}

#[test]
fn jsonl_gives_one_document_a_line() {
    let lines = b"{\"text\": \"one\", \"n\": 1}\r\n\n{\"text\": \"\"}\n{\"text\": \"tw\\u00f6\\n\"}";
    let folder = Folder::new(&[("a.jsonl", lines), ("b.ndjson", b"{\"text\": \"three\"}")]);
    assert_eq!(folder.bytes("*"), "one\ntwö\nthree\n");
    let stream = folder.load_all(&[folder.dataset("a.jsonl", None, "text")], &Tokenizer::Bytes, 256).unwrap();
    assert_eq!(stream.sources[0].document_count, 2);
}

#[test]
fn data_that_cannot_be_used() {
    let folder = Folder::new(&[
        ("empty.txt", b""),
        ("blank.jsonl", b"\n\n"),
        ("broken.jsonl", b"{\"text\": \"x\"}\n{\"text\": \"x\n"),
        ("list.jsonl", b"[1]"),
        ("number.jsonl", b"{\"text\": 3}"),
        ("field.jsonl", b"{\"body\": \"x\", \"title\": \"y\"}"),
        ("text.parquet", b"not a parquet file"),
        ("high.txt", "abc é".as_bytes()),
    ]);
    insta::assert_snapshot!(folder.error("nothing/*.txt", None, "text"), @"
    data set `nothing/*.txt` matches no file
    hint: paths are relative to the job file; `**` goes through directories
    ");
    insta::assert_snapshot!(folder.error("empty.txt", None, "text"), @"
    data set `empty.txt` is empty: 1 files without text
    hint: check the pattern, and `field:` for jsonl and parquet
    ");
    insta::assert_snapshot!(folder.error("blank.jsonl", None, "text"), @"
    data set `blank.jsonl` is empty: 1 files without text
    hint: check the pattern, and `field:` for jsonl and parquet
    ");
    insta::assert_snapshot!(folder.error("broken.jsonl", None, "text"), @r#"
    broken.jsonl: line 2: not JSON: control character (\u0000-\u001F) found while parsing a string at line 2 column 0
    hint: each line is a JSON object with a text `text`; `field:` of the data set names another
    "#);
    insta::assert_snapshot!(folder.error("list.jsonl", None, "text"), @"
    list.jsonl: line 1: not an object but a list
    hint: each line is a JSON object with a text `text`; `field:` of the data set names another
    ");
    insta::assert_snapshot!(folder.error("number.jsonl", None, "text"), @"
    number.jsonl: line 1: `text` is not a text but a number
    hint: each line is a JSON object with a text `text`; `field:` of the data set names another
    ");
    insta::assert_snapshot!(folder.error("field.jsonl", None, "text"), @"
    field.jsonl: line 1: no `text` in the object; it has body, title
    hint: each line is a JSON object with a text `text`; `field:` of the data set names another
    ");
    insta::assert_snapshot!(folder.error("text.parquet", None, "text"), @"
    text.parquet: header: Parquet error: Invalid Parquet file. Corrupt footer
    hint: write the file again with a current Parquet library
    ");
    insta::assert_snapshot!(folder.error_of(&Tokenizer::Bytes, 128, "high.txt", None, "text"), @"
    high.txt: document 0, token 4: id 195 is beyond the model's vocabulary of 128
    hint: set vocab_size to at least 196 or use the tokenizer that the model was made for
    ");
}

const SCHEMA: &str = "message rows { optional binary text (STRING); required int32 number; optional binary raw; \
                      optional group nested { optional binary text (STRING); } }";

fn parquet(compression: Compression, texts: &[Option<&str>]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let levels: Vec<i16> = texts.iter().map(|text| text.is_some().into()).collect();
    let values: Vec<ByteArray> = texts.iter().flatten().map(|text| ByteArray::from(*text)).collect();
    let numbers: Vec<i32> = (0..texts.len() as i32).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&numbers, None, None).unwrap();
    column.close().unwrap();
    for _ in 0..2 {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_gives_one_document_a_row() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4_RAW,
    ] {
        let folder =
            Folder::new(&[("a.parquet", &parquet(compression, &[Some("one"), None, Some(""), Some("twö")]))]);
        assert_eq!(folder.bytes("a.parquet"), "one\ntwö\n", "{compression}");
        let raw =
            folder.load_all(&[folder.dataset("a.parquet", None, "raw")], &Tokenizer::Bytes, 256).unwrap();
        assert_eq!(Tokenizer::Bytes.decode(&raw.tokens), "one\ntwö\n");
    }
}

#[test]
fn parquet_columns_that_cannot_be_used() {
    let folder = Folder::new(&[("a.parquet", &parquet(Compression::SNAPPY, &[Some("one")]))]);
    insta::assert_snapshot!(folder.error("a.parquet", None, "body"), @"
    a.parquet: schema: no column `body`; it has text, number, raw, nested
    hint: name a column of text with `field:` of the data set
    ");
    insta::assert_snapshot!(folder.error("a.parquet", None, "number"), @"
    a.parquet: schema: column `number` is not a text
    hint: name a column of text with `field:` of the data set
    ");
    insta::assert_snapshot!(folder.error("a.parquet", None, "nested"), @"
    a.parquet: schema: column `nested` is not a text
    hint: name a column of text with `field:` of the data set
    ");
}

#[test]
fn damaged_parquet_is_an_error_and_no_panic() {
    let honest = parquet(Compression::SNAPPY, &[Some("one"), None, Some("three"), Some("four")]);
    let folder = Folder::new(&[]);
    let path = folder.0.path().join("a.parquet");
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        folder.load_all(&[folder.dataset("a.parquet", None, "text")], &Tokenizer::Bytes, 256)
    };
    for length in 0..honest.len() {
        assert!(load(&honest[..length]).is_err(), "cut at {length}");
    }
    for place in 0..honest.len() {
        for byte in [0xff, honest[place] ^ 1] {
            let mut damaged = honest.clone();
            damaged[place] = byte;
            let _ = load(&damaged);
        }
    }
}

/// A word-level tokenizer with padding and truncation stored, both of which would change documents.
const WORDS: &str = r#"{
    "version": "1.0",
    "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
    "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"},
    "added_tokens": [{"id": 3, "content": "<|endoftext|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"one": 0, "two": 1, "three": 2, "<|endoftext|>": 3, "?": 4}, "unk_token": "?"}
}"#;

#[test]
fn hugging_face_tokenizers_end_each_document() {
    let tokenizer = Tokenizer::from_json(WORDS.as_bytes(), "tokenizer.json".as_ref()).unwrap();
    assert_eq!((tokenizer.vocabulary(), tokenizer.end_of_text()), (5, Some(3)));
    let folder = Folder::new(&[("a.txt", b"one two three one"), ("b.txt", b"two zwei")]);
    let stream = folder.load_all(&[folder.dataset("*", None, "text")], &tokenizer, 5).unwrap();
    assert_eq!(stream.tokens, [0, 1, 2, 0, 3, 1, 4, 3]);
    assert_eq!(tokenizer.decode(&[0, 1, 3]), "one two");
    insta::assert_snapshot!(folder.error_of(&tokenizer, 4, "*", None, "text"), @"
    b.txt: document 0, token 1: id 4 is beyond the model's vocabulary of 4
    hint: set vocab_size to at least 5 or use the tokenizer that the model was made for
    ");
    insta::assert_snapshot!(
        Folder::new(&[("x.bin", b"ok \xff")]).error_of(&tokenizer, 5, "*", None, "text"),
        @"
        x.bin: document 0, byte 3: not UTF-8
        hint: convert the file to UTF-8, leave it out of the pattern, or use `tokenizer: bytes`
        "
    );
}

#[test]
fn files_that_are_no_tokenizer() {
    let load = |json: &str| {
        Tokenizer::from_json(json.as_bytes(), "tokenizer.json".as_ref()).err().unwrap().to_string()
    };
    insta::assert_snapshot!(load("{}"), @"
    tokenizer.json: not a tokenizer: Model missing. at line 1 column 2
    hint: give a tokenizer.json as Hugging Face tokenizers saves it, or `bytes`
    ");
    insta::assert_snapshot!(load("not json"), @"
    tokenizer.json: not a tokenizer: expected ident at line 1 column 2
    hint: give a tokenizer.json as Hugging Face tokenizers saves it, or `bytes`
    ");
}

#[test]
fn unknown_bytes_decode_to_the_replacement() {
    assert_eq!(Tokenizer::Bytes.decode(&[104, 105, 256, 0xc3, 0xa9, 0xff]), "hi\u{fffd}é\u{fffd}");
}
