//! GPT-2 (Radford et al., 2019): learned positions, layer norm before each branch, one activation, biases everywhere.
//!
//! ```text
//! x = wte[token] + wpe[position]                       [N, C]
//! x = x + attention(norm(x)·wq, ·wk, ·wv)·c_proj       per layer
//! x = x + activation(norm(x)·c_fc)·c_proj
//! logits = norm(x)·head                                [N, V]; the head is wte when tied
//! ```
//! Dropout, when the config asks for it, is applied to the embeddings and to the end of both branches.

use samebit_graph::Builder;
use samebit_graph::node::NodeId;
use samebit_graph::operators::{Attention, Bias, Elementwise, LayerNorm, Lookup, elementwise};

use super::{Parameter, Place, Sequences, Weights};
use crate::config::{Activation, Gpt2Config};
use crate::initial::{Init, residual_deviation};

const PREFIX: &str = "transformer.";

/// What the three parts of `c_attn` are called among the states.
const ATTENTION_PARTS: [&str; 3] = ["wq", "wk", "wv"];

/// The family's parameters.
pub(super) fn parameters(config: &Gpt2Config) -> Vec<Parameter> {
    let (width, deviation) = (config.width, config.initializer_range);
    let mut list = vec![
        Parameter::matrix(PREFIX, "wte.weight".into(), [config.vocabulary, width], deviation),
        Parameter::matrix(PREFIX, "wpe.weight".into(), [config.positions, width], deviation),
    ];
    for layer in 0..config.layers {
        list.extend(block(config, layer));
    }
    list.extend(norm("ln_f", width));
    if !config.tied {
        list.push(Parameter::matrix("", "lm_head.weight".into(), [config.vocabulary, width], deviation));
    }
    list
}

fn block(config: &Gpt2Config, layer: usize) -> Vec<Parameter> {
    let (width, inner) = (config.width, config.inner);
    let (deviation, last) =
        (config.initializer_range, residual_deviation(config.initializer_range, config.layers));
    let name = |part: &str| format!("h.{layer}.{part}");
    let fused = name("attn.c_attn");
    let part = |part: &str| format!("h.{layer}.attn.{part}");
    let mut list = norm(&name("ln_1"), width).to_vec();
    list.extend(ATTENTION_PARTS.map(|part_name| weight(part(part_name), &fused, [width, width], deviation)));
    list.extend(ATTENTION_PARTS.map(|part_name| bias(part(part_name), &fused, width)));
    list.extend(linear(&name("attn.c_proj"), [width, width], last));
    list.extend(norm(&name("ln_2"), width));
    list.extend(linear(&name("mlp.c_fc"), [inner, width], deviation));
    list.extend(linear(&name("mlp.c_proj"), [width, inner], last));
    list
}

fn norm(name: &str, width: usize) -> [Parameter; 2] {
    let vector = |part: &str, init| Parameter::vector(PREFIX, format!("{name}.{part}"), width, init);
    [vector("weight", Init::Ones), vector("bias", Init::Zeros)]
}

fn linear(name: &str, shape: [usize; 2], deviation: f32) -> [Parameter; 2] {
    [weight(name.into(), name, shape, deviation), bias(name.into(), name, shape[0])]
}

/// The weight \[out, in\] of `layer`, stored transposed in the tensor of `stored`.
fn weight(layer: String, stored: &str, shape: [usize; 2], deviation: f32) -> Parameter {
    let parameter = Parameter::matrix(PREFIX, format!("{layer}.weight"), shape, deviation);
    Parameter {
        place: Place { tensor: format!("{PREFIX}{stored}.weight"), is_transposed: true },
        ..parameter
    }
}

fn bias(layer: String, stored: &str, count: usize) -> Parameter {
    let parameter = Parameter::vector(PREFIX, format!("{layer}.bias"), count, Init::Zeros);
    Parameter { place: Place { tensor: format!("{PREFIX}{stored}.bias"), is_transposed: false }, ..parameter }
}

