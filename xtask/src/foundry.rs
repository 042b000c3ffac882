//! Chains and clients of other people, where Node is at hand: npm's anvil and cast against `samebit-chain`.

use crate::command::cargo_with;
use crate::contracts::{install, is_reachable};
use std::path::Path;

/// Where the programs are installed, as `edge/foundry/package-lock.json` pins them.
const FOLDER: &str = "edge/foundry";

/// As [`foundry`]; where Node or the programs cannot be had it says so and goes on.
pub fn foundry_if_reachable(root: &Path) -> Result<(), String> {
    if is_reachable(&root.join(FOLDER)) {
        return foundry(root);
    }
    eprintln!("SKIPPED: the client on anvil, and cast on its chain, for want of Node or npm");
    Ok(())
}

/// Installs the programs and runs the tests that need them.
pub fn foundry(root: &Path) -> Result<(), String> {
    let folder = root.join(FOLDER);
    install(&folder)?;
    let programs = folder.join("node_modules/@foundry-rs");
    let arguments = ["test", "--locked", "-p", "samebit-chain", "--features", "foundry", "--test", "foundry"];
    cargo_with(&[("SAMEBIT_FOUNDRY", programs.as_os_str())], &arguments)
}
