//! One description of a scalar program, many ways to run it (docs/spec/arithmetic.md §2).
//!
//! A function such as [`crate::functions::exp`] is written once, generic over [`Arith`]. Run with [`crate::Recorder`] it
//! yields the bytecode that is hashed and that a contract executes; with [`crate::Soft`], integers only; with
//! [`crate::Native`], one `f32` at a time; with the vector types of `samebit-ops`, sixteen at a time. All of them do the same
//! operations in the same order, because there is only one text.

/// A machine for scalar programs: what a float, an integer and a mask are, and the operations of arithmetic.md §2.
///
/// Every implementation gives the bits of the specification, up to the sign and payload of a NaN in an `F`, which only
/// [`Arith::bits`] can see and which it makes canonical.
pub trait Arith {
    /// A binary32 value, or a vector of them.
    type F: Copy;
    /// A 32-bit integer, or a vector of them.
    type U: Copy;
    /// A truth value, or a vector of them.
    type M: Copy;

    /// The float with these bits.
    fn constant(&mut self, bits: u32) -> Self::F;
    /// a + b.
    fn add(&mut self, a: Self::F, b: Self::F) -> Self::F;
    /// a − b.
    fn sub(&mut self, a: Self::F, b: Self::F) -> Self::F;
    /// a · b.
    fn mul(&mut self, a: Self::F, b: Self::F) -> Self::F;
    /// a · b + c, rounded once.
    fn fma(&mut self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// a / b, correctly rounded.
    fn div(&mut self, a: Self::F, b: Self::F) -> Self::F;
    /// √a, correctly rounded.
    fn sqrt(&mut self, a: Self::F) -> Self::F;
    /// −a.
    fn neg(&mut self, a: Self::F) -> Self::F;
    /// |a|.
    fn abs(&mut self, a: Self::F) -> Self::F;
    /// The greater in the total order −∞ < … < −0 < +0 < … < +∞ < NaN.
    fn max(&mut self, a: Self::F, b: Self::F) -> Self::F;
    /// a < b; false if either is NaN.
    fn lt(&mut self, a: Self::F, b: Self::F) -> Self::M;
    /// a ≤ b; false if either is NaN.
    fn le(&mut self, a: Self::F, b: Self::F) -> Self::M;
    /// a = b; false if either is NaN.
    fn eq(&mut self, a: Self::F, b: Self::F) -> Self::M;
    /// b where `mask`, else c.
    fn select(&mut self, mask: Self::M, b: Self::F, c: Self::F) -> Self::F;

    /// The integer `value`.
    fn iconstant(&mut self, value: u32) -> Self::U;
    /// a + b mod 2^32.
    fn iadd(&mut self, a: Self::U, b: Self::U) -> Self::U;
    /// a − b mod 2^32.
    fn isub(&mut self, a: Self::U, b: Self::U) -> Self::U;
    /// a · b mod 2^32.
    fn imul(&mut self, a: Self::U, b: Self::U) -> Self::U;
    /// ⌊a · b / 2^32⌋, unsigned.
    fn imulhi(&mut self, a: Self::U, b: Self::U) -> Self::U;
    /// Bitwise and.
    fn and(&mut self, a: Self::U, b: Self::U) -> Self::U;
    /// Bitwise or.
    fn or(&mut self, a: Self::U, b: Self::U) -> Self::U;
    /// Bitwise exclusive or.
    fn xor(&mut self, a: Self::U, b: Self::U) -> Self::U;
    /// a << by, 0 ≤ by ≤ 31.
    fn shl(&mut self, a: Self::U, by: u32) -> Self::U;
    /// a >> by with zeros in, 0 ≤ by ≤ 31.
    fn shr(&mut self, a: Self::U, by: u32) -> Self::U;
    /// a >> by with the sign in, 0 ≤ by ≤ 31.
    fn sar(&mut self, a: Self::U, by: u32) -> Self::U;
    /// a < b, unsigned.
    fn ilt(&mut self, a: Self::U, b: Self::U) -> Self::M;
    /// a = b.
    fn ieq(&mut self, a: Self::U, b: Self::U) -> Self::M;
    /// b where `mask`, else c.
    fn iselect(&mut self, mask: Self::M, b: Self::U, c: Self::U) -> Self::U;

    /// The bits of a; a NaN as 0x7fc00000.
    fn bits(&mut self, a: Self::F) -> Self::U;
    /// The float with these bits.
    fn float(&mut self, a: Self::U) -> Self::F;
    /// The signed integer a, rounded to nearest even.
    #[allow(clippy::wrong_self_convention, reason = "the machine is the receiver, not the value")]
    fn from_int(&mut self, a: Self::U) -> Self::F;
    /// a rounded to nearest even as a signed integer; 0x80000000 for NaN and outside [−2^31, 2^31).
    fn to_int(&mut self, a: Self::F) -> Self::U;

    /// Begins the body of the named function of `x`: a note for those who want to see the name. No operation.
    ///
    /// Not a closure: what is called inside one is not sure to be compiled for the vector machine that runs it.
    #[inline(always)]
    fn enter(&mut self, _name: &'static str, _x: Self::F) -> Call {
        Call(0)
    }

    /// Ends the body that `call` began; `result` is the function's value, and is given back.
    #[inline(always)]
    fn leave(&mut self, _call: Call, result: Self::F) -> Self::F {
        result
    }
}

/// A named function whose body has begun; see [`Arith::enter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call(pub(crate) usize);
