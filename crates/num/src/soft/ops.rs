//! Addition, product, fused product, quotient, root, comparison.

use std::cmp::Ordering;

use super::exact::{Exact, round_pack, sum};
use super::number::{Finite, Number, infinity, rank, unpack, zero};
use crate::CANONICAL_NAN;

/// Bits appended to a dividend, so that even 1 / (2^24 − 1) has more than 26 bits of quotient.
const QUOTIENT_BITS: u32 = 64;

/// a + b.
pub(super) fn add(a: u32, b: u32) -> u32 {
    match (unpack(a), unpack(b)) {
        (Number::Nan, _) | (_, Number::Nan) => CANONICAL_NAN,
        (Number::Infinite { negative }, Number::Infinite { negative: other }) if negative != other => {
            CANONICAL_NAN
        }
        (Number::Infinite { negative }, _) | (_, Number::Infinite { negative }) => infinity(negative),
        (Number::Finite(a), Number::Finite(b)) => round_pack(sum(a.into(), b.into())),
    }
}

/// What a product is before it is rounded.
enum Product {
    Nan,
    Infinite { negative: bool },
    Exact(Exact),
}

fn product(a: u32, b: u32) -> Product {
    let infinite_by = |negative: bool, factor: Finite| {
        if factor.significand == 0 {
            Product::Nan
        } else {
            Product::Infinite { negative: negative != factor.negative }
        }
    };
    match (unpack(a), unpack(b)) {
        (Number::Nan, _) | (_, Number::Nan) => Product::Nan,
        (Number::Infinite { negative }, Number::Infinite { negative: other }) => {
            Product::Infinite { negative: negative != other }
        }
        (Number::Infinite { negative }, Number::Finite(factor))
        | (Number::Finite(factor), Number::Infinite { negative }) => infinite_by(negative, factor),
        (Number::Finite(a), Number::Finite(b)) => Product::Exact(a.times(b)),
    }
}

/// a · b.
pub(super) fn mul(a: u32, b: u32) -> u32 {
    match product(a, b) {
        Product::Nan => CANONICAL_NAN,
        Product::Infinite { negative } => infinity(negative),
        Product::Exact(exact) => round_pack(exact),
    }
}

/// a · b + c, rounded once.
pub(super) fn fma(a: u32, b: u32, c: u32) -> u32 {
    match (product(a, b), unpack(c)) {
        (Product::Nan, _) | (_, Number::Nan) => CANONICAL_NAN,
        (Product::Infinite { negative }, Number::Infinite { negative: other }) if negative != other => {
            CANONICAL_NAN
        }
        (Product::Infinite { negative }, _) | (_, Number::Infinite { negative }) => infinity(negative),
        (Product::Exact(exact), Number::Finite(c)) => round_pack(sum(exact, c.into())),
    }
}

/// a / b.
pub(super) fn div(a: u32, b: u32) -> u32 {
    match (unpack(a), unpack(b)) {
        (Number::Nan, _) | (_, Number::Nan) | (Number::Infinite { .. }, Number::Infinite { .. }) => {
            CANONICAL_NAN
        }
        (Number::Infinite { negative }, Number::Finite(b)) => infinity(negative != b.negative),
        (Number::Finite(a), Number::Infinite { negative }) => zero(a.negative != negative),
        (Number::Finite(a), Number::Finite(b)) => quotient(a, b),
    }
}

fn quotient(a: Finite, b: Finite) -> u32 {
    let negative = a.negative != b.negative;
    match (a.significand, b.significand) {
        (0, 0) => CANONICAL_NAN,
        (_, 0) => infinity(negative),
        (0, _) => zero(negative),
        (dividend, divisor) => {
            let dividend = u128::from(dividend) << QUOTIENT_BITS;
            let divisor = u128::from(divisor);
            let sticky = u128::from(!dividend.is_multiple_of(divisor));
            round_pack(Exact {
                negative,
                significand: (dividend / divisor) << 1 | sticky,
                exponent: a.exponent - b.exponent - QUOTIENT_BITS.cast_signed() - 1,
            })
        }
    }
}

/// √a.
pub(super) fn sqrt(a: u32) -> u32 {
    match unpack(a) {
        Number::Nan | Number::Infinite { negative: true } => CANONICAL_NAN,
        Number::Infinite { negative: false } => infinity(false),
        Number::Finite(Finite { significand: 0, negative, .. }) => zero(negative),
        Number::Finite(Finite { negative: true, .. }) => CANONICAL_NAN,
        Number::Finite(a) => root(a),
    }
}

/// The square root of a positive number: at least 64 bits are appended, as many as make the exponent even.
fn root(a: Finite) -> u32 {
    let appended = QUOTIENT_BITS + u32::from(a.exponent % 2 != 0);
    let radicand = u128::from(a.significand) << appended;
    let root = radicand.isqrt();
    let sticky = u128::from(root * root != radicand);
    round_pack(Exact {
        negative: false,
        significand: root << 1 | sticky,
        exponent: (a.exponent - appended.cast_signed()) / 2 - 1,
    })
}

/// The order of two numbers, −0 = +0; none if either is NaN.
pub(super) fn compare(a: u32, b: u32) -> Option<Ordering> {
    let is_zero = |bits: u32| bits << 1 == 0;
    match (unpack(a), unpack(b)) {
        (Number::Nan, _) | (_, Number::Nan) => None,
        _ if is_zero(a) && is_zero(b) => Some(Ordering::Equal),
        _ => Some(rank(a).cmp(&rank(b))),
    }
}
