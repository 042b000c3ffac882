//! Bodies of JSON-RPC over HTTP: one request or a batch of them, read without trust and answered in order.

use super::answer::{RpcError, RpcResult};
use super::{Rpc, Started};
use crate::limits;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Request<'a> {
    jsonrpc: Option<String>,
    /// Absent: a notification, which gets no answer.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// Tells `"id": null` from no id.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RpcError>,
}

impl Rpc {
    /// Answers a body; `None` if it has notifications only.
    pub async fn answer_body(&self, body: &[u8]) -> Option<String> {
        if body.trim_ascii_start().first() == Some(&b'[') {
            return self.answer_batch(body).await;
        }
        match read(body) {
            Ok(request) => {
                let result = self.answer(&request.method, request.params).await;
                request.id.map(|id| written(Some(id), &result))
            }
            Err(error) => Some(written(None, &Err(error))),
        }
    }

    /// Begins every request before it waits for any, so that transactions of a batch share a block.
    async fn answer_batch(&self, body: &[u8]) -> Option<String> {
        let requests: Vec<&RawValue> = match serde_json::from_slice(body) {
            Ok(requests) => requests,
            Err(error) => return Some(written(None, &Err(RpcError::parse(error)))),
        };
        if requests.is_empty() || requests.len() > limits::BATCH_REQUESTS {
            let error =
                format!("a batch has 1 to {} requests, not {}", limits::BATCH_REQUESTS, requests.len());
            return Some(written(None, &Err(RpcError::invalid_request(error))));
        }
        let mut bytes = 0;
        let mut begun = Vec::with_capacity(requests.len());
        for request in requests {
            let request = read(request.get().as_bytes());
            let started = match &request {
                Err(error) => Started::Answered(Err(error.clone())),
                Ok(_) if bytes > limits::BATCH_RESPONSE_BYTES => Started::Answered(Err(too_long())),
                Ok(request) => {
                    self.start(request.method.clone(), request.params.map(ToOwned::to_owned)).await
                }
            };
            if let Started::Answered(Ok(result)) = &started {
                bytes += result.get().len();
            }
            begun.push((request, started));
        }
        let mut answers = Vec::with_capacity(begun.len());
        for (request, started) in begun {
            let result = self.finish(started).await;
            match request {
                Ok(Request { id: Some(id), .. }) => answers.push(written(Some(id), &result)),
                Ok(_) => {}
                Err(_) => answers.push(written(None, &result)),
            }
        }
        (!answers.is_empty()).then(|| format!("[{}]", answers.join(",")))
    }
}

fn too_long() -> RpcError {
    RpcError::limit(format!("the answers before this one exceed {} bytes", limits::BATCH_RESPONSE_BYTES))
}

fn read(bytes: &[u8]) -> Result<Request<'_>, RpcError> {
    let request: Request = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => RpcError::invalid_request(error),
        _ => RpcError::parse(error),
    })?;
    if request.jsonrpc.as_deref().is_some_and(|version| version != "2.0") {
        return Err(RpcError::invalid_request("jsonrpc must be \"2.0\""));
    }
    let is_simple = |id: &RawValue| !id.get().starts_with(['{', '[']);
    if request.id.is_some_and(|id| !is_simple(id)) {
        return Err(RpcError::invalid_request("the id must be a string or a number"));
    }
    Ok(request)
}

