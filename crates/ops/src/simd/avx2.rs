//! Eight lanes: AVX2 and FMA.

use std::arch::x86_64::*;

use samebit_num::Arith;

use super::{Isa, Kernel, NAN_BITS, Vector};

/// The machine of AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

/// Evaluates an expression of AVX2 and FMA intrinsics.
macro_rules! avx2 {
    ($body:expr) => {{
        // SAFETY: the surrounding method has a token, and `Avx2::new` makes tokens only where the processor has the
        // instructions. Pointers come from slices whose lengths were compared or limit the mask.
        unsafe { $body }
    }};
}

impl Avx2 {
    const LANES: usize = 8;

    /// The machine, where the processor has AVX2 and FMA.
    #[inline]
    #[must_use]
    pub fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// All ones in the first `min(count, 8)` lanes.
    #[inline(always)]
    fn first(self, count: usize) -> __m256i {
        avx2!(_mm256_cmpgt_epi32(_mm256_set1_epi32(count.min(Self::LANES) as i32), self.lane_numbers()))
    }

    /// All ones where a or b is a NaN.
    #[inline(always)]
    fn unordered(self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_cmp_ps::<_CMP_UNORD_Q>(a, b))
    }

    /// Stores rows `stride` apart into a target that ends before the last of them does.
    #[inline(always)]
    fn store_cut(self, rows: &[__m256; 8], target: &mut [f32], stride: usize) {
        for (row, &value) in rows.iter().enumerate() {
            match target.get_mut(row * stride..) {
                Some(rest) => self.store_part(rest, value),
                None => return,
            }
        }
    }
}

impl Arith for Avx2 {
    type F = __m256;
    type U = __m256i;
    /// All ones or all zeros in every lane.
    type M = __m256;

