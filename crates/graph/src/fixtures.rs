//! Tiny training programs with initial states and tables, for tests: a GPT and a Llama with all that a step has, and every operator alone.
//!
//! Everything comes from [`Dims::seed`]; the same dimensions give the same words on every machine.

mod operators;

pub use operators::{Apply, Case, Given, Inputs, case, operator};

use crate::batch::{Batch, batch};
use crate::builder::Builder;
use crate::node::{DType, NodeId};
use crate::operators::{
    Attention, Bias, CrossEntropy, Dropout, LayerNorm, Linear, Lookup, RmsNorm, Rotary, elementwise,
};
use crate::optimizer::{AdamW, SCHEDULE_COLUMNS, Tensor, clip_factor, global_norm, schedule};
use crate::program::Program;
use samebit_num::{Native, fold::Numerics, functions, philox::Stream};

/// The dimensions of a fixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dims {
    /// B, sequences in a step.
    pub sequences: u64,
    /// T, positions in a sequence.
    pub time: u64,
    /// H, query heads.
    pub heads: u64,
    /// Hk, key heads; a GPT has as many as query heads.
    pub key_heads: u64,
    /// D, elements of a head; even for a Llama.
    pub head_size: u64,
    /// L, layers.
    pub layers: u64,
    /// V, vocabulary.
    pub vocabulary: u64,
    /// Width of the feed-forward layers.
    pub hidden: u64,
    /// Steps for which the tables have data.
    pub steps: u64,
    /// Dropout probability of the GPT; 0 for none.
    pub dropout: f64,
    /// Where weights and tokens come from.
    pub seed: u64,
    /// How the products of linear layers and attention are computed.
    pub numerics: Numerics,
}

impl Default for Dims {
    /// Odd sizes: head size 12, two query heads a key head, no dimension a multiple of 16.
    fn default() -> Self {
        Dims {
            sequences: 2,
            time: 5,
            heads: 2,
            key_heads: 1,
            head_size: 12,
            layers: 2,
            vocabulary: 37,
            hidden: 30,
            steps: 3,
            dropout: 0.0,
            seed: 7,
            numerics: Numerics::F32,
        }
    }
}

/// A program, the words of its states before step 0, and the words of its tables.
pub type Fixture = (Program, Vec<Vec<u32>>, Vec<Vec<u32>>);

/// How a state begins.
#[derive(Clone, Copy)]
enum Start {
    Normal,
    Constant(f32),
}

struct Parameter {
    node: NodeId,
    name: String,
    shape: Vec<u64>,
    start: Start,
}

struct Model {
    builder: Builder,
    dims: Dims,
    parameters: Vec<Parameter>,
    dropouts: u32,
}

/// A GPT-2: learned positions, layer norm, biases, GELU (tanh form), tied output weights, clipping, AdamW.
pub fn gpt(dims: Dims) -> Fixture {
    let mut model = Model::new(dims);
    let nodes = batch(&mut model.builder, dims.batch());
    let channels = dims.heads * dims.head_size;
    let tokens = model.weight("wte", &[dims.vocabulary, channels]);
    let places = model.weight("wpe", &[dims.time, channels]);
    let token = model.builder.apply(Lookup, &[tokens, nodes.ids]);
    let place = model.builder.apply(Lookup, &[places, nodes.positions]);
    let mut x = model.builder.apply(elementwise::ADD, &[token, place]);
    x = model.drop(x);
    for layer in 0..dims.layers {
        let name = |part: &str| format!("h.{layer}.{part}");
        let normal = model.layer_norm(&name("ln_1"), x);
        let [q, k, v] = ["q", "k", "v"].map(|part| model.affine(&name(part), normal, channels));
        let attention = Attention { key_heads: dims.heads, ..dims.attention() };
        let mixed = model.builder.apply(attention, &[q, k, v]);
        let mixed = model.affine(&name("proj"), mixed, channels);
        let mixed = model.drop(mixed);
        x = model.builder.apply(elementwise::ADD, &[x, mixed]);
        let normal = model.layer_norm(&name("ln_2"), x);
        let wide = model.affine(&name("fc"), normal, dims.hidden);
        let wide = model.builder.apply(elementwise::GELU_TANH, &[wide]);
        let narrow = model.affine(&name("fc_proj"), wide, channels);
        let narrow = model.drop(narrow);
        x = model.builder.apply(elementwise::ADD, &[x, narrow]);
    }
    let normal = model.layer_norm("ln_f", x);
    let logits = model.builder.apply(Linear { numerics: dims.numerics }, &[normal, tokens]);
    let loss = model.builder.apply(CrossEntropy, &[logits, nodes.labels]);
    model.finish(loss)
}

