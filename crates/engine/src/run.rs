//! The engine: a plan, its memory, and a step at a time.

use crate::check::SelfCheck;
use crate::host;
use crate::lower::Freedom;
use crate::plan::{Action, Launch, Place, Plan, PlanError, Role};
use crate::recompute::Thrift;
use crate::slice::{share, table_bounds};
use samebit_commit::DType;
use samebit_graph::Program;
use samebit_graph::node::NodeId;
use samebit_ops::check::Difference;
use samebit_ops::{Backend, BackendError, Buffer, Kernel, View};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How to run; none of it changes a bit of the result.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads; at least 1.
    pub threads: usize,
    /// Equal parts in which the step's batch is computed; 1 computes it whole.
    pub micro_batches: u64,
    /// Bytes that a step's tensors may take, states included and tables not; without a limit nothing is computed twice.
    pub memory: Option<u64>,
    /// The share of the elements of products that are computed again by another path, 0 to 1, to find errors of the machine.
    pub self_check: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { threads: 1, micro_batches: 1, memory: None, self_check: 0.0 }
    }
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Bits of the loss.
    pub loss: u32,
    /// Bits of the gradient's norm.
    pub grad_norm: u32,
}

impl Outcome {
    /// Whether the loss is an infinity or NaN: the job ends with this step.
    pub fn is_diverged(&self) -> bool {
        !f32::from_bits(self.loss).is_finite()
    }
}

/// Why a program cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No memory.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The thread pool did not start.
    #[error("cannot start {threads} threads: {reason}; hint: lower --threads")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The system's words.
        reason: String,
    },
    /// An element of a product is another when it is computed again.
    #[error(
        "step {step}, node {node}: element {} is {:#010x}, but {:#010x} when it is computed again; hint: this machine's memory or processor errs: run the job on another one, or check this one first",
        difference.element, difference.found, difference.expected
    )]
    Silent {
        /// The step.
        step: u64,
        /// The node that holds the element; the element is counted from the start of the slice that was computed.
        node: NodeId,
        /// What was found.
        difference: Difference,
    },
    /// A table or state has not the declared size.
    #[error("{what} {name} has {words} words, but the program declares {declared}")]
    Size {
        /// `state` or `table`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Words given.
        words: usize,
        /// Words declared.
        declared: u64,
    },
}

/// Sees every node's output when a step is traced, and may change it: that is how a fault is injected.
pub trait Watch {
    /// Called once for each node, after it was computed and before anything reads it.
    fn node(&mut self, node: NodeId, backend: &dyn Backend, buffer: &mut Buffer, words: usize);

    /// Nodes whose output this watch changes.
    fn changes(&self) -> BTreeSet<NodeId> {
        BTreeSet::new()
    }
}

/// A program in memory with a state, ready to step.
pub struct Engine {
    program: Arc<Program>,
    backend: Arc<dyn Backend>,
    pool: rayon::ThreadPool,
    bounds: Vec<u32>,
    tables: Vec<Buffer>,
    memory: Memory,
    check: SelfCheck,
}

/// A plan and its slots.
struct Memory {
    plan: Plan,
    slots: Vec<Option<Buffer>>,
    /// Whether there is room for right factors that are prepared once for all slices.
    prepares: bool,
}

