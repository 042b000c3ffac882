//! The vector interpreter: one step of a schedule is one loop over the columns of a chunk.
//!
//! Values pass between steps as words in registers of up to [`CHUNK`] columns, which stay in the first-level cache. A value
//! that is the same in all columns is one vector, read with stride 0. A NaN is canonical in every register: nothing can see
//! the difference, and what is written to memory is then right.

use samebit_num::Op;

use super::schedule::Action;
use super::twins;
use crate::simd::{Kernel, Vector};

/// Columns of a vector register.
pub(super) const CHUNK: usize = 1024;
/// Lanes of the widest machine: the length of a uniform operand.
pub(super) const LANES_MAX: usize = 16;
/// The most operands of a step.
pub(super) const OPERANDS_MAX: usize = 8;

/// A vector register, at the start of a cache line.
#[derive(Clone)]
#[repr(align(64))]
pub(super) struct Slot(pub(super) [u32; CHUNK]);

impl Slot {
    /// A register of zeros.
    pub(super) fn new() -> Box<Self> {
        Box::new(Slot([0; CHUNK]))
    }
}

/// One value in every lane of the widest machine.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Uniform(pub(super) [u32; LANES_MAX]);

/// The words of an operand: whole vectors, or exactly one vector, which then serves for all columns. (Two machine words, not
/// three: a struct that is returned through memory and copied at once costs more than the loop over a chunk.)
pub(super) type Words<'a> = &'a [u32];

/// The operands of a step.
pub(super) struct Operands<'a> {
    all: [Words<'a>; OPERANDS_MAX],
    count: usize,
}

impl<'a> Operands<'a> {
    /// No operands.
    #[inline]
    pub(super) fn new() -> Self {
        Operands { all: [&[]; OPERANDS_MAX], count: 0 }
    }

    /// Adds an operand.
    #[inline]
    pub(super) fn push(&mut self, words: Words<'a>) {
        self.all[self.count] = words;
        self.count += 1;
    }

    /// All of them, of which there are `N`.
    #[inline(always)]
    pub(super) fn fixed<const N: usize>(&self) -> &[Words<'a>; N] {
        assert_eq!(self.count, N, "operands of a step");
        self.all.first_chunk().expect("at most OPERANDS_MAX operands")
    }
}

/// A function of `N` words, in every lane on its own; floats among the words are their bits.
pub(super) trait Elementwise<const N: usize>: Copy {
    /// The function on a vector of each.
    fn apply<V: Vector>(self, machine: &mut V, words: [V::U; N]) -> V::U;
}

/// `target[i] = function(operands[i])`, for the whole vectors of `target`.
pub(super) struct Loop<'a, E, const N: usize> {
    pub(super) function: E,
    pub(super) operands: &'a [Words<'a>; N],
    pub(super) target: &'a mut [u32],
}

impl<E: Elementwise<N>, const N: usize> Kernel for Loop<'_, E, N> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) {
        let Loop { function, operands, target } = self;
        let mut words = [machine.iconstant(0); N];
        let mut moving = [false; N];
        let mut n = 0;
        while n < N {
            words[n] = machine.load_bits(operands[n]);
            moving[n] = operands[n].len() != V::LANES;
            n += 1;
        }
        let mut at = 0;
        while at + V::LANES <= target.len() {
            let mut n = 0;
            while n < N {
                if moving[n] {
                    words[n] = machine.load_bits(&operands[n][at..at + V::LANES]);
                }
                n += 1;
            }
            let result = function.apply(&mut machine, words);
            machine.store_bits(&mut target[at..at + V::LANES], result);
            at += V::LANES;
        }
    }
}

/// Runs one step over the whole vectors of `target`.
pub(super) fn execute<V: Vector>(machine: V, action: Action, operands: &Operands<'_>, target: &mut [u32]) {
    match action {
        Action::Copy => machine.call(Loop { function: Same, operands: operands.fixed(), target }),
        Action::Op(op, imm) => execute_op(machine, op, imm, operands, target),
        Action::Choice(compare, select) => execute_choice(machine, compare, select, operands, target),
        Action::Call(twin) => twins::execute(machine, twin, operands, target),
    }
}

#[derive(Clone, Copy)]
struct Same;

impl Elementwise<1> for Same {
    #[inline(always)]
    fn apply<V: Vector>(self, _: &mut V, [x]: [V::U; 1]) -> V::U {
        x
    }
}

