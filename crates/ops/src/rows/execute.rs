//! Runs a planned pass over a range of rows on one thread.
//!
//! A block of rows goes through all phases before the next block begins, so that what the loops of a block leave for one another
//! stays in the second-level cache.

use std::ops::Range;

use samebit_num::{Arith, Native, canonical};

use super::address::{Operand, word};
use super::fold::{BLOCK, MaxBlock, PRODUCT_ROWS, ProductBlock, SumBlock, TileRow};
use super::interpret::{self, CHUNK, LANES_MAX, Operands, Uniform, Words};
use super::plan::{ColumnSource, Home, Leaf, Loop, RowSource, RowStages};
use super::prepared::PreparedRows;
use super::program::StageKind;
use super::schedule::{Schedule, Source, Step, Target};
use super::workspace::{Located, Workspace};
use crate::simd::{Kernel, Vector};

/// A range of a pass's rows, with the outputs of just these rows.
pub(super) struct Task<'a> {
    pub(super) prepared: &'a PreparedRows,
    pub(super) step: u64,
    pub(super) inputs: &'a [Operand<'a>],
    pub(super) rows: Range<u64>,
    pub(super) outputs: Vec<&'a mut [u32]>,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, machine: V) {
        run_task(machine, self);
    }
}

#[inline(never)]
fn run_task<V: Vector>(machine: V, task: Task<'_>) {
    let prepared = task.prepared;
    let scratch_words = prepared.block_rows * prepared.padded_columns();
    Workspace::with(&prepared.plan, prepared.program.stages.len(), scratch_words, |workspace| {
        let Task { prepared, step, inputs, rows, outputs } = task;
        let first = rows.start;
        let mut block =
            Block { machine, prepared, step, inputs, first, row: 0, count: 0, outputs, workspace };
        for row in rows.clone().step_by(prepared.block_rows) {
            block.row = row;
            block.count = (rows.end - row).min(prepared.block_rows as u64) as usize;
            block.run();
        }
    });
}

/// The rows `row .. row + count` of a task that begins at row `first`.
struct Block<'a, 'w, V> {
    machine: V,
    prepared: &'a PreparedRows,
    step: u64,
    inputs: &'a [Operand<'a>],
    first: u64,
    row: u64,
    count: usize,
    outputs: Vec<&'a mut [u32]>,
    workspace: &'w mut Workspace,
}

/// A part of a row: columns `start .. start + count` of the block's row `row`.
#[derive(Clone, Copy)]
struct Chunk {
    row: usize,
    start: usize,
    count: usize,
    /// `count` rounded up to whole vectors.
    width: usize,
}

impl Chunk {
    fn is_ragged(self) -> bool {
        self.width != self.count
    }
}

impl<V: Vector> Block<'_, '_, V> {
    fn run(&mut self) {
        let plan = &self.prepared.plan;
        self.evaluate_rows();
        for phase in &plan.phases {
            if let Some(rows) = &phase.rows {
                self.row_stages(rows);
            }
            if let Some(columns) = &phase.columns {
                self.columns(columns);
            }
        }
        let at = (self.row - self.first) as usize;
        for &(output, stage) in &plan.row_outputs {
            let values = &self.workspace.row_values[stage].0[..self.count];
            self.outputs[output][at..at + self.count].copy_from_slice(values);
        }
    }

    /// The bases of all addresses, and the words that are per row from the start.
    fn evaluate_rows(&mut self) {
        let plan = &self.prepared.plan;
        let absolute = self.prepared.program.first_row + self.row;
        for (address, bases) in plan.addresses.iter().zip(&mut self.workspace.bases) {
            for (row, base) in (absolute..).zip(&mut bases[..self.count]) {
                *base = address.base(row, self.step, self.inputs);
            }
        }
        for (source, words) in plan.row_sources.iter().zip(&mut self.workspace.row_sources) {
            for (row, held) in (absolute..).zip(&mut words.0[..self.count]) {
                *held = match source {
                    RowSource::Stage(_) => break,
                    RowSource::Operand { operand, address, len } => {
                        word(self.inputs[*operand], address.base(row, self.step, self.inputs), *len)
                    }
                    RowSource::Value(address) => address.base(row, self.step, self.inputs) as u32,
                };
            }
        }
    }

