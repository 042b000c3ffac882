//! Fusing nodes that work row by row into one pass over the rows.

use super::address::Split;
use samebit_graph::index::Index;
use samebit_graph::node::{FoldKind, Input, Kind, Node, NodeId};
use samebit_num::fold::Numerics;
use samebit_ops::rows::{Address, Columns, RowInput, RowProgram, RowTerm, Stage, StageKind};

/// Stages that one pass may have: more would not share their rows in cache.
const STAGE_LIMIT: usize = 96;

/// What a node is to a pass over `rows × columns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A value for each row and column; the row is the first dimension.
    Matrix { rows: u64, columns: u64 },
    /// A value for each row.
    PerRow { rows: u64 },
    /// A fold of each row.
    RowFold { rows: u64, columns: u64 },
}

impl Form {
    /// The form of a node that a pass over rows can compute.
    pub fn of(node: &Node) -> Option<Form> {
        match &node.kind {
            Kind::Map { .. } if node.shape.len() == 1 => Some(Form::PerRow { rows: node.len() }),
            Kind::Map { .. } if !node.shape.is_empty() => {
                Some(Form::Matrix { rows: node.shape[0], columns: node.len() / node.shape[0] })
            }
            // A pass over rows knows no exact product.
            Kind::Fold(fold) if fold.predicate.is_none() && stage_kind(fold.kind).is_some() => {
                Some(Form::RowFold { rows: node.len(), columns: fold.extent })
            }
            _ => None,
        }
    }

    fn rows(self) -> u64 {
        match self {
            Form::Matrix { rows, .. } | Form::PerRow { rows } | Form::RowFold { rows, .. } => rows,
        }
    }

    fn columns(self) -> Option<u64> {
        match self {
            Form::Matrix { columns, .. } | Form::RowFold { columns, .. } => Some(columns),
            Form::PerRow { .. } => None,
        }
    }

    fn is_per_row(self) -> bool {
        !matches!(self, Form::Matrix { .. })
    }
}

/// Nodes computed together, row by row.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The members, in rising order; a node without tensor inputs may be a member of several groups.
    pub members: Vec<NodeId>,
    rows: u64,
    columns: Option<u64>,
}

/// A group as a kernel, its operands, and the members in the order of the kernel's stages.
pub struct Lowered {
    /// The pass; `stores` is for the planner to fill.
    pub program: RowProgram,
    /// The nodes of the operands.
    pub operands: Vec<NodeId>,
}

/// Whether a node reads no tensor: it is cheaper to compute it again than to keep it.
pub fn is_free(node: &Node) -> bool {
    matches!(&node.kind, Kind::Map { inputs, .. } if inputs.iter().all(|input| matches!(input, Input::Value(index)
        if !index.any(&mut |atom| matches!(atom, samebit_graph::index::Atom::Element(..))))))
}

impl Group {
    /// The union of groups and a node, if their domains agree and every read inside is of the same row.
    pub fn union(nodes: &[Node], parts: &[&Group], node: NodeId) -> Option<Group> {
        let form = Form::of(&nodes[node as usize])?;
        let mut union = Group { members: vec![node], rows: form.rows(), columns: form.columns() };
        for part in parts {
            if part.rows != union.rows {
                return None;
            }
            union.columns = match (union.columns, part.columns) {
                (Some(a), Some(b)) if a != b => return None,
                (a, b) => a.or(b),
            };
            union.members.extend(&part.members);
        }
        union.add_free_inputs(nodes);
        union.members.sort_unstable();
        union.members.dedup();
        (union.members.len() <= STAGE_LIMIT && union.lower(nodes).is_some()).then_some(union)
    }

    /// Members' inputs that read no tensor become members, so that they are not kept in memory.
    fn add_free_inputs(&mut self, nodes: &[Node]) {
        let free = self.members.iter().flat_map(|member| nodes[*member as usize].reads());
        let free: Vec<NodeId> = free
            .filter(|read| {
                let node = &nodes[*read as usize];
                let form = Form::of(node);
                is_free(node)
                    && form.is_some_and(|form| form.rows() == self.rows && form.columns() == self.columns)
                    && node.len() > 1
            })
            .collect();
        self.members.extend(free);
    }

