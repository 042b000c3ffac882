//! Computing again instead of keeping: a schedule for machines with little memory.
//!
//! What the forward pass makes is mostly read again much later, by the backward pass. A value that is not read for a while may be dropped and
//! made again, by the launch that made it first, just before it is read; what that launch reads may have been dropped too, and so on, down to
//! values that are kept. [`Thrift`] says which those are.

use crate::plan::{Action, Launch, Role};
use samebit_graph::Program;
use samebit_graph::node::{Node, NodeId};
use samebit_ops::Kernel;
use std::collections::{BTreeMap, BTreeSet};

/// A value that is read within so many launches is not dropped.
const NEAR: usize = 32;

/// How much is computed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thrift {
    /// Nothing.
    #[default]
    None,
    /// All but what crosses the narrowest places between layers.
    Layers,
}

impl Thrift {
    /// From the fastest to the smallest.
    pub const ALL: [Thrift; 2] = [Thrift::None, Thrift::Layers];
}

/// The launches of a phase with others in between that make dropped values again. `outside` are nodes that other phases read.
pub fn recompute(
    program: &Program,
    launches: Vec<Launch>,
    thrift: Thrift,
    outside: &BTreeSet<NodeId>,
) -> Vec<Launch> {
    if thrift == Thrift::None {
        return launches;
    }
    let uses = uses(&launches);
    let kept = kept(program, &launches, &uses, outside);
    let mut rewriter = Rewriter {
        launches: &launches,
        maker: makers(&launches),
        uses,
        kept,
        absent: BTreeSet::new(),
        out: Vec::new(),
    };
    (0..launches.len()).for_each(|at| rewriter.place(at));
    rewriter.out
}

/// For each node, the launches that read it, in order.
fn uses(launches: &[Launch]) -> BTreeMap<NodeId, Vec<usize>> {
    let mut uses: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    for (at, launch) in launches.iter().enumerate() {
        launch.inputs.iter().for_each(|node| uses.entry(*node).or_default().push(at));
    }
    uses
}

fn makers(launches: &[Launch]) -> BTreeMap<NodeId, usize> {
    let outputs = |(at, launch): (usize, &Launch)| {
        launch.outputs.iter().map(move |node| (*node, at)).collect::<Vec<_>>()
    };
    launches.iter().enumerate().flat_map(outputs).collect()
}

/// The nodes that are never dropped: what the backward pass makes, what other phases read, what is carried or made by the host, and what
/// crosses narrow places.
fn kept(
    program: &Program,
    launches: &[Launch],
    uses: &BTreeMap<NodeId, Vec<usize>>,
    outside: &BTreeSet<NodeId>,
) -> BTreeSet<NodeId> {
    let is_droppable = |launch: &&Launch| {
        let cheap = matches!(
            &launch.action,
            Action::Kernel(Kernel::Rows(_) | Kernel::Product(_) | Kernel::Attention(_))
        );
        cheap && launch.role != Role::Carried
    };
    let fixed = launches.iter().filter(|launch| !is_droppable(launch)).flat_map(|launch| &launch.outputs);
    let crossings = crossings(&program.nodes, launches, uses);
    let forward = forward(program);
    let backward =
        launches.iter().flat_map(|launch| &launch.outputs).filter(|node| !forward[**node as usize]);
    fixed.chain(backward).chain(outside).chain(&crossings).copied().collect()
}

/// For each node, whether the loss depends on it.
fn forward(program: &Program) -> Vec<bool> {
    let mut forward = vec![false; program.nodes.len()];
    forward[program.loss as usize] = true;
    for id in (0..forward.len()).rev() {
        if forward[id] {
            program.nodes[id].reads().into_iter().for_each(|read| forward[read as usize] = true);
        }
    }
    forward
}

