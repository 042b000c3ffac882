//! Hand-fused vector forms of hot scalar programs: one text, recorded and run in vector registers.
//!
//! A row of the table is a function generic over [`Arith`]. Recorded, it is the pattern that is searched in a pass; run on a
//! vector machine, it is what computes the part of the pass that it matches. That the bits are equal needs no proof: it is the
//! same text. To make a scalar program fast, add a row; the more instructions a row has, the earlier it is tried.

use std::sync::LazyLock;

use samebit_num::{Arith, Code, Recorder, functions};

use super::interpret::{Elementwise, Loop, Operands};
use crate::simd::Vector;

/// Calls the recorder's or a register's form of an input: `F` a float, `U` an integer.
macro_rules! recorded_input {
    ($recorder:ident F) => {
        $recorder.input_f()
    };
    ($recorder:ident U) => {
        $recorder.input_u()
    };
}
macro_rules! vector_input {
    ($machine:ident $word:expr, F) => {
        $machine.float($word)
    };
    ($machine:ident $word:expr, U) => {
        $word
    };
}

/// The table: a type for each row, its recorded code, and its loop.
macro_rules! twins {
    ($($name:ident ($($input:ident: $kind:ident),+) = $body:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $name;

            impl $name {
                fn code() -> Code {
                    let mut recorder = Recorder::new();
                    $(let $input = recorded_input!(recorder $kind);)+
                    let result = $body(&mut recorder, $($input),+);
                    recorder.finish(result).expect("a twin fits into 255 registers")
                }
            }

            impl Elementwise<{ [$(stringify!($input)),+].len() }> for $name {
                #[inline(always)]
                fn apply<V: Vector>(
                    self,
                    machine: &mut V,
                    words: [V::U; [$(stringify!($input)),+].len()],
                ) -> V::U {
                    let [$($input),+] = words;
                    $(let $input = vector_input!(machine $input, $kind);)+
                    let result = $body(machine, $($input),+);
                    machine.bits(result)
                }
            }
        )*

        #[derive(Clone, Copy)]
        #[allow(clippy::upper_case_acronyms)]
        enum Twin { $($name),* }

        const TWINS: &[Twin] = &[$(Twin::$name),*];

        fn code(twin: Twin) -> Code {
            match twin { $(Twin::$name => $name::code()),* }
        }

        fn execute_twin<V: Vector>(twin: Twin, machine: V, operands: &Operands<'_>, target: &mut [u32]) {
            match twin {
                $(Twin::$name => machine.call(Loop { function: $name, operands: operands.fixed(), target })),*
            }
        }
    };
}

twins! {
    Exp(x: F) = functions::exp;
    ExpNonpositive(x: F) = functions::exp_nonpositive;
    Ln(x: F) = functions::ln;
    Tanh(x: F) = functions::tanh;
    Erf(x: F) = functions::erf;
    Sigmoid(x: F) = functions::sigmoid;
    Rsqrt(x: F) = functions::rsqrt;
    Sin(x: F) = functions::sin;
    Cos(x: F) = functions::cos;
    Silu(x: F) = functions::silu;
    SiluGrad(x: F) = functions::silu_grad;
    GeluTanh(x: F) = functions::gelu_tanh;
    GeluTanhGrad(x: F) = functions::gelu_tanh_grad;
    GeluErf(x: F) = functions::gelu_erf;
    GeluErfGrad(x: F) = functions::gelu_erf_grad;
    ExpDifference(x: F, y: F) = exp_difference;
    ExpNonpositiveDifference(x: F, y: F) = exp_nonpositive_difference;
    SiluTimes(x: F, y: F) = silu_times;
    SiluGradTimes(x: F, y: F) = silu_grad_times;
    GeluTanhGradTimes(x: F, y: F) = gelu_tanh_grad_times;
    GeluErfGradTimes(x: F, y: F) = gelu_erf_grad_times;
    MulThenAdd(x: F, y: F, z: F) = mul_then_add;
    SubThenMul(x: F, y: F, z: F) = sub_then_mul;
    SubThenSquare(x: F, y: F) = sub_then_square;
    Normalize(x: F, mean: F, scale: F, gain: F, bias: F) = normalize;
    MulThenMul(x: F, y: F, z: F) = mul_then_mul;
}

#[inline(always)]
fn exp_difference<A: Arith>(a: &mut A, x: A::F, y: A::F) -> A::F {
    let difference = a.sub(x, y);
    functions::exp(a, difference)
}

#[inline(always)]
fn exp_nonpositive_difference<A: Arith>(a: &mut A, x: A::F, y: A::F) -> A::F {
    let difference = a.sub(x, y);
    functions::exp_nonpositive(a, difference)
}

#[inline(always)]
fn silu_times<A: Arith>(a: &mut A, x: A::F, y: A::F) -> A::F {
    let value = functions::silu(a, x);
    a.mul(value, y)
}

/// dy · silu'(x), with the product in this order.
#[inline(always)]
fn silu_grad_times<A: Arith>(a: &mut A, x: A::F, dy: A::F) -> A::F {
    let slope = functions::silu_grad(a, x);
    a.mul(dy, slope)
}

#[inline(always)]
fn gelu_tanh_grad_times<A: Arith>(a: &mut A, x: A::F, dy: A::F) -> A::F {
    let slope = functions::gelu_tanh_grad(a, x);
    a.mul(dy, slope)
}

#[inline(always)]
fn gelu_erf_grad_times<A: Arith>(a: &mut A, x: A::F, dy: A::F) -> A::F {
    let slope = functions::gelu_erf_grad(a, x);
    a.mul(dy, slope)
}

#[inline(always)]
fn mul_then_add<A: Arith>(a: &mut A, x: A::F, y: A::F, z: A::F) -> A::F {
    let product = a.mul(x, y);
    a.add(product, z)
}

#[inline(always)]
fn sub_then_mul<A: Arith>(a: &mut A, x: A::F, y: A::F, z: A::F) -> A::F {
    let difference = a.sub(x, y);
    a.mul(difference, z)
}

#[inline(always)]
fn sub_then_square<A: Arith>(a: &mut A, x: A::F, y: A::F) -> A::F {
    let difference = a.sub(x, y);
    a.mul(difference, difference)
}

/// (x − mean)·scale·gain + bias, each operation rounded.
#[inline(always)]
fn normalize<A: Arith>(a: &mut A, x: A::F, mean: A::F, scale: A::F, gain: A::F, bias: A::F) -> A::F {
    let normal = sub_then_mul(a, x, mean, scale);
    mul_then_add(a, normal, gain, bias)
}

#[inline(always)]
fn mul_then_mul<A: Arith>(a: &mut A, x: A::F, y: A::F, z: A::F) -> A::F {
    let product = a.mul(x, y);
    a.mul(product, z)
}

static TABLE: LazyLock<(Vec<Twin>, Vec<Code>)> = LazyLock::new(|| {
    let mut rows: Vec<(Twin, Code)> = TWINS.iter().map(|&twin| (twin, code(twin))).collect();
    rows.sort_by_key(|(_, code)| std::cmp::Reverse(code.instrs().len()));
    rows.into_iter().unzip()
});

/// The programs of the table, the longest first.
pub(super) fn codes() -> &'static [Code] {
    &TABLE.1
}

/// Runs the function of `codes()[twin]` over the columns.
pub(super) fn execute<V: Vector>(machine: V, twin: usize, operands: &Operands<'_>, target: &mut [u32]) {
    execute_twin(TABLE.0[twin], machine, operands, target);
}
