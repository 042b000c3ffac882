//! Bugs planted in the transition, each of which the model must find. The only test of its binary: a planted bug is everybody's.

#[path = "support/model.rs"]
mod model;
#[path = "support/worlds.rs"]
mod worlds;

use samebit_market::{Bug, plant};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// States of each world that are looked at.
const STATES: usize = 4_000;

/// The first property that fails, and in which world.
fn found() -> Option<(&'static str, &'static str)> {
    worlds::all().into_iter().find_map(|(name, life)| {
        let always: Vec<_> = life
            .properties()
            .iter()
            .filter(|property| matches!(property.expectation, Expectation::Always))
            .map(|property| property.name)
            .collect();
        let check = || {
            let checker = life.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
            checker.target_state_count(STATES).spawn_dfs().join()
        };
        // A broken invariant panics: that is a finding too.
        let Ok(checker) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)) else {
            return Some((name, "a broken invariant panics"));
        };
        let failed = always.into_iter().find(|property| checker.discovery(property).is_some());
        failed.map(|property| (name, property))
    })
}

#[test]
fn every_planted_bug_is_found() {
    assert_eq!(found(), None, "without a bug nothing fails");
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        plant(Some(bug));
        let start = std::time::Instant::now();
        match found() {
            Some((world, property)) => {
                println!("{bug:?}: {world}: not \"{property}\" ({} ms)", start.elapsed().as_millis());
            }
            None => missed.push(bug),
        }
        plant(None);
    }
    assert!(Bug::ALL.len() >= 10 && missed.is_empty(), "not found: {missed:?}");
}
