//! The profiles: how a block of a product becomes a number.

use super::exact::{Bits, exact_block};
use super::{Kind, product_block, totals};
use crate::arith::Arith;

/// How the block of a product is computed, chosen for each product of a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Numerics {
    /// `f32`: one fused chain, an ordered product.
    #[default]
    F32,
    /// `exact8`, `exact14`, `exact21`: an exact product of factors of so many bits.
    Exact(Bits),
}

impl Numerics {
    /// Every profile, in the order of their canonical bytes.
    pub const ALL: [Numerics; 4] = [
        Numerics::F32,
        Numerics::Exact(Bits::Eight),
        Numerics::Exact(Bits::Fourteen),
        Numerics::Exact(Bits::TwentyOne),
    ];

    /// Its name in job files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Numerics::F32 => "f32",
            Numerics::Exact(Bits::Eight) => "exact8",
            Numerics::Exact(Bits::Fourteen) => "exact14",
            Numerics::Exact(Bits::TwentyOne) => "exact21",
        }
    }

    /// The result of one block; `None` is a term whose predicate is false.
    ///
    /// # Panics
    /// If there are more than 256 terms.
    pub fn block<A: Arith<U = u32>>(
        self,
        a: &mut A,
        factors: impl IntoIterator<Item = Option<(A::F, A::F)>>,
    ) -> A::F {
        match self {
            Numerics::F32 => product_block(a, factors),
            Numerics::Exact(bits) => exact_block(a, bits, factors),
        }
    }

    /// The value of a whole product over k = 0, 1, …
    pub fn product<A: Arith<U = u32>>(self, a: &mut A, factors: &[Option<(A::F, A::F)>]) -> A::F {
        totals(a, Kind::Product, factors, |a, block| self.block(a, block))
    }
}
