//! The contracts, run in an EVM inside this process: what the chain would answer, without a chain.
//!
//! One definition (docs/spec) is implemented twice, in Rust for speed and in Solidity for judgement. This crate deploys the
//! committed artifacts of `contracts/` into revm, so that tests hold the two together bit for bit and keep account of gas.
//!
//! ```
//! use samebit_referee::{Evm, NumProbe};
//! # use alloy_sol_types::SolCall;
//!
//! let mut evm = Evm::new();
//! let probe = evm.deploy(&NumProbe::BYTECODE)?;
//! // One instruction `add r0 r1` on one case of three words: 1.0 + 2.0.
//! let cases = [1.0f32, 2.0, 0.0].iter().flat_map(|x| x.to_bits().to_be_bytes()).collect::<Vec<u8>>();
//! let call = NumProbe::applyInstructionCall { instruction: [0x01, 0, 1, 0, 0, 0, 0, 0].into(), cases: cases.into() };
//! let sum = evm.call(probe, &call)?.value;
//! assert_eq!(sum.as_ref(), 3.0f32.to_bits().to_be_bytes());
//! # Ok::<(), samebit_referee::EvmError>(())
//! ```
pub mod abi;
pub mod calls;
mod contracts;
mod court;
mod evm;
pub mod market;
mod referee;
pub mod refusals;

pub use contracts::{
    BadToken, BlockBeacon, Dispute, MovesProbe, NumProbe, TestToken, ToyBeacon, ToyCourt, ToyReferee,
    YesWallet, ledger, step,
};
pub use court::Court;
pub use evm::{Answer, Evm, EvmError, Snapshot, TRANSACTION_GAS_CAP};
pub use referee::{Judgement, Referee, position_words, question_words};
