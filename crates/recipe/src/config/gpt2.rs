//! The GPT-2 family's config.

use serde_json::json;

use super::{
    LAYERS_LIMIT, POSITIONS_LIMIT, VOCABULARY_LIMIT, WIDTH_LIMIT, check_multiple, check_parameter_count,
};
use crate::error::Result;
use crate::tree::{Fields, Value};

/// The sites of products, see [`ModelConfig::sites`](super::ModelConfig::sites).
pub(super) const SITES: [&str; 6] =
    ["attn.c_attn", "attention", "attn.c_proj", "mlp.c_fc", "mlp.c_proj", "lm_head"];

/// Sizes of a GPT-2. C is `width`, L `layers`, H `heads`, V `vocabulary`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpt2Config {
    /// Transformer blocks (`n_layer`).
    pub layers: usize,
    /// Channels (`n_embd`).
    pub width: usize,
    /// Attention heads (`n_head`); they divide the width.
    pub heads: usize,
    /// Learned positions (`n_positions`).
    pub positions: usize,
    /// Channels inside the feed-forward layer (`n_inner`, 4·C if absent).
    pub inner: usize,
    /// Rows of the token embedding (`vocab_size`).
    pub vocabulary: usize,
    /// The feed-forward layer's function (`activation_function`).
    pub activation: Activation,
    /// Added to the variance in layer norm (`layer_norm_epsilon`).
    pub layer_norm_epsilon: f32,
    /// Dropout after each residual branch (`resid_pdrop`); 0 is none.
    pub residual_dropout: f32,
    /// Dropout after the embeddings (`embd_pdrop`); 0 is none.
    pub embedding_dropout: f32,
    /// Whether the output layer is the token embedding (`tie_word_embeddings`).
    pub tied: bool,
    /// Standard deviation of initial weights (`initializer_range`).
    pub initializer_range: f32,
}

/// What a feed-forward layer applies to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))): `gelu_new`, `gelu_pytorch_tanh`.
    GeluTanh,
    /// x/2 · (1 + erf(x/√2)): `gelu`.
    Gelu,
    /// max(x, 0): `relu`.
    Relu,
    /// x · sigmoid(x): `silu`, `swish`.
    Silu,
}

const ACTIVATIONS: &[(&str, Activation)] = &[
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu", Activation::Gelu),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
];

pub(super) const DROPOUT_KEYS: &[&str] = &["resid_pdrop", "embd_pdrop", "attn_pdrop"];

pub(super) const KEYS: &[&str] = &[
    "n_layer",
    "n_embd",
    "n_head",
    "n_positions",
    "n_ctx",
    "n_inner",
    "vocab_size",
    "activation_function",
    "layer_norm_epsilon",
    "resid_pdrop",
    "embd_pdrop",
    "attn_pdrop",
    "tie_word_embeddings",
    "initializer_range",
    "scale_attn_weights",
    "scale_attn_by_inverse_layer_idx",
    "reorder_and_upcast_attn",
    "add_cross_attention",
    "summary_type",
    "summary_use_proj",
    "summary_activation",
    "summary_proj_to_labels",
    "summary_first_dropout",
];

