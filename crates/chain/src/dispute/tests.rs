//! The bindings say what the artifact says, and a message survives being a call.

use super::wire::{self, Calls, POSITION_AS};
use super::{artifacts, message};
use crate::abi::DISPUTE;
use crate::embedded::DEPLOYER;
use alloy::primitives::{Address, B256, keccak256};
use alloy::sol_types::SolCall;
use proptest::prelude::*;
use samebit_commit::Digest;
use samebit_dispute::{
    Amount, Before, Choice, ClaimId, Commitment, Descent, Head, Header, JudgeKind, Message, Move, Opened,
    Owner, Parts, Position, Question, QuestionId, Seconds, Side, Stage,
};

/// The types of a position's fields, in the order of the specification.
const POSITION_TYPES: &str = "(bytes32,uint64,uint64,uint32,uint8,uint64,uint64,uint64,uint8,uint64,uint8,uint64,uint8,bytes32,bytes32,\
uint64,bytes32,bytes32,uint32,bytes32,bytes32,uint8,uint64,uint64,uint32,uint32,bytes32,bytes32,uint32,uint64,uint32,uint32,uint8,\
bytes32,bytes32,uint64,uint32,uint8,bytes32)";

#[test]
fn every_call_has_the_contracts_signature() {
    let calls = [
        ("open", Calls::openCall::SIGNATURE),
        ("claim", Calls::claimCall::SIGNATURE),
        ("pair", Calls::pairCall::SIGNATURE),
        ("descend", Calls::descendCall::SIGNATURE),
        ("point", Calls::pointCall::SIGNATURE),
        ("unfold", Calls::unfoldCall::SIGNATURE),
        ("showLanes", Calls::showLanesCall::SIGNATURE),
        ("compareLanes", Calls::compareLanesCall::SIGNATURE),
        ("keep", Calls::keepCall::SIGNATURE),
        ("truth", Calls::truthCall::SIGNATURE),
        ("timeout", Calls::timeoutCall::SIGNATURE),
        ("resolve", Calls::resolveCall::SIGNATURE),
        ("release", Calls::releaseCall::SIGNATURE),
        ("withdraw", Calls::withdrawCall::SIGNATURE),
        ("statusOf", wire::Views::statusOfCall::SIGNATURE),
        ("creditOf", wire::Views::creditOfCall::SIGNATURE),
    ];
    for (name, signature) in calls {
        let signature = signature.replace(POSITION_AS, POSITION_TYPES);
        assert_eq!(keccak256(&signature)[..4], DISPUTE.selector(name), "{signature}");
    }
    // What is not bound is read only.
    let bound: Vec<&str> = calls.iter().map(|(name, _)| *name).collect();
    let unbound: Vec<&str> =
        DISPUTE.names().map(|(name, _)| name).filter(|name| !bound.contains(name)).collect();
    let known = ["MAX_MOVES", "MAX_SLOTS", "MAX_WITNESS_BYTES", "claimOf", "fund", "gameOf", "referee"];
    assert!(unbound.iter().all(|name| known.contains(name)), "{unbound:?}");
    assert_eq!(DISPUTE.topic("Relayed"), keccak256("Relayed(address,bytes)"));
    assert_eq!(DISPUTE.topic("Moved"), keccak256("Moved(bytes32,uint64,uint64,bytes32)"));
}

#[test]
fn the_game_knows_its_referee_and_its_fund() {
    let fund = Owner([7; 20]);
    let [ledger, referee, game] = artifacts(fund);
    let tail = &referee.creation_code[referee.creation_code.len() - 32..];
    assert_eq!(Address::from_word(B256::from_slice(tail)), ledger.address());
    let tail = &game.creation_code[game.creation_code.len() - 64..];
    assert_eq!(Address::from_word(B256::from_slice(&tail[..32])), referee.address());
    assert_eq!(Address::from_word(B256::from_slice(&tail[32..])).0.0, fund.0);
    assert_ne!(artifacts(Owner([8; 20]))[2].address(), game.address(), "another fund is another contract");
    assert_ne!(referee.address(), DEPLOYER);
}

fn any_digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn any_digests() -> impl Strategy<Value = Vec<Digest>> {
    proptest::collection::vec(any_digest(), 0..9)
}

fn any_question() -> impl Strategy<Value = Question> {
    (any::<[[u8; 32]; 7]>(), any::<[u64; 8]>(), any::<u128>(), any::<u32>(), any::<[u8; 20]>()).prop_map(
        |(roots, n, bond, loss, asker)| {
            let [job, nodes, states, sinks, tables, start, nonce] = roots.map(Digest);
            Question {
                job,
                nodes,
                states,
                sinks,
                tables,
                start,
                node_count: n[0],
                state_count: n[1],
                table_count: n[2],
                loss,
                first_step: n[3],
                step_count: n[4],
                bond: Amount(bond),
                entry_seconds: Seconds(n[5]),
                clock_seconds: Seconds(n[6]),
                extension_seconds: Seconds(n[7]),
                asker: Owner(asker),
                nonce,
            }
        },
    )
}

