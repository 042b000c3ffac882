//! Two sides of a segment, searched down to the first piece of arithmetic that differs, which is then redone from its witness alone: a lie in every
//! operator of every phase of a step, and a stored trace of every kernel that is wrong.

mod common;

use common::{World, dispute, element, path, worlds};
use samebit_commit::Kind;
use samebit_engine::lower::Freedom;
use samebit_engine::plan::{Action, Plan};
use samebit_engine::recompute::Thrift;
use samebit_engine::slice::table_bounds;
use samebit_graph::DType;
use samebit_graph::node::{self, NodeId};
use samebit_ops::{Backend, BackendError, Buffer, Cpu, Kernel, View};
use samebit_trace::{Claims, Fault, Replay, StoredTrace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The step of the lie; the segment begins before it.
const STEP: u64 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Forward,
    Backward,
    Optimiser,
}

/// Every operator of both fixtures, by phase.
const OPERATORS: [(Phase, &[&str]); 3] = [
    (
        Phase::Forward,
        &[
            "add",
            "attention",
            "attention_l",
            "attention_m",
            "attention_vt",
            "bias",
            "cross_entropy",
            "dropout",
            "dropout_mask",
            "gelu_tanh",
            "ids",
            "label_logits",
            "labels",
            "layer_norm",
            "linear",
            "lookup",
            "loss_rows",
            "loss_total",
            "norm_mean",
            "norm_scale",
            "norm_squares",
            "norm_sum",
            "norm_xhat",
            "positions",
            "rms_norm",
            "rotary",
            "softmax_exp",
            "softmax_max",
            "softmax_sum",
            "state",
            "swiglu",
            "table",
        ],
    ),
    (
        Phase::Backward,
        &[
            "add_gradients",
            "attention_d",
            "attention_dk",
            "attention_dot",
            "attention_dq",
            "attention_dv",
            "attention_kt",
            "attention_qt",
            "bias_db",
            "cross_entropy_dz",
            "dropout_dx",
            "gelu_tanh_dx",
            "layer_norm_dx",
            "linear_dw",
            "linear_dx",
            "lookup_dw",
            "norm_dg",
            "norm_dot",
            "norm_dxhat",
            "norm_project",
            "norm_sum_dxhat",
            "ones",
            "rms_norm_dx",
            "rotary_dx",
            "softmax_inverse",
            "square_sum",
            "square_total",
            "swiglu_dgate",
            "swiglu_dup",
            "transpose",
        ],
    ),
    (Phase::Optimiser, &["adamw_m", "adamw_p", "adamw_v", "clip_factor", "global_norm", "state", "table"]),
];

/// What does not reach the state: the gradient does not come from the loss, but from the logits.
const ABSORBED: [&str; 4] = ["cross_entropy", "label_logits", "loss_rows", "loss_total"];

fn phase(world: &World, node: NodeId) -> Phase {
    match node {
        _ if node <= world.job.program.loss => Phase::Forward,
        _ if node < world.job.program.grad_norm => Phase::Backward,
        _ => Phase::Optimiser,
    }
}

/// The last node of every operator in every phase.
fn cases(world: &World) -> BTreeMap<(&str, Phase), NodeId> {
    let nodes = (0..).zip(&world.job.program.nodes);
    nodes.map(|(id, node)| ((node.op.as_str(), phase(world, id)), id)).collect()
}

/// Whether the lie changes the state after its step. Whether or not, it must be found, and refuted from a witness if it is computed at all.
fn is_found(world: &World, honest: &Replay<'_>, fault: Fault) -> bool {
    let Fault::Value { node, element: at, .. } = fault else { panic!("a wrong value") };
    let liar = world.replay(std::slice::from_ref(&fault));
    let found = path(honest, &liar).expect("a difference");
    let op = &world.job.program.nodes[node as usize].op;
    assert_eq!(
        (found.leaf(Kind::Steps), found.leaf(Kind::Trace), element(&found)),
        (Some(STEP), Some(node.into()), at),
        "{} {fault}: {op}",
        world.name
    );
    let is_given =
        matches!(world.job.program.nodes[node as usize].kind, node::Kind::State(_) | node::Kind::Table(_));
    if !is_given {
        let [honest, liar] = [honest as &dyn Claims, &liar].map(|side| side.element(STEP, node, at).unwrap());
        let (judged, said) = dispute(&honest, &liar);
        assert_eq!(judged, honest.claimed(), "{} {fault}: {op}", world.name);
        assert_ne!(judged, said, "{} {fault}: {op}", world.name);
    }
    let state = |side: &Replay<'_>| side.roots().unwrap().step(STEP).state.clone();
    state(honest) != state(&liar)
}

