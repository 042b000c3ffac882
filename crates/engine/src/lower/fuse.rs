//! Which nodes go into one pass, and the order of the launches.

use super::rows::{Group, is_free};
use super::{Attention, Freedom, Unit, is_source, simple::simple};
use samebit_graph::Program;
use samebit_graph::node::{Node, NodeId};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Every node in a unit, in no order that matters.
pub fn partition(program: &Program, freedom: Freedom<'_>) -> Vec<Unit> {
    let mut partition = Partition::new(&program.nodes, freedom);
    for id in 0..program.nodes.len() as NodeId {
        partition.place(id);
    }
    partition.finish()
}

struct Partition<'a> {
    nodes: &'a [Node],
    freedom: Freedom<'a>,
    consumers: Vec<Vec<NodeId>>,
    units: Vec<Option<Unit>>,
    unit_of: Vec<Option<usize>>,
}

impl<'a> Partition<'a> {
    fn new(nodes: &'a [Node], freedom: Freedom<'a>) -> Self {
        let mut consumers = vec![Vec::new(); nodes.len()];
        for (id, node) in nodes.iter().enumerate() {
            node.reads().into_iter().for_each(|read| consumers[read as usize].push(id as NodeId));
        }
        Partition { nodes, freedom, consumers, units: Vec::new(), unit_of: vec![None; nodes.len()] }
    }

    fn place(&mut self, id: NodeId) {
        if self.unit_of[id as usize].is_some() {
            return;
        }
        let node = &self.nodes[id as usize];
        let opaque = self.freedom.opaque;
        let may = |read: NodeId| !opaque.contains(&read);
        let unit = if is_source(node) {
            Unit::Source(id)
        } else if let Some(simple) = simple(self.nodes, id, &may) {
            Unit::Simple(id, simple)
        } else if let Some(attention) = Attention::of(self.nodes, id, opaque) {
            Unit::Attention(attention)
        } else if self.freedom.fuse
            && let Some(unit) = self.join(id)
        {
            return self.replace(unit);
        } else if let Some(group) = Group::union(self.nodes, &[], id) {
            Unit::Rows(self.alone(group, id))
        } else {
            Unit::Host(id)
        };
        self.replace((Vec::new(), unit));
    }

    /// Without fusion a group holds its node alone.
    fn alone(&self, group: Group, id: NodeId) -> Group {
        if self.freedom.fuse { group } else { group.only(id) }
    }

    /// Puts a unit in the place of those that it swallowed.
    fn replace(&mut self, (swallowed, unit): (Vec<usize>, Unit)) {
        swallowed.into_iter().for_each(|old| self.units[old] = None);
        for member in unit.owned(self.nodes) {
            self.unit_of[member as usize] = Some(self.units.len());
        }
        self.units.push(Some(unit));
    }

    /// The node with the groups of all its producers that share its rows; with one of them, if that makes a cycle.
    fn join(&self, id: NodeId) -> Option<(Vec<usize>, Unit)> {
        let mut near: Vec<usize> =
            self.nodes[id as usize].reads().into_iter().filter_map(|read| self.group_at(read)).collect();
        near.sort_unstable();
        near.dedup();
        near.retain(|unit| self.union(&[*unit], id).is_some());
        self.try_join(&near, id).or_else(|| near.iter().rev().find_map(|unit| self.try_join(&[*unit], id)))
    }

    fn try_join(&self, near: &[usize], id: NodeId) -> Option<(Vec<usize>, Unit)> {
        if near.is_empty() || self.returns(near, id) {
            return None;
        }
        self.union(near, id).map(|group| (near.to_vec(), Unit::Rows(group)))
    }

    fn group_at(&self, node: NodeId) -> Option<usize> {
        let unit = self.unit_of[node as usize]?;
        let fusable = matches!(self.units[unit], Some(Unit::Rows(_))) && !self.freedom.opaque.contains(&node);
        (fusable && !is_free(&self.nodes[node as usize])).then_some(unit)
    }

    fn union(&self, near: &[usize], id: NodeId) -> Option<Group> {
        let parts: Vec<&Group> = near
            .iter()
            .filter_map(|unit| match &self.units[*unit] {
                Some(Unit::Rows(group)) => Some(group),
                _ => None,
            })
            .collect();
        Group::union(self.nodes, &parts, id)
    }

    /// Whether a path leaves the groups and comes back to them or to the node: as one launch they would wait for themselves.
    fn returns(&self, near: &[usize], id: NodeId) -> bool {
        let inside =
            |node: NodeId| node == id || self.unit_of[node as usize].is_some_and(|unit| near.contains(&unit));
        let mut seen = BTreeSet::new();
        let mut open: Vec<NodeId> = Vec::new();
        let leave = |node: NodeId, open: &mut Vec<NodeId>| open.extend(&self.consumers[node as usize]);
        for unit in near {
            self.members(*unit).into_iter().for_each(|member| leave(member, &mut open));
        }
        open.retain(|node| !inside(*node));
        while let Some(node) = open.pop() {
            if inside(node) {
                return true;
            }
            if node > id || !seen.insert(node) {
                continue;
            }
            match self.unit_of[node as usize] {
                Some(unit) => self.members(unit).into_iter().for_each(|member| leave(member, &mut open)),
                None => leave(node, &mut open),
            }
        }
        false
    }

    fn members(&self, unit: usize) -> Vec<NodeId> {
        self.units[unit].as_ref().map_or_else(Vec::new, Unit::members)
    }

    fn finish(self) -> Vec<Unit> {
        self.units.into_iter().flatten().collect()
    }
}

/// The units so that each comes after those it reads; among those that could run, the one whose last member comes first in the program.
pub fn order(program: &Program, units: Vec<Unit>) -> Vec<Unit> {
    let mut owner = BTreeMap::new();
    for (at, unit) in units.iter().enumerate() {
        unit.owned(&program.nodes).into_iter().for_each(|member| {
            owner.insert(member, at);
        });
    }
    let reads: Vec<BTreeSet<usize>> = units
        .iter()
        .map(|unit| unit.inputs(&program.nodes).iter().map(|node| owner[node]).collect())
        .collect();
    let mut readers = vec![Vec::new(); units.len()];
    reads.iter().enumerate().for_each(|(at, set)| set.iter().for_each(|read| readers[*read].push(at)));
    let mut waiting: Vec<usize> = reads.iter().map(BTreeSet::len).collect();
    let rank = |at: usize| std::cmp::Reverse((units[at].members().into_iter().max(), at));
    let mut ready: BinaryHeap<_> = (0..units.len()).filter(|at| waiting[*at] == 0).map(rank).collect();
    let mut order = Vec::with_capacity(units.len());
    while let Some(std::cmp::Reverse((_, at))) = ready.pop() {
        order.push(at);
        for reader in &readers[at] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                ready.push(rank(*reader));
            }
        }
    }
    assert_eq!(order.len(), units.len(), "fusion made a cycle");
    let mut units: Vec<Option<Unit>> = units.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| units[at].take()).collect()
}
