//! The angles of rotary positions (docs/spec/recipe.md §4).

use samebit_num::{Native, functions};

/// Cosines and sines of rotary positions, each a table f32 [T, D/2] in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct RotaryTables {
    /// cos(t · f(i)).
    pub cosines: Vec<f32>,
    /// sin(t · f(i)).
    pub sines: Vec<f32>,
}

/// The tables for `positions` positions T and heads of `head_width` channels D: the angle of position t and pair i is t · f(i), with
/// f(i) = θ^(−2i/D) = exp(−(2i/D · ln θ)).
///
/// # Panics
/// If the width is odd.
pub fn rotary_tables(positions: usize, head_width: usize, theta: f32) -> RotaryTables {
    assert!(head_width.is_multiple_of(2), "an odd head width of {head_width}");
    let log_theta = functions::ln(&mut Native, theta);
    let frequency = |pair: usize| {
        let share = (2 * pair) as f32 / head_width as f32;
        functions::exp(&mut Native, -(share * log_theta))
    };
    let frequencies: Vec<f32> = (0..head_width / 2).map(frequency).collect();
    let angles = (0..positions).flat_map(|position| frequencies.iter().map(move |f| position as f32 * f));
    let (cosines, sines) =
        angles.map(|angle| (functions::cos(&mut Native, angle), functions::sin(&mut Native, angle))).unzip();
    RotaryTables { cosines, sines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_near_the_exact_angles() {
        for (positions, width, theta) in [(2048, 64, 10_000f32), (100, 12, 500_000.0), (3, 2, 1.0)] {
            let tables = rotary_tables(positions, width, theta);
            assert_eq!(tables.cosines.len(), positions * width / 2);
            for (index, (cosine, sine)) in tables.cosines.iter().zip(&tables.sines).enumerate() {
                let (position, pair) = (index / (width / 2), index % (width / 2));
                let frequency = f64::from(theta).powf(-2.0 * pair as f64 / width as f64);
                let angle = position as f64 * frequency;
                // The product rounds to binary32, and the frequency carries a few roundings of its exponent.
                let bound = 2e-7 + angle * 6e-7;
                assert!((f64::from(*cosine) - angle.cos()).abs() < bound, "{position} {pair}: {cosine}");
                assert!((f64::from(*sine) - angle.sin()).abs() < bound, "{position} {pair}: {sine}");
            }
        }
    }

    #[test]
    fn the_first_position_does_not_turn() {
        let tables = rotary_tables(1, 8, 10_000.0);
        assert_eq!(tables.cosines, [1.0; 4]);
        assert_eq!(tables.sines, [0.0; 4]);
    }
}
