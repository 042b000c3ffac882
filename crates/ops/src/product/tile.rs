//! The register tile: R rows of A by up to two vectors of rows of B, over a chunk of K.

use super::BLOCK;
use crate::simd::{Isa, Kernel, Vector};

/// Vectors in a panel of B.
pub(super) const PANEL_VECTORS: usize = 2;

/// Panels of B that one tile can read.
pub(super) const TILE_PANELS: usize = 4;

/// How many terms ahead a tile asks for its operands; 0 for not at all. The processor fetches ahead by itself, but not across
/// pages. Few rows read B at the speed of the caches, which is lost by asking for what is on its way already.
const fn prefetch_terms(rows: usize) -> usize {
    if rows <= 8 { 0 } else { 16 }
}

/// Terms between requests for rows of C: a core waits for some dozen lines at once, and for no other meanwhile.
const LEAD_TERMS: usize = 16;

/// Rows of B in a panel.
pub(crate) fn panel_width(isa: Isa) -> usize {
    PANEL_VECTORS * isa.lanes()
}

/// Most rows of a tile: as many as leave registers for two vectors of B and a value of A (32 registers, or 16).
pub(crate) const fn tile_rows(isa: Isa) -> usize {
    match isa {
        Isa::Scalar => 4,
        Isa::Avx2 => 6,
        Isa::Avx512 => 14,
    }
}

/// Panels that a tile of `rows` rows takes at once. A processor adds to some eight registers before the first is ready
/// again, so tiles of few rows are made wide.
pub(super) fn tile_panels(rows: usize) -> usize {
    match rows {
        1 => 4,
        2..=6 => 2,
        _ => 1,
    }
}

/// One tile of C over one chunk of terms.
pub(super) struct Tile<'t, 'c> {
    /// Packed rows of A: a panel as wide as the tile has rows.
    pub a: &'t [f32],
    /// Packed panels of B, as many as are used.
    pub b: [&'t [f32]; TILE_PANELS],
    /// Rows of C.
    pub rows: &'t mut [&'c mut [f32]],
    /// First column of the tile in the rows.
    pub column: usize,
    /// Columns of the tile.
    pub columns: usize,
    /// Continue the totals that C holds.
    pub continues: bool,
}

impl<'t, 'c> Tile<'t, 'c> {
    /// Computes the tile with the smallest kernel that it fits.
    #[inline(always)]
    pub fn compute<V: Vector>(self, machine: V) {
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match self.rows.len() {
                    $($rows if const { $rows <= tile_rows(V::ISA) } => self.by_columns::<V, $rows>(machine),)*
                    rows => unreachable!("a tile of {rows} rows"),
                }
            };
        }
        by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }

    #[inline(always)]
    fn by_columns<V: Vector, const R: usize>(self, machine: V) {
        let vectors = self.columns.div_ceil(V::LANES);
        match vectors {
            1 => machine.call(Registers::<R, 1>(self)),
            2 => machine.call(Registers::<R, 2>(self)),
            4 if const { R <= 6 } => machine.call(Registers::<R, 4>(self)),
            8 if const { R == 1 } => machine.call(Registers::<R, 8>(self)),
            _ => unreachable!("a tile of {R} rows and {vectors} vectors"),
        }
    }
}

/// A tile of `R` rows and `N` vectors.
struct Registers<'t, 'c, const R: usize, const N: usize>(Tile<'t, 'c>);

impl<const R: usize, const N: usize> Kernel for Registers<'_, '_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        let terms = self.0.a.len() / R;
        // The first block stays in registers: many products have no other.
        let (mut block, mut start) = ([[machine.splat(0.0); N]; R], 0);
        for row in 0..if prefetch_terms(R) > 0 { R } else { 0 } {
            if start + LEAD_TERMS <= terms.min(BLOCK) {
                self.prefetch(machine, row);
                self.fold(machine, &mut block, start, start + LEAD_TERMS);
                start += LEAD_TERMS;
            }
        }
        self.fold(machine, &mut block, start, terms.min(BLOCK));
        let mut totals = if self.0.continues { self.load(machine) } else { [[machine.splat(0.0); N]; R] };
        add(machine, &mut totals, block);
        for start in (BLOCK..terms).step_by(BLOCK) {
            let mut block = [[machine.splat(0.0); N]; R];
            self.fold(machine, &mut block, start, terms.min(start + BLOCK));
            add(machine, &mut totals, block);
        }
        self.store(machine, totals);
    }
}

