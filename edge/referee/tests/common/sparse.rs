//! Trees of any size of which only a few leaves are real; everything beside their paths is a made-up digest without a zero byte, the dearest calldata.
#![allow(dead_code)]

use samebit_commit::merkle::{height, inner, list_root, width};
use samebit_commit::{DType, Digest, Kind, Sequence, SequenceError, Tag, hash, steps, tensor};
use samebit_dispute::limits::DEPTH;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the root follows from the top.
#[derive(Clone, Copy)]
enum Name {
    List,
    Tensor(DType, u64),
    Step(Digest),
}

/// A sequence of which a few leaves are real.
#[derive(Clone)]
pub struct Sparse {
    kind: Kind,
    count: u64,
    seed: u64,
    name: Name,
    leaves: BTreeMap<u64, Digest>,
    below: BTreeMap<u64, Arc<Sparse>>,
}

/// A digest without a zero byte.
pub fn made_up(parts: &[u64]) -> Digest {
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_be_bytes()).collect();
    Digest(hash(Tag::List, &[&bytes]).0.map(|byte| byte.max(1)))
}

impl Sparse {
    fn new(kind: Kind, count: u64, seed: u64, name: Name) -> Sparse {
        Sparse { kind, count, seed, name, leaves: BTreeMap::new(), below: BTreeMap::new() }
    }

    /// A list of `count` leaves.
    pub fn list(kind: Kind, count: u64, seed: u64) -> Sparse {
        Sparse::new(kind, count, seed, Name::List)
    }

    /// A tensor of floats.
    pub fn tensor(elements: u64, seed: u64) -> Sparse {
        let name = Name::Tensor(DType::F32, elements);
        Sparse::new(Kind::Tensor, tensor::page_count(elements), seed, name)
    }

    /// A step: its trace and the state after it.
    pub fn step(trace: Sparse, state: Sparse) -> Sparse {
        let step = Name::Step(steps::step(state.name(), trace.name()));
        Sparse::new(Kind::Step, 2, 0, step).with(0, trace).with(1, state)
    }

    /// With a real leaf.
    pub fn with_leaf(mut self, leaf: u64, digest: Digest) -> Sparse {
        self.leaves.insert(leaf, digest);
        self
    }

    /// With a real leaf that names a sequence.
    pub fn with(mut self, leaf: u64, below: Sparse) -> Sparse {
        self.leaves.insert(leaf, below.name());
        self.below.insert(leaf, Arc::new(below));
        self
    }

    /// A node of the tree; absent ones are zero.
    pub fn digest(&self, level: u32, index: u64) -> Digest {
        if index >= width(self.count, level) {
            return Digest::ZERO;
        }
        let (start, end) = (index << level, (index + 1) << level);
        let is_real = self.leaves.range(start..end).next().is_some() || end > self.count;
        match (is_real, level) {
            (false, _) if self.is_shown(level) => made_up(&[self.seed, level.into(), index]),
            (true, 0) => self.leaves[&index],
            _ => inner(self.digest(level - 1, 2 * index), self.digest(level - 1, 2 * index + 1)),
        }
    }

    /// Whether a game shows the nodes of this level; those between follow from them.
    fn is_shown(&self, level: u32) -> bool {
        let mut shown = height(self.count);
        while shown > level {
            shown -= shown.div_ceil(shown.div_ceil(DEPTH));
        }
        shown == level
    }

    pub fn top(&self) -> Digest {
        self.digest(height(self.count), 0)
    }

    /// The sequence's name.
    pub fn name(&self) -> Digest {
        match self.name {
            Name::List => list_root(self.count, self.top()),
            Name::Tensor(dtype, elements) => tensor::root(dtype, elements, self.top()),
            Name::Step(name) => name,
        }
    }

    /// The siblings of these leaves, by level and then by index.
    pub fn siblings(&self, leaves: &[u64]) -> Vec<Digest> {
        let mut known: Vec<u64> = leaves.to_vec();
        let mut siblings = Vec::new();
        for level in 0..height(self.count) {
            let beside = known.iter().map(|index| index ^ 1);
            let lacking = beside.filter(|index| !known.contains(index) && *index < width(self.count, level));
            siblings.extend(lacking.map(|index| self.digest(level, index)));
            known = known.iter().map(|index| index >> 1).collect();
            known.dedup();
        }
        siblings
    }
}

impl Sequence for Sparse {
    fn kind(&self) -> Kind {
        self.kind
    }
    fn len(&self) -> u64 {
        self.count
    }
    fn root(&self) -> Result<Digest, SequenceError> {
        Ok(self.name())
    }
    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        SequenceError::check_range(self.kind, self.count, level, index)?;
        Ok(self.digest(level, index))
    }
    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        let below = self.below.get(&leaf);
        Ok(below.map(|below| Box::new(below.clone()) as Box<dyn Sequence>))
    }
}
