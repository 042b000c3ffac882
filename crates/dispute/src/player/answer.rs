//! The answer to a position.

use super::tree::{Own, Spot};
use crate::difference::Side;
use crate::limits::LANES;
use crate::moves::{Before, Commitment, Descent, Head, Move, Parts};
use crate::position::{Position, Stage};
use crate::question::Question;
use crate::referee::{JudgeKind, Structure};
use crate::story::{Evidence, Inside, Output, Story};
use samebit_commit::merkle::{height, list_root};
use samebit_commit::tensor::{PAGE_WORDS, page_count};
use samebit_commit::{Digest, Sequence, SequenceError};

/// What a side does at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Answer {
    /// It moves.
    Play(Move),
    /// It has a piece of arithmetic redone.
    Judge {
        /// What is redone.
        kind: JudgeKind,
        /// What shows all that is read.
        evidence: Evidence,
    },
}

/// What `side` with this story does at the position; `last` is the move that led there. `None` if it is not on turn, or if its story is not what it
/// has shown so far.
///
/// # Errors
/// What keeps the story from answering.
pub fn answer<S: Story + ?Sized>(
    story: &S,
    question: &Question,
    position: &Position,
    side: Side,
    last: Option<&Move>,
) -> Result<Option<Answer>, SequenceError> {
    if position.stage.has_node()
        && let Some(witness) = story.malformed(Output::of(position))?
    {
        let (kind, evidence) = (JudgeKind::Malformed, Evidence { witness, kept: Vec::new() });
        return Ok(Some(Answer::Judge { kind, evidence }));
    }
    if let Some(kind) = judged(story, position)? {
        let evidence = story.evidence(question, position, side, kind)?;
        return Ok(Some(Answer::Judge { kind, evidence }));
    }
    if position.turn != side {
        return Ok(None);
    }
    let play = Teller { story, question, position, side, last }.play()?;
    Ok(play.map(Answer::Play))
}

/// What the referee can be asked here.
fn judged<S: Story + ?Sized>(story: &S, position: &Position) -> Result<Option<JudgeKind>, SequenceError> {
    let no_row = position.rows.iter().all(|&row| row == Digest::ZERO);
    Ok(match position.stage {
        Stage::Ended => Some(JudgeKind::Ended),
        Stage::Sink => Some(JudgeKind::Sink),
        Stage::Shape => Some(JudgeKind::Shape),
        Stage::Block => Some(JudgeKind::Block),
        Stage::Lane => Some(JudgeKind::Lane),
        Stage::LaneFold => Some(JudgeKind::LaneFold),
        Stage::RowEnd => Some(JudgeKind::RowEnd),
        Stage::SegmentEnd => Some(JudgeKind::SegmentEnd),
        Stage::Head | Stage::Pages | Stage::Page if no_row => {
            let (structure, _) = story.structure(Output::of(position))?;
            (structure == Structure::Source).then_some(JudgeKind::Source)
        }
        Stage::Element => match story.structure(Output::of(position))?.0 {
            Structure::Source if no_row => Some(JudgeKind::Source),
            Structure::Map => Some(JudgeKind::Map),
            _ => None,
        },
        _ => None,
    })
}

/// One side at one position.
struct Teller<'a, S: ?Sized> {
    story: &'a S,
    question: &'a Question,
    position: &'a Position,
    side: Side,
    last: Option<&'a Move>,
}

