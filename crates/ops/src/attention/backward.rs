//! The fast backward pass.
//!
//! A task is one key head of one sequence. It goes through the keys in chunks of 256, and for each chunk through the queries of
//! all heads of the group in the order of x = g·T + t:
//!
//! ```text
//! for each chunk of 256 keys                      = a block of the folds over j
//!   for each block of queries, x rising
//!     S, dP → P, dS                               [queries, 256]: all that is kept of the T × T matrices
//!     dq[t, :] += Σ_j dS·k                        one block of the fold, added to the running total
//!     dk[j, :], dv[j, :] continue with the terms of these x, in open blocks that are closed where x passes a multiple of 256
//! ```
//! In exact profiles the products are those of [`super::exact`], and P and dS are kept for a block of x: its whole keys are folded when it is
//! closed.

use rayon::prelude::*;

use super::AttentionKernel;
use super::exact::{Exact, scale};
use super::keys::KeyBlock;
use super::pack::{HeadRows, store_row};
use super::scratch::Scratch;
use super::softmax::{Query, slopes};
use super::tile::{Scores, Taken, Target, Weighted, Weights, panel_keys, tile_rows};
use crate::exact::Packed;
use crate::marks::mark;
use crate::product::Matrix;
use crate::simd::{Isa, Kernel, Vector};
use samebit_num::fold::BLOCK;

/// Queries that are worked on at a time; divides a block of the fold.
const QUERIES: usize = 64;

/// Rows that a tile may touch beyond its last query.
const SLACK: usize = 8;

/// Floats between rows of P and dS: a chunk of keys and a tile beyond it, not a multiple of a page of memory.
const STRIDE: usize = BLOCK + 16;

/// Inputs q, k, v, dO and m, l, d; outputs dq, dk, dv.
pub(super) fn backward(
    isa: Isa,
    kernel: &AttentionKernel,
    tensors: [&[f32]; 4],
    statistics: [&[f32]; 3],
    outputs: [&mut [f32]; 3],
) {
    let queries = kernel.time * kernel.heads * kernel.head_size;
    let keys = queries / kernel.group;
    let [dq, dk, dv] = outputs;
    dq.par_chunks_mut(queries)
        .zip(dk.par_chunks_mut(keys))
        .zip(dv.par_chunks_mut(keys))
        .enumerate()
        .for_each(|(b, ((dq, dk), dv))| {
            kernel.split_rows([dq, dk, dv]).into_par_iter().enumerate().for_each(|(key_head, rows)| {
                let [q, k, v, grad] = kernel.operands(tensors, kernel.time, (b, key_head));
                let statistics = kernel.operands(statistics, kernel.time, (b, key_head));
                isa.run(KeyHead { kernel, q, k, v, grad, statistics, rows });
            });
        });
}

