use std::path::Path;

use super::*;
use crate::config::{Activation, Gpt2Config};
use crate::schedule::Curve;
use samebit_num::fold::{Bits, Numerics};

const GPT: &str = "
model_config: {model_type: gpt2, n_layer: 4, n_embd: 256, n_head: 4, n_positions: 256, vocab_size: 256}
tokenizer: bytes
datasets: [{path: data.txt}]
sequence_len: 256
micro_batch_size: 8
max_steps: 200
learning_rate: 1.0e-3
";

fn parse(text: &str) -> Result<Job> {
    Job::parse(text, Path::new("job.yaml"))
}

/// The error of the job above with one line replaced (by its key) or added.
fn error_with(line: &str) -> String {
    let error = parse(&with(line)).expect_err(line);
    assert!(error.is_bad_input(), "{error}");
    error.to_string()
}

fn with(line: &str) -> String {
    let key = line.split(':').next().unwrap();
    let kept = GPT.lines().filter(|other| other.split(':').next() != Some(key));
    kept.chain([line]).collect::<Vec<_>>().join("\n")
}

fn without(key: &str) -> String {
    let kept: Vec<&str> = GPT.lines().filter(|line| line.split(':').next() != Some(key)).collect();
    assert!(kept.len() < GPT.lines().count(), "{key}");
    parse(&kept.join("\n")).expect_err(key).to_string()
}

#[test]
fn example_is_accepted_verbatim() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gpt.yaml");
    let job = Job::load(&file).unwrap();
    let ModelConfig::Gpt2(config) = &job.model.config else { panic!("{:?}", job.model.config) };
    let expected = Gpt2Config {
        layers: 4,
        width: 256,
        heads: 4,
        positions: 256,
        inner: 1024,
        vocabulary: 256,
        activation: Activation::GeluTanh,
        layer_norm_epsilon: 1e-5,
        residual_dropout: 0.0,
        embedding_dropout: 0.0,
        tied: true,
        initializer_range: 0.02,
    };
    assert_eq!(*config, expected);
    assert_eq!(job.model.weights, None);
    assert_eq!(job.tokenizer, TokenizerChoice::Bytes);
    assert_eq!(job.segment_steps, 10);
    let training = Training {
        sequence_len: 256,
        micro_batch_size: 8,
        gradient_accumulation_steps: 1,
        max_steps: 200,
        optimizer: Optimizer::Adamw { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        learning_rate: 1e-3,
        curve: Curve::Cosine,
        warmup_steps: 20,
        weight_decay: 0.1,
        max_grad_norm: Some(1.0),
        seed: 7,
        numerics: Sites::uniform(&job.model.config, Numerics::F32),
    };
    assert_eq!(job.training, training);
    for dataset in &job.datasets {
        assert!(!crate::data::find_files(&dataset.pattern).unwrap().is_empty());
    }
}

#[test]
fn defaults_fill_what_is_absent() {
    let job = parse(GPT).unwrap();
    assert_eq!(job.training.curve, Curve::Constant);
    assert_eq!(job.training.max_grad_norm, None);
    assert_eq!((job.training.warmup_steps, job.training.seed, job.segment_steps), (0, 0, 10));
    assert_eq!(job.datasets[0].field, "text");
    assert_eq!(job.market, None);
}

#[test]
fn zero_and_null_mean_no_clipping() {
    for value in ["0", "0.0", "null", "~"] {
        assert_eq!(
            parse(&with(&format!("max_grad_norm: {value}"))).unwrap().training.max_grad_norm,
            None,
            "{value}"
        );
    }
}

#[test]
fn sgd_and_market_are_read() {
    let job =
        parse(&format!("{GPT}optimizer: sgd\nmomentum: 0.9\nmarket: {{budget: 12.50, draw: 0.2}}")).unwrap();
    assert_eq!(job.training.optimizer, Optimizer::Sgd { momentum: 0.9 });
    let market = Market { budget: Some("12.5".into()), draw: Some(0.2), ..Market::default() };
    assert_eq!(job.market, Some(market));
}

#[test]
fn paths_are_relative_to_the_job_file() {
    let job = Job::parse(GPT, Path::new("jobs/a[1]/job.yaml")).unwrap();
    assert_eq!(job.datasets[0].pattern, "jobs/a[[]1[]]/data.txt");
    let absolute = with("datasets: [{path: /data/x.txt}]");
    assert_eq!(Job::parse(&absolute, Path::new("jobs/job.yaml")).unwrap().datasets[0].pattern, "/data/x.txt");
}

