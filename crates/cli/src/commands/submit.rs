//! `samebit submit`: has a job done by others, follows it, and saves what comes of it as `samebit run` would have.
//!
//! ```text
//! OUT/network/        what the submitter keeps as a peer: its key; as long as the job is on its way, also the job and its states
//! OUT/…               a run's folder, once the job is done
//! ```
//! Ctrl-C leaves the job to the network; the same command follows it on. A second Ctrl-C within a few seconds takes the job back, if nobody runs it.

use super::network::amount::{self, show};
use super::network::{self, keys, runtime, terms};
use super::peer::{LOOK, config, failed, run_until};
use super::run::{VERSION, read_job};
use crate::arguments::{Global, Submit as Arguments};
use crate::failure::{Exit, Failure, Outcome};
use crate::files;
use crate::interrupt::Interrupt;
use crate::machine::{self, ChainConfig};
use crate::progress::{Progress, spin};
use crate::screen::{Screen, duration};
use samebit_commit::Digest;
use samebit_market::params::SEGMENT_STEPS_LIMIT;
use samebit_market::{Amount, Job as MarketJob, JobId, JobStage, MarketMessage, Owner, Seconds};
use samebit_peer::{Compute, Config, Machine, Observer, PROTOCOL_VERSION, Party, Shelf, Store, start};
use samebit_recipe::{Prepared, save_model};
use samebit_roles::limits::SEGMENTS;
use samebit_roles::party::{Action, Event};
use samebit_roles::{Blob, Order, Role, Submitter, opening};
use samebit_trace::{Cost, Ending, Folder, Job, Posted, Receipt, RunRecord, parcel};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;

/// What the job costs at most, unless it says otherwise.
const BUDGET: Amount = Amount(100 * 1_000_000_000_000_000_000);

/// What is said at the first Ctrl-C.
const LEAVING: &str =
    "leaving the job to the network; once more within three seconds takes it back, if nobody runs it";
/// How long a second Ctrl-C is waited for, and how long the chain may take to take the job back.
const SECOND: Duration = Duration::from_secs(3);
const TAKING_BACK: Duration = Duration::from_secs(60);

/// Has a job done.
pub fn submit(arguments: &Arguments, global: &Global, screen: &Screen) -> Outcome {
    network::remark(LevelFilter::WARN)?;
    let machine = machine::Machine::choose(global)?;
    let chain = ChainConfig::of_project()?;
    let file = samebit_recipe::Job::load(&arguments.job)?;
    let mut prepared = read_job(&file)?;
    let states = std::mem::take(&mut prepared.states);
    let job = spin("hashing", || {
        let (program, tables) = (prepared.program.clone(), std::mem::take(&mut prepared.tables));
        Job::new(program, tables, &states, prepared.steps, prepared.segment_steps)
    });
    check_place(&arguments.out, &job)?;
    let _lock = files::lock(&arguments.out)?;
    let home = arguments.out.join("network");
    let shelf = place(&home, &job, &states)?;
    let order = order(arguments, &file, &job)?;
    let interrupt = Interrupt::listen_until(3, LEAVING);
    let (site, followed) = runtime()?.block_on(async {
        let protocol = network::reach(&arguments.connection, &chain).await?;
        let identity = keys::identity(&arguments.key, &home, protocol.site().chain_id)?;
        let compute = Compute::new(machine.backend.clone(), machine.threads);
        let escrow = order.terms.escrow(job.segment_count());
        let site = *protocol.site();
        let id = site.job(identity.owner(), order.nonce, order.spec.digest(), order.terms.digest());
        remember(&home, id)?;
        let config = Config {
            roles: vec![Role::Submitter(Submitter { orders: vec![order.clone()] })],
            free: escrow,
            job: Some(id),
            ..config(&home, &arguments.connection, &arguments.place, protocol, identity, compute)
        };
        Ok::<_, Failure>((site, follow(config, id, &job, order.give_up, &interrupt, screen).await?))
    })?;
    match followed {
        Followed::Left(id) => {
            let out = arguments.out.display();
            screen.note(format!(
                "the job goes on without you{}\nhint: the same command with --out {out} follows it and fetches the result",
                id.map(|id| format!(": {id}")).unwrap_or_default()
            ));
            Ok(Exit::Failed)
        }
        Followed::Ended(id, JobStage::Done, ends) => {
            let posted = Posted {
                protocol: PROTOCOL_VERSION,
                chain_id: site.chain_id,
                market: site.market.to_string(),
                job: id.0,
            };
            let saved =
                Saved { arguments, file: &file, prepared: &prepared, job: &job, states: &states, posted };
            saved.save(&shelf, id, &ends, screen)
        }
        Followed::Ended(id, stage, _) => {
            screen.object(&json!({ "event": "end", "job": id.to_string(), "stage": format!("{stage:?}").to_lowercase() }));
            Err(Failure::new(Exit::Failed, format!("the job ended as {stage:?}")).with_hint(match stage {
                JobStage::Cancelled => "nobody ran it: raise --budget, or see `samebit jobs`",
                _ => "its program is malformed: see `samebit explain`",
            }))
        }
    }
}

