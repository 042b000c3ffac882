//! What has happened: the log of the contracts. What a message showed is in the message.

use crate::ids::{Amount, AttemptId, BatchId, DrawId, JobId, Owner, PlaceId, SeatId, SegmentId};
use crate::message::{Cause, Pot, Who};
use crate::names::DrawKind;
use samebit_commit::Digest;

/// How a draw came to its end, or to another round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conclusion {
    /// Every opened root is the solver's.
    Checked,
    /// The opened roots differ.
    Contested,
    /// Nobody opened: verifiers are drawn again.
    Waiting,
    /// Nobody opened, too often.
    Unchecked,
}

/// What the court has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ruling {
    /// The solver's state is right.
    Right,
    /// It is wrong.
    Wrong,
    /// Nobody stood by any.
    Unanswered,
    /// The job is malformed.
    Void,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// All of it is settled.
    Done,
    /// Its poster took it back.
    Cancelled,
    /// It is malformed.
    Void,
}

/// What ended an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A deadline.
    Late(Cause),
    /// Dispute has another answer, or none.
    State(SegmentId),
    /// Its interior root is false.
    Interior(SegmentId),
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the fields are those of the message that the event tells of")]
pub enum Event {
    // Stake.
    /// Money came in.
    Deposited { owner: Owner, amount: Amount },
    /// Money went out.
    Withdrawn { owner: Owner, amount: Amount },
    /// A peer's network address.
    Registered { owner: Owner, address: Vec<u8> },
    /// A seat is taken.
    Joined { seat: SeatId, owner: Owner },
    /// A seat was left, by its owner or for want of money.
    Left { seat: SeatId },
    /// A seat's money is free, and the seat for others.
    Collected { seat: SeatId, amount: Amount },
    /// A seat was fined.
    Fined { seat: SeatId, amount: Amount },
    /// Market moved money to somebody.
    Paid { owner: Owner, amount: Amount },
    // Fund.
    /// Money came into a pot.
    Filled { pot: Pot, amount: Amount },
    /// The treasury took money.
    Taken { pot: Pot, to: Owner, amount: Amount },
    // Market.
    /// A job is there.
    Posted { job: JobId, poster: Owner, spec: Digest, escrow: Amount },
    /// An attempt began.
    Accepted { job: JobId, attempt: AttemptId, solver: Owner, price: Amount },
    /// Custodians were drawn.
    Appointed { job: JobId, attempt: AttemptId, custodians: Vec<Owner> },
    /// A draw was too late, and is set anew.
    SetAnew { job: JobId, attempt: AttemptId, kind: DrawKind, batch: BatchId, draw: DrawId },
    /// A batch is claimed.
    Claimed { job: JobId, attempt: AttemptId, batch: BatchId, root: Digest },
    /// A batch was withdrawn.
    Retracted { job: JobId, attempt: AttemptId, batch: BatchId },
    /// Custodians said that they hold a batch: a bit each, in the order of their appointment.
    Signed { job: JobId, attempt: AttemptId, batch: BatchId, custodians: u16 },
    /// A batch is held.
    Held { job: JobId, attempt: AttemptId, batch: BatchId },
    /// Segments were drawn: a bit each.
    Drawn { job: JobId, attempt: AttemptId, batch: BatchId, luck: Digest, segments: u64 },
    /// Interior roots are announced.
    Announced { job: JobId, attempt: AttemptId, batch: BatchId, root: Digest },
    /// A verifier sealed.
    Sealed { job: JobId, attempt: AttemptId, batch: BatchId, draw: DrawId, place: PlaceId },
    /// The time of sealing is over.
    Closed { job: JobId, attempt: AttemptId, batch: BatchId, draw: DrawId },
    /// A seal was opened.
    Opened { job: JobId, attempt: AttemptId, batch: BatchId, draw: DrawId, who: Who, interior: Digest },
    /// Openings were compared.
    Concluded { job: JobId, attempt: AttemptId, batch: BatchId, draw: DrawId, conclusion: Conclusion },
    /// Verifiers were drawn again.
    Redrawn { job: JobId, attempt: AttemptId, batch: BatchId, draw: DrawId, luck: Digest },
    /// Dispute was asked.
    Challenged {
        job: JobId,
        attempt: AttemptId,
        segment: SegmentId,
        number: u64,
        owner: Owner,
        interior: bool,
    },
    /// Dispute has answered.
    Judged { job: JobId, attempt: AttemptId, segment: SegmentId, number: u64, ruling: Ruling },
    /// An interior root is defended.
    Shown { job: JobId, attempt: AttemptId, segment: SegmentId, number: u64, who: Who },
    /// An interior root is false.
    Refuted { job: JobId, attempt: AttemptId, segment: SegmentId, number: u64, who: Who },
    /// A challenge ended.
    Finished { job: JobId, attempt: AttemptId, segment: SegmentId, number: u64 },
    /// A whistleblower committed to a catch.
    CatchCommitted { job: JobId, attempt: AttemptId, segment: SegmentId, owner: Owner },
    /// A catch is valid.
    CatchRevealed { job: JobId, attempt: AttemptId, segment: SegmentId, owner: Owner },
    /// A catch ended.
    CatchClosed { job: JobId, attempt: AttemptId, segment: SegmentId, owner: Owner },
    /// All seals of a batch are open; which segments were forced: a bit each.
    Revealed { job: JobId, attempt: AttemptId, batch: BatchId, forced: u64 },
    /// A batch is paid.
    Settled { job: JobId, attempt: AttemptId, batch: BatchId },
    /// Nobody held a batch in time; custodians are drawn again.
    Lapsed { job: JobId, attempt: AttemptId, batch: BatchId },
    /// An attempt ended before the job did.
    Faulted { job: JobId, attempt: AttemptId, fault: FaultKind },
    /// A job ended.
    Ended { job: JobId, ending: Ending },
}
