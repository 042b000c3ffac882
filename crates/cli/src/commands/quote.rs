//! `samebit quote`: what a job costs, before it runs.

use super::run::read_job;
use crate::arguments::{Global, Quote};
use crate::failure::{Exit, Failure, Outcome};
use crate::machine::Machine;
use crate::memory::Needs;
use crate::progress::spin;
use crate::screen::{Screen, amount, bytes, duration, grouped};
use crate::speed::Speed;
use samebit_engine::recompute::Thrift;
use samebit_trace::Cost;
use serde_json::json;

/// Tells the cost of the whole job.
pub fn quote(arguments: &Quote, global: &Global, screen: &Screen) -> Outcome {
    let machine = Machine::choose(global)?;
    let job = samebit_recipe::Job::load(&arguments.job)?;
    let prepared = read_job(&job)?;
    let program = &prepared.program;
    let needs = Needs::new(program, &prepared.tables);
    let peak = needs.peak(prepared.micro_batches, Thrift::None).ok_or_else(|| {
        let parts = prepared.micro_batches;
        Failure::input(format!(
            "the step's batch cannot be cut into {parts} micro-batches\nhint: use gradient_accumulation_steps: 1"
        ))
    })?;
    let speed = spin("measuring this machine", || Speed::measure(&machine))?;
    let step = Cost::of_step(program);
    let steps = prepared.steps;
    let total = |amount: u64| amount.saturating_mul(steps);
    let seconds = speed.seconds(program) * steps as f64;
    let state_bytes: u64 = program.states.iter().map(|state| state.len() * 4).sum();
    let disk = state_bytes * (steps.div_ceil(prepared.segment_steps) + 1);
    screen.say(format!(
        "{} steps of {} tokens\n\
         operations   {} ({})\n\
         traffic      {}\n\
         work units   {}\n\
         memory       {} at its peak\n\
         states       {} each, {} on disk with --keep all\n\
         time         about {} on this machine ({}, {} threads)",
        grouped(steps),
        grouped(prepared.tokens_per_step),
        grouped(total(step.flops)),
        amount(total(step.flops) as f64, "FLOP"),
        bytes(total(step.bytes)),
        grouped(total(step.work_units)),
        bytes(peak),
        bytes(state_bytes),
        bytes(disk),
        duration(seconds),
        machine.backend.name(),
        machine.threads,
    ));
    screen.object(&json!({
        "program": program.digest(), "steps": steps, "tokens_per_step": prepared.tokens_per_step,
        "flops": total(step.flops), "bytes": total(step.bytes), "peak_memory": peak,
        "work_units": total(step.work_units), "seconds": seconds, "state_bytes": state_bytes,
        "disk_bytes": disk, "backend": machine.backend.name(), "threads": machine.threads,
    }));
    Ok(Exit::Ok)
}
