//! What the parties of a job do, as pure machines, and the glue between runs and disputes.
//!
//! ```text
//!   chain: blocks ──> Ledger: the twins of market and dispute ┐
//!   executor: results, store, peers' words ───────────────────┼─> Party: submitter, solver, verifier,
//!                                                             │          custodian, whistleblower ──> actions
//!   trace: a stored run ──Segment──> dispute::Story ──Task::run──> messages
//!                                                        ↑ ↓
//!   chain: its log ──> dispute::Dispute ──events──>  Disputant ──actions──> chain: sent, computed
//!            Mirror ───────┘ └ Arithmetic: the referee, off the chain
//! ```
//! A role is `on(now, event) -> actions`: no network, no file, no clock and no waiting, so that a peer drives it over a real chain and a test
//! drives ten thousand of them over none. [`Party`] is a peer with its roles (`docs/spec/roles.md`), [`Ledger`] all that it knows of the chain. [`Disputant`]
//! stands by a claim; [`Segment`] tells it what the run says.
#![deny(clippy::float_arithmetic)]

mod arguing;
mod arithmetic;
mod chores;
mod custodian;
pub mod disputant;
mod ledger;
pub mod limits;
mod message;
mod mirror;
pub mod party;
mod planted;
mod question;
mod solver;
mod story;
mod submitter;
mod verifier;
mod whistleblower;

pub use arithmetic::Arithmetic;
pub use custodian::Custodian;
pub use disputant::{Action, Disputant, Event, Task};
pub use ledger::{Arguing, Claimed, History, Ledger, Logged, Refusal, Taken, Tenure};
pub use message::{Ask, Blob, Block, Holding, Message, Notice, Piece, Purpose, Said, Secret};
pub use mirror::{Astray, Mirror};
pub use party::{Party, Role};
#[cfg(feature = "planted")]
pub use planted::{Bug, plant};
pub use question::{Terms, opening, question};
pub use solver::Solver;
pub use story::Segment;
pub use submitter::{Order, Submitter};
pub use verifier::Verifier;
pub use whistleblower::Whistleblower;
