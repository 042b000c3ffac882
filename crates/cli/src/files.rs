//! A run's folder as the command line keeps it: what `trace` stores, and what it takes to use the model without the job's files.
//!
//! ```text
//! DIR/job.json         the job file's text, where its tokens came from, how text becomes tokens
//!     config.json      the model, in Hugging Face's keys
//!     tokenizer.json   a copy, unless a byte is a token
//!     model.safetensors   the weights, once the run is finished
//! ```
//! The receipt has the digest of each of them; run.json, the runner's own note of how it ran, is no claim and has none.

use crate::failure::{Exit, Failure};
use samebit_commit::{Digest, Tag, hash_reader};
use samebit_graph::Program;
use samebit_recipe::tokenizer::TOKENIZER_BYTES_LIMIT;
use samebit_recipe::{ModelConfig, Prepared, Tokenizer, TokenizerChoice};
use samebit_trace::{Folder, Job, Receipt, TraceError, regular};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What was computed.
pub const RECEIPT: &str = "receipt.json";
/// The description of the job.
pub const JOB: &str = "job.json";
/// The model's config.
pub const CONFIG: &str = "config.json";
/// The tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";
/// The weights.
pub const WEIGHTS: &str = "model.safetensors";
/// A line a step.
pub const METRICS: &str = "metrics.jsonl";

/// The files of the directory that a receipt may name.
pub const ALL: [&str; 5] = [JOB, CONFIG, TOKENIZER, WEIGHTS, METRICS];

/// job.json.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The format's number.
    pub schema: u32,
    /// `bytes`, or the file in the folder.
    pub tokenizer: String,
    /// Tokens of a step.
    pub tokens_per_step: u64,
    /// Where the tokens came from.
    pub sources: Vec<Source>,
    /// The job file's text.
    pub job_file: String,
}

/// A file of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The file, as the job names it.
    pub file: PathBuf,
    /// Documents in it.
    pub documents: u64,
    /// Tokens of them.
    pub tokens: u64,
}

/// A run that was read back and checked against its receipt.
pub struct Stored {
    /// Where it is.
    pub folder: Folder,
    /// Its receipt.
    pub receipt: Receipt,
    /// Its job.
    pub job: Job,
}

impl Stored {
    /// Reads a run's receipt and job.
    ///
    /// # Errors
    /// No run there: bad input. Files that do not agree with the receipt: a mismatch.
    pub fn open(path: &Path) -> Result<Stored, Failure> {
        let folder = run_folder(path)?;
        let receipt = folder.receipt()?;
        let job = folder.job(&receipt)?;
        Ok(Stored { folder, receipt, job })
    }
}

/// Whether anything has this name, be it a link to nothing: then it is not to be taken for absent.
pub fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Makes the directory, and keeps other processes from running into it until the file is closed.
///
/// # Errors
/// It cannot be made, or another process runs into it.
pub fn lock(directory: &Path) -> Result<Option<File>, Failure> {
    std::fs::create_dir_all(directory).map_err(|error| Failure::file(directory, &error))?;
    let Ok(file) = File::open(directory) else { return Ok(None) };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Failure::input(format!(
            "another process is running a job into {}\nhint: wait for it, or give another --out",
            directory.display()
        ))),
        // Not every system and file system can lock a directory.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

/// The folder of a run, given by its path or its receipt's.
///
/// # Errors
/// There is no receipt.
pub fn run_folder(path: &Path) -> Result<Folder, Failure> {
    let is_receipt = path.file_name().is_some_and(|name| name == RECEIPT) && !path.is_dir();
    let directory = match is_receipt {
        true => path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        false => path,
    };
    let folder = Folder::at(directory);
    if is_there(&folder.file(RECEIPT)) {
        return Ok(folder);
    }
    let what = if directory.is_dir() { "has no receipt.json" } else { "is no directory" };
    Err(Failure::input(format!(
        "{} {what}\nhint: give the directory that `samebit run JOB --out DIR` wrote",
        directory.display()
    )))
}

/// The largest job.json, in bytes: a job file, and a line for each file of the data.
const DESCRIPTION_BYTES_LIMIT: u64 = 1 << 30;

/// Reads job.json.
///
/// # Errors
/// A missing or malformed file.
pub fn description(folder: &Folder) -> Result<Description, TraceError> {
    let path = folder.file(JOB);
    let bytes = regular::read(&path, DESCRIPTION_BYTES_LIMIT)?;
    serde_json::from_slice(&bytes).map_err(|error| TraceError::Malformed { path, reason: error.to_string() })
}

