//! Which programs are legal (docs/spec/program.md §1 to §4): a table of rules, each with the fault that it names.
//!
//! A legal program can be run without a check: types fit, every value of every index map is below 2^63, and every leaf that a
//! dispute can end in fits into one transaction.

use crate::canonical::{Scope, register_type};
use crate::error::{Fault, GraphError};
use crate::gas;
use crate::index::{Atom, Index};
use crate::limits::{
    ATOM_LIMIT, BODY_LIMIT, ELEMENT_ATOM_LIMIT, ELEMENT_LIMIT, FLOAT_TENSOR_LIMIT, INDEX_BOUND,
    INDEX_DEPTH_LIMIT, INPUT_LIMIT, INTEGER_TENSOR_LIMIT, NAME_LIMIT, NODE_LIMIT, OPERATOR_NAME_LIMIT,
    RANK_LIMIT, STATE_LIMIT, STEP_LIMIT, TABLE_LIMIT, TERM_LIMIT,
};
use crate::node::{DType, Fold, Input, Kind, Node, NodeId};
use crate::program::{Declaration, Program};
use samebit_num::RegType;
use std::collections::{BTreeMap, BTreeSet};

/// What a rule knows of a node's surroundings.
struct Context<'a> {
    program: &'a Program,
    /// Dtypes of the earlier outer nodes.
    outer: &'a [DType],
    /// Dtypes of the earlier nodes of the body; `None` outside a body.
    body: Option<&'a [DType]>,
    /// The greatest row; 0 outside a body.
    last_row: u64,
    /// Bytes of the composite; `None` outside a body.
    node_bytes: Option<u64>,
}

