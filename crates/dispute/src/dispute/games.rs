//! Games: their start, moves, verdicts and clocks (dispute.md §3 … §6).
//!
//! ```text
//! clock before   ├──────────── used ───────────┤── left ──┤        a move leaves max(left, extension)
//! since                                        now
//! ```

use super::{Asked, Dispute};
use crate::difference::Side;
use crate::ids::{ClaimId, GameId, Owner, QuestionId, Seconds};
use crate::limits;
use crate::message::{Event, Opened, QuestionStatus};
use crate::moves::Move;
use crate::planted::{Bug, planted};
use crate::position::{Position, Stage};
use crate::question::Question;
use crate::referee::{Case, JudgeKind, Referee, Truth, Verdict};
use crate::refusal::{Mismatch, Refusal};
use crate::transition;
use crate::words::number;
use samebit_commit::Digest;
use samebit_commit::merkle::{height, inner};

impl Dispute {
    pub(super) fn pair(
        &mut self,
        now: Seconds,
        id: QuestionId,
        claims: [ClaimId; 2],
        opened: &[Opened; 2],
    ) -> Result<Vec<Event>, Refusal> {
        let asked = self.asked(id)?;
        asked.open()?;
        if claims[0] >= claims[1] {
            return Err(Refusal::WrongOrder(claims));
        }
        let roots = [asked.living(claims[0])?.root, asked.living(claims[1])?.root];
        let game = GameId { question: id, a: claims[0], b: claims[1] };
        if self.games.contains_key(&game) {
            return Err(Refusal::GameExists(game));
        }
        for (what, opened, expected) in
            [("the older claim", opened[0], roots[0]), ("the younger claim", opened[1], roots[1])]
        {
            let found = opened.root();
            if found != expected {
                return Err(Mismatch { what, found, expected }.into());
            }
        }
        if roots[0] == roots[1] {
            return Err(Refusal::SameRoot(roots[0]));
        }
        let position = first_position(&asked.question, game, opened, now);
        self.games.insert(game, position.hash());
        Ok(vec![Event::Paired { position }])
    }

    /// The question of a game that stands at this position, with both claims living.
    fn standing(&self, position: &Position) -> Result<&Asked, Refusal> {
        let game = position.game();
        let given = position.hash();
        // Planted, a game that is over still stands where its last message says.
        let over = planted(Bug::PlayAfterDeath).then_some(given);
        let held = self.game(game).or(over).ok_or(Refusal::UnknownGame(game))?;
        if given != held && !planted(Bug::NoHashBinding) {
            return Err(Refusal::WrongPosition { held, given });
        }
        let asked = self.asked(game.question)?;
        if !planted(Bug::PlayAfterDeath) {
            asked.open()?;
            asked.living(game.a)?;
            asked.living(game.b)?;
        }
        Ok(asked)
    }

    pub(super) fn play<R: Referee + ?Sized>(
        &mut self,
        referee: &R,
        now: Seconds,
        sender: Owner,
        position: &Position,
        play: &Move,
    ) -> Result<Vec<Event>, Refusal> {
        let asked = self.standing(position)?;
        let (used, clock) = on_clock(now, position);
        if used >= clock {
            return Err(Refusal::ClockOut { used, clock });
        }
        if position.moves >= limits::MOVES {
            return Err(Refusal::TooManyMoves(limits::MOVES));
        }
        let owner = asked.claim(position.claims[position.turn.index()])?.owner;
        let owns = || match sender == owner || planted(Bug::StrangerCommits) {
            true => Ok(()),
            false => Err(Refusal::NotOwner { sender, owner }),
        };
        let mut to = transition::play(case(asked, position)?, referee, &owns, play)?;
        let used = if planted(Bug::FreeMoves) { Seconds(0) } else { used };
        let left = clock.since(used).max(asked.question.extension_seconds);
        to.clocks[position.turn.index()] = left;
        to.turn = position.turn.other();
        to.moves += 1;
        to.since = now;
        self.games.insert(position.game(), to.hash());
        Ok(vec![Event::Moved { play: play.clone(), position: to }])
    }

    pub(super) fn keep<R: Referee + ?Sized>(
        &mut self,
        referee: &R,
        position: &Position,
        kind: JudgeKind,
        slot: u8,
        witness: &[u8],
    ) -> Result<Vec<Event>, Refusal> {
        let asked = self.standing(position)?;
        let has_operands = matches!(kind, JudgeKind::Map | JudgeKind::Block | JudgeKind::Lane);
        if !has_operands || !kind.is_allowed(position) {
            return Err(Refusal::WrongKind { kind, stage: position.stage });
        }
        transition::check_witness(witness)?;
        let key = (position.hash(), kind, slot);
        if self.kept.get(&key).is_some_and(|words| !words.is_empty()) {
            return Err(Refusal::KeptBefore { slot });
        }
        let operand = referee.operand(case(asked, position)?, kind, slot, witness)?;
        self.kept.insert(key, operand);
        Ok(vec![Event::Kept { game: position.game(), slot }])
    }