/// An absent or empty folder, or one in which this job is on its way.
fn check_place(out: &Path, job: &Job) -> Result<(), Failure> {
    let shelf = Shelf::at(&out.join("network"));
    let is_begun = shelf.path(Blob::Job(job.spec.digest())).exists();
    // A receipt without an end is of a result that was being saved.
    let is_saved =
        |folder: &Folder| folder.receipt().map_or(true, |receipt| receipt.ending != Ending::Running);
    if files::is_there(&out.join(files::RECEIPT)) && (!is_begun || is_saved(&Folder::at(out))) {
        return Err(
            Failure::input(format!("{} holds a run already", out.display())).with_hint("give another --out")
        );
    }
    let is_empty = std::fs::read_dir(out).map_or(true, |mut names| names.next().is_none());
    match is_empty || is_begun {
        true => Ok(()),
        false => Err(Failure::input(format!("{} is not empty, and not of this job", out.display()))
            .with_hint("give another --out, or the job file and data that it was begun with")),
    }
}

/// Remembers which job is on its way: the same command with other terms would be another job, and its money would be locked as well.
fn remember(home: &Path, id: JobId) -> Result<(), Failure> {
    let path = home.join("job");
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim() != id.to_string() => {
            let message = format!("another job of this folder is on its way: {}", text.trim());
            Err(Failure::input(message)
                .with_hint("give the same budget, draw, nonce, terms and key as before, or another --out"))
        }
        Ok(_) => Ok(()),
        Err(_) => files::write_whole(&path, format!("{id}\n").as_bytes()),
    }
}

/// Puts the job and its first state where the peer serves them from.
fn place(home: &Path, job: &Job, states: &[Vec<u32>]) -> Result<Shelf, Failure> {
    let store = Store::open(home).map_err(failed)?;
    let shelf = store.shelf().clone();
    let first = shelf.path(Blob::State(job.spec.initial_state));
    if !first.exists() {
        parcel::write_state(&first, &job.program, states)?;
    }
    let path = shelf.path(Blob::Job(job.spec.digest()));
    if !path.exists() {
        parcel::write_job(&path, job)?;
    }
    Ok(shelf)
}

fn order(arguments: &Arguments, file: &samebit_recipe::Job, job: &Job) -> Result<Order, Failure> {
    let mut market = file.market.clone().unwrap_or_default();
    market.draw = arguments.draw.map(|draw| draw as f32).or(market.draw);
    let told = market.budget.as_deref().map(amount::parse).transpose();
    let told = told.map_err(|error| Failure::input(format!("market.budget: {error}")))?;
    let budget = arguments.budget.or(told).unwrap_or(BUDGET);
    limits(job)?;
    let terms = terms::terms(&market, budget, job.segment_count())?;
    Ok(Order {
        spec: opening(job),
        terms,
        nonce: arguments.nonce,
        ask_wait: Seconds(arguments.ask_wait),
        give_up: Seconds(arguments.give_up),
    })
}

/// What a market takes, and solvers ask for.
fn limits(job: &Job) -> Result<(), Failure> {
    let (steps, segments) = (job.spec.segment_steps, job.segment_count());
    if steps > SEGMENT_STEPS_LIMIT {
        let message =
            format!("a segment of {steps} steps; one that is posted has at most {SEGMENT_STEPS_LIMIT}");
        return Err(Failure::input(message).with_hint("set verify.segment_steps lower"));
    }
    if segments > SEGMENTS {
        let message = format!("a job of {segments} segments; no solver asks for one of more than {SEGMENTS}");
        return Err(Failure::input(message).with_hint("set verify.segment_steps higher"));
    }
    Ok(())
}

