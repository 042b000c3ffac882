//! Messages of the Rust twin as calls of the contract, field by field: the two have the same shape.

use crate::contracts::Dispute as sol;
use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolCall;
use samebit_commit::Digest;
use samebit_dispute::{
    Choice, ClaimId, Commitment, Descent, Head, Header, Message, Move, Opened, Parts, Position, Question,
};

/// The call of `message`, which is about `question`, and what it pays in.
pub fn call(message: &Message, question: &Question) -> (Bytes, U256) {
    let asked = question_of(question);
    let data = match message {
        Message::OpenQuestion { question, header } => {
            sol::openCall { question: question_of(question), header: header_of(header) }.abi_encode()
        }
        Message::Claim { opened, value, .. } => {
            let Opened { state, count, steps_top } = *opened;
            let call = sol::claimCall { question: asked, state: b(state), count, stepsTop: b(steps_top) };
            return (call.abi_encode().into(), U256::from(value.0));
        }
        Message::Pair { claims, opened, .. } => {
            let [a, b] = [0, 1].map(|side| claim_of(claims[side], &opened[side]));
            sol::pairCall { question: asked, a, b }.abi_encode()
        }
        Message::Move { position, play } => {
            return (play_call(asked, position_of(position), play), U256::ZERO);
        }
        Message::Keep { position, kind, slot, witness } => sol::keepCall {
            question: asked,
            given: position_of(position),
            kind: *kind as u8,
            slot: *slot,
            witness: witness.clone().into(),
        }
        .abi_encode(),
        Message::Judge { position, kind, witness, slots } => sol::truthCall {
            question: asked,
            given: position_of(position),
            kind: *kind as u8,
            witness: witness.clone().into(),
            slots: slots.clone(),
        }
        .abi_encode(),
        Message::Timeout { position } => {
            sol::timeoutCall { question: asked, given: position_of(position) }.abi_encode()
        }
        Message::Resolve { claim, .. } => sol::resolveCall { question: asked, number: claim.0 }.abi_encode(),
        Message::Release { claim, .. } => sol::releaseCall { question: asked, number: claim.0 }.abi_encode(),
        Message::Withdraw => sol::withdrawCall {}.abi_encode(),
    };
    (data.into(), U256::ZERO)
}

fn play_call(question: sol::Question, given: sol::Position, play: &Move) -> Bytes {
    match play {
        Move::Descend(descent) => {
            sol::descendCall { question, given, descent: descent_of(descent) }.abi_encode()
        }
        Move::Point { offset, own, other } => {
            sol::pointCall { question, given, offset: *offset, own: words(own), other: words(other) }
                .abi_encode()
        }
        Move::Unfold { witness, commitment, nodes } => sol::unfoldCall {
            question,
            given,
            witness: witness.clone().into(),
            commitment: commitment_of(commitment.as_ref()),
            nodes: digests(nodes),
        }
        .abi_encode(),
        Move::ShowLanes(lanes) => sol::showLanesCall { question, given, lanes: *lanes }.abi_encode(),
        Move::CompareLanes { own, other } => {
            sol::compareLanesCall { question, given, own: *own, other: *other }.abi_encode()
        }
    }
    .into()
}

fn b(digest: Digest) -> B256 {
    digest.0.into()
}

fn digests(digests: &[Digest]) -> Vec<B256> {
    digests.iter().map(|digest| b(*digest)).collect()
}

/// Words as the bytes of a page.
fn words(words: &[u32]) -> Bytes {
    words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>().into()
}

/// A question for the contract.
pub fn question_of(question: &Question) -> sol::Question {
    sol::Question {
        job: b(question.job),
        nodes: b(question.nodes),
        states: b(question.states),
        sinks: b(question.sinks),
        tables: b(question.tables),
        start: b(question.start),
        nodeCount: question.node_count,
        stateCount: question.state_count,
        tableCount: question.table_count,
        loss: question.loss,
        firstStep: question.first_step,
        stepCount: question.step_count,
        bond: question.bond.0,
        entrySeconds: question.entry_seconds.0,
        clockSeconds: question.clock_seconds.0,
        extensionSeconds: question.extension_seconds.0,
        asker: question.asker.0.into(),
        nonce: b(question.nonce),
    }
}