    /// The words of a row source, one for each row of the block.
    fn row_source(&self, source: usize) -> &[u32; CHUNK] {
        match self.prepared.plan.row_sources[source] {
            RowSource::Stage(stage) => &self.workspace.row_values[stage].0,
            _ => &self.workspace.row_sources[source].0,
        }
    }

    /// Per-row stages: here the rows of the block are the interpreter's columns.
    fn row_stages(&mut self, stages: &RowStages) {
        let width = self.count.next_multiple_of(V::LANES);
        for step in &stages.schedule.steps {
            let mut target = self.workspace.spare.take().expect("a spare register");
            let mut operands = Operands::new();
            step.sources.iter().for_each(|&source| operands.push(self.row_words(stages, source)));
            let width = if step.uniform { V::LANES } else { width };
            interpret::execute(self.machine, step.action, &operands, &mut target.0[..width]);
            let register = match step.target {
                Target::Slot(slot) => &mut self.workspace.slots[slot],
                Target::Home(stage) => &mut self.workspace.row_values[stage],
            };
            std::mem::swap(register, &mut target);
            self.workspace.spare = Some(target);
        }
    }

    fn row_words<'s>(&'s self, stages: &'s RowStages, source: Source) -> Words<'s> {
        match source {
            Source::Slot { slot, uniform } => self.slot_words(slot, uniform),
            Source::Constant(constant) => self.constant_words(&stages.schedule, constant),
            Source::Leaf(leaf) => self.row_source(stages.leaves[leaf]),
            Source::Home(stage) => &self.workspace.row_values[stage].0,
        }
    }

    /// One loop over the columns of each row. Rows of ordered products go side by side, the others one after another.
    fn columns(&mut self, columns: &Loop) {
        for fold in &columns.folds {
            let start = if fold.kind == StageKind::Max { f32::NEG_INFINITY } else { 0.0 };
            self.workspace.row_values[fold.stage].0[..self.count].fill(start.to_bits());
        }
        let products = columns.products().count() > 0;
        let (together, chunk) = if products { (PRODUCT_ROWS, BLOCK) } else { (1, CHUNK) };
        for group in (0..self.count).step_by(together) {
            let rows = group..(group + together).min(self.count);
            // Only the last row of a launch may be shorter than the first of its group, and then there are no folds.
            let length = self.prepared.program.row_len(self.row + group as u64) as usize;
            for start in (0..length).step_by(chunk) {
                let count = chunk.min(length - start);
                for row in rows.clone() {
                    let width = count.next_multiple_of(V::LANES);
                    self.chunk(columns, Chunk { row, start, count, width });
                }
                if products {
                    self.products(columns, rows.clone(), count);
                }
            }
        }
        for fold in &columns.folds {
            let totals = &mut self.workspace.row_values[fold.stage].0[..self.count];
            totals.iter_mut().for_each(|total| *total = canonical(*total));
        }
    }

    fn chunk(&mut self, columns: &Loop, chunk: Chunk) {
        self.locate(columns, chunk);
        for step in &columns.schedule.steps {
            self.step(columns, step, chunk);
        }
        let mut product = 0;
        for fold in &columns.folds {
            match fold.kind {
                StageKind::Sum => self.sum(columns, fold.stage, fold.result, chunk),
                StageKind::Max => {
                    let terms = self.words(columns, columns.schedule.results[fold.result], chunk);
                    let greatest = self.machine.call(MaxBlock { terms, count: chunk.count });
                    let total = &mut self.workspace.row_values[fold.stage].0[chunk.row];
                    *total = Native.max(f32::from_bits(*total), greatest).to_bits();
                }
                _ => {
                    self.tile(columns, fold.result, product, chunk);
                    product += 1;
                }
            }
        }
    }

