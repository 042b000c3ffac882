//! A state of 1 GiB over loopback: how fast it moves beside plain iroh-blobs, and what a cut in the middle costs. Run on an idle machine,
//! one test at a time.

#[path = "../quic/common/mod.rs"]
#[allow(dead_code, reason = "the tests of quic use the rest")]
mod common;
mod cut;
mod measure;
mod plain;
mod ratio;

use samebit_net::Blob;
use std::io::{Read, Write};
use std::path::Path;

const MIB: u64 = 1 << 20;
/// Bytes of the state.
const STATE_BYTES: u64 = 1 << 30;

/// Writes bytes that do not repeat, a piece at a time.
fn write_state(path: &Path, bytes: u64) -> Blob {
    let mut file = std::fs::File::create(path).expect("a file");
    let mut random = fastrand::Rng::with_seed(7);
    let (mut hasher, mut piece) = (blake3::Hasher::new(), vec![0; MIB as usize]);
    for _ in 0..bytes / MIB {
        random.fill(&mut piece);
        hasher.update(&piece);
        file.write_all(&piece).expect("it is written");
    }
    file.sync_all().expect("it is written");
    Blob { hash: *hasher.finalize().as_bytes(), size: bytes }
}

/// The address of what is in a file.
fn address_of(path: &Path) -> Blob {
    let mut file = std::fs::File::open(path).expect("a file");
    let (mut hasher, mut piece, mut size) = (blake3::Hasher::new(), vec![0; MIB as usize], 0);
    loop {
        match file.read(&mut piece).expect("it is read") {
            0 => return Blob { hash: *hasher.finalize().as_bytes(), size },
            count => {
                hasher.update(&piece[..count]);
                size += count as u64;
            }
        }
    }
}
