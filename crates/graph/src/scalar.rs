//! Scalar programs from functions that are generic over [`Arith`].

use samebit_num::{Arith, Code, Recorder, RegF, RegU};

/// The program of a function of `N` floats.
///
/// # Panics
/// If it needs more than 255 registers.
pub fn floats<const N: usize>(body: impl FnOnce(&mut Recorder, [RegF; N]) -> RegF) -> Code {
    mixed::<N, 0>(|arith, floats, []| body(arith, floats))
}

/// The program of a function of `N` floats, then `M` integers, that gives a float.
///
/// # Panics
/// If it needs more than 255 registers.
pub fn mixed<const N: usize, const M: usize>(
    body: impl FnOnce(&mut Recorder, [RegF; N], [RegU; M]) -> RegF,
) -> Code {
    let mut recorder = Recorder::new();
    let floats = std::array::from_fn(|_| recorder.input_f());
    let integers = std::array::from_fn(|_| recorder.input_u());
    let result = body(&mut recorder, floats, integers);
    recorder.finish(result).expect("an operator's scalar program fits into 255 registers")
}

/// The program of a function of `M` integers that gives an integer.
///
/// # Panics
/// If it needs more than 255 registers.
pub fn integers<const M: usize>(body: impl FnOnce(&mut Recorder, [RegU; M]) -> RegU) -> Code {
    let mut recorder = Recorder::new();
    let integers = std::array::from_fn(|_| recorder.input_u());
    let result = body(&mut recorder, integers);
    recorder.finish(result).expect("an operator's scalar program fits into 255 registers")
}

/// The program that gives its one float.
pub fn copy() -> Code {
    floats(|_, [x]| x)
}

/// The program that gives its one integer.
pub fn copy_integer() -> Code {
    integers(|_, [x]| x)
}

/// The code of a product: its two factors, nothing computed.
pub fn factors() -> Code {
    Code::new(vec![samebit_num::RegType::F; 2], Vec::new()).expect("two registers are a program")
}

/// The float nearest to `value`.
pub fn constant<A: Arith>(arith: &mut A, value: f64) -> A::F {
    arith.constant((value as f32).to_bits())
}

/// The float nearest to 1 / count.
pub fn reciprocal(count: u64) -> f32 {
    (1.0 / count as f64) as f32
}
