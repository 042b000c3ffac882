//! `cargo xtask fuzz`: libFuzzer on the targets of edge/fuzz, from their seeds and from what earlier runs found.
//!
//! ```text
//! edge/fuzz/seeds/TARGET      kept in git: with a name, encodings of real values; named by their hash, what fuzzing added
//! target/fuzz/corpus/TARGET   what was found by runs here
//! target/fuzz/found/TARGET    inputs on which a target failed
//! ```
//! The workspace's own crates are instrumented, by flags of rustc that cargo has this program add; libraries are built as for everything else. So
//! the workspace's toolchain and a C++ compiler are all it needs.

use crate::Task;
use crate::command::cargo_with;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What libFuzzer looks at: edges that are taken, how often, and operands of comparisons.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
/// Says to this program that cargo calls it in rustc's place.
const WRAPPING: &str = "SAMEBIT_FUZZ_WRAPPING";
/// Seconds of a target unless told otherwise.
const SECONDS: u64 = 60;
/// Seconds after which one input has hung.
const INPUT_SECONDS: u64 = 10;
/// What fuzzing may add to the seeds of a target, beside those with names: files, of all lengths, and their bytes.
const ADDED_FILES: usize = 40;
const ADDED_BYTES: u64 = 32 << 10;

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    seconds: u64,
    keep: bool,
    targets: Vec<&'a str>,
}

fn asked<'a>(words: &[&'a str]) -> Result<Asked<'a>, String> {
    let mut asked = Asked { seconds: SECONDS, keep: false, targets: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--keep" => asked.keep = true,
            "--seconds" => {
                let number = words.next().and_then(|word| word.parse().ok());
                asked.seconds = number.ok_or("--seconds is followed by a number")?;
            }
            word if word.starts_with('-') => return Err(format!("unknown option `{word}`")),
            word => asked.targets.push(word),
        }
    }
    Ok(asked)
}

/// Fuzzes the targets named, or all, each for its seconds; `--keep` adds to the seeds what reaches more of the code.
pub fn fuzz(root: &Path, words: &[&str]) -> Task {
    let asked = asked(words)?;
    let all = targets(root)?;
    if let Some(unknown) = asked.targets.iter().find(|name| !all.iter().any(|known| known == *name)) {
        return Err(format!("unknown target `{unknown}`\nhint: {}", all.join(", ")));
    }
    let binary = build(root)?;
    let mut rows = Vec::new();
    for name in all.iter().filter(|name| asked.targets.is_empty() || asked.targets.contains(&name.as_str())) {
        let place = Place::new(root, name)?;
        rows.push(place.run(&binary, asked.seconds)?);
        if asked.keep {
            place.keep(&binary)?;
        }
    }
    println!("{:<14} {:>12} {:>8} {:>9} {:>8} found", "target", "inputs", "edges", "features", "peak MiB");
    rows.iter().for_each(|row| println!("{}", row.text()));
    match rows.iter().all(|row| row.found == 0) {
        true => Ok(()),
        false => {
            Err(format!("inputs on which targets fail are in {}", root.join("target/fuzz/found").display()))
        }
    }
}

/// The targets are those that have seeds.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("edge/fuzz/seeds");
    let mut names = names(&folder)?;
    names.sort();
    Ok(names)
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// Builds the fuzzer with this program between cargo and rustc.
fn build(root: &Path) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let variables = [("RUSTC_WORKSPACE_WRAPPER", own.as_os_str()), (WRAPPING, OsStr::new("1"))];
    let arguments =
        ["build", "--locked", "-p", "samebit-fuzz", "--features", "libfuzzer", "--bin", "samebit-fuzz"];
    cargo_with(&variables, &arguments)?;
    Ok(root.join("target/debug/samebit-fuzz"))
}

