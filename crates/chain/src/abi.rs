//! What the committed artifacts say of the contracts: selectors, topics, errors and code.
//!
//! A position has 39 fields, more than a tuple may have in `sol!`; but all are words of fixed size, so that it is encoded exactly like
//! `bytes32[39]`. The bindings of `dispute::wire` say `bytes32[39]`, and the selectors come from here.

use alloy::primitives::{B256, Bytes, keccak256};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A contract's artifact, as far as it is read.
#[derive(Deserialize)]
struct Json {
    abi: Vec<Item>,
    bytecode: Bytes,
}

/// A function, event or error.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    components: Vec<Input>,
}

/// An error that a contract may revert with.
pub(crate) struct ErrorShape {
    pub name: String,
    /// Name and type of each operand; all are single words.
    pub operands: Vec<(String, String)>,
}

/// A contract.
pub(crate) struct Abi {
    /// The creation code without arguments.
    pub code: Bytes,
    selectors: BTreeMap<String, [u8; 4]>,
    topics: BTreeMap<String, B256>,
    errors: BTreeMap<[u8; 4], ErrorShape>,
}

/// The game.
pub(crate) static DISPUTE: LazyLock<Abi> =
    LazyLock::new(|| Abi::parse(include_str!("../../../contracts/artifacts/Dispute.json")));
/// The referee.
pub(crate) static STEP: LazyLock<Abi> =
    LazyLock::new(|| Abi::parse(include_str!("../../../contracts/artifacts/Step.json")));
/// The part of the referee that looks things up.
pub(crate) static LEDGER: LazyLock<Abi> =
    LazyLock::new(|| Abi::parse(include_str!("../../../contracts/artifacts/Ledger.json")));

/// The life of jobs.
pub(crate) static MARKET: LazyLock<Abi> =
    LazyLock::new(|| Abi::parse(include_str!("../../../contracts/artifacts/Market.json")));
/// Who holds money.
pub(crate) static STAKE: LazyLock<Abi> =
    LazyLock::new(|| Abi::parse(include_str!("../../../contracts/artifacts/Stake.json")));
/// The pots.
pub(crate) static FUND: LazyLock<Abi> =
    LazyLock::new(|| Abi::parse(include_str!("../../../contracts/artifacts/Fund.json")));

impl Abi {
    pub fn parse(artifact: &str) -> Abi {
        let Json { abi, bytecode } = serde_json::from_str(artifact).expect("the committed artifact is JSON");
        let mut parsed = Abi {
            code: bytecode,
            selectors: BTreeMap::new(),
            topics: BTreeMap::new(),
            errors: BTreeMap::new(),
        };
        for item in abi {
            let hash = keccak256(item.signature());
            let selector = [hash[0], hash[1], hash[2], hash[3]];
            match item.kind.as_str() {
                "function" => drop(parsed.selectors.insert(item.name, selector)),
                "event" => drop(parsed.topics.insert(item.name, hash)),
                "error" => {
                    let operands = item.inputs.into_iter().map(|input| (input.name, input.kind)).collect();
                    parsed.errors.insert(selector, ErrorShape { name: item.name, operands });
                }
                _ => {}
            }
        }
        parsed
    }

    /// The selector of a function.
    ///
    /// # Panics
    /// If the contract has no such function: the bindings and the artifact are of one commit.
    pub fn selector(&self, function: &str) -> [u8; 4] {
        *self.selectors.get(function).unwrap_or_else(|| panic!("the contract has no function {function}"))
    }

    /// The topic of an event.
    ///
    /// # Panics
    /// As [`Abi::selector`].
    pub fn topic(&self, event: &str) -> B256 {
        *self.topics.get(event).unwrap_or_else(|| panic!("the contract has no event {event}"))
    }

    /// The error with this selector.
    pub fn error(&self, selector: [u8; 4]) -> Option<&ErrorShape> {
        self.errors.get(&selector)
    }

    #[cfg(test)]
    pub fn error_names(&self) -> impl Iterator<Item = &str> {
        self.errors.values().map(|shape| shape.name.as_str())
    }

    #[cfg(test)]
    pub fn names(&self) -> impl Iterator<Item = (&str, [u8; 4])> {
        self.selectors.iter().map(|(name, selector)| (name.as_str(), *selector))
    }
}

impl Item {
    fn signature(&self) -> String {
        format!("{}({})", self.name, types(&self.inputs))
    }
}

/// The canonical types of operands, with commas.
fn types(inputs: &[Input]) -> String {
    let types: Vec<String> = inputs.iter().map(Input::canonical).collect();
    types.join(",")
}

impl Input {
    fn canonical(&self) -> String {
        match self.kind.strip_prefix("tuple") {
            Some(list) => format!("({}){list}", types(&self.components)),
            None => self.kind.clone(),
        }
    }
}
