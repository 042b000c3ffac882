//! The honest strategy: from one side's data and the log to the next messages.
//!
//! Nothing is remembered between messages, so a player goes on after a crash, and after a reorganisation it answers what the log says then.
//! A judgement that can be had is asked for at once, whoever is on turn: the honest side's value is the truth.

mod answer;
mod tree;

pub use answer::{Answer, answer};

use crate::difference::Side;
use crate::ids::{ClaimId, Owner, QuestionId, Seconds};
use crate::message::{ClaimStatus, Message, QuestionStatus};
use crate::referee::JudgeKind;
use crate::story::{Evidence, Story};
use crate::view::{SeenGame, SeenQuestion, View};
use samebit_commit::SequenceError;

/// Plays the claim of one owner about one question.
#[derive(Clone, Copy, Debug)]
pub struct Player<S> {
    /// What is claimed.
    pub story: S,
    /// The claim's owner.
    pub owner: Owner,
    /// The question.
    pub question: QuestionId,
}

impl<S: Story> Player<S> {
    /// The messages that are due at `now`: the claim, a game with every living claim of another root, the next message in every game, the most
    /// urgent game first, the answer to the question, the release of the bond. An error is about one of them and keeps from none of the others.
    pub fn messages(&self, view: &View, now: Seconds) -> Vec<Result<Message, SequenceError>> {
        let Some(asked) = view.question(self.question) else { return Vec::new() };
        let opened = match self.story.opened() {
            Ok(opened) => opened,
            Err(error) => return vec![Err(error)],
        };
        let root = opened.root();
        let own =
            asked.claims.iter().position(|claim| claim.owner == self.owner && claim.opened.root() == root);
        let Some(own) = own else {
            let can_enter = asked.status == QuestionStatus::Open && now < asked.closes;
            let claim = Message::Claim { question: self.question, opened, value: asked.question.bond };
            return if can_enter { vec![Ok(claim)] } else { Vec::new() };
        };
        if asked.claims[own].status != ClaimStatus::Living {
            return Vec::new();
        }
        if asked.status != QuestionStatus::Open {
            return vec![Ok(Message::Release { question: self.question, claim: ClaimId(own as u64) })];
        }
        let mut due = self.games(asked, ClaimId(own as u64), now);
        due.extend(self.pairs(asked, own).into_iter().map(Ok));
        if due.is_empty() && now >= asked.closes && agree(asked) {
            due.push(Ok(Message::Resolve { question: self.question, claim: ClaimId(own as u64) }));
        }
        due
    }

    /// Starts the games that are lacking.
    fn pairs(&self, asked: &SeenQuestion, own: usize) -> Vec<Message> {
        let root = asked.claims[own].opened.root();
        let others = asked.claims.iter().enumerate();
        let others = others
            .filter(|(_, other)| other.status == ClaimStatus::Living && other.opened.root() != root)
            .map(|(other, _)| [own.min(other), own.max(other)])
            .filter(|pair| !asked.games.contains_key(&pair.map(|claim| ClaimId(claim as u64))));
        let pair = |pair: [usize; 2]| Message::Pair {
            question: self.question,
            claims: pair.map(|claim| ClaimId(claim as u64)),
            opened: pair.map(|claim| asked.claims[claim].opened),
        };
        others.map(pair).collect()
    }

    /// The next message of every game.
    fn games(&self, asked: &SeenQuestion, own: ClaimId, now: Seconds) -> Vec<Result<Message, SequenceError>> {
        let games = asked.games.values().filter(|game| asked.is_live(game));
        let mut games: Vec<&SeenGame> = games.filter(|game| game.position.claims.contains(&own)).collect();
        games.sort_by_key(|game| deadline(game));
        games.into_iter().flat_map(|game| self.game(asked, game, own, now)).collect()
    }

    /// The next messages of a game: more than one where operands are kept before a judgement.
    fn game(
        &self,
        asked: &SeenQuestion,
        game: &SeenGame,
        own: ClaimId,
        now: Seconds,
    ) -> Vec<Result<Message, SequenceError>> {
        let position = &game.position;
        let side = if position.claims[0] == own { Side::A } else { Side::B };
        let is_out = now >= deadline(game);
        if is_out && position.turn != side {
            return vec![Ok(Message::Timeout { position: position.clone() })];
        }
        match answer(&self.story, &asked.question, position, side, game.last.as_ref()) {
            Ok(Some(Answer::Judge { kind, evidence })) => judge(game, kind, evidence),
            Ok(Some(Answer::Play(play))) if !is_out => {
                vec![Ok(Message::Move { position: position.clone(), play })]
            }
            Ok(_) => Vec::new(),
            Err(error) => vec![Err(error)],
        }
    }
}

/// When the side on turn will have used up its clock.
fn deadline(game: &SeenGame) -> Seconds {
    game.position.since.plus(game.position.clocks[game.position.turn.index()])
}

/// Whether all living claims have one root.
fn agree(asked: &SeenQuestion) -> bool {
    let mut roots = asked
        .claims
        .iter()
        .filter(|claim| claim.status == ClaimStatus::Living)
        .map(|claim| claim.opened.root());
    let first = roots.next();
    roots.all(|root| Some(root) == first)
}

fn judge(game: &SeenGame, kind: JudgeKind, evidence: Evidence) -> Vec<Result<Message, SequenceError>> {
    let position = &game.position;
    let slots: Vec<u8> = evidence.kept.iter().map(|(slot, _)| *slot).collect();
    let lacking = evidence.kept.into_iter().filter(|(slot, _)| !game.kept.contains(slot));
    let mut messages: Vec<_> = lacking
        .map(|(slot, witness)| Ok(Message::Keep { position: position.clone(), kind, slot, witness }))
        .collect();
    let witness = evidence.witness;
    messages.push(Ok(Message::Judge { position: position.clone(), kind, witness, slots }));
    messages
}
