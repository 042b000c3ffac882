//! Primitive and fused kernels, each the bits of docs/spec on every processor.
//!
//! Whatever a kernel does quickly it does as its slow definition says, bit for bit: the instruction set, the tiling and the
//! number of threads choose the time, never the result.
//!
//! ```text
//! Kernel (what to compute, as data) ──┬── Reference   its definition, element by element, on integers
//! Buffer, View (opaque memory)        └── Cpu         its fast path, written once over simd::Vector
//! ```
//!
//! A folder for each kernel holds its definition, its fast path and the tests that compare them; [`Backend`] is the seam that
//! the engine uses:
//!
//! ```
//! use samebit_num::fold::Numerics;
//! use samebit_ops::product::{Layout, ProductKernel};
//! use samebit_ops::{Backend, Cpu, Kernel, Reference, View};
//!
//! let rows = Layout { offset: 0, row_stride: 2, k_stride: 1 };
//! let numerics = Numerics::F32;
//! let kernel = Kernel::Product(ProductKernel { numerics, m: 2, n: 1, k: 2, a: rows, b: rows, accumulate: false });
//! let run = |backend: &dyn Backend| {
//!     let mut a = backend.allocate(4)?;
//!     let mut b = backend.allocate(2)?;
//!     let mut c = [backend.allocate(2)?];
//!     backend.write(&mut a, 0, &[1.0, 2.0, 3.0, 4.0].map(f32::to_bits));
//!     backend.write(&mut b, 0, &[5.0, 6.0].map(f32::to_bits));
//!     let inputs = [&a, &b].map(|buffer| View { buffer, origin: 0 });
//!     backend.run(&kernel, 0, &inputs, &mut c);
//!     let mut words = [0; 2];
//!     backend.read(&c[0], 0, &mut words);
//!     Ok::<_, samebit_ops::BackendError>(words)
//! };
//! assert_eq!(run(&Cpu::detect())?, [17.0, 39.0].map(f32::to_bits));
//! assert_eq!(run(&Cpu::detect())?, run(&Reference)?);
//! # Ok::<_, samebit_ops::BackendError>(())
//! ```
pub mod attention;
mod backend;
pub mod check;
mod cpu;
mod digest;
pub mod exact;
mod marks;
pub mod permute;
pub mod product;
mod reference;
pub mod rows;
pub mod scatter;
pub mod simd;
#[cfg(test)]
mod testing;
pub mod total;

pub use backend::{Backend, BackendError, Buffer, Kernel, UnknownBackend, View, backend};
pub use cpu::Cpu;
pub use digest::inner_digests;
pub use marks::{is_marked, mark};
pub use reference::Reference;
