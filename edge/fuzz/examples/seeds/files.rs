//! What people bring, and what a run leaves.

use crate::Seeds;
use parquet::basic::{Compression, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use samebit_chain::{DevnetConfig, accounts};
use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, gpt};
use samebit_ops::Cpu;
use samebit_recipe::save_weights;
use samebit_trace::{Control, Folder, Job, Keep, Receipt, RunRecord, Runner, drive};
use std::sync::Arc;

const GPT2: &str = r#"{"model_type":"gpt2","n_layer":1,"n_embd":8,"n_head":2,"n_positions":16,"vocab_size":256,"activation_function":"gelu_new","layer_norm_epsilon":1e-5,"resid_pdrop":0.1}"#;
const LLAMA: &str = r#"{"model_type":"llama","hidden_size":8,"intermediate_size":16,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"max_position_embeddings":16,"vocab_size":256,"rms_norm_eps":1e-6,"rope_theta":10000.0,"tie_word_embeddings":false}"#;
const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":3,"content":"<|endoftext|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},"post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}}"#;
const SPLIT: &str = r#"{"version":"1.0","added_tokens":[],"normalizer":{"type":"Sequence","normalizers":[{"type":"Lowercase"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "}]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[a-z]+"},"behavior":"Isolated","invert":false},{"type":"Metaspace","replacement":"_","prepend_scheme":"always","split":true}]},"post_processor":null,"decoder":null,"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.5],["b",-2.0]],"byte_fallback":false}}"#;
const JOB: &str = r#"model_config: {model_type: gpt2, n_layer: 1, n_embd: 8, n_head: 2, n_positions: 16, vocab_size: 256}
tokenizer: bytes
datasets: [{path: "data.txt", type: jsonl, field: body}]
sequence_len: 16
micro_batch_size: 2
gradient_accumulation_steps: 1
max_steps: 10
optimizer: adamw
learning_rate: 1.0e-3
lr_scheduler: cosine
warmup_steps: 2
weight_decay: 0.1
max_grad_norm: 1.0
seed: 7
numerics: f32
verify: {segment_steps: 2}
market: {budget: 400, credit: 4}
"#;

pub fn write(seeds: &Seeds) {
    seeds.keep("model_config", "gpt2", GPT2.as_bytes());
    seeds.keep("model_config", "llama", LLAMA.as_bytes());
    seeds.keep("tokenizer", "bpe", TOKENIZER.as_bytes());
    seeds.keep("tokenizer", "unigram", SPLIT.as_bytes());
    seeds.keep("job_file", "gpt2", JOB.as_bytes());
    let llama = format!(
        "model_config: {LLAMA}\ntokenizer: bytes\ndatasets:\n  - &a {{path: x}}\n  - *a\nsequence_len: 8\nmicro_batch_size: 1\nmax_steps: 1\nlearning_rate: 1e-2\n"
    );
    seeds.keep("job_file", "llama", llama.as_bytes());
    seeds.keep("devnet_config", "chain", chain().to_toml().as_bytes());
    weights(seeds);
    datasets(seeds);
    run(seeds);
}

fn chain() -> DevnetConfig {
    let accounts = vec![accounts::PublicAccount::of(&accounts::key(0))];
    DevnetConfig {
        chain_id: 31_337,
        rpc_url: Some("http://127.0.0.1:8545".to_owned()),
        contracts: [("Market".to_owned(), accounts[0].address)].into(),
        insecure_accounts: accounts,
    }
}

fn weights(seeds: &Seeds) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let tensors = [("w".to_owned(), vec![2, 3], &[0.5; 6][..]), ("b".to_owned(), vec![3], &[0.25; 3][..])];
    save_weights(&path, &tensors).expect("a file");
    seeds.keep("weights", "two-tensors", &std::fs::read(&path).expect("a file"));
    let header = br#"{"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"__metadata__":{"format":"pt"}}"#;
    let half = [&(header.len() as u64).to_le_bytes()[..], header, &[0, 0x3c, 0, 0x7c]].concat();
    seeds.keep("weights", "half-with-an-infinity", &half);
}

fn datasets(seeds: &Seeds) {
    seeds.keep_kind("dataset", "text", 0, "a text\nof two lines".as_bytes());
    seeds.keep_kind(
        "dataset",
        "jsonl",
        1,
        b"{\"text\": \"one\"}\n\n{\"a\": [1, null], \"text\": \"tw\\u00f6\"}\n",
    );
    let compressions = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4_RAW,
    ];
    for (number, compression) in compressions.into_iter().enumerate() {
        seeds.keep_kind("dataset", &format!("parquet-{number}"), 2, &table(compression));
    }
}

fn table(compression: Compression) -> Vec<u8> {
    let schema = parse_message_type("message m { optional binary text (STRING); }").expect("a schema");
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties)).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let mut column = group.next_column().expect("a column").expect("a column");
    let values = ["one", "two", "two"].map(ByteArray::from);
    column.typed::<ByteArrayType>().write_batch(&values, Some(&[1, 0, 1, 1]), None).expect("rows");
    column.close().expect("it is written");
    group.close().expect("it is written");
    writer.close().expect("it is written");
    bytes
}

/// The files of a finished run, as the target makes it.
fn run(seeds: &Seeds) {
    let (program, states, tables) = gpt(Dims { steps: 2, layers: 1, ..Dims::default() });
    let job = Job::new(program, tables, &states, 2, 1);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::at(temporary.path());
    let mut receipt = Receipt::new(&job, "test");
    folder.create(&job, &states, &RunRecord::default(), &receipt).expect("files");
    let mut runner =
        Runner::new(job, Arc::new(Cpu::detect()), &Settings::default(), Vec::new()).expect("a runner");
    folder.load_state(0, &mut runner).expect("the first state");
    drive(&folder, &mut runner, &mut receipt, Keep::All, &mut |_| Control::Continue).expect("it runs");
    let read = |file: &str| std::fs::read(folder.file(file)).expect("a file");
    for (number, file) in
        [(0, "receipt.json"), (2, "metrics.jsonl"), (3, "run.json"), (5, "tables/tokens.bin")]
    {
        seeds.keep_kind("folder", &file.replace('/', "-"), number, &read(file));
    }
    for (kind, name) in [(0, "raw"), (2, "sealed")] {
        seeds.keep_kind("receipt", name, kind, &read("receipt.json"));
    }
    seeds.keep_kind("receipt", "record", 1, &read("run.json"));
}
