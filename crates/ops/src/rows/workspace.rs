//! The memory of one thread that runs passes: registers, rows of a block, staged operands. Kept between passes.

use std::cell::RefCell;

use super::fold::{PRODUCT_ROWS, Tile};
use super::interpret::{CHUNK, LANES_MAX, Slot, Uniform};
use super::plan::Plan;

/// Where the words of a column source are for the current chunk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Located {
    /// In the operand's slice, from this word.
    Direct { operand: usize, start: usize },
    /// Copied, with zeros beyond the tensor's end.
    Staged,
    /// In a home.
    Home(usize),
}

/// The memory of a thread; what it holds between uses means nothing.
#[derive(Default)]
pub(super) struct Workspace {
    /// Vector registers.
    pub(super) slots: Vec<Box<Slot>>,
    /// Where a step writes before it changes places with its register.
    pub(super) spare: Option<Box<Slot>>,
    /// A register for each column source that has to be copied.
    pub(super) staged: Vec<Box<Slot>>,
    /// Where each column source is.
    pub(super) located: Vec<Located>,
    /// For each home, the chunk at the end of a row that is no whole number of vectors.
    pub(super) tails: Vec<Box<Slot>>,
    /// Matrices that pass from loop to loop.
    pub(super) scratch: Vec<Vec<u32>>,
    /// For each row source, its word of the current row in every lane.
    pub(super) uniforms: Vec<Uniform>,
    /// For each row source that is no stage, its word for each row of the block.
    pub(super) row_sources: Vec<Box<Slot>>,
    /// For each per-row stage, its value for each row of the block.
    pub(super) row_values: Vec<Box<Slot>>,
    /// For each address, its base for each row of the block.
    pub(super) bases: Vec<Vec<u64>>,
    /// The factors of ordered products, for each product of a loop.
    pub(super) tiles: Vec<[Box<Tile>; 2]>,
}

thread_local! {
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

impl Workspace {
    /// Calls `work` with this thread's workspace, made large enough for `plan`.
    pub(super) fn with<R>(
        plan: &Plan,
        stages: usize,
        scratch_words: usize,
        work: impl FnOnce(&mut Self) -> R,
    ) -> R {
        WORKSPACE.with_borrow_mut(|workspace| {
            workspace.fit(plan, stages, scratch_words);
            work(workspace)
        })
    }

    fn fit(&mut self, plan: &Plan, stages: usize, scratch_words: usize) {
        let loops = || plan.phases.iter().filter_map(|phase| phase.columns.as_ref());
        let rows = plan.phases.iter().filter_map(|phase| phase.rows.as_ref());
        let schedules = loops().map(|columns| &columns.schedule).chain(rows.map(|rows| &rows.schedule));
        let slots = schedules.map(|schedule| schedule.slots).max().unwrap_or(0);
        let columns = loops().map(|columns| columns.columns.len()).max().unwrap_or(0);
        let products = loops().map(|columns| columns.products().count()).max().unwrap_or(0);
        grow(&mut self.slots, slots, Slot::new);
        self.spare.get_or_insert_with(Slot::new);
        grow(&mut self.staged, columns, Slot::new);
        grow(&mut self.located, columns, || Located::Staged);
        grow(&mut self.tails, plan.homes.len(), Slot::new);
        grow(&mut self.scratch, plan.scratch, Vec::new);
        for matrix in &mut self.scratch[..plan.scratch] {
            if matrix.len() < scratch_words {
                *matrix = vec![0; scratch_words];
            }
        }
        grow(&mut self.uniforms, plan.row_sources.len(), || Uniform([0; LANES_MAX]));
        grow(&mut self.row_sources, plan.row_sources.len(), Slot::new);
        grow(&mut self.row_values, stages, Slot::new);
        grow(&mut self.bases, plan.addresses.len(), || vec![0; CHUNK]);
        let tile = || vec![0f32; PRODUCT_ROWS * super::fold::BLOCK].try_into().expect("a tile's length");
        grow(&mut self.tiles, products, || [tile(), tile()]);
    }
}

fn grow<T>(list: &mut Vec<T>, length: usize, make: impl FnMut() -> T) {
    if list.len() < length {
        list.resize_with(length, make);
    }
}
