//! Fused scalar programs and folds over the rows of a matrix: softmax, norms, activations, losses, optimisers.
//!
//! The domain is `rows × columns`. Stages run in order, each over one row at a time, so that what one stage leaves for
//! the next stays in cache; only the stages named in `stores` are written to memory.
//!
//! ```text
//! RowProgram ──define_rows──────────────────────────────────────────────→ words      element by element, any machine
//!     └─ PreparedRows: phases of stages ─ values, twins ─ steps on vector registers ─→ the same words
//! ```
//!
//! Why the bits are the same whatever the schedule: a value is made by the operations of its scalar program, lane by lane;
//! folds run in the blocks and lanes of docs/spec/arithmetic.md §3; rows do not meet.

mod address;
mod definition;
mod execute;
mod flat;
mod fold;
mod gather;
mod interpret;
mod plan;
mod prepared;
mod program;
mod schedule;
mod split;
#[cfg(test)]
mod tests;
mod twins;
mod values;
mod workspace;

pub use address::Operand;
pub use definition::{ScalarMachine, define_rows};
pub use prepared::{PreparedRows, RowCache};
pub use program::{Address, Columns, Gather, RowInput, RowProgram, RowTerm, Stage, StageKind};

use crate::simd::Isa;

/// Runs a pass that is not run again; see [`PreparedRows::run`].
///
/// # Panics
/// If the program is not well formed, an operand lacks an element below its tensor's end, or an output is too short.
pub fn run_rows(
    isa: Isa,
    program: &RowProgram,
    step: u64,
    inputs: &[Operand<'_>],
    outputs: &mut [&mut [u32]],
) {
    PreparedRows::new(program).run(isa, step, inputs, outputs);
}
