//! Times passes over rows on one thread: nanoseconds an element, beside the time to move the same bytes.
//!
//! `cargo run --release -p samebit-ops --example rows [avx512|avx2|scalar] [threads]`

use std::hint::black_box;
use std::time::Instant;

use samebit_num::{Arith, Code, Recorder, RegF, functions};
use samebit_ops::rows::{Address, Columns, PreparedRows, RowInput, RowProgram, RowTerm, Stage, StageKind};
use samebit_ops::simd::Isa;

fn floats<const N: usize>(body: impl FnOnce(&mut Recorder, [RegF; N]) -> RegF) -> Code {
    let mut recorder = Recorder::new();
    let inputs = std::array::from_fn(|_| recorder.input_f());
    let result = body(&mut recorder, inputs);
    recorder.finish(result).expect("fits")
}

fn copy() -> Code {
    floats(|_, [x]| x)
}

struct Pass {
    name: &'static str,
    /// Matrices read, vectors read, matrices written.
    traffic: [usize; 3],
    stages: Vec<Stage>,
    stores: Vec<usize>,
}

/// Addresses of operands of a `rows × columns` pass.
struct Shape {
    rows: u64,
    columns: u64,
}

impl Shape {
    fn cell(&self, operand: usize) -> RowInput {
        let rows = vec![RowTerm { stride: self.columns, divisor: 1, modulus: 0 }];
        let address = Address { rows, columns: Columns::Contiguous, ..Address::default() };
        RowInput::Operand { operand, address, len: self.rows * self.columns }
    }

    fn vector(&self, operand: usize) -> RowInput {
        let address = Address { columns: Columns::Contiguous, ..Address::default() };
        RowInput::Operand { operand, address, len: self.columns }
    }

    fn map(&self, name: &'static str, operands: usize, code: Code) -> Pass {
        let inputs = (0..operands).map(|operand| self.cell(operand)).collect();
        let stages = vec![Stage { kind: StageKind::Map, inputs, code }];
        Pass { name, traffic: [operands, 0, 1], stages, stores: vec![0] }
    }

    fn softmax(&self) -> Pass {
        let power = floats(|m, [x, top]| {
            let difference = m.sub(x, top);
            functions::exp_nonpositive(m, difference)
        });
        let (x, e) = (self.cell(0), RowInput::Stage(1));
        let stages = vec![
            Stage { kind: StageKind::Max, inputs: vec![x.clone()], code: copy() },
            Stage { kind: StageKind::Map, inputs: vec![x, RowInput::Stage(0)], code: power },
            Stage { kind: StageKind::Sum, inputs: vec![e.clone()], code: copy() },
            Stage {
                kind: StageKind::Map,
                inputs: vec![e, RowInput::Stage(2)],
                code: floats(|m, [e, l]| m.div(e, l)),
            },
        ];
        Pass { name: "softmax", traffic: [1, 0, 1], stages, stores: vec![3] }
    }

    fn layer_norm(&self) -> Pass {
        let factor = (1.0 / self.columns as f32).to_bits();
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
        let x = || self.cell(0);
        let stage = |kind, inputs, code| Stage { kind, inputs, code };
        let stages = vec![
            stage(StageKind::Sum, vec![x()], copy()),
            stage(StageKind::Scalar, vec![RowInput::Stage(0)], mean),
            stage(StageKind::Sum, vec![x(), RowInput::Stage(1)], squared),
            stage(StageKind::Scalar, vec![RowInput::Stage(2)], scale),
            stage(StageKind::Map, vec![x(), RowInput::Stage(1), RowInput::Stage(3)], normal),
            stage(
                StageKind::Map,
                vec![RowInput::Stage(4), self.vector(1), self.vector(2)],
                floats(|m, [x, g, b]| m.fma(x, g, b)),
            ),
        ];
        Pass { name: "layer norm", traffic: [1, 2, 1], stages, stores: vec![5] }
    }

    /// Σ x·y of each row as an ordered product.
    fn dot(&self) -> Pass {
        let factors = Code::new(vec![samebit_num::RegType::F; 2], Vec::new()).expect("a program");
        let stages =
            vec![Stage { kind: StageKind::Product, inputs: vec![self.cell(0), self.cell(1)], code: factors }];
        Pass { name: "row product", traffic: [2, 0, 0], stages, stores: vec![0] }
    }

    fn sum(&self) -> Pass {
        let stages = vec![Stage { kind: StageKind::Sum, inputs: vec![self.cell(0)], code: copy() }];
        Pass { name: "row sum", traffic: [1, 0, 0], stages, stores: vec![0] }
    }

