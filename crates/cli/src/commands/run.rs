//! `samebit run`: a job on this machine, into a directory that proves itself.

use crate::arguments::{Global, Keep, Run};
use crate::failure::{Exit, Failure, Outcome};
use crate::files;
use crate::interrupt::Interrupt;
use crate::machine::Machine;
use crate::memory::{Needs, Schedule, memory_bytes};
use crate::progress::{Progress, spin};
use crate::screen::{Screen, amount, bytes, duration, grouped};
use samebit_engine::Settings;
use samebit_recipe::{Optimizer, Prepared, prepare, save_model};
use samebit_trace::{
    Control, Cost, Ending, Folder, Job, Metrics, Receipt, RunRecord, Runner, TraceError, drive,
};
use serde_json::json;
use std::path::Path;

/// The version that receipts name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the job, or what is left of it.
pub fn run(arguments: &Run, global: &Global, screen: &Screen) -> Outcome {
    let folder = Folder::at(&arguments.out);
    check_place(&arguments.out, arguments.resume)?;
    let machine = Machine::choose(global)?;
    let file = samebit_recipe::Job::load(&arguments.job)?;
    arguments.max_work.map_or(Ok(()), |limit| check_work(&file, limit))?;
    let mut prepared = read_job(&file)?;
    let states = std::mem::take(&mut prepared.states);
    let job = spin("hashing", || {
        let (program, tables) = (prepared.program.clone(), std::mem::take(&mut prepared.tables));
        Job::new(program, tables, &states, prepared.steps, prepared.segment_steps)
    });
    arguments.inject_fault.iter().try_for_each(|fault| fault.check(&job))?;
    let schedule = schedule(arguments, &prepared, &job)?;
    let mut record = RunRecord {
        schema: crate::screen::SCHEMA,
        backend: machine.backend.name().to_owned(),
        threads: machine.threads,
        micro_batches: schedule.micro_batches,
        engine_version: VERSION.to_owned(),
        faults: arguments.inject_fault.iter().map(ToString::to_string).collect(),
    };
    let _lock = files::lock(&arguments.out)?;
    // Another process may have been there since.
    check_place(&arguments.out, arguments.resume)?;
    let receipt = start(&folder, &file, &prepared, &job, &states, &mut record)?;
    drop(states);
    let faults = faults_of(&record)?;
    let settings = Settings { self_check: arguments.self_check, ..machine.settings(schedule) };
    let mut runner = Runner::new(job, machine.backend.clone(), &settings, faults)?;
    let mut session =
        Session { folder, receipt, screen, keep: arguments.keep, tokens: prepared.tokens_per_step };
    session.folder.load_state(session.receipt.steps_run(), &mut runner)?;
    check_start(&session, &runner)?;
    session.execute(&mut runner)?;
    session.finish(&runner, &prepared)?;
    if arguments.self_check > 0.0 {
        let checked = grouped(runner.engine().elements_checked());
        screen.say(format!("self-check: {checked} elements of products computed again, none differs"));
    }
    session.report(arguments)
}

/// The state that the run goes on from is the one in its receipt.
fn check_start(session: &Session<'_>, runner: &Runner) -> Result<(), Failure> {
    let (claimed, found) = (session.receipt.final_state, runner.state_root());
    if claimed == found {
        return Ok(());
    }
    let step = session.receipt.steps_run();
    let message = format!(
        "the state before step {step} has root {found}, but the receipt says {claimed}\nhint: the stored state was changed; run the job again in another directory"
    );
    Err(Failure::new(Exit::Mismatch, message))
}

/// Refuses a job that is too expensive before its data is read or a weight is drawn. What a step takes does not depend on how much data
/// there is to choose from.
fn check_work(file: &samebit_recipe::Job, limit: u64) -> Result<(), Failure> {
    let training = &file.training;
    let tokens = training.rows_per_step() as u64 * training.sequence_len as u64 + 1;
    let program = samebit_recipe::model::training_program(&file.model.config, training, tokens);
    let steps = training.max_steps as u64;
    let cost = Cost::of_step(&program).times(steps);
    if cost.work_units <= limit {
        return Ok(());
    }
    Err(Failure::input(format!(
        "the job takes {} work units ({} in {} steps), more than --max-work {}\nhint: raise --max-work, or lower max_steps, the batch or the model's sizes",
        grouped(cost.work_units),
        amount(cost.flops as f64, "FLOP"),
        grouped(steps),
        grouped(limit)
    )))
}

