//! One side's story of a toy job: the truth, or a lie at one chosen place with everything else computed as a careful liar would.

use super::job::{Input, Job, Node, Read, Run, fold_lanes};
use super::referee::{Inputs, SLOT, StepOpening, TensorOpening};
use crate::difference::Side;
use crate::limits::LANES;
use crate::message::Opened;
use crate::position::Position;
use crate::question::Question;
use crate::referee::{JudgeKind, Structure};
use crate::story::{Evidence, Inside, Output, Story};
use samebit_commit::tensor::{PAGE_WORDS, page_digests};
use samebit_commit::{
    Canonical, DType, Digest, Encoder, Kind, Leaves, Opening, Sequence, SequenceError, Tag, Tree, hash,
    tensor,
};
use std::sync::Arc;

/// A lie in what the claim's root binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lie {
    /// A word of a node's output; whether later nodes and steps are computed from it.
    Word {
        /// The step.
        step: u64,
        /// The node.
        node: u32,
        /// The element.
        element: u64,
        /// Whether it is carried on.
        carry: bool,
    },
    /// A word of a fold's output: what comes out if the total after a block is false and the rest is computed from it.
    Chain {
        /// The step.
        step: u64,
        /// The node, a product.
        node: u32,
        /// The element.
        element: u64,
        /// The block.
        block: u64,
    },
    /// A word of an entry of the state after a step; later steps are computed from it.
    Entry {
        /// The step.
        step: u64,
        /// The entry.
        entry: u32,
    },
    /// One element more than a node has.
    Length {
        /// The step.
        step: u64,
        /// The node.
        node: u32,
    },
    /// Another dtype than a node has.
    Type {
        /// The step.
        step: u64,
        /// The node.
        node: u32,
    },
    /// A leaf of the trace that names nothing.
    NoTensor {
        /// The step.
        step: u64,
        /// The node.
        node: u32,
    },
    /// A leaf of the steps that names nothing.
    NoStep(u64),
    /// A leaf of the steps that is absent, with others after it.
    Hole(u64),
    /// The last step is left out.
    Short,
    /// The last step is there, but not counted.
    Uncounted,
    /// A step after the last one.
    Long,
    /// A step after the last one is counted, but absent.
    Overcounted,
    /// An absent step after the last one, and another after it.
    Gap,
    /// The last step is left out, and as few of the others are counted as the height of their tree allows.
    Undercounted,
    /// Another state after the segment.
    End,
    /// Steps whose tree nobody can open.
    NoTree,
}

/// How the lie goes on below an element that is false, where no root binds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Below {
    /// From which block on the totals are false; the last if not given.
    pub block: Option<u64>,
    /// Which lane is false; none: the lanes are true and do not fold to the total.
    pub lane: Option<u8>,
    /// Which body node's element 0 is false in the row, the rest computed from it; none: the last one is, at the element itself.
    pub body: Option<u32>,
    /// The row is true, and does not end in the element.
    pub row_end: bool,
    /// Totals, lanes and rows are false even where the element is true: what a saboteur does.
    pub sabotage: bool,
}

/// A tensor as a side says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    dtype: DType,
    words: Vec<u32>,
}

impl Told {
    fn root(&self) -> Digest {
        tensor::root_of(self.dtype, &self.words)
    }

    fn sequence(&self) -> Nested {
        let leaves = Leaves::tensor(self.dtype, self.words.len() as u64, page_digests(&self.words));
        let below =
            self.words.chunks(PAGE_WORDS).map(|page| Some(Arc::new(Nested::flat(Leaves::page(page)))));
        Nested { below: below.collect(), leaves }
    }
}

/// Leaves, with what they name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Nested {
    leaves: Leaves,
    below: Vec<Option<Arc<Nested>>>,
}

impl Nested {
    fn flat(leaves: Leaves) -> Nested {
        let below = vec![None; leaves.tree().count() as usize];
        Nested { leaves, below }
    }

