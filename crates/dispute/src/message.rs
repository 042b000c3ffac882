//! What is said to the game, and what it says back. One message is one transaction; the events are its log.

use crate::difference::Side;
use crate::ids::{Amount, ClaimId, GameId, Owner, QuestionId, Seconds};
use crate::moves::Move;
use crate::position::Position;
use crate::question::{Header, Question};
use crate::referee::{JudgeKind, Verdict};
use samebit_commit::{Digest, merkle::list_root, steps};

/// What a claim's root is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opened {
    /// State root after the segment.
    pub state: Digest,
    /// Steps that were run; fewer than the question's if the job diverged in the last of them.
    pub count: u64,
    /// Top of the tree over the steps.
    pub steps_top: Digest,
}

impl Opened {
    /// The claim's root.
    pub fn root(&self) -> Digest {
        steps::segment(self.state, list_root(self.count, self.steps_top))
    }
}

/// A message. Whoever sends it pays for it; who may send it is in dispute.md.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Message {
    /// Opens a question for claims.
    OpenQuestion {
        /// What is asked.
        question: Question,
        /// What it is checked by.
        header: Header,
    },
    /// Claims a root.
    Claim {
        /// The question.
        question: QuestionId,
        /// The root.
        opened: Opened,
        /// What is paid in: the question's bond.
        value: Amount,
    },
    /// Starts the game between two claims.
    Pair {
        /// The question.
        question: QuestionId,
        /// The older and the younger claim.
        claims: [ClaimId; 2],
        /// Their roots.
        opened: [Opened; 2],
    },
    /// Moves in a game.
    Move {
        /// What is answered.
        position: Position,
        /// What the side on turn shows.
        play: Move,
    },
    /// Keeps an operand for a leaf that is too large for one message.
    Keep {
        /// Where the game is.
        position: Position,
        /// What will be redone.
        kind: JudgeKind,
        /// Which operand.
        slot: u8,
        /// What shows it.
        witness: Vec<u8>,
    },
    /// Has a piece of arithmetic redone.
    Judge {
        /// Where the game is.
        position: Position,
        /// What is redone.
        kind: JudgeKind,
        /// What shows all that is read.
        witness: Vec<u8>,
        /// The kept operands that are used.
        slots: Vec<u8>,
    },
    /// Ends a game of which the side on turn has used up its clock.
    Timeout {
        /// Where the game is.
        position: Position,
    },
    /// Closes a question.
    Resolve {
        /// The question.
        question: QuestionId,
        /// A living claim, if any lives.
        claim: ClaimId,
    },
    /// Credits the bond of a living claim of a closed question.
    Release {
        /// The question.
        question: QuestionId,
        /// The claim.
        claim: ClaimId,
    },
    /// Pays the sender what is credited to it.
    Withdraw,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Event {
    /// A question was opened.
    QuestionOpened {
        /// What is asked.
        question: Question,
        /// When claims stop to enter.
        closes: Seconds,
    },
    /// A claim entered.
    Claimed {
        /// The question.
        question: QuestionId,
        /// Its number.
        claim: ClaimId,
        /// Whose it is.
        owner: Owner,
        /// The root.
        opened: Opened,
    },
    /// A game began.
    Paired {
        /// Its first position.
        position: Position,
    },
    /// A move was made.
    Moved {
        /// What it was.
        play: Move,
        /// Where the game is after it.
        position: Position,
    },
    /// An operand was kept.
    Kept {
        /// The game.
        game: GameId,
        /// The operand.
        slot: u8,
    },
    /// A piece of arithmetic was redone.
    Judged {
        /// The game.
        game: GameId,
        /// What was redone.
        kind: JudgeKind,
        /// Who is wrong.
        verdict: Verdict,
    },
    /// A side used up its clock.
    TimedOut {
        /// The game.
        game: GameId,
        /// The side.
        side: Side,
    },
    /// A claim lost its bond.
    ClaimDied {
        /// The question.
        question: QuestionId,
        /// The claim.
        claim: ClaimId,
    },
    /// A question got its answer, or none.
    QuestionClosed {
        /// The question.
        question: QuestionId,
        /// How.
        status: QuestionStatus,
    },
    /// The bond of a living claim was credited.
    Released {
        /// The question.
        question: QuestionId,
        /// The claim.
        claim: ClaimId,
    },
    /// Somebody may withdraw this much more.
    Credited {
        /// Who.
        owner: Owner,
        /// How much.
        amount: Amount,
    },
    /// Somebody was paid.
    Withdrawn {
        /// Who.
        owner: Owner,
        /// How much.
        amount: Amount,
    },
}

/// Where a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuestionStatus {
    /// It takes messages.
    Open,
    /// All living claims had this root.
    Answered(Digest),
    /// No claim lived.
    Unanswered,
    /// The job is malformed.
    Void,
}

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimStatus {
    /// Its bond is at stake.
    Living,
    /// It lost its bond.
    Dead,
    /// It lived to the end, and its bond is credited.
    Released,
}
