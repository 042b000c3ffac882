//! The table of docs/spec/job.md §5, tried out: every message at every stage of what it is about.
//!
//! ```text
//! random walks, and scenes of what walks need luck for ──> at many moments: all that was due once, aimed at all there is ──> who hears
//! ```
//! What is tried is said to a copy of the chain. Whoever hears it may have another implementation say what it makes of it.

mod aim;
mod scenes;
mod stages;

pub use stages::TABLE;

use crate::event::Event;
use crate::ids::{AttemptId, JobId, Owner, SegmentId};
use crate::message::{MarketMessage, Message, Who};
use crate::refusal::Refusal;
use crate::testing::{Chain, Script, Step, Walk};
use aim::{aimed, in_job};
use samebit_commit::Tree;
use stages::{kind, stage};
use std::collections::{BTreeMap, BTreeSet};

/// Who says what.
pub type Said = (Owner, MarketMessage);

/// A message and the stage of what it is about, by their names.
pub type Pair = (String, String);

/// Whoever hears what happens.
pub trait Hears {
    /// A chain on which everything was just deployed, with at least nine people.
    fn begin(&mut self, seed: u64) -> (Chain, Vec<Owner>);

    /// Something has happened on the chain that was begun last, which is as it says after it.
    fn happened(&mut self, step: &Step, after: &Chain);

    /// Something was said to a copy of that chain, which is as it says after it.
    fn tried(&mut self, pair: &Pair, said: &Said, result: &Result<Vec<Event>, Refusal>, after: &Chain);
}

/// Walks, and steps of each.
const WALKS: u64 = 16;
const STEPS: usize = 1_200;
/// Steps from one moment at which everything is tried to the next, and from one at which what is due is kept.
const TRIED_EVERY: usize = 40;
const KEPT_EVERY: usize = 7;
/// Messages of a kind that are kept of a job, and jobs that have ended of which any are.
const KEPT: usize = 3;
const ENDED_JOBS: usize = 4;

/// Walks and plays scenes, and tries everything at many of their moments.
pub fn survey(hears: &mut dyn Hears) {
    (0..WALKS).for_each(|seed| walk(seed, hears));
    scenes::play_all(hears);
}

fn walk(seed: u64, hears: &mut dyn Hears) {
    let (chain, people) = hears.begin(seed);
    let (mut walk, mut bag) = (Walk::new(seed, chain, &people), Bag::default());
    for step in 0..STEPS {
        let before = walk.chain.clone();
        let happened = walk.step();
        bag.note(before, &happened, hears);
        hears.happened(&happened, &walk.chain);
        if step % KEPT_EVERY == 0 {
            walk.scripts.iter().for_each(|script| bag.keep(&walk.chain, script));
        }
        if step % TRIED_EVERY == 0 {
            bag.forget(&walk.scripts);
            bag.try_all(&walk.chain, hears);
        }
    }
}

/// Messages of each job that were due at some time, the last few of each kind.
#[derive(Default)]
struct Bag(BTreeMap<(JobId, String), Vec<Said>>);

impl Bag {
    /// Takes note of what is about to happen: a pair is met if it is accepted.
    fn note(&mut self, mut before: Chain, step: &Step, hears: &mut dyn Hears) {
        let Step::Say { now, sender, message: Message::Market(message), result: Ok(_) } = step else {
            return;
        };
        let said = (*sender, message.clone());
        before.now = *now;
        try_one(&before, &said, hears);
        if let Some(job) = message.job() {
            self.put(job, said);
        }
    }

    fn put(&mut self, job: JobId, said: Said) {
        let kept = self.0.entry((job, kind(&said.1))).or_default();
        kept.truncate(KEPT - 1);
        kept.push(said);
    }

    /// Keeps what is due in a job, or late, or what could be said of a challenge.
    fn keep(&mut self, chain: &Chain, script: &Script) {
        let job = script.job;
        let late = script.expiries(chain).into_iter().map(|late| (script.watcher, late));
        let cancel = (script.poster, MarketMessage::Cancel { job });
        let never = about_challenges(script).map(|message| (script.watcher, message));
        for said in script.due(chain).into_iter().chain(late).chain([cancel]).chain(never) {
            let kept = self.0.entry((job, kind(&said.1))).or_default();
            kept.push(said);
            if kept.len() > KEPT {
                kept.remove(0);
            }
        }
    }

    /// Of jobs that have ended the last few are enough.
    fn forget(&mut self, played: &[Script]) {
        let jobs: BTreeSet<JobId> = self.0.keys().map(|(job, _)| *job).collect();
        let is_ended = |job: &JobId| !played.iter().any(|script| script.job == *job);
        let forgotten: BTreeSet<JobId> = jobs.into_iter().filter(is_ended).skip(ENDED_JOBS).collect();
        self.0.retain(|(job, _), _| !forgotten.contains(job));
    }

    /// Says everything about everything, each to a copy of the chain.
    fn try_all(&self, chain: &Chain, hears: &mut dyn Hears) {
        let others: BTreeMap<_, _> = self.0.iter().map(|((_, kind), said)| (kind, said)).collect();
        let jobs: Vec<JobId> = chain.market.jobs().map(|job| job.id).collect();
        let others = others.into_values().filter_map(|said| said.last());
        let others: Vec<Said> =
            others.flat_map(|said| jobs.iter().filter_map(|job| in_job(said, *job))).collect();
        let said = self.0.values().flatten().chain(&others);
        said.flat_map(|said| aimed(chain, said)).for_each(|said| try_one(chain, &said, hears));
    }
}

/// Says something to a copy of the chain, if it is about something there.
fn try_one(chain: &Chain, said: &Said, hears: &mut dyn Hears) {
    let Some(stage) = stage(chain, &said.1) else { return };
    let mut after = chain.clone();
    let result = after.tell(said.0, said.1.clone());
    hears.tried(&(kind(&said.1), stage), said, &result, &after);
}

/// What can be said of a job's first challenge, were it at the right stage: of some challenges it is due at no stage that they come to.
fn about_challenges(script: &Script) -> impl Iterator<Item = MarketMessage> + use<> {
    let (job, attempt, segment, number, claim) = (script.job, AttemptId(0), SegmentId(0), 0, 0);
    let (who, step, leaves) = (Who::Solver, 0, script.toy.leaves(0));
    let opening = Tree::new(leaves.clone()).open(step).expect("it is inside");
    let (leaf, evidence) = (leaves[0], script.toy.evidence(0, step));
    let siblings = opening.siblings;
    [
        MarketMessage::Judge { job, attempt, segment, number, opened: script.toy.answer(0) },
        MarketMessage::Show { job, attempt, segment, number, who, leaves, siblings: Vec::new() },
        MarketMessage::Refute { job, attempt, segment, number, who, step, leaf, siblings, evidence },
        MarketMessage::PayWinner { job, attempt, segment, number, claim },
    ]
    .into_iter()
}
