//! A pass over rows as phases: what is computed in one loop over the columns.
//!
//! ```text
//! softmax     level 0: max x             loop 1: MaxBlock(x)
//!             level 1: e = exp(x − m)    loop 2: e kept, SumBlock(e)
//!             level 1: sum e
//!             level 2: e / l             loop 3: output
//! ```
//!
//! A stage's level is the number of loops over the columns that must end before it can begin. Stages of a level share one
//! loop: what passes between them stays in vector registers. A map that is needed only later is computed later; a cheap one is
//! computed again instead of being kept.

use std::collections::BTreeMap;

use samebit_num::{Code, Op, RegType};

use super::program::{Address, Columns, RowInput, RowProgram, Stage, StageKind};
use super::schedule::{Root, Schedule};
use super::values::{Id, Value, Values};

/// The most operations of a map that is computed again instead of being kept.
const CHEAP_OPERATIONS: usize = 2;

/// One word for each row, known before a loop begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowSource {
    /// The value of a per-row stage.
    Stage(usize),
    /// A word of an operand.
    Operand { operand: usize, address: Address, len: u64 },
    /// An address as an integer.
    Value(Address),
}

/// One word for each column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColumnSource {
    /// Words of an operand; `address` is a position in [`Plan::addresses`].
    Operand { operand: usize, address: usize, len: u64 },
    /// The addresses as integers.
    Value { address: usize },
    /// The values of an earlier loop, in this home.
    Home(usize),
}

/// An input of a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// The same in all columns: a position in [`Plan::row_sources`].
    Row(usize),
    /// A position in [`Loop::columns`].
    Column(usize),
}

/// Where the values of a map stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// An output of the launch.
    Output(usize),
    /// A matrix of the block of rows.
    Scratch(usize),
}

/// What a loop leaves besides the homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fold {
    /// The stage.
    pub(super) stage: usize,
    /// Its kind.
    pub(super) kind: StageKind,
    /// The result of the schedule that is its term or first factor; the next is the second factor.
    pub(super) result: usize,
}

/// A loop over the columns.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub(super) leaves: Vec<Leaf>,
    pub(super) columns: Vec<ColumnSource>,
    pub(super) schedule: Schedule,
    pub(super) folds: Vec<Fold>,
}

impl Loop {
    /// The folds that are ordered products.
    pub(super) fn products(&self) -> impl Iterator<Item = &Fold> {
        self.folds.iter().filter(|fold| fold.kind == StageKind::Product)
    }
}

/// Per-row stages, computed for a block of rows at once.
#[derive(Clone, Debug)]
pub(super) struct RowStages {
    /// Positions in [`Plan::row_sources`].
    pub(super) leaves: Vec<usize>,
    /// Its homes are the stages.
    pub(super) schedule: Schedule,
}

/// A level: per-row stages, then a loop.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    pub(super) rows: Option<RowStages>,
    pub(super) columns: Option<Loop>,
}

/// A pass, planned.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) phases: Vec<Phase>,
    pub(super) row_sources: Vec<RowSource>,
    pub(super) addresses: Vec<Address>,
    pub(super) homes: Vec<Home>,
    /// Number of scratch matrices.
    pub(super) scratch: usize,
    /// Outputs of per-row stages: (output, stage).
    pub(super) row_outputs: Vec<(usize, usize)>,
    /// Outputs that repeat another output's stage: (output, the first).
    pub(super) repeated: Vec<(usize, usize)>,
}

/// Levels of the stages, and which maps have to be kept.
struct Levels {
    of: Vec<usize>,
    /// The home of a map that a later level reads or that is stored.
    home: BTreeMap<usize, usize>,
}

impl Plan {
    /// The plan of a well-formed program.
    pub(super) fn new(program: &RowProgram) -> Plan {
        let mut plan = Plan {
            phases: Vec::new(),
            row_sources: Vec::new(),
            addresses: Vec::new(),
            homes: Vec::new(),
            scratch: 0,
            row_outputs: Vec::new(),
            repeated: Vec::new(),
        };
        let levels = plan.levels(program);
        let count = levels.of.iter().filter(|&&level| level != usize::MAX).max().map_or(0, |level| level + 1);
        for level in 0..count {
            let rows = plan.row_stages(program, &levels, level);
            let columns = plan.columns(program, &levels, level);
            plan.phases.push(Phase { rows, columns });
        }
        plan
    }

