//! Market, Stake and Fund in an EVM, beside their twin in Rust.
//!
//! ```text
//! market::Message ── calls ──> a call of one of the contracts, signed where somebody's word comes with it
//!                               │
//! market::Event   <─ events ── its log            market::Refusal ── refusals ── its custom error, by name
//! ```

mod bazaar;
pub mod calls;
mod events;
pub mod refusals;
mod signatures;

pub use bazaar::{Bazaar, CHAIN_ID, Deployed, Outcome, Side};
pub use calls::Asked;
pub use events::event;
pub use signatures::{Keys, Purpose};
