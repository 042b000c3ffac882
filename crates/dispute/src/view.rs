//! What the log says: the state of all games as far as a player needs it, made from events alone, so that it survives a crash.

use crate::ids::{ClaimId, GameId, Owner, QuestionId, Seconds};
use crate::message::{ClaimStatus, Event, Opened, QuestionStatus};
use crate::moves::Move;
use crate::position::Position;
use crate::question::Question;
use crate::referee::Verdict;
use std::collections::{BTreeMap, BTreeSet};

/// A question as the log tells of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenQuestion {
    /// What is asked.
    pub question: Question,
    /// When claims stop to enter.
    pub closes: Seconds,
    /// Where it stands.
    pub status: QuestionStatus,
    /// The claims, by number.
    pub claims: Vec<SeenClaim>,
    /// The games, by their claims.
    pub games: BTreeMap<[ClaimId; 2], SeenGame>,
}

/// A claim as the log tells of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenClaim {
    /// Whose it is.
    pub owner: Owner,
    /// What is claimed.
    pub opened: Opened,
    /// Where it stands.
    pub status: ClaimStatus,
}

/// A game as the log tells of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenGame {
    /// Where it is.
    pub position: Position,
    /// The last move: what the side not on turn has shown.
    pub last: Option<Move>,
    /// Operands kept for this position.
    pub kept: BTreeSet<u8>,
    /// Whether it has ended.
    pub is_over: bool,
}

/// All questions that the log tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View {
    questions: BTreeMap<QuestionId, SeenQuestion>,
}

impl View {
    /// Takes the next event of the log. Events about what was never opened are passed over.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::QuestionOpened { question, closes } => {
                let seen = SeenQuestion {
                    question: question.clone(),
                    closes: *closes,
                    status: QuestionStatus::Open,
                    claims: Vec::new(),
                    games: BTreeMap::new(),
                };
                self.questions.insert(question.id(), seen);
            }
            Event::Claimed { question, claim, owner, opened } => {
                let seen = SeenClaim { owner: *owner, opened: *opened, status: ClaimStatus::Living };
                if let Some(asked) = self.questions.get_mut(question) {
                    debug_assert_eq!(asked.claims.len() as u64, claim.0);
                    asked.claims.push(seen);
                }
            }
            Event::Paired { position } => self.stand(position, None),
            Event::Moved { play, position } => self.stand(position, Some(play.clone())),
            Event::Kept { game, slot } => {
                if let Some(game) = self.game_mut(*game) {
                    game.kept.insert(*slot);
                }
            }
            Event::Judged { game, verdict, .. } => {
                debug_assert!(!matches!(verdict, Verdict::Void) || self.game_mut(*game).is_some());
                self.end(*game);
            }
            Event::TimedOut { game, .. } => self.end(*game),
            Event::ClaimDied { question, claim } => self.set_claim(*question, *claim, ClaimStatus::Dead),
            Event::Released { question, claim } => {
                self.set_claim(*question, *claim, ClaimStatus::Released);
            }
            Event::QuestionClosed { question, status } => {
                if let Some(asked) = self.questions.get_mut(question) {
                    asked.status = *status;
                }
            }
            Event::Credited { .. } | Event::Withdrawn { .. } => {}
        }
    }

    /// What the whole log says.
    pub fn of<'a>(log: impl IntoIterator<Item = &'a Event>) -> View {
        let mut view = View::default();
        log.into_iter().for_each(|event| view.observe(event));
        view
    }

    /// A question, if the log tells of it.
    pub fn question(&self, id: QuestionId) -> Option<&SeenQuestion> {
        self.questions.get(&id)
    }

    /// A game, if the log tells of it.
    pub fn game(&self, game: GameId) -> Option<&SeenGame> {
        self.questions.get(&game.question)?.games.get(&[game.a, game.b])
    }

    fn game_mut(&mut self, game: GameId) -> Option<&mut SeenGame> {
        self.questions.get_mut(&game.question)?.games.get_mut(&[game.a, game.b])
    }

    fn stand(&mut self, position: &Position, last: Option<Move>) {
        let Some(asked) = self.questions.get_mut(&position.question) else { return };
        let game = SeenGame { position: position.clone(), last, kept: BTreeSet::new(), is_over: false };
        asked.games.insert(position.claims, game);
    }

    fn end(&mut self, game: GameId) {
        if let Some(game) = self.game_mut(game) {
            game.is_over = true;
        }
    }

    fn set_claim(&mut self, question: QuestionId, claim: ClaimId, status: ClaimStatus) {
        let asked = self.questions.get_mut(&question);
        let claim = asked.and_then(|asked| asked.claims.get_mut(usize::try_from(claim.0).ok()?));
        if let Some(claim) = claim {
            claim.status = status;
        }
    }
}

impl SeenQuestion {
    /// Whether a game goes on: both its claims live, and the question is open.
    pub fn is_live(&self, game: &SeenGame) -> bool {
        let lives = |claim: &ClaimId| {
            let claim = usize::try_from(claim.0).ok().and_then(|at| self.claims.get(at));
            claim.is_some_and(|claim| claim.status == ClaimStatus::Living)
        };
        self.status == QuestionStatus::Open && !game.is_over && game.position.claims.iter().all(lives)
    }
}
