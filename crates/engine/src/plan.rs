//! A plan: launches in order, and where each tensor lives while it is needed.
//!
//! ```text
//!   before          whole units that the batch does not reach          once
//!   cut             sliced units, and folds carried over the slices    once per micro-batch
//!   after           whole units that need all of the batch             once
//! ```
//! Tensors share **slots**: a slot is a buffer that holds one tensor after another. A tensor that outlives its part of the plan keeps its slot
//! to the end of the part that reads it. A state and its next value have slots of their exact size, so that these can change places.

use crate::lower::{Freedom, Unit, results, units};
use crate::recompute::{Thrift, recompute};
use crate::slice::{share, sliced};
use samebit_graph::Program;
use samebit_graph::node::{Kind, Node, NodeId};
use samebit_ops::Kernel;
use samebit_ops::product::{Layout, ProductKernel};
use std::collections::{BTreeMap, BTreeSet};

/// What one entry of the plan does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Runs a kernel.
    Kernel(Kernel),
    /// Interprets one node on the host.
    Host(NodeId),
    /// Copies a state or table into a slot of its own.
    Copy(NodeId),
}

/// How a launch relates to the micro-batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs once, on whole tensors.
    Whole,
    /// Runs for each slice, on slices.
    Sliced,
    /// Runs for each slice and continues its folds from one to the next.
    Carried,
}

/// An entry of the plan.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What to do; kernels have the shape of a slice where they run on slices.
    pub action: Action,
    /// Nodes read, in the kernel's order.
    pub inputs: Vec<NodeId>,
    /// Nodes written, in the kernel's order.
    pub outputs: Vec<NodeId>,
    /// Where the inputs are.
    pub reads: Vec<Place>,
    /// Where the outputs go.
    pub writes: Vec<Place>,
    /// Its relation to the micro-batches.
    pub role: Role,
}

impl Launch {
    /// The product of a launch that multiplies each slice by the same whole tensor.
    pub fn repeated_product(&self, sliced: &[bool]) -> Option<&ProductKernel> {
        match (&self.action, self.role) {
            (Action::Kernel(Kernel::Product(kernel)), Role::Sliced) => {
                (!sliced[self.inputs[1] as usize]).then_some(kernel)
            }
            _ => None,
        }
    }
}

/// A buffer that holds one tensor after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its size.
    pub words: u64,
}

/// Where a node's tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a slot.
    Slot(usize),
    /// It is a table.
    Table(usize),
}

/// Launches and places for one step.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whole units that the batch does not reach, the units of the loop over slices, and what follows it.
    pub phases: [Vec<Launch>; 3],
    /// Number of slices.
    pub parts: u64,
    /// For each node, whether its tensor in memory is one slice.
    pub sliced: Vec<bool>,
    /// Slots to allocate.
    pub slots: Vec<Slot>,
    /// Sliced nodes that are needed whole after the loop: where a slice is, and where the whole is put together.
    pub collected: Vec<(NodeId, Place, Place)>,
    /// Where the sinks, the loss and the gradient norm are after the step.
    pub results: BTreeMap<NodeId, Place>,
    /// For each state, the slot that holds it before the step.
    pub state_slots: Vec<usize>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// The batch cannot be cut so.
    #[error(
        "the step's batch cannot be cut into {parts} micro-batches: {reason}; hint: use gradient_accumulation_steps: 1"
    )]
    NotSliceable {
        /// The number of slices asked for.
        parts: u64,
        /// What is in the way.
        reason: &'static str,
    },
    /// Not even the smallest plan fits.
    #[error(
        "a step needs {needed} bytes, more than the {allowed} allowed; hint: raise --memory or gradient_accumulation_steps"
    )]
    TooLarge {
        /// Bytes that the smallest plan needs.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
    },
}

impl Plan {
    /// The fastest plan for `parts` micro-batches whose slots fit into `memory` bytes; it computes again what it cannot keep.
    pub fn within(
        program: &Program,
        parts: u64,
        table_bounds: &[u32],
        freedom: Freedom<'_>,
        memory: u64,
    ) -> Result<Plan, PlanError> {
        let mut needed = u64::MAX;
        for thrift in Thrift::ALL {
            let plan = Plan::new(program, parts, table_bounds, freedom, thrift)?;
            needed = needed.min(plan.words() * 4);
            if needed <= memory {
                return Ok(plan);
            }
        }
        Err(PlanError::TooLarge { needed, allowed: memory })
    }

