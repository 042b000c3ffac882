//! What a role looks at, and what it asks for.

use super::pace::{Key, Means, Want};
use super::work::{Ran, Records, Task};
use crate::ledger::{Claimed, Ledger};
use crate::message::{Ask, Blob, Holding, Message, Notice, Piece, Purpose, Secret};
use crate::planted::{Bug, planted};
use samebit_commit::Digest;
use samebit_commit::interior::Evidence;
use samebit_dispute::{Amount, Question, Seconds as Time};
use samebit_market::job::{Attempt, Batch};
use samebit_market::{
    AttemptId, BatchId, Height, Job, JobId, JobStage, Leaf, MarketMessage, Moment, Owner, Seconds, SegmentId,
    names,
};
use std::collections::{BTreeMap, BTreeSet};

/// What other peers have said that is not on the chain, and what was worked out for one message: nothing that a crash may not lose.
#[derive(Clone, Debug, Default)]
pub struct Hearsay {
    /// The last ask of each solver, by job.
    pub asks: BTreeMap<(JobId, Owner), Ask>,
    /// Who has signed for which batch.
    pub holdings: BTreeMap<Holding, BTreeSet<Owner>>,
    /// Who has sent something else than was asked for.
    pub false_blobs: BTreeSet<(Blob, Owner)>,
    /// Pieces that this machine can run in so many seconds.
    pub fits: BTreeSet<(Piece, Seconds)>,
    /// The root over all secrets of an attempt that was asked for: it is worked out once.
    pub secrets: BTreeMap<(JobId, AttemptId), Digest>,
    /// What shows interior leaves.
    pub evidence: BTreeMap<(Piece, u64), Evidence>,
}

impl Hearsay {
    /// Forgets what was said about jobs that have gone on since.
    pub fn forget(&mut self, ledger: &Ledger) {
        let stage = |job: &JobId| ledger.job(*job).map(|job| job.stage);
        self.asks.retain(|(job, _), _| stage(job) == Some(JobStage::Open));
        self.holdings.retain(|holding, _| stage(&holding.job) == Some(JobStage::Running));
        self.secrets.retain(|(job, _), _| stage(job) == Some(JobStage::Open));
        let is_under_way = |job: &&Job| [JobStage::Open, JobStage::Running].contains(&job.stage);
        let under_way: BTreeSet<Digest> =
            ledger.market().jobs().filter(is_under_way).map(|job| job.spec).collect();
        self.fits.retain(|(piece, _)| under_way.contains(&piece.spec));
    }
}

/// A peer's view at one moment, and what its roles want.
pub struct Desk<'a> {
    pub me: Owner,
    pub secret: Secret,
    pub now: Seconds,
    pub ledger: &'a Ledger,
    pub records: &'a Records,
    pub hearsay: &'a mut Hearsay,
    pub wants: Vec<Want>,
}

/// A batch of an attempt that runs, with what was posted of it.
#[derive(Clone, Copy)]
pub struct Lot<'a> {
    pub job: &'a Job,
    pub attempt: AttemptId,
    pub running: &'a Attempt,
    pub id: BatchId,
    pub batch: &'a Batch,
    pub posted: &'a Claimed,
}

impl<'a> Lot<'a> {
    /// The piece of the segment with this index in the batch.
    pub fn piece(&self, index: usize) -> Piece {
        let from = if planted(Bug::WrongStart) { 0 } else { index };
        let start = self.posted.start(self.batch.start, from);
        Piece { spec: self.job.spec, segment: self.segment(index), start }
    }

    /// The segment with this index in the batch.
    pub fn segment(&self, index: usize) -> SegmentId {
        SegmentId(self.batch.first + index as u64)
    }

    /// Where in the batch a segment is.
    pub fn index(&self, segment: SegmentId) -> usize {
        (segment.0 - self.batch.first) as usize
    }

    /// Steps that the solver claims to have run in a segment.
    pub fn count(&self, index: usize) -> u64 {
        let is_last = index + 1 == self.posted.leaves.len();
        if is_last { self.batch.last_count } else { self.job.steps_of(self.segment(index).0) }
    }

    /// Whether a run gives what the solver claims as the end of a segment.
    pub fn agrees(&self, index: usize, ran: &Ran) -> bool {
        (ran.state, ran.count()) == (self.posted.leaves[index].state, self.count(index))
    }

    /// Whether a segment is drawn.
    pub fn is_drawn(&self, index: usize) -> bool {
        self.batch.drawn() >> index & 1 == 1
    }

    /// Those who are to hold the batch.
    pub fn custodians(&self) -> &'a [Owner] {
        &self.running.committees[self.batch.committee]
    }
}

