//! Makes a run provable: states stored at the ends of segments, a receipt, and any step of it opened to its last bit.
//!
//! ```text
//!   Run        leaf: state root at a segment's end            from the receipt
//!   Steps      leaf: (state root, trace root) of a step       by replaying the segment
//!   Trace      leaf: root of a node's output                  by replaying the step
//!   Tensor     leaf: page, then element                       by replaying the step once more
//!   Row        leaf: root of a body node's output             of a composite's element, by definition
//!   Totals     leaf: running total after a block              of a fold's element, by definition
//!   Witness    one block or one map, with all that it reads   redone by anybody
//!   Interior   leaf: what a step shows to a checker           as the segment runs
//! ```
//! A run is stored as the states at its segments' ends; everything finer is replayed when somebody asks. [`Job`] is what is computed,
//! [`Runner`] computes it (and lies on purpose where a test says so), [`Folder`] keeps it, [`Receipt`] names it, [`Replay`] opens it as
//! [`samebit_commit::Sequence`]s, [`StoredTrace`] does so for a run that is not to be replayed, [`Element`] goes on below an element down to a
//! [`witness`], [`verify()`] re-executes it.

mod claims;
mod drive;
mod element;
mod error;
mod fault;
mod folder;
mod interior;
mod job;
mod metrics;
pub mod parcel;
mod receipt;
pub mod regular;
mod replay;
mod runner;
mod statefile;
mod stored;
mod verify;
pub mod witness;
mod words;

pub use claims::{Claims, Pages, SegmentRoots};
pub use drive::{Control, drive};
pub use element::{Element, Inside, Row};
pub use error::TraceError;
pub use fault::{Fault, ParseFaultError};
pub use folder::{Folder, Keep};
pub use interior::interior_evidence;
pub use job::{Job, entries, state_root_of, table};
pub use metrics::Metrics;
pub use receipt::{Cost, Ending, Posted, Receipt, RunRecord, SegmentRecord};
pub use replay::{Replay, RunSequence};
pub use runner::{Capture, Runner, StepTrace, Words};
pub use stored::StoredTrace;
pub use verify::{Finding, Selection, Verification, planned_steps, verify};
