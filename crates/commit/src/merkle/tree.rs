//! A tree with all its levels in memory.

use super::{BatchOpening, Opening, OpeningError, height, inner, list_root};
use crate::Digest;
use rayon::prelude::*;

/// Levels shorter than this are hashed on the calling thread: a task costs more than it saves.
const PARALLEL_PAIRS: usize = 512;

/// A Merkle tree over digests, with every level stored: 64 bytes a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// `levels[0]` are the leaves, the last level is the top alone (or nothing, for no leaves).
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The tree over `leaves`, hashed on all threads of rayon's current pool.
    pub fn new(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = raise(below);
            levels.push(above);
        }
        debug_assert_eq!(levels.len() as u32, height(levels[0].len() as u64) + 1);
        Self { levels }
    }

    /// The number of leaves.
    pub fn count(&self) -> u64 {
        self.levels[0].len() as u64
    }

    /// The number of levels above the leaves.
    pub fn height(&self) -> u32 {
        self.levels.len() as u32 - 1
    }

    /// The leaves, in order.
    pub fn leaves(&self) -> &[Digest] {
        &self.levels[0]
    }

    /// The node `index` of `level`, counted from the leaves; absent nodes are zero.
    ///
    /// # Panics
    /// If `level` is above the top.
    pub fn node(&self, level: u32, index: u64) -> Digest {
        assert!(
            level <= self.height(),
            "level {level} is above the top of a tree of height {}",
            self.height()
        );
        let level = &self.levels[level as usize];
        usize::try_from(index).ok().and_then(|index| level.get(index)).copied().unwrap_or(Digest::ZERO)
    }

    /// The one node of the highest level; zero for no leaves.
    pub fn top(&self) -> Digest {
        self.node(self.height(), 0)
    }

    /// The list root: count and top.
    pub fn root(&self) -> Digest {
        list_root(self.count(), self.top())
    }

    /// The siblings from leaf `index` up.
    ///
    /// # Errors
    /// [`OpeningError::Index`] beyond the last leaf.
    pub fn open(&self, index: u64) -> Result<Opening, OpeningError> {
        if index >= self.count() {
            return Err(OpeningError::Index { index, count: self.count() });
        }
        let sibling = |level: u32| self.levels[level as usize].get((index >> level) as usize ^ 1).copied();
        let siblings = (0..self.height()).filter_map(sibling).collect();
        Ok(Opening { siblings })
    }

    /// The siblings that `indices` (rising) do not give themselves.
    ///
    /// # Errors
    /// [`OpeningError::Index`] beyond the last leaf, [`OpeningError::Order`] for indices that do not rise,
    /// [`OpeningError::Empty`] for none.
    pub fn open_batch(&self, indices: &[u64]) -> Result<BatchOpening, OpeningError> {
        BatchOpening::of(self, indices)
    }
}

/// The level above `below`.
fn raise(below: &[Digest]) -> Vec<Digest> {
    let pair = |pair: &[Digest]| inner(pair[0], pair.get(1).copied().unwrap_or(Digest::ZERO));
    if below.len() < 2 * PARALLEL_PAIRS {
        return below.chunks(2).map(pair).collect();
    }
    below.par_chunks(2).with_min_len(PARALLEL_PAIRS / 4).map(pair).collect()
}
