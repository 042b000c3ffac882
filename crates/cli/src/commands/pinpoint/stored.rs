//! A stored state as a sequence.

use samebit_commit::state::Entry;
use samebit_commit::{DType, Kind, Leaves, Sequence, SequenceError, tensor};
use samebit_graph::Program;
use samebit_trace::{Folder, Pages, TraceError};

/// A state as it is stored, or (with one tensor) an entry of it.
pub struct StoredState<'a> {
    leaves: Leaves,
    entries: Vec<Entry>,
    tensors: Tensors<'a>,
}

/// The tensors of a state, or the one of an entry.
enum Tensors<'a> {
    All(Vec<(DType, Vec<u32>)>),
    One(&'a (DType, Vec<u32>)),
}

impl StoredState<'_> {
    /// The state before a step.
    ///
    /// # Errors
    /// As [`Folder::read_state`].
    pub fn read(folder: &Folder, step: u64, program: &Program) -> Result<StoredState<'static>, TraceError> {
        let mut tensors = Vec::new();
        folder.read_state(step, program, |state, words| {
            tensors.push((program.states[state].dtype, words));
            Ok(())
        })?;
        let entry = |(state, (dtype, words)): (&samebit_graph::Declaration, &(DType, Vec<u32>))| {
            let (name, shape) = (state.name.clone(), state.shape.clone());
            Entry { name, dtype: *dtype, shape, root: tensor::root_of(*dtype, words) }
        };
        let entries: Vec<Entry> = program.states.iter().zip(&tensors).map(entry).collect();
        let leaves = Leaves::list(Kind::State, entries.iter().map(Entry::leaf).collect());
        Ok(StoredState { leaves, entries, tensors: Tensors::All(tensors) })
    }
}

impl Sequence for StoredState<'_> {
    samebit_commit::named_by_leaves!(leaves);

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        SequenceError::check_range(self.kind(), self.len(), 0, leaf)?;
        Ok(Some(match &self.tensors {
            Tensors::All(tensors) => Box::new(StoredState {
                leaves: Leaves::entry(&self.entries[leaf as usize]),
                entries: Vec::new(),
                tensors: Tensors::One(&tensors[leaf as usize]),
            }),
            Tensors::One((dtype, words)) => Box::new(Pages::new(*dtype, words.clone())),
        }))
    }
}
