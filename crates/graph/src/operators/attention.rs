//! Causal attention as composites: the T × T scores exist only inside a row, and are traced when a row is disputed.
//!
//! ```text
//! forward    s[j] = q·k[j]     m = max s·c     e = exp(s·c − m)     l = Σ e     U = Σ e·v     o = U / l      over j ≤ t
//! backward   P = exp(s·c − m) · (1/l)     dP = dO·v     D = Σ dO·o     dS = (P·(dP − D))·c
//!            dq = Σ dS·k over j ≤ t; dk = Σ dS·q, dv = Σ P·dO over x = g·T + t with j ≤ t
//! ```
//!
//! B sequences of T positions, H query heads of size D; G query heads share one of Hk = H/G key heads. A query's row is
//! (b·T + t)·H + h, a key's (b·T + j)·Hk + hk. What stands beyond the mask is never read.
//!
//! A step may have the queries of R positions only, those at t = (step·R + r) mod T, beside the keys and values of all that are kept
//! from step to step: a query's row is (b·R + r)·H + h then. Nothing else differs, so position t has the same bits.
//!
//! All products but D are of the attention's [`Numerics`]. Exact folds over keys go on to a whole block: which blocks the mask cuts, and so
//! the bits of position t, follow from t alone and not from T.

use super::{Call, Operator, Row, arity, at, suits};
use crate::builder::{self, Builder, matrix};
use crate::error::GraphError;
use crate::index::{Atom, Index, coord, fold, row, step};
use crate::limits::BLOCK;
use crate::node::{Fold, FoldKind, Input, Kind, Node, NodeId, Predicate, Relation};
use crate::scalar;
use samebit_num::fold::Numerics;
use samebit_num::{Arith, Code, Op, Recorder, RegF, functions};

pub(super) const ROW: Row = Row {
    name: "attention",
    signature: "q [B·R, H·D], k [B·T, Hk·D], v [B·T, Hk·D] → [B·R, H, D]",
    formula: "s = q·k over d; m = max s·c; e = exp(s·c − m); l = Σe; o = (Σ e·v) / l, over keys j ≤ t = (step·R + r) mod T; R = T in training. \
              P = exp(s·c − m) · (1/l); dP = dO·v; D = Σ dO·o; dS = (P·(dP − D))·c; dq = Σ dS·k; dk = Σ dS·q; dv = Σ P·dO",
};

/// Heads of an attention that is recognized.
const HEAD_LIMIT: u64 = 1 << 12;
/// Elements of a head of an attention that is recognized.
const HEAD_SIZE_LIMIT: u64 = 1 << 16;
/// Positions of a sequence of an attention that is recognized.
const TIME_LIMIT: u64 = 1 << 30;

/// Causal attention: q \[B·R, H·D\], k and v \[B·T, Hk·D\] → \[B·R, H, D\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// T, positions of a sequence.
    pub time: u64,
    /// R, positions whose queries a step has; a divisor of T. A gradient needs all of them.
    pub queries: u64,
    /// H, query heads.
    pub heads: u64,
    /// Hk, key heads; a divisor of H.
    pub key_heads: u64,
    /// D, elements of a head.
    pub head_size: u64,
    /// c, the factor of the scores.
    pub scale: f32,
    /// How the products are computed, forward and backward.
    pub numerics: Numerics,
}

/// Which composite of an attention a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionPart {
    /// m \[N, H\].
    Maximum,
    /// l \[N, H\].
    Sum,
    /// o \[N, H, D\].
    Output,
    /// dq \[N, H, D\].
    Query,
    /// dk \[N, Hk, D\].
    Key,
    /// dv \[N, Hk, D\].
    Value,
}

/// What the composites of an attention read; a part's body uses some of them, the others are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttentionOperands {
    /// Queries.
    pub q: NodeId,
    /// Keys.
    pub k: NodeId,
    /// Values.
    pub v: NodeId,
    /// Row maxima.
    pub m: NodeId,
    /// Row sums.
    pub l: NodeId,
    /// Σ dO·o.
    pub d: NodeId,
    /// dO.
    pub gradient: NodeId,
    /// The second factor of the last product, time last: v for the output, k for dq, q for dk, dO for dv.
    pub columns: NodeId,
}

