//! The fast scatter: rows sorted by key, then for each key the folds of its rows, many columns at a time.
//!
//! Of a block's 16 lanes only those that a key's rows fall into are kept. A lane that no row falls into is +0, and the others
//! are never −0, so leaving it out of the tree changes nothing: for each key and block the tree shrinks to a list of additions.

use std::ops::Range;

use rayon::prelude::*;
use samebit_num::fold::{BLOCK, LANES};

use super::ScatterKernel;
use crate::simd::{Isa, Kernel, Vector};

/// Elements of x that are worth a task of its own.
const TASK_ELEMENTS: usize = 1 << 14;

/// Columns of a task where one key has many rows.
const TASK_COLUMNS: usize = 64;

/// Vectors of columns that are folded together.
const TILE_VECTORS: usize = 2;

/// Runs the kernel's fast path on the threads of rayon's current pool; operands as for [`ScatterKernel`].
///
/// Panics if an operand does not have the elements that the kernel's shape asks for.
pub fn scatter(isa: Isa, kernel: &ScatterKernel, keys: &[u32], x: &[f32], output: &mut [f32]) {
    let &ScatterKernel { rows, columns, count, accumulate } = kernel;
    assert_eq!(keys.len(), rows, "keys of {kernel:?}");
    assert_eq!(x.len(), rows * columns, "elements of {kernel:?}");
    assert_eq!(output.len(), count * columns, "elements of the output of {kernel:?}");
    if columns == 0 {
        return;
    }
    let sorted = SortedRows::new(keys, count);
    let per_task = (TASK_ELEMENTS / columns).max(1);
    output.par_chunks_mut(columns).enumerate().with_min_len(per_task).for_each(|(v, output)| {
        if !accumulate {
            output.fill(0.0);
        }
        let rows = sorted.of(v);
        if rows.len() * columns < TASK_ELEMENTS {
            isa.run(FoldRows { x, columns, rows, first_column: 0, output });
        } else {
            output.par_chunks_mut(TASK_COLUMNS).enumerate().for_each(|(index, output)| {
                isa.run(FoldRows { x, columns, rows, first_column: index * TASK_COLUMNS, output });
            });
        }
    });
}

/// The rows of every key, rising: a counting sort.
struct SortedRows {
    rows: Vec<u32>,
    /// Rows of key v are `rows[starts[v]..starts[v + 1]]`.
    starts: Vec<u32>,
}

impl SortedRows {
    fn new(keys: &[u32], count: usize) -> Self {
        assert!(u32::try_from(keys.len()).is_ok(), "{} rows are more than a scatter can sort", keys.len());
        let known = |n: &usize| (keys[*n] as usize) < count;
        let mut starts = vec![0u32; count + 1];
        for n in (0..keys.len()).filter(known) {
            starts[keys[n] as usize + 1] += 1;
        }
        for v in 0..count {
            starts[v + 1] += starts[v];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; starts[count] as usize];
        for n in (0..keys.len()).filter(known) {
            let place = &mut next[keys[n] as usize];
            rows[*place as usize] = n as u32;
            *place += 1;
        }
        Self { rows, starts }
    }

    fn of(&self, v: usize) -> &[u32] {
        &self.rows[self.starts[v] as usize..self.starts[v + 1] as usize]
    }
}

/// The folds of one key's rows over some columns.
struct FoldRows<'t> {
    x: &'t [f32],
    /// Elements of a row of x.
    columns: usize,
    /// Rising.
    rows: &'t [u32],
    first_column: usize,
    /// Running totals.
    output: &'t mut [f32],
}

/// How the rows of one key in one block are added up.
struct BlockPlan {
    /// Rows, and the slot that each is added to.
    terms: Vec<(usize, usize)>,
    /// Slots in use.
    slots: usize,
    /// Additions `slot[.0] += slot[.1]` of the tree, in order.
    tree: Vec<(usize, usize)>,
    /// The slot that holds the block's result.
    result: usize,
}

