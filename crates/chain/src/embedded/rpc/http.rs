//! JSON-RPC over HTTP/1.1 on a loopback address.
//!
//! Pages in a browser reach loopback addresses too, so a request must say `application/json`, which they may not without
//! asking first, and must name this machine as its host, which a name that was made to point here does not.

use super::Rpc;
use crate::embedded::Chain;
use crate::error::ChainError;
use crate::limits;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How long to wait after the system could not give a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A chain that is served; dropping it stops serving.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves a chain on a loopback address; port 0 takes any free one.
    pub async fn start(chain: &Chain, address: SocketAddr) -> Result<Self, ChainError> {
        if !address.ip().is_loopback() {
            return Err(ChainError::NotLoopback(address));
        }
        let listen = |source| ChainError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, Rpc::new(chain.clone()), stopped));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that clients use.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops accepting, answers what was asked, and closes.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        // A task that was aborted from outside has stopped, too.
        let _ = self.task.await;
    }
}

async fn accept(listener: TcpListener, rpc: Rpc, mut stopped: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let permit = tokio::select! {
            permit = permits.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
            _ = stopped.changed() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = serve(stream, rpc.clone(), stopped.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, rpc: Rpc, mut stopped: watch::Receiver<bool>) {
    // Answers are small and clients wait for them; a socket that refuses the option works without.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let rpc = rpc.clone();
        async move { Ok::<_, Infallible>(respond(&rpc, request).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits::HEADER_WAIT);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A client that breaks off has nobody to be told.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn respond(rpc: &Rpc, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if let Err((status, why)) = check(request.method(), request.headers()) {
        let mut response = text(status, why);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        return response;
    }
    let body = Limited::new(request.into_body(), limits::REQUEST_BYTES).collect();
    let body = match tokio::time::timeout(limits::REQUEST_WAIT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long");
        }
        Ok(Err(_)) => return text(StatusCode::BAD_REQUEST, "the request broke off"),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the request took too long"),
    };
    match rpc.answer_body(&body).await {
        Some(answer) => {
            let mut response = Response::new(Full::from(answer));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        None => text(StatusCode::NO_CONTENT, ""),
    }
}

fn check(method: &Method, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
    if method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "JSON-RPC is sent with POST"));
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or("");
    let kind = text(CONTENT_TYPE).split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json"));
    }
    match is_this_machine(text(HOST)) {
        true => Ok(()),
        false => Err((StatusCode::FORBIDDEN, "the host must be a loopback address or localhost")),
    }
}

/// Whether a `Host` header names this machine.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn text(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(why));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served() {
        for host in ["localhost", "LOCALHOST:8545", "127.0.0.1:1", "127.8.9.1", "[::1]:8545", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in
            ["", "example.com", "localhost.example.com", "10.0.0.1:8545", "[::2]", "127.0.0.1.example.com"]
        {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