impl<'a> Desk<'a> {
    /// The moment of the next block, if it came now.
    pub fn next(&self) -> Moment {
        let last = self.ledger.now();
        Moment { time: last.time.max(self.now), height: Height(last.height.0 + 1) }
    }

    /// Whether so many seconds of a job's clock are over in the next block.
    pub fn is_over(&self, job: &Job, since: Moment, seconds: Seconds) -> bool {
        let slow_block = self.ledger.market().site().slow_block;
        job.clock.read(self.next()).is_over(since, seconds, slow_block)
    }

    /// Whether a beacon of a draw that was set then is known in the next block.
    pub fn is_drawable(&self, set: Height) -> bool {
        self.next().height.0 > set.0 + samebit_market::params::DRAW_DELAY
    }

    /// The batches of a job's attempt, if it runs.
    pub fn lots(&self, job: &'a Job) -> Vec<Lot<'a>> {
        let (Some(running), Some(attempt)) = (&job.attempt, job.attempts.checked_sub(1)) else {
            return Vec::new();
        };
        let attempt = AttemptId(attempt);
        let lot = |(id, batch): (u64, &'a Batch)| {
            let posted = self.ledger.claimed(job.id, attempt, id)?;
            Some(Lot { job, attempt, running, id: BatchId(id), batch, posted })
        };
        (0..).zip(&running.batches).filter_map(lot).collect()
    }

    /// A secret of a segment.
    pub fn secret(&self, purpose: Purpose, lot: (JobId, AttemptId), segment: SegmentId) -> Digest {
        self.secret.of(purpose, (lot.0, lot.1, segment))
    }

    /// Wants something said to the chain, after waiting for others.
    pub fn say(
        &mut self,
        verb: &'static str,
        job: JobId,
        numbers: [u64; 4],
        patience: u64,
        message: impl Into<Message>,
    ) {
        let key = Key::new(verb, job.0, numbers);
        self.wants.push(Want { key, patience, means: Means::Send(message.into()) });
    }

    /// Wants peers to be told, again after a period.
    pub fn gossip(&mut self, verb: &'static str, job: JobId, numbers: [u64; 4], notice: Notice, period: u64) {
        let key = Key::new(verb, job.0, numbers);
        self.wants.push(Want { key, patience: 0, means: Means::Gossip(notice, period) });
    }

    /// Wants something computed.
    pub fn compute(&mut self, task: Task) {
        self.wants.push(Want { key: task_key(&task), patience: 0, means: Means::Compute(task) });
    }

    /// Whether a blob of the job with this Spec is held; wants it from one of these, if not.
    pub fn fetch(&mut self, spec: Digest, blob: Blob, providers: &[Owner]) -> bool {
        if self.records.holds(blob) {
            return true;
        }
        let is_good =
            |owner: &&Owner| **owner != self.me && !self.hearsay.false_blobs.contains(&(blob, **owner));
        let providers: Vec<Owner> = providers.iter().filter(is_good).copied().collect();
        if !providers.is_empty() {
            let key = fetch_key(blob);
            let bytes = match blob {
                Blob::Job(_) => None,
                Blob::State(_) => self.records.outline(spec).map(|outline| outline.state_bytes),
            };
            self.wants.push(Want { key, patience: 0, means: Means::Fetch { blob, bytes, providers } });
        }
        false
    }

    /// Whether every state of a batch is held; wants all that are not: first the job, which says how large they are.
    pub fn fetch_all(&mut self, lot: &Lot<'_>, providers: &[Owner]) -> bool {
        if !self.fetch(lot.job.spec, Blob::Job(lot.job.spec), providers) {
            return false;
        }
        let states = lot.posted.leaves.iter().map(|leaf| Blob::State(leaf.state));
        let missing = states.filter(|state| !self.fetch(lot.job.spec, *state, providers)).count();
        missing == 0
    }

    /// What running a piece gives; wants what is needed to know it, if it is not known.
    pub fn run(&mut self, job: &Job, piece: Piece) -> Option<Ran> {
        if let Some(ran) = self.records.ran(&piece) {
            return Some(ran.clone());
        }
        if self.has(job, piece) {
            self.compute(Task::Run(piece));
        }
        None
    }

    /// What running the segment with this index in a batch gives, as [`Desk::run`], where this machine can run it while a verifier may seal, or in twice
    /// that time, since it is only reckoned: one that would keep it for ever is not begun.
    pub fn run_in_time(&mut self, lot: &Lot<'_>, index: usize) -> Option<Ran> {
        let (piece, seconds) = (lot.piece(index), Seconds(lot.job.terms.seal_seconds.0.saturating_mul(2)));
        let is_begun = self.records.ran(&piece).is_some() || self.fits(lot.job, piece, seconds);
        is_begun.then(|| self.run(lot.job, piece)).flatten()
    }

    /// Whether this machine can run a piece in so many seconds; finds it out, if that is not known, and looks again where it could not.
    pub fn fits(&mut self, job: &Job, piece: Piece, seconds: Seconds) -> bool {
        let fits = self.hearsay.fits.contains(&(piece, seconds));
        if !fits && self.has(job, piece) {
            self.compute(Task::Weigh(piece, seconds));
        }
        fits
    }

    /// Whether all that running a piece takes is held; wants it, if not: first the job, which says how large the state is.
    fn has(&mut self, job: &Job, piece: Piece) -> bool {
        let providers = self.providers(job);
        self.fetch(piece.spec, Blob::Job(piece.spec), &providers)
            && self.fetch(piece.spec, Blob::State(piece.start), &providers)
    }

    /// Who may have a job's states: who is drawn to hold them, the solver, the poster, and who had the job before.
    pub fn providers(&self, job: &Job) -> Vec<Owner> {
        let mut providers: Vec<Owner> = Vec::new();
        if let Some(running) = &job.attempt {
            providers.extend(running.committees.iter().rev().flatten());
            providers.push(running.solver);
        }
        providers.push(job.poster);
        providers.extend(self.ledger.tenures(job.id).iter().rev().map(|tenure| tenure.solver));
        let mut seen = BTreeSet::new();
        providers.retain(|owner| seen.insert(*owner));
        providers
    }

    /// A challenge of a segment with its question; nothing if the job is not held.
    pub fn challenge(&self, lot: &Lot<'_>, index: usize, interior: bool) -> Option<Message> {
        let outline = self.records.outline(lot.job.spec)?;
        let tree = lot.posted.tree();
        let open = |index: usize| tree.open(index as u64).expect("the batch has the segment").siblings;
        let (mut before, mut before_siblings) = (Leaf::default(), Vec::new());
        if let Some(previous) = index.checked_sub(1) {
            (before, before_siblings) = (lot.posted.leaves[previous], open(previous));
        }
        let segment = lot.segment(index);
        let challenge = MarketMessage::Challenge {
            job: lot.job.id,
            attempt: lot.attempt,
            batch: lot.id,
            segment,
            interior,
            leaf: lot.posted.leaves[index],
            siblings: open(index),
            before,
            before_siblings,
        };
        let (question, header) = (self.question(lot, index, &outline.question), outline.header.clone());
        Some(Message::Challenge { challenge, question, header })
    }

    fn question(&self, lot: &Lot<'_>, index: usize, outline: &Question) -> Question {
        let (job, segment) = (lot.job, lot.segment(index));
        let number = job.marks.get(&(lot.attempt, segment)).map_or(0, |mark| mark.challenges);
        let seconds = |seconds: Seconds| Time(seconds.0);
        Question {
            start: lot.piece(index).start,
            first_step: segment.0 * job.segment_steps,
            step_count: job.steps_of(segment.0),
            bond: Amount(job.terms.question_bond.0),
            entry_seconds: seconds(job.terms.entry_seconds),
            clock_seconds: seconds(job.terms.clock_seconds),
            extension_seconds: seconds(job.terms.extension_seconds),
            asker: crate::ledger::party(self.ledger.market().site().market),
            nonce: names::asked(job.id, lot.attempt, segment, number),
            ..outline.clone()
        }
    }
}

/// The want that a blob meets.
pub fn fetch_key(blob: Blob) -> Key {
    match blob {
        Blob::Job(spec) => Key::new("fetch job", spec, [0; 4]),
        Blob::State(root) => Key::new("fetch state", root, [0; 4]),
    }
}

/// The want that a task answers.
pub fn task_key(task: &Task) -> Key {
    let piece = |verb, piece: &Piece, number: u64| {
        let head = |digest: Digest| u64::from_be_bytes(digest.0[..8].try_into().expect("eight bytes"));
        Key::new(verb, piece.start, [head(piece.spec), piece.segment.0, number, 0])
    };
    match task {
        Task::Check { blob: Blob::Job(spec), .. } => Key::new("check job", *spec, [0; 4]),
        Task::Check { blob: Blob::State(root), .. } => Key::new("check state", *root, [0; 4]),
        Task::Run(of) => piece("run", of, 0),
        Task::Weigh(of, seconds) => piece("weigh", of, seconds.0),
        Task::Trace(of) => piece("trace", of, 0),
        Task::Answer(of, task) => Key::new("answer", task.position.hash(), [of.segment.0, 0, 0, 0]),
        Task::Evidence(of, index) => piece("evidence", of, *index),
    }
}
