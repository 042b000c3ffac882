//! What a peer has computed for it, and what it keeps of that.

use crate::disputant;
use crate::message::{Blob, Piece};
use samebit_commit::Digest;
use samebit_commit::interior::{self, Evidence};
use samebit_dispute::{Header, Message as Argument, Opened, Question};
use samebit_market::{Owner, Seconds};
use std::collections::{BTreeMap, BTreeSet};

/// Something to be computed. What takes a job or a state needs it to be held; the end of what is run is held, too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Task {
    /// Whether the bytes that came from this peer are what was asked for; of a job, that it is legal, too.
    Check {
        /// What was asked for.
        blob: Blob,
        /// Who has sent it.
        from: Owner,
    },
    /// Whether this machine can run a segment in so many seconds: the state is the job's, there is memory, and it is fast enough.
    Weigh(Piece, Seconds),
    /// Runs a segment.
    Run(Piece),
    /// Runs a segment again, traced: what a claim in Dispute names.
    Trace(Piece),
    /// Answers a position of a game about a segment.
    Answer(Piece, disputant::Task),
    /// What shows the interior leaf of a step of a segment, by its index in there.
    Evidence(Piece, u64),
}

/// What came of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "each is handled once and thrown away")]
pub enum Outcome {
    /// The bytes are not what was asked for.
    False,
    /// The bytes are the state that was asked for.
    State,
    /// The bytes are the job that was asked for.
    Job(Box<Outline>),
    /// Whether a segment can be run.
    Weighed(bool),
    /// A segment was run.
    Ran(Ran),
    /// A segment was traced.
    Traced(Opened),
    /// A game is answered; nothing if this side has nothing to say.
    Answered(Vec<Argument>),
    /// A leaf can be shown.
    Evidence(Box<Evidence>),
    /// It could not be done this time.
    Failed,
}

/// What running a segment gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// State root after it.
    pub state: Digest,
    /// The interior leaf of each step; fewer than the segment has if the job diverged in the last of them.
    pub leaves: Vec<Digest>,
}

impl Ran {
    /// Steps that were run.
    pub fn count(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// The interior root.
    pub fn interior(&self) -> Digest {
        interior::root(&self.leaves)
    }
}

/// What is remembered of a job: a question and its header, those of its first segment without terms, and what its states take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The question.
    pub question: Question,
    /// What it is checked by.
    pub header: Header,
    /// Bytes of each of its states as a blob.
    pub state_bytes: u64,
}

/// What a peer keeps: written before anything is said that follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A state is held and is what its root says.
    State(Digest),
    /// A job is held and is what its digest says.
    Job(Digest, Box<Outline>),
    /// A segment was run.
    Ran(Piece, Ran),
    /// A segment was traced.
    Traced(Piece, Opened),
}

/// All records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    states: BTreeSet<Digest>,
    jobs: BTreeMap<Digest, Outline>,
    ran: BTreeMap<Piece, Ran>,
    traced: BTreeMap<Piece, Opened>,
}

impl Records {
    /// Takes a record.
    pub fn add(&mut self, record: Record) {
        match record {
            Record::State(root) => {
                self.states.insert(root);
            }
            Record::Job(spec, outline) => {
                self.jobs.insert(spec, *outline);
            }
            Record::Ran(piece, ran) => {
                self.states.insert(ran.state);
                self.ran.insert(piece, ran);
            }
            Record::Traced(piece, opened) => {
                self.traced.insert(piece, opened);
            }
        }
    }

    /// Forgets a state, or a job with all that came of it.
    pub fn forget(&mut self, blob: Blob) {
        match blob {
            Blob::State(root) => {
                self.states.remove(&root);
            }
            Blob::Job(spec) => {
                self.jobs.remove(&spec);
                self.ran.retain(|piece, _| piece.spec != spec);
                self.traced.retain(|piece, _| piece.spec != spec);
            }
        }
    }

    /// The jobs that are held, or of which results are.
    pub(super) fn specs(&self) -> BTreeSet<Digest> {
        let results = self.ran.keys().chain(self.traced.keys()).map(|piece| piece.spec);
        self.jobs.keys().copied().chain(results).collect()
    }

    /// Jobs, and the states that records say something of.
    pub(super) fn named(&self) -> impl Iterator<Item = (Digest, Digest)> {
        let first = self.jobs.iter().map(|(spec, outline)| (*spec, outline.question.start));
        let ran =
            self.ran.iter().flat_map(|(piece, ran)| [(piece.spec, piece.start), (piece.spec, ran.state)]);
        let traced = self.traced.keys().map(|piece| (piece.spec, piece.start));
        first.chain(ran).chain(traced)
    }

    /// Whether a blob is held.
    pub fn holds(&self, blob: Blob) -> bool {
        match blob {
            Blob::Job(spec) => self.jobs.contains_key(&spec),
            Blob::State(root) => self.states.contains(&root),
        }
    }

    /// The outline of a job that is held.
    pub fn outline(&self, spec: Digest) -> Option<&Outline> {
        self.jobs.get(&spec)
    }

    /// What running a piece has given.
    pub fn ran(&self, piece: &Piece) -> Option<&Ran> {
        self.ran.get(piece)
    }

    /// What tracing a piece has given.
    pub fn traced(&self, piece: &Piece) -> Option<&Opened> {
        self.traced.get(piece)
    }
}
