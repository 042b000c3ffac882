//! `samebit drill`: a planted lie goes through the whole dispute path. A peer that cannot win a dispute it is right about must not take work: it
//! passes this once for each version of itself and of the contracts.
//!
//! The contracts' addresses follow from their code: what is at the same address on the embedded chain is the same, byte for byte.

use super::dispute::report::Report;
use super::dispute::{Case, Place};
use super::network::planted::Planted;
use super::network::runtime;
use super::run::VERSION;
use crate::arguments::{Drill as Arguments, Global};
use crate::failure::{Exit, Failure, Outcome};
use crate::files::write_whole;
use crate::machine::Machine;
use crate::progress::spin;
use crate::screen::Screen;
use crate::speed::{Sample, TINY};
use samebit_chain::protocol::Protocol;
use samebit_chain::types::Address;
use samebit_dispute::Owner;
use samebit_roles::Segment;
use samebit_trace::{Fault, Replay, Runner, parcel};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;

/// The side that is right.
const TRUTH: &str = "a";

/// A drill that was passed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Passed {
    version: String,
    dispute: Address,
}

/// Plays the drill.
pub fn drill(arguments: &Arguments, global: &Global, screen: &Screen) -> Outcome {
    let machine = Machine::choose(global)?;
    let (passed, report) = runtime()?.block_on(async {
        let place = Place::open(&arguments.court, screen).await?;
        play(&machine, &place, screen).await
    })?;
    if let Some(folder) = &arguments.dir {
        remember(folder, &passed)?;
    }
    screen.say(format!("passed: the planted lie was found and lost, contract {}", passed.dispute));
    screen.object(
        &json!({ "outcome": "ok", "version": passed.version, "dispute": passed.dispute, "report": report }),
    );
    Ok(Exit::Ok)
}

/// Lets a peer pass the drill on the embedded chain, unless it has passed it with this Dispute contract.
///
/// # Errors
/// It has not passed.
pub async fn pass(
    folder: &Path,
    machine: &Machine,
    protocol: &Protocol,
    screen: &Screen,
) -> Result<(), Failure> {
    let dispute = protocol.contracts().dispute;
    let wanted = Passed { version: VERSION.to_owned(), dispute };
    let held = std::fs::read(record(folder)).ok();
    if held.and_then(|bytes| serde_json::from_slice(&bytes).ok()).as_ref() == Some(&wanted) {
        return Ok(());
    }
    screen.note("a drill first: a planted lie through the whole dispute path");
    let place = Place::embedded(None, Owner(protocol.site().treasury.0)).await?;
    let (passed, _) = play(machine, &place, &Screen::silent()).await?;
    if passed != wanted {
        return Err(Failure::new(
            Exit::Failed,
            format!("{dispute} is not the Dispute contract of this version"),
        ));
    }
    remember(folder, &passed)
}

/// Has a lie and the truth argue about a tiny job, and looks whether the truth has won where the lie was told.
async fn play(machine: &Machine, place: &Place, screen: &Screen) -> Result<(Passed, Report), Failure> {
    let started = Instant::now();
    let folder = TempDir::new().map_err(|error| Failure::file(&std::env::temp_dir(), &error))?;
    let Sample { job, states, .. } = Sample::new(TINY)?;
    let planted = Planted::new(job, states, machine);
    let lie = spin("planting a lie", || planted.lie())?;
    let start = folder.path().join("start");
    let root = parcel::write_state(&start, &planted.job().program, planted.states())?;
    let stories = [Vec::new(), vec![lie.clone()]].map(|faults| story(&planted, &start, machine, faults));
    let [truth, lied] = stories;
    let case = Case { job: planted.job(), segment: 0, start: root, stories: [truth?, lied?], stalls: None };
    let report = case.settle(place, started, screen).await?;
    let Fault::Value { step, node, .. } = lie else { unreachable!("a lie about a value") };
    let found = (report.winner, report.step, report.node, report.leaf.is_some());
    if found != (Some(TRUTH), Some(step), Some(node.into()), true) {
        return Err(Failure::new(
            Exit::Mismatch,
            format!("a lie about node {node} of step {step} was planted, and the dispute found {found:?}"),
        )
        .with_hint(
            "take no work: the contracts, this machine or this version is wrong; see `samebit doctor`",
        ));
    }
    let dispute = place.contract.address();
    Ok((Passed { version: VERSION.to_owned(), dispute }, report))
}

fn story(
    planted: &Planted,
    start: &Path,
    machine: &Machine,
    faults: Vec<Fault>,
) -> Result<Segment<Replay<'static>>, Failure> {
    let job = planted.job().clone();
    let (steps, tables) = (job.segment(0), job.spec.tables.clone());
    let settings = samebit_engine::Settings { threads: 1, ..Default::default() };
    let runner = Runner::new(job, machine.backend.clone(), &settings, faults)?;
    let replay = Replay::from_file(start.to_owned(), steps, runner);
    let entries = replay.start()?;
    Ok(Segment::new(replay, entries, tables))
}

fn record(folder: &Path) -> PathBuf {
    folder.join("drill.json")
}

fn remember(folder: &Path, passed: &Passed) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    write_whole(&record(folder), &serde_json::to_vec(passed).expect("a record is a map of texts"))
}
