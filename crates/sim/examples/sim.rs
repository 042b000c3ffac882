//! Runs simulations: `sim --seed S` one, with what happens in it; `sim --seeds N [--from S]` many, with tables.

#[path = "../tests/common/mod.rs"]
mod common;

use samebit_sim::{Actor, FAULTS, PLAYS, Report, Run, seeds};
use std::process::ExitCode;

/// Seeds that are run if nothing else is said.
const SEEDS: u64 = 200;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse::<u64>().ok();
    let range = match words.as_slice() {
        ["--seed", seed] => return number(seed).map_or_else(usage, tell),
        [] => Some((0, SEEDS)),
        ["--seeds", count] => number(count).map(|count| (0, count)),
        ["--seeds", count, "--from", from] => number(from).zip(number(count)),
        _ => None,
    };
    let Some((from, count)) = range else { return usage() };
    let mut report = Report::default();
    let mut has_failed = false;
    for outcome in seeds(common::world, from, count) {
        report.add(&outcome);
        for wrong in &outcome.wrong {
            has_failed = true;
            eprintln!("{}", outcome.complaint(wrong));
        }
    }
    println!("{report}");
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn usage() -> ExitCode {
    eprintln!("usage: sim --seed SEED | sim [--seeds COUNT [--from SEED]]");
    ExitCode::from(2)
}

/// One simulation, line by line.
fn tell(seed: u64) -> ExitCode {
    let world = common::world();
    let outcome = Run::seed(&world, seed, |line| println!("{line}"));
    let scene = &outcome.scene;
    println!("\n{}; {}: {:?}", PLAYS[scene.play], FAULTS[scene.kind], scene.faults);
    for Actor { owner, part, lies } in &scene.actors {
        println!("{:02x} {part:?} {lies:?}", owner.0[0]);
    }
    println!("audit {:016x}, the job is {:?}", outcome.audit, outcome.stage);
    outcome.wrong.iter().for_each(|wrong| eprintln!("{}", outcome.complaint(wrong)));
    if outcome.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