    /// Adds the chunk's blocks to a running total.
    fn sum(&mut self, columns: &Loop, stage: usize, result: usize, chunk: Chunk) {
        let all = self.words(columns, columns.schedule.results[result], chunk);
        let mut total = f32::from_bits(self.workspace.row_values[stage].0[chunk.row]);
        for start in (0..chunk.count).step_by(BLOCK) {
            let terms = if all.len() == V::LANES { all } else { &all[start..] };
            total += self.machine.call(SumBlock { terms, count: BLOCK.min(chunk.count - start) });
        }
        self.workspace.row_values[stage].0[chunk.row] = total.to_bits();
    }

    /// Keeps the chunk's factors until those of all rows of the group are there.
    fn tile(&mut self, columns: &Loop, result: usize, product: usize, chunk: Chunk) {
        let mut tiles = std::mem::take(&mut self.workspace.tiles);
        for (side, tile) in tiles[product].iter_mut().enumerate() {
            let terms = self.words(columns, columns.schedule.results[result + side], chunk);
            let row = &mut tile[chunk.row % PRODUCT_ROWS * BLOCK..][..chunk.width];
            self.machine.call(TileRow { terms, row });
        }
        self.workspace.tiles = tiles;
    }

    /// Adds the blocks of the group's products to their running totals.
    fn products(&mut self, columns: &Loop, rows: Range<usize>, count: usize) {
        let workspace = &mut *self.workspace;
        for (fold, [left, right]) in columns.products().zip(&workspace.tiles) {
            let mut results = [0f32; PRODUCT_ROWS];
            self.machine.call(ProductBlock { left, right, count, results: &mut results });
            for (total, result) in workspace.row_values[fold.stage].0[rows.clone()].iter_mut().zip(results) {
                *total = (f32::from_bits(*total) + result).to_bits();
            }
        }
    }

    /// Finds or copies the operands of the chunk.
    fn locate(&mut self, columns: &Loop, chunk: Chunk) {
        for leaf in &columns.leaves {
            if let Leaf::Row(source) = *leaf {
                let word = self.row_source(source)[chunk.row];
                self.workspace.uniforms[source] = Uniform([word; LANES_MAX]);
            }
        }
        for (at, source) in columns.columns.iter().enumerate() {
            self.workspace.located[at] = match *source {
                ColumnSource::Operand { operand, address, len } => {
                    let gather = &self.prepared.gathers[address];
                    let base = self.workspace.bases[address][chunk.row];
                    let staged = &mut self.workspace.staged[at].0[..chunk.count];
                    let start = chunk.start;
                    match gather.locate(self.inputs[operand], len, base, start, staged, chunk.is_ragged()) {
                        Some(start) => Located::Direct { operand, start },
                        None => Located::Staged,
                    }
                }
                ColumnSource::Value { address } => {
                    let base = self.workspace.bases[address][chunk.row];
                    let staged = &mut self.workspace.staged[at].0[..chunk.count];
                    self.prepared.gathers[address].values(base, chunk.start, staged);
                    Located::Staged
                }
                ColumnSource::Home(home) => {
                    self.fetch_tail(home, chunk);
                    Located::Home(home)
                }
            };
        }
    }

    /// Copies the end of an output's row to where a whole number of vectors can be read.
    fn fetch_tail(&mut self, home: usize, chunk: Chunk) {
        if let Home::Output(output) = self.prepared.plan.homes[home]
            && chunk.is_ragged()
        {
            let words = &self.outputs[output][self.output_start(chunk)..][..chunk.count];
            self.workspace.tails[home].0[..chunk.count].copy_from_slice(words);
        }
    }

    /// The word of an output of this task where the chunk begins.
    fn output_start(&self, chunk: Chunk) -> usize {
        let row = (self.row - self.first) as usize + chunk.row;
        row * self.prepared.program.columns as usize + chunk.start
    }

