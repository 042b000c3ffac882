//! What a segment's end takes: hashing the state and storing it, beside the segment's steps.

use crate::step::Failure;
use samebit_engine::Settings;
use samebit_ops::Cpu;
use samebit_recipe::{Job as File, prepare};
use samebit_trace::{Folder, Job, Receipt, RunRecord, Runner};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Prints the shares of hashing and storing in a segment of the job's length, of which `steps` steps are timed.
pub fn run(job: &Path, folder: &Path, threads: usize, steps: u64) -> Result<(), Failure> {
    let prepared = prepare(&File::load(job)?)?;
    let settings = Settings { threads, micro_batches: prepared.micro_batches, ..Settings::default() };
    let (length, states) = (prepared.segment_steps, prepared.states);
    let job = Job::new(prepared.program, prepared.tables, &states, prepared.steps, length);
    let folder = Folder::at(folder);
    folder.create(&job, &states, &RunRecord::default(), &Receipt::new(&job, "bench"))?;
    drop(states);
    let mut runner = Runner::new(job, Arc::new(Cpu::detect()), &settings, Vec::new())?;
    folder.load_state(0, &mut runner)?;
    let mut best = f64::INFINITY;
    for step in 0..steps {
        best = best.min(timed(|| runner.step(step).map(drop))?);
    }
    let stored = timed(|| folder.write_state(1, &runner))?;
    let hashed = timed(|| {
        runner.state_root();
        Ok(())
    })?;
    let segment = best * length as f64 + stored + hashed;
    println!(
        "{threads} threads, segments of {length} steps of {best:.3} s: hashing {hashed:.3} s ({:.2} %), storing {stored:.3} s ({:.2} %)",
        100.0 * hashed / segment,
        100.0 * stored / segment,
    );
    Ok(())
}

fn timed(work: impl FnOnce() -> Result<(), samebit_trace::TraceError>) -> Result<f64, Failure> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}
