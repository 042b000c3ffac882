//! The receipt's decoder takes anything, refuses what no run writes, and never panics.

use proptest::prelude::*;
use samebit_commit::Digest;
use samebit_graph::fixtures::{Dims, gpt};
use samebit_trace::{Ending, Job, Receipt, TraceError};
use serde_json::Value;
use std::path::Path;

fn receipt() -> Receipt {
    let (program, states, tables) = gpt(Dims { steps: 5, layers: 1, ..Dims::default() });
    let mut receipt = Receipt::new(&Job::new(program, tables, &states, 5, 2), "test");
    [2, 4, 5].iter().for_each(|end| receipt.add_segment(*end, Digest([*end as u8; 32])));
    receipt.ending = Ending::Finished;
    receipt.weights = Some(Digest([9; 32]));
    receipt.files.insert("job.json".to_owned(), Digest([8; 32]));
    receipt.seal();
    receipt
}

fn read(bytes: &[u8]) -> Result<Receipt, TraceError> {
    Receipt::from_bytes(Path::new("receipt.json"), bytes)
}

/// The number of values in a tree, the tree included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(map) => map.values().map(count).sum(),
        Value::Array(list) => list.iter().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// The tree with the value at this place of a walk through it replaced.
fn replaced(value: &Value, at: &mut usize, new: &Value) -> Value {
    if *at == 0 {
        *at = usize::MAX;
        return new.clone();
    }
    *at -= 1;
    match value {
        Value::Object(map) => {
            map.iter().map(|(key, inner)| (key.clone(), replaced(inner, at, new))).collect()
        }
        Value::Array(list) => list.iter().map(|inner| replaced(inner, at, new)).collect(),
        _ => value.clone(),
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()].prop_map(Value::from);
    let text = prop_oneof!["[0-9a-f]{64}", "[ -~]{0,40}", Just("x".repeat(70_000))].prop_map(Value::from);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        any::<f64>().prop_map(Value::from),
        text
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,9}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_value_in_any_place_is_refused_or_is_a_receipt(at in 0..1_000usize, new in any_value()) {
        let tree: Value = serde_json::from_slice(&receipt().to_bytes()).expect("JSON");
        let changed = replaced(&tree, &mut (at % count(&tree)), &new);
        let _ = read(changed.to_string().as_bytes());
        // As a liar would seal it.
        if let Ok(mut sealed) = serde_json::from_value::<Receipt>(changed) {
            sealed.seal();
            if let Ok(read) = read(&sealed.to_bytes()) {
                prop_assert_eq!(read.to_bytes(), sealed.to_bytes());
                prop_assert!(read.segments.windows(2).all(|pair| pair[0].steps[1] == pair[1].steps[0]));
                prop_assert!(read.steps_run() <= read.steps && read.profile == "f32");
            }
        }
    }

    #[test]
    fn any_damage_to_the_bytes_is_refused(at in 0..10_000usize, cut in 0..40usize, insert in prop::collection::vec(any::<u8>(), 0..40)) {
        let whole = receipt().to_bytes();
        let at = at % whole.len();
        let mut damaged = whole.clone();
        damaged.splice(at..(at + cut).min(whole.len()), insert);
        prop_assert!(damaged == whole || read(&damaged).is_err());
    }
}
