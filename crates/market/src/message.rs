//! What is said to the contracts. One message is one transaction; who may say it, when, and what it does is job.md §1, §5.
//!
//! Signatures are checked before a message gets here: `is_signed` and `signers` say whose word came with it.

use crate::ids::{Amount, AttemptId, BatchId, DrawId, JobId, Owner, PlaceId, SeatId, Seconds, SegmentId};
use crate::terms::{SpecOpening, Terms};
use samebit_commit::interior::Evidence;
use samebit_commit::{Digest, merkle::list_root, steps};

/// A message to one of the three contracts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Message {
    /// To Stake.
    Stake(StakeMessage),
    /// To Fund.
    Fund(FundMessage),
    /// To Market.
    Market(MarketMessage),
}

/// A message to Stake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StakeMessage {
    /// Pays in.
    Deposit(Amount),
    /// Pays out.
    Withdraw(Amount),
    /// Logs a peer's network address.
    Register(Vec<u8>),
    /// Takes a seat.
    Join,
    /// Leaves a seat; its money stays there to be fined.
    Leave(SeatId),
    /// Frees the money of a seat that was left long ago.
    Collect(SeatId),
}

/// A pot of Fund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pot {
    /// For catches.
    Jackpot,
    /// What no winner gets.
    Insurance,
    /// The protocol's.
    Fees,
}

/// A message to Fund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FundMessage {
    /// Pays from insurance or fees.
    Take {
        /// From which pot.
        pot: Pot,
        /// To whom.
        to: Owner,
        /// How much.
        amount: Amount,
    },
}

/// Whose interior root is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The solver's.
    Solver,
    /// The verifier's at a place of the contested draw.
    Verifier(PlaceId),
}

/// A claimed segment, as it is a leaf of its batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    /// State root after it.
    pub state: Digest,
    /// The solver's seal.
    pub seal: Digest,
}

impl Leaf {
    /// Its digest.
    pub fn digest(&self) -> Digest {
        crate::names::claimed(self.state, self.seal)
    }
}

/// What the answer of a question is made of (dispute.md §1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Answer {
    /// State root after the segment.
    pub state: Digest,
    /// Steps that were run.
    pub count: u64,
    /// Top of the tree over the steps.
    pub steps_top: Digest,
}

impl Answer {
    /// The root of a claim that is made of it.
    pub fn root(&self) -> Digest {
        steps::segment(self.state, list_root(self.count, self.steps_top))
    }
}

/// Which deadline of the solver's is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// It claims nothing.
    Claim,
    /// Nobody holds what it claimed last.
    Hold,
    /// It has not announced.
    Announce(BatchId),
    /// It has not opened its seal.
    Open(BatchId, DrawId),
    /// It has not answered a contested draw.
    Contest(BatchId, DrawId),
    /// It has not revealed.
    Reveal(BatchId),
}

