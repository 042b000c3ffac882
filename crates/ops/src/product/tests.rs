//! The fast product against its definition, bit for bit.

use super::definition::ordered_product;
use super::*;
use crate::simd::{Isa, Scalar};

/// A small generator (xorshift*): tests need variety, not quality.
struct Words(u64);

impl Words {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    /// Ordinary values of mixed size and sign.
    fn ordinary(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.next() as i32 as f32) * 2f32.powi(self.below(12) as i32 - 37)).collect()
    }

    /// Ordinary values, with an edge value here and there.
    fn edgy(&mut self, count: usize) -> Vec<f32> {
        const EDGES: [u32; 10] = [
            0x8000_0000,
            0,
            1,
            0x8000_0001,
            0x007f_ffff,
            0x7f80_0000,
            0xff80_0000,
            0xffc1_2345,
            0x7f7f_ffff,
            0x0080_0000,
        ];
        let mut values = self.ordinary(count);
        for value in &mut values {
            match self.below(64) {
                0 => *value = f32::from_bits(EDGES[self.below(EDGES.len())]),
                // Products of these underflow, to signed zeros too.
                1..8 => *value *= 1e-30,
                _ => {}
            }
        }
        values
    }
}

/// Where an operand lies in the memory of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    Rows,
    Transposed,
    /// Rows with a gap between them.
    Wide,
    /// Neither stride is 1.
    Scattered,
}

const LIES: [Lie; 4] = [Lie::Rows, Lie::Transposed, Lie::Wide, Lie::Scattered];

/// A matrix that owns its memory.
struct Operand {
    data: Vec<f32>,
    rows: usize,
    columns: usize,
    lie: Lie,
}

impl Operand {
    fn new(rows: usize, columns: usize, lie: Lie, values: impl FnOnce(usize) -> Vec<f32>) -> Self {
        let factor = if lie == Lie::Scattered { 2 } else { 1 };
        let wide = if lie == Lie::Wide { 5 * rows } else { 0 };
        Self { data: values(rows * columns * factor + wide), rows, columns, lie }
    }

    fn view(&self) -> Matrix<'_> {
        let Self { data, rows, columns, .. } = self;
        match self.lie {
            Lie::Rows => Matrix::rows(data, *rows, *columns),
            Lie::Transposed => Matrix::transposed(data, *rows, *columns),
            Lie::Wide => Matrix::new(data, *rows, *columns, columns + 5, 1),
            Lie::Scattered => Matrix::new(data, *rows, *columns, 2 * columns, 2),
        }
    }
}

fn expected(a: Matrix<'_>, b: Matrix<'_>, start: Option<&[f32]>) -> Vec<u32> {
    let mut words = vec![];
    for m in 0..a.rows {
        for n in 0..b.rows {
            let total = start.map_or(0.0, |totals| totals[m * b.rows + n]);
            let terms = (0..a.columns).map(|k| (a.at(m, k), b.at(n, k)));
            let value = ordered_product(&mut Scalar, total, terms);
            words.push(if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() });
        }
    }
    words
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Checks one shape on every instruction set, with B as it lies and packed.
fn check(a: &Operand, b: &Operand, start: Option<&[f32]>) {
    let expected = expected(a.view(), b.view(), start);
    let (m, n, k) = (a.rows, b.rows, a.columns);
    for isa in Isa::available() {
        let packed = PackedB::pack(isa, b.view());
        for (name, right) in [("matrix", RightOperand::from(b.view())), ("packed", (&packed).into())] {
            // What the output holds must not matter unless it is continued.
            let mut c = start.map_or(vec![f32::NAN; m * n], <[f32]>::to_vec);
            let mode = if start.is_some() { Start::Continue } else { Start::Zero };
            product(isa, a.view(), right, MatrixMut::rows(&mut c, m, n), mode);
            assert!(bits(&c) == expected, "{isa:?} {m} × {n} × {k}, {:?} · {:?} {name}", a.lie, b.lie);
        }
    }
}

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
}

