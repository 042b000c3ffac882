//! A job and a state, each as one file: what machines send each other.
//!
//! ```text
//! job      spec     length u32, canonical bytes      state    entries  length u32, canonical list
//!          program  length u32, canonical bytes
//!          tables   words in the program's order              tensors  words in the entries' order
//! ```
//! Words are little-endian. A job's name is its Spec's digest, a state's its root: each covers every byte of its file, which is told from any
//! other without knowing anything else.

use crate::folder::PROGRAM_BYTES_LIMIT;
use crate::words::{check_words, read_words, write_atomically, write_words};
use crate::{Job, Runner, TraceError, entries, regular, statefile};
use samebit_commit::state::{self, ENTRY_LIMIT, Entry};
use samebit_commit::{Canonical, DType, Decoder, Digest, Encoder, tensor};
use samebit_graph::{Declaration, Program, Spec};
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// The largest Spec, in bytes: its tables take 32 each.
const SPEC_BYTES_LIMIT: u64 = 1 << 24;
/// The largest list of a state's entries, in bytes.
const ENTRIES_BYTES_LIMIT: u64 = 1 << 22;

/// Writes a job.
///
/// # Errors
/// A file that cannot be written.
pub fn write_job(path: &Path, job: &Job) -> Result<(), TraceError> {
    write_atomically(path, |file| {
        file.write_all(&with_length(job.spec.to_bytes()))?;
        file.write_all(&with_length(job.program.to_bytes()))?;
        job.tables.iter().try_for_each(|words| write_words(file, words))
    })
}

/// Reads a job and checks it: it is legal, and all of it is what `name`, a Spec's digest, says.
///
/// # Errors
/// A file that cannot be read; [`TraceError::Malformed`] if it is no legal job's, or another's.
pub fn read_job(path: &Path, name: Digest) -> Result<Job, TraceError> {
    let malformed = |reason: String| TraceError::malformed(path, reason);
    let (file, length) = regular::open(path, u64::MAX)?;
    let mut file = BufReader::new(file);
    let spec = part(path, &mut file, SPEC_BYTES_LIMIT)?;
    let program = part(path, &mut file, PROGRAM_BYTES_LIMIT)?;
    let head = (8 + spec.len() + program.len()) as u64;
    let spec = Spec::from_bytes(&spec).map_err(|error| malformed(error.to_string()))?;
    let program = Program::from_bytes(&program).map_err(|error| malformed(error.to_string()))?;
    expect(path, "the job", spec.digest(), name)?;
    expect(path, "the program", program.digest(), spec.program)?;
    program.check().map_err(|error| malformed(error.to_string()))?;
    let words: u64 = program.tables.iter().map(Declaration::len).sum();
    if length != head + 4 * words {
        return Err(malformed(format!("{length} bytes instead of {}", head + 4 * words)));
    }
    if (spec.tables.len(), &spec.profile) != (program.tables.len(), &program.profile()) {
        return Err(malformed("the job has other tables or another profile than its program".to_owned()));
    }
    let mut tables = Vec::with_capacity(program.tables.len());
    for (table, root) in program.tables.iter().zip(&spec.tables) {
        let words = read_words(&mut file, table.len() as usize).map_err(TraceError::file(path))?;
        check_words(path, table.dtype, &words)?;
        expect(path, &table.name, tensor::root_of(table.dtype, &words), *root)?;
        tables.push(words);
    }
    Ok(Job { program: Arc::new(program), spec, tables: Arc::new(tables) })
}

/// Writes a state that is given by its words, and gives its root.
///
/// # Errors
/// A file that cannot be written.
pub fn write_state(path: &Path, program: &Program, states: &[Vec<u32>]) -> Result<Digest, TraceError> {
    let roots: Vec<Digest> =
        program.states.iter().zip(states).map(|(state, words)| tensor::root_of(state.dtype, words)).collect();
    let entries = entries(program, &roots);
    statefile::write_given(path, &header(&entries), states)?;
    Ok(state::root(&entries))
}

/// Bytes of each state of a program.
pub fn state_bytes(program: &Program) -> u64 {
    let head = header(&entries(program, &vec![Digest::ZERO; program.states.len()])).len() as u64;
    head + 4 * program.states.iter().map(Declaration::len).sum::<u64>()
}

