//! Programs: the operator graph of one step, as data (docs/spec/program.md is the norm).
//!
//! A [`Builder`] composes [`operators`] into nodes and derives the gradient from its tape; a [`Program`] is checked, measured,
//! encoded and run by the reference interpreter.
//!
//! ```
//! use samebit_graph::interpret::{Bits, run_step};
//! use samebit_graph::operators::{Linear, elementwise};
//! use samebit_graph::{Builder, optimizer};
//! use samebit_num::Native;
//!
//! // y = relu(x · wᵀ); the loss is |y|, and the step replaces w by its gradient.
//! let mut builder = Builder::new();
//! let (x, w) = (builder.state("x", &[1, 2]), builder.state("w", &[1, 2]));
//! let product = builder.apply(Linear::default(), &[x, w]);
//! let y = builder.apply(elementwise::RELU, &[product]);
//! let gradient = builder.gradient(y, &[w])[0];
//! let norm = optimizer::global_norm(&mut builder, &[gradient]);
//! let program = builder.finish(&[(w, gradient)], y, norm);
//! program.check()?;
//!
//! let words = |values: [f32; 2]| values.map(f32::to_bits).to_vec();
//! let outputs = run_step(&mut Bits(Native), &program, &[words([3.0, 4.0]), words([1.0, 0.5])], &[], 0);
//! assert_eq!(f32::from_bits(outputs[program.loss as usize][0]), 5.0);
//! assert_eq!(outputs[program.sinks[1] as usize], words([3.0, 4.0]));
//! # Ok::<(), samebit_graph::GraphError>(())
//! ```

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
pub use samebit_num::fold::Numerics;
