//! The network from many seeds: nothing that must hold is broken, and the same seed gives the same run.

mod common;

use samebit_sim::{FAULTS, PLAYS, Report, Run, SCENES, seeds};
use std::collections::BTreeSet;

/// Seeds of an ordinary test: every play meets every kind of faults.
const SEEDS: u64 = 200;

#[test]
fn the_rules_hold_for_every_seed() {
    let mut report = Report::default();
    let mut wrong = Vec::new();
    for outcome in seeds(common::world, 0, SEEDS) {
        report.add(&outcome);
        wrong.extend(outcome.wrong.iter().map(|wrong| outcome.complaint(wrong)));
    }
    println!("{report}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nothing is shown by runs that do not get there.
    let stages = ["settled", "faulted", "leaf judged", "timed out", "refuted", "fined", "lapsed"];
    let faults = ["crash", "cut", "reorganisation", "slow disk"];
    for reached in stages.iter().chain(&faults) {
        assert!(report.count(reached) >= 5, "{reached}: {}", report.count(reached));
    }
    let failures = report.failures();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(SEEDS * SCENES >= (PLAYS.len() * FAULTS.len()) as u64);
}

#[test]
fn a_seed_is_one_run() {
    let world = common::world();
    let told = |seed| -> Vec<_> {
        let outcomes = Run::seed(&world, seed).into_iter();
        outcomes.map(|outcome| (outcome.audit, outcome.blocks, outcome.counts)).collect()
    };
    for seed in [3, 8, 21] {
        assert_eq!(told(seed), told(seed), "seed {seed}");
    }
    let audits: BTreeSet<u64> = (30..34).flat_map(told).map(|(audit, ..)| audit).collect();
    assert_eq!(audits.len() as u64, 4 * SCENES, "scenes differ");
}
