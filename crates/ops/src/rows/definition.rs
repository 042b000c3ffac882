//! What a pass over rows means: element by element, on any scalar machine. No intrinsics, no threads, no cleverness.

use samebit_num::{Arith, fold, run};

use super::address::{Operand, word};
use super::program::{RowInput, RowProgram, Stage, StageKind};

/// A machine of one value at a time.
pub trait ScalarMachine: Arith<U = u32, M = bool> {}
impl<A: Arith<U = u32, M = bool>> ScalarMachine for A {}

/// Runs `program` at `step` by its definition.
///
/// # Panics
/// If an operand's slice lacks an element below its tensor's end, or the program is not well formed.
pub fn define_rows<A: ScalarMachine>(
    arith: &mut A,
    program: &RowProgram,
    step: u64,
    inputs: &[Operand<'_>],
    outputs: &mut [&mut [u32]],
) {
    program.validate();
    for row in 0..program.rows {
        let columns = program.row_len(row);
        let mut definition = Row { arith, program, step, inputs, row, columns, values: Vec::new() };
        for stage in &program.stages {
            let values = definition.stage(stage);
            definition.values.push(values);
        }
        for (&store, output) in program.stores.iter().zip(outputs.iter_mut()) {
            let values = &definition.values[store];
            let width = if program.stages[store].kind.is_map() { program.columns } else { 1 };
            let start = (row * width) as usize;
            output[start..start + values.len()].copy_from_slice(values);
        }
    }
}

/// One row and the values of its stages so far: one for each column, or one.
struct Row<'a, A> {
    arith: &'a mut A,
    program: &'a RowProgram,
    step: u64,
    inputs: &'a [Operand<'a>],
    row: u64,
    columns: u64,
    values: Vec<Vec<u32>>,
}

impl<A: ScalarMachine> Row<'_, A> {
    fn stage(&mut self, stage: &Stage) -> Vec<u32> {
        match stage.kind {
            StageKind::Map => (0..self.columns).map(|column| self.code(stage, column)).collect(),
            StageKind::Scalar => vec![self.code(stage, 0)],
            StageKind::Sum => {
                let terms = self.terms(stage);
                let total = fold::sum(self.arith, &terms);
                vec![self.arith.bits(total)]
            }
            StageKind::Max => {
                let terms = self.terms(stage);
                let total = fold::maximum(self.arith, &terms);
                vec![self.arith.bits(total)]
            }
            StageKind::Product => {
                let columns = 0..self.columns;
                let factors: Vec<_> = columns.map(|column| Some(self.factors(stage, column))).collect();
                let total = fold::product(self.arith, &factors);
                vec![self.arith.bits(total)]
            }
        }
    }

    fn terms(&mut self, stage: &Stage) -> Vec<Option<A::F>> {
        let columns = self.columns;
        let term = |column| {
            let word = self.code(stage, column);
            Some(self.arith.float(word))
        };
        (0..columns).map(term).collect()
    }

    fn factors(&mut self, stage: &Stage, column: u64) -> (A::F, A::F) {
        let [left, right] = [0, 1].map(|at| self.input(&stage.inputs[at], column));
        (self.arith.float(left), self.arith.float(right))
    }

    fn code(&mut self, stage: &Stage, column: u64) -> u32 {
        let words: Vec<u32> = stage.inputs.iter().map(|input| self.input(input, column)).collect();
        run(&stage.code, &words, self.arith)
    }

    fn input(&self, input: &RowInput, column: u64) -> u32 {
        let row = self.program.first_row + self.row;
        let index = |address: &super::program::Address| {
            address.base(row, self.step, self.inputs) + address.columns.at(column)
        };
        match input {
            RowInput::Stage(stage) => {
                let values = &self.values[*stage];
                values[if self.program.stages[*stage].kind.is_map() { column as usize } else { 0 }]
            }
            RowInput::Operand { operand, address, len } => word(self.inputs[*operand], index(address), *len),
            RowInput::Value(address) => index(address) as u32,
        }
    }
}
