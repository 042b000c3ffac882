//! Every kernel through [`Backend::run`], on every backend: the same words as the reference's.

use samebit_num::fold::Numerics;
use samebit_num::{Arith, Code, Recorder, RegF, functions};
use samebit_ops::attention::{AttentionKernel, Pass};
use samebit_ops::permute::PermuteKernel;
use samebit_ops::product::{ColumnProductKernel, Layout, ProductKernel};
use samebit_ops::rows::{Address, Columns, Gather, RowInput, RowProgram, RowTerm, Stage, StageKind};
use samebit_ops::scatter::ScatterKernel;
use samebit_ops::simd::Isa;
use samebit_ops::total::TotalKernel;
use samebit_ops::{Backend, Cpu, Kernel, Reference, View};

/// A kernel with its operands.
struct Case {
    kernel: Kernel,
    step: u64,
    /// Words of each input, and the origin of its view.
    inputs: Vec<(Vec<u32>, u64)>,
    /// What the outputs hold before.
    outputs: Vec<Vec<u32>>,
}

impl Case {
    fn new(kernel: Kernel, inputs: Vec<Vec<u32>>, outputs: Vec<Vec<u32>>) -> Self {
        Self { kernel, step: 0, inputs: inputs.into_iter().map(|words| (words, 0)).collect(), outputs }
    }

    /// The outputs' words and page digests after the run.
    fn run(&self, backend: &dyn Backend) -> Vec<(Vec<u32>, Vec<[u8; 32]>)> {
        let upload = |words: &[u32]| {
            let mut buffer = backend.allocate(words.len()).expect("there is memory");
            backend.write(&mut buffer, 0, words);
            buffer
        };
        let inputs: Vec<_> = self.inputs.iter().map(|(words, origin)| (upload(words), *origin)).collect();
        let mut outputs: Vec<_> = self.outputs.iter().map(|words| upload(words)).collect();
        let views: Vec<View<'_>> =
            inputs.iter().map(|(buffer, origin)| View { buffer, origin: *origin }).collect();
        backend.run(&self.kernel, self.step, &views, &mut outputs);
        let download = |(buffer, before): (&_, &Vec<u32>)| {
            let mut words = vec![0; before.len()];
            backend.read(buffer, 0, &mut words);
            (words, backend.page_digests(buffer, before.len()))
        };
        outputs.iter().zip(&self.outputs).map(download).collect()
    }
}

/// Random words (splitmix64).
struct Random(u64);

impl Random {
    fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 32) as u32
    }

    fn coin(&mut self) -> bool {
        self.word() & 1 == 0
    }

    /// 1 … limit.
    fn size(&mut self, limit: usize) -> usize {
        1 + self.word() as usize % limit
    }

    /// Moderate numbers, with a zero, subnormal, infinity or NaN now and then.
    fn floats(&mut self, length: usize) -> Vec<u32> {
        const EDGES: [u32; 8] =
            [0, 1 << 31, 1, 0x807f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x3f80_0000];
        (0..length)
            .map(|_| match self.word() {
                word if word.is_multiple_of(300) => EDGES[(word >> 16) as usize % EDGES.len()],
                word => word & 0x807f_ffff | (123 + (word >> 23 & 3)) << 23,
            })
            .collect()
    }

    /// Running totals: no −0.
    fn totals(&mut self, length: usize) -> Vec<u32> {
        self.floats(length).into_iter().map(|word| if word == 1 << 31 { 0 } else { word }).collect()
    }

    fn numerics(&mut self) -> Numerics {
        Numerics::ALL[self.word() as usize % Numerics::ALL.len()]
    }

    fn keys(&mut self, length: usize, below: usize) -> Vec<u32> {
        (0..length).map(|_| self.word() % below as u32).collect()
    }
}