    /// A plan of a legal program for `parts` micro-batches. `table_bounds` as in [`crate::slice::sliced`].
    pub fn new(
        program: &Program,
        parts: u64,
        table_bounds: &[u32],
        freedom: Freedom<'_>,
        thrift: Thrift,
    ) -> Result<Plan, PlanError> {
        let cut = match parts {
            0 => return Err(PlanError::NotSliceable { parts, reason: "there is at least one" }),
            1 => vec![false; program.nodes.len()],
            _ => sliced(program, parts, table_bounds).ok_or(PlanError::NotSliceable {
                parts,
                reason: "a sequence needs what all sequences give",
            })?,
        };
        let builder = Builder { program, parts, cut, freedom };
        let launches = builder.launches()?;
        let phases = builder.thrifty(builder.phases(launches), thrift);
        Ok(builder.place(phases))
    }

    /// Words that the repeated right factors take beside their tensors, about, if they are prepared once for all slices.
    pub fn prepared_words(&self) -> u64 {
        let products = self.phases[1].iter().filter_map(|launch| launch.repeated_product(&self.sliced));
        products.map(|kernel| kernel.n as u64 * kernel.k as u64).sum()
    }

    /// Words that the plan's slots take together.
    pub fn words(&self) -> u64 {
        self.slots.iter().map(|slot| slot.words).sum()
    }
}

struct Builder<'a> {
    program: &'a Program,
    parts: u64,
    cut: Vec<bool>,
    freedom: Freedom<'a>,
}

