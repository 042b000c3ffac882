//! A job as one file. Input: kind u8 · raw: the file · made: steps u64, segment's u64, program (bytes), the words of its tables.

use crate::scratch;
use samebit_commit::{Canonical, DType, Decoder, Digest, tensor};
use samebit_graph::{Declaration, Program, Spec};
use samebit_trace::parcel;

pub fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind {
        0 => raw(rest),
        _ => drop(made(rest)),
    }
}

/// A file of somebody else's: it is asked for by the name that its Spec has.
fn raw(bytes: &[u8]) {
    let name = || Some(Spec::from_bytes(Decoder::new(bytes).bytes("spec", u32::MAX).ok()?).ok()?.digest());
    let path = scratch::file("job", bytes);
    if let Ok(job) = parcel::read_job(&path, name().unwrap_or(Digest::ZERO)) {
        let again = scratch::path("again");
        parcel::write_job(&again, &job).expect("a file");
        assert!(std::fs::read(again).expect("a file") == bytes, "a job has two files");
    }
}

/// A file whose digests are right: it is read if, and only if, it is legal.
fn made(bytes: &[u8]) -> Option<()> {
    let mut decoder = Decoder::new(bytes);
    let (steps, segment_steps) = (decoder.u64("steps").ok()?, decoder.u64("segment steps").ok()?);
    let program_bytes = decoder.bytes("program", u32::MAX).ok()?;
    let program = Program::from_bytes(program_bytes).ok()?;
    let rest = &bytes[decoder.position()..];
    let legal = program.check().is_ok();
    let words: u64 = if legal { program.tables.iter().map(Declaration::len).sum() } else { 0 };
    let whole = legal && rest.len() as u64 == 4 * words;
    let (mut tables, mut is_canonical, mut left) = (Vec::new(), true, rest);
    for table in program.tables.iter().filter(|_| whole) {
        let (words, after) = left.split_at(4 * table.len() as usize);
        let words: Vec<u32> = words.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        is_canonical &=
            table.dtype != DType::F32 || words.iter().all(|word| samebit_num::canonical(*word) == *word);
        tables.push(tensor::root_of(table.dtype, &words));
        left = after;
    }
    let profile = program.profile();
    let spec = Spec {
        program: program.digest(),
        initial_state: Digest::ZERO,
        tables,
        steps,
        segment_steps,
        profile,
    };
    let parts = [&spec.to_bytes()[..], program_bytes]
        .map(|part| [&(part.len() as u32).to_be_bytes()[..], part].concat());
    let path = scratch::file("job", &[&parts[0][..], &parts[1], rest].concat());
    let read = parcel::read_job(&path, spec.digest());
    assert_eq!(read.is_ok(), whole && is_canonical && segment_steps > 0, "{:?}", read.map(|job| job.spec));
    Some(())
}
