//! The job: nodes over words, computed with wrapping integers.

use crate::ids::{Amount, Owner, Seconds};
use crate::limits::LANES;
use crate::question::{Header, Question};
use crate::referee::Structure;
use samebit_commit::{DType, Digest, Tag, Tree, hash, merkle::height, state, steps, tensor};

/// Terms of a block; two for each lane.
pub const BLOCK: u64 = 2 * LANES as u64;

/// Where a node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// The output of a node of the program.
    Outer(u32),
    /// The output of an earlier node of the body.
    Body(u32),
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The state with this number.
    State(u32),
    /// The table with this number.
    Table(u32),
    /// A mixture of elements.
    Map(Vec<Input>),
    /// As a map; not finite in the step with this number in the job.
    Loss(Vec<Input>, Option<u64>),
    /// A fold of products.
    Product([Input; 2], u64),
    /// A fold in lanes.
    Sum(Input, u64),
    /// A body for each row.
    Composite {
        /// Elements of a row.
        row_length: u64,
        /// Its nodes; the last one gives the row.
        body: Vec<Node>,
    },
}

/// A node of the program or of a body.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// What its words are.
    pub dtype: DType,
    /// Elements of its output.
    pub elements: u64,
    /// What it computes.
    pub kind: Kind,
}

/// Words by where they are read.
pub(super) trait Read {
    /// The word at this index, taken modulo the elements that the input is declared to have; 0 if it is not there.
    fn word(&self, input: Input, index: u64) -> u32;
}

/// Where a node is run.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// The step's number in the job.
    pub(super) step: u64,
    /// The composite's row; 0 outside a body.
    pub(super) row: u64,
}

impl Node {
    fn new(elements: u64, kind: Kind) -> Node {
        Node { dtype: DType::U32, elements, kind }
    }

    /// What it reads, in order.
    pub fn inputs(&self) -> Vec<Input> {
        match &self.kind {
            Kind::State(_) | Kind::Table(_) => Vec::new(),
            Kind::Map(inputs) | Kind::Loss(inputs, _) => inputs.clone(),
            Kind::Product(factors, _) => factors.to_vec(),
            Kind::Sum(input, _) => vec![*input],
            Kind::Composite { body, .. } => {
                let outer = |input: &Input| matches!(input, Input::Outer(_));
                let mut inputs: Vec<Input> = body.iter().flat_map(Node::inputs).filter(outer).collect();
                inputs.sort();
                inputs.dedup();
                inputs
            }
        }
    }

    /// What an element of it is made of.
    pub fn structure(&self) -> Structure {
        match &self.kind {
            Kind::State(_) | Kind::Table(_) => Structure::Source,
            Kind::Map(_) | Kind::Loss(..) => Structure::Map,
            Kind::Product(_, terms) => Structure::Product { blocks: terms.div_ceil(BLOCK) },
            Kind::Sum(_, terms) => Structure::Lanes { blocks: terms.div_ceil(BLOCK) },
            Kind::Composite { row_length, body } => {
                Structure::Composite { row_length: *row_length, body_nodes: body.len() as u32 }
            }
        }
    }

    /// An element of a map.
    pub(super) fn map(&self, read: &impl Read, run: Run, element: u64) -> u32 {
        let (Kind::Map(inputs) | Kind::Loss(inputs, _)) = &self.kind else { return 0 };
        let start = (run.step as u32).wrapping_mul(0x9e37_79b9) ^ (run.row as u32) << 8 ^ element as u32;
        let mix = |word: u32, input: &Input| {
            word.rotate_left(5) ^ read.word(*input, element + 13 * run.row).wrapping_mul(2_654_435_761)
        };
        let word = inputs.iter().fold(start, mix);
        match self.kind {
            Kind::Loss(_, diverges) if diverges == Some(run.step) => 0x7f80_0000,
            Kind::Loss(..) => word & 0x3fff_ffff,
            _ => word,
        }
    }

    /// The total after a block of a product.
    pub(super) fn block(&self, read: &impl Read, run: Run, element: u64, block: u64, total: u32) -> u32 {
        let Kind::Product([a, b], terms) = self.kind else { return 0 };
        let term = |k: u64| read.word(a, element + k + 13 * run.row).wrapping_mul(read.word(b, k) | 1);
        let sum = (block * BLOCK..terms.min((block + 1) * BLOCK)).map(term).fold(0, u32::wrapping_add);
        total.wrapping_mul(3) ^ sum
    }

