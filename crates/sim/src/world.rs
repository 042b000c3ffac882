//! What is computed: a small real job, run honestly or not, each piece of it once.
//!
//! The executor's seam is [`Task`] and [`Outcome`]: what a peer's driver does with threads and files is done here at once and kept, for all peers and
//! all seeds of a thread.

use crate::tape::Tape;
use samebit_commit::{Digest, Tag, Words, state};
use samebit_dispute::{Amount, Opened, Seconds, Story};
use samebit_engine::Settings;
use samebit_market::{SegmentId, SpecOpening};
use samebit_ops::Cpu;
use samebit_roles::party::{Outcome, Outline, Ran, Task};
use samebit_roles::{Arithmetic, Blob, Piece, Segment, Terms, opening, question};
use samebit_trace::{Fault, Job, Runner, interior_evidence, parcel, table};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// What somebody does wrong when it runs a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skew {
    /// Nothing.
    Honest,
    /// The last step is not computed.
    Skips,
    /// One element of one output is one step between neighbouring floats away.
    OffByOne,
    /// Another step's data.
    OtherData,
    /// Another learning rate.
    OtherRate,
    /// All is computed, and the state before it is claimed.
    Stale,
    /// The state is right, the interior root is made up.
    Garbage,
}

impl Skew {
    /// All that give a false state.
    pub const STATES: [Skew; 5] =
        [Skew::Skips, Skew::OffByOne, Skew::OtherData, Skew::OtherRate, Skew::Stale];
}

/// What running a piece gives, and all that it was made of.
struct Work {
    ran: Ran,
    opened: Opened,
    story: Segment<Tape>,
}

/// See the module.
pub struct World {
    job: Job,
    states: RefCell<BTreeMap<Digest, Rc<Vec<Vec<u32>>>>>,
    works: RefCell<BTreeMap<(Skew, Piece), Rc<Work>>>,
}

impl World {
    /// The world of a job that begins in a state of these words.
    pub fn new(job: Job, initial: Vec<Vec<u32>>) -> World {
        let states = RefCell::new(BTreeMap::from([(job.spec.initial_state, Rc::new(initial))]));
        World { job, states, works: RefCell::default() }
    }

    /// The Spec's digest.
    pub fn spec(&self) -> Digest {
        self.job.spec.digest()
    }

    /// Segments of the job.
    pub fn segments(&self) -> u64 {
        self.job.segment_count()
    }

    /// The state before the first step.
    pub fn initial(&self) -> Digest {
        self.job.spec.initial_state
    }

    /// What the job's poster shows of it.
    pub fn opening(&self) -> SpecOpening {
        opening(&self.job)
    }

    /// The true state after a segment, from the job's first state.
    pub fn truth(&self, segment: u64) -> Digest {
        (0..=segment).map(SegmentId).fold(self.initial(), |start, segment| {
            self.work(Skew::Honest, Piece { spec: self.spec(), segment, start }).ran.state
        })
    }

    /// The true state after a piece.
    pub fn end_of(&self, piece: Piece) -> Digest {
        self.work(Skew::Honest, piece).ran.state
    }

    /// All of the job that questions are made of.
    pub fn outline(&self) -> Outline {
        let none = Terms { bond: Amount(0), entry: Seconds(0), clock: Seconds(0), extension: Seconds(0) };
        let (question, header) = question(&self.job, 0, self.initial(), none);
        Outline { question, header, state_bytes: parcel::state_bytes(&self.job.program) }
    }

    /// Does a task as somebody does who is wrong in this way; `is_genuine` says whether the bytes that a check looks at are what was asked for.
    pub fn run(&self, task: &Task, skew: Skew, is_genuine: bool) -> Outcome {
        match task {
            Task::Check { .. } if !is_genuine => Outcome::False,
            Task::Check { blob: Blob::Job(_), .. } => Outcome::Job(Box::new(self.outline())),
            Task::Check { blob: Blob::State(_), .. } => Outcome::State,
            Task::Weigh(..) => Outcome::Weighed(true),
            Task::Run(piece) => Outcome::Ran(self.work(skew, *piece).ran.clone()),
            Task::Trace(piece) => Outcome::Traced(self.work(skew, *piece).opened),
            Task::Answer(piece, task) => match task.run(&self.work(skew, *piece).story, &Arithmetic) {
                Ok(messages) => Outcome::Answered(messages),
                Err(_) => Outcome::Failed,
            },
            Task::Evidence(piece, index) => {
                let step = self.job.segment(piece.segment.0).start + index;
                let work = self.work(skew, *piece);
                match interior_evidence(work.story.claims(), &self.job, step) {
                    Ok(evidence) => Outcome::Evidence(Box::new(evidence)),
                    Err(_) => Outcome::Failed,
                }
            }
        }
    }

    fn work(&self, skew: Skew, piece: Piece) -> Rc<Work> {
        if let Some(work) = self.works.borrow().get(&(skew, piece)) {
            return work.clone();
        }
        let work = Rc::new(self.make(skew, piece));
        self.works.borrow_mut().insert((skew, piece), work.clone());
        work
    }

    fn make(&self, skew: Skew, piece: Piece) -> Work {
        let range = self.job.segment(piece.segment.0);
        let faults = self.faults(skew, range.end - 1);
        let settings = Settings { threads: 1, ..Settings::default() };
        let runner = Runner::new(self.job.clone(), Arc::new(Cpu::detect()), &settings, faults);
        let mut runner = runner.expect("the job is legal");
        let start =
            self.states.borrow().get(&piece.start).cloned().expect("a piece begins in a state that is there");
        for (index, words) in start.iter().enumerate() {
            runner.write_state(index, words).expect("the state is the job's");
        }
        let entries = runner.state_entries();
        let (tape, mut leaves) = Tape::record(&mut runner, range).expect("the job can be run");
        let mut end = runner.state_root();
        debug_assert_eq!(state::root(&entries), piece.start);
        self.states.borrow_mut().insert(end, Rc::new(tape.end().to_vec()));
        let mut story = Segment::new(tape, entries, self.job.spec.tables.clone());
        match skew {
            Skew::Stale => {
                end = piece.start;
                story = story.ending_in(end);
            }
            Skew::Garbage => {
                leaves.iter_mut().for_each(|leaf| *leaf = Words::new().digest(*leaf).hash(Tag::File));
            }
            _ => {}
        }
        let opened = story.opened().expect("the whole segment is there");
        Work { ran: Ran { state: end, leaves }, opened, story }
    }

    fn faults(&self, skew: Skew, step: u64) -> Vec<Fault> {
        // A sink: nothing after it in the step can round the difference away. In every other segment it is one of which the interior leaf has a page, so that
        // whoever compares roots sees it.
        let is_seen = step / self.job.spec.segment_steps % 2 == 1;
        let entry = if is_seen { self.job.interior_pages(step)[0].entry } else { 0 };
        let node = self.job.program.sinks[entry];
        match skew {
            Skew::Honest | Skew::Stale | Skew::Garbage => Vec::new(),
            Skew::Skips => vec![Fault::Skip { step }],
            Skew::OffByOne => vec![Fault::Value { step, node, element: 0, ulps: 1 }],
            Skew::OtherData => vec![Fault::Row { step }],
            Skew::OtherRate => vec![Fault::Rate { step, factor: 3.0 }],
        }
    }

    /// Whether the job has all that the lies need.
    pub fn can_lie(&self) -> bool {
        [table::ORDER, table::SCHEDULE].into_iter().all(|name| self.job.table(name).is_some())
    }
}
