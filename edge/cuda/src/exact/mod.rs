//! The exact products (docs/spec/arithmetic.md §3): their definition in integers, and their kernels.
//!
//! A block's product is an exact integer, so that tensor cores may add it in any order. There are two kernels, one for each
//! [`Instruction`]; they have the same bits and read planes that lie differently.

mod definition;

pub use definition::{define, rounded};

use crate::backend::{Cuda, blocks, long, word};
use crate::machine::{Argument, Launch, Memory};
use crate::{Error, Source};
use samebit_num::fold::{BLOCK, Bits};
use samebit_ops::product::{Layout, ProductKernel};
use std::borrow::Cow;

/// Names the only instruction to be used: `mma` or `wgmma`.
pub const VARIABLE: &str = "SAMEBIT_CUDA_PRODUCT";

/// Rows that a block of threads quantises.
const QUANTISE_ROWS: u32 = 32;
/// Rows of planes and exponents are padded to whole groups.
const GROUP_ROWS: usize = 8;
/// Threads of a block that quantises.
const QUANTISE_THREADS: u32 = 256;

/// The instruction that multiplies bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// `mma.sync`, a warp's: on every card.
    Mma,
    /// `wgmma.mma_async`, a warpgroup's: on `sm_90a`.
    Wgmma,
}

/// How an instruction's kernel is launched.
struct Shape {
    /// Rows and columns of C that a block of threads has.
    tile: (usize, usize),
    threads: u32,
    shared_bytes: u32,
}

impl Instruction {
    /// Its name in messages and in [`VARIABLE`].
    pub const fn name(self) -> &'static str {
        match self {
            Instruction::Mma => "mma",
            Instruction::Wgmma => "wgmma",
        }
    }

    fn shape(self, bits: Bits) -> Shape {
        let columns = if bits == Bits::TwentyOne { 64 } else { 128 };
        match self {
            Instruction::Mma => {
                let columns = if bits == Bits::Eight { 128 } else { 64 };
                Shape { tile: (128, columns), threads: 256, shared_bytes: 0 }
            }
            Instruction::Wgmma => {
                // Six stages of 128 bytes of each row and of exponents, and their barriers.
                let shared_bytes = 6 * ((128 + columns as u32) * 128 + 1024) + 128;
                Shape { tile: (128, columns), threads: 384, shared_bytes }
            }
        }
    }
}

/// The instructions that may be used of those that a machine has, best first: [`VARIABLE`]'s only, if it is set.
///
/// # Errors
/// If it names none of them.
pub fn allowed(has: &[Instruction]) -> Result<Vec<Instruction>, Error> {
    let Some(name) = std::env::var_os(VARIABLE) else { return Ok(has.to_vec()) };
    let found = has.iter().find(|instruction| name == *instruction.name());
    let names: Vec<&str> = has.iter().map(|instruction| instruction.name()).collect();
    let unknown = || Error::NoInstruction { name: name.display().to_string(), has: names.join(", ") };
    found.map(|&instruction| vec![instruction]).ok_or_else(unknown)
}

/// Planes of bytes that an operand is packed in: products of bytes for one product.
pub const fn planes(bits: Bits) -> usize {
    match bits {
        Bits::Eight => 1,
        Bits::Fourteen => 3,
        Bits::TwentyOne => 6,
    }
}

/// The kernels for factors of so many bits.
pub fn source(bits: Bits, instruction: Instruction) -> Source {
    let (count, name) = (bits.count(), instruction.name());
    let text = match instruction {
        Instruction::Mma => include_str!("../../kernels/exact_mma.cu"),
        Instruction::Wgmma => include_str!("../../kernels/exact_wgmma.cu"),
    };
    Source {
        name: format!("exact{count}_{name}"),
        text: Cow::Owned(format!("#define BITS {count}\n{text}")),
        kernels: ["quantise", "exact_product", "exact_terms"].map(Cow::Borrowed).into(),
    }
}

/// A quantised and packed operand, as one instruction reads it.
pub struct Packed {
    planes: Memory,
    exponents: Memory,
    rows: usize,
    k: usize,
    bits: Bits,
    instruction: Instruction,
}