/// Operations without an immediate: variant, method, operands with their kinds, kind of the result.
macro_rules! operations {
    ($($name:ident = $method:ident($($input:ident: $kind:ident),+) -> $result:ident;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $name;

            impl Elementwise<{ [$(stringify!($input)),+].len() }> for $name {
                #[inline(always)]
                fn apply<V: Vector>(
                    self,
                    machine: &mut V,
                    words: [V::U; [$(stringify!($input)),+].len()],
                ) -> V::U {
                    let [$($input),+] = words;
                    $(let $input = operand!(machine $input, $kind);)+
                    let result = machine.$method($($input),+);
                    result!(machine result, $result)
                }
            }
        )*

        fn execute_op<V: Vector>(machine: V, op: Op, imm: u32, operands: &Operands<'_>, target: &mut [u32]) {
            match op {
                $(Op::$name => machine.call(Loop { function: $name, operands: operands.fixed(), target }),)*
                Op::Shl => machine.call(Loop { function: Shl(imm), operands: operands.fixed(), target }),
                Op::Shr => machine.call(Loop { function: Shr(imm), operands: operands.fixed(), target }),
                Op::Sar => machine.call(Loop { function: Sar(imm), operands: operands.fixed(), target }),
                Op::Lt | Op::Le | Op::Eq | Op::ILt | Op::IEq | Op::Select | Op::ISelect => {
                    unreachable!("a mask lives within a choice")
                }
                Op::Const | Op::IConst => unreachable!("a constant is an operand"),
            }
        }
    };
}

macro_rules! operand {
    ($machine:ident $word:expr, F) => {
        $machine.float($word)
    };
    ($machine:ident $word:expr, U) => {
        $word
    };
}

macro_rules! result {
    ($machine:ident $value:expr, F) => {
        $machine.bits($value)
    };
    ($machine:ident $value:expr, U) => {
        $value
    };
}

operations! {
    Add = add(a: F, b: F) -> F;
    Sub = sub(a: F, b: F) -> F;
    Mul = mul(a: F, b: F) -> F;
    Fma = fma(a: F, b: F, c: F) -> F;
    Div = div(a: F, b: F) -> F;
    Sqrt = sqrt(a: F) -> F;
    Neg = neg(a: F) -> F;
    Abs = abs(a: F) -> F;
    Max = max(a: F, b: F) -> F;
    IAdd = iadd(a: U, b: U) -> U;
    ISub = isub(a: U, b: U) -> U;
    IMul = imul(a: U, b: U) -> U;
    IMulHi = imulhi(a: U, b: U) -> U;
    And = and(a: U, b: U) -> U;
    Or = or(a: U, b: U) -> U;
    Xor = xor(a: U, b: U) -> U;
    Bits = bits(a: F) -> U;
    Float = float(a: U) -> F;
    FromInt = from_int(a: U) -> F;
    ToInt = to_int(a: F) -> U;
}

/// Shifts, whose immediate is a field.
macro_rules! shifts {
    ($($name:ident = $method:ident;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $name(u32);

            impl Elementwise<1> for $name {
                #[inline(always)]
                fn apply<V: Vector>(self, machine: &mut V, [a]: [V::U; 1]) -> V::U {
                    machine.$method(a, self.0)
                }
            }
        )*
    };
}

shifts! {
    Shl = shl;
    Shr = shr;
    Sar = sar;
}

/// Selections by comparisons: comparison, selection, method of each, kind of what is compared and of what is selected.
macro_rules! choices {
    ($($name:ident = $compare:ident $select:ident, $compare_method:ident $select_method:ident, $compared:ident $selected:ident;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $name;

            impl Elementwise<4> for $name {
                #[inline(always)]
                fn apply<V: Vector>(self, machine: &mut V, [a, b, c, d]: [V::U; 4]) -> V::U {
                    let (a, b) = (operand!(machine a, $compared), operand!(machine b, $compared));
                    let (c, d) = (operand!(machine c, $selected), operand!(machine d, $selected));
                    let mask = machine.$compare_method(a, b);
                    let result = machine.$select_method(mask, c, d);
                    result!(machine result, $selected)
                }
            }
        )*

        fn execute_choice<V: Vector>(
            machine: V,
            compare: Op,
            select: Op,
            operands: &Operands<'_>,
            target: &mut [u32],
        ) {
            match (compare, select) {
                $((Op::$compare, Op::$select) => {
                    machine.call(Loop { function: $name, operands: operands.fixed(), target })
                })*
                _ => unreachable!("{} is not selected by {}", select.name(), compare.name()),
            }
        }
    };
}

choices! {
    SelectLt = Lt Select, lt select, F F;
    SelectLe = Le Select, le select, F F;
    SelectEq = Eq Select, eq select, F F;
    SelectILt = ILt Select, ilt select, U F;
    SelectIEq = IEq Select, ieq select, U F;
    ISelectLt = Lt ISelect, lt iselect, F U;
    ISelectLe = Le ISelect, le iselect, F U;
    ISelectEq = Eq ISelect, eq iselect, F U;
    ISelectILt = ILt ISelect, ilt iselect, U U;
    ISelectIEq = IEq ISelect, ieq iselect, U U;
}