fn product(random: &mut Random) -> Case {
    let (m, n, k) = (random.size(20), random.size(40), random.size(530));
    let mut operand = |rows: usize| {
        let offset = random.size(9);
        let layout = if random.coin() {
            Layout { offset, row_stride: k + 3, k_stride: 1 }
        } else {
            Layout { offset, row_stride: 1, k_stride: rows + 1 }
        };
        let length = offset + (rows - 1) * layout.row_stride + (k - 1) * layout.k_stride + 1;
        (layout, random.floats(length))
    };
    let ((a, a_words), (b, b_words)) = (operand(m), operand(n));
    let (accumulate, numerics) = (random.coin(), random.numerics());
    let kernel = Kernel::Product(ProductKernel { numerics, m, n, k, a, b, accumulate });
    Case::new(kernel, vec![a_words, b_words], vec![random.totals(m * n)])
}

fn column_product(random: &mut Random) -> Case {
    let (rows, columns) = (random.size(530), random.size(70));
    let (pair, accumulate) = (random.coin(), random.coin());
    let kernel = Kernel::ColumnProduct(ColumnProductKernel { rows, columns, pair, accumulate });
    let inputs = (0..1 + usize::from(pair)).map(|_| random.floats(rows * columns)).collect();
    Case::new(kernel, inputs, vec![random.totals(columns)])
}

/// The code of a function of two values.
fn record2(function: impl FnOnce(&mut Recorder, RegF, RegF) -> RegF) -> Code {
    let mut recorder = Recorder::new();
    let (x, y) = (recorder.input_f(), recorder.input_f());
    let result = function(&mut recorder, x, y);
    recorder.finish(result).expect("it fits into the registers")
}

/// A softmax of a slice of rows, with a gathered and scaled shift that depends on the step.
fn rows(random: &mut Random) -> Case {
    let (rows, first_row, columns) = (random.size(9) as u64, random.size(5) as u64, random.size(400) as u64);
    let all = (first_row + rows) * columns;
    let matrix = Address {
        rows: vec![RowTerm { stride: columns, divisor: 1, modulus: 0 }],
        columns: Columns::Contiguous,
        ..Address::default()
    };
    let id = Address { rows: vec![RowTerm { stride: 1, divisor: 2, modulus: 4 }], ..Address::default() };
    let gather = Gather { operand: 1, address: Box::new(id), len: 4, stride: 1 };
    let shift = Address { constant: 1, step_stride: 2, gather: Some(gather), ..Address::default() };
    let stages = vec![
        Stage {
            kind: StageKind::Map,
            inputs: vec![
                RowInput::Operand { operand: 0, address: matrix, len: all },
                RowInput::Operand { operand: 2, address: shift, len: 12 },
            ],
            code: record2(|a, x, y| a.mul(x, y)),
        },
        Stage {
            kind: StageKind::Max,
            inputs: vec![RowInput::Stage(0)],
            code: Recorder::record(|a, x| a.abs(x)),
        },
        Stage {
            kind: StageKind::Map,
            inputs: vec![RowInput::Stage(0), RowInput::Stage(1)],
            code: record2(|a, x, m| {
                let shifted = a.sub(x, m);
                functions::exp(a, shifted)
            }),
        },
        Stage {
            kind: StageKind::Sum,
            inputs: vec![RowInput::Stage(2)],
            code: Recorder::record(|a, x| a.abs(x)),
        },
        Stage {
            kind: StageKind::Map,
            inputs: vec![RowInput::Stage(2), RowInput::Stage(3)],
            code: record2(|a, x, sum| a.div(x, sum)),
        },
    ];
    let program =
        RowProgram { rows, first_row, columns, len: rows * columns, operands: 3, stages, stores: vec![4, 3] };
    let slice = random.floats((rows * columns) as usize);
    let (ids, table) = (random.keys(4, 3), random.floats(12));
    let (len, rows) = (slice.len(), rows as usize);
    Case {
        kernel: Kernel::Rows(program),
        step: 3,
        inputs: vec![(slice, first_row * columns), (ids, 0), (table, 0)],
        outputs: vec![vec![5; len], vec![5; rows]],
    }
}

fn scatter(random: &mut Random) -> Case {
    let (rows, columns, count) = (random.size(530), random.size(40), random.size(20));
    let kernel = ScatterKernel { rows, columns, count, accumulate: random.coin() };
    let inputs = vec![random.keys(rows, count + 1), random.floats(rows * columns)];
    Case::new(Kernel::Scatter(kernel), inputs, vec![random.totals(count * columns)])
}

