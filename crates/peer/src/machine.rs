//! What a peer drives: its roles, or something that is built around them.

use samebit_chain::ContractReferee;
use samebit_market::Seconds;
use samebit_roles::party::{Action, Event};

/// The roles as a peer plays them: what was judged on the chain is judged again by the contracts' code.
pub type Party = samebit_roles::Party<ContractReferee>;

/// A pure machine. The production one is [`Party`]; a test puts a liar around it.
pub trait Machine: Send {
    /// Takes note of an event and says what is to be done.
    fn on(&mut self, now: Seconds, event: Event) -> Vec<Action>;

    /// Takes note of an event without acting on it, but for what is to be kept or served.
    fn recall(&mut self, now: Seconds, event: Event) -> Vec<Action>;

    /// The roles.
    fn party(&self) -> &Party;
}

impl Machine for Party {
    fn on(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        Party::on(self, now, event)
    }

    fn recall(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        Party::recall(self, now, event)
    }

    fn party(&self) -> &Party {
        self
    }
}
