//! Runs on disk: honest ones verify, lies are found by re-execution, and two runs are searched down to the first element that differs.

use samebit_commit::{Kind, Leaves};
use samebit_dispute::{Difference, Width, first_difference};
use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, gpt, llama};
use samebit_ops::{Backend, Cpu};
use samebit_trace::{
    Control, Ending, Fault, Finding, Folder, Job, Keep, Receipt, Replay, RunRecord, Runner, Selection,
    TraceError, drive, verify,
};
use std::sync::Arc;
use tempfile::TempDir;

const STEPS: u64 = 6;
const SEGMENT: u64 = 2;

struct World {
    job: Job,
    states: Vec<Vec<u32>>,
}

fn world(fixture: fn(Dims) -> samebit_graph::fixtures::Fixture) -> World {
    let dims = Dims { steps: STEPS, layers: 1, ..Dims::default() };
    let (program, states, tables) = fixture(dims);
    World { job: Job::new(program, tables, &states, STEPS, SEGMENT), states }
}

fn backend() -> Arc<dyn Backend> {
    Arc::new(Cpu::detect())
}

struct Made {
    folder: Folder,
    receipt: Receipt,
    _temporary: TempDir,
}

impl World {
    fn runner(&self, faults: &[Fault]) -> Runner {
        Runner::new(self.job.clone(), backend(), &Settings::default(), faults.to_vec()).expect("a runner")
    }

    fn start(&self, faults: &[Fault]) -> (Made, Runner) {
        let temporary = TempDir::new().expect("a folder");
        let folder = Folder::at(temporary.path());
        let receipt = Receipt::new(&self.job, "test");
        folder.create(&self.job, &self.states, &RunRecord::default(), &receipt).expect("files");
        let mut runner = self.runner(faults);
        folder.load_state(0, &mut runner).expect("the first state");
        (Made { folder, receipt, _temporary: temporary }, runner)
    }

    fn run(&self, faults: &[Fault]) -> Made {
        let (mut made, mut runner) = self.start(faults);
        let each = &mut |_: &_| Control::Continue;
        drive(&made.folder, &mut runner, &mut made.receipt, Keep::All, each).expect("a run");
        made
    }
}

#[test]
fn an_honest_run_verifies_and_reads_back() {
    for world in [world(gpt), world(llama)] {
        let made = world.run(&[]);
        let receipt = made.folder.receipt().expect("a receipt");
        assert_eq!(receipt, made.receipt);
        assert_eq!((receipt.ending.clone(), receipt.segments.len()), (Ending::Finished, 3));
        let job = made.folder.job(&receipt).expect("a job");
        assert_eq!((job.spec.digest(), &job.program), (receipt.job, &world.job.program));
        let mut steps = 0;
        let found =
            verify(&made.folder, &receipt, &mut world.runner(&[]), &Selection::All, &mut |_| steps += 1);
        let found = found.expect("a verification");
        assert_eq!((found.finding, found.executed, steps), (None, vec![0, 1, 2], STEPS));
        let only = Selection::Only(vec![1]);
        let found = verify(&made.folder, &receipt, &mut world.runner(&[]), &only, &mut |_| ())
            .expect("a verification");
        assert_eq!((found.finding, found.executed), (None, vec![1]));
    }
}

#[test]
fn a_stopped_run_resumes_to_the_same_bits() {
    let world = world(gpt);
    let whole = world.run(&[]);
    for stop in 0..STEPS - 1 {
        let (mut made, mut runner) = world.start(&[]);
        let each = &mut |metrics: &samebit_trace::Metrics| match metrics.step == stop {
            true => Control::Stop,
            false => Control::Continue,
        };
        let ending = drive(&made.folder, &mut runner, &mut made.receipt, Keep::Last, each);
        assert_eq!(ending.expect("a run"), Ending::Running);
        let mut receipt = made.folder.receipt().expect("a receipt");
        let mut runner = world.runner(&[]);
        made.folder.load_state(receipt.steps_run(), &mut runner).expect("the last segment's state");
        let each = &mut |_: &_| Control::Continue;
        drive(&made.folder, &mut runner, &mut receipt, Keep::Last, each).expect("a run");
        assert_eq!(receipt.segments, whole.receipt.segments, "stopped at step {stop}");
        let lines = std::fs::read_to_string(made.folder.file("metrics.jsonl")).expect("metrics");
        assert_eq!(lines, std::fs::read_to_string(whole.folder.file("metrics.jsonl")).expect("metrics"));
        assert_eq!(made.folder.stored_state(STEPS - 1), Some(0), "only the first and last states are kept");
    }
}

