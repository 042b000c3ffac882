//! Both referees, asked about leaves of worlds.

#![allow(dead_code)]

use super::world::Leaf;
use samebit_commit::Digest;
use samebit_referee::{EvmError, Judgement};
use samebit_trace::witness::{self, Kept, Leaf as Kind, Place, Truth};

/// `Step` in the EVM, held against its twin.
pub struct Referee(samebit_referee::Referee);

/// Gas of the dearest transaction that keeps an operand, and of the leaf.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gas {
    pub keep: u64,
    pub leaf: u64,
}

impl Gas {
    pub fn most(self) -> u64 {
        self.keep.max(self.leaf)
    }

    pub fn or(self, other: Gas) -> Gas {
        Gas { keep: self.keep.max(other.keep), leaf: self.leaf.max(other.leaf) }
    }
}

impl Referee {
    pub fn new() -> Self {
        Self(samebit_referee::Referee::new().expect("the referee deploys"))
    }

    /// What both say of a leaf from this witness; the contract must refuse by a custom error when the twin does.
    pub fn judge(&mut self, leaf: &Leaf, witness: &[u8], kept: &[Kept]) -> Option<(u32, u64)> {
        let kind = leaf.piece.leaf();
        let here = witness::truth(&leaf.place, kind, witness, kept);
        match (self.0.truth(&leaf.place, kind, witness, kept), here) {
            (Ok(there), Ok(Truth::Value(here))) => {
                assert_eq!(there.value, Judgement::Value(here));
                Some((word(here), there.gas))
            }
            (Err(EvmError::Reverted(data)), Err(_)) => {
                assert!(data.len() >= 4 && data[..4] != [0x4e, 0x48, 0x7b, 0x71], "no panic: {data}");
                None
            }
            (there, here) => panic!("the contract says {there:?}, its twin {here:?}"),
        }
    }

    /// The total after lanes, in which contract and twin agree.
    pub fn fold_lanes(&mut self, place: &Place, witness: &[u8]) -> u32 {
        let Ok(Truth::Value(here)) = witness::truth(place, Kind::LaneFold, witness, &[]) else {
            panic!("{place:?}")
        };
        let there = self.0.truth(place, Kind::LaneFold, witness, &[]).expect("the lanes are shown");
        assert_eq!(there.value, Judgement::Value(here));
        word(here)
    }

    /// The gas of a leaf in which contract, twin and reference agree.
    pub fn agree(&mut self, name: &str, leaf: &Leaf) -> Gas {
        let kind = leaf.piece.leaf();
        let mut gas = Gas::default();
        let mut kept: Vec<Kept> = Vec::new();
        for (slot, bytes, place) in &leaf.keeps {
            let words = witness::operand(place, kind, *slot, bytes);
            let words = words.unwrap_or_else(|error| panic!("{name}, slot {slot}: {error}"));
            let there = self.0.operand(place, kind, *slot, bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(there.value, words, "{name}, slot {slot}");
            gas.keep = gas.keep.max(there.gas);
            kept.push((*slot, words));
        }
        let (word, used) = self.judge(leaf, &leaf.witness, &kept).unwrap_or_else(|| {
            panic!("{name}: {:?}", witness::truth(&leaf.place, kind, &leaf.witness, &kept))
        });
        assert_eq!(word, leaf.expected, "{name}, {:?} of element {}", leaf.piece, leaf.place.element);
        gas.leaf = used;
        gas
    }
}

fn word(value: Digest) -> u32 {
    u32::from_be_bytes(value.0[28..].try_into().expect("4 bytes"))
}