/// How following a job ended.
enum Followed {
    /// Somebody had enough of it.
    Left(Option<JobId>),
    /// The job has ended; the state after each of its segments, if it was done.
    Ended(JobId, JobStage, Vec<Digest>),
}

async fn follow(
    config: Config,
    id: JobId,
    job: &Job,
    give_up: Seconds,
    interrupt: &Interrupt,
    screen: &Screen,
) -> Result<Followed, Failure> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let is_unwanted = Arc::new(AtomicBool::new(false));
    let watcher = Watcher {
        screen: *screen,
        id,
        progress: Progress::new("settled: segment", 0, job.segment_count(), 0),
        give_up,
        seen: seen.clone(),
    };
    let wrap = |party| -> Box<dyn Machine> {
        Box::new(Unwanted { party, id, is_unwanted: is_unwanted.clone(), told: None })
    };
    let driver = start(config, wrap, Box::new(watcher)).await.map_err(failed)?;
    run_until(driver, asked_to_leave(interrupt.clone(), is_unwanted.clone())).await?;
    let seen = seen.lock().expect("nobody panics with it");
    Ok(match (seen.id, seen.stage) {
        (Some(id), Some(stage)) if stage != JobStage::Open && stage != JobStage::Running => {
            Followed::Ended(id, stage, seen.ends.clone())
        }
        (id, _) => Followed::Left(id),
    })
}

/// A job that is done, as a run's folder.
struct Saved<'a> {
    arguments: &'a Arguments,
    file: &'a samebit_recipe::Job,
    prepared: &'a Prepared,
    job: &'a Job,
    states: &'a [Vec<u32>],
    posted: Posted,
}

impl Saved<'_> {
    fn save(&self, shelf: &Shelf, id: JobId, ends: &[Digest], screen: &Screen) -> Outcome {
        let out = &self.arguments.out;
        let folder = Folder::at(out);
        let record = RunRecord {
            schema: crate::screen::SCHEMA,
            engine_version: VERSION.to_owned(),
            ..RunRecord::default()
        };
        let mut receipt = Receipt::new(self.job, VERSION);
        receipt.posted = Some(self.posted.clone());
        for name in files::describe(out, self.file, self.prepared)? {
            receipt.files.insert(name.to_owned(), files::digest(&folder.file(name))?);
        }
        folder.write_json("run.json", &record)?;
        receipt.seal();
        // Its receipt comes last: a folder with one is whole.
        let mut last = Vec::new();
        for (index, root) in (0..).zip(ends) {
            last = parcel::state_words(&shelf.path(Blob::State(*root)))?;
            if index == 0 {
                folder.create(self.job, self.states, &record, &receipt)?;
            }
            let end = self.job.segment(index).end;
            folder.write_given_state(end, &last)?;
            receipt.add_segment(end, *root);
        }
        receipt.ending = Ending::Finished;
        receipt.cost = Cost::of_step(&self.job.program).times(receipt.steps_run());
        save_model(&self.prepared.model, out, &last[..self.prepared.parameters.len()])?;
        receipt.weights = Some(files::digest(&folder.file(files::WEIGHTS))?);
        receipt.seal();
        folder.write_receipt(&receipt)?;
        clear(&out.join("network"))?;
        let out = out.display();
        screen.say(format!(
            "done: {out}\nfinal state {}\nhint: samebit verify {out} runs a sample of it again; samebit generate {out} --prompt …",
            receipt.final_state
        ));
        screen.object(&json!({
            "event": "end", "job": id.to_string(), "stage": "done", "spec": receipt.job,
            "final_state": receipt.final_state, "segments": ends.len(), "out": self.arguments.out,
        }));
        Ok(Exit::Ok)
    }
}

/// Removes what has served its time: the states are in the run's folder. The key stays, and whose money it is.
fn clear(home: &Path) -> Result<(), Failure> {
    for name in ["jobs", "states", "incoming", "network"] {
        let path = home.join(name);
        std::fs::remove_dir_all(&path).map_err(|error| Failure::file(&path, &error))?;
    }
    Ok(())
}

