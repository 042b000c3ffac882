//! Weights from and to the files of Hugging Face `transformers`, in its names and layouts.
//!
//! A tensor of the file is one parameter, or several laid end to end, then transposed where the family stores transposes:
//!
//! ```text
//! wq [C, C] ┐
//! wk [C, C] ├─ laid end to end [3C, C] ─ transposed ─► c_attn.weight [C, 3C]
//! wv [C, C] ┘
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use super::{Parameter, words};
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::weights::{Tensor, WeightFile, replace_file, save_weights, transpose};

/// The prefix that `save_pretrained` of a whole model writes and that of a bare one leaves away.
const PREFIXES: [&str; 2] = ["transformer.", "model."];

/// Ends of names of tensors that are no parameters: masks and angles that older versions stored.
const CONSTANTS: [&str; 3] = [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"];

/// Reads a model's weights: words of binary32 in the order of [`parameters`](super::parameters).
///
/// # Errors
/// The file cannot be read; it lacks a tensor, has one of another shape or type or with values that are not finite, or has one that the
/// model does not know.
pub fn load_model(config: &ModelConfig, file: &Path) -> Result<Vec<Vec<u32>>> {
    let mut weights = WeightFile::open(file)?;
    let parameters = super::parameters(config);
    let stored = stored(&parameters);
    let names: BTreeSet<String> = weights.names().into_iter().collect();
    let is_bare = !stored.iter().any(|tensor| {
        PREFIXES.iter().any(|prefix| tensor.name.starts_with(prefix)) && names.contains(tensor.name)
    }) && names.contains(bare(stored[0].name));
    let name_in_file = |name: &str| if is_bare { bare(name).to_owned() } else { name.to_owned() };
    let known: BTreeSet<String> = stored.iter().map(|tensor| name_in_file(tensor.name)).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(*name) && !is_ignored(config, name)) {
        return Err(Error::Tensor {
            file: file.to_owned(),
            tensor: name.clone(),
            reason: "the model has no such parameter".into(),
            hint: "config.json and model.safetensors must be of one model".into(),
        });
    }
    let mut loaded = Vec::with_capacity(parameters.len());
    for tensor in &stored {
        let found = weights.get(&name_in_file(tensor.name), &tensor.file_shape())?;
        loaded.extend(tensor.split(found));
    }
    Ok(loaded)
}

/// Writes `model.safetensors` and `config.json` so that `transformers` loads the directory. `states` begin with the parameters in
/// the order of [`parameters`](super::parameters), as a training program's do; what follows is not looked at.
///
/// # Errors
/// [`Error::Write`]; each file is there whole or not at all.
///
/// # Panics
/// If a state has not its parameter's size.
pub fn save_model(config: &ModelConfig, directory: &Path, states: &[Vec<u32>]) -> Result<()> {
    let parameters = super::parameters(config);
    assert!(states.len() >= parameters.len(), "{} states for {} parameters", states.len(), parameters.len());
    let mut rest = states;
    let mut tensors = Vec::new();
    for tensor in stored(&parameters) {
        let (parts, others) = rest.split_at(tensor.parts.len());
        rest = others;
        tensors.push((tensor.name.to_owned(), tensor.file_shape(), tensor.join(parts)));
    }
    let tensors: Vec<_> =
        tensors.iter().map(|(name, shape, data)| (name.clone(), shape.clone(), &data[..])).collect();
    save_weights(&directory.join("model.safetensors"), &tensors)?;
    let file = directory.join("config.json");
    let json = config.to_json();
    replace_file(&file, |writer| writer.write_all(json.as_bytes()))
        .map_err(|source| Error::Write { file, source })
}

fn bare(name: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

fn is_ignored(config: &ModelConfig, name: &str) -> bool {
    let is_tied = match config {
        ModelConfig::Gpt2(config) => config.tied,
        ModelConfig::Llama(config) => config.tied,
    };
    (is_tied && name == "lm_head.weight") || CONSTANTS.iter().any(|end| name.ends_with(end))
}

/// A tensor of a weight file.
struct Stored<'a> {
    name: &'a str,
    is_transposed: bool,
    /// What lies in it, end to end.
    parts: &'a [Parameter],
}

/// The tensors of a weight file, in the parameters' order.
fn stored(parameters: &[Parameter]) -> Vec<Stored<'_>> {
    let groups = parameters.chunk_by(|a, b| a.place == b.place);
    groups
        .map(|parts| Stored {
            name: &parts[0].place.tensor,
            is_transposed: parts[0].place.is_transposed,
            parts,
        })
        .collect()
}

impl Stored<'_> {
    /// The shape of the parts laid end to end.
    fn shape(&self) -> Vec<usize> {
        let mut shape = self.parts[0].shape.clone();
        shape[0] = self.parts.iter().map(|part| part.shape[0]).sum();
        shape
    }

    fn file_shape(&self) -> Vec<usize> {
        let mut shape = self.shape();
        if self.is_transposed {
            shape.reverse();
        }
        shape
    }

    fn split(&self, tensor: Tensor) -> Vec<Vec<u32>> {
        let tensor = if self.is_transposed { tensor.transposed() } else { tensor };
        let mut rest = &tensor.data[..];
        let mut take = |part: &Parameter| {
            let (data, others) = rest.split_at(part.element_count());
            rest = others;
            words(data)
        };
        self.parts.iter().map(&mut take).collect()
    }

    fn join(&self, parts: &[Vec<u32>]) -> Vec<f32> {
        for (part, words) in self.parts.iter().zip(parts) {
            assert_eq!(words.len(), part.element_count(), "{}", part.name);
        }
        let data: Vec<f32> = parts.iter().flatten().map(|word| f32::from_bits(*word)).collect();
        match self.shape()[..] {
            [rows, columns] if self.is_transposed => transpose(&data, rows, columns),
            _ => data,
        }
    }
}