type NodeRule = fn(&Node, &Context<'_>) -> Result<(), Fault>;

/// The rules of a node, of the program or of a body, in the order in which they are checked: each may rely on those before it.
const NODE_RULES: &[NodeRule] = &[
    names,
    shape,
    given,
    earlier,
    input_count,
    types,
    product,
    fold_extent,
    atoms,
    depth,
    bounds,
    contiguity,
    tensors,
    gas_of_leaf,
];

type ProgramRule = fn(&Program) -> Result<(), Fault>;

const PROGRAM_RULES: &[ProgramRule] = &[counts, declarations, sinks, results];

impl Program {
    /// Checks every rule.
    ///
    /// # Errors
    /// The first fault, with the node that has it.
    pub fn check(&self) -> Result<(), GraphError> {
        let program = |fault| GraphError::Program { fault };
        counts(self).map_err(program)?;
        let mut dtypes = Vec::with_capacity(self.nodes.len());
        for (id, node) in (0..).zip(&self.nodes) {
            let context =
                Context { program: self, outer: &dtypes, body: None, last_row: 0, node_bytes: None };
            check_node(id, node, &context)?;
            dtypes.push(node.dtype);
        }
        PROGRAM_RULES.iter().try_for_each(|rule| rule(self)).map_err(program)
    }
}

fn check_node(id: NodeId, node: &Node, context: &Context<'_>) -> Result<(), GraphError> {
    let at = |fault| GraphError::Node { node: id, op: node.op.clone(), fault };
    NODE_RULES.iter().try_for_each(|rule| rule(node, context)).map_err(at)?;
    let Kind::Composite { row_length, body } = &node.kind else { return Ok(()) };
    composite(node, *row_length, body).map_err(at)?;
    let node_bytes = node.to_bytes().len() as u64;
    let mut dtypes = Vec::with_capacity(body.len());
    for (body_id, inner) in (0..).zip(body) {
        let last_row = node.len() / row_length - 1;
        let context = Context { body: Some(&dtypes), last_row, node_bytes: Some(node_bytes), ..*context };
        let at = |fault| GraphError::Body { node: id, op: node.op.clone(), body_node: body_id, fault };
        NODE_RULES.iter().try_for_each(|rule| rule(inner, &context)).map_err(at)?;
        dtypes.push(inner.dtype);
    }
    Ok(())
}

fn within(what: &'static str, count: u128, limit: u128) -> Result<(), Fault> {
    if count > limit { Err(Fault::OverLimit { what, count, limit }) } else { Ok(()) }
}

fn counts(program: &Program) -> Result<(), Fault> {
    within("nodes", program.nodes.len() as u128, NODE_LIMIT as u128)?;
    within("states", program.states.len() as u128, STATE_LIMIT as u128)?;
    within("tables", program.tables.len() as u128, TABLE_LIMIT as u128)
}

fn declarations(program: &Program) -> Result<(), Fault> {
    for (what, held) in [("states", &program.states), ("tables", &program.tables)] {
        let mut names = BTreeSet::new();
        for declaration in held {
            within("bytes of a name", declaration.name.len() as u128, NAME_LIMIT as u128)?;
            ascii(what, &declaration.name)?;
            extents(&declaration.shape)?;
            if !names.insert(&declaration.name) {
                return Err(Fault::NameTaken { what, name: declaration.name.clone() });
            }
        }
    }
    Ok(())
}

fn ascii(what: &'static str, name: &str) -> Result<(), Fault> {
    if name.is_ascii() { Ok(()) } else { Err(Fault::NotAscii { what, name: name.to_owned() }) }
}

fn node_of<'a>(program: &'a Program, what: &'static str, id: NodeId) -> Result<&'a Node, Fault> {
    let count = program.nodes.len();
    program.nodes.get(id as usize).ok_or(Fault::Missing { what, position: id, count })
}

fn sinks(program: &Program) -> Result<(), Fault> {
    if program.sinks.len() != program.states.len() {
        let (found, expected) = (program.sinks.len() as u64, program.states.len() as u64);
        return Err(Fault::Sinks { found, expected });
    }
    for (state, sink) in program.states.iter().zip(&program.sinks) {
        let node = node_of(program, "the sink's node", *sink)?;
        if node.dtype != state.dtype {
            return Err(Fault::Declaration { what: "state" });
        }
        if node.len() != state.len() {
            return Err(Fault::Elements { found: node.len(), expected: state.len() });
        }
        no_table(program, "a sink", *sink)?;
    }
    distinct_sinks(program)
}

/// A step hands each of its tensors to one state, so that none has to be copied.
fn distinct_sinks(program: &Program) -> Result<(), Fault> {
    let tensor = |id: NodeId| match program.nodes[id as usize].kind {
        Kind::State(state) => (true, state),
        _ => (false, id),
    };
    let mut seen = BTreeMap::new();
    for (second, node) in program.sinks.iter().enumerate() {
        if let Some(first) = seen.insert(tensor(*node), second) {
            return Err(Fault::SharedSink { first, second, node: *node });
        }
    }
    Ok(())
}

fn no_table(program: &Program, what: &'static str, node: NodeId) -> Result<(), Fault> {
    match program.nodes[node as usize].kind {
        Kind::Table(_) => Err(Fault::TableResult { what, node }),
        _ => Ok(()),
    }
}

fn results(program: &Program) -> Result<(), Fault> {
    for (what, id) in [("the loss", program.loss), ("the gradient's norm", program.grad_norm)] {
        let node = node_of(program, what, id)?;
        if node.len() != 1 {
            return Err(Fault::Elements { found: node.len(), expected: 1 });
        }
        if node.dtype != DType::F32 {
            return Err(Fault::Types);
        }
        no_table(program, what, id)?;
    }
    Ok(())
}

fn names(node: &Node, _: &Context<'_>) -> Result<(), Fault> {
    within("bytes of an operator's name", node.op.len() as u128, OPERATOR_NAME_LIMIT as u128)?;
    ascii("operators", &node.op)
}

fn extents(shape: &[u64]) -> Result<(), Fault> {
    within("dimensions", shape.len() as u128, RANK_LIMIT as u128)?;
    if shape.contains(&0) {
        return Err(Fault::Empty { what: "a dimension" });
    }
    let count = shape.iter().try_fold(1u64, |count, extent| count.checked_mul(*extent));
    within("elements", count.map_or(u128::MAX, u128::from), ELEMENT_LIMIT.into())
}

fn shape(node: &Node, _: &Context<'_>) -> Result<(), Fault> {
    extents(&node.shape)
}

/// States and tables exist and are as declared; a body has none, and no composite.
fn given(node: &Node, context: &Context<'_>) -> Result<(), Fault> {
    let (what, held, position): (_, &[Declaration], _) = match node.kind {
        Kind::State(position) => ("state", &context.program.states, position),
        Kind::Table(position) => ("table", &context.program.tables, position),
        Kind::Composite { .. } if context.body.is_some() => return Err(Fault::BodyKind),
        _ => return Ok(()),
    };
    if context.body.is_some() {
        return Err(Fault::BodyKind);
    }
    let missing = Fault::Missing { what, position, count: held.len() };
    let declaration = held.get(position as usize).ok_or(missing)?;
    let same = declaration.dtype == node.dtype && declaration.shape == node.shape;
    if same { Ok(()) } else { Err(Fault::Declaration { what }) }
}

/// What a node reads is earlier, and what index maps read are integers.
fn earlier(node: &Node, context: &Context<'_>) -> Result<(), Fault> {
    let scope = Scope { outer: context.outer, body: context.body.unwrap_or(&[]) };
    for input in node.inputs() {
        if let Input::Outer(read, _) | Input::Body(read, _) = input
            && scope.register_type(input).is_none()
        {
            return Err(Fault::NotEarlier { read: *read });
        }
    }
    for index in indices(node) {
        for read in elements(index) {
            match context.outer.get(read as usize) {
                None => return Err(Fault::NotEarlier { read }),
                Some(DType::F32) => return Err(Fault::NotInteger { read }),
                Some(DType::U32) => {}
            }
        }
    }
    Ok(())
}

/// Every index map of a map or fold, the predicate's included.
fn indices(node: &Node) -> impl Iterator<Item = &Index> {
    let predicate = match &node.kind {
        Kind::Fold(fold) => fold.predicate.as_ref(),
        _ => None,
    };
    let sides = predicate.into_iter().flat_map(|predicate| [&predicate.left, &predicate.right]);
    node.inputs().iter().map(Input::index).chain(sides)
}

fn elements(index: &Index) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    index.any(&mut |atom| {
        if let Atom::Element(node, _) = atom {
            found.insert(*node);
        }
        false
    });
    found
}

