//! Runs a program fast: the same bits on every schedule.
//!
//! ```text
//!   Program ──lower──> units ──plan──> launches and slots ──run──> a backend's kernels
//! ```
//! [`lower`] decides which nodes one kernel computes together, [`slice`] which nodes can be computed for a part of the batch, [`plan`]
//! in which order and where in memory, [`recompute`] what is
//! computed again rather than kept, and [`Engine`] does it, step by step. None of it can change a bit: the definition of every node
//! (docs/spec/program.md) leaves no freedom that these choices could use.

mod check;
mod host;
pub mod lower;
pub mod plan;
pub mod recompute;
mod run;
pub mod slice;

pub use run::{Engine, EngineError, Outcome, Settings, Watch};
