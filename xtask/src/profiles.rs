//! One job, one final state, however the compiler was asked to optimise.

use crate::command::cargo_with;
use std::ffi::OsStr;
use std::path::Path;

/// Builds of the computation: a name, cargo's flags, the level that the test profile gets.
const BUILDS: [(&str, &[&str], &str); 3] =
    [("plain", &[], "0"), ("test", &[], "2"), ("release", &["--release"], "2")];

/// Runs the jobs of `crates/trace/tests/golden.rs` in each build: the states in which they end are written there.
///
/// # Errors
/// A build that fails, or that ends in another state.
pub fn profiles(root: &Path) -> Result<(), String> {
    for (build, flags, level) in BUILDS {
        let target = root.join("target/profiles").join(build);
        let target = target.to_string_lossy();
        let test = ["test", "--locked", "-p", "samebit-trace", "--test", "golden", "--target-dir", &target];
        let variables = [("CARGO_PROFILE_DEV_OPT_LEVEL", OsStr::new(level))];
        cargo_with(&variables, &[&test[..], flags].concat())?;
    }
    Ok(())
}