fn header_of(header: &Header) -> sol::JobHeader {
    sol::JobHeader {
        version: header.version,
        tableDeclarations: b(header.table_declarations),
        gradNorm: header.grad_norm,
        initialState: b(header.initial),
        steps: header.steps,
        segmentSteps: header.segment_steps,
        profile: header.profile.clone(),
        nodesTop: b(header.nodes_top),
        statesTop: b(header.states_top),
        sinksTop: b(header.sinks_top),
        tablesTop: b(header.tables_top),
    }
}

fn claim_of(claim: ClaimId, opened: &Opened) -> sol::OpenedClaim {
    sol::OpenedClaim {
        claim: claim.0,
        state: b(opened.state),
        count: opened.count,
        stepsTop: b(opened.steps_top),
    }
}

/// A position for the contract.
pub fn position_of(position: &Position) -> sol::Position {
    let [claim_a, claim_b] = position.claims;
    let [clock_a, clock_b] = position.clocks;
    let [word_a, word_b] = position.words;
    let [body_word_a, body_word_b] = position.body_words;
    let pair = |pair: [Digest; 2]| pair.map(b);
    let [held_a, held_b] = pair(position.held);
    let [trace_a, trace_b] = pair(position.traces);
    let [node_a, node_b] = pair(position.nodes);
    let [row_a, row_b] = pair(position.rows);
    let [totals_a, totals_b] = pair(position.totals);
    sol::Position {
        question: b(position.question.0),
        claimA: claim_a.0,
        claimB: claim_b.0,
        moves: position.moves,
        turn: position.turn as u8,
        clockA: clock_a.0,
        clockB: clock_b.0,
        since: position.since.0,
        stage: position.stage as u8,
        count: position.count,
        level: position.level,
        index: position.index,
        shown: position.shown,
        a: held_a,
        b: held_b,
        step: position.step,
        traceA: trace_a,
        traceB: trace_b,
        node: position.node,
        nodeA: node_a,
        nodeB: node_b,
        dtype: position.dtype,
        elements: position.elements,
        element: position.element,
        wordA: word_a,
        wordB: word_b,
        rowA: row_a,
        rowB: row_b,
        bodyNode: position.body_node,
        bodyElement: position.body_element,
        bodyWordA: body_word_a,
        bodyWordB: body_word_b,
        laned: position.laned.into(),
        totalsA: totals_a,
        totalsB: totals_b,
        blockNumber: position.block,
        total: position.total,
        lane: position.lane,
        lanes: b(position.lanes),
    }
}

fn commitment_of(commitment: Option<&Commitment>) -> sol::Commitment {
    let none = Commitment { top: Digest::ZERO, siblings: Vec::new() };
    let Commitment { top, siblings } = commitment.unwrap_or(&none);
    sol::Commitment { top: b(*top), siblings: digests(siblings) }
}

fn descent_of(descent: &Descent) -> sol::Descent {
    let zero = Digest::ZERO;
    let parts = descent.parts.unwrap_or(Parts { trace_top: zero, state_top: zero });
    let head = descent.head.unwrap_or(Head { dtype: 0, elements: 0, top: zero });
    let choice = descent.choice.clone();
    let choice = choice.unwrap_or(Choice { child: 0, own: zero, other: zero, siblings: Vec::new() });
    let (word, siblings) = match &descent.before {
        Some(before) => (before.word, digests(&before.siblings)),
        None => (0, Vec::new()),
    };
    sol::Descent {
        parts: sol::Parts { traceTop: b(parts.trace_top), stateTop: b(parts.state_top) },
        head: sol::Head { dtype: head.dtype, elements: head.elements, top: b(head.top) },
        commitment: commitment_of(descent.commitment.as_ref()),
        choice: sol::Choice {
            child: choice.child,
            own: b(choice.own),
            other: b(choice.other),
            siblings: digests(&choice.siblings),
        },
        nodes: digests(&descent.nodes),
        words: words(&descent.words),
        before: sol::Before { word, siblings },
    }
}
