//! Packed operands: quantised factors in the order in which a tile reads them, and what it has to know of them.
//!
//! ```text
//! word w of a group of terms: the factors of terms w, w + LANES, …      two of 16 bits or four bytes, low first
//!
//! panel: rows that a tile takes at once
//!   for each block of 256 terms
//!     for each plane (digits of 21 bits: high, low; otherwise one)
//!       left:    row 0: its words, with room for those of 256 terms;   row 1: …
//!       right:   word 0 of row 0, row 1, … row stride − 1;   word 1 of row 0, …
//! ```
//! S has no order, so that terms may meet in a word as it is cheapest to bring them there. A block is filled up with zeros to a whole
//! group. For each panel and block there are a scale of each row, and the [`Block`].

use rayon::prelude::*;
use samebit_num::fold::{BLOCK, Bits};

use super::quantise::QuantisePanel;
use crate::product::{Matrix, panel_width, tile_rows};
use crate::simd::{Aligned, DotIsa, Isa};

/// Which operand: A, of which a tile takes as many rows as it has, or B, of which it takes two vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A\[m, k\].
    Left,
    /// B\[n, k\].
    Right,
}

/// How an operand is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub isa: DotIsa,
    pub bits: Bits,
    pub side: Side,
}

impl Format {
    /// Rows of a panel in memory: whole vectors.
    pub fn stride(self) -> usize {
        match self.side {
            Side::Left => tile_rows(self.isa.base()).next_multiple_of(self.isa.base().lanes()),
            Side::Right => panel_width(self.isa.base()),
        }
    }

    /// Whether factors are bytes.
    pub fn is_bytes(self) -> bool {
        self.bits == Bits::Eight && self.isa.has_bytes()
    }

    /// Neighbouring terms in a word.
    pub fn word_terms(self) -> usize {
        if self.is_bytes() { 4 } else { 2 }
    }

    /// Terms of a group: a vector of words.
    fn group_terms(self) -> usize {
        self.word_terms() * self.isa.base().lanes()
    }

    /// Digits of a factor.
    pub fn planes(self) -> usize {
        if self.bits == Bits::TwentyOne { 2 } else { 1 }
    }

    /// Words of a row for this many terms of a block, in one plane.
    pub fn row_words(self, terms: usize) -> usize {
        terms.next_multiple_of(self.group_terms()) / self.word_terms()
    }

    /// Words of a panel for a block of this many terms.
    pub fn block_words(self, terms: usize) -> usize {
        let row_words = match self.side {
            Side::Left if terms > 0 => self.row_words(BLOCK),
            _ => self.row_words(terms),
        };
        row_words * self.stride() * self.planes()
    }

    /// Words of a panel.
    fn panel_words(self, depth: usize) -> usize {
        depth / BLOCK * self.block_words(BLOCK) + self.block_words(depth % BLOCK)
    }

    /// Panels of this many rows.
    pub fn panel_count(self, rows: usize) -> usize {
        match self.side {
            Side::Left => rows.div_ceil(tile_rows(self.isa.base())),
            Side::Right => rows.div_ceil(self.stride()),
        }
    }

    /// The first row of panel `index` of `rows` rows. Panels of A are as equal as can be, so that no tile is a poor remainder.
    pub fn panel_start(self, rows: usize, index: usize) -> usize {
        match self.side {
            Side::Left => rows * index / self.panel_count(rows).max(1),
            Side::Right => (index * self.stride()).min(rows),
        }
    }
}

/// What a tile has to know of a block of a panel. Rows that are zero, infinite or NaN do not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The least exponent of a scale.
    pub least_exponent: i32,
    /// The greatest.
    pub greatest_exponent: i32,
    /// At least the greatest Σ q² of a row over any piece of 256, 128 and 64 terms (14 bits only).
    pub norms: [f32; 3],
}

impl Block {
    /// Of no row that counts.
    pub const NONE: Block = Block { least_exponent: 1 << 16, greatest_exponent: -(1 << 16), norms: [0.0; 3] };
}