#[test]
fn the_largest_seed_is_kept() {
    assert_eq!(parse(&with("seed: 18446744073709551615")).unwrap().training.seed, u64::MAX);
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(error_with("learning_rat: 1"), @"
    job.yaml: unknown key `learning_rat`
    hint: did you mean `learning_rate`?
    ");
    insta::assert_snapshot!(error_with("Learning-Rate: 1"), @"
    job.yaml: unknown key `Learning-Rate`
    hint: did you mean `learning_rate`?
    ");
    insta::assert_snapshot!(error_with("verify: {segment_step: 1}"), @"
    job.yaml: unknown key `verify.segment_step`
    hint: did you mean `segment_steps`?
    ");
    insta::assert_snapshot!(error_with("datasets: [{path: a.txt}, {file: a.txt}]"), @"
    job.yaml: unknown key `datasets[1].file`
    hint: did you mean `field`?
    ");
    insta::assert_snapshot!(error_with("model_config: {model_type: gpt2, n_layers: 4}"), @"
    job.yaml: unknown key `model_config.n_layers`
    hint: did you mean `n_layer`?
    ");
    insta::assert_snapshot!(error_with("market: {price: 3}"), @"
    job.yaml: unknown key `market.price`
    hint: known here: budget, challenge_time_seconds, checkers, credit, custodians, draw
    ");
    insta::assert_snapshot!(error_with("shards: 4"), @"
    job.yaml: unknown key `shards`
    hint: known here: adam_beta1, adam_beta2, adam_epsilon, base_model, datasets, gradient_accumulation_steps, learning_rate, lr_scheduler, market, max_grad_norm, max_steps, micro_batch_size, model_config, momentum, numerics, optimizer, seed, sequence_len, tokenizer, verify, warmup_steps, weight_decay
    ");
}

#[test]
fn missing_and_repeated_keys() {
    insta::assert_snapshot!(without("max_steps"), @"
    job.yaml: key `max_steps` is missing
    hint: add `max_steps: <a whole number>`
    ");
    insta::assert_snapshot!(without("model_config"), @"
    job.yaml: key `model_config` is missing
    hint: give model_config (from scratch) or base_model (a directory)
    ");
    insta::assert_snapshot!(without("tokenizer"), @"
    job.yaml: key `tokenizer` is missing
    hint: add `tokenizer: bytes` or the path of a tokenizer.json
    ");
    insta::assert_snapshot!(without("datasets"), @r#"
    job.yaml: key `datasets` is missing
    hint: add `datasets: [{path: "data/*.txt"}]`
    "#);
    insta::assert_snapshot!(without("learning_rate"), @"
    job.yaml: key `learning_rate` is missing
    hint: add `learning_rate: 1.0e-3`
    ");
    insta::assert_snapshot!(error_with("model_config: {n_layer: 2}"), @"
    job.yaml: key `model_config.model_type` is missing
    hint: add `model_type: gpt2` or `model_type: llama`
    ");
    insta::assert_snapshot!(parse(&format!("{GPT}seed: 1\nseed: 2")).unwrap_err(), @"
    job.yaml: key `seed` is given twice
    hint: remove one of them
    ");
    insta::assert_snapshot!(error_with("datasets: [{type: text}]"), @r#"
    job.yaml: key `datasets[0].path` is missing
    hint: give a file or a pattern such as "data/**/*.txt"
    "#);
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(error_with("max_steps: many"), @"job.yaml: `max_steps` must be a whole number, not `many`");
    insta::assert_snapshot!(error_with("max_steps: 1.5"), @"job.yaml: `max_steps` must be a whole number, not 1.5");
    insta::assert_snapshot!(error_with("learning_rate: fast"), @"job.yaml: `learning_rate` must be a number, not `fast`");
    insta::assert_snapshot!(error_with("datasets: data.txt"), @"job.yaml: `datasets` must be a list of maps with a `path` each, not `data.txt`");
    insta::assert_snapshot!(error_with("datasets: [data.txt]"), @"job.yaml: `datasets[0]` must be a map of keys and values, not `data.txt`");
    insta::assert_snapshot!(error_with("tokenizer: 7"), @"job.yaml: `tokenizer` must be a text, not 7");
    insta::assert_snapshot!(error_with("verify: 10"), @"job.yaml: `verify` must be a map of keys and values, not 10");
    insta::assert_snapshot!(error_with("seed: 0.5"), @"job.yaml: `seed` must be a whole number, not 0.5");
    insta::assert_snapshot!(parse("[1, 2]").unwrap_err(), @"job.yaml: `top level` must be a map of keys and values, not a list of 2");
    insta::assert_snapshot!(parse("").unwrap_err(), @"job.yaml: `top level` must be a map of keys and values, not null");
}

#[test]
fn values_out_of_range() {
    insta::assert_snapshot!(error_with("max_steps: 0"), @"
    job.yaml: `max_steps` is 0: too small
    hint: it must be between 1 and 16777216
    ");
    insta::assert_snapshot!(error_with("micro_batch_size: -1"), @"
    job.yaml: `micro_batch_size` is -1: too small
    hint: it must be between 1 and 65536
    ");
    insta::assert_snapshot!(error_with("micro_batch_size: 99999999999999999999"), @"
    job.yaml: `micro_batch_size` is 100000000000000000000: too large
    hint: it must be between 1 and 65536
    ");
    insta::assert_snapshot!(error_with("max_steps: 20000000"), @"
    job.yaml: `max_steps` is 20000000: too large
    hint: it must be between 1 and 16777216
    ");
    insta::assert_snapshot!(error_with("gradient_accumulation_steps: 60000"), @"
    rows of a step is 480000, more than the limit of 65536
    hint: lower micro_batch_size or gradient_accumulation_steps
    ");
    insta::assert_snapshot!(error_with("sequence_len: 257"), @"
    job.yaml: `sequence_len` is 257: the model has 256 positions
    hint: lower sequence_len, or raise n_positions (max_position_embeddings) of a model from scratch
    ");
    insta::assert_snapshot!(error_with("learning_rate: 0"), @"
    job.yaml: `learning_rate` is 0: nothing would be learnt
    hint: write a positive number
    ");
    insta::assert_snapshot!(error_with("learning_rate: -0.1"), @"
    job.yaml: `learning_rate` is -0.1: out of range
    hint: it must be between 0 and 1000
    ");
    insta::assert_snapshot!(error_with("learning_rate: .nan"), @"
    job.yaml: `learning_rate` is NaN: out of range
    hint: it must be between 0 and 1000
    ");
    insta::assert_snapshot!(error_with("learning_rate: .inf"), @"
    job.yaml: `learning_rate` is inf: out of range
    hint: it must be between 0 and 1000
    ");
    insta::assert_snapshot!(error_with("learning_rate: 1.0e-60"), @"
    job.yaml: `learning_rate` is 1e-60: too small for binary32
    hint: write 0 or a larger number
    ");
    insta::assert_snapshot!(error_with("warmup_steps: 201"), @"
    job.yaml: `warmup_steps` is 201: max_steps is 200
    hint: warm up for fewer steps
    ");
    insta::assert_snapshot!(error_with("adam_beta2: 1.0"), @"
    job.yaml: `adam_beta2` is 1: out of range
    hint: it must be between 0 and 0.99999994
    ");
    insta::assert_snapshot!(error_with("momentum: 0.9"), @"
    job.yaml: `momentum` is 0.9: optimizer adamw does not use it
    hint: remove it or change the optimizer
    ");
    insta::assert_snapshot!(error_with("seed: -1"), @"
    job.yaml: `seed` is -1: out of range
    hint: use a whole number from 0 to 18446744073709551615
    ");
    insta::assert_snapshot!(error_with("verify: {segment_steps: 0}"), @"
    job.yaml: `verify.segment_steps` is 0: too small
    hint: it must be between 1 and 16777216
    ");
    insta::assert_snapshot!(error_with("market: {budget: -3}"), @"
    job.yaml: `market.budget` is `-3`: not a positive decimal number
    hint: write an amount such as 12.50
    ");
}

#[test]
fn numerics_are_chosen_by_site() {
    let sites = |line: &str| parse(&with(line)).unwrap().training.numerics;
    let of = |line: &str| {
        let sites = sites(line);
        ["attn.c_attn", "attention", "attn.c_proj", "mlp.c_fc", "mlp.c_proj", "lm_head"]
            .map(|site| sites.of(site).name())
    };
    assert_eq!(of("numerics: exact14"), ["exact14"; 6]);
    assert_eq!(of("numerics: {}"), ["f32"; 6]);
    assert_eq!(of("numerics: {lm_head: exact21}"), ["f32", "f32", "f32", "f32", "f32", "exact21"]);
    let mixed = "numerics: {default: exact8, attention: f32, c_proj: exact14, lm_head: exact21}";
    assert_eq!(of(mixed), ["exact8", "f32", "exact14", "exact8", "exact14", "exact21"]);
    let config = parse(GPT).unwrap().model.config;
    assert_eq!(sites("numerics: {default: exact8}"), Sites::uniform(&config, Numerics::Exact(Bits::Eight)));
}

#[test]
fn choices_that_cannot_be_honoured() {
    insta::assert_snapshot!(error_with("numerics: 14"), @"
    job.yaml: `numerics` must be a profile, or a map of sites to profiles, not 14
    ");
    insta::assert_snapshot!(error_with("numerics: {default: exact8, lm_heda: exact14}"), @"
    job.yaml: unknown key `numerics.lm_heda`
    hint: did you mean `lm_head`?
    ");
    insta::assert_snapshot!(error_with("numerics: {q_proj: exact14}"), @"
    job.yaml: unknown key `numerics.q_proj`
    hint: did you mean `c_proj`?
    ");
    insta::assert_snapshot!(error_with("numerics: {mlp.c_fc: exact41}"), @"
    job.yaml: `numerics.mlp.c_fc` is `exact41`: not a known choice
    hint: did you mean `exact14`?
    ");
    insta::assert_snapshot!(error_with("numerics: {c_proj: exact8, mlp.c_proj: exact14}"), @"
    job.yaml: `numerics.mlp.c_proj` is exact14: `c_proj` names mlp.c_proj too
    hint: remove one of them
    ");
    insta::assert_snapshot!(error_with("numerics: bf16"), @"
    job.yaml: `numerics` is `bf16`: not a known choice
    hint: known here: exact14, exact21, exact8, f32
    ");
    insta::assert_snapshot!(error_with("optimizer: adam"), @"
    job.yaml: `optimizer` is `adam`: not a known choice
    hint: did you mean `adamw`?
    ");
    insta::assert_snapshot!(error_with("lr_scheduler: cosin"), @"
    job.yaml: `lr_scheduler` is `cosin`: not a known choice
    hint: did you mean `cosine`?
    ");
    insta::assert_snapshot!(error_with("datasets: [{path: a.txt, type: csv}]"), @"
    job.yaml: `datasets[0].type` is `csv`: not a known choice
    hint: known here: jsonl, parquet, text
    ");
    insta::assert_snapshot!(error_with("datasets: [{path: a.txt, type: text, field: body}]"), @"
    job.yaml: `datasets[0].field` is `body`: a text file has no fields
    hint: remove it
    ");
    insta::assert_snapshot!(error_with("datasets: [{path: 'a**'}]"), @"
    job.yaml: `datasets[0].path` is `a**`: recursive wildcards must form a single path component
    hint: `*` and `?` match inside a name, `**` stands alone between slashes, `[…]` needs its closing bracket
    ");
    insta::assert_snapshot!(error_with("datasets: []"), @r#"
    job.yaml: `datasets` is an empty list: there is nothing to learn from
    hint: add `datasets: [{path: "data/*.txt"}]`
    "#);
}

#[test]
fn missing_files() {
    insta::assert_snapshot!(error_with("tokenizer: tokenizer.json"), @"
    cannot read tokenizer.json: entity not found
    hint: `tokenizer` is `bytes` or the path of a tokenizer.json, relative to the job file
    ");
    insta::assert_snapshot!(error_with("base_model: nowhere"), @"
    cannot read nowhere/config.json: No such file or directory (os error 2)
    hint: base_model is a directory with config.json and model.safetensors, relative to the job file
    ");
    insta::assert_snapshot!(Job::load(Path::new("no-such-job.yaml")).unwrap_err(), @"
    cannot read no-such-job.yaml: No such file or directory (os error 2)
    hint: give the path of a job file
    ");
}

#[test]
fn broken_yaml_says_where() {
    insta::assert_snapshot!(parse("a: [1, 2\nb: 3").unwrap_err(), @"job.yaml: not valid YAML: illegal placement of ':' indicator at line 2, column 2");
    insta::assert_snapshot!(parse("model_config: {n_layer: 1\n").unwrap_err(), @"job.yaml: not valid YAML: unclosed bracket '{' at line 1, column 15");
}

#[test]
fn nested_and_looping_yaml_is_an_error() {
    let deep = format!("datasets: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(matches!(parse(&deep), Err(Error::Syntax { .. })));
    let mut laughs = String::from("l0: &l0 [x, x]\n");
    for level in 1..40 {
        laughs.push_str(&format!("l{level}: &l{level} [*l{0}, *l{0}]\n", level - 1));
    }
    assert!(matches!(parse(&laughs), Err(Error::Syntax { .. })));
}

mod base_model {
    use super::*;

    const CONFIG: &str = r#"{"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "n_positions": 256,
        "vocab_size": 256, "attn_pdrop": 0.1, "resid_pdrop": 0.1, "embd_pdrop": 0.1, "architectures": ["GPT2LMHeadModel"]}"#;

    fn job(extra: &str, files: &[&str]) -> Result<Job> {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("base");
        std::fs::create_dir(&base).unwrap();
        std::fs::write(base.join("config.json"), CONFIG).unwrap();
        for file in files {
            std::fs::write(base.join(file), "").unwrap();
        }
        let text = GPT.replace("model_config", "#") + "base_model: base\n" + extra;
        Job::parse(&text, &directory.path().join("job.yaml"))
    }

    /// Errors name files in a temporary directory; the last two lines' words are what counts.
    fn text(error: Error) -> String {
        let text = error.to_string();
        text[text.find("base/").or(text.find("job.yaml")).unwrap()..].to_owned()
    }

    #[test]
    fn dropout_can_be_replaced_and_nothing_else() {
        let files = ["model.safetensors"];
        insta::assert_snapshot!(text(job("", &files).unwrap_err()), @"
        base/config.json: `attn_pdrop` is 0.1: dropout on attention weights is not supported
        hint: set attn_pdrop to 0; beside base_model, write `model_config: {attn_pdrop: 0}` in the job file
        ");
        let read = job("model_config: {attn_pdrop: 0, resid_pdrop: 0.2}", &files).unwrap();
        let ModelConfig::Gpt2(config) = read.model.config else { panic!() };
        assert_eq!((config.residual_dropout, config.embedding_dropout), (0.2, 0.1));
        assert!(read.model.weights.unwrap().ends_with("base/model.safetensors"));
        insta::assert_snapshot!(text(job("model_config: {attn_pdrop: 0, n_layer: 2}", &files).unwrap_err()), @"
        job.yaml: unknown key `model_config.n_layer`
        hint: known here: attn_pdrop, embd_pdrop, resid_pdrop
        ");
        insta::assert_snapshot!(text(job("model_config: {attn_pdrop: 0.5}", &files).unwrap_err()), @"
        job.yaml: `model_config.attn_pdrop` is 0.5: dropout on attention weights is not supported
        hint: set attn_pdrop to 0; beside base_model, write `model_config: {attn_pdrop: 0}` in the job file
        ");
        insta::assert_snapshot!(text(job("model_config: 3", &files).unwrap_err()), @"job.yaml: `model_config` must be a map of keys and values, not 3");
    }

    #[test]
    fn weights_must_be_there() {
        let zero = "model_config: {attn_pdrop: 0}";
        insta::assert_snapshot!(text(job(zero, &[]).unwrap_err()), @"
        base/model.safetensors: entity not found
        hint: base_model is a directory with config.json and model.safetensors, relative to the job file
        ");
        insta::assert_snapshot!(text(job(zero, &["model.safetensors.index.json"]).unwrap_err()), @"
        base/model.safetensors: entity not found
        hint: the weights are split over several files; save them as one model.safetensors
        ");
        insta::assert_snapshot!(text(job(zero, &["pytorch_model.bin"]).unwrap_err()), @"
        base/model.safetensors: entity not found
        hint: save the weights as safetensors (save_pretrained with safe_serialization)
        ");
    }
}