fn any_position() -> impl Strategy<Value = Position> {
    let digests = any::<[[u8; 32]; 14]>().prop_map(|bytes| bytes.map(Digest));
    let stage = proptest::sample::select(&Stage::ALL[..]);
    (digests, any::<[u64; 13]>(), any::<[u32; 9]>(), any::<[u8; 4]>(), any::<[bool; 2]>(), stage).prop_map(
        |(d, n, w, b, [turn, laned], stage)| Position {
            question: QuestionId(d[0]),
            claims: [ClaimId(n[0]), ClaimId(n[1])],
            moves: w[0],
            turn: if turn { Side::B } else { Side::A },
            clocks: [Seconds(n[2]), Seconds(n[3])],
            since: Seconds(n[4]),
            stage,
            count: n[5],
            level: b[0],
            index: n[6],
            shown: b[1],
            held: [d[1], d[2]],
            step: n[7],
            traces: [d[3], d[4]],
            node: w[1],
            nodes: [d[5], d[6]],
            dtype: b[2],
            elements: n[8],
            element: n[9],
            words: [w[2], w[3]],
            rows: [d[7], d[8]],
            body_node: w[4],
            body_element: n[10],
            body_words: [w[5], w[6]],
            laned,
            totals: [d[9], d[10]],
            block: n[11],
            total: w[7],
            lane: b[3],
            lanes: d[11],
        },
    )
}

fn any_descent() -> impl Strategy<Value = Descent> {
    let parts =
        (any_digest(), any_digest()).prop_map(|(trace_top, state_top)| Parts { trace_top, state_top });
    let head = (any::<u8>(), any::<u64>(), any_digest()).prop_map(|(dtype, elements, top)| Head {
        dtype,
        elements,
        top,
    });
    let choice = (any::<u64>(), any_digest(), any_digest(), any_digests())
        .prop_map(|(child, own, other, siblings)| Choice { child, own, other, siblings });
    let before = (1..u32::MAX, any_digests()).prop_map(|(word, siblings)| Before { word, siblings });
    let words = proptest::collection::vec(any::<u32>(), 0..256);
    let optional = proptest::option::of::<BoxedStrategy<Commitment>>;
    (
        proptest::option::of(parts),
        proptest::option::of(head),
        optional(any_commitment().boxed()),
        proptest::option::of(choice),
        any_digests(),
        words,
        proptest::option::of(before),
    )
        .prop_map(|(parts, head, commitment, choice, nodes, words, before)| Descent {
            parts,
            head,
            commitment,
            choice,
            nodes,
            words,
            before,
        })
}

fn any_commitment() -> impl Strategy<Value = Commitment> {
    (any_digest(), any_digests()).prop_map(|(top, siblings)| Commitment { top, siblings })
}

fn any_play() -> impl Strategy<Value = Move> {
    let page = || proptest::collection::vec(any::<u32>(), 0..256);
    prop_oneof![
        any_descent().prop_map(Move::Descend),
        (any::<u8>(), page(), page()).prop_map(|(offset, own, other)| Move::Point { offset, own, other }),
        (any::<Vec<u8>>(), proptest::option::of(any_commitment()), any_digests())
            .prop_map(|(witness, commitment, nodes)| Move::Unfold { witness, commitment, nodes }),
        any::<[u32; 16]>().prop_map(Move::ShowLanes),
        any::<[[u32; 16]; 2]>().prop_map(|[own, other]| Move::CompareLanes { own, other }),
    ]
}

/// A message with the question that it is about.
fn any_message() -> impl Strategy<Value = (Question, Message)> {
    let kind = proptest::sample::select(&JudgeKind::ALL[..]);
    let opened = || {
        (any_digest(), any::<u64>(), any_digest()).prop_map(|(state, count, steps_top)| Opened {
            state,
            count,
            steps_top,
        })
    };
    let header = (any::<[[u8; 32]; 6]>(), any::<[u64; 2]>(), any::<[u32; 2]>(), "[a-z0-9]{0,40}").prop_map(
        |(roots, [steps, segment_steps], [version, grad_norm], profile)| {
            let [table_declarations, initial, nodes_top, states_top, sinks_top, tables_top] =
                roots.map(Digest);
            let tops = [nodes_top, states_top, sinks_top, tables_top];
            let [nodes_top, states_top, sinks_top, tables_top] = tops;
            Header {
                version,
                table_declarations,
                grad_norm,
                initial,
                steps,
                segment_steps,
                profile,
                nodes_top,
                states_top,
                sinks_top,
                tables_top,
            }
        },
    );
    let parts = (any_question(), any_position(), any_play(), header, [opened(), opened()], any::<[u64; 2]>());
    (parts, kind, any::<u8>(), any::<Vec<u8>>(), 0..10u8).prop_map(
        |((question, position, play, header, opened, numbers), kind, slot, witness, which)| {
            let (id, claims) = (question.id(), numbers.map(ClaimId));
            let position = Position { question: id, ..position };
            let message = match which {
                0 => Message::OpenQuestion { question: question.clone(), header },
                1 => Message::Claim { question: id, opened: opened[0], value: question.bond },
                2 => Message::Pair { question: id, claims, opened },
                3 => Message::Keep { position, kind, slot, witness },
                4 => Message::Judge { position, kind, slots: witness.clone(), witness },
                5 => Message::Timeout { position },
                6 => Message::Resolve { question: id, claim: claims[0] },
                7 => Message::Release { question: id, claim: claims[0] },
                8 => Message::Withdraw,
                _ => Message::Move { position, play },
            };
            (question, message)
        },
    )
}

proptest! {
    #[test]
    fn a_message_survives_being_a_call((question, message) in any_message(), cut in any::<usize>()) {
        let sent = message::encode(Address::ZERO, &question, &message);
        let bond = if matches!(message, Message::Claim { .. }) { question.bond.0 } else { 0 };
        prop_assert_eq!(sent.value.to::<u128>(), bond);
        prop_assert_eq!(message::decode(&sent.data), Some(message));
        // Whatever else comes is no message, or another one, but no panic.
        let _ = message::decode(&sent.data[..cut % sent.data.len()]);
    }

    #[test]
    fn a_position_is_its_words(position in any_position()) {
        prop_assert_eq!(wire::position(&wire::position_words(&position)), Some(position));
    }
}
