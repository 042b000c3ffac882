//! Runs the bytecode, one instruction at a time: the living definition of docs/spec/arithmetic.md §2.

use crate::arith::Arith;
use crate::code::{Code, REGISTER_LIMIT};
use crate::op::{Op, RegType};

/// The result of `code` on these words, a NaN as 0x7fc00000.
///
/// Float registers are kept as words; that a NaN among them is canonical cannot be seen.
///
/// # Panics
/// If the number of inputs is not the program's.
pub fn run<A: Arith<U = u32, M = bool>>(code: &Code, inputs: &[u32], arith: &mut A) -> u32 {
    assert_eq!(inputs.len(), code.inputs().len(), "inputs of a scalar program");
    let mut registers = [0u32; REGISTER_LIMIT];
    registers[..inputs.len()].copy_from_slice(inputs);
    let mut next = inputs.len();
    for instr in code.instrs() {
        let [a, b, c] = [instr.a, instr.b, instr.c].map(|register| registers[usize::from(register)]);
        registers[next] = step(arith, instr.op, [a, b, c], instr.imm);
        next += 1;
    }
    let result = registers[next - 1];
    if code.result_type() == RegType::F { crate::canonical(result) } else { result }
}

/// One operation on words; a mask is 0 or 1.
fn step<A: Arith<U = u32, M = bool>>(arith: &mut A, op: Op, [a, b, c]: [u32; 3], imm: u32) -> u32 {
    let m = arith;
    macro_rules! floats {
        ($method:ident $($operand:ident)*) => {{
            let result = { $(let $operand = m.float($operand);)* m.$method($($operand),*) };
            m.bits(result)
        }};
    }
    macro_rules! compare {
        ($method:ident) => {{
            let (a, b) = (m.float(a), m.float(b));
            u32::from(m.$method(a, b))
        }};
    }
    match op {
        Op::Add => floats!(add a b),
        Op::Sub => floats!(sub a b),
        Op::Mul => floats!(mul a b),
        Op::Fma => floats!(fma a b c),
        Op::Div => floats!(div a b),
        Op::Sqrt => floats!(sqrt a),
        Op::Neg => floats!(neg a),
        Op::Abs => floats!(abs a),
        Op::Max => floats!(max a b),
        Op::Lt => compare!(lt),
        Op::Le => compare!(le),
        Op::Eq => compare!(eq),
        Op::Select => {
            let (b, c) = (m.float(b), m.float(c));
            let result = m.select(a != 0, b, c);
            m.bits(result)
        }
        Op::Const => {
            let result = m.constant(imm);
            m.bits(result)
        }
        Op::IAdd => m.iadd(a, b),
        Op::ISub => m.isub(a, b),
        Op::IMul => m.imul(a, b),
        Op::IMulHi => m.imulhi(a, b),
        Op::And => m.and(a, b),
        Op::Or => m.or(a, b),
        Op::Xor => m.xor(a, b),
        Op::Shl => m.shl(a, imm),
        Op::Shr => m.shr(a, imm),
        Op::Sar => m.sar(a, imm),
        Op::IConst => m.iconstant(imm),
        Op::ILt => u32::from(m.ilt(a, b)),
        Op::IEq => u32::from(m.ieq(a, b)),
        Op::ISelect => m.iselect(a != 0, b, c),
        Op::Bits => {
            let a = m.float(a);
            m.bits(a)
        }
        Op::Float => {
            let result = m.float(a);
            m.bits(result)
        }
        Op::FromInt => {
            let result = m.from_int(a);
            m.bits(result)
        }
        Op::ToInt => {
            let a = m.float(a);
            m.to_int(a)
        }
    }
}
