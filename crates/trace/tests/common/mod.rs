//! A job of a few steps with its folder, and what two sides say of one of its segments.
#![allow(dead_code)]

use samebit_commit::{Kind, Sequence};
use samebit_dispute::{Difference, Path, Width, first_difference};
use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, Fixture, gpt, llama};
use samebit_ops::{Backend, Cpu};
use samebit_trace::witness::{Kept, Leaf, Piece, Place, Proof, Side, Truth, WitnessError, operand, truth};
use samebit_trace::{Element, Fault, Folder, Inside, Job, Receipt, Replay, RunRecord, Runner};
use std::ops::Range;
use std::sync::Arc;
use tempfile::TempDir;

pub struct World {
    pub name: &'static str,
    pub job: Job,
    pub states: Vec<Vec<u32>>,
    pub folder: Folder,
    pub temporary: TempDir,
}

/// A GPT with dropout and a Llama; products, sums and tensors of several blocks and pages.
pub fn worlds() -> [World; 2] {
    let dims = Dims { steps: 2, layers: 1, hidden: 300, ..Dims::default() };
    [World::new("gpt", gpt(Dims { dropout: 0.2, ..dims })), World::new("llama", llama(dims))]
}

impl World {
    fn new(name: &'static str, (program, states, tables): Fixture) -> World {
        let job = Job::new(program, tables, &states, 2, 2);
        let temporary = TempDir::new().expect("a folder");
        let folder = Folder::at(temporary.path());
        let receipt = Receipt::new(&job, "test");
        folder.create(&job, &states, &RunRecord::default(), &receipt).expect("files");
        World { name, job, states, folder, temporary }
    }

    pub fn runner(&self, backend: Arc<dyn Backend>, faults: &[Fault]) -> Runner {
        Runner::new(self.job.clone(), backend, &Settings::default(), faults.to_vec()).expect("a runner")
    }

    pub fn replay(&self, faults: &[Fault]) -> Replay<'_> {
        Replay::new(&self.folder, self.steps(), self.runner(Arc::new(Cpu::detect()), faults))
    }

    pub fn steps(&self) -> Range<u64> {
        0..self.job.spec.steps
    }
}

/// The way to the first difference; `None` if there is none.
pub fn path(a: &dyn Sequence, b: &dyn Sequence) -> Option<Path> {
    let found = first_difference(a, b, Width::default()).expect("both sides answer");
    assert!(found.opened < 1000, "{} hashes opened", found.opened);
    match found.difference {
        Difference::Equal => None,
        Difference::At { path } => Some(path),
        other => panic!("{other:?}"),
    }
}

/// The element at the end of a path through a tensor.
pub fn element(path: &Path) -> u64 {
    path.leaf(Kind::Tensor).expect("a page") * 256 + path.leaf(Kind::Page).expect("an element")
}

/// Goes on below an element on which two sides differ: through the row, then the totals, to one piece.
pub fn piece(a: &Element, b: &Element) -> (Option<Inside>, u64) {
    let inside = a.row().map(|row| {
        let path = path(&row, &b.row().expect("a row on both sides")).expect("a difference");
        Inside { node: path.leaf(Kind::Row).expect("a node") as u32, element: element(&path) }
    });
    let block = a.totals(inside).map(|totals| {
        let path = path(&totals, &b.totals(inside).expect("totals on both sides")).expect("a difference");
        path.leaf(Kind::Totals).expect("a block")
    });
    (inside, block.unwrap_or(0))
}

/// The word that a side says of a piece.
pub fn said(side: &Element, inside: Option<Inside>, block: u64) -> u32 {
    match (side.totals_words(inside), inside, side.row_words()) {
        (Some(totals), ..) => totals[block as usize],
        (None, Some(inside), Some(row)) => row[inside.node as usize][inside.element as usize],
        _ => side.claimed(),
    }
}

/// What the referee says of the piece on which two sides differ, from the witnesses of one of them, and what that side says.
pub fn dispute(honest: &Element, liar: &Element) -> (u32, u32) {
    let (inside, block) = piece(honest, liar);
    (judge(liar, inside, block), said(liar, inside, block))
}

/// The word of a piece from witnesses alone: of a map, of a block of a product, or of the 16 lanes of a block and then of their fold.
pub fn judge(side: &Element, inside: Option<Inside>, block: u64) -> u32 {
    for piece in [Piece::Map, Piece::Block(block)] {
        if let Ok(proof) = side.witness(Side::A, inside, piece) {
            return judge_piece(side, inside, piece, &proof);
        }
    }
    let lanes = std::array::from_fn(|lane| {
        let piece = Piece::Lane(block, lane as u8);
        judge_piece(side, inside, piece, &side.witness(Side::A, inside, piece).expect("a lane"))
    });
    let mut place = side.place(inside, Piece::Lane(block, 0)).expect("a lane");
    place.lanes = Place::lanes_hash(&lanes);
    word(truth(&place, Leaf::LaneFold, &side.lane_fold_witness(&lanes), &[]))
}

fn judge_piece(side: &Element, inside: Option<Inside>, piece: Piece, proof: &Proof) -> u32 {
    let place = side.place(inside, piece).expect("a piece");
    let keep = |(slot, witness): &(u8, Vec<u8>)| {
        (*slot, operand(&place, proof.leaf, *slot, witness).expect("an operand"))
    };
    let kept: Vec<Kept> = proof.keeps.iter().map(keep).collect();
    word(truth(&place, proof.leaf, &proof.witness, &kept))
}

/// The word that an answer is.
pub fn word(answer: Result<Truth, WitnessError>) -> u32 {
    match answer {
        Ok(Truth::Value(value)) => u32::from_be_bytes(value.0[28..].try_into().expect("4 bytes")),
        other => panic!("{other:?}"),
    }
}
