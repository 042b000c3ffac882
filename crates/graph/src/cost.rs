//! What a step costs, exactly: known before anything runs.
//!
//! Floating-point and integer work is counted alike: 2 for every term of a product that is folded, for every term of a sum or
//! maximum 1 and the instructions that make it, for every element of a map its instructions; constants are free. A term
//! that a predicate cuts is not counted. Bytes are 4 for every element that is written, and for every element that is
//! read at least once, each input for itself.

use crate::index::{Atom, Index, Point, coords_of};
use crate::node::{Fold, FoldKind, Input, Kind, Node, Predicate, Relation};
use crate::program::Program;
use samebit_num::{Code, Op};
use std::collections::BTreeMap;
use std::ops::Add;

/// Points at which the predicates of a program are evaluated to count what they keep, in the order of its nodes; beyond, every term is counted.
const ENUMERATIONS_LIMIT: u64 = 1 << 24;

/// Values of a predicate's side that are held at a time, of the side that has fewer: tokens of a sequence, not its pairs.
const HELD_LIMIT: u64 = 1 << 17;

/// Work and traffic of a node or a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Scalar operations.
    pub flops: u64,
    /// Bytes read by an executor that reads each element of an input once.
    pub bytes_read: u64,
    /// Bytes of the outputs.
    pub bytes_written: u64,
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            flops: self.flops.saturating_add(other.flops),
            bytes_read: self.bytes_read.saturating_add(other.bytes_read),
            bytes_written: self.bytes_written.saturating_add(other.bytes_written),
        }
    }
}

impl Program {
    /// The cost of every node, by id.
    pub fn costs(&self) -> Vec<Cost> {
        let mut counter = Counter { program: self, counted: BTreeMap::new(), left: ENUMERATIONS_LIMIT };
        self.nodes.iter().map(|node| counter.node(node)).collect()
    }

    /// The cost of a step.
    pub fn cost(&self) -> Cost {
        self.costs().into_iter().fold(Cost::default(), Cost::add)
    }
}

/// Remembers the terms that predicates keep: layers repeat them.
struct Counter<'a> {
    program: &'a Program,
    counted: BTreeMap<(Index, u8, Index, Domain), u64>,
    /// Points that may still be looked at.
    left: u64,
}

/// The values that a predicate's maps are evaluated on: output coordinates, fold indices, rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Domain {
    shape: Vec<u64>,
    extent: u64,
    rows: u64,
}

impl Counter<'_> {
    fn node(&mut self, node: &Node) -> Cost {
        match &node.kind {
            Kind::State(_) | Kind::Table(_) => Cost::default(),
            Kind::Map { .. } | Kind::Fold(_) => {
                let accesses = accesses(node);
                let read = |input: &Input| self.bytes(input).min(accesses.saturating_mul(4));
                let bytes_read = node.inputs().iter().map(read).sum();
                Cost { flops: self.flops(node, 1), bytes_read, bytes_written: 4 * node.len() }
            }
            Kind::Composite { row_length, body } => {
                let rows = node.len() / row_length;
                let flops = body.iter().fold(0u64, |sum, inner| sum.saturating_add(self.flops(inner, rows)));
                let bytes_read = node.reads().iter().map(|read| 4 * self.len(*read)).sum();
                Cost { flops, bytes_read, bytes_written: 4 * node.len() }
            }
        }
    }

    fn len(&self, node: u32) -> u64 {
        self.program.nodes[node as usize].len()
    }

    fn bytes(&self, input: &Input) -> u64 {
        match input {
            Input::Outer(node, _) => 4 * self.len(*node),
            Input::Body(..) | Input::Value(_) => 0,
        }
    }

    /// The work of a map or fold, run `rows` times.
    fn flops(&mut self, node: &Node, rows: u64) -> u64 {
        match &node.kind {
            Kind::Map { code, .. } => product([rows, node.len(), instructions(code)]),
            Kind::Fold(fold) => {
                let term = match fold.kind {
                    FoldKind::Product(_) => 2,
                    FoldKind::Sum | FoldKind::Max => 1 + instructions(&fold.code),
                };
                term.saturating_mul(self.terms(node, fold, rows))
            }
            _ => 0,
        }
    }

    /// The terms that are folded, over all elements and rows.
    fn terms(&mut self, node: &Node, fold: &Fold, rows: u64) -> u64 {
        let domain = Domain { shape: node.shape.clone(), extent: fold.extent, rows };
        let Some(predicate) = &fold.predicate else { return domain.len() };
        let key = (predicate.left.clone(), predicate.relation as u8, predicate.right.clone(), domain);
        if let Some(known) = self.counted.get(&key) {
            return *known;
        }
        let count = key.3.kept(predicate, &mut self.left);
        self.counted.insert(key, count);
        count
    }
}

