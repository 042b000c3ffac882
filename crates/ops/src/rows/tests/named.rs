//! The passes of real models, with the functions that have twins.

use samebit_num::{Arith, Code, Recorder, RegF, functions};

use super::generate::{Case, Generator, Tensor};
use super::*;

pub fn floats<const N: usize>(body: impl FnOnce(&mut Recorder, [RegF; N]) -> RegF) -> Code {
    let mut recorder = Recorder::new();
    let inputs = std::array::from_fn(|_| recorder.input_f());
    let result = body(&mut recorder, inputs);
    recorder.finish(result).expect("fits")
}

/// Element (row, column) of operand `operand`, a matrix.
fn cell(operand: usize, rows: u64, columns: u64) -> RowInput {
    let address = Address {
        rows: vec![RowTerm { stride: columns, divisor: 1, modulus: 0 }],
        columns: Columns::Contiguous,
        ..Address::default()
    };
    RowInput::Operand { operand, address, len: rows * columns }
}

/// Element (column) of operand `operand`, a vector.
fn vector(operand: usize, columns: u64) -> RowInput {
    let address = Address { columns: Columns::Contiguous, ..Address::default() };
    RowInput::Operand { operand, address, len: columns }
}

fn stage(kind: StageKind, inputs: Vec<RowInput>, code: Code) -> Stage {
    Stage { kind, inputs, code }
}

fn case(rows: u64, columns: u64, lens: &[u64], stages: Vec<Stage>, stores: Vec<usize>) -> Case {
    let mut generator = Generator::new(rows * 31 + columns);
    let tensor = |&len: &u64| Tensor { words: (0..len).map(|_| generator.word()).collect(), origin: 0 };
    let tensors: Vec<Tensor> = lens.iter().map(tensor).collect();
    let operands = tensors.len();
    let program = RowProgram { rows, first_row: 0, columns, len: rows * columns, operands, stages, stores };
    Case { program, step: 0, tensors }
}

pub fn gelu(rows: u64, columns: u64) -> Case {
    let code = floats(|m, [x]| functions::gelu_tanh(m, x));
    let stages = vec![stage(StageKind::Map, vec![cell(0, rows, columns)], code)];
    case(rows, columns, &[rows * columns], stages, vec![0])
}

fn softmax(rows: u64, columns: u64) -> Case {
    let x = || cell(0, rows, columns);
    let copy = || floats(|_, [x]| x);
    let power = floats(|m, [x, top]| {
        let difference = m.sub(x, top);
        functions::exp_nonpositive(m, difference)
    });
    let stages = vec![
        stage(StageKind::Max, vec![x()], copy()),
        stage(StageKind::Map, vec![x(), RowInput::Stage(0)], power),
        stage(StageKind::Sum, vec![RowInput::Stage(1)], copy()),
        stage(StageKind::Map, vec![RowInput::Stage(1), RowInput::Stage(2)], floats(|m, [e, l]| m.div(e, l))),
    ];
    case(rows, columns, &[rows * columns], stages, vec![3, 0, 2])
}

fn layer_norm(rows: u64, columns: u64) -> Case {
    let x = || cell(0, rows, columns);
    let factor = (1.0 / columns as f32).to_bits();
    let mean = floats(|m, [sum]| {
        let factor = m.constant(factor);
        m.mul(sum, factor)
    });
    let squared = floats(|m, [x, mean]| {
        let difference = m.sub(x, mean);
        m.mul(difference, difference)
    });
    let scale = floats(|m, [squares]| {
        let factor = m.constant(factor);
        let mean = m.mul(squares, factor);
        functions::rsqrt(m, mean)
    });
    let normal = floats(|m, [x, mean, scale]| {
        let difference = m.sub(x, mean);
        m.mul(difference, scale)
    });
    let stages = vec![
        stage(StageKind::Sum, vec![x()], floats(|_, [x]| x)),
        stage(StageKind::Scalar, vec![RowInput::Stage(0)], mean),
        stage(StageKind::Sum, vec![x(), RowInput::Stage(1)], squared),
        stage(StageKind::Scalar, vec![RowInput::Stage(2)], scale),
        stage(StageKind::Map, vec![x(), RowInput::Stage(1), RowInput::Stage(3)], normal),
        stage(
            StageKind::Map,
            vec![RowInput::Stage(4), vector(1, columns), vector(2, columns)],
            floats(|m, [x, g, b]| m.fma(x, g, b)),
        ),
    ];
    case(rows, columns, &[rows * columns, columns, columns], stages, vec![5, 4, 3])
}

fn every_function(rows: u64, columns: u64) -> Vec<Case> {
    let one = |named: &functions::Named| {
        let stages = vec![stage(StageKind::Map, vec![cell(0, rows, columns)], named.code())];
        case(rows, columns, &[rows * columns], stages, vec![0])
    };
    functions::ALL.iter().map(one).collect()
}

#[test]
fn the_passes_of_models_are_their_definition() {
    for columns in [1, 15, 17, 255, 257, 600] {
        for rows in [1, 3, 20] {
            check(&softmax(rows, columns));
            check(&layer_norm(rows, columns));
            every_function(rows, columns).iter().for_each(check);
        }
    }
}

/// A map of each twin on operands of its own.
fn twin(code: &Code, rows: u64, columns: u64) -> Case {
    let inputs: Vec<RowInput> =
        (0..code.inputs().len()).map(|operand| cell(operand, rows, columns)).collect();
    let lens = vec![rows * columns; inputs.len()];
    case(rows, columns, &lens, vec![stage(StageKind::Map, inputs, code.clone())], vec![0])
}

#[test]
fn every_twin_is_its_program() {
    for code in super::super::twins::codes() {
        let case = twin(code, 9, 257);
        let plan = super::super::plan::Plan::new(&case.program);
        let steps = &plan.phases[0].columns.as_ref().expect("a loop").schedule.steps;
        assert_eq!(steps.len(), 1, "{code} is more than one call");
        check(&case);
    }
}

/// The fold of one row by each kind, of the squares of its elements.
fn long_row(kind: StageKind, columns: u64) -> Case {
    let inputs = vec![cell(0, 1, columns); if kind == StageKind::Product { 2 } else { 1 }];
    let code = match kind {
        StageKind::Product => Code::new(vec![samebit_num::RegType::F; 2], Vec::new()).expect("a program"),
        _ => floats(|m, [x]| m.mul(x, x)),
    };
    case(1, columns, &[columns], vec![stage(kind, inputs, code)], vec![0, 0])
}

#[test]
fn one_long_row_is_its_definition_on_any_number_of_threads() {
    for threads in [1, 2, 3, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            for kind in [StageKind::Sum, StageKind::Max, StageKind::Product] {
                for columns in [16_383, 16_384, 40_001, 100_000] {
                    let mut case = long_row(kind, columns);
                    case.tensors[0].words.iter_mut().for_each(|word| *word &= 0x3fff_ffff);
                    check(&case);
                }
            }
        });
    }
}

#[test]
fn functions_and_their_combinations_are_found() {
    for named in functions::ALL {
        let found = super::super::twins::codes().iter().any(|code| *code == named.code());
        assert!(found, "{} has no twin", named.name);
    }
}