    fn list(kind: Kind, items: Vec<(Digest, Option<Nested>)>) -> Nested {
        let (leaves, below): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let below = below.into_iter().map(|below| below.map(Arc::new)).collect();
        Nested { leaves: Leaves::list(kind, leaves), below }
    }
}

impl Sequence for Nested {
    fn kind(&self) -> Kind {
        self.leaves.kind()
    }
    fn len(&self) -> u64 {
        self.leaves.len()
    }
    fn root(&self) -> Result<Digest, SequenceError> {
        self.leaves.root()
    }
    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        self.leaves.node(level, index)
    }
    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        self.leaves.enter(leaf)?;
        Ok(self.below[leaf as usize].as_deref().map(|below| Box::new(below) as Box<dyn Sequence>))
    }
}

/// A step as a side says that it went.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ToldStep {
    outputs: Vec<Told>,
    /// The words of the state after it.
    state: Vec<Vec<u32>>,
}

/// One side's story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tale {
    job: Arc<Job>,
    told: Vec<ToldStep>,
    steps: Nested,
    opened: Opened,
    lie: Option<Lie>,
    below: Below,
}

/// Words of outer nodes and of a body's.
struct Held<'a> {
    job: &'a Job,
    outer: &'a [Told],
    /// The composite, and what its body has given so far.
    row: Option<(u32, &'a [Told])>,
}

impl Read for Held<'_> {
    fn word(&self, input: Input, index: u64) -> u32 {
        let (node, told) = match (input, self.row) {
            (Input::Outer(node), _) => (self.job.node(node, None), self.outer.get(node as usize)),
            (Input::Body(node), Some((outer, row))) => {
                (self.job.node(outer, Some(node)), row.get(node as usize))
            }
            (Input::Body(_), None) => (None, None),
        };
        let (Some(node), Some(told)) = (node, told) else { return 0 };
        told.words.get((index % node.elements) as usize).copied().unwrap_or(0)
    }
}

/// What a lie does to a word.
const fn lied(word: u32) -> u32 {
    word ^ 0x11
}

impl Tale {
    /// The truth about a job.
    pub fn honest(job: &Arc<Job>) -> Tale {
        Tale::new(job, None, Below::default())
    }

    /// A story with a lie, and with how it goes on below.
    pub fn lying(job: &Arc<Job>, lie: Lie, below: Below) -> Tale {
        Tale::new(job, Some(lie), below)
    }

    /// The truth as far as roots bind it, and lies below.
    pub fn saboteur(job: &Arc<Job>, below: Below) -> Tale {
        Tale::new(job, None, Below { sabotage: true, ..below })
    }

    /// The lies that a story of this job can tell, one of each kind at each place.
    pub fn lies(job: &Job) -> Vec<Lie> {
        let mut lies = vec![Lie::End, Lie::NoTree, Lie::Overcounted];
        let length = job.length();
        if length > 1 {
            lies.extend([Lie::Short, Lie::Uncounted]);
            if undercounted(length - 1) < length - 1 {
                lies.push(Lie::Undercounted);
            }
        }
        if length + 1 < job.steps {
            lies.push(Lie::Gap);
        }
        if length < job.steps {
            lies.push(Lie::Long);
        } else {
            lies.retain(|lie| *lie != Lie::Overcounted);
        }
        for step in 0..length {
            lies.push(Lie::NoStep(step));
            lies.push(Lie::Hole(step));
            lies.extend((0..job.sinks.len() as u32).map(|entry| Lie::Entry { step, entry }));
            for (node, shape) in job.nodes.iter().enumerate() {
                let node = node as u32;
                lies.extend([
                    Lie::Length { step, node },
                    Lie::Type { step, node },
                    Lie::NoTensor { step, node },
                    Lie::Word { step, node, element: 0, carry: true },
                    Lie::Word { step, node, element: shape.elements - 1, carry: false },
                ]);
                if let Structure::Product { blocks } = shape.structure() {
                    lies.extend((0..blocks).map(|block| Lie::Chain { step, node, element: 0, block }));
                }
            }
        }
        lies
    }