    /// The lanes of a block of a sum.
    pub(super) fn lanes(&self, read: &impl Read, run: Run, element: u64, block: u64) -> [u32; LANES] {
        let Kind::Sum(input, terms) = self.kind else { return [0; LANES] };
        let mut lanes = [0u32; LANES];
        for k in block * BLOCK..terms.min((block + 1) * BLOCK) {
            let lane = &mut lanes[(k % LANES as u64) as usize];
            *lane = lane.wrapping_mul(5).wrapping_add(read.word(input, element + 3 * k + 13 * run.row));
        }
        lanes
    }

    /// All totals of an element of a fold.
    pub(super) fn totals(&self, read: &impl Read, run: Run, element: u64) -> Vec<u32> {
        let (Structure::Product { blocks } | Structure::Lanes { blocks }) = self.structure() else {
            return Vec::new();
        };
        let mut total = 0;
        let next = |block| {
            total = match self.kind {
                Kind::Sum(..) => fold_lanes(total, &self.lanes(read, run, element, block)),
                _ => self.block(read, run, element, block, total),
            };
            total
        };
        (0..blocks).map(next).collect()
    }
}

/// The total after a block of a sum, from its lanes.
pub(super) fn fold_lanes(total: u32, lanes: &[u32; LANES]) -> u32 {
    let mut folded = *lanes;
    for width in [8, 4, 2, 1] {
        for lane in 0..width {
            folded[lane] = folded[lane].wrapping_mul(7) ^ folded[lane + width];
        }
    }
    total.rotate_left(3).wrapping_add(folded[0])
}

/// A job: what is computed, from which state, in how many steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The program's nodes; the last one is the loss.
    pub nodes: Vec<Node>,
    /// Which node is each state's value after a step.
    pub sinks: Vec<u32>,
    /// The words of the tables.
    pub tables: Vec<Vec<u32>>,
    /// The words of the state before the first step.
    pub start: Vec<Vec<u32>>,
    /// Steps of the segment, the only one of the job.
    pub steps: u64,
    /// A node about which the referee says that it is malformed.
    pub malformed: Option<u32>,
}

impl Job {
    /// A job with a node of every kind, over tensors of `elements` words and folds of `blocks` blocks; the loss diverges in step `diverges`, if it is
    /// one of the `steps`.
    pub fn new(steps: u64, elements: u64, blocks: u64, diverges: Option<u64>) -> Job {
        use Input::{Body, Outer};
        let terms = blocks * BLOCK - 3;
        let row_length = 4.min(elements);
        let body = vec![
            Node::new(row_length, Kind::Map(vec![Outer(2), Outer(3)])),
            Node::new(row_length, Kind::Product([Outer(2), Body(0)], terms)),
            Node::new(row_length, Kind::Sum(Body(1), terms)),
            Node::new(row_length, Kind::Map(vec![Body(2), Outer(4)])),
        ];
        let nodes = vec![
            Node::new(elements, Kind::State(0)),
            Node::new(row_length, Kind::State(1)),
            Node::new(row_length, Kind::Table(0)),
            Node::new(elements, Kind::Map(vec![Outer(0), Outer(2)])),
            Node::new(elements, Kind::Product([Outer(3), Outer(2)], terms)),
            Node::new(row_length, Kind::Sum(Outer(4), terms)),
            Node::new(row_length, Kind::Product([Outer(5), Outer(1)], 7)),
            Node::new(row_length, Kind::Sum(Outer(6), 11)),
            Node::new(2 * row_length, Kind::Composite { row_length, body }),
            Node { dtype: DType::F32, elements: 1, kind: Kind::Loss(vec![Outer(8)], diverges) },
        ];
        let words = |seed: u32, count: u64| -> Vec<u32> {
            (0..count as u32).map(|at| (at + seed).wrapping_mul(0x0101_6b2d) ^ seed).collect()
        };
        Job {
            nodes,
            sinks: vec![4, 7],
            tables: vec![words(3, row_length)],
            start: vec![words(1, elements), words(2, row_length)],
            steps,
            malformed: None,
        }
    }

