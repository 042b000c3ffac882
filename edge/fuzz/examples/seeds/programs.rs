//! Programs and their parts, jobs and states: every operator alone, and what names them.

use crate::Seeds;
use samebit_commit::state::EntryOpening;
use samebit_commit::tensor::{ElementOpening, page_digests};
use samebit_commit::{Canonical, DType, Encoder, Tree};
use samebit_graph::fixtures::{Dims, gpt, operator};
use samebit_graph::operators::OPERATORS;
use samebit_graph::{Input, Kind};
use samebit_trace::{Job, entries, parcel};

/// Bytes of programs and parcels that are kept.
const LARGE: usize = 16 << 10;

pub fn write(seeds: &Seeds) {
    let small = Dims {
        steps: 1,
        layers: 1,
        heads: 1,
        head_size: 2,
        vocabulary: 3,
        hidden: 2,
        time: 2,
        ..Dims::default()
    };
    let (program, _, _) = gpt(small);
    seeds.keep("program", "gpt", &program.to_bytes());
    for name in OPERATORS.iter().map(|row| row.name) {
        let (program, states, tables) = operator(name, 1);
        let bytes = program.to_bytes();
        if bytes.len() < LARGE {
            seeds.keep("program", name, &bytes);
        }
        let job = Job::new(program, tables, &states, 1, 1);
        parts(seeds, name, &job);
        parcels(seeds, name, &job, &states);
    }
    opened(seeds);
}

fn parts(seeds: &Seeds, name: &str, job: &Job) {
    if name == "linear" {
        seeds.keep_kind("graph", "spec", 0, &job.spec.to_bytes());
        seeds.keep_kind("graph", "declaration", 1, &job.program.states[0].to_bytes());
    }
    for (number, node) in job.program.nodes.iter().enumerate() {
        let Kind::Fold(fold) = &node.kind else { continue };
        for input in fold.inputs.iter().take(1) {
            let (Input::Outer(_, index) | Input::Body(_, index) | Input::Value(index)) = input;
            seeds.keep_kind("graph", &format!("index-{name}-{number}"), 2, &index.to_bytes());
            seeds.keep_kind("graph", &format!("input-{name}-{number}"), 3, &input.to_bytes());
        }
        if let Some(predicate) = &fold.predicate {
            seeds.keep_kind("graph", &format!("predicate-{name}-{number}"), 4, &predicate.to_bytes());
        }
        let types: Vec<u8> = fold.code.inputs().iter().map(|kind| *kind as u8).collect();
        let code = [&[5, types.len() as u8][..], &types, &fold.code.encode()].concat();
        seeds.keep("graph", &format!("code-{name}-{number}"), &code);
    }
}

fn parcels(seeds: &Seeds, name: &str, job: &Job, states: &[Vec<u32>]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("parcel");
    parcel::write_job(&path, job).expect("a file");
    let file = std::fs::read(&path).expect("a file");
    if file.len() < LARGE / 2 {
        seeds.keep_kind("job_parcel", &format!("raw-{name}"), 0, &file);
        let mut made = Encoder::new();
        made.u64(1);
        made.u64(1);
        made.bytes(&job.program.to_bytes());
        let words = job.tables.iter().flatten().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        seeds.keep_kind("job_parcel", &format!("made-{name}"), 1, &[made.as_bytes(), &words].concat());
    }
    parcel::write_state(&path, &job.program, states).expect("a file");
    let file = std::fs::read(&path).expect("a file");
    if file.len() < LARGE / 4 {
        seeds.keep_kind("state_parcel", &format!("raw-{name}"), 0, &file);
        seeds.keep_kind("state_parcel", &format!("made-{name}"), 1, &file);
    }
}

/// Openings of every kind; the head is a count and an index that suit them.
fn opened(seeds: &Seeds) {
    let keep = |name: &str, kind: u8, count: u64, index: u64, value: &[u8]| {
        let head = [&[kind][..], &count.to_be_bytes(), &index.to_be_bytes()].concat();
        seeds.keep("commit", name, &[&head[..], value].concat());
    };
    let (program, states, _) = operator("attention", 1);
    let roots: Vec<_> =
        states.iter().map(|words| samebit_commit::tensor::root_of(DType::F32, words)).collect();
    let entries = entries(&program, &roots);
    keep("entry", 0, 1, 0, &entries[0].to_bytes());
    keep(
        "entry-opening",
        1,
        entries.len() as u64,
        1,
        &EntryOpening::new(&entries, 1).expect("inside").to_bytes(),
    );
    let tree = Tree::new(page_digests(&(0..2_600).collect::<Vec<u32>>()));
    keep("opening", 2, tree.count(), 7, &tree.open(7).expect("inside").to_bytes());
    keep("batch-opening", 3, tree.count(), 1, &tree.open_batch(&[1, 2, 8]).expect("inside").to_bytes());
    let words: Vec<u32> = (0..300).collect();
    let pages = Tree::new(page_digests(&words));
    let element = ElementOpening::new(&words, &pages, 290).expect("inside");
    keep("element-opening", 4, 300, 290, &element.to_bytes());
    let mut list = Encoder::new();
    list.list(&entries, |encoder, entry| entry.encode(encoder));
    keep("entries", 5, 0, 0, list.as_bytes());
}
