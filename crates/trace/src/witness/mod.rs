//! The referee (docs/spec/dispute.md §5): redoes the piece of arithmetic at which a dispute ends, from a witness alone.
//!
//! [`Place`] is what the sides of a game agree on: which piece, and the roots under which all that it reads is found. A witness opens that
//! against those roots, in canonical bytes; [`truth`], [`structure`] and [`operand`] read it as the contracts `Step` and `Ledger` do, field by field, and
//! give the same answer or refuse. An answer depends on the place alone: no witness changes it.
//!
//! ```text
//! claim    segment(state, steps) ── step(state, trace) ── trace: list of the nodes' outputs ── tensor ── page ── word
//!                                          └ state: list of entries             row: list of a body's outputs ─┘
//! job      nodes: list of nodes · states: list of declarations · sinks: list of nodes · tables: list of tensors
//! ```
//! [`Truth::Malformed`] is an answer to [`Leaf::Malformed`] only: which rule ([`Rule`]) the node's bytes break, so that nothing of it can be redone.

mod arithmetic;
mod judge;
mod kinds;
mod make;
mod openings;
mod rules;

pub use judge::{Kept, PREDICATE_SLOT, Structure, Truth, operand, structure, truth};
pub use kinds::{Leaf, Piece, Place, Side};
pub use make::{Maker, Proof};
pub(crate) use make::{lane_fold, lanes, make, place};
pub use openings::{NodeOpening, StepOpening, TensorOpening, Tensors, WITNESS_LIMIT, WitnessError};
pub use rules::{Known, Rule, broken};
