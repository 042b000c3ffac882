//! What a leaf costs the contract, by a table: every estimate and limit is here and nowhere else.
//!
//! A leaf is one transaction; before it operands may be kept, each in a transaction of its own (docs/spec/dispute.md §5). A transaction costs what it
//! executes, or what its calldata costs at least (EIP-7623), whichever is more. The rows were fitted, rounded up, to the leaves that the
//! referee's gas test measures (contracts/snapshots/gas.json: tensors of 2^28 elements, 8,192 nodes); a test holds the table to that snapshot.

use crate::index::Atom;
use crate::limits::{BLOCK, PAGE};
use crate::node::{Fold, FoldKind, Input, Kind, Node};
use samebit_num::fold::Numerics;
use samebit_num::{Code, Op};
use std::collections::BTreeSet;

/// The most gas of a transaction about a block of a product or a lane of a sum or maximum.
pub const BLOCK_GAS_LIMIT: u64 = 600_000;
/// The most gas of a transaction about an element of a map.
pub const MAP_GAS_LIMIT: u64 = 250_000;
/// The slot under which a fold's predicate is kept; an input's slot is its number.
pub const PREDICATE_SLOT: u8 = 255;

/// Every transaction.
const TRANSACTION: u64 = 21_000;
/// A byte of calldata: what it costs at least, and besides execution.
const FLOOR_BYTE: u64 = 40;
const BYTE: u64 = 16;
/// Question, position and the node's siblings; zero bytes count a quarter.
const LEAF_BYTES: u64 = 1_250;
/// A tensor: one page, its siblings and those of the tensor's root.
const TENSOR_BYTES: u64 = 1_985;
/// The same of a row, whose tree is of at most 64 nodes, and whose tensors of at most 2^16 elements.
const ROW_TENSOR_BYTES: u64 = 1_500;
/// One more page next to another, and one somewhere else.
const NEXT_PAGE_BYTES: u64 = 1_120;
const FAR_PAGE_BYTES: u64 = 1_700;
/// An operand that was kept: its slot.
const KEPT_BYTES: u64 = 32;

/// The game's part of a judgement, whoever is wrong: it finds the game, asks the referee, and moves the money.
const GAME: u64 = 52_000;
/// The game's part of keeping an operand, beside what the operand fills of its storage.
const KEEP: u64 = 19_000;
/// Writing a slot of storage, and reading it for the leaf.
const STORE: u64 = 22_500;
const LOAD: u64 = 2_300;
/// Handing on an operand that was kept.
const KEPT: u64 = 2_500;
/// Reading question, position and node.
const LEAF: u64 = 28_000;
/// Walking over a byte of the node, or hashing it.
const NODE_BYTE: u64 = 20;
/// Opening a tensor, or one more of its pages.
const TENSOR: u64 = 18_000;
const ROW_TENSOR: u64 = 11_500;
const NEXT_PAGE: u64 = 6_000;
/// A tensor that is not the only one of its trace or row: their paths are opened as one batch.
const BESIDE: u64 = 10_500;
/// Evaluating one atom of an index map, once or for every term.
const ATOM: u64 = 750;
const ATOM_OF_TERM: u64 = 640;
/// An input of a term: finding its element.
const INPUT: u64 = 900;
/// One term of an ordered product, and of an exact one of the least scales, where subnormal factors count; others take three quarters of that.
const PRODUCT_TERM: u64 = 1_130;
const EXACT_TERM: u64 = 700;
/// Adding or comparing one term.
const SUM_TERM: u64 = 2_050;

/// Terms of a lane in a block.
const LANE_TERMS: u64 = BLOCK / 16;

/// One instruction, dispatch included.
const fn instruction(op: Op) -> u64 {
    match op {
        Op::Const | Op::IConst => 400,
        Op::Add | Op::Sub | Op::Mul | Op::Fma => 1_150,
        Op::Div | Op::Sqrt => 1_800,
        _ => 750,
    }
}

/// The most gas that a transaction about the node may cost.
pub fn limit(node: &Node) -> u64 {
    if matches!(node.kind, Kind::Fold(_)) { BLOCK_GAS_LIMIT } else { MAP_GAS_LIMIT }
}

/// About how much gas the dearest transaction costs that recomputing an element of a map, a block of a product or a lane of a sum or maximum takes; 0
/// for other nodes. `node_bytes` are those of the program's node, the composite's for a node of a body.
pub fn leaf(node: &Node, node_bytes: u64) -> u64 {
    if !matches!(node.kind, Kind::Map { .. } | Kind::Fold(_)) {
        return 0;
    }
    let slots = kept(node, node_bytes);
    let keeps = slots.iter().map(|slot| keep(node, *slot, node_bytes));
    keeps.chain([last(node, &slots, node_bytes)]).max().unwrap_or(0)
}

