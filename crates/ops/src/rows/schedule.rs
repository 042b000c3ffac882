//! A graph of values as a list of steps on a few vector registers.

use std::collections::BTreeMap;

use samebit_num::Op;

use super::interpret::{LANES_MAX, Uniform};
use super::values::{Id, Value, Values};

/// What a step does with its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Copies its operand.
    Copy,
    /// An operation with its immediate.
    Op(Op, u32),
    /// A comparison and a selection by it.
    Choice(Op, Op),
    /// A function of the table of twins.
    Call(usize),
}

/// Where a step finds an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A register; if uniform, its first words hold the value and serve for all columns.
    Slot {
        /// Which.
        slot: usize,
        /// One value for all columns.
        uniform: bool,
    },
    /// A constant of the schedule.
    Constant(usize),
    /// An input of the graph.
    Leaf(usize),
    /// A value kept in memory.
    Home(usize),
}

/// Where a step leaves its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A register.
    Slot(usize),
    /// Memory.
    Home(usize),
}

/// One loop over the columns of a chunk.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// What is done.
    pub(super) action: Action,
    /// On what.
    pub(super) sources: Vec<Source>,
    /// Where to.
    pub(super) target: Target,
    /// Whether one vector is enough.
    pub(super) uniform: bool,
}

/// A value that is needed after the steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    /// Which.
    pub(super) id: Id,
    /// The memory where it has to be, if any.
    pub(super) home: Option<usize>,
    /// Whether it is a float, whose NaNs are canonical in its home.
    pub(super) float: bool,
}

/// The steps that make some roots.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    /// The constants that steps read.
    pub(super) constants: Vec<Uniform>,
    /// In order.
    pub(super) steps: Vec<Step>,
    /// For each root, where it is after the steps.
    pub(super) results: Vec<Source>,
    /// Number of registers.
    pub(super) slots: usize,
}

struct Scheduler<'a> {
    values: &'a Values,
    uniform_leaf: &'a [bool],
    homes: BTreeMap<Id, usize>,
    sources: BTreeMap<Id, Source>,
    schedule: Schedule,
}

impl Schedule {
    /// The steps that make `roots`; `uniform_leaf` tells which leaves are one value for all columns.
    pub(super) fn new(values: &Values, roots: &[Root], uniform_leaf: &[bool]) -> Self {
        let mut homes = BTreeMap::new();
        for root in roots {
            if let Some(home) = root.home {
                homes.entry(root.id).or_insert(home);
            }
        }
        let schedule = Schedule::default();
        let mut scheduler = Scheduler { values, uniform_leaf, homes, sources: BTreeMap::new(), schedule };
        for root in roots {
            let source = scheduler.place(root);
            scheduler.schedule.results.push(source);
        }
        scheduler.schedule.assign_slots();
        scheduler.schedule
    }
}

impl Scheduler<'_> {
    /// The root's value, in its home if it has one.
    fn place(&mut self, root: &Root) -> Source {
        let source = self.source(root.id);
        match root.home {
            Some(home) if source != Source::Home(home) => {
                let target = Target::Home(home);
                self.schedule.steps.push(Step {
                    action: if root.float { Action::Op(Op::Float, 0) } else { Action::Copy },
                    sources: vec![source],
                    target,
                    uniform: false,
                });
                Source::Home(home)
            }
            _ => source,
        }
    }

    /// Where the value is, after the steps that make it; operands before their users, one operand's steps before the next's.
    fn source(&mut self, id: Id) -> Source {
        if let Some(&source) = self.sources.get(&id) {
            return source;
        }
        let values = self.values;
        let source = match values.get(id) {
            Value::Constant(bits) => {
                self.schedule.constants.push(Uniform([*bits; LANES_MAX]));
                Source::Constant(self.schedule.constants.len() - 1)
            }
            Value::Leaf(leaf) => Source::Leaf(*leaf),
            Value::Op { op, imm, operands } => self.step(id, Action::Op(*op, *imm), operands),
            Value::Choice { compare, select, operands } => {
                self.step(id, Action::Choice(*compare, *select), operands)
            }
            Value::Call { twin, operands } => self.step(id, Action::Call(*twin), operands),
        };
        self.sources.insert(id, source);
        source
    }

    fn step(&mut self, id: Id, action: Action, operands: &[Id]) -> Source {
        let sources: Vec<Source> = operands.iter().map(|&operand| self.source(operand)).collect();
        let home = self.homes.get(&id).copied();
        let uniform = home.is_none() && sources.iter().all(|&source| self.is_uniform(source));
        // Every result has a register of its own until `assign_slots`.
        let slot = self.schedule.steps.len();
        let (target, source) = match home {
            Some(home) => (Target::Home(home), Source::Home(home)),
            None => (Target::Slot(slot), Source::Slot { slot, uniform }),
        };
        self.schedule.steps.push(Step { action, sources, target, uniform });
        source
    }

    fn is_uniform(&self, source: Source) -> bool {
        match source {
            Source::Slot { uniform, .. } => uniform,
            Source::Constant(_) => true,
            Source::Leaf(leaf) => self.uniform_leaf[leaf],
            Source::Home(_) => false,
        }
    }
}

impl Schedule {
    /// Lets results share registers: one is free after the last step that reads it. A step's target is none of its sources.
    fn assign_slots(&mut self) {
        let mut last_use = vec![0; self.steps.len()];
        for (at, step) in self.steps.iter().enumerate() {
            step.sources.iter().for_each(|source| mark(&mut last_use, source, at));
        }
        let end = self.steps.len();
        self.results.iter().for_each(|source| mark(&mut last_use, source, end));
        let mut renamed = vec![0; self.steps.len()];
        let mut free = Vec::new();
        for at in 0..self.steps.len() {
            let step = &mut self.steps[at];
            if let Target::Slot(slot) = &mut step.target {
                let register = free.pop().unwrap_or_else(|| {
                    self.slots += 1;
                    self.slots - 1
                });
                renamed[*slot] = register;
                *slot = register;
            }
            let mut released = Vec::new();
            for source in &mut step.sources {
                if let Source::Slot { slot, .. } = source {
                    if last_use[*slot] == at && !released.contains(&renamed[*slot]) {
                        released.push(renamed[*slot]);
                    }
                    *slot = renamed[*slot];
                }
            }
            free.append(&mut released);
        }
        for source in &mut self.results {
            if let Source::Slot { slot, .. } = source {
                *slot = renamed[*slot];
            }
        }
    }
}

fn mark(last_use: &mut [usize], source: &Source, at: usize) {
    if let Source::Slot { slot, .. } = source {
        last_use[*slot] = at;
    }
}