impl Engine {
    /// An engine for the program with its tables' words; the states are 0 until [`Engine::write_state`].
    pub fn new(
        program: Arc<Program>,
        tables: &[Vec<u32>],
        backend: Arc<dyn Backend>,
        settings: &Settings,
    ) -> Result<Engine, EngineError> {
        for (declaration, words) in program.tables.iter().zip(tables) {
            check_size("table", &declaration.name, words.len(), declaration.len())?;
        }
        let threads = settings.threads.max(1);
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).start_handler(|_| float_environment());
        let pool =
            pool.build().map_err(|error| EngineError::Threads { threads, reason: error.to_string() })?;
        let is_integer: Vec<bool> = program.tables.iter().map(|table| table.dtype == DType::U32).collect();
        let bounds = table_bounds(tables, &is_integer);
        let freedom = Freedom { fuse: true, opaque: &BTreeSet::new() };
        let limit = settings.memory.unwrap_or(u64::MAX);
        let plan = Plan::within(&program, settings.micro_batches, &bounds, freedom, limit)?;
        let mut memory = Memory::new(plan, &*backend)?;
        let plan = &memory.plan;
        memory.prepares = plan.parts > 1 && (plan.words() + plan.prepared_words()) * 4 <= limit;
        let upload = |words: &Vec<u32>| {
            let mut buffer = backend.allocate(words.len())?;
            backend.write(&mut buffer, 0, words);
            Ok(buffer)
        };
        let tables = tables.iter().map(upload).collect::<Result<_, BackendError>>()?;
        let check = SelfCheck::new(settings.self_check);
        Ok(Engine { program, backend, pool, bounds, tables, memory, check })
    }

    /// The plan in use.
    pub fn plan(&self) -> &Plan {
        &self.memory.plan
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Sets a state's words.
    pub fn write_state(&mut self, state: usize, words: &[u32]) -> Result<(), EngineError> {
        let declaration = &self.program.states[state];
        check_size("state", &declaration.name, words.len(), declaration.len())?;
        self.backend.write(self.memory.state_mut(state), 0, words);
        Ok(())
    }

    /// Copies a state's words from word `at`.
    pub fn read_state(&self, state: usize, at: usize, words: &mut [u32]) {
        self.backend.read(self.memory.state(state), at, words);
    }

    /// SHA-256 digests of a state's pages, computed where the state is.
    pub fn state_page_digests(&self, state: usize) -> Vec<[u8; 32]> {
        let words = self.program.states[state].len() as usize;
        self.pool.install(|| self.backend.page_digests(self.memory.state(state), words))
    }

    /// Replaces a table's words: for a run that is to be faulty.
    pub fn write_table(&mut self, table: usize, words: &[u32]) -> Result<(), EngineError> {
        let declaration = &self.program.tables[table];
        check_size("table", &declaration.name, words.len(), declaration.len())?;
        self.backend.write(&mut self.tables[table], 0, words);
        Ok(())
    }

    /// Elements of products that were computed again so far, see [`Settings::self_check`].
    pub fn elements_checked(&self) -> u64 {
        self.check.checked()
    }

    /// Runs work on the engine's threads.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Runs one step: the states become those after it.
    pub fn step(&mut self, step: u64) -> Result<Outcome, EngineError> {
        let Engine { program, backend, tables, check, .. } = self;
        let run = Run { program, backend: &**backend, tables, check, step };
        let memory = &mut self.memory;
        self.pool.install(|| run.step(memory, &mut None))
    }

    /// Bytes that [`Engine::traced_step`] takes, those of the plan in use included.
    pub fn traced_bytes(&self) -> Result<u64, EngineError> {
        let words = self.traced_plan(&BTreeSet::new())?.words();
        Ok(words.saturating_add(self.plan().words()).saturating_mul(4))
    }

    fn traced_plan(&self, opaque: &BTreeSet<NodeId>) -> Result<Plan, EngineError> {
        let freedom = Freedom { fuse: false, opaque };
        Ok(Plan::new(&self.program, 1, &self.bounds, freedom, Thrift::None)?)
    }

    /// Runs one step with every node's output in memory for `watch` to see: slower, with the same bits.
    pub fn traced_step(&mut self, step: u64, watch: &mut (dyn Watch + Send)) -> Result<Outcome, EngineError> {
        let plan = self.traced_plan(&watch.changes())?;
        let mut traced = Memory::new(plan, &*self.backend)?;
        traced.swap_states(&mut self.memory);
        let Engine { program, backend, tables, .. } = self;
        let run = Run { program, backend: &**backend, tables, check: &SelfCheck::default(), step };
        let outcome = self.pool.install(|| run.step(&mut traced, &mut Some(watch)));
        traced.swap_states(&mut self.memory);
        outcome
    }
}

fn check_size(what: &'static str, name: &str, words: usize, declared: u64) -> Result<(), EngineError> {
    if words as u64 == declared {
        return Ok(());
    }
    Err(EngineError::Size { what, name: name.to_owned(), words, declared })
}

/// A library that set flush-to-zero on this thread would change bits.
fn float_environment() {
    samebit_ops::simd::assert_float_environment();
}

impl Memory {
    fn new(plan: Plan, backend: &dyn Backend) -> Result<Memory, BackendError> {
        let slots = plan
            .slots
            .iter()
            .map(|slot| backend.allocate(slot.words as usize).map(Some))
            .collect::<Result<_, _>>()?;
        Ok(Memory { plan, slots, prepares: false })
    }

    fn state(&self, state: usize) -> &Buffer {
        self.slots[self.plan.state_slots[state]].as_ref().expect("slots are full between launches")
    }

    fn state_mut(&mut self, state: usize) -> &mut Buffer {
        self.slots[self.plan.state_slots[state]].as_mut().expect("slots are full between launches")
    }

    fn swap_states(&mut self, other: &mut Memory) {
        for (mine, theirs) in self.plan.state_slots.iter().zip(&other.plan.state_slots) {
            std::mem::swap(&mut self.slots[*mine], &mut other.slots[*theirs]);
        }
    }