/// Refuses a model whose state alone is more than this machine's memory, before a weight is drawn.
fn check_memory(job: &samebit_recipe::Job) -> Result<(), Failure> {
    let tensors = match job.training.optimizer {
        Optimizer::Adamw { .. } => 3,
        Optimizer::Sgd { .. } => 2,
    };
    let needed = job.model.config.parameter_count() * tensors * size_of::<f32>() as u128;
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    match memory_bytes().filter(|memory| needed > *memory) {
        None => Ok(()),
        Some(memory) => Err(Failure::input(format!(
            "the model's weights and moments take {}, and this machine has {} of memory\nhint: lower the model's sizes",
            bytes(needed),
            bytes(memory)
        ))),
    }
}

/// Reads what a job names and builds its program.
///
/// # Errors
/// Data, tokenizer or weights that cannot be used.
pub fn read_job(job: &samebit_recipe::Job) -> Result<Prepared, Failure> {
    check_memory(job)?;
    let prepared = spin("reading data and weights", || prepare(job).map_err(Failure::from))?;
    prepared.program.check().map_err(|error| {
        Failure::input(error)
            .with_hint("the model is beyond the limits of docs/spec/program.md: lower its sizes")
    })?;
    Ok(prepared)
}

/// An absent or empty directory, or one to resume: with a receipt, or as a run leaves it that was killed before its first receipt.
fn check_place(directory: &Path, resume: bool) -> Result<(), Failure> {
    let names: Vec<String> = match std::fs::read_dir(directory) {
        Ok(entries) => {
            entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(Failure::input(format!(
                "{} is no directory\nhint: --out takes a directory that is empty or not there yet",
                directory.display()
            )));
        }
        Err(error) => return Err(Failure::file(directory, &error)),
    };
    let has_run = names.iter().any(|name| name == files::RECEIPT) || files::is_begun(&names);
    let (what, hint) = match (names.is_empty(), has_run, resume) {
        (true, _, _) | (_, true, true) => return Ok(()),
        (_, true, false) => ("is not empty", "give another --out, or --resume to go on with the run in it"),
        (_, false, false) => ("is not empty", "give another --out"),
        (_, false, true) => (
            "is not empty and holds no run",
            "nothing was touched; --resume goes on with what `samebit run` left in the same --out",
        ),
    };
    Err(Failure::input(format!("{} {what}\nhint: {hint}", directory.display())))
}

fn schedule(arguments: &Run, prepared: &Prepared, job: &Job) -> Result<Schedule, Failure> {
    let wanted = prepared.micro_batches;
    let Some(limit) = arguments.memory else { return Ok(Schedule::of(wanted)) };
    Needs::new(&job.program, &job.tables).schedule(rows_per_step(job), wanted, limit)
}

fn rows_per_step(job: &Job) -> u64 {
    let order = job.table(samebit_trace::table::ORDER).map(|index| &job.program.tables[index]);
    order.map_or(1, |order| order.shape[1..].iter().product())
}

/// The faults that a record lists.
///
/// # Errors
/// A text that is no fault.
pub fn faults_of(record: &RunRecord) -> Result<Vec<samebit_trace::Fault>, Failure> {
    record.faults.iter().map(|text| text.parse().map_err(Failure::input)).collect()
}

/// A new folder, or the one that is there, with its receipt.
fn start(
    folder: &Folder,
    file: &samebit_recipe::Job,
    prepared: &Prepared,
    job: &Job,
    states: &[Vec<u32>],
    record: &mut RunRecord,
) -> Result<Receipt, Failure> {
    let directory = folder.path();
    let receipt = match files::is_there(&folder.file(files::RECEIPT)) {
        true => Some(folder.receipt()?),
        false => None,
    };
    if let Some(receipt) = &receipt {
        check_same_job(directory, receipt, job)?;
    }
    // A run that was killed before its first receipt has said how it runs, and no more.
    if receipt.is_some() || files::is_there(&folder.file("run.json")) {
        let before = folder.record().map_err(files::bad_record)?;
        if !record.faults.is_empty() && record.faults != before.faults {
            return Err(Failure::input(
                "--inject-fault differs from the faults that the run was started with\nhint: leave it out to go on as before",
            ));
        }
        record.faults = before.faults;
    }
    files::sweep(directory);
    folder.write_json("run.json", record)?;
    if let Some(receipt) = receipt {
        return Ok(receipt);
    }
    let mut receipt = Receipt::new(job, VERSION);
    for name in files::describe(directory, file, prepared)? {
        receipt.files.insert(name.to_owned(), files::digest(&folder.file(name))?);
    }
    receipt.seal();
    folder.create(job, states, record, &receipt)?;
    Ok(receipt)
}

fn check_same_job(directory: &Path, receipt: &Receipt, job: &Job) -> Result<(), Failure> {
    if receipt.job == job.spec.digest() {
        return Ok(());
    }
    let what = if receipt.program != job.spec.program {
        "its program is another"
    } else if receipt.initial_state != job.spec.initial_state {
        "its first weights are others"
    } else if (receipt.steps, receipt.segment_steps) != (job.spec.steps, job.spec.segment_steps) {
        "it has another number of steps or segment_steps"
    } else {
        "its data, order or schedule is another"
    };
    Err(Failure::input(format!(
        "{} holds a run of another job: {what}\nhint: resume with the job file and the data that the run was started with, or give another --out",
        directory.display()
    )))
}