fn total(random: &mut Random) -> Case {
    let len = random.size(3000);
    let code = Recorder::record(|a, x| a.mul(x, x));
    Case::new(Kernel::Total(TotalKernel { len, code }), vec![random.floats(len)], vec![vec![9]])
}

fn attention(random: &mut Random, pass: Pass) -> Case {
    let (batch, time, group, head_size) = (random.size(2), random.size(90), random.size(3), random.size(20));
    let heads = group * random.size(2);
    let (scale, numerics) = (0.25f32.to_bits(), random.numerics());
    // A forward pass may have the queries of a step only.
    let steps = if pass == Pass::Forward { random.size(3) } else { 1 };
    let (queries, time) = (time, time * steps);
    let kernel = AttentionKernel { pass, batch, time, queries, heads, group, head_size, scale, numerics };
    let (inputs, outputs) = kernel.lengths();
    let inputs = inputs.into_iter().map(|length| random.floats(length)).collect();
    Case::new(Kernel::Attention(kernel), inputs, outputs.into_iter().map(|length| vec![5; length]).collect())
}

fn permute(random: &mut Random) -> Case {
    let sizes = [random.size(6), random.size(30), random.size(6), random.size(40)];
    let strides = [sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], sizes[3], 1];
    let mut order = [0, 1, 2, 3];
    order.rotate_left(random.size(4));
    order.swap(0, random.size(4) - 1);
    let [shape, strides] = [sizes, strides].map(|from| order.map(|d| from[d]).to_vec());
    let length = sizes.iter().product();
    let x = (0..length).map(|_| random.word()).collect();
    Case::new(Kernel::Permute(PermuteKernel { shape, strides }), vec![x], vec![vec![5; length]])
}

/// Makes a random case of one kernel.
type Maker = fn(&mut Random) -> Case;

#[test]
fn every_kernel_is_the_references_on_every_backend() {
    let kernels: [(&str, Maker); 8] = [
        ("product", product),
        ("column product", column_product),
        ("rows", rows),
        ("scatter", scatter),
        ("total", total),
        ("attention, forward", |random| attention(random, Pass::Forward)),
        ("attention, backward", |random| attention(random, Pass::Backward)),
        ("permute", permute),
    ];
    let pools = [1, 2, 3, 7]
        .map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start"));
    let mut random = Random(11);
    for (name, maker) in kernels {
        for round in 0..6 {
            let case = maker(&mut random);
            let expected = case.run(&Reference);
            for cpu in Isa::available().filter_map(Cpu::new) {
                for pool in &pools {
                    let found = pool.install(|| case.run(&cpu));
                    let threads = pool.current_num_threads();
                    assert!(
                        found == expected,
                        "{name}, round {round}, {} with {threads} threads",
                        cpu.name()
                    );
                }
            }
        }
    }
}

#[test]
fn memory_is_zero_at_first_and_holds_what_is_written() {
    for name in ["reference", "scalar"] {
        let backend = samebit_ops::backend(name).expect("every processor has it");
        let mut buffer = backend.allocate(700).expect("there is memory");
        backend.write(&mut buffer, 300, &[0x7f80_0001, 0xffff_ffff]);
        let mut words = [9; 4];
        backend.read(&buffer, 299, &mut words);
        assert_eq!(words, [0, 0x7f80_0001, 0xffff_ffff, 0], "{name} keeps every bit");
        assert_eq!(backend.page_digests(&buffer, 513).len(), 3);
    }
}

#[test]
fn impossible_backends_and_sizes_are_errors_with_a_hint() {
    let unknown = samebit_ops::backend("avx3").map(|backend| backend.name()).unwrap_err();
    assert_eq!(unknown.to_string(), "unknown backend `avx3`\nhint: use reference, scalar, avx2 or avx512");
    for backend in [&Reference as &dyn Backend, &Cpu::detect()] {
        let error = backend.allocate(usize::MAX / 8).map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("hint: lower --memory") && text.contains(backend.name()), "{text}");
    }
}