impl Operator for Attention {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn shape(&self, inputs: &[&[u64]]) -> Result<Vec<u64>, GraphError> {
        let [q, k, v] = arity(ROW.name, inputs)?.map(matrix);
        let whole = self.key_heads > 0 && self.heads.is_multiple_of(self.key_heads) && self.time > 0;
        suits(whole, ROW.name, inputs, "key heads divide the query heads")?;
        let columns = q.1 == self.heads * self.head_size && k.1 == self.key_heads * self.head_size && k == v;
        suits(columns, ROW.name, inputs, "q is [N, H·D], k and v are [N, Hk·D]")?;
        suits(self.has_whole_steps(), ROW.name, inputs, "the queries of a step divide the positions")?;
        let rows = k.0.is_multiple_of(self.time) && q.0 == k.0 / self.time * self.queries;
        suits(rows, ROW.name, inputs, "k and v have whole sequences of T rows, q has R rows for each")?;
        Ok(vec![q.0, self.heads, self.head_size])
    }

    fn forward(&self, builder: &mut Builder, inputs: &[NodeId]) -> NodeId {
        let mut operands = self.statistics(builder, inputs);
        operands.columns = self.key_columns(builder, "attention_vt", operands.v);
        self.composite(builder, AttentionPart::Output, &operands)
    }

    fn gradient(&self, builder: &mut Builder, call: &Call<'_>) -> Vec<Option<NodeId>> {
        assert_eq!(self.queries, self.time, "a gradient needs the queries of all positions");
        let mut operands = self.statistics(builder, call.inputs);
        let rows = builder.matrix(operands.q).0;
        let head = coord(0).times(self.heads * self.head_size) + coord(1).times(self.head_size) + fold();
        let (a, b) = ((call.gradient, head.clone()), (call.output, head));
        operands.d = builder.product("attention_d", Numerics::F32, &[rows, self.heads], self.head_size, a, b);
        operands.gradient = call.gradient;
        operands.columns = self.key_columns(builder, "attention_kt", operands.k);
        let dq = self.composite(builder, AttentionPart::Query, &operands);
        operands.columns = self.query_columns(builder, "attention_qt", operands.q);
        let dk = self.composite(builder, AttentionPart::Key, &operands);
        operands.columns = self.query_columns(builder, "attention_dot", operands.gradient);
        let dv = self.composite(builder, AttentionPart::Value, &operands);
        vec![Some(dq), Some(dk), Some(dv)]
    }
}

impl AttentionPart {
    const fn op(self) -> &'static str {
        match self {
            AttentionPart::Maximum => "attention_m",
            AttentionPart::Sum => "attention_l",
            AttentionPart::Output => "attention",
            AttentionPart::Query => "attention_dq",
            AttentionPart::Key => "attention_dk",
            AttentionPart::Value => "attention_dv",
        }
    }
}

impl Attention {
    /// G, query heads that share a key head.
    pub fn group(&self) -> u64 {
        self.heads / self.key_heads
    }

    /// Which attention, which part of it and on what a composite is; `None` if it is another composite.
    ///
    /// The dimensions are read off the node, and the body must be, map by map, what this operator writes for them.
    pub fn recognize(node: &Node) -> Option<(Attention, AttentionPart, AttentionOperands)> {
        let Kind::Composite { row_length, body } = &node.kind else { return None };
        let (rows, width) = (*node.shape.first()?, *node.shape.get(1)?);
        let part = part_of(body)?;
        let shape = dimensions(part, body)?;
        let operands = operands_of(part, body)?;
        let with = |heads, key_heads| Attention { heads, key_heads, ..shape };
        let candidates: Vec<Attention> = match part {
            AttentionPart::Key | AttentionPart::Value => {
                let group = body[0].shape.first()? / shape.time;
                vec![with(width.checked_mul(group)?, width)]
            }
            _ if width > HEAD_LIMIT => return None,
            _ => (1..=width)
                .filter(|count| width.is_multiple_of(*count))
                .map(|count| with(width, count))
                .collect(),
        };
        let found = candidates.into_iter().find(|attention| {
            attention.is_plausible()
                && attention.shape_of(part, rows) == node.shape
                && attention.row_length(part) == *row_length
                && attention.body(part, &operands) == *body
        })?;
        Some((found, part, operands))
    }