    /// Moments and parameter of AdamW as the optimiser records them; operands p, g, m, v.
    fn adamw(&self) -> Pass {
        let mean = floats(|a, [held, gradient]| {
            let (keep, rest) = (a.constant(0.9f32.to_bits()), a.constant(0.1f32.to_bits()));
            let share = a.mul(rest, gradient);
            a.fma(keep, held, share)
        });
        let square = floats(|a, [held, gradient]| {
            let (keep, rest) = (a.constant(0.999f32.to_bits()), a.constant(0.001f32.to_bits()));
            let share = a.mul(rest, gradient);
            let share = a.mul(share, gradient);
            a.fma(keep, held, share)
        });
        let update = floats(|a, [p, m, v]| {
            let [c1, c2, epsilon, rate, decay] =
                [1.1f32, 1.2, 1e-8, 1e-3, 0.9999].map(|value| a.constant(value.to_bits()));
            let kept = a.mul(p, decay);
            let mean = a.mul(m, c1);
            let square = a.mul(v, c2);
            let root = a.sqrt(square);
            let divisor = a.add(root, epsilon);
            let direction = a.div(mean, divisor);
            let negative = a.neg(rate);
            a.fma(negative, direction, kept)
        });
        let map = |inputs, code| Stage { kind: StageKind::Map, inputs, code };
        let stages = vec![
            map(vec![self.cell(2), self.cell(1)], mean),
            map(vec![self.cell(3), self.cell(1)], square),
            map(vec![self.cell(0), RowInput::Stage(0), RowInput::Stage(1)], update),
        ];
        Pass { name: "AdamW", traffic: [4, 0, 3], stages, stores: vec![2, 0, 1] }
    }

    fn passes(&self) -> Vec<Pass> {
        vec![
            self.map("add", 2, floats(|m, [x, y]| m.add(x, y))),
            self.map("gelu", 1, floats(|m, [x]| functions::gelu_tanh(m, x))),
            self.map(
                "gelu grad",
                2,
                floats(|m, [x, dy]| {
                    let slope = functions::gelu_tanh_grad(m, x);
                    m.mul(dy, slope)
                }),
            ),
            self.map(
                "eight adds",
                1,
                floats(|m, [x]| {
                    let mut sum = x;
                    for value in 1..9 {
                        let value = m.constant((value as f32).to_bits());
                        sum = m.add(sum, value);
                    }
                    sum
                }),
            ),
            self.softmax(),
            self.layer_norm(),
            self.sum(),
            self.dot(),
            self.adamw(),
        ]
    }
}

/// The least seconds of several runs.
fn least(mut work: impl FnMut()) -> f64 {
    work();
    let time = || {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    std::iter::repeat_with(time).take(30).fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let isa: Isa =
        arguments.next().map_or_else(Isa::detect, |name| name.parse().expect("an instruction set"));
    let threads = arguments.next().map_or(1, |count| count.parse().expect("a number of threads"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| report(isa));
}

fn report(isa: Isa) {
    println!("{} · ns an element: the pass, and copying its bytes", isa.name());
    for columns in [256, 1024, 3072] {
        let shape = Shape { rows: 2048, columns };
        let elements = (shape.rows * columns) as usize;
        let matrix = |seed: usize| -> Vec<u32> {
            (0..elements).map(|i| (((i * 7919 + seed) % 8192) as f32 / 1024.0 - 3.9).to_bits()).collect()
        };
        let inputs: Vec<Vec<u32>> = (0..4).map(matrix).collect();
        let mut outputs: Vec<Vec<u32>> = vec![vec![0; elements]; 3];
        let copying = least(|| black_box(&mut outputs[0]).copy_from_slice(black_box(&inputs[0])));
        let per_matrix = copying / 2.0;
        for pass in shape.passes() {
            let [read, vectors, written] = pass.traffic;
            let operands = read + vectors;
            let program = RowProgram {
                rows: shape.rows,
                first_row: 0,
                columns,
                len: elements as u64,
                operands,
                stages: pass.stages,
                stores: pass.stores,
            };
            let prepared = PreparedRows::new(&program);
            let slices: Vec<(&[u32], u64)> = inputs[..operands].iter().map(|words| (&words[..], 0)).collect();
            let mut results: Vec<&mut [u32]> =
                outputs.iter_mut().take(program.stores.len()).map(Vec::as_mut_slice).collect();
            let seconds = least(|| prepared.run(isa, 0, &slices, &mut results));
            let nanoseconds = |seconds: f64| seconds * 1e9 / elements as f64;
            println!(
                "{columns:5} {:12} {:7.3} {:7.3}",
                pass.name,
                nanoseconds(seconds),
                nanoseconds(per_matrix * (read + written) as f64)
            );
        }
    }
}
