//! libFuzzer around one target, which `SAMEBIT_FUZZ_TARGET` names.
#![no_main]

use samebit_fuzz::{TARGETS, Target, target};
use std::sync::LazyLock;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("SAMEBIT_FUZZ_TARGET").unwrap_or_default();
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    target(&name)
        .unwrap_or_else(|| panic!("no target `{name}` (hint: SAMEBIT_FUZZ_TARGET is one of {})", names()))
});

libfuzzer_sys::fuzz_target!(
    init: {
        // A panic that the product catches is none; one that comes out of a target ends the process.
        std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
        LazyLock::force(&TARGET);
    },
    |bytes: &[u8]| TARGET.check(bytes)
);
