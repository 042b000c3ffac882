//! All that a game is (dispute.md §2, §3). A chain keeps only its hash; every message gives the whole position that it answers.

use crate::difference::Side;
use crate::ids::{ClaimId, GameId, QuestionId, Seconds};
use crate::words::Words;
use samebit_commit::{Digest, Tag};
use std::fmt;

/// Where a game is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    /// The tree over the steps.
    #[default]
    Steps = 0,
    /// One side has shown trace and state of the step.
    Parts = 1,
    /// The tree over the outputs of the nodes, or of a row's body nodes.
    Trace = 2,
    /// The tree over the entries of the state.
    State = 3,
    /// One side has shown dtype, element count and top of the output.
    Head = 4,
    /// The tree over the pages.
    Pages = 5,
    /// One side has shown the words of its page.
    Page = 6,
    /// Two words of one element.
    Element = 7,
    /// One side has committed to its totals and shown their first level.
    TotalsHead = 8,
    /// The tree over the totals.
    Totals = 9,
    /// One side has committed to its row and shown its first level.
    RowHead = 10,
    /// Two totals after one block of a product.
    Block = 11,
    /// Two totals after the only block of a sum or maximum.
    Lanes = 12,
    /// Two totals after one block of a sum or maximum, of which one side has shown its lanes.
    LanesShown = 13,
    /// Two words of one lane.
    Lane = 14,
    /// Two totals, the same lanes.
    LaneFold = 15,
    /// One side says that the job diverged before this step.
    Ended = 20,
    /// Two entries of a state.
    Sink = 21,
    /// Two shapes of one node's output.
    Shape = 22,
    /// Two words of an element, the same row.
    RowEnd = 23,
    /// The same steps, two states after them.
    SegmentEnd = 24,
}

impl Stage {
    /// Every stage, by number.
    pub const ALL: [Stage; 21] = [
        Stage::Steps,
        Stage::Parts,
        Stage::Trace,
        Stage::State,
        Stage::Head,
        Stage::Pages,
        Stage::Page,
        Stage::Element,
        Stage::TotalsHead,
        Stage::Totals,
        Stage::RowHead,
        Stage::Block,
        Stage::Lanes,
        Stage::LanesShown,
        Stage::Lane,
        Stage::LaneFold,
        Stage::Ended,
        Stage::Sink,
        Stage::Shape,
        Stage::RowEnd,
        Stage::SegmentEnd,
    ];

    /// The stage with this number, if any.
    pub fn from_byte(byte: u8) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| *stage as u8 == byte)
    }

    /// Whether a node is fixed here.
    pub const fn has_node(self) -> bool {
        matches!(self as u8, 4..=15 | 22 | 23)
    }

    /// Whether it is a tree that is searched.
    pub const fn is_tree(self) -> bool {
        matches!(self, Stage::Steps | Stage::Trace | Stage::State | Stage::Pages | Stage::Totals)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?} ({})", *self as u8)
    }
}

/// The position of a game. Pairs are those of sides a and b, in this order; unused fields are 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The question.
    pub question: QuestionId,
    /// The claims.
    pub claims: [ClaimId; 2],
    /// Moves made.
    pub moves: u32,
    /// Who is on turn.
    pub turn: Side,
    /// What is left on the clocks.
    pub clocks: [Seconds; 2],
    /// When the last move was made.
    pub since: Seconds,
    /// Where the game is.
    pub stage: Stage,
    /// Leaves of the tree that is searched.
    pub count: u64,
    /// Level of the node in the tree, 0 for a leaf.
    pub level: u8,
    /// Index of the node in its level.
    pub index: u64,
    /// Levels below the node that the side not on turn has shown.
    pub shown: u8,
    /// What the sides hold here.
    pub held: [Digest; 2],
    /// Index of the step in the segment.
    pub step: u64,
    /// Trace roots of the step. At [`Stage::Parts`] that of the side that has shown it.
    pub traces: [Digest; 2],
    /// The node; the entry's index at [`Stage::Sink`].
    pub node: u32,
    /// Roots of the node's outputs. At [`Stage::Parts`] the state's top of the side that has shown it.
    pub nodes: [Digest; 2],
    /// dtype of the tensor whose pages are searched.
    pub dtype: u8,
    /// Elements of the tensor whose pages are searched.
    pub elements: u64,
    /// The element of the node's output; at [`Stage::Page`] the first of the page.
    pub element: u64,
    /// The words of the element.
    pub words: [u32; 2],
    /// Trace roots of the composite's row.
    pub rows: [Digest; 2],
    /// The node of the body.
    pub body_node: u32,
    /// The element of the body node's output; at [`Stage::Page`] the first of the page.
    pub body_element: u64,
    /// The words of the body's element.
    pub body_words: [u32; 2],
    /// Whether the fold whose totals are searched is a sum or maximum.
    pub laned: bool,
    /// List roots of the totals.
    pub totals: [Digest; 2],
    /// The block of the fold.
    pub block: u64,
    /// The total before the block, on which both agree; 0 for the first.
    pub total: u32,
    /// The lane.
    pub lane: u8,
    /// Digest of the lanes that one side has shown, or on which both agree.
    pub lanes: Digest,
}

