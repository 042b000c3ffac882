//! A backend that notes where the time goes: each launch by kind, with what it computed and moved.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use samebit_num::fold::Numerics;
use samebit_ops::attention::{AttentionKernel, Pass};
use samebit_ops::product::ProductKernel;
use samebit_ops::rows::{RowInput, RowProgram};
use samebit_ops::{Backend, BackendError, Buffer, Cpu, Kernel, View};

/// What launches of one kind came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    pub launches: usize,
    pub seconds: f64,
    /// Multiplications and additions of products; 0 where bytes are the limit.
    pub operations: f64,
    /// What they are computed in.
    pub numerics: Numerics,
    /// Bytes of the operands and results, each once.
    pub bytes: f64,
}

/// The processor's backend with a clock.
pub struct Timed {
    cpu: Cpu,
    parts: Mutex<BTreeMap<String, Part>>,
}

impl Timed {
    pub fn new() -> Self {
        Self { cpu: Cpu::detect(), parts: Mutex::default() }
    }

    /// The parts since the last call.
    pub fn take(&self) -> BTreeMap<String, Part> {
        std::mem::take(&mut *self.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Backend for Timed {
    fn name(&self) -> &'static str {
        self.cpu.name()
    }

    fn allocate(&self, words: usize) -> Result<Buffer, BackendError> {
        self.cpu.allocate(words)
    }

    fn write(&self, buffer: &mut Buffer, at: usize, words: &[u32]) {
        self.cpu.write(buffer, at, words);
    }

    fn read(&self, buffer: &Buffer, at: usize, words: &mut [u32]) {
        self.cpu.read(buffer, at, words);
    }

    fn run(&self, kernel: &Kernel, step: u64, inputs: &[View<'_>], outputs: &mut [Buffer]) {
        let started = Instant::now();
        self.cpu.run(kernel, step, inputs, outputs);
        let seconds = started.elapsed().as_secs_f64();
        let Cost { name, operations, numerics, words } = cost(kernel);
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let part = parts.entry(name).or_default();
        part.launches += 1;
        part.seconds += seconds;
        part.operations += operations;
        part.numerics = numerics;
        part.bytes += 4.0 * words as f64;
    }

    fn prepare(&self, kernel: &ProductKernel, right: View<'_>) -> Option<Buffer> {
        let started = Instant::now();
        let prepared = self.cpu.prepare(kernel, right);
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let part = parts.entry("weights prepared".to_owned()).or_default();
        part.launches += usize::from(prepared.is_some());
        part.seconds += started.elapsed().as_secs_f64();
        prepared
    }

    fn page_digests(&self, buffer: &Buffer, words: usize) -> Vec<[u8; 32]> {
        self.cpu.page_digests(buffer, words)
    }
}

/// A kernel's kind, its operations, and the words that it reads and writes.
struct Cost {
    name: String,
    operations: f64,
    numerics: Numerics,
    words: usize,
}

impl Cost {
    /// Of a kernel that memory limits.
    fn moving(name: impl Into<String>, words: usize) -> Self {
        Self { name: name.into(), operations: 0.0, numerics: Numerics::F32, words }
    }
}

fn cost(kernel: &Kernel) -> Cost {
    match kernel {
        Kernel::Product(p) => {
            let turned = |stride: usize| if stride == 1 { "" } else { "ᵀ" };
            let (a, b) = (turned(p.a.k_stride), turned(p.b.k_stride));
            Cost {
                name: format!("product {} x {} x {}, A{a} B{b}", p.m, p.n, p.k),
                operations: 2.0 * p.m as f64 * p.n as f64 * p.k as f64,
                numerics: p.numerics,
                words: p.m * p.k + p.n * p.k + p.m * p.n,
            }
        }
        Kernel::ColumnProduct(c) => {
            Cost::moving("column product", c.rows * c.columns * (1 + usize::from(c.pair)) + c.columns)
        }
        Kernel::Rows(rows) => {
            let (stores, stages) = (rows.stores.len(), rows.stages.len());
            let name = format!(
                "rows {} x {}: {} in, {stores} out, {stages} stages",
                rows.rows, rows.columns, rows.operands
            );
            Cost::moving(name, row_words(rows))
        }
        Kernel::Scatter(s) => Cost::moving("scatter", s.rows * s.columns + s.count * s.columns),
        Kernel::Total(t) => Cost::moving("total", t.len),
        Kernel::Attention(a) => attention(a),
        Kernel::Permute(p) => Cost::moving("permute", 2 * p.shape.iter().product::<usize>()),
    }
}

/// Causal: half of the scores, of each square if all positions have a query. Forward has two products, backward five.
fn attention(kernel: &AttentionKernel) -> Cost {
    let square = (kernel.batch * kernel.heads * kernel.queries * kernel.time * kernel.head_size) as f64;
    let (inputs, outputs) = kernel.lengths();
    let words = inputs.iter().chain(&outputs).sum();
    let (name, products) = match kernel.pass {
        Pass::Forward => ("attention forward", 2.0),
        Pass::Backward => ("attention backward", 5.0),
    };
    Cost { name: name.to_owned(), operations: products * square, numerics: kernel.numerics, words }
}

/// Each operand once, as far as the pass can reach; each output.
fn row_words(program: &RowProgram) -> usize {
    let mut operands = vec![0; program.operands];
    for input in program.stages.iter().flat_map(|stage| &stage.inputs) {
        if let RowInput::Operand { operand, len, .. } = input {
            operands[*operand] = operands[*operand].max((*len).min(program.len));
        }
    }
    let outputs = (0..program.stores.len()).map(|store| program.output_len(store));
    operands.into_iter().chain(outputs).sum::<u64>() as usize
}
