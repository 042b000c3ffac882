//! The whole network in one process, from one seed.
//!
//! ```text
//! seed ──> Scenes: who plays, on which terms, what befalls them ──> Forecast: which liars lose how much
//!            │
//!   Run: links, clock, crashes, cuts ──events──> Peer: samebit_roles::Party, the production machine, with its disk
//!            │    ▲                                │
//!            ▼    └──────────── actions, bent by ──┘ Lie
//!   Chain: samebit_roles::Ledger, the twins of the contracts, in blocks that may be replaced
//!            │
//!   rules: what must hold of every run          World: what is computed: a small real job, honestly or not
//!            │
//!   Report: what was reached, and liars beside their forecasts: what must hold of many runs
//! ```
//! The same seed gives the same [`Outcome::audit`]. Nothing here knows how a role decides: a liar is an honest peer whose actions are bent.
#![deny(clippy::float_arithmetic)]

mod chain;
mod faults;
mod forecast;
mod lies;
mod losses;
mod names;
mod odds;
mod peer;
mod plays;
mod random;
mod report;
mod rules;
mod run;
mod scene;
mod tape;
mod world;

pub use faults::{FAULTS, Faults};
pub use forecast::Forecast;
pub use lies::{Bent, Lie, Verb};
pub use plays::{Leads, PLAYS, Play, STAGES};
pub use report::Report;
pub use run::{Liar, Outcome, Run, seeds};
pub use scene::{Actor, Part, SCENES, Scene, terms};
pub use tape::Tape;
pub use world::{Skew, World};