fn accesses(node: &Node) -> u64 {
    match &node.kind {
        Kind::Fold(fold) => node.len().saturating_mul(fold.extent),
        _ => node.len(),
    }
}

fn instructions(code: &Code) -> u64 {
    code.instrs().iter().filter(|instr| !matches!(instr.op, Op::Const | Op::IConst)).count() as u64
}

impl Domain {
    fn len(&self) -> u64 {
        product(self.extents())
    }

    /// The points at which the predicate holds. An element of an integer tensor, which is not known before the run, is
    /// taken to equal exactly one coordinate, as a token is one of the vocabulary. `left_points` are those that may be looked at.
    fn kept(&self, predicate: &Predicate, left_points: &mut u64) -> u64 {
        let Predicate { left, relation, right } = predicate;
        let mut is_element = |atom: &Atom| matches!(atom, Atom::Element(..));
        if left.any(&mut is_element) || right.any(&mut is_element) {
            let coordinates = [left, right].into_iter().find_map(|side| self.only_coordinate(side));
            return self.len() / coordinates.unwrap_or(1);
        }
        let (left_axes, right_axes) = (self.axes(left), self.axes(right));
        let shared = left_axes.iter().zip(&right_axes).any(|(left, right)| *left && *right);
        let count = |axes: &[bool]| {
            let extents = self.extents().into_iter().zip(axes);
            product(extents.filter(|(_, used)| **used).map(|(extent, _)| extent))
        };
        let (lefts, rights) = (count(&left_axes), count(&right_axes));
        let (held, points) = if shared { (0, self.len()) } else { (lefts.min(rights), lefts.max(rights)) };
        if held > HELD_LIMIT || points > *left_points {
            return self.len();
        }
        *left_points -= points;
        if shared {
            return self.enumerate(predicate);
        }
        let used = |at: usize| left_axes[at] || right_axes[at];
        let others = product(
            self.extents().into_iter().enumerate().filter(|(at, _)| !used(*at)).map(|(_, extent)| extent),
        );
        let sides = [self.values(left, &left_axes), self.values(right, &right_axes)];
        pairs(sides, lefts < rights, *relation).saturating_mul(others)
    }

    /// The extent of the coordinate that the map is, if it is one.
    fn only_coordinate(&self, index: &Index) -> Option<u64> {
        match index.terms.as_slice() {
            [(1, Atom::Coord(dimension))] if index.constant == 0 => {
                self.shape.get(usize::from(*dimension)).copied()
            }
            _ => None,
        }
    }

    /// Every extent: the coordinates', the fold's, the rows.
    fn extents(&self) -> Vec<u64> {
        self.shape.iter().copied().chain([self.extent, self.rows]).collect()
    }

    /// Which of the extents the map depends on.
    fn axes(&self, index: &Index) -> Vec<bool> {
        let rank = self.shape.len();
        let mut axes = vec![false; rank + 2];
        index.any(&mut |atom| {
            match atom {
                Atom::Coord(dimension) => axes[usize::from(*dimension)] = true,
                Atom::Fold => axes[rank] = true,
                Atom::Row => axes[rank + 1] = true,
                _ => {}
            }
            false
        });
        axes
    }

    /// The map's values over the axes that it depends on.
    fn values<'a>(&'a self, index: &'a Index, axes: &[bool]) -> impl Iterator<Item = u64> + use<'a> {
        let extents =
            self.extents().into_iter().zip(axes).map(|(extent, used)| if *used { extent } else { 1 });
        let extents: Vec<u64> = extents.collect();
        let count: u64 = extents.iter().product();
        let mut point = Vec::new();
        (0..count).map(move |flat| {
            coords_of(flat, &extents, &mut point);
            index.eval(&self.point(&point), &|_, _| 0)
        })
    }

    fn point<'a>(&self, at: &'a [u64]) -> Point<'a> {
        let (coords, rest) = at.split_at(self.shape.len());
        Point { coords, fold: rest[0], row: rest[1], step: 0 }
    }

    fn enumerate(&self, predicate: &Predicate) -> u64 {
        let extents = self.extents();
        let mut at = Vec::new();
        let holds = |flat: &u64| {
            coords_of(*flat, &extents, &mut at);
            let value = |index: &Index| index.eval(&self.point(&at), &|_, _| 0);
            predicate.relation.holds(value(&predicate.left), value(&predicate.right))
        };
        (0..self.len()).filter(holds).count() as u64
    }
}

/// The product, or the greatest number if it is beyond 64 bits.
fn product(factors: impl IntoIterator<Item = u64>) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}

