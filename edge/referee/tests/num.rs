//! `Num` and `Scalar` in Solidity against the reference (`samebit_num::Soft`) and the processor: every operation of
//! arithmetic.md §2, one instruction a case, then every function as a program.
mod common;

use alloy_primitives::Address;
use common::{EDGES, Random, big_endian, canonical, words};
use samebit_num::{Code, Instr, Op, RegType, Soft, functions, run};
use samebit_referee::{Evm, NumProbe};

const HARD_CASES: usize = if cfg!(feature = "slow") { 1_000_000 } else { 100_000 };
const NAN: u32 = 0x7fc0_0000;

/// An operation: code, name, whether its result is a float, and what the processor says.
struct Operation {
    code: u8,
    name: &'static str,
    float: bool,
    processor: fn(u32, u32, u32) -> u32,
}

fn f(bits: u32) -> f32 {
    f32::from_bits(bits)
}

fn max(a: u32, b: u32) -> u32 {
    match (f(a).is_nan() || f(b).is_nan(), f(a).total_cmp(&f(b)).is_ge()) {
        (true, _) => NAN,
        (false, greater) => {
            if greater {
                a
            } else {
                b
            }
        }
    }
}

fn to_int(a: u32) -> u32 {
    let rounded = f64::from(f(a)).round_ties_even();
    if (-2147483648.0..2147483648.0).contains(&rounded) { rounded as i32 as u32 } else { 0x8000_0000 }
}

const OPERATIONS: [Operation; 34] = [
    Operation { code: 0x01, name: "add", float: true, processor: |a, b, _| (f(a) + f(b)).to_bits() },
    Operation { code: 0x02, name: "sub", float: true, processor: |a, b, _| (f(a) - f(b)).to_bits() },
    Operation { code: 0x03, name: "mul", float: true, processor: |a, b, _| (f(a) * f(b)).to_bits() },
    Operation {
        code: 0x04,
        name: "fma",
        float: true,
        processor: |a, b, c| f(a).mul_add(f(b), f(c)).to_bits(),
    },
    Operation { code: 0x05, name: "div", float: true, processor: |a, b, _| (f(a) / f(b)).to_bits() },
    Operation { code: 0x06, name: "sqrt", float: true, processor: |a, _, _| f(a).sqrt().to_bits() },
    Operation { code: 0x07, name: "neg", float: true, processor: |a, _, _| a ^ 0x8000_0000 },
    Operation { code: 0x08, name: "abs", float: true, processor: |a, _, _| a & 0x7fff_ffff },
    Operation { code: 0x09, name: "max", float: true, processor: |a, b, _| max(a, b) },
    Operation { code: 0x0a, name: "lt", float: false, processor: |a, b, _| u32::from(f(a) < f(b)) },
    Operation { code: 0x0b, name: "le", float: false, processor: |a, b, _| u32::from(f(a) <= f(b)) },
    Operation { code: 0x0c, name: "eq", float: false, processor: |a, b, _| u32::from(f(a) == f(b)) },
    Operation { code: 0x0d, name: "select", float: true, processor: |a, b, c| if a != 0 { b } else { c } },
    Operation { code: 0x0e, name: "const", float: true, processor: |_, _, _| IMMEDIATE },
    Operation { code: 0x10, name: "iadd", float: false, processor: |a, b, _| a.wrapping_add(b) },
    Operation { code: 0x11, name: "isub", float: false, processor: |a, b, _| a.wrapping_sub(b) },
    Operation { code: 0x12, name: "imul", float: false, processor: |a, b, _| a.wrapping_mul(b) },
    Operation {
        code: 0x13,
        name: "imulhi",
        float: false,
        processor: |a, b, _| ((u64::from(a) * u64::from(b)) >> 32) as u32,
    },
    Operation { code: 0x14, name: "and", float: false, processor: |a, b, _| a & b },
    Operation { code: 0x15, name: "or", float: false, processor: |a, b, _| a | b },
    Operation { code: 0x16, name: "xor", float: false, processor: |a, b, _| a ^ b },
    Operation { code: 0x17, name: "shl", float: false, processor: |a, _, _| a << IMMEDIATE },
    Operation { code: 0x18, name: "shr", float: false, processor: |a, _, _| a >> IMMEDIATE },
    Operation { code: 0x19, name: "sar", float: false, processor: |a, _, _| (a as i32 >> IMMEDIATE) as u32 },
    Operation { code: 0x1a, name: "iconst", float: false, processor: |_, _, _| IMMEDIATE },
    Operation { code: 0x1b, name: "ilt", float: false, processor: |a, b, _| u32::from(a < b) },
    Operation { code: 0x1c, name: "ieq", float: false, processor: |a, b, _| u32::from(a == b) },
    Operation { code: 0x1d, name: "iselect", float: false, processor: |a, b, c| if a != 0 { b } else { c } },
    Operation { code: 0x20, name: "bits", float: false, processor: |a, _, _| canonical(a) },
    Operation { code: 0x21, name: "float", float: true, processor: |a, _, _| a },
    Operation { code: 0x22, name: "from_int", float: true, processor: |a, _, _| (a as i32 as f32).to_bits() },
    Operation { code: 0x23, name: "to_int", float: false, processor: |a, _, _| to_int(a) },
    Operation { code: 0x17, name: "shl by 0", float: false, processor: |a, _, _| a },
    Operation { code: 0x19, name: "sar by 0", float: false, processor: |a, _, _| a },
];

