//! Rows of scores, exponentials and slopes: everything of attention that is not a product.

use samebit_num::fold::{BLOCK, LANES, fold_lanes};
use samebit_num::{Arith, functions};

use crate::simd::{Scalar, Vector};

/// Turns the first `count` scores of `row` into e = exp(s − m), what follows them up to a multiple of 16 into +0, and gives (m, l).
#[inline(always)]
pub(super) fn softmax<V: Vector>(machine: V, row: &mut [f32], count: usize) -> (f32, f32) {
    let row = &mut row[..count.next_multiple_of(LANES)];
    row[count..].fill(f32::NEG_INFINITY);
    let greatest = maximum(machine, row);
    exponentials(machine, row, greatest);
    row[count..].fill(0.0);
    (greatest, sum(machine, row))
}

/// The maximum of a row of whole vectors.
#[inline(always)]
fn maximum<V: Vector>(mut machine: V, row: &[f32]) -> f32 {
    const WAYS: usize = 4;
    let mut greatest = [machine.splat(f32::NEG_INFINITY); WAYS];
    let groups = row.chunks_exact(WAYS * V::LANES);
    for values in groups.remainder().chunks_exact(V::LANES) {
        let value = machine.load(values);
        greatest[0] = machine.max(greatest[0], value);
    }
    for values in groups {
        for (way, greatest) in greatest.iter_mut().enumerate() {
            let value = machine.load(&values[way * V::LANES..]);
            *greatest = machine.max(*greatest, value);
        }
    }
    let [a, b, c, d] = greatest;
    let (ab, cd) = (machine.max(a, b), machine.max(c, d));
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let abcd = machine.max(ab, cd);
    machine.store(&mut lanes, abcd);
    for h in [8, 4, 2, 1] {
        for l in 0..h {
            lanes[l] = Scalar.max(lanes[l], lanes[l + h]);
        }
    }
    lanes[0]
}

/// s becomes exp(s − m).
#[inline(always)]
fn exponentials<V: Vector>(mut machine: V, row: &mut [f32], greatest: f32) {
    let greatest = machine.splat(greatest);
    for values in row.chunks_exact_mut(V::LANES) {
        let score = machine.load(values);
        let shifted = machine.sub(score, greatest);
        // A score is at most the maximum, or one of them is NaN.
        let value = functions::exp_nonpositive(&mut machine, shifted);
        machine.store(values, value);
    }
}

/// The ordered sum of a row of whole 16s. A +0 in place of a term that is not there changes no lane: lanes are never −0.
#[inline(always)]
fn sum<V: Vector>(mut machine: V, row: &[f32]) -> f32 {
    let mut total = 0.0;
    for block in row.chunks(BLOCK) {
        let mut sums = [machine.splat(0.0); LANES];
        for values in block.chunks_exact(LANES) {
            for (values, sum) in values.chunks_exact(V::LANES).zip(&mut sums) {
                let value = machine.load(values);
                *sum = machine.add(*sum, value);
            }
        }
        let mut lanes = [0.0; LANES];
        for (lanes, &sum) in lanes.chunks_exact_mut(V::LANES).zip(&sums) {
            machine.store(lanes, sum);
        }
        total = Scalar.add(total, fold_lanes(&mut Scalar, lanes));
    }
    total
}

/// What a row of the backward pass knows of its query.
#[derive(Clone, Copy)]
pub(super) struct Query {
    pub greatest: f32,
    pub sum: f32,
    /// Σ dO∘O.
    pub d: f32,
}

/// Scores s become P = exp(s − m)·(1 / l), and dP becomes dS = (P·(dP − d))·scale; rows of whole vectors.
#[inline(always)]
pub(super) fn slopes<V: Vector>(mut machine: V, s: &mut [f32], dp: &mut [f32], query: Query, scale: f32) {
    let reciprocal = machine.splat(1.0 / query.sum);
    let (greatest, d, scale) = (machine.splat(query.greatest), machine.splat(query.d), machine.splat(scale));
    for (s, dp) in s.chunks_exact_mut(V::LANES).zip(dp.chunks_exact_mut(V::LANES)) {
        let score = machine.load(s);
        let shifted = machine.sub(score, greatest);
        let exponential = functions::exp(&mut machine, shifted);
        let p = machine.mul(exponential, reciprocal);
        let slope = machine.load(dp);
        let difference = machine.sub(slope, d);
        let product = machine.mul(p, difference);
        let slope = machine.mul(product, scale);
        machine.store(s, p);
        machine.store(dp, slope);
    }
}