    #[inline(always)]
    fn constant(&mut self, bits: u32) -> __m256 {
        avx2!(_mm256_castsi256_ps(_mm256_set1_epi32(bits as i32)))
    }
    #[inline(always)]
    fn add(&mut self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(&mut self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(&mut self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn fma(&mut self, a: __m256, b: __m256, c: __m256) -> __m256 {
        avx2!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn div(&mut self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(&mut self, a: __m256) -> __m256 {
        avx2!(_mm256_sqrt_ps(a))
    }
    #[inline(always)]
    fn neg(&mut self, a: __m256) -> __m256 {
        avx2!(_mm256_xor_ps(a, _mm256_set1_ps(-0.0)))
    }
    #[inline(always)]
    fn abs(&mut self, a: __m256) -> __m256 {
        avx2!(_mm256_andnot_ps(_mm256_set1_ps(-0.0), a))
    }
    #[inline(always)]
    fn max(&mut self, a: __m256, b: __m256) -> __m256 {
        // The instruction gives its second operand for two zeros, so both orders together hold both signs, and +0 has the
        // fewer bits. For unequal numbers both orders agree. With a NaN all bits are set: another NaN.
        avx2!({
            let greater = _mm256_and_ps(_mm256_max_ps(a, b), _mm256_max_ps(b, a));
            _mm256_or_ps(greater, self.unordered(a, b))
        })
    }
    #[inline(always)]
    fn lt(&mut self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn le(&mut self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_cmp_ps::<_CMP_LE_OQ>(a, b))
    }
    #[inline(always)]
    fn eq(&mut self, a: __m256, b: __m256) -> __m256 {
        avx2!(_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b))
    }
    #[inline(always)]
    fn select(&mut self, mask: __m256, b: __m256, c: __m256) -> __m256 {
        avx2!(_mm256_blendv_ps(c, b, mask))
    }

    #[inline(always)]
    fn iconstant(&mut self, value: u32) -> __m256i {
        avx2!(_mm256_set1_epi32(value as i32))
    }
    #[inline(always)]
    fn iadd(&mut self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_add_epi32(a, b))
    }
    #[inline(always)]
    fn isub(&mut self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_sub_epi32(a, b))
    }
    #[inline(always)]
    fn imul(&mut self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_mullo_epi32(a, b))
    }
    #[inline(always)]
    fn imulhi(&mut self, a: __m256i, b: __m256i) -> __m256i {
        // The multiplication to 64 bits takes even lanes: once as they are, once with the odd lanes moved there.
        const ODD_LANES: i32 = 0b1010_1010;
        avx2!({
            let even = _mm256_mul_epu32(a, b);
            let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
            _mm256_blend_epi32::<ODD_LANES>(_mm256_srli_epi64::<32>(even), odd)
        })
    }
    #[inline(always)]
    fn and(&mut self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_and_si256(a, b))
    }
    #[inline(always)]
    fn or(&mut self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_or_si256(a, b))
    }
    #[inline(always)]
    fn xor(&mut self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_xor_si256(a, b))
    }
    #[inline(always)]
    fn shl(&mut self, a: __m256i, by: u32) -> __m256i {
        avx2!(_mm256_sll_epi32(a, _mm_cvtsi32_si128(by as i32)))
    }
    #[inline(always)]
    fn shr(&mut self, a: __m256i, by: u32) -> __m256i {
        avx2!(_mm256_srl_epi32(a, _mm_cvtsi32_si128(by as i32)))
    }
    #[inline(always)]
    fn sar(&mut self, a: __m256i, by: u32) -> __m256i {
        avx2!(_mm256_sra_epi32(a, _mm_cvtsi32_si128(by as i32)))
    }
    #[inline(always)]
    fn ilt(&mut self, a: __m256i, b: __m256i) -> __m256 {
        // There is only a signed comparison; with the top bits flipped it orders like the unsigned one.
        avx2!({
            let flip = _mm256_set1_epi32(i32::MIN);
            let less = _mm256_cmpgt_epi32(_mm256_xor_si256(b, flip), _mm256_xor_si256(a, flip));
            _mm256_castsi256_ps(less)
        })
    }
    #[inline(always)]
    fn ieq(&mut self, a: __m256i, b: __m256i) -> __m256 {
        avx2!(_mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)))
    }
    #[inline(always)]
    fn iselect(&mut self, mask: __m256, b: __m256i, c: __m256i) -> __m256i {
        avx2!(_mm256_blendv_epi8(c, b, _mm256_castps_si256(mask)))
    }

    #[inline(always)]
    fn bits(&mut self, a: __m256) -> __m256i {
        avx2!(_mm256_castps_si256(self.canonical(a)))
    }
    #[inline(always)]
    fn float(&mut self, a: __m256i) -> __m256 {
        avx2!(_mm256_castsi256_ps(a))
    }
    #[inline(always)]
    fn from_int(&mut self, a: __m256i) -> __m256 {
        avx2!(_mm256_cvtepi32_ps(a))
    }
    #[inline(always)]
    fn to_int(&mut self, a: __m256) -> __m256i {
        avx2!(_mm256_cvtps_epi32(a))
    }
}

impl Vector for Avx2 {
    const LANES: usize = Self::LANES;
    const ISA: Isa = Isa::Avx2;

