//! What a peer tells over HTTP, on loopback: metrics for Prometheus, and whether it is well.
//!
//! ```text
//! Driver ── Observer ──> Watched ──> Vitals <── Meter
//!                                       │
//!                       GET /metrics, GET /health
//! ```
//! Nothing is asked of the peer: what it has told its observer last is what is told.

mod metrics;
mod vitals;

pub use vitals::{Vitals, Watched};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The type of what Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Others could read it.
    #[error("{0} is not on loopback; hint: 127.0.0.1:9464, with a proxy before it if others are to read it")]
    Public(SocketAddr),
    /// The address cannot be used.
    #[error("{address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
}

/// Serves until the runtime ends; gives the address.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(address: SocketAddr, vitals: Arc<Vitals>) -> Result<SocketAddr, ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::Public(address));
    }
    let listen = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let routes = Router::new().route("/metrics", get(tell_metrics)).route("/health", get(tell_health));
    tokio::spawn(axum::serve(listener, routes.with_state(vitals)).into_future());
    Ok(bound)
}

async fn tell_metrics(State(vitals): State<Arc<Vitals>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics::text(&vitals))
}

async fn tell_health(State(vitals): State<Arc<Vitals>>) -> impl IntoResponse {
    match vitals.illness() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