    fn levels(&mut self, program: &RowProgram) -> Levels {
        let stages = &program.stages;
        let mut of = earliest(stages);
        let mut stored = BTreeMap::new();
        for (output, &stage) in program.stores.iter().enumerate() {
            if !stages[stage].kind.is_map() {
                self.row_outputs.push((output, stage));
            } else if let Some(&first) = stored.get(&stage) {
                self.repeated.push((output, first));
            } else {
                stored.insert(stage, output);
            }
        }
        // From the last to the first: a map that is not stored moves to the first level that reads it; what nobody reads goes.
        for stage in (0..stages.len()).rev() {
            let readers = (stage + 1..stages.len()).filter(|&reader| reads(&stages[reader], stage));
            let first = readers.map(|reader| of[reader]).min().unwrap_or(usize::MAX);
            let stored = program.stores.contains(&stage);
            if !stored && (stages[stage].kind.is_map() || first == usize::MAX) {
                of[stage] = first;
            }
        }
        let mut levels = Levels { of, home: BTreeMap::new() };
        for (stage, output) in stored {
            self.homes.push(Home::Output(output));
            levels.home.insert(stage, self.homes.len() - 1);
        }
        for stage in 0..stages.len() {
            let kept = stages[stage].kind.is_map()
                && !levels.home.contains_key(&stage)
                && (0..stages.len()).any(|reader| {
                    let later = levels.of[reader] != usize::MAX && levels.of[reader] > levels.of[stage];
                    later && reads(&stages[reader], stage)
                });
            if kept && !is_cheap(stages, stage) {
                self.homes.push(Home::Scratch(self.scratch));
                self.scratch += 1;
                levels.home.insert(stage, self.homes.len() - 1);
            }
        }
        levels
    }

    fn row_source(&mut self, source: RowSource) -> usize {
        position(&mut self.row_sources, source)
    }

    fn row_stages(&mut self, program: &RowProgram, levels: &Levels, level: usize) -> Option<RowStages> {
        let mut graph = Values::default();
        let mut leaves = Vec::new();
        let mut ids = BTreeMap::new();
        let mut stages = Vec::new();
        for (index, stage) in program.stages.iter().enumerate() {
            if stage.kind != StageKind::Scalar || levels.of[index] != level {
                continue;
            }
            let inputs: Vec<Id> = stage
                .inputs
                .iter()
                .map(|input| match input {
                    RowInput::Stage(earlier) if ids.contains_key(earlier) => ids[earlier],
                    input => {
                        let source = self.row_source(per_row(input));
                        graph.add(Value::Leaf(position(&mut leaves, source)))
                    }
                })
                .collect();
            ids.insert(index, graph.add_code(&stage.code, &inputs));
            stages.push(index);
        }
        if stages.is_empty() {
            return None;
        }
        let roots: Vec<Id> = stages.iter().map(|stage| ids[stage]).collect();
        graph.find_calls(&roots);
        let root = |&stage: &usize| {
            let float = program.stages[stage].result_type() == RegType::F;
            Root { id: ids[&stage], home: Some(stage), float }
        };
        let roots: Vec<Root> = stages.iter().map(root).collect();
        let schedule = Schedule::new(&graph, &roots, &vec![false; leaves.len()]);
        Some(RowStages { leaves, schedule })
    }

    fn columns(&mut self, program: &RowProgram, levels: &Levels, level: usize) -> Option<Loop> {
        let mut building = Building {
            plan: self,
            program,
            levels,
            level,
            graph: Values::default(),
            leaves: Vec::new(),
            columns: Vec::new(),
            ids: BTreeMap::new(),
        };
        let mut roots = Vec::new();
        let mut folds = Vec::new();
        for (index, stage) in program.stages.iter().enumerate() {
            if levels.of[index] != level {
                continue;
            }
            match stage.kind {
                StageKind::Scalar => {}
                StageKind::Map => {
                    let id = building.stage(index);
                    if let Some(&home) = levels.home.get(&index) {
                        roots.push(Root { id, home: Some(home), float: stage.result_type() == RegType::F });
                    }
                }
                kind => {
                    folds.push(Fold { stage: index, kind, result: roots.len() });
                    let terms = building.terms(stage);
                    roots.extend(terms.into_iter().map(|id| Root { id, home: None, float: true }));
                }
            }
        }
        if roots.is_empty() {
            return None;
        }
        let Building { mut graph, leaves, columns, .. } = building;
        let ids: Vec<Id> = roots.iter().map(|root| root.id).collect();
        graph.find_calls(&ids);
        let uniform: Vec<bool> = leaves.iter().map(|leaf| matches!(leaf, Leaf::Row(_))).collect();
        let schedule = Schedule::new(&graph, &roots, &uniform);
        Some(Loop { leaves, columns, schedule, folds })
    }
}