/// Logits \[N, V\].
pub(super) fn logits(
    builder: &mut Builder,
    config: &Gpt2Config,
    weights: &Weights,
    sequences: &mut Sequences,
) -> NodeId {
    let mut model = Model { builder, config, weights, sequences };
    let tokens = weights.get("wte.weight");
    let token = model.builder.apply(Lookup, &[tokens, model.sequences.ids]);
    let place = model.builder.apply(Lookup, &[weights.get("wpe.weight"), model.sequences.positions]);
    let mut x = model.builder.apply(elementwise::ADD, &[token, place]);
    x = model.sequences.drop(model.builder, x, config.embedding_dropout, 0);
    for layer in 0..config.layers {
        x = model.block(x, layer);
    }
    let normal = model.norm("ln_f", x);
    let head = if config.tied { tokens } else { weights.get("lm_head.weight") };
    model.builder.apply(model.sequences.linear("lm_head"), &[normal, head])
}

struct Model<'a> {
    builder: &'a mut Builder,
    config: &'a Gpt2Config,
    weights: &'a Weights,
    sequences: &'a mut Sequences,
}

impl Model<'_> {
    fn block(&mut self, x: NodeId, layer: usize) -> NodeId {
        let name = |part: &str| format!("h.{layer}.{part}");
        let normal = self.norm(&name("ln_1"), x);
        let heads =
            ATTENTION_PARTS.map(|part| self.linear("attn.c_attn", &name(&format!("attn.{part}")), normal));
        let attention = self.attention();
        let mixed = self.sequences.attend(self.builder, layer, attention, heads);
        let branch = self.site("attn.c_proj", layer, mixed);
        let x = self.join(x, branch, 2 * layer + 1);
        let normal = self.norm(&name("ln_2"), x);
        let wide = self.site("mlp.c_fc", layer, normal);
        let wide = self.builder.apply(activation(self.config.activation), &[wide]);
        let branch = self.site("mlp.c_proj", layer, wide);
        self.join(x, branch, 2 * layer + 2)
    }

    /// x plus a branch.
    fn join(&mut self, x: NodeId, branch: NodeId, stream: usize) -> NodeId {
        let branch = self.sequences.drop(self.builder, branch, self.config.residual_dropout, stream);
        self.builder.apply(elementwise::ADD, &[x, branch])
    }

    fn attention(&self) -> Attention {
        let (heads, head_size) = (self.config.heads as u64, (self.config.width / self.config.heads) as u64);
        let scale = super::attention_scale(head_size);
        let numerics = self.sequences.numerics.of("attention");
        let Sequences { time, rows: queries, .. } = *self.sequences;
        Attention { time, queries, heads, key_heads: heads, head_size, scale, numerics }
    }

    fn norm(&mut self, name: &str, x: NodeId) -> NodeId {
        let [gain, bias] = ["weight", "bias"].map(|part| self.weights.get(&format!("{name}.{part}")));
        self.builder.apply(LayerNorm { epsilon: self.config.layer_norm_epsilon }, &[x, gain, bias])
    }

    /// The layer that a site is in a block.
    fn site(&mut self, site: &str, layer: usize, x: NodeId) -> NodeId {
        self.linear(site, &format!("h.{layer}.{site}"), x)
    }

    fn linear(&mut self, site: &str, name: &str, x: NodeId) -> NodeId {
        let [weight, bias] = ["weight", "bias"].map(|part| self.weights.get(&format!("{name}.{part}")));
        let product = self.builder.apply(self.sequences.linear(site), &[x, weight]);
        self.builder.apply(Bias, &[product, bias])
    }
}

fn activation(activation: Activation) -> Elementwise {
    match activation {
        Activation::GeluTanh => elementwise::GELU_TANH,
        Activation::Gelu => elementwise::GELU_ERF,
        Activation::Relu => elementwise::RELU,
        Activation::Silu => elementwise::SILU,
    }
}
