//! The comparisons can fail: a kernel with one thing changed gives other bits, and the tests' cases see it.

mod common;

use common::{Values, outputs};
use samebit_cuda::exact::define;
use samebit_cuda::{Cuda, Emulator, Error, Launch, Machine, Memory, Order, samples};
use samebit_num::fold::Bits;
use samebit_ops::attention::{AttentionKernel, Pass};
use samebit_ops::product::{ColumnProductKernel, Layout, ProductKernel};
use samebit_ops::scatter::ScatterKernel;
use samebit_ops::{Backend, Cpu, Kernel};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// An emulator that changes the text of what it is given.
struct Saboteur {
    emulator: Emulator,
    from: &'static str,
    to: &'static str,
}

impl Machine for Saboteur {
    fn describe(&self) -> String {
        format!("{} with `{}` for `{}`", self.emulator.describe(), self.to, self.from)
    }
    fn multiprocessors(&self) -> u32 {
        self.emulator.multiprocessors()
    }
    fn allocate(&self, bytes: usize) -> Result<u64, Error> {
        self.emulator.allocate(bytes)
    }
    fn free(&self, address: u64, bytes: usize) {
        self.emulator.free(address, bytes);
    }
    fn write(&self, address: u64, words: &[u32]) -> Result<(), Error> {
        self.emulator.write(address, words)
    }
    fn read(&self, address: u64, words: &mut [u32]) -> Result<(), Error> {
        self.emulator.read(address, words)
    }
    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error> {
        let mut source = launch.source.clone();
        // Kernels of other texts, such as those that join totals, stay as they are.
        source.text = Cow::Owned(source.text.replace(self.from, self.to));
        self.emulator.launch(&Launch { source: &source, ..*launch })
    }
    fn synchronize(&self) -> Result<(), Error> {
        self.emulator.synchronize()
    }
}

