//! Counter-based random numbers (docs/spec/arithmetic.md §5): Philox 4×32-10 of Salmon et al., "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011.
//!
//! A draw is a function of (seed, stream, step, element), so any machine can make any element of any tensor at any time.

use crate::arith::Arith;
use crate::functions::{cos, ln};
use crate::native::Native;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
/// 2^−24.
const STEP_OF_UNIFORM: u32 = 0x3380_0000;
/// 2π.
const TWO_PI: u32 = 0x40c9_0fdb;

/// The four words of one counter.
#[inline(always)]
pub fn words<A: Arith>(a: &mut A, key: [A::U; 2], counter: [A::U; 4]) -> [A::U; 4] {
    let first_multiplier = a.iconstant(MULTIPLIERS[0]);
    let second_multiplier = a.iconstant(MULTIPLIERS[1]);
    let weyl = [a.iconstant(WEYL[0]), a.iconstant(WEYL[1])];
    let mut key = key;
    let [mut x0, mut x1, mut x2, mut x3] = counter;
    for round in 0..ROUNDS {
        if round > 0 {
            key = [a.iadd(key[0], weyl[0]), a.iadd(key[1], weyl[1])];
        }
        let (high0, low0) = (a.imulhi(first_multiplier, x0), a.imul(first_multiplier, x0));
        let (high1, low1) = (a.imulhi(second_multiplier, x2), a.imul(second_multiplier, x2));
        let mixed0 = a.xor(high1, x1);
        let mixed1 = a.xor(high0, x3);
        (x0, x1, x2, x3) = (a.xor(mixed0, key[0]), low1, a.xor(mixed1, key[1]), low0);
    }
    [x0, x1, x2, x3]
}

/// A number in [0, 1), a multiple of 2^−24, from a word.
#[inline(always)]
pub fn uniform_of<A: Arith>(a: &mut A, word: A::U) -> A::F {
    let integer = a.shr(word, 8);
    let integer = a.from_int(integer);
    let step = a.constant(STEP_OF_UNIFORM);
    a.mul(integer, step)
}

/// A standard normal number from two words (Box–Muller).
#[inline(always)]
pub fn normal_of<A: Arith>(a: &mut A, w0: A::U, w1: A::U) -> A::F {
    let integer = a.shr(w0, 8);
    let one = a.iconstant(1);
    let integer = a.iadd(integer, one);
    let integer = a.from_int(integer);
    let step = a.constant(STEP_OF_UNIFORM);
    let u1 = a.mul(integer, step);
    let u2 = uniform_of(a, w1);
    let log = ln(a, u1);
    let minus_two = a.constant(0xc000_0000);
    let square = a.mul(minus_two, log);
    let radius = a.sqrt(square);
    let two_pi = a.constant(TWO_PI);
    let angle = a.mul(two_pi, u2);
    let direction = cos(a, angle);
    a.mul(radius, direction)
}

/// Whether dropout drops the element with this first word; it is kept otherwise. See [`drop_threshold`].
#[inline(always)]
pub fn is_dropped<A: Arith>(a: &mut A, word: A::U, threshold: A::U) -> A::M {
    a.ilt(word, threshold)
}

/// The integer nearest to p · 2^32 (2^32 − 1 at most): elements whose word is below it are dropped.
///
/// # Panics
/// Unless 0 ≤ p < 1.
pub fn drop_threshold(probability: f64) -> u32 {
    assert!((0.0..1.0).contains(&probability), "a dropout probability of {probability}");
    (probability * 4_294_967_296.0).round_ties_even() as u32
}

/// The random numbers of one tensor: those of a seed, a stream and a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The job's seed.
    pub seed: u64,
    /// Which of the job's streams.
    pub stream: u32,
    /// The step's number.
    pub step: u32,
}

impl Stream {
    /// The words of an element.
    #[inline(always)]
    pub fn words(self, element: u64) -> [u32; 4] {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        words(&mut Native, key, [element as u32, (element >> 32) as u32, self.stream, self.step])
    }

    /// The uniform number of an element, in [0, 1).
    #[inline(always)]
    pub fn uniform(self, element: u64) -> f32 {
        uniform_of(&mut Native, self.words(element)[0])
    }

    /// The standard normal number of an element.
    #[inline(always)]
    pub fn normal(self, element: u64) -> f32 {
        let [w0, w1, ..] = self.words(element);
        normal_of(&mut Native, w0, w1)
    }

    /// The uniform numbers of the elements from `first` on.
    pub fn fill_uniform(self, first: u64, out: &mut [f32]) {
        for (element, value) in (first..).zip(out) {
            *value = self.uniform(element);
        }
    }

    /// The standard normal numbers of the elements from `first` on. Elements are independent: a large tensor may be filled in
    /// parts, on several cores or with a vector machine and [`normal_of`].
    pub fn fill_normal(self, first: u64, out: &mut [f32]) {
        for (element, value) in (first..).zip(out) {
            *value = self.normal(element);
        }
    }
}
