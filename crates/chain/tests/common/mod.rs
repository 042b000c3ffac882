//! What the tests of chains share: a contract with state, and the suite that every chain must pass.
#![allow(dead_code)]

pub mod suite;

use samebit_chain::types::Filter;
use samebit_chain::types::{Address, U256, sol};
use samebit_chain::{Artifact, Change, Client, Event, Log, LogOptions};

sol!(
    #[derive(Debug, PartialEq, Eq)]
    LedgerProbe,
    "../../contracts/artifacts/LedgerProbe.json"
);

/// The contract with state.
pub fn ledger() -> Artifact {
    Artifact::new("ledger", LedgerProbe::BYTECODE.clone())
}

/// The contract's events from a block on.
pub fn log_of(client: &Client, contract: Address, first: u64, options: LogOptions) -> Log {
    client.log(Filter::new().address(contract), first, options)
}

/// Polls until nothing new comes, and folds rollbacks.
pub async fn read_all(log: &mut Log) -> Vec<Event> {
    let mut events = Vec::new();
    fold(log, &mut events).await;
    events
}

/// Polls until nothing new comes, into what was read before.
pub async fn fold(log: &mut Log, events: &mut Vec<Event>) {
    loop {
        let before = log.next_block();
        let changes = log.poll().await.unwrap();
        if changes.is_empty() && log.next_block() == before {
            return;
        }
        for change in changes {
            match change {
                Change::Added(event) => events.push(event),
                Change::Block(block) => panic!("a log of events tells block {block:?}"),
                Change::RolledBack(kept) => {
                    events.retain(|event| kept.is_some_and(|kept| event.block <= kept))
                }
            }
        }
    }
}

/// Numbers as the contract takes them.
pub fn amount(value: u64) -> U256 {
    U256::from(value)
}