fn input_count(node: &Node, _: &Context<'_>) -> Result<(), Fault> {
    within("inputs", node.inputs().len() as u128, INPUT_LIMIT as u128)
}

fn types(node: &Node, context: &Context<'_>) -> Result<(), Fault> {
    let (inputs, code) = match &node.kind {
        Kind::Map { inputs, code } => (inputs, code),
        Kind::Fold(fold) => (&fold.inputs, &fold.code),
        _ => return Ok(()),
    };
    let scope = Scope { outer: context.outer, body: context.body.unwrap_or(&[]) };
    let given: Option<Vec<RegType>> = inputs.iter().map(|input| scope.register_type(input)).collect();
    let fits = given.as_deref() == Some(code.inputs()) && code.result_type() == register_type(node.dtype);
    if fits { Ok(()) } else { Err(Fault::Types) }
}

fn product(node: &Node, _: &Context<'_>) -> Result<(), Fault> {
    let Kind::Fold(fold) = &node.kind else { return Ok(()) };
    if node.dtype != DType::F32 {
        return Err(Fault::Types);
    }
    let legal = fold.code.inputs() == [RegType::F; 2] && fold.code.instrs().is_empty();
    if fold.kind.is_product() && !legal { Err(Fault::Product) } else { Ok(()) }
}

