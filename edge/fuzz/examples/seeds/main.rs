//! Writes the seeds that have names: encodings of real values, from which fuzzing begins. `cargo run -p samebit-fuzz --example seeds`.

mod chain;
mod files;
mod programs;
mod protocol;
mod witnesses;

use samebit_fuzz::INPUT_LIMIT;
use std::path::{Path, PathBuf};

/// The folder of all seeds.
struct Seeds(PathBuf);

impl Seeds {
    /// Keeps a seed under its name.
    fn keep(&self, target: &str, name: &str, bytes: &[u8]) {
        assert!(bytes.len() <= INPUT_LIMIT, "{target}/{name} has {} bytes", bytes.len());
        assert!(samebit_fuzz::target(target).is_some(), "no target {target}");
        let folder = self.0.join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), bytes).expect("a file");
    }

    /// The same of a value behind the byte that says its kind.
    fn keep_kind(&self, target: &str, name: &str, kind: u8, bytes: &[u8]) {
        self.keep(target, name, &[&[kind], bytes].concat());
    }
}

fn main() {
    let seeds = Seeds(Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds"));
    programs::write(&seeds);
    witnesses::write(&seeds);
    protocol::write(&seeds);
    chain::write(&seeds);
    files::write(&seeds);
}
