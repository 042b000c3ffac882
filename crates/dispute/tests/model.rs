//! The model checked: every order of what two honest and two lying players say, of time and of reorganisations, in small worlds.

#[path = "support/model.rs"]
mod model;

use model::Game;
use samebit_dispute::testing::{Below, Job, Lie, Tale, Terms};
use samebit_dispute::{Amount, Seconds};
use stateright::{Checker, Model};
use std::sync::Arc;

fn terms(clock: u64, extension: u64) -> Terms {
    Terms {
        bond: Amount(101),
        entry_seconds: Seconds(1),
        clock_seconds: Seconds(clock),
        extension_seconds: Seconds(extension),
    }
}

/// Checks a game and says how many states it has.
fn check(name: &str, game: Game) -> usize {
    let start = std::time::Instant::now();
    let checker = game.checker().threads(2).spawn_dfs().join();
    checker.assert_properties();
    let count = checker.unique_state_count();
    println!("{name}: {count} states, {} s", start.elapsed().as_secs());
    count
}

#[test]
fn experiment() {
    let job = Job::small(1, None);
    let arc = Arc::new(job.clone());
    let chain = || Tale::lying(&arc, Lie::Chain { step: 0, node: 1, element: 0, block: 0 }, Below::default());
    let source =
        || Tale::lying(&arc, Lie::Word { step: 0, node: 0, element: 0, carry: true }, Below::default());
    let sab = || Tale::saboteur(&arc, Below { block: Some(0), ..Below::default() });
    for (clock, ext, horizon, reorgs) in [(1, 1, 2, 0), (2, 1, 2, 0)] {
        let mut game = Game::new(job.clone(), terms(clock, ext), 1, vec![chain(), source()], vec![0, 1, 2]);
        game.horizon = horizon;
        game.reorgs = reorgs;
        game.attacks = std::env::var("ATTACKS").is_ok();
        check(&format!("1+2 {clock} {ext} {horizon} {reorgs}"), game);
    }
    for (clock, ext, horizon, reorgs) in [(1, 1, 1, 0)] {
        let mut game = Game::new(job.clone(), terms(clock, ext), 2, vec![chain(), sab()], vec![0, 1, 2, 3]);
        game.horizon = horizon;
        game.reorgs = reorgs;
        game.attacks = std::env::var("ATTACKS").is_ok();
        check(&format!("2+2 {clock} {ext} {horizon} {reorgs}"), game);
    }
}
