//! One machine on the network: it follows the chain, talks to other peers, computes, keeps what it must not lose, and lets its roles decide.
//!
//! ```text
//!            ┌────────────── Driver ──────────────┐
//!   chain ───┤ blocks ─>            ─> messages   │      Identity    one key: account, name, secrets
//!   peers ───┤ notices, parcels ─> Machine        │      Store       results and parcels, on the disk before they are spoken of
//!   executor ┤ outcomes ─>          ─> tasks      │      Directory   who is where
//!            └────────────────────────────────────┘      Letters     whose word was heard
//! ```
//! What it decides is in `samebit_roles`; nothing here knows what a batch or a game is. [`start`] puts a peer together from a [`Config`].
#![deny(clippy::float_arithmetic)]

mod compute;
mod directory;
mod driver;
mod enrolment;
mod executor;
mod identity;
mod letters;
pub mod limits;
mod machine;
mod meter;
mod observer;
pub mod records;
mod speech;
mod start;
mod store;
mod transfers;

pub use compute::{Compute, StepTime};
pub use directory::Directory;
pub use driver::{Driver, DriverError, question_of};
pub use enrolment::{Duty, Enrolment};
pub use executor::Executor;
pub use identity::{Identity, KeyError};
pub use letters::Letters;
pub use machine::{Machine, Party};
pub use meter::{Meter, Part, process_time};
pub use observer::Observer;
/// The version in which peers speak with each other; those of another one are refused.
pub use samebit_net::wire::VERSION as PROTOCOL_VERSION;
pub use speech::{Here, Registered, Spoken, Where};
pub use start::{Config, StartError, roles_block, start};
pub use store::{Shelf, Store, StoreError, outline};