    /// The smallest job: a state, a product of three blocks and the loss, in one step.
    pub fn small(steps: u64, diverges: Option<u64>) -> Job {
        use Input::Outer;
        let nodes = vec![
            Node::new(1, Kind::State(0)),
            Node::new(1, Kind::Product([Outer(0), Outer(0)], 3 * BLOCK)),
            Node { dtype: DType::F32, elements: 1, kind: Kind::Loss(vec![Outer(1)], diverges) },
        ];
        let start = vec![vec![5]];
        Job { nodes, sinks: vec![1], tables: Vec::new(), start, steps, malformed: None }
    }

    /// The node that is the loss.
    pub fn loss(&self) -> u32 {
        self.nodes.len() as u32 - 1
    }

    /// The steps that the job runs before it ends or diverges.
    pub fn length(&self) -> u64 {
        let Some(Node { kind: Kind::Loss(_, Some(diverges)), .. }) = self.nodes.last() else {
            return self.steps;
        };
        self.steps.min(diverges + 1)
    }

    /// A node at a place: of the program, or of the body of one.
    pub fn node(&self, node: u32, body_node: Option<u32>) -> Option<&Node> {
        let outer = self.nodes.get(node as usize)?;
        match (body_node, &outer.kind) {
            (None, _) => Some(outer),
            (Some(inside), Kind::Composite { body, .. }) => body.get(inside as usize),
            _ => None,
        }
    }

    /// The entry of a state with this root of its tensor.
    pub(super) fn entry(&self, entry: u32, root: Digest) -> state::Entry {
        let node = &self.nodes[self.sinks[entry as usize] as usize];
        state::Entry { name: format!("state {entry}"), dtype: node.dtype, shape: vec![node.elements], root }
    }

    /// The state root of these words.
    pub(super) fn state_root(&self, words: &[Vec<u32>]) -> Digest {
        let entry = |(entry, words): (usize, &Vec<u32>)| {
            let dtype = self.nodes[self.sinks[entry] as usize].dtype;
            self.entry(entry as u32, tensor::root_of(dtype, words))
        };
        state::root(&words.iter().enumerate().map(entry).collect::<Vec<_>>())
    }

    /// The roots of the tables.
    pub(super) fn table_roots(&self) -> Vec<Digest> {
        self.tables.iter().map(|words| tensor::root_of(DType::U32, words)).collect()
    }

    /// The question about the segment, and the header that opens it.
    pub fn question(&self, terms: &Terms) -> (Question, Header) {
        let named = |tag, count: usize| {
            Tree::new((0..count as u32).map(|at| hash(tag, &[&at.to_be_bytes()])).collect())
        };
        let nodes = named(Tag::Node, self.nodes.len());
        let states = named(Tag::Declaration, self.sinks.len());
        let sinks = Tree::new(self.sinks.iter().map(|&node| steps::total(node)).collect());
        let tables = Tree::new(self.table_roots());
        debug_assert_eq!(nodes.height(), height(nodes.count()));
        let header = Header {
            version: 1,
            table_declarations: named(Tag::Declaration, self.tables.len()).root(),
            grad_norm: self.loss(),
            initial: self.state_root(&self.start),
            steps: self.steps,
            segment_steps: self.steps,
            profile: "toy".to_owned(),
            nodes_top: nodes.top(),
            states_top: states.top(),
            sinks_top: sinks.top(),
            tables_top: tables.top(),
        };
        let mut question = Question {
            job: Digest::ZERO,
            nodes: nodes.root(),
            states: states.root(),
            sinks: sinks.root(),
            tables: tables.root(),
            start: header.initial,
            node_count: nodes.count(),
            state_count: states.count(),
            table_count: tables.count(),
            loss: self.loss(),
            first_step: 0,
            step_count: self.steps,
            bond: terms.bond,
            entry_seconds: terms.entry_seconds,
            clock_seconds: terms.clock_seconds,
            extension_seconds: terms.extension_seconds,
            asker: Owner::default(),
            nonce: Digest::ZERO,
        };
        question.job = header.job(&question);
        (question, header)
    }
}

/// On which terms a question is argued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Terms {
    /// What each claim pays in.
    pub bond: Amount,
    /// How long claims may enter.
    pub entry_seconds: Seconds,
    /// The clock of each side.
    pub clock_seconds: Seconds,
    /// What is left at least after a move.
    pub extension_seconds: Seconds,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            bond: Amount(101),
            entry_seconds: Seconds(50),
            clock_seconds: Seconds(40),
            extension_seconds: Seconds(3),
        }
    }
}