fn fold_extent(node: &Node, _: &Context<'_>) -> Result<(), Fault> {
    let Kind::Fold(Fold { extent, .. }) = &node.kind else { return Ok(()) };
    if *extent == 0 {
        return Err(Fault::Empty { what: "the fold" });
    }
    within("terms of the fold", u128::from(*extent), ELEMENT_LIMIT.into())
}

/// Atoms have a meaning where they stand, terms are canonical.
fn atoms(node: &Node, context: &Context<'_>) -> Result<(), Fault> {
    let rank = node.shape.len();
    let (mut atoms, mut elements) = (0u128, 0u128);
    for index in indices(node) {
        index.any(&mut |atom| {
            atoms += 1;
            elements += u128::from(matches!(atom, Atom::Element(..)));
            false
        });
    }
    within("atoms of index maps", atoms, ATOM_LIMIT as u128)?;
    within("elements in index maps", elements, ELEMENT_ATOM_LIMIT as u128)?;
    for index in indices(node) {
        canonical(index)?;
        let mut fault = None;
        index.any(&mut |atom| {
            fault = match atom {
                Atom::Coord(dimension) if usize::from(*dimension) >= rank => {
                    Some(Fault::Coordinate { dimension: *dimension, rank })
                }
                Atom::Fold if !matches!(node.kind, Kind::Fold(_)) => {
                    Some(Fault::Atom { atom: "the fold index" })
                }
                Atom::Row if context.body.is_none() => Some(Fault::Atom { atom: "the row" }),
                Atom::Div(0, _) | Atom::Mod(0, _) => Some(Fault::DivisionByZero),
                _ => None,
            };
            fault.is_some()
        });
        fault.map_or(Ok(()), Err)?;
    }
    Ok(())
}

fn canonical(index: &Index) -> Result<(), Fault> {
    within("terms of an index map", index.terms.len() as u128, TERM_LIMIT as u128)?;
    let sorted = index.terms.windows(2).all(|pair| pair[0].1 < pair[1].1);
    let nonzero = index.terms.iter().all(|(coefficient, _)| *coefficient != 0);
    if !sorted || !nonzero {
        return Err(Fault::NotCanonical { what: "an index map" });
    }
    index.terms.iter().filter_map(|(_, atom)| inner(atom)).try_for_each(canonical)
}

fn inner(atom: &Atom) -> Option<&Index> {
    match atom {
        Atom::Div(_, inner) | Atom::Mod(_, inner) | Atom::Element(_, inner) => Some(inner),
        Atom::Coord(_) | Atom::Fold | Atom::Row | Atom::Step => None,
    }
}

fn depth(node: &Node, _: &Context<'_>) -> Result<(), Fault> {
    fn of(index: &Index) -> usize {
        1 + index.terms.iter().filter_map(|(_, atom)| inner(atom)).map(of).max().unwrap_or(0)
    }
    let deep = indices(node).any(|index| of(index) > INDEX_DEPTH_LIMIT);
    if deep { Err(Fault::Depth { limit: INDEX_DEPTH_LIMIT }) } else { Ok(()) }
}

/// Every value of every map, nested ones too, is below 2^63.
fn bounds(node: &Node, context: &Context<'_>) -> Result<(), Fault> {
    indices(node).try_for_each(|index| greatest(index, node, context).map(|_| ()))
}

