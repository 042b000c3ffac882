//! Numbers that look random and follow from a seed: xorshift.

use samebit_commit::Digest;

/// A generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`, 0 if there is none.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.number() >> 11) % limit.max(1)
    }

    /// True once in `count` times.
    pub fn once_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// A small number, mostly, or one at the end of its range.
    pub fn small(&mut self) -> u64 {
        match self.below(8) {
            0 => u64::MAX,
            1 => self.number(),
            _ => self.below(4),
        }
    }

    /// A digest: nothing, or anything.
    pub fn digest(&mut self) -> Digest {
        if self.once_in(3) { Digest::ZERO } else { Digest([self.number() as u8; 32]) }
    }
}
