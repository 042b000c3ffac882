use super::*;

fn read(json: &str) -> Result<ModelConfig> {
    let file = Path::new("config.json");
    ModelConfig::from_value(file, "", &Value::from_json(json.as_bytes(), file)?)
}

/// The family's smallest config with some keys added or replaced (a key of value null is removed).
fn gpt2(extra: &str) -> Result<ModelConfig> {
    let base = r#"{"model_type": "gpt2", "n_layer": 2, "n_embd": 12, "n_head": 3, "n_positions": 16, "vocab_size": 50}"#;
    merged(base, extra)
}

fn llama(extra: &str) -> Result<ModelConfig> {
    let base = r#"{"model_type": "llama", "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
        "num_attention_heads": 6, "num_key_value_heads": 2, "vocab_size": 50, "rms_norm_eps": 1e-5}"#;
    merged(base, extra)
}

fn merged(base: &str, extra: &str) -> Result<ModelConfig> {
    let mut base: serde_json::Value = serde_json::from_str(base).unwrap();
    let extra: serde_json::Value = serde_json::from_str(&format!("{{{extra}}}")).unwrap();
    for (key, value) in extra.as_object().unwrap() {
        base[key] = value.clone();
    }
    read(&base.to_string())
}

fn gpt2_error(extra: &str) -> String {
    gpt2(extra).expect_err(extra).to_string()
}

fn llama_error(extra: &str) -> String {
    llama(extra).expect_err(extra).to_string()
}

/// config.json of the published GPT-2, but for attention dropout.
const PUBLISHED_GPT2: &str = r#"{"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.0, "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12,
    "n_positions": 1024, "resid_pdrop": 0.1, "summary_activation": null, "summary_first_dropout": 0.1,
    "summary_proj_to_labels": true, "summary_type": "cls_index", "summary_use_proj": true,
    "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}}, "vocab_size": 50257}"#;

/// config.json as transformers 5 writes it.
const RECENT_LLAMA: &str = r#"{"architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
    "bos_token_id": 1, "dtype": "float32", "eos_token_id": 2, "head_dim": 4, "hidden_act": "silu", "hidden_size": 24,
    "initializer_range": 0.02, "intermediate_size": 40, "max_position_embeddings": 2048, "mlp_bias": false,
    "model_type": "llama", "num_attention_heads": 6, "num_hidden_layers": 2, "num_key_value_heads": 2, "pad_token_id": null,
    "pretraining_tp": 1, "rms_norm_eps": 1e-06, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"},
    "tie_word_embeddings": false, "transformers_version": "5.0.0", "use_cache": true, "vocab_size": 50}"#;

#[test]
fn published_configs_are_read() {
    let ModelConfig::Gpt2(config) = read(PUBLISHED_GPT2).unwrap() else { panic!() };
    assert_eq!((config.layers, config.width, config.heads, config.inner), (12, 768, 12, 3072));
    assert_eq!((config.residual_dropout, config.embedding_dropout), (0.1, 0.1));
    assert_eq!(config.parameter_count(), 124_439_808);
    let ModelConfig::Llama(config) = read(RECENT_LLAMA).unwrap() else { panic!() };
    assert_eq!((config.rope_theta, config.key_value_heads, config.head_width), (500_000.0, 2, 4));
}

