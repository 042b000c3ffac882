//! PyTorch in a process of its own: it does something for each line that it reads, and answers with the seconds.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::step::Failure;

/// The Python that has PyTorch, if the environment names one.
pub fn python() -> Option<String> {
    std::env::var("SAMEBIT_PYTHON").ok()
}

/// A running peer.
pub struct Peer {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `program`, a text in Python.
    pub fn start(python: &str, program: &str, arguments: &[String]) -> Result<Self, Failure> {
        let mut child = Command::new(python)
            .args(["-c", program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("the peer has no output")?);
        Ok(Self { child, output })
    }

    /// Its seconds for `line`.
    pub fn ask(&mut self, line: &str) -> Result<f64, Failure> {
        let input = self.child.stdin.as_mut().ok_or("the peer has no input")?;
        input.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        Ok(answer.trim().parse()?)
    }

    /// The most memory that it has held, in MiB.
    pub fn peak_memory(&self) -> String {
        peak_memory(&self.child.id().to_string())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The peer may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The most memory that a process has held, in MiB.
pub fn peak_memory(process: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or_else(|| "?".to_owned(), |kib| (kib / 1024).to_string())
}
