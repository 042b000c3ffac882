//! Text that grows beside kept keys and values: every row of logits has the bits of the pass over the whole sequence, and of training's.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use samebit_engine::lower::{Freedom, Unit, units};
use samebit_engine::{Engine, Settings, Watch};
use samebit_graph::interpret::{Bits, next_states, run_step};
use samebit_graph::{NodeId, Program};
use samebit_num::Soft;
use samebit_ops::{Backend, Buffer, Cpu};
use samebit_recipe::model::{initial_weights, training_program};
use samebit_recipe::prepare::training_tables;
use samebit_recipe::{Forward, Job, order_table};

const GPT: &str = "model_type: gpt2, n_layer: 2, n_embd: 24, n_head: 2";
/// Rotary angles, and two query heads that share a key head.
const LLAMA: &str = "model_type: llama, num_hidden_layers: 2, hidden_size: 24, num_attention_heads: 4, num_key_value_heads: 2, \
                     head_dim: 10, intermediate_size: 30";
const PROFILES: [&str; 5] =
    ["f32", "exact8", "exact14", "exact21", "{default: exact8, attention: exact21, lm_head: exact14}"];
const VOCABULARY: usize = 31;

/// A job of a model with so many positions, a row of which a step trains on.
fn job(model: &str, profile: &str, time: usize) -> Job {
    let text = format!(
        "model_config: {{{model}, vocab_size: {VOCABULARY}, {}: {time}}}\ntokenizer: bytes\ndatasets: [{{path: x}}]\n\
         sequence_len: {time}\nmicro_batch_size: 1\nmax_steps: 1\nlearning_rate: 1.0e-3\nnumerics: {profile}\n",
        if model.contains("llama") { "max_position_embeddings" } else { "n_positions" }
    );
    Job::parse(&text, Path::new("job.yaml")).expect("a job")
}

fn text(len: usize) -> Vec<u32> {
    (0..len as u32).map(|at| (at * at + at / 3) % VOCABULARY as u32).collect()
}

fn engine(
    program: &Program,
    tables: &[Vec<u32>],
    states: &[Vec<u32>],
    (backend, threads): (Arc<dyn Backend>, usize),
) -> Engine {
    let settings = Settings { threads, ..Settings::default() };
    let mut engine = Engine::new(Arc::new(program.clone()), tables, backend, &settings).expect("a plan");
    for (state, words) in states.iter().enumerate() {
        engine.write_state(state, words).expect("words");
    }
    engine
}

/// Keeps the words of one node.
struct Keep(NodeId, Vec<u32>);

impl Watch for Keep {
    fn node(&mut self, node: NodeId, backend: &dyn Backend, buffer: &mut Buffer, words: usize) {
        if node == self.0 {
            self.1 = vec![0; words];
            backend.read(buffer, 0, &mut self.1);
        }
    }
}

/// The logits of a training step's row.
fn trained(job: &Job, weights: &[Vec<u32>]) -> (Vec<u32>, Vec<u32>) {
    let (config, training) = (&job.model.config, &job.training);
    let tokens = text(training.sequence_len + 1);
    let program = training_program(config, training, tokens.len() as u64);
    let order = order_table(training.seed, tokens.len(), training.sequence_len, 1, 1).expect("a row");
    let tables = training_tables(&program, config, training, tokens.clone(), order);
    let head = program.nodes.iter().rposition(|node| node.op == "linear").expect("a head");
    let mut logits = Keep(head as NodeId, Vec::new());
    engine(&program, &tables, weights, (Arc::new(Cpu::detect()), 1))
        .traced_step(0, &mut logits)
        .expect("a step");
    (tokens[..training.sequence_len].to_vec(), logits.1)
}

/// A program that keeps keys and values, in memory.
struct Decoder<'a> {
    forward: &'a Forward,
    engine: Engine,
}

impl<'a> Decoder<'a> {
    fn new(
        forward: &'a Forward,
        weights: &[Vec<u32>],
        tokens: &[u32],
        machine: (Arc<dyn Backend>, usize),
    ) -> Self {
        let engine = engine(&forward.program, &forward.tables(tokens), &forward.states(weights), machine);
        Decoder { forward, engine }
    }

    fn state(&self, state: usize) -> Vec<u32> {
        let mut words = vec![0; self.forward.program.states[state].len() as usize];
        self.engine.read_state(state, 0, &mut words);
        words
    }

    /// The keys and values.
    fn kept(&self) -> Vec<Vec<u32>> {
        self.forward.cache_states().map(|state| self.state(state)).collect()
    }

    fn keep(&mut self, kept: &[Vec<u32>]) {
        for (state, words) in self.forward.cache_states().zip(kept) {
            self.engine.write_state(state, words).expect("words");
        }
    }

