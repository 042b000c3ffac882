//! Scalar programs as a graph of values: equal values are one value, and known functions are found whole.
//!
//! The stages that share a loop over the columns become one graph. A part of the graph that is a [`twins`] function,
//! operation for operation, becomes one [`Value::Call`] of it; what is not needed any more is never scheduled.

use std::collections::{BTreeMap, BTreeSet};

use samebit_num::{Code, Op};

use super::twins;

/// The number of a value in its graph; operands have smaller numbers than their users until calls are found.
pub(super) type Id = usize;

/// How a value is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    /// The same word everywhere.
    Constant(u32),
    /// An input of the graph.
    Leaf(usize),
    /// An operation of arithmetic.md §2; never a constant.
    Op {
        /// Which.
        op: Op,
        /// Its immediate.
        imm: u32,
        /// Its operands.
        operands: Vec<Id>,
    },
    /// A selection by a comparison: operands are compared a, b and the choices.
    Choice {
        /// The comparison.
        compare: Op,
        /// `Select` or `ISelect`.
        select: Op,
        /// Compared a, compared b, if true, if false.
        operands: Vec<Id>,
    },
    /// A function of [`twins`].
    Call {
        /// Its position in the table.
        twin: usize,
        /// Its arguments.
        operands: Vec<Id>,
    },
}

impl Value {
    /// The values that this one is made from.
    pub(super) fn operands(&self) -> &[Id] {
        match self {
            Value::Constant(_) | Value::Leaf(_) => &[],
            Value::Op { operands, .. } | Value::Choice { operands, .. } | Value::Call { operands, .. } => {
                operands
            }
        }
    }
}

/// A graph of values without duplicates.
#[derive(Debug, Default)]
pub(super) struct Values {
    values: Vec<Value>,
    known: BTreeMap<Value, Id>,
}

impl Values {
    /// The number of the value, added if it is not there.
    pub(super) fn add(&mut self, value: Value) -> Id {
        let values = &mut self.values;
        *self.known.entry(value).or_insert_with_key(|value| {
            values.push(value.clone());
            values.len() - 1
        })
    }

    /// How the value is made.
    pub(super) fn get(&self, id: Id) -> &Value {
        &self.values[id]
    }

    /// Adds the instructions of `code` on these inputs; the result's number.
    pub(super) fn add_code(&mut self, code: &Code, inputs: &[Id]) -> Id {
        let mut registers = inputs.to_vec();
        for instr in code.instrs() {
            let value = match instr.op {
                Op::Const | Op::IConst => Value::Constant(instr.imm),
                op => Value::Op {
                    op,
                    imm: instr.imm,
                    operands: instr.operands().map(|operand| registers[usize::from(operand)]).collect(),
                },
            };
            registers.push(self.add(value));
        }
        *registers.last().expect("a code has a result")
    }

    /// Replaces, below the roots, every known function by a call of it, the largest first, and every selection by a choice.
    /// A root is never swallowed by a call of another value.
    pub(super) fn find_calls(&mut self, roots: &[Id]) {
        // From the greatest number down: users come before their operands, so that no operand is a call yet.
        let mut open: BTreeSet<Id> = roots.iter().copied().collect();
        while let Some(id) = open.pop_last() {
            if let Some((twin, operands)) = self.call_at(id, roots) {
                self.values[id] = Value::Call { twin, operands };
            } else if let Some(choice) = self.choice_at(id) {
                self.values[id] = choice;
            }
            open.extend(self.values[id].operands());
        }
    }

    fn call_at(&self, id: Id, roots: &[Id]) -> Option<(usize, Vec<Id>)> {
        if !matches!(self.values[id], Value::Op { .. }) {
            return None;
        }
        let found = |(twin, code): (usize, &Code)| Some((twin, Match::find(self, code, id, roots)?));
        twins::codes().iter().enumerate().find_map(found)
    }

    fn choice_at(&self, id: Id) -> Option<Value> {
        let Value::Op { op: select @ (Op::Select | Op::ISelect), operands, .. } = &self.values[id] else {
            return None;
        };
        let Value::Op { op: compare, operands: compared, .. } = &self.values[operands[0]] else {
            unreachable!("a mask is made by a comparison");
        };
        let operands = vec![compared[0], compared[1], operands[1], operands[2]];
        Some(Value::Choice { compare: *compare, select: *select, operands })
    }
}

/// A function's code laid over a part of the graph.
struct Match<'a> {
    values: &'a Values,
    code: &'a Code,
    roots: &'a [Id],
    root: Id,
    /// For each register of the code, the value that it is.
    bound: Vec<Option<Id>>,
}

impl<'a> Match<'a> {
    /// The arguments with which `code` makes value `root`.
    fn find(values: &'a Values, code: &'a Code, root: Id, roots: &'a [Id]) -> Option<Vec<Id>> {
        let bound = vec![None; code.register_count()];
        let mut found = Self { values, code, roots, root, bound };
        if !found.unify(code.register_count() - 1, root) {
            return None;
        }
        found.bound.truncate(code.inputs().len());
        found.bound.into_iter().collect()
    }

    fn unify(&mut self, register: usize, id: Id) -> bool {
        if let Some(bound) = self.bound[register] {
            return bound == id;
        }
        self.bound[register] = Some(id);
        let Some(instr) = register.checked_sub(self.code.inputs().len()).map(|at| self.code.instrs()[at])
        else {
            return true;
        };
        match &self.values.values[id] {
            Value::Constant(bits) => matches!(instr.op, Op::Const | Op::IConst) && instr.imm == *bits,
            Value::Op { op, imm, operands } => {
                *op == instr.op
                    && *imm == instr.imm
                    && (id == self.root || !self.roots.contains(&id))
                    && instr
                        .operands()
                        .zip(operands)
                        .all(|(operand, &id)| self.unify(usize::from(operand), id))
            }
            _ => false,
        }
    }
}
