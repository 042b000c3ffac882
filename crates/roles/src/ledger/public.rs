//! What messages have made public besides what the contracts keep.

use samebit_commit::{Digest, Tree};
use samebit_dispute::{
    Amount, Event as Argued, Header, Message as Argument, Owner as Party, Question, QuestionId, Seconds,
};
use samebit_market::names::asked;
use samebit_market::{
    AttemptId, Event, FaultKind, JobId, Leaf, Market, MarketMessage, Message, Owner, Seconds as Time,
    SegmentId, Who,
};
use std::collections::{BTreeMap, BTreeSet};

/// What was posted of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// State root after each segment, with the solver's seal.
    pub leaves: Vec<Leaf>,
    /// The announced interior roots of segments that are not drawn.
    pub announced: Vec<Digest>,
    /// The interior roots, when they are revealed.
    pub interiors: Vec<Digest>,
}

impl Claimed {
    /// The tree over the claimed leaves.
    pub fn tree(&self) -> Tree {
        Tree::new(self.leaves.iter().map(Leaf::digest).collect())
    }

    /// The state before a segment of the batch that begins in `start`.
    pub fn start(&self, start: Digest, index: usize) -> Digest {
        index.checked_sub(1).map_or(start, |before| self.leaves[before].state)
    }
}

/// One solver's time with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// Whose.
    pub solver: Owner,
    /// What ended it before the job did.
    pub fault: Option<FaultKind>,
}

/// A question of Market's, and what was said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguing {
    /// The job.
    pub job: JobId,
    /// The challenge: attempt, segment, number.
    pub key: (AttemptId, SegmentId, u64),
    /// The question.
    pub question: Question,
    /// What it is checked by.
    pub header: Header,
    /// Its events, with their times, in order.
    pub log: Vec<(Seconds, Argued)>,
}

/// Whose leaves of which challenge were shown.
pub type ShownKey = (JobId, AttemptId, SegmentId, u64, Who);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Public {
    pub claimed: BTreeMap<(JobId, AttemptId, u64), Claimed>,
    pub shown: BTreeMap<ShownKey, Vec<Digest>>,
    pub tenures: BTreeMap<JobId, Vec<Tenure>>,
    pub asked: BTreeMap<Digest, QuestionId>,
    pub arguing: BTreeMap<QuestionId, Arguing>,
    /// Segments up to the last that was claimed, by attempt.
    pub reached: BTreeMap<(JobId, AttemptId), u64>,
    /// The state after each segment that is settled.
    pub settled: BTreeMap<JobId, Vec<Digest>>,
    /// Every state that was ever claimed for a job.
    pub named: BTreeMap<JobId, BTreeSet<Digest>>,
    /// When jobs ended.
    pub ended: BTreeMap<JobId, Time>,
    /// The challenge that Market has just taken, until its question is opened.
    opening: Option<(JobId, (AttemptId, SegmentId, u64))>,
}

/// What the contract asks Dispute about a segment.
pub struct Expected {
    spec: Digest,
    start: Digest,
    steps: (u64, u64),
    terms: [u64; 3],
    bond: u128,
    asker: Owner,
    nonce: Digest,
}

impl Expected {
    pub fn is(&self, question: &Question) -> bool {
        let times = [question.entry_seconds, question.clock_seconds, question.extension_seconds];
        (question.job, question.start, question.nonce) == (self.spec, self.start, self.nonce)
            && (question.first_step, question.step_count) == self.steps
            && times.map(|seconds| seconds.0) == self.terms
            && question.bond == Amount(self.bond)
            && question.asker == Party(self.asker.0)
    }
}

impl Public {
    /// What a challenge asks; nothing if there is no such segment.
    pub fn question_of(&self, market: &Market, challenge: &MarketMessage) -> Option<Expected> {
        let MarketMessage::Challenge { job, attempt, batch, segment, before, .. } = challenge else {
            return None;
        };
        let held = market.job(*job)?;
        let running = held.attempt.as_ref()?;
        let claimed = running.batches.get(usize::try_from(batch.0).ok()?)?;
        let index = segment.0.checked_sub(claimed.first)?;
        let terms = &held.terms;
        let number = held.marks.get(&(*attempt, *segment)).map_or(0, |mark| mark.challenges);
        Some(Expected {
            spec: held.spec,
            start: if index == 0 { claimed.start } else { before.state },
            steps: (segment.0.checked_mul(held.segment_steps)?, held.steps_of(segment.0)),
            terms: [terms.entry_seconds, terms.clock_seconds, terms.extension_seconds]
                .map(|seconds| seconds.0),
            bond: terms.question_bond.0,
            asker: market.site().market,
            nonce: asked(*job, *attempt, *segment, number),
        })
    }

