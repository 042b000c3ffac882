//! The network from many seeds: nothing that must hold is broken, and the same seed gives the same run.

mod common;

use samebit_sim::{FAULTS, PLAYS, Report, Run, seeds};

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
    for play in PLAYS.into_iter().filter(|play| play.starts_with("solver: ")) {
        let liars = report.liars(play);
        assert!(liars.active > 0 && liars.caught > 0, "{play}: {liars:?}");
    }
    assert!(SEEDS >= (PLAYS.len() * FAULTS.len()) as u64);
}

#[test]
fn a_seed_is_one_run() {
    let world = common::world();
    for seed in [3, 8, 21] {
        let [once, twice] = [0, 1].map(|_| Run::seed(&world, seed, |_| {}));
        assert_eq!(
            (once.audit, once.blocks, once.counts),
            (twice.audit, twice.blocks, twice.counts),
            "seed {seed}"
        );
    }
    let audits: std::collections::BTreeSet<u64> =
        (30..34).map(|seed| Run::seed(&world, seed, |_| {}).audit).collect();
    assert_eq!(audits.len(), 4, "seeds differ");
}
