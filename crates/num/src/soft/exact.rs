//! Exact results and the only place that rounds.

use super::number::{self, FRACTION_BITS, Finite, INFINITY, LEAST_EXPONENT};

/// ± significand · 2^exponent before rounding. The lowest bit may be sticky: "and something more, less than one".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    pub negative: bool,
    pub significand: u128,
    pub exponent: i32,
}

impl From<Finite> for Exact {
    fn from(Finite { negative, significand, exponent }: Finite) -> Self {
        Self { negative, significand: u128::from(significand), exponent }
    }
}

impl Finite {
    /// The exact product, 48 bits at most.
    pub(super) fn times(self, other: Finite) -> Exact {
        Exact {
            negative: self.negative != other.negative,
            significand: u128::from(self.significand) * u128::from(other.significand),
            exponent: self.exponent + other.exponent,
        }
    }
}

/// How far the greater exponent's significand is shifted to meet the other.
///
/// Significands have at most 48 bits, so 76 bits more still fit 128 with room for a carry. Beyond that distance the lower operand
/// is less than 2^47 in units of which the higher one is a multiple of 2^76; the nearest place where rounding could change its
/// mind is at least 2^51 away, so any non-zero lower operand may be replaced by 1.
const ALIGNMENT_LIMIT: i32 = 76;

/// a + b, exact or with a sticky bit. Both significands have at most 48 bits.
pub(super) fn sum(a: Exact, b: Exact) -> Exact {
    if a.significand == 0 && b.significand == 0 {
        return Exact { negative: a.negative && b.negative, significand: 0, exponent: 0 };
    }
    if a.significand == 0 {
        return b;
    }
    if b.significand == 0 {
        return a;
    }
    let (high, low) = if a.exponent >= b.exponent { (a, b) } else { (b, a) };
    let distance = high.exponent - low.exponent;
    let (shift, low_significand) =
        if distance <= ALIGNMENT_LIMIT { (distance, low.significand) } else { (ALIGNMENT_LIMIT, 1) };
    let high_significand = high.significand << shift;
    let exponent = high.exponent - shift;
    if high.negative == low.negative {
        return Exact { negative: high.negative, significand: high_significand + low_significand, exponent };
    }
    if high_significand == low_significand {
        return Exact { negative: false, significand: 0, exponent: 0 };
    }
    let negative = if high_significand > low_significand { high.negative } else { low.negative };
    Exact { negative, significand: high_significand.abs_diff(low_significand), exponent }
}

/// Shifts right by any number of bits and rounds to nearest, ties to even.
pub(super) fn shift_right_rounded(significand: u128, by: u32) -> u128 {
    let (kept, rest, half) = match by {
        0 => return significand,
        1..=127 => (significand >> by, significand & ((1 << by) - 1), 1u128 << (by - 1)),
        128 => (0, significand, 1u128 << 127),
        _ => return 0,
    };
    let up = rest > half || (rest == half && kept & 1 == 1);
    kept + u128::from(up)
}

/// The binary32 nearest to an exact result, ties to even, gradual underflow, overflow to infinity.
///
/// 24 bits are kept, fewer where the last place would be below 2^−149. The addition at the end lets the significand's leading
/// bit count in the exponent, so that a carry out of the rounding and the step from subnormal to normal need no case.
pub(super) fn round_pack(value: Exact) -> u32 {
    if value.significand == 0 {
        return number::zero(value.negative);
    }
    let width = (u128::BITS - value.significand.leading_zeros()).cast_signed();
    let shift = (width - FRACTION_BITS.cast_signed() - 1).max(LEAST_EXPONENT - value.exponent);
    let kept = if shift >= 0 {
        shift_right_rounded(value.significand, shift.cast_unsigned())
    } else {
        value.significand << -shift
    };
    let steps = value.exponent + shift - LEAST_EXPONENT;
    if steps > 253 {
        return number::infinity(value.negative);
    }
    let magnitude = (steps.cast_unsigned() << FRACTION_BITS) + kept as u32;
    number::zero(value.negative) | magnitude.min(INFINITY)
}
