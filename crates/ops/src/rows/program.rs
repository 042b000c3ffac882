//! A pass over rows as data.

use samebit_num::{Code, RegType};

/// A fused pass over rows. Operands of [`crate::Backend::run`]: `operands` buffers as inputs, one buffer per `stores` as outputs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// What the stage makes.
    pub kind: StageKind,
    /// The inputs of the code's registers.
    pub inputs: Vec<RowInput>,
    /// The scalar program; for a fold, it makes the term.
    pub code: Code,
}

/// What a stage makes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowTerm {
    /// Coefficient.
    pub stride: u64,
    /// At least 1.
    pub divisor: u64,
    /// 0 for none.
    pub modulus: u64,
}

/// `stride · element` of an integer operand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Columns {
    /// Not at all: one value for the row.
    #[default]
    Fixed,
    /// + c.
    Contiguous,
    /// + offsets[c]: strides, rotations, repetitions.
    Offsets(std::sync::Arc<[u32]>),
}

impl StageKind {
    /// Whether the stage runs over the columns and leaves one value a row.
    pub fn is_fold(self) -> bool {
        matches!(self, StageKind::Sum | StageKind::Max | StageKind::Product)
    }

    /// Whether the stage has a value per column, not per row.
    pub fn is_map(self) -> bool {
        self == StageKind::Map
    }
}

impl Stage {
    /// The type of the stage's values.
    pub fn result_type(&self) -> RegType {
        if self.kind == StageKind::Product { RegType::F } else { self.code.result_type() }
    }
}

impl RowProgram {
    /// Elements of the launch's row `row` (counted from the launch's first row).
    pub fn row_len(&self, row: u64) -> u64 {
        self.columns.min(self.len - row * self.columns)
    }

    /// Words of the output of `stores[store]`.
    pub fn output_len(&self, store: usize) -> u64 {
        if self.stages[self.stores[store]].kind.is_map() { self.len } else { self.rows }
    }

    /// Panics unless stages read earlier stages, operands exist, per-row stages have per-row inputs, and a short last row
    /// meets no fold.
    pub fn validate(&self) {
        let full = self.rows.checked_mul(self.columns).expect("rows × columns fits 64 bits");
        let shortest = full.saturating_sub(self.columns.saturating_sub(1));
        assert!(
            self.len <= full && self.len >= shortest,
            "len {} of {} × {}",
            self.len,
            self.rows,
            self.columns
        );
        let folds = self.stages.iter().any(|stage| stage.kind.is_fold());
        assert!(!folds || self.len == full, "a fold over a short row");
        for (index, stage) in self.stages.iter().enumerate() {
            self.validate_stage(index, stage);
        }
        assert!(
            self.stores.iter().all(|&store| store < self.stages.len()),
            "a store of a stage that does not exist"
        );
    }

    fn validate_stage(&self, index: usize, stage: &Stage) {
        assert!(stage.kind.is_fold() <= (stage.result_type() == RegType::F), "stage {index} folds integers");
        let registers = if stage.kind == StageKind::Product { 2 } else { stage.code.inputs().len() };
        assert_eq!(stage.inputs.len(), registers, "inputs of stage {index}");
        for (register, input) in stage.inputs.iter().enumerate() {
            let wanted =
                if stage.kind == StageKind::Product { RegType::F } else { stage.code.inputs()[register] };
            let per_row = match input {
                RowInput::Stage(earlier) => {
                    assert!(*earlier < index, "stage {index} reads stage {earlier}");
                    let found = self.stages[*earlier].result_type();
                    assert_eq!(found, wanted, "input {register} of stage {index}");
                    !self.stages[*earlier].kind.is_map()
                }
                RowInput::Operand { operand, address, .. } => {
                    assert!(*operand < self.operands, "stage {index} reads operand {operand}");
                    self.validate_address(address)
                }
                RowInput::Value(address) => {
                    assert_eq!(wanted, RegType::U, "input {register} of stage {index}");
                    self.validate_address(address)
                }
            };
            assert!(
                per_row || stage.kind != StageKind::Scalar,
                "scalar stage {index} has an input per column"
            );
        }
    }

    /// Whether the address depends on the row only.
    fn validate_address(&self, address: &Address) -> bool {
        if let Some(gather) = &address.gather {
            assert!(gather.operand < self.operands, "a gather from operand {}", gather.operand);
            let inner = &gather.address;
            assert!(inner.gather.is_none() && inner.columns == Columns::Fixed, "a gather within a gather");
        }
        if let Columns::Offsets(offsets) = &address.columns {
            assert!(
                offsets.len() as u64 >= self.columns,
                "{} offsets of {} columns",
                offsets.len(),
                self.columns
            );
        }
        address.columns == Columns::Fixed
    }
}
