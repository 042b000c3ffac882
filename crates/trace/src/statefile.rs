//! The words of a state's tensors in the program's order, little-endian, after a header that may be empty: what a run's folder keeps, and the
//! second part of what machines send each other ([`crate::parcel`]).

use crate::words::{PIECE_WORDS, check_words, open_words, read_words, write_atomically, write_words};
use crate::{Runner, TraceError};
use samebit_commit::DType;
use std::io::{BufReader, Seek, SeekFrom, Write};
use std::path::Path;

/// Writes the runner's state straight from where it is; the file is there whole or not at all.
pub fn write(path: &Path, header: &[u8], runner: &Runner) -> Result<(), TraceError> {
    let states = &runner.job().program.states;
    let mut piece = vec![0; PIECE_WORDS];
    write_atomically(path, |file| {
        file.write_all(header)?;
        for (index, state) in states.iter().enumerate() {
            let len = state.len() as usize;
            for at in (0..len).step_by(PIECE_WORDS) {
                let count = PIECE_WORDS.min(len - at);
                runner.engine().read_state(index, at, &mut piece[..count]);
                write_words(file, &piece[..count])?;
            }
        }
        Ok(())
    })
}

/// Writes a state that is given by its words.
pub fn write_given(path: &Path, header: &[u8], states: &[Vec<u32>]) -> Result<(), TraceError> {
    write_atomically(path, |file| {
        file.write_all(header)?;
        states.iter().try_for_each(|words| write_words(file, words))
    })
}

/// Reads the tensors of these types and lengths, one by one, after `skipped` bytes; the file has to end with them.
pub fn read(
    path: &Path,
    skipped: u64,
    tensors: &[(DType, u64)],
    mut each: impl FnMut(usize, Vec<u32>) -> Result<(), TraceError>,
) -> Result<(), TraceError> {
    let words: u64 = tensors.iter().map(|(_, len)| len).sum();
    let mut file = open_words(path, skipped + words * 4)?;
    file.seek(SeekFrom::Start(skipped)).map_err(TraceError::file(path))?;
    let mut file = BufReader::with_capacity(PIECE_WORDS * 4, file);
    for (index, (dtype, len)) in tensors.iter().enumerate() {
        let words = read_words(&mut file, *len as usize).map_err(TraceError::file(path))?;
        check_words(path, *dtype, &words)?;
        each(index, words)?;
    }
    Ok(())
}
