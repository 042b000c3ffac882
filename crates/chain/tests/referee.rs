//! The contracts' code beside the arithmetic off the chain: they agree about whatever both answer, and of nodes that no program may have the
//! contracts read more.

use proptest::prelude::*;
use samebit_chain::ContractReferee;
use samebit_commit::merkle::list_root;
use samebit_commit::{Canonical, Digest, Tag, hash};
use samebit_dispute::{
    Amount, Case, ClaimId, JudgeKind, Owner, Position, Question, QuestionId, Referee, Seconds, Side, Stage,
    Truth,
};
use samebit_graph::Program;
use samebit_graph::fixtures::{Dims, gpt, llama};
use samebit_roles::Arithmetic;
use samebit_trace::witness::NodeOpening;
use std::sync::LazyLock;

static PROGRAMS: LazyLock<[Program; 2]> = LazyLock::new(|| {
    let dims = Dims { layers: 1, ..Dims::default() };
    [gpt(Dims { dropout: 0.1, ..dims }).0, llama(dims).0]
});

/// A program of which one node has these bytes: what is asked about it, and the node opened.
struct Asked {
    question: Question,
    position: Position,
    witness: Vec<u8>,
}

impl Asked {
    fn new(program: &Program, node: u32, bytes: Vec<u8>) -> Asked {
        let tree = program.node_tree();
        let opening = tree.open(node.into()).expect("it is inside");
        let top =
            opening.top(tree.count(), node.into(), hash(Tag::Node, &[&bytes])).expect("the siblings fit");
        let nodes = list_root(tree.count(), top);
        let (state_count, table_count) = (program.states.len() as u64, program.tables.len() as u64);
        let question = Question { nodes, node_count: tree.count(), state_count, table_count, ..question() };
        let position = Position { question: question.id(), node, ..position() };
        Asked { question, position, witness: NodeOpening { bytes, opening }.to_bytes() }
    }

    fn case(&self) -> Case<'_> {
        Case { question: &self.question, position: &self.position, roots: [Digest::ZERO; 2] }
    }

    fn ask(&self, referee: &impl Referee, kind: JudgeKind) -> Option<Truth> {
        // Of what the node reads nothing is shown.
        let list: &[u8] = if kind == JudgeKind::Malformed { &[0; 4] } else { &[] };
        referee.truth(self.case(), kind, &[&self.witness, list].concat(), &[]).ok()
    }

    /// Whether both say the same of everything; where only the contracts answer, they have no twin.
    fn agrees(&self) -> bool {
        let structures = [
            Arithmetic.structure(self.case(), &self.witness).ok(),
            ContractReferee.structure(self.case(), &self.witness).ok(),
        ];
        let truths = [JudgeKind::Shape, JudgeKind::Malformed]
            .map(|kind| [self.ask(&Arithmetic, kind), self.ask(&ContractReferee, kind)]);
        let same = |own: bool, equal: bool| !own || equal;
        same(structures[0].is_some(), structures[0] == structures[1])
            && truths.iter().all(|[own, theirs]| same(own.is_some(), own == theirs))
    }
}

fn question() -> Question {
    let zero = Digest::ZERO;
    Question {
        job: zero,
        nodes: zero,
        states: zero,
        sinks: zero,
        tables: zero,
        start: zero,
        node_count: 0,
        state_count: 0,
        table_count: 0,
        loss: 0,
        first_step: 0,
        step_count: 1,
        bond: Amount(0),
        entry_seconds: Seconds(1),
        clock_seconds: Seconds(1),
        extension_seconds: Seconds(1),
        asker: Owner::default(),
        nonce: zero,
    }
}

fn position() -> Position {
    const NONE: [Digest; 2] = [Digest::ZERO; 2];
    Position {
        question: QuestionId(Digest::ZERO),
        claims: [ClaimId(0), ClaimId(1)],
        moves: 0,
        turn: Side::A,
        clocks: [Seconds(1); 2],
        since: Seconds(0),
        stage: Stage::Shape,
        count: 0,
        level: 0,
        index: 0,
        shown: 0,
        held: NONE,
        step: 0,
        traces: NONE,
        node: 0,
        nodes: NONE,
        dtype: 0,
        elements: 0,
        element: 0,
        words: [0; 2],
        rows: NONE,
        body_node: 0,
        body_element: 0,
        body_words: [0; 2],
        laned: false,
        totals: NONE,
        block: 0,
        total: 0,
        lane: 0,
        lanes: Digest::ZERO,
    }
}

#[test]
fn of_every_node_of_a_legal_program_both_say_the_same() {
    for program in &*PROGRAMS {
        for (id, node) in (0..).zip(&program.nodes) {
            let asked = Asked::new(program, id, node.to_bytes());
            assert!(asked.agrees(), "{}", node.op);
            assert!(ContractReferee.structure(asked.case(), &asked.witness).is_ok(), "{}", node.op);
            let whole = Some(Truth::Value(Digest::ZERO));
            assert_eq!(asked.ask(&ContractReferee, JudgeKind::Malformed), whole, "{}", node.op);
        }
    }
}

#[test]
fn the_contracts_answer_about_nodes_that_no_program_may_have() {
    let program = &PROGRAMS[0];
    let (id, node) = (0..).zip(&program.nodes).find(|(_, node)| node.op == "linear").expect("there is one");
    for name in ["a name of more than thirty-two bytes", "linéaire"] {
        let mut named = node.clone();
        named.op = name.into();
        let asked = Asked::new(program, id, named.to_bytes());
        assert_eq!(asked.ask(&Arithmetic, JudgeKind::Shape), None, "{name}");
        let right = Asked::new(program, id, node.to_bytes()).ask(&Arithmetic, JudgeKind::Shape);
        assert_eq!(asked.ask(&ContractReferee, JudgeKind::Shape), right, "{name}");
        assert_eq!(asked.ask(&ContractReferee, JudgeKind::Malformed), Some(Truth::Malformed), "{name}");
    }
}

#[test]
fn a_witness_that_shows_another_node_is_refused() {
    let program = &PROGRAMS[0];
    let mut asked = Asked::new(program, 3, program.nodes[3].to_bytes());
    asked.position.node = 4;
    assert!(ContractReferee.structure(asked.case(), &asked.witness).is_err());
    assert!(ContractReferee.operand(asked.case(), JudgeKind::Map, 0, &asked.witness).is_err());
    assert_eq!(asked.ask(&ContractReferee, JudgeKind::Shape), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(feature = "slow") { 100_000 } else { 2_000 }))]

    #[test]
    fn whatever_both_answer_about_damaged_nodes_is_the_same(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let program = &PROGRAMS[which.index(2)];
        let id = which.index(program.nodes.len());
        let mut bytes = program.nodes[id].to_bytes();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                _ => bytes.insert(at, byte),
            }
        }
        let asked = Asked::new(program, id as u32, bytes);
        prop_assert!(asked.agrees());
    }
}
