//! What the contracts ask others: the beacon and the court.

use crate::ids::{Height, Owner};
use samebit_commit::Digest;

/// What a beacon says of a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Beacon {
    /// Its randomness.
    Value(Digest),
    /// The height has not passed.
    NotYet,
    /// It is too long ago.
    Expired,
}

/// Where a question of Dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// It takes claims and moves.
    Open,
    /// So many living claims have this root.
    Answered {
        /// The answer.
        root: Digest,
        /// Claims that lived.
        living: u64,
    },
    /// No claim lived.
    Unanswered,
    /// The job is malformed.
    Void,
}

/// A claim of a closed question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Whose it is.
    pub owner: Owner,
    /// Whether it lived to the end.
    pub has_lived: bool,
}

/// The beacon, and the questions that Market has asked, by their nonces.
pub trait World {
    /// The randomness of a height.
    fn beacon(&self, height: Height) -> Beacon;

    /// Where the question with this nonce stands.
    fn question(&self, nonce: Digest) -> Question;

    /// A claim of the question with this nonce.
    fn claim(&self, nonce: Digest, number: u64) -> Option<Claim>;
}
