//! One piece of arithmetic, over whatever holds the tensors: redone from a witness by the judge, or run once to see what it reads by who makes
//! a witness.

use super::judge::{Kept, PREDICATE_SLOT};
use super::kinds::Piece;
use super::openings::{WitnessError, within};
use samebit_graph::index::{Index, coords_of};
use samebit_graph::interpret::{Bits, Frame, Machine, Term};
use samebit_graph::limits::BLOCK;
use samebit_graph::node::{Fold, FoldKind, Input, Kind, Node};
use samebit_num::{Arith, Binary32, Code, Soft, fold, run};

/// Terms of a lane in a block.
const LANE_TERMS: u64 = BLOCK / fold::LANES as u64;
/// Bytes of a word, and of a bit for every term of a block.
const WORD_BYTES: usize = 4;
const MASK_BYTES: usize = 32;

/// An element of a map or fold: where it is evaluated.
pub(super) struct Element<'a> {
    /// A map or fold.
    pub(super) node: &'a Node,
    /// The flat index in its output.
    pub(super) element: u64,
    /// What it reads, the row and the step.
    pub(super) frame: Frame<'a, u32>,
}

impl Element<'_> {
    /// The word of the piece; `total` is that before a product's block, not looked at for block 0.
    pub(super) fn word(&self, piece: Piece, total: u32, kept: &[Kept]) -> Result<u32, WitnessError> {
        let coords = self.coords()?;
        match (&self.node.kind, piece) {
            (Kind::Map { inputs, code }, Piece::Map) => {
                let operands = Operands::new(self, inputs, None, 0, &coords, kept, WORD_BYTES)?;
                Ok(operands.run(code, 0, 0))
            }
            (Kind::Fold(fold), Piece::Block(block)) if fold.kind.is_product() => {
                self.product(fold, block, total, &coords, kept)
            }
            (Kind::Fold(fold), Piece::Lane(block, lane)) if !fold.kind.is_product() => {
                self.lane(fold, block, lane, &coords, kept)
            }
            _ => Err(self.other_kind()),
        }
    }

    /// What one slot gives: a word, a word a term, or a bit a term for the predicate.
    pub(super) fn operand(&self, piece: Piece, slot: u8) -> Result<Vec<u8>, WitnessError> {
        let coords = self.coords()?;
        let (inputs, terms, fold) = match (&self.node.kind, piece) {
            (Kind::Map { inputs, .. }, Piece::Map) => (&inputs[..], vec![0], None),
            (Kind::Fold(fold), Piece::Block(block)) if fold.kind.is_product() => {
                (&[][..], block_terms(fold, block)?.collect(), Some(fold))
            }
            (Kind::Fold(fold), Piece::Lane(block, lane)) if !fold.kind.is_product() => {
                (&fold.inputs[..], lane_terms(fold, block, lane)?, Some(fold))
            }
            _ => return Err(self.other_kind()),
        };
        if slot == PREDICATE_SLOT {
            return self.predicate(fold, &terms, &coords, piece.block() * BLOCK);
        }
        let input = inputs.get(usize::from(slot)).ok_or(WitnessError::Operand { slot })?;
        self.evaluate_first(input.index(), &coords, piece.block() * BLOCK);
        let words = terms.iter().map(|k| self.input(input, &coords, *k));
        let mut bytes: Vec<u8> = words.flat_map(u32::to_be_bytes).collect();
        let length = if fold.is_some() { LANE_TERMS as usize } else { 1 };
        bytes.resize(WORD_BYTES * length, 0);
        Ok(bytes)
    }

    fn predicate(
        &self,
        fold: Option<&Fold>,
        terms: &[u64],
        coords: &[u64],
        start: u64,
    ) -> Result<Vec<u8>, WitnessError> {
        let predicate = fold.and_then(|fold| fold.predicate.as_ref());
        let predicate = predicate.ok_or(WitnessError::Operand { slot: PREDICATE_SLOT })?;
        self.evaluate_first(&predicate.left, coords, start);
        self.evaluate_first(&predicate.right, coords, start);
        let mut mask = vec![0; MASK_BYTES];
        for (bit, k) in terms.iter().enumerate() {
            if self.frame.holds(&Bits(Soft), predicate, &self.frame.point(coords, *k)) {
                mask[MASK_BYTES - 1 - bit / 8] |= 1 << (bit % 8);
            }
        }
        Ok(mask)
    }

    fn product(
        &self,
        fold: &Fold,
        block: u64,
        total: u32,
        coords: &[u64],
        kept: &[Kept],
    ) -> Result<u32, WitnessError> {
        let terms = block_terms(fold, block)?;
        let start = terms.start;
        let only_predicate: Vec<Kept> =
            kept.iter().filter(|(slot, _)| *slot == PREDICATE_SLOT).cloned().collect();
        let operands = Operands::new(self, &fold.inputs, Some(fold), start, coords, &only_predicate, 0)?;
        let term = |k: u64| {
            let holds = operands.holds(k, (k - start) as usize);
            holds.then(|| Term::Factors(operands.value(0, k, 0), operands.value(1, k, 0)))
        };
        let terms: Vec<_> = terms.map(term).collect();
        let machine = &mut Bits(Soft);
        let before = if block == 0 { machine.start(fold.kind) } else { total };
        Ok(machine.block(fold.kind, before, &terms))
    }

    fn lane(
        &self,
        fold: &Fold,
        block: u64,
        lane: u8,
        coords: &[u64],
        kept: &[Kept],
    ) -> Result<u32, WitnessError> {
        let terms = lane_terms(fold, block, lane)?;
        let start = block * BLOCK;
        let length = LANE_TERMS as usize * WORD_BYTES;
        let operands = Operands::new(self, &fold.inputs, Some(fold), start, coords, kept, length)?;
        let soft = &mut Soft;
        let mut word = Binary32(empty(fold.kind));
        for (j, k) in terms.into_iter().enumerate() {
            if operands.holds(k, j) {
                let term = Binary32(operands.run(&fold.code, k, j));
                word = join(soft, fold.kind, word, term);
            }
        }
        Ok(soft.bits(word))
    }

    /// The 16 lanes of a block.
    pub(super) fn lanes(&self, block: u64) -> Result<[u32; fold::LANES], WitnessError> {
        let mut lanes = [0; fold::LANES];
        for (lane, word) in (0u8..).zip(&mut lanes) {
            *word = self.word(Piece::Lane(block, lane), 0, &[])?;
        }
        Ok(lanes)
    }

    fn input(&self, input: &Input, coords: &[u64], k: u64) -> u32 {
        self.frame.input(&mut Bits(Soft), input, &self.frame.point(coords, k))
    }

    /// A map in which the fold index is not hidden is evaluated at the block's first term, whether a term is kept or not: so does the contract.
    fn evaluate_first(&self, index: &Index, coords: &[u64], start: u64) {
        if !index.hides_fold() {
            self.frame.index(&Bits(Soft), index, &self.frame.point(coords, start));
        }
    }

    fn coords(&self) -> Result<Vec<u64>, WitnessError> {
        let count = self.node.shape.iter().try_fold(1u64, |count, extent| count.checked_mul(*extent));
        within("element", self.element, count.unwrap_or(0))?;
        let mut coords = Vec::new();
        coords_of(self.element, &self.node.shape, &mut coords);
        Ok(coords)
    }

    fn other_kind(&self) -> WitnessError {
        WitnessError::OtherKind { op: self.node.op.clone() }
    }
}

