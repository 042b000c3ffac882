//! The integer machine against the processor: every operation, edge values and hard random cases.

mod common;

use common::{EDGES, Random};
use samebit_num::{Arith, Code, Immediate, Instr, Native, Op, RegType, Soft, run};

/// A program of one operation; a mask result is made visible, a mask operand comes from an integer.
fn program(op: Op, imm: u32) -> Code {
    let operands = op.operands();
    let inputs: Vec<RegType> =
        operands.iter().map(|&kind| if kind == RegType::M { RegType::U } else { kind }).collect();
    let mut instrs = Vec::new();
    let mut registers = [0u8, 0, 0];
    for (index, register) in registers.iter_mut().enumerate().take(operands.len()) {
        *register = index as u8;
    }
    let mut next = inputs.len() as u8;
    if operands.first() == Some(&RegType::M) {
        instrs.push(Instr { op: Op::IConst, a: 0, b: 0, c: 0, imm: 0x8000_0000 });
        instrs.push(Instr { op: Op::ILt, a: 0, b: next, c: 0, imm: 0 });
        registers[0] = next + 1;
        next += 2;
    }
    let [a, b, c] = registers;
    instrs.push(Instr { op, a, b, c, imm });
    if op.result() == RegType::M {
        instrs.push(Instr { op: Op::IConst, a: 0, b: 0, c: 0, imm: 1 });
        instrs.push(Instr { op: Op::IConst, a: 0, b: 0, c: 0, imm: 0 });
        instrs.push(Instr { op: Op::ISelect, a: next, b: next + 1, c: next + 2, imm: 0 });
    }
    Code::new(inputs, instrs).expect("well formed")
}

fn same(code: &Code, inputs: &[u32]) {
    let soft = run(code, inputs, &mut Soft);
    let native = run(code, inputs, &mut Native);
    assert_eq!(soft, native, "soft {soft:#010x}, native {native:#010x} on {inputs:x?} of\n{code}");
}

#[test]
fn every_operation_agrees_on_all_edge_values() {
    for &op in Op::ALL {
        let immediates: &[u32] = match op.immediate() {
            Immediate::Unused => &[0],
            Immediate::Shift => &[0, 1, 23, 31],
            Immediate::Word => &EDGES,
        };
        for &imm in immediates {
            let code = program(op, imm);
            let count = code.inputs().len();
            for a in EDGES {
                for b in if count > 1 { &EDGES[..] } else { &EDGES[..1] } {
                    for c in if count > 2 { &EDGES[..] } else { &EDGES[..1] } {
                        same(&code, &[a, *b, *c][..count]);
                    }
                }
            }
        }
    }
}

/// Compares the machines directly; `f` gives one word.
fn same_words(words: [u32; 3], name: &str, soft: u32, native: u32) {
    assert_eq!(soft, native, "{name}: soft {soft:#010x}, native {native:#010x} on {words:x?}");
}

fn arithmetic(words: [u32; 3]) {
    let (s, n) = (&mut Soft, &mut Native);
    macro_rules! agree {
        ($($method:ident($($index:literal),*))*) => {$({
            let soft = { let result = s.$method($(samebit_num::Binary32(words[$index])),*); s.bits(result) };
            let native = { let result = n.$method($(f32::from_bits(words[$index])),*); n.bits(result) };
            same_words(words, stringify!($method), soft, native);
        })*};
    }
    agree!(add(0, 1) sub(0, 1) mul(0, 1) fma(0, 1, 2) div(0, 1) sqrt(0) max(0, 1));
    same_words(
        words,
        "to_int",
        s.to_int(samebit_num::Binary32(words[0])),
        n.to_int(f32::from_bits(words[0])),
    );
    let soft = s.from_int(words[0]);
    same_words(words, "from_int", soft.0, n.from_int(words[0]).to_bits());
}

const CASES: u32 = 1_000_000;

#[test]
fn any_words() {
    let mut random = Random(1);
    for _ in 0..CASES {
        arithmetic([random.word(), random.word(), random.word()]);
    }
}

#[test]
fn subnormal_results() {
    let mut random = Random(2);
    for _ in 0..CASES {
        let a = random.float_near(100, 40);
        let center = 127 - (a >> 23 & 255).cast_signed();
        arithmetic([a, random.float_near(center, 25), random.float_near(12, 24)]);
        arithmetic([random.float_near(0, 2), random.float_near(127, 24), random.float_near(0, 2)]);
    }
}

#[test]
fn overflowing_results() {
    let mut random = Random(3);
    for _ in 0..CASES {
        let a = random.float_near(200, 40);
        let center = 381 - (a >> 23 & 255).cast_signed();
        arithmetic([a, random.float_near(center, 2), random.float_near(253, 3)]);
    }
}

/// c is close to −a·b, so that the sum cancels.
#[test]
fn cancellation() {
    let mut random = Random(4);
    for _ in 0..CASES {
        let (a, b) = (random.float_near(127, 60), random.float_near(127, 60));
        let product = (-f32::from_bits(a) * f32::from_bits(b)).to_bits();
        let c = product.wrapping_add(random.below(5)).wrapping_sub(2);
        arithmetic([a, b, c]);
        arithmetic([a, (a ^ 0x8000_0000).wrapping_add(random.below(5)).wrapping_sub(2), c]);
    }
}

/// a·b and c differ by a power of two around the last place, so that sums lie at ties or next to them.
#[test]
fn ties() {
    let mut random = Random(5);
    for _ in 0..CASES {
        let a = random.float_near(127, 20);
        let below = (a >> 23 & 255).cast_signed() - 24;
        let small = random.float_near(below, 2);
        arithmetic([a, small, 0x3f80_0000]);
        let power = 0x3f80_0000 + (random.below(60) << 23) - (30 << 23);
        arithmetic([small, power, a]);
        let odd_halves = random.below(1 << 24) << 1 | 1;
        let half_up = f32::from_bits(0x3f00_0000);
        let value = (f64::from(odd_halves) * f64::from(half_up)) as f32;
        arithmetic([value.to_bits(), a, small]);
    }
}

/// Far-apart exponents meet the alignment limit of the exact sum.
#[test]
fn far_operands() {
    let mut random = Random(6);
    for _ in 0..CASES {
        let (a, b) = (random.float_near(127, 30), random.float_near(127, 30));
        let product = (a >> 23 & 255).cast_signed() + (b >> 23 & 255).cast_signed() - 127;
        let away = random.below(20).cast_signed() + 15;
        let away = if random.word() & 1 == 0 { away } else { -away * 3 };
        arithmetic([a, b, random.float_near(product + away, 30)]);
    }
}
