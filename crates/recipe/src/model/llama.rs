//! Llama (Touvron et al., 2023): rotary positions, RMS norm before each branch, grouped queries, a gated feed-forward.
//!
//! ```text
//! x = embed_tokens[token]                                          [N, C]
//! x = x + attention(turn(norm(x)·q), turn(norm(x)·k), norm(x)·v)·o  per layer
//! x = x + (silu(norm(x)·gate) ∘ (norm(x)·up))·down
//! logits = norm(x)·head                                            [N, V]; the head is embed_tokens when tied
//! ```

use samebit_graph::node::NodeId;
use samebit_graph::operators::{Attention, Lookup, RmsNorm, Rotary, elementwise};
use samebit_graph::{Builder, DType};

use super::{Parameter, ROPE_COSINES, ROPE_SINES, Sequences, Weights};
use crate::config::LlamaConfig;
use crate::initial::Init;

const PREFIX: &str = "model.";

/// The family's parameters.
pub(super) fn parameters(config: &LlamaConfig) -> Vec<Parameter> {
    let (width, deviation) = (config.width, config.initializer_range);
    let embedding = [config.vocabulary, width];
    let mut list = vec![Parameter::matrix(PREFIX, "embed_tokens.weight".into(), embedding, deviation)];
    for layer in 0..config.layers {
        list.extend(block(config, layer));
    }
    list.push(Parameter::vector(PREFIX, "norm.weight".into(), width, Init::Ones));
    if !config.tied {
        list.push(Parameter::matrix("", "lm_head.weight".into(), embedding, deviation));
    }
    list
}

fn block(config: &LlamaConfig, layer: usize) -> Vec<Parameter> {
    let (width, inner) = (config.width, config.inner);
    let (queries, keys) = (config.heads * config.head_width, config.key_value_heads * config.head_width);
    let name = |part: &str| format!("layers.{layer}.{part}.weight");
    let matrix = |part: &str, shape| Parameter::matrix(PREFIX, name(part), shape, config.initializer_range);
    let gain = |part: &str| Parameter::vector(PREFIX, name(part), width, Init::Ones);
    vec![
        gain("input_layernorm"),
        matrix("self_attn.q_proj", [queries, width]),
        matrix("self_attn.k_proj", [keys, width]),
        matrix("self_attn.v_proj", [keys, width]),
        matrix("self_attn.o_proj", [width, queries]),
        gain("post_attention_layernorm"),
        matrix("mlp.gate_proj", [inner, width]),
        matrix("mlp.up_proj", [inner, width]),
        matrix("mlp.down_proj", [width, inner]),
    ]
}

/// Logits \[N, V\]. Declares the tables of rotary angles.
pub(super) fn logits(
    builder: &mut Builder,
    config: &LlamaConfig,
    weights: &Weights,
    sequences: &mut Sequences,
) -> NodeId {
    let shape = [sequences.time, config.head_width as u64 / 2];
    let angles = [ROPE_COSINES, ROPE_SINES].map(|name| builder.table(name, DType::F32, &shape));
    let angles = angles.map(|table| sequences.at_positions(builder, table));
    let mut model = Model { builder, config, weights, sequences, angles };
    let tokens = weights.get("embed_tokens.weight");
    let mut x = model.builder.apply(Lookup, &[tokens, model.sequences.ids]);
    for layer in 0..config.layers {
        x = model.block(x, layer);
    }
    let normal = model.norm("norm", x);
    let head = if config.tied { tokens } else { weights.get("lm_head.weight") };
    model.builder.apply(model.sequences.linear("lm_head"), &[normal, head])
}

struct Model<'a> {
    builder: &'a mut Builder,
    config: &'a LlamaConfig,
    weights: &'a Weights,
    sequences: &'a mut Sequences,
    /// Cosines and sines of the rows' angles.
    angles: [NodeId; 2],
}

impl Model<'_> {
    fn block(&mut self, x: NodeId, layer: usize) -> NodeId {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let normal = self.norm(&name("input_layernorm"), x);
        let heads = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
            .map(|site| self.linear(site, layer, normal));
        let heads = [self.turn(heads[0]), self.turn(heads[1]), heads[2]];
        let attention = self.attention();
        let mixed = self.sequences.attend(self.builder, layer, attention, heads);
        let branch = self.linear("self_attn.o_proj", layer, mixed);
        let x = self.builder.apply(elementwise::ADD, &[x, branch]);
        let normal = self.norm(&name("post_attention_layernorm"), x);
        let [gate, up] = ["mlp.gate_proj", "mlp.up_proj"].map(|site| self.linear(site, layer, normal));
        let wide = self.builder.apply(elementwise::SWIGLU, &[gate, up]);
        let branch = self.linear("mlp.down_proj", layer, wide);
        self.builder.apply(elementwise::ADD, &[x, branch])
    }

    fn turn(&mut self, x: NodeId) -> NodeId {
        let rotary = Rotary { head_size: self.config.head_width as u64 };
        self.builder.apply(rotary, &[x, self.angles[0], self.angles[1]])
    }

    fn attention(&self) -> Attention {
        let head_size = self.config.head_width as u64;
        Attention {
            time: self.sequences.time,
            queries: self.sequences.rows,
            heads: self.config.heads as u64,
            key_heads: self.config.key_value_heads as u64,
            head_size,
            scale: super::attention_scale(head_size),
            numerics: self.sequences.numerics.of("attention"),
        }
    }

    fn norm(&mut self, name: &str, x: NodeId) -> NodeId {
        let gain = self.weights.get(&format!("{name}.weight"));
        self.builder.apply(RmsNorm { epsilon: self.config.rms_norm_epsilon }, &[x, gain])
    }

    /// The layer that a site is in a block.
    fn linear(&mut self, site: &str, layer: usize, x: NodeId) -> NodeId {
        let weight = self.weights.get(&format!("layers.{layer}.{site}.weight"));
        self.builder.apply(self.sequences.linear(site), &[x, weight])
    }
}
