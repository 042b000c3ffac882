//! The time of a training step beside PyTorch's: both models are in memory, and the two take turns, a step each.

use samebit_engine::{Engine, Settings};
use samebit_ops::Cpu;
use samebit_recipe::{Job, ModelConfig, prepare};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// The peer's side of the measurement.
const PEER: &str = include_str!("step.py");

/// What is measured.
pub struct Step {
    job: PathBuf,
    threads: usize,
    rounds: usize,
    python: Option<String>,
}

/// Whatever went wrong: this is a tool for developers.
pub type Failure = Box<dyn std::error::Error>;

impl Step {
    /// Reads `JOB [THREADS [ROUNDS]]`; the peer's Python is `SAMEBIT_PYTHON`.
    pub fn parse(arguments: &[String]) -> Result<Step, String> {
        let hint = "hint: samebit-bench step JOB.yaml [THREADS [ROUNDS]]";
        let number = |at: usize, default| {
            arguments
                .get(at)
                .map_or(Ok(default), |text| text.parse().map_err(|_| format!("{text} is no number; {hint}")))
        };
        let job = arguments.first().ok_or_else(|| hint.to_owned())?;
        let python = std::env::var("SAMEBIT_PYTHON").ok();
        Ok(Step { job: job.into(), threads: number(1, 1)?, rounds: number(2, 5)?, python })
    }

    /// Prints the best step of each side and their ratio.
    pub fn run(&self) -> Result<(), Failure> {
        let job = Job::load(&self.job)?;
        let mut engine = self.engine(&job)?;
        let mut peer = self.python.as_ref().map(|python| self.peer(python, &job)).transpose()?;
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        let mut ratios = Vec::new();
        for round in 0..=self.rounds {
            let started = Instant::now();
            engine.step(round as u64)?;
            let our = started.elapsed().as_secs_f64();
            let their = peer.as_mut().map_or(Ok(f64::NAN), Peer::step)?;
            // The first step of either side touches its memory for the first time.
            if round > 0 {
                (ours, theirs) = (ours.min(our), theirs.min(their));
                ratios.push(their / our);
            }
        }
        ratios.sort_by(f64::total_cmp);
        println!(
            "{} on {} threads: {ours:.3} s a step, PyTorch {theirs:.3} s; PyTorch/ours best {:.2}, median of pairs {:.2}; peak memory {} MiB, PyTorch {} MiB",
            self.job.display(),
            self.threads,
            theirs / ours,
            ratios[ratios.len() / 2],
            peak_memory("self"),
            peer.as_ref().map_or_else(|| "-".to_owned(), |peer| peak_memory(&peer.child.id().to_string())),
        );
        Ok(())
    }

    fn engine(&self, job: &Job) -> Result<Engine, Failure> {
        let prepared = prepare(job)?;
        let settings =
            Settings { threads: self.threads, micro_batches: prepared.micro_batches, ..Settings::default() };
        let mut engine =
            Engine::new(Arc::new(prepared.program), &prepared.tables, Arc::new(Cpu::detect()), &settings)?;
        for (index, words) in prepared.states.iter().enumerate() {
            engine.write_state(index, words)?;
        }
        Ok(engine)
    }

    fn peer(&self, python: &str, job: &Job) -> Result<Peer, Failure> {
        let ModelConfig::Gpt2(_) = &job.model.config else { return Err("only GPT-2 has a peer here".into()) };
        let training = &job.training;
        let mut child = Command::new(python)
            .args(["-c", PEER, &job.model.config.to_json().to_string()])
            .args(
                [self.threads, training.rows_per_step(), training.sequence_len]
                    .map(|number| number.to_string()),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("the peer has no output")?);
        Ok(Peer { child, output })
    }
}

/// A process that makes a step for each line it reads and answers with the seconds.
struct Peer {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Peer {
    fn step(&mut self) -> Result<f64, Failure> {
        self.child.stdin.as_mut().ok_or("the peer has no input")?.write_all(b"step\n")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse()?)
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
fn peak_memory(process: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or_else(|| "?".to_owned(), |kib| (kib / 1024).to_string())
}
