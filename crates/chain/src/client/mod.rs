//! The EVM as a log of events and a sender of messages: any chain at a URL, or the embedded one in this process.

mod error;
mod log;
mod sender;

pub use error::{ClientError, Revert, SendError};
pub use log::{Change, Event, Log, LogOptions};
pub use sender::{Message, Receipt, Sender, SenderOptions};

use crate::embedded::{Chain, InProcess};
use crate::limits;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::{Provider, RootProvider};
use alloy::rpc::client::{BatchRequest, RpcClient};
use alloy::rpc::json_rpc::{RpcRecv, RpcSend};
use alloy::rpc::types::{Block, Filter, Header, Transaction, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use alloy::transports::IntoBoxTransport;
use sender::Account;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// How long one request to a chain at a URL may take: longer than a chain of ours takes to say so itself.
const REQUEST_WAIT: Duration = limits::REQUEST_WAIT.saturating_add(Duration::from_secs(5));
/// How long connecting may take.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// A chain that can be asked. Clones share its accounts.
#[derive(Clone)]
pub struct Client {
    provider: RootProvider,
    chain_id: u64,
    accounts: Arc<Mutex<BTreeMap<Address, Weak<Account>>>>,
}

/// Which time a call sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// The last block's.
    #[default]
    LastBlock,
    /// That of a block made now: what clocks that run out need.
    Now,
}

/// A block as far as it names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockName {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// The hash of the block before it.
    pub parent: B256,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
}

impl BlockName {
    fn of(header: &Header) -> BlockName {
        let (number, hash) = (header.number, header.hash);
        BlockName { number, hash, parent: header.parent_hash, timestamp: header.timestamp }
    }
}

/// A transaction as far as it says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The account that signed it.
    pub from: Address,
    /// The contract or account that it calls.
    pub to: Option<Address>,
    /// What it says.
    pub input: Bytes,
}

impl Sent {
    fn of(transaction: &Transaction) -> Sent {
        use alloy::consensus::Transaction as _;
        let (from, to) = (transaction.inner.signer(), transaction.to());
        Sent { from, to, input: transaction.input().clone() }
    }
}

