//! Whole programs: a tiny GPT and Llama are built, run and trained by the reference interpreter.

use samebit_graph::fixtures::{self, Dims, Fixture};
use samebit_graph::interpret::{Bits, next_states, run_step};
use samebit_graph::operators::{Attention, AttentionPart};
use samebit_graph::{Kind, Program};
use samebit_num::fold::Numerics;
use samebit_num::{Native, Soft};

type Model = fn(Dims) -> Fixture;

fn models() -> [(&'static str, Model); 2] {
    [("gpt", fixtures::gpt), ("llama", fixtures::llama)]
}

fn small() -> Dims {
    Dims { time: 3, head_size: 4, layers: 1, vocabulary: 11, hidden: 7, steps: 1, ..Dims::default() }
}

#[test]
fn losses_fall_and_start_at_chance() {
    for (name, model) in models() {
        let dims = Dims { steps: 8, ..Dims::default() };
        let (program, mut states, tables) = model(dims);
        let mut losses = Vec::new();
        for step in 0..dims.steps {
            // The same batch each step, so that the loss must fall.
            let mut tables = tables.clone();
            let order = program.tables.iter().position(|table| table.name == "order").expect("an order");
            tables[order] = [0, 1].repeat(dims.steps as usize);
            let outputs = run_step(&mut Bits(Native), &program, &states, &tables, step);
            losses.push(f32::from_bits(outputs[program.loss as usize][0]));
            states = next_states(&program, &outputs);
        }
        let chance = (dims.vocabulary as f64).ln();
        assert!((f64::from(losses[0]) - chance).abs() < 1.5, "{name}: {losses:?}, chance {chance}");
        assert!(losses[7] < losses[0] - 0.3, "{name}: {losses:?}");
    }
}

#[test]
fn integers_and_the_processor_agree_on_every_node() {
    for (name, model) in models() {
        let (program, states, tables) = model(Dims { dropout: 0.3, ..small() });
        let native = run_step(&mut Bits(Native), &program, &states, &tables, 0);
        let soft = run_step(&mut Bits(Soft), &program, &states, &tables, 0);
        for (id, node) in program.nodes.iter().enumerate() {
            assert_eq!(native[id], soft[id], "{name}: node {id}, {}", node.op);
        }
    }
}

#[test]
fn building_twice_gives_equal_programs() {
    for (_, model) in models() {
        let (first, states, tables) = model(Dims::default());
        let (second, ..) = model(Dims::default());
        assert_eq!(first, second);
        assert_eq!(first.digest(), second.digest());
        assert_eq!(states.len(), first.states.len());
        assert_eq!(tables.len(), first.tables.len());
        let (other, ..) = model(Dims { hidden: 31, ..Dims::default() });
        assert_ne!(first.digest(), other.digest());
    }
}

#[test]
fn programs_hold_no_dead_and_no_double_node() {
    for (name, model) in models() {
        let (program, ..) = model(Dims::default());
        let mut read = vec![false; program.nodes.len()];
        let roots = program.sinks.iter().chain([&program.loss, &program.grad_norm]);
        roots.for_each(|root| read[*root as usize] = true);
        for node in &program.nodes {
            node.reads().iter().for_each(|id| read[*id as usize] = true);
        }
        let dead: Vec<_> = (0..read.len()).filter(|id| !read[*id]).map(|id| &program.nodes[id].op).collect();
        assert!(dead.is_empty(), "{name}: {dead:?}");
        let mut bytes: Vec<_> = program.nodes.iter().map(samebit_graph::Node::to_bytes).collect();
        bytes.sort();
        bytes.dedup();
        assert_eq!(bytes.len(), program.nodes.len(), "{name}");
    }
}

#[test]
fn numerics_are_part_of_the_program_and_of_its_profile() {
    let programs = Numerics::ALL.map(|numerics| fixtures::gpt(Dims { numerics, ..small() }).0);
    let digests: std::collections::BTreeSet<_> = programs.iter().map(Program::digest).collect();
    assert_eq!(digests.len(), programs.len());
    assert_eq!(programs.each_ref().map(|program| program.profile()), Numerics::ALL.map(Numerics::name));
    let mut mixed = programs[1].clone();
    let other = programs[3].nodes.iter().position(|node| node.op == "linear").expect("a linear layer");
    mixed.nodes[other] = programs[3].nodes[other].clone();
    assert_eq!(mixed.profile(), "exact8+exact21");
    for program in &programs {
        program.check().expect("a legal program");
    }
}

fn composites(program: &Program) -> Vec<(Attention, AttentionPart)> {
    let is_composite = |node: &&samebit_graph::Node| matches!(node.kind, Kind::Composite { .. });
    let found = program.nodes.iter().filter(is_composite);
    found
        .map(|node| Attention::recognize(node).map(|(a, part, _)| (a, part)).expect("an attention"))
        .collect()
}

#[test]
fn attention_is_recognized_by_its_structure() {
    for (dims, model) in [
        (Dims { layers: 1, key_heads: 2, ..Dims::default() }, fixtures::gpt as Model),
        (Dims { layers: 1, ..Dims::default() }, fixtures::llama),
        (Dims { layers: 1, time: 1, ..Dims::default() }, fixtures::llama),
        (Dims { layers: 1, heads: 6, key_heads: 2, ..Dims::default() }, fixtures::llama),
        (Dims { layers: 1, numerics: Numerics::ALL[2], ..Dims::default() }, fixtures::llama),
    ] {
        let (program, ..) = model(dims);
        let found = composites(&program);
        assert_eq!(found.len(), 6, "forward m, l, o and backward dq, dk, dv");
        for (attention, _) in &found {
            let read = (attention.heads, attention.key_heads, attention.head_size, attention.time);
            assert_eq!(read, (dims.heads, dims.key_heads, dims.head_size, dims.time));
            assert_eq!(attention.scale, (1.0 / (dims.head_size as f64).sqrt()) as f32);
            assert_eq!(attention.numerics, dims.numerics);
        }
        let parts: Vec<_> = found.iter().map(|(_, part)| *part).collect();
        use AttentionPart::{Key, Maximum, Output, Query, Sum, Value};
        assert_eq!(parts, [Maximum, Sum, Output, Query, Key, Value]);
    }
}
