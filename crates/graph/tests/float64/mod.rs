//! Programs in float64: the same nodes, index maps and bytecode as the reference interpreter runs, with every operation in
//! `f64` and the basic functions replaced by those of the platform. It judges gradients, nothing else.

use samebit_graph::FoldKind;
use samebit_graph::interpret::{Machine, Term};
use samebit_num::{Code, Instr, Op};
use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

/// The float64 machine.
pub struct Float64;

impl Machine for Float64 {
    type Value = f64;

    fn value(&mut self, integer: u32) -> f64 {
        f64::from(integer)
    }

    fn integer(&self, value: f64) -> u32 {
        assert!(value >= 0.0 && value.fract() == 0.0, "{value} is no integer");
        value as u32
    }

    fn run(&mut self, code: &Code, inputs: &[f64]) -> f64 {
        let mut registers = inputs.to_vec();
        while registers.len() < code.register_count() {
            let next = registers.len();
            let known = code
                .notes()
                .iter()
                .find(|note| usize::from(note.first) == next && basic_function(note.name).is_some());
            if let Some(note) = known {
                let function = basic_function(note.name).expect("it was found");
                let value = function(registers[usize::from(note.argument)]);
                registers.resize(usize::from(note.last) + 1, f64::NAN);
                registers[usize::from(note.result)] = value;
            } else {
                let instr = code.instrs()[next - inputs.len()];
                registers.push(step(&instr, &registers));
            }
        }
        *registers.last().expect("a program has a result")
    }

    fn start(&mut self, kind: FoldKind) -> f64 {
        if kind == FoldKind::Max { f64::NEG_INFINITY } else { 0.0 }
    }

    fn block(&mut self, kind: FoldKind, total: f64, terms: &[Option<Term<f64>>]) -> f64 {
        terms.iter().flatten().fold(total, |total, term| match (kind, *term) {
            (FoldKind::Max, Term::Value(value)) => total.max(value),
            (_, Term::Value(value)) => total + value,
            (_, Term::Factors(a, b)) => total + a * b,
        })
    }
}

/// The functions of arithmetic.md §4, which stand for their bytecode; that the bytecode is close to them is measured there.
fn basic_function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "exp" | "exp_nonpositive" => f64::exp,
        "ln" => f64::ln,
        "tanh" => f64::tanh,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "sigmoid" => sigmoid,
        "rsqrt" => |x| 1.0 / x.sqrt(),
        "erf" => erf,
        "silu" => |x| x * sigmoid(x),
        "silu_grad" => |x| sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))),
        "gelu_tanh" => |x| x * sigmoid(gelu_argument(x)),
        "gelu_tanh_grad" => |x| {
            let gate = sigmoid(gelu_argument(x));
            let slope = FRAC_2_SQRT_PI * SQRT_2 * (1.0 + 3.0 * 0.044715 * x * x);
            gate + x * gate * (1.0 - gate) * slope
        },
        "gelu_erf" => |x| 0.5 * x * (1.0 + erf(x / SQRT_2)),
        "gelu_erf_grad" => {
            |x| 0.5 * (1.0 + erf(x / SQRT_2)) + x * (-0.5 * x * x).exp() * FRAC_2_SQRT_PI / (2.0 * SQRT_2)
        }
        _ => return None,
    })
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// 2 · √(2/π) · (x + 0.044715 · x³): ½ · (1 + tanh(y/2)) = sigmoid y.
fn gelu_argument(x: f64) -> f64 {
    FRAC_2_SQRT_PI * SQRT_2 * (x + 0.044715 * x * x * x)
}

/// 2/√π · Σ (−1)^n x^(2n+1) / (n! (2n+1)), for |x| < 4.
fn erf(x: f64) -> f64 {
    assert!(x.abs() < 4.0, "the series of erf is for small arguments, not {x}");
    let (mut power, mut sum) = (x, x);
    for n in 1..100 {
        power *= -x * x / f64::from(n);
        sum += power / f64::from(2 * n + 1);
    }
    sum * FRAC_2_SQRT_PI
}

/// One instruction. Integers are exact in `f64`, a mask is 0 or 1.
fn step(instr: &Instr, registers: &[f64]) -> f64 {
    let read = |register: u8| registers.get(usize::from(register)).copied().unwrap_or(f64::NAN);
    let [a, b, c] = [instr.a, instr.b, instr.c].map(read);
    let word = |value: f64| value as u32;
    let integer = |value: u32| f64::from(value);
    let truth = |holds: bool| f64::from(u8::from(holds));
    match instr.op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Fma => a * b + c,
        Op::Div => a / b,
        Op::Sqrt => a.sqrt(),
        Op::Neg => -a,
        Op::Abs => a.abs(),
        Op::Max => a.max(b),
        Op::Lt | Op::ILt => truth(a < b),
        Op::Le => truth(a <= b),
        Op::Eq | Op::IEq => truth(a == b),
        Op::Select | Op::ISelect => {
            if a == 0.0 {
                c
            } else {
                b
            }
        }
        Op::Const => f64::from(f32::from_bits(instr.imm)),
        Op::IConst => integer(instr.imm),
        Op::IAdd => integer(word(a).wrapping_add(word(b))),
        Op::ISub => integer(word(a).wrapping_sub(word(b))),
        Op::IMul => integer(word(a).wrapping_mul(word(b))),
        Op::IMulHi => integer(((u64::from(word(a)) * u64::from(word(b))) >> 32) as u32),
        Op::And => integer(word(a) & word(b)),
        Op::Or => integer(word(a) | word(b)),
        Op::Xor => integer(word(a) ^ word(b)),
        Op::Shl => integer(word(a) << instr.imm),
        Op::Shr => integer(word(a) >> instr.imm),
        Op::Sar => integer((word(a).cast_signed() >> instr.imm).cast_unsigned()),
        Op::FromInt => f64::from(word(a).cast_signed()),
        Op::Bits | Op::Float | Op::ToInt => {
            panic!("{}: the bits of a float have no float64 counterpart; note the function", instr.op.name())
        }
    }
}