/// The operands to be kept before the leaf, so that its transaction is within its limit: inputs by number, then [`PREDICATE_SLOT`]; those that open
/// most first.
pub fn kept(node: &Node, node_bytes: u64) -> Vec<u8> {
    let mut slots = Vec::new();
    let mut candidates = candidates(node);
    candidates.sort_by_key(|slot| std::cmp::Reverse(keep(node, *slot, node_bytes)));
    for slot in candidates {
        if last(node, &slots, node_bytes) <= limit(node) {
            break;
        }
        slots.push(slot);
    }
    slots.sort_unstable();
    slots
}

/// Operands that can be kept: what opens a tensor, and predicates of products that are evaluated term by term.
fn candidates(node: &Node) -> Vec<u8> {
    let (inputs, fold) = match &node.kind {
        Kind::Map { inputs, .. } => (&inputs[..], None),
        Kind::Fold(fold) if fold.kind.is_product() => (&[][..], Some(fold)),
        Kind::Fold(fold) => (&fold.inputs[..], Some(fold)),
        _ => return Vec::new(),
    };
    let opens = |input: &Input| !opened(std::iter::once(input)).places.is_empty();
    let slots = (0u8..).zip(inputs).filter(|(_, input)| opens(input)).map(|(slot, _)| slot);
    let predicate = fold.is_some_and(|fold| fold.predicate.is_some()).then_some(PREDICATE_SLOT);
    slots.chain(predicate).collect()
}

/// Calldata and execution of a transaction.
#[derive(Clone, Copy, Default)]
struct Cost {
    bytes: u64,
    execution: u64,
}

impl Cost {
    fn gas(self) -> u64 {
        TRANSACTION + (FLOOR_BYTE * self.bytes).max(BYTE * self.bytes + self.execution)
    }
}

/// The transaction of the leaf itself, these operands being kept.
fn last(node: &Node, kept: &[u8], node_bytes: u64) -> u64 {
    let not_kept = |slot: &u8| !kept.contains(slot);
    let handed = Cost {
        bytes: KEPT_BYTES * kept.len() as u64,
        execution: kept.iter().map(|slot| KEPT + LOAD * stored(node, *slot)).sum(),
    };
    match &node.kind {
        Kind::Map { inputs, code } => {
            let read = (0u8..).zip(inputs).filter(|(slot, _)| not_kept(slot)).map(|(_, input)| input);
            let execution = GAME + INPUT * inputs.len() as u64 + instructions(code);
            cost(read, node_bytes, 1, handed, execution)
        }
        Kind::Fold(fold) => {
            let values = sides(fold, not_kept(&PREDICATE_SLOT));
            let inputs = (0u8..).zip(&fold.inputs).filter(|(slot, _)| not_kept(slot)).map(|(_, input)| input);
            let terms = fold.extent.min(BLOCK);
            let (terms, term) = match fold.kind {
                // A block that the predicate cuts is folded in order.
                FoldKind::Product(Numerics::Exact(_)) if fold.predicate.is_none() => (terms, EXACT_TERM),
                FoldKind::Product(_) => (terms, PRODUCT_TERM),
                FoldKind::Sum | FoldKind::Max => (
                    terms.min(LANE_TERMS),
                    SUM_TERM + INPUT * fold.inputs.len() as u64 + instructions(&fold.code),
                ),
            };
            cost(
                inputs.chain(&values),
                node_bytes,
                if values.is_empty() { 0 } else { terms },
                handed,
                GAME + term * terms,
            )
        }
        _ => 0,
    }
}

/// The transaction that keeps one operand.
fn keep(node: &Node, slot: u8, node_bytes: u64) -> u64 {
    let game = KEEP + STORE * stored(node, slot);
    let (inputs, terms) = match &node.kind {
        Kind::Map { inputs, .. } => (inputs, 1),
        Kind::Fold(fold) if slot == PREDICATE_SLOT => {
            let terms = if fold.kind.is_product() { BLOCK } else { LANE_TERMS };
            let terms = fold.extent.min(terms);
            return cost(sides(fold, true).iter(), node_bytes, terms, Cost::default(), game);
        }
        Kind::Fold(fold) => (&fold.inputs, LANE_TERMS),
        _ => return 0,
    };
    let input = inputs.get(usize::from(slot)).into_iter();
    cost(input, node_bytes, terms, Cost::default(), game + INPUT * terms)
}

/// Slots of storage that an operand fills: one with its length if it is short, else one more for each 32 bytes.
fn stored(node: &Node, slot: u8) -> u64 {
    match node.kind {
        Kind::Map { .. } => 1,
        _ if slot == PREDICATE_SLOT => 2,
        _ => 3,
    }
}

