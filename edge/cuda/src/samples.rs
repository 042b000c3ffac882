//! Passes over rows that every model has, as programs: what the compiler and the lint see of the generated kernels, and what the
//! checks and the benchmark run. The engine makes such programs from a graph; these have the same scalar programs and folds.

use crate::Source;
use crate::rows::{row_kernel, total_kernel};
use crate::scalar::function;
use samebit_num::{Arith, Code, Recorder, RegF, RegType, functions, philox};
use samebit_ops::rows::{Address, Columns, RowInput, RowProgram, RowTerm, Stage, StageKind};
use std::fmt::Write;

/// The program of a function of `N` floats.
fn code<const N: usize>(body: impl FnOnce(&mut Recorder, [RegF; N]) -> RegF) -> Code {
    let mut recorder = Recorder::new();
    let inputs = std::array::from_fn(|_| recorder.input_f());
    let result = body(&mut recorder, inputs);
    recorder.finish(result).expect("a sample fits into 255 registers")
}

/// Element (row, column) of operand `operand`, a matrix of these columns.
fn element(operand: usize, rows: u64, columns: u64) -> RowInput {
    let rows_term = RowTerm { stride: columns, divisor: 1, modulus: 0 };
    let address = Address { rows: vec![rows_term], columns: Columns::Contiguous, ..Address::default() };
    RowInput::Operand { operand, address, len: rows * columns }
}

/// Element `column` of operand `operand`, a row.
fn along(operand: usize, columns: u64) -> RowInput {
    let address = Address { columns: Columns::Contiguous, ..Address::default() };
    RowInput::Operand { operand, address, len: columns }
}

/// Element `at` of a row of the schedule, which has 4 columns, at the step.
fn scheduled(operand: usize, at: u64, steps: u64) -> RowInput {
    let address = Address { constant: at, step_stride: 4, ..Address::default() };
    RowInput::Operand { operand, address, len: 4 * steps }
}

fn program(rows: u64, columns: u64, operands: usize, stages: Vec<Stage>, stores: &[usize]) -> RowProgram {
    RowProgram { rows, first_row: 0, columns, len: rows * columns, operands, stages, stores: stores.to_vec() }
}

/// y = exp(x − max x) / Σ exp(x − max x) over the columns. Operand: x.
pub fn softmax(rows: u64, columns: u64) -> RowProgram {
    let x = element(0, rows, columns);
    let stage = |kind, inputs, code| Stage { kind, inputs, code };
    let shifted = code(|m, [x, greatest]| {
        let difference = m.sub(x, greatest);
        functions::exp_nonpositive(m, difference)
    });
    let stages = vec![
        stage(StageKind::Max, vec![x.clone()], code(|_, [x]| x)),
        stage(StageKind::Map, vec![x, RowInput::Stage(0)], shifted),
        stage(StageKind::Sum, vec![RowInput::Stage(1)], code(|_, [e]| e)),
        stage(
            StageKind::Map,
            vec![RowInput::Stage(1), RowInput::Stage(2)],
            code(|m, [e, sum]| m.div(e, sum)),
        ),
    ];
    program(rows, columns, 1, stages, &[3, 0, 2])
}

/// y = (x − mean) · rsqrt(variance + ε) · gain + bias. Operands: x, gain, bias.
pub fn layer_norm(rows: u64, columns: u64) -> RowProgram {
    let x = element(0, rows, columns);
    let count = (1.0 / columns as f32).to_bits();
    let stage = |kind, inputs, code| Stage { kind, inputs, code };
    let average = |m: &mut Recorder, sum: RegF| {
        let share = m.constant(count);
        m.mul(sum, share)
    };
    let stages = vec![
        stage(StageKind::Sum, vec![x.clone()], code(|_, [x]| x)),
        stage(StageKind::Scalar, vec![RowInput::Stage(0)], code(|m, [sum]| average(m, sum))),
        stage(StageKind::Map, vec![x, RowInput::Stage(1)], code(|m, [x, mean]| m.sub(x, mean))),
        stage(StageKind::Sum, vec![RowInput::Stage(2)], code(|m, [x]| m.mul(x, x))),
        stage(
            StageKind::Scalar,
            vec![RowInput::Stage(3)],
            code(|m, [sum]| {
                let variance = average(m, sum);
                let small = m.constant(1e-5f32.to_bits());
                let shifted = m.add(variance, small);
                functions::rsqrt(m, shifted)
            }),
        ),
        stage(
            StageKind::Map,
            vec![RowInput::Stage(2), RowInput::Stage(4), along(1, columns), along(2, columns)],
            code(|m, [x, scale, gain, bias]| {
                let normal = m.mul(x, scale);
                m.fma(normal, gain, bias)
            }),
        ),
    ];
    program(rows, columns, 3, stages, &[5, 1, 4])
}

/// The ordered product of two matrices' rows. Operands: both.
pub fn row_product(rows: u64, columns: u64) -> RowProgram {
    let factors = Code::new(vec![RegType::F; 2], Vec::new()).expect("two registers are a program");
    let inputs = vec![element(0, rows, columns), element(1, rows, columns)];
    let stages = vec![Stage { kind: StageKind::Product, inputs, code: factors }];
    program(rows, columns, 2, stages, &[0])
}