    /// Whether the dimensions are so small that no product of them overflows.
    fn is_plausible(&self) -> bool {
        let heads = self.key_heads > 0 && self.heads >= self.key_heads && self.heads <= HEAD_LIMIT;
        let sizes = (1..=TIME_LIMIT).contains(&self.time) && (1..=HEAD_SIZE_LIMIT).contains(&self.head_size);
        heads && sizes && self.has_whole_steps()
    }

    fn has_whole_steps(&self) -> bool {
        self.queries > 0 && self.time.is_multiple_of(self.queries)
    }

    fn row_length(&self, part: AttentionPart) -> u64 {
        match part {
            AttentionPart::Maximum | AttentionPart::Sum => 1,
            _ => self.head_size,
        }
    }

    fn shape_of(&self, part: AttentionPart, rows: u64) -> Vec<u64> {
        match part {
            AttentionPart::Maximum | AttentionPart::Sum => vec![rows, self.heads],
            AttentionPart::Output | AttentionPart::Query => vec![rows, self.heads, self.head_size],
            AttentionPart::Key | AttentionPart::Value => vec![rows, self.key_heads, self.head_size],
        }
    }

    fn composite(&self, builder: &mut Builder, part: AttentionPart, operands: &AttentionOperands) -> NodeId {
        let shape = self.shape_of(part, builder.matrix(operands.q).0);
        builder.composite(part.op(), &shape, self.row_length(part), self.body(part, operands))
    }

    /// q, k, v, and m and l, \[N, H\] each.
    fn statistics(&self, builder: &mut Builder, inputs: &[NodeId]) -> AttentionOperands {
        let mut operands =
            AttentionOperands { q: inputs[0], k: inputs[1], v: inputs[2], ..Default::default() };
        operands.m = self.composite(builder, AttentionPart::Maximum, &operands);
        operands.l = self.composite(builder, AttentionPart::Sum, &operands);
        operands
    }

    fn body(&self, part: AttentionPart, operands: &AttentionOperands) -> Vec<Node> {
        let &AttentionOperands { q, k, v, m, l, gradient, columns, .. } = operands;
        match part {
            AttentionPart::Maximum => vec![self.scores("scores", q, k), self.maximum()],
            AttentionPart::Sum => vec![self.scores("scores", q, k), self.exponentials(m), self.sum()],
            AttentionPart::Output => vec![
                self.scores("scores", q, k),
                self.exponentials(m),
                self.query_total("weighted", 1, columns),
                self.quotient(l),
            ],
            AttentionPart::Query => vec![
                self.scores("scores", q, k),
                self.weights(self.time, operands, row()),
                self.scores("dweights", gradient, v),
                self.slopes(self.time, operands, row()),
                self.query_total("dq", 3, columns),
            ],
            AttentionPart::Key => vec![
                self.key_scores("scores", q, k),
                self.weights(self.group() * self.time, operands, self.key_query(coord(0))),
                self.key_scores("dweights", gradient, v),
                self.slopes(self.group() * self.time, operands, self.key_query(coord(0))),
                self.key_total("dk", 3, columns),
            ],
            AttentionPart::Value => vec![
                self.key_scores("scores", q, k),
                self.weights(self.group() * self.time, operands, self.key_query(coord(0))),
                self.key_total("dv", 1, columns),
            ],
        }
    }

