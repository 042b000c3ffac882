//! What shows a step's interior leaf in the answer of a question (job.md §7).
//!
//! ```text
//! answer ─ steps top ─ step ─┬─ trace ─┬─ loss
//!                            │         └─ gradient norm
//!                            └─ state ─── entry ─── page, four times
//! ```

use super::{Interior, PAGES, numbers};
use crate::state::{EntryOpening, NAME_LIMIT, RANK_LIMIT};
use crate::tensor::{self, DType, page_count};
use crate::{Digest, Opening, OpeningError, steps};

/// What does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {0} does not open")]
pub struct EvidenceError(pub &'static str);

/// What a step is of: the job, and the answer about one of its segments.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The Spec's digest.
    pub spec: Digest,
    /// The node of the loss.
    pub loss: u32,
    /// The node of the gradient norm.
    pub grad_norm: u32,
    /// The segment's first step.
    pub first_step: u64,
    /// Steps of the segment.
    pub count: u64,
    /// Top of the tree over the steps.
    pub steps_top: Digest,
}

/// A page of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEvidence {
    /// The entry of the state.
    pub entry: EntryOpening,
    /// The page's digest.
    pub page: Digest,
    /// The siblings of the page.
    pub opening: Opening,
}

/// A word that is all of a node's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordEvidence {
    /// The word.
    pub word: u32,
    /// The siblings of the node's output in the trace.
    pub opening: Opening,
}

/// Everything that a step's interior leaf is made of, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// State root after the step.
    pub state: Digest,
    /// The step's trace root.
    pub trace: Digest,
    /// The siblings of the step.
    pub step: Opening,
    /// Nodes of the program.
    pub node_count: u64,
    /// The loss.
    pub loss: WordEvidence,
    /// The gradient norm.
    pub grad_norm: WordEvidence,
    /// Entries of the state.
    pub entry_count: u64,
    /// The four pages.
    pub pages: Vec<PageEvidence>,
}

impl Evidence {
    /// The interior leaf of step `index` of the segment.
    ///
    /// # Errors
    /// [`EvidenceError`] if something does not open.
    pub fn leaf(&self, place: &Place, index: u64) -> Result<Digest, EvidenceError> {
        let step = steps::step(self.state, self.trace);
        let top = self.step.top(place.count, index, step).map_err(|_| EvidenceError("step"))?;
        if top != place.steps_top {
            return Err(EvidenceError("step"));
        }
        self.check_word("loss", &self.loss, place.loss)?;
        self.check_word("gradient norm", &self.grad_norm, place.grad_norm)?;
        if self.pages.len() != PAGES || self.entry_count == 0 {
            return Err(EvidenceError("pages"));
        }
        let step = place.first_step + index;
        for (at, page) in self.pages.iter().enumerate() {
            self.check_page(page, numbers(place.spec, step, at)).ok_or(EvidenceError("page"))?;
        }
        let pages = std::array::from_fn(|at| self.pages[at].page);
        Ok(Interior { loss: self.loss.word, grad_norm: self.grad_norm.word, pages }.leaf())
    }

    fn check_word(&self, what: &'static str, shown: &WordEvidence, node: u32) -> Result<(), EvidenceError> {
        let output = tensor::root(DType::F32, 1, tensor::page_digest(&[shown.word]));
        let opened = shown.opening.verify(self.trace, self.node_count, node.into(), output);
        opened.map_err(|_| EvidenceError(what))
    }

    fn check_page(&self, shown: &PageEvidence, [entry, page]: [u64; 2]) -> Option<()> {
        let named = &shown.entry.entry;
        if named.name.len() > usize::from(NAME_LIMIT) || named.shape.len() > usize::from(RANK_LIMIT) {
            return None;
        }
        if !named.name.is_ascii() {
            return None;
        }
        shown.entry.verify(self.state, self.entry_count, entry % self.entry_count).ok()?;
        let elements = named.element_count().filter(|&count| count > 0)?;
        let pages = page_count(elements);
        let top: Result<Digest, OpeningError> = shown.opening.top(pages, page % pages, shown.page);
        (tensor::root(named.dtype, elements, top.ok()?) == named.root).then_some(())
    }
}
