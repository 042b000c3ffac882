//! Elements of products computed again, by the definition: what a run's silent errors are looked for with.
//!
//! The path is another one than any kernel's: one element at a time, by the functions of `samebit-num`, on floats of the processor.

use samebit_num::fold::Numerics;
use samebit_num::{Native, canonical};

use crate::attention::{AttentionKernel, Pass, definition};
use crate::backend::{Backend, Buffer, Kernel, View};
use crate::exact::definition::exact_product;
use crate::product::definition::ordered_product;
use crate::product::{Layout, ProductKernel};

/// An element of an output, to be compared once its kernel has run.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Which output of the kernel.
    pub output: usize,
    /// The flat index in it.
    pub element: usize,
    /// The running total that the element continues.
    before: u32,
}

/// A probe whose element is not what it is when computed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which output of the kernel.
    pub output: usize,
    /// The flat index in it.
    pub element: usize,
    /// The word in memory.
    pub found: u32,
    /// The word computed again.
    pub expected: u32,
}

/// Elements of the kernel's outputs that are products; none for kernels of other kinds.
#[must_use]
pub fn element_count(kernel: &Kernel) -> usize {
    match kernel {
        Kernel::Product(product) => product.m * product.n,
        Kernel::Attention(attention) => attention.lengths().1.iter().sum(),
        _ => 0,
    }
}

/// The probe of element `index` of all that [`element_count`] counts, before the kernel runs.
#[must_use]
pub fn probe(backend: &dyn Backend, kernel: &Kernel, outputs: &[Buffer], index: usize) -> Probe {
    match kernel {
        Kernel::Product(product) => {
            let before = if product.accumulate { word(backend, &outputs[0], index) } else { 0 };
            Probe { output: 0, element: index, before }
        }
        Kernel::Attention(attention) => {
            let (mut output, mut element) = (0, index);
            for length in attention.lengths().1 {
                if element < length {
                    break;
                }
                (output, element) = (output + 1, element - length);
            }
            Probe { output, element, before: 0 }
        }
        _ => unreachable!("only products are probed"),
    }
}

/// Computes the probes' elements of a kernel at `step` again and compares; the first that differs. `inputs` are the operands that it was given, as they lie.
#[must_use]
pub fn first_difference(
    backend: &dyn Backend,
    (kernel, step): (&Kernel, u64),
    inputs: &[View<'_>],
    outputs: &[Buffer],
    probes: &[Probe],
) -> Option<Difference> {
    let again: Box<dyn Fn(&Probe) -> u32 + '_> = match kernel {
        Kernel::Product(kernel) => Box::new(move |probe| product(backend, kernel, inputs, probe)),
        Kernel::Attention(kernel) if !probes.is_empty() => {
            let operands = operands(backend, kernel, inputs);
            Box::new(move |probe| attention(kernel, kernel.first(step), &operands, probe))
        }
        _ => return None,
    };
    probes.iter().find_map(|probe| {
        let &Probe { output, element, .. } = probe;
        let (found, expected) = (word(backend, &outputs[output], element), canonical(again(probe)));
        (found != expected).then_some(Difference { output, element, found, expected })
    })
}

fn word(backend: &dyn Backend, buffer: &Buffer, at: usize) -> u32 {
    let mut word = [0];
    backend.read(buffer, at, &mut word);
    word[0]
}

fn product(backend: &dyn Backend, kernel: &ProductKernel, inputs: &[View<'_>], probe: &Probe) -> u32 {
    let factors = |input: usize, layout: Layout, row: usize| -> Vec<f32> {
        let at = |k: usize| layout.offset + row * layout.row_stride + k * layout.k_stride;
        let mut words = vec![0; kernel.k];
        match layout.k_stride {
            1 => backend.read(inputs[input].buffer, at(0), &mut words),
            _ => (0..kernel.k).for_each(|k| backend.read(inputs[input].buffer, at(k), &mut words[k..=k])),
        }
        words.into_iter().map(f32::from_bits).collect()
    };
    let a = factors(0, kernel.a, probe.element / kernel.n);
    let b = factors(1, kernel.b, probe.element % kernel.n);
    let (before, terms) = (f32::from_bits(probe.before), a.into_iter().zip(b));
    match kernel.numerics {
        Numerics::F32 => ordered_product(&mut Native, before, terms),
        Numerics::Exact(bits) => exact_product(&mut Native, bits, before, &terms.collect::<Vec<_>>()),
    }
    .to_bits()
}

fn operands(backend: &dyn Backend, kernel: &AttentionKernel, inputs: &[View<'_>]) -> Vec<Vec<f32>> {
    let read = |(view, length): (&View<'_>, usize)| {
        let mut words = vec![0; length];
        backend.read(view.buffer, 0, &mut words);
        words.into_iter().map(f32::from_bits).collect()
    };
    inputs.iter().zip(kernel.lengths().0).map(read).collect()
}

fn attention(kernel: &AttentionKernel, first: usize, operands: &[Vec<f32>], probe: &Probe) -> u32 {
    let inputs: Vec<&[f32]> = operands.iter().map(Vec::as_slice).collect();
    let (size, &Probe { output, element, .. }) = (kernel.head_size, probe);
    let machine = &mut Native;
    let value = match (kernel.pass, output) {
        (Pass::Forward, 0 | 1) => {
            let (greatest, sum, _) =
                definition::query(machine, kernel, first, &inputs, kernel.place(element));
            if output == 0 { greatest } else { sum }
        }
        (Pass::Forward, _) => {
            let place = kernel.place(element / size);
            definition::query(machine, kernel, first, &inputs, place).2[element % size]
        }
        (Pass::Backward, 0) => {
            let place = kernel.place(element / size);
            definition::query_gradient(machine, kernel, &inputs, place)[element % size]
        }
        (Pass::Backward, _) => {
            let rows = definition::key_gradients(machine, kernel, &inputs, element / size);
            rows[output - 1][element % size]
        }
    };
    value.to_bits()
}