#[test]
fn a_lie_in_every_operator_is_found_and_refuted() {
    let mut absorbed = BTreeSet::new();
    let mut covered = BTreeSet::new();
    for world in worlds() {
        let honest = world.replay(&[]);
        for ((op, phase), node) in cases(&world) {
            covered.insert((phase, op.to_owned()));
            let count = world.job.program.nodes[node as usize].len();
            // What a zero, a mask or a rounding hides is shown by a larger lie, or in another place.
            let lies = [(count * 2 / 3, 1 << 20), (count * 2 / 3, 1 << 30), (count - 1, 1 << 30)];
            let lie = |(element, ulps)| Fault::Value { step: STEP, node, element, ulps };
            if !lies.into_iter().any(|place| is_found(&world, &honest, lie(place))) {
                assert!(ABSORBED.contains(&op), "{}: a lie in {op} does not reach the state", world.name);
                absorbed.insert(op.to_owned());
            }
        }
    }
    let wanted = OPERATORS.iter().flat_map(|(phase, ops)| ops.iter().map(|op| (*phase, (*op).to_owned())));
    assert_eq!(covered, wanted.collect());
    assert_eq!(absorbed, BTreeSet::from(ABSORBED.map(str::to_owned)));
}

/// A processor of which one kind of kernel always gets one word wrong.
struct Patched {
    kind: std::mem::Discriminant<Kernel>,
    word: usize,
    processor: Cpu,
}

impl Backend for Patched {
    fn name(&self) -> &'static str {
        "patched"
    }

    fn allocate(&self, words: usize) -> Result<Buffer, BackendError> {
        self.processor.allocate(words)
    }

    fn write(&self, buffer: &mut Buffer, at: usize, words: &[u32]) {
        self.processor.write(buffer, at, words);
    }

    fn read(&self, buffer: &Buffer, at: usize, words: &mut [u32]) {
        self.processor.read(buffer, at, words);
    }

    fn run(&self, kernel: &Kernel, step: u64, inputs: &[View<'_>], outputs: &mut [Buffer]) {
        self.processor.run(kernel, step, inputs, outputs);
        if std::mem::discriminant(kernel) == self.kind {
            let mut word = [0];
            self.read(&outputs[0], self.word, &mut word);
            self.write(&mut outputs[0], self.word, &[word[0] ^ 1]);
        }
    }

    fn page_digests(&self, buffer: &Buffer, words: usize) -> Vec<[u8; 32]> {
        self.processor.page_digests(buffer, words)
    }
}

fn kernel_name(kernel: &Kernel) -> &'static str {
    match kernel {
        Kernel::Product(_) => "product",
        Kernel::ColumnProduct(_) => "column product",
        Kernel::Rows(_) => "rows",
        Kernel::Scatter(_) => "scatter",
        Kernel::Total(_) => "total",
        Kernel::Attention(_) => "attention",
        Kernel::Permute(_) => "permute",
    }
}

/// Of a kind of kernel that a traced step launches.
struct Launched {
    /// One of them.
    kernel: Kernel,
    /// The first node that is the first output of one.
    node: NodeId,
    /// The elements of the smallest first output.
    words: u64,
}

/// Every kind of kernel that a traced step launches.
fn kernels(world: &World) -> BTreeMap<&'static str, Launched> {
    let program = &world.job.program;
    let is_integer: Vec<bool> = program.tables.iter().map(|table| table.dtype == DType::U32).collect();
    let bounds = table_bounds(&world.job.tables, &is_integer);
    let none = BTreeSet::new();
    let plan =
        Plan::new(program, 1, &bounds, Freedom { fuse: false, opaque: &none }, Thrift::None).expect("a plan");
    let mut found: BTreeMap<&'static str, Launched> = BTreeMap::new();
    for launch in plan.phases.iter().flatten() {
        let Action::Kernel(kernel) = &launch.action else { continue };
        let (node, words) = (launch.outputs[0], program.nodes[launch.outputs[0] as usize].len());
        let known = Launched { kernel: kernel.clone(), node, words };
        let known = found.entry(kernel_name(kernel)).or_insert(known);
        (known.node, known.words) = (known.node.min(node), known.words.min(words));
    }
    found
}

