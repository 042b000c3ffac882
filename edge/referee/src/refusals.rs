//! Refusals of both twins by name, so that they can be compared.

use crate::contracts::Dispute::DisputeErrors as Errors;
use crate::contracts::ToyReferee::ToyRefereeErrors;
use alloy_primitives::Bytes;
use alloy_sol_types::SolInterface;
use samebit_dispute::Refusal;

/// What a refusal that comes from the referee is called.
pub const REFEREE: &str = "Referee";

macro_rules! names {
    ($value:expr, $enumeration:ident: $($name:ident),* $(,)?) => {
        match $value {
            $($enumeration::$name(_) => stringify!($name),)*
        }
    };
}

/// The name of the custom error that a revert carries; `None` if it is none of the game's: the referee's, a panic, or nothing at all.
pub fn of_revert(data: &Bytes) -> Option<&'static str> {
    let error = Errors::abi_decode(data).ok()?;
    Some(names!(error, Errors:
        ChildBeyondEnd, ClaimExists, ClaimNotLiving, ClockOut, ClockRuns, EntryClosed, EntryOpen, GameExists, HashFailed,
        KeptBefore, LeafBeyondEnd, MissingPart, NoDifference, NoSuchSegment, NotAsker, NotKept, NotMalformed, NotOwner, Nothing,
        NothingToUnfold, NothingToWithdraw, OffsetBeyondEnd, OffsetBeyondMessage, OverLimit, QuestionExists, QuestionNotOpen,
        QuestionStillOpen, RootsDiffer, SameChild, SameRoot, SameWord, TooManyMoves, TooManySlots, TransferFailed,
        UnknownGame, UnusedParts, WitnessTooLong, WordTooLarge, WrongBond, WrongDigest, WrongKind, WrongNodeCount,
        WrongLength, WrongOrder, WrongPosition, WrongQuestion, WrongSiblingCount, WrongStage, WrongStepCount,
    ))
}

/// Whether a revert comes from the referee of the tests.
pub fn is_toys(data: &Bytes) -> bool {
    ToyRefereeErrors::abi_decode(data).is_ok()
}

/// The name that the contract has for a refusal of the Rust twin.
pub fn of_twin(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::OverLimit { .. } => "OverLimit",
        Refusal::Nothing { .. } => "Nothing",
        Refusal::Segment { .. } => "NoSuchSegment",
        Refusal::QuestionExists(_) => "QuestionExists",
        Refusal::NotAsker { .. } => "NotAsker",
        Refusal::UnknownQuestion(_) | Refusal::QuestionNotOpen { .. } => "QuestionNotOpen",
        Refusal::QuestionStillOpen(_) => "QuestionStillOpen",
        Refusal::EntryClosed { .. } => "EntryClosed",
        Refusal::EntryOpen { .. } => "EntryOpen",
        Refusal::WrongBond { .. } => "WrongBond",
        Refusal::WrongStepCount { .. } => "WrongStepCount",
        Refusal::ClaimExists { .. } => "ClaimExists",
        Refusal::UnknownClaim(_) | Refusal::ClaimNotLiving { .. } => "ClaimNotLiving",
        Refusal::RootsDiffer { .. } => "RootsDiffer",
        Refusal::WrongOrder(_) => "WrongOrder",
        Refusal::SameRoot(_) => "SameRoot",
        Refusal::GameExists(_) => "GameExists",
        Refusal::UnknownGame(_) => "UnknownGame",
        Refusal::WrongPosition { .. } => "WrongPosition",
        Refusal::ClockOut { .. } => "ClockOut",
        Refusal::ClockRuns { .. } => "ClockRuns",
        Refusal::TooManyMoves(_) => "TooManyMoves",
        Refusal::WrongStage(_) => "WrongStage",
        Refusal::NotOwner { .. } => "NotOwner",
        Refusal::MissingPart(_) => "MissingPart",
        Refusal::UnusedPart(_) => "UnusedParts",
        Refusal::WrongDigest(_) => "WrongDigest",
        Refusal::ChildBeyondEnd { .. } => "ChildBeyondEnd",
        Refusal::SameChild(_) => "SameChild",
        Refusal::WrongSiblingCount { .. } => "WrongSiblingCount",
        Refusal::WrongNodeCount { .. } => "WrongNodeCount",
        Refusal::WrongLength { .. } => "WrongLength",
        Refusal::OffsetBeyondEnd { .. } => "OffsetBeyondEnd",
        Refusal::SameWord(_) => "SameWord",
        Refusal::WordTooLarge(_) => "WordTooLarge",
        Refusal::Opening(_) => "LeafBeyondEnd",
        Refusal::NothingToUnfold => "NothingToUnfold",
        Refusal::WrongKind { .. } => "WrongKind",
        Refusal::WitnessTooLong { .. } => "WitnessTooLong",
        Refusal::KeptBefore { .. } => "KeptBefore",
        Refusal::NotKept { .. } => "NotKept",
        Refusal::TooManySlots { .. } => "TooManySlots",
        Refusal::NotMalformed => "NotMalformed",
        Refusal::Referee(_) => REFEREE,
        Refusal::NothingToWithdraw(_) => "NothingToWithdraw",
        Refusal::NoDifference(_) => "NoDifference",
    }
}
