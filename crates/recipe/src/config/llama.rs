//! The Llama family's config.

use serde_json::json;

use super::{
    LAYERS_LIMIT, POSITIONS_LIMIT, VOCABULARY_LIMIT, WIDTH_LIMIT, check_multiple, check_parameter_count,
};
use crate::error::Result;
use crate::tree::{Fields, Value};

/// The sites of products, see [`ModelConfig::sites`](super::ModelConfig::sites).
pub(super) const SITES: [&str; 9] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "attention",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
    "lm_head",
];

/// Sizes of a Llama. C is `width`, L `layers`, H `heads`, V `vocabulary`.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    /// Transformer blocks (`num_hidden_layers`).
    pub layers: usize,
    /// Channels (`hidden_size`).
    pub width: usize,
    /// Query heads (`num_attention_heads`).
    pub heads: usize,
    /// Key and value heads (`num_key_value_heads`, as many as query heads if absent); they divide the query heads.
    pub key_value_heads: usize,
    /// Channels of a head, even (`head_dim`, C/H if absent).
    pub head_width: usize,
    /// Channels inside the feed-forward layer (`intermediate_size`).
    pub inner: usize,
    /// Rows of the token embedding (`vocab_size`).
    pub vocabulary: usize,
    /// The longest row (`max_position_embeddings`).
    pub positions: usize,
    /// Added to the mean square in RMS norm (`rms_norm_eps`).
    pub rms_norm_epsilon: f32,
    /// The base of the rotary angles (`rope_theta`).
    pub rope_theta: f32,
    /// Whether the output layer is the token embedding (`tie_word_embeddings`).
    pub tied: bool,
    /// Standard deviation of initial weights (`initializer_range`).
    pub initializer_range: f32,
}

pub(super) const DROPOUT_KEYS: &[&str] = &["attention_dropout"];

pub(super) const KEYS: &[&str] = &[
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "tie_word_embeddings",
    "initializer_range",
    "attention_bias",
    "mlp_bias",
    "hidden_act",
    "attention_dropout",
    "pretraining_tp",
];

const ROPE_KEYS: &[&str] = &["rope_type", "type", "rope_theta"];

impl LlamaConfig {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self> {
        let width = fields.required_count("hidden_size", 1..=WIDTH_LIMIT)?;
        let heads = fields.required_count("num_attention_heads", 1..=WIDTH_LIMIT)?;
        let head_width = match fields.count("head_dim", 1..=WIDTH_LIMIT)? {
            Some(head_width) => head_width,
            None => {
                check_multiple(fields, "hidden_size", width, "num_attention_heads", heads)?;
                width / heads
            }
        };
        let config = LlamaConfig {
            layers: fields.required_count("num_hidden_layers", 1..=LAYERS_LIMIT)?,
            width,
            heads,
            key_value_heads: fields.count("num_key_value_heads", 1..=WIDTH_LIMIT)?.unwrap_or(heads),
            head_width,
            inner: fields.required_count("intermediate_size", 1..=4 * WIDTH_LIMIT)?,
            vocabulary: fields.required_count("vocab_size", 1..=VOCABULARY_LIMIT)?,
            positions: fields.count("max_position_embeddings", 1..=POSITIONS_LIMIT)?.unwrap_or(2048),
            rms_norm_epsilon: fields.number("rms_norm_eps", 0.0..=1.0)?.unwrap_or(1e-6),
            rope_theta: rope_theta(fields)?,
            tied: fields.flag("tie_word_embeddings")?.unwrap_or(false),
            initializer_range: fields.number("initializer_range", 0.0..=10.0)?.unwrap_or(0.02),
        };
        config.check(fields)?;
        Ok(config)
    }

    fn check(&self, fields: &Fields<'_>) -> Result<()> {
        check_multiple(
            fields,
            "num_attention_heads",
            self.heads,
            "num_key_value_heads",
            self.key_value_heads,
        )?;
        if !self.head_width.is_multiple_of(2) {
            let hint = "rotary positions turn pairs of channels: choose an even head_dim";
            return Err(fields.bad("head_dim", self.head_width, "odd", hint));
        }
        fields.only("attention_bias", &Value::Flag(false), "biases in attention are not supported")?;
        fields.only("mlp_bias", &Value::Flag(false), "biases in the feed-forward layer are not supported")?;
        fields.only("pretraining_tp", &Value::Integer(1), "split pre-training products are not supported")?;
        fields.choice("hidden_act", &[("silu", ()), ("swish", ())])?;
        check_dropout(fields)?;
        check_parameter_count(self.parameter_count())
    }

    pub(super) fn parameter_count(&self) -> u128 {
        let [layers, width, inner] = [self.layers, self.width, self.inner].map(|size| size as u128);
        let queries = (self.heads * self.head_width) as u128;
        let keys = (self.key_value_heads * self.head_width) as u128;
        let embeddings = self.vocabulary as u128 * width * if self.tied { 1 } else { 2 };
        embeddings + layers * (2 * width * (queries + keys) + 3 * width * inner + 2 * width) + width
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": self.width,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_value_heads,
            "head_dim": self.head_width,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": self.positions,
            "rms_norm_eps": super::decimal(self.rms_norm_epsilon),
            "rope_theta": super::decimal(self.rope_theta),
            "rope_scaling": null,
            "tie_word_embeddings": self.tied,
            "initializer_range": super::decimal(self.initializer_range),
            "hidden_act": "silu",
            "attention_bias": false,
            "mlp_bias": false,
            "attention_dropout": 0.0,
            "bos_token_id": null,
            "eos_token_id": null,
            "torch_dtype": "float32",
        })
    }
}

/// The base of the rotary angles, from `rope_theta` or, as newer files have it, from `rope_parameters`.
fn rope_theta(fields: &Fields<'_>) -> Result<f32> {
    let mut theta = fields.number("rope_theta", 1.0..=1e12)?;
    for key in ["rope_scaling", "rope_parameters"] {
        let Some(value) = fields.get(key) else { continue };
        let inner = match value {
            Value::Map(entries) => Fields::unchecked(fields.file(), &fields.full(key), entries),
            _ => return Err(fields.wrong_type(key, "a map or null", value)),
        };
        for name in ["rope_type", "type"] {
            let reason = "scaled rotary positions are not supported";
            inner.only(name, &Value::Text("default".into()), reason)?;
        }
        let inner = Fields::new(fields.file(), &fields.full(key), value, &[ROPE_KEYS])?;
        let nested = inner.number("rope_theta", 1.0..=1e12)?;
        if let (Some(outer), Some(nested)) = (theta, nested)
            && outer != nested
        {
            return Err(inner.bad(
                "rope_theta",
                nested,
                format!("rope_theta outside is {outer}"),
                "keep one of them",
            ));
        }
        theta = theta.or(nested);
    }
    Ok(theta.unwrap_or(10_000.0))
}

pub(super) fn check_dropout(fields: &Fields<'_>) -> Result<()> {
    match fields.number("attention_dropout", 0.0..=1.0)? {
        None | Some(0.0) => Ok(()),
        Some(rate) => Err(fields.bad(
            "attention_dropout",
            rate,
            "dropout on attention weights is not supported",
            "set attention_dropout to 0; beside base_model, write `model_config: {attention_dropout: 0}` in the job file",
        )),
    }
}