    /// The word of a scratch matrix where the chunk begins.
    fn scratch_start(&self, chunk: Chunk) -> usize {
        chunk.row * self.prepared.padded_columns() + chunk.start
    }

    fn words<'s>(&'s self, columns: &'s Loop, source: Source, chunk: Chunk) -> Words<'s> {
        match source {
            Source::Slot { slot, uniform } => self.slot_words(slot, uniform),
            Source::Constant(constant) => self.constant_words(&columns.schedule, constant),
            Source::Home(home) => self.home_words(home, chunk),
            Source::Leaf(leaf) => match columns.leaves[leaf] {
                Leaf::Row(source) => &self.workspace.uniforms[source].0[..V::LANES],
                Leaf::Column(column) => match self.workspace.located[column] {
                    Located::Direct { operand, start } => &self.inputs[operand].0[start..],
                    Located::Staged => &self.workspace.staged[column].0,
                    Located::Home(home) => self.home_words(home, chunk),
                },
            },
        }
    }

    fn home_words(&self, home: usize, chunk: Chunk) -> Words<'_> {
        match self.prepared.plan.homes[home] {
            Home::Output(_) if chunk.is_ragged() => &self.workspace.tails[home].0[..],
            Home::Output(output) => &self.outputs[output][self.output_start(chunk)..],
            Home::Scratch(scratch) => &self.workspace.scratch[scratch][self.scratch_start(chunk)..],
        }
    }

    fn step(&mut self, columns: &Loop, step: &Step, chunk: Chunk) {
        let width = if step.uniform { V::LANES } else { chunk.width };
        match step.target {
            Target::Slot(slot) => {
                let mut target = self.workspace.spare.take().expect("a spare register");
                self.execute(columns, step, chunk, &mut target.0[..width]);
                std::mem::swap(&mut self.workspace.slots[slot], &mut target);
                self.workspace.spare = Some(target);
            }
            Target::Home(home) => match self.prepared.plan.homes[home] {
                Home::Scratch(scratch) => {
                    let mut matrix = std::mem::take(&mut self.workspace.scratch[scratch]);
                    let start = self.scratch_start(chunk);
                    self.execute(columns, step, chunk, &mut matrix[start..start + width]);
                    self.workspace.scratch[scratch] = matrix;
                }
                Home::Output(output) => self.step_to_output(columns, step, chunk, home, output),
            },
        }
    }

    fn step_to_output(&mut self, columns: &Loop, step: &Step, chunk: Chunk, home: usize, output: usize) {
        let start = self.output_start(chunk);
        let words = std::mem::take(&mut self.outputs[output]);
        let target = &mut words[start..start + chunk.count];
        if chunk.is_ragged() {
            let mut tail = self.workspace.spare.take().expect("a spare register");
            self.execute(columns, step, chunk, &mut tail.0[..chunk.width]);
            target.copy_from_slice(&tail.0[..chunk.count]);
            std::mem::swap(&mut self.workspace.tails[home], &mut tail);
            self.workspace.spare = Some(tail);
        } else {
            self.execute(columns, step, chunk, target);
        }
        self.outputs[output] = words;
    }

    fn execute(&self, columns: &Loop, step: &Step, chunk: Chunk, target: &mut [u32]) {
        let mut operands = Operands::new();
        step.sources.iter().for_each(|&source| operands.push(self.words(columns, source, chunk)));
        interpret::execute(self.machine, step.action, &operands, target);
    }

    fn slot_words(&self, slot: usize, uniform: bool) -> Words<'_> {
        let words = &self.workspace.slots[slot].0;
        if uniform { &words[..V::LANES] } else { words }
    }

    fn constant_words<'s>(&self, schedule: &'s Schedule, constant: usize) -> Words<'s> {
        &schedule.constants[constant].0[..V::LANES]
    }
}