fn written(id: Option<&RawValue>, result: &RpcResult) -> String {
    let answer = Answer { jsonrpc: "2.0", id, result: result.as_deref().ok(), error: result.as_ref().err() };
    serde_json::to_string(&answer).expect("strings, numbers and JSON can be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{Chain, Genesis, Options};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    struct World {
        rpc: Rpc,
        runtime: tokio::runtime::Runtime,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let genesis = Genesis::funding(&[], 0).unwrap();
            let options = Options { development_clock: true, ..Options::default() };
            let chain = Chain::open(folder.path().join("chain"), &genesis, options).unwrap();
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            Self { rpc: Rpc::new(chain), runtime, _folder: folder }
        }

        fn ask(&self, body: &[u8]) -> Option<Value> {
            let answer = self.runtime.block_on(self.rpc.answer_body(body))?;
            Some(serde_json::from_str(&answer).unwrap())
        }

        fn code(&self, body: &str) -> i64 {
            self.ask(body.as_bytes()).unwrap()["error"]["code"].as_i64().unwrap()
        }
    }

    #[test]
    fn errors_have_the_codes_that_clients_know() {
        let world = World::new();
        assert_eq!(world.code("{"), -32700);
        assert_eq!(world.code(""), -32700);
        assert_eq!(world.code("[1"), -32700);
        assert_eq!(world.code("[]"), -32600);
        assert_eq!(world.code("3"), -32600);
        assert_eq!(world.code(r#"{"id":1}"#), -32600);
        assert_eq!(world.code(r#"{"id":{},"method":"eth_chainId"}"#), -32600);
        assert_eq!(world.code(r#"{"id":1,"method":"eth_chainId","jsonrpc":"1.0"}"#), -32600);
        assert_eq!(world.code(r#"{"id":1,"method":"eth_chainId","params":{}}"#), -32602);
        assert_eq!(world.code(r#"{"id":1,"method":"eth_getBalance","params":[]}"#), -32602);
        assert_eq!(world.code(r#"{"id":1,"method":"eth_getBalance","params":["0x12"]}"#), -32602);
        assert_eq!(world.code(r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x02ff"]}"#), -32000);
        let unsupported = world.ask(br#"{"id":1,"method":"debug_traceCall","params":[]}"#).unwrap();
        assert_eq!(unsupported["error"]["code"], -32601);
        assert!(unsupported["error"]["message"].as_str().unwrap().contains("debug_traceCall"));
    }

    #[test]
    fn ids_come_back_as_they_were_sent() {
        let world = World::new();
        for id in ["7", "-1", "1.5", "\"x\"", "null"] {
            let answer =
                world.ask(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId"}}"#).as_bytes());
            let expected: Value = serde_json::from_str(id).unwrap();
            assert_eq!(answer.unwrap(), json!({"jsonrpc": "2.0", "id": expected, "result": "0x7a69"}));
        }
        assert_eq!(world.ask(br#"{"jsonrpc":"2.0","method":"eth_chainId"}"#), None);
        assert_eq!(world.ask(br#"[{"jsonrpc":"2.0","method":"eth_chainId"}]"#), None);
    }

    #[test]
    fn batches_are_answered_in_order_and_bounded() {
        let world = World::new();
        let answer = world
            .ask(br#"[{"id":1,"method":"eth_chainId"},5,{"method":"eth_chainId"},{"id":2,"method":"x"}]"#);
        let answer = answer.unwrap();
        assert_eq!(answer.as_array().unwrap().len(), 3);
        assert_eq!(answer[0]["result"], "0x7a69");
        assert_eq!(answer[1]["error"]["code"], -32600);
        assert_eq!(answer[2]["id"], 2);
        let many = vec![r#"{"id":1,"method":"eth_chainId"}"#; limits::BATCH_REQUESTS + 1].join(",");
        assert_eq!(world.code(&format!("[{many}]")), -32600);
    }

    /// JSON that looks like requests, mostly wrong.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "0x[0-9a-f]{0,66}".prop_map(Value::from),
            prop_oneof![Just("latest"), Just("pending"), Just("earliest"), Just("0x0")].prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("fromBlock"),
            Just("toBlock"),
            Just("address"),
            Just("topics"),
            Just("to"),
            Just("from"),
            Just("data"),
            Just("gas"),
            Just("value"),
            Just("blockHash"),
            Just("accessList"),
            Just("nonce"),
            Just("maxFeePerGas"),
        ];
        leaf.prop_recursive(3, 24, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key.clone().prop_map(String::from), inner), 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    fn method() -> impl Strategy<Value = String> {
        let known = super::super::METHODS.iter().map(|(name, _)| (*name).to_owned());
        // Mining would add a block for each case.
        let known: Vec<String> = known.chain(["eth_sendRawTransaction".to_owned()]).collect();
        prop_oneof![9 => prop::sample::select(known), 1 => "\\PC{0,20}"]
    }

    #[test]
    fn no_body_makes_it_panic() {
        let world = World::new();
        let config = ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() };
        let check = |answer: Option<Value>| {
            let answer = answer.expect("it has an id");
            let code = answer["error"]["code"].as_i64();
            prop_assert!(code.is_some() != answer.get("result").is_some());
            prop_assert_ne!(code, Some(-32603), "{}", answer);
            Ok(())
        };
        proptest!(config, |(method in method(), params in prop::collection::vec(value(), 0..4))| {
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            check(world.ask(&serde_json::to_vec(&body).unwrap()))?;
        });
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let world = World::new();
        let valid = br#"[{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0","topics":[null]}]}]"#;
        let config = ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(changes in prop::collection::vec((0..valid.len(), any::<u8>()), 0..6), cut in 0..=valid.len())| {
            let mut body = valid[..cut].to_vec();
            for (position, byte) in changes {
                if position < cut {
                    body[position] = byte;
                }
            }
            world.ask(&body);
        });
    }

    #[test]
    fn deep_nesting_is_refused() {
        let world = World::new();
        let deep = "[".repeat(100_000);
        assert_eq!(world.code(&deep), -32700);
        assert_eq!(world.code(&format!(r#"{{"id":1,"method":"eth_call","params":{deep}}}"#)), -32700);
    }
}
