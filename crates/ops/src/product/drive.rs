//! The loops around the tile: chunks of K, panels of B, blocks of rows, and threads.
//!
//! ```text
//! for 1024 terms:                    totals stay in C between chunks
//!   for 2048 columns:                B packed once, by all threads, unless it came packed
//!     for each task: rows × columns  on any thread; A's rows packed by the task
//!       for each panel of B:         in the second-level cache while
//!         for each panel of A:       tile after tile reads it
//! ```

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;

use super::pack::{PackPanel, PackPanels, Panel, Panels, pack_right, packed_length};
use super::tile::{PANEL_VECTORS, TILE_PANELS, Tile, panel_width, tile_panels, tile_rows};
use super::{BLOCK, Matrix, MatrixMut, RightOperand, Start};
use crate::simd::{Aligned, Isa, Kernel, Vector};

/// Terms of a chunk: a panel of B and one of A in the second-level cache, and C is visited once per four blocks.
const CHUNK_TERMS: usize = 4 * BLOCK;

/// Columns of C for which B is packed at once: with [`CHUNK_TERMS`] 8 MiB.
const CHUNK_COLUMNS: usize = 2048;

/// Bytes of A in a task: they stay in the second-level cache while panels of B pass by.
const TASK_BYTES: usize = 1 << 19;

/// Multiplications from which a product is shared between threads: some 50 µs on one.
const PARALLEL_TERMS: usize = 1 << 21;

/// Multiplications that take as long as reading an element of B from behind the second-level cache.
const READING: usize = 4;

/// C = A · Bᵀ, or C's totals continued by it: c\[m, n\] = ordered product over k of a\[m, k\] and b\[n, k\].
///
/// Every NaN is written as 0x7fc00000. Uses the threads of rayon's current pool where it pays; the bits do not depend on
/// them. Panics if the shapes do not agree or if B was packed for another instruction set.
pub fn product<'a>(
    isa: Isa,
    a: Matrix<'_>,
    b: impl Into<RightOperand<'a>>,
    mut c: MatrixMut<'_>,
    start: Start,
) {
    let b = b.into();
    check_shapes(isa, &a, &b, &c);
    if a.columns == 0 {
        if start == Start::Zero {
            c.row_slices().for_each(|row| row.fill(0.0));
        }
        return;
    }
    let threads = if c.rows.max(READING) * c.columns * a.columns < PARALLEL_TERMS {
        1
    } else {
        rayon::current_num_threads()
    };
    let mut packed = Scratch::take(&PACKED_RIGHT);
    for first_term in (0..a.columns).step_by(CHUNK_TERMS) {
        let terms = first_term..a.columns.min(first_term + CHUNK_TERMS);
        for first in (0..c.columns).step_by(CHUNK_COLUMNS) {
            let columns = first..c.columns.min(first + CHUNK_COLUMNS);
            let grid = Grid::new(isa, (a.rows, terms.len() * size_of::<f32>()), columns.len(), threads);
            let right = match b {
                RightOperand::Packed(packed) => {
                    Right::Packed(packed.panels().skip(columns.start), terms.clone())
                }
                // A panel that is used once is packed where it is used, and not written to memory.
                RightOperand::Matrix(matrix) if grid.rows == 1 => {
                    Right::Matrix(matrix, columns.start, terms.clone())
                }
                RightOperand::Matrix(matrix) => {
                    packed.resize(packed_length(isa, columns.len(), terms.len()));
                    pack_right(isa, matrix, columns.clone(), terms.clone(), &mut packed);
                    let panels = Panels { data: &packed, depth: terms.len(), width: panel_width(isa) };
                    Right::Packed(panels, 0..terms.len())
                }
            };
            let chunk = Chunk {
                isa,
                a,
                terms: terms.clone(),
                right,
                continues: start == Start::Continue || first_term > 0,
            };
            chunk.run(&mut c, columns, grid);
        }
    }
}

fn check_shapes(isa: Isa, a: &Matrix<'_>, b: &RightOperand<'_>, c: &MatrixMut<'_>) {
    let (rows, depth) = match b {
        RightOperand::Matrix(b) => (b.rows, b.columns),
        RightOperand::Packed(b) => {
            assert_eq!(b.isa(), isa, "the right operand was packed for another instruction set");
            (b.rows(), b.depth())
        }
    };
    assert_eq!(a.columns, depth, "the operands have different numbers of terms");
    assert_eq!(a.rows, c.rows, "the left operand and the output have different numbers of rows");
    assert_eq!(rows, c.columns, "the right operand has not as many rows as the output has columns");
}

