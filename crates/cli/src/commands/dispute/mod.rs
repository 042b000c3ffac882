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

use super::network::runtime;
use crate::arguments::{Dispute, Global};
use crate::failure::{Exit, Failure, Outcome};
use crate::machine::Machine;
use crate::progress::spin;
use crate::screen::Screen;
pub use chain::{Place, failed, parse_address};

use party::{Party, argue};
use report::Report;
use samebit_commit::Digest;
use samebit_dispute::{Amount, Seconds};
use samebit_roles::{Segment, Terms, question};
use samebit_trace::{Job, Replay};
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
    let job = &sides.sides[0].stored.job;
    let case = Case { job, segment, start, stories, stalls: arguments.stall.map(|side| side as usize) };
    let report = runtime()?.block_on(async {
        let place = Place::open(&arguments.court, screen).await?;
        case.settle(&place, started, screen).await
    })?;
    report.say(screen);
    screen.object(&report);
    Ok(Exit::Ok)
}

/// Two stories of a segment, of which one at most is true.
pub struct Case<'a> {
    pub job: &'a Job,
    pub segment: u64,
    /// The state before it.
    pub start: Digest,
    pub stories: [Segment<Replay<'a>>; 2],
    /// The side that stops after its first move, if one does.
    pub stalls: Option<usize>,
}

impl Case<'_> {
    /// Lets both sides argue.
    ///
    /// # Errors
    /// The chain's, and a game that does not end.
    pub async fn settle(&self, place: &Place, started: Instant, screen: &Screen) -> Result<Report, Failure> {
        let [entry, clock, extension] = if place.can_move_time() { EMBEDDED } else { REMOTE }.map(Seconds);
        let terms = Terms { bond: BOND, entry, clock, extension };
        let (question, header) = question(self.job, self.segment, self.start, terms);
        let question = place.distinct(question).await?;
        let mut parties = Vec::new();
        for (at, story) in self.stories.iter().enumerate() {
            let mut party = Party::new(place, at, story, &question, &header).await?;
            party.stalls = self.stalls == Some(at);
            parties.push(party);
        }
        let settled = argue(place, &mut parties, screen).await?;
        Ok(Report::new(self.job, self.segment, &parties, settled, started.elapsed()))
    }
}
