//! The referee's contracts, run in this process: what they have judged on a chain is judged again by their own code.
//!
//! The arithmetic of `trace` agrees with them about every node that a legal program may have. But anybody may open a question about another one,
//! of which the contracts read no more than they need. Whoever follows the chain by a twin that reads it in any other way is at odds with it for ever.

use crate::abi::{Abi, LEDGER, STEP};
use crate::client::Revert;
use crate::dispute::wire::{self, POSITION_FIELDS, digest, position_words, word};
use crate::embedded::evm::unsigned;
use crate::refusals::explain;
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol;
use alloy::sol_types::{SolCall, SolValue};
use revm::context::result::ExecutionResult;
use revm::context::{BlockEnv, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::database_interface::WrapDatabaseRef;
use revm::primitives::TxKind;
use revm::{ExecuteCommitEvm, ExecuteEvm};
use samebit_dispute::{Case, JudgeKind, Kept, Referee, RefereeError, Structure, Truth};
use std::sync::LazyLock;

/// Gas of a call: more than any chain gives to a transaction, since one that was accepted had enough.
const GAS: u64 = 1 << 30;
/// Fields of a question.
const QUESTION_FIELDS: usize = 18;
/// A chain's number, which the contracts do not read.
const CHAIN: u64 = 1;

sol! {
    struct KeptWords {
        uint8 slot;
        bytes words;
    }

    interface Calls {
        function structure(bytes32[18] question, bytes32[39] position, bytes witness)
            returns (uint8 kind, uint64 blocks, uint64 rowLength, uint32 bodyNodes);
        function truth(bytes32[18] question, bytes32[39] position, bytes32[2] roots, uint8 kind, bytes witness, KeptWords[] kept)
            returns (bool malformed, bytes32 value);
        function operand(bytes32[18] question, bytes32[39] position, uint8 kind, uint8 slot, bytes witness)
            returns (bytes words);
    }
}

/// Both contracts, deployed on a chain without anything else, and where `Step` is.
static DEPLOYED: LazyLock<(CacheDB<EmptyDB>, Address)> = LazyLock::new(|| {
    let mut database = CacheDB::default();
    let ledger = deploy(&mut database, &LEDGER, &[]);
    let step = deploy(&mut database, &STEP, &ledger.abi_encode());
    (database, step)
});

fn deploy(database: &mut CacheDB<EmptyDB>, contract: &Abi, arguments: &[u8]) -> Address {
    let mut evm = unsigned(database, CHAIN, BlockEnv::default(), GAS);
    let data = [&contract.code[..], arguments].concat();
    let creation = TxEnv::builder().kind(TxKind::Create).data(data.into()).gas_limit(GAS);
    let result = evm.transact_commit(creation.build_fill()).expect("nothing is charged");
    result.created_address().expect("the committed artifact deploys")
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContractReferee;

impl Referee for ContractReferee {
    fn structure(&self, case: Case<'_>, witness: &[u8]) -> Result<Structure, RefereeError> {
        let (question, position) = words(case);
        let witness = Bytes::copy_from_slice(witness);
        let found = ask("structure", &Calls::structureCall { question, position, witness })?;
        Ok(match found.kind {
            0 => Structure::Source,
            1 => Structure::Map,
            2 => Structure::Product { blocks: found.blocks },
            3 => Structure::Lanes { blocks: found.blocks },
            _ => Structure::Composite { row_length: found.rowLength, body_nodes: found.bodyNodes },
        })
    }

    fn truth(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        witness: &[u8],
        kept: &[Kept],
    ) -> Result<Truth, RefereeError> {
        let (question, position) = words(case);
        let keep = |(slot, words): &Kept| KeptWords { slot: *slot, words: Bytes::copy_from_slice(words) };
        let found = ask(
            "truth",
            &Calls::truthCall {
                question,
                position,
                roots: case.roots.map(word),
                kind: kind as u8,
                witness: Bytes::copy_from_slice(witness),
                kept: kept.iter().map(keep).collect(),
            },
        )?;
        Ok(if found.malformed { Truth::Malformed } else { Truth::Value(digest(found.value)) })
    }

    fn operand(
        &self,
        case: Case<'_>,
        kind: JudgeKind,
        slot: u8,
        witness: &[u8],
    ) -> Result<Vec<u8>, RefereeError> {
        let (question, position) = words(case);
        let witness = Bytes::copy_from_slice(witness);
        let call = Calls::operandCall { question, position, kind: kind as u8, slot, witness };
        Ok(ask("operand", &call)?.into())
    }
}

/// Question and position, whose fields are words of fixed size.
fn words(case: Case<'_>) -> ([B256; QUESTION_FIELDS], [B256; POSITION_FIELDS]) {
    let question = wire::Question::from(case.question).abi_encode();
    let (question, _) = question.as_chunks::<32>();
    (std::array::from_fn(|field| B256::from(question[field])), position_words(case.position))
}

fn ask<C: SolCall>(function: &str, call: &C) -> Result<C::Return, RefereeError> {
    let (database, step) = &*DEPLOYED;
    let mut data = call.abi_encode();
    data[..4].copy_from_slice(&STEP.selector(function));
    let transaction = TxEnv::builder().kind(TxKind::Call(*step)).data(data.into()).gas_limit(GAS);
    let mut evm = unsigned(WrapDatabaseRef(database), CHAIN, BlockEnv::default(), GAS);
    let said = |text: String| RefereeError(text);
    let result = evm.transact(transaction.build_fill()).map_err(|error| said(error.to_string()))?.result;
    match result {
        ExecutionResult::Success { output, .. } => {
            C::abi_decode_returns(output.data()).map_err(|error| said(error.to_string()))
        }
        ExecutionResult::Revert { output, .. } => Err(said(explain(&Revert { data: output }))),
        ExecutionResult::Halt { reason, .. } => Err(said(format!("{reason:?}"))),
    }
}
