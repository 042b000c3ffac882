//! Whether the files that describe a run describe this run: the job file's text and the model's config make its program, its tables
//! and its first state again.

use super::finding::{Finding, Stop, stop};
use crate::commands::run::VERSION;
use crate::failure::Failure;
use crate::files::{self, Description};
use samebit_recipe::model::{initial_weights, parameters, training_program};
use samebit_recipe::prepare::derived_tables;
use samebit_recipe::{ModelConfig, Outline};
use samebit_trace::{Folder, Job, Receipt, TraceError, table};
use std::path::Path;

/// Checks job.json, config.json and tokenizer.json against the program, its tables and the first state. Gives what cannot be known from the
/// directory alone.
pub fn check(folder: &Folder, receipt: &Receipt, job: &Job) -> Result<Vec<String>, Stop> {
    let mut unchecked = vec![
        "the seconds in the receipt and run.json, which are the runner's own word".to_owned(),
        "that the tokens are the text of the files that job.json lists".to_owned(),
    ];
    let is_named = |name: &str| receipt.files.contains_key(name);
    for name in [files::JOB, files::CONFIG, files::TOKENIZER] {
        if !is_named(name) && files::is_there(&folder.file(name)) {
            return Err(unnamed(name).into());
        }
    }
    if !is_named(files::JOB) || !is_named(files::CONFIG) {
        unchecked.push("the model and the job file, which the receipt does not name".to_owned());
        return Ok(unchecked);
    }
    let config = config(folder, job)?;
    let description = files::description(folder).map_err(|error| stop(folder, error))?;
    let outline = Outline::parse(&description.job_file, Path::new(files::JOB), &config)
        .map_err(|error| Finding::file(files::JOB, error))?;
    let told = told(receipt, job, &config, &outline, &description);
    if let Some(reason) = told {
        return Err(
            Finding::file(files::JOB, format!("job.json does not describe this run: {reason}")).into()
        );
    }
    let made = match made(job, &config, &outline) {
        None => first_state(folder, job, &config, &outline)?,
        wrong => wrong,
    };
    match made {
        None if outline.has_weights => {
            unchecked.push("that the first weights are those of the job's base_model".to_owned());
        }
        None => {}
        // Another version may make another program of one job file.
        Some(_) if receipt.engine_version != VERSION => unchecked.push(format!(
            "that the job file makes this program: the run is of version {:.32}, this is {VERSION}",
            receipt.engine_version
        )),
        Some(reason) => {
            let message = format!("job.json and config.json do not make this run: {reason}");
            return Err(Finding::file(files::CONFIG, message).into());
        }
    }
    Ok(unchecked)
}

/// A file that is used like a part of the run, though nothing says that it is one.
pub fn unnamed(name: &str) -> Finding {
    Finding::file(name, format!("{name} is there, but the receipt does not name it"))
}

/// The model's config, with the parameters of the program's first states.
pub fn config(folder: &Folder, job: &Job) -> Result<ModelConfig, Stop> {
    let wrong = |error: samebit_recipe::Error| Stop::from(Finding::file(files::CONFIG, error));
    let config = ModelConfig::load(&folder.file(files::CONFIG)).map_err(wrong)?;
    match files::fits(&config, &job.program) {
        true => Ok(config),
        false => {
            Err(Finding::file(files::CONFIG, "config.json describes another model than the program").into())
        }
    }
}

/// What the description says otherwise than the receipt and the tables.
fn told(
    receipt: &Receipt,
    job: &Job,
    config: &ModelConfig,
    outline: &Outline,
    description: &Description,
) -> Option<String> {
    let training = &outline.training;
    let asked = (training.max_steps as u64, outline.segment_steps as u64);
    let tokens = job.table(table::TOKENS).map(|index| &job.tables[index]);
    let count = tokens.map_or(0, Vec::len) as u64;
    let listed = description.sources.iter().fold(0, |sum: u64, source| sum.saturating_add(source.tokens));
    let per_step = (training.rows_per_step() * training.sequence_len) as u64;
    let reads_bytes = !receipt.files.contains_key(files::TOKENIZER);
    let greatest = tokens.and_then(|tokens| tokens.iter().max()).copied().unwrap_or(0);
    let wrong = [
        (asked != (receipt.steps, receipt.segment_steps), "the job file asks for other steps or segments"),
        (listed != count, "its files have not as many tokens as the data"),
        (description.tokens_per_step != per_step, "it says another number of tokens of a step"),
        (
            outline.reads_bytes != reads_bytes || (description.tokenizer == "bytes") != reads_bytes,
            "it says otherwise than the receipt whether a byte is a token",
        ),
        (greatest as usize >= config.vocabulary(), "the data has tokens beyond the model's vocabulary"),
    ];
    wrong.into_iter().find(|(is_wrong, _)| *is_wrong).map(|(_, reason)| reason.to_owned())
}

/// What the job file and the config make otherwise than the run has it.
fn made(job: &Job, config: &ModelConfig, outline: &Outline) -> Option<String> {
    let tokens = job.table(table::TOKENS).map_or(0, |index| job.tables[index].len());
    // The program comes first: it bounds the sizes of the tables.
    if training_program(config, &outline.training, tokens as u64).digest() != job.spec.program {
        return Some("their program is another".to_owned());
    }
    let tables = match derived_tables(config, &outline.training, tokens) {
        Ok(tables) => tables,
        Err(error) => return Some(error.to_string()),
    };
    let is_other =
        |(name, words): &(&str, Vec<u32>)| job.table(name).is_none_or(|index| job.tables[index] != *words);
    tables.iter().find(|table| is_other(table)).map(|(name, _)| format!("their table {name} is another"))
}

/// What is wrong with the stored first state: parameters are drawn from the seed, unless the job brings them; all else is 0.
fn first_state(
    folder: &Folder,
    job: &Job,
    config: &ModelConfig,
    outline: &Outline,
) -> Result<Option<String>, Stop> {
    let drawn = match outline.has_weights {
        true => Vec::new(),
        false => initial_weights(config, outline.training.seed),
    };
    let (count, mut wrong) = (parameters(config).len(), None);
    let read = folder.read_state(0, &job.program, |state, words| {
        let is_right = match drawn.get(state) {
            Some(right) => words == *right,
            None => state < count || words.iter().all(|word| *word == 0),
        };
        if !is_right && wrong.is_none() {
            wrong = Some(format!("the first {} is another", job.program.states[state].name));
        }
        Ok(())
    });
    match read {
        Ok(()) => Ok(wrong),
        Err(TraceError::NoState { .. }) => Ok(None),
        Err(error @ TraceError::File { .. }) => Err(Stop::Failed(Failure::from(error))),
        Err(error) => Err(stop(folder, error)),
    }
}