/// The greatest value of a map, every part of which is below 2^63.
fn greatest(index: &Index, node: &Node, context: &Context<'_>) -> Result<u128, Fault> {
    let mut sum = u128::from(index.constant);
    for (coefficient, atom) in &index.terms {
        let value = match atom {
            Atom::Coord(dimension) => u128::from(node.shape[usize::from(*dimension)] - 1),
            Atom::Fold => match &node.kind {
                Kind::Fold(fold) => u128::from(fold.extent - 1),
                _ => 0,
            },
            Atom::Row => context.last_row.into(),
            Atom::Step => (STEP_LIMIT - 1).into(),
            Atom::Div(divisor, inner) => greatest(inner, node, context)? / u128::from(*divisor),
            Atom::Mod(divisor, inner) => greatest(inner, node, context)?.min(u128::from(divisor - 1)),
            Atom::Element(_, inner) => {
                greatest(inner, node, context)?;
                u32::MAX.into()
            }
        };
        // Each value is below 2^63 and each coefficient below 2^64: a term fits into 127 bits, the saturating sum never wraps.
        sum = sum.saturating_add(u128::from(*coefficient).saturating_mul(value));
    }
    if sum >= INDEX_BOUND { Err(Fault::Bound { value: sum }) } else { Ok(sum) }
}

/// What a fold reads moves by 0 or 1 from term to term, so that a block touches at most two pages of it.
fn contiguity(node: &Node, _: &Context<'_>) -> Result<(), Fault> {
    let Kind::Fold(fold) = &node.kind else { return Ok(()) };
    for (position, input) in fold.inputs.iter().enumerate() {
        if !matches!(input, Input::Value(_)) && !is_contiguous(input.index()) {
            return Err(Fault::Contiguity { input: position });
        }
    }
    for (offset, index) in indices(node).enumerate() {
        let mut strided = false;
        index.any(&mut |atom| {
            strided |= matches!(atom, Atom::Element(_, inner) if !is_contiguous(inner));
            strided
        });
        if strided {
            return Err(Fault::Contiguity { input: offset });
        }
    }
    Ok(())
}

/// Whether the map is a map without the fold index, plus the fold index or not.
fn is_contiguous(index: &Index) -> bool {
    let nested = index.terms.iter().filter_map(|(_, atom)| inner(atom));
    let hidden = nested.into_iter().any(|inner| inner.any(&mut |atom| *atom == Atom::Fold));
    !hidden && index.coefficient(&Atom::Fold) <= 1
}

/// A map or term reads at most four float tensors and four integer ones.
fn tensors(node: &Node, context: &Context<'_>) -> Result<(), Fault> {
    let (mut floats, mut integers) = (BTreeSet::new(), BTreeSet::new());
    let scope = Scope { outer: context.outer, body: context.body.unwrap_or(&[]) };
    for input in node.inputs() {
        let tensor = match input {
            Input::Outer(node, _) => (0, *node),
            Input::Body(node, _) => (1, *node),
            Input::Value(_) => continue,
        };
        let kind = if scope.register_type(input) == Some(RegType::F) { &mut floats } else { &mut integers };
        kind.insert(tensor);
    }
    integers.extend(indices(node).flat_map(elements).map(|node| (0, node)));
    within("float tensors read by one leaf", floats.len() as u128, FLOAT_TENSOR_LIMIT as u128)?;
    within("integer tensors read by one leaf", integers.len() as u128, INTEGER_TENSOR_LIMIT as u128)
}

fn gas_of_leaf(node: &Node, context: &Context<'_>) -> Result<(), Fault> {
    let limit = gas::limit(node);
    let gas = gas::leaf(node, context.node_bytes.unwrap_or_else(|| node.to_bytes().len() as u64));
    if gas > limit { Err(Fault::Gas { gas, limit }) } else { Ok(()) }
}

/// A composite's rows fill it, and its body gives a row.
fn composite(node: &Node, row_length: u64, body: &[Node]) -> Result<(), Fault> {
    within("nodes of a body", body.len() as u128, BODY_LIMIT as u128)?;
    let last = body.last().ok_or(Fault::Empty { what: "the body" })?;
    extents(&last.shape)?;
    let (count, given) = (node.len(), last.len());
    if row_length == 0 || given != row_length || !count.is_multiple_of(row_length) {
        return Err(Fault::Rows { row_length, count, given });
    }
    if last.dtype == node.dtype { Ok(()) } else { Err(Fault::Types) }
}
