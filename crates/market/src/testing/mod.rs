//!

mod chain;
mod script;
mod toy;

pub use chain::{Chain, Court, MARKET, TREASURY};
pub use script::{Conduct, Script, owner};
pub use toy::Toy;
