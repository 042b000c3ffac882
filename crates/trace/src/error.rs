//! What can go wrong with a run and its folder.

use crate::Inside;
use samebit_commit::Digest;
use samebit_engine::EngineError;
use samebit_graph::node::NodeId;
use std::path::PathBuf;

/// Why a run cannot be made, stored or read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A receipt of another version of its format.
    #[error(
        "{path}: receipt of schema {found}, this version reads schema {known}; hint: use the version that wrote it"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The schema found.
        found: u64,
        /// The schema that can be read.
        known: u32,
    },
    /// Stored bytes have another root than the receipt says.
    #[error("{what} has root {found}, but the receipt says {expected}")]
    Mismatch {
        /// What was hashed.
        what: String,
        /// The root of the bytes.
        found: Digest,
        /// The root in the receipt.
        expected: Digest,
    },
    /// A fault names a place that the job has not.
    #[error("fault {fault} is out of range: {reason}")]
    FaultRange {
        /// The fault as it was written.
        fault: String,
        /// The range.
        reason: String,
    },
    /// A state that is needed was not kept.
    #[error("the state before step {step} is not stored; hint: run with --keep all")]
    NoState {
        /// The step.
        step: u64,
    },
    /// The words of a step's tensors were not stored.
    #[error("of step {step} only the roots are stored, not the words")]
    NoWords {
        /// The step.
        step: u64,
    },
    /// The segment, the program or the node has no such element.
    #[error("there is no element {element} of node {node} in step {step} of the segment")]
    NoElement {
        /// The step.
        step: u64,
        /// The node.
        node: NodeId,
        /// The flat index of the element.
        element: u64,
    },
    /// An element has no such piece that could be redone.
    #[error(
        "node {node} has no piece {inside:?}, block {block}; hint: a map has block 0, a fold a block for each 256 terms, and a composite has the pieces of its body's nodes"
    )]
    NoPiece {
        /// The node.
        node: NodeId,
        /// The place in a body.
        inside: Option<Inside>,
        /// The block.
        block: u64,
    },
}

impl TraceError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> TraceError {
        let path = path.into();
        move |source| TraceError::File { path, source }
    }

    pub(crate) fn malformed(path: impl Into<PathBuf>, reason: impl ToString) -> TraceError {
        TraceError::Malformed { path: path.into(), reason: reason.to_string() }
    }
}
