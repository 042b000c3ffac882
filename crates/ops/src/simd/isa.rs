//! The choice of an instruction set at run time.

use super::{Scalar, Vector};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// Work that can be done by any vector machine. Mark `run` `#[inline(always)]`.
pub trait Kernel {
    /// What the work yields.
    type Output;
    /// Does the work.
    fn run<V: Vector>(self, machine: V) -> Self::Output;
}

/// An instruction set. It chooses speed, never bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// One value at a time; works everywhere.
    Scalar,
    /// AVX2 and FMA: 8 values at a time.
    Avx2,
    /// AVX-512 F, BW, DQ, VL: 16 values at a time.
    Avx512,
}

impl Isa {
    /// Every instruction set, narrowest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The widest instruction set of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self::ALL.into_iter().rev().find(|isa| isa.is_available()).unwrap_or(Self::Scalar)
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Every instruction set of this processor, narrowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The name used on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Values in one vector.
    #[must_use]
    pub fn lanes(self) -> usize {
        match self {
            Self::Scalar => 1,
            Self::Avx2 => 8,
            Self::Avx512 => 16,
        }
    }

    /// Runs `kernel` on the machine of this instruction set, compiled for it.
    ///
    /// Panics if the processor lacks it: ask [`Isa::is_available`] where the choice comes from outside.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Scalar => kernel.run(Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::new().expect("this processor has AVX2 and FMA").call(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::new().expect("this processor has AVX-512 F, BW, DQ and VL").call(kernel),
            #[cfg(not(target_arch = "x86_64"))]
            other => panic!("this processor has no {}", other.name()),
        }
    }
}

impl std::str::FromStr for Isa {
    type Err = UnknownIsa;

    fn from_str(name: &str) -> Result<Self, UnknownIsa> {
        Self::ALL.into_iter().find(|isa| isa.name() == name).ok_or_else(|| UnknownIsa(name.to_owned()))
    }
}

/// A name that is no instruction set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown instruction set `{0}`\nhint: use scalar, avx2 or avx512")]
pub struct UnknownIsa(pub String);