/// A loop while its graph is made.
struct Building<'a> {
    plan: &'a mut Plan,
    program: &'a RowProgram,
    levels: &'a Levels,
    level: usize,
    graph: Values,
    leaves: Vec<Leaf>,
    columns: Vec<ColumnSource>,
    ids: BTreeMap<usize, Id>,
}

impl Building<'_> {
    /// The value of a map in this loop.
    fn stage(&mut self, index: usize) -> Id {
        if let Some(&id) = self.ids.get(&index) {
            return id;
        }
        let program = self.program;
        let earlier = self.levels.of[index] != self.level;
        let id = match self.levels.home.get(&index) {
            Some(&home) if earlier => self.column(ColumnSource::Home(home)),
            _ => {
                let inputs = self.inputs(&program.stages[index]);
                self.graph.add_code(&program.stages[index].code, &inputs)
            }
        };
        self.ids.insert(index, id);
        id
    }

    /// The term of a fold, or the two factors of a product.
    fn terms(&mut self, stage: &Stage) -> Vec<Id> {
        let inputs = self.inputs(stage);
        if stage.kind == StageKind::Product {
            inputs
        } else {
            vec![self.graph.add_code(&stage.code, &inputs)]
        }
    }

    fn inputs(&mut self, stage: &Stage) -> Vec<Id> {
        stage.inputs.iter().map(|input| self.input(input)).collect()
    }

    fn input(&mut self, input: &RowInput) -> Id {
        match input {
            RowInput::Stage(stage) if self.program.stages[*stage].kind.is_map() => self.stage(*stage),
            RowInput::Operand { operand, address, len } if address.columns != Columns::Fixed => {
                let address = position(&mut self.plan.addresses, address.clone());
                self.column(ColumnSource::Operand { operand: *operand, address, len: *len })
            }
            RowInput::Value(address) if address.columns != Columns::Fixed => {
                let address = position(&mut self.plan.addresses, address.clone());
                self.column(ColumnSource::Value { address })
            }
            input => {
                let source = self.plan.row_source(per_row(input));
                self.leaf(Leaf::Row(source))
            }
        }
    }

    fn column(&mut self, source: ColumnSource) -> Id {
        let column = position(&mut self.columns, source);
        self.leaf(Leaf::Column(column))
    }

    fn leaf(&mut self, leaf: Leaf) -> Id {
        let leaf = position(&mut self.leaves, leaf);
        self.graph.add(Value::Leaf(leaf))
    }
}

/// The first level at which each stage can be computed.
fn earliest(stages: &[Stage]) -> Vec<usize> {
    let mut of: Vec<usize> = Vec::with_capacity(stages.len());
    for stage in stages {
        let level = stage.inputs.iter().map(|input| match input {
            RowInput::Stage(earlier) => of[*earlier] + usize::from(stages[*earlier].kind.is_fold()),
            _ => 0,
        });
        of.push(level.max().unwrap_or(0));
    }
    of
}

fn reads(stage: &Stage, earlier: usize) -> bool {
    stage.inputs.contains(&RowInput::Stage(earlier))
}

/// Whether a map is computed faster than it is read from memory.
fn is_cheap(stages: &[Stage], index: usize) -> bool {
    let stage = &stages[index];
    let simple = stage.inputs.iter().all(|input| match input {
        RowInput::Stage(earlier) => !stages[*earlier].kind.is_map(),
        RowInput::Operand { address, .. } => !matches!(address.columns, Columns::Offsets(_)),
        RowInput::Value(_) => false,
    });
    simple && operations(&stage.code) <= CHEAP_OPERATIONS
}

/// Operations of the code; a division or root counts for many.
fn operations(code: &Code) -> usize {
    let cost = |op| match op {
        Op::Const | Op::IConst => 0,
        Op::Div | Op::Sqrt => CHEAP_OPERATIONS + 1,
        _ => 1,
    };
    code.instrs().iter().map(|instr| cost(instr.op)).sum()
}

fn per_row(input: &RowInput) -> RowSource {
    match input {
        RowInput::Stage(stage) => RowSource::Stage(*stage),
        RowInput::Operand { operand, address, len } => {
            RowSource::Operand { operand: *operand, address: address.clone(), len: *len }
        }
        RowInput::Value(address) => RowSource::Value(address.clone()),
    }
}

/// The position of `item` in `list`, where it is put if it is not there.
fn position<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|held| *held == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}
