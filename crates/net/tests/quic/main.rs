//! Peers over real QUIC on loopback.

mod blobs;
mod common;
mod flood;
mod hostile;
mod peers;