/// A Llama: rotary positions, RMS norm, grouped queries, SwiGLU, untied output weights, clipping, AdamW.
pub fn llama(dims: Dims) -> Fixture {
    let mut model = Model::new(dims);
    let nodes = batch(&mut model.builder, dims.batch());
    let angles =
        ["cos", "sin"].map(|name| model.builder.table(name, DType::F32, &[dims.time, dims.head_size / 2]));
    let (channels, key_channels) = (dims.heads * dims.head_size, dims.key_heads * dims.head_size);
    let tokens = model.weight("embed", &[dims.vocabulary, channels]);
    let mut x = model.builder.apply(Lookup, &[tokens, nodes.ids]);
    for layer in 0..dims.layers {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let normal = model.rms_norm(&name("input_norm"), x);
        let q = model.linear(&name("q"), normal, channels);
        let k = model.linear(&name("k"), normal, key_channels);
        let v = model.linear(&name("v"), normal, key_channels);
        let rotary = Rotary { head_size: dims.head_size };
        let [q, k] = [q, k].map(|x| model.builder.apply(rotary, &[x, angles[0], angles[1]]));
        let mixed = model.builder.apply(dims.attention(), &[q, k, v]);
        let mixed = model.linear(&name("o"), mixed, channels);
        x = model.builder.apply(elementwise::ADD, &[x, mixed]);
        let normal = model.rms_norm(&name("post_norm"), x);
        let gate = model.linear(&name("gate"), normal, dims.hidden);
        let up = model.linear(&name("up"), normal, dims.hidden);
        let wide = model.builder.apply(elementwise::SWIGLU, &[gate, up]);
        let narrow = model.linear(&name("down"), wide, channels);
        x = model.builder.apply(elementwise::ADD, &[x, narrow]);
    }
    let normal = model.rms_norm("norm", x);
    let logits = model.linear("lm_head", normal, dims.vocabulary);
    let loss = model.builder.apply(CrossEntropy, &[logits, nodes.labels]);
    model.finish(loss)
}

impl Dims {
    /// Rows of the data that the order chooses from.
    fn data_rows(&self) -> u64 {
        2 * self.sequences + 1
    }

    fn batch(&self) -> Batch {
        let token_count = self.data_rows() * self.time + 1;
        Batch { sequences: self.sequences, time: self.time, token_count, steps: self.steps }
    }

    fn attention(&self) -> Attention {
        Attention {
            time: self.time,
            queries: self.time,
            heads: self.heads,
            key_heads: self.key_heads,
            head_size: self.head_size,
            scale: (1.0 / (self.head_size as f64).sqrt()) as f32,
            numerics: self.numerics,
        }
    }

    fn table(&self, name: &str) -> Vec<u32> {
        let random = Stream { seed: self.seed, stream: u32::MAX, step: 0 };
        let half = self.head_size / 2;
        match name {
            "tokens" => {
                (0..self.batch().token_count).map(|at| random.words(at)[0] % self.vocabulary as u32).collect()
            }
            "order" => (0..self.steps * self.sequences)
                .map(|at| random.words(at)[1] % self.data_rows() as u32)
                .collect(),
            "schedule" => (0..self.steps).flat_map(rates).map(f32::to_bits).collect(),
            "cos" | "sin" => (0..self.time * half)
                .map(|at| {
                    let angle = (at / half) as f32 / (1 + at % half * 3) as f32;
                    let function = if name == "cos" { functions::cos } else { functions::sin };
                    function(&mut Native, angle).to_bits()
                })
                .collect(),
            _ => panic!("a fixture has no table {name}"),
        }
    }
}

/// A row of the schedule for β1 = 0.9, β2 = 0.95, with decay.
fn rates(step: u64) -> [f32; SCHEDULE_COLUMNS as usize] {
    let (mut power1, mut power2) = (1.0f64, 1.0f64);
    for _ in 0..=step {
        (power1, power2) = (power1 * 0.9, power2 * 0.95);
    }
    let rate = 1e-2 / (1 + step) as f64;
    [rate as f32, (1.0 / (1.0 - power1)) as f32, (1.0 / (1.0 - power2)) as f32, (1.0 - rate * 0.1) as f32]
}

