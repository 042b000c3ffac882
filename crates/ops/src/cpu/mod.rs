//! The backend of this processor: fast paths of one instruction set, on the threads of rayon's current pool.

mod memory;

use rayon::prelude::*;
use samebit_num::fold::Numerics;

use crate::attention::attention;
use crate::backend::{Backend, BackendError, Buffer, Kernel, View};
use crate::digest::{PAGE_WORDS, page_digests};
use crate::exact::{self, Packed, Side};
use crate::permute::permute;
use crate::product::{
    ColumnProductKernel, Layout, Matrix, MatrixMut, ProductKernel, Start, column_product, product,
};
use crate::rows::{Address, Columns, Operand, RowCache, RowInput, RowProgram, Stage, StageKind};
use crate::scatter::scatter;
use crate::simd::{Isa, assert_float_environment};
use crate::total::TotalKernel;
use memory::{Memory, all_floats, floats, floats_mut};

/// A backend of one instruction set.
#[derive(Debug)]
pub struct Cpu {
    isa: Isa,
    rows: RowCache,
}

impl Cpu {
    /// The backend of `isa`; `None` where the processor lacks it.
    #[must_use]
    pub fn new(isa: Isa) -> Option<Self> {
        isa.is_available().then(|| Self { isa, rows: RowCache::default() })
    }

    /// The backend of the widest instruction set that the processor has.
    #[must_use]
    pub fn detect() -> Self {
        Self { isa: Isa::detect(), rows: RowCache::default() }
    }

    /// Its instruction set.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }
}

impl Backend for Cpu {
    fn name(&self) -> &'static str {
        self.isa.name()
    }

    fn allocate(&self, words: usize) -> Result<Buffer, BackendError> {
        Ok(Buffer(Box::new(Memory::allocate(self.name(), words)?)))
    }

    fn write(&self, buffer: &mut Buffer, at: usize, words: &[u32]) {
        Memory::of_mut(buffer).words_mut()[at..at + words.len()].copy_from_slice(words);
    }

    fn read(&self, buffer: &Buffer, at: usize, words: &mut [u32]) {
        words.copy_from_slice(&Memory::of(buffer).words()[at..at + words.len()]);
    }

    fn run(&self, kernel: &Kernel, step: u64, inputs: &[View<'_>], outputs: &mut [Buffer]) {
        assert_float_environment();
        match kernel {
            Kernel::Product(kernel) => self.product(kernel, inputs, outputs),
            Kernel::ColumnProduct(kernel) => self.column_product(kernel, inputs, outputs),
            Kernel::Rows(program) => {
                let inputs: Vec<Operand<'_>> =
                    inputs.iter().map(|view| (Memory::of(view.buffer).words(), view.origin)).collect();
                let mut outputs: Vec<&mut [u32]> =
                    outputs.iter_mut().map(|buffer| Memory::of_mut(buffer).words_mut()).collect();
                self.rows.prepare(program).run(self.isa, step, &inputs, &mut outputs);
            }
            Kernel::Scatter(kernel) => {
                let keys = &Memory::of(inputs[0].buffer).words()[..kernel.rows];
                let x = floats(&inputs[1], kernel.rows * kernel.columns);
                let output = floats_mut(&mut outputs[0], kernel.count * kernel.columns);
                scatter(self.isa, kernel, keys, x, output);
            }
            Kernel::Total(kernel) => {
                let program = one_row(kernel);
                let x = Memory::of(inputs[0].buffer).words();
                let output = Memory::of_mut(&mut outputs[0]).words_mut();
                self.rows.prepare(&program).run(self.isa, step, &[(x, 0)], &mut [output]);
            }
            Kernel::Attention(kernel) => {
                let (input_lengths, output_lengths) = kernel.lengths();
                let inputs: Vec<&[f32]> =
                    inputs.iter().zip(input_lengths).map(|(view, length)| floats(view, length)).collect();
                let mut outputs: Vec<&mut [f32]> = outputs
                    .iter_mut()
                    .zip(output_lengths)
                    .map(|(buffer, length)| floats_mut(buffer, length))
                    .collect();
                attention(self.isa, kernel, step, &inputs, &mut outputs);
            }
            Kernel::Permute(kernel) => {
                let output = floats_mut(&mut outputs[0], kernel.shape.iter().product());
                permute(self.isa, kernel, all_floats(&inputs[0]), output);
            }
        }
    }

    fn prepare(&self, kernel: &ProductKernel, right: View<'_>) -> Option<Buffer> {
        let Numerics::Exact(bits) = kernel.numerics else { return None };
        let matrix = matrix(&right, kernel.n, kernel.k, kernel.b);
        Some(Buffer(Box::new(Packed::pack(self.isa, bits, Side::Right, matrix))))
    }

    fn page_digests(&self, buffer: &Buffer, words: usize) -> Vec<[u8; 32]> {
        /// Pages that are worth a task of their own.
        const TASK_PAGES: usize = 64;
        let words = &Memory::of(buffer).words()[..words];
        let mut digests = vec![[0; 32]; words.len().div_ceil(PAGE_WORDS)];
        let tasks = words.par_chunks(TASK_PAGES * PAGE_WORDS).zip(digests.par_chunks_mut(TASK_PAGES));
        tasks.for_each(|(words, digests)| page_digests(words, digests));
        digests
    }
}

impl Cpu {
    fn product(&self, kernel: &ProductKernel, inputs: &[View<'_>], outputs: &mut [Buffer]) {
        let &ProductKernel { numerics, m, n, k, a, b, accumulate } = kernel;
        let a = matrix(&inputs[0], m, k, a);
        let c = MatrixMut::rows(floats_mut(&mut outputs[0], m * n), m, n);
        let right = || matrix(&inputs[1], n, k, b);
        match (numerics, inputs[1].buffer.0.downcast_ref::<Packed>()) {
            (Numerics::F32, _) => product(self.isa, a, right(), c, start(accumulate)),
            (Numerics::Exact(bits), None) => {
                exact::product(self.isa, bits, a, right(), c, start(accumulate));
            }
            (Numerics::Exact(bits), Some(b)) => exact::product(self.isa, bits, a, b, c, start(accumulate)),
        }
    }

    fn column_product(&self, kernel: &ColumnProductKernel, inputs: &[View<'_>], outputs: &mut [Buffer]) {
        let &ColumnProductKernel { rows, columns, pair, accumulate } = kernel;
        let matrix = |input: usize| Matrix::rows(floats(&inputs[input], rows * columns), rows, columns);
        let y = pair.then(|| matrix(1));
        let out = floats_mut(&mut outputs[0], columns);
        column_product(self.isa, matrix(0), y, out, start(accumulate));
    }
}

/// An operand of a product: `rows` rows of `k` terms.
fn matrix<'a>(view: &View<'a>, rows: usize, k: usize, layout: Layout) -> Matrix<'a> {
    Matrix::new(&all_floats(view)[layout.offset..], rows, k, layout.row_stride, layout.k_stride)
}

/// A total as a pass over one row.
fn one_row(kernel: &TotalKernel) -> RowProgram {
    let len = kernel.len as u64;
    let address = Address { columns: Columns::Contiguous, ..Address::default() };
    let inputs = vec![RowInput::Operand { operand: 0, address, len }];
    let stages = vec![Stage { kind: StageKind::Sum, inputs, code: kernel.code.clone() }];
    RowProgram { rows: 1, first_row: 0, columns: len, len, operands: 1, stages, stores: vec![0] }
}

fn start(accumulate: bool) -> Start {
    if accumulate { Start::Continue } else { Start::Zero }
}
