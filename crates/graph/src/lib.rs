//! Programs: the operator graph of one step, as data (docs/spec/program.md is the norm).
//!
//! A [`Builder`] composes [`operators`] into nodes and derives the gradient from its tape; a [`Program`] is checked, measured,
//! encoded and run by the reference interpreter.

pub mod batch;
pub mod builder;
pub mod canonical;
mod cost;
mod error;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod gas;
pub mod index;
pub mod interpret;
mod legality;
pub mod limits;
pub mod node;
pub mod operators;
pub mod optimizer;
mod program;
pub mod scalar;

pub use builder::Builder;
pub use cost::Cost;
pub use error::{Fault, GraphError};
pub use index::Index;
pub use node::{DType, Fold, FoldKind, Input, Kind, Node, NodeId, Predicate, Relation};
pub use program::{Declaration, Program, Spec};
