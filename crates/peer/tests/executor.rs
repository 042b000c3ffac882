//! What a machine takes on, and what becomes of what it has begun.

use samebit_commit::Digest;
use samebit_graph::fixtures::{Dims, gpt};
use samebit_market::{Seconds, SegmentId};
use samebit_ops::Cpu;
use samebit_peer::{Compute, Executor, Part, Shelf, Store};
use samebit_roles::party::{Outcome, Task};
use samebit_roles::{Blob, Piece};
use samebit_trace::{Job, Runner, parcel};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A folder with a job of two segments, its first state, and the first state of another program.
struct Place {
    _folder: TempDir,
    shelf: Shelf,
    job: Job,
    foreign: Digest,
}

impl Place {
    fn new() -> Place {
        let folder = TempDir::new().expect("a folder");
        let shelf = Store::open(folder.path()).expect("a store").shelf().clone();
        let make = |layers| {
            let (program, states, tables) = gpt(Dims { steps: 4, layers, ..Dims::default() });
            (Job::new(program, tables, &states, 4, 2), states)
        };
        let ((job, states), (other, other_states)) = (make(1), make(2));
        parcel::write_job(&shelf.path(Blob::Job(job.spec.digest())), &job).expect("a file");
        for (job, states) in [(&job, &states), (&other, &other_states)] {
            let path = shelf.path(Blob::State(job.spec.initial_state));
            parcel::write_state(&path, &job.program, states).expect("a file");
        }
        let foreign = other.spec.initial_state;
        Place { _folder: folder, shelf, job, foreign }
    }

    fn piece(&self) -> Piece {
        let spec = &self.job.spec;
        Piece { spec: spec.digest(), segment: SegmentId(0), start: spec.initial_state }
    }

    fn start(&self, compute: Compute) -> (Executor, UnboundedReceiver<(Task, Outcome)>) {
        let (told, done) = unbounded_channel();
        (Executor::start(self.shelf.clone(), compute, told), done)
    }

    /// Whether a machine takes on a piece for which it has a minute.
    fn fits(&self, compute: Compute, piece: Piece) -> bool {
        let (executor, mut done) = self.start(compute);
        executor.add(Task::Weigh(piece, Seconds(60)));
        match done.blocking_recv() {
            Some((_, Outcome::Weighed(fits))) => fits,
            other => panic!("{other:?}"),
        }
    }
}

fn compute() -> Compute {
    Compute::new(Arc::new(Cpu::detect()), 1)
}

#[test]
fn a_machine_takes_on_what_it_can_run_in_time() {
    let place = Place::new();
    assert!(place.fits(compute(), place.piece()));
    assert!(
        !place.fits(compute(), Piece { start: place.foreign, ..place.piece() }),
        "another program's state"
    );
    assert!(!place.fits(Compute { memory: Some(1 << 10), ..compute() }, place.piece()), "no memory");
    let takes = |seconds| Compute { step_time: Arc::new(move |_| Duration::from_secs(seconds)), ..compute() };
    assert!(place.fits(takes(30), place.piece()), "two steps in a minute");
    assert!(!place.fits(takes(31), place.piece()));
    assert!(!place.fits(takes(u64::MAX), place.piece()));
}

#[test]
fn who_can_run_a_step_but_not_trace_it_does_not_take_it_on() {
    let place = Place::new();
    let runner = Runner::new(place.job.clone(), compute().backend, &compute().settings(), Vec::new());
    let engine = runner.as_ref().expect("a runner").engine();
    let (run, traced) = (4 * engine.plan().words(), engine.traced_bytes().expect("a plan"));
    let with = |memory| Compute { memory: Some(memory), ..compute() };
    let runs =
        |memory| Runner::new(place.job.clone(), compute().backend, &with(memory).settings(), Vec::new());
    assert!(run < traced && runs(run).is_ok());
    assert!(!place.fits(with(run), place.piece()) && !place.fits(with(traced - 1), place.piece()));
    assert!(place.fits(with(traced), place.piece()));
}

#[test]
fn what_is_begun_ends_and_nothing_else_is_begun() {
    let place = Place::new();
    let compute = compute();
    let meter = compute.meter.clone();
    let (mut executor, mut done) = place.start(compute);
    executor.add(Task::Run(place.piece()));
    executor.close();
    let ran = done.blocking_recv();
    // It may have been closed before it began.
    if let Some((task, outcome)) = ran {
        let Outcome::Ran(ran) = outcome else { panic!("{task:?}: {outcome:?}") };
        assert!(place.shelf.path(Blob::State(ran.state)).exists());
        assert_eq!(meter.steps(), 2);
        assert!(meter.taken(Part::Run) > Duration::ZERO);
    }
    assert!(done.blocking_recv().is_none(), "who listens hears the end");
    executor.add(Task::Run(place.piece()));
    assert!(done.blocking_recv().is_none());
}
