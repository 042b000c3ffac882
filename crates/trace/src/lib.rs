//! Makes a run provable: states stored at the ends of segments, a receipt, and any step of it opened to its last bit.
//!
//! ```text
//!   Run        leaf: state root at a segment's end            from the receipt
//!   Steps      leaf: (state root, trace root) of a step       by replaying the segment
//!   Trace      leaf: root of a node's output                  by replaying the step
//!   Tensor     leaf: page, then element                       by replaying the step once more
//! ```
//! A run is stored as the states at its segments' ends; everything finer is replayed when somebody asks. [`Job`] is what is computed,
//! [`Runner`] computes it (and lies on purpose where a test says so), [`Folder`] keeps it, [`Receipt`] names it, [`Replay`] opens it as
//! [`samebit_commit::Sequence`]s, [`verify()`] re-executes it.

mod drive;
mod error;
mod fault;
mod folder;
mod job;
mod receipt;
mod replay;
mod runner;
mod verify;

pub use drive::{Control, Metrics, drive};
pub use error::TraceError;
pub use fault::{Fault, ParseFaultError};
pub use folder::{Folder, Keep};
pub use job::{Job, table};
pub use receipt::{Cost, Ending, Receipt, RunRecord, SegmentRecord};
pub use replay::{Pages, Replay, RunSequence};
pub use runner::{Runner, StepTrace};
pub use verify::{Finding, Selection, Verification, verify};