/// The total after a block of a sum or maximum, from that before it (not looked at for block 0) and its lanes.
pub(super) fn fold_lanes(
    node: &Node,
    block: u64,
    total: u32,
    lanes: &[u32; fold::LANES],
) -> Result<u32, WitnessError> {
    let fold = match &node.kind {
        Kind::Fold(fold) if !fold.kind.is_product() => fold,
        _ => return Err(WitnessError::OtherKind { op: node.op.clone() }),
    };
    block_terms(fold, block)?;
    let soft = &mut Soft;
    let mut lanes = lanes.map(Binary32);
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = join(soft, fold.kind, lanes[lane], lanes[lane + half]);
        }
    }
    let before = Binary32(if block == 0 { empty(fold.kind) } else { total });
    let total = join(soft, fold.kind, before, lanes[0]);
    Ok(soft.bits(total))
}

fn empty(kind: FoldKind) -> u32 {
    Bits(Soft).start(kind)
}

fn join(soft: &mut Soft, kind: FoldKind, a: Binary32, b: Binary32) -> Binary32 {
    if kind == FoldKind::Max { soft.max(a, b) } else { soft.add(a, b) }
}

/// The fold indices of a block.
fn block_terms(fold: &Fold, block: u64) -> Result<std::ops::Range<u64>, WitnessError> {
    within("block", block, fold.extent.div_ceil(BLOCK))?;
    Ok(block * BLOCK..fold.extent.min(block * BLOCK + BLOCK))
}

