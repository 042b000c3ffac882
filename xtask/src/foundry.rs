//! Chains and clients of other people, where Node is at hand: npm's anvil and cast against `samebit-chain`.

use crate::command::cargo_with;
use crate::contracts::install;
use std::path::Path;

/// Where the programs are installed, as `edge/foundry/package-lock.json` pins them.
const FOLDER: &str = "edge/foundry";

/// Installs the programs and runs the tests that need them.
pub fn foundry(root: &Path) -> Result<(), String> {
    let folder = root.join(FOLDER);
    install(&folder)?;
    let programs = folder.join("node_modules/@foundry-rs");
    let arguments = ["test", "--locked", "-p", "samebit-chain", "--features", "foundry", "--test", "foundry"];
    cargo_with(&[("SAMEBIT_FOUNDRY", programs.as_os_str())], &arguments)
}
