//! The names of steps, segments and runs (commitment.md §4).
//!
//! ```text
//! run          list of state roots, one per segment
//! segment      hash( 0x0b ‖ state root after it ‖ list root of its steps )
//!   step       hash( 0x08 ‖ state root after it ‖ trace root )
//!     trace    list of the nodes' output roots
//!       totals   list of total(word): the running totals 1 … ⌈K/256⌉ of one element of a fold
//! ```

use crate::{Digest, Tag, hash, merkle::list_root_of};

/// The name of a step: the state after it and its trace.
pub fn step(state_root: Digest, trace_root: Digest) -> Digest {
    hash(Tag::Step, &[state_root.as_ref(), trace_root.as_ref()])
}

/// The name of a segment: the state after it and the list of its steps.
pub fn segment(state_root: Digest, steps_root: Digest) -> Digest {
    hash(Tag::Segment, &[state_root.as_ref(), steps_root.as_ref()])
}

/// The leaf of one running total.
pub fn total(word: u32) -> Digest {
    hash(Tag::Total, &[&word.to_be_bytes()])
}

/// The list root of the running totals of one element, from total 1 on.
pub fn totals_root(totals: &[u32]) -> Digest {
    list_root_of(&totals.iter().map(|&word| total(word)).collect::<Vec<_>>())
}

/// The list root of a step's outputs, or of a composite row's: one root per node, in order.
pub fn trace_root(outputs: &[Digest]) -> Digest {
    list_root_of(outputs)
}

/// The list root of a segment's steps.
pub fn steps_root(steps: &[Digest]) -> Digest {
    list_root_of(steps)
}

/// The list root of a run: the state roots after its segments.
pub fn run_root(state_roots: &[Digest]) -> Digest {
    list_root_of(state_roots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{inner, list_root};

    #[test]
    fn names_by_hand() {
        let (a, b) = (Digest([1; 32]), Digest([2; 32]));
        let both = [[1u8; 32], [2; 32]].concat();
        assert_eq!(step(a, b), hash(Tag::Step, &[&both]));
        assert_eq!(segment(a, b), hash(Tag::Segment, &[&both]));
        assert_ne!(step(a, b), step(b, a));
        assert_eq!(total(0x0102_0304), hash(Tag::Total, &[&[1, 2, 3, 4]]));
        assert_eq!(totals_root(&[7, 8]), list_root(2, inner(total(7), total(8))));
        assert_eq!(
            [trace_root(&[a, b]), steps_root(&[a, b]), run_root(&[a, b])],
            [list_root(2, inner(a, b)); 3]
        );
    }
}
