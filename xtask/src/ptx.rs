//! `cargo xtask ptx`: every kernel of edge/cuda compiled for every architecture and its PTX linted, on a machine without a card.

use crate::Task;
use crate::command::cargo_with;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The compiler's release: the oldest that knows every architecture, so that its modules load with the oldest drivers.
const VERSION: &str = "12.8.93";

/// The wheels of that release on PyPI, for x86-64 and for aarch64.
const HASHES: [&str; 2] = [
    "a7756528852ef889772a84c6cd89d41dfa74667e24cca16bb31f8f061e3e9994",
    "fc1fec1e1637854b4c0a65fb9a8346b51dd9ee69e61ebaccc82058441f15bce8",
];

/// Names NVRTC's library, or the folder that holds it.
const VARIABLE: &str = "SAMEBIT_NVRTC";

/// Compiles and lints; the results lie under `target/ptx`.
pub fn ptx(root: &Path) -> Task {
    let target = target(root);
    let library = library(&target)?;
    let out = target.join("ptx");
    cargo_with(
        &[(VARIABLE, library.as_os_str())],
        &["run", "--locked", "-p", "samebit-cuda", "--bin", "samebit-cuda-ptx", "--", &out.to_string_lossy()],
    )
}

/// The same as a part of `cargo xtask test`, which needs no network: without NVRTC it is left out, and says so.
pub fn ptx_if_reachable(root: &Path) -> Task {
    match library(&target(root)) {
        Ok(_) => ptx(root),
        Err(reason) => {
            eprintln!("SKIPPED: the kernels of edge/cuda are not compiled and not linted: {reason}");
            Ok(())
        }
    }
}

/// Cargo's target folder.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// NVRTC's library or folder: the one that the environment names, or the pinned wheel, fetched once.
fn library(target: &Path) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(path.into());
    }
    let folder = target.join(format!("nvrtc-{VERSION}"));
    if !folder.join("nvidia").is_dir() {
        fetch(&folder)?;
    }
    Ok(folder)
}

/// Installs the wheel, checked against its hash, beside its place and then moves it there.
fn fetch(folder: &Path) -> Task {
    let unfinished = folder.with_extension("unfinished");
    let hint = format!("hint: {VARIABLE} may name a folder with libnvrtc.so, and nothing is fetched");
    let io = |error: std::io::Error| format!("{}: {error}", unfinished.display());
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(io)?;
    }
    std::fs::create_dir_all(&unfinished).map_err(io)?;
    let requirements = unfinished.join("requirements.txt");
    std::fs::write(&requirements, requirement()).map_err(io)?;
    let python = std::env::var("SAMEBIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    eprintln!("fetching NVRTC {VERSION} from PyPI");
    let mut command = Command::new(&python);
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    command.args(["--require-hashes", "--target"]).arg(&unfinished).arg("-r").arg(&requirements);
    let status =
        command.stdin(Stdio::null()).status().map_err(|error| format!("`{python}`: {error}\n{hint}"))?;
    if !status.success() {
        return Err(format!("NVRTC {VERSION} cannot be fetched from PyPI: pip ended with {status}\n{hint}"));
    }
    std::fs::rename(&unfinished, folder).map_err(io)
}

/// The line that pins the wheel.
fn requirement() -> String {
    let hashes: String = HASHES.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
    format!("nvidia-cuda-nvrtc-cu12=={VERSION}{hashes}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wheel_is_pinned_by_version_and_hash() {
        let line = requirement();
        assert!(line.starts_with("nvidia-cuda-nvrtc-cu12==12.8.93 --hash=sha256:"), "{line}");
        assert!(
            HASHES.iter().all(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        );
    }
}
