//! An answer: all that comes back on the stream of a request.
//!
//! ```text
//! 0 · body (length u32 ≤ ANSWER_BYTES)        1 · reason (string ≤ REASON_BYTES)
//! ```

use crate::limits::{ANSWER_BYTES, REASON_BYTES};
use samebit_commit::{Canonical, DecodeError, Decoder, Encoder};

/// One answer, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFrame(pub Result<Vec<u8>, String>);

impl AnswerFrame {
    /// Bytes of the longest one.
    pub const BYTES: usize = 1 + 4 + ANSWER_BYTES as usize;

    /// An answer that can be sent: one that is too long becomes a reason, and a reason is cut.
    pub fn sendable(answer: Result<Vec<u8>, String>) -> Self {
        let answer = match answer {
            Ok(body) if body.len() > ANSWER_BYTES as usize => Err(format!(
                "the answer has {} bytes, the limit is {ANSWER_BYTES}; hint: provide a blob and answer with its address",
                body.len()
            )),
            answer => answer,
        };
        Self(answer.map_err(|mut reason| {
            reason.truncate(reason.floor_char_boundary(REASON_BYTES.into()));
            reason
        }))
    }
}

impl Canonical for AnswerFrame {
    fn encode(&self, encoder: &mut Encoder) {
        match &self.0 {
            Ok(body) => {
                encoder.u8(0);
                encoder.bytes(body);
            }
            Err(reason) => {
                encoder.u8(1);
                encoder.string(reason);
            }
        }
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match decoder.u8("answer")? {
            0 => Ok(Self(Ok(decoder.bytes("answer", ANSWER_BYTES)?.to_vec()))),
            1 => Ok(Self(Err(decoder.string("reason", REASON_BYTES)?.to_owned()))),
            tag => Err(decoder.unknown_tag("answer", tag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_becomes_a_reason() {
        let long = AnswerFrame::sendable(Ok(vec![0; ANSWER_BYTES as usize + 1]));
        assert!(long.0.as_ref().is_err_and(|reason| reason.contains("1048577 bytes")));
        assert_eq!(AnswerFrame::from_bytes(&long.to_bytes()), Ok(long));
        let cut = AnswerFrame::sendable(Err("é".repeat(300)));
        assert_eq!(cut.0.as_ref().map_err(String::len), Err(256));
        assert_eq!(AnswerFrame::from_bytes(&cut.to_bytes()), Ok(cut));
        let longest = AnswerFrame::sendable(Ok(vec![1; ANSWER_BYTES as usize]));
        assert_eq!(longest.to_bytes().len(), AnswerFrame::BYTES);
    }
}
