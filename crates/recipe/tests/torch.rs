//! PyTorch as the oracle: the same weights, batches and constants give the same logits, losses and gradient norms
//! (vectors/torch/generate.py).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use samebit_engine::{Engine, Settings};
use samebit_ops::Cpu;
use samebit_recipe::{Forward, Job, Prepared, load_model, prepare, save_model};

/// What PyTorch computed.
#[derive(serde::Deserialize)]
struct Golden {
    prompt: Vec<u32>,
    /// [T][V], before the first step.
    logits: Vec<Vec<f32>>,
    losses: Vec<f32>,
    grad_norms: Vec<f32>,
}

fn directory(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/torch").join(family)
}

fn load(family: &str) -> (Prepared, Golden) {
    let directory = directory(family);
    let job = Job::load(&directory.join("job.yaml")).unwrap();
    let golden = std::fs::read(directory.join("golden.json")).unwrap();
    (prepare(&job).unwrap(), serde_json::from_slice(&golden).unwrap())
}

fn engine(program: &samebit_graph::Program, tables: &[Vec<u32>], states: &[Vec<u32>]) -> Engine {
    let program = Arc::new(program.clone());
    let mut engine = Engine::new(program, tables, Arc::new(Cpu::detect()), &Settings::default()).unwrap();
    for (index, words) in states.iter().enumerate() {
        engine.write_state(index, words).unwrap();
    }
    engine
}

fn logits(forward: &Forward, weights: &[Vec<u32>], prompt: &[u32]) -> Vec<f32> {
    let mut engine = engine(&forward.program, &forward.tables(prompt), &forward.states(weights));
    engine.step(0).unwrap();
    let mut words = vec![0; forward.time * forward.vocabulary];
    engine.read_state(forward.logits_state(), 0, &mut words);
    words.into_iter().map(f32::from_bits).collect()
}

/// The greatest distance of two lists.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn mean(values: &[f32]) -> f64 {
    values.iter().fold(0.0, |total, value| total + f64::from(*value)) / values.len() as f64
}

fn logits_agree(family: &str) {
    let (prepared, golden) = load(family);
    let expected: Vec<f32> = golden.logits.concat();
    let weights = &prepared.states[..prepared.parameters.len()];
    let found = logits(&prepared.forward(golden.prompt.len()), weights, &golden.prompt);
    let difference = distance(&found, &expected);
    println!("{family}: greatest difference of a logit {difference:e}");
    assert!(difference < 1e-4, "{difference}");
    // A longer pass pads the prompt, and no position sees what follows it.
    let padded = logits(&prepared.forward(golden.prompt.len() + 5), weights, &golden.prompt);
    assert_eq!(found, padded[..found.len()]);
}

fn losses_agree(family: &str) {
    let (prepared, golden) = load(family);
    let mut engine = engine(&prepared.program, &prepared.tables, &prepared.states);
    let outcomes: Vec<_> = (0..prepared.steps).map(|step| engine.step(step).unwrap()).collect();
    let losses: Vec<f32> = outcomes.iter().map(|outcome| f32::from_bits(outcome.loss)).collect();
    let norms: Vec<f32> = outcomes.iter().map(|outcome| f32::from_bits(outcome.grad_norm)).collect();
    assert_eq!(losses.len(), golden.losses.len());
    let first = distance(&losses[..20], &golden.losses[..20]);
    let first_norms = distance(&norms[..20], &golden.grad_norms[..20]);
    let last = (mean(&losses[150..]) / mean(&golden.losses[150..]) - 1.0).abs();
    println!(
        "{family}: first 20 losses within {first:e}, norms {first_norms:e}; mean of the last 50 within {last:e}"
    );
    assert!(first < 1e-4, "{first}");
    assert!(first_norms < 1e-3, "{first_norms}");
    assert!(last < 0.01, "{last}");
}

#[test]
fn gpt2_has_the_logits_of_transformers() {
    logits_agree("gpt2");
}

#[test]
fn llama_has_the_logits_of_transformers() {
    logits_agree("llama");
}

#[test]
fn gpt2_trains_as_in_pytorch() {
    losses_agree("gpt2");
}

#[test]
fn llama_trains_as_in_pytorch() {
    losses_agree("llama");
}

/// The tensors that `transformers` wrote come back under the same names, with the same shapes and bytes.
#[test]
fn files_of_transformers_survive() {
    for family in ["gpt2", "llama"] {
        let source = directory(family);
        let config = samebit_recipe::ModelConfig::load(&source.join("config.json")).unwrap();
        let weights = load_model(&config, &source.join("model.safetensors")).unwrap();
        let copy = tempfile::tempdir().unwrap();
        save_model(&config, copy.path(), &weights).unwrap();
        let [theirs, ours] =
            [&source, copy.path()].map(|path| std::fs::read(path.join("model.safetensors")).unwrap());
        let [theirs, ours] =
            [&theirs, &ours].map(|bytes| safetensors::SafeTensors::deserialize(bytes).unwrap());
        let mut names = theirs.names();
        names.sort_unstable();
        let mut found = ours.names();
        found.sort_unstable();
        assert_eq!(found, names, "{family}");
        for name in names {
            let [theirs, ours] = [&theirs, &ours].map(|file| file.tensor(name).unwrap());
            assert_eq!(ours.shape(), theirs.shape(), "{name}");
            assert_eq!(ours.data(), theirs.data(), "{name}");
        }
        let config_copy = samebit_recipe::ModelConfig::load(&copy.path().join("config.json")).unwrap();
        assert_eq!(config_copy, config);
    }
}
