//! The seam between what is computed and what computes it: opaque buffers and kernels as data.
//!
//! A kernel says what to compute in the terms of docs/spec/arithmetic.md; a backend may compute it with any tiling, vector
//! width or thread count, and gives the same bits. [`crate::Reference`] runs each kernel's definition, slowly, on the soft arithmetic;
//! [`crate::Cpu`] runs the fast paths of one instruction set.

use crate::attention::AttentionKernel;
use crate::permute::PermuteKernel;
use crate::product::{ColumnProductKernel, ProductKernel};
use crate::rows::RowProgram;
use crate::scatter::ScatterKernel;
use crate::simd::Isa;
use crate::total::TotalKernel;
use std::any::Any;

/// Device memory: a run of 32-bit words that only its backend can look into.
pub struct Buffer(pub Box<dyn Any + Send + Sync>);

/// A kernel with its shape; the operands are given to [`Backend::run`] in the order that each kernel's type documents.
#[derive(Clone, Debug, PartialEq)]
pub enum Kernel {
    /// C = A · Bᵀ by ordered or exact products.
    Product(ProductKernel),
    /// Per column, the ordered product of two columns, or of a column with ones.
    ColumnProduct(ColumnProductKernel),
    /// Fused scalar programs and folds over the rows of a matrix.
    Rows(RowProgram),
    /// Ordered sums of rows that share a key: an embedding's gradient.
    Scatter(ScatterKernel),
    /// The fold of a whole tensor to one element.
    Total(TotalKernel),
    /// Composite attention, forward or backward.
    Attention(AttentionKernel),
    /// A copy with the dimensions in another order.
    Permute(PermuteKernel),
}

/// An operand: a buffer, and the flat index in its tensor of the buffer's first word (0 unless the buffer holds a slice).
///
/// Only a pass over rows reads the origin: its addresses count from the start of the tensor. The other kernels take the
/// buffer's first words, or count from the buffer's word 0 where they have an offset.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The memory.
    pub buffer: &'a Buffer,
    /// Flat index of the buffer's word 0.
    pub origin: u64,
}

/// Why a backend could not do as told. A kernel whose operands do not fit its shape is a broken invariant and panics.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The device has no room.
    #[error("{backend} cannot allocate {words} words; hint: lower --memory or micro_batch_size")]
    OutOfMemory {
        /// The backend's name.
        backend: &'static str,
        /// Words asked for.
        words: usize,
    },
}

/// A device that runs kernels.
pub trait Backend: Send + Sync {
    /// `reference`, `scalar`, `avx2`, `avx512`.
    fn name(&self) -> &'static str;

    /// A buffer of `words` words, all 0.
    fn allocate(&self, words: usize) -> Result<Buffer, BackendError>;

    /// Copies `words` into the buffer from word `at`.
    fn write(&self, buffer: &mut Buffer, at: usize, words: &[u32]);

    /// Copies the words from `at` into `words`.
    fn read(&self, buffer: &Buffer, at: usize, words: &mut [u32]);

    /// Runs a kernel at step `step` of the job; outputs never alias inputs. A buffer may be longer than the kernel needs: its
    /// first words are used. Uses the threads of rayon's current pool.
    fn run(&self, kernel: &Kernel, step: u64, inputs: &[View<'_>], outputs: &mut [Buffer]);

    /// The right operand of a product in a form of the backend's own, which any number of runs of the kernel take in its place: what is the same
    /// for several of them is rearranged once. Nothing where that would not pay.
    fn prepare(&self, _kernel: &ProductKernel, _right: View<'_>) -> Option<Buffer> {
        None
    }

    /// SHA-256 digests of the buffer's pages: tag 0x00 and up to 256 words, little-endian (docs/spec/commitment.md).
    fn page_digests(&self, buffer: &Buffer, words: usize) -> Vec<[u8; 32]>;
}

/// The backend called `name`: `reference`, `scalar`, `avx2` or `avx512`.
pub fn backend(name: &str) -> Result<Box<dyn Backend>, UnknownBackend> {
    if name == "reference" {
        return Ok(Box::new(crate::Reference));
    }
    let isa: Isa = name.parse().map_err(|_| UnknownBackend::Name(name.to_owned()))?;
    let cpu = crate::Cpu::new(isa).ok_or(UnknownBackend::Missing(isa.name()))?;
    Ok(Box::new(cpu))
}

/// Why there is no such backend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownBackend {
    /// A name that is no backend.
    #[error("unknown backend `{0}`\nhint: use reference, scalar, avx2 or avx512")]
    Name(String),
    /// A backend that this processor cannot run.
    #[error("this processor has no {0}\nhint: use `{best}`", best = Isa::detect().name())]
    Missing(&'static str),
}
