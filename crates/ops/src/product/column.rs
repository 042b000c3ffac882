//! Ordered products down the columns of row-major matrices: the gradients of gains and biases.

use rayon::prelude::*;

use super::{BLOCK, Matrix, Start};
use crate::simd::{Isa, Kernel, Vector};

/// Vectors of columns that are folded together.
const TILE_VECTORS: usize = 4;

/// Multiplications from which the columns are shared between threads.
const PARALLEL_TERMS: usize = 1 << 17;

/// out\[c\] = ordered product over n of x\[n, c\] and y\[n, c\], or of x\[n, c\] and 1 where there is no y. Both are
/// \[rows, columns\] with consecutive columns.
///
/// Every NaN is written as 0x7fc00000. Uses the threads of rayon's current pool where it pays. Panics if the shapes do not
/// agree or a column stride is not 1.
pub fn column_product(isa: Isa, x: Matrix<'_>, y: Option<Matrix<'_>>, out: &mut [f32], start: Start) {
    assert_eq!(x.columns, out.len(), "the operand has not as many columns as the output has elements");
    assert_eq!(x.column_stride, 1, "the columns of the operand are not consecutive");
    if let Some(y) = &y {
        assert_eq!((x.rows, x.columns), (y.rows, y.columns), "the operands have different shapes");
        assert_eq!(y.column_stride, 1, "the columns of the second operand are not consecutive");
    }
    let run = |(first, out)| isa.run(Columns { x, y, first, out, start });
    let threads = if x.rows * x.columns < PARALLEL_TERMS { 1 } else { rayon::current_num_threads() };
    let tile = TILE_VECTORS * isa.lanes();
    let share = out.len().div_ceil(threads).next_multiple_of(tile).max(tile);
    if share >= out.len() {
        run((0, out));
    } else {
        out.par_chunks_mut(share).enumerate().for_each(|(i, out)| run((i * share, out)));
    }
}

/// The columns from `first` on, as many as `out` has elements.
struct Columns<'a, 'o> {
    x: Matrix<'a>,
    y: Option<Matrix<'a>>,
    first: usize,
    out: &'o mut [f32],
    start: Start,
}

impl Kernel for Columns<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        let mut done = 0;
        while done < self.out.len() {
            let left = self.out.len() - done;
            if left >= TILE_VECTORS * V::LANES {
                self.tile::<V, TILE_VECTORS>(machine, done);
                done += TILE_VECTORS * V::LANES;
            } else {
                self.tile::<V, 1>(machine, done);
                done += V::LANES;
            }
        }
    }
}

impl Columns<'_, '_> {
    /// The columns of `N` vectors, from `at` on. Only a single vector may reach past the last column.
    #[inline(always)]
    fn tile<V: Vector, const N: usize>(&mut self, mut machine: V, at: usize) {
        let width = (N * V::LANES).min(self.out.len() - at);
        let mut totals = [machine.splat(0.0); N];
        if self.start == Start::Continue {
            totals = load::<V, N>(machine, &self.out[at..at + width]);
        }
        let column = self.first + at;
        for first in (0..self.x.rows).step_by(BLOCK) {
            let mut sums = [machine.splat(0.0); N];
            for n in first..self.x.rows.min(first + BLOCK) {
                let x = load::<V, N>(machine, &self.x.from(n, column)[..width]);
                let y = match &self.y {
                    Some(y) => load::<V, N>(machine, &y.from(n, column)[..width]),
                    None => [machine.splat(1.0); N],
                };
                for j in 0..N {
                    sums[j] = machine.fma(x[j], y[j], sums[j]);
                }
            }
            for j in 0..N {
                totals[j] = machine.add(totals[j], sums[j]);
            }
        }
        for (&total, out) in totals.iter().zip(self.out[at..at + width].chunks_mut(V::LANES)) {
            machine.store_part_canonical(out, total);
        }
    }
}

#[inline(always)]
fn load<V: Vector, const N: usize>(machine: V, source: &[f32]) -> [V::F; N] {
    let mut values = [machine.splat(0.0); N];
    if N == 1 {
        values[0] = machine.load_part(source);
    } else {
        for (j, value) in values.iter_mut().enumerate() {
            *value = machine.load(&source[j * V::LANES..]);
        }
    }
    values
}