/// One key head of one sequence and the query heads that share it.
struct KeyHead<'t, 'o> {
    kernel: &'t AttentionKernel,
    q: HeadRows<'t>,
    k: HeadRows<'t>,
    v: HeadRows<'t>,
    grad: HeadRows<'t>,
    /// m, l, d.
    statistics: [HeadRows<'t>; 3],
    /// dq, dk, dv by position.
    rows: Vec<[&'o mut [f32]; 3]>,
}

/// A chunk of at most 256 keys, packed.
struct Chunk {
    first: usize,
    keys: usize,
    /// k and v.
    operands: Operands,
    /// Rows of k in whole vectors.
    k_rows: Scratch,
    /// The folds dk and dv.
    dk: OpenFold,
    dv: OpenFold,
    /// Block of x that the open folds are in, if any.
    open: Option<XBlock>,
}

/// Keys and values as the scores read them.
enum Operands {
    /// In panels.
    Ordered([Scratch; 2]),
    /// In pieces, and the columns of the keys if they are a whole block.
    Exact(Exact, [Vec<Packed>; 2], Option<Packed>),
}

/// A block of x = g·T + t.
#[derive(Clone, Copy, PartialEq, Eq)]
struct XBlock {
    number: usize,
    /// Terms.
    terms: usize,
    /// Keys of the chunk, from its first, for which no term is cut and the block is exact.
    whole: usize,
}

/// Folds with a row per key: the running totals and the open block.
struct OpenFold {
    total: Scratch,
    block: Scratch,
}

impl OpenFold {
    fn new(length: usize) -> Self {
        let mut fold = Self { total: Scratch::new(length), block: Scratch::new(length) };
        fold.total.fill(0.0);
        fold.block.fill(0.0);
        fold
    }

    /// Adds the open block to the totals and opens the next.
    #[inline(always)]
    fn close<V: Vector>(&mut self, mut machine: V) {
        for (total, block) in self.total.chunks_exact_mut(V::LANES).zip(self.block.chunks_exact_mut(V::LANES))
        {
            let sum = machine.add(machine.load(total), machine.load(block));
            machine.store(total, sum);
            machine.store(block, machine.splat(0.0));
        }
    }
}

/// Queries t0 … t0 + count − 1 of one head, packed, and what is computed for them, from row `at` on.
struct QueryBlock {
    at: usize,
    first: usize,
    count: usize,
    /// Rows of q and of dO in whole vectors.
    rows: [Scratch; 2],
    /// Scores, then P; dP, then dS.
    weights: Scratch,
    slopes: Scratch,
    /// Running totals of dq.
    dq: Scratch,
}

impl Kernel for KeyHead<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        let &AttentionKernel { time, group, head_size, .. } = self.kernel;
        let columns = head_size.next_multiple_of(V::LANES);
        let is_exact = self.kernel.exact(V::ISA).is_some();
        let kept = if is_exact { BLOCK } else { QUERIES };
        let padded = kept + SLACK;
        let pair = |length: usize| [Scratch::new(length), Scratch::new(length)];
        let mut block = QueryBlock {
            at: 0,
            first: 0,
            count: 0,
            rows: pair(padded * columns),
            weights: Scratch::new(padded * STRIDE),
            slopes: Scratch::new(padded * STRIDE),
            dq: Scratch::new((QUERIES + SLACK) * columns),
        };
        for first_key in (0..time).step_by(BLOCK) {
            let mut chunk = self.pack_chunk(machine, first_key, columns);
            for member in 0..group {
                let mut t = first_key;
                while t < time {
                    let x = member * time + t;
                    chunk.enter(machine, &block, Some(self.x_block(x / BLOCK, &chunk)), [head_size, columns]);
                    block.at = if is_exact { x % BLOCK } else { 0 };
                    (block.first, block.count) = (t, (QUERIES - x % QUERIES).min(time - t));
                    self.work(machine, member, &mut chunk, &mut block, columns);
                    t += block.count;
                }
            }
            chunk.enter(machine, &block, None, [head_size, columns]);
            self.store_chunk(machine, &chunk, columns);
        }
    }
}

impl Chunk {
    /// Goes on to another block of x, or none; `block` holds what was computed for the open one.
    #[inline(always)]
    fn enter<V: Vector>(
        &mut self,
        machine: V,
        block: &QueryBlock,
        next: Option<XBlock>,
        [size, columns]: [usize; 2],
    ) {
        if self.open == next {
            return;
        }
        if let Some(XBlock { terms, whole, .. }) = std::mem::replace(&mut self.open, next) {
            mark("attention: a block of queries is closed");
            for ([weights, values], fold) in block.key_factors().into_iter().zip([&mut self.dk, &mut self.dv])
            {
                // A tile may have folded whole keys beside cut ones.
                fold.block[..whole * columns].fill(0.0);
                fold.close(machine);
                if let Operands::Exact(exact, ..) = &self.operands {
                    let weights = Matrix::new(weights, whole, terms, 1, STRIDE);
                    let values = Matrix::new(values, size, terms, 1, columns);
                    exact.fold(weights, values, &mut fold.total, [size, columns]);
                }
            }
        }
    }
}

impl KeyHead<'_, '_> {
    #[inline(always)]
    fn pack_chunk<V: Vector>(&self, machine: V, first: usize, columns: usize) -> Chunk {
        let size = self.kernel.head_size;
        let keys = BLOCK.min(self.kernel.time - first);
        let (k, v) = (self.k.from(first), self.v.from(first));
        let operands = match self.kernel.exact(V::ISA) {
            Some(exact) => {
                let pieces = [k, v].map(|rows| exact.keys(rows, keys));
                Operands::Exact(exact, pieces, exact.columns(k, keys).pop())
            }
            None => Operands::Ordered([k, v].map(|rows| {
                let mut panels = Scratch::new(keys.next_multiple_of(panel_keys::<V>()) * size);
                rows.pack_panels(machine, keys, panel_keys::<V>(), &mut panels);
                panels
            })),
        };
        let mut chunk = Chunk {
            first,
            keys,
            operands,
            k_rows: Scratch::new(keys * columns),
            dk: OpenFold::new(keys.next_multiple_of(tile_rows::<V>()) * columns),
            dv: OpenFold::new(keys.next_multiple_of(tile_rows::<V>()) * columns),
            open: None,
        };
        k.copy_rows(keys, columns, &mut chunk.k_rows);
        chunk
    }

