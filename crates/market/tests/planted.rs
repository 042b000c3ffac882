//! Bugs planted in the transition, each of which random ways through the model must find. The only test of its binary: a planted bug is
//! everybody's.

#[path = "support/model.rs"]
mod model;
#[path = "support/worlds.rs"]
mod worlds;

use model::{Action, Life};
use samebit_market::testing::Random;
use samebit_market::{Bug, plant};
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Ways through each world, and the longest of them.
const WAYS: u64 = 60;
const LENGTH: usize = 90;
/// States of each world that are looked at besides.
const STATES: usize = 4_000;

/// The first property that fails on a way through a world, whose end must be one where nothing is stuck.
fn way(life: &Life, seed: u64) -> Option<&'static str> {
    let mut random = Random::new(seed);
    let mut state = life.init_states().pop().expect("there is a beginning");
    let properties = life.properties();
    for _ in 0..LENGTH {
        let mut actions = Vec::new();
        life.actions(&state, &mut actions);
        // Time passes rarely, so that there is some for everything.
        let at = random.below(actions.len() as u64) as usize;
        let Some(action) = (!actions.is_empty()).then(|| actions.swap_remove(at)) else { break };
        if action == Action::Tick && !random.once_in(2) {
            continue;
        }
        let Some(next) = life.next_state(&state, action) else { continue };
        state = next;
        let holds = |property: &&stateright::Property<Life>| (property.condition)(life, &state);
        let always = properties.iter().filter(|property| property.expectation == Expectation::Always);
        if let Some(failed) = always.clone().find(|property| !holds(property)) {
            return Some(failed.name);
        }
    }
    (!life.script.ends(&mut state.chain, 300)).then_some("something is stuck in the end")
}

/// What fails among the first states of a world.
fn search(life: Life) -> Option<&'static str> {
    let names: Vec<_> =
        life.properties().iter().map(|property| (property.name, property.expectation.clone())).collect();
    let checker = life.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.target_state_count(STATES).spawn_dfs().join();
    let always = names.into_iter().filter(|(_, expectation)| *expectation == Expectation::Always);
    always.map(|(name, _)| name).find(|name| checker.discovery(name).is_some())
}

/// What is wrong in which world; a broken invariant that panics is a finding too.
fn found() -> Option<(&'static str, &'static str)> {
    const PANICS: Option<&str> = Some("an invariant panics");
    worlds::all().into_iter().find_map(|(name, life)| {
        let caught = |seed| catch_unwind(AssertUnwindSafe(|| way(&life, seed))).unwrap_or(PANICS);
        let failed = (0..WAYS).find_map(caught);
        let failed = failed.or_else(|| catch_unwind(AssertUnwindSafe(|| search(life))).unwrap_or(PANICS));
        failed.map(|failed| (name, failed))
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
            Some((world, failed)) => {
                println!("{bug:?}: {world}: not \"{failed}\" ({} ms)", start.elapsed().as_millis());
            }
            None => missed.push(bug),
        }
        plant(None);
    }
    assert!(Bug::ALL.len() >= 10 && missed.is_empty(), "not found: {missed:?}");
}
