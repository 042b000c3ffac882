//! Canonical bytes: one encoding, hostile bytes refused, one node opened against the program's digest.

use proptest::prelude::*;
use samebit_commit::{Canonical, Decoder, Digest, Tag, hash, steps};
use samebit_graph::canonical::PROGRAM_HEADER_BYTES;
use samebit_graph::fixtures::{self, Dims};
use samebit_graph::index::{Atom, coord, element, fold, row, step};
use samebit_graph::node::Predicate;
use samebit_graph::{DType, Index, Node, Program, Relation, Spec};

fn programs() -> Vec<Program> {
    let dims = Dims { layers: 1, ..Dims::default() };
    vec![fixtures::gpt(Dims { dropout: 0.1, ..dims }).0, fixtures::llama(dims).0]
}

#[test]
fn programs_round_trip() {
    for program in programs() {
        let bytes = program.to_bytes();
        let decoded = Program::from_bytes(&bytes).expect("its own bytes");
        assert_eq!(decoded, program);
        assert_eq!(decoded.to_bytes(), bytes);
        assert_eq!(decoded.digest(), program.digest());
        assert_eq!(decoded.check(), Ok(()));
    }
}

#[test]
fn an_index_map_by_hand() {
    let map = coord(1).times(3) + fold().div(4) + 5;
    let mut expected = vec![0, 0, 0, 0, 0, 0, 0, 5, 2];
    expected.extend([0, 0, 0, 0, 0, 0, 0, 3, 0, 1]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 4]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(map.to_bytes(), expected);
    assert_eq!(Index::from_bytes(&expected), Ok(map));
}

#[test]
fn what_is_not_the_one_encoding_is_refused() {
    let refused = |index: Index| Index::from_bytes(&index.to_bytes()).expect_err("not canonical").to_string();
    let sorted = coord(0) + coord(1);
    let reversed = Index { constant: 0, terms: sorted.terms.iter().rev().cloned().collect() };
    assert!(refused(reversed).contains("not sorted"));
    let twice = Index { constant: 0, terms: vec![sorted.terms[0].clone(); 2] };
    assert!(refused(twice).contains("not sorted"));
    assert!(refused(Index { constant: 0, terms: vec![(0, Atom::Fold)] }).contains("coefficient"));
    for divisor in [0, 1] {
        let division = Atom::Div(divisor, Box::new(fold()));
        assert!(refused(Index::from(division)).contains("division"));
    }
    assert!(refused(Index::from(Atom::Mod(3, Box::new(Index::from(7))))).contains("division"));
    let mut deep = fold();
    for _ in 0..20 {
        deep = Index::from(Atom::Div(2, Box::new(deep)));
    }
    assert!(refused(deep).contains("deeper"));
}

