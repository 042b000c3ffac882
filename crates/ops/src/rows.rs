//! Fused scalar programs and folds over the rows of a matrix: softmax, norms, activations, losses, optimisers.
//!
//! The domain is `rows × columns`. Stages run in order, each over one row at a time, so that what one stage leaves for
//! the next stays in cache; only the stages named in `stores` are written to memory.

use samebit_num::Code;

/// A fused pass over rows. Operands of [`crate::Backend::run`]: `operands` buffers as inputs, one buffer per `stores` as outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct RowProgram {
    /// Number of rows in this launch.
    pub rows: u64,
    /// Absolute number of the launch's first row; addresses and index values count rows from 0 of the whole tensor.
    pub first_row: u64,
    /// Elements in a row.
    pub columns: u64,
    /// Elements in the whole domain; `rows · columns`, or less where the last row is short (then no stage is a fold).
    pub len: u64,
    /// Number of input buffers.
    pub operands: usize,
    /// What is computed, in order.
    pub stages: Vec<Stage>,
    /// Stages whose values are written out: a matrix of `rows × columns` or, for a per-row stage, one value a row.
    pub stores: Vec<usize>,
}

/// One computation on a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What the stage makes.
    pub kind: StageKind,
    /// The inputs of the code's registers.
    pub inputs: Vec<RowInput>,
    /// The scalar program; for a fold, it makes the term.
    pub code: Code,
}

/// What a stage makes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// A value per column.
    Map,
    /// One value, without a loop over columns: every input is per row.
    Scalar,
    /// One value: the ordered sum over the columns.
    Sum,
    /// One value: the maximum over the columns.
    Max,
    /// One value: the ordered product of the two inputs over the columns; the code is empty.
    Product,
}

/// An input register of a stage.
#[derive(Clone, Debug, PartialEq)]
pub enum RowInput {
    /// The value of an earlier stage, at the same column or per row.
    Stage(usize),
    /// A word of an input buffer; a word beyond the tensor's end (`len` elements in the whole tensor) is 0.
    Operand {
        /// Which input buffer.
        operand: usize,
        /// Flat index of the element.
        address: Address,
        /// Elements in the whole tensor.
        len: u64,
    },
    /// The flat index itself, mod 2^32.
    Value(Address),
}

/// A flat index as a function of the (absolute) row r, the column c and the step: `constant + step_stride · step + Σ rows + gather +
/// columns(c)`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Address {
    /// Constant part.
    pub constant: u64,
    /// Coefficient of the step's number.
    pub step_stride: u64,
    /// Terms `stride · ((r / divisor) mod modulus)`; modulus 0 stands for none.
    pub rows: Vec<RowTerm>,
    /// `stride · ids[index]`, an element of a `u32` operand whose own address depends on the row only.
    pub gather: Option<Gather>,
    /// The column's part.
    pub columns: Columns,
}

/// `stride · ((r / divisor) mod modulus)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowTerm {
    /// Coefficient.
    pub stride: u64,
    /// At least 1.
    pub divisor: u64,
    /// 0 for none.
    pub modulus: u64,
}

/// `stride · element` of an integer operand.
#[derive(Clone, Debug, PartialEq)]
pub struct Gather {
    /// Which input buffer holds the integers.
    pub operand: usize,
    /// Where the integer is; no gather within.
    pub address: Box<Address>,
    /// Elements in the whole integer tensor; beyond it the integer is 0.
    pub len: u64,
    /// Coefficient.
    pub stride: u64,
}

/// How an address depends on the column c.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Columns {
    /// Not at all: one value for the row.
    #[default]
    Fixed,
    /// + c.
    Contiguous,
    /// + offsets[c]: strides, rotations, repetitions.
    Offsets(std::sync::Arc<[u32]>),
}
