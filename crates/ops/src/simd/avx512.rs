//! Sixteen lanes: AVX-512.

use std::arch::x86_64::*;

use samebit_num::Arith;

use super::{Isa, Kernel, NAN_BITS, Vector};

/// The machine of AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

/// Evaluates an expression of AVX-512 intrinsics.
macro_rules! avx512 {
    ($body:expr) => {{
        // SAFETY: the surrounding method has a token, and `Avx512::new` makes tokens only where the processor has the
        // instructions. Pointers come from slices whose lengths were compared or limit the mask.
        unsafe { $body }
    }};
}

impl Avx512 {
    const LANES: usize = 16;

    /// The machine, where the processor has AVX-512 F, BW, DQ, VL, AVX2 and FMA.
    #[inline]
    #[must_use]
    pub fn new() -> Option<Self> {
        let available = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        available.then_some(Self(()))
    }

    /// The mask of the first `count` lanes.
    #[inline(always)]
    fn first(count: usize) -> __mmask16 {
        debug_assert!(count <= Self::LANES);
        ((1u32 << count) - 1) as __mmask16
    }

    /// Stores rows `stride` apart into a target that ends before the last of them does.
    #[inline(always)]
    fn store_cut(self, rows: &[__m512; 16], target: &mut [f32], stride: usize) {
        for (row, &value) in rows.iter().enumerate() {
            match target.get_mut(row * stride..) {
                Some(rest) => self.store_part(rest, value),
                None => return,
            }
        }
    }
}

impl Arith for Avx512 {
    type F = __m512;
    type U = __m512i;
    type M = __mmask16;

