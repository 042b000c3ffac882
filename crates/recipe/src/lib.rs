//! What people bring: job files, model configs, data, tokenizers, weights — read with suspicion, turned into exact tables.
//!
//! A [`Job`] is a checked job file. From it and its data come the tensors that a program starts from, by rules that give every
//! machine the same bits (docs/spec/recipe.md):
//!
//! ```text
//! job file ──► Job ──┬─► config ─────────────► (the model's builder)
//!                    ├─► data + tokenizer ───► TokenStream   u32 [N]
//!                    ├─► order_table ────────► rows of steps  u32 [steps, B]
//!                    ├─► learning_rate_table, bias_correction_table   f32 [steps]
//!                    └─► WeightFile or initial_tensors ─────► first weights
//! ```
//!
//! ```
//! use samebit_recipe::{Job, order_table};
//!
//! let text = "
//!     model_config: {model_type: gpt2, n_layer: 1, n_embd: 8, n_head: 2, n_positions: 16, vocab_size: 256}
//!     tokenizer: bytes
//!     datasets: [{path: data.txt}]
//!     sequence_len: 16
//!     micro_batch_size: 2
//!     max_steps: 10
//!     learning_rate: 1.0e-3
//! ";
//! let training = Job::parse(text, "job.yaml".as_ref())?.training;
//! let order = order_table(training.seed, 1000, training.sequence_len, training.rows_per_step(), training.max_steps)?;
//! assert_eq!(order.len(), 20);
//! # Ok::<(), samebit_recipe::Error>(())
//! ```

pub mod config;
pub mod data;
pub mod error;
pub mod initial;
pub mod job;
pub mod model;
pub mod order;
pub mod prepare;
pub mod random;
pub mod rotary;
pub mod schedule;
pub mod tokenizer;
mod tree;
pub mod weights;

pub use config::{Activation, Gpt2Config, LlamaConfig, ModelConfig};
pub use data::{TokenStream, load_tokens};
pub use error::{Error, Result};
pub use initial::{Init, InitialTensor, initial_tensors, residual_deviation};
pub use job::{Dataset, Format, Job, Market, Model, Optimizer, Outline, Sites, TokenizerChoice, Training};
pub use model::{Forward, load_model, save_model};
pub use order::{order_table, row_count};
pub use prepare::{Prepared, prepare};
pub use rotary::{RotaryTables, rotary_tables};
pub use schedule::{Curve, bias_correction_table, learning_rate_table};
pub use tokenizer::Tokenizer;
pub use weights::{Tensor, WeightFile, save_weights};