    /// The group with one of its members only.
    pub fn only(mut self, member: NodeId) -> Group {
        self.members = vec![member];
        self
    }

    /// The group as a kernel without stores; nothing if a member's reads have no address or cross rows inside the group.
    pub fn lower(&self, nodes: &[Node]) -> Option<Lowered> {
        let mut lowering = Lowering { nodes, group: self, operands: Vec::new() };
        let stages = self.members.iter().map(|member| lowering.stage(*member)).collect::<Option<Vec<_>>>()?;
        let columns = self.columns.unwrap_or(1);
        let operands = lowering.operands;
        let program = RowProgram {
            rows: self.rows,
            first_row: 0,
            columns,
            len: self.rows * columns,
            operands: operands.len(),
            stages,
            stores: Vec::new(),
        };
        Some(Lowered { program, operands })
    }
}

struct Lowering<'a> {
    nodes: &'a [Node],
    group: &'a Group,
    operands: Vec<NodeId>,
}

impl Lowering<'_> {
    fn stage(&mut self, id: NodeId) -> Option<Stage> {
        let nodes = self.nodes;
        let node = &nodes[id as usize];
        let form = Form::of(node)?;
        let (kind, code) = match &node.kind {
            Kind::Map { code, .. } if form.is_per_row() => (StageKind::Scalar, code.clone()),
            Kind::Map { code, .. } => (StageKind::Map, code.clone()),
            Kind::Fold(fold) => (stage_kind(fold.kind)?, fold.code.clone()),
            _ => return None,
        };
        let split = Split {
            shape: &node.shape,
            row_dimensions: if form.is_per_row() { node.shape.len() } else { 1 },
            columns: form.columns().unwrap_or(1),
            column_is_fold: matches!(node.kind, Kind::Fold(_)),
        };
        let inputs =
            node.inputs().iter().map(|input| self.input(&split, input)).collect::<Option<Vec<_>>>()?;
        Some(Stage { kind, inputs, code })
    }

    fn input(&mut self, split: &Split<'_>, input: &Input) -> Option<RowInput> {
        match input {
            Input::Body(..) => None,
            Input::Value(index) => Some(RowInput::Value(self.address(split, index)?)),
            Input::Outer(source, index) => {
                let address = self.address(split, index)?;
                if let Some(stage) = self.group.members.iter().position(|member| member == source) {
                    return self.is_same_row(*source, &address).then_some(RowInput::Stage(stage));
                }
                let len = self.nodes[*source as usize].len();
                Some(RowInput::Operand { operand: operand(&mut self.operands, *source), address, len })
            }
        }
    }

    fn address(&mut self, split: &Split<'_>, index: &Index) -> Option<Address> {
        let (nodes, group, operands) = (self.nodes, self.group, &mut self.operands);
        split.address(index, &mut |integers| {
            let outside = !group.members.contains(&integers);
            outside.then(|| (operand(operands, integers), nodes[integers as usize].len()))
        })
    }

    /// Whether a member's read of another is of the very element, or of the row's value.
    fn is_same_row(&self, source: NodeId, address: &Address) -> bool {
        let Some(form) = Form::of(&self.nodes[source as usize]) else { return false };
        let (stride, columns) = match form {
            Form::Matrix { columns, .. } => (columns, Columns::Contiguous),
            Form::PerRow { .. } | Form::RowFold { .. } => (1, Columns::Fixed),
        };
        let rows = self.group.rows == 1 || address.rows == [RowTerm { stride, divisor: 1, modulus: 0 }];
        let columns =
            address.columns == columns || (form.columns() == Some(1) && address.columns == Columns::Fixed);
        rows && columns && address.constant == 0 && address.step_stride == 0 && address.gather.is_none()
    }
}

fn operand(operands: &mut Vec<NodeId>, node: NodeId) -> usize {
    operands.iter().position(|held| *held == node).unwrap_or_else(|| {
        operands.push(node);
        operands.len() - 1
    })
}

fn stage_kind(kind: FoldKind) -> Option<StageKind> {
    Some(match kind {
        FoldKind::Product(Numerics::F32) => StageKind::Product,
        FoldKind::Product(Numerics::Exact(_)) => return None,
        FoldKind::Sum => StageKind::Sum,
        FoldKind::Max => StageKind::Max,
    })
}
