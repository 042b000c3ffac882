//! `Step` in Solidity against the reference: ordered and exact products, sums and maxima with predicates, maps, and every node of a
//! row of attention, each element proved from canonical bytes and Merkle openings alone.
#[path = "common/mod.rs"]
mod common;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/referee.rs"]
mod referee;
#[path = "common/world.rs"]
mod world;

use common::Random;
use programs::*;
use referee::Referee;
use samebit_commit::{Canonical, Decoder, Encoder};
use samebit_graph::node::{DType, FoldKind, Kind, Node};
use samebit_num::fold::{Bits, Numerics};
use samebit_num::{Arith, Binary32, Soft, fold};
use samebit_trace::witness::{NodeOpening, Piece, Place};
use std::time::Instant;
use world::{Leaf, Tensor, World};

/// Random elements of the world's last node, every block of each; the most gas that one took.
fn agree_everywhere(referee: &mut Referee, name: &str, world: &World, elements: u64) -> u64 {
    let node = world.nodes.last().expect("a node");
    let mut random = Random(11);
    let corners = [0, node.len() - 1];
    let chosen: Vec<u64> = (0..elements).map(|_| random.below(node.len())).chain(corners).collect();
    let leaves = chosen.iter().flat_map(|&element| {
        let pieces = pieces(node, &mut random).into_iter();
        pieces.map(move |piece| world.leaf(element, piece)).collect::<Vec<_>>()
    });
    leaves.map(|leaf| referee.agree(name, &leaf).most()).max().expect("a leaf")
}

/// Every block of a product, a random lane of every block of a sum or maximum, or the element of a map.
fn pieces(node: &Node, random: &mut Random) -> Vec<Piece> {
    let Kind::Fold(fold) = &node.kind else { return vec![Piece::Map] };
    let blocks = 0..fold.extent.div_ceil(256);
    match fold.kind {
        FoldKind::Product(_) => blocks.map(Piece::Block).collect(),
        FoldKind::Sum | FoldKind::Max => {
            blocks.map(|block| Piece::Lane(block, random.below(16) as u8)).collect()
        }
    }
}

#[test]
fn ordered_product() {
    let mut referee = Referee::new();
    // K = 700 is two whole blocks and a short one; rows straddle pages.
    let gas = agree_everywhere(&mut referee, "product", &product(Numerics::F32, [5, 7, 700]), 6);
    println!("product block, small trees: {gas} gas");
}

/// Whole and short blocks, rows of zeros, of subnormals and with an infinity, scales at both ends.
#[test]
fn exact_products() {
    let mut referee = Referee::new();
    let (shape, mut random) = ([5, 7, 700], Random(6));
    for numerics in Bits::ALL.map(Numerics::Exact) {
        let gas = agree_everywhere(&mut referee, numerics.name(), &product(numerics, shape), 6);
        let mut most = gas;
        for [left, right] in [[1, 127], [10, 130], [30, 90], [60, 60], [127, 127], [200, 190], [253, 240]] {
            let mut rows = |count: u64, exponent: u32| {
                let mut word = |at: u64| match at {
                    0..256 => 0,
                    900 => f32::INFINITY.to_bits(),
                    _ => random.word() as u32 & 0x807f_ffff | (exponent - random.below(2) as u32) << 23,
                };
                Tensor::floats((0..count * 700).map(&mut word).collect())
            };
            let world = product_of(numerics, shape, rows(5, left), rows(7, right));
            most = most.max(agree_everywhere(&mut referee, numerics.name(), &world, 4));
        }
        println!("{} block, small trees: {gas} gas, of the worst values {most}", numerics.name());
    }
}

#[test]
fn folds_with_predicates() {
    let mut referee = Referee::new();
    agree_everywhere(&mut referee, "masked sum", &masked_sum(), 6);
    agree_everywhere(&mut referee, "masked maximum", &masked_maximum(), 6);
    agree_everywhere(&mut referee, "embedding gradient", &embedding_gradient(), 8);
}

#[test]
fn maps() {
    let mut referee = Referee::new();
    for function in samebit_num::functions::ALL {
        let gas = agree_everywhere(&mut referee, function.name, &elementwise(function.code()), 12);
        println!("{}: {gas} gas", function.name);
    }
    agree_everywhere(&mut referee, "gather", &gather(), 20);
    agree_everywhere(&mut referee, "transpose and index values", &transpose_with_indices(), 20);
}

#[test]
fn every_node_of_a_row_of_attention() {
    Numerics::ALL.into_iter().for_each(row_of_attention);
}

/// In an exact profile the block of keys that the mask cuts is ordered.
fn row_of_attention(numerics: Numerics) {
    let mut referee = Referee::new();
    let world = attention(numerics, 300, 12);
    let Kind::Composite { body, .. } = &world.nodes.last().unwrap().kind else {
        panic!("attention is composite")
    };
    let mut random = Random(5);
    for row in [0, 7, 255, 256, 299] {
        let outputs = world.body_outputs(row);
        for (body_node, node) in body.iter().enumerate() {
            for element in [0, random.below(node.len()), node.len() - 1] {
                for piece in pieces(node, &mut random) {
                    let leaf = world.body_leaf(row, &outputs, body_node as u32, element, piece);
                    referee.agree(&node.op, &leaf);
                }
            }
        }
    }
}

/// Elements of every kind of node that are redone.
const ELEMENTS: usize = if cfg!(feature = "slow") { 100_000 } else { 2_000 };

