//! How a machine computes, and what it takes on.

use crate::meter::Meter;
use samebit_engine::Settings;
use samebit_ops::Backend;
use samebit_trace::{Fault, Job};
use std::sync::Arc;
use std::time::Duration;

/// How long this machine takes for a step of a job.
pub type StepTime = Arc<dyn Fn(&Job) -> Duration + Send + Sync>;

/// How segments are run.
#[derive(Clone)]
pub struct Compute {
    /// What runs them.
    pub backend: Arc<dyn Backend>,
    /// On how many threads.
    pub threads: usize,
    /// Bytes that a job's tensors may take, tables not counted; jobs that need more are not asked for.
    pub memory: Option<u64>,
    /// From which it is known whether a segment can be done in time.
    pub step_time: StepTime,
    /// The share of products that is computed again, to find errors of the machine.
    pub self_check: f64,
    /// Errors that it makes on purpose, for tests and demonstrations.
    pub faults: Vec<Fault>,
    /// Counts what it takes.
    pub meter: Arc<Meter>,
}

impl Compute {
    /// A machine without limits that makes no errors.
    pub fn new(backend: Arc<dyn Backend>, threads: usize) -> Compute {
        Compute {
            backend,
            threads,
            memory: None,
            step_time: Arc::new(|_| Duration::ZERO),
            self_check: 0.0,
            faults: Vec::new(),
            meter: Arc::default(),
        }
    }

    /// Settings of an engine on this machine.
    pub fn settings(&self) -> Settings {
        let Compute { threads, memory, self_check, .. } = *self;
        Settings { threads, memory, self_check, ..Settings::default() }
    }
}
