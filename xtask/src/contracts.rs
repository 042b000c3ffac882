//! The contracts where Node is at hand: compiled again and compared with the committed artifacts, and forge's invariants of the money.
//! What needs no Node is in the tests of edge/referee.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

const CONTRACTS: &str = "contracts";
const FORGE: &str = "contracts/forge";

/// Compares where Node and its packages can be had; where they cannot it says so and goes on. Forge compiles everything a second time, for
/// minutes: it is left to [`contracts`].
pub fn contracts_if_reachable(root: &Path) -> Result<(), String> {
    if install(&root.join(CONTRACTS)).is_ok() {
        return compare(root);
    }
    eprintln!(
        "SKIPPED: the contracts are not compiled again, for want of Node or npm; tests of the artifacts need neither"
    );
    Ok(())
}

/// Compiles, compares, and runs forge.
pub fn contracts(root: &Path) -> Result<(), String> {
    compare(root)?;
    forge(root)
}

/// Compiles the contracts again: the committed artifacts are what comes of it.
fn compare(root: &Path) -> Result<(), String> {
    let folder = root.join(CONTRACTS);
    install(&folder)?;
    let artifacts = folder.join("artifacts");
    let committed = files(&artifacts)?;
    run(&folder, "node", &["build.mjs"], &[])?;
    let built = files(&artifacts)?;
    if committed != built {
        let names = committed.keys().chain(built.keys());
        let stale: Vec<&str> =
            names.filter(|name| committed.get(*name) != built.get(*name)).map(String::as_str).collect();
        return Err(format!(
            "contracts/artifacts were other than what the sources compile to: {}\nhint: they are written anew; commit them",
            stale.join(", ")
        ));
    }
    Ok(())
}

/// Forge's invariants of the money.
fn forge(root: &Path) -> Result<(), String> {
    let folder = root.join(FORGE);
    install(&folder)?;
    let program = folder.join("node_modules/.bin/forge");
    let config = folder.join("foundry.toml").to_string_lossy().into_owned();
    let variables = [("FOUNDRY_CONFIG", config.as_str())];
    let text = format!("{} test --root .", program.display());
    eprintln!("$ {text}");
    let mut command = Command::new(program);
    command.args(["test", "--root", "."]).current_dir(root.join(CONTRACTS)).envs(variables);
    let ran = command.stderr(Stdio::inherit()).output().map_err(|error| format!("`{text}`: {error}"))?;
    let told = String::from_utf8_lossy(&ran.stdout);
    print!("{told}");
    // npm's wrapper ends well when nothing compiles: what counts is that tests were run, and that none failed.
    let has_passed = told.lines().any(|line| line.contains(" tests passed, 0 failed"));
    match ran.status.success() && has_passed {
        true => Ok(()),
        false => Err(format!("`{text}` has not passed its tests ({})", ran.status)),
    }
}

fn has_node() -> bool {
    let mut command = Command::new("node");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Installs what the lock file of a folder pins, once. `npm ci` would refuse the lock of packages that name programs for platforms for which
/// there are none.
pub fn install(folder: &Path) -> Result<(), String> {
    if !has_node() {
        return Err("node is not there\nhint: install Node 20 or later".to_owned());
    }
    if folder.join("node_modules").is_dir() {
        return Ok(());
    }
    run(folder, "npm", &["install", "--no-save", "--no-audit", "--no-fund"], &[])
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(wrong)?;
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?))
    };
    entries.map(read).collect::<std::io::Result<_>>().map_err(wrong)
}

fn run(folder: &Path, program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    let text = format!("{program} {}", arguments.join(" "));
    eprintln!("$ {text}");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).envs(environment.iter().copied());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{text}` ended with {status}")),
        Err(error) => Err(format!("`{text}`: {error}")),
    }
}