/// The part of B that a chunk reads.
#[derive(Clone)]
enum Right<'a> {
    /// Packed panels, from the chunk's first column on, and the chunk's terms in them.
    Packed(Panels<'a>, Range<usize>),
    /// B as it lies, the chunk's first column, and its terms.
    Matrix(Matrix<'a>, usize, Range<usize>),
}

/// A range of terms and columns of the product.
struct Chunk<'a> {
    isa: Isa,
    a: Matrix<'a>,
    terms: Range<usize>,
    right: Right<'a>,
    continues: bool,
}

/// A rectangle of C: some panels of A by some panels of B.
struct Task<'c> {
    /// The panels of A.
    panels: Range<usize>,
    /// The first panel of B, counted from the chunk's.
    first_panel: usize,
    /// C's rows, cut to the task's columns.
    rows: Vec<&'c mut [f32]>,
}

impl Chunk<'_> {
    /// Cuts the chunk into tasks and runs them.
    fn run(&self, c: &mut MatrixMut<'_>, columns: Range<usize>, grid: Grid) {
        let tasks = self.tasks(c, columns, grid);
        let work = |task: Task<'_>| self.isa.run(TaskKernel { chunk: self, task });
        if grid.threads == 1 || tasks.len() == 1 {
            tasks.into_iter().for_each(work);
        } else {
            tasks.into_par_iter().with_max_len(1).for_each(work);
        }
    }

    /// Where panel `index` of A starts: panels are as equal as can be, so that no tile is a poor remainder.
    fn panel_start(&self, index: usize) -> usize {
        self.a.rows * index / self.panel_count()
    }

    fn panel_count(&self) -> usize {
        self.a.rows.div_ceil(tile_rows(self.isa))
    }

    fn tasks<'c>(&self, c: &'c mut MatrixMut<'_>, columns: Range<usize>, grid: Grid) -> Vec<Task<'c>> {
        let panels = self.panel_count();
        let column_panels = columns.len().div_ceil(panel_width(self.isa));
        let (row_tasks, column_tasks) = (grid.rows, grid.columns);
        let mut rows = c.row_slices().map(|row| &mut row[columns.clone()]);
        let mut tasks = Vec::with_capacity(row_tasks * column_tasks);
        for i in 0..row_tasks {
            let panels = panels * i / row_tasks..panels * (i + 1) / row_tasks;
            let count = self.panel_start(panels.end) - self.panel_start(panels.start);
            let mut rest: Vec<_> = rows.by_ref().take(count).collect();
            for j in 0..column_tasks {
                let first_panel = column_panels * j / column_tasks;
                let end = (column_panels * (j + 1) / column_tasks * panel_width(self.isa)).min(columns.len());
                let width = end - first_panel * panel_width(self.isa);
                let rows =
                    if column_tasks == 1 { std::mem::take(&mut rest) } else { split_rows(&mut rest, width) };
                tasks.push(Task { panels: panels.clone(), first_panel, rows });
            }
        }
        tasks
    }
}

/// Takes the first `width` elements off every row.
pub(crate) fn split_rows<'c>(rows: &mut [&'c mut [f32]], width: usize) -> Vec<&'c mut [f32]> {
    rows.iter_mut().filter_map(|row| row.split_off_mut(..width)).collect()
}

/// How many ranges of rows and of columns a chunk is cut into, and for how many threads.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    pub rows: usize,
    pub columns: usize,
    pub threads: usize,
}

impl Grid {
    /// The grid of a chunk with this many rows of A, which take `row_bytes` each, and columns.
    pub fn new(isa: Isa, (rows, row_bytes): (usize, usize), columns: usize, threads: usize) -> Self {
        let panels = rows.div_ceil(tile_rows(isa));
        let panel_bytes = tile_rows(isa) * row_bytes;
        let least = panels.div_ceil((TASK_BYTES / panel_bytes).max(1));
        if threads == 1 {
            Self { rows: least, columns: 1, threads }
        } else if panels >= 2 * threads {
            Self { rows: least.next_multiple_of(threads).min(panels), columns: 1, threads }
        } else {
            let column_panels = columns.div_ceil(panel_width(isa));
            Self { rows: least, columns: threads.min(column_panels), threads }
        }
    }
}

/// A task as work for a vector machine.
struct TaskKernel<'t, 'a, 'c> {
    chunk: &'t Chunk<'a>,
    task: Task<'c>,
}

