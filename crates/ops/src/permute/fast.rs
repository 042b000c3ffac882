//! The fast permutation: dimensions that lie together are merged, and then the output is made of
//! - runs, where the last dimension is consecutive in x too;
//! - squares transposed in registers, where another dimension is consecutive in x;
//! - single elements otherwise.

use rayon::prelude::*;

use super::PermuteKernel;
use crate::simd::{Isa, Kernel, Vector};

/// Elements that are worth a task of their own.
const TASK_ELEMENTS: usize = 1 << 14;

/// Rows of the output that one pass over x makes: a cache line of x.
const SQUARE: usize = 16;

/// Runs the kernel's fast path on the threads of rayon's current pool; operands as for [`PermuteKernel`].
///
/// Panics if the output does not have the shape's elements, or if x lacks an element.
pub fn permute(isa: Isa, kernel: &PermuteKernel, x: &[f32], output: &mut [f32]) {
    assert_eq!(kernel.shape.len(), kernel.strides.len(), "{kernel:?}");
    assert_eq!(output.len(), kernel.shape.iter().product::<usize>(), "elements of the output of {kernel:?}");
    if output.is_empty() {
        return;
    }
    let mut dimensions = merged(kernel);
    let Some(last) = dimensions.pop() else {
        output[0] = x[0];
        return;
    };
    let consecutive = dimensions.iter().position(|dimension| dimension.stride == 1);
    match consecutive {
        Some(at) if last.stride != 1 => {
            let (outer, middle) = (&dimensions[..at], &dimensions[at + 1..]);
            transpose(isa, x, output, [outer, middle], dimensions[at].size, last);
        }
        _ => copy_rows(x, output, &dimensions, last),
    }
}

/// A dimension of the output and its stride in x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dimension {
    size: usize,
    stride: usize,
}

/// The dimensions without those of one element, and with neighbours merged where x has them together.
fn merged(kernel: &PermuteKernel) -> Vec<Dimension> {
    let mut merged: Vec<Dimension> = Vec::new();
    for (&size, &stride) in kernel.shape.iter().zip(&kernel.strides) {
        match merged.last_mut() {
            _ if size == 1 => {}
            Some(outer) if outer.stride == stride * size => {
                *outer = Dimension { size: outer.size * size, stride }
            }
            _ => merged.push(Dimension { size, stride }),
        }
    }
    merged
}

/// The place in x of the element with flat index `index` in these dimensions.
#[inline]
fn place(dimensions: &[Dimension], mut index: usize) -> usize {
    let mut place = 0;
    for dimension in dimensions.iter().rev() {
        place += index % dimension.size * dimension.stride;
        index /= dimension.size;
    }
    place
}

/// Rows along the last dimension.
fn copy_rows(x: &[f32], output: &mut [f32], outer: &[Dimension], last: Dimension) {
    let rows_of_task = TASK_ELEMENTS.div_ceil(last.size);
    output.par_chunks_mut(last.size).with_min_len(rows_of_task).enumerate().for_each(|(row, output)| {
        let source = &x[place(outer, row)..];
        if last.stride == 1 {
            output.copy_from_slice(&source[..last.size]);
        } else {
            for (i, target) in output.iter_mut().enumerate() {
                *target = source[i * last.stride];
            }
        }
    });
}

/// The output is \[outer, size, middle, last\] and x is consecutive along `size`.
fn transpose(
    isa: Isa,
    x: &[f32],
    output: &mut [f32],
    [outer, middle]: [&[Dimension]; 2],
    size: usize,
    last: Dimension,
) {
    let row_stride = middle.iter().map(|dimension| dimension.size).product::<usize>() * last.size;
    let squares_of_task = TASK_ELEMENTS.div_ceil(SQUARE * row_stride);
    output.par_chunks_mut(size * row_stride).enumerate().for_each(|(index, output)| {
        let source = &x[place(outer, index)..];
        output.par_chunks_mut(SQUARE * row_stride).with_min_len(squares_of_task).enumerate().for_each(
            |(square, output)| {
                let source = &source[square * SQUARE..];
                isa.run(Squares { source, output, row_stride, middle, last });
            },
        );
    });
}

/// At most 16 rows of the output: row r, middle m, last l is x\[r + place(m) + l · stride\].
struct Squares<'t> {
    source: &'t [f32],
    output: &'t mut [f32],
    row_stride: usize,
    middle: &'t [Dimension],
    last: Dimension,
}

impl Kernel for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, machine: V) {
        let Self { source, output, row_stride, middle, last } = self;
        let rows = output.len() / row_stride;
        let (whole_rows, whole_last) = (rows / V::LANES * V::LANES, last.size / V::LANES * V::LANES);
        for m in 0..row_stride / last.size {
            let source = &source[place(middle, m)..];
            let output = &mut output[m * last.size..];
            for l in (0..whole_last).step_by(V::LANES) {
                for r in (0..whole_rows).step_by(V::LANES) {
                    let target = &mut output[r * row_stride + l..];
                    machine.transpose(
                        &source[l * last.stride + r..],
                        last.stride,
                        V::LANES,
                        target,
                        row_stride,
                    );
                }
            }
            for r in 0..rows {
                let first = if r < whole_rows { whole_last } else { 0 };
                for l in first..last.size {
                    output[r * row_stride + l] = source[l * last.stride + r];
                }
            }
        }
    }
}
