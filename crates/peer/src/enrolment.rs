//! What a peer says once to take part: where it is, its money, its seats.

use crate::directory::Directory;
use crate::speech::Registered;
use samebit_commit::Canonical;
use samebit_market::params::SEAT;
use samebit_market::{Amount, Height, Message as MarketOrMoney, Owner, StakeMessage};
use samebit_net::PeerAddress;
use samebit_roles::{Arithmetic, Message, Party};

/// Blocks after which a message that has had no effect is said again.
const PATIENCE: u64 = 20;

/// What is to be done to take part.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is done once and thrown away")]
pub enum Duty {
    /// Something to be said.
    Say(Message),
    /// So much of the token to be paid in.
    PayIn(Amount),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// Where it is; not registered if there is nothing.
    pub address: Option<PeerAddress>,
    /// Money that it keeps free in Stake; more is paid in where it has less when it begins.
    pub free: Amount,
    /// Seats that it keeps.
    pub seats: usize,
    /// What was said last, and when.
    said: Option<(Duty, Height)>,
    /// Whether it had all of it once: what is lost later is for its owner to decide about.
    is_done: bool,
}

impl Enrolment {
    /// What a peer takes part with.
    pub fn new(address: Option<PeerAddress>, free: Amount, seats: usize) -> Enrolment {
        Enrolment { address, free, seats, said: None, is_done: false }
    }

    /// What is to be done now: one thing at a time, in order.
    pub fn wants(&mut self, party: &Party<Arithmetic>, directory: &Directory) -> Option<Duty> {
        let now = party.history().head().now().height;
        let Some(duty) = self.next(party, directory) else {
            self.is_done = true;
            return None;
        };
        if self.said.as_ref().is_some_and(|(said, at)| *said == duty && now.0 < at.0 + PATIENCE) {
            return None;
        }
        self.said = Some((duty.clone(), now));
        Some(duty)
    }

    fn next(&self, party: &Party<Arithmetic>, directory: &Directory) -> Option<Duty> {
        let me = party.owner();
        let say = |message| Some(Duty::Say(Message::Market(MarketOrMoney::Stake(message))));
        if let Some(address) = &self.address
            && directory.address(me) != Some(address)
        {
            return say(StakeMessage::Register(Registered(address.clone()).to_bytes()));
        }
        if self.is_done {
            return None;
        }
        let missing = self.seats.saturating_sub(seats_of(party, me)) as u64;
        let (needed, free) = (self.free.plus(SEAT.times(missing)), party.history().head().market().free(me));
        if free < needed {
            return Some(Duty::PayIn(Amount(needed.0 - free.0)));
        }
        if missing > 0 { say(StakeMessage::Join) } else { None }
    }
}

/// Seats that somebody has and has not left.
fn seats_of(party: &Party<Arithmetic>, owner: Owner) -> usize {
    let vault = party.history().head().market().vault();
    vault.seats().iter().filter(|seat| seat.owner == owner && seat.left.is_none()).count()
}