    /// A block of the folds over x.
    #[inline(always)]
    fn x_block(&self, number: usize, chunk: &Chunk) -> XBlock {
        let &AttentionKernel { time, group, .. } = self.kernel;
        let (start, end) = (number * BLOCK, (group * time).min((number + 1) * BLOCK));
        // With the first query of another head comes t = 0.
        let least = if start / time == (end - 1) / time { start % time } else { 0 };
        let whole = match chunk.operands {
            Operands::Ordered(_) => 0,
            Operands::Exact(..) => (least + 1).saturating_sub(chunk.first).min(chunk.keys),
        };
        XBlock { number, terms: end - start, whole }
    }

    /// Everything about a block of queries and a chunk of keys.
    #[inline(always)]
    fn work<V: Vector>(
        &mut self,
        machine: V,
        member: usize,
        chunk: &mut Chunk,
        block: &mut QueryBlock,
        columns: usize,
    ) {
        let size = self.kernel.head_size;
        for (tensor, rows) in [self.q, self.grad].into_iter().zip(&mut block.rows) {
            let tensor = HeadRows { data: &tensor.data[member * size..], ..tensor }.from(block.first);
            tensor.copy_rows(block.count, columns, &mut rows[block.at * columns..]);
        }
        block.score(machine, chunk, [size, columns], f32::from_bits(self.kernel.scale));
        self.slope(machine, member, chunk, block);
        self.fold_queries(machine, member, chunk, block, columns);
        block.fold_keys(machine, chunk, columns);
    }

    /// P and dS of every row.
    #[inline(always)]
    fn slope<V: Vector>(&self, machine: V, member: usize, chunk: &Chunk, block: &mut QueryBlock) {
        let scale = f32::from_bits(self.kernel.scale);
        for r in 0..block.count {
            let t = block.first + r;
            let keys = block.visible(chunk, t).next_multiple_of(V::LANES);
            let [greatest, sum, d] = self.statistics.map(|rows| rows.data[t * rows.stride + member]);
            let weights = &mut block.weights[(block.at + r) * STRIDE..][..keys];
            let slopes_row = &mut block.slopes[(block.at + r) * STRIDE..][..keys];
            slopes(machine, weights, slopes_row, Query { greatest, sum, d }, scale);
        }
    }

    /// One block of the folds dq.
    #[inline(always)]
    fn fold_queries<V: Vector>(
        &mut self,
        machine: V,
        member: usize,
        chunk: &Chunk,
        block: &mut QueryBlock,
        columns: usize,
    ) {
        let size = self.kernel.head_size;
        let outputs = &mut self.rows[block.first..block.first + block.count];
        let part = member * size..(member + 1) * size;
        for ([dq, ..], totals) in outputs.iter().zip(block.dq.chunks_exact_mut(columns)) {
            if chunk.first == 0 {
                totals.fill(0.0);
            } else {
                totals[..size].copy_from_slice(&dq[part.clone()]);
            }
        }
        let terms = block.visible(chunk, block.first + block.count - 1);
        let keys = KeyBlock {
            weights: &block.slopes[block.at * STRIDE..],
            stride: STRIDE,
            count: block.count,
            seen: (block.first + 1) as isize - chunk.first as isize,
            values: &chunk.k_rows[..terms * columns],
            size,
            columns,
            exact: match &chunk.operands {
                Operands::Exact(exact, _, Some(columns)) => Some((*exact, columns)),
                _ => None,
            },
        };
        keys.fold(machine, &mut block.dq);
        for ([dq, ..], totals) in outputs.iter_mut().zip(block.dq.chunks_exact(columns)) {
            store_row(machine, &mut dq[part.clone()], totals);
        }
    }

