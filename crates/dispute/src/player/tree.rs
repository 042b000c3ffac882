//! The own side of a tree, and a way down it.

use crate::moves::Choice;
use crate::transition::depth;
use crate::words::{number, word_of};
use samebit_commit::merkle::{height, inner, width};
use samebit_commit::{Digest, Sequence, SequenceError, Tree, steps};

/// A tree as its side has it.
pub(super) enum Own<'a> {
    /// Leaves that roots bind; fewer than the tree's, if the job ended early.
    Sequence(&'a dyn Sequence),
    /// Totals of an element.
    Totals(Vec<u32>, Tree),
}

impl<'a> Own<'a> {
    pub(super) fn totals(words: Vec<u32>) -> Own<'a> {
        let tree = Tree::new(words.iter().map(|&word| steps::total(word)).collect());
        Own::Totals(words, tree)
    }

    /// A node of the tree; absent ones are zero.
    pub(super) fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        match self {
            Own::Totals(_, tree) if level > tree.height() => Ok(Digest::ZERO),
            Own::Totals(_, tree) => Ok(tree.node(level, index)),
            Own::Sequence(sequence) => {
                let top = height(sequence.len());
                if level <= top {
                    let is_present = index < width(sequence.len(), level);
                    return if is_present { sequence.node(level, index) } else { Ok(Digest::ZERO) };
                }
                if index > 0 {
                    return Ok(Digest::ZERO);
                }
                let start = sequence.node(top, 0)?;
                Ok((top..level).fold(start, |node, _| inner(node, Digest::ZERO)))
            }
        }
    }

    /// What stands for a node in a message: totals are given as numbers.
    pub(super) fn given(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        match self {
            Own::Totals(words, _) if level == 0 => {
                let word = usize::try_from(index).ok().and_then(|index| words.get(index));
                Ok(word.map_or(Digest::ZERO, |&word| number(word.into())))
            }
            _ => self.node(level, index),
        }
    }

    /// What stands for a node that the other has shown, as a node of the tree.
    fn shown_node(&self, level: u32, given: Digest) -> Digest {
        match self {
            Own::Totals(..) if level == 0 => word_of(given).map_or(given, steps::total),
            _ => given,
        }
    }
}

/// A node of a tree over `count` leaves.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) count: u64,
    pub(super) level: u32,
    pub(super) index: u64,
}

impl Spot {
    /// The nodes to show below this one.
    pub(super) fn show(self, own: &Own<'_>) -> Result<Vec<Digest>, SequenceError> {
        let depth = depth(self.level);
        let (level, first) = (self.level - depth, self.index << depth);
        let present = width(self.count, level).saturating_sub(first).min(1 << depth);
        (first..first + present).map(|index| own.given(level, index)).collect()
    }

    /// The first difference in the `shown` levels below this node, and where it is; `None` if there is none.
    pub(super) fn choose(
        self,
        own: &Own<'_>,
        shown: u32,
        nodes: &[Digest],
    ) -> Result<Option<(Choice, Spot)>, SequenceError> {
        let level = self.level - shown;
        let first = self.index << shown;
        for (child, &other) in nodes.iter().enumerate() {
            let index = first + child as u64;
            let mine = own.given(level, index)?;
            if mine != other {
                let to = Spot { count: self.count, level, index };
                let siblings = siblings(own, to, shown, nodes, child)?;
                return Ok(Some((Choice { child: child as u64, own: mine, other, siblings }, to)));
            }
        }
        Ok(None)
    }
}

/// The siblings of both children, as a choice lists them.
fn siblings(
    own: &Own<'_>,
    to: Spot,
    shown: u32,
    nodes: &[Digest],
    child: usize,
) -> Result<Vec<Digest>, SequenceError> {
    let mut others: Vec<Digest> = nodes.iter().map(|&node| own.shown_node(to.level, node)).collect();
    let mut siblings = Vec::new();
    for step in 0..shown {
        let (level, index) = (to.level + step, to.index >> step);
        if index & 1 == 1 {
            siblings.push(own.node(level, index ^ 1)?);
        } else if index ^ 1 < width(to.count, level) {
            siblings.push(own.node(level, index ^ 1)?);
            siblings.push(others.get((child >> step) ^ 1).copied().unwrap_or(Digest::ZERO));
        }
        others = others
            .chunks(2)
            .map(|pair| inner(pair[0], pair.get(1).copied().unwrap_or(Digest::ZERO)))
            .collect();
    }
    Ok(siblings)
}