/// Ends when somebody leaves the job, or wants it back and has waited for the chain.
async fn asked_to_leave(interrupt: Interrupt, is_unwanted: Arc<AtomicBool>) {
    while !interrupt.is_asked() {
        tokio::time::sleep(LOOK).await;
    }
    let left = Instant::now();
    while left.elapsed() < SECOND {
        if interrupt.times() > 1 {
            is_unwanted.store(true, Ordering::SeqCst);
            return tokio::time::sleep(TAKING_BACK).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The submitter, which takes its job back once it is not wanted any more, if the chain allows it.
struct Unwanted {
    party: Party,
    id: JobId,
    is_unwanted: Arc<AtomicBool>,
    /// The last block in which it was said.
    told: Option<Digest>,
}

impl Unwanted {
    fn taking_back(&mut self) -> Option<Action> {
        let head = self.party.history().head();
        if !self.is_unwanted.load(Ordering::SeqCst) || self.told == Some(head.name()) {
            return None;
        }
        let job = head.job(self.id).filter(|job| job.stage == JobStage::Open)?;
        self.told = Some(head.name());
        Some(Action::Send(MarketMessage::Cancel { job: job.id }.into()))
    }
}

impl Machine for Unwanted {
    fn on(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        let mut actions = self.party.on(now, event);
        actions.extend(self.taking_back());
        actions
    }

    fn recall(&mut self, now: Seconds, event: Event) -> Vec<Action> {
        self.party.recall(now, event)
    }

    fn party(&self) -> &Party {
        &self.party
    }
}

/// What was seen of the job.
#[derive(Debug, Default)]
struct Seen {
    id: Option<JobId>,
    stage: Option<JobStage>,
    /// Who runs it, and how many segments are claimed.
    running: Option<(Owner, u64)>,
    /// The settled states, by segment.
    ends: Vec<Digest>,
}

/// Tells how the job gets on.
struct Watcher {
    screen: Screen,
    id: JobId,
    progress: Progress,
    give_up: Seconds,
    seen: Arc<Mutex<Seen>>,
}

impl Watcher {
    fn posted(&self, job: &MarketJob) {
        let (id, price, escrow) = (self.id, show(job.terms.price), show(job.escrow));
        let give_up = duration(self.give_up.0 as f64);
        self.screen.note(format!(
            "posted as {id}: {} segments for at most {price} each, {escrow} locked; taken back if nobody asks for {give_up}",
            job.segments()
        ));
        let id = id.to_string();
        self.screen.object(&json!({ "event": "posted", "job": id, "price": price, "locked": escrow }));
    }

    fn runs(&self, job: &MarketJob, solver: Owner, claimed: u64) {
        let segments = job.segments();
        self.screen.note(match claimed {
            0 => format!("{solver} runs it"),
            _ => format!("{claimed} of {segments} segments are claimed, {} settled", job.settled),
        });
        self.screen.object(&json!({
            "event": "running", "solver": solver.to_string(), "claimed": claimed, "settled": job.settled, "segments": segments,
        }));
    }
}

impl Observer for Watcher {
    fn changed(&mut self, party: &Party) -> ControlFlow<()> {
        let id = self.id;
        let Some(job) = party.history().head().job(id) else { return ControlFlow::Continue(()) };
        let mut seen = self.seen.lock().expect("nobody panics with it");
        if seen.id.is_none() {
            self.posted(job);
        }
        seen.id = Some(id);
        if seen.stage != Some(job.stage) {
            let stage = format!("{:?}", job.stage).to_lowercase();
            self.screen.object(&json!({ "event": "stage", "stage": stage }));
        }
        seen.stage = Some(job.stage);
        let running = job.attempt.as_ref().map(|running| (running.solver, running.claimed));
        if let Some((solver, claimed)) = running.filter(|running| seen.running != Some(*running)) {
            self.runs(job, solver, claimed);
        }
        seen.running = running;
        let ends = party.history().head().settled(id).to_vec();
        for _ in seen.ends.len()..ends.len() {
            self.progress.step(None);
            self.screen.object(&json!({ "event": "settled", "segments": ends.len() }));
        }
        let has_all = ends.iter().all(|root| party.records().holds(Blob::State(*root)));
        seen.ends = ends;
        let is_over = match job.stage {
            JobStage::Open | JobStage::Running => false,
            JobStage::Done => has_all,
            JobStage::Cancelled | JobStage::Void => true,
        };
        if is_over {
            self.progress.finish();
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
