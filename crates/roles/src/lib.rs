//! What the parties of a job do, as pure machines, and the glue between runs and disputes.
//!
//! ```text
//!   trace: a stored run ──Segment──> dispute::Story ──Task::run──> messages
//!                                                        ↑ ↓
//!   chain: its log ──> dispute::Dispute ──events──>  Disputant ──actions──> chain: sent, computed
//!            Mirror ───────┘ └ Arithmetic: the referee, off the chain
//! ```
//! A role is `on(now, event) -> actions`: no network, no file, no clock and no waiting, so that a peer drives it over a real chain and a test
//! drives ten thousand of them over none. [`Disputant`] stands by a claim; [`Segment`] tells it what the run says.
#![deny(clippy::float_arithmetic)]

mod arithmetic;
pub mod disputant;
pub mod limits;
mod mirror;
mod question;
mod story;

pub use arithmetic::Arithmetic;
pub use disputant::{Action, Disputant, Event, Task};
pub use mirror::{Astray, Mirror};
pub use question::{Terms, question};
pub use story::Segment;
