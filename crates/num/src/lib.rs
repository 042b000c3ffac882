//! What a float operation means, bit by bit (docs/spec/arithmetic.md is the norm).
//!
//! A scalar function is written once, generic over [`Arith`]. Each machine runs that one text: [`Soft`], integers only, is the
//! authority; [`Native`] is the processor; [`Recorder`] writes down the bytecode ([`Code`]) that is hashed, that [`run`]
//! interprets, and that a contract executes for one element.
//!
//! ```
//! use samebit_num::{Arith, Native, Recorder, Soft, run};
//!
//! fn square_plus_one<A: Arith>(a: &mut A, x: A::F) -> A::F {
//!     let one = a.constant(1f32.to_bits());
//!     a.fma(x, x, one)
//! }
//!
//! let code = Recorder::record(square_plus_one);
//! let x = 0.1f32;
//! let expected = square_plus_one(&mut Native, x).to_bits();
//! assert_eq!(run(&code, &[x.to_bits()], &mut Soft), expected);
//! ```

mod arith;
mod code;
pub mod fold;
pub mod functions;
mod interpreter;
mod native;
mod op;
pub mod philox;
mod recorder;
mod soft;
pub mod vectors;
mod word;

pub use arith::{Arith, Call};
pub use code::{Code, CodeError, INSTRUCTION_BYTES, Instr, Note, REGISTER_LIMIT};
pub use interpreter::run;
pub use native::Native;
pub use op::{Immediate, Op, RegType};
pub use recorder::{Recorded, Recorder, RegF, RegM, RegU};
pub use soft::{Binary32, Soft};

/// The bits of the only NaN that can be seen.
pub const CANONICAL_NAN: u32 = 0x7fc0_0000;

/// The same bits, a NaN as 0x7fc00000.
#[inline(always)]
pub const fn canonical(bits: u32) -> u32 {
    if bits & 0x7fff_ffff > 0x7f80_0000 { CANONICAL_NAN } else { bits }
}
