//! Bits to number.

/// The sign bit.
pub(super) const SIGN: u32 = 0x8000_0000;
/// +∞.
pub(super) const INFINITY: u32 = 0x7f80_0000;
/// Bits of the significand that are stored.
pub(super) const FRACTION_BITS: u32 = 23;
/// The exponent of the last place of the smallest numbers: subnormals are multiples of 2^−149.
pub(super) const LEAST_EXPONENT: i32 = -149;

/// What the bits of a binary32 mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Nan,
    Infinite { negative: bool },
    Finite(Finite),
}

/// ± significand · 2^exponent; zero has the significand 0 and keeps its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finite {
    pub negative: bool,
    /// Less than 2^24.
    pub significand: u32,
    /// −149 … 104.
    pub exponent: i32,
}

/// Reads the bits.
pub(super) fn unpack(bits: u32) -> Number {
    let negative = bits & SIGN != 0;
    let biased = (bits & INFINITY) >> FRACTION_BITS;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    match (biased, fraction) {
        (255, 0) => Number::Infinite { negative },
        (255, _) => Number::Nan,
        (0, _) => Number::Finite(Finite { negative, significand: fraction, exponent: LEAST_EXPONENT }),
        _ => Number::Finite(Finite {
            negative,
            significand: fraction | 1 << FRACTION_BITS,
            exponent: LEAST_EXPONENT - 1 + biased.cast_signed(),
        }),
    }
}

/// Zero with this sign.
pub(super) fn zero(negative: bool) -> u32 {
    if negative { SIGN } else { 0 }
}

/// Infinity with this sign.
pub(super) fn infinity(negative: bool) -> u32 {
    zero(negative) | INFINITY
}

/// The other sign.
pub(super) fn negate(bits: u32) -> u32 {
    bits ^ SIGN
}

/// Rises with the value in the total order −∞ < … < −0 < +0 < … < +∞ < the canonical NaN.
pub(super) fn rank(bits: u32) -> i32 {
    if bits & SIGN == 0 { bits.cast_signed() } else { !(bits & !SIGN).cast_signed() }
}