#[test]
fn every_small_shape_and_every_edge_tile() {
    let mut words = Words(11);
    with_threads(1, || {
        for m in (1..=17).chain([28, 29, 33, 34]) {
            for n in [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130] {
                let k = [1, 5, 16, 31, 64][words.below(5)];
                let a = Operand::new(m, k, LIES[words.below(4)], |count| words.edgy(count));
                let b = Operand::new(n, k, LIES[words.below(4)], |count| words.edgy(count));
                check(&a, &b, None);
            }
        }
    });
}

#[test]
fn blocks_begin_at_multiples_of_256() {
    let mut words = Words(12);
    for k in [0, 1, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 1280, 2049] {
        for m in [1, 3, 15, 40] {
            let a = Operand::new(m, k, LIES[words.below(4)], |count| words.ordinary(count));
            let b = Operand::new(37, k, LIES[words.below(4)], |count| words.ordinary(count));
            check(&a, &b, None);
        }
    }
}

#[test]
fn every_layout_of_both_operands() {
    let mut words = Words(13);
    for m in [5, 43] {
        for left in LIES {
            for right in LIES {
                let a = Operand::new(m, 300, left, |count| words.edgy(count));
                let b = Operand::new(50, 300, right, |count| words.edgy(count));
                check(&a, &b, None);
                let totals = words.edgy(m * 50);
                check(&a, &b, Some(&totals));
            }
        }
    }
}

#[test]
fn thread_counts_do_not_show() {
    let mut words = Words(14);
    // Above the threshold for threads; the last has more columns than one chunk.
    for (m, n, k) in [(150, 200, 300), (5, 1000, 800), (1, 3000, 1030), (40, 2200, 70)] {
        let a = Operand::new(m, k, Lie::Rows, |count| words.edgy(count));
        let b = Operand::new(n, k, Lie::Transposed, |count| words.edgy(count));
        let expected = expected(a.view(), b.view(), None);
        for isa in Isa::available().filter(|&isa| isa != Isa::Scalar) {
            for threads in [1, 2, 3, 7] {
                let c = with_threads(threads, || {
                    let mut c = vec![f32::NAN; m * n];
                    product(isa, a.view(), b.view(), MatrixMut::rows(&mut c, m, n), Start::Zero);
                    let mut again = vec![f32::NAN; m * n];
                    let packed = PackedB::pack(isa, b.view());
                    product(isa, a.view(), &packed, MatrixMut::rows(&mut again, m, n), Start::Zero);
                    assert_eq!(bits(&c), bits(&again));
                    c
                });
                assert!(bits(&c) == expected, "{isa:?} {m} × {n} × {k} on {threads} threads");
            }
        }
    }
}

#[test]
fn products_inside_parallel_work_do_not_disturb_each_other() {
    let mut words = Words(15);
    let a = Operand::new(130, 256, Lie::Rows, |count| words.ordinary(count));
    let b = Operand::new(140, 256, Lie::Rows, |count| words.ordinary(count));
    let expected = expected(a.view(), b.view(), None);
    with_threads(3, || {
        use rayon::prelude::*;
        (0..24).into_par_iter().for_each(|_| {
            let mut c = vec![0.0; 130 * 140];
            product(Isa::detect(), a.view(), b.view(), MatrixMut::rows(&mut c, 130, 140), Start::Zero);
            assert!(bits(&c) == expected);
        });
    });
}

#[test]
fn a_split_at_a_block_boundary_does_not_show() {
    let mut words = Words(16);
    let (m, n, k) = (19, 45, 1400);
    let a = Operand::new(m, k, Lie::Rows, |count| words.edgy(count));
    let b = Operand::new(n, k, Lie::Transposed, |count| words.edgy(count));
    for isa in Isa::available() {
        let mut whole = vec![0.0; m * n];
        product(isa, a.view(), b.view(), MatrixMut::rows(&mut whole, m, n), Start::Zero);
        for splits in [&[256][..], &[512, 768], &[1280], &[1024]] {
            let mut c = vec![f32::INFINITY; m * n];
            let mut start = 0;
            for &end in splits.iter().chain([&k]) {
                let part_a = Matrix::new(&a.data[start..], m, end - start, k, 1);
                let part_b = Matrix::new(&b.data[start * n..], n, end - start, 1, n);
                let mode = if start == 0 { Start::Zero } else { Start::Continue };
                product(isa, part_a, part_b, MatrixMut::rows(&mut c, m, n), mode);
                start = end;
            }
            assert!(bits(&c) == bits(&whole), "{isa:?} {splits:?}");
        }
    }
}

