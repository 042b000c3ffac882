//! The functions: one text on every machine, errors against double precision.
//!
//! A sample of the inputs by default; with the feature `slow`, all 2^32 of them, and a table of the errors.

mod common;

use common::{EDGES, Random};
use samebit_num::functions::{self, Named};
use samebit_num::{Binary32, Native, Soft, canonical, run};

/// How an error is measured.
#[derive(Clone, Copy)]
enum Unit {
    /// Units in the last place of the exact result.
    Result,
    /// Units in the last place of the greater of |x| and the result.
    Argument,
    /// Units of 2^−23, the last place of 1.
    One,
}

/// Inputs that are measured together, so that the compiler can use vectors.
const BATCH: usize = 256;

struct Accuracy {
    name: &'static str,
    batch: fn(&[u32; BATCH], &mut [f32; BATCH]),
    exact: fn(f64) -> f64,
    unit: Unit,
    limit: f64,
}

macro_rules! accuracies {
    ($($name:ident, $exact:expr, $unit:ident, $limit:literal;)*) => {
        const ACCURACIES: &[Accuracy] = &[$(Accuracy {
            name: stringify!($name),
            batch: |words, results| {
                for (result, &word) in results.iter_mut().zip(words) {
                    *result = functions::$name(&mut Native, f32::from_bits(word));
                }
            },
            exact: $exact,
            unit: Unit::$unit,
            limit: $limit,
        }),*];
    };
}

accuracies! {
    exp, exact_exp, Result, 1.0;
    ln, f64::ln, Result, 1.0;
    erf, exact_erf, Result, 1.0;
    tanh, exact_tanh, Result, 2.0;
    sigmoid, logistic, Result, 2.0;
    rsqrt, |x| 1.0 / x.sqrt(), Result, 2.0;
    sin, exact_sin, Result, 2.0;
    cos, exact_cos, Result, 2.0;
    silu, exact_silu, Result, 2.0;
    silu_grad, silu_slope, One, 2.0;
    gelu_tanh, |x| x * logistic(gelu_tanh_argument(x)), Argument, 3.0;
    gelu_tanh_grad, gelu_tanh_slope, One, 4.0;
    gelu_erf, |x| x * normal_share(x), Argument, 3.0;
    gelu_erf_grad, gelu_erf_slope, One, 2.0;
}

// Double precision. Near 0 and where nothing changes any more, the first terms of the series: they are as exact and save the
// sweep over all inputs most of its time.

fn exact_exp(x: f64) -> f64 {
    match x {
        -1e-6..1e-6 => 1.0 + x + 0.5 * x * x,
        ..-110.0 => 0.0,
        90.0.. => f64::INFINITY,
        _ => x.exp(),
    }
}

fn exact_tanh(x: f64) -> f64 {
    if x.abs() < 2e-4 {
        x - x * x * x / 3.0
    } else if x.abs() > 20.0 {
        x.signum()
    } else {
        x.tanh()
    }
}

fn exact_erf(x: f64) -> f64 {
    if x.abs() < 5e-4 {
        std::f64::consts::FRAC_2_SQRT_PI * (x - x * x * x / 3.0)
    } else if x.abs() > 6.0 {
        x.signum()
    } else {
        libm::erf(x)
    }
}

fn exact_sin(x: f64) -> f64 {
    if x.abs() < 5e-4 { x - x * x * x / 6.0 } else { within_limit(x, f64::sin) }
}

fn exact_cos(x: f64) -> f64 {
    if x.abs() < 5e-4 { 1.0 - 0.5 * x * x } else { within_limit(x, f64::cos) }
}

fn within_limit(x: f64, function: fn(f64) -> f64) -> f64 {
    if x.abs() <= f64::from(functions::TRIGONOMETRIC_LIMIT) { function(x) } else { f64::NAN }
}

/// The logistic function, relatively accurate everywhere.
fn logistic(x: f64) -> f64 {
    match x {
        -1e-6..1e-6 => 0.5 + 0.25 * x,
        ..-150.0 => 0.0,
        50.0.. => 1.0,
        ..0.0 => x.exp() / (1.0 + x.exp()),
        _ => 1.0 / (1.0 + (-x).exp()),
    }
}

fn gelu_tanh_argument(x: f64) -> f64 {
    2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)
}

