//! Files of words, little-endian, and files that are there whole or not at all.

use crate::{TraceError, regular};
use samebit_commit::DType;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::Path;

/// Words moved between memory and disk at a time.
pub(crate) const PIECE_WORDS: usize = 1 << 18;

/// Opens a file that has to hold exactly so many bytes.
pub(crate) fn open_words(path: &Path, expected: u64) -> Result<File, TraceError> {
    let (file, found) = regular::open(path, u64::MAX)?;
    match found == expected {
        true => Ok(file),
        false => Err(TraceError::malformed(path, format!("{found} bytes instead of {expected}"))),
    }
}

/// Floats in a tensor have one NaN; bytes with another are no tensor's.
pub(crate) fn check_words(path: &Path, dtype: DType, words: &[u32]) -> Result<(), TraceError> {
    let is_foreign = |word: &u32| samebit_num::canonical(*word) != *word;
    match dtype == DType::F32 && words.iter().any(is_foreign) {
        true => Err(TraceError::malformed(path, "it holds a NaN that is not 0x7fc00000")),
        false => Ok(()),
    }
}

/// Writes beside the file, to disk, and renames: the file is the old one or the new one.
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), TraceError> {
    let partial = path.with_extension("partial");
    let written = File::create(&partial).and_then(|file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        write(&mut file)?;
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    });
    let placed = written.and_then(|()| fs::rename(&partial, path)).and_then(|()| sync_folder(path));
    placed.map_err(|error| {
        // The error that matters is the one in hand; a partial file that stays is overwritten by the next attempt.
        let _ = fs::remove_file(&partial);
        TraceError::file(path)(error)
    })
}

/// Makes a rename durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

pub(crate) fn write_words(file: &mut impl Write, words: &[u32]) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(words.len().min(PIECE_WORDS) * 4);
    for piece in words.chunks(PIECE_WORDS) {
        bytes.clear();
        bytes.extend(piece.iter().flat_map(|word| word.to_le_bytes()));
        file.write_all(&bytes)?;
    }
    Ok(())
}

pub(crate) fn read_words(file: &mut impl Read, len: usize) -> std::io::Result<Vec<u32>> {
    let mut words = Vec::new();
    // A file may be long and take no room on the disk.
    words.try_reserve_exact(len).map_err(|_| std::io::Error::from(ErrorKind::OutOfMemory))?;
    let mut bytes = vec![0; len.min(PIECE_WORDS) * 4];
    while words.len() < len {
        let count = (len - words.len()).min(PIECE_WORDS) * 4;
        file.read_exact(&mut bytes[..count])?;
        words.extend(
            bytes[..count]
                .chunks_exact(4)
                .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])),
        );
    }
    Ok(words)
}
