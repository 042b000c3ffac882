//! The emulator finds what it is there to find: missing barriers, shared memory that nobody wrote, copies that nobody waited for.

use samebit_cuda::{Argument, Emulator, Error, Launch, Machine, Memory, Order, Source};
use std::path::Path;
use std::sync::Arc;

fn run(order: Order, body: &str) -> Option<Vec<u32>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator");
    let machine: Arc<dyn Machine> = match Emulator::new(&folder, order) {
        Ok(emulator) => Arc::new(emulator),
        Err(error @ Error::NoHostCompiler { .. }) => {
            eprintln!("SKIPPED: {error}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let text = format!("#include \"device.h\"\nSAMEBIT_KERNEL(64)\ntest(u32* out) {{\n{body}\n}}\n");
    let source = Source::generated("test", text, "test");
    let out = Memory::new(&machine, 64).unwrap();
    let arguments = [Argument::Address(out.address())];
    machine
        .launch(&Launch {
            source: &source,
            kernel: "test",
            grid: [1, 1, 1],
            threads: 64,
            shared_bytes: 0,
            arguments: &arguments,
        })
        .unwrap();
    Some(out.words().unwrap())
}

const NEIGHBOUR: &str = "SAMEBIT_SHARED u32 held[64]; held[threadIdx.x] = threadIdx.x;
    BARRIER
    out[threadIdx.x] = held[(threadIdx.x + 1) % 64];";

#[test]
fn a_missing_barrier_shows() {
    let right: Vec<u32> = (0..64).map(|t| (t + 1) % 64).collect();
    for order in [Order::Rising, Order::Falling, Order::Shuffled(1)] {
        let Some(with) = run(order, &NEIGHBOUR.replace("BARRIER", "__syncthreads();")) else { return };
        assert_eq!(with, right, "{order:?}");
        assert_ne!(run(order, &NEIGHBOUR.replace("BARRIER", "")).unwrap(), right, "{order:?}");
        // A warp's barrier does not hold the other warp.
        assert_ne!(run(order, &NEIGHBOUR.replace("BARRIER", "__syncwarp();")).unwrap(), right, "{order:?}");
    }
}

#[test]
fn shared_memory_begins_as_nan() {
    let Some(words) =
        run(Order::Rising, "SAMEBIT_SHARED u32 held[64]; out[threadIdx.x] = held[threadIdx.x];")
    else {
        return;
    };
    assert_eq!(words, [0xffff_ffff; 64]);
}

#[test]
fn a_copy_arrives_when_it_is_waited_for() {
    let body = "SAMEBIT_SHARED u32 held[4]; if (threadIdx.x == 0) { for (u32 i = 0; i < 4; i++) { out[i] = i + 1; held[i] = 9; }
        samebit_copy_16(held, out, 16); samebit_copy_commit(); samebit_copy_wait<1>(); u32 early = held[2];
        samebit_copy_wait<0>(); out[5] = early; out[6] = held[2]; }";
    let Some(words) = run(Order::Rising, body) else { return };
    assert_eq!(words[..7], [1, 2, 3, 4, 0, 9, 3]);
}

#[test]
fn shuffles_stay_in_their_lanes() {
    let Some(words) =
        run(Order::Shuffled(3), "out[threadIdx.x] = (u32)samebit_fold_lanes((float)threadIdx.x);")
    else {
        return;
    };
    for lane in [0, 16, 32, 48] {
        assert_eq!(words[lane], (0..16).map(|l| lane as u32 + l).sum::<u32>());
    }
}