    fn new(job: &Arc<Job>, lie: Option<Lie>, below: Below) -> Tale {
        let told = tell(job, lie);
        let mut leaves: Vec<_> =
            told.iter().enumerate().map(|(step, told)| step_of(job, step, told, lie)).collect();
        match lie {
            Some(Lie::Short) => {
                leaves.pop();
            }
            Some(Lie::Hole(step)) => leaves[step as usize] = (Digest::ZERO, None),
            Some(Lie::Gap) => leaves.extend([(Digest::ZERO, None), (hash(Tag::Step, &[b"more"]), None)]),
            Some(Lie::Undercounted) => {
                leaves.pop();
            }
            Some(Lie::Long) => leaves.push((hash(Tag::Step, &[b"more"]), None)),
            _ => {}
        }
        let count = leaves.len() as u64;
        let steps = Nested::list(Kind::Steps, leaves);
        let last = told[count.min(told.len() as u64) as usize - 1].state.as_slice();
        let mut opened = Opened { state: job.state_root(last), count, steps_top: steps.leaves.tree().top() };
        match lie {
            Some(Lie::Uncounted) => opened.count -= 1,
            Some(Lie::Undercounted) => opened.count = undercounted(count),
            Some(Lie::Overcounted) => opened.count += 1,
            Some(Lie::End) => opened.state = hash(Tag::List, &[b"elsewhere"]),
            Some(Lie::NoTree) => opened.steps_top = hash(Tag::Inner, &[b"nowhere"]),
            _ => {}
        }
        Tale { job: job.clone(), told, steps, opened, lie, below }
    }

    fn step(&self, step: u64) -> Result<&ToldStep, SequenceError> {
        let missing = || SequenceError::Unavailable { what: format!("step {step}") };
        usize::try_from(step).ok().and_then(|step| self.told.get(step)).ok_or_else(missing)
    }

    fn node(&self, output: Output) -> Result<&Node, SequenceError> {
        let node = self.job.node(output.node, output.inside.map(|inside| inside.body_node));
        node.ok_or_else(|| SequenceError::Unavailable { what: format!("node {}", output.node) })
    }

    /// The body's outputs in the row of an element.
    fn row_told(&self, step: u64, node: u32, element: u64) -> Result<Vec<Told>, SequenceError> {
        let outer = &self.step(step)?.outputs;
        let Some(Structure::Composite { row_length, body_nodes }) =
            self.job.node(node, None).map(Node::structure)
        else {
            return Err(SequenceError::Unavailable { what: format!("a row of node {node}") });
        };
        let number = element / row_length;
        let true_row = run_row(&self.job, step, node, number, outer, None);
        let claimed: Vec<u32> = (number * row_length..(number + 1) * row_length)
            .map(|at| outer[node as usize].words.get(at as usize).copied().unwrap_or(0))
            .collect();
        let is_true = true_row.last().is_some_and(|last| last.words == claimed);
        if self.below.row_end || (is_true && !self.below.sabotage) {
            return Ok(true_row);
        }
        let mut row = match self.below.body.filter(|&body| body < body_nodes) {
            Some(body) => run_row(&self.job, step, node, number, outer, Some(body)),
            None => true_row,
        };
        if let Some(last) = row.last_mut() {
            last.words = claimed;
        }
        Ok(row)
    }

