//! Every operation of every machine against integers only, one value at a time, bit for bit.

use samebit_num::{Arith, Soft};

use super::*;

/// Words that sit at the edges of binary32 and of integers.
#[rustfmt::skip]
const EDGES: [u32; 34] = [
    0x0000_0000, 0x8000_0000, 0x0000_0001, 0x8000_0001, 0x007f_ffff, 0x807f_ffff, 0x0080_0000, 0x8080_0000,
    0x0080_0001, 0x3f80_0000, 0xbf80_0000, 0x3f7f_ffff, 0x3f80_0001, 0x3f00_0000, 0x3fc0_0000, 0x4020_0000,
    0x4b00_0000, 0x4b80_0000, 0xcb00_0001, 0x4eff_ffff, 0x4f00_0000, 0xcf00_0000, 0xcf00_0001, 0x7f7f_ffff,
    0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xffff_ffff, 0x7fff_ffff,
    0x1f80_0000, 0x5f80_0000,
];

/// A small generator (xorshift*): tests need variety, not quality.
struct Words(u64);

impl Words {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }
}

/// How many operations there are.
const OPERATIONS: usize = 31;

/// The words that the operation `number` yields for the operands `x`, `y`, `z`; floats canonical, masks as 0 or 1.
#[inline(always)]
fn operation<A: Arith>(v: &mut A, number: usize, [x, y, z]: [A::U; 3]) -> A::U {
    let (a, b, c) = (v.float(x), v.float(y), v.float(z));
    let float = match number {
        0 => v.add(a, b),
        1 => v.sub(a, b),
        2 => v.mul(a, b),
        3 => v.fma(a, b, c),
        4 => v.div(a, b),
        5 => v.sqrt(a),
        6 => v.neg(a),
        7 => v.abs(a),
        8 => v.max(a, b),
        9 => v.from_int(x),
        10 => {
            let mask = v.lt(a, b);
            v.select(mask, b, c)
        }
        11 => {
            let mask = v.ilt(x, y);
            v.select(mask, a, c)
        }
        _ => return integer_operation(v, number, [x, y, z], [a, b]),
    };
    v.bits(float)
}

#[inline(always)]
fn integer_operation<A: Arith>(v: &mut A, number: usize, [x, y, z]: [A::U; 3], [a, b]: [A::F; 2]) -> A::U {
    let mask = match number {
        12 => return v.iadd(x, y),
        13 => return v.isub(x, y),
        14 => return v.imul(x, y),
        15 => return v.imulhi(x, y),
        16 => return v.and(x, y),
        17 => return v.or(x, y),
        18 => return v.xor(x, y),
        19 => return v.shl(x, 0),
        20 => return v.shl(x, 31),
        21 => return v.shr(x, 9),
        22 => return v.sar(x, 31),
        23 => return v.sar(x, 3),
        24 => return v.bits(a),
        25 => return v.to_int(a),
        26 => v.lt(a, b),
        27 => v.le(a, b),
        28 => v.eq(a, b),
        29 => v.ilt(x, y),
        30 => v.ieq(x, y),
        _ => unreachable!("{OPERATIONS} operations"),
    };
    let [one, two] = [v.iconstant(1), v.iconstant(0)];
    let truth = v.iselect(mask, one, two);
    // The mask must choose between vectors of either kind.
    let other = v.iselect(mask, y, z);
    let chosen = v.imul(truth, other);
    v.iadd(chosen, truth)
}

/// All operations on chunks of operands; the results of an operation lie together.
struct Every<'a>([&'a [u32]; 3]);

impl Kernel for Every<'_> {
    type Output = Vec<u32>;
    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) -> Vec<u32> {
        let length = self.0[0].len();
        let mut results = vec![0; length * OPERATIONS];
        for (number, results) in results.chunks_mut(length).enumerate() {
            for start in (0..length).step_by(V::LANES) {
                let operands = self.0.map(|words| machine.load_bits_part(&words[start..]));
                let result = operation(&mut machine, number, operands);
                machine.store_bits_part(&mut results[start..], result);
            }
        }
        results
    }
}

fn check_operands(x: &[u32], y: &[u32], z: &[u32]) {
    let by_definition = |i: usize| {
        let at = i % x.len();
        operation(&mut Soft, i / x.len(), [x[at], y[at], z[at]])
    };
    let expected: Vec<u32> = (0..OPERATIONS * x.len()).map(by_definition).collect();
    for isa in Isa::available() {
        let actual = isa.run(Every([x, y, z]));
        for (i, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
            let (number, at) = (i / x.len(), i % x.len());
            assert_eq!(
                actual, expected,
                "{isa:?}, operation {number} of {:08x} {:08x} {:08x}: {actual:08x}, not {expected:08x}",
                x[at], y[at], z[at]
            );
        }
    }
}

#[test]
fn every_operation_agrees_on_all_triples_of_edges() {
    let (mut x, mut y, mut z) = (vec![], vec![], vec![]);
    for a in EDGES {
        for b in EDGES {
            for c in EDGES {
                x.push(a);
                y.push(b);
                z.push(c);
            }
        }
    }
    check_operands(&x, &y, &z);
}

