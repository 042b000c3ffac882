//! Runs a job step by step, and traces a step on demand; tells the lies it was told to.

use crate::TraceError;
use crate::fault::{Fault, moved};
use crate::job::{Job, entries, state_root_of};
use samebit_commit::{Digest, state::Entry, tensor};
use samebit_engine::{Engine, Outcome, Settings, Watch};
use samebit_graph::node::{DType, Kind, NodeId};
use samebit_ops::{Backend, Buffer, inner_digests};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A job in memory, with the faults of this run.
pub struct Runner {
    job: Job,
    engine: Engine,
    faults: Vec<Fault>,
    last: Outcome,
}

/// What a traced step shows.
#[derive(Clone, Debug)]
pub struct StepTrace {
    /// The loss and gradient norm.
    pub outcome: Outcome,
    /// The root of every node's output, in order.
    pub nodes: Vec<Digest>,
    /// The state after the step.
    pub state: Vec<Entry>,
}

/// Takes the words of nodes as a step is traced.
pub trait Capture: Send {
    /// Whether a node's words are wanted.
    fn wants(&self, node: NodeId) -> bool;

    /// Takes the words of a node that is wanted, when it is computed. A table that a fault changes comes twice, changed the second
    /// time.
    fn take(&mut self, node: NodeId, words: Vec<u32>);
}

/// Wants nothing.
impl Capture for () {
    fn wants(&self, _: NodeId) -> bool {
        false
    }

    fn take(&mut self, _: NodeId, _: Vec<u32>) {}
}

/// The words of some nodes, by node. Those that are keys from the start are wanted.
pub type Words = BTreeMap<NodeId, Vec<u32>>;

impl Capture for Words {
    fn wants(&self, node: NodeId) -> bool {
        self.contains_key(&node)
    }

    fn take(&mut self, node: NodeId, words: Vec<u32>) {
        self.insert(node, words);
    }
}