/// The nodes that cross the narrow places: positions at which the values made before and read soon after are fewest, about one for each layer.
fn crossings(nodes: &[Node], launches: &[Launch], uses: &BTreeMap<NodeId, Vec<usize>>) -> BTreeSet<NodeId> {
    let maker = makers(launches);
    let crossing = |at: usize| -> BTreeSet<NodeId> {
        let soon = |node: &NodeId| {
            uses.get(node).is_some_and(|uses| uses.iter().any(|reader| (at + 1..=at + NEAR).contains(reader)))
        };
        let made = launches[at.saturating_sub(NEAR)..=at].iter().flat_map(|launch| &launch.outputs);
        made.copied().filter(|node| maker[node] <= at && soon(node)).collect()
    };
    let words = |set: &BTreeSet<NodeId>| set.iter().map(|node| nodes[*node as usize].len()).sum::<u64>();
    let sets: Vec<BTreeSet<NodeId>> = (0..launches.len()).map(crossing).collect();
    let widths: Vec<u64> = sets.iter().map(words).collect();
    // Of equally narrow places near each other, the first.
    let is_narrow = |at: &usize| {
        let before = &widths[at.saturating_sub(NEAR / 3)..*at];
        let after = &widths[*at..widths.len().min(at + NEAR / 3)];
        let width = widths[*at];
        width > 0 && before.iter().all(|other| width < *other) && after.iter().all(|other| width <= *other)
    };
    (0..launches.len()).filter(is_narrow).flat_map(|at| sets[at].clone()).collect()
}

struct Rewriter<'a> {
    launches: &'a [Launch],
    maker: BTreeMap<NodeId, usize>,
    uses: BTreeMap<NodeId, Vec<usize>>,
    kept: BTreeSet<NodeId>,
    /// Nodes that were made and dropped.
    absent: BTreeSet<NodeId>,
    out: Vec<Launch>,
}

impl Rewriter<'_> {
    fn place(&mut self, at: usize) {
        let launches = self.launches;
        let mut touched: BTreeSet<NodeId> = launches[at].outputs.iter().copied().collect();
        for input in &launches[at].inputs {
            self.restore(*input, &mut touched);
        }
        touched.extend(&launches[at].inputs);
        self.out.push(launches[at].clone());
        for node in touched {
            if self.is_far(node, at) {
                self.absent.insert(node);
            }
        }
    }

    /// Makes a dropped node again, and before it what its launch reads.
    fn restore(&mut self, node: NodeId, touched: &mut BTreeSet<NodeId>) {
        if !self.absent.remove(&node) {
            return;
        }
        samebit_ops::mark("engine: value computed again");
        touched.insert(node);
        let mut again = self.launches[self.maker[&node]].clone();
        again.inputs.clone().into_iter().for_each(|input| self.restore(input, touched));
        touched.extend(&again.inputs);
        keep_only(&mut again, node, |other| self.absent.contains(&other));
        again.outputs.iter().for_each(|output| {
            self.absent.remove(output);
            touched.insert(*output);
        });
        self.out.push(again);
    }

    /// Whether a node made in this phase is not read for a while, or not at all but to make others again.
    fn is_far(&self, node: NodeId, at: usize) -> bool {
        let next = self.uses.get(&node).and_then(|uses| uses.iter().find(|reader| **reader > at));
        self.maker.contains_key(&node)
            && !self.kept.contains(&node)
            && next.is_none_or(|next| *next > at + NEAR)
    }
}

/// A pass over rows writes only what is wanted now: the node, and others that are absent too.
fn keep_only(launch: &mut Launch, node: NodeId, is_absent: impl Fn(NodeId) -> bool) {
    let Action::Kernel(Kernel::Rows(rows)) = &mut launch.action else { return };
    let wanted = |output: &NodeId| *output == node || is_absent(*output);
    let stores = std::mem::take(&mut rows.stores);
    rows.stores = stores
        .into_iter()
        .zip(&launch.outputs)
        .filter(|(_, output)| wanted(output))
        .map(|(store, _)| store)
        .collect();
    launch.outputs.retain(wanted);
}
