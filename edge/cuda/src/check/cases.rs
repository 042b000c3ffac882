//! One random case of each kernel: odd shapes, edge values, every path.

use super::Check;
use crate::exact;
use crate::machine::{Argument, Launch, Memory};
use crate::values::Values;
use crate::{Cuda, Error, samples};
use samebit_commit::tensor;
use samebit_num::fold::{Bits, Numerics};
use samebit_num::functions;
use samebit_ops::attention::{AttentionKernel, Pass};
use samebit_ops::permute::PermuteKernel;
use samebit_ops::product::{ColumnProductKernel, Layout, ProductKernel};
use samebit_ops::rows::RowProgram;
use samebit_ops::scatter::ScatterKernel;
use samebit_ops::total::TotalKernel;
use samebit_ops::{Backend, Buffer, Kernel};

type Case = fn(&mut Check<'_>, u64) -> Result<(), Error>;

/// Every kernel's case.
pub(super) const ALL: &[(&str, Case)] = &[
    ("ordered product", product),
    ("column product", column_product),
    ("ordered sum of a tensor", total),
    ("scattered sum", scatter),
    ("permutation", permute),
    ("functions", all_functions),
    ("softmax rows", |check, seed| rows(check, seed, samples::softmax)),
    ("norm rows", |check, seed| rows(check, seed, samples::layer_norm)),
    ("product of rows", |check, seed| rows(check, seed, samples::row_product)),
    ("elementwise chain", |check, seed| rows(check, seed, samples::gelu_dropout)),
    ("AdamW", |check, seed| rows(check, seed, |rows, columns| samples::adamw(rows, columns, 3))),
    ("attention", attention),
    ("exact8 product", |check, seed| exact_product(check, seed, Bits::Eight)),
    ("exact14 product", |check, seed| exact_product(check, seed, Bits::Fourteen)),
    ("exact21 product", |check, seed| exact_product(check, seed, Bits::TwentyOne)),
    ("SHA-256 page tree", hash),
];

/// Values of this case: none, few or many of them at the edges.
fn values(seed: u64) -> Values {
    let period = [0, 0, 5000, 200, 9][(seed % 5) as usize];
    Values::with_edges(seed, period)
}

/// A size up to `limit`: often small, often about a power of two, where tiles and blocks end.
fn size(values: &mut Values, limit: usize) -> usize {
    let any = 1 + values.below(limit);
    let near = (1 << values.below(13)) + values.below(3);
    let size = if values.below(2) == 0 { any } else { near.max(2) - 1 };
    size.clamp(1, limit)
}

/// Three sizes of a product of at most `limit` outputs.
fn product_shape(values: &mut Values, limit: usize) -> [usize; 3] {
    let m = size(values, limit.isqrt() * 2);
    let n = size(values, (limit / m).max(1));
    [m, n, size(values, 1500)]
}

fn layouts(values: &mut Values, [m, n, k]: [usize; 3]) -> [(Layout, usize); 2] {
    [m, n].map(|rows| {
        let offset = values.below(5);
        let layout = match values.below(2) {
            0 => Layout { offset, row_stride: k, k_stride: 1 },
            _ => Layout { offset, row_stride: 1, k_stride: rows },
        };
        (layout, offset + rows * k)
    })
}

fn product(check: &mut Check<'_>, seed: u64) -> Result<(), Error> {
    let mut values = values(seed);
    let shape @ [m, n, k] = product_shape(&mut values, check.case_words);
    let [(a, a_len), (b, b_len)] = layouts(&mut values, shape);
    let kernel = ProductKernel { numerics: Numerics::F32, m, n, k, a, b, accumulate: seed.is_multiple_of(3) };
    let inputs = [values.words(a_len), values.words(b_len)];
    check.compare(&Kernel::Product(kernel), 0, &inputs, &[values.totals(m * n)], None);
    Ok(())
}

fn column_product(check: &mut Check<'_>, seed: u64) -> Result<(), Error> {
    let mut values = values(seed);
    let columns = size(&mut values, check.case_words);
    let rows = size(&mut values, (4 * check.case_words / columns).clamp(1, 5000));
    let pair = values.below(2) == 0;
    let kernel = ColumnProductKernel { rows, columns, pair, accumulate: seed.is_multiple_of(3) };
    let inputs: Vec<Vec<u32>> = (0..1 + usize::from(pair)).map(|_| values.words(rows * columns)).collect();
    check.compare(&Kernel::ColumnProduct(kernel), 0, &inputs, &[values.totals(columns)], None);
    Ok(())
}

fn total(check: &mut Check<'_>, seed: u64) -> Result<(), Error> {
    let mut values = values(seed);
    let len = size(&mut values, 4 * check.case_words);
    let kernel = TotalKernel { len, code: samples::square() };
    check.compare(&Kernel::Total(kernel), 0, &[values.words(len)], &[vec![0]], Some(len));
    Ok(())
}

fn scatter(check: &mut Check<'_>, seed: u64) -> Result<(), Error> {
    let mut values = values(seed);
    let columns = size(&mut values, 300);
    let count = size(&mut values, (check.case_words / columns).max(1));
    let rows = size(&mut values, 3000);
    let keys = (0..rows).map(|_| values.below(count + 2) as u32).collect();
    let kernel = ScatterKernel { rows, columns, count, accumulate: seed.is_multiple_of(3) };
    let inputs = [keys, values.words(rows * columns)];
    check.compare(&Kernel::Scatter(kernel), 0, &inputs, &[values.totals(count * columns)], None);
    Ok(())
}

fn permute(check: &mut Check<'_>, seed: u64) -> Result<(), Error> {
    let mut values = values(seed);
    let side = check.case_words.isqrt().isqrt() * 2;
    let from: Vec<usize> = (0..4).map(|_| size(&mut values, side)).collect();
    let mut order = [0, 1, 2, 3];
    (1..4).for_each(|at| order.swap(at, values.below(at + 1)));
    let stride = |d: usize| from[d + 1..].iter().product();
    let shape: Vec<usize> = order.iter().map(|&d| from[d]).collect();
    let strides = order.iter().map(|&d| stride(d)).collect();
    let count = shape.iter().product();
    let kernel = PermuteKernel { shape, strides };
    check.compare(&Kernel::Permute(kernel), 0, &[values.words(count)], &[vec![0; count]], None);
    Ok(())
}

fn rows(check: &mut Check<'_>, seed: u64, program: impl Fn(u64, u64) -> RowProgram) -> Result<(), Error> {
    let mut values = values(seed);
    // Few widths: each is a kernel of its own to compile.
    let widths = [1, 17, 64, 255, 256, 257, 768, 1000, 5000];
    let columns = widths[values.below(widths.len())];
    let count = size(&mut values, (2 * check.case_words / columns as usize).max(1)) as u64;
    let program = program(count, columns);
    let mut lengths = vec![0; program.operands];
    for input in program.stages.iter().flat_map(|stage| &stage.inputs) {
        if let samebit_ops::rows::RowInput::Operand { operand, len, .. } = input {
            lengths[*operand] = *len as usize;
        }
    }
    let inputs: Vec<Vec<u32>> = lengths.iter().map(|&length| values.words(length)).collect();
    let before: Vec<Vec<u32>> =
        (0..program.stores.len()).map(|store| vec![7; program.output_len(store) as usize]).collect();
    check.compare(&Kernel::Rows(program), 2, &inputs, &before, None);
    Ok(())
}

/// Every function on any words.
fn all_functions(check: &mut Check<'_>, seed: u64) -> Result<(), Error> {
    let mut values = Values::new(seed);
    let count = check.case_words;
    let x: Vec<u32> = (0..count).map(|_| values.word()).collect();
    let machine = check.backend.machine();
    let (input, output) = (Memory::of(machine, &x)?, Memory::new(machine, functions::ALL.len() * count)?);
    let source = samples::functions_kernel();
    let arguments = [input.argument(), output.argument(), Argument::Long(count as u64)];
    let grid = [count.div_ceil(256) as u32, 1, 1];
    machine.launch(&Launch {
        source: &source,
        kernel: "functions",
        grid,
        threads: 256,
        shared_bytes: 0,
        arguments: &arguments,
    })?;
    let found = output.words()?;
    for (found, named) in found.chunks(count).zip(functions::ALL) {
        let native = |&word: &u32| samebit_num::canonical((named.native)(f32::from_bits(word)).to_bits());
        let expected: Vec<u32> = x.iter().map(native).collect();
        check.count(count, found, &expected, || named.name.to_owned());
    }
    Ok(())
}

fn attention(check: &mut Check<'_>, seed: u64) -> Result<(), Error> {
    let mut values = values(seed);
    let sizes = [1, 12, 40, 64, 80, 128, 256];
    let head_size = sizes[values.below(sizes.len())];
    let (group, key_heads, batch) = (1 + values.below(3), 1 + values.below(2), 1 + values.below(2));
    let time = size(&mut values, (check.case_words / (head_size * key_heads * batch * group)).clamp(1, 1100));
    let scale = (1.0 / (head_size as f32).sqrt()).to_bits();
    let kernel = |pass| AttentionKernel {
        pass,
        batch,
        time,
        queries: time,
        heads: group * key_heads,
        group,
        head_size,
        scale,
        numerics: Numerics::F32,
    };
    let before =
        |kernel: &AttentionKernel| kernel.lengths().1.into_iter().map(|length| vec![7; length]).collect();
    let (forward, backward) = (kernel(Pass::Forward), kernel(Pass::Backward));
    let mut inputs: Vec<Vec<u32>> =
        forward.lengths().0.into_iter().map(|length| values.words(length)).collect();
    let outputs: Vec<Vec<u32>> = before(&forward);
    let statistics = check.compare(&Kernel::Attention(forward), 0, &inputs, &outputs, None);
    inputs.extend(statistics.into_iter().take(2));
    inputs.push(values.words(inputs[3].len()));
    inputs.push(values.words(inputs[0].len()));
    let outputs: Vec<Vec<u32>> = before(&backward);
    check.compare(&Kernel::Attention(backward), 0, &inputs, &outputs, None);
    Ok(())
}

/// With every instruction that the machine has.
fn exact_product(check: &mut Check<'_>, seed: u64, bits: Bits) -> Result<(), Error> {
    let mut values = match seed % 4 {
        0 => Values::scaled((seed / 4 % 255) as u32),
        _ => values(seed),
    };
    let shape @ [m, n, k] = product_shape(&mut values, check.case_words);
    let [(a_layout, a_len), (b_layout, b_len)] = layouts(&mut values, shape);
    let kernel = ProductKernel {
        numerics: Numerics::F32,
        m,
        n,
        k,
        a: a_layout,
        b: b_layout,
        accumulate: seed.is_multiple_of(3),
    };
    let (a, b, before) = (values.words(a_len), values.words(b_len), values.totals(m * n));
    let mut expected = before.clone();
    exact::define(bits, &kernel, &a, &b, &mut expected);
    let machine = check.backend.machine();
    let (a, b) = (Memory::of(machine, &a)?, Memory::of(machine, &b)?);
    for (at, &instruction) in machine.instructions().iter().enumerate() {
        let c = Memory::of(machine, &before)?;
        let backend = Cuda::with_instruction(machine.clone(), instruction);
        backend.exact_product(bits, &kernel, a.address(), b.address(), c.address())?;
        // Outputs, not comparisons, are counted.
        let words = if at == 0 { m * n } else { 0 };
        check.count(words, &c.words()?, &expected, || {
            format!("{bits:?} with {}: {kernel:?}", instruction.name())
        });
    }
    Ok(())
}

fn hash(check: &mut Check<'_>, seed: u64) -> Result<(), Error> {
    let mut values = Values::new(seed);
    let len = size(&mut values, 8 * check.case_words);
    let words: Vec<u32> = (0..len).map(|_| values.word()).collect();
    let memory = Memory::of(check.backend.machine(), &words)?;
    let bytes = |digest: &[u8]| -> Vec<u32> {
        digest.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
    };
    let top = samebit_commit::Digest(check.backend.top(memory.address(), len)?);
    let found = tensor::root(tensor::DType::F32, len as u64, top);
    let expected = tensor::root_of(tensor::DType::F32, &words);
    check.count(len, &bytes(found.as_ref()), &bytes(expected.as_ref()), || format!("root of {len} words"));
    let pages = check.backend.page_digests(&Buffer(Box::new(memory)), len);
    let expected = tensor::page_digests(&words);
    let flat: Vec<u32> = pages.iter().flat_map(|digest| bytes(digest)).collect();
    let right: Vec<u32> = expected.iter().flat_map(|digest| bytes(digest.as_ref())).collect();
    check.count(0, &flat, &right, || format!("pages of {len} words"));
    Ok(())
}
