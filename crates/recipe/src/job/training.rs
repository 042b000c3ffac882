//! How a model is trained: batch, optimiser, schedule, arithmetic.

use super::SEQUENCE_LIMIT;
use super::numerics::{self, Sites};
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::schedule::Curve;
use crate::tree::Fields;

/// The most steps of a job.
pub const STEPS_LIMIT: u64 = 1 << 24;
/// The most rows of a micro-batch and of a step.
pub const BATCH_LIMIT: u64 = 1 << 16;
/// The most tokens of a step.
pub const STEP_TOKENS_LIMIT: u128 = 1 << 28;
/// The most rows over all steps: the order is a table of so many words.
pub const ORDER_LIMIT: u128 = 1 << 28;

/// How a model is trained. B = `micro_batch_size` · `gradient_accumulation_steps`, T = `sequence_len`.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Tokens of a row.
    pub sequence_len: usize,
    /// Rows that are in memory at a time; a schedule, which changes no bit.
    pub micro_batch_size: usize,
    /// Micro-batches of a step.
    pub gradient_accumulation_steps: usize,
    /// Steps.
    pub max_steps: usize,
    /// The update rule.
    pub optimizer: Optimizer,
    /// The greatest learning rate.
    pub learning_rate: f32,
    /// How the learning rate changes after the warm-up.
    pub curve: Curve,
    /// Steps over which the learning rate rises from 0.
    pub warmup_steps: usize,
    /// AdamW: decoupled decay; SGD: added to the gradient.
    pub weight_decay: f32,
    /// The gradient's norm is cut to this; none means it is left alone.
    pub max_grad_norm: Option<f32>,
    /// The seed of the order, of initial weights and of dropout.
    pub seed: u64,
    /// The arithmetic of the products.
    pub numerics: Sites,
}

impl Training {
    /// Rows of one step.
    pub fn rows_per_step(&self) -> usize {
        self.micro_batch_size * self.gradient_accumulation_steps
    }
}

/// An update rule with its constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Adam with decoupled weight decay.
    Adamw {
        /// Decay of the mean of gradients, in [0, 1).
        beta1: f32,
        /// Decay of the mean of squares, in [0, 1).
        beta2: f32,
        /// Added to the root of the mean of squares.
        epsilon: f32,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Decay of the sum of gradients, in [0, 1); 0 is plain descent.
        momentum: f32,
    },
}

pub(super) const KEYS: &[&str] = &[
    "sequence_len",
    "micro_batch_size",
    "gradient_accumulation_steps",
    "max_steps",
    "optimizer",
    "learning_rate",
    "lr_scheduler",
    "warmup_steps",
    "weight_decay",
    "max_grad_norm",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "momentum",
    "seed",
    "numerics",
];

/// Reads the training keys of a job file that trains this model.
pub(super) fn read(fields: &Fields<'_>, model: &ModelConfig) -> Result<Training> {
    let curves = [("constant", Curve::Constant), ("linear", Curve::Linear), ("cosine", Curve::Cosine)];
    let training = Training {
        sequence_len: fields.required_count("sequence_len", 1..=SEQUENCE_LIMIT)?,
        micro_batch_size: fields.required_count("micro_batch_size", 1..=BATCH_LIMIT)?,
        gradient_accumulation_steps: fields
            .count("gradient_accumulation_steps", 1..=BATCH_LIMIT)?
            .unwrap_or(1),
        max_steps: fields.required_count("max_steps", 1..=STEPS_LIMIT)?,
        optimizer: read_optimizer(fields)?,
        learning_rate: fields
            .number("learning_rate", 0.0..=1e3)?
            .ok_or_else(|| fields.missing("learning_rate", "add `learning_rate: 1.0e-3`"))?,
        curve: fields.choice("lr_scheduler", &curves)?.unwrap_or(Curve::Constant),
        warmup_steps: fields.count("warmup_steps", 0..=STEPS_LIMIT)?.unwrap_or(0),
        weight_decay: fields.number("weight_decay", 0.0..=1e3)?.unwrap_or(0.0),
        max_grad_norm: fields.number("max_grad_norm", 0.0..=f32::MAX)?.filter(|norm| *norm > 0.0),
        seed: read_seed(fields)?,
        numerics: numerics::read(fields, model)?,
    };
    check(fields, &training)?;
    Ok(training)
}

fn check(fields: &Fields<'_>, training: &Training) -> Result<()> {
    if training.learning_rate == 0.0 {
        return Err(fields.bad("learning_rate", 0, "nothing would be learnt", "write a positive number"));
    }
    if training.warmup_steps > training.max_steps {
        let reason = format!("max_steps is {}", training.max_steps);
        return Err(fields.bad("warmup_steps", training.warmup_steps, reason, "warm up for fewer steps"));
    }
    let rows = training.micro_batch_size as u128 * training.gradient_accumulation_steps as u128;
    let batch = "lower micro_batch_size or gradient_accumulation_steps";
    limit("rows of a step", rows, BATCH_LIMIT.into(), batch)?;
    limit("tokens of a step", rows * training.sequence_len as u128, STEP_TOKENS_LIMIT, batch)?;
    limit(
        "rows over all steps",
        rows * training.max_steps as u128,
        ORDER_LIMIT,
        "lower max_steps or the batch",
    )
}

fn limit(what: &'static str, value: u128, limit: u128, hint: &str) -> Result<()> {
    if value <= limit { Ok(()) } else { Err(Error::Limit { what, value, limit, hint: hint.into() }) }
}

fn read_optimizer(fields: &Fields<'_>) -> Result<Optimizer> {
    #[derive(Clone, Copy)]
    enum Rule {
        Adamw,
        Sgd,
    }
    let below_one = 0.0..=1.0 - f32::EPSILON / 2.0;
    let (rule, foreign): (_, &[&str]) =
        match fields.choice("optimizer", &[("adamw", Rule::Adamw), ("sgd", Rule::Sgd)])? {
            Some(Rule::Sgd) => (Rule::Sgd, &["adam_beta1", "adam_beta2", "adam_epsilon"]),
            _ => (Rule::Adamw, &["momentum"]),
        };
    let optimizer = match rule {
        Rule::Adamw => Optimizer::Adamw {
            beta1: fields.number("adam_beta1", below_one.clone())?.unwrap_or(0.9),
            beta2: fields.number("adam_beta2", below_one)?.unwrap_or(0.999),
            epsilon: fields.number("adam_epsilon", f32::MIN_POSITIVE..=1.0)?.unwrap_or(1e-8),
        },
        Rule::Sgd => Optimizer::Sgd { momentum: fields.number("momentum", below_one)?.unwrap_or(0.0) },
    };
    for key in foreign {
        if let Some(value) = fields.get(key) {
            let name = fields.text("optimizer")?.unwrap_or("adamw");
            let reason = format!("optimizer {name} does not use it");
            return Err(fields.bad(key, value.describe(), reason, "remove it or change the optimizer"));
        }
    }
    Ok(optimizer)
}

fn read_seed(fields: &Fields<'_>) -> Result<u64> {
    use crate::tree::Value;
    match fields.get("seed") {
        None => Ok(0),
        Some(Value::Integer(seed)) => u64::try_from(*seed).map_err(|_| {
            fields.bad("seed", seed, "out of range", "use a whole number from 0 to 18446744073709551615")
        }),
        Some(value) => Err(fields.wrong_type("seed", "a whole number", value)),
    }
}
