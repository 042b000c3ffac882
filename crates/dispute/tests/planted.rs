//! Bugs planted in the transition, each of which the model must find. The only test of its binary: a planted bug is everybody's.

#[path = "support/model.rs"]
mod model;

use model::Game;
use samebit_dispute::testing::{Below, Job, Lie, Tale, Terms};
use samebit_dispute::{Amount, Bug, Seconds, plant};
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::sync::Arc;

fn terms() -> Terms {
    Terms {
        bond: Amount(101),
        entry_seconds: Seconds(1),
        clock_seconds: Seconds(4),
        extension_seconds: Seconds(1),
    }
}

/// Small games, each with a liar of another kind, on either side.
fn games() -> Vec<(&'static str, Game)> {
    let job = Job::small(1, None);
    let shared = Arc::new(job.clone());
    let chain =
        || Tale::lying(&shared, Lie::Chain { step: 0, node: 1, element: 0, block: 0 }, Below::default());
    let source =
        || Tale::lying(&shared, Lie::Word { step: 0, node: 0, element: 0, carry: true }, Below::default());
    let mut games = Vec::new();
    for order in [vec![0, 1], vec![1, 0]] {
        games.push(("a false block", Game::new(job.clone(), terms(), 1, vec![chain()], order)));
    }
    let word = Lie::Word { step: 0, node: 1, element: 0, carry: true };
    let word = Tale::lying(&shared, word, Below { block: Some(0), ..Below::default() });
    games.push(("two liars", Game::new(job.clone(), terms(), 0, vec![chain(), word], vec![0, 1])));
    let both = Game::new(job, terms(), 1, vec![chain(), source()], vec![0, 1, 2]);
    games.push(("two liars and the truth", both));
    games
}

/// The first property that fails, and in which game.
fn found() -> Option<(&'static str, &'static str)> {
    games().into_iter().find_map(|(name, game)| {
        let always: Vec<_> = game
            .properties()
            .iter()
            .filter(|property| matches!(property.expectation, Expectation::Always))
            .map(|property| property.name)
            .collect();
        let checker = game
            .checker()
            .threads(2)
            .finish_when(HasDiscoveries::AnyFailures)
            .target_state_count(20_000)
            .spawn_dfs()
            .join();
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
            Some((game, property)) => {
                println!("{bug:?}: {game}: not \"{property}\" ({} ms)", start.elapsed().as_millis());
            }
            None => missed.push(bug),
        }
        plant(None);
    }
    assert!(Bug::ALL.len() >= 10 && missed.is_empty(), "not found: {missed:?}");
}
