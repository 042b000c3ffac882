//! The committed artifacts as Rust types. `tests/artifacts.rs` fails when they are older than the sources.
#![allow(missing_docs)]

use alloy_sol_types::sol;

sol!(NumProbe, "../../contracts/artifacts/NumProbe.json");
sol!(
    #[derive(Debug)]
    Step,
    "../../contracts/artifacts/Step.json"
);