/// A message to Market.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
#[allow(missing_docs, reason = "the fields are those of job.md §5")]
pub enum MarketMessage {
    /// Posts a job.
    Post { spec: SpecOpening, terms: Terms, nonce: u64 },
    /// Takes a job back that nobody runs.
    Cancel { job: JobId },
    /// Begins an attempt.
    Accept {
        job: JobId,
        attempt: AttemptId,
        solver: Owner,
        price: Amount,
        secrets: Digest,
        expiry: Seconds,
        is_signed: bool,
    },
    /// Draws the custodians.
    Appoint { job: JobId, attempt: AttemptId },
    /// Claims a batch of segments.
    Claim {
        job: JobId,
        attempt: AttemptId,
        first: SegmentId,
        states: Vec<Digest>,
        seals: Vec<Digest>,
        last_count: u64,
        is_signed: bool,
    },
    /// Withdraws a batch before its draw.
    Retract { job: JobId, attempt: AttemptId, batch: BatchId, root: Digest },
    /// Says who holds a batch.
    Hold { job: JobId, attempt: AttemptId, batch: BatchId, root: Digest, signers: Vec<Owner> },
    /// Draws segments and verifiers.
    Draw { job: JobId, attempt: AttemptId, batch: BatchId },
    /// Announces interior roots.
    Announce { job: JobId, attempt: AttemptId, batch: BatchId, luck: Digest, roots: Vec<Digest> },
    /// Seals a verifier's interior root.
    Seal {
        job: JobId,
        attempt: AttemptId,
        batch: BatchId,
        draw: DrawId,
        place: PlaceId,
        root: Digest,
        seal: Digest,
    },
    /// Ends the time of sealing.
    Close { job: JobId, attempt: AttemptId, batch: BatchId, draw: DrawId },
    /// Opens a verifier's seal. The last opening concludes.
    OpenVerifier {
        job: JobId,
        attempt: AttemptId,
        batch: BatchId,
        draw: DrawId,
        place: PlaceId,
        salt: Digest,
        interior: Digest,
    },
    /// Opens the solver's seal. The last opening concludes.
    OpenSolver {
        job: JobId,
        attempt: AttemptId,
        batch: BatchId,
        draw: DrawId,
        state: Digest,
        secret: Digest,
        interior: Digest,
        secret_siblings: Vec<Digest>,
        leaf_siblings: Vec<Digest>,
    },
    /// Compares what was opened, when the time is over in which the others would have.
    Conclude { job: JobId, attempt: AttemptId, batch: BatchId, draw: DrawId },
    /// Draws the verifiers of a segment again.
    Redraw { job: JobId, attempt: AttemptId, batch: BatchId, draw: DrawId },
    /// Asks Dispute about a segment.
    Challenge {
        job: JobId,
        attempt: AttemptId,
        batch: BatchId,
        segment: SegmentId,
        interior: bool,
        leaf: Leaf,
        siblings: Vec<Digest>,
        before: Leaf,
        before_siblings: Vec<Digest>,
    },
    /// Reads what Dispute has answered.
    Judge { job: JobId, attempt: AttemptId, segment: SegmentId, number: u64, opened: Answer },
    /// Shows the leaves of an interior root.
    Show {
        job: JobId,
        attempt: AttemptId,
        segment: SegmentId,
        number: u64,
        who: Who,
        leaves: Vec<Digest>,
        siblings: Vec<Digest>,
    },
    /// Shows that a leaf is false.
    Refute {
        job: JobId,
        attempt: AttemptId,
        segment: SegmentId,
        number: u64,
        who: Who,
        step: u64,
        leaf: Digest,
        siblings: Vec<Digest>,
        evidence: Evidence,
    },
    /// Ends a challenge.
    Finish { job: JobId, attempt: AttemptId, segment: SegmentId, number: u64 },
    /// Pays a winner its share.
    PayWinner { job: JobId, attempt: AttemptId, segment: SegmentId, number: u64, claim: u64 },
    /// Commits to a catch.
    CommitCatch {
        job: JobId,
        attempt: AttemptId,
        batch: BatchId,
        segment: SegmentId,
        announced: Digest,
        siblings: Vec<Digest>,
        commitment: Digest,
    },
    /// Shows a catch.
    RevealCatch {
        job: JobId,
        attempt: AttemptId,
        batch: BatchId,
        segment: SegmentId,
        owner: Owner,
        salt: Digest,
        interior: Digest,
        siblings: Vec<Digest>,
    },
    /// Ends a catch.
    PayCatch { job: JobId, attempt: AttemptId, segment: SegmentId, owner: Owner },
    /// Opens all seals of a batch.
    Reveal {
        job: JobId,
        attempt: AttemptId,
        batch: BatchId,
        secrets: Vec<Digest>,
        interiors: Vec<Digest>,
        states: Vec<Digest>,
        falses: Vec<Digest>,
        siblings: Vec<Digest>,
    },
    /// Pays a batch.
    Settle { job: JobId, attempt: AttemptId, batch: BatchId },
    /// Ends an attempt whose solver is late.
    Expire { job: JobId, attempt: AttemptId, cause: Cause },
}

impl MarketMessage {
    /// The job that it is about; a post has none yet.
    pub fn job(&self) -> Option<JobId> {
        use MarketMessage as M;
        match self {
            M::Post { .. } => None,
            M::Cancel { job, .. }
            | M::Accept { job, .. }
            | M::Appoint { job, .. }
            | M::Claim { job, .. }
            | M::Retract { job, .. }
            | M::Hold { job, .. }
            | M::Draw { job, .. }
            | M::Announce { job, .. }
            | M::Seal { job, .. }
            | M::Close { job, .. }
            | M::OpenVerifier { job, .. }
            | M::OpenSolver { job, .. }
            | M::Conclude { job, .. }
            | M::Redraw { job, .. }
            | M::Challenge { job, .. }
            | M::Judge { job, .. }
            | M::Show { job, .. }
            | M::Refute { job, .. }
            | M::Finish { job, .. }
            | M::PayWinner { job, .. }
            | M::CommitCatch { job, .. }
            | M::RevealCatch { job, .. }
            | M::PayCatch { job, .. }
            | M::Reveal { job, .. }
            | M::Settle { job, .. }
            | M::Expire { job, .. } => Some(*job),
        }
    }
}