/// The sides of a fold's predicate, as inputs.
fn sides(fold: &Fold, is_read: bool) -> Vec<Input> {
    let predicate = fold.predicate.as_ref().filter(|_| is_read);
    let sides = predicate.into_iter().flat_map(|predicate| [&predicate.left, &predicate.right]);
    sides.map(|side| Input::Value(side.clone())).collect()
}

/// A transaction that opens what `inputs` read; maps that hide the fold index, and those of predicates, are evaluated `terms` times.
fn cost<'a>(
    inputs: impl Iterator<Item = &'a Input> + Clone,
    node_bytes: u64,
    terms: u64,
    kept: Cost,
    execution: u64,
) -> u64 {
    let atom = |input: &Input| if input.index().hides_fold() { ATOM.max(ATOM_OF_TERM * terms) } else { ATOM };
    let atoms: u64 = inputs.clone().map(|input| atom(input) * atoms(input.index())).sum();
    // An affine predicate costs a comparison a term.
    let compared = 150 * terms * u64::from(inputs.clone().any(|input| matches!(input, Input::Value(_))));
    let opened = opened(inputs).cost();
    Cost {
        bytes: LEAF_BYTES + node_bytes + opened.bytes + kept.bytes,
        execution: LEAF
            + NODE_BYTE * node_bytes
            + opened.execution
            + kept.execution
            + atoms
            + compared
            + execution,
    }
    .gas()
}

fn moves(index: &crate::Index) -> bool {
    index.any(&mut |atom| *atom == Atom::Fold)
}

fn instructions(code: &Code) -> u64 {
    code.instrs().iter().map(|instr| instruction(instr.op)).sum()
}

fn atoms(index: &crate::Index) -> u64 {
    let mut count = 0;
    index.any(&mut |_| {
        count += 1;
        false
    });
    count
}

/// A tensor (whether of the body, node) and the terms of the map that reads it.
type Place = (bool, u32, Vec<(u64, Atom)>);

/// What inputs open: the places, each with whether it may straddle two pages.
#[derive(Default)]
struct Opened {
    places: BTreeSet<Place>,
    straddling: u64,
}

impl Opened {
    /// Places of one tensor that differ by a constant share their pages, nearly always; a place that moves may straddle two.
    fn read(&mut self, in_body: bool, node: u32, index: &crate::Index) {
        if self.places.insert((in_body, node, index.terms.clone())) && moves(index) && !is_aligned(index) {
            self.straddling += 1;
        }
    }

    /// A page comes with its tensor, the others are extra.
    fn cost(&self) -> Cost {
        let within: BTreeSet<(bool, u32)> =
            self.places.iter().map(|(in_body, node, _)| (*in_body, *node)).collect();
        let far = (self.places.len() - within.len()) as u64;
        let in_row = within.iter().filter(|(in_body, _)| *in_body).count() as u64;
        let outer = within.len() as u64 - in_row;
        let beside = |tensors: u64| if tensors > 1 { BESIDE * tensors } else { 0 };
        Cost {
            bytes: TENSOR_BYTES * outer
                + ROW_TENSOR_BYTES * in_row
                + FAR_PAGE_BYTES * far
                + NEXT_PAGE_BYTES * self.straddling,
            execution: TENSOR * (outer + far)
                + ROW_TENSOR * in_row
                + beside(outer)
                + beside(in_row)
                + NEXT_PAGE * self.straddling,
        }
    }
}

/// Whether a block of the fold lies on one page: all that is added to the fold index is a multiple of the page.
fn is_aligned(index: &crate::Index) -> bool {
    let aligned = |(coefficient, atom): &(u64, Atom)| *atom == Atom::Fold || coefficient.is_multiple_of(PAGE);
    index.constant.is_multiple_of(PAGE) && index.terms.iter().all(aligned)
}