#[test]
fn every_operation_agrees_on_random_words() {
    let mut words = Words(0x1234_5678_9abc_def1);
    let mut draw = || (0..20_003).map(|_| words.next()).collect::<Vec<_>>();
    let (x, y, z) = (draw(), draw(), draw());
    check_operands(&x, &y, &z);
    // Close exponents make rounding, cancellation and conversion busy.
    let close = |words: &[u32]| words.iter().map(|w| (w & 0x8fff_ffff) + 0x3800_0000).collect::<Vec<_>>();
    check_operands(&close(&x), &close(&y), &close(&z));
}

/// Loads part of `source`, and writes part of it over sevens.
struct Partly<'a>(&'a [f32], usize);

impl Kernel for Partly<'_> {
    type Output = (Vec<f32>, Vec<f32>);
    #[inline(always)]
    fn run<V: Vector>(self, machine: V) -> Self::Output {
        let mut whole = vec![7.0; V::LANES];
        machine.store(&mut whole, machine.load_part(&self.0[..self.1]));
        let mut part = vec![7.0; V::LANES + 1];
        machine.store_part(&mut part[..self.1], machine.load(self.0));
        (whole, part)
    }
}

#[test]
fn parts_touch_their_lanes_only() {
    let source: Vec<f32> = (1..=40).map(|i| i as f32).collect();
    for isa in Isa::available() {
        for count in 0..=isa.lanes() {
            let (whole, part) = isa.run(Partly(&source, count));
            for lane in 0..isa.lanes() {
                assert_eq!(whole[lane], if lane < count { source[lane] } else { 0.0 }, "{isa:?} {count}");
                assert_eq!(part[lane], if lane < count { source[lane] } else { 7.0 }, "{isa:?} {count}");
            }
        }
        let (whole, _) = isa.run(Partly(&source, isa.lanes()));
        assert_eq!(whole, source[..isa.lanes()], "{isa:?}");
    }
}

struct Transpose<'a> {
    source: &'a [f32],
    source_stride: usize,
    rows: usize,
    target: &'a mut [f32],
    target_stride: usize,
}

impl Kernel for Transpose<'_> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, machine: V) {
        machine.transpose(self.source, self.source_stride, self.rows, self.target, self.target_stride);
    }
}

#[test]
fn transpose_is_its_definition_with_overlap_and_short_targets() {
    let source: Vec<f32> = (0..16 * 21).map(|i| i as f32 + 1.0).collect();
    for isa in Isa::available() {
        let lanes = isa.lanes();
        for rows in 0..=lanes {
            for target_stride in 1..=lanes + 3 {
                for length in [lanes * target_stride, lanes * target_stride + lanes, target_stride + 1] {
                    let mut expected = vec![-1.0; length];
                    for i in 0..lanes {
                        for j in 0..lanes {
                            let value = if j < rows { source[j * 21 + i] } else { 0.0 };
                            if let Some(place) = expected.get_mut(i * target_stride + j) {
                                *place = value;
                            }
                        }
                    }
                    let mut target = vec![-1.0; length];
                    let target_slice = &mut target;
                    isa.run(Transpose {
                        source: &source,
                        source_stride: 21,
                        rows,
                        target: target_slice,
                        target_stride,
                    });
                    assert_eq!(
                        target, expected,
                        "{isa:?} rows {rows} stride {target_stride} length {length}"
                    );
                }
            }
        }
    }
}

struct Gather<'a>(&'a [f32], &'a [u32]);

impl Kernel for Gather<'_> {
    type Output = Vec<f32>;
    #[inline(always)]
    fn run<V: Vector>(self, machine: V) -> Vec<f32> {
        let mut result = vec![0.0; V::LANES];
        machine.store(&mut result, machine.gather(self.0, machine.load_bits(self.1)));
        result
    }
}

#[test]
fn gather_reads_its_table_and_nothing_else() {
    let table: Vec<f32> = (0..50).map(|i| i as f32).collect();
    let index: Vec<u32> = (0..16).map(|i| (i * 29 + 49) % 50).collect();
    for isa in Isa::available() {
        let expected: Vec<f32> = index.iter().take(isa.lanes()).map(|&i| i as f32).collect();
        assert_eq!(isa.run(Gather(&table, &index)), expected, "{isa:?}");
        for outside in [50, u32::MAX] {
            let mut index = index.clone();
            index[isa.lanes() - 1] = outside;
            let outcome = std::panic::catch_unwind(|| isa.run(Gather(&table, &index)));
            assert!(outcome.is_err(), "{isa:?}: index {outside} was accepted");
        }
    }
}

#[test]
fn aligned_memory_starts_at_a_line_after_growing_too() {
    let mut memory = Aligned::default();
    for length in [1, 100, 3, 5000, 4999] {
        memory.resize(length);
        assert_eq!(memory.len(), length);
        assert_eq!(memory.as_ptr().addr() % 64, 0);
    }
    assert!(Aligned::zeros(33).iter().all(|&x| x == 0.0));
}