impl<S: Story + ?Sized> Teller<'_, S> {
    fn play(&self) -> Result<Option<Move>, SequenceError> {
        match self.position.stage {
            Stage::Page => self.point(),
            Stage::Element => self.unfold(),
            Stage::Lanes => Ok(Some(Move::ShowLanes(self.lanes(self.position.block)?))),
            Stage::LanesShown => {
                let other = match self.last {
                    Some(Move::ShowLanes(other)) => *other,
                    Some(Move::Descend(Descent { words, .. })) => match words[..].try_into() {
                        Ok(other) => other,
                        Err(_) => return Ok(None),
                    },
                    _ => return Ok(None),
                };
                Ok(Some(Move::CompareLanes { own: self.lanes(self.position.block)?, other }))
            }
            _ => Ok(self.descend()?.map(Move::Descend)),
        }
    }

    fn output(&self) -> Output {
        Output::of(self.position)
    }

    fn lanes(&self, block: u64) -> Result<[u32; LANES], SequenceError> {
        self.story.lanes(self.output(), self.position.element_index(), block)
    }

    fn point(&self) -> Result<Option<Move>, SequenceError> {
        let Some(Move::Descend(Descent { words: other, .. })) = self.last else { return Ok(None) };
        let page = self.position.element_index() / PAGE_WORDS as u64;
        let own = self.story.page(self.output(), page)?;
        let offset = own.iter().zip(other).position(|(own, other)| own != other);
        // A page has at most 256 words.
        Ok(offset.map(|offset| Move::Point { offset: offset as u8, own, other: other.clone() }))
    }

    fn unfold(&self) -> Result<Option<Move>, SequenceError> {
        let (structure, witness) = self.story.structure(self.output())?;
        let (commitment, nodes) = match structure {
            Structure::Product { blocks: 1 } | Structure::Lanes { blocks: 1 } => (None, Vec::new()),
            Structure::Product { .. } | Structure::Lanes { .. } => {
                let (own, commitment, count) = self.totals()?;
                let spot = Spot { count, level: height(count), index: 0 };
                (Some(commitment), spot.show(&own)?)
            }
            Structure::Composite { body_nodes, .. } => {
                let row = self.row()?;
                let count = u64::from(body_nodes);
                let spot = Spot { count, level: height(count), index: 0 };
                let own = Own::Sequence(&*row);
                let commitment = Commitment { top: own.node(spot.level, 0)?, siblings: Vec::new() };
                (Some(commitment), if spot.level > 0 { spot.show(&own)? } else { Vec::new() })
            }
            Structure::Source | Structure::Map => return Ok(None),
        };
        Ok(Some(Move::Unfold { witness, commitment, nodes }))
    }

    fn row(&self) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        self.story.row(self.position.step, self.position.node, self.position.element)
    }

    fn totals(&self) -> Result<(Own<'_>, Commitment, u64), SequenceError> {
        let words = self.story.totals(self.output(), self.position.element_index())?;
        let count = words.len() as u64;
        let own = Own::totals(words);
        let Own::Totals(_, tree) = &own else { unreachable!("these are totals") };
        let siblings = tree.open(count.saturating_sub(1)).map_err(SequenceError::source)?.siblings;
        let commitment = Commitment { top: tree.top(), siblings };
        Ok((own, commitment, count))
    }

    /// Enters, chooses and lands, as the position asks for it.
    fn descend(&self) -> Result<Option<Descent>, SequenceError> {
        let mut descent = Descent::default();
        let at = self.position;
        match at.stage {
            Stage::Parts => {
                let parts = self.parts(at.step)?;
                descent.parts = Some(parts);
                let trace = list_root(self.question.node_count, parts.trace_top);
                let stage =
                    if trace == at.traces[self.side.other().index()] { Stage::State } else { Stage::Trace };
                self.in_tree(stage, &mut descent, None)
            }
            Stage::Head => {
                let head = self.head(self.output())?;
                descent.head = Some(head);
                if (head.dtype, head.elements) != (at.dtype, at.elements) {
                    return Ok(Some(descent));
                }
                self.in_tree(Stage::Pages, &mut descent, Some(page_count(head.elements)))
            }
            Stage::TotalsHead => {
                descent.commitment = Some(self.totals()?.1);
                self.in_tree(Stage::Totals, &mut descent, None)
            }
            Stage::RowHead => {
                let row = self.row()?;
                let top = row.node(height(at.count), 0)?;
                descent.commitment = Some(Commitment { top, siblings: Vec::new() });
                if list_root(at.count, top) == at.rows[self.side.other().index()] {
                    return Ok(Some(descent));
                }
                drop(row);
                self.in_tree(Stage::Trace, &mut descent, None)
            }
            stage if stage.is_tree() => self.in_tree(stage, &mut descent, None),
            _ => Ok(None),
        }
    }

    /// Goes on in a tree: at its top, if `self.position` is not yet in it.
    fn in_tree(
        &self,
        stage: Stage,
        descent: &mut Descent,
        pages: Option<u64>,
    ) -> Result<Option<Descent>, SequenceError> {
        let at = self.position;
        let count = match (at.stage, stage) {
            (Stage::Parts, Stage::Trace) => self.question.node_count,
            (Stage::Parts, _) => self.question.state_count,
            (Stage::Head, _) => pages.unwrap_or_default(),
            _ => at.count,
        };
        let is_entered = matches!(at.stage, Stage::Parts | Stage::Head);
        let level = if is_entered { height(count) } else { at.level.into() };
        let spot = Spot { count, level, index: at.index };
        self.with_own(stage, |own| self.go_down(stage, spot, own, descent))
            .map(|is_found| is_found.then(|| std::mem::take(descent)))
    }

    /// Chooses if the other has shown something, and lands. Whether there was a difference.
    fn go_down(
        &self,
        stage: Stage,
        mut spot: Spot,
        own: &Own<'_>,
        descent: &mut Descent,
    ) -> Result<bool, SequenceError> {
        let mut other = self.position.held[self.side.other().index()];
        if self.position.shown > 0 {
            let nodes = match self.last {
                Some(Move::Descend(Descent { nodes, .. }) | Move::Unfold { nodes, .. }) => nodes,
                _ => return Ok(false),
            };
            let Some((choice, to)) = spot.choose(own, self.position.shown.into(), nodes)? else {
                return Ok(false);
            };
            spot = to;
            other = choice.other;
            descent.choice = Some(choice);
        }
        if spot.level > 0 {
            descent.nodes = spot.show(own)?;
            return Ok(true);
        }
        self.land(stage, spot, own, other, descent)?;
        Ok(true)
    }

    fn land(
        &self,
        stage: Stage,
        spot: Spot,
        own: &Own<'_>,
        other: Digest,
        descent: &mut Descent,
    ) -> Result<(), SequenceError> {
        match stage {
            Stage::Steps => {
                let is_there = own.node(0, spot.index)? != Digest::ZERO && other != Digest::ZERO;
                if is_there {
                    descent.parts = Some(self.parts(spot.index)?);
                }
            }
            Stage::Trace => {
                // Nodes of programs and bodies are counted by u32.
                let node = spot.index as u32;
                let output = match self.in_row_or_entering() {
                    true => self.body_output(node),
                    false => Output { node, ..self.output() },
                };
                descent.head = Some(self.head(output)?);
            }
            Stage::Pages => descent.words = self.story.page(self.output(), spot.index)?,
            Stage::Totals => {
                descent.before = before(own, spot.index)?;
                if self.position.laned {
                    descent.words = self.lanes(spot.index)?.to_vec();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn parts(&self, step: u64) -> Result<Parts, SequenceError> {
        let top = |part: u64, count: u64| {
            let entered = enter(self.story.steps(), step)?;
            let list = enter(&*entered, part)?;
            list.node(height(count), 0)
        };
        Ok(Parts {
            trace_top: top(0, self.question.node_count)?,
            state_top: top(1, self.question.state_count)?,
        })
    }

    /// Whether the place is within a row, or will be by this move.
    fn in_row_or_entering(&self) -> bool {
        self.position.in_row() || self.position.stage == Stage::RowHead
    }

    fn body_output(&self, body_node: u32) -> Output {
        let inside = Inside { element: self.position.element, body_node };
        Output { step: self.position.step, node: self.position.node, inside: Some(inside) }
    }

    fn head(&self, output: Output) -> Result<Head, SequenceError> {
        let (dtype, elements) = self.story.shape(output)?;
        let level = height(page_count(elements));
        let top = self.with_tensor(output, |tensor| Own::Sequence(tensor).node(level, 0))?;
        Ok(Head { dtype, elements, top })
    }

    fn with_tensor<T>(
        &self,
        output: Output,
        then: impl FnOnce(&dyn Sequence) -> Result<T, SequenceError>,
    ) -> Result<T, SequenceError> {
        match output.inside {
            Some(inside) => {
                let row = self.story.row(output.step, output.node, inside.element)?;
                then(&*enter(&*row, inside.body_node.into())?)
            }
            None => {
                let step = enter(self.story.steps(), output.step)?;
                let trace = enter(&*step, 0)?;
                then(&*enter(&*trace, output.node.into())?)
            }
        }
    }

    /// The own side of the tree of a stage.
    fn with_own<T>(
        &self,
        stage: Stage,
        then: impl FnOnce(&Own<'_>) -> Result<T, SequenceError>,
    ) -> Result<T, SequenceError> {
        let step = || enter(self.story.steps(), self.position.step);
        match stage {
            Stage::Steps => then(&Own::Sequence(self.story.steps())),
            Stage::Trace if self.in_row_or_entering() => then(&Own::Sequence(&*self.row()?)),
            Stage::Trace => then(&Own::Sequence(&*enter(&*step()?, 0)?)),
            Stage::State => then(&Own::Sequence(&*enter(&*step()?, 1)?)),
            Stage::Pages => self.with_tensor(self.output(), |tensor| then(&Own::Sequence(tensor))),
            _ => then(&self.totals()?.0),
        }
    }
}

/// The total before a block, if there is one.
fn before(own: &Own<'_>, block: u64) -> Result<Option<Before>, SequenceError> {
    let Own::Totals(words, tree) = own else { unreachable!("these are totals") };
    let Some(before) = block.checked_sub(1) else { return Ok(None) };
    let siblings = tree.open(before).map_err(SequenceError::source)?.siblings;
    Ok(Some(Before { word: words[before as usize], siblings }))
}

fn enter(sequence: &dyn Sequence, leaf: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
    let what = || format!("what {} {leaf} names", sequence.kind().leaf_name());
    sequence.enter(leaf)?.ok_or_else(|| SequenceError::Unavailable { what: what() })
}
