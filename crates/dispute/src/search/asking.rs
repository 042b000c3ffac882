//! Asking one side: every answer is counted, checked against earlier ones, and blamed on the side if it is wrong.

use super::{Broken, Path, Side};
use crate::difference::{Fault, SideError};
use samebit_commit::{Digest, Kind, Sequence, SequenceError, merkle};

/// One side's sequence, and how many digests it opened.
pub(super) struct Asked<'a> {
    side: Side,
    sequence: &'a dyn Sequence,
    kind: Kind,
    count: u64,
    opened: u64,
}

impl<'a> Asked<'a> {
    pub(super) fn new(side: Side, sequence: &'a dyn Sequence) -> Self {
        Self { side, sequence, kind: sequence.kind(), count: sequence.len(), opened: 0 }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened
    }

    fn blame(&self, path: &Path, fault: impl Into<Fault>) -> SideError {
        SideError { side: self.side, path: path.clone(), kind: self.kind, fault: fault.into() }
    }

    fn answer<T>(&self, path: &Path, answer: Result<T, SequenceError>) -> Result<T, SideError> {
        answer.map_err(|error| self.blame(path, error))
    }

    pub(super) fn root(&mut self, path: &Path) -> Result<Digest, SideError> {
        self.opened += 1;
        self.answer(path, self.sequence.root())
    }

    /// A node of the tree; absent ones are known from the count and not asked for.
    fn node(&mut self, path: &Path, level: u32, index: u64) -> Result<Digest, SideError> {
        if index >= merkle::width(self.count, level) {
            return Ok(Digest::ZERO);
        }
        self.opened += 1;
        self.answer(path, self.sequence.node(level, index))
    }

    /// The sequence that a leaf names.
    pub(super) fn enter(&self, path: &Path, leaf: u64) -> Result<Option<Box<dyn Sequence + 'a>>, SideError> {
        let sequence: &'a dyn Sequence = self.sequence;
        self.answer(path, sequence.enter(leaf))
    }

    /// Checks that this sequence, entered at `leaf` with digest `claimed`, is the one that the leaf names.
    pub(super) fn entered(
        &self,
        path: &Path,
        leaf: u64,
        claimed: Digest,
        found: Digest,
    ) -> Result<(), SideError> {
        self.expect(path, found == claimed, Broken::Entered { leaf, found, claimed })
    }

    /// Checks the name of a kind of two parts; other kinds pass.
    pub(super) fn check_pair(&mut self, path: &Path, claimed: Digest) -> Result<(), SideError> {
        if self.kind.name_of_pair(Digest::ZERO, Digest::ZERO).is_none() {
            return Ok(());
        }
        self.expect(path, self.count == 2, Broken::Parts { found: self.count })?;
        let (first, second) = (self.node(path, 0, 0)?, self.node(path, 0, 1)?);
        match self.kind.name_of_pair(first, second) {
            Some(found) => self.expect(path, found == claimed, Broken::Name { found, claimed }),
            None => Ok(()),
        }
    }

    /// Node 0 of `level`, checked against the name `claimed` by the siblings on the way to the top.
    pub(super) fn corner(&mut self, path: &Path, level: u32, claimed: Digest) -> Result<Digest, SideError> {
        let corner = self.node(path, level, 0)?;
        let mut top = corner;
        for level in level..merkle::height(self.count) {
            top = merkle::inner(top, self.node(path, level, 1)?);
        }
        if let Some(found) = self.kind.name(self.count, top) {
            self.expect(path, found == claimed, Broken::Name { found, claimed })?;
        }
        Ok(corner)
    }

    /// The 2^levels nodes that lie `levels` below node `index` of `level`, checked against its digest `claimed`.
    pub(super) fn below(
        &mut self,
        path: &Path,
        level: u32,
        index: u64,
        levels: u32,
        claimed: Digest,
    ) -> Result<Vec<Digest>, SideError> {
        let first = index << levels;
        let nodes = (0..1 << levels)
            .map(|offset| self.node(path, level - levels, first + offset))
            .collect::<Result<Vec<_>, _>>()?;
        let found = joined(&nodes);
        self.expect(path, found == claimed, Broken::Node { level, index, found, claimed })?;
        Ok(nodes)
    }

    fn expect(&self, path: &Path, holds: bool, broken: Broken) -> Result<(), SideError> {
        if holds { Ok(()) } else { Err(self.blame(path, broken)) }
    }
}

/// The node above a power of two of nodes.
fn joined(nodes: &[Digest]) -> Digest {
    let mut nodes = nodes.to_vec();
    while nodes.len() > 1 {
        nodes = nodes.chunks_exact(2).map(|pair| merkle::inner(pair[0], pair[1])).collect();
    }
    nodes[0]
}