/// A backend with one thing changed; none without a C++ compiler.
fn backend(from: &'static str, to: &'static str) -> Option<Cuda> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator");
    match Emulator::new(&folder, Order::Rising) {
        Ok(emulator) => Some(Cuda::new(Arc::new(Saboteur { emulator, from, to }))),
        Err(error @ Error::NoHostCompiler { .. }) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The change makes other bits of this kernel, and its opposite, no change, the right ones.
#[track_caller]
fn shows(from: &'static str, to: &'static str, kernel: &Kernel, inputs: &[Vec<u32>], before: &[Vec<u32>]) {
    let expected = outputs(&Cpu::detect(), kernel, 0, inputs, before);
    let (Some(right), Some(wrong)) = (backend(from, from), backend(from, to)) else { return };
    assert_eq!(outputs(&right, kernel, 0, inputs, before), expected, "{from}");
    assert_ne!(outputs(&wrong, kernel, 0, inputs, before), expected, "`{to}` for `{from}` is not seen");
}

#[test]
fn a_product_with_a_barrier_or_a_block_less_is_seen() {
    let mut values = Values::new(1);
    // Wide enough that k is not split.
    let (m, n, k) = (260, 390, 264);
    let layout = Layout { offset: 0, row_stride: k, k_stride: 1 };
    let kernel = Kernel::Product(ProductKernel { m, n, k, a: layout, b: layout, accumulate: false });
    let inputs = [values.words(m * k), values.words(n * k)];
    let before = [vec![0; m * n]];
    let barrier = "__syncthreads();\n        if ((stage + 1)";
    shows(barrier, "if ((stage + 1)", &kernel, &inputs, &before);
    shows("(stage + 1) % (SAMEBIT_BLOCK / TERMS) == 0 || left == 0", "left == 0", &kernel, &inputs, &before);
}

#[test]
fn a_column_product_with_a_term_less_is_seen() {
    let mut values = Values::new(2);
    let kernel = ColumnProductKernel { rows: 300, columns: 5, pair: false, accumulate: false };
    let (from, to) = (
        "end = first + SAMEBIT_BLOCK < rows ? first + SAMEBIT_BLOCK",
        "end = first + 255 < rows ? first + 255",
    );
    shows(from, to, &Kernel::ColumnProduct(kernel), &[values.words(1500)], &[vec![0; 5]]);
}

#[test]
fn a_sum_in_another_order_is_seen() {
    let mut values = Values::new(3);
    let program = samples::layer_norm(2, 300);
    let inputs = [600, 300, 300].map(|length| values.words(length));
    let before: Vec<Vec<u32>> = (0..3).map(|store| vec![7; program.output_len(store) as usize]).collect();
    let (from, to) = ("i * 16 + threadIdx.x % 16", "threadIdx.x % 16 * 16 + i");
    shows(from, to, &Kernel::Rows(program), &inputs, &before);
    let keys = (0..300).map(|_| values.below(2) as u32).collect();
    let kernel = ScatterKernel { rows: 300, columns: 3, count: 2, accumulate: true };
    let inputs = [keys, values.words(900)];
    let (from, to) = ("row % SAMEBIT_LANES == lane", "row / SAMEBIT_LANES % SAMEBIT_LANES == lane");
    shows(from, to, &Kernel::Scatter(kernel), &inputs, &[vec![0; 6]]);
}

#[test]
fn attention_that_sees_the_future_is_seen() {
    let mut values = Values::new(4);
    let pass = Pass::Forward;
    let kernel =
        AttentionKernel { pass, batch: 1, time: 70, heads: 1, group: 1, head_size: 12, scale: 0x3e80_0000 };
    let inputs: Vec<Vec<u32>> = kernel.lengths().0.into_iter().map(|length| values.words(length)).collect();
    let before: Vec<Vec<u32>> = kernel.lengths().1.into_iter().map(|length| vec![0; length]).collect();
    let (from, to) = ("mask_up_to(first, first_t + row_y + i)", "mask_up_to(first, first_t + row_y + i + 1)");
    shows(from, to, &Kernel::Attention(kernel), &inputs, &before);
}

#[test]
fn a_scale_or_a_weight_that_is_wrong_is_seen() {
    let mut values = Values::new(5);
    let (m, n, k) = (5, 6, 300);
    let layout = Layout { offset: 0, row_stride: k, k_stride: 1 };
    let kernel = ProductKernel { m, n, k, a: layout, b: layout, accumulate: false };
    let (mut a, b) = (values.words(m * k), values.words(n * k));
    // A block whose greatest value is all ones, where the exponent is at its edge.
    a[..256].fill(0x3f7e_0000);
    for (bits, from, to) in [
        (Bits::Eight, "(greatest & 0x7fffff) > ones", "(greatest & 0x7fffff) >= ones"),
        (Bits::Fourteen, "1 - (1 << 7) : 1 << 7", "1 : 1 << 7"),
        (Bits::TwentyOne, "chunk ^ (row >> 1 & 3)", "(chunk ^ (row >> 1 & 3)) % 3"),
    ] {
        let mut expected = vec![0; m * n];
        define(bits, &kernel, &a, &b, &mut expected);
        let found = |backend: &Cuda| {
            let memory = |words: &[u32]| Memory::of(backend.machine(), words).unwrap();
            let (a, b, c) = (memory(&a), memory(&b), memory(&vec![0; m * n]));
            let left = backend.quantise(bits, a.address(), layout, m, k).unwrap();
            let right = backend.quantise(bits, b.address(), layout, n, k).unwrap();
            backend.packed_product(&left, &right, c.address(), false).unwrap();
            c.words().unwrap()
        };
        let (Some(right), Some(wrong)) = (backend(from, from), backend(from, to)) else { return };
        assert_eq!(found(&right), expected, "{bits:?}");
        assert_ne!(found(&wrong), expected, "{bits:?}: `{to}` for `{from}` is not seen");
    }
}

#[test]
fn a_digest_of_another_length_is_seen() {
    let mut values = Values::new(6);
    let words = values.words(32 * 256);
    let (from, to) = ("w[15] = 8 * (1 + 4 * PAGE_WORDS);", "w[15] = 8 * (4 * PAGE_WORDS);");
    let (Some(right), Some(wrong)) = (backend(from, from), backend(from, to)) else { return };
    let digests = |backend: &dyn Backend| {
        let mut buffer = backend.allocate(words.len()).unwrap();
        backend.write(&mut buffer, 0, &words);
        backend.page_digests(&buffer, words.len())
    };
    let expected = digests(&Cpu::detect());
    assert_eq!(digests(&right), expected);
    assert_ne!(digests(&wrong), expected);
}
