//! The functions of docs/spec/arithmetic.md §4, each written once for every machine.
//!
//! Each is a straight line: both sides of a case are computed and one is selected. Polynomials are in Horner's form with `fma`;
//! their coefficients were fitted by Remez' method, rounded, and improved by search over the last places. The specification
//! lists every program instruction by instruction, with its measured error over all inputs.

mod activations;
mod errors;
mod exponential;
mod logarithm;
mod roots;
mod trigonometric;

pub use activations::{gelu_erf, gelu_erf_grad, gelu_tanh, gelu_tanh_grad, sigmoid, silu, silu_grad, tanh};
pub use errors::erf;
pub use exponential::{exp, exp_nonpositive};
pub use logarithm::ln;
pub use roots::rsqrt;
pub use trigonometric::{TRIGONOMETRIC_LIMIT, cos, sin};

use crate::arith::Arith;
use crate::code::Code;
use crate::native::Native;
use crate::recorder::{Recorder, RegF};
use crate::soft::{Binary32, Soft};

/// c[0] + x·(c[1] + x·(c[2] + …)), coefficients as bits.
#[inline(always)]
fn polynomial<A: Arith, const N: usize>(a: &mut A, x: A::F, coefficients: [u32; N]) -> A::F {
    let [lower @ .., _] = &coefficients[..] else { unreachable!("a polynomial has coefficients") };
    let mut sum = a.constant(coefficients[N - 1]);
    for &coefficient in lower.iter().rev() {
        let coefficient = a.constant(coefficient);
        sum = a.fma(sum, x, coefficient);
    }
    sum
}

/// x with the magnitude of a constant, where it is below or above; a NaN stays.
#[inline(always)]
fn at_most<A: Arith>(a: &mut A, x: A::F, limit: u32) -> A::F {
    let limit = a.constant(limit);
    let beyond = a.lt(limit, x);
    a.select(beyond, limit, x)
}

/// The greater of x and a constant; a NaN stays.
#[inline(always)]
fn at_least<A: Arith>(a: &mut A, x: A::F, limit: u32) -> A::F {
    let limit = a.constant(limit);
    let beyond = a.lt(x, limit);
    a.select(beyond, limit, x)
}

/// `value` with its sign flipped where x < 0.
#[inline(always)]
fn with_sign_of<A: Arith>(a: &mut A, x: A::F, value: A::F) -> A::F {
    let zero = a.constant(0);
    let is_negative = a.lt(x, zero);
    let negated = a.neg(value);
    a.select(is_negative, negated, value)
}

const ONE: u32 = 0x3f80_0000;
const HALF: u32 = 0x3f00_0000;
const INFINITY: u32 = 0x7f80_0000;

/// A function of the specification on every machine of this crate.
#[derive(Clone, Copy)]
pub struct Named {
    /// The name in the specification and in [`crate::Note`].
    pub name: &'static str,
    /// Its value on the processor.
    pub native: fn(f32) -> f32,
    /// Its value in integers.
    pub soft: fn(Binary32) -> Binary32,
    record: fn(&mut Recorder, RegF) -> RegF,
}

impl Named {
    /// Its program.
    pub fn code(&self) -> Code {
        Recorder::record(self.record)
    }
}

macro_rules! named {
    ($($name:ident),* $(,)?) => {
        /// Every function, in the order of the specification.
        pub const ALL: &[Named] = &[$(Named {
            name: stringify!($name),
            native: |x| $name(&mut Native, x),
            soft: |x| $name(&mut Soft, x),
            record: $name::<Recorder>,
        }),*];
    };
}

named![
    exp,
    exp_nonpositive,
    ln,
    tanh,
    erf,
    sigmoid,
    rsqrt,
    sin,
    cos,
    silu,
    silu_grad,
    gelu_tanh,
    gelu_tanh_grad,
    gelu_erf,
    gelu_erf_grad,
];
