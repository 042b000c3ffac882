//! Why a message is refused. A refused message changes nothing.

use crate::ids::{Amount, ClaimId, GameId, Owner, QuestionId, Seconds};
use crate::message::{ClaimStatus, QuestionStatus};
use crate::position::Stage;
use crate::referee::{JudgeKind, RefereeError};
use samebit_commit::{Digest, OpeningError};

/// Two digests that ought to be the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: what is given leads to {found}, the digest is {expected}")]
pub struct Mismatch {
    /// What was looked at.
    pub what: &'static str,
    /// Where it leads.
    pub found: Digest,
    /// Where it ought to lead.
    pub expected: Digest,
}

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the operands")]
pub enum Refusal {
    // Questions.
    #[error("{what} is {found}, the limit is {limit}")]
    OverLimit { what: &'static str, found: u128, limit: u128 },
    #[error("there are no {what}; hint: a question needs at least one")]
    Nothing { what: &'static str },
    #[error("the job has no segment of {count} steps from step {first}")]
    Segment { first: u64, count: u64 },
    #[error("question {0} was opened before")]
    QuestionExists(QuestionId),
    #[error("{asker} alone may open this question, not {sender}")]
    NotAsker { sender: Owner, asker: Owner },
    #[error("question {0} was never opened")]
    UnknownQuestion(QuestionId),
    #[error("question {question} is not open: {status:?}")]
    QuestionNotOpen { question: QuestionId, status: QuestionStatus },
    #[error("question {0} is still open")]
    QuestionStillOpen(QuestionId),
    // Claims.
    #[error("it is {now}, claims entered before {closes}")]
    EntryClosed { now: Seconds, closes: Seconds },
    #[error("it is {now}, claims may enter until {closes}")]
    EntryOpen { now: Seconds, closes: Seconds },
    #[error("{found} was paid in, the bond is {expected}")]
    WrongBond { found: Amount, expected: Amount },
    #[error("a claim of {found} steps; hint: from 1 to {limit}")]
    WrongStepCount { found: u64, limit: u64 },
    #[error("{owner} has claimed root {root} before")]
    ClaimExists { owner: Owner, root: Digest },
    #[error("there is no claim {0}")]
    UnknownClaim(ClaimId),
    #[error("claim {claim} does not live: {status:?}")]
    ClaimNotLiving { claim: ClaimId, status: ClaimStatus },
    #[error("{living} claims live, {with_root} of them with this root")]
    RootsDiffer { living: u64, with_root: u64 },
    // Games.
    #[error("claim {} is not older than claim {}; hint: the older one comes first", .0[0], .0[1])]
    WrongOrder([ClaimId; 2]),
    #[error("both claims have root {0}: there is nothing to settle")]
    SameRoot(Digest),
    #[error("there is a game of {0} already")]
    GameExists(GameId),
    #[error("there is no game of {0}")]
    UnknownGame(GameId),
    #[error("the game stands at {held}, the message answers {given}")]
    WrongPosition { held: Digest, given: Digest },
    #[error("the side on turn has used {used} of the {clock} seconds on its clock")]
    ClockOut { used: Seconds, clock: Seconds },
    #[error("the side on turn has used only {used} of the {clock} seconds on its clock")]
    ClockRuns { used: Seconds, clock: Seconds },
    #[error("a game has at most {0} moves")]
    TooManyMoves(u32),
    #[error("the game is at {0}, where this is no answer")]
    WrongStage(Stage),
    #[error("{owner} alone may say this, not {sender}")]
    NotOwner { sender: Owner, owner: Owner },
    // Contents of a move.
    #[error("the move lacks its {0}")]
    MissingPart(&'static str),
    #[error("nobody asked for the move's {0}")]
    UnusedPart(&'static str),
    #[error(transparent)]
    WrongDigest(#[from] Mismatch),
    #[error("child {child} is beyond the end: level {level} has {width} nodes, {choices} below this one")]
    ChildBeyondEnd { child: u64, level: u32, width: u64, choices: u64 },
    #[error("both sides have the same child {0}")]
    SameChild(Digest),
    #[error("{found} siblings, there are {expected}")]
    WrongSiblingCount { found: usize, expected: usize },
    #[error("{found} nodes, there are {expected} below this one")]
    WrongNodeCount { found: usize, expected: u64 },
    #[error("{found} words, there are {expected}")]
    WrongLength { found: usize, expected: usize },
    #[error("the page has {length} words, there is none at {offset}")]
    OffsetBeyondEnd { offset: u8, length: usize },
    #[error("both sides have the same word {0:#010x}")]
    SameWord(u32),
    #[error("{0} is not a word of 32 bits")]
    WordTooLarge(Digest),
    #[error("an opening: {0}")]
    Opening(#[from] OpeningError),
    #[error("the sides would hold the same at {0}")]
    NoDifference(Stage),
    #[error("an element of this node is not made of parts that a game can go into")]
    NothingToUnfold,
    // The referee.
    #[error("{kind} is not what is asked at {stage}")]
    WrongKind { kind: JudgeKind, stage: Stage },
    #[error("the witness has {length} bytes, at most {limit} are taken")]
    WitnessTooLong { length: usize, limit: usize },
    #[error("operand {slot} was kept before")]
    KeptBefore { slot: u8 },
    #[error("operand {slot} was never kept")]
    NotKept { slot: u8 },
    #[error("{found} operands are named, at most {limit} are taken")]
    TooManySlots { found: usize, limit: usize },
    #[error("the job is not malformed here")]
    NotMalformed,
    #[error("the referee does not answer: {0}")]
    Referee(#[from] RefereeError),
    // Money.
    #[error("nothing is credited to {0}")]
    NothingToWithdraw(Owner),
}