/// An operand, quantised and packed once for many products.
#[derive(Debug)]
pub struct Packed {
    format: Format,
    rows: usize,
    depth: usize,
    words: Aligned,
    scales: Vec<f32>,
    offsets: Vec<u32>,
    blocks: Vec<Block>,
}

/// Elements from which packing is shared between threads.
const PARALLEL_ELEMENTS: usize = 1 << 16;

impl Packed {
    /// Quantises and packs `matrix` for products of instruction set `isa`. Uses the threads of rayon's current pool if it is large.
    #[must_use]
    pub fn pack(isa: Isa, bits: Bits, side: Side, matrix: Matrix<'_>) -> Self {
        let mut packed = Self::empty();
        packed.fill(Format { isa: DotIsa::within(isa), bits, side }, matrix);
        packed
    }

    /// A place for an operand.
    pub(super) fn empty() -> Self {
        let format = Format { isa: DotIsa::Scalar, bits: Bits::Eight, side: Side::Left };
        let (words, scales, offsets, blocks) = Default::default();
        Self { format, rows: 0, depth: 0, words, scales, offsets, blocks }
    }

    /// Replaces the operand; allocates only to grow.
    pub(super) fn fill(&mut self, format: Format, matrix: Matrix<'_>) {
        (self.format, self.rows, self.depth) = (format, matrix.rows, matrix.columns);
        let (panels, blocks) = (format.panel_count(self.rows), self.depth.div_ceil(BLOCK));
        let (panel_words, panel_scales) = (format.panel_words(self.depth), blocks * format.stride());
        self.words.resize(panels * panel_words);
        self.scales.resize(panels * panel_scales, 0.0);
        self.offsets.resize(panels * panel_scales, 0);
        self.blocks.resize(panels * blocks, Block::NONE);
        if panels * blocks == 0 {
            return;
        }
        let pack = |(index, (((words, scales), offsets), blocks)): (usize, (((&mut [f32], _), _), _))| {
            let rows = format.panel_start(matrix.rows, index)..format.panel_start(matrix.rows, index + 1);
            let words = bytemuck::cast_slice_mut(words);
            format.isa.run(QuantisePanel { format, matrix, rows, words, scales, offsets, blocks });
        };
        let parts = self
            .words
            .par_chunks_mut(panel_words)
            .zip(self.scales.par_chunks_mut(panel_scales))
            .zip(self.offsets.par_chunks_mut(panel_scales))
            .zip(self.blocks.par_chunks_mut(blocks))
            .enumerate();
        let is_small = matrix.rows * matrix.columns < PARALLEL_ELEMENTS;
        parts.with_min_len(if is_small { panels } else { 1 }).for_each(pack);
    }

    /// Rows of the operand.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Terms.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.words)
            + size_of_val(&*self.scales)
            + size_of_val(&*self.offsets)
            + size_of_val(&*self.blocks)
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// Blocks `blocks` of panel `index`.
    #[inline(always)]
    pub(super) fn panel(&self, index: usize, blocks: std::ops::Range<usize>) -> PanelBlocks<'_> {
        let (stride, all) = (self.format.stride(), self.depth.div_ceil(BLOCK));
        let words = self.format.panel_words(self.depth);
        let before = blocks.start * self.format.block_words(BLOCK);
        let (first, end) = (index * all + blocks.start, index * all + blocks.end);
        PanelBlocks {
            words: bytemuck::cast_slice(&self.words[index * words + before..(index + 1) * words]),
            scales: &self.scales[first * stride..end * stride],
            offsets: &self.offsets[first * stride..end * stride],
            blocks: &self.blocks[first..end],
        }
    }
}

/// Neighbouring blocks of a panel; `words` may go on after them.
#[derive(Clone, Copy)]
pub(super) struct PanelBlocks<'a> {
    pub words: &'a [u32],
    pub scales: &'a [f32],
    /// What a row's sum starts from where factors are bytes (A only).
    pub offsets: &'a [u32],
    pub blocks: &'a [Block],
}
