//! The trace of a segment as it was stored when the segment was run: for a side that is not to be replayed, because it says what
//! another kernel, another machine or a liar computed.
//!
//! ```text
//! DIR/STEP.roots     canonical bytes: loss u32, gradient norm u32, node roots (list), state entries (list)
//!     STEP.words     of some steps: the words of all nodes in order, then of the states after the step, little-endian
//! ```
//! The roots of a step are written after its words: a step with roots is whole.

use crate::claims::sequence_of_steps;
use crate::runner::{Capture, StepTrace, Words};
use crate::words::write_atomically;
use crate::{Claims, Runner, SegmentRoots, TraceError, regular};
use samebit_commit::state::{ENTRY_LIMIT, Entry};
use samebit_commit::{Canonical, DecodeError, Decoder, Digest, Encoder};
use samebit_engine::Outcome;
use samebit_graph::Program;
use samebit_graph::limits::NODE_LIMIT;
use samebit_graph::node::NodeId;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file of a step's roots, in bytes: every node and state of the largest program.
const ROOTS_BYTES_LIMIT: u64 = 1 << 24;

/// A segment's stored trace; the sequence of its steps. Below a step whose words were not stored, its roots are all there is.
pub struct StoredTrace {
    path: PathBuf,
    program: Arc<Program>,
    range: Range<u64>,
    roots: SegmentRoots,
}

impl StoredTrace {
    /// Runs the steps of `range`, traced, and stores their roots; the words of those steps too for which `with_words` holds. The runner has
    /// the state before the first step.
    ///
    /// # Errors
    /// The engine's, and files that cannot be written.
    pub fn record(
        path: &Path,
        runner: &mut Runner,
        range: Range<u64>,
        with_words: impl Fn(u64) -> bool,
    ) -> Result<(), TraceError> {
        fs::create_dir_all(path).map_err(TraceError::file(path))?;
        for step in range {
            let trace = if with_words(step) {
                let file = words_path(path, step);
                let mut tape = Tape::create(&file, &runner.job().program)?;
                let trace = runner.traced_step(step, &mut tape)?;
                tape.finish(runner)?;
                trace
            } else {
                runner.traced_step(step, &mut ())?
            };
            write_atomically(&roots_path(path, step), |file| file.write_all(&trace.to_bytes()))?;
        }
        Ok(())
    }

    /// The trace in a folder of the steps of `range` of a program's run.
    ///
    /// # Errors
    /// Missing or malformed files. That words have the roots that are stored with them is for a search to check.
    pub fn open(path: &Path, program: Arc<Program>, range: Range<u64>) -> Result<StoredTrace, TraceError> {
        let read = |step: u64| {
            let file = roots_path(path, step);
            let bytes = regular::read(&file, ROOTS_BYTES_LIMIT)?;
            let trace = StepTrace::from_bytes(&bytes).map_err(|error| TraceError::malformed(&file, error))?;
            let (nodes, states) = (program.nodes.len(), program.states.len());
            if (trace.nodes.len(), trace.state.len()) != (nodes, states) {
                return Err(TraceError::malformed(&file, format!("not {nodes} nodes and {states} states")));
            }
            Ok(trace)
        };
        let steps = range.clone().map(read).collect::<Result<_, _>>()?;
        let roots = SegmentRoots::new(range.start, steps);
        Ok(StoredTrace { path: path.to_owned(), program, range, roots })
    }

    fn read(&self, step: u64, place: (u64, u64)) -> Result<Vec<u32>, TraceError> {
        let path = words_path(&self.path, step);
        if !path.exists() {
            return Err(TraceError::NoWords { step });
        }
        let mut bytes = vec![0; 4 * place.1 as usize];
        let (mut file, _) = regular::open(&path, u64::MAX)?;
        let read = (|| {
            file.seek(SeekFrom::Start(4 * place.0))?;
            file.read_exact(&mut bytes)
        })();
        read.map_err(TraceError::file(&path))?;
        Ok(bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }
}

impl Claims for StoredTrace {
    fn program(&self) -> Arc<Program> {
        self.program.clone()
    }

    fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    fn roots(&self) -> Result<&SegmentRoots, TraceError> {
        Ok(&self.roots)
    }

    fn has_words(&self, step: u64) -> bool {
        words_path(&self.path, step).exists()
    }

    fn words(&self, step: u64, nodes: &BTreeSet<NodeId>) -> Result<Words, TraceError> {
        let places = places(&self.program);
        nodes.iter().map(|node| Ok((*node, self.read(step, places[*node as usize])?))).collect()
    }

    fn state_words(&self, step: u64, state: usize) -> Result<Vec<u32>, TraceError> {
        self.read(step, places(&self.program)[self.program.nodes.len() + state])
    }
}

sequence_of_steps!(StoredTrace);

fn roots_path(path: &Path, step: u64) -> PathBuf {
    path.join(format!("{step:08}.roots"))
}

fn words_path(path: &Path, step: u64) -> PathBuf {
    path.join(format!("{step:08}.words"))
}

/// First word and number of words of every node and of every state, in a step's file of words.
fn places(program: &Program) -> Vec<(u64, u64)> {
    let nodes = program.nodes.iter().map(samebit_graph::Node::len);
    let counts = nodes.chain(program.states.iter().map(samebit_graph::Declaration::len));
    let place = |at: &mut u64, count: u64| {
        let first = *at;
        *at += count;
        Some((first, count))
    };
    counts.scan(0, place).collect()
}

/// A step's file of words as it is written, in the order of computation.
struct Tape {
    path: PathBuf,
    file: File,
    places: Vec<(u64, u64)>,
    /// Of all writes; a trace cannot be stopped half way.
    written: std::io::Result<()>,
}

impl Tape {
    fn create(path: &Path, program: &Program) -> Result<Tape, TraceError> {
        let partial = path.with_extension("partial");
        let file = File::create(&partial).map_err(TraceError::file(&partial))?;
        Ok(Tape { path: path.to_owned(), file, places: places(program), written: Ok(()) })
    }

    fn write(&mut self, index: usize, words: &[u32]) {
        if self.written.is_ok() {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let start = SeekFrom::Start(4 * self.places[index].0);
            self.written = self.file.seek(start).and_then(|_| self.file.write_all(&bytes));
        }
    }

    /// Adds the runner's state and puts the file in its place.
    fn finish(mut self, runner: &Runner) -> Result<(), TraceError> {
        let program = runner.job().program.clone();
        (0..program.states.len())
            .for_each(|state| self.write(program.nodes.len() + state, &runner.read_state(state)));
        let placed = self.written.and_then(|()| self.file.sync_all());
        let placed = placed.and_then(|()| fs::rename(self.path.with_extension("partial"), &self.path));
        placed.map_err(TraceError::file(self.path))
    }
}

impl Capture for Tape {
    fn wants(&self, _: NodeId) -> bool {
        true
    }

    fn take(&mut self, node: NodeId, words: Vec<u32>) {
        self.write(node as usize, &words);
    }
}

impl Canonical for StepTrace {
    fn encode(&self, encoder: &mut Encoder) {
        encoder.u32(self.outcome.loss);
        encoder.u32(self.outcome.grad_norm);
        encoder.list(&self.nodes, |encoder, root| root.encode(encoder));
        encoder.list(&self.state, |encoder, entry| entry.encode(encoder));
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let outcome = Outcome { loss: decoder.u32("loss")?, grad_norm: decoder.u32("gradient norm")? };
        let nodes = decoder.list("node roots", NODE_LIMIT as u32, Digest::decode)?;
        let state = decoder.list("state", ENTRY_LIMIT, Entry::decode)?;
        Ok(StepTrace { outcome, nodes, state })
    }
}
