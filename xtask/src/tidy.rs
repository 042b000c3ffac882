//! `cargo xtask tidy`: what a machine can check of ARCHITECTURE.md.

use crate::{Task, layers, text};
use std::path::Path;

/// Folders that are not ours or not kept.
const SKIPPED: &[&str] = &["target", "node_modules", ".git", "out", "artifacts", "vectors", "shared"];
/// Ends of the names of files that people write.
const WRITTEN: &[&str] = &[".rs", ".toml", ".md", ".yaml", ".yml", ".sol", ".py", ".mjs", ".sh", "/run"];
/// How deep folders nest.
const DEPTH_LIMIT: usize = 16;

/// Checks every file and the dependencies.
pub fn tidy(root: &Path) -> Task {
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in files(root, "", 0)? {
        let bytes = std::fs::read(root.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        let Ok(content) = String::from_utf8(bytes) else {
            wrong.push(format!("{path}: not UTF-8"));
            continue;
        };
        count += 1;
        wrong.extend(text::check(&path, &content));
    }
    let metadata =
        crate::command::cargo_output(&["metadata", "--locked", "--no-deps", "--format-version", "1"])?;
    let metadata = serde_json::from_slice(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    wrong.extend(layers::check(&metadata));
    if wrong.is_empty() {
        eprintln!("tidy: {count} files");
        return Ok(());
    }
    Err(format!("tidy found {} things\n{}", wrong.len(), wrong.join("\n")))
}

/// The files that people write, by path relative to the root.
fn files(root: &Path, folder: &str, depth: usize) -> Result<Vec<String>, String> {
    assert!(depth < DEPTH_LIMIT, "{folder}: folders nest deeper than {DEPTH_LIMIT}");
    let entries = std::fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("{folder}: {error}"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(|error| format!("{path}: {error}"))?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            found.extend(files(root, &path, depth + 1)?);
        } else if kind.is_file() && WRITTEN.iter().any(|end| path.ends_with(end)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
