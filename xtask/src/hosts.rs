//! Five hosts in network namespaces over a network that delays, loses and is cut (`xtask/hosts/hosts.py`).

use crate::command::cargo;
use std::path::Path;
use std::process::Command;

/// Builds the binary and has the hosts do a job with it.
pub fn hosts(root: &Path) -> Result<(), String> {
    cargo(&["build", "--locked", "--release", "-p", "samebit-cli"])?;
    let binary = root.join("target/release/samebit");
    let status = Command::new("python3").arg(root.join("xtask/hosts/hosts.py")).arg(binary).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("hosts.py: {status}")),
        Err(error) => Err(format!("python3: {error}")),
    }
}
