//! Challenges: asked of Dispute, judged by its answer, finished.

use super::{BatchStage, Challenge, ChallengeStage, Defence, Desk, DrawStage, Job, JobStage, opens, same};
use crate::event::{Ending, Event, FaultKind, Ruling};
use crate::ids::{Amount, AttemptId, BatchId, Owner, PlaceId, Seconds, SegmentId};
use crate::message::{Answer, Leaf, Pot, Who};
use crate::names::asked;
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use crate::world::Question;
use samebit_commit::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Which challenge a message is about.
pub(super) type Key = (AttemptId, SegmentId, u64);

impl Job {
    pub(super) fn challenge(
        &mut self,
        desk: &mut Desk<'_>,
        (attempt, batch, segment): (AttemptId, BatchId, SegmentId),
        interior: bool,
        [(leaf, siblings), (before, before_siblings)]: [(&Leaf, &[Digest]); 2],
    ) -> Result<(), Refusal> {
        let found = self.batch(attempt, batch, BatchStage::Drawn..=BatchStage::Revealed)?;
        let index = found.index(segment)?;
        let number = self.marks.get(&(attempt, segment)).map_or(0, |mark| mark.challenges);
        if let Some(last) = number.checked_sub(1)
            && self.challenges[&(attempt, segment, last)].stage != ChallengeStage::Closed
        {
            return Err(Refusal::ChallengeUnfinished(segment));
        }
        let contested = found.draw_of(segment).filter(|draw| {
            let draw = &found.draws[draw.0 as usize];
            draw.stage == DrawStage::Contested && draw.about.is_none()
        });
        if interior && contested.is_none() && found.stage != BatchStage::Revealed {
            return Err(Refusal::WrongBatchStage { batch, stage: found.stage });
        }
        opens("leaf", found.root, (found.count, index), leaf.digest(), siblings)?;
        if index > 0 {
            opens("leaf before", found.root, (found.count, index - 1), before.digest(), before_siblings)?;
        }
        let bond = if contested.is_some() { Amount(0) } else { self.terms.challenge_bond };
        desk.vault.require(desk.sender, bond)?;

        let is_last = index + 1 == found.count;
        let count = if is_last { found.last_count } else { self.steps_of(segment.0) };
        let mut defences = BTreeMap::new();
        if interior || contested.is_some() {
            defences.insert(Who::Solver, Defence::default());
        }
        if let Some(draw) = contested {
            let draw = &found.draws[draw.0 as usize];
            let differs = |root: Option<Digest>| root.is_some() && root != draw.interior;
            let parties = draw.places.iter().enumerate().filter(|(_, place)| differs(place.interior));
            let party = |(at, _)| (Who::Verifier(PlaceId(at as u64)), Defence::default());
            defences.extend(parties.map(party));
        }
        desk.vault.lock(desk.sender, bond);
        let challenge = Challenge {
            stage: ChallengeStage::Asked,
            owner: desk.sender,
            bond,
            batch,
            is_interior: interior || contested.is_some(),
            draw: contested,
            state: leaf.state,
            count,
            steps_top: Digest::ZERO,
            since: Default::default(),
            defences,
            share: Amount(0),
            winners: 0,
            paid: BTreeSet::new(),
        };
        let is_interior = challenge.is_interior;
        self.challenges.insert((attempt, segment, number), challenge);
        self.marks.entry((attempt, segment)).or_default().challenges += 1;
        let found = self.batch_mut(batch);
        found.unfinished += 1;
        if let Some(draw) = contested {
            found.draws[draw.0 as usize].about = Some(number);
        }
        self.clock.stop(desk.now);
        let (job, owner) = (self.id, desk.sender);
        desk.tell(Event::Challenged { job, attempt, segment, number, owner, interior: is_interior });
        Ok(())
    }

    pub(super) fn judge(&mut self, desk: &mut Desk<'_>, key: Key, opened: &Answer) -> Result<(), Refusal> {
        let challenge = self.challenge_at(key, ChallengeStage::Asked)?;
        let (attempt, segment, number) = key;
        let question = desk.world.question(asked(self.id, attempt, segment, number));
        let (ruling, living) = match question {
            Question::Open => return Err(Refusal::QuestionOpen),
            Question::Unanswered => (Ruling::Unanswered, 0),
            Question::Void => (Ruling::Void, 0),
            Question::Answered { root, living } => {
                same("answer", opened.root(), root)?;
                let is_right = (opened.state, opened.count) == (challenge.state, challenge.count);
                (if is_right { Ruling::Right } else { Ruling::Wrong }, living)
            }
        };
        self.clock.release(desk.now);
        desk.tell(Event::Judged { job: self.id, attempt, segment, number, ruling });
        match ruling {
            Ruling::Right => self.judged_right(desk, key, opened.steps_top),
            Ruling::Void => self.void(desk, key),
            Ruling::Wrong | Ruling::Unanswered => {
                self.give_bond_back(desk, key);
                let share = self.fault(desk, FaultKind::State(segment), living);
                let challenge = self.challenge_mut(key);
                // Nothing is nobody's share.
                (challenge.share, challenge.winners) = (share, if share.0 > 0 { living } else { 0 });
            }
        }
        Ok(())
    }

    fn judged_right(&mut self, desk: &mut Desk<'_>, key: Key, steps_top: Digest) {
        let now = self.clock.read(desk.now);
        let challenge = self.challenge_mut(key);
        challenge.steps_top = steps_top;
        if challenge.is_interior {
            (challenge.stage, challenge.since) = (ChallengeStage::Answered, now);
        } else {
            self.lose_bond(desk, key);
        }
    }