    /// What a side reads to run a node.
    fn with_held<T>(
        &self,
        output: Output,
        then: impl FnOnce(&Node, &Held<'_>, Run) -> T,
    ) -> Result<T, SequenceError> {
        let node = self.node(output)?;
        let outer = &self.step(output.step)?.outputs;
        let Some(inside) = output.inside else {
            let run = Run { step: output.step, row: 0 };
            return Ok(then(node, &Held { job: &self.job, outer, row: None }, run));
        };
        let row = self.row_told(output.step, output.node, inside.element)?;
        let run = Run { step: output.step, row: self.row_number(output.node, inside.element) };
        Ok(then(node, &Held { job: &self.job, outer, row: Some((output.node, &row)) }, run))
    }

    fn row_number(&self, node: u32, element: u64) -> u64 {
        match self.job.node(node, None).map(Node::structure) {
            Some(Structure::Composite { row_length, .. }) => element / row_length,
            _ => 0,
        }
    }

    fn told(&self, output: Output) -> Result<Told, SequenceError> {
        let missing = || SequenceError::Unavailable { what: format!("node {}", output.node) };
        match output.inside {
            None => self.step(output.step)?.outputs.get(output.node as usize).cloned(),
            Some(Inside { element, body_node }) => {
                self.row_told(output.step, output.node, element)?.get(body_node as usize).cloned()
            }
        }
        .ok_or_else(missing)
    }

    /// The inputs of a node, opened against this side's roots.
    fn inputs(&self, output: Output, side: Side, inputs: &[Input]) -> Result<Vec<u8>, SequenceError> {
        let trace: Vec<Digest> = self.step(output.step)?.outputs.iter().map(Told::root).collect();
        let trace = Tree::new(trace);
        let row = match output.inside {
            Some(inside) => self.row_told(output.step, output.node, inside.element)?,
            None => Vec::new(),
        };
        let row_tree = Tree::new(row.iter().map(Told::root).collect());
        let open = |input: &Input| {
            let (tree, told, at) = match *input {
                Input::Outer(node) => (&trace, &self.step(output.step)?.outputs[node as usize], node),
                Input::Body(node) => (&row_tree, &row[node as usize], node),
            };
            let siblings = tree.open(at.into()).map_err(SequenceError::source)?;
            Ok(TensorOpening { words: told.words.clone(), siblings })
        };
        let tensors = inputs.iter().map(open).collect::<Result<Vec<_>, SequenceError>>()?;
        Ok(Inputs { side: side as u8, tensors }.to_bytes())
    }

    /// A step opened against this side's claim.
    fn open_step(&self, side: Side, step: u64) -> Result<StepOpening, SequenceError> {
        let siblings = self.steps.leaves.tree().open(step).map_err(SequenceError::source)?;
        let parts = match self.steps.enter(step)? {
            Some(parts) => Some([parts.node(0, 1)?, parts.node(0, 0)?]),
            None => None,
        };
        Ok(StepOpening { side: side as u8, opened: self.opened, parts, siblings })
    }

    /// A step opened in the tree over all steps of the question, where it may be absent.
    fn open_padded(&self, side: Side, step: u64) -> Result<StepOpening, SequenceError> {
        let tree = self.steps.leaves.tree();
        let mut leaves = tree.leaves().to_vec();
        leaves.resize(self.job.steps as usize, Digest::ZERO);
        let siblings = Tree::new(leaves).open(step).map_err(SequenceError::source)?;
        let is_there = step < tree.count() && tree.node(0, step) != Digest::ZERO;
        let parts = match is_there {
            true => self.open_step(side, step)?.parts,
            false => None,
        };
        Ok(StepOpening { side: side as u8, opened: self.opened, parts, siblings })
    }

    fn open_output(&self, step: u64, node: u32) -> Result<(Digest, Opening), SequenceError> {
        let tree = Tree::new(self.step(step)?.outputs.iter().map(Told::root).collect());
        let siblings = tree.open(node.into()).map_err(SequenceError::source)?;
        Ok((tree.node(0, node.into()), siblings))
    }

    fn source(&self, position: &Position, side: Side) -> Result<Vec<u8>, SequenceError> {
        let super::job::Kind::State(entry) = self.node(Output::of(position))?.kind else {
            return Ok(Vec::new());
        };
        let before = position.step.checked_sub(1);
        let state = match before {
            None => &self.job.start,
            Some(before) => &self.step(before)?.state,
        };
        let entries: Vec<_> = (0..).zip(state).map(|(at, words)| self.entry(at, words)).collect();
        let tree = samebit_commit::state::tree(&entries);
        let mut encoder = Encoder::new();
        entries[entry as usize].root.encode(&mut encoder);
        tree.open(entry.into()).map_err(SequenceError::source)?.encode(&mut encoder);
        if let Some(before) = before {
            self.open_step(side, before)?.encode(&mut encoder);
        }
        Ok(encoder.into_bytes())
    }

    fn entry(&self, entry: u32, words: &[u32]) -> samebit_commit::state::Entry {
        let dtype = self.job.nodes[self.job.sinks[entry as usize] as usize].dtype;
        self.job.entry(entry, tensor::root_of(dtype, words))
    }
}

/// The least count whose tree is as high as that of `count` leaves.
const fn undercounted(count: u64) -> u64 {
    if count < 2 { count } else { (1 << (samebit_commit::merkle::height(count) - 1)) + 1 }
}

/// What a side says of every step.
fn tell(job: &Job, lie: Option<Lie>) -> Vec<ToldStep> {
    let mut state = job.start.clone();
    let mut told = Vec::new();
    for step in 0..job.length() {
        let mut outputs = Vec::new();
        for node in 0..job.nodes.len() as u32 {
            let mut words = run_node(job, step, node, &state, &outputs);
            match lie {
                Some(Lie::Word { step: at, node: which, element, carry: true })
                    if (at, which) == (step, node) =>
                {
                    words[element as usize] = lied(words[element as usize]);
                }
                Some(Lie::Chain { step: at, node: which, element, block }) if (at, which) == (step, node) => {
                    let held = Held { job, outer: &outputs, row: None };
                    let declared = &job.nodes[node as usize];
                    let totals = chain(declared, &held, Run { step, row: 0 }, element, block);
                    words[element as usize] = totals.last().copied().unwrap_or(0);
                }
                _ => {}
            }
            outputs.push(Told { dtype: job.nodes[node as usize].dtype, words });
        }
        state = job.sinks.iter().map(|&node| outputs[node as usize].words.clone()).collect();
        match lie {
            Some(Lie::Word { step: at, node, element, carry: false }) if at == step => {
                let word = &mut outputs[node as usize].words[element as usize];
                *word = lied(*word);
            }
            Some(Lie::Entry { step: at, entry }) if at == step => {
                let word = &mut state[entry as usize][0];
                *word = lied(*word);
            }
            Some(Lie::Length { step: at, node }) if at == step => outputs[node as usize].words.push(7),
            Some(Lie::Type { step: at, node }) if at == step => {
                let dtype = &mut outputs[node as usize].dtype;
                *dtype = if *dtype == DType::F32 { DType::U32 } else { DType::F32 };
            }
            _ => {}
        }
        told.push(ToldStep { outputs, state: state.clone() });
    }
    told
}

/// The totals of a product of which the one after `block` is false, and the rest computed from it.
fn chain(node: &Node, held: &Held<'_>, run: Run, element: u64, block: u64) -> Vec<u32> {
    let mut totals = node.totals(held, run, element);
    for at in block as usize..totals.len() {
        totals[at] = if at as u64 == block {
            totals[at] ^ 0x2200
        } else {
            node.block(held, run, element, at as u64, totals[at - 1])
        };
    }
    totals
}

/// The words of a node.
fn run_node(job: &Job, step: u64, node: u32, state: &[Vec<u32>], outputs: &[Told]) -> Vec<u32> {
    use super::job::Kind;
    let held = Held { job, outer: outputs, row: None };
    let (declared, run) = (&job.nodes[node as usize], Run { step, row: 0 });
    match &declared.kind {
        Kind::State(entry) => state[*entry as usize].clone(),
        Kind::Table(table) => job.tables[*table as usize].clone(),
        Kind::Composite { row_length, .. } => (0..declared.elements / row_length)
            .flat_map(|row| {
                run_row(job, step, node, row, outputs, None).pop().expect("a body has a node").words
            })
            .collect(),
        _ => run_elements(declared, &held, run),
    }
}

fn run_elements(node: &Node, held: &Held<'_>, run: Run) -> Vec<u32> {
    let one = |element| match node.structure() {
        Structure::Map => node.map(held, run, element),
        _ => node.totals(held, run, element).pop().unwrap_or(0),
    };
    (0..node.elements).map(one).collect()
}

/// The body's outputs in a row, with a lie in element 0 of node `lie`.
fn run_row(job: &Job, step: u64, node: u32, row: u64, outer: &[Told], lie: Option<u32>) -> Vec<Told> {
    let super::job::Kind::Composite { body, .. } = &job.nodes[node as usize].kind else { return Vec::new() };
    let mut outputs = Vec::new();
    for (at, inside) in body.iter().enumerate() {
        let mut words =
            run_elements(inside, &Held { job, outer, row: Some((node, &outputs)) }, Run { step, row });
        if lie == Some(at as u32) {
            words[0] = lied(words[0]);
        }
        outputs.push(Told { dtype: inside.dtype, words });
    }
    outputs
}

/// A step's leaf, with what it names.
fn step_of(job: &Job, step: usize, told: &ToldStep, lie: Option<Lie>) -> (Digest, Option<Nested>) {
    let step = step as u64;
    if lie == Some(Lie::NoStep(step)) {
        return (hash(Tag::Step, &[b"nothing"]), None);
    }
    let output = |(node, told): (usize, &Told)| {
        if lie == Some(Lie::NoTensor { step, node: node as u32 }) {
            return (hash(Tag::Tensor, &[b"nothing"]), None);
        }
        (told.root(), Some(told.sequence()))
    };
    let trace = Nested::list(Kind::Trace, told.outputs.iter().enumerate().map(output).collect());
    let entry = |(entry, words): (usize, &Vec<u32>)| {
        let dtype = job.nodes[job.sinks[entry] as usize].dtype;
        (job.entry(entry as u32, tensor::root_of(dtype, words)).leaf(), None)
    };
    let state = Nested::list(Kind::State, told.state.iter().enumerate().map(entry).collect());
    let leaves = Leaves::step(trace.leaves.name(), state.leaves.name());
    let name = leaves.name();
    (name, Some(Nested { leaves, below: vec![Some(Arc::new(trace)), Some(Arc::new(state))] }))
}

impl Story for Tale {
    fn end(&self) -> Result<Digest, SequenceError> {
        Ok(self.opened.state)
    }

