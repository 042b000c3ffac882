//! What must hold of every simulation.
//!
//! Always: money is conserved and the job ends. Within the budgets of the terms: no honest party loses a bond, a seat's money or anything else; no false state
//! is settled when an honest checker was drawn or a whistleblower is awake; what was paid for is delivered.

use crate::losses::losses;
use crate::peer::Peer;
use crate::plays::PLAYS;
use crate::run::{PURSE, Run, is_open};
use crate::scene::Part;
use samebit_commit::Digest;
use samebit_dispute::ClaimStatus;
use samebit_market::{JobStage, Owner, SegmentId};
use samebit_roles::Piece;

impl Run<'_> {
    /// Looks at what came of everything.
    pub(crate) fn judge(&mut self) {
        let mut wrong = Vec::new();
        let ledger = self.chain.ledger();
        let total = PURSE.times(self.peers.len() as u64);
        if !ledger.market().is_balanced() || ledger.market().vault().total() != total {
            wrong.push("money was made or lost".to_owned());
        }
        if !ledger.dispute().is_balanced() {
            wrong.push("money was made or lost in Dispute".to_owned());
        }
        match ledger.market().jobs().next() {
            None => wrong.push("the job was not posted".to_owned()),
            Some(job) if is_open(job.stage) => wrong.push(format!("the job goes on: {:?}", job.attempt)),
            Some(job) => {
                if !self.scene.is_beyond {
                    self.judge_honest(job.stage, job.state, &mut wrong);
                }
            }
        }
        self.wrong.extend(wrong);
    }

    fn judge_honest(&self, stage: JobStage, state: Digest, wrong: &mut Vec<String>) {
        let losses = losses(self.chain.ledger(), self.chain.logs());
        let is_exempt = PLAYS[self.scene.play].exempt.is_some();
        let may_lose = |part| part == Part::Submitter || part == Part::Seat && is_exempt;
        for peer in self.honest().filter(|peer| !may_lose(peer.part)) {
            if self.has_lost(peer.owner) || losses.contains_key(&peer.owner) {
                wrong.push(format!(
                    "honest {:?} {} has lost: {}",
                    peer.part,
                    peer.owner,
                    self.account(peer.owner)
                ));
            }
        }
        if stage != JobStage::Done {
            wrong.push(format!("an honest solver was there, and the job is {stage:?}"));
        }
        if self.has_settled_false() && self.is_watched() {
            wrong.push("a false state was settled".to_owned());
        }
        if !is_exempt {
            self.judge_served(stage, state, wrong);
        }
    }

    /// What holds where a state that is held is served.
    fn judge_served(&self, stage: JobStage, state: Digest, wrong: &mut Vec<String>) {
        if self.counts.contains_key("waiting") {
            wrong.push("nobody has opened a seal".to_owned());
        }
        if !self.is_over() {
            wrong.push("the job has ended, and not everybody has its money".to_owned());
        }
        if stage == JobStage::Done && !self.submitter_has(state) {
            wrong.push("what was paid for was not delivered".to_owned());
        }
    }

    /// Whether what is settled is not what the job gives.
    pub(crate) fn has_settled_false(&self) -> bool {
        let job = self.chain.ledger().market().jobs().next();
        job.is_some_and(|job| {
            let truth =
                job.settled.checked_sub(1).map_or(self.world.initial(), |last| self.world.truth(last));
            job.state != truth
        })
    }

    /// Whether somebody has less than it had, or lost a claim or an attempt.
    pub(crate) fn has_lost(&self, owner: Owner) -> bool {
        let ledger = self.chain.ledger();
        let market = ledger.market();
        let seats = market.vault().seats().iter().filter(|seat| seat.owner == owner);
        let has = market.free(owner).0 + seats.map(|seat| seat.rest.0).sum::<u128>();
        let has_died = ledger.questions().any(|(id, _)| {
            let claims = ledger.dispute().claims(id);
            claims.iter().any(|claim| claim.owner.0 == owner.0 && claim.status == ClaimStatus::Dead)
        });
        let has_failed = market.jobs().any(|job| {
            ledger.tenures(job.id).iter().any(|tenure| tenure.solver == owner && tenure.fault.is_some())
        });
        has < PURSE.0 || has_died || has_failed
    }

    fn account(&self, owner: Owner) -> String {
        let ledger = self.chain.ledger();
        let faults = ledger.market().jobs().flat_map(|job| ledger.tenures(job.id));
        let faults: Vec<_> = faults.filter(|tenure| tenure.solver == owner).collect();
        format!("free {}, attempts {faults:?}", ledger.market().free(owner))
    }

    /// Whether an honest peer has run every segment of the last attempt that was settled falsely, or could have: a whistleblower that is awake and
    /// honest, or an honest verifier that was drawn for the first false segment.
    pub(crate) fn is_watched(&self) -> bool {
        let is_awake = |peer: &&Peer| matches!(peer.part, Part::Whistleblower(rate) if rate.0 > 0);
        let has_watcher = self.peers.iter().filter(is_awake).any(|peer| peer.lies.is_empty());
        has_watcher || self.has_honest_checker()
    }

    /// Whether an honest peer has run a segment of which another end was claimed and settled.
    fn has_honest_checker(&self) -> bool {
        let spec = self.world.spec();
        let mut start = self.world.initial();
        for block in self.chain.blocks() {
            for said in &block.said {
                let samebit_roles::Message::Market(samebit_market::Message::Market(
                    samebit_market::MarketMessage::Claim { first, states, .. },
                )) = &said.message
                else {
                    continue;
                };
                if first.0 == 0 {
                    start = self.world.initial();
                }
                for (segment, state) in (first.0..).map(SegmentId).zip(states) {
                    let piece = Piece { spec, segment, start };
                    let is_false = self.world.end_of(piece) != *state;
                    let mut honest = self.honest().filter(|peer| peer.part == Part::Seat);
                    if is_false && honest.any(|peer| peer.party.records().ran(&piece).is_some()) {
                        return true;
                    }
                    start = *state;
                }
            }
        }
        false
    }
}
