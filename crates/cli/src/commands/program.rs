//! `samebit program`: the operator graph of one step.

use super::run::read_job;
use crate::arguments::Program;
use crate::failure::{Exit, Outcome};
use crate::screen::{Screen, grouped};
use samebit_graph::{DType, Kind, Numerics};
use serde::Serialize;
use serde_json::json;

/// A node, for scripts.
#[derive(Serialize)]
struct Node<'a> {
    index: usize,
    op: &'a str,
    kind: &'static str,
    /// Of exact products.
    #[serde(skip_serializing_if = "Option::is_none")]
    numerics: Option<&'static str>,
    dtype: &'static str,
    shape: &'a [u64],
    reads: Vec<u32>,
    flops: u64,
    bytes: u64,
}

/// Lists the nodes.
pub fn program(arguments: &Program, screen: &Screen) -> Outcome {
    let job = samebit_recipe::Job::load(&arguments.job)?;
    let program = read_job(&job)?.program;
    let costs = program.costs();
    let node = |(index, (node, cost)): (usize, (&'_ samebit_graph::Node, &samebit_graph::Cost))| Node {
        index,
        op: &program.nodes[index].op,
        kind: kind(&node.kind),
        numerics: node.numerics().filter(|numerics| *numerics != Numerics::F32).map(Numerics::name),
        dtype: dtype(node.dtype),
        shape: &program.nodes[index].shape,
        reads: node.reads(),
        flops: cost.flops,
        bytes: cost.bytes_read.saturating_add(cost.bytes_written),
    };
    let nodes: Vec<Node<'_>> = program.nodes.iter().zip(&costs).enumerate().map(node).collect();
    if !screen.is_json() {
        let mut text =
            format!("{:>5}  {:<22} {:<5} {:<24} {:>16}\n", "index", "op", "dtype", "shape", "flops");
        for node in &nodes {
            let shape = node.shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×");
            let flops = grouped(node.flops);
            let op = node.numerics.map_or(node.op.to_owned(), |name| format!("{} {name}", node.op));
            text += &format!("{:>5}  {op:<22} {:<5} {shape:<24} {flops:>16}\n", node.index, node.dtype);
        }
        screen.say(format!("{text}program {}", program.digest()));
    }
    let declared = |list: &[samebit_graph::Declaration]| -> Vec<serde_json::Value> {
        list.iter()
            .map(|held| json!({"name": held.name, "dtype": dtype(held.dtype), "shape": held.shape}))
            .collect()
    };
    screen.object(&json!({
        "program": program.digest(), "nodes": nodes, "states": declared(&program.states),
        "tables": declared(&program.tables), "sinks": program.sinks, "loss": program.loss,
        "grad_norm": program.grad_norm,
    }));
    Ok(Exit::Ok)
}

fn dtype(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "f32",
        DType::U32 => "u32",
    }
}

fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::State(_) => "state",
        Kind::Table(_) => "table",
        Kind::Map { .. } => "map",
        Kind::Fold(_) => "fold",
        Kind::Composite { .. } => "composite",
    }
}
