//! The verbs, one file each.

pub mod bench;
pub mod completions;
pub mod demo;
pub mod devnet;
pub mod dispute;
pub mod doctor;
pub mod drill;
pub mod explain;
pub mod generate;
pub mod jobs;
pub mod network;
pub mod peer;
pub mod pinpoint;
pub mod program;
pub mod quote;
pub mod run;
pub mod submit;
pub mod verify;
