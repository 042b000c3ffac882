//! The tables that change an optimiser's step over the job (docs/spec/recipe.md §4).
//!
//! Every machine must make the same tables from the same job file, so they are computed with the operations of
//! docs/spec/arithmetic.md only, in the order that the specification writes.

use samebit_num::{Native, functions};

/// How the learning rate changes after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// It stays.
    Constant,
    /// It falls to 0 in a straight line.
    Linear,
    /// It falls to 0 along half a cosine.
    Cosine,
}

/// π, rounded to binary32.
const PI: f32 = f32::from_bits(0x4049_0fdb);

/// The learning rate of every step, as a table f32 [`steps`]. With s the step from 0, w the warm-up and n the steps, the peak rate times
///
/// - s < w: s / w
/// - constant: 1
/// - linear: (n − s) / (n − w)
/// - cosine: ½ · (1 + cos(π · (s − w) / (n − w))), at least 0
///
/// as in Hugging Face's `get_constant_schedule_with_warmup`, `get_linear_…` and `get_cosine_…`.
pub fn learning_rate_table(curve: Curve, peak: f32, warmup: usize, steps: usize) -> Vec<f32> {
    (0..steps).map(|step| peak * factor(curve, step, warmup, steps)).collect()
}

/// What the peak rate is multiplied by at a step. Counts are below 2^24, so their binary32 is exact.
fn factor(curve: Curve, step: usize, warmup: usize, steps: usize) -> f32 {
    if step < warmup {
        return step as f32 / warmup as f32;
    }
    match curve {
        Curve::Constant => 1.0,
        Curve::Linear => (steps - step) as f32 / (steps - warmup) as f32,
        Curve::Cosine => {
            let progress = (step - warmup) as f32 / (steps - warmup) as f32;
            let wave = 0.5 * (1.0 + functions::cos(&mut Native, PI * progress));
            if wave > 0.0 { wave } else { 0.0 }
        }
    }
}

/// Adam's bias correction 1 / (1 − β^(s+1)) of every step s from 0, as a table f32 [`steps`].
///
/// The power is kept as an integer of 64 bits after the point and cut after each product, so no rounding builds up:
/// P₀ = b = ⌊β·2^64⌋, P_{s+1} = ⌊P_s·b / 2^64⌋; the entry is 1 / d with d the binary32 nearest to 1 − P_s·2^−64.
///
/// # Panics
/// If β is not in [0, 1).
pub fn bias_correction_table(beta: f32, steps: usize) -> Vec<f32> {
    assert!((0.0..1.0).contains(&beta), "a decay of {beta}");
    const ONE: u128 = 1 << 64;
    const SCALE: f32 = 18_446_744_073_709_551_616.0;
    // Exact: a scaling by a power of two, then a cut.
    let base = (beta * SCALE) as u128;
    let mut power = base;
    let mut table = Vec::with_capacity(steps);
    for _ in 0..steps {
        let rest = (ONE - power) as f32 / SCALE;
        table.push(1.0 / rest);
        power = (power * base) >> 64;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_and_linear_are_the_known_ones() {
        assert_eq!(learning_rate_table(Curve::Constant, 0.5, 2, 4), [0.0, 0.25, 0.5, 0.5]);
        assert_eq!(learning_rate_table(Curve::Linear, 1.0, 2, 6), [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]);
        assert_eq!(learning_rate_table(Curve::Linear, 1.0, 3, 3), [0.0, 1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(learning_rate_table(Curve::Cosine, 1.0, 0, 0), [0f32; 0]);
    }

    #[test]
    fn cosine_is_near_the_exact_curve_and_falls() {
        let table = learning_rate_table(Curve::Cosine, 1e-3, 20, 200);
        for (step, rate) in table.iter().enumerate().skip(20) {
            let exact = 0.5e-3 * (1.0 + (std::f64::consts::PI * (step - 20) as f64 / 180.0).cos());
            assert!((f64::from(*rate) - exact).abs() < 1.5e-10, "step {step}: {rate} {exact}");
        }
        assert!(table[20..].is_sorted_by(|a, b| a > b));
        assert_eq!(table[20], 1e-3);
    }

    #[test]
    fn tables_are_fixed_for_ever() {
        let bits: Vec<u32> =
            learning_rate_table(Curve::Cosine, 1e-3, 2, 10).iter().map(|rate| rate.to_bits()).collect();
        insta::assert_snapshot!(format!("{bits:x?}"), @"[0, 3a03126f, 3a83126f, 3a7c2ab0, 3a5fc101, 3a353b2a, 3a03126e, 39a1d369, 39198f77, 381fa2d1]");
        let bits: Vec<u32> = bias_correction_table(0.999, 5).iter().map(|rate| rate.to_bits()).collect();
        insta::assert_snapshot!(format!("{bits:x?}"), @"[447a00d3, 43fa20d7, 43a6d5e9, 437a60e7, 4348672a]");
    }

    #[test]
    fn bias_corrections_are_near_the_exact_ones_to_the_end() {
        for beta in [0.0, 0.5, 0.9, 0.95, 0.999, 0.999_999, 1.0 - f32::EPSILON / 2.0, 1e-30] {
            for (step, value) in bias_correction_table(beta, 3000).into_iter().enumerate() {
                let exact = 1.0 / -(f64::from(beta).ln() * (step + 1) as f64).exp_m1();
                let error = (f64::from(value) / exact - 1.0).abs();
                assert!(error < 1.2e-7, "{beta} {step}: {value} {exact}");
            }
        }
    }

    #[test]
    fn bias_corrections_never_rise() {
        let table = bias_correction_table(0.999, 50_000);
        assert!(table.is_sorted_by(|a, b| a >= b));
        assert_eq!(*table.last().unwrap(), 1.0);
    }
}
