//! Witnesses made from the replay of a stored run, redone by `Step`: every operator of a training step, every node of every composite's body, and a
//! lie that the contract refutes.

use alloy_primitives::{Address, B256};
use samebit_commit::Digest;
use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, Fixture, gpt, llama};
use samebit_graph::node::{Kind, Node, NodeId};
use samebit_referee::{Evm, Place, Step, TensorOpening, Witness};
use samebit_trace::{
    Claims, Element, Fault, Folder, Inside, Job, Receipt, Replay, RunRecord, Runner, witness,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const STEP: u64 = 1;

fn words(digest: Digest) -> B256 {
    digest.0.into()
}

fn siblings(digests: &[Digest]) -> Vec<B256> {
    digests.iter().map(|digest| words(*digest)).collect()
}

/// The place as the contract takes it.
fn place(from: &witness::Place) -> Place {
    Place {
        nodes: words(from.nodes),
        trace: words(from.trace),
        rowTrace: words(from.row_trace),
        nodeCount: from.node_count,
        step: from.step,
        node: from.node,
        bodyNode: from.body_node,
        row: from.row,
        element: from.element,
        blockNumber: from.block,
        total: from.total,
    }
}

fn tensor(from: &witness::TensorOpening) -> TensorOpening {
    TensorOpening {
        node: from.node,
        dtype: from.dtype as u8,
        count: from.count,
        pages: from.pages.clone(),
        words: from.words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>().into(),
        siblings: siblings(&from.opening.siblings),
    }
}

/// The witness as the contract takes it: it needs no types.
fn opened(from: &witness::Witness) -> Witness {
    Witness {
        node: from.node.clone().into(),
        nodeSiblings: siblings(&from.node_opening.siblings),
        outer: from.outer.iter().map(tensor).collect(),
        outerSiblings: siblings(&from.outer_opening.siblings),
        body: from.body.iter().map(tensor).collect(),
        bodySiblings: siblings(&from.body_opening.siblings),
    }
}

struct Referee {
    evm: Evm,
    step: Address,
}

impl Referee {
    fn new() -> Referee {
        let mut evm = Evm::new();
        let step = evm.deploy(&Step::BYTECODE).expect("the referee deploys");
        Referee { evm, step }
    }

    /// The contract's word for a piece, and its gas. The witness alone gives the same word off the chain.
    fn word(&mut self, element: &Element, inside: Option<Inside>, block: u64) -> (u32, u64) {
        let (at, with) = element.witness(inside, block).expect("a piece");
        let call = Step::redoCall { place: place(&at), witness: opened(&with) };
        let answer = self.evm.call(self.step, &call).expect("an answer");
        assert_eq!(witness::redo(&at, &with), Ok(answer.value), "node {}, {inside:?}, {block}", at.node);
        (answer.value, answer.gas)
    }
}

struct Stored {
    job: Job,
    folder: Folder,
    _temporary: tempfile::TempDir,
}

impl Stored {
    fn new((program, states, tables): Fixture) -> Stored {
        let job = Job::new(program, tables, &states, STEP + 1, STEP + 1);
        let temporary = tempfile::TempDir::new().expect("a folder");
        let folder = Folder::at(temporary.path());
        folder.create(&job, &states, &RunRecord::default(), &Receipt::new(&job, "test")).expect("files");
        Stored { job, folder, _temporary: temporary }
    }

    fn replay(&self, faults: Vec<Fault>) -> Replay<'_> {
        let backend = Arc::new(samebit_ops::Cpu::detect());
        let runner = Runner::new(self.job.clone(), backend, &Settings::default(), faults).expect("a runner");
        Replay::new(&self.folder, 0..STEP + 1, runner)
    }

    /// The last computed node of every operator.
    fn operators(&self) -> BTreeMap<&str, (NodeId, &Node)> {
        let nodes = (0..).zip(&self.job.program.nodes);
        let computed = nodes.filter(|(_, node)| !matches!(node.kind, Kind::State(_) | Kind::Table(_)));
        computed.map(|(id, node)| (node.op.as_str(), (id, node))).collect()
    }
}

fn fixtures() -> [Stored; 2] {
    let dims = Dims { steps: STEP + 1, layers: 1, hidden: 300, ..Dims::default() };
    [Stored::new(gpt(Dims { dropout: 0.1, ..dims })), Stored::new(llama(dims))]
}

fn last_block(node: &Node) -> u64 {
    match &node.kind {
        Kind::Fold(fold) => fold.extent.div_ceil(256) - 1,
        _ => 0,
    }
}

#[test]
fn every_operator_is_redone_from_a_replay() {
    let mut referee = Referee::new();
    let (mut count, mut most) = (0, 0);
    for stored in fixtures() {
        let replay = stored.replay(Vec::new());
        for (op, (id, node)) in stored.operators() {
            let element = replay.element(STEP, id, node.len() * 2 / 3).expect("an element");
            let body = match &node.kind {
                Kind::Composite { body, .. } => body.as_slice(),
                _ => &[],
            };
            for (at, node) in (0u32..).zip(body) {
                let inside = Inside { node: at, element: node.len() * 2 / 3 };
                let said = element.row_words().expect("a row")[at as usize][inside.element as usize];
                let (word, gas) = referee.word(&element, Some(inside), last_block(node));
                assert_eq!(word, said, "{op}: {}", node.op);
                (count, most) = (count + 1, most.max(gas));
            }
            if body.is_empty() {
                for block in 0..=last_block(node) {
                    let said = element.totals_words(None).map(|totals| totals[block as usize]);
                    let (word, gas) = referee.word(&element, None, block);
                    assert_eq!(word, said.unwrap_or(element.claimed()), "{op}, block {block}");
                    (count, most) = (count + 1, most.max(gas));
                }
            }
        }
    }
    println!("{count} pieces, at most {most} gas");
    assert!(count > 100, "{count} pieces");
}

#[test]
fn the_contract_refutes_a_lie() {
    let mut referee = Referee::new();
    let [stored, _] = fixtures();
    let honest = stored.replay(Vec::new());
    for (op, (node, held)) in stored.operators() {
        let at = held.len() / 2;
        let liar = stored.replay(vec![Fault::Value { step: STEP, node, element: at, ulps: 1 }]);
        let [honest, liar] = [&honest, &liar].map(|side| side.element(STEP, node, at).expect("an element"));
        // The row that a side committed to is the output of the last node of its body.
        let (inside, computed) = match &held.kind {
            Kind::Composite { row_length, body } => {
                let last = body.len() - 1;
                (Some(Inside { node: last as u32, element: at % row_length }), &body[last])
            }
            _ => (None, held),
        };
        let (word, _) = referee.word(&liar, inside, last_block(computed));
        assert_eq!(word, honest.claimed(), "{op}");
        assert_ne!(word, liar.claimed(), "{op}");
    }
}
