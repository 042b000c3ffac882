//! What is said of drawn segments and of challenges.

use super::Script;
use crate::ids::{AttemptId, BatchId, DrawId, Owner, PlaceId, SegmentId};
use crate::job::{Attempt, Batch, Challenge, ChallengeStage, Draw, DrawStage, Place};
use crate::message::MarketMessage;
use crate::names::Role;
use crate::testing::chain::Chain;
use samebit_commit::Tree;

impl Script {
    pub(super) fn about_draw(
        &self,
        chain: &Chain,
        (attempt, batch, draw): (AttemptId, BatchId, DrawId),
        running: &Attempt,
        claimed: &Batch,
        drawn: &Draw,
        due: &mut Vec<(Owner, MarketMessage)>,
    ) {
        let (job, SegmentId(segment)) = (self.job, drawn.segment);
        match drawn.stage {
            DrawStage::Sealing => {
                due.extend(self.seals(chain, (attempt, batch, draw), claimed, drawn));
                due.push((self.watcher, MarketMessage::Close { job, attempt, batch, draw }));
            }
            DrawStage::Opening => {
                due.extend(self.openings((attempt, batch, draw), drawn));
                let leaves = self.leaves(chain, attempt, claimed);
                due.push((
                    running.solver,
                    MarketMessage::OpenSolver {
                        job,
                        attempt,
                        batch,
                        draw,
                        state: self.state(attempt, segment),
                        secret: self.secret(attempt, segment),
                        interior: self.interior(attempt, segment),
                        secret_siblings: self.secrets(attempt).open(segment).expect("it is inside").siblings,
                        leaf_siblings: leaves.open(segment - claimed.first).expect("it is inside").siblings,
                    },
                ));
                due.push((self.watcher, MarketMessage::Conclude { job, attempt, batch, draw }));
            }
            DrawStage::Waiting => {
                due.push((self.watcher, MarketMessage::Redraw { job, attempt, batch, draw }))
            }
            DrawStage::Contested => {
                let challenge = self.challenge(chain, (attempt, batch), claimed, segment, true);
                due.push((running.solver, challenge.clone()));
                due.push((self.watcher, challenge));
            }
            _ => {}
        }
    }

    fn is_verifier(&self, at: Option<usize>, owner: Owner) -> bool {
        at.is_some_and(|at| self.verifiers.get(at) == Some(&owner))
    }

    fn seals(
        &self,
        chain: &Chain,
        (attempt, batch, draw): (AttemptId, BatchId, DrawId),
        claimed: &Batch,
        drawn: &Draw,
    ) -> Vec<(Owner, MarketMessage)> {
        let seal = |(at, place): (u64, &Place)| {
            let (_, owner) =
                place.seat.filter(|(_, owner)| !self.is_verifier(self.conduct.silent, *owner))?;
            let (salt, interior) = self.sealed(owner, drawn.segment.0);
            let of = (self.job, attempt, drawn.segment);
            let message = MarketMessage::Seal {
                job: self.job,
                attempt,
                batch,
                draw,
                place: PlaceId(at),
                root: claimed.root,
                seal: chain.market.site().seal(of, (Role::Verifier, owner), salt, interior),
            };
            Some((owner, message))
        };
        (0..).zip(&drawn.places).filter_map(seal).collect()
    }

    fn openings(
        &self,
        (attempt, batch, draw): (AttemptId, BatchId, DrawId),
        drawn: &Draw,
    ) -> Vec<(Owner, MarketMessage)> {
        let open = |(at, place): (u64, &Place)| {
            let (_, owner) = place.seat.filter(|(_, owner)| !self.is_verifier(self.conduct.shut, *owner))?;
            let (salt, interior) = self.sealed(owner, drawn.segment.0);
            let place = PlaceId(at);
            let message =
                MarketMessage::OpenVerifier { job: self.job, attempt, batch, draw, place, salt, interior };
            Some((owner, message))
        };
        (0..).zip(&drawn.places).filter_map(open).collect()
    }

    pub(super) fn about_challenge(
        &self,
        chain: &Chain,
        (attempt, segment, number): (AttemptId, SegmentId, u64),
        challenge: &Challenge,
        due: &mut Vec<(Owner, MarketMessage)>,
    ) {
        let job = self.job;
        let watcher = self.watcher;
        match challenge.stage {
            ChallengeStage::Asked => {
                let opened = self.toy.answer(segment.0);
                due.push((watcher, MarketMessage::Judge { job, attempt, segment, number, opened }));
                due.push((watcher, MarketMessage::Finish { job, attempt, segment, number }));
            }
            ChallengeStage::Answered => {
                due.extend(self.shows(chain, (attempt, segment, number), challenge));
                due.push((watcher, MarketMessage::Finish { job, attempt, segment, number }));
            }
            ChallengeStage::Closed if challenge.winners > 0 => {
                let pay = |claim| MarketMessage::PayWinner { job, attempt, segment, number, claim };
                due.extend((0..4).map(|claim| (watcher, pay(claim))));
            }
            ChallengeStage::Closed => {}
        }
    }

    /// Who can shows its leaves; the watcher refutes what is false.
    fn shows(
        &self,
        chain: &Chain,
        (attempt, segment, number): (AttemptId, SegmentId, u64),
        challenge: &Challenge,
    ) -> Vec<(Owner, MarketMessage)> {
        let running = self.held(chain).attempt.as_ref();
        let Some(batch) = running.and_then(|running| running.batches.get(challenge.batch.0 as usize)) else {
            return Vec::new();
        };
        let range = batch.first..batch.first + batch.count;
        let interiors = Tree::new(range.map(|at| self.interior(attempt, at)).collect());
        let siblings = match challenge.draw {
            Some(_) => Vec::new(),
            None => interiors.open(segment.0 - batch.first).expect("it is inside").siblings,
        };
        let mut due = Vec::new();
        for &who in challenge.defences.keys() {
            for run in [self.toy.clone(), self.toy.false_run()] {
                let (job, leaves, siblings) = (self.job, run.leaves(segment.0), siblings.clone());
                let sender = self.watcher;
                due.push((
                    sender,
                    MarketMessage::Show { job, attempt, segment, number, who, leaves, siblings },
                ));
            }
            let leaves = Tree::new(self.toy.false_run().leaves(segment.0));
            due.push((
                self.watcher,
                MarketMessage::Refute {
                    job: self.job,
                    attempt,
                    segment,
                    number,
                    who,
                    step: 0,
                    leaf: leaves.leaves()[0],
                    siblings: leaves.open(0).expect("it is inside").siblings,
                    evidence: self.toy.evidence(segment.0, 0),
                },
            ));
        }
        due
    }
}
