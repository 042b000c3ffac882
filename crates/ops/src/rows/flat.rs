//! Elementwise passes as passes over long rows, whatever the shape of the tensors.

use super::program::{Address, Columns, RowInput, RowProgram, RowTerm, Stage};

/// Columns of a flat pass.
const COLUMNS: u64 = 8 * 1024;

/// The same pass over rows of [`COLUMNS`] elements, if every stage is a map that reads element base + r·columns + c of its
/// operands or one element for all; else the pass itself. Short rows cost more per element than long ones.
pub(super) fn flatten(program: &RowProgram) -> RowProgram {
    let rewritten: Option<Vec<Stage>> =
        program.stages.iter().map(|stage| flat_stage(program, stage)).collect();
    match rewritten {
        Some(stages) if program.columns != COLUMNS && program.len > 0 => RowProgram {
            rows: program.len.div_ceil(COLUMNS),
            first_row: 0,
            columns: COLUMNS,
            stages,
            ..program.clone()
        },
        _ => program.clone(),
    }
}

fn flat_stage(program: &RowProgram, stage: &Stage) -> Option<Stage> {
    if !stage.kind.is_map() {
        return None;
    }
    let input = |input: &RowInput| match input {
        RowInput::Stage(earlier) => Some(RowInput::Stage(*earlier)),
        RowInput::Operand { operand, address, len } => {
            let address = flat_address(program, address)?;
            Some(RowInput::Operand { operand: *operand, address, len: *len })
        }
        RowInput::Value(address) => Some(RowInput::Value(flat_address(program, address)?)),
    };
    let inputs = stage.inputs.iter().map(input).collect::<Option<_>>()?;
    Some(Stage { kind: stage.kind, inputs, code: stage.code.clone() })
}

fn flat_address(program: &RowProgram, address: &Address) -> Option<Address> {
    let rows = match (&address.columns, address.rows.as_slice()) {
        (Columns::Fixed, []) => Vec::new(),
        (Columns::Contiguous, [RowTerm { stride, divisor: 1, modulus: 0 }]) if *stride == program.columns => {
            vec![RowTerm { stride: COLUMNS, divisor: 1, modulus: 0 }]
        }
        (Columns::Contiguous, []) if program.rows == 1 && program.first_row == 0 => {
            vec![RowTerm { stride: COLUMNS, divisor: 1, modulus: 0 }]
        }
        _ => return None,
    };
    if address.gather.is_some() {
        return None;
    }
    let before = if rows.is_empty() { 0 } else { program.first_row * program.columns };
    Some(Address { rows, constant: address.constant + before, ..address.clone() })
}