/// The immediate of every instruction here; "by 0" cases have 0.
const IMMEDIATE: u32 = 7;

/// The operation alone as a program, mask operands made from integers and a mask result made an integer.
fn reference(operation: &Operation, immediate: u32, case: [u32; 3]) -> u32 {
    let op = Op::from_code(operation.code).expect("the operation exists");
    let operands = op.operands();
    let kind = |position: usize| match operands.get(position) {
        None | Some(RegType::M) => RegType::U,
        Some(kind) => *kind,
    };
    let mut inputs = vec![kind(0), kind(1), kind(2), RegType::U, RegType::U];
    let mut words = vec![case[0], case[1], case[2], 0, 1];
    let uses_immediate = matches!(operation.code, 0x0e | 0x17..=0x1a);
    let mut instr = Instr { op, a: 0, b: 1, c: 2, imm: if uses_immediate { immediate } else { 0 } };
    let mut instrs = Vec::new();
    if operands.first() == Some(&RegType::M) {
        // A mask cannot be an input: 0 < x is one.
        instrs.push(Instr { op: Op::ILt, a: 3, b: 0, c: 0, imm: 0 });
        instr.a = 5;
    }
    for (position, field) in [&mut instr.a, &mut instr.b, &mut instr.c].into_iter().enumerate() {
        if position >= operands.len() {
            *field = 0;
        }
    }
    instrs.push(instr);
    if op.result() == RegType::M {
        let mask = (inputs.len() + instrs.len() - 1) as u8;
        instrs.push(Instr { op: Op::ISelect, a: mask, b: 4, c: 3, imm: 0 });
    }
    let code = Code::new(std::mem::take(&mut inputs), instrs).expect("a well-formed program");
    run(&code, &std::mem::take(&mut words), &mut Soft)
}

fn compare(evm: &mut Evm, probe: Address, operation: &Operation, cases: &[[u32; 3]]) {
    let immediate = if operation.name.ends_with("by 0") { 0 } else { IMMEDIATE };
    let [i0, i1, i2, i3] = immediate.to_be_bytes();
    let call = NumProbe::applyInstructionCall {
        instruction: [operation.code, 0, 1, 2, i0, i1, i2, i3].into(),
        cases: big_endian(cases.iter().flatten().copied()).into(),
    };
    let results = words(&evm.batch(probe, &call).expect("the probe answers").value);
    assert_eq!(results.len(), cases.len());
    for (case, &result) in cases.iter().zip(&results) {
        let processor = (operation.processor)(case[0], case[1], case[2]);
        let seen = |word| if operation.float { canonical(word) } else { word };
        let (contract, processor) = (seen(result), seen(processor));
        let reference = reference(operation, immediate, *case);
        assert!(
            contract == reference && reference == processor,
            "{} of {case:08x?}: contract {contract:08x}, reference {reference:08x}, processor {processor:08x}",
            operation.name
        );
    }
}

