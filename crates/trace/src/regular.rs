//! Opening files that somebody else may have put there: only a regular file of a bounded size is ever read.
//!
//! A pipe would wait for ever, a device never ends, a directory or a loop of links gives words that help nobody: all of them are told apart
//! before anything is opened.

use crate::TraceError;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Opens a regular file of at most `limit` bytes for reading; gives its length, too.
///
/// # Errors
/// [`TraceError::File`] if it cannot be opened, [`TraceError::Malformed`] if it is no regular file or is longer.
pub fn open(path: &Path, limit: u64) -> Result<(File, u64), TraceError> {
    let found = fs::metadata(path).map_err(TraceError::file(path))?;
    if !found.is_file() {
        let what = if found.is_dir() { "a directory" } else { "a pipe, a device or a socket" };
        return Err(TraceError::malformed(path, format!("it is {what}, not a regular file")));
    }
    if found.len() > limit {
        let reason = format!("{} bytes are more than the {limit} that it may have", found.len());
        return Err(TraceError::malformed(path, reason));
    }
    Ok((File::open(path).map_err(TraceError::file(path))?, found.len()))
}

/// Reads a whole file as [`open()`] opens it.
///
/// # Errors
/// As [`open()`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, TraceError> {
    let (file, length) = open(path, limit)?;
    let mut bytes = Vec::with_capacity(length as usize);
    // A file that grows while it is read is cut here, and is then not what its digest says.
    file.take(limit).read_to_end(&mut bytes).map_err(TraceError::file(path))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(path: &Path, limit: u64) -> String {
        read(path, limit).expect_err("no regular file of that size").to_string()
    }

    #[test]
    fn only_bounded_regular_files_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, b"four").expect("a file");
        assert_eq!(read(&path, 4).expect("a file"), b"four");
        assert!(reason(&path, 3).contains("4 bytes are more than the 3"));
        assert!(reason(folder.path(), 9).contains("a directory"));
    }

    #[cfg(unix)]
    #[test]
    fn what_would_hang_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success() && reason(&pipe, 9).contains("a pipe"));
        assert!(reason(Path::new("/dev/zero"), 9).contains("a device"));
        let link = folder.path().join("loop");
        std::os::unix::fs::symlink(&link, &link).expect("a link");
        assert!(matches!(read(&link, 9), Err(TraceError::File { .. })));
    }
}