    /// \[T\]: the row's query, or gradient of an output, times each key or value that it sees.
    fn scores(&self, op: &str, queries: NodeId, keys: NodeId) -> Node {
        let query = at(queries, row().times(self.head_size) + fold());
        let key = at(keys, self.query_key(coord(0)).times(self.head_size) + fold());
        let sees = causal(coord(0), self.query_time());
        self.product(op, self.time, self.head_size, [query, key], sees)
    }

    /// m = max s·c.
    fn maximum(&self) -> Node {
        let scale = self.scale.to_bits();
        let scaled = scalar::floats(|m, [s]| {
            let factor = m.constant(scale);
            m.mul(s, factor)
        });
        let terms = vec![Input::Body(0, fold())];
        builder::fold("maximum", &[1], FoldKind::Max, self.time, terms, scaled, self.sees())
    }

    /// e \[T\] = exp(s·c − m).
    fn exponentials(&self, m: NodeId) -> Node {
        let scale = self.scale.to_bits();
        let code = scalar::floats(|arith, [s, m]| exponential(arith, s, m, scale));
        builder::map("exponentials", &[self.time], vec![Input::Body(0, coord(0)), at(m, row())], code)
    }

    /// l = Σ e.
    fn sum(&self) -> Node {
        let terms = vec![Input::Body(1, fold())];
        builder::fold("sum", &[1], FoldKind::Sum, self.time, terms, scalar::copy(), self.sees())
    }

    /// o = U / l, of body node 2.
    fn quotient(&self, l: NodeId) -> Node {
        let code = scalar::floats(|m, [weighted, sum]| m.div(weighted, sum));
        builder::map("output", &[self.head_size], vec![Input::Body(2, coord(0)), at(l, row())], code)
    }

    /// \[D\]: Σ over j of a body node and a column of keys or values.
    fn query_total(&self, op: &str, weights: NodeId, columns: NodeId) -> Node {
        let factors = [Input::Body(weights, fold()), at(columns, self.query_key_column(fold()))];
        self.product(op, self.head_size, self.key_extent(), factors, self.sees())
    }

    /// Terms of a fold over keys.
    fn key_extent(&self) -> u64 {
        match self.numerics {
            Numerics::F32 => self.time,
            Numerics::Exact(_) => self.time.next_multiple_of(BLOCK),
        }
    }

    /// In a query's row: fold index j is a key that the query sees.
    fn sees(&self) -> Option<Predicate> {
        causal(fold(), self.query_time())
    }

    /// \[G·T\]: the row's key or value times each query, or gradient of an output, that sees it.
    fn key_scores(&self, op: &str, queries: NodeId, keys: NodeId) -> Node {
        let query = at(queries, self.key_query(coord(0)).times(self.head_size) + fold());
        let key = at(keys, row().times(self.head_size) + fold());
        let sees = causal(self.key_time(), self.position(coord(0)));
        self.product(op, self.group() * self.time, self.head_size, [query, key], sees)
    }

    /// The last node of dk or dv: \[D\], Σ over x of a body node and a column.
    fn key_total(&self, op: &str, weights: NodeId, columns: NodeId) -> Node {
        let terms = self.group() * self.time;
        let column = (self.key_head().times(self.head_size) + coord(0)).times(terms) + fold();
        let sees = causal(self.key_time(), self.position(fold()));
        self.product(op, self.head_size, terms, [Input::Body(weights, fold()), at(columns, column)], sees)
    }

    fn product(
        &self,
        op: &str,
        len: u64,
        extent: u64,
        factors: [Input; 2],
        predicate: Option<Predicate>,
    ) -> Node {
        builder::product(op, self.numerics, &[len], extent, factors.to_vec(), predicate)
    }

    /// P = exp(s·c − m) · (1/l), of body node 0, for the query rows at `place`.
    fn weights(&self, terms: u64, operands: &AttentionOperands, place: Index) -> Node {
        let scale = self.scale.to_bits();
        let code = scalar::floats(|arith, [s, m, l]| {
            let value = exponential(arith, s, m, scale);
            let one = arith.constant(1f32.to_bits());
            let inverse = arith.div(one, l);
            arith.mul(value, inverse)
        });
        let inputs = vec![Input::Body(0, coord(0)), at(operands.m, place.clone()), at(operands.l, place)];
        builder::map("weights", &[terms], inputs, code)
    }