impl Gpt2Config {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self> {
        let width = fields.required_count("n_embd", 1..=WIDTH_LIMIT)?;
        let config = Gpt2Config {
            layers: fields.required_count("n_layer", 1..=LAYERS_LIMIT)?,
            width,
            heads: fields.required_count("n_head", 1..=WIDTH_LIMIT)?,
            positions: fields.required_count("n_positions", 1..=POSITIONS_LIMIT)?,
            inner: fields.count("n_inner", 1..=4 * WIDTH_LIMIT)?.unwrap_or(4 * width),
            vocabulary: fields.required_count("vocab_size", 1..=VOCABULARY_LIMIT)?,
            activation: fields.choice("activation_function", ACTIVATIONS)?.unwrap_or(Activation::GeluTanh),
            layer_norm_epsilon: fields.number("layer_norm_epsilon", 0.0..=1.0)?.unwrap_or(1e-5),
            residual_dropout: dropout(fields, "resid_pdrop")?.unwrap_or(0.0),
            embedding_dropout: dropout(fields, "embd_pdrop")?.unwrap_or(0.0),
            tied: fields.flag("tie_word_embeddings")?.unwrap_or(true),
            initializer_range: fields.number("initializer_range", 0.0..=10.0)?.unwrap_or(0.02),
        };
        check_attention_dropout(fields)?;
        check_multiple(fields, "n_embd", width, "n_head", config.heads)?;
        if let Some(context) = fields.count("n_ctx", 1..=POSITIONS_LIMIT)?
            && context != config.positions
        {
            let hint = "remove n_ctx; n_positions is what counts";
            return Err(fields.bad("n_ctx", context, format!("n_positions is {}", config.positions), hint));
        }
        fields.only("scale_attn_weights", &Value::Flag(true), "unscaled attention is not supported")?;
        fields.only("scale_attn_by_inverse_layer_idx", &Value::Flag(false), "not supported")?;
        fields.only("reorder_and_upcast_attn", &Value::Flag(false), "not supported")?;
        fields.only("add_cross_attention", &Value::Flag(false), "cross attention is not supported")?;
        check_parameter_count(config.parameter_count())?;
        Ok(config)
    }

    pub(super) fn override_dropout(&mut self, fields: &Fields<'_>) -> Result<()> {
        self.residual_dropout = dropout(fields, "resid_pdrop")?.unwrap_or(self.residual_dropout);
        self.embedding_dropout = dropout(fields, "embd_pdrop")?.unwrap_or(self.embedding_dropout);
        check_attention_dropout(fields)
    }

    pub(super) fn parameter_count(&self) -> u128 {
        let [layers, width, inner] = [self.layers, self.width, self.inner].map(|size| size as u128);
        let attention = 4 * width * width + 4 * width;
        let feed_forward = 2 * width * inner + width + inner;
        let embeddings =
            (self.vocabulary as u128 * if self.tied { 1 } else { 2 } + self.positions as u128) * width;
        embeddings + layers * (attention + feed_forward + 4 * width) + 2 * width
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        let activation = match self.activation {
            Activation::GeluTanh => "gelu_new",
            Activation::Gelu => "gelu",
            Activation::Relu => "relu",
            Activation::Silu => "silu",
        };
        json!({
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "n_layer": self.layers,
            "n_embd": self.width,
            "n_head": self.heads,
            "n_positions": self.positions,
            "n_ctx": self.positions,
            "n_inner": self.inner,
            "vocab_size": self.vocabulary,
            "activation_function": activation,
            "layer_norm_epsilon": super::decimal(self.layer_norm_epsilon),
            "resid_pdrop": super::decimal(self.residual_dropout),
            "embd_pdrop": super::decimal(self.embedding_dropout),
            "attn_pdrop": 0.0,
            "tie_word_embeddings": self.tied,
            "initializer_range": super::decimal(self.initializer_range),
            "scale_attn_weights": true,
            "bos_token_id": null,
            "eos_token_id": null,
            "torch_dtype": "float32",
        })
    }
}

/// A dropout rate: at least 0 and less than 1.
fn dropout(fields: &Fields<'_>, key: &str) -> Result<Option<f32>> {
    fields.number(key, 0.0..=0.99)
}

fn check_attention_dropout(fields: &Fields<'_>) -> Result<()> {
    match fields.number("attn_pdrop", 0.0..=1.0)? {
        None | Some(0.0) => Ok(()),
        Some(rate) => Err(fields.bad(
            "attn_pdrop",
            rate,
            "dropout on attention weights is not supported",
            "set attn_pdrop to 0; beside base_model, write `model_config: {attn_pdrop: 0}` in the job file",
        )),
    }
}
