//! Builds programs: nodes, each written once, and a tape of the operators that made them, which [`Builder::gradient`] reads
//! backwards.
//!
//! Identical nodes are one node. So an operator's gradient rule may ask again for what its forward composition computed
//! and gets the same nodes; a rule that nobody needs leaves nodes that [`Builder::finish`] removes.

use crate::error::GraphError;
use crate::index::{Index, coord};
use crate::node::{DType, Fold, FoldKind, Input, Kind, Node, NodeId, Predicate};
use crate::operators::{Call, Operator};
use crate::program::{Declaration, Program};
use crate::scalar;
use samebit_num::fold::Numerics;
use samebit_num::{Arith, Code, RegType};
use std::collections::BTreeMap;
use std::rc::Rc;

/// An operator that was applied.
struct Application {
    operator: Rc<dyn Operator>,
    inputs: Vec<NodeId>,
    output: NodeId,
}

/// A program in the making.
///
/// Methods take shapes and maps on trust: a caller that gives impossible ones is a broken invariant, and
/// [`Program::check`] judges the result.
#[derive(Default)]
pub struct Builder {
    states: Vec<Declaration>,
    tables: Vec<Declaration>,
    nodes: Vec<Node>,
    /// The id of every node, by its canonical bytes.
    known: BTreeMap<Vec<u8>, NodeId>,
    tape: Vec<Application>,
}

