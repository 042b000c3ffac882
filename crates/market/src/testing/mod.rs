//! A toy chain with a beacon and a court, a job whose truth is known, parties that play honestly or not, and random walks of all of them.
//!
//! For tests only: of this crate, of its model, and of its twin in Solidity. Whoever holds another implementation to this one walks with
//! [`Walk`]: each step is a moment, a sender, a message, and what this twin says to it.

mod attacks;
mod chain;
mod disturb;
mod log;
mod random;
mod script;
pub mod table;
mod toy;
mod walk;

pub use attacks::ATTACKS;
pub use chain::{Chain, Court, MARKET, TREASURY, beacon_value};
pub use disturb::disturb;
pub use log::{Told, watch};
pub use random::Random;
pub use script::{Conduct, Script, owner};
pub use toy::Toy;
pub use walk::{Step, Walk};
