//! The referee's contracts, asked with the Rust types of [`samebit_trace::witness`].

use crate::abi::Artifact;
use crate::contracts::{self, KeptWords, RefereeCalls};
use crate::{Answer, Evm, EvmError};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue};
use samebit_commit::Digest;
use samebit_trace::witness::{Kept, Leaf, Place, Structure};

/// The contract's answer: the value, or the number of the rule that the node breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The true value.
    Value(Digest),
    /// The job is malformed.
    Malformed(u8),
}

/// `Step` and `Ledger`, deployed.
pub struct Referee {
    /// The chain.
    pub evm: Evm,
    /// Where `Step` is.
    pub step: Address,
    artifact: Artifact,
}

impl Referee {
    /// Deploys both on an empty chain.
    ///
    /// # Errors
    /// Those of a deployment.
    pub fn new() -> Result<Referee, EvmError> {
        let mut evm = Evm::new();
        let step = Referee::deploy(&mut evm)?;
        Ok(Referee { evm, step, artifact: contracts::step() })
    }

    /// Deploys both; where `Step` is.
    ///
    /// # Errors
    /// Those of a deployment.
    pub fn deploy(evm: &mut Evm) -> Result<Address, EvmError> {
        let ledger = evm.deploy(&contracts::ledger().bytecode())?;
        evm.deploy_with(&contracts::step().bytecode(), &ledger.abi_encode())
    }

    /// The true value at a place, within the gas of one transaction.
    ///
    /// # Errors
    /// A refusal, or what the EVM says.
    pub fn truth(
        &mut self,
        place: &Place,
        leaf: Leaf,
        witness: &[u8],
        kept: &[Kept],
    ) -> Result<Answer<Judgement>, EvmError> {
        let keeps = |(slot, words): &Kept| KeptWords { slot: *slot, words: words.clone().into() };
        let call = RefereeCalls::truthCall {
            question: question_words(place),
            position: position_words(place, leaf),
            roots: place.claims.map(words),
            kind: leaf as u8,
            witness: Bytes::copy_from_slice(witness),
            kept: kept.iter().map(keeps).collect(),
        };
        let Answer { value, gas, floor } = self.ask("truth", &call)?;
        let value = match value.malformed {
            true => Judgement::Malformed(value.value.0[31]),
            false => Judgement::Value(Digest(value.value.0)),
        };
        Ok(Answer { value, gas, floor })
    }

    /// One operand of a leaf.
    ///
    /// # Errors
    /// As [`Referee::truth`].
    pub fn operand(
        &mut self,
        place: &Place,
        leaf: Leaf,
        slot: u8,
        witness: &[u8],
    ) -> Result<Answer<Vec<u8>>, EvmError> {
        let call = RefereeCalls::operandCall {
            question: question_words(place),
            position: position_words(place, leaf),
            kind: leaf as u8,
            slot,
            witness: Bytes::copy_from_slice(witness),
        };
        let Answer { value, gas, floor } = self.ask("operand", &call)?;
        Ok(Answer { value: value.into(), gas, floor })
    }

    /// What an element of the node at a place is made of.
    ///
    /// # Errors
    /// As [`Referee::truth`].
    pub fn structure(&mut self, place: &Place, witness: &[u8]) -> Result<Answer<Structure>, EvmError> {
        let witness = Bytes::copy_from_slice(witness);
        let position = position_words(place, Leaf::Shape);
        let call = RefereeCalls::structureCall { question: question_words(place), position, witness };
        let Answer { value, gas, floor } = self.ask("structure", &call)?;
        let blocks = value.blocks;
        let value = match value.kind {
            0 => Structure::Source,
            1 => Structure::Map,
            2 => Structure::Product { blocks },
            3 => Structure::Lanes { blocks },
            _ => Structure::Composite { row_length: value.rowLength, body_nodes: value.bodyNodes },
        };
        Ok(Answer { value, gas, floor })
    }

    fn ask<C: SolCall>(&mut self, name: &str, call: &C) -> Result<Answer<C::Return>, EvmError> {
        let Answer { value, gas, floor } = self.evm.call_raw(self.step, self.artifact.encode(name, call))?;
        Ok(Answer { value: C::abi_decode_returns(&value)?, gas, floor })
    }
}

fn words(digest: Digest) -> B256 {
    digest.0.into()
}

fn number(number: impl Into<u128>) -> B256 {
    U256::from(number.into()).into()
}

/// The question as far as the referee looks at it, in the order of `Position.sol`; what else a question has is as large as it usually is.
pub fn question_words(place: &Place) -> [B256; 18] {
    let counts =
        [place.node_count, place.state_count, place.table_count, place.loss.into(), place.first_step];
    let roots = [place.nodes, place.nodes, place.states, place.sinks, place.tables, place.start];
    // Steps, bond, seconds, asker and nonce.
    let steps = if place.step_count == 0 { 1024 } else { place.step_count };
    let terms = [steps, 1_000_000_000_000_000_000, 86_400, 86_400, 600];
    let asked = [number(1u128 << 127), words(place.nodes)];
    let numbers = counts.into_iter().chain(terms).map(number);
    let fields = roots.map(words).into_iter().chain(numbers).chain(asked);
    let fields: Vec<B256> = fields.collect();
    fields.try_into().expect("a question has 18 fields")
}

/// The stage at which a leaf of arithmetic is judged; of another kind, any.
fn stage(leaf: Leaf) -> u64 {
    match leaf {
        Leaf::Map => 7,
        Leaf::Lane => 14,
        Leaf::LaneFold => 15,
        _ => 11,
    }
}

/// The position as far as the referee looks at it, in the order of `Position.sol`; what else a position has is as large as it usually is.
pub fn position_words(place: &Place, leaf: Leaf) -> [B256; 39] {
    let [trace_a, trace_b] = place.traces.map(words);
    let [row_a, row_b] = place.rows.map(words);
    let (zero, digest) = (B256::ZERO, words(place.nodes));
    let clock = number(86_400u64);
    // The sides' values are digests where no words are disputed.
    let held = if leaf == Leaf::Map { zero } else { digest };
    [
        digest,
        number(70u64),
        number(71u64),
        number(14u64),
        number(1u64),
        clock,
        clock,
        number(1_800_000_000u64),
        number(stage(leaf)),
        zero,
        zero,
        zero,
        zero,
        held,
        held,
        number(place.step),
        trace_a,
        trace_b,
        number(place.node),
        digest,
        digest,
        zero,
        zero,
        number(place.element),
        number(u32::MAX),
        number(u32::MAX),
        row_a,
        row_b,
        number(place.body_node),
        number(place.body_element),
        zero,
        zero,
        zero,
        zero,
        zero,
        number(place.block),
        number(place.total),
        number(place.lane),
        words(place.lanes),
    ]
}