/// A run in progress.
struct Session<'a> {
    folder: Folder,
    receipt: Receipt,
    screen: &'a Screen,
    keep: Keep,
    tokens: u64,
}

impl Session<'_> {
    fn execute(&mut self, runner: &mut Runner) -> Result<(), Failure> {
        let (first, steps) = (self.receipt.steps_run(), self.receipt.steps);
        let screen = self.screen;
        screen.object(&json!({
            "event": "start", "job": self.receipt.job, "program": self.receipt.program,
            "first_step": first, "steps": steps, "tokens_per_step": self.tokens,
        }));
        let interrupt = Interrupt::listen();
        let mut progress = Progress::new("training", first, steps, self.tokens);
        let mut each = |metrics: &Metrics| {
            progress.step(Some(metrics.loss));
            screen.object(&json!({
                "event": "step", "step": metrics.step, "loss": metrics.loss, "grad_norm": metrics.grad_norm,
                "learning_rate": metrics.learning_rate, "tokens_per_second": progress.tokens_per_second(),
            }));
            if interrupt.is_asked() { Control::Stop } else { Control::Continue }
        };
        let keep = match self.keep {
            Keep::All => samebit_trace::Keep::All,
            Keep::Last => samebit_trace::Keep::Last,
        };
        let driven = drive(&self.folder, runner, &mut self.receipt, keep, &mut each);
        progress.finish();
        driven?;
        Ok(())
    }

    /// Writes the weights, and the digests of the files that no longer change.
    fn finish(&mut self, runner: &Runner, prepared: &Prepared) -> Result<(), Failure> {
        let is_weighed = self.receipt.weights.is_some() || self.receipt.ending != Ending::Finished;
        let is_complete = is_weighed && self.receipt.files.contains_key(files::METRICS);
        if self.receipt.ending == Ending::Running || is_complete {
            return Ok(());
        }
        if self.receipt.ending == Ending::Finished {
            let states: Vec<Vec<u32>> =
                (0..prepared.parameters.len()).map(|state| runner.read_state(state)).collect();
            save_model(&prepared.model, self.folder.path(), &states)?;
            self.receipt.weights = Some(files::digest(&self.folder.file(files::WEIGHTS))?);
        }
        let metrics = files::digest(&self.folder.file(files::METRICS))?;
        self.receipt.files.insert(files::METRICS.to_owned(), metrics);
        self.receipt.seal();
        Ok(self.folder.write_receipt(&self.receipt)?)
    }

    fn report(&self, arguments: &Run) -> Outcome {
        let (screen, receipt) = (self.screen, &self.receipt);
        let out = arguments.out.display();
        let (ending, exit) = match receipt.ending {
            Ending::Finished => ("finished", Exit::Ok),
            Ending::Running => ("stopped", Exit::Failed),
            Ending::DivergedAt(_) => ("diverged", Exit::Failed),
        };
        match receipt.ending {
            Ending::Finished => screen.say(format!(
                "finished {} steps in {}: {out}\nfinal state {}\nhint: samebit generate {out} --prompt …; samebit verify {out}",
                receipt.steps,
                duration(receipt.cost.seconds),
                receipt.final_state
            )),
            Ending::Running => screen.say(format!(
                "stopped; {} of {} steps are stored\nhint: samebit run {} --out {out} --resume",
                receipt.steps_run(),
                receipt.steps,
                arguments.job.display()
            )),
            Ending::DivergedAt(step) => screen.say(format!(
                "diverged at step {step}: the loss is not finite\nhint: lower learning_rate, or set max_grad_norm or warmup_steps"
            )),
        }
        let diverged_at = match receipt.ending {
            Ending::DivergedAt(step) => Some(step),
            _ => None,
        };
        screen.object(&json!({
            "event": "end", "ending": ending, "diverged_at": diverged_at, "steps": receipt.steps,
            "steps_run": receipt.steps_run(), "job": receipt.job, "final_state": receipt.final_state,
            "seconds": receipt.cost.seconds, "out": arguments.out,
        }));
        Ok(exit)
    }
}

/// A runner of a stored job.
///
/// # Errors
/// What the engine says.
pub fn runner_of(
    job: &Job,
    machine: &Machine,
    micro_batches: u64,
    faults: Vec<samebit_trace::Fault>,
) -> Result<Runner, TraceError> {
    Runner::new(job.clone(), machine.backend.clone(), &machine.settings(Schedule::of(micro_batches)), faults)
}
