//! What a float operation means, bit by bit. See docs/spec/arithmetic.md.
mod arith;
pub use arith::Arith;
