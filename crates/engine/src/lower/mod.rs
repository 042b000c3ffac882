//! From nodes to kernels: which nodes one kernel computes together.
//!
//! Every node that the step's results need falls into one [`Unit`]. Nothing here can change a bit: a unit computes what its nodes say, and only
//! the nodes in `outputs` of a unit reach memory.

mod access;
mod address;
mod attention;
mod fuse;
mod rows;
mod simple;

pub use access::permutation;
pub use attention::Attention;
pub use rows::Group;
pub use simple::Simple;

use samebit_graph::Program;
use samebit_graph::node::{Kind, Node, NodeId};
use std::collections::BTreeSet;

/// Nodes that one launch computes.
#[derive(Clone, Debug)]
pub enum Unit {
    /// A state or table: no launch.
    Source(NodeId),
    /// One node by one kernel.
    Simple(NodeId, Simple),
    /// A pass over rows.
    Rows(Group),
    /// Composite attention: several nodes by one kernel.
    Attention(Attention),
    /// A node that has no kernel, interpreted on the host.
    Host(NodeId),
}

/// How freely nodes may be taken together.
#[derive(Clone, Copy)]
pub struct Freedom<'a> {
    /// Whether one launch may compute several nodes; if not, every node reaches memory.
    pub fuse: bool,
    /// Nodes that must be read from memory where they are read at all, and so cannot be looked through or fused with what they feed.
    pub opaque: &'a BTreeSet<NodeId>,
}

impl Unit {
    /// The nodes that the unit computes.
    pub fn members(&self) -> Vec<NodeId> {
        match self {
            Unit::Source(node) | Unit::Simple(node, _) | Unit::Host(node) => vec![*node],
            Unit::Rows(group) => group.members.clone(),
            Unit::Attention(attention) => attention.outputs.clone(),
        }
    }

    /// The members that no other unit computes: all but the copies of nodes that are cheaper to compute again than to keep.
    pub fn owned(&self, nodes: &[Node]) -> Vec<NodeId> {
        let mut members = self.members();
        if members.len() > 1 {
            members.retain(|member| !rows::is_free(&nodes[*member as usize]));
        }
        members
    }

    /// The nodes that the unit reads from memory.
    pub fn inputs(&self, nodes: &[Node]) -> Vec<NodeId> {
        match self {
            Unit::Source(_) => Vec::new(),
            Unit::Simple(_, simple) => simple.inputs.clone(),
            Unit::Rows(group) => group.lower(nodes).expect("a group is lowered before it is formed").operands,
            Unit::Attention(attention) => attention.inputs.clone(),
            Unit::Host(node) => nodes[*node as usize].reads(),
        }
    }
}

/// The units that the program's results need, in an order in which they can run.
pub fn units(program: &Program, freedom: Freedom<'_>) -> Vec<Unit> {
    let units = fuse::partition(program, freedom);
    fuse::order(program, needed(program, units, freedom))
}

/// Units from which no result can be reached are dropped; without fusion every node is a result.
fn needed(program: &Program, units: Vec<Unit>, freedom: Freedom<'_>) -> Vec<Unit> {
    if !freedom.fuse {
        return units;
    }
    let mut wanted: BTreeSet<NodeId> = results(program).collect();
    let mut kept = Vec::new();
    // A unit's inputs come from units of which some member comes earlier, so rounds over the whole list reach a fixed point.
    let mut open = units;
    loop {
        let (found, rest): (Vec<Unit>, Vec<Unit>) = open
            .into_iter()
            .partition(|unit| unit.owned(&program.nodes).iter().any(|member| wanted.contains(member)));
        open = rest;
        if found.is_empty() {
            return kept;
        }
        for unit in &found {
            wanted.extend(unit.inputs(&program.nodes));
        }
        kept.extend(found);
    }
}

/// The nodes that outlive the step: sinks, loss and gradient norm.
pub fn results(program: &Program) -> impl Iterator<Item = NodeId> + '_ {
    program.sinks.iter().copied().chain([program.loss, program.grad_norm])
}

/// Whether the node is a state or a table.
pub fn is_source(node: &Node) -> bool {
    matches!(node.kind, Kind::State(_) | Kind::Table(_))
}
