//! Running cargo.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Runs cargo in the workspace's root and shows what it says.
pub fn cargo(arguments: &[&str]) -> Result<(), String> {
    cargo_with(&[], arguments)
}

/// The same with variables of the environment.
pub fn cargo_with(variables: &[(&str, &OsStr)], arguments: &[&str]) -> Result<(), String> {
    let text = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {text}");
    let mut command = Command::new(program());
    command.args(arguments).envs(variables.iter().copied()).current_dir(crate::root());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{text}` ended with {status}")),
        Err(error) => Err(format!("`{text}`: {error}")),
    }
}

/// What cargo prints.
pub fn cargo_output(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let text = format!("cargo {}", arguments.join(" "));
    let mut command = Command::new(program());
    command.args(arguments).current_dir(crate::root()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("`{text}`: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("`{text}` ended with {}", output.status))
    }
}

/// Whether cargo has a subcommand.
pub fn is_installed(subcommand: &str) -> bool {
    let mut command = Command::new(program());
    command.args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn program() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
