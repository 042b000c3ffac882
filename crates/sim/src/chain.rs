//! A chain of blocks over the ledger of the roles: what waits, what is accepted, and blocks that are replaced by others.

use crate::random::Random;
use samebit_commit::{Digest, Tag, Words};
use samebit_market::{
    Amount, Height, MarketMessage, Message as MarketOrMoney, Moment, Owner, Seconds, Site, StakeMessage,
};
use samebit_roles::{Arithmetic, Ask, Block, Holding, Ledger, Logged, Message, Notice, Refusal, Said};
use std::collections::{BTreeSet, VecDeque};

/// Seconds from a block to the next.
pub const BLOCK_SECONDS: u64 = 12;
/// Messages of a block.
const BLOCK_LIMIT: usize = 64;
/// Messages that wait.
const POOL_LIMIT: usize = 4096;
/// Ledgers that can be gone back to.
const MEMORY: usize = 16;

/// A message that waits.
#[derive(Clone, Debug)]
struct Waiting {
    sender: Owner,
    message: Message,
}

/// What became of a message in a block.
#[derive(Debug)]
pub struct Tried {
    /// Who has sent it.
    pub sender: Owner,
    /// What.
    pub message: Message,
    /// What it has caused, or why it was refused.
    pub result: Result<Vec<Logged>, Why>,
}

/// Why a message was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// By a contract.
    Refused(Refusal),
    /// A signature is missing.
    Unsigned,
}

/// See the module.
pub struct Chain {
    seed: u64,
    blocks: Vec<Block>,
    /// What each message of each block has logged.
    logs: Vec<Vec<Vec<Logged>>>,
    /// The ledger after each of the last blocks.
    ledgers: VecDeque<Ledger>,
    pool: VecDeque<Waiting>,
    signed: BTreeSet<(Owner, Notice)>,
    made: u64,
}

impl Chain {
    /// A chain on which these owners have deposited money.
    pub fn new(seed: u64, site: Site, time: Seconds, purses: &[(Owner, Amount)]) -> Chain {
        let genesis = Words::new().number(seed).hash(Tag::File);
        let mut chain = Chain {
            seed,
            blocks: Vec::new(),
            logs: Vec::new(),
            ledgers: VecDeque::from([Ledger::new(site, genesis)]),
            pool: VecDeque::new(),
            signed: BTreeSet::new(),
            made: 0,
        };
        for (owner, amount) in purses {
            chain.submit(*owner, Message::Market(MarketOrMoney::Stake(StakeMessage::Deposit(*amount))));
        }
        chain.mine(time);
        chain
    }

    /// The name of the block before the first.
    pub fn genesis(&self) -> Digest {
        Words::new().number(self.seed).hash(Tag::File)
    }

    /// The contracts as they are.
    pub fn ledger(&self) -> &Ledger {
        self.ledgers.back().expect("there is always one")
    }

    /// All blocks.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// What each accepted message of all blocks has logged, in order.
    pub fn logs(&self) -> impl Iterator<Item = &[Logged]> {
        self.logs.iter().flatten().map(Vec::as_slice)
    }

    /// Notes what somebody has signed.
    pub fn sign(&mut self, owner: Owner, notice: Notice) {
        self.signed.insert((owner, notice));
    }

    /// Takes a message to be tried in the next block.
    pub fn submit(&mut self, sender: Owner, message: Message) {
        if self.pool.len() < POOL_LIMIT {
            self.pool.push_back(Waiting { sender, message });
        }
    }

    /// Makes a block of what waits.
    pub fn mine(&mut self, time: Seconds) -> Vec<Tried> {
        self.made += 1;
        let mut ledger = self.ledger().clone();
        let height = Height(ledger.now().height.0 + 1);
        let words = Words::new().number(self.seed).number(height.0).number(self.made);
        let mut block = Block {
            moment: Moment { time, height },
            name: words.hash(Tag::File),
            parent: ledger.name(),
            beacon: words.number(1u8).hash(Tag::File),
            said: Vec::new(),
        };
        ledger.begin(&block);
        let (mut tried, mut logs) = (Vec::new(), Vec::new());
        for Waiting { sender, message } in
            self.pool.drain(..self.pool.len().min(BLOCK_LIMIT)).collect::<Vec<_>>()
        {
            let result = match self.is_signed(sender, &message) {
                true => ledger.apply(&Arithmetic, sender, &message).map_err(Why::Refused),
                false => Err(Why::Unsigned),
            };
            if let Ok(logged) = &result {
                block.said.push(Said { sender, message: message.clone() });
                logs.push(logged.clone());
            }
            tried.push(Tried { sender, message, result });
        }
        self.blocks.push(block);
        self.logs.push(logs);
        self.ledgers.push_back(ledger);
        if self.ledgers.len() > MEMORY {
            self.ledgers.pop_front();
        }
        tried
    }

    /// Replaces the last blocks by as many others: what was in them waits again, in another order, and some of it is lost. Gives how many were replaced.
    pub fn reorganise(&mut self, depth: usize, random: &mut Random) -> Vec<Tried> {
        let depth = depth.min(self.ledgers.len() - 1).min(self.blocks.len() - 1);
        let gone = self.blocks.split_off(self.blocks.len() - depth);
        self.logs.truncate(self.blocks.len());
        self.ledgers.truncate(self.ledgers.len() - depth);
        for Said { sender, message } in gone.iter().flat_map(|block| &block.said) {
            if !random.happens(100_000) {
                let at = random.below(self.pool.len() as u64 + 1) as usize;
                self.pool.insert(at, Waiting { sender: *sender, message: message.clone() });
            }
        }
        gone.iter().flat_map(|block| self.mine(block.moment.time)).collect()
    }

    /// Whether all whose word a message carries have given it.
    fn is_signed(&self, sender: Owner, message: &Message) -> bool {
        let has_signed = |owner: Owner, notice| owner == sender || self.signed.contains(&(owner, notice));
        match message {
            Message::Market(MarketOrMoney::Market(message)) => match message {
                MarketMessage::Accept { job, attempt, solver, price, secrets, expiry, is_signed: true } => {
                    let ask = Ask {
                        job: *job,
                        attempt: *attempt,
                        price: *price,
                        secrets: *secrets,
                        expiry: *expiry,
                    };
                    has_signed(*solver, Notice::Ask(ask))
                }
                MarketMessage::Hold { job, attempt, batch, root, signers } => {
                    let holding = Holding { job: *job, attempt: *attempt, batch: *batch, root: *root };
                    signers.iter().all(|signer| has_signed(*signer, Notice::Holds(holding)))
                }
                MarketMessage::Claim { is_signed, .. } => !is_signed,
                _ => true,
            },
            _ => true,
        }
    }
}
