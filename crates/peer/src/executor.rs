//! Does the tasks of a peer's roles, one at a time, on a thread of its own: what is asked for in a game before what is run.

use crate::compute::Compute;
use crate::limits::{STORIES, TASKS};
use crate::meter::{Meter, Part};
use crate::store::{Shelf, outline};
use samebit_commit::Digest;
use samebit_dispute::Story;
use samebit_market::{Owner, Seconds};
use samebit_roles::party::{Outcome, Ran, Task};
use samebit_roles::{Arithmetic, Blob, Piece, Segment};
use samebit_trace::{Job, Replay, Runner, TraceError, interior_evidence, parcel};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// A handle to the thread. It ends with the handle, after what it is at.
pub struct Executor {
    queue: Arc<Queue>,
    /// Nothing once it is closed: then who listens hears the end.
    done: Option<mpsc::UnboundedSender<(Task, Outcome)>>,
}

/// What waits.
#[derive(Default)]
struct Queue {
    tasks: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    urgent: VecDeque<Task>,
    patient: VecDeque<Task>,
    is_closed: bool,
}

impl Executor {
    /// Starts the thread; what comes of tasks is sent to `done`.
    ///
    /// # Panics
    /// If the system has no thread.
    pub fn start(shelf: Shelf, compute: Compute, done: mpsc::UnboundedSender<(Task, Outcome)>) -> Executor {
        let queue = Arc::new(Queue::default());
        let (tasks, told) = (queue.clone(), done.clone());
        let work = move || {
            let mut worker = Worker::new(shelf.clone(), compute.clone());
            while let Some(task) = tasks.next() {
                let performed = catch_unwind(AssertUnwindSafe(|| worker.perform(&task)));
                let outcome = performed.unwrap_or_else(|_| {
                    // What it held may be half changed.
                    worker = Worker::new(shelf.clone(), compute.clone());
                    tracing::error!(?task, "a task has panicked");
                    Outcome::Failed
                });
                if told.send((task, outcome)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("executor".to_owned()).spawn(work).expect("a thread");
        Executor { queue, done: Some(done) }
    }

    /// Takes a task; what is over [`TASKS`] fails, and is asked for again.
    pub fn add(&self, task: Task) {
        let mut waiting = self.queue.tasks.lock().expect("nothing panics while it holds this");
        if waiting.urgent.len() + waiting.patient.len() >= TASKS {
            if let Some(done) = &self.done {
                // Nobody hears it who has gone.
                let _ = done.send((task, Outcome::Failed));
            }
            return;
        }
        match task {
            Task::Run(_) | Task::Trace(_) | Task::Weigh(..) => waiting.patient.push_back(task),
            _ => waiting.urgent.push_back(task),
        }
        self.queue.changed.notify_one();
    }

    /// Begins nothing more; who listens hears of the task that it is at, and then the end.
    pub fn close(&mut self) {
        self.done = None;
        self.queue.tasks.lock().expect("nothing panics while it holds this").is_closed = true;
        self.queue.changed.notify_one();
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn next(&self) -> Option<Task> {
        let mut waiting = self.tasks.lock().expect("nothing panics while it holds this");
        loop {
            if waiting.is_closed {
                return None;
            }
            let next = waiting.urgent.pop_front();
            match next.or_else(|| waiting.patient.pop_front()) {
                Some(task) => return Some(task),
                None => waiting = self.changed.wait(waiting).expect("nothing panics while it holds this"),
            }
        }
    }
}

/// A runner with the root of the state that it has.
struct Ready {
    runner: Runner,
    spec: Digest,
    state: Digest,
}

/// What the thread keeps between tasks.
struct Worker {
    shelf: Shelf,
    compute: Compute,
    job: Option<(Digest, Job)>,
    ready: Option<Ready>,
    /// The last segments that were told of, the newest first.
    stories: VecDeque<(Piece, Segment<Replay<'static>>)>,
    /// Steps of the segments that were run; fewer than they have where the job diverged.
    counts: BTreeMap<Piece, u64>,
}

impl Worker {
    fn new(shelf: Shelf, compute: Compute) -> Worker {
        let (job, ready, stories, counts) = (None, None, VecDeque::new(), BTreeMap::new());
        Worker { shelf, compute, job, ready, stories, counts }
    }

    fn perform(&mut self, task: &Task) -> Outcome {
        let meter = self.meter();
        let done = match task {
            Task::Check { blob, from } => meter.time(Part::Check, || self.check(*blob, *from)),
            Task::Weigh(piece, seconds) => meter.time(Part::Load, || self.weigh(*piece, *seconds)),
            Task::Run(piece) => self.run(*piece).map(Outcome::Ran),
            Task::Trace(piece) => meter.time(Part::Dispute, || self.trace(*piece)),
            Task::Answer(piece, task) => meter.time(Part::Dispute, || self.answer(*piece, task)),
            Task::Evidence(piece, index) => meter.time(Part::Dispute, || self.evidence(*piece, *index)),
        };
        done.unwrap_or_else(|error| failed("task", &error))
    }

    /// Whether what somebody has sent is what was asked for; if it is, it gets its place.
    fn check(&mut self, blob: Blob, from: Owner) -> Result<Outcome, TraceError> {
        let path = self.shelf.incoming(blob, from);
        let found = match blob {
            Blob::Job(spec) => parcel::read_job(&path, spec).map(|job| Outcome::Job(Box::new(outline(&job)))),
            Blob::State(root) => parcel::check_state(&path, root).map(|()| Outcome::State),
        };
        let outcome = match found {
            Err(TraceError::Malformed { reason, .. }) => {
                tracing::warn!(%from, reason, "what was sent is not what was asked for");
                Outcome::False
            }
            found => found?,
        };
        if outcome == Outcome::False {
            std::fs::remove_file(&path).ok();
            return Ok(outcome);
        }
        Ok(match self.shelf.accept(blob, from) {
            Ok(()) => outcome,
            Err(error) => failed("store", &error),
        })
    }

    fn meter(&self) -> Arc<Meter> {
        self.compute.meter.clone()
    }

    /// Whether a segment can be run here in so many seconds. What it takes is there then, so that it can begin at once.
    fn weigh(&mut self, piece: Piece, seconds: Seconds) -> Result<Outcome, TraceError> {
        let job = self.job(piece.spec)?;
        let steps = job.segment(piece.segment.0);
        let step_time = (self.compute.step_time)(&job);
        let count = u32::try_from(steps.end - steps.start).unwrap_or(u32::MAX);
        if step_time.saturating_mul(count) > Duration::from_secs(seconds.0) {
            tracing::warn!(spec = %piece.spec, ?step_time, count, "a segment would take too long here");
            return Ok(Outcome::Weighed(false));
        }
        match self.ready(piece) {
            Ok(ready) => {
                // Who may be asked about a step has to have all that it computes in memory.
                let traced = ready.runner.engine().traced_bytes().map_err(TraceError::from)?;
                self.ready = Some(ready);
                let fits = self.compute.memory.is_none_or(|memory| traced <= memory);
                if !fits {
                    tracing::warn!(spec = %piece.spec, traced, "a step of a job could not be traced here");
                }
                Ok(Outcome::Weighed(fits))
            }
            Err(error @ (TraceError::Malformed { .. } | TraceError::Engine(_))) => {
                tracing::warn!(spec = %piece.spec, %error, "a job cannot be run here");
                Ok(Outcome::Weighed(false))
            }
            Err(error) => Err(error),
        }
    }

    /// Runs a segment and keeps the state after it.
    fn run(&mut self, piece: Piece) -> Result<Ran, TraceError> {
        let meter = self.meter();
        let mut ready = meter.time(Part::Load, || self.ready(piece))?;
        let steps = ready.runner.job().segment(piece.segment.0);
        tracing::info!(segment = piece.segment.0, "running");
        let leaves = meter.time(Part::Run, || ready.runner.run_interior(steps))?;
        meter.add_steps(leaves.len() as u64);
        let path = |root| self.shelf.path(Blob::State(root));
        let state = meter.time(Part::Store, || parcel::write_runner(path, &ready.runner))?;
        self.counts.insert(piece, leaves.len() as u64);
        self.ready = Some(Ready { state, ..ready });
        Ok(Ran { state, leaves })
    }

    /// A runner with the state before a segment: the one that has just come there, or one that reads it.
    fn ready(&mut self, piece: Piece) -> Result<Ready, TraceError> {
        let held = self.ready.take().filter(|ready| ready.spec == piece.spec);
        let mut ready = match held {
            Some(ready) if ready.state == piece.start => return Ok(ready),
            Some(ready) => ready,
            None => Ready { runner: self.runner(piece.spec)?, spec: piece.spec, state: Digest::ZERO },
        };
        parcel::load_state(&self.shelf.path(Blob::State(piece.start)), &mut ready.runner)?;
        ready.state = piece.start;
        Ok(ready)
    }

    fn runner(&mut self, spec: Digest) -> Result<Runner, TraceError> {
        let job = self.job(spec)?;
        let Compute { backend, faults, .. } = self.compute.clone();
        Runner::new(job, backend, &self.compute.settings(), faults)
    }

    fn job(&mut self, spec: Digest) -> Result<Job, TraceError> {
        if let Some((_, job)) = self.job.as_ref().filter(|(held, _)| *held == spec) {
            return Ok(job.clone());
        }
        let job = parcel::read_job(&self.shelf.path(Blob::Job(spec)), spec)?;
        self.job = Some((spec, job.clone()));
        Ok(job)
    }

    fn trace(&mut self, piece: Piece) -> Result<Outcome, TraceError> {
        Ok(match self.story(piece)?.opened() {
            Ok(opened) => Outcome::Traced(opened),
            Err(error) => failed("trace", &error),
        })
    }

    fn answer(&mut self, piece: Piece, task: &samebit_roles::Task) -> Result<Outcome, TraceError> {
        self.story(piece).map(|story| match task.run(story, &Arithmetic) {
            Ok(messages) => Outcome::Answered(messages),
            Err(error) => failed("answer", &error),
        })
    }

    fn evidence(&mut self, piece: Piece, index: u64) -> Result<Outcome, TraceError> {
        let job = self.job(piece.spec)?;
        let step = job.segment(piece.segment.0).start + index;
        let story = self.story(piece)?;
        Ok(Outcome::Evidence(Box::new(interior_evidence(story.claims(), &job, step)?)))
    }

    /// A segment as it is told to a dispute: the steps that were run of it.
    fn story(&mut self, piece: Piece) -> Result<&Segment<Replay<'static>>, TraceError> {
        if let Some(at) = self.stories.iter().position(|(held, _)| *held == piece) {
            let story = self.stories.remove(at).expect("it was found there");
            self.stories.push_front(story);
        } else {
            let count = match self.counts.get(&piece) {
                Some(count) => *count,
                None => self.run(piece)?.count(),
            };
            let job = self.job(piece.spec)?;
            let first = job.segment(piece.segment.0).start;
            let runner = self.runner(piece.spec)?;
            let start = self.shelf.path(Blob::State(piece.start));
            let replay = Replay::from_file(start, first..first + count, runner);
            let entries = replay.start()?;
            self.stories.truncate(STORIES - 1);
            self.stories.push_front((piece, Segment::new(replay, entries, job.spec.tables.clone())));
        }
        Ok(&self.stories[0].1)
    }
}

fn failed(what: &'static str, error: &dyn std::error::Error) -> Outcome {
    tracing::warn!(what, %error, "it could not be done");
    Outcome::Failed
}
