//! Below an element: the totals of a fold, the row of a composite, the lanes of a block. No root of a claim binds them, so a side commits to them
//! when it is asked, and its owner alone may say what they are.

use super::{Walk, opened_top, root, same};
use crate::limits::LANES;
use crate::moves::{Commitment, Descent};
use crate::planted::{Bug, planted};
use crate::position::Stage;
use crate::referee::Structure;
use crate::refusal::Refusal;
use crate::words::{lanes_digest, number};
use samebit_commit::merkle::height;
use samebit_commit::{Digest, steps};

impl Walk<'_> {
    /// Commits to what the element is made of.
    pub(super) fn unfold(
        &mut self,
        structure: Structure,
        owner: &dyn Fn() -> Result<(), Refusal>,
        commitment: Option<&Commitment>,
        nodes: &[Digest],
    ) -> Result<(), Refusal> {
        let (blocks, laned) = match structure {
            Structure::Product { blocks } => (blocks, false),
            Structure::Lanes { blocks } => (blocks, true),
            Structure::Composite { body_nodes, .. } if body_nodes > 0 && !self.to.in_row() => {
                owner()?;
                return self.unfold_row(body_nodes.into(), commitment, nodes);
            }
            _ => return Err(Refusal::NothingToUnfold),
        };
        match blocks {
            0 => Err(Refusal::NothingToUnfold),
            1 => self.unfold_block(laned, commitment, nodes),
            _ => {
                owner()?;
                self.unfold_totals(blocks, laned, commitment, nodes)
            }
        }
    }

    /// The only block of a fold: there are no totals to search.
    fn unfold_block(
        &mut self,
        laned: bool,
        commitment: Option<&Commitment>,
        nodes: &[Digest],
    ) -> Result<(), Refusal> {
        if commitment.is_some() {
            return Err(Refusal::UnusedPart("commitment"));
        }
        if !nodes.is_empty() {
            return Err(Refusal::UnusedPart("nodes"));
        }
        self.hold_words(self.to.element_words());
        self.to.stage = if laned { Stage::Lanes } else { Stage::Block };
        Ok(())
    }

    fn unfold_totals(
        &mut self,
        blocks: u64,
        laned: bool,
        commitment: Option<&Commitment>,
        nodes: &[Digest],
    ) -> Result<(), Refusal> {
        self.to.stage = Stage::TotalsHead;
        self.to.laned = laned;
        self.to.count = blocks;
        self.to.level = height(blocks) as u8;
        self.commit_totals(commitment)?;
        self.show(nodes)
    }

    /// Takes the own totals, which end in the element's word.
    fn commit_totals(&mut self, commitment: Option<&Commitment>) -> Result<(), Refusal> {
        let commitment = commitment.ok_or(Refusal::MissingPart("commitment"))?;
        let last = steps::total(self.to.element_words()[self.own]);
        let count = self.to.count;
        let top = opened_top(&commitment.siblings, count, count - 1, last)?;
        if !planted(Bug::LastTotal) {
            same("the last total", top, commitment.top)?;
        }
        self.to.totals[self.own] = root(count, commitment.top);
        self.to.held[self.own] = commitment.top;
        Ok(())
    }

    /// The other has committed to its totals.
    pub(super) fn answer_totals(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        self.commit_totals(rest.commitment.take().as_ref())?;
        self.to.stage = Stage::Totals;
        Ok(())
    }

    fn unfold_row(
        &mut self,
        body_nodes: u64,
        commitment: Option<&Commitment>,
        nodes: &[Digest],
    ) -> Result<(), Refusal> {
        self.to.stage = Stage::RowHead;
        self.to.count = body_nodes;
        self.to.level = height(body_nodes) as u8;
        self.commit_row(commitment)?;
        if self.to.level > 0 {
            return self.show(nodes);
        }
        if nodes.is_empty() { Ok(()) } else { Err(Refusal::UnusedPart("nodes")) }
    }

    fn commit_row(&mut self, commitment: Option<&Commitment>) -> Result<(), Refusal> {
        let commitment = commitment.ok_or(Refusal::MissingPart("commitment"))?;
        let found = commitment.siblings.len();
        if found > 0 {
            return Err(Refusal::WrongSiblingCount { found, expected: 0 });
        }
        self.to.rows[self.own] = root(self.to.count, commitment.top);
        self.to.held[self.own] = commitment.top;
        Ok(())
    }

    /// The other has committed to its row: it is gone into if the own one differs.
    pub(super) fn answer_row(&mut self, rest: &mut Descent) -> Result<(), Refusal> {
        self.commit_row(rest.commitment.take().as_ref())?;
        if self.to.rows[0] == self.to.rows[1] {
            self.to.held = [Digest::ZERO; 2];
            self.leave_tree(Stage::RowEnd);
        } else {
            self.to.stage = Stage::Trace;
        }
        Ok(())
    }

    /// Shows the lanes of the block.
    pub(super) fn show_lanes(&mut self, lanes: &[u32; LANES]) {
        self.to.lanes = lanes_digest(lanes);
        self.to.stage = Stage::LanesShown;
    }

    /// Gives both sides' lanes: the first that differs is argued about, or else how they fold.
    pub(super) fn compare_lanes(&mut self, own: &[u32; LANES], other: &[u32; LANES]) -> Result<(), Refusal> {
        same("the other's lanes", lanes_digest(other), self.to.lanes)?;
        let Some(lane) = (0..LANES).find(|&lane| own[lane] != other[lane]) else {
            self.to.stage = Stage::LaneFold;
            return Ok(());
        };
        self.to.held[self.own] = number(own[lane].into());
        self.to.held[self.other] = number(other[lane].into());
        self.to.lane = lane as u8;
        (self.to.total, self.to.lanes) = (0, Digest::ZERO);
        self.to.stage = Stage::Lane;
        Ok(())
    }
}