/// A run.json that cannot be used: nobody claims it, and so it is no mismatch.
pub fn bad_record(error: TraceError) -> Failure {
    Failure::input(error).with_hint(
        "run.json says how the run was made, injected faults included: restore it, or write {} for an honest run",
    )
}

/// What a run writes before its first receipt, run.json first.
const BEGINNING: [&str; 7] = ["run.json", JOB, CONFIG, TOKENIZER, "program.bin", "tables", "states"];

/// Whether these names are all that a run leaves in its directory when it is killed before its first receipt.
pub fn is_begun(names: &[String]) -> bool {
    let is_left = |name: &String| name.ends_with(".partial");
    let is_known = |name: &String| BEGINNING.contains(&name.as_str()) || is_left(name);
    let has_record = names.iter().any(|name| name == BEGINNING[0]);
    names.iter().all(is_known) && (has_record || names.iter().all(|name| name == "run.partial"))
}

/// Writes what describes the job and the model; gives the files' names.
///
/// # Errors
/// A file that cannot be read or written.
pub fn describe(
    directory: &Path,
    job: &samebit_recipe::Job,
    prepared: &Prepared,
) -> Result<Vec<&'static str>, Failure> {
    let mut names = vec![JOB, CONFIG];
    write_whole(&directory.join(CONFIG), prepared.model.to_json().as_bytes())?;
    let tokenizer = match &job.tokenizer {
        TokenizerChoice::Bytes => "bytes",
        TokenizerChoice::File(file) => {
            let bytes = regular::read(file, TOKENIZER_BYTES_LIMIT)?;
            write_whole(&directory.join(TOKENIZER), &bytes)?;
            names.push(TOKENIZER);
            TOKENIZER
        }
    };
    let source = |source: &samebit_recipe::data::Source| Source {
        file: source.file.clone(),
        documents: source.document_count as u64,
        tokens: source.token_count as u64,
    };
    let description = Description {
        schema: crate::screen::SCHEMA,
        tokenizer: tokenizer.to_owned(),
        tokens_per_step: prepared.tokens_per_step,
        sources: prepared.sources.iter().map(source).collect(),
        job_file: job.text.clone(),
    };
    let mut bytes = serde_json::to_vec_pretty(&description)
        .map_err(|error| Failure::new(Exit::Failed, format!("{JOB}: {error}")))?;
    bytes.push(b'\n');
    write_whole(&directory.join(JOB), &bytes)?;
    Ok(names)
}

/// The model and the tokenizer of a folder, or of a Hugging Face model's.
///
/// # Errors
/// A missing or malformed file.
pub fn model(directory: &Path) -> Result<(ModelConfig, Tokenizer), Failure> {
    let config = ModelConfig::load(&directory.join(CONFIG))?;
    let file = directory.join(TOKENIZER);
    let choice = if file.is_file() { TokenizerChoice::File(file) } else { TokenizerChoice::Bytes };
    Ok((config, Tokenizer::load(&choice)?))
}

/// The digest of a file's bytes.
///
/// # Errors
/// A file that cannot be read.
pub fn digest(path: &Path) -> Result<Digest, TraceError> {
    let (mut file, _) = regular::open(path, u64::MAX)?;
    hash_reader(Tag::File, &mut file).map_err(|source| TraceError::File { path: path.to_owned(), source })
}

/// Whether a program's first states are a model's parameters.
pub fn fits(config: &ModelConfig, program: &Program) -> bool {
    let parameters = samebit_recipe::model::parameters(config);
    let is_state = |(parameter, state): (&samebit_recipe::model::Parameter, &samebit_graph::Declaration)| {
        parameter.name == state.name && parameter.element_count() as u64 == state.len()
    };
    parameters.len() <= program.states.len() && parameters.iter().zip(&program.states).all(is_state)
}

/// Writes a file whole: beside its name, to the disk, then renamed.
///
/// # Errors
/// A file that cannot be written; what was there before is unchanged then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let partial = path.with_extension("partial");
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&partial);
        Failure::file(path, &error)
    })
}

/// Removes what a run that was killed left half-written.
pub fn sweep(directory: &Path) {
    for folder in [directory.to_owned(), directory.join("states"), directory.join("tables")] {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let is_left =
                name.ends_with(".partial") || (name.starts_with(".weights-") && name.ends_with(".tmp"));
            if is_left {
                // What cannot be removed is overwritten or harmless.
                let _ = std::fs::remove_file(&path);
            }
        }
    }
}