    pub fn note_market(&mut self, now: Time, message: &Message, events: &[Event]) {
        if let Message::Market(message) = message {
            self.note_posted(message, events);
        }
        for event in events {
            match event {
                Event::Accepted { job, solver, .. } => {
                    let tenure = Tenure { solver: *solver, fault: None };
                    self.tenures.entry(*job).or_default().push(tenure);
                }
                Event::Faulted { job, attempt, fault } => {
                    let tenures = self.tenures.entry(*job).or_default();
                    tenures[attempt.0 as usize].fault = Some(*fault);
                }
                Event::Settled { job, attempt, batch } => {
                    let states = self.posted(*job, *attempt, batch.0).leaves.iter().map(|leaf| leaf.state);
                    let states: Vec<Digest> = states.collect();
                    self.settled.entry(*job).or_default().extend(states);
                }
                Event::Ended { job, .. } => {
                    self.ended.insert(*job, now);
                }
                Event::Challenged { job, attempt, segment, number, .. } => {
                    self.opening = Some((*job, (*attempt, *segment, *number)));
                }
                _ => {}
            }
        }
    }

    fn note_posted(&mut self, message: &MarketMessage, events: &[Event]) {
        match message {
            MarketMessage::Claim { job, attempt, first, states, seals, .. } => {
                self.reached.insert((*job, *attempt), first.0 + states.len() as u64);
                let batch = events.iter().find_map(|event| match event {
                    Event::Claimed { batch, .. } => Some(batch.0),
                    _ => None,
                });
                self.named.entry(*job).or_default().extend(states);
                let leaf = |(state, seal): (&Digest, &Digest)| Leaf { state: *state, seal: *seal };
                let leaves = states.iter().zip(seals).map(leaf).collect();
                let claimed = Claimed { leaves, ..Claimed::default() };
                self.claimed.insert((*job, *attempt, batch.expect("a claim has a batch")), claimed);
            }
            MarketMessage::Announce { job, attempt, batch, roots, .. } => {
                self.posted(*job, *attempt, batch.0).announced = roots.clone();
            }
            MarketMessage::Reveal { job, attempt, batch, interiors, .. } => {
                self.posted(*job, *attempt, batch.0).interiors = interiors.clone();
            }
            MarketMessage::Show { job, attempt, segment, number, who, leaves, .. } => {
                self.shown.insert((*job, *attempt, *segment, *number, *who), leaves.clone());
            }
            _ => {}
        }
    }

    fn posted(&mut self, job: JobId, attempt: AttemptId, batch: u64) -> &mut Claimed {
        self.claimed.get_mut(&(job, attempt, batch)).expect("the batch was claimed")
    }

    pub fn note_dispute(&mut self, time: Seconds, message: &Argument, events: &[Argued]) {
        let about = match message {
            Argument::OpenQuestion { question, header } => {
                if let Some((job, key)) = self.opening.take() {
                    let arguing = Arguing {
                        job,
                        key,
                        question: question.clone(),
                        header: header.clone(),
                        log: Vec::new(),
                    };
                    self.asked.insert(question.nonce, question.id());
                    self.arguing.insert(question.id(), arguing);
                }
                Some(question.id())
            }
            Argument::Claim { question, .. }
            | Argument::Pair { question, .. }
            | Argument::Resolve { question, .. }
            | Argument::Release { question, .. } => Some(*question),
            Argument::Move { position, .. }
            | Argument::Keep { position, .. }
            | Argument::Judge { position, .. }
            | Argument::Timeout { position } => Some(position.question),
            Argument::Withdraw => None,
        };
        // What is paid out may come from any question.
        let concerned = self.arguing.iter_mut().filter(|(id, _)| about.is_none_or(|about| about == **id));
        concerned
            .for_each(|(_, arguing)| arguing.log.extend(events.iter().map(|event| (time, event.clone()))));
    }
}