    #[inline(always)]
    fn load(self, source: &[f32]) -> __m256 {
        assert!(source.len() >= Self::LANES);
        avx2!(_mm256_loadu_ps(source.as_ptr()))
    }
    #[inline(always)]
    fn load_part(self, source: &[f32]) -> __m256 {
        avx2!(_mm256_maskload_ps(source.as_ptr(), self.first(source.len())))
    }
    #[inline(always)]
    fn store(self, target: &mut [f32], value: __m256) {
        assert!(target.len() >= Self::LANES);
        avx2!(_mm256_storeu_ps(target.as_mut_ptr(), value))
    }
    #[inline(always)]
    fn store_part(self, target: &mut [f32], value: __m256) {
        let mask = self.first(target.len());
        avx2!(_mm256_maskstore_ps(target.as_mut_ptr(), mask, value))
    }
    #[inline(always)]
    fn load_bits(self, source: &[u32]) -> __m256i {
        assert!(source.len() >= Self::LANES);
        avx2!(_mm256_loadu_si256(source.as_ptr().cast()))
    }
    #[inline(always)]
    fn load_bits_part(self, source: &[u32]) -> __m256i {
        avx2!(_mm256_maskload_epi32(source.as_ptr().cast(), self.first(source.len())))
    }
    #[inline(always)]
    fn store_bits(self, target: &mut [u32], value: __m256i) {
        assert!(target.len() >= Self::LANES);
        avx2!(_mm256_storeu_si256(target.as_mut_ptr().cast(), value))
    }
    #[inline(always)]
    fn store_bits_part(self, target: &mut [u32], value: __m256i) {
        let mask = self.first(target.len());
        avx2!(_mm256_maskstore_epi32(target.as_mut_ptr().cast(), mask, value))
    }
    #[inline(always)]
    fn canonical(mut self, value: __m256) -> __m256 {
        let nan = self.constant(NAN_BITS);
        avx2!(_mm256_blendv_ps(value, nan, self.unordered(value, value)))
    }
    #[inline(always)]
    fn gather(mut self, table: &[f32], index: __m256i) -> __m256 {
        // Indices are signed to the instruction, so that a longer table would be read before its start.
        let length = table.len().min(1 << 31) as u32;
        let limit = self.iconstant(length);
        let inside = self.ilt(index, limit);
        avx2!({
            let all = _mm256_movemask_ps(inside) == (1 << Self::LANES) - 1;
            assert!(all, "an index is not below the table's length, {length}");
            _mm256_i32gather_ps::<4>(table.as_ptr(), index)
        })
    }
    #[inline(always)]
    fn greater(self, a: __m256i, b: __m256i) -> __m256i {
        avx2!(_mm256_max_epu32(a, b))
    }
    #[inline(always)]
    fn lane_numbers(self) -> __m256i {
        avx2!(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
    }
    #[inline(always)]
    fn any(self, mask: __m256) -> bool {
        avx2!(_mm256_movemask_ps(mask) != 0)
    }

    #[inline(always)]
    fn prefetch(self, near: &[f32], ahead: usize) {
        avx2!(_mm_prefetch::<_MM_HINT_T0>(near.as_ptr().wrapping_add(ahead).cast()))
    }
    #[inline(always)]
    fn prefetch_distant(self, near: &[f32], ahead: usize) {
        avx2!(_mm_prefetch::<_MM_HINT_T1>(near.as_ptr().wrapping_add(ahead).cast()))
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
        let mut square = [self.splat(0.0); 8];
        for (row, value) in square.iter_mut().enumerate() {
            if row < rows {
                *value = avx2!(_mm256_loadu_ps(source.as_ptr().add(row * source_stride)));
            }
        }
        let square = avx2!(transpose_square(square));
        if (Self::LANES - 1) * target_stride + Self::LANES <= target.len() {
            for (row, &value) in square.iter().enumerate() {
                avx2!(_mm256_storeu_ps(target.as_mut_ptr().add(row * target_stride), value));
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

#[target_feature(enable = "avx2,fma")]
fn run_with_features<K: Kernel>(machine: Avx2, kernel: K) -> K::Output {
    kernel.run(machine)
}

/// The transpose of 8 rows, in three rounds of pairs at distances 1, 2 and 4.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose_square(rows: [__m256; 8]) -> [__m256; 8] {
    let mut pairs = rows;
    for i in 0..4 {
        pairs[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    // quads[4·i + c], 128-bit lane l: column 4·l + c of rows 4·i … 4·i + 3.
    let mut quads = pairs;
    for i in 0..2 {
        let [a, b, c, d] = [pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2], pairs[4 * i + 3]];
        quads[4 * i] = _mm256_shuffle_ps::<0b01_00_01_00>(a, c);
        quads[4 * i + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(a, c);
        quads[4 * i + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(b, d);
        quads[4 * i + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(b, d);
    }
    let mut columns = quads;
    for c in 0..4 {
        columns[c] = _mm256_permute2f128_ps::<0x20>(quads[c], quads[4 + c]);
        columns[4 + c] = _mm256_permute2f128_ps::<0x31>(quads[c], quads[4 + c]);
    }
    columns
}
