//! Where a step's tokens come from: the tables `tokens` and `order`, and the integer nodes that read them.
//!
//! The tokens are one long list; row r of the data is tokens r·T … r·T + T, so that its T inputs and its T labels overlap but
//! for one token. Entry (step, b) of the order names the row of sequence b.

use crate::builder::Builder;
use crate::index::{Index, coord, element, step};
use crate::node::{DType, Input, NodeId};
use crate::scalar;

/// The name of the table of tokens.
pub const TOKENS: &str = "tokens";
/// The name of the table of rows.
pub const ORDER: &str = "order";

/// The size of a step's batch and of the data that it is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// B, sequences in a step.
    pub sequences: u64,
    /// T, positions in a sequence.
    pub time: u64,
    /// Tokens of the whole data.
    pub token_count: u64,
    /// Steps of the job.
    pub steps: u64,
}

/// The integer nodes of a batch, u32 \[N\] each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchNodes {
    /// The tokens.
    pub ids: NodeId,
    /// The tokens that follow.
    pub labels: NodeId,
    /// Each row's position in its sequence.
    pub positions: NodeId,
}

/// Declares the tables `tokens` u32 \[count\] and `order` u32 \[steps, B\] and reads the step's batch.
pub fn batch(builder: &mut Builder, batch: Batch) -> BatchNodes {
    let Batch { sequences, time, token_count, steps } = batch;
    let tokens = builder.table(TOKENS, DType::U32, &[token_count]);
    let order = builder.table(ORDER, DType::U32, &[steps, sequences]);
    let rows = sequences * time;
    let data_row = element(order, step().times(sequences) + coord(0).div(time));
    let place = data_row.times(time) + coord(0).modulo(time);
    let read = |builder: &mut Builder, op: &str, place: Index| {
        builder.map(op, &[rows], vec![Input::Outer(tokens, place)], scalar::copy_integer())
    };
    let ids = read(builder, "ids", place.clone());
    let labels = read(builder, "labels", place + 1);
    let position = vec![Input::Value(coord(0).modulo(time))];
    let positions = builder.map("positions", &[rows], position, scalar::copy_integer());
    BatchNodes { ids, labels, positions }
}
