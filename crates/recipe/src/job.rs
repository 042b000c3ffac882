//! The job file: what to train, on what, how (docs/job-file.md describes every key).
//!
//! A job file is read once, checked whole, and turned into a [`Job`] in which every value is in range and every path is
//! absolute or relative to the working directory. What a job asks for and this version cannot do is an error here, never a surprise later.

mod dataset;
mod market;
mod numerics;
mod training;

use std::path::{Path, PathBuf};

pub use dataset::{Dataset, Format};
pub use market::Market;
pub use numerics::Sites;
pub use training::{Optimizer, Training};

use crate::config::{self, ModelConfig, POSITIONS_LIMIT};
use crate::error::{Error, Result, read_bounded};
use crate::tree::{Fields, Value};

/// The largest job file, in bytes.
pub const JOB_BYTES_LIMIT: u64 = 1 << 20;

/// A checked job file.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The job file.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// The model and where its first weights come from.
    pub model: Model,
    /// How text becomes tokens.
    pub tokenizer: TokenizerChoice,
    /// The data, in order; at least one.
    pub datasets: Vec<Dataset>,
    /// How the model is trained.
    pub training: Training,
    /// Steps of a segment, the unit of checking.
    pub segment_steps: usize,
    /// The terms for a market, which a local run does not use.
    pub market: Option<Market>,
}

/// The model of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Architecture and sizes.
    pub config: ModelConfig,
    /// The file with the first weights; none means weights drawn from the seed.
    pub weights: Option<PathBuf>,
}

/// The tokenizer of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenizerChoice {
    /// A byte is a token.
    Bytes,
    /// A Hugging Face `tokenizer.json`.
    File(PathBuf),
}

const KEYS: &[&str] = &["model_config", "base_model", "tokenizer", "datasets", "verify", "market"];

impl Job {
    /// Reads and checks a job file, and the `config.json` of its `base_model`. Data and weights are not opened.
    ///
    /// # Errors
    /// The file cannot be read, is not YAML, or asks for something that cannot be done.
    pub fn load(file: &Path) -> Result<Self> {
        let bytes = read_bounded(file, JOB_BYTES_LIMIT, "give the path of a job file")?;
        let text = String::from_utf8(bytes).map_err(|error| Error::Syntax {
            file: file.to_owned(),
            format: "YAML",
            message: error.utf8_error().to_string(),
        })?;
        Self::parse(&text, file)
    }

    /// Checks the text of a job file that lies (or would lie) at `file`.
    ///
    /// # Errors
    /// As [`Job::load`].
    pub fn parse(text: &str, file: &Path) -> Result<Self> {
        let value = Value::from_yaml(text, file)?;
        let fields = Fields::new(file, "", &value, &[KEYS, training::KEYS])?;
        let directory = file.parent().unwrap_or(Path::new(""));
        let model = read_model(&fields, directory)?;
        let training = read_training(&fields, &model.config)?;
        Ok(Job {
            file: file.to_owned(),
            text: text.to_owned(),
            model,
            tokenizer: read_tokenizer(&fields, directory)?,
            datasets: dataset::read(&fields, directory)?,
            segment_steps: read_segment_steps(&fields)?,
            training,
            market: market::read(&fields)?,
        })
    }
}

/// What a job file says without the files that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// How the model is trained.
    pub training: Training,
    /// Steps of a segment.
    pub segment_steps: usize,
    /// Whether a byte is a token.
    pub reads_bytes: bool,
    /// Whether training goes on from weights that the job names; otherwise they are drawn from the seed.
    pub has_weights: bool,
}

impl Outline {
    /// Checks the text of a job file whose model is known to be `config`; no file is looked at.
    ///
    /// # Errors
    /// As [`Job::load`], but for data, tokenizer and model.
    pub fn parse(text: &str, file: &Path, config: &ModelConfig) -> Result<Self> {
        let value = Value::from_yaml(text, file)?;
        let fields = Fields::new(file, "", &value, &[KEYS, training::KEYS])?;
        Ok(Outline {
            training: read_training(&fields, config)?,
            segment_steps: read_segment_steps(&fields)?,
            reads_bytes: fields.text("tokenizer")? == Some("bytes"),
            has_weights: fields.text("base_model")?.is_some(),
        })
    }
}

fn read_training(fields: &Fields<'_>, model: &ModelConfig) -> Result<Training> {
    let training = training::read(fields, model)?;
    if training.sequence_len <= model.positions() {
        return Ok(training);
    }
    Err(fields.bad(
        "sequence_len",
        training.sequence_len,
        format!("the model has {} positions", model.positions()),
        "lower sequence_len, or raise n_positions (max_position_embeddings) of a model from scratch",
    ))
}

fn read_model(fields: &Fields<'_>, directory: &Path) -> Result<Model> {
    let file = fields.file();
    match (fields.get("model_config"), fields.text("base_model")?) {
        (None, None) => {
            Err(fields
                .missing("model_config", "give model_config (from scratch) or base_model (a directory)"))
        }
        (Some(value), None) => {
            Ok(Model { config: ModelConfig::from_value(file, "model_config", value)?, weights: None })
        }
        (overrides, Some(base)) => {
            let base = directory.join(base);
            let overrides = overrides.map(|value| (file, "model_config", value));
            let config = config::load_with_overrides(&base, overrides)?;
            let weights = base.join("model.safetensors");
            if !weights.is_file() {
                return Err(missing_weights(&base, weights));
            }
            Ok(Model { config, weights: Some(weights) })
        }
    }
}

fn missing_weights(base: &Path, weights: PathBuf) -> Error {
    let hint = if base.join("model.safetensors.index.json").exists() {
        "the weights are split over several files; save them as one model.safetensors"
    } else if base.join("pytorch_model.bin").exists() {
        "save the weights as safetensors (save_pretrained with safe_serialization)"
    } else {
        "base_model is a directory with config.json and model.safetensors, relative to the job file"
    };
    Error::Read { file: weights, source: std::io::ErrorKind::NotFound.into(), hint: hint.into() }
}

fn read_tokenizer(fields: &Fields<'_>, directory: &Path) -> Result<TokenizerChoice> {
    match fields.text("tokenizer")? {
        None => Err(fields.missing("tokenizer", "add `tokenizer: bytes` or the path of a tokenizer.json")),
        Some("bytes") => Ok(TokenizerChoice::Bytes),
        Some(path) => {
            let path = directory.join(path);
            if !path.is_file() {
                let hint = "`tokenizer` is `bytes` or the path of a tokenizer.json, relative to the job file";
                let source = std::io::ErrorKind::NotFound.into();
                return Err(Error::Read { file: path, source, hint: hint.into() });
            }
            Ok(TokenizerChoice::File(path))
        }
    }
}

fn read_segment_steps(fields: &Fields<'_>) -> Result<usize> {
    const DEFAULT_STEPS: usize = 10;
    let steps = match fields.get("verify") {
        None => None,
        Some(value) => Fields::new(fields.file(), "verify", value, &[&["segment_steps"]])?
            .count("segment_steps", 1..=training::STEPS_LIMIT)?,
    };
    Ok(steps.unwrap_or(DEFAULT_STEPS))
}

/// The longest row of a job, in tokens; a model may allow fewer.
pub const SEQUENCE_LIMIT: u64 = POSITIONS_LIMIT;

#[cfg(test)]
mod tests;
