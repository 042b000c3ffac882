//! The state of all questions, claims and games, and the one function that changes it (dispute.md §1, §6, §7).
//!
//! A message is checked whole before it changes anything: a refused one leaves no trace. After every message money paid in is money paid out,
//! credited, or a bond that is held.

mod claims;
mod games;
mod money;

use crate::ids::{Amount, ClaimId, GameId, Owner, QuestionId, Seconds};
use crate::message::{ClaimStatus, Event, Message, QuestionStatus};
use crate::question::Question;
use crate::referee::{JudgeKind, Referee};
use crate::refusal::Refusal;
use samebit_commit::Digest;
use std::collections::BTreeMap;

/// A claim as the chain keeps it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Whose it is.
    pub owner: Owner,
    /// What is claimed.
    pub root: Digest,
    /// Where it stands.
    pub status: ClaimStatus,
}

/// A question with its claims.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Asked {
    question: Question,
    closes: Seconds,
    status: QuestionStatus,
    claims: Vec<Claim>,
}

/// All questions with their claims, games and money.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dispute {
    /// Who gets what no winner gets.
    fund: Owner,
    questions: BTreeMap<QuestionId, Asked>,
    /// The hash of each game's position; zero once it is over.
    games: BTreeMap<GameId, Digest>,
    /// Operands, by position, kind and slot.
    kept: BTreeMap<(Digest, JudgeKind, u8), Vec<u8>>,
    credits: BTreeMap<Owner, Amount>,
    paid_in: u128,
    paid_out: u128,
}

impl Dispute {
    /// No question; `fund` gets what no winner gets.
    pub fn new(fund: Owner) -> Dispute {
        Dispute {
            fund,
            questions: BTreeMap::new(),
            games: BTreeMap::new(),
            kept: BTreeMap::new(),
            credits: BTreeMap::new(),
            paid_in: 0,
            paid_out: 0,
        }
    }

    /// Takes a message that `sender` sends at `now`.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed then.
    pub fn apply<R: Referee + ?Sized>(
        &mut self,
        referee: &R,
        now: Seconds,
        sender: Owner,
        message: &Message,
    ) -> Result<Vec<Event>, Refusal> {
        let events = match message {
            Message::OpenQuestion { question, header } => self.open(now, sender, question, header),
            Message::Claim { question, opened, value } => self.claim(now, sender, *question, opened, *value),
            Message::Pair { question, claims, opened } => self.pair(now, *question, *claims, opened),
            Message::Move { position, play } => self.play(referee, now, sender, position, play),
            Message::Keep { position, kind, slot, witness } => {
                self.keep(referee, position, *kind, *slot, witness)
            }
            Message::Judge { position, kind, witness, slots } => {
                self.judge(referee, sender, position, *kind, witness, slots)
            }
            Message::Timeout { position } => self.time_out(now, sender, position),
            Message::Resolve { question, claim } => self.resolve(now, *question, *claim),
            Message::Release { question, claim } => self.release(sender, *question, *claim),
            Message::Withdraw => self.withdraw(sender),
        }?;
        debug_assert!(cfg!(feature = "planted") || self.is_balanced(), "money was made or lost");
        Ok(events)
    }

    /// Who gets what no winner gets.
    pub fn fund(&self) -> Owner {
        self.fund
    }

    /// What is asked, if it was opened.
    pub fn question(&self, id: QuestionId) -> Option<&Question> {
        self.questions.get(&id).map(|asked| &asked.question)
    }

    /// Where a question stands.
    pub fn status(&self, id: QuestionId) -> Option<QuestionStatus> {
        self.questions.get(&id).map(|asked| asked.status)
    }

    /// How many claims about a question did not die.
    pub fn living(&self, id: QuestionId) -> u64 {
        self.claims(id).iter().filter(|claim| claim.status != ClaimStatus::Dead).count() as u64
    }

    /// The claims about a question, by number.
    pub fn claims(&self, id: QuestionId) -> &[Claim] {
        self.questions.get(&id).map_or(&[], |asked| &asked.claims)
    }

    /// The hash of a game's position; `None` if there is no such game or it is over.
    pub fn game(&self, game: GameId) -> Option<Digest> {
        self.games.get(&game).copied().filter(|&hash| hash != Digest::ZERO)
    }

    /// What somebody may withdraw.
    pub fn credit(&self, owner: Owner) -> Amount {
        self.credits.get(&owner).copied().unwrap_or_default()
    }

    /// Whether the money paid in is the money paid out, credited or held.
    pub fn is_balanced(&self) -> bool {
        let credited: u128 = self.credits.values().map(|amount| amount.0).sum();
        self.paid_in == self.paid_out + credited + self.held()
    }

    /// The bonds of living claims.
    fn held(&self) -> u128 {
        let bonds = |asked: &Asked| {
            let living = asked.claims.iter().filter(|claim| claim.status == ClaimStatus::Living).count();
            asked.question.bond.0 * living as u128
        };
        self.questions.values().map(bonds).sum()
    }

    fn asked(&self, id: QuestionId) -> Result<&Asked, Refusal> {
        self.questions.get(&id).ok_or(Refusal::UnknownQuestion(id))
    }

    /// A question that was checked to exist.
    fn asked_mut(&mut self, id: QuestionId) -> &mut Asked {
        self.questions.get_mut(&id).expect("the question was looked up")
    }
}

impl Asked {
    /// Refuses a question that is closed.
    fn open(&self) -> Result<(), Refusal> {
        match self.status {
            QuestionStatus::Open => Ok(()),
            status => Err(Refusal::QuestionNotOpen { question: self.question.id(), status }),
        }
    }

    fn claim(&self, id: ClaimId) -> Result<&Claim, Refusal> {
        let at = usize::try_from(id.0).ok();
        at.and_then(|at| self.claims.get(at)).ok_or(Refusal::UnknownClaim(id))
    }

    /// A claim that lives.
    fn living(&self, id: ClaimId) -> Result<&Claim, Refusal> {
        let claim = self.claim(id)?;
        match claim.status {
            ClaimStatus::Living => Ok(claim),
            status => Err(Refusal::ClaimNotLiving { claim: id, status }),
        }
    }

    /// A claim that was checked to exist.
    fn claim_mut(&mut self, id: ClaimId) -> &mut Claim {
        &mut self.claims[id.0 as usize]
    }
}
