//! A peer that lies: the production roles, with some of what they want done bent on its way out, as in the simulator.

use samebit_market::Seconds;
use samebit_peer::{Machine, Party};
use samebit_roles::party::{Action, Event};
use samebit_sim::{Bent, Lie};

/// See the module.
pub struct Liar {
    party: Party,
    lies: Vec<Lie>,
}

impl Liar {
    /// A peer that tells these lies.
    pub fn new(party: Party, lies: Vec<Lie>) -> Liar {
        Liar { party, lies }
    }

    fn bend(&mut self, now: Seconds, actions: Vec<Action>) -> Vec<Action> {
        actions.into_iter().filter_map(|action| self.bend_one(now, action)).collect()
    }

    fn bend_one(&mut self, now: Seconds, action: Action) -> Option<Action> {
        let mut bent = action;
        for lie in self.lies.clone() {
            match lie.bend(bent, self.party.history().head().market(), |_| false) {
                Bent::Does(action) => bent = action,
                Bent::Nothing => return None,
                Bent::Believes(record) => {
                    let _ = self.party.recall(now, Event::Recalled(record));
                    return None;
                }
            }
        }
        Some(bent)
    }
}

impl Machine for Liar {
    fn on(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        let actions = self.party.on(now, event);
        self.bend(now, actions)
    }

    fn recall(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        let actions = self.party.recall(now, event);
        self.bend(now, actions)
    }

    fn party(&self) -> &Party {
        &self.party
    }
}
