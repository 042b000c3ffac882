//! The loops around the tile: chunks of K, panels, and threads, as those of the ordered product.

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;
use samebit_num::fold::{BLOCK, Bits};

use super::packed::{Format, Packed, Side};
use super::tile::Tile;
use crate::product::{Grid, Matrix, MatrixMut, Start, panel_width, split_rows};
use crate::simd::{DotIsa, DotKernel, Dots, Isa};

/// Blocks of a chunk: a panel of each operand stays in the caches, and C is visited while it is near.
const CHUNK_BLOCKS: usize = 4;

/// Multiplications from which a product is shared between threads.
const PARALLEL_TERMS: usize = 1 << 22;

/// An operand: a matrix in memory, or one that was packed before for this side, instruction set and number of bits.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// The matrix as it lies.
    Matrix(Matrix<'a>),
    /// Quantised and packed.
    Packed(&'a Packed),
}

impl<'a> From<Matrix<'a>> for Operand<'a> {
    fn from(matrix: Matrix<'a>) -> Self {
        Self::Matrix(matrix)
    }
}

impl<'a> From<&'a Packed> for Operand<'a> {
    fn from(packed: &'a Packed) -> Self {
        Self::Packed(packed)
    }
}

/// C = A · Bᵀ, or C's totals continued by it: c\[m, n\] = exact product over k of a\[m, k\] and b\[n, k\], with factors of `bits` bits.
///
/// Every NaN is written as 0x7fc00000. Uses the threads of rayon's current pool where it pays; the bits do not depend on
/// them. Panics if the shapes do not agree or if an operand was packed for another side, number of bits or instruction set.
pub fn product<'a, 'b>(
    isa: Isa,
    bits: Bits,
    a: impl Into<Operand<'a>>,
    b: impl Into<Operand<'b>>,
    c: MatrixMut<'_>,
    start: Start,
) {
    product_by(DotIsa::within(isa), bits, a.into(), b.into(), c, start);
}

/// The same with a given instruction set.
pub(super) fn product_by(
    isa: DotIsa,
    bits: Bits,
    a: Operand<'_>,
    b: Operand<'_>,
    mut c: MatrixMut<'_>,
    start: Start,
) {
    with_packed(Format { isa, bits, side: Side::Left }, a, |a| {
        with_packed(Format { isa, bits, side: Side::Right }, b, |b| {
            assert_eq!(a.depth(), b.depth(), "the operands have different numbers of terms");
            assert_eq!(a.rows(), c.rows, "the left operand and the output have different numbers of rows");
            assert_eq!(
                b.rows(),
                c.columns,
                "the right operand has not as many rows as the output has columns"
            );
            multiply(a, b, &mut c, start);
        });
    });
}

thread_local! {
    static LEFT: Cell<Option<Packed>> = const { Cell::new(None) };
    static RIGHT: Cell<Option<Packed>> = const { Cell::new(None) };
}

/// Gives `work` the packed operand; one that is not packed is packed into the thread's own memory.
fn with_packed(format: Format, operand: Operand<'_>, work: impl FnOnce(&Packed)) {
    match operand {
        Operand::Packed(packed) => {
            assert_eq!(packed.format(), format, "the operand was packed for another kind of product");
            work(packed);
        }
        Operand::Matrix(matrix) => {
            let place = match format.side {
                Side::Left => &LEFT,
                Side::Right => &RIGHT,
            };
            let mut packed = place.take().unwrap_or_else(Packed::empty);
            packed.fill(format, matrix);
            work(&packed);
            place.set(Some(packed));
        }
    }
}

fn multiply(a: &Packed, b: &Packed, c: &mut MatrixMut<'_>, start: Start) {
    if a.depth() == 0 {
        if start == Start::Zero {
            c.row_slices().for_each(|row| row.fill(0.0));
        }
        return;
    }
    let (isa, block_count) = (a.format().isa, a.depth().div_ceil(BLOCK));
    let is_small = a.rows() * b.rows() * a.depth() < PARALLEL_TERMS;
    let threads = if is_small { 1 } else { rayon::current_num_threads() };
    for first in (0..block_count).step_by(CHUNK_BLOCKS) {
        let blocks = first..block_count.min(first + CHUNK_BLOCKS);
        let terms = a.depth().min(blocks.end * BLOCK) - blocks.start * BLOCK;
        let row_words = a.format().row_words(BLOCK) * a.format().planes();
        let row_bytes = row_words * blocks.len() * size_of::<u32>();
        let grid = Grid::new(isa.base(), (a.rows(), row_bytes), b.rows(), threads);
        let chunk = Chunk { a, b, blocks, terms, continues: start == Start::Continue || first > 0 };
        let tasks = chunk.tasks(c, grid);
        let work = |task: Task<'_>| isa.run(TaskKernel { chunk: &chunk, task });
        if threads == 1 || tasks.len() == 1 {
            tasks.into_iter().for_each(work);
        } else {
            tasks.into_par_iter().with_max_len(1).for_each(work);
        }
    }
}

/// Some blocks of the product.
struct Chunk<'a> {
    a: &'a Packed,
    b: &'a Packed,
    blocks: Range<usize>,
    terms: usize,
    continues: bool,
}

/// A rectangle of C: some panels of A by some panels of B.
struct Task<'c> {
    panels: Range<usize>,
    first_panel: usize,
    rows: Vec<&'c mut [f32]>,
}

impl Chunk<'_> {
    fn panel_start(&self, index: usize) -> usize {
        self.a.format().panel_start(self.a.rows(), index)
    }

    fn tasks<'c>(&self, c: &'c mut MatrixMut<'_>, grid: Grid) -> Vec<Task<'c>> {
        let panels = self.a.format().panel_count(self.a.rows());
        let (columns, width) = (c.columns, panel_width(self.a.format().isa.base()));
        let column_panels = columns.div_ceil(width);
        let mut rows = c.row_slices();
        let mut tasks = Vec::with_capacity(grid.rows * grid.columns);
        for i in 0..grid.rows {
            let panels = panels * i / grid.rows..panels * (i + 1) / grid.rows;
            let count = self.panel_start(panels.end) - self.panel_start(panels.start);
            let mut rest: Vec<_> = rows.by_ref().take(count).collect();
            for j in 0..grid.columns {
                let first_panel = column_panels * j / grid.columns;
                let end = (column_panels * (j + 1) / grid.columns * width).min(columns);
                let rows = split_rows(&mut rest, end - first_panel * width);
                tasks.push(Task { panels: panels.clone(), first_panel, rows });
            }
        }
        tasks
    }
}

/// A task as work for a machine.
struct TaskKernel<'t, 'a, 'c> {
    chunk: &'t Chunk<'a>,
    task: Task<'c>,
}

impl DotKernel for TaskKernel<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dots>(self, dots: D) {
        let Self { chunk, mut task } = self;
        let width = panel_width(D::ISA.base());
        let columns = task.rows.first().map_or(0, |row| row.len());
        let first_row = chunk.panel_start(task.panels.start);
        for column in (0..columns).step_by(width) {
            let b = chunk.b.panel(task.first_panel + column / width, chunk.blocks.clone());
            for index in task.panels.clone() {
                let part = chunk.panel_start(index) - first_row..chunk.panel_start(index + 1) - first_row;
                Tile {
                    format: chunk.a.format(),
                    a: chunk.a.panel(index, chunk.blocks.clone()),
                    b,
                    terms: chunk.terms,
                    rows: &mut task.rows[part],
                    columns: column..columns.min(column + width),
                    continues: chunk.continues,
                }
                .compute(dots);
            }
        }
    }
}