impl Client {
    /// A client of the chain at `url`, over HTTP or HTTPS.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        let wrong = |detail: String| ClientError::Url { url: url.to_owned(), detail };
        let parsed: reqwest::Url = url.parse().map_err(|error| wrong(format!("{error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(wrong(format!("its scheme is {:?}", parsed.scheme())));
        }
        // Somebody else may have chosen; any choice will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(REQUEST_WAIT).connect_timeout(CONNECT_WAIT).build();
        let http = http.map_err(|error| wrong(error.to_string()))?;
        Self::from_rpc(RpcClient::new_http_with_client(http, parsed)).await
    }

    /// A client of the embedded chain, without a socket.
    pub async fn in_process(chain: &Chain) -> Result<Self, ClientError> {
        Self::over(InProcess::to(chain)).await
    }

    /// A client over any transport of alloy.
    pub async fn over(transport: impl IntoBoxTransport) -> Result<Self, ClientError> {
        Self::from_rpc(RpcClient::new(transport, true)).await
    }

    async fn from_rpc(rpc: RpcClient) -> Result<Self, ClientError> {
        let provider = RootProvider::new(rpc);
        let chain_id = provider.get_chain_id().await;
        let chain_id = chain_id.map_err(|source| ClientError::of("eth_chainId", source))?;
        Ok(Self { provider, chain_id, accounts: Arc::default() })
    }

    /// The number that signatures are bound to.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// alloy's provider, for what is not here.
    pub fn provider(&self) -> &RootProvider {
        &self.provider
    }

    /// The last block.
    pub async fn head(&self) -> Result<BlockName, ClientError> {
        let head = self.block(BlockNumberOrTag::Latest).await?;
        head.ok_or_else(|| ClientError::Answer {
            request: "eth_getBlockByNumber",
            detail: "no latest block".to_owned(),
        })
    }

    /// A block, if there is one.
    pub async fn block(&self, number: BlockNumberOrTag) -> Result<Option<BlockName>, ClientError> {
        let block = self.provider.get_block_by_number(number).await;
        let block = block.map_err(|source| ClientError::of("eth_getBlockByNumber", source))?;
        Ok(block.map(|block| BlockName::of(&block.header)))
    }

    /// The blocks from `first` to `last`, in one batch; nothing if one of them is not there.
    ///
    /// # Panics
    /// If they are more than [`limits::HEADERS_AT_ONCE`].
    pub(crate) async fn blocks(&self, first: u64, last: u64) -> Result<Option<Vec<BlockName>>, ClientError> {
        assert!(last - first < limits::HEADERS_AT_ONCE, "blocks {first} to {last}");
        if first == last {
            let block = self.block(BlockNumberOrTag::Number(first)).await?;
            return Ok(block.map(|block| vec![block]));
        }
        let parameters = (first..=last).map(|number| (BlockNumberOrTag::Number(number), false));
        let blocks = self.batch::<_, Option<Block>>("eth_getBlockByNumber", parameters).await?;
        Ok(blocks.into_iter().map(|block| block.map(|block| BlockName::of(&block.header))).collect())
    }

    /// What these transactions are, in one batch; nothing in the place of one that the chain does not know.
    ///
    /// # Panics
    /// If they are more than [`limits::TRANSACTIONS_AT_ONCE`].
    pub(crate) async fn sent(&self, transactions: &[B256]) -> Result<Vec<Option<Sent>>, ClientError> {
        assert!(transactions.len() <= limits::TRANSACTIONS_AT_ONCE, "{} transactions", transactions.len());
        const REQUEST: &str = "eth_getTransactionByHash";
        let found = match transactions {
            [] => Vec::new(),
            [one] => {
                let found = self.provider.get_transaction_by_hash(*one).await;
                vec![found.map_err(|source| ClientError::of(REQUEST, source))?]
            }
            _ => self.batch(REQUEST, transactions.iter().map(|transaction| (*transaction,))).await?,
        };
        Ok(found.into_iter().map(|transaction| transaction.map(|found| Sent::of(&found))).collect())
    }

    /// The answers to the same request with other parameters, in their order.
    async fn batch<P: RpcSend, T: RpcRecv>(
        &self,
        request: &'static str,
        parameters: impl Iterator<Item = P>,
    ) -> Result<Vec<T>, ClientError> {
        let failed = |source| ClientError::of(request, source);
        let mut batch = BatchRequest::new(self.provider.client());
        let waiting: Result<Vec<_>, _> =
            parameters.map(|parameters| batch.add_call::<_, T>(request, &parameters)).collect();
        let waiting = waiting.map_err(failed)?;
        batch.send().await.map_err(failed)?;
        let mut answers = Vec::with_capacity(waiting.len());
        for answer in waiting {
            answers.push(answer.await.map_err(failed)?);
        }
        Ok(answers)
    }

    /// Wei of an account.
    pub async fn balance(&self, account: Address) -> Result<U256, ClientError> {
        let balance = self.provider.get_balance(account).await;
        balance.map_err(|source| ClientError::of("eth_getBalance", source))
    }

    /// The code at an address.
    pub async fn code(&self, address: Address) -> Result<Bytes, ClientError> {
        let code = self.provider.get_code_at(address).await;
        code.map_err(|source| ClientError::of("eth_getCode", source))
    }

    /// Calls a contract without a transaction and decodes what it returns.
    pub async fn call<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        moment: Moment,
    ) -> Result<C::Return, ClientError> {
        let request = TransactionRequest::default().to(to).input(call.abi_encode().into());
        let block = match moment {
            Moment::LastBlock => BlockId::latest(),
            Moment::Now => BlockId::pending(),
        };
        let output = self.provider.call(request).block(block).await;
        let output = output.map_err(|source| ClientError::of("eth_call", source))?;
        let wrong = |error: alloy::sol_types::Error| ClientError::Answer {
            request: "eth_call",
            detail: format!("{} does not decode: {error}", C::SIGNATURE),
        };
        C::abi_decode_returns(&output).map_err(wrong)
    }

    /// Moves the chain's clock ahead and makes a block, where the chain is one for development; whether it is.
    pub async fn advance_clock(&self, seconds: u64) -> Result<bool, ClientError> {
        const MOVE: &str = "evm_increaseTime";
        const MINE: &str = "evm_mine";
        match self.provider.raw_request::<_, serde_json::Value>(MOVE.into(), [seconds]).await {
            Ok(_) => {}
            Err(error) if error.as_error_resp().is_some() => return Ok(false),
            Err(source) => return Err(ClientError::Request { request: MOVE, source }),
        }
        let mined = self.provider.raw_request::<_, serde_json::Value>(MINE.into(), ()).await;
        mined.map_err(|source| ClientError::Request { request: MINE, source })?;
        Ok(true)
    }

    /// The events that match `filter` from block `first` on.
    pub fn log(&self, filter: Filter, first: u64, options: LogOptions) -> Log {
        Log::new(self.clone(), filter, first, options)
    }

    /// The account of a key. All senders of one account share its nonces, whoever asked for them; the options of the first
    /// count.
    pub fn sender(&self, key: PrivateKeySigner, options: SenderOptions) -> Sender {
        let mut accounts = self.accounts.lock().expect("nobody panics with the accounts");
        accounts.retain(|_, account| account.strong_count() > 0);
        let address = key.address();
        if let Some(account) = accounts.get(&address).and_then(Weak::upgrade) {
            return Sender::of(account);
        }
        let account = Arc::new(Account::new(self.clone(), key, options));
        accounts.insert(address, Arc::downgrade(&account));
        Sender::of(account)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}