    pub(super) fn judge<R: Referee + ?Sized>(
        &mut self,
        referee: &R,
        sender: Owner,
        position: &Position,
        kind: JudgeKind,
        witness: &[u8],
        slots: &[u8],
    ) -> Result<Vec<Event>, Refusal> {
        let asked = self.standing(position)?;
        if !kind.is_allowed(position) {
            return Err(Refusal::WrongKind { kind, stage: position.stage });
        }
        transition::check_witness(witness)?;
        let (found, limit) = (slots.len(), limits::SLOTS);
        if found > limit {
            return Err(Refusal::TooManySlots { found, limit });
        }
        let hash = position.hash();
        let kept = |&slot: &u8| {
            let words = self.kept.get(&(hash, kind, slot)).filter(|words| !words.is_empty());
            let words = words.ok_or(Refusal::NotKept { slot })?;
            Ok((slot, words.clone()))
        };
        let kept = slots.iter().map(kept).collect::<Result<Vec<_>, Refusal>>()?;
        let truth = referee.truth(case(asked, position)?, kind, witness, &kept)?;
        if kind == JudgeKind::Malformed && truth != Truth::Malformed {
            return Err(Refusal::NotMalformed);
        }
        let values = kind.values(position);
        let verdict = Verdict::of(truth, values).ok_or(Refusal::NoDifference(position.stage))?;
        let game = position.game();
        let mut events = vec![Event::Judged { game, kind, verdict }];
        self.games.insert(game, Digest::ZERO);
        match verdict {
            Verdict::False(side) => self.bury(sender, game, side, &mut events),
            Verdict::BothFalse => self.bury_both(sender, game, &mut events),
            Verdict::Void => {
                let (question, status) = (game.question, QuestionStatus::Void);
                self.asked_mut(question).status = status;
                events.push(Event::QuestionClosed { question, status });
            }
        }
        Ok(events)
    }

    pub(super) fn time_out(
        &mut self,
        now: Seconds,
        sender: Owner,
        position: &Position,
    ) -> Result<Vec<Event>, Refusal> {
        self.standing(position)?;
        let (used, clock) = on_clock(now, position);
        let waiting = position.clocks[position.turn.other().index()];
        let limit = if planted(Bug::EarlyTimeout) { clock.min(waiting) } else { clock };
        if used < limit {
            return Err(Refusal::ClockRuns { used, clock });
        }
        let (game, side) = (position.game(), position.turn);
        let mut events = vec![Event::TimedOut { game, side }];
        self.games.insert(game, Digest::ZERO);
        self.bury(sender, game, side, &mut events);
        Ok(events)
    }
}

/// What the side on turn has used of its clock, and its clock.
fn on_clock(now: Seconds, position: &Position) -> (Seconds, Seconds) {
    (now.since(position.since), position.clocks[position.turn.index()])
}

/// What the referee looks at.
fn case<'a>(asked: &'a Asked, position: &'a Position) -> Result<Case<'a>, Refusal> {
    let [a, b] = position.claims;
    let roots = [asked.claim(a)?.root, asked.claim(b)?.root];
    Ok(Case { question: &asked.question, position, roots })
}

/// The top of the steps in a tree over all steps of the question.
fn padded(opened: &Opened, question: &Question) -> Digest {
    let missing = height(question.step_count) - height(opened.count);
    (0..missing).fold(opened.steps_top, |top, _| inner(top, Digest::ZERO))
}

/// Where a game between claims of different roots begins.
fn first_position(question: &Question, game: GameId, opened: &[Opened; 2], now: Seconds) -> Position {
    let mut position = Position::start(game, question.clock_seconds, now);
    let tops = opened.each_ref().map(|opened| padded(opened, question));
    let counts = opened.each_ref().map(|opened| opened.count);
    if tops[0] != tops[1] {
        position.stage = Stage::Steps;
        position.count = question.step_count;
        position.level = height(question.step_count) as u8;
        position.held = tops;
    } else if counts[0] != counts[1] {
        // One of them does not count what its own tree has.
        let step = counts[0].min(counts[1]);
        position.stage = Stage::Ended;
        position.step = step;
        position.held = counts.map(|count| number((count > step).into()));
    } else {
        position.stage = Stage::SegmentEnd;
        position.step = counts[0] - 1;
        position.held = opened.each_ref().map(|opened| opened.state);
    }
    debug_assert_eq!(position.turn, Side::A);
    position
}
