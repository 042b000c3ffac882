//! The contracts' code beside the arithmetic off the chain: they agree about whatever both answer, and of nodes that no program may have the
//! contracts read more.

use proptest::prelude::*;
use samebit_chain::ContractReferee;
use samebit_commit::merkle::list_root;
use samebit_commit::{Canonical, Digest, Tag, hash};
use samebit_dispute::{
    Amount, Case, ClaimId, GameId, JudgeKind, Position, Question, Referee, Seconds, Stage, Truth,
};
use samebit_graph::fixtures::{Dims, gpt, llama};
use samebit_roles::{Arithmetic, Terms, question};
use samebit_trace::Job;
use samebit_trace::witness::NodeOpening;
use std::sync::LazyLock;

static JOBS: LazyLock<[Job; 2]> = LazyLock::new(|| {
    let dims = Dims { layers: 1, ..Dims::default() };
    [gpt(Dims { dropout: 0.1, ..dims }), llama(dims)]
        .map(|(program, states, tables)| Job::new(program, tables, &states, 1, 1))
});

/// A job of which one node has these bytes: what is asked about it, and the node opened.
struct Asked {
    question: Question,
    position: Position,
    witness: Vec<u8>,
}

impl Asked {
    fn new(job: &Job, node: u32, bytes: Vec<u8>) -> Asked {
        let tree = job.program.node_tree();
        let opening = tree.open(node.into()).expect("it is inside");
        let leaf = hash(Tag::Node, &[&bytes]);
        let nodes =
            list_root(tree.count(), opening.top(tree.count(), node.into(), leaf).expect("the siblings fit"));
        let second = Seconds(1);
        let terms = Terms { bond: Amount(0), entry: second, clock: second, extension: second };
        let question = Question { nodes, ..question(job, 0, job.spec.initial_state, terms).0 };
        let game = GameId { question: question.id(), a: ClaimId(0), b: ClaimId(1) };
        let position = Position { stage: Stage::Shape, node, ..Position::start(game, second, Seconds(0)) };
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

#[test]
fn of_every_node_of_a_legal_program_both_say_the_same() {
    for job in &*JOBS {
        for (id, node) in (0..).zip(&job.program.nodes) {
            let asked = Asked::new(job, id, node.to_bytes());
            assert!(asked.agrees(), "{}", node.op);
            assert!(ContractReferee.structure(asked.case(), &asked.witness).is_ok(), "{}", node.op);
            let whole = Some(Truth::Value(Digest::ZERO));
            assert_eq!(asked.ask(&ContractReferee, JudgeKind::Malformed), whole, "{}", node.op);
        }
    }
}

#[test]
fn the_contracts_answer_about_nodes_that_no_program_may_have() {
    let job = &JOBS[0];
    let (id, node) =
        (0..).zip(&job.program.nodes).find(|(_, node)| node.op == "linear").expect("there is one");
    for name in ["a name of more than thirty-two bytes", "linéaire"] {
        let mut named = node.clone();
        named.op = name.into();
        let asked = Asked::new(job, id, named.to_bytes());
        assert_eq!(asked.ask(&Arithmetic, JudgeKind::Shape), None, "{name}");
        let right = Asked::new(job, id, node.to_bytes()).ask(&Arithmetic, JudgeKind::Shape);
        assert_eq!(asked.ask(&ContractReferee, JudgeKind::Shape), right, "{name}");
        assert_eq!(asked.ask(&ContractReferee, JudgeKind::Malformed), Some(Truth::Malformed), "{name}");
    }
}

#[test]
fn a_witness_that_shows_another_node_is_refused() {
    let job = &JOBS[0];
    let mut asked = Asked::new(job, 3, job.program.nodes[3].to_bytes());
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
        let job = &JOBS[which.index(2)];
        let id = which.index(job.program.nodes.len());
        let mut bytes = job.program.nodes[id].to_bytes();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                _ => bytes.insert(at, byte),
            }
        }
        let asked = Asked::new(job, id as u32, bytes);
        prop_assert!(asked.agrees());
    }
}