impl<'t, const R: usize, const N: usize> Registers<'t, '_, R, N> {
    /// Some terms of a block for every element of the tile. The panels are walked in step, which needs no checks of indices.
    #[inline(always)]
    fn fold<V: Vector>(&self, machine: V, sums: &mut [[V::F; N]; R], start: usize, end: usize) {
        let width = PANEL_VECTORS * V::LANES;
        let [b0, b1, b2, b3] = self.0.b;
        let terms = |panel: &'t [f32]| panel[start * width..end * width].chunks_exact(width);
        let left = self.0.a[start * R..end * R].chunks_exact(R);
        if N <= PANEL_VECTORS {
            for (a, b0) in left.zip(terms(b0)) {
                multiply_add(machine, sums, a, [b0, &[], &[], &[]]);
            }
        } else if N == 2 * PANEL_VECTORS {
            for ((a, b0), b1) in left.zip(terms(b0)).zip(terms(b1)) {
                multiply_add(machine, sums, a, [b0, b1, &[], &[]]);
            }
        } else {
            for ((((a, b0), b1), b2), b3) in left.zip(terms(b0)).zip(terms(b1)).zip(terms(b2)).zip(terms(b3))
            {
                multiply_add(machine, sums, a, [b0, b1, b2, b3]);
            }
        }
    }

    /// Asks for a row of the tile's part of C, which is needed at the end.
    #[inline(always)]
    fn prefetch<V: Vector>(&self, machine: V, row: usize) {
        for j in 0..N {
            machine.prefetch(&self.0.rows[row][self.0.column..], j * V::LANES);
        }
    }

    /// The totals that C holds.
    #[inline(always)]
    fn load<V: Vector>(&self, machine: V) -> [[V::F; N]; R] {
        let mut totals = [[machine.splat(0.0); N]; R];
        for (totals, row) in totals.iter_mut().zip(self.0.rows.iter()) {
            let row = &row[self.0.column..self.0.column + self.0.columns];
            for (total, part) in totals.iter_mut().zip(row.chunks(V::LANES)) {
                *total = machine.load_part(part);
            }
        }
        totals
    }

    /// Writes the totals to C: the only place where a tile leaves the registers.
    #[inline(always)]
    fn store<V: Vector>(&mut self, machine: V, totals: [[V::F; N]; R]) {
        for (totals, row) in totals.iter().zip(self.0.rows.iter_mut()) {
            let row = &mut row[self.0.column..self.0.column + self.0.columns];
            for (&total, part) in totals.iter().zip(row.chunks_mut(V::LANES)) {
                if part.len() == V::LANES {
                    machine.store_canonical(part, total);
                } else {
                    machine.store_part_canonical(part, total);
                }
            }
        }
    }
}

/// A block's results into the running totals.
#[inline(always)]
fn add<V: Vector, const R: usize, const N: usize>(
    mut machine: V,
    totals: &mut [[V::F; N]; R],
    block: [[V::F; N]; R],
) {
    for (totals, block) in totals.iter_mut().zip(&block) {
        for (total, &block) in totals.iter_mut().zip(block) {
            *total = machine.add(*total, block);
        }
    }
}

/// One term of the fold for every element of a tile: `a` holds its R rows, `b` a term of each panel.
#[inline(always)]
fn multiply_add<V: Vector, const R: usize, const N: usize>(
    mut machine: V,
    sums: &mut [[V::F; N]; R],
    a: &[f32],
    b: [&[f32]; TILE_PANELS],
) {
    let ahead = const { prefetch_terms(R) };
    if ahead > 0 {
        machine.prefetch(a, ahead * R);
    }
    let mut right = [machine.splat(0.0); N];
    for (j, right) in right.iter_mut().enumerate() {
        let part = &b[j / PANEL_VECTORS][j % PANEL_VECTORS * V::LANES..];
        if ahead > 0 {
            machine.prefetch(part, ahead * PANEL_VECTORS * V::LANES);
        }
        *right = machine.load(part);
    }
    for (sums, &a) in sums.iter_mut().zip(a) {
        let left = machine.splat(a);
        for (sum, &right) in sums.iter_mut().zip(&right) {
            *sum = machine.fma(left, right, *sum);
        }
    }
}
