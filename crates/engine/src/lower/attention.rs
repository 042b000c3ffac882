//! Composite attention as one kernel: the three composites of a pass, found together.

use super::access::permutation;
use samebit_graph::node::{Node, NodeId};
use samebit_graph::operators::{Attention as Operator, AttentionOperands, AttentionPart};
use samebit_ops::attention::{AttentionKernel, Pass};
use std::collections::BTreeSet;

/// A pass of attention: a kernel, what it reads and the composites that it computes.
#[derive(Clone, Debug)]
pub struct Attention {
    /// The kernel for the whole batch.
    pub kernel: AttentionKernel,
    /// Forward: q, k, v. Backward: q, k, v, m, l, d and the output's gradient.
    pub inputs: Vec<NodeId>,
    /// Forward: m, l, o. Backward: dq, dk, dv.
    pub outputs: Vec<NodeId>,
}

/// A composite that is a part of an attention. `columns` is the tensor itself, the transpose of which the body reads.
struct Composite {
    operator: Operator,
    part: AttentionPart,
    operands: AttentionOperands,
}

impl Attention {
    /// The pass whose first composite (m, or dq) this node is; nothing if one of its three is missing or `opaque`.
    pub fn of(nodes: &[Node], first: NodeId, opaque: &BTreeSet<NodeId>) -> Option<Attention> {
        let head = Composite::of(nodes, first, opaque)?;
        let find = |part, wanted: &dyn Fn(&AttentionOperands) -> bool| {
            (first + 1..nodes.len() as NodeId).find_map(|id| {
                let found = Composite::of(nodes, id, opaque)?;
                let same = found.part == part && found.operator == head.operator && wanted(&found.operands);
                same.then_some((id, found.operands))
            })
        };
        let AttentionOperands { q, k, v, m, l, d, gradient, .. } = head.operands;
        let (pass, inputs, outputs) = match head.part {
            AttentionPart::Maximum => {
                let same = |other: &AttentionOperands| (other.q, other.k, other.m) == (q, k, first);
                let (l, _) = find(AttentionPart::Sum, &same)?;
                let (o, found) = find(AttentionPart::Output, &|other| same(other) && other.l == l)?;
                (Pass::Forward, vec![q, k, found.columns], vec![first, l, o])
            }
            AttentionPart::Query if head.operands.columns == k => {
                let same = |other: &AttentionOperands| (other.q, other.k, other.m, other.l) == (q, k, m, l);
                let for_key = |other: &AttentionOperands| {
                    same(other) && (other.v, other.d, other.gradient, other.columns) == (v, d, gradient, q)
                };
                let (dk, _) = find(AttentionPart::Key, &for_key)?;
                let (dv, _) = find(AttentionPart::Value, &|other| same(other) && other.columns == gradient)?;
                (Pass::Backward, vec![q, k, v, m, l, d, gradient], vec![first, dk, dv])
            }
            _ => return None,
        };
        let unchanged = outputs.iter().all(|node| !opaque.contains(node));
        unchanged.then(|| Attention { kernel: kernel(nodes, &head.operator, pass, q), inputs, outputs })
    }
}

fn kernel(nodes: &[Node], operator: &Operator, pass: Pass, q: NodeId) -> AttentionKernel {
    let rows = nodes[q as usize].len() / (operator.heads * operator.head_size);
    AttentionKernel {
        pass,
        batch: (rows / operator.queries) as usize,
        time: operator.time as usize,
        queries: operator.queries as usize,
        heads: operator.heads as usize,
        group: operator.group() as usize,
        head_size: operator.head_size as usize,
        scale: operator.scale.to_bits(),
        numerics: operator.numerics,
    }
}

impl Composite {
    fn of(nodes: &[Node], id: NodeId, opaque: &BTreeSet<NodeId>) -> Option<Composite> {
        let (operator, part, mut operands) = Operator::recognize(&nodes[id as usize])?;
        let Operator { time, queries, heads, key_heads, head_size, .. } = operator;
        let rows = nodes[id as usize].shape[0];
        let sequences = rows / queries;
        if !rows.is_multiple_of(queries) || !has_sizes(nodes, &operator, part, &operands, sequences) {
            return None;
        }
        let of_keys = [time * key_heads * head_size, head_size, 1, key_heads * head_size];
        let of_queries =
            [time * heads * head_size, operator.group() * head_size, 1, head_size, heads * head_size];
        let strides: &[u64] = match part {
            AttentionPart::Maximum | AttentionPart::Sum => {
                return Some(Composite { operator, part, operands });
            }
            AttentionPart::Output | AttentionPart::Query => &of_keys,
            AttentionPart::Key | AttentionPart::Value => &of_queries,
        };
        let key_shape = [sequences, key_heads, head_size, time];
        let query_shape = [sequences, key_heads, head_size, operator.group(), time];
        let shape: &[u64] = if strides.len() == key_shape.len() { &key_shape } else { &query_shape };
        let columns = &nodes[operands.columns as usize];
        let (source, found) = permutation(columns)?;
        let is_whole = columns.shape == shape && nodes[source as usize].len() == columns.len();
        if found != strides || !is_whole || opaque.contains(&operands.columns) {
            return None;
        }
        operands.columns = source;
        Some(Composite { operator, part, operands })
    }
}

/// Whether the tensors that a part reads are as large as its rows need: a smaller one would be read beyond its end, as zeros.
fn has_sizes(
    nodes: &[Node],
    operator: &Operator,
    part: AttentionPart,
    operands: &AttentionOperands,
    sequences: u64,
) -> bool {
    let Operator { time, queries, heads, key_heads, head_size, .. } = *operator;
    let is = |node: NodeId, len: u64| nodes[node as usize].len() == len;
    let scalars = sequences * queries * heads;
    let (queries, keys) = (scalars * head_size, sequences * time * key_heads * head_size);
    let AttentionOperands { q, k, v, m, l, d, gradient, .. } = *operands;
    let scores = is(q, queries) && is(k, keys);
    let sums = || is(m, scalars) && is(l, scalars);
    match part {
        AttentionPart::Maximum => scores,
        AttentionPart::Sum => scores && is(m, scalars),
        AttentionPart::Output | AttentionPart::Value => scores && sums(),
        AttentionPart::Query | AttentionPart::Key => {
            scores && sums() && is(d, scalars) && is(v, keys) && is(gradient, queries)
        }
    }
}
