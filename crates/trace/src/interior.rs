//! The interior of a segment: what its steps show to a checker, as the job runs or is run again, and what proves it (job.md §4, §7).
//!
//! ```text
//! step ──> loss, gradient norm ┐
//!   state after it ──> 4 pages ┴─> leaf ──> interior root of the segment
//! ```
//! A step's leaf needs four pages of the state, 1 KiB each, wherever the state lies: nothing beside the step itself.

use crate::{Claims, Job, Runner, TraceError};
use samebit_commit::interior::{self, Evidence, Interior, PageEvidence, PagePlace, WordEvidence};
use samebit_commit::tensor::{self, PAGE_WORDS, page_count, page_length};
use samebit_commit::{Digest, Tree, state::EntryOpening};
use samebit_engine::Outcome;
use samebit_graph::Declaration;
use samebit_graph::node::NodeId;
use std::ops::Range;

impl Job {
    /// The pages of the state that a step shows.
    pub fn interior_pages(&self, step: u64) -> [PagePlace; interior::PAGES] {
        let counts: Vec<u64> =
            self.program.states.iter().map(|state| page_count(Declaration::len(state))).collect();
        interior::pages(self.spec.digest(), step, &counts)
    }
}

impl Runner {
    /// What the step that was just run shows.
    pub fn interior(&self, step: u64, outcome: Outcome) -> Interior {
        let page = |place: PagePlace| {
            let elements = self.job().program.states[place.entry].len();
            let mut words = vec![0u32; page_length(elements, place.page)];
            self.engine().read_state(place.entry, place.page as usize * PAGE_WORDS, &mut words);
            tensor::page_digest(&words)
        };
        let pages = self.job().interior_pages(step).map(page);
        Interior { loss: outcome.loss, grad_norm: outcome.grad_norm, pages }
    }

    /// Runs the steps of a segment, up to one that diverges, and gives the leaf of each. The runner has the state before the first.
    ///
    /// # Errors
    /// The engine's.
    pub fn run_interior(&mut self, steps: Range<u64>) -> Result<Vec<Digest>, TraceError> {
        let mut leaves = Vec::new();
        for step in steps {
            let outcome = self.step(step)?;
            leaves.push(self.interior(step, outcome).leaf());
            if outcome.is_diverged() {
                break;
            }
        }
        Ok(leaves)
    }
}

/// What shows the interior leaf of step `step` (its number in the job) in a claim of the segment that `claims` replays or has stored.
///
/// # Errors
/// What keeps the side from answering.
pub fn interior_evidence(claims: &dyn Claims, job: &Job, step: u64) -> Result<Evidence, TraceError> {
    let (first, roots) = (claims.range().start, claims.roots()?);
    let trace = roots.step(step);
    let nodes = Tree::new(trace.nodes.clone());
    let word = |node: NodeId, word| WordEvidence { word, opening: open(&nodes, node.into()) };
    let page = |place: PagePlace| {
        let words = claims.state_words(step, place.entry)?;
        let pages = Tree::new(tensor::page_digests(&words));
        let entry = EntryOpening::new(&trace.state, place.entry as u64).expect("the state has the entry");
        let page = pages.leaves()[place.page as usize];
        Ok(PageEvidence { entry, page, opening: open(&pages, place.page) })
    };
    let pages = job.interior_pages(step).into_iter().map(page).collect::<Result<Vec<_>, TraceError>>()?;
    let program = &job.program;
    Ok(Evidence {
        state: samebit_commit::state::root(&trace.state),
        trace: nodes.root(),
        step: open(roots.tree(), step - first),
        node_count: nodes.count(),
        loss: word(program.loss, trace.outcome.loss),
        grad_norm: word(program.grad_norm, trace.outcome.grad_norm),
        entry_count: trace.state.len() as u64,
        pages,
    })
}

fn open(tree: &Tree, leaf: u64) -> samebit_commit::Opening {
    tree.open(leaf).expect("the tree has the leaf")
}
