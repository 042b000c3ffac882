//! The files of a glob pattern, in an order that no machine changes.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// The most files of one pattern.
pub const FILES_LIMIT: usize = 1 << 20;

/// The files that match `pattern`, sorted by the bytes of their paths. Hidden files and directories match only a pattern that
/// names the dot.
///
/// # Errors
/// The pattern is malformed, matches no file, matches too many, or a directory on the way cannot be read.
pub fn find_files(pattern: &str) -> Result<Vec<PathBuf>> {
    let no_file = |hint: String| Error::NoFile { pattern: pattern.to_owned(), hint };
    let options = glob::MatchOptions {
        require_literal_leading_dot: true,
        require_literal_separator: true,
        ..Default::default()
    };
    let paths = glob::glob_with(pattern, options)
        .map_err(|error| no_file(format!("the pattern is wrong: {error}")))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| Error::Read {
            file: error.path().to_owned(),
            hint: "make the directory readable or narrow the pattern".into(),
            source: error.into(),
        })?;
        if path.is_file() {
            files.push(path);
        }
        if files.len() > FILES_LIMIT {
            return Err(no_file(format!(
                "it matches more than {FILES_LIMIT} files; narrow it or join the files as jsonl"
            )));
        }
    }
    if files.is_empty() {
        return Err(no_file("paths are relative to the job file; `**` goes through directories".into()));
    }
    files.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(files)
}
