//! Artifacts whose functions take structs of more fields than the `sol!` macro can encode.
//!
//! A struct of static fields is encoded as that many words one after the other, as an array of words is. So a function is declared here with word
//! arrays in place of such structs, and called by the selector that the artifact's signature has.

use alloy_primitives::{Bytes, hex, keccak256};
use alloy_sol_types::SolCall;
use serde_json::Value;

/// A compiled contract, as contracts/build.mjs wrote it.
pub struct Artifact {
    json: Value,
}

impl Artifact {
    /// Reads an artifact that is part of this program.
    ///
    /// # Panics
    /// If it is no artifact.
    pub fn new(text: &str) -> Artifact {
        Artifact { json: serde_json::from_str(text).expect("a committed artifact is JSON") }
    }

    /// The creation bytecode.
    ///
    /// # Panics
    /// If it is not hexadecimal.
    pub fn bytecode(&self) -> Bytes {
        let text = self.json["bytecode"].as_str().expect("an artifact has bytecode");
        hex::decode(text).expect("bytecode is hexadecimal").into()
    }

    /// The selector of a function.
    ///
    /// # Panics
    /// If there is no such function.
    pub fn selector(&self, name: &str) -> [u8; 4] {
        let items = self.json["abi"].as_array().expect("an artifact has an ABI");
        let function = items.iter().find(|item| item["type"] == "function" && item["name"] == name);
        let function = function.unwrap_or_else(|| panic!("the contract has no function {name}"));
        let signature = format!("{name}{}", types(&function["inputs"]));
        keccak256(signature).0[..4].try_into().expect("4 bytes")
    }

    /// The data of a call, by the selector of the artifact's function `name`.
    pub fn encode<C: SolCall>(&self, name: &str, call: &C) -> Bytes {
        let mut data = call.abi_encode();
        data[..4].copy_from_slice(&self.selector(name));
        data.into()
    }
}

/// The types of parameters or fields, structs spelled out.
fn types(fields: &Value) -> String {
    let fields = fields.as_array().map_or(&[][..], Vec::as_slice);
    let of = |field: &Value| {
        let name = field["type"].as_str().unwrap_or_default();
        match name.strip_prefix("tuple") {
            Some(suffix) => types(&field["components"]) + suffix,
            None => name.to_owned(),
        }
    };
    format!("({})", fields.iter().map(of).collect::<Vec<_>>().join(","))
}