fn opened<'a>(inputs: impl Iterator<Item = &'a Input>) -> Opened {
    let mut opened = Opened::default();
    for input in inputs {
        match input {
            Input::Outer(node, index) => opened.read(false, *node, index),
            Input::Body(node, index) => opened.read(true, *node, index),
            Input::Value(_) => {}
        }
        input.index().any(&mut |atom| {
            if let Atom::Element(node, inner) = atom {
                opened.read(false, *node, inner);
            }
            false
        });
    }
    opened
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{fold as fold_node, map, product};
    use crate::index::{coord, element, fold};
    use crate::node::{Predicate, Relation};
    use crate::scalar;
    use samebit_num::fold::Bits;
    use samebit_num::{Arith, functions};

    const SNAPSHOT: &str = include_str!("../../../contracts/snapshots/gas.json");

    /// The most gas that the snapshot has for a transaction of a leaf.
    fn measured(name: &str) -> u64 {
        let lines = SNAPSHOT.lines().filter(|line| line.trim_start().starts_with(&format!("\"{name}\":")));
        let gas = |line: &str| {
            let number = line.rsplit(':').next().expect("a number follows").trim().trim_end_matches(',');
            number.parse().expect("gas is a number")
        };
        lines.map(gas).max().unwrap_or_else(|| panic!("the snapshot has no leaf {name}"))
    }

    /// The nodes of the referee's gas test, rebuilt.
    fn leaves() -> Vec<(&'static str, Node)> {
        let row = |node| Input::Outer(node, coord(0).times(4097) + fold());
        let one = |code| {
            map("map", &[1 << 16, 1 << 12], vec![Input::Outer(1, coord(0).times(1 << 12) + coord(1))], code)
        };
        let sum = |code, inputs| fold_node("sum", &[1 << 16], FoldKind::Sum, 4097, inputs, code, None);
        let token = Predicate { left: element(1, fold()), relation: Relation::Equal, right: coord(0) };
        let term = vec![Input::Outer(2, coord(1).times(4096) + fold())];
        let causal = Predicate { left: fold(), relation: Relation::LessOrEqual, right: coord(0) };
        let square = scalar::floats(|m, [x]| m.mul(x, x));
        let difference = scalar::floats(|m, [x, mean]| {
            let difference = m.sub(x, mean);
            m.mul(difference, difference)
        });
        let second = coord(1).times(4097) + fold();
        let of_two = |numerics| {
            let inputs = vec![row(1), Input::Outer(2, second.clone())];
            product("product", numerics, &[1 << 16, 1 << 16], 4097, inputs, None)
        };
        let mut leaves = vec![
            ("product block on two pages each, K = 4097", of_two(Numerics::F32)),
            ("exact14 block on two pages each, K = 4097", of_two(Numerics::Exact(Bits::Fourteen))),
            ("sum lane on two pages", sum(scalar::copy(), vec![row(1)])),
            ("sum lane of squares", sum(square, vec![row(1)])),
            ("sum lane of squared differences", sum(difference, vec![row(1), Input::Outer(2, coord(0))])),
            (
                "sum lane, terms by token",
                fold_node("sum", &[1 << 25, 8], FoldKind::Sum, 4096, term, scalar::copy(), Some(token)),
            ),
            (
                "masked maximum lane",
                fold_node("max", &[1 << 16], FoldKind::Max, 4097, vec![row(1)], scalar::copy(), Some(causal)),
            ),
            (
                "gather",
                map(
                    "gather",
                    &[1 << 28, 8],
                    vec![Input::Outer(2, element(1, coord(0)).times(8) + coord(1))],
                    scalar::copy(),
                ),
            ),
        ];
        leaves.extend(functions::ALL.iter().map(|function| (function.name, one(function.code()))));
        leaves
    }

    #[test]
    fn estimates_are_no_less_than_what_was_measured_and_not_far_above() {
        for (name, node) in leaves() {
            let (estimate, measured) = (leaf(&node, node.to_bytes().len() as u64), measured(name));
            assert!(estimate >= measured, "{name}: the table says {estimate}, {measured} were measured");
            assert!(estimate <= limit(&node), "{name}: {estimate} is over the limit");
            assert!((estimate as f64) < measured as f64 * 1.35, "{name}: {estimate} is far above {measured}");
        }
    }

    #[test]
    fn what_does_not_fit_is_kept() {
        let large = |node: u32| Input::Outer(node, coord(0).times(1 << 12) + coord(1));
        let of = |count: u32| {
            let inputs: Vec<Input> = (0..count).map(large).collect();
            let code = match count {
                1 => scalar::copy(),
                2 => scalar::floats(|m, [a, b]| m.add(a, b)),
                _ => scalar::floats(|m, [a, b, c, d]| {
                    let (left, right) = (m.add(a, b), m.add(c, d));
                    m.mul(left, right)
                }),
            };
            let node = map("map", &[1 << 16, 1 << 12], inputs, code);
            (kept(&node, node.to_bytes().len() as u64), leaf(&node, node.to_bytes().len() as u64))
        };
        let counts = [1, 2, 4].map(|count| (of(count).0.len(), of(count).1));
        assert_eq!(counts.map(|(kept, _)| kept), [0, 1, 3], "{counts:?}");
        assert!((1..5).filter(|count| *count != 3).all(|count| of(count).1 <= MAP_GAS_LIMIT));
    }
}
