//! The seeds that were kept, and what their neighbours are, read by every target.

use samebit_fuzz::{INPUT_LIMIT, TARGETS};
use std::path::Path;

/// Bytes of all seeds together.
const SEEDS_LIMIT: u64 = 1 << 20;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a folder").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// One test, for memory is counted for the whole process.
#[test]
fn every_seed_is_read() {
    let mut bytes = 0;
    for target in TARGETS {
        let seeds = seeds(target.name);
        assert!(!seeds.is_empty(), "{} has no seed", target.name);
        for seed in &seeds {
            bytes += seed.len() as u64;
            assert!(seed.len() <= INPUT_LIMIT, "a seed of {}", target.name);
            target.check(seed);
            target.check(&seed[..seed.len() / 2]);
            let middle = seed.len() / 2;
            target.check(&[&seed[..middle], &[0xff; 8], &seed[middle..]].concat());
        }
    }
    assert!(bytes <= SEEDS_LIMIT, "{bytes} bytes of seeds");
}