impl Kernel for TaskKernel<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, machine: V) {
        let Self { chunk, mut task } = self;
        let mut left = Scratch::take(&PACKED_LEFT);
        left.resize(chunk.terms.len() * task.rows.len());
        pack_left(machine, chunk, &task.panels, &mut left);
        match &chunk.right {
            Right::Packed(panels, terms) => {
                let panel = |index| panels.panel(task.first_panel + index, terms.clone());
                sweep(machine, chunk, &task.panels, &left, &mut task.rows, panel);
            }
            Right::Matrix(matrix, first, terms) => {
                let first = first + task.first_panel * PANEL_VECTORS * V::LANES;
                pack_and_sweep(machine, chunk, task, &left, (*matrix, first, terms.clone()));
            }
        }
    }
}

/// Packs the task's rows of A, each panel as wide as its tile has rows.
#[inline(always)]
fn pack_left<V: Vector>(machine: V, chunk: &Chunk<'_>, panels: &Range<usize>, target: &mut [f32]) {
    let mut rest = target;
    let panel = |index| {
        let rows = chunk.panel_start(index)..chunk.panel_start(index + 1);
        let width = rows.len();
        let target = rest.split_off_mut(..width * chunk.terms.len()).expect("room for the task's rows");
        Panel { rows, width, target }
    };
    let panels = panels.clone().map(panel).collect();
    machine.call(PackPanels { matrix: chunk.a, terms: chunk.terms.clone(), panels });
}

/// All tiles of a task over packed panels of B.
#[inline(always)]
fn sweep<'b, V: Vector>(
    machine: V,
    chunk: &Chunk<'_>,
    panels: &Range<usize>,
    left: &[f32],
    rows: &mut [&mut [f32]],
    panel: impl Fn(usize) -> &'b [f32],
) {
    let width = PANEL_VECTORS * V::LANES;
    let columns = rows.first().map_or(0, |row| row.len());
    let first_row = chunk.panel_start(panels.start);
    let together = tile_panels(rows.len());
    let mut column = 0;
    while column < columns {
        let whole = (columns - column) / width;
        let count = if whole >= together { together } else { 1 };
        let mut b = [&[][..]; TILE_PANELS];
        for (i, b) in b.iter_mut().enumerate().take(count) {
            *b = panel(column / width + i);
        }
        let tile_columns = (count * width).min(columns - column);
        for index in panels.clone() {
            let part = chunk.panel_start(index) - first_row..chunk.panel_start(index + 1) - first_row;
            Tile {
                a: &left[part.start * chunk.terms.len()..part.end * chunk.terms.len()],
                b,
                rows: &mut rows[part],
                column,
                columns: tile_columns,
                continues: chunk.continues,
            }
            .compute(machine);
        }
        column += tile_columns;
    }
}

/// The same over B as it lies: each panel is packed into a small buffer and used at once.
#[inline(always)]
fn pack_and_sweep<V: Vector>(
    machine: V,
    chunk: &Chunk<'_>,
    mut task: Task<'_>,
    left: &[f32],
    (matrix, first, terms): (Matrix<'_>, usize, Range<usize>),
) {
    let width = PANEL_VECTORS * V::LANES;
    let mut buffer = Scratch::take(&PACKED_PANEL);
    buffer.resize(width * terms.len());
    let columns = task.rows.first().map_or(0, |row| row.len());
    for column in (0..columns).step_by(width) {
        let count = width.min(columns - column);
        let rows = first + column..first + column + count;
        machine.call(PackPanel { matrix, rows, terms: terms.clone(), width, target: &mut buffer });
        let mut part: Vec<_> = task.rows.iter_mut().map(|row| &mut row[column..column + count]).collect();
        sweep(machine, chunk, &task.panels, left, &mut part, |_| &buffer);
    }
}

type ScratchCell = Cell<Option<Aligned>>;

thread_local! {
    static PACKED_LEFT: ScratchCell = const { Cell::new(None) };
    static PACKED_RIGHT: ScratchCell = const { Cell::new(None) };
    static PACKED_PANEL: ScratchCell = const { Cell::new(None) };
}

/// A thread's memory for packed operands, taken while in use. A thread that waits for others may start another product
/// meanwhile, which then finds the place empty and allocates.
struct Scratch {
    memory: Aligned,
    place: &'static std::thread::LocalKey<ScratchCell>,
}

impl Scratch {
    fn take(place: &'static std::thread::LocalKey<ScratchCell>) -> Self {
        Self { memory: place.take().unwrap_or_default(), place }
    }
}

impl std::ops::Deref for Scratch {
    type Target = Aligned;
    fn deref(&self) -> &Aligned {
        &self.memory
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Aligned {
        &mut self.memory
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.place.set(Some(std::mem::take(&mut self.memory)));
    }
}
