//! One move: from the position that it answers to the next (dispute.md §3, §4). Pure; who may move and what it costs is the game's matter.

mod fold;
mod leaf;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use tree::depth;

use crate::limits::WITNESS_BYTES;
use crate::moves::{Descent, Move};
use crate::position::{Position, Stage};
use crate::referee::{Case, Referee};
use crate::refusal::{Mismatch, Refusal};
use crate::words;
use samebit_commit::{Digest, Opening, OpeningError, merkle::list_root};

/// Where the game goes by this move; turn, clocks and the number of moves are left as they are. `owner` refuses what only the owner of the side's
/// claim may say.
///
/// # Errors
/// The first thing that is wrong with the move.
pub(crate) fn play<R: Referee + ?Sized>(
    case: Case<'_>,
    referee: &R,
    owner: &dyn Fn() -> Result<(), Refusal>,
    play: &Move,
) -> Result<Position, Refusal> {
    let mut walk = Walk::new(case);
    match play {
        Move::Descend(descent) => walk.descend(owner, descent)?,
        Move::Point { offset, own, other } => walk.point(*offset, own, other)?,
        Move::Unfold { witness, commitment, nodes } => {
            walk.at(Stage::Element)?;
            check_witness(witness)?;
            let structure = referee.structure(case, witness)?;
            walk.unfold(structure, owner, commitment.as_ref(), nodes)?;
        }
        Move::ShowLanes(lanes) => {
            walk.at(Stage::Lanes)?;
            owner()?;
            walk.show_lanes(lanes);
        }
        Move::CompareLanes { own, other } => {
            walk.at(Stage::LanesShown)?;
            owner()?;
            walk.compare_lanes(own, other)?;
        }
    }
    walk.finish()
}

/// Refuses a witness that is too long.
pub(crate) fn check_witness(witness: &[u8]) -> Result<(), Refusal> {
    let (length, limit) = (witness.len(), WITNESS_BYTES);
    if length <= limit { Ok(()) } else { Err(Refusal::WitnessTooLong { length, limit }) }
}

/// A position on its way to the next.
struct Walk<'a> {
    case: Case<'a>,
    /// Where it is by now.
    to: Position,
    /// Places of the side on turn and of the other in a pair.
    own: usize,
    other: usize,
}

impl<'a> Walk<'a> {
    fn new(case: Case<'a>) -> Self {
        let side = case.position.turn;
        Walk { case, to: case.position.clone(), own: side.index(), other: side.other().index() }
    }

    /// Refuses another stage.
    fn at(&self, stage: Stage) -> Result<(), Refusal> {
        if self.to.stage == stage { Ok(()) } else { Err(Refusal::WrongStage(self.to.stage)) }
    }

    /// Enters, chooses, lands: each as far as the place asks for it.
    fn descend(&mut self, owner: &dyn Fn() -> Result<(), Refusal>, descent: &Descent) -> Result<(), Refusal> {
        let mut rest = descent.clone();
        match self.to.stage {
            Stage::Parts => self.answer_parts(&mut rest)?,
            Stage::Head => self.answer_head(&mut rest)?,
            Stage::TotalsHead => {
                owner()?;
                self.answer_totals(&mut rest)?;
            }
            Stage::RowHead => {
                owner()?;
                self.answer_row(&mut rest)?;
            }
            // It ends in lanes.
            Stage::Totals if self.to.laned => owner()?,
            stage if stage.is_tree() => {}
            stage => return Err(Refusal::WrongStage(stage)),
        }
        if self.to.stage.is_tree() {
            if self.to.shown > 0 {
                self.choose(&mut rest)?;
            }
            if self.to.level > 0 {
                self.show(&std::mem::take(&mut rest.nodes))?
            } else {
                self.land(&mut rest)?
            }
        }
        unused(&rest)
    }

    /// The next position, if the sides hold different things there.
    fn finish(self) -> Result<Position, Refusal> {
        let is_equal = match self.to.stage {
            Stage::Element => {
                let [a, b] = self.to.element_words();
                a == b
            }
            Stage::RowEnd => self.to.words[0] == self.to.words[1],
            _ => self.to.held[0] == self.to.held[1],
        };
        if is_equal { Err(Refusal::NoDifference(self.to.stage)) } else { Ok(self.to) }
    }

    /// Leaves a tree: its fields mean nothing where the game goes on.
    fn leave_tree(&mut self, stage: Stage) {
        (self.to.count, self.to.level, self.to.index, self.to.shown) = (0, 0, 0, 0);
        self.to.stage = stage;
    }

    /// Holds two words as numbers.
    fn hold_words(&mut self, pair: [u32; 2]) {
        self.to.held = pair.map(|word| words::number(word.into()));
    }
}

/// A part that the place asks for.
fn needed<T>(part: &mut Option<T>, name: &'static str) -> Result<T, Refusal> {
    part.take().ok_or(Refusal::MissingPart(name))
}

/// Refuses parts that nothing has asked for.
fn unused(rest: &Descent) -> Result<(), Refusal> {
    let parts = [
        (rest.parts.is_some(), "parts"),
        (rest.head.is_some(), "head"),
        (rest.commitment.is_some(), "commitment"),
        (rest.choice.is_some(), "choice"),
        (!rest.nodes.is_empty(), "nodes"),
        (!rest.words.is_empty(), "words"),
        (rest.before.is_some(), "before"),
    ];
    match parts.iter().find(|(is_there, _)| *is_there) {
        Some((_, name)) => Err(Refusal::UnusedPart(name)),
        None => Ok(()),
    }
}

fn same(what: &'static str, found: Digest, expected: Digest) -> Result<(), Refusal> {
    if found == expected { Ok(()) } else { Err(Mismatch { what, found, expected }.into()) }
}

/// The top to which a leaf and its siblings lead.
fn opened_top(siblings: &[Digest], count: u64, index: u64, leaf: Digest) -> Result<Digest, Refusal> {
    let opening = Opening { siblings: siblings.to_vec() };
    opening.top(count, index, leaf).map_err(|error| match error {
        OpeningError::Siblings { found, expected } => Refusal::WrongSiblingCount { found, expected },
        error => error.into(),
    })
}

/// The list root of a step's outputs, a row, totals or a state.
fn root(count: u64, top: Digest) -> Digest {
    list_root(count, top)
}
