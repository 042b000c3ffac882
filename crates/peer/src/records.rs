//! The bytes of a peer's database: what was run and traced, by piece. Each value has one encoding.

use samebit_commit::{Canonical, DecodeError, Decoder, Digest, Encoder};
use samebit_dispute::Opened;
use samebit_market::SegmentId;
use samebit_roles::Piece;
use samebit_roles::party::Ran;

/// Steps of a segment (job.md §9).
const LEAVES_LIMIT: u32 = samebit_market::params::SEGMENT_STEPS_LIMIT as u32;

/// The key of a piece: spec · segment u64 · start.
pub fn piece_bytes(piece: &Piece) -> Vec<u8> {
    let mut encoder = Encoder::new();
    piece.spec.encode(&mut encoder);
    encoder.u64(piece.segment.0);
    piece.start.encode(&mut encoder);
    encoder.into_bytes()
}

/// The first and the last key that pieces of a job can have.
pub(crate) fn pieces_of(spec: Digest) -> [Vec<u8>; 2] {
    let key =
        |segment, byte| piece_bytes(&Piece { spec, segment: SegmentId(segment), start: Digest([byte; 32]) });
    [key(0, 0), key(u64::MAX, 0xff)]
}

/// Reads a key.
///
/// # Errors
/// Bytes that no piece has.
pub fn read_piece(bytes: &[u8]) -> Result<Piece, DecodeError> {
    whole(bytes, |decoder| {
        let (spec, segment) = (Digest::decode(decoder)?, SegmentId(decoder.u64("segment")?));
        Ok(Piece { spec, segment, start: Digest::decode(decoder)? })
    })
}

/// What running a piece gave: state · the steps' leaves.
pub fn ran_bytes(ran: &Ran) -> Vec<u8> {
    let mut encoder = Encoder::new();
    ran.state.encode(&mut encoder);
    encoder.list(&ran.leaves, |encoder, leaf| leaf.encode(encoder));
    encoder.into_bytes()
}

/// Reads what running gave.
///
/// # Errors
/// Bytes that were never written for it, or more steps than a segment has.
pub fn read_ran(bytes: &[u8]) -> Result<Ran, DecodeError> {
    whole(bytes, |decoder| {
        let state = Digest::decode(decoder)?;
        Ok(Ran { state, leaves: decoder.list("leaves", LEAVES_LIMIT, Digest::decode)? })
    })
}

/// What tracing a piece gave: state · steps u64 · the top of their tree.
pub fn opened_bytes(opened: &Opened) -> Vec<u8> {
    let mut encoder = Encoder::new();
    opened.state.encode(&mut encoder);
    encoder.u64(opened.count);
    opened.steps_top.encode(&mut encoder);
    encoder.into_bytes()
}

/// Reads what tracing gave.
///
/// # Errors
/// Bytes that were never written for it.
pub fn read_opened(bytes: &[u8]) -> Result<Opened, DecodeError> {
    whole(bytes, |decoder| {
        let (state, count) = (Digest::decode(decoder)?, decoder.u64("steps")?);
        Ok(Opened { state, count, steps_top: Digest::decode(decoder)? })
    })
}

fn whole<T>(
    bytes: &[u8],
    read: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let value = read(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}
