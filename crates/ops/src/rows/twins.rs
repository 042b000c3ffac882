//! Hand-fused vector forms of hot scalar programs: one text, recorded and run in vector registers.
//!
//! A row of the table is a function generic over [`Arith`]. Recorded, it is the pattern that is searched in a pass; run on a
//! vector machine, it is what computes the part of the pass that it matches. That the bits are equal needs no proof: it is the
//! same text. To make a scalar program fast, add a row; the more instructions a row has, the earlier it is tried.

use std::sync::LazyLock;

use samebit_num::{Arith, Code, Recorder, functions, philox};

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
    MulThenMul(x: F, y: F, z: F) = mul_then_mul;
    SwigluGrad(x: F, y: F, dy: F) = swiglu_grad;
    Normalize(x: F, mean: F, scale: F, gain: F, bias: F) = normalize;
    NormProject(normal: F, dot: F, factor: F, slope: F) = norm_project;
    LayerNormGrad(normal: F, dot: F, factor: F, slope: F, sum: F, scale: F) = layer_norm_grad;
    Moment(keep: F, held: F, rest: F, gradient: F) = moment;
    SquareMoment(keep: F, held: F, rest: F, gradient: F) = square_moment;
    AdamStep(mean: F, c1: F, square: F, c2: F, epsilon: F, rate: F, kept: F) = adam_step;
    AdamDecayStep(mean: F, c1: F, square: F, c2: F, epsilon: F, rate: F, value: F, decay: F) = adam_decay_step;
    CrossEntropyGrad(power: F, inverse: F, column: U, label: U, factor: F) = cross_entropy_grad;
    Rotary(x: F, partner: F, cos: F, sin: F, place: U, half: U) = rotary;
    RotaryGrad(x: F, partner: F, cos: F, sin: F, place: U, half: U) = rotary_grad;
    DropoutMask(low: U, high: U, step: U, key0: U, key1: U, stream: U, threshold: U, kept: F) = dropout_mask;
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

/// dy·y·silu'(x): the gradient of SwiGLU to its gate.
#[inline(always)]
fn swiglu_grad<A: Arith>(a: &mut A, x: A::F, y: A::F, dy: A::F) -> A::F {
    let slope = functions::silu_grad(a, x);
    let scaled = a.mul(dy, y);
    a.mul(scaled, slope)
}

/// fma((x − mean)·scale, gain, bias).
#[inline(always)]
fn normalize<A: Arith>(a: &mut A, x: A::F, mean: A::F, scale: A::F, gain: A::F, bias: A::F) -> A::F {
    let normal = sub_then_mul(a, x, mean, scale);
    a.fma(normal, gain, bias)
}

/// slope − normal·(dot·factor), fused.
#[inline(always)]
fn norm_project<A: Arith>(a: &mut A, normal: A::F, dot: A::F, factor: A::F, slope: A::F) -> A::F {
    let negative = a.neg(normal);
    let mean = a.mul(dot, factor);
    a.fma(negative, mean, slope)
}

#[inline(always)]
fn layer_norm_grad<A: Arith>(
    a: &mut A,
    normal: A::F,
    dot: A::F,
    factor: A::F,
    slope: A::F,
    sum: A::F,
    scale: A::F,
) -> A::F {
    let projected = norm_project(a, normal, dot, factor, slope);
    let mean = a.mul(sum, factor);
    sub_then_mul(a, projected, mean, scale)
}

/// keep·held + rest·gradient.
#[inline(always)]
fn moment<A: Arith>(a: &mut A, keep: A::F, held: A::F, rest: A::F, gradient: A::F) -> A::F {
    let share = a.mul(rest, gradient);
    a.fma(keep, held, share)
}

/// keep·held + rest·gradient².
#[inline(always)]
fn square_moment<A: Arith>(a: &mut A, keep: A::F, held: A::F, rest: A::F, gradient: A::F) -> A::F {
    let share = mul_then_mul(a, rest, gradient, gradient);
    a.fma(keep, held, share)
}