impl Builder<'_> {
    fn nodes(&self) -> &[Node] {
        &self.program.nodes
    }

    fn launches(&self) -> Result<Vec<Launch>, PlanError> {
        let units = units(self.program, self.freedom);
        let mut used: BTreeSet<NodeId> = results(self.program).collect();
        units.iter().for_each(|unit| used.extend(unit.inputs(self.nodes())));
        units.iter().filter_map(|unit| self.launch(unit, &used).transpose()).collect()
    }

    fn launch(&self, unit: &Unit, used: &BTreeSet<NodeId>) -> Result<Option<Launch>, PlanError> {
        let inputs = unit.inputs(self.nodes());
        let members = unit.owned(self.nodes());
        let (action, outputs) = match unit {
            Unit::Source(node) if self.freedom.opaque.contains(node) => (Action::Copy(*node), members),
            Unit::Source(_) => return Ok(None),
            Unit::Host(node) => (Action::Host(*node), members),
            Unit::Simple(_, simple) => (Action::Kernel(simple.kernel.clone()), members),
            Unit::Attention(attention) => {
                (Action::Kernel(Kernel::Attention(attention.kernel.clone())), members)
            }
            Unit::Rows(group) => {
                let mut program =
                    group.lower(self.nodes()).expect("a group is lowered before it is formed").program;
                let keep = |node: &NodeId| !self.freedom.fuse || used.contains(node);
                let stores: Vec<usize> = (0..group.members.len())
                    .filter(|at| members.contains(&group.members[*at]) && keep(&group.members[*at]))
                    .collect();
                let outputs = stores.iter().map(|at| group.members[*at]).collect();
                program.stores = stores;
                (Action::Kernel(Kernel::Rows(program)), outputs)
            }
        };
        let role = self.role(&action, &inputs, &outputs)?;
        let action = self.cut_action(action, role);
        Ok(Some(Launch { action, inputs, outputs, reads: Vec::new(), writes: Vec::new(), role }))
    }

    fn role(&self, action: &Action, inputs: &[NodeId], outputs: &[NodeId]) -> Result<Role, PlanError> {
        let is_cut = |node: &NodeId| self.cut[*node as usize];
        let (some, all) = (outputs.iter().any(is_cut), outputs.iter().all(is_cut));
        if some && (!all || matches!(action, Action::Host(_))) {
            return Err(PlanError::NotSliceable {
                parts: self.parts,
                reason: "a kernel needs whole tensors",
            });
        }
        let fits = match action {
            Action::Kernel(Kernel::Product(p)) => {
                is_cut(&inputs[0]) && (p.m as u64).is_multiple_of(self.parts)
            }
            Action::Kernel(Kernel::Attention(_)) => inputs.iter().all(is_cut),
            _ => true,
        };
        if some && !fits {
            return Err(PlanError::NotSliceable {
                parts: self.parts,
                reason: "a kernel needs whole tensors",
            });
        }
        let carries = match action {
            Action::Kernel(Kernel::Product(p)) => {
                // The terms are the rows of both operands, and no column of one reaches into the next row.
                let by_rows = |node: NodeId, layout: &Layout, count: usize| {
                    let row = self.nodes()[node as usize].len() / p.k as u64;
                    let last = layout.offset as u64 + (count as u64 - 1) * layout.row_stride as u64;
                    layout.k_stride as u64 == row && last < row
                };
                inputs.iter().all(is_cut) && by_rows(inputs[0], &p.a, p.m) && by_rows(inputs[1], &p.b, p.n)
            }
            Action::Kernel(Kernel::ColumnProduct(_) | Kernel::Scatter(_)) => inputs.iter().all(is_cut),
            _ => false,
        };
        Ok(match (some, carries) {
            (true, _) => Role::Sliced,
            (false, true) => Role::Carried,
            _ => Role::Whole,
        })
    }

    /// The action for one slice.
    fn cut_action(&self, action: Action, role: Role) -> Action {
        let parts = self.parts as usize;
        let Action::Kernel(mut kernel) = action else { return action };
        match (&mut kernel, role) {
            (_, Role::Whole) => {}
            (Kernel::Product(p), Role::Sliced) => p.m /= parts,
            (Kernel::Product(p), Role::Carried) => p.k /= parts,
            (Kernel::ColumnProduct(c), _) => c.rows /= parts,
            (Kernel::Scatter(s), _) => s.rows /= parts,
            (Kernel::Attention(a), _) => a.batch /= parts,
            (Kernel::Permute(p), _) => p.shape[0] /= parts,
            (Kernel::Rows(r), _) => {
                r.rows /= self.parts;
                r.len /= self.parts;
            }
            (Kernel::Total(_), _) => unreachable!("a total is one element and never sliced"),
        }
        Action::Kernel(kernel)
    }

    /// Before, cut and after, each in the order given.
    fn phases(&self, launches: Vec<Launch>) -> [Vec<Launch>; 3] {
        let mut reached = vec![false; self.nodes().len()];
        let mut phases = [Vec::new(), Vec::new(), Vec::new()];
        for launch in launches {
            let after =
                launch.role == Role::Whole && launch.inputs.iter().any(|node| reached[*node as usize]);
            let cut = launch.role != Role::Whole;
            launch.outputs.iter().for_each(|node| reached[*node as usize] = cut || after);
            phases[if cut { 1 } else { usize::from(after) * 2 }].push(launch);
        }
        phases
    }

    /// The phases with values computed again; what one phase makes for another is kept.
    fn thrifty(&self, phases: [Vec<Launch>; 3], thrift: Thrift) -> [Vec<Launch>; 3] {
        let reads = |phase: &Vec<Launch>| {
            phase.iter().flat_map(|launch| launch.inputs.clone()).collect::<BTreeSet<_>>()
        };
        let read: Vec<BTreeSet<NodeId>> = phases.iter().map(reads).collect();
        let mut index = 0;
        phases.map(|phase| {
            let others = read
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index)
                .flat_map(|(_, set)| set.iter().copied());
            let outside: BTreeSet<NodeId> = others.chain(results(self.program)).collect();
            index += 1;
            recompute(self.program, phase, thrift, &outside)
        })
    }

    fn place(&self, mut phases: [Vec<Launch>; 3]) -> Plan {
        let spans = Spans::new(self, &phases);
        let exact: BTreeSet<NodeId> = self.program.sinks.iter().copied().collect();
        let mut slots = Slots::default();
        let state_slots: Vec<usize> =
            (0..self.program.states.len()).map(|state| self.state_slot(state, &spans, &mut slots)).collect();
        let mut places: Vec<Option<Place>> =
            spans.values.iter().map(|value| self.source_place(value, &state_slots)).collect();
        let words = |value: &Value| {
            let cut = self.cut[value.node as usize] && !value.collects;
            share(&self.nodes()[value.node as usize], self.parts, cut)
        };
        // The largest first, so that smaller ones find room where larger ones are not at the time.
        let mut order: Vec<usize> = (0..spans.values.len()).filter(|id| places[*id].is_none()).collect();
        order.sort_by_key(|id| (std::cmp::Reverse(words(&spans.values[*id])), spans.values[*id].start));
        for id in order {
            let value = &spans.values[id];
            places[id] = Some(Place::Slot(slots.take(
                words(value),
                exact.contains(&value.node),
                (value.start, value.last),
            )));
        }
        let place = |value: &usize| places[*value].expect("every value has a place");
        for (launch, (reads, writes)) in phases.iter_mut().flatten().zip(&spans.operands) {
            launch.reads = reads.iter().map(place).collect();
            launch.writes = writes.iter().map(place).collect();
        }
        let collected = |(from, to): &(usize, usize)| (spans.values[*from].node, place(from), place(to));
        Plan {
            phases,
            parts: self.parts,
            sliced: self.cut.clone(),
            collected: spans.collected.iter().map(collected).collect(),
            results: spans.results.iter().map(|(node, value)| (*node, place(value))).collect(),
            slots: slots.slots,
            state_slots,
        }
    }

    /// A slot of the state's exact size, taken until the state is last read.
    fn state_slot(&self, state: usize, spans: &Spans, slots: &mut Slots) -> usize {
        let is_state = |value: &&Value| {
            value.is_source && self.nodes()[value.node as usize].kind == Kind::State(state as u32)
        };
        let last = spans.values.iter().filter(is_state).map(|value| value.last).max().unwrap_or(spans.end);
        slots.take(self.program.states[state].len(), true, (0, last))
    }

    fn source_place(&self, value: &Value, state_slots: &[usize]) -> Option<Place> {
        match self.nodes()[value.node as usize].kind {
            Kind::State(index) if value.is_source => Some(Place::Slot(state_slots[index as usize])),
            Kind::Table(index) if value.is_source => Some(Place::Table(index as usize)),
            _ => None,
        }
    }
}