    /// The job is malformed: it ends at the poster's cost.
    fn void(&mut self, desk: &mut Desk<'_>, key: Key) {
        let challenger = self.challenges[&key].owner;
        self.give_bond_back(desk, key);
        let running = self.attempt.as_ref().expect("an attempt is judged");
        let solver = running.solver;
        let claimed = running.claimed - self.settled;
        self.pay_segments(desk, claimed);
        desk.pay(solver, self.terms.deposit);
        let cost = self.terms.challenge_cost.min(self.escrow);
        self.escrow = self.escrow.less(cost);
        desk.pay(challenger, cost);
        self.end_attempt(desk);
        self.stage = JobStage::Void;
        desk.pay(self.poster, std::mem::take(&mut self.escrow));
        desk.tell(Event::Ended { job: self.id, ending: Ending::Void });
    }

    /// The challenge is closed, its bond the challenger's again.
    fn give_bond_back(&mut self, desk: &mut Desk<'_>, key: Key) {
        let challenge = self.challenge_mut(key);
        challenge.stage = ChallengeStage::Closed;
        let (owner, bond) = (challenge.owner, challenge.bond);
        desk.pay(owner, bond);
    }

    /// The challenge is closed, its bond the solver's and the insurance's.
    fn lose_bond(&mut self, desk: &mut Desk<'_>, key: Key) {
        let solver = self.attempt_mut().solver;
        let challenge = self.challenge_mut(key);
        challenge.stage = ChallengeStage::Closed;
        let (bond, batch) = (challenge.bond, challenge.batch);
        let half = Amount(bond.0 / 2);
        desk.pay(solver, half);
        desk.fill(Pot::Insurance, bond.less(half));
        self.batch_mut(batch).unfinished -= 1;
    }

    pub(super) fn finish(&mut self, desk: &mut Desk<'_>, key: Key) -> Result<(), Refusal> {
        let challenge = self.challenge_of(key)?;
        let (attempt, segment, number) = key;
        let stage = challenge.stage;
        if stage == ChallengeStage::Closed {
            return Err(Refusal::WrongChallengeStage { stage });
        }
        let finished = Event::Finished { job: self.id, attempt, segment, number };
        let has_ended = self.stage != JobStage::Running || attempt != self.running();
        if has_ended && !planted(Bug::BondKept) {
            self.give_bond_back(desk, key);
            desk.tell(finished);
            return Ok(());
        }
        let challenge = self.challenge_at(key, ChallengeStage::Answered)?;
        let twice = Seconds(2 * self.terms.contest_seconds.0);
        if !desk.is_over(self.clock.read(desk.now), challenge.since, twice) {
            return Err(Refusal::TooEarly("roots can still be shown and refuted"));
        }
        desk.tell(finished);
        match challenge.defences[&Who::Solver].stands() {
            true => self.solver_stands(desk, key),
            false => self.solver_falls(desk, key),
        }
        Ok(())
    }

    /// The seats of a contested draw's parties, with whether their roots stand.
    fn parties(&self, key: Key) -> Vec<(crate::ids::SeatId, Owner, bool)> {
        let challenge = &self.challenges[&key];
        let Some(draw) = challenge.draw else { return Vec::new() };
        let running = self.attempt.as_ref().expect("the attempt was looked up");
        let places = &running.batches[challenge.batch.0 as usize].draws[draw.0 as usize].places;
        let party = |(who, defence): (&Who, &Defence)| match who {
            Who::Solver => None,
            Who::Verifier(place) => {
                let (seat, owner) = places[place.0 as usize].seat?;
                Some((seat, owner, defence.stands()))
            }
        };
        challenge.defences.iter().filter_map(party).collect()
    }

    fn solver_stands(&mut self, desk: &mut Desk<'_>, key: Key) {
        let solver = self.attempt_mut().solver;
        let heir = (solver, self.terms.challenge_cost);
        let (batch, draw) = (self.challenges[&key].batch, self.challenges[&key].draw);
        let parties = self.parties(key);
        if let Some(draw) = draw {
            let height = self.draw_mut(batch, draw).setting.height;
            for (seat, ..) in parties.into_iter().filter(|(.., stands)| !stands) {
                desk.vault.fine((seat, height), Amount(u128::MAX), heir, desk.now, desk.events);
            }
            self.pay_checkers(desk, batch, draw);
            self.end_draw(desk, (key.0, batch, draw), DrawStage::Decided);
        }
        self.lose_bond(desk, key);
    }

    fn solver_falls(&mut self, desk: &mut Desk<'_>, key: Key) {
        let challenge = &self.challenges[&key];
        let winners: Vec<Owner> = match challenge.draw {
            Some(_) => self
                .parties(key)
                .into_iter()
                .filter(|(.., stands)| *stands)
                .map(|(_, owner, _)| owner)
                .collect(),
            None => vec![challenge.owner],
        };
        self.give_bond_back(desk, key);
        let share = self.fault(desk, FaultKind::Interior(key.1), winners.len() as u64);
        winners.into_iter().for_each(|owner| desk.pay(owner, share));
    }

    pub(super) fn pay_winner(&mut self, desk: &mut Desk<'_>, key: Key, claim: u64) -> Result<(), Refusal> {
        let challenge = self.challenge_of(key)?;
        if challenge.winners == 0 {
            return Err(Refusal::NoPrize);
        }
        let (attempt, segment, number) = key;
        let won = desk.world.claim(asked(self.id, attempt, segment, number), claim);
        let winner = won.filter(|won| won.has_lived).ok_or(Refusal::NotAWinner(claim))?;
        if challenge.paid.contains(&claim) && !planted(Bug::WinnerTwice) {
            return Err(Refusal::PaidBefore(claim));
        }
        let challenge = self.challenge_mut(key);
        challenge.paid.insert(claim);
        challenge.winners -= 1;
        let share = challenge.share;
        desk.pay(winner.owner, share);
        Ok(())
    }
}
