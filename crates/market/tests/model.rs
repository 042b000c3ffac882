//! The model checked: every order of what honest and lying parties say, of time, of answers and of a reorganisation, in small worlds.
//!
//! The feature `slow` looks at a million states and more; without it each world is looked at as far as a share of the time goes.

#[path = "support/model.rs"]
mod model;
#[path = "support/worlds.rs"]
mod worlds;

use stateright::{Checker, Model};

/// States of each world that are looked at.
const STATES: usize = if cfg!(feature = "slow") { 250_000 } else { 40_000 };

#[test]
fn no_order_of_events_harms_the_honest() {
    let mut count = 0;
    for (name, life) in worlds::all() {
        let start = std::time::Instant::now();
        let checker = life.checker().threads(2).target_state_count(STATES).spawn_bfs().join();
        for property in checker.model().properties() {
            if let Some(path) = checker.discovery(property.name)
                && matches!(property.expectation, stateright::Expectation::Always)
            {
                let said: Vec<String> = path.into_actions().iter().map(model::Action::short).collect();
                panic!("{name}: not \"{}\": {said:#?}", property.name);
            }
        }
        let states = checker.unique_state_count();
        println!("{name}: {states} states, {} s", start.elapsed().as_secs());
        count += states;
    }
    println!("{count} states in all");
    assert!(count >= if cfg!(feature = "slow") { 1_000_000 } else { 200_000 });
}
