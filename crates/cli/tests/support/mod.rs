//! A directory with tiny data and job files, and the binary run in it.
#![allow(dead_code)]

pub mod flaky;
pub mod town;

use samebit_commit::{Tag, hash};
use samebit_trace::Receipt;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A tiny command that takes so long hangs.
const HANG: Duration = Duration::from_secs(60);

/// The keys of the job that every test starts from: a GPT of odd sizes.
const JOB: &[(&str, &str)] = &[
    (
        "model_config",
        "{model_type: gpt2, n_layer: 1, n_embd: 12, n_head: 2, n_positions: 20, vocab_size: 256}",
    ),
    ("tokenizer", "bytes"),
    ("datasets", "[{path: 'data/*.txt'}]"),
    ("sequence_len", "19"),
    ("micro_batch_size", "6"),
    ("max_steps", "5"),
    ("learning_rate", "1.0e-2"),
    ("max_grad_norm", "1.0"),
    ("weight_decay", "0.1"),
    ("seed", "7"),
    ("verify", "{segment_steps: 2}"),
];

/// A Llama with grouped queries.
pub const LLAMA: (&str, &str) = (
    "model_config",
    "{model_type: llama, hidden_size: 24, intermediate_size: 36, num_hidden_layers: 1, num_attention_heads: 4, \
     num_key_value_heads: 2, vocab_size: 256, max_position_embeddings: 32}",
);

/// A temporary directory with data.
pub struct World {
    directory: TempDir,
}

/// What a run of the binary gave.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> World {
        let world = World { directory: TempDir::new().expect("a directory") };
        let mut text = String::new();
        for count in 0..60 {
            writeln!(text, "line {count}: {} apples and {} pears", count * 7 % 31, count * count % 17)
                .expect("memory");
        }
        std::fs::create_dir(world.path("data")).expect("a directory");
        world.write("data/text.txt", &text);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("a file");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes a job file: the usual keys with these changed or added.
    pub fn job(&self, name: &str, changes: &[(&str, &str)]) {
        let mut text = String::new();
        let added = changes.iter().filter(|(key, _)| JOB.iter().all(|(known, _)| known != key));
        for (key, value) in JOB.iter().chain(added) {
            let value = changes.iter().find(|(changed, _)| changed == key).map_or(value, |(_, value)| value);
            if !value.is_empty() {
                writeln!(text, "{key}: {value}").expect("memory");
            }
        }
        self.write(name, text);
    }

    /// The binary in this directory, with no settings from outside.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_samebit"));
        command.current_dir(self.directory.path()).env("HOME", self.directory.path()).env("NO_COLOR", "1");
        for name in ["SAMEBIT_BACKEND", "SAMEBIT_THREADS", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        command
    }

    pub fn samebit(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command().args(arguments).output().expect("the binary"))
    }

    /// Runs the job into the directory; it must finish.
    pub fn run(&self, job: &str, out: &str, more: &[&str]) -> Value {
        let ran = self.samebit(&[&["--json", "run", job, "--out", out], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()
    }

    /// `final_state` of a finished run.
    pub fn final_state(&self, out: &str) -> String {
        let receipt: Value =
            serde_json::from_slice(&self.read(&format!("{out}/receipt.json"))).expect("JSON");
        assert_eq!(receipt["ending"], "finished");
        receipt["final_state"].as_str().expect("a digest").to_owned()
    }

    /// Changes a run's receipt as a liar would: every digest in it is right again afterwards.
    pub fn reseal(&self, out: &str, change: impl FnOnce(&mut Receipt)) {
        let name = format!("{out}/receipt.json");
        let mut receipt: Receipt = serde_json::from_slice(&self.read(&name)).expect("a receipt");
        let digest = |file: &str| hash(Tag::File, &[&self.read(&format!("{out}/{file}"))]);
        for (file, held) in &mut receipt.files {
            *held = digest(file);
        }
        receipt.weights = receipt.weights.map(|_| digest("model.safetensors"));
        change(&mut receipt);
        receipt.seal();
        self.write(&name, receipt.to_bytes());
    }

    /// Copies a run's directory.
    pub fn copy(&self, from: &str, to: &str) {
        for name in self.files(from) {
            let target = self.path(&name.replacen(from, to, 1));
            std::fs::create_dir_all(target.parent().expect("a directory")).expect("a directory");
            std::fs::copy(self.path(&name), target).expect("a file");
        }
    }

    /// Runs the binary, which has to end by itself.
    pub fn timed(&self, arguments: &[&str]) -> Ran {
        // Files take any amount of text; a pipe that nobody reads would make the binary wait.
        let told = ["out", "err"].map(|name| self.directory.path().join(format!(".told-{name}")));
        let open = |path| std::fs::File::create(path).expect("a file");
        let mut command = self.command();
        let command =
            command.args(arguments).stdin(Stdio::null()).stdout(open(&told[0])).stderr(open(&told[1]));
        let mut child = command.spawn().expect("the binary");
        let started = Instant::now();
        while child.try_wait().expect("a child").is_none() {
            if started.elapsed() > HANG {
                child.kill().expect("a child");
                panic!("{arguments:?} hangs");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let status = child.wait().expect("a child");
        let [stdout, stderr] = told.map(|path| std::fs::read(path).expect("a file"));
        Ran::of(Output { status, stdout, stderr })
    }

    /// Every file below a directory, by its path from here.
    pub fn files(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.path(name)).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = format!("{name}/{}", entry.file_name().to_string_lossy());
            match entry.file_type().expect("a type").is_dir() {
                true => found.extend(self.files(&path)),
                false => found.push(path),
            }
        }
        found.sort();
        found
    }

    /// The text with this directory's path taken out.
    pub fn plain(&self, text: &str) -> String {
        text.replace(&*self.directory.path().to_string_lossy(), "DIR")
    }
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The last line of stdout as JSON, which has the schema's number.
    pub fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_else(|| panic!("no output: {self:?}"));
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(value["schema"], 1, "{line}");
        value
    }
}
