//! What a sequence is a sequence of, and how its name is made.

use crate::{Digest, merkle, steps};
use std::fmt;

/// What a sequence is a sequence of; for reports and for telling unlike things apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The segments of a run.
    Run,
    /// A segment: its steps (leaf 0) and the state after it (leaf 1).
    Segment,
    /// The steps of a segment.
    Steps,
    /// A step: its trace (leaf 0) and the state after it (leaf 1).
    Step,
    /// The output roots of the nodes of a step.
    Trace,
    /// The output roots of the body nodes of one row of a composite.
    Row,
    /// The entries of a state.
    State,
    /// An entry of a state: its tensor (leaf 0) with its name and type.
    Entry,
    /// The pages of a tensor.
    Tensor,
    /// The words of a page.
    Page,
    /// The running totals of one element of a fold.
    Totals,
    /// A list of anything else.
    List,
}

impl Kind {
    /// The word for one leaf, in messages.
    pub const fn leaf_name(self) -> &'static str {
        match self {
            Kind::Run => "segment",
            Kind::Segment | Kind::Step => "part",
            Kind::Steps => "step",
            Kind::Trace | Kind::Row => "node",
            Kind::State => "entry",
            Kind::Entry => "tensor",
            Kind::Tensor => "page",
            Kind::Page => "element",
            Kind::Totals => "block",
            Kind::List => "item",
        }
    }

    /// The name that these leaves have under their tree's `top`, where the kind alone says how it is made.
    ///
    /// `None` for entries and tensors (name, type and element count are not known here), pages (the words are not known
    /// here) and pairs ([`Kind::name_of_pair`]).
    pub fn name(self, count: u64, top: Digest) -> Option<Digest> {
        match self {
            Kind::Run | Kind::Steps | Kind::Trace | Kind::Row | Kind::State | Kind::Totals | Kind::List => {
                Some(merkle::list_root(count, top))
            }
            Kind::Segment | Kind::Step | Kind::Entry | Kind::Tensor | Kind::Page => None,
        }
    }

    /// The name of two parts, if the kind is one of two parts (a step, a segment).
    pub fn name_of_pair(self, first: Digest, second: Digest) -> Option<Digest> {
        match self {
            Kind::Step => Some(steps::step(second, first)),
            Kind::Segment => Some(steps::segment(second, first)),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Kind::Run => "run",
            Kind::Segment => "segment",
            Kind::Steps => "steps",
            Kind::Step => "step",
            Kind::Trace => "trace",
            Kind::Row => "row",
            Kind::State => "state",
            Kind::Entry => "entry",
            Kind::Tensor => "tensor",
            Kind::Page => "page",
            Kind::Totals => "totals",
            Kind::List => "list",
        })
    }
}
