//! Composite attention: scores, maximum, exponentials, sum and weighted values without a stored T × T matrix.
//!
//! Shapes: q, o, dO, dq are [B, T, H, D]; k, v, dk, dv are [B, T, H/G, D] with G query heads sharing a key head (query head h
//! reads key head h / G); m, l, d are [B, T, H]. Masking is causal: query t sees keys j ≤ t.
//!
//! A forward pass may have the queries of some positions only, R of them a step: those at (step·R + r) mod T. So a text grows
//! row by row beside the keys and values that are kept, and each row has the bits that it has in a pass over all T.
//!
//! Every sum is a fold of docs/spec/arithmetic.md §3 with the predicate j ≤ t: a masked term is not folded, so that the future
//! never shows, not even as an infinity times zero. Folds over d, j and, for dk and dv, x = g·T + t (g numbers the query heads
//! of a group) count their blocks of 256 from 0.
//!
//! The fast paths keep scores for a block of queries at a time. Register tiles hold rows of queries or keys by vectors; the
//! terms of each element come in the fold's order, in whatever pieces. Threads share out sequences, key heads and queries.

mod backward;
pub mod definition;
mod exact;
mod forward;
mod keys;
mod pack;
mod scratch;
mod softmax;
#[cfg(test)]
mod tests;
mod tile;

use crate::simd::Isa;
use exact::Exact;
use pack::HeadRows;
use samebit_num::fold::Numerics;

/// An attention kernel. Operands of [`crate::Backend::run`]: forward, inputs q k v, outputs m l o; backward, inputs q k v m l d dO,
/// outputs dq dk dv.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionKernel {
    /// Which of the two.
    pub pass: Pass,
    /// Sequences in this launch.
    pub batch: usize,
    /// Positions in a sequence, each with a key.
    pub time: usize,
    /// Positions with a query: all, or R of them a step. A divisor of `time`; the backward pass has all.
    pub queries: usize,
    /// Query heads.
    pub heads: usize,
    /// Query heads that share a key head.
    pub group: usize,
    /// Elements of a head.
    pub head_size: usize,
    /// Bits of the factor of the scores.
    pub scale: u32,
    /// How q·k, e·v and the products of the backward pass are computed.
    pub numerics: Numerics,
}

/// Forward or backward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// m\[t\] = max s, l\[t\] = Σ exp(s − m), o\[t\] = (Σ exp(s − m) · v) / l, with s = (q·k)·scale over j ≤ t.
    Forward,
    /// P = exp(s − m) · (1 / l), dP = dO·v, dS = (P · (dP − d)) · scale; dq = Σ dS·k, dk = Σ dS·q, dv = Σ P·dO.
    Backward,
}

/// Runs the kernel's fast path at a step, on the threads of rayon's current pool; operands as for [`AttentionKernel`].
///
/// Panics if an operand does not have the elements that the kernel's shape asks for, if the group does not divide the heads, or if
/// the queries do not divide the positions.
pub fn attention(
    isa: Isa,
    kernel: &AttentionKernel,
    step: u64,
    inputs: &[&[f32]],
    outputs: &mut [&mut [f32]],
) {
    kernel.check(inputs.iter().map(|input| input.len()), outputs.iter().map(|output| output.len()));
    if kernel.batch * kernel.time * kernel.heads * kernel.head_size == 0 {
        return;
    }
    match (inputs, outputs) {
        (&[q, k, v], [m, l, o]) => forward::forward(isa, kernel, kernel.first(step), [q, k, v], [m, l, o]),
        (&[q, k, v, m, l, d, grad], [dq, dk, dv]) => {
            backward::backward(isa, kernel, [q, k, v, grad], [m, l, d], [dq, dk, dv]);
        }
        _ => unreachable!("the operands' numbers were checked"),
    }
}

impl AttentionKernel {
    /// Elements of the inputs and of the outputs.
    #[must_use]
    pub fn lengths(&self) -> (Vec<usize>, Vec<usize>) {
        let statistics = self.batch * self.queries * self.heads;
        let queries = statistics * self.head_size;
        let keys = self.batch * self.time * self.heads / self.group * self.head_size;
        match self.pass {
            Pass::Forward => (vec![queries, keys, keys], vec![statistics, statistics, queries]),
            Pass::Backward => (
                vec![queries, keys, keys, statistics, statistics, statistics, queries],
                vec![queries, keys, keys],
            ),
        }
    }

    fn check(&self, inputs: impl Iterator<Item = usize>, outputs: impl Iterator<Item = usize>) {
        assert!(
            self.group > 0 && self.heads.is_multiple_of(self.group),
            "{} query heads do not fall into groups of {}",
            self.heads,
            self.group
        );
        let divides = self.queries > 0 && self.time.is_multiple_of(self.queries) || self.time == 0;
        assert!(divides, "{} positions do not fall into steps of {} queries", self.time, self.queries);
        let has_all = self.pass == Pass::Forward || self.queries == self.time;
        assert!(has_all, "a backward pass has the queries of all positions");
        let (expected_inputs, expected_outputs) = self.lengths();
        assert_eq!(inputs.collect::<Vec<_>>(), expected_inputs, "elements of the inputs of {self:?}");
        assert_eq!(outputs.collect::<Vec<_>>(), expected_outputs, "elements of the outputs of {self:?}");
    }

    /// How the products are computed, if they are exact.
    fn exact(&self, isa: Isa) -> Option<Exact> {
        match self.numerics {
            Numerics::F32 => None,
            Numerics::Exact(bits) => Some(Exact { isa, bits }),
        }
    }

    /// The position of the first query of a step.
    pub(crate) fn first(&self, step: u64) -> usize {
        let steps = (self.time / self.queries) as u64;
        (step % steps) as usize * self.queries
    }

    /// (b, r, h) of a query's row; r counts from the step's first query.
    pub(crate) fn place(&self, row: usize) -> (usize, usize, usize) {
        (row / self.heads / self.queries, row / self.heads % self.queries, row % self.heads)
    }

    fn key_heads(&self) -> usize {
        self.heads / self.group
    }

    /// The rows of sequence `b`, `rows` in each sequence, that belong to key head `key_head`; of queries, the first head of the group.
    fn operands<'a, const N: usize>(
        &self,
        tensors: [&'a [f32]; N],
        rows: usize,
        (b, key_head): (usize, usize),
    ) -> [HeadRows<'a>; N] {
        tensors.map(|data| {
            let stride = data.len() / (self.batch * rows);
            let data = &data[b * rows * stride + key_head * (stride / self.key_heads())..];
            HeadRows { data, stride, size: self.head_size }
        })
    }

    /// The rows of one sequence's outputs by key head and query: `rows[key head][r]` has the part of each output that
    /// belongs to the heads of the group.
    fn split_rows<'o, const N: usize>(&self, outputs: [&'o mut [f32]; N]) -> Vec<Vec<[&'o mut [f32]; N]>> {
        let sizes = outputs.each_ref().map(|output| output.len() / self.queries / self.key_heads());
        let mut parts = outputs;
        let mut rows: Vec<Vec<_>> = (0..self.key_heads()).map(|_| Vec::with_capacity(self.queries)).collect();
        for _ in 0..self.queries {
            for rows in &mut rows {
                let mut size = sizes.iter();
                rows.push(parts.each_mut().map(|part| {
                    part.split_off_mut(..*size.next().expect("as many sizes as parts"))
                        .expect("the row's part is there")
                }));
            }
        }
        rows
    }
}
