//! Witnesses of every operator of a training step, with the places that they are of.

use crate::Seeds;
use samebit_commit::{Canonical, Digest, Encoder};
use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, gpt};
use samebit_graph::node::Kind;
use samebit_ops::Cpu;
use samebit_trace::witness::{Leaf, Piece, Place, Side, operand};
use samebit_trace::{Claims, Folder, Inside, Job, Receipt, Replay, RunRecord, Runner};
use std::collections::BTreeSet;
use std::sync::Arc;

const STEP: u64 = 1;
/// Bytes of a witness that is kept.
const LARGE: usize = 6 << 10;

pub fn write(seeds: &Seeds) {
    let dims = Dims {
        steps: 2,
        layers: 1,
        hidden: 6,
        head_size: 4,
        vocabulary: 5,
        time: 3,
        dropout: 0.2,
        ..Dims::default()
    };
    let (program, states, tables) = gpt(dims);
    let job = Job::new(program, tables, &states, 2, 2);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::at(temporary.path());
    folder.create(&job, &states, &RunRecord::default(), &Receipt::new(&job, "seeds")).expect("files");
    let runner = Runner::new(job.clone(), Arc::new(Cpu::detect()), &Settings::default(), Vec::new())
        .expect("a runner");
    let replay = Replay::new(&folder, 0..2, runner);
    let trace = replay.roots().expect("roots").step(STEP);
    seeds.keep_kind("witness", "step-trace", 0, &trace.to_bytes());
    let mut seen = BTreeSet::new();
    for (number, node) in (0..).zip(&job.program.nodes) {
        if matches!(node.kind, Kind::State(_) | Kind::Table(_)) || !seen.insert(node.op.clone()) {
            continue;
        }
        let element = replay.element(STEP, number, node.len() * 2 / 3).expect("an element");
        let insides: Vec<Option<Inside>> = match &node.kind {
            Kind::Composite { body, .. } => (0u32..)
                .zip(body)
                .map(|(at, node)| Some(Inside { node: at, element: node.len() / 2 }))
                .collect(),
            _ => vec![None],
        };
        for (at, inside) in insides.into_iter().enumerate() {
            for piece in [Piece::Map, Piece::Block(0), Piece::Lane(0, 3)] {
                let (Ok(proof), Some(place)) =
                    (element.witness(Side::B, inside, piece), element.place(inside, piece))
                else {
                    continue;
                };
                let kept: Vec<_> = proof
                    .keeps
                    .iter()
                    .map(|(slot, witness)| {
                        (*slot, operand(&place, proof.leaf, *slot, witness).expect("an operand"))
                    })
                    .collect();
                let seed = seed(&place, proof.leaf, &kept, &proof.witness);
                if seed.len() < LARGE {
                    seeds.keep_kind("witness", &format!("{}-{at}-{:?}", node.op, proof.leaf), 4, &seed);
                }
            }
        }
    }
}

/// What `samebit_fuzz`'s target reads.
fn seed(place: &Place, leaf: Leaf, kept: &[(u8, Vec<u8>)], witness: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.u8(leaf as u8);
    let shorts = [
        place.node_count,
        place.state_count,
        place.table_count,
        place.loss.into(),
        place.node.into(),
        place.body_node.into(),
    ];
    shorts.into_iter().for_each(|number| encoder.u16(number as u16));
    encoder.u8(u8::from(place.rows[0] != Digest::ZERO));
    let longs =
        [place.first_step, place.step_count, place.step, place.element, place.body_element, place.block];
    longs.into_iter().for_each(|number| encoder.u64(number));
    encoder.u32(place.total);
    encoder.u8(place.lane);
    encoder.short_list(kept, |encoder, (slot, bytes)| {
        encoder.u8(*slot);
        encoder.bytes(bytes);
    });
    encoder.raw(witness);
    encoder.into_bytes()
}
