//! The deployed referee.

use super::world::Leaf;
use alloy_primitives::Address;
use samebit_referee::{Answer, Evm, EvmError, Step};

pub struct Referee {
    evm: Evm,
    step: Address,
}

impl Referee {
    pub fn new() -> Self {
        let mut evm = Evm::new();
        let step = evm.deploy(&Step::BYTECODE).expect("the referee deploys");
        Self { evm, step }
    }

    /// What the contract answers, within the gas of one transaction.
    pub fn redo(&mut self, leaf: &Leaf) -> Result<Answer<u32>, EvmError> {
        let call = Step::redoCall { place: leaf.place.clone(), witness: leaf.witness.clone() };
        self.evm.call(self.step, &call)
    }

    /// The gas of a leaf in which the contract and the reference agree.
    pub fn agree(&mut self, name: &str, leaf: &Leaf) -> u64 {
        let answer = self.redo(leaf).unwrap_or_else(|error| panic!("{name}: {error}"));
        let place = &leaf.place;
        assert_eq!(
            answer.value, leaf.expected,
            "{name}, element {}, block {}, body node {}: contract {:08x}, reference {:08x}",
            place.element, place.blockNumber, place.bodyNode, answer.value, leaf.expected
        );
        answer.gas
    }
}
