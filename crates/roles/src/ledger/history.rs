//! The chain's last blocks, which may be replaced by others.

use super::{Ledger, Refusal};
use crate::limits::UNFINAL;
use crate::message::Block;
use crate::planted::{Bug, planted};
use samebit_commit::Digest;
use samebit_dispute::Referee;
use std::collections::VecDeque;

/// What became of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It came after the last one.
    Next,
    /// It took the place of others.
    Rewound,
    /// It was known.
    Known,
    /// The block before it is not known, or no longer.
    Astray,
    /// The chain has accepted what the twins refuse.
    Refused(Refusal),
}

/// A ledger that can go back: the state at the last final block, and the blocks since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    settled: Ledger,
    recent: VecDeque<Block>,
    head: Ledger,
}

impl History {
    /// The history of a ledger without blocks.
    pub fn new(ledger: Ledger) -> History {
        History { settled: ledger.clone(), recent: VecDeque::new(), head: ledger }
    }

    /// The chain as it is.
    pub fn head(&self) -> &Ledger {
        &self.head
    }

    /// Whether a block is one of those that the head follows from and that can be gone back to.
    pub fn knows(&self, name: Digest) -> bool {
        self.settled.name() == name || self.recent.iter().any(|block| block.name == name)
    }

    /// Takes the next block, of this branch or of another one that leaves it not long ago.
    pub fn take<R: Referee + ?Sized>(&mut self, referee: &R, block: Block) -> Taken {
        if self.knows(block.name) {
            return Taken::Known;
        }
        let is_next = block.parent == self.head.name();
        if !is_next && !self.rewind(referee, block.parent) {
            return Taken::Astray;
        }
        let parent = block.parent;
        if let Err(refusal) = apply(&mut self.head, referee, &block) {
            // Of a block that is refused nothing is kept.
            self.rewind(referee, parent);
            return Taken::Refused(refusal);
        }
        self.recent.push_back(block);
        self.settle(referee);
        if is_next { Taken::Next } else { Taken::Rewound }
    }

    fn rewind<R: Referee + ?Sized>(&mut self, referee: &R, name: Digest) -> bool {
        let kept = match self.recent.iter().position(|block| block.name == name) {
            Some(at) => at + 1,
            None if self.settled.name() == name => 0,
            None => return false,
        };
        let told = self.recent.clone();
        self.recent.truncate(kept);
        self.head = self.settled.clone();
        let extra = usize::from(planted(Bug::HalfRewound));
        for block in told.iter().take(kept + extra) {
            apply(&mut self.head, referee, block).expect("the block was applied before");
        }
        true
    }

    /// Blocks beyond the last [`UNFINAL`] are not gone back to.
    fn settle<R: Referee + ?Sized>(&mut self, referee: &R) {
        if self.recent.len() > UNFINAL {
            let block = self.recent.pop_front().expect("there are some");
            apply(&mut self.settled, referee, &block).expect("the block was applied before");
        }
    }
}

fn apply<R: Referee + ?Sized>(ledger: &mut Ledger, referee: &R, block: &Block) -> Result<(), Refusal> {
    ledger.begin(block);
    block.said.iter().try_for_each(|said| ledger.apply(referee, said.sender, &said.message).map(drop))
}
