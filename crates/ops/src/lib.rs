//! Primitive and fused kernels, each the bits of docs/spec on every processor.
//!
//! Whatever a kernel does quickly it does as its slow definition says, bit for bit: the instruction set, the tiling and the
//! number of threads choose the time, never the result.
pub mod attention;
pub mod permute;
pub mod product;
pub mod rows;
pub mod scatter;
pub mod simd;
#[cfg(test)]
mod testing;