fn edge_triples() -> Vec<[u32; 3]> {
    let mut cases = Vec::with_capacity(EDGES.len().pow(3));
    for a in EDGES {
        for b in EDGES {
            cases.extend(EDGES.map(|c| [a, b, c]));
        }
    }
    cases
}

#[test]
fn every_operation_on_all_triples_of_edge_values() {
    let mut evm = Evm::new();
    let probe = evm.deploy(&NumProbe::BYTECODE).expect("the probe deploys");
    let cases = edge_triples();
    assert_eq!(cases.len(), 13_824);
    for operation in &OPERATIONS {
        compare(&mut evm, probe, operation, &cases);
    }
}

#[test]
fn every_operation_on_hard_cases() {
    let mut evm = Evm::new();
    let probe = evm.deploy(&NumProbe::BYTECODE).expect("the probe deploys");
    let mut random = Random(7);
    let cases: Vec<[u32; 3]> = (0..HARD_CASES).map(|_| random.hard_case()).collect();
    for operation in &OPERATIONS {
        // Integer operations have no hard cases; a tenth is enough for them.
        let count =
            if matches!(operation.code, 0x01..=0x06 | 0x22 | 0x23) { HARD_CASES } else { HARD_CASES / 10 };
        compare(&mut evm, probe, operation, &cases[..count]);
    }
}

#[test]
fn hard_cases_are_hard() {
    let mut random = Random(7);
    let (mut subnormal, mut infinite, mut zero, mut tie) = (0, 0, 0, 0);
    for _ in 0..HARD_CASES {
        let [a, b, c] = random.hard_case();
        let result = f(a).mul_add(f(b), f(c));
        subnormal += usize::from(result.is_subnormal());
        infinite += usize::from(result.is_infinite() && [a, b, c].iter().all(|x| f(*x).is_finite()));
        zero += usize::from(result == 0.0);
        // A product that lies half-way between two floats, exact in f64.
        let exact = f64::from(f(a)) * f64::from(f(b));
        tie += usize::from(exact.to_bits().trailing_zeros() == 28);
    }
    println!("of {HARD_CASES}: {subnormal} subnormal, {infinite} overflow, {zero} zero, {tie} ties of a · b");
    assert!([subnormal, infinite, zero, tie].iter().all(|count| *count > 150));
}

#[test]
fn every_function_as_a_program() {
    let mut evm = Evm::new();
    let probe = evm.deploy(&NumProbe::BYTECODE).expect("the probe deploys");
    let mut random = Random(13);
    let inputs: Vec<u32> = (0..400)
        .map(|i| match i % 4 {
            0 => random.word() as u32,
            1 => random.float(100..140),
            _ => random.float(122..131),
        })
        .chain(EDGES)
        .collect();
    for function in functions::ALL {
        let code = function.code();
        let call = NumProbe::runCall {
            code: code.encode().into(),
            cases: big_endian(inputs.iter().copied()).into(),
            inputs: alloy_primitives::U256::from(1),
        };
        let results = words(&evm.batch(probe, &call).expect("the probe answers").value);
        assert_eq!(results.len(), inputs.len());
        for (&x, &result) in inputs.iter().zip(&results) {
            let (contract, reference) = (canonical(result), run(&code, &[x], &mut Soft));
            let processor = canonical((function.native)(f(x)).to_bits());
            assert!(
                contract == reference && reference == processor,
                "{} of {x:08x}: contract {contract:08x}, reference {reference:08x}, processor {processor:08x}",
                function.name
            );
        }
    }
}

#[test]
fn no_operation_is_without_a_case() {
    let tested: std::collections::BTreeSet<u8> = OPERATIONS.iter().map(|operation| operation.code).collect();
    let missing: Vec<_> = Op::ALL.iter().filter(|op| !tested.contains(&(**op as u8))).collect();
    assert!(missing.is_empty(), "operations that the contract is not held to: {missing:?}");
}