    fn buffer<'a>(&'a self, place: Place, tables: &'a [Buffer]) -> &'a Buffer {
        match place {
            Place::Slot(slot) => self.slots[slot].as_ref().expect("outputs never alias inputs"),
            Place::Table(table) => &tables[table],
        }
    }

    /// Moves the buffers of the sinks into the states' slots. Slots of states have exact sizes, so buffers can change places.
    fn hand_over(&mut self, program: &Program) {
        let sinks: Vec<usize> = program.sinks.iter().map(|node| slot_of(self.plan.results[node])).collect();
        let fresh: Vec<Option<Buffer>> = sinks.iter().map(|slot| self.slots[*slot].take()).collect();
        let mut spare: Vec<(u64, Buffer)> = Vec::new();
        for (slot, buffer) in self.plan.state_slots.iter().zip(fresh) {
            let old = std::mem::replace(&mut self.slots[*slot], buffer);
            spare.extend(old.map(|old| (self.plan.slots[*slot].words, old)));
        }
        for slot in sinks {
            if self.slots[slot].is_none() {
                let words = self.plan.slots[slot].words;
                let at = spare
                    .iter()
                    .position(|(size, _)| *size == words)
                    .expect("states change places with their like");
                self.slots[slot] = Some(spare.swap_remove(at).1);
            }
        }
    }
}

fn slot_of(place: Place) -> usize {
    match place {
        Place::Slot(slot) => slot,
        Place::Table(_) => unreachable!("a result is never a table"),
    }
}

/// One step in progress.
struct Run<'a> {
    program: &'a Program,
    backend: &'a dyn Backend,
    tables: &'a [Buffer],
    check: &'a SelfCheck,
    step: u64,
}

type Watching<'a, 'b> = Option<&'a mut (dyn Watch + Send + 'b)>;

