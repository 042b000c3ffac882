//! The integer operations of docs/spec/arithmetic.md §2, one text for every machine with U = u32 and M = bool.

/// Defines the integer half of [`crate::Arith`] on `u32` and `bool`.
macro_rules! word_operations {
    () => {
        #[inline(always)]
        fn iconstant(&mut self, value: u32) -> u32 {
            value
        }
        #[inline(always)]
        fn iadd(&mut self, a: u32, b: u32) -> u32 {
            a.wrapping_add(b)
        }
        #[inline(always)]
        fn isub(&mut self, a: u32, b: u32) -> u32 {
            a.wrapping_sub(b)
        }
        #[inline(always)]
        fn imul(&mut self, a: u32, b: u32) -> u32 {
            a.wrapping_mul(b)
        }
        #[inline(always)]
        fn imulhi(&mut self, a: u32, b: u32) -> u32 {
            ((u64::from(a) * u64::from(b)) >> 32) as u32
        }
        #[inline(always)]
        fn and(&mut self, a: u32, b: u32) -> u32 {
            a & b
        }
        #[inline(always)]
        fn or(&mut self, a: u32, b: u32) -> u32 {
            a | b
        }
        #[inline(always)]
        fn xor(&mut self, a: u32, b: u32) -> u32 {
            a ^ b
        }
        #[inline(always)]
        fn shl(&mut self, a: u32, by: u32) -> u32 {
            a << by
        }
        #[inline(always)]
        fn shr(&mut self, a: u32, by: u32) -> u32 {
            a >> by
        }
        #[inline(always)]
        fn sar(&mut self, a: u32, by: u32) -> u32 {
            (a.cast_signed() >> by).cast_unsigned()
        }
        #[inline(always)]
        fn ilt(&mut self, a: u32, b: u32) -> bool {
            a < b
        }
        #[inline(always)]
        fn ieq(&mut self, a: u32, b: u32) -> bool {
            a == b
        }
        #[inline(always)]
        fn iselect(&mut self, mask: bool, b: u32, c: u32) -> u32 {
            if mask { b } else { c }
        }
    };
}
pub(crate) use word_operations;