/// A tensor in memory: a node's output from the launch that makes it to the last that reads it. A node computed twice has two.
struct Value {
    node: NodeId,
    start: usize,
    last: usize,
    /// A state or table, there before the first launch.
    is_source: bool,
    /// The whole of a sliced node, put together from its slices.
    collects: bool,
}

/// The values of a plan and which of them each launch reads and writes.
struct Spans {
    values: Vec<Value>,
    operands: Vec<(Vec<usize>, Vec<usize>)>,
    collected: Vec<(usize, usize)>,
    results: BTreeMap<NodeId, usize>,
    end: usize,
}

impl Spans {
    fn new(builder: &Builder<'_>, phases: &[Vec<Launch>; 3]) -> Spans {
        let cut = phases[0].len()..phases[0].len() + phases[1].len();
        let end = cut.end + phases[2].len();
        let mut spans = Spans {
            values: Vec::new(),
            operands: Vec::new(),
            collected: Vec::new(),
            results: BTreeMap::new(),
            end,
        };
        let mut current: BTreeMap<NodeId, usize> = BTreeMap::new();
        for (at, launch) in phases.iter().flatten().enumerate() {
            let in_cut = cut.contains(&at);
            let reads = launch.inputs.iter().map(|node| {
                let value = spans.read(builder, &mut current, *node, !in_cut, &cut);
                let lasts = in_cut && spans.values[value].start < cut.start;
                spans.values[value].last = spans.values[value].last.max(if lasts { cut.end - 1 } else { at });
                value
            });
            let reads: Vec<usize> = reads.collect();
            let writes = launch.outputs.iter().map(|node| {
                let carried = launch.role == Role::Carried;
                let (start, last) = if carried { (cut.start, cut.end - 1) } else { (at, at) };
                let value = Value { node: *node, start, last, is_source: false, collects: false };
                spans.values.push(value);
                current.insert(*node, spans.values.len() - 1);
                spans.values.len() - 1
            });
            let writes = writes.collect();
            spans.operands.push((reads, writes));
        }
        for node in results(builder.program) {
            let value = spans.read(builder, &mut current, node, true, &cut);
            spans.values[value].last = end;
            spans.results.insert(node, value);
        }
        spans
    }

    /// The value that a reader of the node finds; outside the loop over slices, a sliced node is read whole.
    fn read(
        &mut self,
        builder: &Builder<'_>,
        current: &mut BTreeMap<NodeId, usize>,
        node: NodeId,
        outside: bool,
        cut: &std::ops::Range<usize>,
    ) -> usize {
        let Some(value) = current.get(&node).copied() else {
            let value = Value { node, start: 0, last: 0, is_source: true, collects: false };
            self.values.push(value);
            current.insert(node, self.values.len() - 1);
            return self.values.len() - 1;
        };
        let is_slice = builder.cut[node as usize] && !self.values[value].collects;
        if !(outside && is_slice) {
            return value;
        }
        self.values.push(Value { node, start: cut.start, last: cut.end, is_source: false, collects: true });
        let whole = self.values.len() - 1;
        self.values[value].last = self.values[value].last.max(cut.end - 1);
        self.collected.push((value, whole));
        current.insert(node, whole);
        whole
    }
}

/// Slots, and when each is in use.
#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    busy: Vec<Vec<(usize, usize)>>,
}

impl Slots {
    /// The smallest slot that is free for the whole span; else another. Only tensors of its very size are `exact`ly at home in a slot.
    fn take(&mut self, words: u64, exact: bool, span: (usize, usize)) -> usize {
        let fits = |slot: &Slot| slot.words == words || (!exact && slot.words > words);
        let is_free = |busy: &[(usize, usize)]| busy.iter().all(|other| other.1 < span.0 || span.1 < other.0);
        let free = (0..self.slots.len()).filter(|at| fits(&self.slots[*at]) && is_free(&self.busy[*at]));
        let at = free.min_by_key(|at| self.slots[*at].words).unwrap_or_else(|| {
            self.slots.push(Slot { words });
            self.busy.push(Vec::new());
            self.slots.len() - 1
        });
        self.busy[at].push(span);
        at
    }
}