/// In how many pairs of a left and a right value the relation holds. One of the sides is held, the other is looked at value by value.
fn pairs(sides: [impl Iterator<Item = u64>; 2], left_is_held: bool, relation: Relation) -> u64 {
    let [left, right] = sides;
    let (held, other) = if left_is_held { (left, right) } else { (right, left) };
    let mut held: Vec<u64> = held.collect();
    held.sort_unstable();
    let partners = |value: u64| {
        let below = held.partition_point(|held| *held < value);
        let up_to = held.partition_point(|held| *held <= value);
        (match (relation, left_is_held) {
            (Relation::Equal, _) => up_to - below,
            (Relation::Less, true) => below,
            (Relation::LessOrEqual, true) => up_to,
            (Relation::Less, false) => held.len() - up_to,
            (Relation::LessOrEqual, false) => held.len() - below,
        }) as u64
    };
    other.map(partners).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{coord, fold, row};

    fn domain() -> Domain {
        Domain { shape: vec![3, 5], extent: 7, rows: 4 }
    }

    #[test]
    fn separable_predicates_are_counted_as_by_enumeration() {
        let maps = [
            fold(),
            coord(1),
            row(),
            fold().modulo(3),
            row().div(2) + coord(0),
            Index::from(2),
            coord(0).times(2) + coord(1),
        ];
        for relation in [Relation::Less, Relation::LessOrEqual, Relation::Equal] {
            for (left, right) in maps.iter().flat_map(|left| maps.iter().map(move |right| (left, right))) {
                let predicate = Predicate { left: left.clone(), relation, right: right.clone() };
                let mut points = ENUMERATIONS_LIMIT;
                let kept = domain().kept(&predicate, &mut points);
                assert_eq!(kept, domain().enumerate(&predicate), "{predicate:?}");
                let all = domain().kept(&predicate, &mut 0);
                assert!(all == domain().len() && points < ENUMERATIONS_LIMIT, "{predicate:?}");
            }
        }
    }

    #[test]
    fn a_side_of_many_values_is_looked_at_and_one_of_few_is_held() {
        let kept = |tokens: u64| {
            let square = Domain { shape: vec![HELD_LIMIT + 1], extent: tokens, rows: 1 };
            let predicate = Predicate { left: fold(), relation: Relation::LessOrEqual, right: coord(0) };
            (square.kept(&predicate, &mut { ENUMERATIONS_LIMIT }), square.len())
        };
        let tokens = HELD_LIMIT;
        assert_eq!(
            kept(tokens).0,
            tokens * (tokens + 1) / 2 + tokens,
            "pairs of a token and one not after it"
        );
        let (found, all) = kept(tokens + 1);
        assert_eq!(found, all, "neither side may be held");
    }

    #[test]
    fn causal_attention_folds_half_a_square() {
        let (program, ..) = crate::fixtures::llama(crate::fixtures::Dims { layers: 1, ..Default::default() });
        let costs = program.costs();
        let of = |op: &str| {
            let id = program.nodes.iter().position(|node| node.op == op).expect("a node of the operator");
            costs[id].flops
        };
        // B = 2, T = 5, H = 2, Hk = 1, D = 12: a pair (t, j ≤ t) for each head, 15 of them a sequence.
        let (pairs, rows) = (2 * 2 * 15, 2 * 5 * 2);
        assert_eq!(of("attention_m"), pairs * 2 * 12 + pairs * 2);
        let exponential = program.nodes.iter().find(|node| node.op == "attention").map(|node| {
            let Kind::Composite { body, .. } = &node.kind else { panic!("attention is a composite") };
            let Kind::Map { code, .. } = &body[1].kind else { panic!("its second node is a map") };
            instructions(code)
        });
        let exponentials = rows * 5 * exponential.expect("there is attention");
        assert_eq!(of("attention"), pairs * 2 * 12 * 2 + exponentials + rows * 12);
        assert_eq!(of("linear"), 2 * 10 * 24 * 24, "2 · N · K · M");
        assert_eq!(of("lookup_dw"), 10 * 24, "each token's gradient is added once");
        assert_eq!(program.cost().flops, costs.iter().map(|cost| cost.flops).sum());
    }

    #[test]
    fn bytes_are_those_of_the_elements_touched() {
        let (program, ..) = crate::fixtures::gpt(crate::fixtures::Dims::default());
        let costs = program.costs();
        let lookup = program.nodes.iter().position(|node| node.op == "lookup").expect("a look-up");
        assert_eq!(costs[lookup].bytes_written, 4 * 10 * 24);
        assert_eq!(costs[lookup].bytes_read, 4 * 10 * 24, "not the whole vocabulary");
        assert!(program.nodes.iter().zip(&costs).all(|(node, cost)| match node.kind {
            Kind::State(_) | Kind::Table(_) => *cost == Cost::default(),
            _ => cost.bytes_written == 4 * node.len(),
        }));
    }
}
