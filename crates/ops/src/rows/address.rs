//! Where an input lies: addresses evaluated, and operands as slices of tensors.

use super::program::{Address, Columns, Gather, RowTerm};

/// A slice of a tensor: its words, and the flat index of the first of them.
pub type Operand<'a> = (&'a [u32], u64);

impl RowTerm {
    /// The term at absolute row `row`.
    fn at(&self, row: u64) -> u64 {
        let quotient = if self.divisor == 1 { row } else { row / self.divisor };
        self.stride * if self.modulus == 0 { quotient } else { quotient % self.modulus }
    }
}

impl Gather {
    fn at(&self, row: u64, step: u64, inputs: &[Operand<'_>]) -> u64 {
        let index = self.address.base(row, step, inputs);
        self.stride * u64::from(word(inputs[self.operand], index, self.len))
    }
}

impl Address {
    /// The address at absolute row `row` without the column's part.
    pub(super) fn base(&self, row: u64, step: u64, inputs: &[Operand<'_>]) -> u64 {
        let rows: u64 = self.rows.iter().map(|term| term.at(row)).sum();
        let gathered = self.gather.as_ref().map_or(0, |gather| gather.at(row, step, inputs));
        self.constant + self.step_stride * step + rows + gathered
    }
}

impl Columns {
    /// The column's part at column `column`.
    pub(super) fn at(&self, column: u64) -> u64 {
        match self {
            Columns::Fixed => 0,
            Columns::Contiguous => column,
            Columns::Offsets(offsets) => u64::from(offsets[column as usize]),
        }
    }
}

/// The word at flat index `index` of a tensor with `len` elements; 0 beyond its end.
///
/// Panics if the slice does not hold it.
pub(super) fn word((words, origin): Operand<'_>, index: u64, len: u64) -> u32 {
    if index >= len {
        return 0;
    }
    let held = index.checked_sub(origin).and_then(|at| words.get(usize::try_from(at).ok()?));
    *held.unwrap_or_else(|| {
        panic!("element {index} is not in the slice of {} words from {origin}", words.len())
    })
}