    /// dS = (P·(dP − D))·c, of body nodes 1 and 2, for the query rows at `place`.
    fn slopes(&self, terms: u64, operands: &AttentionOperands, place: Index) -> Node {
        let inputs = vec![Input::Body(1, coord(0)), Input::Body(2, coord(0)), at(operands.d, place)];
        builder::map("slopes", &[terms], inputs, self.slope_code())
    }

    fn slope_code(&self) -> Code {
        let scale = self.scale.to_bits();
        scalar::floats(|arith, [weight, dweight, d]| {
            let factor = arith.constant(scale);
            let difference = arith.sub(dweight, d);
            let product = arith.mul(weight, difference);
            arith.mul(product, factor)
        })
    }

    /// In a query's row: t.
    fn query_time(&self) -> Index {
        let place = row().div(self.heads).modulo(self.queries);
        if self.queries == self.time {
            return place;
        }
        (step().times(self.queries) + place).modulo(self.time)
    }

    /// In a query's row: b.
    fn query_sequence(&self) -> Index {
        row().div(self.queries * self.heads)
    }

    /// In a query's row: the key row of position j.
    fn query_key(&self, j: Index) -> Index {
        let sequence = self.query_sequence().times(self.time * self.key_heads);
        let key_head = row().modulo(self.heads).div(self.group());
        sequence + j.times(self.key_heads) + key_head
    }

    /// In a query's row: where dimension coord(0) of position j stands in the transposed keys or values \[B, Hk, D, T\].
    fn query_key_column(&self, j: Index) -> Index {
        let head = self.query_sequence().times(self.key_heads) + row().modulo(self.heads).div(self.group());
        (head.times(self.head_size) + coord(0)).times(self.time) + j
    }

    /// In a key's row: j.
    fn key_time(&self) -> Index {
        row().div(self.key_heads).modulo(self.time)
    }

    /// In a key's row: b·Hk + hk.
    fn key_head(&self) -> Index {
        row().div(self.time * self.key_heads).times(self.key_heads) + row().modulo(self.key_heads)
    }

    /// The t of x = g·T + t.
    fn position(&self, x: Index) -> Index {
        if self.group() == 1 { x } else { x.modulo(self.time) }
    }

    /// In a key's row: the query row of x = g·T + t.
    fn key_query(&self, x: Index) -> Index {
        let sequence = row().div(self.time * self.key_heads).times(self.time * self.heads);
        let first = row().modulo(self.key_heads).times(self.group());
        if self.group() == 1 {
            return sequence + x.times(self.heads) + first;
        }
        sequence + self.position(x.clone()).times(self.heads) + first + x.div(self.time)
    }

    /// \[B, Hk, D, T\]: the keys or values with time last.
    fn key_columns(&self, builder: &mut Builder, op: &str, x: NodeId) -> NodeId {
        let Attention { time, key_heads, head_size, .. } = *self;
        let sequences = builder.len(x) / (time * key_heads * head_size);
        let strides = [time * key_heads * head_size, head_size, 1, key_heads * head_size];
        builder.permute(op, x, &[sequences, key_heads, head_size, time], &strides)
    }

    /// \[B, Hk, D, G, T\]: the queries, or gradients of outputs, with group and time last.
    fn query_columns(&self, builder: &mut Builder, op: &str, x: NodeId) -> NodeId {
        let Attention { time, heads, key_heads, head_size, .. } = *self;
        let group = self.group();
        let sequences = builder.len(x) / (time * heads * head_size);
        let shape = [sequences, key_heads, head_size, group, time];
        let strides = [time * heads * head_size, group * head_size, 1, head_size, heads * head_size];
        builder.permute(op, x, &shape, &strides)
    }
}

