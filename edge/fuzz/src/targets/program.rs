//! A whole program: what is decoded is legal or not, in bounded time, and a legal one can be measured.

use super::canonical;
use samebit_graph::Program;

pub fn run(bytes: &[u8]) {
    let Some(program) = canonical::<Program>(bytes) else { return };
    let legal = program.check();
    if legal.is_err() {
        return;
    }
    program.digest();
    let cost = program.cost();
    assert!(cost.flops > 0 || cost.bytes_read + cost.bytes_written > 0, "{program:?} costs nothing");
    assert!(!program.profile().is_empty(), "{program:?}");
}
