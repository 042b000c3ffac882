//! Which nodes can be computed for a part of the step's batch at a time.
//!
//! The program sees the whole batch; a micro-batch is a schedule. A node is **sliced** if its first dimension can be cut in as many equal
//! parts as there are micro-batches so that each part reads only the same part of the sliced nodes before it. All else is **whole**: weights,
//! and the folds over all tokens, whose running totals are carried from one micro-batch to the next.

use samebit_graph::Program;
use samebit_graph::index::{Atom, Index};
use samebit_graph::node::{Input, Kind, Node};

/// An interval of natural numbers, both ends included.
type Range = (u64, u64);

/// For each node, whether it is sliced. `bounds` are the greatest words of the integer tables, by table.
///
/// Returns nothing if a sliced node would need a whole one that needs all slices: then the batch cannot be cut.
pub fn sliced(program: &Program, parts: u64, table_bounds: &[u32]) -> Option<Vec<bool>> {
    let nodes = &program.nodes;
    let bounds = element_bounds(nodes, table_bounds);
    let mut sliced = vec![false; nodes.len()];
    let mut after_all = vec![false; nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        let reads = node.reads();
        let from_batch = is_batch_source(nodes, node) || reads.iter().any(|read| sliced[*read as usize]);
        let fits = node.shape.first().is_some_and(|rows| rows % parts == 0);
        sliced[id] = from_batch && fits && is_local(nodes, node, parts, &sliced, &bounds);
        after_all[id] = !sliced[id] && from_batch || reads.iter().any(|read| after_all[*read as usize]);
        if sliced[id] && after_all[id] {
            return None;
        }
    }
    sliced.contains(&true).then_some(sliced)
}

/// The greatest word that an integer node can hold, as far as copying from tables shows it.
fn element_bounds(nodes: &[Node], table_bounds: &[u32]) -> Vec<u32> {
    let mut bounds = vec![u32::MAX; nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        bounds[id] = match &node.kind {
            Kind::Table(table) => table_bounds[*table as usize],
            Kind::Map { inputs, code } if code.instrs().is_empty() => match inputs.as_slice() {
                [Input::Outer(source, _)] => bounds[*source as usize],
                _ => u32::MAX,
            },
            _ => u32::MAX,
        };
    }
    bounds
}

/// A node that picks the step's rows out of a table: where the batch enters the program.
fn is_batch_source(nodes: &[Node], node: &Node) -> bool {
    node.inputs().iter().any(|input| {
        let from_table =
            matches!(input, Input::Outer(source, _) if matches!(nodes[*source as usize].kind, Kind::Table(_)));
        let by_step = input.index().any(&mut |atom| {
            matches!(atom, Atom::Element(_, at) if at.any(&mut |atom| matches!(atom, Atom::Step)))
        });
        from_table && by_step
    })
}

/// Whether each part of the node reads only the same part of the sliced nodes. A composite's rows are in the order of its batch, and its
/// body reads what its row's sequence owns: the engine only knows composites for which that was proved when they were written.
fn is_local(nodes: &[Node], node: &Node, parts: u64, sliced: &[bool], bounds: &[u32]) -> bool {
    if matches!(node.kind, Kind::Composite { .. }) {
        return node.reads().iter().all(|read| sliced[*read as usize]);
    }
    if matches!(&node.kind, Kind::Fold(fold) if fold.predicate.is_some()) {
        return false;
    }
    node.inputs().iter().all(|input| match input {
        Input::Outer(source, index) if sliced[*source as usize] => {
            let share = nodes[*source as usize].len() / parts;
            (0..parts).all(|part| {
                let (low, high) = Bounds { node, part, parts, elements: bounds }.of(index);
                low >= part * share && high < (part + 1) * share
            })
        }
        _ => integers_are_local(nodes, node, input.index(), parts, sliced, bounds),
    }) && node
        .inputs()
        .iter()
        .all(|input| integers_are_local(nodes, node, input.index(), parts, sliced, bounds))
}

/// The same for integer tensors that an index map reads.
fn integers_are_local(
    nodes: &[Node],
    node: &Node,
    index: &Index,
    parts: u64,
    sliced: &[bool],
    bounds: &[u32],
) -> bool {
    !index.any(&mut |atom| {
        let Atom::Element(source, at) = atom else { return false };
        let share = nodes[*source as usize].len() / parts;
        sliced[*source as usize]
            && !(0..parts).all(|part| {
                let (low, high) = Bounds { node, part, parts, elements: bounds }.of(at);
                low >= part * share && high < (part + 1) * share
            })
    })
}

/// Interval arithmetic over one part of a node's first dimension.
struct Bounds<'a> {
    node: &'a Node,
    part: u64,
    parts: u64,
    elements: &'a [u32],
}

impl Bounds<'_> {
    fn of(&self, index: &Index) -> Range {
        index.terms.iter().fold((index.constant, index.constant), |(low, high), (coefficient, atom)| {
            let (atom_low, atom_high) = self.atom(atom);
            (
                low.saturating_add(coefficient.saturating_mul(atom_low)),
                high.saturating_add(coefficient.saturating_mul(atom_high)),
            )
        })
    }

    fn atom(&self, atom: &Atom) -> Range {
        match atom {
            Atom::Coord(0) => {
                let share = self.node.shape[0] / self.parts;
                (self.part * share, (self.part + 1) * share - 1)
            }
            Atom::Coord(dimension) => (0, self.node.shape[usize::from(*dimension)] - 1),
            Atom::Fold => match &self.node.kind {
                Kind::Fold(fold) => (0, fold.extent - 1),
                _ => (0, 0),
            },
            Atom::Row | Atom::Step => (0, u64::MAX),
            Atom::Div(divisor, inner) => {
                let (low, high) = self.of(inner);
                (low / divisor, high / divisor)
            }
            Atom::Mod(modulus, inner) => {
                let (low, high) = self.of(inner);
                if low / modulus == high / modulus {
                    (low % modulus, high % modulus)
                } else {
                    (0, modulus - 1)
                }
            }
            Atom::Element(node, _) => (0, u64::from(self.elements[*node as usize])),
        }
    }
}

/// The greatest word of each integer table; `u32::MAX` for the others. `words` are the tables' contents.
pub fn table_bounds(words: &[Vec<u32>], is_integer: &[bool]) -> Vec<u32> {
    let bound = |(words, integer): (&Vec<u32>, &bool)| match integer {
        true => words.iter().copied().max().unwrap_or(0),
        false => u32::MAX,
    };
    words.iter().zip(is_integer).map(bound).collect()
}

/// The node's share of elements in one of `parts`.
pub fn share(node: &Node, parts: u64, sliced: bool) -> u64 {
    if sliced { node.len() / parts } else { node.len() }
}
