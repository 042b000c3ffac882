//! Messages as calls of the contract, and back.

use super::wire::{self, Calls};
use crate::abi::DISPUTE;
use crate::client;
use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolCall;
use samebit_dispute::{Amount, ClaimId, JudgeKind, Message, Move, Position, Question, QuestionId};

/// The call that carries a message about `question`, which one to a question by its name does not say.
pub fn encode(contract: Address, question: &Question, message: &Message) -> client::Message {
    let asked = wire::Question::from(question);
    let at = wire::position_words;
    let data = match message {
        Message::OpenQuestion { question, header } => {
            data("open", &Calls::openCall { question: question.into(), header: header.into() })
        }
        Message::Claim { opened, .. } => data(
            "claim",
            &Calls::claimCall {
                question: asked,
                state: wire::word(opened.state),
                count: opened.count,
                stepsTop: wire::word(opened.steps_top),
            },
        ),
        Message::Pair { claims, opened, .. } => {
            let [a, b] = [0, 1].map(|side| wire::OpenedClaim::new(claims[side], &opened[side]));
            data("pair", &Calls::pairCall { question: asked, a, b })
        }
        Message::Move { position, play } => return encode_move(contract, asked, at(position), play),
        Message::Keep { position, kind, slot, witness } => data(
            "keep",
            &Calls::keepCall {
                question: asked,
                position: at(position),
                kind: *kind as u8,
                slot: *slot,
                witness: witness.clone().into(),
            },
        ),
        Message::Judge { position, kind, witness, slots } => data(
            "truth",
            &Calls::truthCall {
                question: asked,
                position: at(position),
                kind: *kind as u8,
                witness: witness.clone().into(),
                slots: slots.clone(),
            },
        ),
        Message::Timeout { position } => {
            data("timeout", &Calls::timeoutCall { question: asked, position: at(position) })
        }
        Message::Resolve { claim, .. } => {
            data("resolve", &Calls::resolveCall { question: asked, claim: claim.0 })
        }
        Message::Release { claim, .. } => {
            data("release", &Calls::releaseCall { question: asked, claim: claim.0 })
        }
        Message::Withdraw => return withdraw(contract),
    };
    let value = match message {
        Message::Claim { value, .. } => U256::from(value.0),
        _ => U256::ZERO,
    };
    client::Message { to: contract.into(), data, value, gas_limit: None }
}

/// The call that pays the sender what is credited to it.
pub fn withdraw(contract: Address) -> client::Message {
    let data = data("withdraw", &Calls::withdrawCall {});
    client::Message { to: contract.into(), data, value: U256::ZERO, gas_limit: None }
}

fn encode_move(
    contract: Address,
    question: wire::Question,
    position: [B256; 39],
    play: &Move,
) -> client::Message {
    let data = match play {
        Move::Descend(descent) => {
            data("descend", &Calls::descendCall { question, position, descent: descent.into() })
        }
        Move::Point { offset, own, other } => {
            let [own, other] = [own, other].map(|page| wire::word_bytes(page));
            data("point", &Calls::pointCall { question, position, offset: *offset, own, other })
        }
        Move::Unfold { witness, commitment, nodes } => data(
            "unfold",
            &Calls::unfoldCall {
                question,
                position,
                witness: witness.clone().into(),
                commitment: commitment.as_ref().into(),
                nodes: wire::words(nodes),
            },
        ),
        Move::ShowLanes(lanes) => {
            data("showLanes", &Calls::showLanesCall { question, position, lanes: *lanes })
        }
        Move::CompareLanes { own, other } => {
            data("compareLanes", &Calls::compareLanesCall { question, position, own: *own, other: *other })
        }
    };
    client::Message { to: contract.into(), data, value: U256::ZERO, gas_limit: None }
}

fn data(function: &str, call: &impl SolCall) -> alloy::primitives::Bytes {
    let mut bytes = call.abi_encode();
    bytes[..4].copy_from_slice(&DISPUTE.selector(function));
    bytes.into()
}

