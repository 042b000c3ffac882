//! The backend that is right by construction: every kernel by its definition, on integers only.
//!
//! Promise: no floating-point instruction, no intrinsics, no threads. Whatever differs from it is wrong.

use samebit_num::fold::Numerics;
use samebit_num::{Arith, Binary32, Soft, fold, run};

use crate::backend::{Backend, BackendError, Buffer, Kernel, View};
use crate::digest::{PAGE_WORDS, page_digest};
use crate::exact::definition::exact_product;
use crate::product::definition::ordered_product;
use crate::product::{ColumnProductKernel, Layout, ProductKernel};
use crate::rows::{Operand, define_rows};
use crate::total::TotalKernel;
use crate::{attention, permute, scatter};

/// The slow backend that the others are judged against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

type Words = Vec<u32>;

fn words(buffer: &Buffer) -> &Words {
    buffer.0.downcast_ref().expect("the buffer is of this backend")
}

fn words_mut(buffer: &mut Buffer) -> &mut Words {
    buffer.0.downcast_mut().expect("the buffer is of this backend")
}

impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn allocate(&self, words: usize) -> Result<Buffer, BackendError> {
        let mut memory = Words::new();
        let reserved = memory.try_reserve_exact(words);
        reserved.map_err(|_| BackendError::OutOfMemory { backend: self.name(), words })?;
        memory.resize(words, 0);
        Ok(Buffer(Box::new(memory)))
    }

    fn write(&self, buffer: &mut Buffer, at: usize, words: &[u32]) {
        words_mut(buffer)[at..at + words.len()].copy_from_slice(words);
    }

    fn read(&self, buffer: &Buffer, at: usize, target: &mut [u32]) {
        target.copy_from_slice(&words(buffer)[at..at + target.len()]);
    }

    fn run(&self, kernel: &Kernel, step: u64, inputs: &[View<'_>], outputs: &mut [Buffer]) {
        let operands: Vec<Operand<'_>> =
            inputs.iter().map(|view| (&words(view.buffer)[..], view.origin)).collect();
        let inputs: Vec<&[u32]> = operands.iter().map(|&(words, _)| words).collect();
        let mut outputs: Vec<&mut [u32]> =
            outputs.iter_mut().map(|buffer| &mut words_mut(buffer)[..]).collect();
        match kernel {
            Kernel::Product(kernel) => product(kernel, &inputs, outputs[0]),
            Kernel::ColumnProduct(kernel) => column_product(kernel, &inputs, outputs[0]),
            Kernel::Rows(program) => define_rows(&mut Soft, program, step, &operands, &mut outputs),
            Kernel::Scatter(kernel) => {
                let output = &mut outputs[0][..kernel.count * kernel.columns];
                scatter::definition::run(&mut Soft, kernel, inputs[0], inputs[1], output);
            }
            Kernel::Total(kernel) => outputs[0][0] = total(kernel, inputs[0]),
            Kernel::Attention(kernel) => {
                let (input_lengths, output_lengths) = kernel.lengths();
                let inputs: Vec<&[u32]> =
                    inputs.iter().zip(input_lengths).map(|(x, length)| &x[..length]).collect();
                let mut outputs: Vec<&mut [u32]> =
                    outputs.into_iter().zip(output_lengths).map(|(x, length)| &mut x[..length]).collect();
                attention::definition::run(&mut Soft, kernel, step, &inputs, &mut outputs);
            }
            Kernel::Permute(kernel) => {
                let output = &mut outputs[0][..kernel.shape.iter().product()];
                permute::definition::run(kernel, inputs[0], output);
            }
        }
    }

    fn page_digests(&self, buffer: &Buffer, words: usize) -> Vec<[u8; 32]> {
        self::words(buffer)[..words].chunks(PAGE_WORDS).map(page_digest).collect()
    }
}

/// The total that a fold continues.
fn start(accumulate: bool, word: u32) -> Binary32 {
    Binary32(if accumulate { word } else { 0 })
}

fn product(kernel: &ProductKernel, inputs: &[&[u32]], output: &mut [u32]) {
    let element = |words: &[u32], layout: Layout, row: usize, k: usize| {
        Binary32(words[layout.offset + row * layout.row_stride + k * layout.k_stride])
    };
    for (index, word) in output[..kernel.m * kernel.n].iter_mut().enumerate() {
        let (m, n) = (index / kernel.n, index % kernel.n);
        let terms =
            (0..kernel.k).map(|k| (element(inputs[0], kernel.a, m, k), element(inputs[1], kernel.b, n, k)));
        let before = start(kernel.accumulate, *word);
        let total = match kernel.numerics {
            Numerics::F32 => ordered_product(&mut Soft, before, terms),
            Numerics::Exact(bits) => exact_product(&mut Soft, bits, before, &terms.collect::<Vec<_>>()),
        };
        *word = Soft.bits(total);
    }
}

fn column_product(kernel: &ColumnProductKernel, inputs: &[&[u32]], output: &mut [u32]) {
    let one = Soft.constant(1f32.to_bits());
    for (column, word) in output[..kernel.columns].iter_mut().enumerate() {
        let factor = |operand: usize, row: usize| Binary32(inputs[operand][row * kernel.columns + column]);
        let terms =
            (0..kernel.rows).map(|row| (factor(0, row), if kernel.pair { factor(1, row) } else { one }));
        let total = ordered_product(&mut Soft, start(kernel.accumulate, *word), terms);
        *word = Soft.bits(total);
    }
}

fn total(kernel: &TotalKernel, x: &[u32]) -> u32 {
    let terms: Vec<Option<Binary32>> =
        x[..kernel.len].iter().map(|&word| Some(Binary32(run(&kernel.code, &[word], &mut Soft)))).collect();
    let total = fold::sum(&mut Soft, &terms);
    Soft.bits(total)
}
