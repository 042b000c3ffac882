//! Market, Stake and Fund beside their twin in Rust.

mod attacks;
#[path = "../../../../crates/roles/tests/common/mod.rs"]
mod common;
mod disputes;
mod forced;
mod garbled;
mod gas;
mod refusals;
mod reorganised;
mod table;
mod token;
mod town;
mod trial;
mod twins;
