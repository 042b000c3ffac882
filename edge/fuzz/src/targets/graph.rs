//! Parts of programs, and the Spec. Input: kind u8 · the value.

use super::canonical;
use samebit_graph::canonical::Scope;
use samebit_graph::{DType, Declaration, Index, Input, Predicate, Spec};
use samebit_num::{Code, RegType};

pub fn run(bytes: &[u8]) {
    let Some((kind, value)) = bytes.split_first() else { return };
    match kind {
        0 => drop(canonical::<Spec>(value).map(|spec| spec.digest())),
        1 => drop(canonical::<Declaration>(value).map(|declaration| declaration.digest())),
        2 => drop(canonical::<Index>(value)),
        3 => drop(
            canonical::<Input>(value)
                .map(|input| Scope { outer: &[DType::F32], body: &[] }.register_type(&input)),
        ),
        4 => drop(canonical::<Predicate>(value)),
        _ => code(value),
    }
}

/// Input: count u8 of inputs, a byte each, the instructions.
fn code(bytes: &[u8]) {
    let Some((count, rest)) = bytes.split_first() else { return };
    let Some((inputs, instructions)) = rest.split_at_checked((*count).into()) else { return };
    let inputs =
        inputs.iter().map(|byte| [RegType::F, RegType::U, RegType::M][usize::from(byte % 3)]).collect();
    let Ok(code) = Code::decode(inputs, instructions) else { return };
    assert!(code.encode() == instructions, "{code} has two encodings");
    assert!((1..=255).contains(&code.register_count()), "{code}");
    assert!(matches!(code.result_type(), RegType::F | RegType::U), "{code}");
}