impl Cuda {
    /// Quantises and packs a matrix of `rows` × `k`; `address` is that of its tensor's first word.
    ///
    /// # Errors
    /// The machine's.
    pub fn quantise(
        &self,
        bits: Bits,
        address: u64,
        layout: Layout,
        rows: usize,
        k: usize,
    ) -> Result<Packed, Error> {
        let packed = self.room(bits, rows, k)?;
        self.quantise_into(&packed, address, layout)?;
        Ok(packed)
    }

    /// Room for an operand of `rows` × `k`.
    ///
    /// # Errors
    /// The machine's.
    pub fn room(&self, bits: Bits, rows: usize, k: usize) -> Result<Packed, Error> {
        let (padded, k_blocks) = (rows.next_multiple_of(GROUP_ROWS), k.div_ceil(BLOCK));
        let planes = Memory::new(self.machine(), planes(bits) * padded * k_blocks * BLOCK / 4)?;
        let exponents = Memory::new(self.machine(), padded * k_blocks)?;
        Ok(Packed { planes, exponents, rows, k, bits, instruction: self.instruction() })
    }

    /// Quantises and packs a matrix into room that is there; as [`Cuda::quantise`].
    ///
    /// # Errors
    /// The machine's.
    pub fn quantise_into(&self, packed: &Packed, address: u64, layout: Layout) -> Result<(), Error> {
        let &Packed { ref planes, ref exponents, rows, k, bits, instruction } = packed;
        if rows * k == 0 {
            return Ok(());
        }
        let arguments = [
            Argument::Address(address + 4 * layout.offset as u64),
            long(layout.row_stride),
            long(layout.k_stride),
            long(rows),
            long(k),
            planes.argument(),
            exponents.argument(),
        ];
        let grid = [blocks(rows, QUANTISE_ROWS), blocks(k.div_ceil(BLOCK), 1), 1];
        self.launch(&source(bits, instruction), "quantise", grid, QUANTISE_THREADS, &arguments)
    }

    /// C = A · Bᵀ of packed operands; `c` is the address of \[rows of a, rows of b\].
    ///
    /// # Errors
    /// The machine's.
    ///
    /// # Panics
    /// If the operands' terms, bits or instructions differ.
    pub fn packed_product(&self, a: &Packed, b: &Packed, c: u64, accumulate: bool) -> Result<(), Error> {
        assert_eq!((a.k, a.bits, a.instruction), (b.k, b.bits, b.instruction), "operands of one product");
        let (m, n, k_blocks) = (a.rows, b.rows, a.k.div_ceil(BLOCK));
        if m * n == 0 {
            return Ok(());
        }
        let Shape { tile, threads, shared_bytes } = a.instruction.shape(a.bits);
        let tiles = m.div_ceil(tile.0) * n.div_ceil(tile.1);
        let slices = self.slices(tiles, k_blocks, m * n);
        let slice_blocks = k_blocks.div_ceil(slices);
        let source = source(a.bits, a.instruction);
        let run = |kernel: &str, slices: usize, c: u64, last: usize| {
            let mut arguments =
                [&a.planes, &a.exponents, &b.planes, &b.exponents].map(Memory::argument).to_vec();
            arguments.extend([Argument::Address(c), word(m), word(n), word(k_blocks), word(last)]);
            let grid = [blocks(tiles, 1), 1, blocks(slices, 1)];
            let arguments = &arguments;
            self.machine().launch(&Launch { source: &source, kernel, grid, threads, shared_bytes, arguments })
        };
        if slices == 1 {
            return run("exact_product", 1, c, usize::from(accumulate));
        }
        self.with_partial(k_blocks * m * n, |partial| {
            run("exact_terms", k_blocks.div_ceil(slice_blocks), partial.address(), slice_blocks)?;
            self.join(partial, c, m * n, k_blocks, accumulate)
        })
    }

    /// The exact product of two tensors, quantised on the way; addresses as for [`Cuda::product`].
    ///
    /// # Errors
    /// The machine's.
    pub fn exact_product(
        &self,
        bits: Bits,
        kernel: &ProductKernel,
        a: u64,
        b: u64,
        c: u64,
    ) -> Result<(), Error> {
        let a = self.quantise(bits, a, kernel.a, kernel.m, kernel.k)?;
        let b = self.quantise(bits, b, kernel.b, kernel.n, kernel.k)?;
        self.packed_product(&a, &b, c, kernel.accumulate)
    }
}
