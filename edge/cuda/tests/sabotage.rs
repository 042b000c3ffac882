//! The comparisons can fail: a kernel with one thing changed gives other bits, and the tests' cases see it.

mod common;

use common::{Values, outputs};
use samebit_cuda::exact::{self, Instruction, define};
use samebit_cuda::source::HEADERS;
use samebit_cuda::{Cuda, Emulator, Error, Launch, Machine, Memory, Order, Source, samples};
use samebit_num::fold::{Bits, Numerics};
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
    fn instructions(&self) -> &[Instruction] {
        self.emulator.instructions()
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
        source.text = Cow::Owned(whole(&source).replace(self.from, self.to));
        self.emulator.launch(&Launch { source: &source, ..*launch })
    }
    fn synchronize(&self) -> Result<(), Error> {
        self.emulator.synchronize()
    }
}

/// A text with what it shares with others, to be changed too.
fn whole(source: &Source) -> String {
    let (name, shared) = HEADERS.into_iter().find(|(name, _)| *name == "exact.h").unwrap();
    source.text.replace(&format!("#include \"{name}\""), shared)
}

/// A machine that changes one thing; none without a C++ compiler.
fn saboteur(order: Order, from: &'static str, to: &'static str) -> Option<Arc<dyn Machine>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator");
    match Emulator::new(&folder, order) {
        Ok(emulator) => Some(Arc::new(Saboteur { emulator, from, to })),
        Err(error @ Error::NoHostCompiler { .. }) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A backend with one thing changed.
fn backend(from: &'static str, to: &'static str) -> Option<Cuda> {
    saboteur(Order::Rising, from, to).map(Cuda::new)
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
    let kernel = Kernel::Product(ProductKernel {
        numerics: Numerics::F32,
        m,
        n,
        k,
        a: layout,
        b: layout,
        accumulate: false,
    });
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
    let kernel = AttentionKernel {
        pass,
        batch: 1,
        time: 70,
        queries: 70,
        heads: 1,
        group: 1,
        head_size: 12,
        scale: 0x3e80_0000,
        numerics: Numerics::F32,
    };
    let inputs: Vec<Vec<u32>> = kernel.lengths().0.into_iter().map(|length| values.words(length)).collect();
    let before: Vec<Vec<u32>> = kernel.lengths().1.into_iter().map(|length| vec![0; length]).collect();
    let (from, to) = ("mask_up_to(first, first_t + row_y + i)", "mask_up_to(first, first_t + row_y + i + 1)");
    shows(from, to, &Kernel::Attention(kernel), &inputs, &before);
}

/// An exact product with one thing changed has other bits than its definition, or is refused, in some order of the threads; as it is,
/// it has the right ones in each.
#[track_caller]
fn exact_shows(instruction: Instruction, bits: Bits, from: &'static str, to: &'static str) {
    let mut values = Values::new(5);
    // Rows that end within a tile, and slices of two blocks: more stages than the ring has.
    let (m, n, k) = (70, 21, 3000);
    let layout = Layout { offset: 0, row_stride: k, k_stride: 1 };
    let kernel = ProductKernel { numerics: Numerics::F32, m, n, k, a: layout, b: layout, accumulate: false };
    let (mut a, b) = (values.words(m * k), values.words(n * k));
    // A block whose greatest value is all ones, where the exponent is at its edge.
    a[..256].fill(0x3f7e_0000);
    let mut expected = vec![0; m * n];
    define(bits, &kernel, &a, &b, &mut expected);
    let is_right = |order, to| {
        let backend = Cuda::with_instruction(saboteur(order, from, to)?, instruction);
        let memory = |words: &[u32]| Memory::of(backend.machine(), words).unwrap();
        let (a, b, c) = (memory(&a), memory(&b), memory(&vec![0; m * n]));
        let run = backend.exact_product(bits, &kernel, a.address(), b.address(), c.address());
        Some(run.and_then(|()| c.words()).is_ok_and(|found| found == expected))
    };
    assert!(whole(&exact::source(bits, instruction)).contains(from), "{from}");
    let orders = [Order::Rising, Order::Falling, Order::Shuffled(1)];
    assert!(orders.iter().all(|&order| is_right(order, from) != Some(false)), "{bits:?}: {from}");
    let is_seen = orders.iter().any(|&order| is_right(order, to) != Some(true));
    assert!(is_seen, "{bits:?} with {}: `{to}` for `{from}` is not seen", instruction.name());
}

#[test]
fn a_scale_or_a_weight_that_is_wrong_is_seen() {
    for (bits, from, to) in [
        (Bits::Eight, "(greatest & 0x7fffff) > ones", "(greatest & 0x7fffff) >= ones"),
        (Bits::Fourteen, "1 - (1 << 7) : 1 << 7", "1 : 1 << 7"),
        (Bits::TwentyOne, "chunk ^ (row >> 1 & 3)", "(chunk ^ (row >> 1 & 3)) % 3"),
    ] {
        exact_shows(Instruction::Mma, bits, from, to);
    }
    for (bits, from, to) in [
        (Bits::Eight, "(chunk ^ r) * 16", "(chunk ^ r / 2) * 16"),
        (Bits::Fourteen, "sums.high[i] *= 127", "sums.high[i] *= 128"),
        (Bits::TwentyOne, "129 * sums.low[i]", "128 * sums.low[i]"),
        (Bits::TwentyOne, "0x031452", "0x031425"),
    ] {
        exact_shows(Instruction::Wgmma, bits, from, to);
    }
}

/// What orders wgmma and its copies: each fence, wait and arrival is needed, and so is where a descriptor points.
#[test]
fn a_warpgroup_that_does_not_wait_is_seen() {
    const FULL: &str = "samebit_barrier_wait(full(ring, ring.stage), ring.parity);";
    const EMPTY: &str = "samebit_barrier_wait(empty(ring, ring.stage), ring.parity);";
    for (from, to) in [
        ("samebit_group_fence(d);", ""),
        ("samebit_group_commit();", ""),
        ("samebit_group_wait<0>();", ""),
        ("samebit_group_wait<1>();", ""),
        ("samebit_group_result(sums.high);", ""),
        (FULL, ""),
        (EMPTY, ""),
        ("give_back(ring, last);", ""),
        ("give_back(ring, before(ring.stage));", "give_back(ring, ring.stage);"),
        ("samebit_fence_async();", ""),
        ("group * 64 * HALF_BYTES", "group * 32 * HALF_BYTES"),
        ("a + 2 * at", "a + 4 * at"),
        ("is_last ? 4 : 0", "0"),
    ] {
        exact_shows(Instruction::Wgmma, Bits::Fourteen, from, to);
    }
    // Thread 0 makes the barriers: who runs before it needs that of the block.
    exact_shows(Instruction::Wgmma, Bits::Eight, "    __syncthreads();\n", "");
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
