//! `samebit jobs`: the jobs on the chain.

use super::network::amount::show;
use super::network::reader::Reader;
use super::network::{reach, runtime};
use crate::arguments::Jobs as Arguments;
use crate::failure::{Exit, Outcome};
use crate::machine::ChainConfig;
use crate::screen::Screen;
use samebit_market::{Job, JobStage};
use serde_json::json;

/// Lists the jobs.
pub fn jobs(arguments: &Arguments, screen: &Screen) -> Outcome {
    let chain = ChainConfig::of_project()?;
    runtime()?.block_on(async {
        let protocol = reach(&arguments.connection, &chain).await?;
        let mut reader = Reader::open(&protocol, arguments.connection.first_block).await?;
        reader.read_all(|_, _| {}).await?;
        let market = reader.ledger().market();
        for job in market.jobs() {
            screen.say(format!(
                "{}  {:<9} {:>4} of {:<4} segments  at most {} a segment  attempt {}",
                job.id,
                stage(job.stage),
                job.settled,
                job.segments(),
                show(job.terms.price),
                job.attempts
            ));
        }
        if market.jobs().next().is_none() {
            screen.say("there are no jobs");
        }
        let jobs: Vec<_> = market.jobs().map(object).collect();
        screen.object(&json!({ "jobs": jobs }));
        Ok(Exit::Ok)
    })
}

/// A job for scripts.
pub fn object(job: &Job) -> serde_json::Value {
    json!({
        "job": job.id.to_string(), "spec": job.spec, "poster": job.poster.to_string(),
        "stage": stage(job.stage), "segments": job.segments(), "settled": job.settled,
        "state": job.state, "attempts": job.attempts, "price": show(job.terms.price),
        "solver": job.attempt.as_ref().map(|running| running.solver.to_string()),
        "claimed": job.attempt.as_ref().map_or(job.settled, |running| running.claimed),
    })
}

/// Where a job stands, in a word.
pub fn stage(stage: JobStage) -> &'static str {
    match stage {
        JobStage::Open => "open",
        JobStage::Running => "running",
        JobStage::Done => "done",
        JobStage::Cancelled => "cancelled",
        JobStage::Void => "void",
    }
}