impl Run<'_> {
    fn step(&self, memory: &mut Memory, watch: &mut Watching<'_, '_>) -> Result<Outcome, EngineError> {
        if let Some(watch) = watch {
            self.show_sources(memory, *watch);
        }
        let phases = std::mem::take(&mut memory.plan.phases);
        let result = self.phases(memory, &phases, watch);
        memory.plan.phases = phases;
        result?;
        let word = |node: NodeId| {
            let mut word = [0];
            self.backend.read(memory.buffer(memory.plan.results[&node], self.tables), 0, &mut word);
            word[0]
        };
        let outcome = Outcome { loss: word(self.program.loss), grad_norm: word(self.program.grad_norm) };
        memory.hand_over(self.program);
        Ok(outcome)
    }

    fn phases(
        &self,
        memory: &mut Memory,
        phases: &[Vec<Launch>; 3],
        watch: &mut Watching<'_, '_>,
    ) -> Result<(), EngineError> {
        let mut carries: Vec<Carry> = phases[1].iter().map(|_| Carry::default()).collect();
        phases[0].iter().try_for_each(|launch| self.launch(memory, launch, None, 0, watch))?;
        let mut prepared: Vec<Option<Buffer>> = phases[1].iter().map(|_| None).collect();
        for part in 0..memory.plan.parts {
            for ((launch, carry), prepared) in phases[1].iter().zip(&mut carries).zip(&mut prepared) {
                if part == 0 {
                    *prepared = self.prepare(memory, launch);
                }
                match launch.role {
                    Role::Carried => self.carried(memory, launch, part, carry)?,
                    _ => self.launch(memory, launch, prepared.as_ref(), part, watch)?,
                }
            }
            self.collect(memory, part);
        }
        phases[2].iter().try_for_each(|launch| self.launch(memory, launch, None, 0, watch))
    }

    /// The weights of a launch for all slices of this step; the update makes others.
    fn prepare(&self, memory: &Memory, launch: &Launch) -> Option<Buffer> {
        let kernel = launch.repeated_product(&memory.plan.sliced).filter(|_| memory.prepares)?;
        let prepared = self.backend.prepare(kernel, self.views(memory, launch, 0)[1])?;
        samebit_ops::mark("engine: weights prepared for all micro-batches");
        Some(prepared)
    }

    /// States and tables are nodes too; those that the watch changes are copied first and shown then.
    fn show_sources(&self, memory: &mut Memory, watch: &mut (dyn Watch + Send)) {
        let changes = watch.changes();
        for (id, node) in self.program.nodes.iter().enumerate() {
            let id = id as NodeId;
            if let samebit_graph::node::Kind::State(state) = node.kind
                && !changes.contains(&id)
            {
                watch.node(id, self.backend, memory.state_mut(state as usize), node.len() as usize);
            }
        }
    }

    fn launch(
        &self,
        memory: &mut Memory,
        launch: &Launch,
        right: Option<&Buffer>,
        part: u64,
        watch: &mut Watching<'_, '_>,
    ) -> Result<(), EngineError> {
        let mut outputs = take(memory, &launch.writes);
        match &launch.action {
            Action::Kernel(Kernel::Rows(rows)) => {
                let mut rows = rows.clone();
                rows.first_row = if launch.role == Role::Sliced { part * rows.rows } else { 0 };
                let views = self.views(memory, launch, part);
                self.backend.run(&Kernel::Rows(rows), self.step, &views, &mut outputs);
            }
            Action::Kernel(kernel) => {
                self.compute((kernel, launch), &self.views(memory, launch, 0), right, &mut outputs)?;
            }
            Action::Copy(node) => {
                let words = self.program.nodes[*node as usize].len() as usize;
                let source = self.source(memory, *node);
                copy(self.backend, source, 0, &mut outputs[0], 0, words);
            }
            Action::Host(node) => host::run(
                self.program,
                *node,
                self.step,
                self.backend,
                &self.views(memory, launch, 0),
                &mut outputs[0],
            ),
        }
        if let Some(watch) = watch {
            for (node, buffer) in launch.outputs.iter().zip(&mut outputs) {
                watch.node(*node, self.backend, buffer, self.program.nodes[*node as usize].len() as usize);
            }
        }
        give_back(memory, &launch.writes, outputs);
        Ok(())
    }

    /// Runs a kernel, with its right factor as it was prepared if it was, and computes some of it again.
    fn compute(
        &self,
        (kernel, launch): (&Kernel, &Launch),
        inputs: &[View<'_>],
        right: Option<&Buffer>,
        outputs: &mut [Buffer],
    ) -> Result<(), EngineError> {
        let probes = self.check.probes(self.backend, kernel, outputs);
        let mut given = inputs.to_vec();
        if let Some(buffer) = right {
            given[1].buffer = buffer;
        }
        self.backend.run(kernel, self.step, &given, outputs);
        self.check.compare(self.backend, (kernel, launch), inputs, outputs, &probes, self.step)
    }

    fn source<'a>(&'a self, memory: &'a Memory, node: NodeId) -> &'a Buffer {
        match self.program.nodes[node as usize].kind {
            samebit_graph::node::Kind::State(state) => memory.state(state as usize),
            samebit_graph::node::Kind::Table(table) => &self.tables[table as usize],
            _ => unreachable!("only states and tables are copied"),
        }
    }

    /// The launch's inputs; in a pass over rows of slice `part`, slices start at their place in the whole tensor.
    fn views<'a>(&'a self, memory: &'a Memory, launch: &Launch, part: u64) -> Vec<View<'a>> {
        let view = |(node, place): (&NodeId, &Place)| {
            let is_slice = launch.role != Role::Whole && memory.plan.sliced[*node as usize];
            let words = share(&self.program.nodes[*node as usize], memory.plan.parts, is_slice);
            View {
                buffer: memory.buffer(*place, self.tables),
                origin: if is_slice { part * words } else { 0 },
            }
        };
        launch.inputs.iter().zip(&launch.reads).map(view).collect()
    }

    /// Continues folds over tokens with the next slice. Only whole blocks are folded before the last slice; what is left of an open block is
    /// kept, as rows of the operands, and put before the next slice.
    fn carried(
        &self,
        memory: &mut Memory,
        launch: &Launch,
        part: u64,
        carry: &mut Carry,
    ) -> Result<(), EngineError> {
        let Action::Kernel(kernel) = &launch.action else { unreachable!("folds are carried by kernels") };
        let rows = carried_rows(kernel);
        let is_last = part + 1 == memory.plan.parts;
        if carry.pending.is_empty() && (rows.is_multiple_of(samebit_num::fold::BLOCK) || is_last) {
            let kernel = resumed(kernel, rows, carry.started);
            carry.started = true;
            let mut outputs = take(memory, &launch.writes);
            self.compute((&kernel, launch), &self.views(memory, launch, 0), None, &mut outputs)?;
            give_back(memory, &launch.writes, outputs);
            return Ok(());
        }
        samebit_ops::mark("engine: block straddles micro-batches");
        let (staged, total) = self.stage(memory, launch, rows, carry);
        let done = if is_last { total } else { total - total % samebit_num::fold::BLOCK };
        if done > 0 {
            self.fold_staged(memory, launch, &staged, total, done, carry)?;
        }
        carry.pending = staged.iter().map(|words| words[words.len() / total * done..].to_vec()).collect();
        carry.rows = total - done;
        Ok(())
    }

    /// The rows kept and the slice's, per operand, and their number.
    fn stage(&self, memory: &Memory, launch: &Launch, rows: usize, carry: &Carry) -> (Vec<Vec<u32>>, usize) {
        let views = self.views(memory, launch, 0);
        let staged = views.iter().zip(&launch.inputs).enumerate().map(|(at, (view, node))| {
            let words = share(&self.program.nodes[*node as usize], memory.plan.parts, true) as usize;
            let kept = carry.pending.get(at).map_or(&[][..], Vec::as_slice);
            let mut staged = kept.to_vec();
            staged.resize(kept.len() + words, 0);
            self.backend.read(view.buffer, 0, &mut staged[kept.len()..]);
            staged
        });
        (staged.collect(), carry.rows + rows)
    }

    fn fold_staged(
        &self,
        memory: &mut Memory,
        launch: &Launch,
        staged: &[Vec<u32>],
        total: usize,
        done: usize,
        carry: &mut Carry,
    ) -> Result<(), EngineError> {
        let Action::Kernel(kernel) = &launch.action else { unreachable!("folds are carried by kernels") };
        let upload = |words: &Vec<u32>| {
            let count = words.len() / total * done;
            let mut buffer = self.backend.allocate(count)?;
            self.backend.write(&mut buffer, 0, &words[..count]);
            Ok(buffer)
        };
        let buffers: Vec<Buffer> = staged.iter().map(upload).collect::<Result<_, BackendError>>()?;
        let views: Vec<View<'_>> = buffers.iter().map(|buffer| View { buffer, origin: 0 }).collect();
        let mut outputs = take(memory, &launch.writes);
        let kernel = resumed(kernel, done, carry.started);
        self.compute((&kernel, launch), &views, None, &mut outputs)?;
        give_back(memory, &launch.writes, outputs);
        carry.started = true;
        Ok(())
    }

    /// Puts slices where the whole of their nodes is wanted.
    fn collect(&self, memory: &mut Memory, part: u64) {
        for (node, slice, whole) in memory.plan.collected.clone() {
            let words = share(&self.program.nodes[node as usize], memory.plan.parts, true) as usize;
            let mut target = take(memory, &[whole]);
            copy(
                self.backend,
                memory.buffer(slice, self.tables),
                0,
                &mut target[0],
                part as usize * words,
                words,
            );
            give_back(memory, &[whole], target);
        }
    }
}