impl Model {
    fn new(dims: Dims) -> Self {
        Model { builder: Builder::new(), dims, parameters: Vec::new(), dropouts: 0 }
    }

    fn parameter(&mut self, name: &str, shape: &[u64], start: Start) -> NodeId {
        let node = self.builder.state(name, shape);
        self.parameters.push(Parameter { node, name: name.into(), shape: shape.into(), start });
        node
    }

    fn weight(&mut self, name: &str, shape: &[u64]) -> NodeId {
        self.parameter(&format!("{name}.weight"), shape, Start::Normal)
    }

    fn linear(&mut self, name: &str, x: NodeId, columns: u64) -> NodeId {
        let terms = self.builder.matrix(x).1;
        let weight = self.weight(name, &[columns, terms]);
        self.builder.apply(Linear { numerics: self.dims.numerics }, &[x, weight])
    }

    fn affine(&mut self, name: &str, x: NodeId, columns: u64) -> NodeId {
        let product = self.linear(name, x, columns);
        let bias = self.parameter(&format!("{name}.bias"), &[columns], Start::Constant(0.0));
        self.builder.apply(Bias, &[product, bias])
    }

    fn layer_norm(&mut self, name: &str, x: NodeId) -> NodeId {
        let columns = self.builder.matrix(x).1;
        let gain = self.parameter(&format!("{name}.weight"), &[columns], Start::Constant(1.0));
        let bias = self.parameter(&format!("{name}.bias"), &[columns], Start::Constant(0.0));
        self.builder.apply(LayerNorm { epsilon: 1e-5 }, &[x, gain, bias])
    }

    fn rms_norm(&mut self, name: &str, x: NodeId) -> NodeId {
        let columns = self.builder.matrix(x).1;
        let gain = self.parameter(&format!("{name}.weight"), &[columns], Start::Constant(1.0));
        self.builder.apply(RmsNorm { epsilon: 1e-6 }, &[x, gain])
    }

    fn drop(&mut self, x: NodeId) -> NodeId {
        if self.dims.dropout == 0.0 {
            return x;
        }
        self.dropouts += 1;
        let dropout =
            Dropout { probability: self.dims.dropout, seed: self.dims.seed, stream: 1000 + self.dropouts };
        self.builder.apply(dropout, &[x])
    }

    fn finish(self, loss: NodeId) -> Fixture {
        let Model { mut builder, dims, parameters, .. } = self;
        let nodes: Vec<NodeId> = parameters.iter().map(|parameter| parameter.node).collect();
        let gradients = builder.gradient(loss, &nodes);
        let norm = global_norm(&mut builder, &gradients);
        let clip = clip_factor(&mut builder, norm, 1.0);
        let schedule = schedule(&mut builder, dims.steps);
        let adam = AdamW { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
        let mut sinks = Vec::new();
        for (parameter, gradient) in parameters.iter().zip(gradients) {
            let moment = |builder: &mut Builder, kind: &str| {
                builder.state(&format!("{}.{kind}", parameter.name), &parameter.shape)
            };
            let held = [moment(&mut builder, "m"), moment(&mut builder, "v")];
            let decays = parameter.shape.len() == 2;
            let tensor = Tensor { parameter: parameter.node, moments: held, gradient, decays };
            let values = adam.update(&mut builder, tensor, Some(clip), schedule);
            sinks.extend([parameter.node, held[0], held[1]].into_iter().zip(values));
        }
        let program = builder.finish(&sinks, loss, norm);
        let tables = program.tables.iter().map(|table| dims.table(&table.name)).collect();
        (program.clone(), initial_states(&program, &parameters, dims.seed), tables)
    }
}

fn initial_states(program: &Program, parameters: &[Parameter], seed: u64) -> Vec<Vec<u32>> {
    let initial = |(stream, state): (u32, &crate::program::Declaration)| {
        let parameter = parameters.iter().find(|parameter| parameter.name == state.name);
        let random = Stream { seed, stream, step: 0 };
        let value = |at: u64| match parameter.map(|parameter| parameter.start) {
            Some(Start::Normal) => 0.25 * random.normal(at),
            Some(Start::Constant(value)) => value,
            None => 0.0,
        };
        (0..state.len()).map(|at| value(at).to_bits()).collect()
    };
    (0u32..).zip(&program.states).map(initial).collect()
}
