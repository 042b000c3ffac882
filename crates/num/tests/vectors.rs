//! What is committed is what the reference makes.

use std::path::Path;

use samebit_num::vectors;

const HINT: &str = "a committed file differs from what the reference makes; hint: if the change of meaning is wanted, run \
                    `cargo run -p samebit-num --example vectors` and say so in the change log";

fn committed(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; {HINT}", path.display()))
}

#[test]
fn golden_files_are_current() {
    for file in vectors::files() {
        let committed = committed(file.path);
        for (number, (found, expected)) in (1..).zip(committed.lines().zip(file.contents.lines())) {
            assert_eq!(found, expected, "{} line {number}: {HINT}", file.path);
        }
        assert_eq!(committed.lines().count(), file.contents.lines().count(), "{}: {HINT}", file.path);
    }
}

#[test]
fn the_listing_in_the_specification_is_current() {
    let committed = committed("docs/spec/arithmetic.md");
    assert!(committed == vectors::specification(&committed), "docs/spec/arithmetic.md: {HINT}");
}