impl Runner {
    /// A runner; the state is to be written before the first step.
    ///
    /// # Errors
    /// A fault out of range, or the engine's.
    pub fn new(
        job: Job,
        backend: Arc<dyn Backend>,
        settings: &Settings,
        faults: Vec<Fault>,
    ) -> Result<Runner, TraceError> {
        faults.iter().try_for_each(|fault| fault.check(&job))?;
        let engine = Engine::new(job.program.clone(), &job.tables, backend, settings)?;
        Ok(Runner { job, engine, faults, last: Outcome { loss: 0, grad_norm: 0 } })
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Sets a state tensor's words.
    ///
    /// # Errors
    /// A wrong number of words.
    pub fn write_state(&mut self, state: usize, words: &[u32]) -> Result<(), TraceError> {
        Ok(self.engine.write_state(state, words)?)
    }

    /// The roots of the state's tensors, as entries.
    pub fn state_entries(&self) -> Vec<Entry> {
        let program = self.engine.program();
        let root = |(index, state): (usize, &samebit_graph::Declaration)| {
            let pages = self.engine.state_page_digests(index);
            self.engine.install(|| tensor::root_of_pages_by(state.dtype, state.len(), &pages, inner_digests))
        };
        let roots: Vec<Digest> = program.states.iter().enumerate().map(root).collect();
        entries(program, &roots)
    }

    /// The root of the state.
    pub fn state_root(&self) -> Digest {
        let roots: Vec<Digest> = self.state_entries().into_iter().map(|entry| entry.root).collect();
        state_root_of(self.engine.program(), &roots)
    }

    /// Runs a step.
    ///
    /// # Errors
    /// The engine's.
    pub fn step(&mut self, step: u64) -> Result<Outcome, TraceError> {
        if self.faults.iter().all(|fault| fault.step() != step) {
            self.last = self.engine.step(step)?;
            return Ok(self.last);
        }
        if self.skips(step) {
            return Ok(self.last);
        }
        self.last = self.with_tables(step, |runner| {
            let values = runner.values(step);
            if values.is_empty() {
                return Ok(runner.engine.step(step)?);
            }
            let mut liar = Liar { values, program: runner.engine.program().clone() };
            Ok(runner.engine.traced_step(step, &mut liar)?)
        })?;
        Ok(self.last)
    }

    /// Runs a step and gives the roots of all nodes; `capture` gets the words of those that it wants.
    ///
    /// # Errors
    /// The engine's.
    pub fn traced_step(&mut self, step: u64, capture: &mut dyn Capture) -> Result<StepTrace, TraceError> {
        let before = self.skips(step).then(|| self.read_states());
        let liar = Liar { values: self.values(step), program: self.engine.program().clone() };
        let roots = vec![Digest::ZERO; liar.program.nodes.len()];
        let mut recorder = Recorder { liar, roots, capture };
        recorder.tables(&self.job);
        let outcome =
            self.with_tables(step, |runner| Ok(runner.engine.traced_step(step, &mut recorder)?))?;
        let nodes = recorder.roots;
        if let Some(states) = before {
            for (index, words) in states.iter().enumerate() {
                self.engine.write_state(index, words)?;
            }
        }
        self.last = outcome;
        Ok(StepTrace { outcome, nodes, state: self.state_entries() })
    }

    /// A state tensor's words.
    pub fn read_state(&self, state: usize) -> Vec<u32> {
        let mut words = vec![0; self.engine.program().states[state].len() as usize];
        self.engine.read_state(state, 0, &mut words);
        words
    }

    fn read_states(&self) -> Vec<Vec<u32>> {
        (0..self.engine.program().states.len()).map(|state| self.read_state(state)).collect()
    }

    fn skips(&self, step: u64) -> bool {
        self.faults.contains(&Fault::Skip { step })
    }

    fn values(&self, at: u64) -> Vec<(NodeId, u64, i64)> {
        let value = |fault: &Fault| match fault {
            Fault::Value { step, node, element, ulps } if *step == at => Some((*node, *element, *ulps)),
            _ => None,
        };
        self.faults.iter().filter_map(value).collect()
    }

    /// Does `work` with the tables as the step's faults want them, and puts them right again.
    fn with_tables<R>(
        &mut self,
        step: u64,
        work: impl FnOnce(&mut Runner) -> Result<R, TraceError>,
    ) -> Result<R, TraceError> {
        let job = self.job.clone();
        let wrong: Vec<(usize, Vec<u32>)> = self
            .faults
            .iter()
            .filter(|fault| fault.step() == step)
            .filter_map(|fault| wrong_table(&job, fault))
            .collect();
        for (table, words) in &wrong {
            self.engine.write_table(*table, words)?;
        }
        let result = work(self);
        for (table, _) in &wrong {
            self.engine.write_table(*table, &job.tables[*table])?;
        }
        result
    }
}

/// The table that a fault changes, with its changed words.
fn wrong_table(job: &Job, fault: &Fault) -> Option<(usize, Vec<u32>)> {
    let (name, step) = (fault.table()?, fault.step() as usize);
    let index = job.table(name)?;
    let width = job.program.tables[index].shape[1..].iter().product::<u64>() as usize;
    let mut words = job.tables[index].clone();
    let row = &mut words[step * width..(step + 1) * width];
    match fault {
        Fault::Rate { factor, .. } => {
            row[0] = samebit_num::canonical((f32::from_bits(row[0]) * factor).to_bits())
        }
        _ => {
            let count = job.tables[index].iter().max().map_or(1, |last| last.saturating_add(1));
            row.iter_mut().for_each(|held| *held = held.wrapping_add(1) % count);
        }
    }
    Some((index, words))
}

/// Changes elements of nodes as they are computed.
struct Liar {
    values: Vec<(NodeId, u64, i64)>,
    program: Arc<samebit_graph::Program>,
}

impl Watch for Liar {
    fn node(&mut self, node: NodeId, backend: &dyn Backend, buffer: &mut Buffer, _: usize) {
        for (_, element, ulps) in self.values.iter().filter(|(liar, ..)| *liar == node) {
            let dtype = self.program.nodes[node as usize].dtype;
            let mut word = [0];
            backend.read(buffer, *element as usize, &mut word);
            backend.write(buffer, *element as usize, &[moved(word[0], dtype, *ulps)]);
        }
    }

    fn changes(&self) -> BTreeSet<NodeId> {
        self.values.iter().map(|(node, ..)| *node).collect()
    }
}

/// Names every node's output, after the liar had its way.
struct Recorder<'a> {
    liar: Liar,
    roots: Vec<Digest>,
    capture: &'a mut dyn Capture,
}

impl Recorder<'_> {
    /// The job's own tables, which nothing computes; a liar's copy of one is shown later and takes its place.
    fn tables(&mut self, job: &Job) {
        for (id, node) in job.program.nodes.iter().enumerate() {
            let Kind::Table(table) = node.kind else { continue };
            self.roots[id] = job.spec.tables[table as usize];
            if self.capture.wants(id as NodeId) {
                self.capture.take(id as NodeId, job.tables[table as usize].clone());
            }
        }
    }
}

impl Watch for Recorder<'_> {
    fn node(&mut self, node: NodeId, backend: &dyn Backend, buffer: &mut Buffer, words: usize) {
        self.liar.node(node, backend, buffer, words);
        let pages = backend.page_digests(buffer, words);
        let dtype: DType = self.liar.program.nodes[node as usize].dtype;
        self.roots[node as usize] = tensor::root_of_pages_by(dtype, words as u64, &pages, inner_digests);
        if self.capture.wants(node) {
            let mut captured = vec![0; words];
            backend.read(buffer, 0, &mut captured);
            self.capture.take(node, captured);
        }
    }

    fn changes(&self) -> BTreeSet<NodeId> {
        self.liar.changes()
    }
}