/// The fold indices of a lane of a block.
fn lane_terms(fold: &Fold, block: u64, lane: u8) -> Result<Vec<u64>, WitnessError> {
    let terms = block_terms(fold, block)?;
    within("lane", lane.into(), fold::LANES as u64)?;
    Ok(terms.skip(usize::from(lane)).step_by(fold::LANES).collect())
}

/// The inputs of a scalar program, and the predicate, each evaluated or kept.
struct Operands<'a> {
    element: &'a Element<'a>,
    inputs: &'a [Input],
    fold: Option<&'a Fold>,
    coords: &'a [u64],
    kept: Vec<Option<&'a [u8]>>,
    mask: Option<&'a [u8]>,
}

impl<'a> Operands<'a> {
    fn new(
        element: &'a Element<'a>,
        inputs: &'a [Input],
        fold: Option<&'a Fold>,
        start: u64,
        coords: &'a [u64],
        kept: &'a [Kept],
        length: usize,
    ) -> Result<Operands<'a>, WitnessError> {
        let find = |slot: u8, length: usize| match kept.iter().find(|(held, _)| *held == slot) {
            None => Ok(None),
            Some((_, bytes)) if bytes.len() == length => Ok(Some(&bytes[..])),
            Some(_) => Err(WitnessError::Operand { slot }),
        };
        let predicate = fold.and_then(|fold| fold.predicate.as_ref());
        let mask = match fold {
            Some(_) => find(PREDICATE_SLOT, MASK_BYTES)?,
            None => None,
        };
        if mask.is_some() && predicate.is_none() {
            return Err(WitnessError::Operand { slot: PREDICATE_SLOT });
        }
        let slots = (0u8..).zip(inputs).map(|(slot, _)| find(slot, length));
        let slots: Vec<_> = slots.collect::<Result<_, _>>()?;
        let evaluate = |index: &Index| element.evaluate_first(index, coords, start);
        let read = inputs.iter().zip(&slots).filter(|(_, kept)| kept.is_none());
        read.for_each(|(input, _)| evaluate(input.index()));
        if let (Some(predicate), None) = (predicate, mask) {
            evaluate(&predicate.left);
            evaluate(&predicate.right);
        }
        Ok(Operands { element, inputs, fold, coords, kept: slots, mask })
    }

    /// The word of an input at fold index k, term j of the leaf.
    fn value(&self, slot: usize, k: u64, j: usize) -> u32 {
        match self.kept[slot] {
            None => self.element.input(&self.inputs[slot], self.coords, k),
            Some(bytes) => u32::from_be_bytes(bytes.as_chunks().0[j]),
        }
    }

    fn run(&self, code: &Code, k: u64, j: usize) -> u32 {
        let words: Vec<u32> = (0..self.inputs.len()).map(|slot| self.value(slot, k, j)).collect();
        run(code, &words, &mut Soft)
    }

    fn holds(&self, k: u64, j: usize) -> bool {
        let predicate = self.fold.and_then(|fold| fold.predicate.as_ref());
        match (predicate, self.mask) {
            (None, _) => true,
            (_, Some(mask)) => mask[MASK_BYTES - 1 - j / 8] >> (j % 8) & 1 != 0,
            (Some(predicate), None) => {
                let frame = self.element.frame;
                frame.holds(&Bits(Soft), predicate, &frame.point(self.coords, k))
            }
        }
    }
}
