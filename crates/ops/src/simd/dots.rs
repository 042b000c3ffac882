//! Products of short integers, summed in 32 bits: what exact products need beyond [`Vector`].

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use samebit_num::Arith;

use super::{Isa, Scalar, Vector};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// The integers of a machine's lanes.
pub type Integers<D> = <<D as Dots>::Machine as Arith>::U;

/// A machine that multiplies short integers. All sums are modulo 2^32, so no order of them can be seen.
pub trait Dots: Copy + Send + Sync + 'static {
    /// The machine for everything else.
    type Machine: Vector;
    /// Which one this is.
    const ISA: DotIsa;

    /// The machine for everything else.
    fn machine(self) -> Self::Machine;
    /// sum + a₀·b₀ + a₁·b₁ in each lane: the halves of a and b, low first, are signed 16-bit integers.
    fn words(self, sum: Integers<Self>, a: Integers<Self>, b: Integers<Self>) -> Integers<Self>;
    /// sum + a₀·b₀ + … + a₃·b₃ in each lane: the bytes of a, low first, are unsigned, those of b signed. Panics unless
    /// [`DotIsa::has_bytes`].
    fn bytes(self, sum: Integers<Self>, a: Integers<Self>, b: Integers<Self>) -> Integers<Self>;
    /// Runs `kernel` in a function of its own, compiled for this machine.
    fn call<K: DotKernel>(self, kernel: K) -> K::Output;
}

/// Work for any machine that multiplies short integers. Mark `run` `#[inline(always)]`.
pub trait DotKernel {
    /// What the work yields.
    type Output;
    /// Does the work.
    fn run<D: Dots>(self, dots: D) -> Self::Output;
}

/// An instruction set for products of short integers. It chooses speed and the layout of packed operands, never bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DotIsa {
    /// One value at a time; works everywhere.
    Scalar,
    /// AVX2.
    Avx2,
    /// AVX-512 without integer dot products.
    Avx512,
    /// AVX-512 with VNNI.
    Vnni,
}

impl DotIsa {
    /// Every one, slowest first.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Avx2, Self::Avx512, Self::Vnni];

    /// The fastest of this processor within `isa`.
    #[must_use]
    pub fn within(isa: Isa) -> Self {
        match isa {
            Isa::Scalar => Self::Scalar,
            Isa::Avx2 => Self::Avx2,
            Isa::Avx512 if Self::Vnni.is_available() => Self::Vnni,
            Isa::Avx512 => Self::Avx512,
        }
    }

    /// The instruction set of everything else.
    #[must_use]
    pub const fn base(self) -> Isa {
        match self {
            Self::Scalar => Isa::Scalar,
            Self::Avx2 => Isa::Avx2,
            Self::Avx512 | Self::Vnni => Isa::Avx512,
        }
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => Vnni::new().is_some(),
            other => other.base().is_available(),
        }
    }

    /// Every one of this processor, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// Whether it multiplies bytes.
    #[must_use]
    pub const fn has_bytes(self) -> bool {
        matches!(self, Self::Vnni)
    }

    /// Runs `kernel`, compiled for this instruction set. Panics if the processor lacks it.
    pub fn run<K: DotKernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Scalar => kernel.run(Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Dots::call(Avx2::new().expect("this processor has AVX2 and FMA"), kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Dots::call(Avx512::new().expect("this processor has AVX-512"), kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => Vnni::new().expect("this processor has AVX-512 VNNI").call(kernel),
            #[cfg(not(target_arch = "x86_64"))]
            other => panic!("this processor has no {other:?}"),
        }
    }
}

impl Dots for Scalar {
    type Machine = Self;
    const ISA: DotIsa = DotIsa::Scalar;

    #[inline(always)]
    fn machine(self) -> Self {
        self
    }
    #[inline(always)]
    fn words(self, sum: u32, a: u32, b: u32) -> u32 {
        let low = i32::from(a as i16) * i32::from(b as i16);
        let high = (a.cast_signed() >> 16) * (b.cast_signed() >> 16);
        sum.wrapping_add(low.cast_unsigned()).wrapping_add(high.cast_unsigned())
    }
    #[inline(always)]
    fn bytes(self, _: u32, _: u32, _: u32) -> u32 {
        unreachable!("products of bytes need VNNI")
    }
    #[inline]
    fn call<K: DotKernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

#[cfg(target_arch = "x86_64")]
impl Dots for Avx2 {
    type Machine = Self;
    const ISA: DotIsa = DotIsa::Avx2;

