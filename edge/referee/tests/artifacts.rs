//! The committed artifacts are those of the committed sources, and small enough to be deployed.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts");
const CODE_LIMIT_BYTES: usize = 24_576;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("contracts/src") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "sol") {
            found.push(path);
        }
    }
}

/// SHA-256 over (path, 0, length, 0, bytes) of each source in the order of the paths, as contracts/build.mjs computes it.
fn source_digest() -> String {
    let mut found = Vec::new();
    sources(&Path::new(CONTRACTS).join("src"), &mut found);
    let mut named: Vec<(String, PathBuf)> = found
        .into_iter()
        .map(|path| {
            let relative = path.strip_prefix(CONTRACTS).expect("inside contracts");
            (relative.to_str().expect("UTF-8").replace('\\', "/"), path)
        })
        .collect();
    named.sort();
    let mut hash = Sha256::new();
    for (name, path) in named {
        let bytes = std::fs::read(path).expect("a source");
        hash.update(format!("{name}\0{}\0", bytes.len()));
        hash.update(bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn artifacts_are_current() {
    let expected = source_digest();
    for entry in std::fs::read_dir(Path::new(CONTRACTS).join("artifacts")).expect("contracts/artifacts") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let artifact: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("an artifact")).expect("JSON");
        assert_eq!(
            artifact["sourcesSha256"], expected,
            "{name}.json is older than contracts/src; hint: npm ci --prefix contracts && node contracts/build.mjs"
        );
        let runtime = artifact["runtimeBytes"].as_u64().expect("a size") as usize;
        assert!(runtime <= CODE_LIMIT_BYTES, "{name} has {runtime} bytes; the limit is {CODE_LIMIT_BYTES}");
    }
}

#[test]
fn contracts_deploy_under_the_size_limit() {
    // The EVM itself refuses code over the limit.
    let mut referee = samebit_referee::Referee::new().expect("Step and Ledger deploy");
    referee.evm.deploy(&samebit_referee::NumProbe::BYTECODE).expect("NumProbe deploys");
}
