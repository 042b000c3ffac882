//! Refusals of both twins by name, so that they can be compared.

use alloy_primitives::{Bytes, keccak256};
use samebit_market::Refusal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What the contracts may revert with, by selector.
static NAMES: LazyLock<BTreeMap<[u8; 4], String>> = LazyLock::new(|| {
    macro_rules! artifacts {
        ($($name:literal),*) => {
            [$(include_str!(concat!("../../../../contracts/artifacts/", $name, ".json"))),*]
        };
    }
    let all = artifacts!(
        "Argue", "Begin", "Catches", "Check", "Claims", "Draws", "Fund", "Interior", "Market", "Reveals",
        "Settle", "Stake"
    );
    all.into_iter().flat_map(errors).collect()
});

fn errors(artifact: &str) -> Vec<([u8; 4], String)> {
    let json: Value = serde_json::from_str(artifact).expect("a committed artifact is JSON");
    let items = json["abi"].as_array().expect("an artifact has an ABI");
    let error = |item: &Value| {
        let name = item["name"].as_str()?;
        let inputs = item["inputs"].as_array()?;
        let types: Vec<&str> = inputs.iter().filter_map(|input| input["type"].as_str()).collect();
        let hash = keccak256(format!("{name}({})", types.join(",")));
        (item["type"] == "error").then(|| ([hash[0], hash[1], hash[2], hash[3]], name.to_owned()))
    };
    items.iter().filter_map(error).collect()
}

/// The name of the custom error that a revert carries; `None` if it is none of ours: a panic, or nothing at all.
pub fn of_revert(data: &Bytes) -> Option<&'static str> {
    let (selector, _) = data.split_first_chunk::<4>()?;
    NAMES.get(selector).map(String::as_str)
}

/// The name of a refusal of the Rust twin: its variant's, which the contracts have too.
pub fn of_twin(refusal: &Refusal) -> String {
    let text = format!("{refusal:?}");
    text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