/// The world with other floats: pages of ordinary values, of ordinary values and a few edges, of edges, and of values of every size.
fn wild(mut world: World, random: &mut Random) -> World {
    for tensor in world.outputs.values_mut() {
        let Tensor::Real { dtype: DType::F32, words } = tensor else { continue };
        for page in words.chunks_mut(256) {
            let mode = random.below(4);
            for word in page {
                *word = match mode {
                    1 if random.below(64) == 0 => random.edge(),
                    2 if random.below(4) == 0 => random.edge(),
                    3 => random.float(0..255),
                    _ => random.value(),
                };
                *word = common::canonical(*word);
            }
        }
    }
    world
}

/// An element of the world's last node, one in eight at an end, and one piece of it.
fn any_leaf(world: &World, random: &mut Random) -> Leaf {
    let node = world.nodes.last().expect("a node");
    let element = match random.below(16) {
        0 => 0,
        1 => node.len() - 1,
        _ => random.below(node.len()),
    };
    world.leaf(element, any_piece(node, random))
}

fn any_piece(node: &Node, random: &mut Random) -> Piece {
    let pieces = pieces(node, random);
    pieces[random.below(pieces.len() as u64) as usize]
}

/// Total and lanes of any size, folded.
fn fold_lanes(referee: &mut Referee, world: &World, random: &mut Random) {
    let node = world.nodes.last().expect("a node");
    let Kind::Fold(held) = &node.kind else { panic!("a fold") };
    let block = random.below(held.extent.div_ceil(256));
    let Leaf { place, witness, .. } = world.leaf(random.below(node.len()), Piece::Block(block));
    let opened = NodeOpening::decode(&mut Decoder::new(&witness[1..])).expect("the node follows the side");
    let mut word = || match random.below(3) {
        0 => random.edge(),
        1 => random.float(0..255),
        _ => random.value(),
    };
    let (total, lanes) = (common::canonical(word()), std::array::from_fn(|_| common::canonical(word())));
    let soft = &mut Soft;
    let (kind, folded) = match held.kind {
        FoldKind::Max => {
            (fold::Kind::Maximum, fold::maximum_block(soft, lanes.map(|lane| Some(Binary32(lane)))))
        }
        _ => (fold::Kind::Sum, fold::fold_lanes(soft, lanes.map(Binary32))),
    };
    let before = if block == 0 { kind.start(soft) } else { Binary32(total) };
    let expected = kind.join(soft, before, folded);
    let expected = soft.bits(expected);
    let mut encoder = Encoder::new();
    opened.encode(&mut encoder);
    lanes.iter().for_each(|lane| encoder.u32(*lane));
    let place = Place { total, lanes: Place::lanes_hash(&lanes), ..place };
    assert_eq!(referee.fold_lanes(&place, &encoder.into_bytes()), expected, "{place:?}: {lanes:08x?}");
}

#[test]
fn random_elements_of_every_kind_of_node() {
    let (mut referee, mut random) = (Referee::new(), Random(77));
    let functions = samebit_num::functions::ALL.iter().map(|function| elementwise(function.code()));
    let kinds: [(&str, Vec<World>); 4] = [
        ("map", functions.chain([gather(), transpose_with_indices()]).collect()),
        ("product", Numerics::ALL.map(|numerics| product(numerics, [5, 7, 700])).into()),
        ("sum", vec![masked_sum(), embedding_gradient()]),
        ("maximum", vec![masked_maximum()]),
    ];
    for (name, worlds) in kinds {
        let worlds: Vec<World> = worlds.into_iter().map(|world| wild(world, &mut random)).collect();
        let start = Instant::now();
        for at in 0..ELEMENTS {
            let leaf = any_leaf(&worlds[at % worlds.len()], &mut random);
            referee.agree(name, &leaf);
        }
        println!("{name}: {ELEMENTS} elements in {} s", start.elapsed().as_secs());
        if matches!(name, "sum" | "maximum") {
            (0..ELEMENTS).for_each(|at| fold_lanes(&mut referee, &worlds[at % worlds.len()], &mut random));
        }
    }
}

#[test]
fn random_elements_of_a_row() {
    let (mut referee, mut random) = (Referee::new(), Random(78));
    let world = wild(attention(Numerics::F32, 300, 12), &mut random);
    let Kind::Composite { body, .. } = &world.nodes.last().expect("a node").kind else { panic!("attention") };
    // A row is dear to make: many elements of each.
    const OF_A_ROW: usize = 50;
    for _ in 0..ELEMENTS.div_ceil(OF_A_ROW) {
        let row = random.below(300);
        let outputs = world.body_outputs(row);
        for at in 0..OF_A_ROW {
            let inner = at % body.len();
            let node = &body[inner];
            let (element, piece) = (random.below(node.len()), any_piece(node, &mut random));
            let leaf = world.body_leaf(row, &outputs, inner as u32, element, piece);
            referee.agree(&node.op, &leaf);
        }
    }
}

#[test]
fn no_changed_witness_is_accepted_as_another_answer() {
    let mut referee = Referee::new();
    let mut random = Random(3);
    let (mut refused, mut same) = (0, 0);
    for leaf in [
        product(Numerics::F32, [5, 7, 700]).leaf(17, Piece::Block(1)),
        masked_sum().leaf(5, Piece::Lane(1, 3)),
        gather().leaf(33, Piece::Map),
        elementwise(samebit_num::functions::ALL[0].code()).leaf(9, Piece::Map),
    ] {
        for _ in 0..FUZZED {
            match referee.judge(&leaf, &random.spoil(&leaf.witness), &[]) {
                Some((word, _)) => {
                    assert_eq!(word, leaf.expected, "a changed witness changed the answer");
                    same += 1;
                }
                None => refused += 1,
            }
        }
    }
    println!("{refused} refused, {same} unchanged");
    assert!(refused > 3 * FUZZED, "most changes must be refused");
}

/// Witnesses tried for each leaf.
const FUZZED: usize = if cfg!(feature = "slow") { 20_000 } else { 1_000 };
