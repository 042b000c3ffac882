//! Model configs in Hugging Face's keys, normalised (docs/job-file.md).
//!
//! A config comes from a job file's `model_config` or from a directory's `config.json`. Both are read by the same table of keys: a
//! key that would change the mathematics and is not supported is an error, a key that cannot change it is tolerated, and
//! any other key is unknown. An absent key has Hugging Face's default, except that dropout is 0 unless it is asked for.

mod gpt2;
mod llama;

use std::path::Path;

pub use gpt2::{Activation, Gpt2Config};
pub use llama::LlamaConfig;

use crate::error::{Error, Result, read_bounded};
use crate::tree::{Fields, Value};

/// The largest `config.json`, in bytes.
pub const CONFIG_BYTES_LIMIT: u64 = 1 << 20;
/// The most layers of a model.
pub const LAYERS_LIMIT: u64 = 1 << 10;
/// The greatest width: channels of a model, of a feed-forward layer.
pub const WIDTH_LIMIT: u64 = 1 << 17;
/// The largest vocabulary.
pub const VOCABULARY_LIMIT: u64 = 1 << 22;
/// The most positions of a model, and the longest row.
pub const POSITIONS_LIMIT: u64 = 1 << 20;

/// A model's architecture and sizes.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelConfig {
    /// The GPT-2 family: learned positions, layer norm, one feed-forward activation.
    Gpt2(Gpt2Config),
    /// The Llama family: rotary positions, RMS norm, gated feed-forward, grouped queries.
    Llama(LlamaConfig),
}

/// Keys of a `config.json` that change nothing of what a training step computes.
const HARMLESS: &[&str] = &[
    "model_type",
    "architectures",
    "torch_dtype",
    "dtype",
    "transformers_version",
    "_name_or_path",
    "_attn_implementation_autoset",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "sep_token_id",
    "decoder_start_token_id",
    "unk_token_id",
    "use_cache",
    "gradient_checkpointing",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "return_dict_in_generate",
    "id2label",
    "label2id",
    "num_labels",
    "problem_type",
    "finetuning_task",
    "task_specific_params",
    "tokenizer_class",
    "prefix",
    "chunk_size_feed_forward",
    "is_encoder_decoder",
];

impl ModelConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// The file cannot be read or is not JSON, or a key or value in it cannot be honoured.
    pub fn load(file: &Path) -> Result<Self> {
        let hint = "a model directory holds config.json and model.safetensors";
        let value = Value::from_json(&read_bounded(file, CONFIG_BYTES_LIMIT, hint)?, file)?;
        Self::from_value(file, "", &value)
    }

    /// Reads a config from a parsed map; `prefix` is the map's path in the file.
    pub(crate) fn from_value(file: &Path, prefix: &str, value: &Value) -> Result<Self> {
        let Value::Map(entries) = value else {
            return Fields::new(file, prefix, value, &[]).map(|_| unreachable!("only a map makes fields"));
        };
        let root = Fields::unchecked(file, prefix, entries);
        match root.text("model_type")? {
            Some("gpt2") => {
                Ok(Self::Gpt2(Gpt2Config::read(&Fields::new(file, prefix, value, &[gpt2::KEYS, HARMLESS])?)?))
            }
            Some("llama") => Ok(Self::Llama(LlamaConfig::read(&Fields::new(
                file,
                prefix,
                value,
                &[llama::KEYS, HARMLESS],
            )?)?)),
            Some(other) => Err(root.bad(
                "model_type",
                format!("`{other}`"),
                "not a supported model family",
                "use gpt2 or llama",
            )),
            None => Err(root.missing("model_type", "add `model_type: gpt2` or `model_type: llama`")),
        }
    }

    /// The `config.json` with which Hugging Face `transformers` loads the weights that Samebit saves.
    pub fn to_json(&self) -> String {
        let value = match self {
            Self::Gpt2(config) => config.to_json(),
            Self::Llama(config) => config.to_json(),
        };
        format!("{value:#}\n")
    }

    /// Rows of the embedding: token ids are below it.
    pub fn vocabulary(&self) -> usize {
        match self {
            Self::Gpt2(config) => config.vocabulary,
            Self::Llama(config) => config.vocabulary,
        }
    }

    /// The sites of products: the linear layers by their module's name in every block, `attention` for what attention itself multiplies, and
    /// the head.
    pub fn sites(&self) -> &'static [&'static str] {
        match self {
            Self::Gpt2(_) => &gpt2::SITES,
            Self::Llama(_) => &llama::SITES,
        }
    }

    /// The longest row that the model takes.
    pub fn positions(&self) -> usize {
        match self {
            Self::Gpt2(config) => config.positions,
            Self::Llama(config) => config.positions,
        }
    }

    /// Standard deviation of initial weights.
    pub fn initializer_range(&self) -> f32 {
        match self {
            Self::Gpt2(config) => config.initializer_range,
            Self::Llama(config) => config.initializer_range,
        }
    }

    /// How many numbers training changes (a tied output layer counts once).
    pub fn parameter_count(&self) -> u128 {
        match self {
            Self::Gpt2(config) => config.parameter_count(),
            Self::Llama(config) => config.parameter_count(),
        }
    }

    /// Replaces dropout rates by those of a job file's `model_config` beside `base_model`.
    pub(crate) fn override_dropout(&mut self, file: &Path, prefix: &str, value: &Value) -> Result<()> {
        match self {
            Self::Gpt2(config) => {
                config.override_dropout(&Fields::new(file, prefix, value, &[gpt2::DROPOUT_KEYS])?)
            }
            Self::Llama(_) => Fields::new(file, prefix, value, &[llama::DROPOUT_KEYS])
                .and_then(|fields| llama::check_dropout(&fields)),
        }
    }
}

