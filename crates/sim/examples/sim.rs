//! Runs simulations: `sim --seed S` the scenes of one seed, with what happens in them; `sim --seeds N [--from S]` those of many, with tables.

#[path = "../tests/common/mod.rs"]
mod common;

use samebit_sim::{Actor, FAULTS, Outcome, PLAYS, Report, Run, Scene, World, seeds};
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
    for failure in report.failures() {
        has_failed = true;
        eprintln!("{failure}");
    }
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn usage() -> ExitCode {
    eprintln!("usage: sim --seed SEED | sim [--seeds COUNT [--from SEED]]");
    ExitCode::from(2)
}

/// The scenes of a seed, line by line.
fn tell(seed: u64) -> ExitCode {
    let world = common::world();
    let has_failed = Scene::of_seed(seed, world.segments())
        .map(|scene| tell_scene(&world, scene))
        .fold(false, |has_failed, outcome| has_failed | !outcome.wrong.is_empty());
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn tell_scene(world: &World, scene: Scene) -> Outcome {
    println!(
        "\nscene {}, {}, {}: {:?}",
        scene.number, PLAYS[scene.play].name, FAULTS[scene.kind], scene.faults
    );
    println!("draw rate {} ppm", scene.terms.draw_rate.0);
    for Actor { owner, part, lies } in &scene.actors {
        println!("{:02x} {part:?} {lies:?}", owner.0[0]);
    }
    let outcome = Run::new(world, scene, Some(Box::new(|line| println!("{line}")))).finish();
    for liar in &outcome.liars {
        println!("{liar:?}");
    }
    println!("audit {:016x}, the job is {:?}", outcome.audit, outcome.stage);
    outcome.wrong.iter().for_each(|wrong| eprintln!("{}", outcome.complaint(wrong)));
    outcome
}