fn gelu_tanh_slope(x: f64) -> f64 {
    let gate = logistic(gelu_tanh_argument(x));
    let rate = 2.0 * (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
    if gate == 0.0 || gate == 1.0 { gate } else { gate + x * gate * (1.0 - gate) * rate }
}

fn normal_share(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

fn gelu_erf_slope(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if density == 0.0 { normal_share(x) } else { normal_share(x) + x * density }
}

fn exact_silu(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { -0.0 } else { x * logistic(x) }
}

fn silu_slope(x: f64) -> f64 {
    let (gate, rest) = (logistic(x), logistic(-x));
    if gate == 0.0 || rest == 0.0 { gate } else { gate + x * gate * rest }
}

fn named(name: &str) -> &'static Named {
    functions::ALL.iter().find(|function| function.name == name).expect("a function of this name")
}

/// The last place of a binary32 of this size.
fn last_place(value: f64) -> f64 {
    let exponent = ((value.abs().to_bits() >> 52) as i32 - 1023).clamp(-126, 127);
    f64::from_bits(((exponent - 23 + 1023) as u64) << 52)
}

/// A result beyond the range counts as 2^128, which is where the next number would be.
fn bounded(value: f64) -> f64 {
    const LIMIT: f64 = 2.0 * 0x8000_0000_0000_0000_0000_0000_0000_0000_u128 as f64;
    value.clamp(-LIMIT, LIMIT)
}

/// How far `found` is from `exact`, in units; infinite if only one is NaN.
#[inline(always)]
fn error(unit: Unit, x: f64, found: f64, exact: f64) -> f64 {
    let scale = match unit {
        Unit::Result => last_place(exact),
        Unit::Argument => last_place(exact.abs().max(x.abs())),
        Unit::One => last_place(1.0),
    };
    let distance = (bounded(found) - bounded(exact)).abs() / scale;
    if found.is_nan() && exact.is_nan() {
        0.0
    } else if distance.is_nan() {
        f64::INFINITY
    } else {
        distance
    }
}

/// The greatest error over these words, and where.
fn greatest_error(accuracy: &Accuracy, mut words: impl Iterator<Item = u32>) -> (f64, u32) {
    let mut greatest = (0.0, 0);
    while let Some(first) = words.next() {
        let mut inputs = [first; BATCH];
        for (input, word) in inputs[1..].iter_mut().zip(&mut words) {
            *input = word;
        }
        let mut found = [0.0; BATCH];
        (accuracy.batch)(&inputs, &mut found);
        let exact = inputs.map(|word| (accuracy.exact)(f64::from(f32::from_bits(word))));
        let mut errors = [0.0; BATCH];
        for index in 0..BATCH {
            let x = f64::from(f32::from_bits(inputs[index]));
            errors[index] = error(accuracy.unit, x, f64::from(found[index]), exact[index]);
        }
        for (error, word) in errors.into_iter().zip(inputs) {
            if error > greatest.0 {
                greatest = (error, word);
            }
        }
    }
    greatest
}

#[test]
fn errors_stay_within_their_limits_on_a_sample() {
    for accuracy in ACCURACIES {
        let everywhere = (0..=u32::MAX).step_by(9973);
        let around_one = (0x3d00_0000..0x4300_0000).step_by(467);
        let below_minus_one = (0xbd00_0000..0xc300_0000).step_by(467);
        let words = everywhere.chain(around_one).chain(below_minus_one).chain(EDGES);
        let (greatest, word) = greatest_error(accuracy, words);
        assert!(greatest <= accuracy.limit, "{}: {greatest} at {word:#010x}", accuracy.name);
    }
}

#[cfg(feature = "slow")]
#[test]
fn errors_stay_within_their_limits_everywhere() {
    const PARTS: u64 = 64;
    let only = std::env::var("SAMEBIT_FUNCTION").ok();
    println!("| function | largest error | at |");
    println!("|---|---|---|");
    for accuracy in ACCURACIES {
        if only.as_deref().is_some_and(|only| !only.split(',').any(|name| name == accuracy.name)) {
            continue;
        }
        let part = |part: u64| greatest_error(accuracy, ((part << 26) as u32..).take(1 << 26));
        let next = std::sync::atomic::AtomicU64::new(0);
        let worker = || {
            let mut greatest = (0.0, 0);
            loop {
                let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if index >= PARTS {
                    return greatest;
                }
                let found = part(index);
                if found.0 > greatest.0 {
                    greatest = found;
                }
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (greatest, word) = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
            let results = handles.into_iter().map(|handle| handle.join().expect("a worker"));
            results.max_by(|a, b| a.0.total_cmp(&b.0)).expect("at least one thread")
        });
        println!("| {} | {greatest:.3} | {word:#010x} |", accuracy.name);
        assert!(greatest <= accuracy.limit, "{}: {greatest} at {word:#010x}", accuracy.name);
    }
}

#[test]
fn special_values() {
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    let cases: &[(&str, f32, f32)] = &[
        ("exp", 0.0, 1.0),
        ("exp", -0.0, 1.0),
        ("exp", infinity, infinity),
        ("exp", -infinity, 0.0),
        ("exp", nan, nan),
        ("exp", f32::MAX, infinity),
        ("exp", f32::MIN, 0.0),
        ("exp_nonpositive", 0.0, 1.0),
        ("exp_nonpositive", -infinity, 0.0),
        ("ln", 1.0, 0.0),
        ("ln", 0.0, -infinity),
        ("ln", -0.0, -infinity),
        ("ln", infinity, infinity),
        ("ln", -1.0, nan),
        ("ln", -infinity, nan),
        ("ln", nan, nan),
        ("tanh", 0.0, 0.0),
        ("tanh", -0.0, -0.0),
        ("tanh", infinity, 1.0),
        ("tanh", -infinity, -1.0),
        ("tanh", nan, nan),
        ("erf", 0.0, 0.0),
        ("erf", -0.0, -0.0),
        ("erf", infinity, 1.0),
        ("erf", -infinity, -1.0),
        ("erf", nan, nan),
        ("sigmoid", 0.0, 0.5),
        ("sigmoid", -0.0, 0.5),
        ("sigmoid", infinity, 1.0),
        ("sigmoid", -infinity, 0.0),
        ("sigmoid", nan, nan),
        ("rsqrt", 0.0, infinity),
        ("rsqrt", -0.0, -infinity),
        ("rsqrt", infinity, 0.0),
        ("rsqrt", 4.0, 0.5),
        ("rsqrt", -1.0, nan),
        ("sin", 0.0, 0.0),
        ("sin", -0.0, -0.0),
        ("sin", infinity, nan),
        ("sin", 262_144.03, nan),
        ("cos", 0.0, 1.0),
        ("cos", -infinity, nan),
        ("cos", nan, nan),
        ("silu", infinity, infinity),
        ("silu", -0.0, -0.0),
        ("silu", f32::MIN, -0.0),
        ("silu", -infinity, -0.0),
        ("silu_grad", infinity, 1.0),
        ("silu_grad", -infinity, 0.0),
        ("silu_grad", 0.0, 0.5),
        ("gelu_tanh", infinity, infinity),
        ("gelu_tanh", f32::MIN, -0.0),
        ("gelu_tanh", -infinity, nan),
        ("gelu_tanh_grad", infinity, 1.0),
        ("gelu_tanh_grad", f32::MAX, 1.0),
        ("gelu_tanh_grad", -infinity, 0.0),
        ("gelu_erf", infinity, infinity),
        ("gelu_erf_grad", infinity, 1.0),
        ("gelu_erf_grad", f32::MIN, 0.0),
        ("gelu_erf_grad", -infinity, 0.0),
    ];
    for &(name, x, expected) in cases {
        let found = canonical((named(name).native)(x).to_bits());
        // A derivative that vanishes may do so from below.
        let same = found == canonical(expected.to_bits())
            || name.ends_with("_grad") && expected == 0.0 && found << 1 == 0;
        assert!(same, "{name}({x}) = {}", f32::from_bits(found));
    }
}

#[test]
fn soft_native_and_the_interpreter_agree() {
    let mut random = Random(11);
    for function in functions::ALL {
        let code = function.code();
        assert_eq!(code, function.code(), "recording is deterministic");
        let words: Vec<u32> = EDGES
            .into_iter()
            .chain(
                (0..4000).map(|index| if index % 2 == 0 { random.word() } else { random.float_near(127, 8) }),
            )
            .collect();
        for word in words {
            let native = canonical((function.native)(f32::from_bits(word)).to_bits());
            let soft = canonical((function.soft)(Binary32(word)).0);
            assert_eq!(soft, native, "{} on {word:#010x}", function.name);
            assert_eq!(
                run(&code, &[word], &mut Soft),
                native,
                "bytecode of {} on {word:#010x}",
                function.name
            );
            assert_eq!(
                run(&code, &[word], &mut Native),
                native,
                "bytecode of {} on {word:#010x}",
                function.name
            );
        }
    }
}

#[test]
fn exp_nonpositive_is_exp() {
    let (exp, short) = (named("exp").native, named("exp_nonpositive").native);
    let words = (0x8000_0000..=0xff80_0000)
        .step_by(997)
        .chain(0xc2a0_0000..0xc2a1_0000)
        .chain(0xc2cf_0000..0xc2d0_1000);
    for word in words.chain([0, 0x7fc0_0000, 0x8000_0001, 0xff80_0000]) {
        let x = f32::from_bits(word);
        assert_eq!(canonical(exp(x).to_bits()), canonical(short(x).to_bits()), "{word:#010x}");
    }
}

#[test]
fn programs_stay_short() {
    let counts: Vec<_> =
        functions::ALL.iter().map(|function| (function.name, function.code().register_count())).collect();
    println!("{counts:?}");
    for (name, count) in counts {
        assert!(count <= 110, "{name} has {count} registers");
        let code = named(name).code();
        assert_eq!(code.notes()[0].name, name, "the whole program is the function's body");
        assert_eq!(usize::from(code.notes()[0].last) + 1, count);
    }
}
