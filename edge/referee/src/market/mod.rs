//! Market, Stake and Fund in an EVM, beside their twin in Rust.
//!
//! ```text
//! market::Message ── samebit_chain::protocol ──> a call of one of the contracts, signed where somebody's word comes with it
//!                               │
//! market::Event   <─ events ── its log            market::Refusal ── refusals ── its custom error, by name
//! ```

mod bazaar;
mod events;
mod papers;
pub mod refusals;

pub use bazaar::{Bazaar, CHAIN_ID, Deployed, Outcome, Side};
pub use events::event;
pub use papers::{Asked, Keys, Letterhead};
