//! A fold of one long row: its blocks are folded on all threads, as rows of their own, and joined in order.

use samebit_num::{Arith, Native};

use super::address::Operand;
use super::fold::BLOCK;
use super::prepared::PreparedRows;
use super::program::{Address, Columns, RowInput, RowProgram, RowTerm, Stage, StageKind};
use crate::simd::Isa;

/// The fewest columns of a row that is split.
const COLUMNS_MIN: u64 = 64 * BLOCK as u64;

/// A fold of one row in two passes.
#[derive(Debug)]
pub(super) struct Split {
    kind: StageKind,
    /// A row for each whole block.
    blocks: PreparedRows,
    /// What follows them, if anything.
    rest: Option<PreparedRows>,
}

impl Split {
    /// The passes that fold the row of `program`, if it is one long row with a single fold of consecutive elements.
    pub(super) fn new(program: &RowProgram) -> Option<Self> {
        let [stage] = program.stages.as_slice() else {
            return None;
        };
        if program.rows != 1 || program.columns < COLUMNS_MIN || !stage.kind.is_fold() {
            return None;
        }
        let block = BLOCK as u64;
        let (count, rest) = (program.columns / block, program.columns % block);
        let blocks = part(program, stage, 0, count, block)?;
        let rest = if rest == 0 { None } else { Some(part(program, stage, count * block, 1, rest)?) };
        Some(Self {
            kind: stage.kind,
            blocks: PreparedRows::new(&blocks),
            rest: rest.as_ref().map(PreparedRows::new),
        })
    }

    /// The fold's value.
    pub(super) fn run(&self, isa: Isa, step: u64, inputs: &[Operand<'_>]) -> u32 {
        let mut results = vec![0; self.blocks.program.rows as usize];
        self.blocks.run(isa, step, inputs, &mut [&mut results]);
        if let Some(rest) = &self.rest {
            let mut last = [0];
            rest.run(isa, step, inputs, &mut [&mut last]);
            results.extend(last);
        }
        let results = results.into_iter().map(f32::from_bits);
        let total = match self.kind {
            StageKind::Max => results.fold(f32::NEG_INFINITY, |total, block| Native.max(total, block)),
            _ => results.fold(0.0, |total, block| Native.add(total, block)),
        };
        Native.bits(total)
    }
}

/// The fold of `columns` elements from column `start` on for each of `rows` rows.
fn part(program: &RowProgram, stage: &Stage, start: u64, rows: u64, columns: u64) -> Option<RowProgram> {
    let address = |address: &Address| {
        let movement = match address.columns {
            Columns::Fixed => 0,
            Columns::Contiguous => 1,
            Columns::Offsets(_) => return None,
        };
        if address.gather.is_some() {
            return None;
        }
        let row = RowTerm { stride: columns, divisor: 1, modulus: 0 };
        Some(Address {
            constant: address.base(program.first_row, 0, &[]) + movement * start,
            rows: if movement == 0 { Vec::new() } else { vec![row] },
            ..address.clone()
        })
    };
    let input = |input: &RowInput| {
        Some(match input {
            RowInput::Stage(_) => return None,
            RowInput::Operand { operand, address: at, len } => {
                RowInput::Operand { operand: *operand, address: address(at)?, len: *len }
            }
            RowInput::Value(at) => RowInput::Value(address(at)?),
        })
    };
    let inputs = stage.inputs.iter().map(input).collect::<Option<_>>()?;
    let stages = vec![Stage { kind: stage.kind, inputs, code: stage.code.clone() }];
    let operands = program.operands;
    Some(RowProgram { rows, first_row: 0, columns, len: rows * columns, operands, stages, stores: vec![0] })
}
