//! The operations of a scalar program: one row each, as in the table of docs/spec/arithmetic.md §2.

use RegType::{F, M, U};

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RegType {
    /// A binary32 value.
    F,
    /// A 32-bit integer.
    U,
    /// A truth value.
    M,
}

/// Which immediates an operation admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Immediate {
    /// Only 0: it is not used.
    Unused,
    /// A number of bits, 0 … 31.
    Shift,
    /// Any word.
    Word,
}

macro_rules! operations {
    ($($variant:ident = $code:literal, $name:literal, [$($operand:ident),*] => $result:ident, $immediate:ident;)*) => {
        /// An operation; its number is the code of docs/spec/arithmetic.md §2.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the table of the specification describes each")]
        pub enum Op { $($variant = $code,)* }

        impl Op {
            /// Every operation, by rising code.
            pub const ALL: &'static [Op] = &[$(Op::$variant,)*];

            /// The operation with this code, if there is one.
            pub const fn from_code(code: u8) -> Option<Op> {
                match code { $($code => Some(Op::$variant),)* _ => None }
            }

            /// The name in the specification.
            pub const fn name(self) -> &'static str {
                match self { $(Op::$variant => $name,)* }
            }

            /// The types of the operands a, b, c that are used.
            pub const fn operands(self) -> &'static [RegType] {
                match self { $(Op::$variant => &[$($operand),*],)* }
            }

            /// The type of the register that is written.
            pub const fn result(self) -> RegType {
                match self { $(Op::$variant => $result,)* }
            }

            /// The immediates that are admitted.
            pub const fn immediate(self) -> Immediate {
                match self { $(Op::$variant => Immediate::$immediate,)* }
            }
        }
    };
}

operations! {
    Add = 0x01, "add", [F, F] => F, Unused;
    Sub = 0x02, "sub", [F, F] => F, Unused;
    Mul = 0x03, "mul", [F, F] => F, Unused;
    Fma = 0x04, "fma", [F, F, F] => F, Unused;
    Div = 0x05, "div", [F, F] => F, Unused;
    Sqrt = 0x06, "sqrt", [F] => F, Unused;
    Neg = 0x07, "neg", [F] => F, Unused;
    Abs = 0x08, "abs", [F] => F, Unused;
    Max = 0x09, "max", [F, F] => F, Unused;
    Lt = 0x0a, "lt", [F, F] => M, Unused;
    Le = 0x0b, "le", [F, F] => M, Unused;
    Eq = 0x0c, "eq", [F, F] => M, Unused;
    Select = 0x0d, "select", [M, F, F] => F, Unused;
    Const = 0x0e, "const", [] => F, Word;
    IAdd = 0x10, "iadd", [U, U] => U, Unused;
    ISub = 0x11, "isub", [U, U] => U, Unused;
    IMul = 0x12, "imul", [U, U] => U, Unused;
    IMulHi = 0x13, "imulhi", [U, U] => U, Unused;
    And = 0x14, "and", [U, U] => U, Unused;
    Or = 0x15, "or", [U, U] => U, Unused;
    Xor = 0x16, "xor", [U, U] => U, Unused;
    Shl = 0x17, "shl", [U] => U, Shift;
    Shr = 0x18, "shr", [U] => U, Shift;
    Sar = 0x19, "sar", [U] => U, Shift;
    IConst = 0x1a, "iconst", [] => U, Word;
    ILt = 0x1b, "ilt", [U, U] => M, Unused;
    IEq = 0x1c, "ieq", [U, U] => M, Unused;
    ISelect = 0x1d, "iselect", [M, U, U] => U, Unused;
    Bits = 0x20, "bits", [F] => U, Unused;
    Float = 0x21, "float", [U] => F, Unused;
    FromInt = 0x22, "from_int", [U] => F, Unused;
    ToInt = 0x23, "to_int", [F] => U, Unused;
}
