//! Passes made ready to run, and kept, because the same pass runs once a step.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::address::Operand;
use super::execute::Task;
use super::flat::flatten;
use super::fold::PRODUCT_ROWS;
use super::gather::Gather;
use super::interpret::{CHUNK, LANES_MAX};
use super::plan::Plan;
use super::program::RowProgram;
use super::split::Split;
use crate::simd::{Isa, assert_float_environment};

/// Words that the rows of a block may take, so that they stay in the second-level cache.
const BLOCK_WORDS: usize = 48 * 1024;
/// The most rows in a block that several loops visit.
const BLOCK_ROWS_MAX: usize = 64;
/// The fewest elements for which another thread is asked.
const TASK_ELEMENTS: u64 = 16 * 1024;
/// Tasks for each thread, so that a thread that is late is helped.
const TASKS_PER_THREAD: u64 = 4;

/// A pass, planned.
#[derive(Debug)]
pub struct PreparedRows {
    pub(super) program: RowProgram,
    pub(super) plan: Plan,
    /// For each address of the plan.
    pub(super) gathers: Vec<Gather>,
    /// Rows that go through all loops together.
    pub(super) block_rows: usize,
    /// How one long row is folded on many threads.
    split: Option<Box<Split>>,
}

impl PreparedRows {
    /// Plans the pass.
    ///
    /// # Panics
    /// If the program is not well formed.
    pub fn new(program: &RowProgram) -> Self {
        program.validate();
        let program = flatten(program);
        let plan = Plan::new(&program);
        let gathers = plan.addresses.iter().map(|address| Gather::new(&address.columns)).collect();
        let block_rows = block_rows(&program, &plan);
        let split = Split::new(&program).map(Box::new);
        Self { program, plan, gathers, block_rows, split }
    }

    /// Runs the pass at step `step`, on the threads of rayon's current pool. Inputs are slices of tensors with the flat index of
    /// their first word, outputs are whole.
    ///
    /// # Panics
    /// If an operand lacks an element below its tensor's end, or an output is too short.
    pub fn run(&self, isa: Isa, step: u64, inputs: &[Operand<'_>], outputs: &mut [&mut [u32]]) {
        let program = &self.program;
        assert_eq!(inputs.len(), program.operands, "inputs of a pass over rows");
        assert_eq!(outputs.len(), program.stores.len(), "outputs of a pass over rows");
        if program.len == 0 {
            return;
        }
        if let Some(split) = &self.split {
            let total = split.run(isa, step, inputs);
            outputs.iter_mut().for_each(|output| output[0] = total);
            return;
        }
        let tasks = self.tasks(step, inputs, outputs);
        let run = |task: Task<'_>| {
            assert_float_environment();
            isa.run(task);
        };
        if tasks.len() == 1 {
            tasks.into_iter().for_each(run);
        } else {
            tasks.into_par_iter().with_max_len(1).for_each(run);
        }
        for &(output, first) in &self.plan.repeated {
            let words = std::mem::take(&mut outputs[first]);
            let len = program.len as usize;
            outputs[output][..len].copy_from_slice(&words[..len]);
            outputs[first] = words;
        }
    }

    /// Words of a row in a scratch matrix.
    pub(super) fn padded_columns(&self) -> usize {
        (self.program.columns as usize).next_multiple_of(LANES_MAX)
    }

    /// The rows in equal parts, with the parts of the outputs.
    fn tasks<'a>(
        &'a self,
        step: u64,
        inputs: &'a [Operand<'a>],
        outputs: &'a mut [&mut [u32]],
    ) -> Vec<Task<'a>> {
        let program = &self.program;
        let mut rest: Vec<&mut [u32]> = outputs.iter_mut().map(|output| &mut output[..]).collect();
        let rows_per_task = self.rows_per_task();
        let mut tasks = Vec::new();
        let mut start = 0;
        while start < program.rows {
            let rows = start..(start + rows_per_task).min(program.rows);
            let part = |(store, rest): (usize, &mut &'a mut [u32])| {
                let words = self.output_words(store, &rows);
                rest.split_off_mut(..words).unwrap_or_else(|| panic!("output {store} is too short"))
            };
            let outputs = rest.iter_mut().enumerate().map(part).collect();
            start = rows.end;
            tasks.push(Task { prepared: self, step, inputs, rows, outputs });
        }
        tasks
    }

    fn rows_per_task(&self) -> u64 {
        let program = &self.program;
        let threads = rayon::current_num_threads() as u64;
        if threads == 1 {
            return program.rows;
        }
        let shared = program.rows.div_ceil(threads * TASKS_PER_THREAD);
        let worthwhile = TASK_ELEMENTS.div_ceil(program.columns.max(1));
        shared.max(worthwhile).next_multiple_of(PRODUCT_ROWS as u64)
    }

    fn output_words(&self, store: usize, rows: &Range<u64>) -> usize {
        let program = &self.program;
        if !program.stages[program.stores[store]].kind.is_map() {
            return (rows.end - rows.start) as usize;
        }
        let end = (rows.end * program.columns).min(program.len);
        (end - rows.start * program.columns) as usize
    }
}

/// As many rows as stay in cache from loop to loop.
fn block_rows(program: &RowProgram, plan: &Plan) -> usize {
    let loops: Vec<_> = plan.phases.iter().filter_map(|phase| phase.columns.as_ref()).collect();
    if loops.is_empty() {
        return CHUNK;
    }
    if loops.len() == 1 {
        return BLOCK_ROWS_MAX;
    }
    let matrices = program.operands + plan.homes.len();
    let row_words = (program.columns as usize).max(1) * matrices.max(1);
    let products = loops.iter().any(|columns| columns.products().count() > 0);
    let least = if products { PRODUCT_ROWS } else { 1 };
    (BLOCK_WORDS / row_words).clamp(least, BLOCK_ROWS_MAX)
}

/// Passes that were planned before. Planning costs as much as a small pass, and a job runs the same passes every step.
#[derive(Debug, Default)]
pub struct RowCache {
    prepared: Mutex<BTreeMap<u64, Vec<Arc<PreparedEntry>>>>,
}

#[derive(Debug)]
struct PreparedEntry {
    key: RowProgram,
    prepared: Arc<PreparedRows>,
}

impl RowCache {
    /// Planned passes that are kept; with one more, all are forgotten.
    const LIMIT: usize = 1 << 14;

    /// The pass, planned now or before.
    ///
    /// # Panics
    /// If the program is not well formed.
    pub fn prepare(&self, program: &RowProgram) -> Arc<PreparedRows> {
        let mut hasher = DefaultHasher::new();
        program.hash(&mut hasher);
        let hash = hasher.finish();
        let find = |held: &BTreeMap<u64, Vec<Arc<PreparedEntry>>>| {
            held.get(&hash)?.iter().find(|entry| entry.key == *program).map(|entry| entry.prepared.clone())
        };
        if let Some(prepared) = find(&self.lock()) {
            return prepared;
        }
        let prepared = Arc::new(PreparedRows::new(program));
        let entry = Arc::new(PreparedEntry { key: program.clone(), prepared: prepared.clone() });
        let mut held = self.lock();
        if held.len() >= Self::LIMIT {
            held.clear();
        }
        held.entry(hash).or_default().push(entry);
        prepared
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Vec<Arc<PreparedEntry>>>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
