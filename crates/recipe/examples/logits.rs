//! Trains a job and writes DIR with model.safetensors, config.json and logits.json, for vectors/torch/compare_logits.py.
//!
//! ```text
//! cargo run --release -p samebit-recipe --example logits -- JOB DIR
//! ```

use std::path::Path;
use std::sync::Arc;

use samebit_engine::{Engine, Settings};
use samebit_graph::Program;
use samebit_ops::Cpu;
use samebit_recipe::{Job, prepare, save_model};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, job, directory] = &arguments[..] else { return Err("usage: logits JOB DIR".into()) };
    let directory = Path::new(directory);
    let prepared = prepare(&Job::load(Path::new(job))?)?;
    let mut engine = start(&prepared.program, &prepared.tables, &prepared.states)?;
    for step in 0..prepared.steps {
        let loss = f32::from_bits(engine.step(step)?.loss);
        println!("step {step}: loss {loss}");
    }
    let weights: Vec<Vec<u32>> = (0..prepared.parameters.len()).map(|state| read(&engine, state)).collect();
    std::fs::create_dir_all(directory)?;
    save_model(&prepared.model, directory, &weights)?;
    let time = prepared.model.positions().min(64);
    let tokens = prepared.tables[0][..time].to_vec();
    let forward = prepared.forward(time);
    let mut engine = start(&forward.program, &forward.tables(&tokens), &forward.states(&weights))?;
    engine.step(0)?;
    let words = read(&engine, forward.logits_state());
    let rows = words.chunks(forward.vocabulary);
    let logits: Vec<Vec<f32>> =
        rows.map(|row| row.iter().map(|word| f32::from_bits(*word)).collect()).collect();
    let report = serde_json::json!({"tokens": tokens, "logits": logits});
    std::fs::write(directory.join("logits.json"), report.to_string())?;
    Ok(())
}

fn start(
    program: &Program,
    tables: &[Vec<u32>],
    states: &[Vec<u32>],
) -> Result<Engine, Box<dyn std::error::Error>> {
    let mut engine =
        Engine::new(Arc::new(program.clone()), tables, Arc::new(Cpu::detect()), &Settings::default())?;
    for (index, words) in states.iter().enumerate() {
        engine.write_state(index, words)?;
    }
    Ok(engine)
}

fn read(engine: &Engine, state: usize) -> Vec<u32> {
    let mut words = vec![0; engine.program().states[state].len() as usize];
    engine.read_state(state, 0, &mut words);
    words
}
