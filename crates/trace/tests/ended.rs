//! Whether a job had ended is looked up in the tree over all steps of the segment: what a claim counts proves nothing.

use samebit_commit::merkle::{inner, list_root, list_root_of, top};
use samebit_commit::{Canonical, Digest, Encoder, Opening, Tree, steps, tensor};
use samebit_trace::witness::{Leaf, Place, Truth, WitnessError, truth};

const STEPS: u64 = 8;

/// State and trace root of a step; the trace is of the loss alone.
fn parts(step: u64, loss: f32) -> [Digest; 2] {
    [Digest([step as u8 + 1; 32]), list_root_of(&[tensor::root_of(tensor::DType::F32, &[loss])])]
}

/// A claim of these leaves that counts `count` of them.
struct Claim {
    count: u64,
    leaves: Vec<Digest>,
}

impl Claim {
    fn end(&self) -> Digest {
        Digest([0xee; 32])
    }

    fn root(&self) -> Digest {
        steps::segment(self.end(), list_root(self.count, top(&self.leaves)))
    }

    /// The claim's parts, as a witness begins.
    fn witness(&self, side: u8) -> Encoder {
        let mut witness = Encoder::new();
        witness.u8(side);
        self.end().encode(&mut witness);
        witness.u64(self.count);
        top(&self.leaves).encode(&mut witness);
        witness
    }

    /// The witness that the step before `step` is absent.
    fn absent(&self, side: u8, step: u64) -> Vec<u8> {
        let mut leaves = self.leaves.clone();
        leaves.resize(STEPS as usize, Digest::ZERO);
        let mut witness = self.witness(side);
        Tree::new(leaves).open(step - 1).expect("inside").encode(&mut witness);
        witness.into_bytes()
    }

    /// The witness of the step before `step`.
    fn present(&self, side: u8, step: u64, loss: f32) -> Vec<u8> {
        let mut witness = self.witness(side);
        parts(step - 1, loss).iter().for_each(|part| part.encode(&mut witness));
        Tree::new(self.leaves.clone()).open(step - 1).expect("inside").encode(&mut witness);
        witness.raw(&loss.to_le_bytes());
        Opening { siblings: Vec::new() }.encode(&mut witness);
        witness.into_bytes()
    }
}

fn leaf(step: u64, loss: f32) -> Digest {
    let [state, trace] = parts(step, loss);
    steps::step(state, trace)
}

fn ask(claims: [&Claim; 2], step: u64, witness: &[u8]) -> Result<Truth, WitnessError> {
    let claims = claims.map(Claim::root);
    let place = Place { claims, step, step_count: STEPS, node_count: 1, ..Place::default() };
    truth(&place, Leaf::Ended, witness, &[])
}

fn value(number: u8) -> Result<Truth, WitnessError> {
    let mut word = [0; 32];
    word[31] = number;
    Ok(Truth::Value(Digest(word)))
}

#[test]
fn a_claim_that_counts_less_than_its_tree_has_proves_no_end() {
    let honest = Claim { count: STEPS, leaves: (0..STEPS).map(|step| leaf(step, 1.0)).collect() };
    // Its tree has seven steps, as high as that of the five that it counts; the game is about the eighth.
    let liar = Claim { count: 5, leaves: honest.leaves[..7].to_vec() };
    let claims = [&honest, &liar];
    assert_eq!(ask(claims, 7, &honest.present(0, 7, 1.0)), value(1));
    let counted = liar.witness(1).into_bytes();
    assert!(ask(claims, 7, &counted).is_err(), "the count alone");
    assert!(matches!(ask(claims, 7, &liar.absent(1, 7)), Err(WitnessError::Differs { .. })));
    for bit in 0..3 {
        let mut siblings = Tree::new(liar.leaves.clone()).open(6).expect("inside").siblings;
        siblings.truncate(bit);
        let mut witness = liar.witness(1);
        Opening { siblings }.encode(&mut witness);
        assert!(ask(claims, 7, witness.as_bytes()).is_err());
    }
}

#[test]
fn absent_steps_are_absent_on_either_side() {
    // The job diverged in its third step; the liar goes on after a gap.
    let losses = [1.0, 2.0, f32::INFINITY];
    let ended: Vec<Digest> = (0..).zip(losses).map(|(step, loss)| leaf(step, loss)).collect();
    let honest = Claim { count: 3, leaves: ended.clone() };
    let gap = [ended.clone(), vec![Digest::ZERO, Digest::ZERO, leaf(5, 1.0)]].concat();
    let liar = Claim { count: 6, leaves: gap };
    let claims = [&honest, &liar];
    assert_eq!(ask(claims, 3, &honest.present(0, 3, f32::INFINITY)), value(0));
    assert_eq!(ask(claims, 5, &honest.absent(0, 5)), value(0));
    assert_eq!(ask(claims, 2, &honest.present(0, 2, 2.0)), value(1));
    assert_eq!(ask(claims, 0, &[]), value(1), "the first step cannot have ended");
    assert!(ask(claims, 3, &honest.absent(0, 3)).is_err(), "it is there");
    // The padded top of three leaves in a tree of eight.
    assert_eq!(inner(top(&honest.leaves), Digest::ZERO), {
        let mut leaves = honest.leaves.clone();
        leaves.resize(8, Digest::ZERO);
        top(&leaves)
    });
}