#[test]
fn a_config_survives_its_own_json() {
    let configs = [
        gpt2(
            r#""n_inner": 20, "activation_function": "gelu", "layer_norm_epsilon": 1e-6, "tie_word_embeddings": false"#,
        ),
        gpt2(r#""resid_pdrop": 0.1, "embd_pdrop": 0.3, "activation_function": "relu""#),
        gpt2(r#""activation_function": "swish""#),
        llama(r#""head_dim": 10, "tie_word_embeddings": true, "rope_theta": 12345.678"#),
        read(RECENT_LLAMA),
    ];
    for config in configs {
        let config = config.unwrap();
        assert_eq!(read(&config.to_json()).unwrap(), config);
    }
    let text = gpt2("").unwrap().to_json();
    assert!(
        text.contains(r#""layer_norm_epsilon": 0.00001,"#) || text.contains(r#""layer_norm_epsilon": 1e-5,"#),
        "{text}"
    );
}

#[test]
fn parameters_are_counted() {
    // Embeddings 50·12 + 16·12; a layer: 4·12² + 4·12 attention, 2·12·48 + 12 + 48 feed-forward, 4·12 norms; last norm 2·12.
    assert_eq!(gpt2("").unwrap().parameter_count(), 792 + 2 * (624 + 1212 + 48) + 24);
    // Embeddings 2·50·24; a layer: 2·24·24 queries and output, 2·24·8 keys and values, 3·24·40, 2·24 norms; last norm 24.
    assert_eq!(llama("").unwrap().parameter_count(), 2400 + 2 * (1152 + 384 + 2880 + 48) + 24);
}

#[test]
fn gpt2_that_cannot_be_honoured() {
    insta::assert_snapshot!(gpt2_error(r#""attn_pdrop": 0.1"#), @"
    config.json: `attn_pdrop` is 0.1: dropout on attention weights is not supported
    hint: set attn_pdrop to 0; beside base_model, write `model_config: {attn_pdrop: 0}` in the job file
    ");
    insta::assert_snapshot!(gpt2_error(r#""n_head": 5"#), @"
    config.json: `n_head` is 5: n_embd 12 is not a multiple of it
    hint: choose a divisor of 12
    ");
    insta::assert_snapshot!(gpt2_error(r#""n_layer": 0"#), @"
    config.json: `n_layer` is 0: too small
    hint: it must be between 1 and 1024
    ");
    insta::assert_snapshot!(gpt2_error(r#""n_layer": null"#), @"
    config.json: key `n_layer` is missing
    hint: add `n_layer: <a whole number>`
    ");
    insta::assert_snapshot!(gpt2_error(r#""resid_pdrop": 1.0"#), @"
    config.json: `resid_pdrop` is 1: out of range
    hint: it must be between 0 and 0.99
    ");
    insta::assert_snapshot!(gpt2_error(r#""activation_function": "gelu_fast""#), @"
    config.json: `activation_function` is `gelu_fast`: not a known choice
    hint: known here: gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish
    ");
    insta::assert_snapshot!(gpt2_error(r#""scale_attn_by_inverse_layer_idx": true"#), @"
    config.json: `scale_attn_by_inverse_layer_idx` is true: not supported
    hint: remove it or set it to false
    ");
    insta::assert_snapshot!(gpt2_error(r#""n_ctx": 8"#), @"
    config.json: `n_ctx` is 8: n_positions is 16
    hint: remove n_ctx; n_positions is what counts
    ");
    insta::assert_snapshot!(gpt2_error(r#""hidden_size": 8"#), @"
    config.json: unknown key `hidden_size`
    hint: it is not known; remove it if nothing depends on it
    ");
    insta::assert_snapshot!(gpt2_error(r#""quantization_config": {"bits": 4}"#), @"
    config.json: unknown key `quantization_config`
    hint: it is not known; remove it if nothing depends on it
    ");
    insta::assert_snapshot!(gpt2_error(r#""n_layer": 1000, "n_embd": 131072, "n_head": 1024"#), @"
    the model's parameter count is 206160143056896, more than the limit of 68719476736
    hint: make the model narrower, shallower, or its vocabulary smaller
    ");
}

#[test]
fn llama_that_cannot_be_honoured() {
    insta::assert_snapshot!(llama_error(r#""num_key_value_heads": 4"#), @"
    config.json: `num_key_value_heads` is 4: num_attention_heads 6 is not a multiple of it
    hint: choose a divisor of 6
    ");
    insta::assert_snapshot!(llama_error(r#""head_dim": 5"#), @"
    config.json: `head_dim` is 5: odd
    hint: rotary positions turn pairs of channels: choose an even head_dim
    ");
    insta::assert_snapshot!(llama_error(r#""num_attention_heads": 7, "num_key_value_heads": 7"#), @"
    config.json: `num_attention_heads` is 7: hidden_size 24 is not a multiple of it
    hint: choose a divisor of 24
    ");
    insta::assert_snapshot!(llama_error(r#""rope_scaling": {"rope_type": "llama3", "factor": 8.0}"#), @"
    config.json: `rope_scaling.rope_type` is `llama3`: scaled rotary positions are not supported
    hint: remove it or set it to default
    ");
    insta::assert_snapshot!(llama_error(r#""rope_scaling": {"type": "linear", "factor": 2.0}"#), @"
    config.json: `rope_scaling.type` is `linear`: scaled rotary positions are not supported
    hint: remove it or set it to default
    ");
    insta::assert_snapshot!(llama_error(r#""rope_theta": 5.0, "rope_parameters": {"rope_theta": 6.0}"#), @"
    config.json: `rope_parameters.rope_theta` is 6: rope_theta outside is 5
    hint: keep one of them
    ");
    insta::assert_snapshot!(llama_error(r#""attention_bias": true"#), @"
    config.json: `attention_bias` is true: biases in attention are not supported
    hint: remove it or set it to false
    ");
    insta::assert_snapshot!(llama_error(r#""mlp_bias": true"#), @"
    config.json: `mlp_bias` is true: biases in the feed-forward layer are not supported
    hint: remove it or set it to false
    ");
    insta::assert_snapshot!(llama_error(r#""attention_dropout": 0.1"#), @"
    config.json: `attention_dropout` is 0.1: dropout on attention weights is not supported
    hint: set attention_dropout to 0; beside base_model, write `model_config: {attention_dropout: 0}` in the job file
    ");
    insta::assert_snapshot!(llama_error(r#""hidden_act": "gelu""#), @"
    config.json: `hidden_act` is `gelu`: not a known choice
    hint: did you mean `silu`?
    ");
    insta::assert_snapshot!(llama_error(r#""sliding_window": 128"#), @"
    config.json: unknown key `sliding_window`
    hint: it is not known; remove it if nothing depends on it
    ");
}

#[test]
fn other_families_and_other_files() {
    insta::assert_snapshot!(read(r#"{"model_type": "mamba"}"#).unwrap_err(), @"
    config.json: `model_type` is `mamba`: not a supported model family
    hint: use gpt2 or llama
    ");
    insta::assert_snapshot!(read("{}").unwrap_err(), @"
    config.json: key `model_type` is missing
    hint: add `model_type: gpt2` or `model_type: llama`
    ");
    insta::assert_snapshot!(read("[]").unwrap_err(), @"config.json: `top level` must be a map of keys and values, not a list of 0");
    insta::assert_snapshot!(read("{\"model_type\": ").unwrap_err(), @"config.json: not valid JSON: EOF while parsing a value at line 1 column 15");
    insta::assert_snapshot!(read(r#"{"model_type": "gpt2", "n_embd": 4, "n_embd": 8}"#).unwrap_err(), @"
    config.json: key `n_embd` is given twice
    hint: remove one of them
    ");
}
