//! The model checked: every order of what two honest and two lying players say, of time and of reorganisations, in small worlds.

#[path = "support/model.rs"]
mod model;

use model::Game;
use samebit_dispute::testing::{Below, Job, Lie, Tale, Terms};
use samebit_dispute::{Amount, Seconds};
use stateright::{Checker, Model};
use std::sync::Arc;

/// A world to check.
struct World {
    name: &'static str,
    job: Job,
    honest: usize,
    liars: Vec<Tale>,
    /// Seconds of each clock.
    clock: u64,
    /// Seconds after which time stands still.
    horizon: u64,
    /// Messages that the chain forgets.
    reorgs: u8,
    /// Whether liars also try what must be refused.
    attacks: bool,
}

impl World {
    /// How many states it has, of which none is bad.
    fn check(self) -> usize {
        let terms = Terms {
            bond: Amount(101),
            entry_seconds: Seconds(1),
            clock_seconds: Seconds(self.clock),
            extension_seconds: Seconds(1),
        };
        let start = std::time::Instant::now();
        // The last peer is side a.
        let order = (0..self.honest + self.liars.len()).rev().collect();
        let mut game = Game::new(self.job, terms, self.honest, self.liars, order);
        (game.horizon, game.reorgs, game.attacks) = (self.horizon, self.reorgs, self.attacks);
        let checker = game.checker().threads(2).spawn_dfs().join();
        checker.assert_properties();
        let count = checker.unique_state_count();
        println!("{}: {count} states, {} s", self.name, start.elapsed().as_secs());
        count
    }
}

struct Liars(Arc<Job>);

impl Liars {
    /// Its product is false from its first block on.
    fn chain(&self) -> Tale {
        let lie = Lie::Chain { step: 0, node: 1, element: 0, block: 0 };
        Tale::lying(&self.0, lie, Below::default())
    }

    /// It starts from another state.
    fn source(&self) -> Tale {
        let lie = Lie::Word { step: 0, node: 0, element: 0, carry: true };
        Tale::lying(&self.0, lie, Below::default())
    }

    /// It leaves out the last step.
    fn short(&self) -> Tale {
        Tale::lying(&self.0, Lie::Short, Below::default())
    }

    /// It claims the truth and commits to false totals.
    fn saboteur(&self) -> Tale {
        Tale::saboteur(&self.0, Below { block: Some(0), ..Below::default() })
    }
}

/// The least number of states that are looked at in all.
const STATES: usize = 1_000_000;

#[test]
fn no_order_of_events_harms_the_honest() {
    let job = Job::small(1, None);
    let liars = Liars(Arc::new(job.clone()));
    let two_steps = Job::small(2, None);
    let short = Liars(Arc::new(two_steps.clone())).short();
    let world = |name, honest, liars, clock, horizon| World {
        name,
        job: job.clone(),
        honest,
        liars,
        clock,
        horizon,
        reorgs: 0,
        attacks: false,
    };
    let (chain, source, saboteur) = (liars.chain(), liars.source(), liars.saboteur());
    let pair = |liar: &Tale| vec![liar.clone()];
    let count: usize = [
        World { reorgs: 2, attacks: true, ..world("a false block", 1, pair(&chain), 2, 12) },
        World { reorgs: 2, attacks: true, ..world("a false source", 1, pair(&source), 2, 12) },
        World { job: two_steps, reorgs: 2, attacks: true, ..world("a step left out", 1, vec![short], 2, 12) },
        World { attacks: true, ..world("two false roots", 1, vec![chain.clone(), source.clone()], 1, 2) },
        World { reorgs: 1, ..world("two false roots, a fork", 1, vec![chain.clone(), source], 1, 1) },
        World { attacks: true, ..world("a saboteur", 2, vec![chain.clone(), saboteur.clone()], 1, 1) },
        world("a saboteur, longer", 2, vec![chain.clone(), saboteur.clone()], 1, 2),
        World { reorgs: 1, ..world("a saboteur, a fork", 2, vec![chain, saboteur], 1, 1) },
    ]
    .into_iter()
    .map(World::check)
    .sum();
    println!("{count} states in all");
    assert!(count >= STATES, "{count} states are fewer than {STATES}");
}

/// Five games at once.
#[cfg(feature = "slow")]
#[test]
fn two_honest_against_two_false_roots() {
    let job = Job::small(1, None);
    let liars = Liars(Arc::new(job.clone()));
    let (name, clock, horizon) = ("two honest, two false roots", 1, 1);
    let both = vec![liars.chain(), liars.source()];
    World { name, job, honest: 2, liars: both, clock, horizon, reorgs: 0, attacks: false }.check();
}
