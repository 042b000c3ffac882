//! The top of a tree whose levels are not kept.

use super::inner;
use crate::Digest;
use rayon::prelude::*;

/// Leaves of one task of [`top`]; a power of two, so that a task makes one whole subtree.
const CHUNK_LEVELS: u32 = 10;

/// Takes leaves one after the other and keeps one digest per level.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    count: u64,
    /// The whole subtrees so far: entry `l` is present if bit `l` of the count is set.
    pending: Vec<Digest>,
}

impl Stream {
    /// A stream without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves were taken.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes the next leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        let mut level = 0;
        while self.count >> level & 1 == 1 {
            node = inner(self.pending[level], node);
            level += 1;
        }
        match self.pending.get_mut(level) {
            Some(slot) => *slot = node,
            None => self.pending.push(node),
        }
        self.count += 1;
    }

    /// The top over the leaves taken; zero for none.
    pub fn top(&self) -> Digest {
        let mut node: Option<Digest> = None;
        for (level, &whole) in self.pending.iter().enumerate() {
            let present = self.count >> level & 1 == 1;
            let higher = self.count >> level > 1;
            node = match (node, present) {
                (None, false) => None,
                // The last subtree, if it is alone, is the top; else it waits for its left neighbour one level up.
                (None, true) if higher => Some(inner(whole, Digest::ZERO)),
                (None, true) => Some(whole),
                (Some(right), true) => Some(inner(whole, right)),
                (Some(left), false) => Some(inner(left, Digest::ZERO)),
            };
        }
        node.unwrap_or(Digest::ZERO)
    }

    /// The list root over the leaves taken.
    pub fn root(&self) -> Digest {
        super::list_root(self.count, self.top())
    }
}

impl Extend<Digest> for Stream {
    fn extend<I: IntoIterator<Item = Digest>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

/// The top of the tree over `leaves`, on all threads of rayon's current pool, without storing its levels.
pub fn top(leaves: &[Digest]) -> Digest {
    let chunk = 1usize << CHUNK_LEVELS;
    if leaves.len() <= chunk {
        let mut stream = Stream::new();
        stream.extend(leaves.iter().copied());
        return stream.top();
    }
    let subtrees: Vec<Digest> = leaves.par_chunks(chunk).map(|chunk| raised(chunk, CHUNK_LEVELS)).collect();
    top(&subtrees)
}

/// The node at `level` above these leaves, which are its first ones.
fn raised(leaves: &[Digest], level: u32) -> Digest {
    (super::height(leaves.len() as u64)..level).fold(top(leaves), |node, _| inner(node, Digest::ZERO))
}

/// The top of the tree over `leaves`, on all threads of rayon's current pool, by a function that gives the nodes above many pairs:
/// a processor may hash several at once.
///
/// `raise(below, above)` writes SHA-256 of tag 0x01, `below[2i]` and `below[2i + 1]` to `above[i]`.
pub fn top_by(leaves: &[[u8; 32]], raise: impl Fn(&[[u8; 32]], &mut [[u8; 32]]) + Sync) -> Digest {
    let chunk = 1usize << CHUNK_LEVELS;
    let mut level: Vec<[u8; 32]> = leaves.to_vec();
    while level.len() > 1 {
        let levels = super::height(level.len() as u64).min(CHUNK_LEVELS);
        let raised =
            |chunk: &[[u8; 32]]| (0..levels).fold(chunk.to_vec(), |below, _| level_above(&below, &raise))[0];
        level = level.par_chunks(chunk).map(raised).collect();
    }
    level.first().copied().map_or(Digest::ZERO, Digest)
}

/// The nodes above `below`; the last may have only one.
fn level_above(below: &[[u8; 32]], raise: impl Fn(&[[u8; 32]], &mut [[u8; 32]])) -> Vec<[u8; 32]> {
    let mut above = vec![[0; 32]; below.len().div_ceil(2)];
    let (pairs, rest) = below.as_chunks::<2>();
    raise(pairs.as_flattened(), &mut above[..pairs.len()]);
    for (pair, above) in pairs.iter().zip(&mut above) {
        if *pair == [[0; 32]; 2] {
            *above = [0; 32];
        }
    }
    if let ([alone], Some(last)) = (rest, above.last_mut()) {
        *last = inner(Digest(*alone), Digest::ZERO).0;
    }
    above
}
