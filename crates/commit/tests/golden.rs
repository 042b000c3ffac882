//! The golden files in `vectors/commit` are what this crate computes.

#[path = "support/golden.rs"]
mod golden;

#[test]
fn golden_files_are_what_is_computed() {
    for (name, expected) in golden::files() {
        let path = golden::folder().join(name);
        let found =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            found == expected,
            "{name} differs from what is computed; if the specification changed on purpose, run \
             `cargo run -p samebit-commit --example golden`"
        );
    }
}
