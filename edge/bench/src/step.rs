//! The time of a training step beside PyTorch's: both models are in memory, and the two take turns, a step each, with a rest between: after a
//! step the threads of either wait busily for the next one.

use samebit_engine::{Engine, Settings};
use samebit_num::fold::Numerics;
use samebit_ops::{Backend, Cpu};
use samebit_recipe::{Job, ModelConfig, Sites, prepare};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::peer::{Peer, peak_memory, python};
use crate::timed::Timed;

/// The peer's side of the measurement.
const PEER: &str = include_str!("step.py");

/// OpenMP's threads go to sleep after a fifth of a second at most.
const REST: Duration = Duration::from_millis(300);

/// How PyTorch may run the model.
const MODES: [&str; 2] = ["eager", "compiled"];

/// What is measured.
pub struct Step {
    pub job: PathBuf,
    pub threads: usize,
    pub rounds: usize,
    numerics: Option<Numerics>,
    mode: &'static str,
    python: Option<String>,
}

/// Whatever went wrong: this is a tool for developers.
pub type Failure = Box<dyn std::error::Error>;

impl Step {
    /// Reads `JOB [THREADS [ROUNDS [NUMERICS [MODE]]]]`; the job's own numerics if there are none, an eager peer. The peer's Python is
    /// `SAMEBIT_PYTHON`.
    pub fn parse(arguments: &[String]) -> Result<Step, String> {
        let hint =
            "hint: samebit-bench step|profile|decode JOB.yaml [THREADS [ROUNDS [NUMERICS [eager|compiled]]]]";
        let number = |at: usize, default| {
            arguments
                .get(at)
                .map_or(Ok(default), |text| text.parse().map_err(|_| format!("{text} is no number; {hint}")))
        };
        let job = arguments.first().ok_or_else(|| hint.to_owned())?;
        let named = |name: &String| {
            let found = Numerics::ALL.into_iter().find(|numerics| numerics.name() == name);
            found.ok_or_else(|| format!("{name} is no profile; {hint}"))
        };
        let numerics = arguments.get(3).map(named).transpose()?;
        let mode =
            arguments.get(4).map_or(Some(MODES[0]), |name| MODES.into_iter().find(|mode| mode == name));
        Ok(Step {
            job: job.into(),
            threads: number(1, 1)?,
            rounds: number(2, 5)?,
            numerics,
            mode: mode.ok_or(hint)?,
            python: python(),
        })
    }

    /// Prints the best step of each side and their ratio.
    pub fn run(&self) -> Result<(), Failure> {
        let job = self.load()?;
        let mut engine = self.engine(&job, Arc::new(Cpu::detect()))?;
        let mut peer = self.python.as_ref().map(|python| self.peer(python, &job)).transpose()?;
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        let mut ratios = Vec::new();
        for round in 0..=self.rounds {
            sleep(REST);
            let started = Instant::now();
            engine.step(round as u64)?;
            let our = started.elapsed().as_secs_f64();
            sleep(REST);
            let their = peer.as_mut().map_or(Ok(f64::NAN), |peer| peer.ask("step"))?;
            // The first step of either side touches its memory for the first time.
            if round > 0 {
                (ours, theirs) = (ours.min(our), theirs.min(their));
                ratios.push(their / our);
            }
        }
        ratios.sort_by(f64::total_cmp);
        println!(
            "{}{} on {} threads: {ours:.3} s a step, PyTorch, {}, {theirs:.3} s; PyTorch/ours best {:.2}, median of pairs {:.2}; peak memory {} MiB, PyTorch {} MiB",
            self.job.display(),
            self.suffix(),
            self.threads,
            self.mode,
            theirs / ours,
            ratios[ratios.len() / 2],
            peak_memory("self"),
            peer.as_ref().map_or_else(|| "-".to_owned(), Peer::peak_memory),
        );
        Ok(())
    }

    /// Prints where the time of our step goes.
    pub fn profile(&self) -> Result<(), Failure> {
        let backend = Arc::new(Timed::new());
        let engine = self.engine(&self.load()?, backend.clone())?;
        println!("{}{} on {} threads", self.job.display(), self.suffix(), self.threads);
        crate::profile::run(engine, &backend, self.rounds as u64)
    }

    /// The job in the numerics asked for.
    pub fn load(&self) -> Result<Job, Failure> {
        let mut job = Job::load(&self.job)?;
        if let Some(numerics) = self.numerics {
            job.training.numerics = Sites::uniform(&job.model.config, numerics);
        }
        Ok(job)
    }

    /// The numerics asked for, in words.
    pub fn suffix(&self) -> String {
        self.numerics.map_or_else(String::new, |numerics| format!(" in {}", numerics.name()))
    }

    fn engine(&self, job: &Job, backend: Arc<dyn Backend>) -> Result<Engine, Failure> {
        let prepared = prepare(job)?;
        let settings =
            Settings { threads: self.threads, micro_batches: prepared.micro_batches, ..Settings::default() };
        let mut engine = Engine::new(Arc::new(prepared.program), &prepared.tables, backend, &settings)?;
        for (index, words) in prepared.states.iter().enumerate() {
            engine.write_state(index, words)?;
        }
        Ok(engine)
    }

    fn peer(&self, python: &str, job: &Job) -> Result<Peer, Failure> {
        let ModelConfig::Gpt2(_) = &job.model.config else { return Err("only GPT-2 has a peer here".into()) };
        let training = &job.training;
        let sizes = [self.threads, training.rows_per_step(), training.sequence_len];
        let config = job.model.config.to_json().to_string();
        let arguments: Vec<String> = std::iter::once(config)
            .chain(sizes.map(|number| number.to_string()))
            .chain([self.mode.to_owned()])
            .collect();
        Peer::start(python, PEER, &arguments)
    }
}