/// Folds over tokens between two micro-batches.
#[derive(Default)]
struct Carry {
    /// Whether the output holds running totals.
    started: bool,
    /// Rows of the open block.
    rows: usize,
    /// Their words, per operand.
    pending: Vec<Vec<u32>>,
}

fn carried_rows(kernel: &Kernel) -> usize {
    match kernel {
        Kernel::Product(product) => product.k,
        Kernel::ColumnProduct(product) => product.rows,
        Kernel::Scatter(scatter) => scatter.rows,
        _ => unreachable!("no other kernel folds over tokens"),
    }
}

/// The kernel over `rows` more tokens.
fn resumed(kernel: &Kernel, rows: usize, started: bool) -> Kernel {
    let mut kernel = kernel.clone();
    match &mut kernel {
        Kernel::Product(product) => (product.k, product.accumulate) = (rows, started),
        Kernel::ColumnProduct(product) => (product.rows, product.accumulate) = (rows, started),
        Kernel::Scatter(scatter) => (scatter.rows, scatter.accumulate) = (rows, started),
        _ => unreachable!("no other kernel folds over tokens"),
    }
    kernel
}

fn take(memory: &mut Memory, places: &[Place]) -> Vec<Buffer> {
    places
        .iter()
        .map(|place| memory.slots[slot_of(*place)].take().expect("a launch's outputs differ"))
        .collect()
}

fn give_back(memory: &mut Memory, places: &[Place], buffers: Vec<Buffer>) {
    places.iter().zip(buffers).for_each(|(place, buffer)| memory.slots[slot_of(*place)] = Some(buffer));
}

/// Copies words between buffers in pieces, so that the host holds little.
fn copy(backend: &dyn Backend, from: &Buffer, from_at: usize, to: &mut Buffer, to_at: usize, words: usize) {
    const PIECE: usize = 1 << 16;
    let mut piece = vec![0; words.min(PIECE)];
    for at in (0..words).step_by(PIECE) {
        let count = PIECE.min(words - at);
        backend.read(from, from_at + at, &mut piece[..count]);
        backend.write(to, to_at + at, &piece[..count]);
    }
}
