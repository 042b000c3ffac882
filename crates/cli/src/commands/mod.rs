//! The verbs, one file each.

pub mod bench;
pub mod completions;
pub mod devnet;
pub mod dispute;
pub mod doctor;
pub mod generate;
pub mod pinpoint;
pub mod program;
pub mod quote;
pub mod run;
pub mod verify;
