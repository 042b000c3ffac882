//! The folds on both machines, and against a second, independent text of their definition.

mod common;

use common::{EDGES, Random};
use samebit_num::fold::{self, BLOCK, Bits, Kind};
use samebit_num::{Arith, Binary32, Native, Soft, canonical};

/// Terms of all sizes, some skipped, now and then an edge value.
fn terms(random: &mut Random, extent: usize) -> Vec<Option<(u32, u32)>> {
    let with_edges = random.below(4) == 0;
    let word = |random: &mut Random| {
        if with_edges && random.below(64) == 0 {
            EDGES[random.below(EDGES.len() as u32) as usize]
        } else {
            random.float_near(127, 12)
        }
    };
    (0..extent).map(|_| (random.below(5) > 0).then(|| (word(random), word(random)))).collect()
}

#[test]
fn soft_and_native_agree() {
    let mut random = Random(21);
    for _ in 0..300 {
        let extent = random.below(700) as usize;
        let terms = terms(&mut random, extent);
        let native: Vec<_> =
            terms.iter().map(|t| t.map(|(a, b)| (f32::from_bits(a), f32::from_bits(b)))).collect();
        let soft: Vec<_> = terms.iter().map(|t| t.map(|(a, b)| (Binary32(a), Binary32(b)))).collect();
        let native_first: Vec<_> = native.iter().map(|t| t.map(|(a, _)| a)).collect();
        let soft_first: Vec<_> = soft.iter().map(|t| t.map(|(a, _)| a)).collect();
        let bits = |value: f32| canonical(value.to_bits());
        assert_eq!(bits(fold::product(&mut Native, &native)), canonical(fold::product(&mut Soft, &soft).0));
        assert_eq!(
            bits(fold::sum(&mut Native, &native_first)),
            canonical(fold::sum(&mut Soft, &soft_first).0)
        );
        assert_eq!(
            bits(fold::maximum(&mut Native, &native_first)),
            canonical(fold::maximum(&mut Soft, &soft_first).0)
        );
    }
}

/// The definition with indices instead of iterators.
fn by_index(kind: Kind, terms: &[Option<(u32, u32)>]) -> Vec<u32> {
    let m = &mut Soft;
    let empty = Binary32(if kind == Kind::Maximum { 0xff80_0000 } else { 0 });
    let mut total = empty;
    let mut totals = Vec::new();
    for start in (0..terms.len()).step_by(BLOCK) {
        let mut lanes = [empty; 16];
        for k in start..terms.len().min(start + BLOCK) {
            let Some((a, b)) = terms[k] else { continue };
            match kind {
                Kind::Product => lanes[0] = m.fma(Binary32(a), Binary32(b), lanes[0]),
                Kind::Sum => lanes[k % 16] = m.add(lanes[k % 16], Binary32(a)),
                Kind::Maximum => lanes[0] = m.max(Binary32(a), lanes[0]),
            }
        }
        if kind == Kind::Sum {
            let halves: Vec<Binary32> = (0..8).map(|l| m.add(lanes[l], lanes[l + 8])).collect();
            let quarters: Vec<Binary32> = (0..4).map(|l| m.add(halves[l], halves[l + 4])).collect();
            let (even, odd) = (m.add(quarters[0], quarters[2]), m.add(quarters[1], quarters[3]));
            lanes[0] = m.add(even, odd);
        }
        total = if kind == Kind::Maximum { m.max(total, lanes[0]) } else { m.add(total, lanes[0]) };
        totals.push(canonical(total.0));
    }
    totals
}

#[test]
fn totals_are_those_of_the_definition() {
    let mut random = Random(22);
    for round in 0..60 {
        let extent = [1, 15, 16, 17, 255, 256, 257, 511, 512, 513, 1000][round % 11];
        let terms = terms(&mut random, extent);
        for kind in [Kind::Product, Kind::Sum, Kind::Maximum] {
            let mut total = kind.start(&mut Soft);
            let mut totals = Vec::new();
            for block in terms.chunks(BLOCK) {
                let single = block.iter().map(|t| t.map(|(a, _)| Binary32(a)));
                let pairs = block.iter().map(|t| t.map(|(a, b)| (Binary32(a), Binary32(b))));
                let result = match kind {
                    Kind::Product => fold::product_block(&mut Soft, pairs),
                    Kind::Sum => fold::sum_block(&mut Soft, single),
                    Kind::Maximum => fold::maximum_block(&mut Soft, single),
                };
                total = kind.join(&mut Soft, total, result);
                totals.push(canonical(total.0));
            }
            assert_eq!(totals, by_index(kind, &terms), "{kind:?} over {extent}");
        }
    }
}

/// An exact product's block in binary64, which holds the integers of 48 bits and every scale.
fn exact_by_floats(bits: Bits, factors: &[(f32, f32)]) -> f32 {
    if factors.iter().any(|(a, b)| !a.is_finite() || !b.is_finite()) {
        return f32::NAN;
    }
    let limit = f64::from((1 << (bits.count() - 1)) - 1);
    let power = |exponent: i32| f64::from_bits(((exponent + 1023) as u64) << 52);
    let exponent = |side: fn(&(f32, f32)) -> f32| {
        let greatest = factors.iter().map(|pair| f64::from(side(pair).abs())).fold(0.0, f64::max);
        (-126..).find(|&e| greatest <= limit * power(e)).expect("floats are less than 2^128")
    };
    let (left, right) = (exponent(|pair| pair.0), exponent(|pair| pair.1));
    let factor = |x: f32, e: i32| (f64::from(x) * power(-e)).round_ties_even() as i64;
    let sum: i64 = factors.iter().map(|&(a, b)| factor(a, left) * factor(b, right)).sum();
    (sum as f64 * power(left + right)) as f32
}

#[test]
fn exact_products_are_those_of_wider_floats() {
    let mut random = Random(23);
    for round in 0..400 {
        let extent = [1, 2, 17, 255, 256, 257, 600][round % 7];
        let (near_a, near_b) = (random.below(254).cast_signed(), random.below(254).cast_signed());
        let with_edges = random.below(8) == 0;
        let mut factor = |near: i32| match random.below(200) {
            0 if with_edges => EDGES[random.below(EDGES.len() as u32) as usize],
            1..20 => 0,
            _ => random.float_near(near, 8),
        };
        let words: Vec<(u32, u32)> = (0..extent).map(|_| (factor(near_a), factor(near_b))).collect();
        // A term of the second block is skipped now and then: the block is an ordered product.
        let skipped = (random.below(3) == 0).then_some(BLOCK);
        let kept = |k: usize| Some(k) != skipped;
        let soft: Vec<_> = words
            .iter()
            .enumerate()
            .map(|(k, &(a, b))| kept(k).then_some((Binary32(a), Binary32(b))))
            .collect();
        let native: Vec<_> = words.iter().map(|&(a, b)| (f32::from_bits(a), f32::from_bits(b))).collect();
        for bits in Bits::ALL {
            let mut expected = 0f32;
            for (index, block) in native.chunks(BLOCK).enumerate() {
                let term = if skipped.is_some_and(|k| k / BLOCK == index) {
                    let terms =
                        block.iter().enumerate().map(|(k, &pair)| kept(index * BLOCK + k).then_some(pair));
                    fold::product_block(&mut Native, terms)
                } else {
                    exact_by_floats(bits, block)
                };
                expected += term;
            }
            let found = canonical(fold::exact_product(&mut Soft, bits, &soft).0);
            assert_eq!(found, canonical(expected.to_bits()), "round {round}, {bits:?} over {extent}");
        }
    }
}
