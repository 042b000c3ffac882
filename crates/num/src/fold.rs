//! The folds of docs/spec/arithmetic.md §3, by their definition: slow, in order, one element at a time.
//!
//! ```text
//! term   0 … 255   256 … 511   …        None where the predicate is false
//! block  ──────→   ──────→              product_block, exact_block, sum_block, maximum_block
//! total  start ⊕ block[0] ⊕ block[1] …  Kind::start, Kind::join
//! ```
//!
//! A block's result and the joining of totals are separate, because a dispute opens *previous total, one block → next total*.

mod exact;
mod numerics;

pub use exact::{Bits, LEAST_EXPONENT, exact_block, exact_product, quantise};
pub use numerics::Numerics;

use crate::arith::Arith;

/// Consecutive indices of a fold that make one block.
pub const BLOCK: usize = 256;
/// Lanes of an ordered sum.
pub const LANES: usize = 16;

const MINUS_INFINITY: u32 = 0xff80_0000;

/// How terms become a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The sum of the products of two factors, one fused chain a block.
    Product,
    /// The sum of the terms, 16 lanes a block.
    Sum,
    /// The greatest term.
    Maximum,
}

impl Kind {
    /// The first total, and the result of a block without a term: +0 or −∞.
    #[inline(always)]
    pub fn start<A: Arith>(self, a: &mut A) -> A::F {
        match self {
            Kind::Product | Kind::Sum => a.constant(0),
            Kind::Maximum => a.constant(MINUS_INFINITY),
        }
    }

    /// The next total: `total` ⊕ `block`.
    #[inline(always)]
    pub fn join<A: Arith>(self, a: &mut A, total: A::F, block: A::F) -> A::F {
        match self {
            Kind::Product | Kind::Sum => a.add(total, block),
            Kind::Maximum => a.max(total, block),
        }
    }
}

/// The result of one block of an ordered product; `None` is a term whose predicate is false.
///
/// # Panics
/// If there are more than 256 terms.
pub fn product_block<A: Arith>(a: &mut A, factors: impl IntoIterator<Item = Option<(A::F, A::F)>>) -> A::F {
    let mut accumulator = Kind::Product.start(a);
    for (k, factors) in factors.into_iter().enumerate() {
        assert!(k < BLOCK, "a block has at most {BLOCK} terms");
        if let Some((x, y)) = factors {
            accumulator = a.fma(x, y, accumulator);
        }
    }
    accumulator
}

/// The result of one block of an ordered sum; `None` is a term whose predicate is false.
///
/// # Panics
/// If there are more than 256 terms.
pub fn sum_block<A: Arith>(a: &mut A, terms: impl IntoIterator<Item = Option<A::F>>) -> A::F {
    let mut lanes = [Kind::Sum.start(a); LANES];
    for (k, term) in terms.into_iter().enumerate() {
        assert!(k < BLOCK, "a block has at most {BLOCK} terms");
        if let Some(term) = term {
            lanes[k % LANES] = a.add(lanes[k % LANES], term);
        }
    }
    fold_lanes(a, lanes)
}

