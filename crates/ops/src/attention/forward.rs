//! The fast forward pass.
//!
//! A task is a block of queries of all heads that share a key head. It keeps the scores of its own rows only:
//!
//! ```text
//! scores[r, j] = (q·k)·scale    register tiles, up to the diagonal
//! scores[r, :] → m, e, l        a row at a time
//! U[r, :] = Σ_j e·v             register tiles, one block of 256 keys after the other
//! ```
//! In exact profiles the products are those of [`super::exact`].

use rayon::prelude::*;

use super::AttentionKernel;
use super::exact::{Exact, PIECE, scale};
use super::keys::KeyBlock;
use super::pack::{HeadRows, store};
use super::scratch::Scratch;
use super::softmax::softmax;
use super::tile::{Scores, panel_keys, tile_rows};
use crate::exact::Packed;
use crate::marks::mark;
use crate::simd::{Isa, Kernel, Vector};
use samebit_num::fold::BLOCK;

/// Queries of a task; a multiple of every tile's rows.
const QUERIES: usize = 48;

/// Floats between rows of scores beyond their length, so that rows do not compete for the same sets of a cache.
const ROW_GAP: usize = 16;

/// Inputs q, k, v and outputs m, l, o of a launch; the first query of a sequence stands at position `first`.
pub(super) fn forward(
    isa: Isa,
    kernel: &AttentionKernel,
    first: usize,
    [q, k, v]: [&[f32]; 3],
    [m, l, o]: [&mut [f32]; 3],
) {
    let queries = kernel.queries * kernel.heads;
    m.par_chunks_mut(queries)
        .zip(l.par_chunks_mut(queries))
        .zip(o.par_chunks_mut(queries * kernel.head_size))
        .enumerate()
        .for_each(|(b, ((m, l), o))| {
            kernel.split_rows([m, l, o]).into_par_iter().enumerate().for_each(|(key_head, rows)| {
                let [q] = kernel.operands([q], kernel.queries, (b, key_head));
                let [k, v] = kernel.operands([k, v], kernel.time, (b, key_head));
                head(isa, kernel, first, [q, k, v], rows);
            });
        });
}

/// m, l and o of one query and all heads that share a key head.
type Row<'o> = [&'o mut [f32]; 3];

/// One key head of one sequence: packs the keys and values that some query sees once, for all queries.
fn head(
    isa: Isa,
    kernel: &AttentionKernel,
    first: usize,
    [q, k, v]: [HeadRows<'_>; 3],
    mut rows: Vec<Row<'_>>,
) {
    let packed = isa.run(PackKeys { kernel, visible: first + rows.len(), k, v });
    rows.par_chunks_mut(QUERIES).enumerate().for_each(|(block, rows)| {
        let (q, first) = (q.from(block * QUERIES), first + block * QUERIES);
        isa.run(QueryBlock { kernel, q, packed: &packed, first, rows });
    });
}

struct PackedKeys {
    keys: Keys,
    /// Rows of whole vectors.
    values: Scratch,
}

enum Keys {
    /// In panels.
    Ordered(Scratch),
    /// In pieces, and the values' whole blocks.
    Exact(Exact, Vec<Packed>, Vec<Packed>),
}

struct PackKeys<'a> {
    kernel: &'a AttentionKernel,
    /// Keys and values that some query sees.
    visible: usize,
    k: HeadRows<'a>,
    v: HeadRows<'a>,
}

impl Kernel for PackKeys<'_> {
    type Output = PackedKeys;

    #[inline(always)]
    fn run<V: Vector>(self, machine: V) -> PackedKeys {
        let (visible, size) = (self.visible, self.k.size);
        let columns = size.next_multiple_of(V::LANES);
        let mut values = Scratch::new(visible * columns);
        self.v.copy_rows(visible, columns, &mut values);
        let keys = match self.kernel.exact(V::ISA) {
            Some(exact) => Keys::Exact(exact, exact.keys(self.k, visible), exact.columns(self.v, visible)),
            None => {
                let mut keys = Scratch::new(visible.next_multiple_of(panel_keys::<V>()) * size);
                self.k.pack_panels(machine, visible, panel_keys::<V>(), &mut keys);
                Keys::Ordered(keys)
            }
        };
        PackedKeys { keys, values }
    }
}

/// Queries of all heads that share a key head, the first at position `first`.
struct QueryBlock<'t, 'o> {
    kernel: &'t AttentionKernel,
    q: HeadRows<'t>,
    packed: &'t PackedKeys,
    first: usize,
    rows: &'t mut [Row<'o>],
}