impl Builder {
    /// A builder without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a float state and gives its node.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn state(&mut self, name: &str, shape: &[u64]) -> NodeId {
        let position = declare(&mut self.states, name, DType::F32, shape);
        self.push(Node {
            op: "state".into(),
            dtype: DType::F32,
            shape: shape.into(),
            kind: Kind::State(position),
        })
    }

    /// Declares a table and gives its node.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn table(&mut self, name: &str, dtype: DType, shape: &[u64]) -> NodeId {
        let position = declare(&mut self.tables, name, dtype, shape);
        self.push(Node { op: "table".into(), dtype, shape: shape.into(), kind: Kind::Table(position) })
    }

    /// A map: element o is `code` on the inputs at o.
    pub fn map(&mut self, op: &str, shape: &[u64], inputs: Vec<Input>, code: Code) -> NodeId {
        self.push(map(op, shape, inputs, code))
    }

    /// A fold of products: Σ over k in 0..extent of a · b.
    pub fn product(
        &mut self,
        op: &str,
        numerics: Numerics,
        shape: &[u64],
        extent: u64,
        a: (NodeId, Index),
        b: (NodeId, Index),
    ) -> NodeId {
        let inputs = vec![Input::Outer(a.0, a.1), Input::Outer(b.0, b.1)];
        self.push(product(op, numerics, shape, extent, inputs, None))
    }

    /// A fold of ordered sums of the terms that `code` makes.
    pub fn sum(
        &mut self,
        op: &str,
        shape: &[u64],
        extent: u64,
        inputs: Vec<Input>,
        code: Code,
        predicate: Option<Predicate>,
    ) -> NodeId {
        self.push(fold(op, shape, FoldKind::Sum, extent, inputs, code, predicate))
    }

    /// A fold to the greatest of the terms that `code` makes.
    pub fn max(
        &mut self,
        op: &str,
        shape: &[u64],
        extent: u64,
        inputs: Vec<Input>,
        code: Code,
        predicate: Option<Predicate>,
    ) -> NodeId {
        self.push(fold(op, shape, FoldKind::Max, extent, inputs, code, predicate))
    }

    /// A composite: rows of `row_length` elements, each the output of the body's last node.
    pub fn composite(&mut self, op: &str, shape: &[u64], row_length: u64, body: Vec<Node>) -> NodeId {
        let dtype = body.last().expect("a composite has a body").dtype;
        self.push(Node {
            op: op.into(),
            dtype,
            shape: shape.into(),
            kind: Kind::Composite { row_length, body },
        })
    }

    /// A copy of x in which element (i0, i1, …) of `shape` is element Σ i · stride of x.
    pub fn permute(&mut self, op: &str, x: NodeId, shape: &[u64], strides: &[u64]) -> NodeId {
        assert_eq!(shape.len(), strides.len(), "a stride for each dimension");
        let index = strided(strides);
        let code = match self.dtype(x) {
            DType::F32 => scalar::copy(),
            DType::U32 => scalar::copy_integer(),
        };
        self.map(op, shape, vec![Input::Outer(x, index)], code)
    }

    /// The transpose of x, read as the matrix \[rows, columns\].
    pub fn transpose(&mut self, x: NodeId, rows: u64, columns: u64) -> NodeId {
        assert_eq!(self.len(x), rows * columns, "a transpose of all elements");
        self.permute("transpose", x, &[columns, rows], &[1, columns])
    }

    /// The node of shape \[1\] that is 1.
    pub fn ones(&mut self) -> NodeId {
        let code = scalar::floats(|arith, []| arith.constant(1f32.to_bits()));
        self.map("ones", &[1], Vec::new(), code)
    }

    /// Whether the node is the one of [`Builder::ones`].
    pub fn is_ones(&self, node: NodeId) -> bool {
        let code = scalar::floats(|arith, []| arith.constant(1f32.to_bits()));
        self.node(node).kind == Kind::Map { inputs: Vec::new(), code } && self.len(node) == 1
    }

    /// Zeros of this shape.
    pub fn zeros(&mut self, shape: &[u64]) -> NodeId {
        let code = scalar::floats(|arith, []| arith.constant(0));
        self.map("zeros", shape, Vec::new(), code)
    }

    /// Applies an operator and notes it on the tape.
    ///
    /// # Panics
    /// If the shapes do not suit the operator; see [`Builder::try_apply`].
    pub fn apply(&mut self, operator: impl Operator + 'static, inputs: &[NodeId]) -> NodeId {
        self.try_apply(operator, inputs).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Applies an operator and notes it on the tape.
    ///
    /// # Errors
    /// [`GraphError::Shape`] and [`GraphError::Arity`] if the inputs do not suit the operator.
    pub fn try_apply(
        &mut self,
        operator: impl Operator + 'static,
        inputs: &[NodeId],
    ) -> Result<NodeId, GraphError> {
        let shapes: Vec<&[u64]> = inputs.iter().map(|input| self.shape(*input)).collect();
        let shape = operator.shape(&shapes)?;
        let output = operator.forward(self, inputs);
        assert_eq!(
            self.shape(output),
            shape,
            "{}: the shape rule and the composition agree",
            operator.name()
        );
        let known = self.tape.iter().any(|held| held.output == output);
        if !known && !inputs.contains(&output) {
            self.tape.push(Application { operator: Rc::new(operator), inputs: inputs.to_vec(), output });
        }
        Ok(output)
    }

    /// The gradients of `loss` (one element) with respect to each node of `wrt`.
    pub fn gradient(&mut self, loss: NodeId, wrt: &[NodeId]) -> Vec<NodeId> {
        assert_eq!(self.len(loss), 1, "a gradient is of one number");
        let seed = self.ones();
        self.pullback(loss, seed, wrt)
    }

    /// The gradients, with respect to each node of `wrt`, of Σ output · seed: the reverse pass over the tape. The parts of a
    /// gradient that come from several operators are added in the order of the tape.
    pub fn pullback(&mut self, output: NodeId, seed: NodeId, wrt: &[NodeId]) -> Vec<NodeId> {
        let tape = std::mem::take(&mut self.tape);
        let mut parts: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::from([(output, vec![seed])]);
        for application in tape.iter().rev() {
            let Some(gradient) = self.total(&parts, application.output) else { continue };
            let call = Call { inputs: &application.inputs, output: application.output, gradient };
            let found = application.operator.gradient(self, &call);
            assert_eq!(found.len(), application.inputs.len(), "a gradient or none for each input");
            // The reverse pass meets the tape backwards, within an operator too: the parts are reversed when they are added.
            for (input, part) in application.inputs.iter().zip(found).rev() {
                if let Some(part) = part {
                    parts.entry(*input).or_default().push(part);
                }
            }
        }
        self.tape = tape;
        wrt.iter().map(|node| self.total(&parts, *node).unwrap_or_else(|| self.zeros_like(*node))).collect()
    }

    /// The sum of the parts of a node's gradient, in the order of the tape.
    fn total(&mut self, parts: &BTreeMap<NodeId, Vec<NodeId>>, node: NodeId) -> Option<NodeId> {
        let parts: Vec<NodeId> = parts.get(&node)?.iter().rev().copied().collect();
        let shape = self.shape(node).to_vec();
        Some(self.add_all("add_gradients", &shape, &parts))
    }

    fn zeros_like(&mut self, node: NodeId) -> NodeId {
        let shape = self.shape(node).to_vec();
        self.zeros(&shape)
    }

    /// ((t0 + t1) + t2) + …, elementwise, as maps of at most four terms; the one term itself if there is only one.
    pub fn add_all(&mut self, op: &str, shape: &[u64], terms: &[NodeId]) -> NodeId {
        let (first, mut rest) = terms.split_first().expect("a sum of at least one term");
        let mut sum = *first;
        while !rest.is_empty() {
            let (some, left) = rest.split_at(rest.len().min(3));
            let inputs = std::iter::once(&sum).chain(some).map(|node| Input::Outer(*node, flat(shape)));
            let inputs = inputs.collect();
            let code = match some.len() {
                1 => scalar::floats(|m, [a, b]| m.add(a, b)),
                2 => scalar::floats(|m, [a, b, c]| {
                    let ab = m.add(a, b);
                    m.add(ab, c)
                }),
                _ => scalar::floats(|m, [a, b, c, d]| {
                    let ab = m.add(a, b);
                    let abc = m.add(ab, c);
                    m.add(abc, d)
                }),
            };
            sum = self.map(op, shape, inputs, code);
            rest = left;
        }
        sum
    }

    /// The program: dead nodes are removed, the others keep their order. `sinks` gives states (by their node) their values
    /// after the step; a state without one keeps its value.
    ///
    /// # Panics
    /// If a sink names no state, or one twice.
    pub fn finish(self, sinks: &[(NodeId, NodeId)], loss: NodeId, grad_norm: NodeId) -> Program {
        let sinks = self.sinks_in_order(sinks);
        let mut live = vec![false; self.nodes.len()];
        for root in sinks.iter().chain([&loss, &grad_norm]) {
            live[*root as usize] = true;
        }
        for id in (0..self.nodes.len()).rev() {
            if live[id] {
                self.nodes[id].reads().into_iter().for_each(|read| live[read as usize] = true);
            }
        }
        let mut ids = Vec::with_capacity(live.len());
        let mut next: NodeId = 0;
        for alive in &live {
            ids.push(next);
            next += NodeId::from(*alive);
        }
        let renumber = |id: NodeId| ids[id as usize];
        let kept = self.nodes.into_iter().zip(&live).filter(|(_, alive)| **alive);
        let nodes = kept.map(|(node, _)| node.renumbered(&renumber)).collect();
        let sinks = sinks.into_iter().map(renumber).collect();
        let (loss, grad_norm) = (renumber(loss), renumber(grad_norm));
        Program { states: self.states, tables: self.tables, nodes, sinks, loss, grad_norm }
    }

    fn sinks_in_order(&self, sinks: &[(NodeId, NodeId)]) -> Vec<NodeId> {
        let mut ordered: Vec<Option<NodeId>> = vec![None; self.states.len()];
        for (state, value) in sinks {
            let Kind::State(position) = self.node(*state).kind else { panic!("node {state} is no state") };
            let slot = &mut ordered[position as usize];
            assert!(slot.replace(*value).is_none(), "two sinks of one state");
        }
        let state_node = |position: usize| {
            let wanted = Kind::State(position as u32);
            self.nodes.iter().position(|node| node.kind == wanted).expect("a state has a node") as NodeId
        };
        let ordered = ordered.into_iter().enumerate();
        ordered.map(|(position, sink)| sink.unwrap_or_else(|| state_node(position))).collect()
    }

    /// The node with this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// The shape of a node.
    pub fn shape(&self, id: NodeId) -> &[u64] {
        &self.node(id).shape
    }

    /// The number of elements of a node.
    pub fn len(&self, id: NodeId) -> u64 {
        self.node(id).len()
    }

    /// Whether there is no node yet.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The dtype of a node.
    pub fn dtype(&self, id: NodeId) -> DType {
        self.node(id).dtype
    }

    /// The matrix \[rows, columns\] that a node is read as: its first dimension, and all the others.
    pub fn matrix(&self, id: NodeId) -> (u64, u64) {
        matrix(self.shape(id))
    }

    fn push(&mut self, node: Node) -> NodeId {
        let Builder { nodes, known, .. } = self;
        *known.entry(node.to_bytes()).or_insert_with(|| {
            nodes.push(node);
            NodeId::try_from(nodes.len() - 1).expect("node ids fit into 32 bits")
        })
    }
}