    #[inline(always)]
    fn machine(self) -> Self {
        self
    }
    #[inline(always)]
    fn words(self, sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token was made where the processor has AVX2.
        unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)) }
    }
    #[inline(always)]
    fn bytes(self, _: __m256i, _: __m256i, _: __m256i) -> __m256i {
        unreachable!("products of bytes need VNNI")
    }
    #[inline]
    fn call<K: DotKernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn run<K: DotKernel>(machine: Avx2, kernel: K) -> K::Output {
            kernel.run(machine)
        }
        // SAFETY: the token was made where the processor has these features.
        unsafe { run(self, kernel) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Dots for Avx512 {
    type Machine = Self;
    const ISA: DotIsa = DotIsa::Avx512;

    #[inline(always)]
    fn machine(self) -> Self {
        self
    }
    #[inline(always)]
    fn words(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token was made where the processor has AVX-512 F and BW.
        unsafe { _mm512_add_epi32(sum, _mm512_madd_epi16(a, b)) }
    }
    #[inline(always)]
    fn bytes(self, _: __m512i, _: __m512i, _: __m512i) -> __m512i {
        unreachable!("products of bytes need VNNI")
    }
    #[inline]
    fn call<K: DotKernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn run<K: DotKernel>(machine: Avx512, kernel: K) -> K::Output {
            kernel.run(machine)
        }
        // SAFETY: the token was made where the processor has these features.
        unsafe { run(self, kernel) }
    }
}

/// The machine of AVX-512 with VNNI.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct Vnni(Avx512);

#[cfg(target_arch = "x86_64")]
impl Vnni {
    /// The machine, where the processor has what [`Avx512`] needs and VNNI.
    #[inline]
    #[must_use]
    pub fn new() -> Option<Self> {
        if is_x86_feature_detected!("avx512vnni") { Avx512::new().map(Self) } else { None }
    }
}

#[cfg(target_arch = "x86_64")]
impl Dots for Vnni {
    type Machine = Avx512;
    const ISA: DotIsa = DotIsa::Vnni;

    #[inline(always)]
    fn machine(self) -> Avx512 {
        self.0
    }
    #[inline(always)]
    fn words(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token was made where the processor has AVX-512 VNNI.
        unsafe { _mm512_dpwssd_epi32(sum, a, b) }
    }
    #[inline(always)]
    fn bytes(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token was made where the processor has AVX-512 VNNI.
        unsafe { _mm512_dpbusd_epi32(sum, a, b) }
    }
    #[inline]
    fn call<K: DotKernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
        fn run<K: DotKernel>(machine: Vnni, kernel: K) -> K::Output {
            kernel.run(machine)
        }
        // SAFETY: the token was made where the processor has these features.
        unsafe { run(self, kernel) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of products, by words or by bytes, of arrays of `LANES` integers.
    struct Sums<'a> {
        bytes: bool,
        operands: [&'a [u32; 16]; 3],
    }

    impl DotKernel for Sums<'_> {
        type Output = Vec<u32>;

        #[inline(always)]
        fn run<D: Dots>(self, dots: D) -> Vec<u32> {
            let machine = dots.machine();
            let [sum, a, b] = self.operands.map(|operand| machine.load_bits(operand));
            let result = if self.bytes { dots.bytes(sum, a, b) } else { dots.words(sum, a, b) };
            let mut out = vec![0; <D::Machine as Vector>::LANES];
            machine.store_bits(&mut out, result);
            out
        }
    }

    #[test]
    fn every_machine_adds_the_products() {
        let edges =
            [0, 1, 0x7fff, 0x8000, 0xffff, 0x8080_7f7f, 0x8000_8000, 0x7fff_ffff, u32::MAX, 0x00ff_ff00];
        let operand = |step: usize| std::array::from_fn(|lane| edges[(lane * step + step / 3) % edges.len()]);
        for (s, a, b) in (0..300).map(|i| (operand(i), operand(i / 3 + 1), operand(i / 7 + 2))) {
            for isa in DotIsa::available() {
                let found = isa.run(Sums { bytes: false, operands: [&s, &a, &b] });
                for (lane, &found) in found.iter().enumerate() {
                    let half = |word: u32, at: u32| i64::from((word >> (16 * at)) as i16);
                    let exact: i64 = (0..2).map(|at| half(a[lane], at) * half(b[lane], at)).sum();
                    assert_eq!(found, s[lane].wrapping_add(exact as u32), "{isa:?}, words");
                }
                if isa.has_bytes() {
                    let found = isa.run(Sums { bytes: true, operands: [&s, &a, &b] });
                    for (lane, &found) in found.iter().enumerate() {
                        let product = |at| {
                            i64::from(a[lane].to_le_bytes()[at]) * i64::from(b[lane].to_le_bytes()[at] as i8)
                        };
                        let exact: i64 = (0..4).map(product).sum();
                        assert_eq!(found, s[lane].wrapping_add(exact as u32), "{isa:?}, bytes");
                    }
                }
            }
        }
    }
}
