//! Jobs and states as files that strangers send: what was written is read, and no byte can be changed.

mod common;

use common::{World, worlds};
use proptest::prelude::*;
use samebit_ops::Cpu;
use samebit_trace::{Claims, Replay, TraceError, parcel};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn written(world: &World) -> (PathBuf, PathBuf) {
    let [job, state] = ["job", "state"].map(|name| world.temporary.path().join(name));
    parcel::write_job(&job, &world.job).expect("a file");
    let root = parcel::write_state(&state, &world.job.program, &world.states).expect("a file");
    assert_eq!(root, world.job.spec.initial_state);
    (job, state)
}

fn is_refused<T>(read: Result<T, TraceError>) -> bool {
    match read {
        Ok(_) => false,
        Err(TraceError::Malformed { .. } | TraceError::File { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_is_written_is_read() {
    for world in worlds() {
        let (job, state) = written(&world);
        let read = parcel::read_job(&job, world.job.spec.digest()).expect("the job");
        assert_eq!((&read.spec, &read.tables), (&world.job.spec, &world.job.tables));
        assert_eq!(read.program.digest(), world.job.program.digest());
        parcel::check_state(&state, world.job.spec.initial_state).expect("the state");
        assert_eq!(parcel::state_words(&state).expect("the state"), world.states);
    }
}

#[test]
fn a_runner_goes_on_from_a_file() {
    let world = &worlds()[0];
    let (_, state) = written(world);
    let mut runner = world.runner(Arc::new(Cpu::detect()), &[]);
    parcel::load_state(&state, &mut runner).expect("the state");
    runner.step(0).expect("a step");
    let place = |root| world.temporary.path().join(format!("{root}"));
    let root = parcel::write_runner(place, &runner).expect("a file");
    assert_eq!(root, runner.state_root());
    parcel::check_state(&place(root), root).expect("the state");
    // The same segment from the folder and from the file.
    let from_file = Replay::from_file(state, 0..2, world.runner(Arc::new(Cpu::detect()), &[]));
    let from_folder = world.replay(&[]);
    let tops = [&from_file, &from_folder].map(|replay| replay.roots().expect("a replay").tree().root());
    assert_eq!(tops[0], tops[1]);
    assert_eq!(from_file.start().expect("its start"), from_folder.start().expect("its start"));
}

#[test]
fn another_name_or_program_is_refused() {
    let [gpt, llama] = worlds();
    let (job, state) = written(&gpt);
    assert!(is_refused(parcel::read_job(&job, llama.job.spec.digest())));
    let mut runner = llama.runner(Arc::new(Cpu::detect()), &[]);
    assert!(is_refused(parcel::load_state(&state, &mut runner)));
    assert!(is_refused(parcel::check_state(&job, gpt.job.spec.initial_state)), "a job is no state");
    assert!(is_refused(parcel::check_state(&state, llama.job.spec.initial_state)), "nor another's");
}

#[test]
fn no_byte_can_be_changed() {
    let world = &worlds()[1];
    let (job, state) = written(world);
    let name = world.job.spec.digest();
    let config = ProptestConfig { cases: 200, ..ProptestConfig::default() };
    proptest!(config, |(at: prop::sample::Index, head in 0usize..600, near: bool, flip in 1u8.., kind in 0u8..3)| {
        // Half of them in the headers, where the lengths are.
        let at = |path: &Path| {
            let len = std::fs::metadata(path).expect("a file").len() as usize;
            damage(path, if near { head % len } else { at.index(len) }, flip, kind)
        };
        prop_assert!(is_refused(parcel::read_job(&at(&job), name)));
        prop_assert!(is_refused(parcel::check_state(&at(&state), world.job.spec.initial_state)));
    });
}

/// The file, changed at one byte, or cut off, or longer.
fn damage(path: &Path, at: usize, flip: u8, kind: u8) -> PathBuf {
    let mut bytes = std::fs::read(path).expect("a file");
    match kind {
        0 => bytes[at] ^= flip,
        1 => bytes.truncate(at),
        _ => bytes.insert(at, flip),
    }
    let damaged = path.with_extension("damaged");
    std::fs::write(&damaged, bytes).expect("a file");
    damaged
}
