//! One block of the folds over keys, of some queries: Σ e·v or Σ dS·k over j ≤ t.

use super::exact::Exact;
use super::scratch::Scratch;
use super::tile::{Taken, Target, Weighted, Weights, tile_rows};
use crate::exact::Packed;
use crate::product::Matrix;
use crate::simd::Vector;
use samebit_num::fold::BLOCK;

/// At most 256 keys that start a block.
pub(super) struct KeyBlock<'a> {
    /// The weight of row r and key k of the block at `r · stride + k`; readable for whole tiles of rows.
    pub weights: &'a [f32],
    pub stride: usize,
    /// Queries.
    pub count: usize,
    /// Row r takes the keys k < seen + r.
    pub seen: isize,
    /// Rows of values in whole vectors, those of keys that some row takes.
    pub values: &'a [f32],
    /// Elements of a row of values, and of it in memory.
    pub size: usize,
    pub columns: usize,
    /// The columns of the block's values, if rows that take all of them are exact.
    pub exact: Option<(Exact, &'a Packed)>,
}

impl KeyBlock<'_> {
    /// Adds the block to the totals: row r at `r · columns`, whole tiles of rows.
    #[inline(always)]
    pub fn fold<V: Vector>(self, machine: V, totals: &mut [f32]) {
        let Self { weights, stride, count, seen, values, size, columns, exact } = self;
        let tile = tile_rows::<V>();
        // The first row that takes the whole block, and the end of the tile that it is in.
        let whole = match exact {
            Some(_) => (BLOCK as isize - seen).clamp(0, count as isize) as usize,
            None => count,
        };
        let end = whole.next_multiple_of(tile);
        let mut spared = Scratch::new((end - whole) * columns);
        spared.copy_from_slice(&totals[whole * columns..end * columns]);
        for (index, target) in totals[..end * columns].chunks_exact_mut(tile * columns).enumerate() {
            let (weights, taken) = (&weights[index * tile * stride..], seen + (index * tile) as isize);
            let (weights, taken) = (Weights::Rows(weights, stride), Taken::First(taken));
            let (terms, mode) = (values.len() / columns, Target::Total);
            Weighted { weights, values, columns, terms, taken, mode, target }.compute(machine);
        }
        totals[whole * columns..end * columns].copy_from_slice(&spared);
        if let Some((exact, values)) = exact
            && whole < count
        {
            let weights = Matrix::new(&weights[whole * stride..], count - whole, BLOCK, stride, 1);
            exact.fold(weights, values, &mut totals[whole * columns..], [size, columns]);
        }
    }
}