/// Lane l with l + 8, then l + 4, l + 2, l + 1.
#[inline(always)]
pub fn fold_lanes<A: Arith>(a: &mut A, mut lanes: [A::F; LANES]) -> A::F {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = a.add(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}

/// The result of one block of a maximum; `None` is a term whose predicate is false.
///
/// # Panics
/// If there are more than 256 terms.
pub fn maximum_block<A: Arith>(a: &mut A, terms: impl IntoIterator<Item = Option<A::F>>) -> A::F {
    let mut greatest = Kind::Maximum.start(a);
    for (k, term) in terms.into_iter().enumerate() {
        assert!(k < BLOCK, "a block has at most {BLOCK} terms");
        if let Some(term) = term {
            greatest = a.max(greatest, term);
        }
    }
    greatest
}

/// The value of a whole ordered product over k = 0, 1, …
pub fn product<A: Arith>(a: &mut A, factors: &[Option<(A::F, A::F)>]) -> A::F {
    totals(a, Kind::Product, factors, |a, block| product_block(a, block))
}

/// The value of a whole ordered sum over k = 0, 1, …
pub fn sum<A: Arith>(a: &mut A, terms: &[Option<A::F>]) -> A::F {
    totals(a, Kind::Sum, terms, |a, block| sum_block(a, block))
}

/// The greatest of all terms; −∞ if there is none.
pub fn maximum<A: Arith>(a: &mut A, terms: &[Option<A::F>]) -> A::F {
    totals(a, Kind::Maximum, terms, |a, block| maximum_block(a, block))
}

fn totals<A: Arith, T: Copy>(
    a: &mut A,
    kind: Kind,
    terms: &[T],
    block: impl Fn(&mut A, std::iter::Copied<std::slice::Iter<'_, T>>) -> A::F,
) -> A::F {
    let mut total = kind.start(a);
    for terms in terms.chunks(BLOCK) {
        let result = block(a, terms.iter().copied());
        total = kind.join(a, total, result);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Native, Soft};

    #[test]
    fn a_block_is_one_chain_and_totals_are_added() {
        // 2^24 + 1 − 2^24: a chain loses the 1; beginning another block with it keeps it.
        let big = 16_777_216.0f32;
        let mut factors = vec![None; BLOCK + 1];
        factors[0] = Some((big, 1.0));
        factors[1] = Some((1.0, 1.0));
        factors[2] = Some((-big, 1.0));
        assert_eq!(product(&mut Native, &factors), 0.0);
        factors[2] = Some((-big, 1.0));
        factors[1] = None;
        factors[BLOCK] = Some((1.0, 1.0));
        assert_eq!(product(&mut Native, &factors), 1.0);
    }

    #[test]
    fn lanes_are_sixteen_and_fold_by_halves() {
        let big = 16_777_216.0f32;
        // Lane 0: 2^24, lane 1: 1, lane 8: 1, lane 9: −2^24. Halves: 0+8 → 2^24 (tie to even), 1+9 → −2^24 + 1; sum 1.
        let mut terms = vec![None; 16];
        terms[0] = Some(big);
        terms[1] = Some(1.0);
        terms[8] = Some(1.0);
        terms[9] = Some(-big);
        assert_eq!(sum(&mut Native, &terms), 1.0);
        // The same values in rising order of k in one lane give another sum.
        let mut lane = vec![None; 64];
        for (position, value) in [big, 1.0, 1.0, -big].into_iter().enumerate() {
            lane[16 * position] = Some(value);
        }
        assert_eq!(sum(&mut Native, &lane), 0.0);
    }

    #[test]
    fn an_infinite_term_that_is_skipped_leaves_no_trace() {
        let terms = [Some(1.0), None, Some(2.0)];
        assert_eq!(sum(&mut Native, &terms), 3.0);
        assert_eq!(product(&mut Native, &[Some((0.0, 1.0)), None]).to_bits(), 0);
    }

    #[test]
    fn empty_folds_have_their_start() {
        assert_eq!(product(&mut Native, &[]).to_bits(), 0);
        assert_eq!(sum(&mut Native, &[None; 300]).to_bits(), 0);
        assert_eq!(maximum(&mut Native, &[None; 300]), f32::NEG_INFINITY);
    }

    #[test]
    fn the_maximum_ignores_order() {
        let mut terms = [-0.0f32, 0.0, -1.0, f32::NEG_INFINITY].map(Some).to_vec();
        for _ in 0..terms.len() {
            terms.rotate_left(1);
            assert_eq!(maximum(&mut Native, &terms).to_bits(), 0);
        }
        terms.push(Some(f32::from_bits(0xffff_0001)));
        terms.push(Some(f32::INFINITY));
        let native = maximum(&mut Native, &terms);
        assert!(native.is_nan(), "NaN is the greatest, whatever its sign");
        let soft: Vec<_> = terms.iter().map(|t| t.map(|t| crate::Binary32(t.to_bits()))).collect();
        assert_eq!(maximum(&mut Soft, &soft).0, crate::CANONICAL_NAN);
    }

    #[test]
    #[should_panic(expected = "at most 256 terms")]
    fn a_block_is_at_most_256_terms() {
        sum_block(&mut Native, [None; 257]);
    }
}
