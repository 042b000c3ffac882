//! Requests over one stream each: asked, and served.

use super::driver::Input;
use crate::limits::{ANSWER_WAIT, READ_WAIT};
use crate::wire::{AnswerFrame, RequestFrame, STREAM_REQUEST};
use crate::{AskError, PeerId};
use iroh::endpoint::{Connection, ReadToEndError, RecvStream, SendStream, VarInt};
use samebit_commit::Canonical;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Asks on a link.
pub async fn ask(connection: &Connection, body: Vec<u8>) -> Result<Vec<u8>, AskError> {
    timeout(ANSWER_WAIT, exchange(connection, body)).await.unwrap_or(Err(AskError::Silent))
}

async fn exchange(connection: &Connection, body: Vec<u8>) -> Result<Vec<u8>, AskError> {
    let (mut send, mut receive) = connection.open_bi().await.map_err(|_| AskError::Cut)?;
    let sent = async {
        send.write_all(&[STREAM_REQUEST]).await?;
        send.write_all(&RequestFrame(body).to_bytes()).await
    };
    sent.await.map_err(|_| AskError::Cut)?;
    send.finish().map_err(|_| AskError::Cut)?;
    let bytes = match receive.read_to_end(AnswerFrame::BYTES).await {
        Ok(bytes) => bytes,
        Err(ReadToEndError::TooLong) => return Err(AskError::Malformed),
        Err(_) => return Err(AskError::Cut),
    };
    let AnswerFrame(answer) = AnswerFrame::from_bytes(&bytes).map_err(|_| AskError::Malformed)?;
    answer.map_err(AskError::Refused)
}

/// Serves a request: the driver's caller answers it.
///
/// # Errors
/// The rule that the peer broke.
pub async fn serve(
    peer: PeerId,
    mut send: SendStream,
    mut receive: RecvStream,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), &'static str> {
    let bytes = match timeout(READ_WAIT, receive.read_to_end(RequestFrame::BYTES)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(ReadToEndError::TooLong)) => return Err("a request is longer than requests may be"),
        Ok(Err(_)) | Err(_) => return Ok(()),
    };
    let RequestFrame(body) = RequestFrame::from_bytes(&bytes).map_err(|_| "a request is malformed")?;
    let (reply, answer) = oneshot::channel();
    if inputs.send(Input::Asked { peer, body, reply }).await.is_err() {
        return Ok(());
    }
    let answer = tokio::select! {
        answer = timeout(ANSWER_WAIT, answer) => answer,
        // Whoever asked no longer waits.
        _ = send.stopped() => return Ok(()),
    };
    match answer {
        Ok(Ok(answer)) => {
            let bytes = AnswerFrame::sendable(answer).to_bytes();
            if matches!(timeout(ANSWER_WAIT, send.write_all(&bytes)).await, Ok(Ok(()))) {
                send.finish().ok();
            }
        }
        Ok(Err(_)) | Err(_) => {
            send.reset(VarInt::from_u32(0)).ok();
        }
    }
    Ok(())
}
