//! `samebit explain`: why a job is where it is, from what the chain has logged and nothing else.

use super::jobs::{object, stage};
use super::network::reader::Reader;
use super::network::story::{Names, job_of, line};
use super::network::{reach, runtime};
use crate::arguments::Explain as Arguments;
use crate::failure::{Exit, Failure, Outcome};
use crate::machine::ChainConfig;
use crate::screen::Screen;
use samebit_market::{Job, JobId, Moment};
use samebit_roles::{Ledger, Logged};
use serde_json::json;

/// One thing that happened.
struct Line {
    at: Moment,
    sender: String,
    text: String,
    job: Option<JobId>,
}

/// Explains a job.
pub fn explain(arguments: &Arguments, screen: &Screen) -> Outcome {
    let chain = ChainConfig::of_project()?;
    runtime()?.block_on(async {
        let protocol = reach(&arguments.connection, &chain).await?;
        let mut reader = Reader::open(&protocol, arguments.connection.first_block).await?;
        let (names, mut lines) = (Names::default(), Vec::new());
        reader
            .read_all(|ledger, told| {
                let job = told.logged.iter().find_map(|event| concerned(ledger, event));
                lines.extend(told.logged.iter().map(|event| Line {
                    at: told.at,
                    sender: names.of(told.said.sender),
                    text: line(&names, told.said.sender, event),
                    job,
                }));
            })
            .await?;
        let job = find(reader.ledger(), &arguments.job)?;
        let lines: Vec<Line> = lines.into_iter().filter(|line| line.job == Some(job.id)).collect();
        for line in &lines {
            screen.say(format!("{} block {:>6}  {}", line.at.time.0, line.at.height.0, line.text));
        }
        screen.say(format!("{}: {} of {} segments are settled", stage(job.stage), job.settled, job.segments()));
        let lines: Vec<_> = lines
            .iter()
            .map(|line| json!({ "time": line.at.time.0, "block": line.at.height.0, "sender": line.sender, "what": line.text }))
            .collect();
        screen.object(&json!({ "job": object(job), "log": lines }));
        Ok(Exit::Ok)
    })
}

/// The job that an event is about.
fn concerned(ledger: &Ledger, event: &Logged) -> Option<JobId> {
    use samebit_dispute::Event as E;
    match event {
        Logged::Market(event) => job_of(event),
        Logged::Dispute(event) => {
            let question = match event {
                E::QuestionOpened { question, .. } => question.id(),
                E::Claimed { question, .. } | E::ClaimDied { question, .. } => *question,
                E::Paired { position } | E::Moved { position, .. } => position.question,
                E::Kept { game, .. } | E::Judged { game, .. } | E::TimedOut { game, .. } => game.question,
                _ => return None,
            };
            ledger.questions().find(|(id, _)| *id == question).map(|(_, arguing)| arguing.job)
        }
    }
}

/// The job whose id begins so.
fn find<'a>(ledger: &'a Ledger, text: &str) -> Result<&'a Job, Failure> {
    let text = text.to_lowercase();
    let text = text.trim_start_matches("0x");
    let is_meant = |job: &&Job| job.id.to_string().starts_with(text);
    let mut found = ledger.market().jobs().filter(is_meant);
    match (found.next(), found.next()) {
        (Some(job), None) => Ok(job),
        (None, _) => {
            Err(Failure::input(format!("no job begins with {text}")).with_hint("`samebit jobs` lists them"))
        }
        (Some(_), Some(_)) => {
            Err(Failure::input(format!("several jobs begin with {text}")).with_hint("give more of the id"))
        }
    }
}
