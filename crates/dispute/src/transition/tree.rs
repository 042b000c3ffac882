//! Going down a tree: the other's nodes are answered by the first that differs, and below it the own ones are shown.
//!
//! ```text
//! level 5         held                        choice of 3 after the other has shown 2 levels: child 3,
//!              0       1                      left siblings once (they are the same on both sides), right ones
//! level 3    0   1   2  [3]                   of both: so there is one child that can be chosen
//! ```

use super::{Walk, needed, same};
use crate::limits::DEPTH;
use crate::moves::{Choice, Descent};
use crate::planted::{Bug, planted};
use crate::position::Stage;
use crate::refusal::Refusal;
use crate::words::word_of;
use samebit_commit::merkle::{inner, width};
use samebit_commit::{Digest, steps};

/// How many levels a show from this level opens: the rounds to the leaves are as few as they can be, and about equal.
pub(crate) const fn depth(level: u32) -> u32 {
    if level == 0 { 0 } else { level.div_ceil(level.div_ceil(DEPTH)) }
}

/// What stands for a node of the tree in a message: the leaves of totals are given as numbers.
fn node(stage: Stage, level: u32, given: Digest) -> Result<Digest, Refusal> {
    if level > 0 || !matches!(stage, Stage::Totals | Stage::TotalsHead) {
        return Ok(given);
    }
    word_of(given).map(steps::total).ok_or(Refusal::WordTooLarge(given))
}

impl Walk<'_> {
    /// Goes to the first difference in what the other has shown.
    pub(super) fn choose(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        let choice = needed(&mut rest.choice, "choice")?;
        let shown = u32::from(self.to.shown);
        let level = u32::from(self.to.level) - shown;
        let (count, choices) = (self.to.count, 1 << shown);
        let index = (self.to.index << shown) + choice.child.min(choices);
        let width = width(count, level);
        if choice.child >= choices || index >= width {
            return Err(Refusal::ChildBeyondEnd { child: choice.child, level, width, choices });
        }
        if choice.own == choice.other {
            return Err(Refusal::SameChild(choice.own));
        }
        let [own, other] =
            climb(&choice, [choice.own, choice.other], self.to.stage, count, level, index, shown)?;
        same("the own child", own, self.to.held[self.own])?;
        same("the other's child", other, self.to.held[self.other])?;
        self.to.level = level as u8;
        self.to.index = index;
        self.to.shown = 0;
        self.to.held[self.own] = choice.own;
        self.to.held[self.other] = choice.other;
        Ok(())
    }

    /// Shows the nodes below the own one.
    pub(super) fn show(&mut self, nodes: &[Digest]) -> Result<(), Refusal> {
        if nodes.is_empty() {
            return Err(Refusal::MissingPart("nodes"));
        }
        let depth = depth(self.to.level.into());
        let level = u32::from(self.to.level) - depth;
        let present = width(self.to.count, level) - (self.to.index << depth);
        let expected = present.min(1 << depth);
        if nodes.len() as u64 != expected {
            return Err(Refusal::WrongNodeCount { found: nodes.len(), expected });
        }
        let mut nodes =
            nodes.iter().map(|&given| node(self.to.stage, level, given)).collect::<Result<Vec<_>, _>>()?;
        for _ in 0..depth {
            nodes = nodes
                .chunks(2)
                .map(|pair| inner(pair[0], pair.get(1).copied().unwrap_or(Digest::ZERO)))
                .collect();
        }
        if !planted(Bug::UnboundShow) {
            same("the nodes", nodes[0], self.to.held[self.own])?;
        }
        self.to.shown = depth as u8;
        Ok(())
    }
}

/// The nodes `shown` levels above the two children.
fn climb(
    choice: &Choice,
    children: [Digest; 2],
    stage: Stage,
    count: u64,
    level: u32,
    index: u64,
    shown: u32,
) -> Result<[Digest; 2], Refusal> {
    let steps = || (0..shown).map(|step| (index >> step, width(count, level + step)));
    let present = |(index, width): &(u64, u64)| index ^ 1 < *width;
    let cost = |(index, _): (u64, u64)| if index & 1 == 1 { 1 } else { 2 };
    let mut expected = steps().filter(present).map(cost).sum();
    let mut left_count = 1;
    if planted(Bug::LeftSiblings) && choice.siblings.len() == 2 * steps().filter(present).count() {
        (expected, left_count) = (choice.siblings.len(), 2);
    }
    let found = choice.siblings.len();
    if found != expected {
        return Err(Refusal::WrongSiblingCount { found, expected });
    }
    let mut nodes = [node(stage, level, children[0])?, node(stage, level, children[1])?];
    let mut siblings = choice.siblings.iter().copied();
    let mut next = || siblings.next().expect("their number was checked");
    for (index, width) in steps() {
        if index & 1 == 1 {
            let own = next();
            let other = if left_count == 2 { next() } else { own };
            nodes = [inner(own, nodes[0]), inner(other, nodes[1])];
        } else if index ^ 1 < width {
            let (own, other) = (next(), next());
            nodes = [inner(nodes[0], own), inner(nodes[1], other)];
        } else {
            nodes = nodes.map(|node| inner(node, Digest::ZERO));
        }
    }
    Ok(nodes)
}