/// y = gelu(x + bias) and its dropout with probability 1/8, both stored. Operands: x, bias.
pub fn gelu_dropout(rows: u64, columns: u64) -> RowProgram {
    let mut m = Recorder::new();
    let (x, bias, low) = (m.input_f(), m.input_f(), m.input_u());
    let shifted = m.add(x, bias);
    let value = functions::gelu_tanh(&mut m, shifted);
    let key = [m.iconstant(7), m.iconstant(0)];
    let zero = m.iconstant(0);
    let stream = m.iconstant(3);
    let words = philox::words(&mut m, key, [low, zero, stream, zero]);
    let threshold = m.iconstant(philox::drop_threshold(0.125));
    let dropped = philox::is_dropped(&mut m, words[0], threshold);
    let grown = m.constant((1.0 / 0.875f32).to_bits());
    let kept = m.mul(value, grown);
    let nothing = m.constant(0);
    let result = m.select(dropped, nothing, kept);
    let code = m.finish(result).expect("a sample fits into 255 registers");
    let rows_term = RowTerm { stride: columns, divisor: 1, modulus: 0 };
    let index = Address { rows: vec![rows_term], columns: Columns::Contiguous, ..Address::default() };
    let inputs = vec![element(0, rows, columns), along(1, columns), RowInput::Value(index)];
    let stages = vec![Stage { kind: StageKind::Map, inputs, code }];
    program(rows, columns, 2, stages, &[0])
}

/// AdamW on a tensor of rows × columns, as `samebit_graph::optimizer` writes it. Operands: parameter, m, v, gradient, the schedule
/// \[steps, 4\]; stores parameter, m, v.
pub fn adamw(rows: u64, columns: u64, steps: u64) -> RowProgram {
    let constant = |m: &mut Recorder, value: f64| m.constant((value as f32).to_bits());
    let moment = |beta: f64, squares: bool| {
        code(|m, [held, gradient]| {
            let (keep, rest) = (constant(m, beta), constant(m, 1.0 - beta));
            let share = m.mul(rest, gradient);
            let share = if squares { m.mul(share, gradient) } else { share };
            m.fma(keep, held, share)
        })
    };
    let update = code(|m, [p, mean, square, rate, correction1, correction2, decay]| {
        let epsilon = constant(m, 1e-8);
        let kept = m.mul(p, decay);
        let mean = m.mul(mean, correction1);
        let square = m.mul(square, correction2);
        let root = m.sqrt(square);
        let divisor = m.add(root, epsilon);
        let direction = m.div(mean, divisor);
        let negative = m.neg(rate);
        m.fma(negative, direction, kept)
    });
    let here = |operand| element(operand, rows, columns);
    let mut inputs = vec![here(0), RowInput::Stage(0), RowInput::Stage(1)];
    inputs.extend((0..4).map(|at| scheduled(4, at, steps)));
    let stages = vec![
        Stage { kind: StageKind::Map, inputs: vec![here(1), here(3)], code: moment(0.9, false) },
        Stage { kind: StageKind::Map, inputs: vec![here(2), here(3)], code: moment(0.95, true) },
        Stage { kind: StageKind::Map, inputs, code: update },
    ];
    program(rows, columns, 5, stages, &[2, 0, 1])
}

/// The code of the squares whose sum is a gradient's norm.
pub fn square() -> Code {
    code(|m, [x]| m.mul(x, x))
}

/// A kernel that applies every function of the specification to every x: `out[function][i]`.
pub fn functions_kernel() -> Source {
    const WRITES: &str = "writing to a string succeeds";
    let mut text = "#include \"device.h\"\n".to_owned();
    for named in functions::ALL {
        text += &function(&format!("apply_{}", named.name), &named.code());
    }
    text += "SAMEBIT_KERNEL(256)\nfunctions(const u32* x, u32* out, u64 count) {\n";
    text += "    u64 i = (u64)blockIdx.x * 256 + threadIdx.x;\n    if (i >= count) return;\n";
    for (at, named) in functions::ALL.iter().enumerate() {
        let name = named.name;
        writeln!(text, "    out[{at} * count + i] = samebit_bits(apply_{name}(samebit_float(x[i])));")
            .expect(WRITES);
    }
    text += "}\n";
    Source::generated("functions", text, "functions")
}

/// Generated sources of every kind.
pub(crate) fn sources() -> Vec<Source> {
    let named = |name: &str, program: RowProgram| {
        let mut source = row_kernel(&program).source;
        source.name = format!("rows_{name}");
        source
    };
    vec![
        functions_kernel(),
        named("softmax", softmax(8, 50_257)),
        named("layer_norm", layer_norm(8, 768)),
        named("product", row_product(8, 768)),
        named("gelu_dropout", gelu_dropout(8, 3072)),
        named("adamw", adamw(8, 768, 10)),
        total_kernel(&square()),
    ]
}
