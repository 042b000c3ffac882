//! Results and errors of JSON-RPC, with the codes that clients know.

use crate::error::{ChainError, StoreError};
use alloy::primitives::Bytes;
use alloy::rpc::json_rpc::ErrorPayload;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// What a method answers.
pub type RpcResult = Result<Box<RawValue>, RpcError>;

/// An error of JSON-RPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RpcError {
    pub code: i64,
    pub message: String,
    /// What a contract reverted with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
}

/// The most of a caller's own text that a message repeats.
const ECHO_CHARACTERS: usize = 64;

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub fn parse(detail: impl std::fmt::Display) -> Self {
        Self::new(-32700, format!("parse error: {detail}"))
    }

    pub fn invalid_request(detail: impl std::fmt::Display) -> Self {
        Self::new(-32600, format!("invalid request: {detail}"))
    }

    pub fn unsupported(method: &str) -> Self {
        let method: String = method.chars().take(ECHO_CHARACTERS).collect();
        Self::new(
            -32601,
            format!(
                "unsupported method {method:?} (hint: the embedded chain has no filters, traces, proofs or keys)"
            ),
        )
    }

    pub fn invalid_parameters(detail: impl std::fmt::Display) -> Self {
        Self::new(-32602, format!("invalid params: {detail}"))
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(-32603, message)
    }

    /// The request is well-formed but cannot be done.
    pub fn server(message: impl Into<String>) -> Self {
        Self::new(-32000, message)
    }

    /// The request exceeds a bound.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(-32005, message)
    }

    /// A contract reverted.
    pub fn reverted(data: Bytes) -> Self {
        let reason = alloy::sol_types::decode_revert_reason(&data);
        let message = match reason {
            Some(reason) => format!("execution reverted: {reason}"),
            None => "execution reverted".to_owned(),
        };
        Self { code: 3, message, data: Some(data) }
    }

    /// The error as alloy's clients take it.
    pub fn payload(self) -> ErrorPayload {
        let data = self.data.and_then(|data| to_raw_value(&data).ok());
        ErrorPayload { code: self.code, message: self.message.into(), data }
    }
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<ChainError> for RpcError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Store(error) => error.into(),
            other => Self::server(other.to_string()),
        }
    }
}

/// A value as JSON.
pub fn raw(value: &impl Serialize) -> RpcResult {
    to_raw_value(value).map_err(|error| RpcError::internal(error.to_string()))
}