#[test]
fn a_wrong_kernel_is_found_in_its_stored_trace() {
    let mut kinds = BTreeSet::new();
    for world in worlds() {
        let honest = world.replay(&[]);
        for (name, Launched { kernel, node, words }) in kernels(&world) {
            kinds.insert(name);
            let word = words as usize * 2 / 3;
            let kind = std::mem::discriminant(&kernel);
            let patched = Patched { kind, word, processor: Cpu::detect() };
            let mut runner = world.runner(Arc::new(patched), &[]);
            world.folder.load_state(0, &mut runner).expect("the first state");
            let trace = world.temporary.path().join(name);
            StoredTrace::record(&trace, &mut runner, world.steps(), |step| step == 0).expect("a trace");
            let stored =
                StoredTrace::open(&trace, world.job.program.clone(), world.steps()).expect("a trace");

            let found = path(&honest, &stored).expect("a difference");
            let place = (found.leaf(Kind::Steps), found.leaf(Kind::Trace), element(&found));
            assert_eq!(place, (Some(0), Some(node.into()), word as u64), "{}: {name}", world.name);
            let sides = [&honest as &dyn Claims, &stored];
            let [honest, stored] = sides.map(|side| side.element(0, node, word as u64).unwrap());
            let (judged, said) = dispute(&honest, &stored);
            assert_eq!(judged, honest.claimed(), "{}: {name}", world.name);
            assert_eq!(said, honest.claimed() ^ 1, "{}: {name}", world.name);
        }
    }
    let all = ["attention", "column product", "permute", "product", "rows", "scatter", "total"];
    assert_eq!(kinds, BTreeSet::from(all));
}

#[test]
fn a_stored_trace_is_seen_only_as_far_as_it_was_stored() {
    let [world, _] = worlds();
    let fault = Fault::Value { step: STEP, node: world.job.program.loss, element: 0, ulps: 1 };
    let record = |name: &str, with_words: bool| {
        let path = world.temporary.path().join(name);
        let mut runner = world.runner(Arc::new(Cpu::detect()), std::slice::from_ref(&fault));
        world.folder.load_state(0, &mut runner).expect("the first state");
        StoredTrace::record(&path, &mut runner, world.steps(), |_| with_words).expect("a trace");
        path
    };
    let open = |path| StoredTrace::open(path, world.job.program.clone(), world.steps());
    let honest = world.replay(&[]);
    let (whole, roots) = (record("whole", true), record("roots", false));

    let found = path(&honest, &open(&roots).expect("a trace")).expect("a difference");
    assert_eq!(found.leaf(Kind::Trace), Some(world.job.program.loss.into()));
    assert_eq!(found.leaf(Kind::Tensor), None, "no word was stored");
    let stored = open(&roots).expect("a trace");
    assert!(stored.element(STEP, world.job.program.loss, 0).is_err());

    // A replay of the same lie is the same trace, to every word of every node and state.
    let (liar, stored) = (world.replay(std::slice::from_ref(&fault)), open(&whole).expect("a trace"));
    assert_eq!(path(&liar, &stored), None);
    for node in 0..world.job.program.nodes.len() as NodeId {
        let words = stored.node_words(STEP, node).expect("words");
        let dtype = world.job.program.nodes[node as usize].dtype;
        let root = samebit_commit::tensor::root_of(dtype, &words);
        assert_eq!(root, stored.roots().unwrap().step(STEP).nodes[node as usize], "node {node}");
    }
    for state in 0..world.job.program.states.len() {
        assert_eq!(stored.state_words(STEP, state).unwrap(), liar.state_words(STEP, state).unwrap());
    }

    // A stored word that is not under its root convicts the side that stored it.
    let file = whole.join("00000001.words");
    let mut bytes = std::fs::read(&file).expect("words");
    bytes.iter_mut().for_each(|byte| *byte ^= 1);
    std::fs::write(&file, bytes).expect("a file");
    let broken = samebit_dispute::first_difference(&honest, &stored, samebit_dispute::Width::default());
    assert!(
        matches!(broken, Err(samebit_dispute::SearchError::Side(error)) if error.side == samebit_dispute::Side::B)
    );
    for length in [0, 7, 100] {
        let file = roots.join("00000001.roots");
        let bytes = std::fs::read(&file).expect("roots");
        std::fs::write(&file, &bytes[..bytes.len() - length.min(bytes.len())]).expect("a file");
        assert_eq!(open(&roots).is_ok(), length == 0, "{length} bytes cut off");
    }
}
