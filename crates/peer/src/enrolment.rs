//! What a peer does once to take part: it says where it is, and pays in. Its seats are its role's.

use crate::directory::Directory;
use crate::machine::Party;
use crate::speech::Registered;
use samebit_commit::Canonical;
use samebit_market::params::SEAT;
use samebit_market::{Amount, Height, JobId, Message as MarketOrMoney, Owner, StakeMessage};
use samebit_roles::Message;

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
    pub address: Option<Registered>,
    /// Money that it keeps free in Stake; more is paid in where it has less when it begins.
    pub free: Amount,
    /// Seats that it is going to take.
    pub seats: usize,
    /// The job for which the money is: once it is on the chain nothing is paid in.
    pub job: Option<JobId>,
    /// What was said last, and when.
    said: Option<(Duty, Height)>,
    /// Whether it had all of it once: what is lost later is for its owner to decide about.
    is_done: bool,
}

impl Enrolment {
    /// What a peer takes part with.
    pub fn new(address: Option<Registered>, free: Amount, seats: usize, job: Option<JobId>) -> Enrolment {
        Enrolment { address, free, seats, job, said: None, is_done: false }
    }

    /// Whether money and seats are there, or were once.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes note that they were there in an earlier life.
    pub fn recall(&mut self) {
        self.is_done = true;
    }

    /// What is to be done now: one thing at a time, in order.
    pub fn wants(&mut self, party: &Party, directory: &Directory) -> Option<Duty> {
        let now = party.history().head().now().height;
        self.is_done |= self.has_enough(party);
        let duty = self.next(party, directory)?;
        if self.said.as_ref().is_some_and(|(said, at)| *said == duty && now.0 < at.0 + PATIENCE) {
            return None;
        }
        self.said = Some((duty.clone(), now));
        Some(duty)
    }

    fn next(&self, party: &Party, directory: &Directory) -> Option<Duty> {
        let me = party.owner();
        if let Some(address) = &self.address
            && directory.address(me) != Some(&address.address)
        {
            let register = StakeMessage::Register(address.to_bytes());
            return Some(Duty::Say(Message::Market(MarketOrMoney::Stake(register))));
        }
        if self.is_done {
            return None;
        }
        let (_, needed) = self.needed(party);
        let free = party.history().head().market().free(me);
        (free < needed).then(|| Duty::PayIn(Amount(needed.0 - free.0)))
    }

    /// Seats that are missing, and the money that has to be free for them and beside them.
    fn needed(&self, party: &Party) -> (u64, Amount) {
        let missing = self.seats.saturating_sub(seats_of(party, party.owner())) as u64;
        (missing, self.free.plus(SEAT.times(missing)))
    }

    fn has_enough(&self, party: &Party) -> bool {
        let ledger = party.history().head();
        let (missing, needed) = self.needed(party);
        let is_posted = self.job.is_some_and(|job| ledger.job(job).is_some());
        is_posted || (missing == 0 && ledger.market().free(party.owner()) >= needed)
    }
}

/// Seats that somebody has and has not left.
fn seats_of(party: &Party, owner: Owner) -> usize {
    let vault = party.history().head().market().vault();
    vault.seats().iter().filter(|seat| seat.owner == owner && seat.left.is_none()).count()
}
