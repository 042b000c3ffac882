//! Bodies of JSON-RPC to the embedded chain, one request or many. Every answer is JSON, and none says that the chain itself is at fault.

use crate::scratch;
use samebit_chain::testing::answer;
use samebit_chain::{Chain, Genesis, ManualClock, Options, accounts};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::sync::LazyLock;
use tokio::runtime::Runtime;

/// The code of an error that is the chain's own.
const INTERNAL: i64 = -32_603;

static WORLD: LazyLock<(Chain, Runtime)> = LazyLock::new(|| {
    let genesis = Genesis::funding(&[accounts::key(0).address()], 1 << 90).expect("one account");
    let chain =
        Chain::open_with_clock(scratch::path("chain"), &genesis, Options::default(), ManualClock::at(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    (chain.expect("a chain"), runtime.expect("a runtime"))
});

pub fn run(bytes: &[u8]) {
    let (chain, runtime) = &*WORLD;
    let Some(text) = runtime.block_on(answer(chain, bytes)) else { return };
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        // A number that the question had is given back as it was, however large.
        serde_json::from_str::<IgnoredAny>(&text).expect("an answer is JSON");
        return;
    };
    let answers = value.as_array().cloned().unwrap_or_else(|| vec![value]);
    for answer in answers {
        assert_ne!(answer["error"]["code"].as_i64(), Some(INTERNAL), "{answer}");
        assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
    }
}
