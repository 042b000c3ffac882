//! A chain that a test drives: its clock, its beacon, its court and its log.

use super::log::{self, Log};
use crate::clock::Moment;
use crate::event::Event;
use crate::ids::{Amount, Height, Owner, Seconds};
use crate::market::Market;
use crate::message::{Answer, MarketMessage, Message, StakeMessage};
use crate::names::Site;
use crate::params::SLOW_BLOCK;
use crate::refusal::Refusal;
use crate::world::{Beacon, Claim, Question, World};
use samebit_commit::{Digest, Tag, Words};
use std::collections::BTreeMap;

/// The address of Market.
pub const MARKET: Owner = Owner([0xaa; 20]);
/// Who governs the fund.
pub const TREASURY: Owner = Owner([0xcc; 20]);
const FUND: Owner = Owner([0xbb; 20]);
/// Blocks that a beacon is remembered.
const MEMORY: u64 = 256;
/// Seconds of a block.
const BLOCK_SECONDS: u64 = 12;

/// What Dispute has answered, by the nonces of its questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Court {
    closed: BTreeMap<Digest, (Question, Vec<Claim>)>,
}

impl Court {
    /// Answers a question; the claims' owners, and whether they live.
    pub fn answer(&mut self, nonce: Digest, answer: &Answer, claims: &[(Owner, bool)]) {
        let claims: Vec<Claim> =
            claims.iter().map(|&(owner, has_lived)| Claim { owner, has_lived }).collect();
        let living = claims.iter().filter(|claim| claim.has_lived).count() as u64;
        self.closed.insert(nonce, (Question::Answered { root: answer.root(), living }, claims));
    }

    /// Whether a question is closed.
    pub fn is_closed(&self, nonce: Digest) -> bool {
        self.closed.contains_key(&nonce)
    }

    /// How a question was closed, and its claims.
    pub fn of(&self, nonce: Digest) -> Option<(Question, Vec<Claim>)> {
        self.closed.get(&nonce).cloned()
    }

    /// Closes a question as another court has.
    pub fn restore(&mut self, nonce: Digest, question: Question, claims: Vec<Claim>) {
        self.closed.insert(nonce, (question, claims));
    }

    /// Closes a question without an answer.
    pub fn close(&mut self, nonce: Digest, question: Question) {
        self.closed.insert(nonce, (question, Vec::new()));
    }
}

/// The world as the contracts see it at one moment.
struct View<'a> {
    seed: u64,
    now: Moment,
    court: &'a Court,
}

impl World for View<'_> {
    fn beacon(&self, height: Height) -> Beacon {
        match self.now.height.0.checked_sub(height.0) {
            None | Some(0) => Beacon::NotYet,
            Some(age) if age > MEMORY => Beacon::Expired,
            Some(_) => Beacon::Value(beacon_value(self.seed, height)),
        }
    }

    fn question(&self, nonce: Digest) -> Question {
        self.court.closed.get(&nonce).map_or(Question::Open, |(question, _)| *question)
    }

    fn claim(&self, nonce: Digest, number: u64) -> Option<Claim> {
        let (_, claims) = self.court.closed.get(&nonce)?;
        claims.get(usize::try_from(number).ok()?).copied()
    }
}

/// What the beacon of a chain with this seed says of a height.
pub fn beacon_value(seed: u64, height: Height) -> Digest {
    Words::new().number(seed).number(height.0).hash(Tag::File)
}

/// A chain with the contracts on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    /// The contracts.
    pub market: Market,
    /// The chain's clock.
    pub now: Moment,
    /// Dispute.
    pub court: Court,
    /// What the beacon's values follow from.
    pub seed: u64,
    /// What was said, for who watches.
    pub(super) log: Log,
}

impl Chain {
    /// A chain on which the contracts were just deployed.
    pub fn new(seed: u64) -> Chain {
        let site =
            Site { chain_id: 31_337, market: MARKET, fund: FUND, treasury: TREASURY, slow_block: SLOW_BLOCK };
        Chain::at(log::watched().unwrap_or(site), seed)
    }

    /// A chain on which the contracts were just deployed there.
    pub fn at(site: Site, seed: u64) -> Chain {
        let now = Moment { time: Seconds(1_000_000), height: Height(1_000) };
        Chain { market: Market::new(site), now, court: Court::default(), seed, log: Log::default() }
    }

    /// Says something.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn say(&mut self, sender: Owner, message: &Message) -> Result<Vec<Event>, Refusal> {
        let view = View { seed: self.seed, now: self.now, court: &self.court };
        let result = self.market.apply(self.now, &view, sender, message);
        self.log.add(self.seed, self.now, sender, message, &result, &self.court.closed);
        result
    }

    /// Says something to Market.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn tell(&mut self, sender: Owner, message: MarketMessage) -> Result<Vec<Event>, Refusal> {
        self.say(sender, &Message::Market(message))
    }

    /// Gives somebody money of its own.
    ///
    /// # Panics
    /// If there is too much in the system.
    pub fn fund(&mut self, owner: Owner, amount: Amount) {
        self.say(owner, &Message::Stake(StakeMessage::Deposit(amount))).expect("it fits");
    }

    /// Lets time pass, with blocks.
    pub fn wait(&mut self, seconds: u64) {
        self.now.time.0 += seconds;
        self.now.height.0 += seconds.div_ceil(BLOCK_SECONDS).max(1);
    }

    /// Lets blocks pass, with their time.
    pub fn blocks(&mut self, count: u64) {
        self.now.time.0 += count * BLOCK_SECONDS;
        self.now.height.0 += count;
    }
}