/// Runs rustc as cargo wants it, with the flags for fuzzing, if that is what this program was called for.
pub fn wrapped(arguments: &[String]) -> Option<ExitCode> {
    std::env::var_os(WRAPPING)?;
    let (rustc, rest) = arguments.split_first()?;
    let status = Command::new(rustc).args(rest).args(FLAGS).status();
    Some(if status.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A target's folders.
struct Place {
    name: String,
    seeds: PathBuf,
    corpus: PathBuf,
    found: PathBuf,
    old: PathBuf,
}

impl Place {
    fn new(root: &Path, name: &str) -> Result<Place, String> {
        let below = |folder: &str| root.join("target/fuzz").join(folder).join(name);
        let place = Place {
            name: name.to_owned(),
            seeds: root.join("edge/fuzz/seeds").join(name),
            corpus: below("corpus"),
            found: below("found"),
            old: below("old"),
        };
        for folder in [&place.corpus, &place.found, &place.old] {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(place)
    }

    fn command(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command.env("SAMEBIT_FUZZ_TARGET", &self.name);
        command
            .arg(format!("-timeout={INPUT_SECONDS}"))
            .arg(format!("-artifact_prefix={}/", self.found.display()));
        command
    }

    fn run(&self, binary: &Path, seconds: u64) -> Result<Row, String> {
        let mut command = self.command(binary);
        command
            .arg(format!("-max_total_time={seconds}"))
            .args(["-print_final_stats=1", "-use_value_profile=1"]);
        let output = command.arg(&self.corpus).arg(&self.seeds).stdout(Stdio::null()).output();
        let output = output.map_err(|error| format!("{}: {error}", binary.display()))?;
        let log = String::from_utf8_lossy(&output.stderr);
        let found = names(&self.found)?.len();
        if !output.status.success() {
            let last: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        let row = Row::of(&self.name, &log, found);
        println!("{}", row.text());
        Ok(row)
    }

    /// Adds to the seeds some of what reaches edges that those with names do not.
    fn keep(&self, binary: &Path) -> Task {
        let failed = |error: std::io::Error| format!("{}: {error}", self.seeds.display());
        for name in names(&self.seeds)?.iter().filter(|name| is_hash(name)) {
            fs::rename(self.seeds.join(name), self.old.join(name)).map_err(failed)?;
        }
        let mut command = self.command(binary);
        command.args(["-merge=1", "-use_counters=0"]).arg(&self.seeds).arg(&self.old).arg(&self.corpus);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().map_err(failed)?;
        if !status.success() {
            return Err(format!("the seeds of {} were not merged", self.name));
        }
        let length = |name: String| {
            let length = fs::metadata(self.seeds.join(&name)).map_err(failed)?.len();
            Ok::<_, String>((length, name))
        };
        let added = names(&self.seeds)?.into_iter().filter(|name| is_hash(name)).map(length);
        let mut added = added.collect::<Result<Vec<_>, _>>()?;
        added.sort();
        let every = added.len().div_ceil(ADDED_FILES).max(1);
        let mut bytes = 0;
        for (at, (length, name)) in added.into_iter().enumerate() {
            if at % every == 0 && bytes + length <= ADDED_BYTES {
                bytes += length;
            } else {
                fs::remove_file(self.seeds.join(name)).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Whether libFuzzer has named a file.
fn is_hash(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How a target's run went.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    inputs: u64,
    edges: u64,
    features: u64,
    peak_mib: u64,
    found: usize,
}

impl Row {
    /// By what libFuzzer has written.
    fn of(name: &str, log: &str, found: usize) -> Row {
        let after = |mark: &str| {
            let text = log.rfind(mark).map(|at| log[at + mark.len()..].trim_start());
            let digits = text.and_then(|text| text.split(|letter: char| !letter.is_ascii_digit()).next());
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        let (inputs, peak_mib) = (after("stat::number_of_executed_units:"), after("stat::peak_rss_mb:"));
        Row { name: name.to_owned(), inputs, edges: after(" cov:"), features: after(" ft:"), peak_mib, found }
    }

    fn text(&self) -> String {
        let Row { name, inputs, edges, features, peak_mib, found } = self;
        format!("{name:<14} {inputs:>12} {edges:>8} {features:>9} {peak_mib:>8} {found}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_names_come_in_any_order() {
        let both = asked(&["net", "--seconds", "9", "--keep", "graph"]);
        assert_eq!(both, Ok(Asked { seconds: 9, keep: true, targets: vec!["net", "graph"] }));
        assert_eq!(asked(&[]), Ok(Asked { seconds: SECONDS, keep: false, targets: Vec::new() }));
        assert!(asked(&["--seconds"]).is_err() && asked(&["--fast"]).is_err());
    }

    #[test]
    fn the_last_figures_of_a_log_count() {
        let log = "#2 INITED cov: 10 ft: 11 corp: 1\n#9 NEW    cov: 12 ft: 15 corp: 2\nstat::number_of_executed_units: 77\nstat::peak_rss_mb:              431\n";
        let row = Row::of("net", log, 0);
        assert_eq!((row.inputs, row.edges, row.features, row.peak_mib), (77, 12, 15, 431));
    }

    #[test]
    fn names_of_libfuzzer_are_told_from_ours() {
        assert!(is_hash("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
        assert!(!is_hash("gpt") && !is_hash("da39a3ee5e6b4b0d3255bfef95601890afd8070x"));
    }
}
