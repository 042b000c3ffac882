//! One link: what is read from it, at which rate, and what is written (network.md §4).

use super::driver::Input;
use super::{Close, SharedCounts, ask, blobs::Blobs, now};
use crate::limits::{LINK_NOTICES, LINK_QUEUE, LINK_STREAMS, READ_WAIT, STREAMS, TRANSFERS_OF_PEER};
use crate::wire::{NOTICE_FRAME_BYTES, STREAM_BLOB, STREAM_REQUEST};
use crate::{Bucket, PeerId};
use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

/// What tells a stream's other side that there are too many transfers.
const TOO_MANY: VarInt = VarInt::from_u32(1);

/// A peer with which this one speaks.
#[derive(Debug)]
pub struct Link {
    pub connection: Connection,
    pub notices: mpsc::Sender<Arc<[u8]>>,
    /// Whether this peer called.
    pub has_called: bool,
}

/// What the tasks of a link share.
#[derive(Clone)]
struct Side {
    peer: PeerId,
    connection: Connection,
    inputs: mpsc::Sender<Input>,
    blobs: Blobs,
    transfers: Arc<Semaphore>,
}

impl Link {
    /// Starts the tasks of a link. They end with its connection.
    pub fn start(
        peer: PeerId,
        connection: Connection,
        has_called: bool,
        inputs: mpsc::Sender<Input>,
        blobs: Blobs,
        counts: SharedCounts,
    ) -> Self {
        let (notices, queue) = mpsc::channel(LINK_QUEUE);
        let transfers = Arc::new(Semaphore::new(TRANSFERS_OF_PEER));
        let side = Side { peer, connection: connection.clone(), inputs, blobs, transfers };
        tokio::spawn(write_notices(connection.clone(), queue));
        tokio::spawn(side.clone().read_notices(counts));
        tokio::spawn(side.clone().take_streams());
        tokio::spawn(side.watch());
        Self { connection, notices, has_called }
    }
}

async fn write_notices(connection: Connection, mut queue: mpsc::Receiver<Arc<[u8]>>) {
    let Ok(mut stream) = connection.open_uni().await else { return };
    while let Some(notice) = queue.recv().await {
        let length = u32::try_from(notice.len()).expect("a notice is short").to_be_bytes();
        if stream.write_all(&length).await.is_err() || stream.write_all(&notice).await.is_err() {
            return;
        }
    }
}

impl Side {
    async fn watch(self) {
        let reason = tokio::select! {
            reason = self.connection.closed() => reason.to_string(),
            () = self.inputs.closed() => return self.connection.close(Close::Goodbye.into(), b"goodbye"),
        };
        let link = self.connection.stable_id();
        self.inputs.send(Input::Closed { peer: self.peer, link, reason }).await.ok();
    }

    /// Ends a link whose peer breaks the rules.
    async fn accuse(&self, rule: &'static str) {
        self.connection.close(Close::Rules.into(), rule.as_bytes());
        self.inputs.send(Input::Hostile { peer: self.peer, rule }).await.ok();
    }

    /// Reads notices no faster than their rate: what a faster peer sends waits, and so does the peer.
    async fn read_notices(self, counts: SharedCounts) {
        let Ok(mut stream) = self.connection.accept_uni().await else { return };
        let mut bucket = Bucket::new(LINK_NOTICES, now());
        loop {
            wait_for(&mut bucket).await;
            let mut length = [0; 4];
            if stream.read_exact(&mut length).await.is_err() {
                return;
            }
            let length = u32::from_be_bytes(length) as usize;
            if length > NOTICE_FRAME_BYTES {
                counts.update(|counts| counts.malformed += 1);
                return self.accuse("a notice is longer than notices may be").await;
            }
            let mut bytes = vec![0; length];
            if !matches!(timeout(READ_WAIT, stream.read_exact(&mut bytes)).await, Ok(Ok(()))) {
                return;
            }
            let input = Input::Notice { peer: self.peer, bytes: bytes.into() };
            if self.inputs.send(input).await.is_err() {
                return;
            }
        }
    }

    /// Takes streams no faster than their rate. QUIC limits how many are open at once.
    async fn take_streams(self) {
        let mut bucket = Bucket::new(LINK_STREAMS, now());
        let open = Arc::new(Semaphore::new(STREAMS as usize));
        loop {
            wait_for(&mut bucket).await;
            let place = open.clone().acquire_owned().await.expect("it is never closed");
            let Ok((send, receive)) = self.connection.accept_bi().await else { return };
            let side = self.clone();
            tokio::spawn(async move {
                side.serve(send, receive).await;
                drop(place);
            });
        }
    }

    async fn serve(self, mut send: SendStream, mut receive: RecvStream) {
        let mut kind = [0];
        let read = timeout(READ_WAIT, receive.read_exact(&mut kind)).await;
        match (read, kind[0]) {
            (Ok(Ok(())), STREAM_REQUEST) => {
                if let Err(rule) = ask::serve(self.peer, send, receive, &self.inputs).await {
                    self.accuse(rule).await;
                }
            }
            (Ok(Ok(())), STREAM_BLOB) => match self.transfers.clone().try_acquire_owned() {
                Ok(place) => {
                    self.blobs.serve(&self.connection, send, receive).await;
                    drop(place);
                }
                Err(_) => {
                    send.reset(TOO_MANY).ok();
                }
            },
            (Ok(Ok(())), _) => self.accuse("a stream is neither a request nor a transfer").await,
            _ => {}
        }
    }
}

async fn wait_for(bucket: &mut Bucket) {
    while !bucket.take(now()) {
        sleep(Duration::from_millis(bucket.wait(now()).max(1))).await;
    }
}
