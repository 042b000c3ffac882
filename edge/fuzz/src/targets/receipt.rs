//! A receipt. Input: kind u8 · raw: the file · sealed: a receipt in JSON, whose digests are made right.

use samebit_trace::{Receipt, RunRecord};
use std::path::Path;

pub fn run(bytes: &[u8]) {
    let Some((kind, file)) = bytes.split_first() else { return };
    match kind {
        0 => drop(read(file)),
        1 => drop(serde_json::from_slice::<RunRecord>(file)),
        _ => sealed(file),
    }
}

fn read(bytes: &[u8]) -> Option<Receipt> {
    let receipt = Receipt::from_bytes(Path::new("receipt.json"), bytes).ok()?;
    assert!(receipt.to_bytes() == bytes, "{receipt:?} has two files");
    assert_eq!(
        receipt.steps_run(),
        receipt.segments.iter().map(|segment| segment.steps[1] - segment.steps[0]).sum::<u64>()
    );
    assert!(receipt.steps_run() <= receipt.steps, "{receipt:?}");
    Some(receipt)
}

fn sealed(bytes: &[u8]) {
    let Ok(mut receipt) = serde_json::from_slice::<Receipt>(bytes) else { return };
    receipt.seal();
    if let Some(again) = read(&receipt.to_bytes()) {
        assert_eq!(again, receipt);
    }
}