impl BlockPlan {
    /// The plan of rows, at least one, of the same block.
    fn new(rows: &[u32]) -> Self {
        let mut slot_of_lane = [None; LANES];
        let mut slots = 0;
        let mut terms = Vec::with_capacity(rows.len());
        for &row in rows {
            let slot = *slot_of_lane[row as usize % LANES].get_or_insert_with(|| {
                slots += 1;
                slots - 1
            });
            terms.push((row as usize, slot));
        }
        let mut tree = Vec::with_capacity(slots - 1);
        for h in [8, 4, 2, 1] {
            for lane in 0..h {
                match (slot_of_lane[lane], slot_of_lane[lane + h]) {
                    (Some(a), Some(b)) => tree.push((a, b)),
                    (None, b) => slot_of_lane[lane] = b,
                    (Some(_), None) => {}
                }
            }
        }
        Self { terms, slots, tree, result: slot_of_lane[0].expect("a block with a row has a result") }
    }

    /// Adds the block to the totals of N vectors of columns.
    #[inline(always)]
    fn add<V: Vector, const N: usize>(
        &self,
        mut machine: V,
        columns: &SourceColumns<'_>,
        totals: &mut [V::F; N],
    ) {
        let mut slots = [[machine.splat(0.0); N]; LANES];
        for &(row, slot) in &self.terms {
            let values: [V::F; N] = load(machine, columns.row(row));
            for (sum, value) in slots[slot].iter_mut().zip(values) {
                *sum = machine.add(*sum, value);
            }
        }
        for &(a, b) in &self.tree {
            let right = slots[b];
            for (left, right) in slots[a].iter_mut().zip(right) {
                *left = machine.add(*left, right);
            }
        }
        debug_assert!(self.result < self.slots);
        for (total, sum) in totals.iter_mut().zip(slots[self.result]) {
            *total = machine.add(*total, sum);
        }
    }
}

impl Kernel for FoldRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        let same_block = |a: &u32, b: &u32| *a as usize / BLOCK == *b as usize / BLOCK;
        for rows in self.rows.chunk_by(same_block) {
            let plan = BlockPlan::new(rows);
            let whole = self.output.len() / (TILE_VECTORS * V::LANES) * TILE_VECTORS * V::LANES;
            for column in (0..whole).step_by(TILE_VECTORS * V::LANES) {
                self.fold::<V, TILE_VECTORS>(machine, &plan, column..column + TILE_VECTORS * V::LANES);
            }
            for column in (whole..self.output.len()).step_by(V::LANES) {
                self.fold::<V, 1>(machine, &plan, column..self.output.len().min(column + V::LANES));
            }
        }
    }
}

impl FoldRows<'_> {
    #[inline(always)]
    fn fold<V: Vector, const N: usize>(&mut self, machine: V, plan: &BlockPlan, columns: Range<usize>) {
        let first = self.first_column + columns.start;
        let source = SourceColumns { x: self.x, columns: self.columns, first, count: columns.len() };
        let target = &mut self.output[columns];
        let mut totals: [V::F; N] = load(machine, target);
        plan.add(machine, &source, &mut totals);
        for (target, total) in target.chunks_mut(V::LANES).zip(totals) {
            machine.store_part_canonical(target, total);
        }
    }
}

/// Some columns of x.
struct SourceColumns<'t> {
    x: &'t [f32],
    /// Elements of a row of x.
    columns: usize,
    first: usize,
    count: usize,
}

impl SourceColumns<'_> {
    #[inline(always)]
    fn row(&self, row: usize) -> &[f32] {
        &self.x[row * self.columns + self.first..][..self.count]
    }
}

/// At most N vectors; lanes beyond the end of `source` are +0.
#[inline(always)]
fn load<V: Vector, const N: usize>(machine: V, source: &[f32]) -> [V::F; N] {
    let mut vectors = [machine.splat(0.0); N];
    for (vector, part) in vectors.iter_mut().zip(source.chunks(V::LANES)) {
        *vector = machine.load_part(part);
    }
    vectors
}
