//! What a peer says to the chain and to other peers, and what the chain has logged.

use samebit_commit::{Digest, Tag, Words};
use samebit_dispute::{Header, Message as Argument, Question};
use samebit_market::{
    Amount, AttemptId, BatchId, JobId, MarketMessage, Message as MarketOrMoney, Moment, Owner, Seconds,
    SegmentId,
};

/// A message to the contracts: one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is sent once and thrown away")]
pub enum Message {
    /// To Stake, Fund or Market.
    Market(MarketOrMoney),
    /// To Market, which opens a question of Dispute with it.
    Challenge {
        /// [`MarketMessage::Challenge`].
        challenge: MarketMessage,
        /// The question that Market is to open.
        question: Question,
        /// What the question is checked by.
        header: Header,
    },
    /// To Dispute.
    Dispute(Argument),
}

impl From<MarketMessage> for Message {
    fn from(message: MarketMessage) -> Message {
        Message::Market(MarketOrMoney::Market(message))
    }
}

/// A message that the chain has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who has sent it.
    pub sender: Owner,
    /// What.
    pub message: Message,
}

/// A block of the chain's log: all that the contracts have accepted in it, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its time and height.
    pub moment: Moment,
    /// Its name.
    pub name: Digest,
    /// The name of the block before it.
    pub parent: Digest,
    /// What the beacon will say of its height.
    pub beacon: Digest,
    /// What was accepted.
    pub said: Vec<Said>,
}

/// A thing of many bytes that peers fetch from each other, by what its bytes are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blob {
    /// The program, tables and order of the job with this Spec.
    Job(Digest),
    /// The state with this root.
    State(Digest),
}

/// A segment from a given start: what is run, whoever claims what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    /// The Spec's digest.
    pub spec: Digest,
    /// Which segment.
    pub segment: SegmentId,
    /// State root before it.
    pub start: Digest,
}

/// A solver's word that it will run a job: what `accept` carries with its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ask {
    /// The job.
    pub job: JobId,
    /// The attempt that it would be.
    pub attempt: AttemptId,
    /// For a segment.
    pub price: Amount,
    /// List root of its secrets.
    pub secrets: Digest,
    /// Until when it stands.
    pub expiry: Seconds,
}

/// A custodian's word that it holds a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holding {
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The batch.
    pub batch: BatchId,
    /// Its root.
    pub root: Digest,
}

/// What peers tell all others, signed. The driver checks signatures: who has signed comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// A solver asks for a job.
    Ask(Ask),
    /// A custodian holds a batch.
    Holds(Holding),
}

/// What a peer's secrets follow from: kept in its keystore, so that a crash loses none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub Digest);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// A solver's secret of a segment: the salt of its seal.
    Segment = 1,
    /// A root that is announced where an error is forced.
    False = 2,
    /// The salt of a verifier's seal.
    Seal = 3,
    /// The salt of a whistleblower's catch.
    Catch = 4,
}

impl Secret {
    /// The secret of a segment. The same question has the same answer, also after a crash and on another branch of the chain.
    pub fn of(&self, purpose: Purpose, (job, attempt, segment): (JobId, AttemptId, SegmentId)) -> Digest {
        let words = Words::new().digest(self.0).number(purpose as u8).digest(job.0);
        words.number(attempt.0).number(segment.0).hash(Tag::Secret)
    }
}
