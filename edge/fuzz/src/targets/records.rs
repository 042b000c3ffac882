//! The database of a peer. Input: kind u8 · key or value.

use samebit_peer::records::{opened_bytes, piece_bytes, ran_bytes, read_opened, read_piece, read_ran};

pub fn run(bytes: &[u8]) {
    let Some((kind, record)) = bytes.split_first() else { return };
    let again = match kind {
        0 => read_piece(record).map(|piece| piece_bytes(&piece)),
        1 => read_ran(record).map(|ran| ran_bytes(&ran)),
        _ => read_opened(record).map(|opened| opened_bytes(&opened)),
    };
    assert!(again.is_err() || again.as_deref() == Ok(record), "kind {kind}: a record has two encodings");
}