#[test]
fn every_truncation_and_every_changed_byte_is_refused_or_another_program() {
    let dims = Dims { layers: 1, time: 2, ..Dims::default() };
    let program = fixtures::llama(dims).0;
    let bytes = program.to_bytes();
    for length in (0..bytes.len()).step_by(37) {
        assert!(Program::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    for at in (0..bytes.len()).step_by(11) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Ok(decoded) = Program::from_bytes(&changed) {
            assert_ne!(decoded.digest(), program.digest(), "byte {at}");
            let _ = decoded.check();
        }
    }
}

#[test]
fn one_node_is_opened_against_the_digest() {
    let program = &programs()[0];
    let tree = program.node_tree();
    let header = program.header();
    assert_eq!(hash(Tag::Program, &[&header]), program.digest());
    // Version, then the roots of states and tables, then that of the nodes.
    let root = Digest(header[4 + 64..4 + 96].try_into().expect("32 bytes"));
    let dtypes: Vec<DType> = program.nodes.iter().map(|node| node.dtype).collect();
    let sinks = Digest(header[4 + 96..4 + 128].try_into().expect("32 bytes"));
    assert_eq!(header.len(), PROGRAM_HEADER_BYTES);
    for (state, sink) in program.sinks.iter().enumerate().step_by(5) {
        let opening = program.sink_tree().open(state as u64).expect("it is inside");
        let count = program.states.len() as u64;
        assert_eq!(opening.verify(sinks, count, state as u64, steps::total(*sink)), Ok(()));
    }
    for (id, node) in program.nodes.iter().enumerate().step_by(7) {
        let opening = tree.open(id as u64).expect("it is inside");
        let count = program.nodes.len() as u64;
        assert_eq!(opening.verify(root, count, id as u64, node.digest()), Ok(()));
        let bytes = node.to_bytes();
        let decoded = Node::decode(&mut Decoder::new(&bytes), &dtypes[..id]).expect("its own bytes");
        assert_eq!(decoded.digest(), node.digest());
    }
}

#[test]
fn every_part_of_a_program_is_named() {
    let program = &programs()[0];
    let changed = |change: fn(&mut Program)| {
        let mut program = program.clone();
        change(&mut program);
        program.digest()
    };
    let digests = [
        program.digest(),
        changed(|p| p.states[0].name.push('x')),
        changed(|p| p.tables.swap(0, 1)),
        changed(|p| p.nodes[20].op.push('x')),
        changed(|p| p.sinks.swap(0, 1)),
        changed(|p| p.loss -= 1),
        changed(|p| p.grad_norm -= 1),
    ];
    for (at, digest) in digests.iter().enumerate() {
        assert!(!digests[..at].contains(digest), "change {at}");
    }
}

#[test]
fn specs_round_trip_and_name_every_field() {
    let spec = Spec {
        program: Digest([1; 32]),
        initial_state: Digest([2; 32]),
        tables: vec![Digest([3; 32]), Digest([4; 32])],
        steps: 200,
        segment_steps: 10,
        profile: "f32".into(),
    };
    assert_eq!(Spec::from_bytes(&spec.to_bytes()), Ok(spec.clone()));
    let changes: [fn(&mut Spec); 6] = [
        |spec| spec.program.0[0] ^= 1,
        |spec| spec.initial_state.0[31] ^= 1,
        |spec| spec.tables.reverse(),
        |spec| spec.steps += 1,
        |spec| spec.segment_steps += 1,
        |spec| spec.profile.push('x'),
    ];
    for change in changes {
        let mut changed = spec.clone();
        change(&mut changed);
        assert_ne!(changed.digest(), spec.digest());
    }
    // Program, state and tables root; the counts; the profile.
    assert_eq!(spec.header().len(), 3 * 32 + 2 * 8 + 2 + 3);
    assert_eq!(spec.header()[64..96], spec.table_tree().root().0);
    let stopped = Spec { segment_steps: 0, ..spec };
    assert!(Spec::from_bytes(&stopped.to_bytes()).is_err());
}

fn index_map() -> impl Strategy<Value = Index> {
    let leaf = prop_oneof![
        (0u8..6).prop_map(coord),
        Just(fold()),
        Just(row()),
        Just(step()),
        (0u64..1000).prop_map(Index::from),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a + b),
            (inner.clone(), 0u64..99).prop_map(|(a, factor)| a.times(factor)),
            (inner.clone(), 1u64..99).prop_map(|(a, divisor)| a.div(divisor)),
            (inner.clone(), 1u64..99).prop_map(|(a, divisor)| a.modulo(divisor)),
            (inner, 0u32..9).prop_map(|(a, node)| element(node, a)),
        ]
    })
}

proptest! {
    #[test]
    fn index_maps_round_trip(map in index_map()) {
        prop_assume!(map.terms.len() <= 8);
        prop_assert_eq!(Index::from_bytes(&map.to_bytes()), Ok(map));
    }

    #[test]
    fn predicates_round_trip(left in index_map(), right in index_map(), which in 0usize..3) {
        prop_assume!(left.terms.len() <= 8 && right.terms.len() <= 8);
        let relation = [Relation::Less, Relation::LessOrEqual, Relation::Equal][which];
        let predicate = Predicate { left, relation, right };
        prop_assert_eq!(Predicate::from_bytes(&predicate.to_bytes()), Ok(predicate));
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(program) = Program::from_bytes(&bytes) {
            prop_assert_eq!(program.to_bytes(), bytes.clone());
            let _ = program.check();
        }
        if let Ok(map) = Index::from_bytes(&bytes) {
            prop_assert_eq!(map.to_bytes(), bytes.clone());
        }
        if let Ok(spec) = Spec::from_bytes(&bytes) {
            prop_assert_eq!(spec.to_bytes(), bytes);
        }
    }

    /// Changed bytes of a real program get far into the decoder and the check; neither may panic.
    #[test]
    fn damaged_programs_never_panic(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        thread_local!(static BYTES: Vec<u8> = programs()[1].to_bytes());
        let mut bytes = BYTES.with(Vec::clone);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(program) = Program::from_bytes(&bytes) {
            prop_assert_eq!(program.to_bytes(), bytes);
            if program.check().is_ok() {
                let recognized = program.nodes.iter().filter_map(samebit_graph::operators::Attention::recognize);
                prop_assert!(recognized.count() <= 6);
                prop_assert!(program.cost().bytes_written > 0);
            }
        }
    }
}
