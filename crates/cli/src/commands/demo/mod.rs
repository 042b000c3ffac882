//! `samebit demo`: the whole protocol on this machine, by separate processes over real connections, on a chain whose clock runs fast.
//!
//! ```text
//! this process   the chain, served on loopback; what is told comes from its log alone
//! local          `samebit run` of the same job, to compare with
//! submitter      posts the job, fetches every state, saves the result
//! solvers        one errs by one ulp, one is killed in the middle, two are honest
//! verifiers      they check and hold; one seals what another has sealed
//! whistleblower  runs what nobody is drawn for
//! ```

mod bill;
mod cast;
mod overhead;
mod town;

use super::network::planted::Planted;
use super::network::reader::Reader;
use super::network::runtime;
use super::network::story::line;
use crate::arguments::{Demo as Arguments, Global};
use crate::failure::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::machine::Machine;
use crate::screen::{Screen, duration};
use bill::Bill;
use cast::{Cast, LIAR};
use overhead::Overhead;
use samebit_peer::process_time;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use town::Town;

/// How often the chain is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often in the chain's time when nothing is to be shown but what it costs: as often as most chains have a block.
const CALM_LOOK: Duration = Duration::from_secs(12);
/// How long the demonstration may take.
const PATIENCE: Duration = Duration::from_secs(7_200);
/// How long after the end money may still come.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// Segments that are drawn, unless told otherwise and if the job has them: half of a longer job's.
const DRAWN: f64 = 8.0;
/// The job that is run unless another one is given, and its data.
const JOB: &str = include_str!("../../../../../examples/demo.yaml");
const DATA: &str = include_str!("../../../../../examples/demo.txt");

/// Shows the protocol.
pub fn demo(arguments: &Arguments, global: &Global, screen: &Screen) -> Outcome {
    let started = Instant::now();
    let machine = Machine::choose(global)?;
    let interrupt = Interrupt::listen();
    let place = Place::new(arguments.dir.as_deref())?;
    let job = match &arguments.job {
        Some(job) => std::path::absolute(job).map_err(|error| Failure::file(job, &error))?,
        None => write_job(place.path())?,
    };
    let local = Planted::prepare(&job, &machine)?;
    // Where there are few segments more of them are drawn, so that whoever copies is likely to be among the drawn.
    let draw = arguments.draw.unwrap_or_else(|| (DRAWN / local.job().segment_count() as f64).clamp(0.5, 1.0));
    runtime()?.block_on(async {
        let seed = match arguments.seed {
            Some(seed) => seed,
            None => getrandom::u64().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?,
        };
        let town = Town::found(place.path(), arguments.pace, seed).await?;
        screen.note(format!(
            "the beacon's seed is {seed}, {:.0} % of the segments are drawn, 1 % of the errors are forced; the chain's clock runs {} times as fast",
            draw * 100.0,
            arguments.pace
        ));
        let lie = if arguments.honest { None } else { Some(local.lie()?) };
        if let Some(lie) = &lie {
            screen.note(format!("{LIAR} will err: {lie}"));
        }
        let begun = process_time();
        let look = if arguments.honest { LOOK.max(CALM_LOOK / arguments.pace) } else { LOOK };
        let mut cast = Cast::start(&town, &job, lie.as_ref(), draw, local.job().segment_count(), look)?;
        let mut reader = Reader::open(&town.protocol, 1).await?;
        let mut bill = Bill::default();
        let ended = watch(&mut cast, &mut reader, &mut bill, look, screen, &interrupt).await;
        cast.measure();
        let outcome = ended.and_then(|ended| match ended {
            true => Ok(()),
            false => Err(Failure::new(Exit::Failed, "interrupted")),
        });
        if outcome.is_ok() {
            let until = Instant::now() + AFTERWARDS;
            while Instant::now() < until {
                tell(&mut cast, &mut reader, &mut bill, screen).await?;
                tokio::time::sleep(LOOK).await;
            }
        }
        cast.stop().await;
        town.stop().await;
        outcome?;
        let overhead = Overhead::of(&cast, process_time().saturating_sub(begun));
        bill.report(screen, &cast, reader.ledger(), &local, overhead, started.elapsed())
    })
}

/// Follows what happens until the submitter ends; whether it has ended by itself.
async fn watch(
    cast: &mut Cast,
    reader: &mut Reader,
    bill: &mut Bill,
    look: Duration,
    screen: &Screen,
    interrupt: &Interrupt,
) -> Result<bool, Failure> {
    let begun = Instant::now();
    loop {
        tell(cast, reader, bill, screen).await?;
        cast.start_late(reader.ledger())?;
        cast.kill_when_due(reader.ledger(), screen);
        cast.measure();
        if cast.have_ended()? {
            return Ok(true);
        }
        if interrupt.is_asked() {
            return Ok(false);
        }
        if begun.elapsed() > PATIENCE {
            return Err(Failure::new(
                Exit::Failed,
                format!("not done after {}", duration(PATIENCE.as_secs_f64())),
            ));
        }
        tokio::time::sleep(look).await;
    }
}

async fn tell(cast: &mut Cast, reader: &mut Reader, bill: &mut Bill, screen: &Screen) -> Result<(), Failure> {
    let names = cast.names().clone();
    reader
        .read(|ledger, told| {
            for event in told.logged {
                bill.note(ledger, told.said, event);
                if bill::is_told(event) {
                    screen.say(format!(
                        "{:>6} s  {}",
                        bill.since(told.at),
                        line(&names, told.said.sender, event)
                    ));
                }
            }
        })
        .await
        .map(drop)
}

/// Where everything is kept.
enum Place {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Place {
    fn new(dir: Option<&Path>) -> Result<Place, Failure> {
        let Some(dir) = dir else {
            let temporary = TempDir::with_prefix("samebit-demo-");
            return temporary
                .map(Place::Temporary)
                .map_err(|error| Failure::file(&std::env::temp_dir(), &error));
        };
        std::fs::create_dir_all(dir).map_err(|error| Failure::file(dir, &error))?;
        let mut names = std::fs::read_dir(dir).map_err(|error| Failure::file(dir, &error))?;
        if names.next().is_some() {
            return Err(
                Failure::input(format!("{} is not empty", dir.display())).with_hint("give another --dir")
            );
        }
        std::path::absolute(dir).map(Place::Kept).map_err(|error| Failure::file(dir, &error))
    }

    fn path(&self) -> &Path {
        match self {
            Place::Kept(path) => path,
            Place::Temporary(folder) => folder.path(),
        }
    }
}

/// Writes the demonstration's job with its data.
fn write_job(folder: &Path) -> Result<PathBuf, Failure> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| Failure::file(&path, &error))?;
        Ok(path)
    };
    write("demo.txt", DATA)?;
    write("demo.yaml", JOB)
}