    fn steps(&self) -> &dyn Sequence {
        &self.steps
    }

    fn opened(&self) -> Result<Opened, SequenceError> {
        Ok(self.opened)
    }

    fn shape(&self, output: Output) -> Result<(u8, u64), SequenceError> {
        let told = self.told(output)?;
        Ok((told.dtype as u8, told.words.len() as u64))
    }

    fn page(&self, output: Output, page: u64) -> Result<Vec<u32>, SequenceError> {
        let told = self.told(output)?;
        let start = (page as usize).saturating_mul(PAGE_WORDS).min(told.words.len());
        Ok(told.words[start..told.words.len().min(start + PAGE_WORDS)].to_vec())
    }

    fn structure(&self, output: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        Ok((self.node(output)?.structure(), Vec::new()))
    }

    fn totals(&self, output: Output, element: u64) -> Result<Vec<u32>, SequenceError> {
        if let Some(Lie::Chain { step, node, element: at, block }) = self.lie
            && (output, element) == (Output { step, node, inside: None }, at)
        {
            return self.with_held(output, |node, held, run| chain(node, held, run, element, block));
        }
        let mut totals = self.with_held(output, |node, held, run| node.totals(held, run, element))?;
        let claimed = self.told(output)?.words.get(element as usize).copied().unwrap_or(0);
        let last = totals.len().saturating_sub(1);
        let change = totals.last().map_or(0, |word| word ^ claimed);
        let is_false = change != 0 || self.below.sabotage;
        let from = self.below.block.map_or(last, |block| (block as usize).min(last));
        for total in totals.iter_mut().skip(from).filter(|_| is_false) {
            *total ^= if change == 0 { 0x77 } else { change };
        }
        totals.last_mut().into_iter().for_each(|last| *last = claimed);
        Ok(totals)
    }