impl Kernel for QueryBlock<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        let size = self.kernel.head_size;
        let padded_rows = self.rows.len().next_multiple_of(tile_rows::<V>());
        let columns = size.next_multiple_of(V::LANES);
        // Tiles and pieces go on to the end of a panel or piece.
        let stride = (self.first + self.rows.len()).next_multiple_of(panel_keys::<V>().max(PIECE)) + ROW_GAP;
        let mut queries = Scratch::new(padded_rows * columns);
        let mut scores = Scratch::new(padded_rows * stride);
        let mut sums = Scratch::new(padded_rows * columns);
        for member in 0..self.kernel.group {
            let q = HeadRows { data: &self.q.data[member * size..], ..self.q };
            q.copy_rows(self.rows.len(), columns, &mut queries);
            self.score(machine, &queries, columns, &mut scores, stride);
            for (r, (row, scores)) in self.rows.iter_mut().zip(scores.chunks_exact_mut(stride)).enumerate() {
                let (greatest, sum) = softmax(machine, scores, self.first + r + 1);
                machine.store_part_canonical(&mut row[0][member..=member], machine.splat(greatest));
                machine.store_part_canonical(&mut row[1][member..=member], machine.splat(sum));
            }
            self.weigh(machine, &scores, stride, &mut sums, columns);
            self.divide(machine, member, &sums, columns);
        }
    }
}

impl QueryBlock<'_, '_> {
    /// Scores of the block's rows, up to the diagonal and what a tile has beyond it.
    #[inline(always)]
    fn score<V: Vector>(
        &self,
        machine: V,
        queries: &[f32],
        columns: usize,
        scores: &mut [f32],
        stride: usize,
    ) {
        let (size, tile, visible) = (self.kernel.head_size, tile_rows::<V>(), self.first + self.rows.len());
        let factor = f32::from_bits(self.kernel.scale);
        let keys = match &self.packed.keys {
            Keys::Ordered(keys) => keys,
            Keys::Exact(exact, keys, _) => {
                let count = self.rows.len();
                let queries = exact.queries(queries, count, size, columns);
                exact.scores(&queries, keys, visible, scores, stride);
                return scale(machine, scores, stride, count, |r| self.first + r + 1, factor);
            }
        };
        for (panel, keys) in keys.chunks_exact(panel_keys::<V>() * size).enumerate() {
            let first_key = panel * panel_keys::<V>();
            if first_key >= visible {
                break;
            }
            for (index, rows) in queries.chunks_exact(tile * columns).enumerate() {
                let wanted = (self.first + (index + 1) * tile).saturating_sub(first_key);
                if wanted > 0 {
                    let target = &mut scores[index * tile * stride + first_key..];
                    Scores { rows, columns, size, keys, factor, target, stride, wanted }.compute(machine);
                }
            }
        }
    }

    /// U, block by block of the fold.
    #[inline(always)]
    fn weigh<V: Vector>(&self, machine: V, scores: &[f32], stride: usize, sums: &mut [f32], columns: usize) {
        sums.fill(0.0);
        let (count, size) = (self.rows.len(), self.kernel.head_size);
        let values = &self.packed.values[..(self.first + count) * columns];
        for (block, values) in values.chunks(BLOCK * columns).enumerate() {
            let first_key = block * BLOCK;
            if block > 0 {
                mark("attention: keys of several blocks");
            }
            let exact = match &self.packed.keys {
                Keys::Ordered(_) => None,
                Keys::Exact(exact, _, values) => values.get(block).map(|values| (*exact, values)),
            };
            let (weights, seen) = (&scores[first_key..], (self.first + 1) as isize - first_key as isize);
            KeyBlock { weights, stride, count, seen, values, size, columns, exact }.fold(machine, sums);
        }
    }

    /// o = U / l.
    #[inline(always)]
    fn divide<V: Vector>(&mut self, mut machine: V, member: usize, sums: &[f32], columns: usize) {
        let size = self.kernel.head_size;
        for (row, sums) in self.rows.iter_mut().zip(sums.chunks_exact(columns)) {
            let divisor = machine.splat(row[1][member]);
            let output = &mut row[2][member * size..(member + 1) * size];
            for (output, sums) in output.chunks_mut(V::LANES).zip(sums.chunks_exact(V::LANES)) {
                let weighted = machine.load(sums);
                let quotient = machine.div(weighted, divisor);
                store(machine, output, quotient);
            }
        }
    }
}