/// The message that these bytes carry; nothing if the contract would not have taken them.
pub fn decode(bytes: &[u8]) -> Option<Message> {
    let (selector, rest) = bytes.split_first_chunk::<4>()?;
    let is = |function: &str| DISPUTE.selector(function) == *selector;
    let id = |question: &wire::Question| Question::from(question).id();
    Some(if is("open") {
        let call = arguments::<Calls::openCall>(rest)?;
        Message::OpenQuestion { question: (&call.question).into(), header: (&call.header).into() }
    } else if is("claim") {
        let call = arguments::<Calls::claimCall>(rest)?;
        let opened =
            wire::OpenedClaim { claim: 0, state: call.state, count: call.count, stepsTop: call.stepsTop };
        // The contract takes no other value than the bond.
        let value = Amount(call.question.bond);
        Message::Claim { question: id(&call.question), opened: opened.opened(), value }
    } else if is("pair") {
        let call = arguments::<Calls::pairCall>(rest)?;
        let (claims, opened) =
            ([ClaimId(call.a.claim), ClaimId(call.b.claim)], [call.a.opened(), call.b.opened()]);
        Message::Pair { question: id(&call.question), claims, opened }
    } else if is("keep") {
        let call = arguments::<Calls::keepCall>(rest)?;
        let (position, kind) = (wire::position(&call.position)?, kind(call.kind)?);
        Message::Keep { position, kind, slot: call.slot, witness: call.witness.to_vec() }
    } else if is("truth") {
        let call = arguments::<Calls::truthCall>(rest)?;
        let (position, kind) = (wire::position(&call.position)?, kind(call.kind)?);
        Message::Judge { position, kind, witness: call.witness.to_vec(), slots: call.slots }
    } else if is("timeout") {
        Message::Timeout { position: wire::position(&arguments::<Calls::timeoutCall>(rest)?.position)? }
    } else if is("resolve") {
        let call = arguments::<Calls::resolveCall>(rest)?;
        Message::Resolve { question: id(&call.question), claim: ClaimId(call.claim) }
    } else if is("release") {
        let call = arguments::<Calls::releaseCall>(rest)?;
        Message::Release { question: id(&call.question), claim: ClaimId(call.claim) }
    } else if is("withdraw") {
        Message::Withdraw
    } else {
        let (position, play) = decode_move(&is, rest)?;
        Message::Move { position, play }
    })
}

fn decode_move(is: &impl Fn(&str) -> bool, rest: &[u8]) -> Option<(Position, Move)> {
    let (position, play) = if is("descend") {
        let call = arguments::<Calls::descendCall>(rest)?;
        (call.position, Move::Descend(call.descent.given()?))
    } else if is("point") {
        let call = arguments::<Calls::pointCall>(rest)?;
        let [own, other] = [&call.own, &call.other].map(|page| wire::words_of(page));
        (call.position, Move::Point { offset: call.offset, own: own?, other: other? })
    } else if is("unfold") {
        let call = arguments::<Calls::unfoldCall>(rest)?;
        let (commitment, nodes) = (call.commitment.given(), wire::digests(&call.nodes));
        (call.position, Move::Unfold { witness: call.witness.to_vec(), commitment, nodes })
    } else if is("showLanes") {
        let call = arguments::<Calls::showLanesCall>(rest)?;
        (call.position, Move::ShowLanes(call.lanes))
    } else if is("compareLanes") {
        let call = arguments::<Calls::compareLanesCall>(rest)?;
        (call.position, Move::CompareLanes { own: call.own, other: call.other })
    } else {
        return None;
    };
    Some((wire::position(&position)?, play))
}

fn arguments<C: SolCall>(rest: &[u8]) -> Option<C> {
    C::abi_decode_raw(rest).ok()
}

fn kind(byte: u8) -> Option<JudgeKind> {
    JudgeKind::ALL.into_iter().find(|kind| *kind as u8 == byte)
}

/// The question that a message is about, where it says so.
pub fn question_of(message: &Message) -> Option<QuestionId> {
    Some(match message {
        Message::OpenQuestion { question, .. } => question.id(),
        Message::Claim { question, .. }
        | Message::Pair { question, .. }
        | Message::Resolve { question, .. }
        | Message::Release { question, .. } => *question,
        Message::Move { position, .. }
        | Message::Keep { position, .. }
        | Message::Judge { position, .. }
        | Message::Timeout { position } => position.question,
        Message::Withdraw => return None,
    })
}
