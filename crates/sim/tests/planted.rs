//! Every bug that is planted in the roles is found within a few seeds: the rules have teeth.

mod common;

use samebit_roles::{Bug, plant};
use samebit_sim::Run;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds within which a bug must be found.
const SEEDS: u64 = 150;

#[test]
fn every_planted_bug_is_found() {
    let find = |bug: Bug| {
        plant(Some(bug));
        let world = common::world();
        let found = (0..SEEDS).find_map(|seed| {
            // A broken invariant panics.
            let run = || Run::seed(&world, seed).into_iter().flat_map(|outcome| outcome.wrong).collect();
            let wrong: Vec<String> = catch_unwind(AssertUnwindSafe(run))
                .unwrap_or_else(|_| vec!["an invariant is broken".to_owned()]);
            wrong.into_iter().next().map(|wrong| (seed, wrong))
        });
        plant(None);
        println!("{bug:?}: {found:?}");
        found.is_none().then_some(bug)
    };
    let missed: Vec<Bug> = Bug::ALL.into_iter().filter_map(find).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
