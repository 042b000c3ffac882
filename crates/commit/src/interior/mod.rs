//! The interior of a segment: what each of its steps shows that cannot be known without running it (job.md §4).
//!
//! ```text
//! interior root   list over the steps of
//!   leaf          hash( 0x10 ‖ loss ‖ gradient norm ‖ 4 page digests )
//!     page p      the page that hash( 0x11 ‖ spec ‖ step ‖ p ) names, of the state after the step
//! ```

mod evidence;

pub use evidence::{Evidence, EvidenceError, PageEvidence, Place, WordEvidence};

use crate::{Digest, Tag, Words, merkle::list_root_of};

/// Pages that a step shows.
pub const PAGES: usize = 4;

/// A page of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PagePlace {
    /// The entry of the state.
    pub entry: usize,
    /// The page of its tensor.
    pub page: u64,
}

/// The two numbers that name page `place` of step `step` of the job with this Spec: modulo the entries of the state they give the entry,
/// modulo its pages the page.
pub fn numbers(spec: Digest, step: u64, place: usize) -> [u64; 2] {
    let name = Words::new().digest(spec).number(step).number(place as u64).hash(Tag::InteriorPage);
    [0, 8].map(|at| u64::from_be_bytes(name.0[at..at + 8].try_into().expect("eight bytes")))
}

/// The pages that step `step` of the job with this Spec shows, of a state whose entries have `page_counts` pages.
///
/// # Panics
/// If there is no entry, or one without a page.
pub fn pages(spec: Digest, step: u64, page_counts: &[u64]) -> [PagePlace; PAGES] {
    std::array::from_fn(|place| {
        let [entry, page] = numbers(spec, step, place);
        let entry = (entry % page_counts.len() as u64) as usize;
        PagePlace { entry, page: page % page_counts[entry] }
    })
}

/// What a step shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interior {
    /// Bits of the loss.
    pub loss: u32,
    /// Bits of the gradient norm.
    pub grad_norm: u32,
    /// Digests of the pages that [`pages`] names.
    pub pages: [Digest; PAGES],
}

impl Interior {
    /// The leaf of the step.
    pub fn leaf(&self) -> Digest {
        let words = Words::new().number(self.loss).number(self.grad_norm);
        self.pages.iter().fold(words, |words, &page| words.digest(page)).hash(Tag::Interior)
    }
}

/// The interior root of a segment, from the leaves of its steps.
pub fn root(leaves: &[Digest]) -> Digest {
    list_root_of(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash;

    #[test]
    fn a_leaf_by_hand() {
        let interior = Interior { loss: 1, grad_norm: 2, pages: [3, 4, 5, 6].map(|byte| Digest([byte; 32])) };
        let mut preimage = vec![0; 64];
        (preimage[31], preimage[63]) = (1, 2);
        (3..7).for_each(|byte| preimage.extend([byte; 32]));
        assert_eq!(interior.leaf(), hash(Tag::Interior, &[&preimage]));
    }

    #[test]
    fn pages_are_inside_and_differ_from_step_to_step() {
        let counts = [1, 7, 300];
        let all: Vec<_> = (0..100).flat_map(|step| pages(Digest([8; 32]), step, &counts)).collect();
        assert!(all.iter().all(|place| place.page < counts[place.entry]));
        for (entry, &count) in counts.iter().enumerate() {
            let of_entry = all.iter().filter(|place| place.entry == entry);
            let distinct: std::collections::BTreeSet<u64> = of_entry.map(|place| place.page).collect();
            assert!(distinct.len() as u64 > count.min(60) / 2, "entry {entry}: {distinct:?}");
        }
    }
}
