//! The chain as a transport of alloy: requests are handed over as they are, without a socket.

use super::Rpc;
use crate::embedded::Chain;
use alloy::rpc::json_rpc::{RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest};
use alloy::transports::{TransportError, TransportFut};
use std::task::{Context, Poll};
use tower::Service;

/// A transport to a chain in this process. It needs a tokio runtime, as every transport of alloy does.
#[derive(Clone)]
pub struct InProcess(Rpc);

impl InProcess {
    /// A transport to this chain.
    pub fn to(chain: &Chain) -> Self {
        Self(Rpc::new(chain.clone()))
    }

    async fn answer(&self, request: &SerializedRequest) -> Response {
        let answer = self.0.answer(request.method(), request.params()).await;
        let payload = match answer {
            Ok(result) => ResponsePayload::Success(result),
            Err(error) => ResponsePayload::Failure(error.payload()),
        };
        Response { id: request.id().clone(), payload }
    }
}

impl Service<RequestPacket> for InProcess {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move {
            Ok(match packet {
                RequestPacket::Single(request) => ResponsePacket::Single(transport.answer(&request).await),
                RequestPacket::Batch(requests) => {
                    let mut responses = Vec::with_capacity(requests.len());
                    for request in &requests {
                        responses.push(transport.answer(request).await);
                    }
                    ResponsePacket::Batch(responses)
                }
            })
        })
    }
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("InProcess").finish()
    }
}
