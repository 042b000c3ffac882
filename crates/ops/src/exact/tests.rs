//! The fast exact product against its definition, bit for bit.

use samebit_num::{Binary32, Native, Soft, canonical};

use super::definition::exact_product;
use super::drive::product_by;
use super::*;
use crate::marks::is_marked;
use crate::product::{Matrix, MatrixMut, Start};
use crate::simd::{DotIsa, Isa};
use crate::testing::{Values, bits as floats, pools};

/// Operands of a product, both row-major, and what C holds before.
struct Case {
    m: usize,
    n: usize,
    k: usize,
    a: Vec<f32>,
    b: Vec<f32>,
    before: Option<Vec<f32>>,
}

impl Case {
    /// Values around 2^`exponents`, one in `edge_period` at the edge of arithmetic.
    fn new(seed: u64, [m, n, k]: [usize; 3], exponents: [i32; 2], edge_period: usize) -> Self {
        let mut values = Values::with_edges(seed, edge_period);
        let mut operand = |rows: usize, exponent: i32| {
            let scaled = |x: f32| x * 2f32.powi(exponent / 2) * 2f32.powi(exponent - exponent / 2);
            floats(&values.words(rows * k)).into_iter().map(scaled).collect()
        };
        let (a, b) = (operand(m, exponents[0]), operand(n, exponents[1]));
        Self { m, n, k, a, b, before: None }
    }

    /// The same with these totals in C.
    fn after(mut self, seed: u64) -> Self {
        self.before = Some(floats(&Values::new(seed).words(self.m * self.n)));
        self
    }

    fn row<'r>(&self, data: &'r [f32], row: usize) -> &'r [f32] {
        &data[row * self.k..(row + 1) * self.k]
    }

    fn defined(&self, bits: Bits) -> Vec<u32> {
        let element = |at: usize| {
            let (a, b) = (self.row(&self.a, at / self.n), self.row(&self.b, at % self.n));
            let terms: Vec<_> = a.iter().copied().zip(b.iter().copied()).collect();
            let total = self.before.as_ref().map_or(0.0, |before| before[at]);
            canonical(exact_product(&mut Native, bits, total, &terms).to_bits())
        };
        (0..self.m * self.n).map(element).collect()
    }

    /// The product on every instruction set, on this pool, each operand as it lies, transposed, or packed before.
    fn check(&self, pool: &rayon::ThreadPool, bits: Bits) {
        let Self { m, n, k, .. } = *self;
        let expected = self.defined(bits);
        let transposed = |data: &[f32], rows: usize| -> Vec<f32> {
            (0..rows * k).map(|i| data[i % rows * k + i / rows]).collect()
        };
        let (a_transposed, b_transposed) = (transposed(&self.a, m), transposed(&self.b, n));
        let a = [Matrix::rows(&self.a, m, k), Matrix::transposed(&a_transposed, m, k)];
        let b = [Matrix::rows(&self.b, n, k), Matrix::transposed(&b_transposed, n, k)];
        for isa in DotIsa::available() {
            let packed = |side, matrix| {
                let mut packed = packed::Packed::empty();
                packed.fill(packed::Format { isa, bits, side }, matrix);
                packed
            };
            let (a_packed, b_packed) = (packed(Side::Left, a[1]), packed(Side::Right, b[0]));
            let pairs: [(&str, Operand<'_>, Operand<'_>); 3] = [
                ("rows", a[0].into(), b[0].into()),
                ("transposed", a[1].into(), b[1].into()),
                ("packed", (&a_packed).into(), (&b_packed).into()),
            ];
            for (what, a, b) in pairs {
                let mut c = self.before.clone().unwrap_or_else(|| vec![f32::from_bits(0x7fff_1234); m * n]);
                let start = if self.before.is_some() { Start::Continue } else { Start::Zero };
                pool.install(|| product_by(isa, bits, a, b, MatrixMut::rows(&mut c, m, n), start));
                let found: Vec<u32> = c.iter().map(|x| x.to_bits()).collect();
                let first = found.iter().zip(&expected).position(|(found, expected)| found != expected);
                if let Some(at) = first {
                    let threads = pool.current_num_threads();
                    panic!(
                        "{m} × {n} × {k}, {bits:?}, {isa:?}, {what}, {threads} threads: element {at} is {:#010x}, not {:#010x}",
                        found[at], expected[at]
                    );
                }
            }
        }
    }

    fn check_all(&self) {
        for bits in Bits::ALL {
            self.check(&pools()[0], bits);
        }
    }
}

#[test]
fn small_shapes_and_edge_tiles() {
    for m in (0..=15).chain([27, 28, 29]) {
        for (n, k) in [(1, 1), (31, 3), (33, 6), (65, 2), (2, 5)] {
            Case::new((m * n + k) as u64, [m, n, k], [0, 0], 0).check_all();
        }
    }
}

#[test]
fn blocks_begin_at_multiples_of_256() {
    for k in [0, 255, 256, 257, 258, 259, 511, 512, 1023, 1024, 1025, 1300] {
        Case::new(k as u64, [5, 34, k], [0, -3], 0).check_all();
        Case::new(k as u64, [1, 3, k], [-60, 20], 0).after(7).check_all();
    }
}

#[test]
fn thread_counts_do_not_show() {
    let case = Case::new(3, [130, 150, 300], [0, 0], 0);
    let few_rows = Case::new(4, [3, 2500, 600], [0, 0], 0).after(9);
    for pool in pools() {
        case.check(pool, Bits::Fourteen);
        few_rows.check(pool, Bits::Eight);
    }
}