/// kept − rate·(mean·c1) / (√(square·c2) + ε).
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn adam_step<A: Arith>(
    a: &mut A,
    mean: A::F,
    c1: A::F,
    square: A::F,
    c2: A::F,
    epsilon: A::F,
    rate: A::F,
    kept: A::F,
) -> A::F {
    let mean = a.mul(mean, c1);
    let square = a.mul(square, c2);
    let root = a.sqrt(square);
    let divisor = a.add(root, epsilon);
    let direction = a.div(mean, divisor);
    let negative = a.neg(rate);
    a.fma(negative, direction, kept)
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn adam_decay_step<A: Arith>(
    a: &mut A,
    mean: A::F,
    c1: A::F,
    square: A::F,
    c2: A::F,
    epsilon: A::F,
    rate: A::F,
    value: A::F,
    decay: A::F,
) -> A::F {
    let kept = a.mul(value, decay);
    adam_step(a, mean, c1, square, c2, epsilon, rate, kept)
}

/// (power·inverse − [column = label])·factor.
#[inline(always)]
fn cross_entropy_grad<A: Arith>(
    a: &mut A,
    power: A::F,
    inverse: A::F,
    column: A::U,
    label: A::U,
    factor: A::F,
) -> A::F {
    let one = a.constant(1f32.to_bits());
    let zero = a.constant(0);
    let chosen = a.ieq(column, label);
    let target = a.select(chosen, one, zero);
    let probability = a.mul(power, inverse);
    sub_then_mul(a, probability, target, factor)
}

/// fma(x, cos, partner·s) with s = −sin in the first half, sin in the second.
#[inline(always)]
fn rotary<A: Arith>(
    a: &mut A,
    x: A::F,
    partner: A::F,
    cos: A::F,
    sin: A::F,
    place: A::U,
    half: A::U,
) -> A::F {
    let first = a.ilt(place, half);
    let negative = a.neg(sin);
    let sin = a.select(first, negative, sin);
    let turned = a.mul(partner, sin);
    a.fma(x, cos, turned)
}

/// The same with s negated.
#[inline(always)]
fn rotary_grad<A: Arith>(
    a: &mut A,
    x: A::F,
    partner: A::F,
    cos: A::F,
    sin: A::F,
    place: A::U,
    half: A::U,
) -> A::F {
    let first = a.ilt(place, half);
    let negative = a.neg(sin);
    let sin = a.select(first, sin, negative);
    let turned = a.mul(partner, sin);
    a.fma(x, cos, turned)
}

/// 0 where the element's random word is below the threshold, else `kept`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn dropout_mask<A: Arith>(
    a: &mut A,
    low: A::U,
    high: A::U,
    step: A::U,
    key0: A::U,
    key1: A::U,
    stream: A::U,
    threshold: A::U,
    kept: A::F,
) -> A::F {
    let [word, ..] = philox::words(a, [key0, key1], [low, high, stream, step]);
    let dropped = philox::is_dropped(a, word, threshold);
    let zero = a.constant(0);
    a.select(dropped, zero, kept)
}

#[inline(always)]
fn mul_then_mul<A: Arith>(a: &mut A, x: A::F, y: A::F, z: A::F) -> A::F {
    let product = a.mul(x, y);
    a.mul(product, z)
}

static TABLE: LazyLock<(Vec<Twin>, Vec<Code>)> = LazyLock::new(|| {
    let mut rows: Vec<(Twin, Code)> = TWINS.iter().map(|&twin| (twin, code(twin))).collect();
    rows.sort_by_key(|(_, code)| (std::cmp::Reverse(code.instrs().len()), code.inputs().len()));
    rows.into_iter().unzip()
});

/// The programs of the table, the longest first, of equals the one with the fewest inputs.
pub(super) fn codes() -> &'static [Code] {
    &TABLE.1
}

/// Runs the function of `codes()[twin]` over the columns.
pub(super) fn execute<V: Vector>(machine: V, twin: usize, operands: &Operands<'_>, target: &mut [u32]) {
    execute_twin(TABLE.0[twin], machine, operands, target);
}
