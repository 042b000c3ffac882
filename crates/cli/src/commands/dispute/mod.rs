//! `samebit dispute`: which of two runs is right about the first segment in which they differ, settled by the contracts.
//!
//! ```text
//!   DIR_A, DIR_B ── first segment whose claims differ ── question ── two disputants, who know of each other what the chain says ── answer
//! ```
//! Without `--rpc-url` the chain is the embedded one, in a temporary folder; its clock is moved ahead when both sides wait.

mod chain;
mod party;
pub mod report;
mod sides;

use crate::arguments::{Dispute, Global};
use crate::failure::{Exit, Failure, Outcome};
use crate::machine::Machine;
use crate::progress::spin;
use crate::screen::Screen;
pub use chain::{failed, parse_address};

use chain::Place;
use party::{Party, argue};
use report::Report;
use samebit_dispute::{Amount, Seconds};
use samebit_roles::{Terms, question};
use sides::{Sides, Told};
use std::time::Instant;

/// What each claim pays in, in wei.
const BOND: Amount = Amount(1_000_000_000_000_000);
/// The time for entry, the clocks and their extension where time can be moved.
const EMBEDDED: [u64; 3] = [600, 3_600, 60];
/// The same where everybody waits for it.
const REMOTE: [u64; 3] = [60, 600, 60];

/// Settles a dispute.
pub fn dispute(arguments: &Dispute, global: &Global, screen: &Screen) -> Outcome {
    let started = Instant::now();
    let machine = Machine::choose(global)?;
    let sides = Sides::open(&arguments.dir_a, &arguments.dir_b, &machine)?;
    let told =
        spin("replaying the first segment that differs", || sides.first_difference(arguments.segment))?;
    let Told { segment, start, stories } = match told {
        Ok(told) => told,
        Err(note) => {
            let report = Report::equal(note, started.elapsed());
            report.say(screen);
            screen.object(&report);
            return Ok(Exit::Ok);
        }
    };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(Exit::Failed, format!("no threads for the chain: {error}")))?;
    let report = runtime.block_on(async {
        let place = Place::open(arguments, screen).await?;
        let [entry, clock, extension] = if place.can_move_time() { EMBEDDED } else { REMOTE }.map(Seconds);
        let job = &sides.sides[0].stored.job;
        let (question, header) = question(job, segment, start, Terms { bond: BOND, entry, clock, extension });
        let question = place.distinct(question).await?;
        let mut parties = Vec::new();
        for (at, story) in stories.iter().enumerate() {
            let mut party = Party::new(&place, at, story, &question, &header).await?;
            party.stalls = arguments.stall.is_some_and(|side| side as usize == at);
            parties.push(party);
        }
        let settled = argue(&place, &mut parties, screen).await?;
        Ok::<_, Failure>(Report::new(job, segment, &parties, settled, started.elapsed()))
    })?;
    report.say(screen);
    screen.object(&report);
    Ok(Exit::Ok)
}
