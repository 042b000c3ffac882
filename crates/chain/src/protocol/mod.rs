//! All contracts of the protocol as the messages of `samebit_market` and `samebit_dispute`: what a peer's driver sends, and reads block by block.
//!
//! ```text
//!   Message ──encode, with the words of others──> call ──Sender──> Market, Stake, Fund, Dispute
//!   Block { moment, hash, parent, beacon, said } <──decode── the input of its transaction, or the event `Relayed`
//! ```

mod challenge;
mod contracts;
mod field;
mod job;
mod letters;
mod log;
mod message;
mod place;
mod wire;

pub use contracts::{Contracts, Unnamed, address, owner};
pub use letters::{Domain, LetterError, Signature, Word, sign, signer};
pub use log::BlockLog;
pub use message::{EncodeError, Message, Papers};
pub use place::{Protocol, ProtocolError};

use samebit_commit::Digest;
use samebit_market::{Moment, Owner};

/// A message that the contracts have accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who has sent it.
    pub sender: Owner,
    /// What.
    pub message: Message,
}

/// A block of the chain: all that the contracts have accepted in it, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its time and height.
    pub moment: Moment,
    /// Its hash.
    pub name: Digest,
    /// The hash of the block before it.
    pub parent: Digest,
    /// What the beacon says of its height.
    pub beacon: Digest,
    /// What was accepted.
    pub said: Vec<Said>,
}

#[cfg(test)]
mod tests;