#[test]
fn an_output_with_gaps_keeps_what_is_between_its_rows() {
    let mut words = Words(17);
    let a = Operand::new(30, 20, Lie::Rows, |count| words.ordinary(count));
    let b = Operand::new(21, 20, Lie::Rows, |count| words.ordinary(count));
    let expected = expected(a.view(), b.view(), None);
    for isa in Isa::available() {
        let mut c = vec![7.0; 30 * 26];
        product(isa, a.view(), b.view(), MatrixMut::new(&mut c, 30, 21, 26), Start::Zero);
        for (row, expected) in c.chunks(26).zip(expected.chunks(21)) {
            assert_eq!(bits(&row[..21]), expected);
            assert_eq!(row[21..], [7.0; 5]);
        }
    }
}

#[test]
fn an_empty_fold_gives_zero_or_leaves_the_totals() {
    for isa in Isa::available() {
        let mut c = [3.0; 6];
        product(
            isa,
            Matrix::rows(&[], 2, 0),
            Matrix::rows(&[], 3, 0),
            MatrixMut::rows(&mut c, 2, 3),
            Start::Continue,
        );
        assert_eq!(c, [3.0; 6]);
        product(
            isa,
            Matrix::rows(&[], 2, 0),
            Matrix::rows(&[], 3, 0),
            MatrixMut::rows(&mut c, 2, 3),
            Start::Zero,
        );
        assert_eq!(bits(&c), [0; 6]);
        product(
            isa,
            Matrix::rows(&[], 0, 4),
            Matrix::rows(&[1.0; 8], 2, 4),
            MatrixMut::rows(&mut [], 0, 2),
            Start::Zero,
        );
        product(
            isa,
            Matrix::rows(&[1.0; 8], 2, 4),
            Matrix::rows(&[], 0, 4),
            MatrixMut::rows(&mut [], 2, 0),
            Start::Zero,
        );
    }
}

#[test]
fn a_total_that_underflows_is_not_a_negative_zero() {
    // One term rounds to −0 in its block; +0 + −0 = +0.
    for isa in Isa::available() {
        let mut c = [f32::NAN];
        product(
            isa,
            Matrix::rows(&[-1e-30], 1, 1),
            Matrix::rows(&[1e-30], 1, 1),
            MatrixMut::rows(&mut c, 1, 1),
            Start::Zero,
        );
        assert_eq!(c[0].to_bits(), 0, "{isa:?}");
    }
}

#[test]
#[should_panic(expected = "another instruction set")]
fn a_packed_operand_belongs_to_its_instruction_set() {
    let packed = PackedB::pack(Isa::Scalar, Matrix::rows(&[1.0], 1, 1));
    product(Isa::Avx2, Matrix::rows(&[1.0], 1, 1), &packed, MatrixMut::rows(&mut [0.0], 1, 1), Start::Zero);
}

#[test]
fn column_products_are_ordered_products_of_columns() {
    let mut words = Words(18);
    for rows in [0, 1, 255, 256, 257, 700] {
        for columns in [1, 8, 15, 16, 17, 64, 65, 200, 700] {
            let x = Operand::new(rows, columns, Lie::Rows, |count| words.edgy(count));
            let y = Operand::new(rows, columns, Lie::Wide, |count| words.edgy(count));
            let totals = words.edgy(columns);
            for (pair, start) in [(false, Start::Zero), (true, Start::Zero), (true, Start::Continue)] {
                let expected: Vec<u32> = (0..columns)
                    .map(|c| {
                        let total = if start == Start::Zero { 0.0 } else { totals[c] };
                        let terms = (0..rows)
                            .map(|n| (x.view().at(n, c), if pair { y.view().at(n, c) } else { 1.0 }));
                        let value = ordered_product(&mut Scalar, total, terms);
                        if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }
                    })
                    .collect();
                for isa in Isa::available() {
                    let mut out = totals.clone();
                    with_threads(3, || {
                        column_product(isa, x.view(), pair.then(|| y.view()), &mut out, start);
                    });
                    assert!(bits(&out) == expected, "{isa:?} {rows} × {columns} pair {pair} {start:?}");
                }
            }
        }
    }
}