/// Reads a `config.json` of which the dropout rates are replaced by those in `overrides`, if any.
pub(crate) fn load_with_overrides(
    directory: &Path,
    overrides: Option<(&Path, &str, &Value)>,
) -> Result<ModelConfig> {
    if let Some((job, prefix, value)) = overrides
        && !matches!(value, Value::Map(_))
    {
        Fields::new(job, prefix, value, &[])?;
    }
    let file = directory.join("config.json");
    let hint = "base_model is a directory with config.json and model.safetensors, relative to the job file";
    let mut value = Value::from_json(&read_bounded(&file, CONFIG_BYTES_LIMIT, hint)?, &file)?;
    if let (Value::Map(entries), Some((_, _, Value::Map(replaced)))) = (&mut value, overrides) {
        entries.retain(|(key, _)| !replaced.iter().any(|(name, _)| name == key && is_dropout(name)));
    }
    let mut config = ModelConfig::from_value(&file, "", &value)?;
    if let Some((job, prefix, value)) = overrides {
        config.override_dropout(job, prefix, value)?;
    }
    Ok(config)
}

fn is_dropout(key: &str) -> bool {
    gpt2::DROPOUT_KEYS.contains(&key) || llama::DROPOUT_KEYS.contains(&key)
}

/// Fails unless `whole` is a multiple of `part`.
fn check_multiple(
    fields: &Fields<'_>,
    whole_key: &str,
    whole: usize,
    part_key: &str,
    part: usize,
) -> Result<()> {
    if whole.is_multiple_of(part) {
        return Ok(());
    }
    Err(fields.bad(
        part_key,
        part,
        format!("{whole_key} {whole} is not a multiple of it"),
        format!("choose a divisor of {whole}"),
    ))
}

/// The most parameters of a model: its flat indices and its state stay in range of the program's limits.
pub const PARAMETERS_LIMIT: u128 = 1 << 36;

fn check_parameter_count(count: u128) -> Result<()> {
    if count <= PARAMETERS_LIMIT {
        return Ok(());
    }
    let hint = "make the model narrower, shallower, or its vocabulary smaller".into();
    Err(Error::Limit { what: "the model's parameter count", value: count, limit: PARAMETERS_LIMIT, hint })
}

/// The shortest decimal that reads back as `number`, so that a file shows 1e-5 and not 0.000009999999747378752.
fn decimal(number: f32) -> f64 {
    number.to_string().parse().expect("the text of a finite number is a number")
}

#[cfg(test)]
mod tests;