    /// Runs steps and compares their rows of logits with those of the whole sequence.
    fn check(&mut self, steps: Range<usize>, expected: &[u32], what: &str) {
        let rows = self.forward.rows;
        for step in steps {
            self.engine.step(step as u64).expect("a step");
            let expected = &expected[step * rows * VOCABULARY..][..rows * VOCABULARY];
            let found = self.state(self.forward.logits_state());
            let wrong = found.iter().zip(expected).position(|(found, expected)| found != expected);
            let position = wrong.map(|at| step * rows + at / VOCABULARY);
            assert_eq!(position, None, "{what}, {rows} rows a step: the first other position");
        }
    }
}

/// Whole sequences by steps of several sizes, and a prompt that is taken in by large steps and goes on one by one, over the borders of
/// blocks, on every backend.
#[test]
fn decoding_has_training_s_bits() {
    const TIME: usize = 515;
    const PROMPT: usize = 206;
    for (model, profile) in
        [GPT, LLAMA].into_iter().flat_map(|model| PROFILES.map(|profile| (model, profile)))
    {
        let job = job(model, profile, TIME);
        let (config, numerics) = (&job.model.config, &job.training.numerics);
        let weights = initial_weights(config, 5);
        let (tokens, expected) = trained(&job, &weights);
        let forward = |rows| Forward::cached(config, numerics, rows, TIME);
        let detected = || (Arc::new(Cpu::detect()) as Arc<dyn Backend>, 1);
        let what = format!("{model} {profile}");
        for rows in [5, TIME] {
            let whole = forward(rows);
            Decoder::new(&whole, &weights, &tokens, detected()).check(0..TIME / rows, &expected, &what);
        }
        let (prompt, one) = (forward(103), forward(1));
        let mut reader = Decoder::new(&prompt, &weights, &tokens, detected());
        reader.check(0..PROMPT / 103, &expected, &what);
        let mut writer = Decoder::new(&one, &weights, &tokens, detected());
        writer.keep(&reader.kept());
        let borders = [PROMPT..PROMPT + 2, 254..259, 510..TIME];
        let kept = borders.clone().map(|border| {
            let before = writer.kept();
            writer.check(border.clone(), &expected, &what);
            let next = borders.iter().map(|other| other.start).find(|start| *start >= border.end);
            writer.check(border.end..next.unwrap_or(TIME), &expected, &what);
            before
        });
        for (name, threads) in [("scalar", 1), ("avx2", 1), ("avx512", 2), ("scalar", 2)] {
            let Ok(backend) = samebit_ops::backend(name) else { continue };
            let mut writer = Decoder::new(&one, &weights, &tokens, (Arc::from(backend), threads));
            for (kept, border) in kept.iter().zip(borders.clone()) {
                writer.keep(kept);
                writer.check(border, &expected, &format!("{what}, {name}, {threads} threads"));
            }
        }
    }
}

/// Attention of some queries is one kernel as well, and nothing is left to the interpreter.
#[test]
fn every_node_of_a_step_has_a_kernel() {
    for (model, rows) in [(GPT, 1), (LLAMA, 1), (GPT, 4), (LLAMA, 4)] {
        let job = job(model, "exact8", 12);
        let program = Forward::cached(&job.model.config, &job.training.numerics, rows, 12).program;
        for fuse in [true, false] {
            let units = units(&program, Freedom { fuse, opaque: &BTreeSet::new() });
            let attentions = units.iter().filter(|unit| matches!(unit, Unit::Attention(_))).count();
            assert_eq!(attentions, 2, "{model}: a kernel a layer");
            let host = units.iter().find(|unit| matches!(unit, Unit::Host(_)));
            assert!(host.is_none(), "{model}: {host:?}");
        }
    }
}

/// What a program says, element by element, without any kernel: the position wraps, and padding is overwritten before it is seen.
#[test]
fn steps_are_what_the_interpreter_says() {
    for (model, profile) in [(GPT, "exact14"), (LLAMA, "f32")] {
        let job = job(model, profile, 12);
        let config = &job.model.config;
        let weights = initial_weights(config, 3);
        for (rows, steps) in [(1, [0, 1, 5, 11, 13]), (4, [0, 1, 2, 3, 7])] {
            let forward = Forward::cached(config, &job.training.numerics, rows, 12);
            forward.program.check().unwrap_or_else(|error| panic!("{model}: {error}"));
            let tables = forward.tables(&text(12));
            let mut states = forward.states(&weights);
            for step in steps {
                let outputs = run_step(&mut Bits(Soft), &forward.program, &states, &tables, step);
                let mut engine = engine(&forward.program, &tables, &states, (Arc::new(Cpu::detect()), 1));
                engine.step(step).expect("a step");
                states = next_states(&forward.program, &outputs);
                for (state, expected) in states.iter().enumerate() {
                    let mut found = vec![0; expected.len()];
                    engine.read_state(state, 0, &mut found);
                    assert!(
                        found == *expected,
                        "{model} {profile}, step {step}: {}",
                        forward.program.states[state].name
                    );
                }
            }
        }
    }
}