impl Position {
    /// A game's position before its first move, without a place.
    pub fn start(game: GameId, clock: Seconds, now: Seconds) -> Position {
        const NONE: [Digest; 2] = [Digest::ZERO; 2];
        Position {
            question: game.question,
            claims: [game.a, game.b],
            moves: 0,
            turn: Side::A,
            clocks: [clock; 2],
            since: now,
            stage: Stage::Steps,
            count: 0,
            level: 0,
            index: 0,
            shown: 0,
            held: NONE,
            step: 0,
            traces: NONE,
            node: 0,
            nodes: NONE,
            dtype: 0,
            elements: 0,
            element: 0,
            words: [0; 2],
            rows: NONE,
            body_node: 0,
            body_element: 0,
            body_words: [0; 2],
            laned: false,
            totals: NONE,
            block: 0,
            total: 0,
            lane: 0,
            lanes: Digest::ZERO,
        }
    }

    /// The game that this is a position of.
    pub fn game(&self) -> GameId {
        GameId { question: self.question, a: self.claims[0], b: self.claims[1] }
    }

    /// Whether the place is within a composite's row.
    pub fn in_row(&self) -> bool {
        self.rows.iter().all(|&row| row != Digest::ZERO)
    }

    /// The words of the element that is argued about: of the node, or within a row of the body's node.
    pub fn element_words(&self) -> [u32; 2] {
        if self.in_row() { self.body_words } else { self.words }
    }

    /// The element that is argued about: of the node, or within a row of the body's node.
    pub fn element_index(&self) -> u64 {
        if self.in_row() { self.body_element } else { self.element }
    }

    /// The fields in the order of dispute.md §2, each as a 32-byte word.
    pub fn canonical(&self) -> Vec<u8> {
        self.encode().bytes()
    }

    /// What a chain keeps of the game.
    pub fn hash(&self) -> Digest {
        self.encode().hash(Tag::Position)
    }

    fn encode(&self) -> Words {
        let mut to = Words::default();
        to.digest(self.question.0);
        self.claims.iter().for_each(|claim| to.number(claim.0));
        to.number(self.moves);
        to.number(self.turn as u8);
        self.clocks.iter().for_each(|clock| to.number(clock.0));
        to.number(self.since.0);
        to.number(self.stage as u8);
        to.number(self.count);
        to.number(self.level);
        to.number(self.index);
        to.number(self.shown);
        self.held.iter().for_each(|held| to.digest(*held));
        to.number(self.step);
        self.traces.iter().for_each(|trace| to.digest(*trace));
        to.number(self.node);
        self.nodes.iter().for_each(|node| to.digest(*node));
        to.number(self.dtype);
        to.number(self.elements);
        to.number(self.element);
        self.words.iter().for_each(|word| to.number(*word));
        self.rows.iter().for_each(|row| to.digest(*row));
        to.number(self.body_node);
        to.number(self.body_element);
        self.body_words.iter().for_each(|word| to.number(*word));
        to.number(u8::from(self.laned));
        self.totals.iter().for_each(|totals| to.digest(*totals));
        to.number(self.block);
        to.number(self.total);
        to.number(self.lane);
        to.digest(self.lanes);
        to
    }
}
