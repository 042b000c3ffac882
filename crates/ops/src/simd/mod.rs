//! Vector machines: the operations of docs/spec/arithmetic.md §2, 1, 8 or 16 lanes at a time.
//!
//! A kernel is written once, generic over [`Vector`], and run by [`Isa::run`] inside a function that the compiler may fill
//! with the instructions of that instruction set:
//!
//! ```
//! use samebit_num::Arith;
//! use samebit_ops::simd::{Isa, Kernel, Vector};
//!
//! /// data[i] = data[i]·data[i], rounded once.
//! struct Square<'a>(&'a mut [f32]);
//!
//! impl Kernel for Square<'_> {
//!     type Output = ();
//!     #[inline(always)]
//!     fn run<V: Vector>(self, mut machine: V) {
//!         for chunk in self.0.chunks_mut(V::LANES) {
//!             let x = machine.load_part(chunk);
//!             let y = machine.mul(x, x);
//!             machine.store_part_canonical(chunk, y);
//!         }
//!     }
//! }
//!
//! let mut data = [1.0, -2.0, 0.5];
//! Isa::detect().run(Square(&mut data));
//! assert_eq!(data, [1.0, 4.0, 0.25]);
//! ```
//!
//! Rules, and why they are safe:
//! - This is the crate's only module with `unsafe`.
//! - A token ([`Scalar`], [`Avx2`], [`Avx512`]) is a machine. The vector tokens have no constructor but `new`, which gives
//!   one only where the processor has every instruction that the machine uses. So whoever holds a token may use them.
//! - Memory is reached through slices whose lengths are checked; in a loop of fixed size the check costs nothing.
//! - Everything that takes part in a kernel is `#[inline(always)]`, or it is compiled without the vector instructions.
//! - Lanes never meet: an operation on a vector is the scalar operation on each lane. No width changes a bit.
#![allow(unsafe_code)]

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dots;
mod environment;
mod isa;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sha;
#[cfg(test)]
mod tests;

pub use aligned::Aligned;
#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use dots::{DotIsa, DotKernel, Dots, Integers};
pub use environment::assert_float_environment;
pub use isa::{Isa, Kernel};
pub use scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub use sha::Sha;

use samebit_num::Arith;

/// The bits of the one NaN that is ever written.
pub const NAN_BITS: u32 = 0x7fc0_0000;

/// A machine of several lanes, with the memory operations that kernels need.
///
/// Slices that are longer than needed are allowed: only their start is used. A slice that is too short panics.
pub trait Vector: Arith + Copy + Send + Sync + 'static {
    /// Values in one `F` or `U`: 1, 8 or 16.
    const LANES: usize;
    /// The instruction set of this machine.
    const ISA: Isa;

    /// The first `LANES` values of `source`.
    fn load(self, source: &[f32]) -> Self::F;
    /// The values of `source`, at most `LANES`; the other lanes are +0.
    fn load_part(self, source: &[f32]) -> Self::F;
    /// Writes all lanes to the start of `target`, as they are.
    fn store(self, target: &mut [f32], value: Self::F);
    /// Writes the first `min(LANES, target.len())` lanes, as they are.
    fn store_part(self, target: &mut [f32], value: Self::F);
    /// The first `LANES` integers of `source`.
    fn load_bits(self, source: &[u32]) -> Self::U;
    /// The integers of `source`, at most `LANES`; the other lanes are 0.
    fn load_bits_part(self, source: &[u32]) -> Self::U;
    /// Writes all lanes to the start of `target`.
    fn store_bits(self, target: &mut [u32], value: Self::U);
    /// Writes the first `min(LANES, target.len())` lanes.
    fn store_bits_part(self, target: &mut [u32], value: Self::U);
    /// `value` with every NaN as 0x7fc00000.
    fn canonical(self, value: Self::F) -> Self::F;
    /// `table[index]`, lane by lane. Panics if an index is out of range.
    fn gather(self, table: &[f32], index: Self::U) -> Self::F;
    /// The greater of two unsigned integers.
    fn greater(self, a: Self::U, b: Self::U) -> Self::U;
    /// The lane numbers 0, 1, … LANES − 1.
    fn lane_numbers(self) -> Self::U;
    /// True where some lane's truth value is.
    fn any(self, mask: Self::M) -> bool;

    /// Asks for the cache line that is `ahead` floats after the start of `near`, which may lie outside of any memory: a hint.
    fn prefetch(self, near: &[f32], ahead: usize);
    /// The same for memory that is needed later: into the second-level cache only.
    fn prefetch_distant(self, near: &[f32], ahead: usize);

    /// Transposes a square of `LANES` × `LANES`: `target[i·target_stride + j] = source[j·source_stride + i]` for rising i.
    ///
    /// Only the first `rows ≤ LANES` rows of `source` are read, the others count as zeros, and a row of `target` is cut
    /// where `target` ends. With `target_stride < LANES` the rows of `target` overlap and the later one stays.
    fn transpose(
        self,
        source: &[f32],
        source_stride: usize,
        rows: usize,
        target: &mut [f32],
        target_stride: usize,
    );

    /// Runs `kernel` in a function of its own, compiled for this machine. Keeps a large kernel from being inlined into many
    /// places, and its registers apart from its surroundings.
    fn call<K: Kernel>(self, kernel: K) -> K::Output;

    /// The same value in all lanes.
    #[inline(always)]
    fn splat(mut self, value: f32) -> Self::F {
        self.constant(value.to_bits())
    }

    /// Writes all lanes to the start of `target`, every NaN as 0x7fc00000: the way that tensors are written.
    #[inline(always)]
    fn store_canonical(self, target: &mut [f32], value: Self::F) {
        self.store(target, self.canonical(value));
    }

    /// Writes the first `min(LANES, target.len())` lanes, every NaN as 0x7fc00000.
    #[inline(always)]
    fn store_part_canonical(self, target: &mut [f32], value: Self::F) {
        self.store_part(target, self.canonical(value));
    }
}
