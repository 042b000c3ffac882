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

use rayon::prelude::*;

use super::AttentionKernel;
use super::pack::{HeadRows, store_row};
use super::scratch::Scratch;
use super::softmax::{Query, slopes};
use super::tile::{Scores, Taken, Target, Weighted, Weights, panel_keys, tile_rows};
use crate::marks::mark;
use crate::simd::{Isa, Kernel, Vector};
use samebit_num::fold::BLOCK;

/// Queries that are worked on at a time; divides a block of the fold.
const QUERIES: usize = 64;

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
                let [q, k, v, grad] = kernel.operands(tensors, b, key_head);
                let statistics = kernel.operands(statistics, b, key_head);
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
    /// Panels of k and of v.
    k_panels: Scratch,
    v_panels: Scratch,
    /// Rows of k in whole vectors.
    k_rows: Scratch,
    /// The folds dk and dv.
    dk: OpenFold,
    dv: OpenFold,
    /// Block of x that the open folds are in.
    open: usize,
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

/// Queries t0 … t0 + count − 1 of one head, packed, and what is computed for them.
struct QueryBlock {
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
        let padded = QUERIES.next_multiple_of(tile_rows::<V>());
        let pair = |length: usize| [Scratch::new(length), Scratch::new(length)];
        let mut block = QueryBlock {
            first: 0,
            count: 0,
            rows: pair(padded * columns),
            weights: Scratch::new(padded * STRIDE),
            slopes: Scratch::new(padded * STRIDE),
            dq: Scratch::new(padded * columns),
        };
        for first_key in (0..time).step_by(BLOCK) {
            let mut chunk = self.pack_chunk(machine, first_key, columns);
            for member in 0..group {
                let mut t = first_key;
                while t < time {
                    let x = member * time + t;
                    (block.first, block.count) = (t, (QUERIES - x % QUERIES).min(time - t));
                    chunk.enter(machine, x / BLOCK);
                    self.work(machine, member, &mut chunk, &mut block, columns);
                    t += block.count;
                }
            }
            chunk.enter(machine, usize::MAX);
            self.store_chunk(machine, &chunk, columns);
        }
    }
}

impl Chunk {
    /// Goes on to another block of x.
    #[inline(always)]
    fn enter<V: Vector>(&mut self, machine: V, block: usize) {
        if block != self.open {
            mark("attention: a block of queries is closed");
            self.dk.close(machine);
            self.dv.close(machine);
            self.open = block;
        }
    }
}

impl KeyHead<'_, '_> {
    #[inline(always)]
    fn pack_chunk<V: Vector>(&self, machine: V, first: usize, columns: usize) -> Chunk {
        let size = self.kernel.head_size;
        let keys = BLOCK.min(self.kernel.time - first);
        let panels = keys.next_multiple_of(panel_keys::<V>()) * size;
        let mut chunk = Chunk {
            first,
            keys,
            k_panels: Scratch::new(panels),
            v_panels: Scratch::new(panels),
            k_rows: Scratch::new(keys * columns),
            dk: OpenFold::new(keys.next_multiple_of(tile_rows::<V>()) * columns),
            dv: OpenFold::new(keys.next_multiple_of(tile_rows::<V>()) * columns),
            open: 0,
        };
        let (k, v) = (self.k.from(first), self.v.from(first));
        k.pack_panels(machine, keys, panel_keys::<V>(), &mut chunk.k_panels);
        v.pack_panels(machine, keys, panel_keys::<V>(), &mut chunk.v_panels);
        k.copy_rows(keys, columns, &mut chunk.k_rows);
        chunk
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
            tensor.copy_rows(block.count, columns, rows);
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
            let weights = &mut block.weights[r * STRIDE..][..keys];
            let slopes_row = &mut block.slopes[r * STRIDE..][..keys];
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
        let (tile, terms) = (tile_rows::<V>(), block.visible(chunk, block.first + block.count - 1));
        let tiles = block.count.div_ceil(tile);
        for (index, target) in block.dq.chunks_exact_mut(tile * columns).enumerate().take(tiles) {
            let weights = Weights::Rows(&block.slopes[index * tile * STRIDE..], STRIDE);
            let taken = Taken::First((block.first + index * tile + 1) as isize - chunk.first as isize);
            let (values, mode) = (&*chunk.k_rows, Target::Total);
            Weighted { weights, values, columns, terms, taken, mode, target }.compute(machine);
        }
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
    /// Keys of the chunk that query t sees.
    #[inline(always)]
    fn visible(&self, chunk: &Chunk, t: usize) -> usize {
        (t + 1 - chunk.first).min(chunk.keys)
    }

    /// Scores and dP, up to the diagonal and what a tile has beyond it.
    #[inline(always)]
    fn score<V: Vector>(&mut self, machine: V, chunk: &Chunk, [size, columns]: [usize; 2], scale: f32) {
        let (tile, width) = (tile_rows::<V>(), panel_keys::<V>());
        let products = [
            (&chunk.k_panels, &self.rows[0], scale, &mut self.weights),
            (&chunk.v_panels, &self.rows[1], 1.0, &mut self.slopes),
        ];
        for (panels, queries, factor, target) in products {
            for (panel, keys) in panels.chunks_exact(width * size).enumerate() {
                let first_key = chunk.first + panel * width;
                for index in 0..self.count.div_ceil(tile) {
                    let wanted = (self.first + (index + 1) * tile).saturating_sub(first_key);
                    if wanted > 0 {
                        let rows = &queries[index * tile * columns..][..tile * columns];
                        let target = &mut target[index * tile * STRIDE + panel * width..];
                        let stride = STRIDE;
                        Scores { rows, columns, size, keys, factor, target, stride, wanted }.compute(machine);
                    }
                }
            }
        }
    }

    /// The terms of these queries, for dk and dv.
    #[inline(always)]
    fn fold_keys<V: Vector>(&self, machine: V, chunk: &mut Chunk, columns: usize) {
        let (tile, keys) = (tile_rows::<V>(), self.visible(chunk, self.first + self.count - 1));
        let folds =
            [(&self.slopes, &self.rows[0], &mut chunk.dk), (&self.weights, &self.rows[1], &mut chunk.dv)];
        for (weights, values, fold) in folds {
            let tiles = keys.div_ceil(tile);
            for (index, target) in fold.block.chunks_exact_mut(tile * columns).enumerate().take(tiles) {
                let weights = Weights::Columns(&weights[index * tile..], STRIDE);
                let taken = Taken::From((chunk.first + index * tile) as isize - self.first as isize);
                let (terms, mode) = (self.count, Target::Open);
                Weighted { weights, values, columns, terms, taken, mode, target }.compute(machine);
            }
        }
    }
}
