//! A stream whose reader has limited time for each piece.

use crate::limits::STALL_WAIT;
use bytes::Bytes;
use iroh::endpoint::{SendStream, VarInt};
use std::io;
use tokio::time::timeout;

/// What the reader is told.
const GIVEN_UP: VarInt = VarInt::from_u32(0);

/// Gives up on a reader that takes nothing for [`STALL_WAIT`].
#[derive(Debug)]
pub struct Patient(pub SendStream);

async fn within(work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(STALL_WAIT, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl Patient {
    /// Lets go of what is written and not taken, if the reader is given up: a stream that is only dropped keeps it.
    fn or_reset(&mut self, written: io::Result<()>) -> io::Result<()> {
        if written.is_err() {
            self.0.reset(GIVEN_UP).ok();
        }
        written
    }
}

impl iroh_blobs::util::SendStream for Patient {
    async fn send_bytes(&mut self, bytes: Bytes) -> io::Result<()> {
        let written = within(iroh_blobs::util::SendStream::send_bytes(&mut self.0, bytes)).await;
        self.or_reset(written)
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = within(iroh_blobs::util::SendStream::send(&mut self.0, bytes)).await;
        self.or_reset(written)
    }

    async fn sync(&mut self) -> io::Result<()> {
        let written = within(iroh_blobs::util::SendStream::sync(&mut self.0)).await;
        self.or_reset(written)
    }

    fn reset(&mut self, code: VarInt) -> io::Result<()> {
        iroh_blobs::util::SendStream::reset(&mut self.0, code)
    }

    async fn stopped(&mut self) -> io::Result<Option<VarInt>> {
        iroh_blobs::util::SendStream::stopped(&mut self.0).await
    }

    fn id(&self) -> u64 {
        iroh_blobs::util::SendStream::id(&self.0)
    }
}
