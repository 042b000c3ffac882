//! Between signed integers and binary32.

use super::exact::{Exact, round_pack, shift_right_rounded};
use super::number::{Finite, Number, unpack};

/// The integer as a float, rounded to nearest even.
pub(super) fn from_int(value: i32) -> u32 {
    let significand = u128::from(value.unsigned_abs());
    round_pack(Exact { negative: value < 0, significand, exponent: 0 })
}

/// The float as an integer, rounded to nearest even; −2^31 for NaN and outside [−2^31, 2^31).
pub(super) fn to_int(bits: u32) -> i32 {
    let Number::Finite(Finite { negative, significand, exponent }) = unpack(bits) else {
        return i32::MIN;
    };
    let significand = u128::from(significand);
    let magnitude = match exponent {
        ..=0 => shift_right_rounded(significand, exponent.unsigned_abs()),
        1..=31 => significand << exponent,
        _ => return i32::MIN,
    };
    let Ok(magnitude) = i64::try_from(magnitude) else { return i32::MIN };
    i32::try_from(if negative { -magnitude } else { magnitude }).unwrap_or(i32::MIN)
}
