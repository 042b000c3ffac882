//! The chain's JSON-RPC: the methods that clients of an EVM chain need, whatever carries them.
//!
//! [`InProcess`] hands alloy's requests over directly; [`Server`] answers HTTP on a loopback address. What is not in
//! [`METHODS`] is answered with error -32601, which names the method.

mod answer;
mod blocks;
mod body;
mod calls;
mod fees;
mod http;
mod in_process;
mod logs;
mod parameters;
mod state;
mod transactions;

pub use http::Server;
pub use in_process::InProcess;

use super::{Chain, Submitted};
use crate::limits;
use answer::{RpcError, RpcResult, raw};
use parameters::Parameters;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::Semaphore;

type Method = fn(&Chain, &Parameters) -> RpcResult;

/// Methods that are answered at once, by name.
const METHODS: &[(&str, Method)] = &[
    ("eth_accounts", state::accounts),
    ("eth_blockNumber", blocks::block_number),
    ("eth_call", calls::call),
    ("eth_chainId", state::chain_id),
    ("eth_estimateGas", calls::estimate_gas),
    ("eth_feeHistory", fees::fee_history),
    ("eth_gasPrice", fees::gas_price),
    ("eth_getBalance", state::balance),
    ("eth_getBlockByHash", blocks::block_by_hash),
    ("eth_getBlockByNumber", blocks::block_by_number),
    ("eth_getBlockReceipts", transactions::block_receipts),
    ("eth_getBlockTransactionCountByHash", blocks::transaction_count),
    ("eth_getBlockTransactionCountByNumber", blocks::transaction_count),
    ("eth_getCode", state::code),
    ("eth_getLogs", logs::logs),
    ("eth_getStorageAt", state::storage),
    ("eth_getTransactionByHash", transactions::transaction),
    ("eth_getTransactionCount", state::transaction_count),
    ("eth_getTransactionReceipt", transactions::receipt),
    ("eth_maxPriorityFeePerGas", fees::priority_fee),
    ("eth_syncing", state::syncing),
    ("evm_increaseTime", state::increase_time),
    ("net_listening", state::listening),
    ("net_version", state::net_version),
    ("web3_clientVersion", state::client_version),
];

/// A request that was begun.
enum Started {
    Answered(RpcResult),
    /// The answer is the transaction's hash, when it is durable.
    Submitted(Submitted),
    /// The answer comes with the next block.
    Mine,
}

/// The chain and the bound on what it computes at once.
#[derive(Clone)]
pub(crate) struct Rpc {
    chain: Chain,
    permits: Arc<Semaphore>,
}

impl Rpc {
    pub fn new(chain: Chain) -> Self {
        Self { chain, permits: Arc::new(Semaphore::new(limits::REQUESTS_COMPUTED)) }
    }

    /// Answers one request.
    async fn answer(&self, method: &str, parameters: Option<&RawValue>) -> RpcResult {
        let started = self.start(method.to_owned(), parameters.map(ToOwned::to_owned)).await;
        self.finish(started).await
    }

    /// Does what needs no waiting, on a thread that may block.
    async fn start(&self, method: String, parameters: Option<Box<RawValue>>) -> Started {
        let permit = self.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        let chain = self.chain.clone();
        let computed = tokio::task::spawn_blocking(move || {
            let started = start(&chain, &method, parameters.as_deref());
            drop(permit);
            started
        });
        computed.await.unwrap_or_else(|_| {
            Started::Answered(Err(RpcError::internal(
                "the request could not be completed: this is a defect of the chain",
            )))
        })
    }

    /// Waits for what a request began.
    async fn finish(&self, started: Started) -> RpcResult {
        let finished = async {
            match started {
                Started::Answered(answer) => answer,
                Started::Submitted(submitted) => raw(&submitted.durable().await?),
                Started::Mine => {
                    self.chain.mine().await?;
                    raw(&"0x0")
                }
            }
        };
        let timed_out = || {
            RpcError::limit(format!(
                "no answer in {} seconds (hint: the transaction may still be written: ask for its receipt)",
                limits::REQUEST_WAIT.as_secs()
            ))
        };
        tokio::time::timeout(limits::REQUEST_WAIT, finished).await.unwrap_or_else(|_| Err(timed_out()))
    }
}

fn start(chain: &Chain, method: &str, parameters: Option<&RawValue>) -> Started {
    let parameters = match Parameters::read(parameters) {
        Ok(parameters) => parameters,
        Err(error) => return Started::Answered(Err(error)),
    };
    match method {
        "eth_sendRawTransaction" => match transactions::send_raw(chain, &parameters) {
            Ok(submitted) => Started::Submitted(submitted),
            Err(error) => Started::Answered(Err(error)),
        },
        "evm_mine" if chain.options().development_clock => Started::Mine,
        "evm_mine" => Started::Answered(Err(crate::ChainError::ClockIsReal.into())),
        _ => Started::Answered(match METHODS.iter().find(|(name, _)| *name == method) {
            Some((_, function)) => function(chain, &parameters),
            None => Err(RpcError::unsupported(method)),
        }),
    }
}
