//! The search (see the crate's header).
//!
//! ```text
//! round 1     top                          both sides open every node `width` levels below
//! round 2       └ first that differs       … and so on, down to a leaf
//! enter           └ leaf                   the sequence that the leaf names: its root must be the leaf
//! ```
//!
//! Nothing that a side says is taken on trust where it can be checked against what it said before: nodes must hash to
//! the node above them, tops to names, and leaves must be the names of what they lead to. So a side cannot steer
//! the search away from its lie except by an answer that convicts it.

mod asking;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;

use crate::difference::{Broken, Difference, Finding, Path, Place, SearchError, Side};
use asking::Asked;
use samebit_commit::{Digest, Sequence, merkle};

/// The deepest nesting of sequences that is entered; a run has seven levels.
pub const DEPTH_LIMIT: usize = 32;

/// How many levels of a tree one round opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Width(u32);

impl Width {
    /// The most levels of a round: 1,024 digests.
    pub const LIMIT: u32 = 10;

    /// A round of `levels` levels, 2^levels digests; `None` for 0 and beyond [`Width::LIMIT`].
    pub const fn of_levels(levels: u32) -> Option<Width> {
        if levels >= 1 && levels <= Self::LIMIT { Some(Width(levels)) } else { None }
    }

    /// The number of levels.
    pub const fn levels(self) -> u32 {
        self.0
    }
}

impl Default for Width {
    /// 64-way: 6 levels.
    fn default() -> Self {
        Width(6)
    }
}

/// Finds the first difference between two sequences, entering leaves as deep as both sides can.
///
/// "First" is the order of leaves, outermost sequence first. Equal roots are equal sequences: nothing else is asked.
///
/// # Errors
/// [`SearchError::Side`] names the side that did not answer or contradicted itself; A if both did at one question.
pub fn first_difference(a: &dyn Sequence, b: &dyn Sequence, width: Width) -> Result<Finding, SearchError> {
    let mut search = Search { width, path: Path::default(), opened: [0; 2] };
    let difference = search.compare(a, b, None)?;
    Ok(Finding { difference, opened: search.opened[0].max(search.opened[1]) })
}

/// Where the sequences of one level part.
enum Parting {
    /// At a leaf that both have, with its digest on each side.
    Leaf(u64, [Digest; 2]),
    /// Nowhere, or not in a leaf: there is nothing to enter.
    Final(Difference),
}

struct Search {
    width: Width,
    /// The way to the sequences that are compared.
    path: Path,
    /// Digests opened, by side.
    opened: [u64; 2],
}

impl Search {
    /// Compares two sequences; `named` are the leaves that led to them.
    fn compare(
        &mut self,
        a: &dyn Sequence,
        b: &dyn Sequence,
        named: Option<(u64, [Digest; 2])>,
    ) -> Result<Difference, SearchError> {
        let (mut a, mut b) = (Asked::new(Side::A, a), Asked::new(Side::B, b));
        let parting = self.part(&mut a, &mut b, named);
        self.opened[0] += a.opened();
        self.opened[1] += b.opened();
        match parting? {
            Parting::Final(difference) => Ok(difference),
            Parting::Leaf(leaf, digests) => self.enter(&a, &b, leaf, digests),
        }
    }

    /// Compares the names, then the leaves.
    fn part(
        &self,
        a: &mut Asked<'_>,
        b: &mut Asked<'_>,
        named: Option<(u64, [Digest; 2])>,
    ) -> Result<Parting, SearchError> {
        let path = &self.path;
        let roots = [a.root(path)?, b.root(path)?];
        if let Some((leaf, digests)) = named {
            a.entered(path, leaf, digests[0], roots[0])?;
            b.entered(path, leaf, digests[1], roots[1])?;
        }
        if a.kind() != b.kind() {
            return Ok(Parting::Final(Difference::Kind { path: path.clone(), a: a.kind(), b: b.kind() }));
        }
        if roots[0] == roots[1] {
            return Ok(Parting::Final(Difference::Equal));
        }
        self.locate(a, b, roots)
    }

    /// Finds the first leaf that differs between two sequences of one kind with different names.
    fn locate(
        &self,
        a: &mut Asked<'_>,
        b: &mut Asked<'_>,
        roots: [Digest; 2],
    ) -> Result<Parting, SearchError> {
        let (path, kind) = (&self.path, a.kind());
        let end = Difference::Length { path: path.clone(), kind, a: a.count(), b: b.count() };
        a.check_pair(path, roots[0])?;
        b.check_pair(path, roots[1])?;
        // The highest node that covers the same leaves on both sides.
        let level = merkle::height(a.count().min(b.count()));
        let corners = [a.corner(path, level, roots[0])?, b.corner(path, level, roots[1])?];
        if corners[0] == corners[1] {
            let name = Difference::Name { path: path.clone(), kind };
            return Ok(Parting::Final(if a.count() == b.count() { name } else { end }));
        }
        let (leaf, digests) = self.descend(a, b, level, corners)?;
        let both_have_it = leaf < a.count().min(b.count());
        Ok(if both_have_it { Parting::Leaf(leaf, digests) } else { Parting::Final(end) })
    }

    /// Goes from node 0 of `level`, which differs, down to the first leaf that differs.
    fn descend(
        &self,
        a: &mut Asked<'_>,
        b: &mut Asked<'_>,
        mut level: u32,
        mut digests: [Digest; 2],
    ) -> Result<(u64, [Digest; 2]), SearchError> {
        let mut index = 0u64;
        while level > 0 {
            let levels = self.width.levels().min(level);
            let below_a = a.below(&self.path, level, index, levels, digests[0])?;
            let below_b = b.below(&self.path, level, index, levels, digests[1])?;
            let first = below_a.iter().zip(&below_b).position(|(a, b)| a != b);
            let first = first.expect("nodes that were checked to hash to different digests differ");
            digests = [below_a[first], below_b[first]];
            level -= levels;
            index = (index << levels) + first as u64;
        }
        Ok((index, digests))
    }

    /// Goes on inside the leaf that differs, if both sides can.
    fn enter(
        &mut self,
        a: &Asked<'_>,
        b: &Asked<'_>,
        leaf: u64,
        digests: [Digest; 2],
    ) -> Result<Difference, SearchError> {
        let inside = [a.enter(&self.path, leaf)?, b.enter(&self.path, leaf)?];
        self.path.push(Place { kind: a.kind(), leaf });
        match inside {
            [Some(_), Some(_)] if self.path.places().len() == DEPTH_LIMIT => {
                Err(SearchError::TooDeep { path: self.path.clone(), limit: DEPTH_LIMIT })
            }
            [Some(a), Some(b)] => self.compare(&*a, &*b, Some((leaf, digests))),
            _ => Ok(Difference::At { path: self.path.clone() }),
        }
    }
}
