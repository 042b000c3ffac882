//! The way of last resort: a node that no kernel fits is interpreted on the host, element by element, by the definition itself.

use rayon::prelude::*;
use samebit_graph::Program;
use samebit_graph::interpret::{Bits, Frame, Source, element, row};
use samebit_graph::node::{Kind, NodeId};
use samebit_num::Native;
use samebit_ops::{Backend, Buffer, View};
use std::collections::BTreeMap;

/// Words of the nodes that a node reads.
struct Read(BTreeMap<NodeId, Vec<u32>>);

impl Source<u32> for Read {
    fn element(&self, node: NodeId, at: u64) -> Option<u32> {
        self.0[&node].get(usize::try_from(at).ok()?).copied()
    }
}

/// Computes a node whose inputs, in the order of [`samebit_graph::Node::reads`], are whole tensors in `views`.
pub fn run(
    program: &Program,
    id: NodeId,
    step: u64,
    backend: &dyn Backend,
    views: &[View<'_>],
    output: &mut Buffer,
) {
    let node = &program.nodes[id as usize];
    samebit_ops::mark("engine: node interpreted on the host");
    let words = |(read, view): (NodeId, &View<'_>)| {
        let mut words = vec![0; program.nodes[read as usize].len() as usize];
        backend.read(view.buffer, 0, &mut words);
        (read, words)
    };
    let read = Read(node.reads().into_iter().zip(views).map(words).collect());
    let computed: Vec<u32> = match &node.kind {
        Kind::Composite { row_length, body } => (0..node.len() / row_length)
            .into_par_iter()
            .flat_map_iter(|at| row(&mut Bits(Native), body, at, &read, step).pop().unwrap_or_default())
            .collect(),
        _ => {
            let frame = |flat| element(&mut Bits(Native), node, flat, Frame::new(&read, step));
            (0..node.len()).into_par_iter().map(frame).collect()
        }
    };
    backend.write(output, 0, &computed);
}
