//! The whole network in one process, from one seed.
//!
//! ```text
//! seed ──> Scene: who plays, on which terms, what befalls them
//!            │
//!   Run: links, clock, crashes, cuts ──events──> Peer: samebit_roles::Party, the production machine, with its disk
//!            │    ▲                                │
//!            ▼    └──────────── actions, bent by ──┘ Lie
//!   Chain: samebit_roles::Ledger, the twins of the contracts, in blocks that may be replaced
//!            │
//!   rules: what must hold of every run          World: what is computed: a small real job, honestly or not
//! ```
//! The same seed gives the same [`Outcome::audit`]. Nothing here knows how a role decides: a liar is an honest peer whose actions are bent.
#![deny(clippy::float_arithmetic)]

mod chain;
mod lies;
mod names;
mod peer;
mod random;
mod report;
mod rules;
mod run;
mod scene;
mod tape;
mod world;

pub use lies::{Bent, Lie};
pub use report::{Liars, Report, STAGES};
pub use run::{Outcome, Run, seeds};
pub use scene::{Actor, FAULTS, Faults, PLAYS, Part, Scene, terms};
pub use tape::Tape;
pub use world::{Skew, World};
