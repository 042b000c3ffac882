//! What can be wrong with a graph.

use crate::node::NodeId;

/// Why a program cannot be built, read or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the fields")]
pub enum GraphError {
    #[error("{operator} takes {expected} inputs, not {found}")]
    Arity { operator: &'static str, found: usize, expected: usize },
    #[error("{operator} cannot take inputs of shapes {found:?}; hint: {expected}")]
    Shape { operator: &'static str, found: Vec<Vec<u64>>, expected: &'static str },
    #[error("node {node} ({op}) is not legal: {fault}")]
    Node { node: NodeId, op: String, fault: Fault },
    #[error("node {node} ({op}), body node {body_node} is not legal: {fault}")]
    Body { node: NodeId, op: String, body_node: NodeId, fault: Fault },
    #[error("the program is not legal: {fault}")]
    Program { fault: Fault },
}

/// What is wrong with a node or a program (docs/spec/program.md §1 to §4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the fields")]
pub enum Fault {
    #[error("{count} {what}, the limit is {limit}")]
    OverLimit { what: &'static str, count: u128, limit: u128 },
    #[error("{what} is empty")]
    Empty { what: &'static str },
    #[error("two {what} have the name {name}")]
    NameTaken { what: &'static str, name: String },
    #[error("the name {name:?} among its {what} is not ASCII; hint: a contract reads no other names")]
    NotAscii { what: &'static str, name: String },
    #[error("it reads node {read}; hint: only earlier nodes can be read")]
    NotEarlier { read: NodeId },
    #[error("it reads node {read} as integers, but that holds floats")]
    NotInteger { read: NodeId },
    #[error("{what} {position} does not exist; hint: there are {count}")]
    Missing { what: &'static str, position: u32, count: usize },
    #[error("it has dtype or shape other than its {what}")]
    Declaration { what: &'static str },
    #[error("the scalar program's inputs or result are of other types than the node's")]
    Types,
    #[error("a product has two float factors and no scalar program")]
    Product,
    #[error("an index map mentions {atom}, which has no meaning there")]
    Atom { atom: &'static str },
    #[error("coordinate {dimension} of an index map; hint: the shape has {rank} dimensions")]
    Coordinate { dimension: u8, rank: usize },
    #[error("an index map nests deeper than {limit}")]
    Depth { limit: usize },
    #[error("an index map divides by 0")]
    DivisionByZero,
    #[error("an index map may reach {value}; hint: 2^63 is too much")]
    Bound { value: u128 },
    #[error(
        "index map {input} is not contiguous along the fold; hint: permute the tensor first, so that the fold index stands outside every div, mod and element, with coefficient 1"
    )]
    Contiguity { input: usize },
    #[error("a leaf costs about {gas} gas, the limit is {limit}")]
    Gas { gas: u64, limit: u64 },
    #[error("its rows of {row_length} elements do not fill its {count} elements, or the body gives {given}")]
    Rows { row_length: u64, count: u64, given: u64 },
    #[error("a body holds maps and folds only")]
    BodyKind,
    #[error("it has {found} elements instead of {expected}")]
    Elements { found: u64, expected: u64 },
    #[error("{found} sinks for {expected} states")]
    Sinks { found: u64, expected: u64 },
    #[error("{what} is table node {node}; hint: let a map copy it")]
    TableResult { what: &'static str, node: NodeId },
    #[error(
        "states {first} and {second} end in one tensor, of node {node}; hint: let a map copy it for one of them"
    )]
    SharedSink { first: usize, second: usize, node: NodeId },
    #[error("{what} is not in canonical form")]
    NotCanonical { what: &'static str },
}