    #[inline(always)]
    fn constant(&mut self, bits: u32) -> __m512 {
        avx512!(_mm512_castsi512_ps(_mm512_set1_epi32(bits as i32)))
    }
    #[inline(always)]
    fn add(&mut self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(&mut self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(&mut self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn fma(&mut self, a: __m512, b: __m512, c: __m512) -> __m512 {
        avx512!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn div(&mut self, a: __m512, b: __m512) -> __m512 {
        avx512!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(&mut self, a: __m512) -> __m512 {
        avx512!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn neg(&mut self, a: __m512) -> __m512 {
        avx512!(_mm512_xor_ps(a, _mm512_set1_ps(-0.0)))
    }
    #[inline(always)]
    fn abs(&mut self, a: __m512) -> __m512 {
        avx512!(_mm512_abs_ps(a))
    }
    #[inline(always)]
    fn max(&mut self, a: __m512, b: __m512) -> __m512 {
        // The range instruction orders −0 under +0, but prefers a number to a NaN.
        const MAXIMUM_WITH_ITS_SIGN: i32 = 0b01_01;
        avx512!({
            let greater = _mm512_range_ps::<MAXIMUM_WITH_ITS_SIGN>(a, b);
            let unordered = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, b);
            _mm512_castsi512_ps(_mm512_mask_set1_epi32(
                _mm512_castps_si512(greater),
                unordered,
                NAN_BITS as i32,
            ))
        })
    }
    #[inline(always)]
    fn lt(&mut self, a: __m512, b: __m512) -> __mmask16 {
        avx512!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn le(&mut self, a: __m512, b: __m512) -> __mmask16 {
        avx512!(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(&mut self, a: __m512, b: __m512) -> __mmask16 {
        avx512!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn select(&mut self, mask: __mmask16, b: __m512, c: __m512) -> __m512 {
        avx512!(_mm512_mask_blend_ps(mask, c, b))
    }

    #[inline(always)]
    fn iconstant(&mut self, value: u32) -> __m512i {
        avx512!(_mm512_set1_epi32(value as i32))
    }
    #[inline(always)]
    fn iadd(&mut self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn isub(&mut self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_sub_epi32(a, b))
    }
    #[inline(always)]
    fn imul(&mut self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_mullo_epi32(a, b))
    }
    #[inline(always)]
    fn imulhi(&mut self, a: __m512i, b: __m512i) -> __m512i {
        // The multiplication to 64 bits takes even lanes: once as they are, once with the odd lanes moved there.
        const ODD_LANES: __mmask16 = 0xaaaa;
        avx512!({
            let even = _mm512_mul_epu32(a, b);
            let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
            _mm512_mask_blend_epi32(ODD_LANES, _mm512_srli_epi64::<32>(even), odd)
        })
    }
    #[inline(always)]
    fn and(&mut self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_and_si512(a, b))
    }
    #[inline(always)]
    fn or(&mut self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_or_si512(a, b))
    }
    #[inline(always)]
    fn xor(&mut self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_xor_si512(a, b))
    }
    #[inline(always)]
    fn shl(&mut self, a: __m512i, by: u32) -> __m512i {
        avx512!(_mm512_sll_epi32(a, _mm_cvtsi32_si128(by as i32)))
    }
    #[inline(always)]
    fn shr(&mut self, a: __m512i, by: u32) -> __m512i {
        avx512!(_mm512_srl_epi32(a, _mm_cvtsi32_si128(by as i32)))
    }
    #[inline(always)]
    fn sar(&mut self, a: __m512i, by: u32) -> __m512i {
        avx512!(_mm512_sra_epi32(a, _mm_cvtsi32_si128(by as i32)))
    }
    #[inline(always)]
    fn ilt(&mut self, a: __m512i, b: __m512i) -> __mmask16 {
        avx512!(_mm512_cmplt_epu32_mask(a, b))
    }
    #[inline(always)]
    fn ieq(&mut self, a: __m512i, b: __m512i) -> __mmask16 {
        avx512!(_mm512_cmpeq_epi32_mask(a, b))
    }
    #[inline(always)]
    fn iselect(&mut self, mask: __mmask16, b: __m512i, c: __m512i) -> __m512i {
        avx512!(_mm512_mask_blend_epi32(mask, c, b))
    }

    #[inline(always)]
    fn bits(&mut self, a: __m512) -> __m512i {
        avx512!({
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a);
            _mm512_mask_set1_epi32(_mm512_castps_si512(a), nan, NAN_BITS as i32)
        })
    }
    #[inline(always)]
    fn float(&mut self, a: __m512i) -> __m512 {
        avx512!(_mm512_castsi512_ps(a))
    }
    #[inline(always)]
    fn from_int(&mut self, a: __m512i) -> __m512 {
        avx512!(_mm512_cvtepi32_ps(a))
    }
    #[inline(always)]
    fn to_int(&mut self, a: __m512) -> __m512i {
        avx512!(_mm512_cvtps_epi32(a))
    }
}

impl Vector for Avx512 {
    const LANES: usize = Self::LANES;
    const ISA: Isa = Isa::Avx512;

    #[inline(always)]
    fn load(self, source: &[f32]) -> __m512 {
        assert!(source.len() >= Self::LANES);
        avx512!(_mm512_loadu_ps(source.as_ptr()))
    }
    #[inline(always)]
    fn load_part(self, source: &[f32]) -> __m512 {
        avx512!(_mm512_maskz_loadu_ps(Self::first(source.len().min(Self::LANES)), source.as_ptr()))
    }
    #[inline(always)]
    fn store(self, target: &mut [f32], value: __m512) {
        assert!(target.len() >= Self::LANES);
        avx512!(_mm512_storeu_ps(target.as_mut_ptr(), value))
    }
    #[inline(always)]
    fn store_part(self, target: &mut [f32], value: __m512) {
        let mask = Self::first(target.len().min(Self::LANES));
        avx512!(_mm512_mask_storeu_ps(target.as_mut_ptr(), mask, value))
    }
    #[inline(always)]
    fn load_bits(self, source: &[u32]) -> __m512i {
        assert!(source.len() >= Self::LANES);
        avx512!(_mm512_loadu_si512(source.as_ptr().cast()))
    }
    #[inline(always)]
    fn load_bits_part(self, source: &[u32]) -> __m512i {
        let mask = Self::first(source.len().min(Self::LANES));
        avx512!(_mm512_maskz_loadu_epi32(mask, source.as_ptr().cast()))
    }
    #[inline(always)]
    fn store_bits(self, target: &mut [u32], value: __m512i) {
        assert!(target.len() >= Self::LANES);
        avx512!(_mm512_storeu_si512(target.as_mut_ptr().cast(), value))
    }
    #[inline(always)]
    fn store_bits_part(self, target: &mut [u32], value: __m512i) {
        let mask = Self::first(target.len().min(Self::LANES));
        avx512!(_mm512_mask_storeu_epi32(target.as_mut_ptr().cast(), mask, value))
    }
    #[inline(always)]
    fn canonical(mut self, value: __m512) -> __m512 {
        let bits = self.bits(value);
        self.float(bits)
    }
    #[inline(always)]
    fn gather(self, table: &[f32], index: __m512i) -> __m512 {
        // Indices are signed to the instruction, so that a longer table would be read before its start.
        let length = table.len().min(1 << 31) as u32;
        avx512!({
            let inside = _mm512_cmplt_epu32_mask(index, _mm512_set1_epi32(length as i32));
            assert!(inside == __mmask16::MAX, "an index is not below the table's length, {length}");
            _mm512_i32gather_ps::<4>(index, table.as_ptr())
        })
    }
    #[inline(always)]
    fn greater(self, a: __m512i, b: __m512i) -> __m512i {
        avx512!(_mm512_max_epu32(a, b))
    }
    #[inline(always)]
    fn lane_numbers(self) -> __m512i {
        avx512!(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
    }
    #[inline(always)]
    fn any(self, mask: __mmask16) -> bool {
        mask != 0
    }

    #[inline(always)]
    fn prefetch(self, near: &[f32], ahead: usize) {
        avx512!(_mm_prefetch::<_MM_HINT_T0>(near.as_ptr().wrapping_add(ahead).cast()))
    }
    #[inline(always)]
    fn prefetch_distant(self, near: &[f32], ahead: usize) {
        avx512!(_mm_prefetch::<_MM_HINT_T1>(near.as_ptr().wrapping_add(ahead).cast()))
    }

    #[inline(always)]
    fn transpose(
        self,
        source: &[f32],
        source_stride: usize,
        rows: usize,
        target: &mut [f32],
        target_stride: usize,
    ) {
        // One check for all rows: checks row by row would cost more than the transposition.
        assert!(
            rows <= Self::LANES && (rows == 0 || (rows - 1) * source_stride + Self::LANES <= source.len())
        );
        let mut square = [self.splat(0.0); 16];
        for (row, value) in square.iter_mut().enumerate() {
            if row < rows {
                *value = avx512!(_mm512_loadu_ps(source.as_ptr().add(row * source_stride)));
            }
        }
        let square = avx512!(transpose_square(square));
        if (Self::LANES - 1) * target_stride + Self::LANES <= target.len() {
            for (row, &value) in square.iter().enumerate() {
                avx512!(_mm512_storeu_ps(target.as_mut_ptr().add(row * target_stride), value));
            }
        } else {
            self.store_cut(&square, target, target_stride);
        }
    }

    #[inline]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` exists only where the processor has these features.
        unsafe { run_with_features(self, kernel) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_with_features<K: Kernel>(machine: Avx512, kernel: K) -> K::Output {
    kernel.run(machine)
}

/// The transpose of 16 rows, in four rounds of pairs at distances 1, 2, 4 and 8.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_square(rows: [__m512; 16]) -> [__m512; 16] {
    let mut pairs = rows;
    for i in 0..8 {
        pairs[2 * i] = _mm512_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    // quads[4·i + c], 128-bit lane l: column 4·l + c of rows 4·i … 4·i + 3.
    let mut quads = pairs;
    for i in 0..4 {
        let [a, b, c, d] = [pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2], pairs[4 * i + 3]];
        quads[4 * i] = _mm512_shuffle_ps::<0b01_00_01_00>(a, c);
        quads[4 * i + 1] = _mm512_shuffle_ps::<0b11_10_11_10>(a, c);
        quads[4 * i + 2] = _mm512_shuffle_ps::<0b01_00_01_00>(b, d);
        quads[4 * i + 3] = _mm512_shuffle_ps::<0b11_10_11_10>(b, d);
    }
    let mut columns = quads;
    for c in 0..4 {
        let [a, b, d, e] = [quads[c], quads[4 + c], quads[8 + c], quads[12 + c]];
        let low_even = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
        let low_odd = _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b);
        let high_even = _mm512_shuffle_f32x4::<0b10_00_10_00>(d, e);
        let high_odd = _mm512_shuffle_f32x4::<0b11_01_11_01>(d, e);
        columns[c] = _mm512_shuffle_f32x4::<0b10_00_10_00>(low_even, high_even);
        columns[8 + c] = _mm512_shuffle_f32x4::<0b11_01_11_01>(low_even, high_even);
        columns[4 + c] = _mm512_shuffle_f32x4::<0b10_00_10_00>(low_odd, high_odd);
        columns[12 + c] = _mm512_shuffle_f32x4::<0b11_01_11_01>(low_odd, high_odd);
    }
    columns
}
