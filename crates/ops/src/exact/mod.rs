//! The exact product: C\[m, n\] = fold over k of A\[m, k\]·B\[n, k\] in integers (docs/spec/arithmetic.md §3, Exact products).
//!
//! ```text
//! total = +0, or what C holds
//! for each block of 256 rising k:
//!     q = x·2^−e, an integer of B bits, e the least for the operand's row and block
//!     S = Σ qa[m, k]·qb[n, k]                     exact: any order, any instruction
//!     total = total + S·2^(ea + eb)               the term is rounded once
//! ```
//!
//! Why every path has the same bits: S is an integer and all of its paths are exact. Sums are modulo 2^32, so a sum that is known to fit
//! 31 bits may pass through any others; the packed operands keep the norms that show it, and a block is cut into pieces where they do
//! not. Pieces are added as high·2^24 + low, both floats without rounding, so that one `fma` rounds S once. Where the scales
//! leave the range in which S may be rounded before it is scaled, every element takes a slow path.
//!
//! ```
//! use samebit_ops::exact::{Bits, Packed, Side, product};
//! use samebit_ops::product::{Matrix, MatrixMut, Start};
//! use samebit_ops::simd::Isa;
//!
//! let a = [1.0, 2.0, 3.0, 4.0]; // [2, 2]
//! let b = [5.0, 6.0, 7.0, 8.0, 9.0, 10.0]; // [3, 2]
//! let mut c = [0.0; 6];
//! let isa = Isa::detect();
//! let weights = Packed::pack(isa, Bits::Fourteen, Side::Right, Matrix::rows(&b, 3, 2));
//! product(isa, Bits::Fourteen, Matrix::rows(&a, 2, 2), &weights, MatrixMut::rows(&mut c, 2, 3), Start::Zero);
//! assert_eq!(c, [17.0, 23.0, 29.0, 39.0, 53.0, 67.0]);
//! ```
pub mod definition;
mod drive;
mod packed;
mod quantise;
#[cfg(test)]
mod tests;
mod tile;
mod words;

pub use drive::{Operand, product};
pub use packed::{Packed, Side};
pub use samebit_num::fold::Bits;
