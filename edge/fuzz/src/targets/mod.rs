//! The targets. What is not here: formats that are wholly a library's (redb's pages, keystores, TLS, QUIC) and the words of a command line.

mod calls;
mod commit;
mod dataset;
mod devnet_config;
mod events;
mod folder;
mod graph;
mod job_file;
mod job_parcel;
mod model_config;
mod net;
mod program;
mod receipt;
mod records;
mod requests;
mod speech;
mod state_parcel;
mod tokenizer;
mod weights;
mod witness;

use crate::Target;
use samebit_commit::Canonical;
use std::fmt::Debug;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "calls", run: calls::run, memory: 64 * KIB },
    Target { name: "commit", run: commit::run, memory: 64 * KIB },
    Target { name: "dataset", run: dataset::run, memory: 64 * MIB },
    Target { name: "devnet_config", run: devnet_config::run, memory: MIB },
    Target { name: "events", run: events::run, memory: 64 * KIB },
    Target { name: "folder", run: folder::run, memory: 8 * MIB },
    Target { name: "graph", run: graph::run, memory: 64 * KIB },
    Target { name: "job_file", run: job_file::run, memory: MIB },
    Target { name: "job_parcel", run: job_parcel::run, memory: 4 * MIB },
    Target { name: "model_config", run: model_config::run, memory: MIB },
    Target { name: "net", run: net::run, memory: 256 * KIB },
    Target { name: "program", run: program::run, memory: 2 * MIB },
    Target { name: "receipt", run: receipt::run, memory: 64 * KIB },
    Target { name: "records", run: records::run, memory: 64 * KIB },
    Target { name: "requests", run: requests::run, memory: 64 * MIB },
    Target { name: "speech", run: speech::run, memory: 64 * KIB },
    Target { name: "state_parcel", run: state_parcel::run, memory: 4 * MIB },
    Target { name: "tokenizer", run: tokenizer::run, memory: 64 * MIB },
    Target { name: "weights", run: weights::run, memory: MIB },
    Target { name: "witness", run: witness::run, memory: 256 * KIB },
];

/// The value that fills the bytes, which then are its one encoding.
fn canonical<T: Canonical + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let value = T::from_bytes(bytes).ok()?;
    assert!(value.to_bytes() == bytes, "{value:?} has two encodings");
    Some(value)
}
