//! Generated passes over rows, run by the emulator, against the reference bit for bit.

mod common;

use common::{Values, compare};
use samebit_cuda::samples;
use samebit_num::{Arith, Code, Recorder, RegF, RegType};
use samebit_ops::rows::{Address, Columns, Gather, RowInput, RowProgram, RowTerm, Stage, StageKind};
use samebit_ops::{Kernel, Reference};

fn check(program: &RowProgram, step: u64, inputs: &[Vec<u32>]) {
    let before: Vec<Vec<u32>> =
        (0..program.stores.len()).map(|store| vec![7; program.output_len(store) as usize]).collect();
    compare(&Reference, &Kernel::Rows(program.clone()), step, inputs, &before);
}

#[test]
fn softmax_rows_are_the_reference() {
    for (rows, columns, period) in
        [(3, 1, 0), (5, 17, 0), (2, 255, 60), (2, 256, 0), (2, 257, 0), (3, 600, 900), (1, 9000, 0)]
    {
        let mut values = Values::with_edges(columns, period);
        check(&samples::softmax(rows, columns), 0, &[values.words((rows * columns) as usize)]);
    }
}

#[test]
fn norm_rows_are_the_reference() {
    for (rows, columns, period) in [(4, 3, 0), (3, 768, 0), (2, 300, 200), (1, 5000, 0)] {
        let mut values = Values::with_edges(columns, period);
        let inputs = [rows * columns, columns, columns].map(|length| values.words(length as usize));
        check(&samples::layer_norm(rows, columns), 0, &inputs);
    }
}

#[test]
fn products_of_rows_are_the_reference() {
    for (rows, columns, period) in [(4, 3, 0), (7, 64, 20), (2, 300, 0), (1, 9000, 0)] {
        let mut values = Values::with_edges(columns, period);
        let inputs = [(); 2].map(|()| values.words((rows * columns) as usize));
        check(&samples::row_product(rows, columns), 0, &inputs);
    }
}

#[test]
fn elementwise_chains_are_the_reference() {
    let mut values = Values::with_edges(1, 30);
    let (rows, columns) = (37, 29);
    let inputs = [rows * columns, columns].map(|length| values.words(length as usize));
    check(&samples::gelu_dropout(rows, columns), 0, &inputs);
    let count = (rows * columns) as usize;
    let mut inputs: Vec<Vec<u32>> = (0..4).map(|_| values.words(count)).collect();
    inputs.push(values.words(12));
    check(&samples::adamw(rows, columns, 3), 2, &inputs);
}

/// A launch of some rows of a larger tensor, a short last row, and addresses of every kind: offsets, repeated rows, gathered rows,
/// the step, index values, words beyond a tensor's end.
#[test]
fn addresses_of_every_kind_are_the_reference() {
    let mut values = Values::new(2);
    let (rows, first_row, columns) = (9u64, 4u64, 11u64);
    let offsets: std::sync::Arc<[u32]> = (0..11).map(|c| (c * 7 + 3) % 11).collect();
    let row = |stride, divisor, modulus| RowTerm { stride, divisor, modulus };
    let operand = |operand, address, len| RowInput::Operand { operand, address, len };
    let inputs = vec![
        operand(
            0,
            Address { rows: vec![row(5, 2, 3)], columns: Columns::Offsets(offsets), ..Address::default() },
            19,
        ),
        operand(0, Address { constant: 1, step_stride: 2, ..Address::default() }, 19),
        operand(
            1,
            Address {
                rows: vec![row(1, 1, 4)],
                gather: Some(Gather {
                    operand: 2,
                    address: Box::new(Address { rows: vec![row(1, 1, 0)], ..Address::default() }),
                    len: 12,
                    stride: 6,
                }),
                columns: Columns::Contiguous,
                ..Address::default()
            },
            40,
        ),
        RowInput::Value(Address {
            constant: 9,
            rows: vec![row(100, 3, 0)],
            columns: Columns::Contiguous,
            ..Address::default()
        }),
        RowInput::Value(Address { rows: vec![row(3, 1, 5)], step_stride: 1, ..Address::default() }),
    ];
    let mut m = Recorder::new();
    let (a, b, c, i, j) = (m.input_f(), m.input_f(), m.input_f(), m.input_u(), m.input_u());
    let sum = m.fma(a, b, c);
    let mixed = m.xor(i, j);
    let mixed = m.from_int(mixed);
    let result = m.add(sum, mixed);
    let code = m.finish(result).unwrap();
    let per_row: Code = {
        let mut m = Recorder::new();
        let (x, i) = (m.input_f(), m.input_u());
        let bits = m.bits(x);
        let both = m.iadd(bits, i);
        m.finish(both).unwrap()
    };
    let scalar =
        Stage { kind: StageKind::Scalar, inputs: vec![inputs[1].clone(), inputs[4].clone()], code: per_row };
    let map = Stage { kind: StageKind::Map, inputs, code };
    let total = Stage {
        kind: StageKind::Sum,
        inputs: vec![RowInput::Stage(1)],
        code: Code::new(vec![RegType::F], Vec::new()).unwrap(),
    };
    let operands = [values.words(19), values.words(40), (0..13).map(|_| values.below(7) as u32).collect()];
    for (fold, len) in [(true, rows * columns), (false, rows * columns - 5)] {
        let mut stages = vec![scalar.clone(), map.clone()];
        let mut stores = vec![1, 0];
        if fold {
            stages.push(total.clone());
            stores.push(2);
        }
        let program = RowProgram { rows, first_row, columns, len, operands: 3, stages, stores };
        check(&program, 3, &operands);
    }
}

/// Random chains of maps and folds that read each other.
#[test]
fn random_programs_are_the_reference() {
    let mut values = Values::with_edges(3, 200);
    for _ in 0..6 {
        let (rows, columns) = (1 + values.below(3) as u64, 1 + values.below(700) as u64);
        let element = RowInput::Operand {
            operand: 0,
            address: Address {
                rows: vec![RowTerm { stride: columns, divisor: 1, modulus: 0 }],
                columns: Columns::Contiguous,
                ..Address::default()
            },
            len: rows * columns,
        };
        let mut stages: Vec<Stage> = Vec::new();
        for index in 0..5 {
            let kinds = [StageKind::Map, StageKind::Sum, StageKind::Max, StageKind::Map, StageKind::Product];
            let kind = kinds[values.below(kinds.len())];
            let mut input = || match index {
                0 => element.clone(),
                _ => match values.below(index + 1) {
                    0 => element.clone(),
                    stage => RowInput::Stage(stage - 1),
                },
            };
            let inputs = vec![input(), input()];
            let code = match kind {
                StageKind::Product => Code::new(vec![RegType::F; 2], Vec::new()).unwrap(),
                _ => binary(index),
            };
            stages.push(Stage { kind, inputs, code });
        }
        let stores = (0..stages.len()).collect();
        let program =
            RowProgram { rows, first_row: 0, columns, len: rows * columns, operands: 1, stages, stores };
        check(&program, 0, &[values.words((rows * columns) as usize)]);
    }
}

fn binary(which: usize) -> Code {
    let mut m = Recorder::new();
    let (a, b): (RegF, RegF) = (m.input_f(), m.input_f());
    let result = match which % 4 {
        0 => m.add(a, b),
        1 => m.sub(b, a),
        2 => m.max(a, b),
        _ => {
            let product = m.mul(a, b);
            m.add(product, a)
        }
    };
    m.finish(result).unwrap()
}
