//! Why a message is refused. A refused message changes nothing.

use crate::ids::{Amount, AttemptId, BatchId, DrawId, Height, JobId, Owner, PlaceId, SeatId, SegmentId};
use crate::job::{BatchStage, CatchStage, ChallengeStage, DrawStage, JobStage};
use samebit_commit::interior::EvidenceError;

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the operands")]
pub enum Refusal {
    // Anybody's.
    #[error("{what} is {found}; hint: from {least} to {limit} it may be")]
    OutOfRange { what: &'static str, found: u128, least: u128, limit: u128 },
    #[error("{owner} has {free} free, {needed} are needed; hint: deposit into Stake")]
    NotEnough { owner: Owner, free: Amount, needed: Amount },
    #[error("{0} may not say this")]
    NotYours(Owner),
    #[error("{what} is not what the chain holds")]
    Mismatch { what: &'static str },
    #[error("{what} are {found}, {expected} are needed")]
    WrongCount { what: &'static str, found: u64, expected: u64 },
    #[error("it is too early: {0}")]
    TooEarly(&'static str),
    #[error("it is too late: {0}")]
    TooLate(&'static str),
    // Stake and Fund.
    #[error("there is no seat {0}")]
    UnknownSeat(SeatId),
    #[error("seat {0} was left before")]
    SeatLeft(SeatId),
    #[error("seat {0} was not left; hint: leave it first")]
    SeatTaken(SeatId),
    #[error("nobody takes from the jackpot")]
    JackpotIsNobodys,
    // Market.
    #[error("job {0} is there already; hint: use another nonce")]
    JobExists(JobId),
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    #[error("job {job} is {stage:?}")]
    WrongJobStage { job: JobId, stage: JobStage },
    #[error("attempt {given} is meant, {running} is next or running")]
    WrongAttempt { given: AttemptId, running: AttemptId },
    #[error("custodians are not drawn; hint: appoint")]
    NotAppointed,
    #[error("custodians are drawn already")]
    AlreadyAppointed,
    #[error("the beacon of height {0} is not there yet")]
    NoBeaconYet(Height),
    #[error("there is no batch {0}")]
    UnknownBatch(BatchId),
    #[error("batch {batch} is {stage:?}")]
    WrongBatchStage { batch: BatchId, stage: BatchStage },
    #[error("batch {0} is not the last")]
    NotTheLast(BatchId),
    #[error("batch {first} is to be settled first")]
    NotTheFirst { first: BatchId },
    #[error("the last batch is not held yet")]
    NotHeld,
    #[error("the last batch ends the job")]
    NothingToClaim,
    #[error("{0} has signed, or is named twice")]
    SignedTwice(Owner),
    #[error("segment {0} is not in the batch")]
    UnknownSegment(SegmentId),
    #[error("segment {0} is drawn")]
    SegmentDrawn(SegmentId),
    #[error("segment {0} was not forced")]
    NotForced(SegmentId),
    #[error("there is no draw {0}")]
    UnknownDraw(DrawId),
    #[error("draw {draw} is {stage:?}")]
    WrongDrawStage { draw: DrawId, stage: DrawStage },
    #[error("draws of the batch have no end yet")]
    DrawsUnfinished,
    #[error("there is no place {0}")]
    UnknownPlace(PlaceId),
    #[error("place {0} is sealed")]
    SealedBefore(PlaceId),
    #[error("place {0} is not sealed")]
    NotSealed(PlaceId),
    #[error("it is open already")]
    OpenedBefore,
    #[error("no verifier has opened")]
    NobodyOpened,
    #[error("seals can still be opened")]
    OpeningGoesOn,
    #[error("segment {0} has an unfinished challenge")]
    ChallengeUnfinished(SegmentId),
    #[error("the batch has {0} unfinished challenges")]
    ChallengesUnfinished(u64),
    #[error("there is no challenge {number} of segment {segment}")]
    UnknownChallenge { segment: SegmentId, number: u64 },
    #[error("the challenge is {stage:?}")]
    WrongChallengeStage { stage: ChallengeStage },
    #[error("the question is not closed in Dispute; hint: resolve it there")]
    QuestionOpen,
    #[error("whose root that is, is not asked")]
    NoParty,
    #[error("it was shown before")]
    ShownBefore,
    #[error("it is not shown")]
    NotShown,
    #[error("it was refuted before")]
    RefutedBefore,
    #[error("the evidence gives the same leaf")]
    SameLeaf,
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error("there is no prize")]
    NoPrize,
    #[error("claim {0} has won nothing")]
    NotAWinner(u64),
    #[error("claim {0} was paid")]
    PaidBefore(u64),
    #[error("{0} has a catch of the segment")]
    CatchExists(Owner),
    #[error("{0} has no catch of the segment")]
    UnknownCatch(Owner),
    #[error("the catch is {stage:?}")]
    WrongCatchStage { stage: CatchStage },
    #[error("the catch is not decided yet")]
    CatchUndecided,
}
