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

struct Accuracy {
    name: &'static str,
    exact: fn(f64) -> f64,
    unit: Unit,
    limit: f64,
}

/// The logistic function, relatively accurate everywhere.
fn logistic(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
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

fn within_limit(x: f64, value: f64) -> f64 {
    if x.abs() <= f64::from(functions::TRIGONOMETRIC_LIMIT) { value } else { f64::NAN }
}

const ACCURACIES: &[Accuracy] = &[
    Accuracy { name: "exp", exact: f64::exp, unit: Unit::Result, limit: 1.0 },
    Accuracy { name: "ln", exact: f64::ln, unit: Unit::Result, limit: 1.0 },
    Accuracy { name: "erf", exact: libm::erf, unit: Unit::Result, limit: 1.0 },
    Accuracy { name: "tanh", exact: f64::tanh, unit: Unit::Result, limit: 2.0 },
    Accuracy { name: "sigmoid", exact: logistic, unit: Unit::Result, limit: 2.0 },
    Accuracy { name: "rsqrt", exact: |x| 1.0 / x.sqrt(), unit: Unit::Result, limit: 2.0 },
    Accuracy { name: "sin", exact: |x| within_limit(x, x.sin()), unit: Unit::Result, limit: 2.0 },
    Accuracy { name: "cos", exact: |x| within_limit(x, x.cos()), unit: Unit::Result, limit: 2.0 },
    Accuracy { name: "silu", exact: exact_silu, unit: Unit::Result, limit: 2.0 },
    Accuracy { name: "silu_grad", exact: silu_slope, unit: Unit::One, limit: 2.0 },
    Accuracy {
        name: "gelu_tanh",
        exact: |x| x * logistic(gelu_tanh_argument(x)),
        unit: Unit::Argument,
        limit: 3.0,
    },
    Accuracy { name: "gelu_tanh_grad", exact: gelu_tanh_slope, unit: Unit::One, limit: 4.0 },
    Accuracy { name: "gelu_erf", exact: |x| x * normal_share(x), unit: Unit::Argument, limit: 3.0 },
    Accuracy { name: "gelu_erf_grad", exact: gelu_erf_slope, unit: Unit::One, limit: 2.0 },
];

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
    value.clamp(
        -340_282_366_920_938_463_463_374_607_431_768_211_456.0,
        340_282_366_920_938_463_463_374_607_431_768_211_456.0,
    )
}

fn error(accuracy: &Accuracy, native: fn(f32) -> f32, word: u32) -> f64 {
    let x = f32::from_bits(word);
    let found = f64::from(native(x));
    let exact = (accuracy.exact)(f64::from(x));
    if found.is_nan() || exact.is_nan() {
        return if found.is_nan() && exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let (found, exact) = (bounded(found), bounded(exact));
    let unit = match accuracy.unit {
        Unit::Result => last_place(exact),
        Unit::Argument => last_place(exact.abs().max(f64::from(x).abs())),
        Unit::One => last_place(1.0),
    };
    (found - exact).abs() / unit
}

/// The greatest error over these words, and where.
fn greatest_error(accuracy: &Accuracy, words: impl Iterator<Item = u32>) -> (f64, u32) {
    let native = named(accuracy.name).native;
    let mut greatest = (0.0, 0);
    for word in words {
        let error = error(accuracy, native, word);
        if error > greatest.0 {
            greatest = (error, word);
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
        ("sin", 1_048_577.0, nan),
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