    fn lanes(&self, output: Output, element: u64, block: u64) -> Result<[u32; LANES], SequenceError> {
        let mut lanes = self.with_held(output, |node, held, run| node.lanes(held, run, element, block))?;
        let totals = self.totals(output, element)?;
        let before = block.checked_sub(1).map_or(0, |before| totals[before as usize]);
        let is_false = totals.get(block as usize) != Some(&fold_lanes(before, &lanes));
        if let Some(lane) = self.below.lane.filter(|_| is_false || self.below.sabotage) {
            lanes[usize::from(lane) % LANES] ^= 0x101;
        }
        Ok(lanes)
    }

    fn row(&self, step: u64, node: u32, element: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        let row = self.row_told(step, node, element)?;
        let items = row.iter().map(|told| (told.root(), Some(told.sequence()))).collect();
        Ok(Box::new(Nested::list(Kind::Row, items)))
    }

    fn malformed(&self, output: Output) -> Result<Option<Vec<u8>>, SequenceError> {
        Ok((self.job.malformed == Some(output.node)).then(Vec::new))
    }

    fn evidence(
        &self,
        _question: &Question,
        position: &Position,
        side: Side,
        kind: JudgeKind,
    ) -> Result<Evidence, SequenceError> {
        let output = Output::of(position);
        let mut encoder = Encoder::new();
        let mut kept = Vec::new();
        match kind {
            JudgeKind::Ended => {
                if let Some(before) = position.step.checked_sub(1) {
                    let step = self.open_padded(side, before)?;
                    step.encode(&mut encoder);
                    if step.parts.is_some() {
                        let loss = self.job.loss();
                        let words = self.step(before)?.outputs[loss as usize].words.clone();
                        let (_, siblings) = self.open_output(before, loss)?;
                        TensorOpening { words, siblings }.encode(&mut encoder);
                    }
                }
            }
            JudgeKind::Sink => {
                let sink = self.job.sinks[position.node as usize];
                let (root, siblings) = self.open_output(position.step, sink)?;
                encoder.u8(side as u8);
                root.encode(&mut encoder);
                siblings.encode(&mut encoder);
            }
            JudgeKind::Source => encoder.raw(&self.source(position, side)?),
            JudgeKind::Map | JudgeKind::Lane => {
                encoder.raw(&self.inputs(output, side, &self.node(output)?.inputs())?);
            }
            JudgeKind::Block => {
                let witness = self.inputs(output, side, &self.node(output)?.inputs())?;
                // Every other block is redone beforehand, as one too large for a message would be.
                if position.block % 2 == 1 { kept.push((SLOT, witness)) } else { encoder.raw(&witness) }
            }
            JudgeKind::LaneFold => {
                let lanes = self.lanes(output, position.element_index(), position.block)?;
                encoder.list(&lanes, |encoder, lane| encoder.u32(*lane));
            }
            JudgeKind::RowEnd => {
                let inside =
                    Output { inside: Some(Inside { element: position.element, body_node: 0 }), ..output };
                let Structure::Composite { body_nodes, .. } =
                    self.job.nodes[output.node as usize].structure()
                else {
                    return Err(SequenceError::Unavailable { what: "the row".to_owned() });
                };
                encoder.raw(&self.inputs(inside, side, &[Input::Body(body_nodes - 1)])?);
            }
            JudgeKind::SegmentEnd => self.open_step(side, position.step)?.encode(&mut encoder),
            JudgeKind::Shape | JudgeKind::Malformed => {}
        }
        Ok(Evidence { witness: encoder.into_bytes(), kept })
    }
}