/// Writes the runner's state to the path that its root has, and gives the root.
///
/// # Errors
/// A file that cannot be written.
pub fn write_runner(
    path: impl Fn(Digest) -> std::path::PathBuf,
    runner: &Runner,
) -> Result<Digest, TraceError> {
    let entries = runner.state_entries();
    let root = state::root(&entries);
    statefile::write(&path(root), &header(&entries), runner)?;
    Ok(root)
}

/// Reads a state into a runner of a job whose states it has the shapes of.
///
/// # Errors
/// A file that cannot be read, is no state's, or is another program's.
pub fn load_state(path: &Path, runner: &mut Runner) -> Result<(), TraceError> {
    let (skipped, held) = read_entries(path)?;
    let program = runner.job().program.clone();
    let roots: Vec<Digest> = held.iter().map(|entry| entry.root).collect();
    if held.len() != program.states.len() || entries(&program, &roots) != held {
        return Err(TraceError::malformed(path, "it is another program's state"));
    }
    statefile::read(path, skipped, &tensors(path, &held)?, |index, words| runner.write_state(index, &words))
}

/// Checks that a file, which is nobody's yet, is the state with this root: its entries first, before anything large is read.
///
/// # Errors
/// A file that cannot be read; [`TraceError::Malformed`] if it is no state's, or another's.
pub fn check_state(path: &Path, root: Digest) -> Result<(), TraceError> {
    let (skipped, held) = read_entries(path)?;
    expect(path, "the state", state::root(&held), root)?;
    statefile::read(path, skipped, &tensors(path, &held)?, |index, words| {
        expect(path, &held[index].name, tensor::root_of(held[index].dtype, &words), held[index].root)
    })
}

/// The words of a state that was checked before.
///
/// # Errors
/// As [`check_state`].
pub fn state_words(path: &Path) -> Result<Vec<Vec<u32>>, TraceError> {
    let (skipped, held) = read_entries(path)?;
    let mut states = Vec::with_capacity(held.len());
    statefile::read(path, skipped, &tensors(path, &held)?, |_, words| {
        states.push(words);
        Ok(())
    })?;
    Ok(states)
}

/// The entries of a state, and how many bytes they take in its file.
fn read_entries(path: &Path) -> Result<(u64, Vec<Entry>), TraceError> {
    let (file, _) = regular::open(path, u64::MAX)?;
    let bytes = part(path, &mut BufReader::new(file), ENTRIES_BYTES_LIMIT)?;
    let mut decoder = Decoder::new(&bytes);
    let entries = decoder.list("state", ENTRY_LIMIT, Entry::decode);
    let entries = entries.and_then(|entries| decoder.finish().map(|()| entries));
    let entries = entries.map_err(|error| TraceError::malformed(path, error.to_string()))?;
    Ok((4 + bytes.len() as u64, entries))
}

/// Types and lengths of a state's tensors; all of them together fit a file.
fn tensors(path: &Path, entries: &[Entry]) -> Result<Vec<(DType, u64)>, TraceError> {
    let mut bytes = 0u64;
    let mut tensor = |entry: &Entry| {
        let len = entry.element_count()?;
        bytes = bytes.checked_add(len.checked_mul(4)?).filter(|bytes| *bytes <= 1 << 48)?;
        Some((entry.dtype, len))
    };
    let tensors: Option<Vec<_>> = entries.iter().map(&mut tensor).collect();
    tensors.ok_or_else(|| TraceError::malformed(path, "its tensors are too large"))
}

fn header(entries: &[Entry]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.list(entries, |encoder, entry| entry.encode(encoder));
    with_length(encoder.into_bytes())
}

fn with_length(bytes: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("within its limit");
    [&length.to_be_bytes()[..], &bytes].concat()
}

/// A part that comes after its length.
fn part(path: &Path, file: &mut BufReader<File>, limit: u64) -> Result<Vec<u8>, TraceError> {
    let mut length = [0; 4];
    file.read_exact(&mut length).map_err(TraceError::file(path))?;
    let length = u64::from(u32::from_be_bytes(length));
    if length > limit {
        return Err(TraceError::malformed(path, format!("a part of {length} bytes, the limit is {limit}")));
    }
    let mut bytes = Vec::new();
    // What is announced is reserved only as it comes.
    file.take(length).read_to_end(&mut bytes).map_err(TraceError::file(path))?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(TraceError::malformed(path, "it is cut off")),
    }
}

fn expect(path: &Path, what: &str, found: Digest, expected: Digest) -> Result<(), TraceError> {
    match found == expected {
        true => Ok(()),
        false => Err(TraceError::malformed(path, format!("{what} is {found}, not {expected}"))),
    }
}