#[test]
fn a_liar_who_recomputed_every_root_is_found_by_re_execution() {
    let world = world(gpt);
    let lies = [Fault::Skip { step: 2 }, Fault::Rate { step: 2, factor: 1.5 }, Fault::Row { step: 3 }];
    for lie in lies {
        let made = world.run(std::slice::from_ref(&lie));
        let receipt = made.folder.receipt().expect("a receipt that is right in itself");
        for (selection, caught) in
            [(Selection::All, true), (Selection::Only(vec![1]), true), (Selection::Only(vec![0, 2]), false)]
        {
            let found = verify(&made.folder, &receipt, &mut world.runner(&[]), &selection, &mut |_| ())
                .expect("files");
            let segment = match found.finding {
                Some(Finding::Segment { index, .. }) => Some(index),
                None => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(segment, caught.then_some(1), "{lie} with {selection:?}");
        }
    }
}

#[test]
fn any_changed_bit_of_a_receipt_is_refused() {
    let world = world(gpt);
    let made = world.run(&[]);
    let path = made.folder.file("receipt.json");
    let bytes = std::fs::read(&path).expect("a receipt");
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let read = Receipt::from_bytes(&path, &changed);
            assert!(matches!(read, Err(TraceError::Malformed { .. })), "byte {at}, bit {bit}");
        }
    }
}

/// Where two runs first differ: step, node or state, page, element.
fn pinpoint(world: &World, a: &[Fault], b: &[Fault]) -> Option<(u64, Kind, u64, u64, u64)> {
    let (a_made, b_made) = (world.run(a), world.run(b));
    let run = |made: &Made| Leaves::list(Kind::Run, made.receipt.state_roots());
    let found = first_difference(&run(&a_made), &run(&b_made), Width::default()).expect("receipts");
    let segment = match found.difference {
        Difference::Equal => return None,
        Difference::At { path } => path.leaf(Kind::Run).expect("a segment"),
        other => panic!("{other:?}"),
    };
    let range = world.job.segment(segment);
    let a_side = Replay::new(&a_made.folder, range.clone(), world.runner(a));
    let b_side = Replay::new(&b_made.folder, range.clone(), world.runner(b));
    let found = first_difference(&a_side, &b_side, Width::default()).expect("both sides answer");
    assert!(found.opened < 1000, "{} hashes opened", found.opened);
    let Difference::At { path } = found.difference else { panic!("{:?}", found.difference) };
    let step = range.start + path.leaf(Kind::Steps).expect("a step");
    let (kind, leaf) = match path.leaf(Kind::Trace) {
        Some(node) => (Kind::Trace, node),
        None => (Kind::State, path.leaf(Kind::State).expect("a trace or a state")),
    };
    let page = path.leaf(Kind::Tensor).expect("a page");
    Some((step, kind, leaf, page, page * 256 + path.leaf(Kind::Page).expect("an element")))
}

#[test]
fn wrong_rows_rates_and_skipped_steps_are_pinpointed() {
    let world = world(gpt);
    let program = &world.job.program;
    let op_of = |found: (u64, Kind, u64, u64, u64)| match found.1 {
        Kind::Trace => program.nodes[found.2 as usize].op.clone(),
        _ => format!("state {}", program.states[found.2 as usize].name),
    };
    let found = pinpoint(&world, &[Fault::Row { step: 2 }], &[]).expect("a difference");
    assert_eq!((found.0, op_of(found).as_str()), (2, "ids"));
    let found = pinpoint(&world, &[], &[Fault::Rate { step: 4, factor: 2.0 }]).expect("a difference");
    assert_eq!((found.0, found.1), (4, Kind::Trace));
    let found = pinpoint(&world, &[], &[Fault::Skip { step: 5 }]).expect("a difference");
    assert_eq!((found.0, found.1), (5, Kind::State));
    assert_eq!(pinpoint(&world, &[], &[]), None);
}

#[test]
fn a_fault_out_of_range_is_an_error() {
    let world = world(gpt);
    let nodes = world.job.program.nodes.len() as u32;
    for fault in [
        Fault::Skip { step: STEPS },
        Fault::Value { step: 0, node: nodes, element: 0, ulps: 1 },
        Fault::Value { step: 0, node: 0, element: u64::MAX, ulps: 1 },
    ] {
        let made = Runner::new(world.job.clone(), backend(), &Settings::default(), vec![fault]);
        assert!(matches!(made.map(drop), Err(TraceError::FaultRange { .. })));
    }
}
