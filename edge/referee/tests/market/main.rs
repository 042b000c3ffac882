//! Market, Stake and Fund beside their twin in Rust.

mod attacks;
mod forced;
mod gas;
mod refusals;
mod token;
mod town;
mod twins;