fn declare(held: &mut Vec<Declaration>, name: &str, dtype: DType, shape: &[u64]) -> u32 {
    assert!(held.iter().all(|declaration| declaration.name != name), "the name {name} is taken");
    held.push(Declaration { name: name.into(), dtype, shape: shape.into() });
    u32::try_from(held.len() - 1).expect("positions fit into 32 bits")
}

/// The flat index of the output element itself.
pub fn flat(shape: &[u64]) -> Index {
    strided(&strides(shape))
}

/// Σ coordinate · stride.
pub fn strided(strides: &[u64]) -> Index {
    let terms = (0u8..).zip(strides).map(|(dimension, stride)| coord(dimension).times(*stride));
    terms.fold(Index::default(), |sum, term| sum + term)
}

/// The row-major strides of a shape.
pub fn strides(shape: &[u64]) -> Vec<u64> {
    let mut strides = vec![1; shape.len()];
    for dimension in (1..shape.len()).rev() {
        strides[dimension - 1] = strides[dimension] * shape[dimension];
    }
    strides
}

/// The matrix \[rows, columns\] that a shape is read as: its first dimension, and all the others.
pub fn matrix(shape: &[u64]) -> (u64, u64) {
    match shape.split_first() {
        None => (1, 1),
        Some((rows, rest)) => (*rows, rest.iter().product()),
    }
}

/// A map node; inputs may read a body.
pub fn map(op: &str, shape: &[u64], inputs: Vec<Input>, code: Code) -> Node {
    let dtype = if code.result_type() == RegType::U { DType::U32 } else { DType::F32 };
    Node { op: op.into(), dtype, shape: shape.into(), kind: Kind::Map { inputs, code } }
}

/// A node that is a product of two inputs.
pub fn product(
    op: &str,
    numerics: Numerics,
    shape: &[u64],
    extent: u64,
    factors: Vec<Input>,
    predicate: Option<Predicate>,
) -> Node {
    fold(op, shape, FoldKind::Product(numerics), extent, factors, scalar::factors(), predicate)
}

/// A fold node.
pub fn fold(
    op: &str,
    shape: &[u64],
    kind: FoldKind,
    extent: u64,
    inputs: Vec<Input>,
    code: Code,
    predicate: Option<Predicate>,
) -> Node {
    let fold = Fold { kind, extent, predicate, inputs, code };
    Node { op: op.into(), dtype: DType::F32, shape: shape.into(), kind: Kind::Fold(fold) }
}