    /// dk and dv of a chunk.
    #[inline(always)]
    fn store_chunk<V: Vector>(&mut self, machine: V, chunk: &Chunk, columns: usize) {
        let totals = chunk.dk.total.chunks_exact(columns).zip(chunk.dv.total.chunks_exact(columns));
        let outputs = &mut self.rows[chunk.first..chunk.first + chunk.keys];
        for ([_, dk, dv], (dk_total, dv_total)) in outputs.iter_mut().zip(totals) {
            store_row(machine, dk, dk_total);
            store_row(machine, dv, dv_total);
        }
    }
}

impl QueryBlock {
    /// Scores and dP, up to the last query's key and what a piece has beyond it.
    #[inline(always)]
    fn score_exactly<V: Vector>(
        &mut self,
        machine: V,
        chunk: &Chunk,
        (exact, keys): (Exact, &[Vec<Packed>; 2]),
        [size, columns]: [usize; 2],
        factor: f32,
    ) {
        let &mut QueryBlock { at, first, count, .. } = self;
        let visible = |r: usize| (first + r + 1 - chunk.first).min(chunk.keys);
        for ((keys, rows), target) in keys.iter().zip(&self.rows).zip([&mut self.weights, &mut self.slopes]) {
            let queries = exact.queries(&rows[at * columns..], count, size, columns);
            exact.scores(&queries, keys, visible(count - 1), &mut target[at * STRIDE..], STRIDE);
        }
        scale(machine, &mut self.weights[at * STRIDE..], STRIDE, count, visible, factor);
    }

    /// Keys of the chunk that query t sees.
    #[inline(always)]
    fn visible(&self, chunk: &Chunk, t: usize) -> usize {
        (t + 1 - chunk.first).min(chunk.keys)
    }

    /// Scores and dP, up to the diagonal and what a tile has beyond it.
    #[inline(always)]
    fn score<V: Vector>(&mut self, machine: V, chunk: &Chunk, [size, columns]: [usize; 2], factor: f32) {
        let (tile, width, at) = (tile_rows::<V>(), panel_keys::<V>(), self.at);
        let panels = match &chunk.operands {
            Operands::Ordered(panels) => panels,
            Operands::Exact(exact, keys, _) => {
                return self.score_exactly(machine, chunk, (*exact, keys), [size, columns], factor);
            }
        };
        let targets = [(factor, &mut self.weights), (1.0, &mut self.slopes)];
        for ((panels, queries), (factor, target)) in panels.iter().zip(&self.rows).zip(targets) {
            for (panel, keys) in panels.chunks_exact(width * size).enumerate() {
                let first_key = chunk.first + panel * width;
                for index in 0..self.count.div_ceil(tile) {
                    let wanted = (self.first + (index + 1) * tile).saturating_sub(first_key);
                    if wanted > 0 {
                        let rows = &queries[(at + index * tile) * columns..][..tile * columns];
                        let target = &mut target[(at + index * tile) * STRIDE + panel * width..];
                        let stride = STRIDE;
                        Scores { rows, columns, size, keys, factor, target, stride, wanted }.compute(machine);
                    }
                }
            }
        }
    }

    /// What the folds over x multiply, for dk and for dv.
    #[inline(always)]
    fn key_factors(&self) -> [[&[f32]; 2]; 2] {
        [[&self.slopes, &self.rows[0]], [&self.weights, &self.rows[1]]]
    }

    /// The terms of these queries, for dk and dv; only of keys that are not whole, and their neighbours in a tile.
    #[inline(always)]
    fn fold_keys<V: Vector>(&self, machine: V, chunk: &mut Chunk, columns: usize) {
        let (tile, keys) = (tile_rows::<V>(), self.visible(chunk, self.first + self.count - 1));
        let whole = chunk.open.map_or(0, |block| block.whole);
        for ([weights, values], fold) in self.key_factors().into_iter().zip([&mut chunk.dk, &mut chunk.dv]) {
            let (weights, values) = (&weights[self.at * STRIDE..], &values[self.at * columns..]);
            let tiles = fold.block.chunks_exact_mut(tile * columns).enumerate();
            for (index, target) in tiles.take(keys.div_ceil(tile)).skip(whole / tile) {
                let weights = Weights::Columns(&weights[index * tile..], STRIDE);
                let taken = Taken::From((chunk.first + index * tile) as isize - self.first as isize);
                let (terms, mode) = (self.count, Target::Open);
                Weighted { weights, values, columns, terms, taken, mode, target }.compute(machine);
            }
        }
    }
}