/// The part that a body of this form can only be.
fn part_of(body: &[Node]) -> Option<AttentionPart> {
    let Kind::Fold(scores) = &body.first()?.kind else { return None };
    let by_row = scores.predicate.as_ref()?.left == coord(0);
    let last_kind = match &body.last()?.kind {
        Kind::Fold(fold) => Some(fold.kind),
        _ => None,
    };
    match (body.len(), last_kind) {
        (2, Some(FoldKind::Max)) => Some(AttentionPart::Maximum),
        (3, Some(FoldKind::Sum)) => Some(AttentionPart::Sum),
        (4, None) => Some(AttentionPart::Output),
        (5, Some(FoldKind::Product(_))) if by_row => Some(AttentionPart::Query),
        (5, Some(FoldKind::Product(_))) => Some(AttentionPart::Key),
        (3, Some(FoldKind::Product(_))) => Some(AttentionPart::Value),
        _ => None,
    }
}

/// T, R, D, the scale and the numerics, read off the places of a part's body that hold them; no heads.
fn dimensions(part: AttentionPart, body: &[Node]) -> Option<Attention> {
    let Kind::Fold(scores) = &body[0].kind else { return None };
    let FoldKind::Product(numerics) = scores.kind else { return None };
    let (Kind::Map { code, .. } | Kind::Fold(Fold { code, .. })) = &body[1].kind else { return None };
    let scale = code.instrs().first().filter(|instr| instr.op == Op::Const)?;
    let predicate = scores.predicate.as_ref()?;
    let time = match (part, predicate.left.terms.as_slice()) {
        (AttentionPart::Key | AttentionPart::Value, [(1, Atom::Mod(time, _))]) => *time,
        // A sequence of one position has no predicate worth a modulus: the map is the constant 0.
        (AttentionPart::Key | AttentionPart::Value, _) => 1,
        _ => *body[0].shape.first()?,
    };
    let queries = match predicate.right.terms.as_slice() {
        [(1, Atom::Mod(_, place))] => Some(place.coefficient(&Atom::Step)).filter(|queries| *queries > 0),
        _ => None,
    };
    let (queries, head_size, scale) = (queries.unwrap_or(time), scores.extent, f32::from_bits(scale.imm));
    let found = Attention { time, queries, heads: 0, key_heads: 0, head_size, scale, numerics };
    (time > 0).then_some(found)
}

/// The nodes that a body of this part reads, at the places where this operator writes them.
fn operands_of(part: AttentionPart, body: &[Node]) -> Option<AttentionOperands> {
    let outer = |node: usize, input: usize| match body.get(node)?.inputs().get(input)? {
        Input::Outer(id, _) => Some(*id),
        _ => None,
    };
    let mut found = AttentionOperands { q: outer(0, 0)?, k: outer(0, 1)?, ..Default::default() };
    match part {
        AttentionPart::Maximum => return Some(found),
        AttentionPart::Sum => {}
        AttentionPart::Output => (found.l, found.columns) = (outer(3, 1)?, outer(2, 1)?),
        AttentionPart::Query | AttentionPart::Key => {
            (found.l, found.d, found.columns) = (outer(1, 2)?, outer(3, 2)?, outer(4, 1)?);
            (found.gradient, found.v) = (outer(2, 0)?, outer(2, 1)?);
        }
        AttentionPart::Value => (found.l, found.columns) = (outer(1, 2)?, outer(2, 1)?),
    }
    found.m = outer(1, 1)?;
    Some(found)
}

/// exp(s·c − m).
fn exponential(arith: &mut Recorder, s: RegF, m: RegF, scale: u32) -> RegF {
    let factor = arith.constant(scale);
    let scaled = arith.mul(s, factor);
    let shifted = arith.sub(scaled, m);
    functions::exp(arith, shifted)
}

fn causal(key: Index, query: Index) -> Option<Predicate> {
    Some(Predicate { left: key, relation: Relation::LessOrEqual, right: query })
}
