//! A small synthetic job in integers, with a referee, sides that tell the truth or lie at one chosen place, and a world in which they play.
//!
//! For tests only: of this crate, of its model, and of its twin in Solidity. Everything a real job has is there — states, tables, maps, folds of one and
//! of many blocks, a composite with folds in its body, sinks, a loss that may diverge — in sizes that a test can enumerate.

mod job;
mod referee;
mod tale;
mod world;

pub use job::{BLOCK, Input, Job, Kind, Node, Terms};
pub use referee::ToyReferee;
pub use tale::{Below, Lie, Tale};
pub use world::{Conduct, Peer, World};