#[test]
fn edge_values_and_scales_at_both_ends() {
    for (seed, edge_period) in [(1, 3), (2, 40), (3, 2000)] {
        Case::new(seed, [9, 40, 520], [0, 0], edge_period).check_all();
        Case::new(seed, [9, 40, 520], [-30, -80], edge_period).after(seed).check_all();
    }
    // Subnormal operands, terms that are subnormal, that round to zero, that overflow.
    for exponents in
        [[-126, 0], [-140, 100], [-70, -60], [-62, -66], [-75, -75], [60, 60], [63, 66], [120, 120]]
    {
        Case::new(11, [3, 35, 300], exponents, 0).check_all();
        Case::new(12, [3, 35, 300], exponents, 0).after(13).check_all();
    }
    assert!(is_marked("exact: terms out of range") || !cfg!(debug_assertions));
}

#[test]
fn zero_blocks_and_blocks_that_are_not_finite_leave_their_neighbours_alone() {
    let mut case = Case::new(21, [16, 40, 768], [-90, -20], 0);
    let depth = case.k;
    case.a[2 * depth..2 * depth + 256].fill(0.0);
    case.a[3 * depth + 256..3 * depth + 512].fill(-0.0);
    case.a[5 * depth + 300] = f32::INFINITY;
    case.a[14 * depth + 767] = f32::NAN;
    case.b[4 * depth..5 * depth].fill(0.0);
    case.b[39 * depth + 5] = f32::NEG_INFINITY;
    case.check_all();
    // A zero row beside an infinity is NaN; beside a number it is +0, and adds nothing to the smallest total.
    case.b[4 * depth..].fill(0.0);
    case.check_all();
}

/// Rows at their greatest magnitude: no sum of 256 products fits 31 bits.
#[test]
fn worst_rows_take_smaller_pieces() {
    let limit = Bits::Fourteen.limit() as f32;
    let full = |count: usize| (0..count).map(|i| if i % 3 == 0 { -limit } else { limit });
    // All terms at the limit; the signs of a and b equal, so that the sum is the greatest there is.
    let mut worst = Case::new(31, [3, 33, 515], [0, 0], 0);
    worst.a = full(515).cycle().take(3 * 515).collect();
    worst.b = full(515).cycle().take(33 * 515).collect();
    worst.check_all();
    assert!(is_marked("exact: eight pieces") || !cfg!(debug_assertions));
    // Some of the terms at the limit: halves fit and the whole does not, or quarters and not halves; in range and out of it.
    for (period, name) in [(6, "exact: two pieces"), (3, "exact: four pieces")] {
        let mut some = Case::new(32, [3, 33, 512], [0, 0], 0);
        let sparse = |count: usize| (0..count).map(|i| if i % period == 0 { limit } else { 1.0 });
        some.a = sparse(3 * 512).collect();
        some.b = sparse(33 * 512).collect();
        some.check_all();
        assert!(is_marked(name) || !cfg!(debug_assertions));
        some.a.iter_mut().for_each(|x| *x *= 2f32.powi(-100));
        some.b.iter_mut().for_each(|x| *x *= 2f32.powi(-40));
        some.check_all();
    }
    assert!(is_marked("exact: digits") || !cfg!(debug_assertions));
}

/// Rows of which no sum of 256 products is known to fit 31 bits, but the first half turns out to be small.
#[test]
fn a_small_half_leaves_room_for_the_other() {
    let mut values = Values::new(51);
    let mut case = Case::new(51, [15, 33, 700], [0, 0], 0);
    for operand in [&mut case.a, &mut case.b] {
        for (at, x) in operand.iter_mut().enumerate() {
            let limit = Bits::Fourteen.limit() as f32;
            *x = if at % 128 == 0 { limit } else { values.below(11_400) as f32 - 5_700.0 };
        }
    }
    case.check_all();
    assert!(is_marked("exact: a half that leaves room") || !cfg!(debug_assertions));
}

#[test]
fn random_shapes() {
    let mut values = Values::new(77);
    for round in 0..60 {
        let shape = [1 + values.below(40), 1 + values.below(80), 1 + values.below(800)];
        let exponents = [values.below(200) as i32 - 110, values.below(200) as i32 - 110];
        let exponents = if round % 3 == 0 { exponents } else { [0, 0] };
        let case = Case::new(round, shape, exponents, [0, 500][round as usize % 2]);
        let bits = Bits::ALL[values.below(3)];
        case.check(&pools()[values.below(3)], bits);
    }
}

#[test]
fn the_definition_on_the_soft_machine_is_the_same() {
    for exponents in [[0, 0], [-70, -60], [66, 60]] {
        let case = Case::new(41, [4, 5, 300], exponents, 100);
        for bits in Bits::ALL {
            let element = |at: usize| {
                let soft = |data: &[f32], row| -> Vec<Binary32> {
                    case.row(data, row).iter().map(|x| Binary32(x.to_bits())).collect()
                };
                let terms: Vec<_> = soft(&case.a, at / 5).into_iter().zip(soft(&case.b, at % 5)).collect();
                canonical(exact_product(&mut Soft, bits, Binary32(0), &terms).0)
            };
            assert_eq!((0..20).map(element).collect::<Vec<_>>(), case.defined(bits));
        }
    }
}

#[test]
#[should_panic(expected = "packed for another kind of product")]
fn an_operand_for_another_number_of_bits_is_refused() {
    let isa = Isa::detect();
    let a = [1.0; 4];
    let packed = Packed::pack(isa, Bits::Eight, Side::Right, Matrix::rows(&a, 2, 2));
    let mut c = [0.0; 4];
    let c = MatrixMut::rows(&mut c, 2, 2);
    product(isa, Bits::Fourteen, Matrix::rows(&a, 2, 2), &packed, c, Start::Zero);
}
