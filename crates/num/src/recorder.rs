//! A machine that computes nothing and writes down what it was asked for.
//!
//! The same calls always give the same [`Code`]: equal expressions share a register, what the result does not need is left out,
//! constants come first in the order of their first appearance, then the operations in the order of the calls.

use std::collections::BTreeMap;

use crate::arith::{Arith, Call};
use crate::code::{Code, CodeError, Instr, Note};
use crate::op::{Op, RegType};

/// A recorded float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegF(u32);
/// A recorded integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegU(u32);
/// A recorded mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegM(u32);

/// A recorded value that can be a program's result.
pub trait Recorded: Copy {
    #[doc(hidden)]
    fn register(self) -> u32;
    /// An operation that gives x when both operands are x.
    #[doc(hidden)]
    const COPY: Op;
}

impl Recorded for RegF {
    fn register(self) -> u32 {
        self.0
    }
    const COPY: Op = Op::Max;
}

impl Recorded for RegU {
    fn register(self) -> u32 {
        self.0
    }
    const COPY: Op = Op::Or;
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Input(u32, RegType),
    Operation { op: Op, operands: [u32; 3], immediate: u32 },
}

impl Entry {
    fn operands(&self) -> &[u32] {
        match self {
            Entry::Input(..) => &[],
            Entry::Operation { op, operands, .. } => &operands[..op.operands().len()],
        }
    }

    /// Where the entry belongs in the finished program: inputs, constants, operations.
    fn group(&self) -> u8 {
        match self {
            Entry::Input(..) => 0,
            Entry::Operation { op: Op::Const | Op::IConst, .. } => 1,
            Entry::Operation { .. } => 2,
        }
    }
}

struct NamedBody {
    name: &'static str,
    argument: u32,
    result: u32,
    /// The entries that the body added.
    body: std::ops::Range<u32>,
}

/// Records a scalar program; see the module.
///
/// ```
/// use samebit_num::{Arith, Recorder};
/// let mut recorder = Recorder::new();
/// let x = recorder.input_f();
/// let y = recorder.add(x, x);
/// let code = recorder.finish(y)?;
/// assert_eq!(code.encode(), [0x01, 0, 0, 0, 0, 0, 0, 0]);
/// # Ok::<(), samebit_num::CodeError>(())
/// ```
#[derive(Default)]
pub struct Recorder {
    entries: Vec<Entry>,
    known: BTreeMap<Entry, u32>,
    inputs: Vec<RegType>,
    calls: Vec<NamedBody>,
}

impl Recorder {
    /// A recorder without inputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The program of a function of one float.
    ///
    /// # Panics
    /// If it needs more than 255 registers.
    pub fn record(function: impl FnOnce(&mut Self, RegF) -> RegF) -> Code {
        let mut recorder = Self::new();
        let x = recorder.input_f();
        let result = function(&mut recorder, x);
        recorder.finish(result).expect("a function fits into 255 registers")
    }

    /// The next input, a float.
    pub fn input_f(&mut self) -> RegF {
        RegF(self.input(RegType::F))
    }

    /// The next input, an integer.
    pub fn input_u(&mut self) -> RegU {
        RegU(self.input(RegType::U))
    }

    /// The program whose result is `result`.
    ///
    /// # Errors
    /// If it needs more than 255 registers.
    pub fn finish<R: Recorded>(mut self, result: R) -> Result<Code, CodeError> {
        let mut result = result.register();
        if let Entry::Input(input, _) = self.entries[result as usize]
            && input as usize + 1 != self.inputs.len()
        {
            result = self.push(Entry::Operation { op: R::COPY, operands: [result, result, 0], immediate: 0 });
        }
        let order = self.live_entries(result);
        let count = order.len();
        if count > crate::code::REGISTER_LIMIT {
            return Err(CodeError::TooManyRegisters { count });
        }
        let mut register_of = BTreeMap::new();
        for (register, &entry) in (0u8..).zip(&order) {
            register_of.insert(entry, register);
        }
        let instrs: Vec<Instr> = order
            .iter()
            .filter_map(|&entry| match self.entries[entry as usize] {
                Entry::Input(..) => None,
                Entry::Operation { op, operands, immediate } => {
                    let mut registers = [0; 3];
                    for (register, operand) in registers.iter_mut().zip(&operands[..op.operands().len()]) {
                        *register = register_of[operand];
                    }
                    let [a, b, c] = registers;
                    Some(Instr { op, a, b, c, imm: immediate })
                }
            })
            .collect();
        let notes = self.notes(&register_of, &instrs);
        Ok(Code::new(self.inputs, instrs)?.with_notes(notes))
    }

    /// The inputs and what `result` needs, in the order of the finished program.
    fn live_entries(&self, result: u32) -> Vec<u32> {
        let mut live = vec![false; self.entries.len()];
        live[result as usize] = true;
        for index in (0..self.entries.len()).rev() {
            if live[index] {
                for &operand in self.entries[index].operands() {
                    live[operand as usize] = true;
                }
            }
        }
        let kept = |&entry: &u32| live[entry as usize] || self.entries[entry as usize].group() == 0;
        let mut order: Vec<u32> = (0..self.entries.len() as u32).filter(kept).collect();
        order.sort_by_key(|&entry| self.entries[entry as usize].group());
        order
    }

    /// The calls whose body stands alone in the finished program.
    fn notes(&self, register_of: &BTreeMap<u32, u8>, instrs: &[Instr]) -> Vec<Note> {
        let input_count = self.inputs.len();
        let note = |call: &NamedBody| {
            let operations = call.body.clone().filter(|&entry| self.entries[entry as usize].group() == 2);
            let mut body = operations.filter_map(|entry| register_of.get(&entry).copied());
            let first = body.next()?;
            let last = body.next_back().unwrap_or(first);
            let argument = *register_of.get(&call.argument)?;
            let result = *register_of.get(&call.result)?;
            let inside = first..last;
            let leaks = instrs.iter().enumerate().any(|(index, instr)| {
                index + input_count > usize::from(last)
                    && instr.operands().any(|operand| inside.contains(&operand))
            });
            (result == last && !leaks).then_some(Note { name: call.name, argument, result, first, last })
        };
        let mut notes: Vec<Note> = self.calls.iter().filter_map(note).collect();
        notes.sort_by_key(|note| (note.first, std::cmp::Reverse(note.last)));
        notes
    }

    fn input(&mut self, kind: RegType) -> u32 {
        let entry = Entry::Input(self.inputs.len() as u32, kind);
        self.inputs.push(kind);
        self.push(entry)
    }

    fn push(&mut self, entry: Entry) -> u32 {
        let entries = &mut self.entries;
        *self.known.entry(entry).or_insert_with(|| {
            entries.push(entry);
            entries.len() as u32 - 1
        })
    }

    fn operation<const N: usize>(&mut self, op: Op, operands: [u32; N], immediate: u32) -> u32 {
        let mut all = [0; 3];
        all[..N].copy_from_slice(&operands);
        self.push(Entry::Operation { op, operands: all, immediate })
    }

    fn shift(&mut self, op: Op, a: RegU, by: u32) -> RegU {
        assert!(by <= 31, "a shift by {by} bits");
        RegU(self.operation(op, [a.0], by))
    }
}

/// Methods that record their own operation: name, operation, operand types, result type.
macro_rules! recorded {
    ($($method:ident $op:ident ($($operand:ident: $kind:ident),*) $result:ident;)*) => {
        $(fn $method(&mut self, $($operand: $kind),*) -> $result {
            $result(self.operation(Op::$op, [$($operand.0),*], 0))
        })*
    };
}

impl Arith for Recorder {
    type F = RegF;
    type U = RegU;
    type M = RegM;

    /// Every NaN is recorded as 0x7fc00000.
    fn constant(&mut self, bits: u32) -> RegF {
        RegF(self.operation(Op::Const, [], crate::canonical(bits)))
    }

    fn iconstant(&mut self, value: u32) -> RegU {
        RegU(self.operation(Op::IConst, [], value))
    }

    recorded! {
        add Add(a: RegF, b: RegF) RegF;
        sub Sub(a: RegF, b: RegF) RegF;
        mul Mul(a: RegF, b: RegF) RegF;
        fma Fma(a: RegF, b: RegF, c: RegF) RegF;
        div Div(a: RegF, b: RegF) RegF;
        sqrt Sqrt(a: RegF) RegF;
        neg Neg(a: RegF) RegF;
        abs Abs(a: RegF) RegF;
        max Max(a: RegF, b: RegF) RegF;
        lt Lt(a: RegF, b: RegF) RegM;
        le Le(a: RegF, b: RegF) RegM;
        eq Eq(a: RegF, b: RegF) RegM;
        select Select(mask: RegM, b: RegF, c: RegF) RegF;
        iadd IAdd(a: RegU, b: RegU) RegU;
        isub ISub(a: RegU, b: RegU) RegU;
        imul IMul(a: RegU, b: RegU) RegU;
        imulhi IMulHi(a: RegU, b: RegU) RegU;
        and And(a: RegU, b: RegU) RegU;
        or Or(a: RegU, b: RegU) RegU;
        xor Xor(a: RegU, b: RegU) RegU;
        ilt ILt(a: RegU, b: RegU) RegM;
        ieq IEq(a: RegU, b: RegU) RegM;
        iselect ISelect(mask: RegM, b: RegU, c: RegU) RegU;
        bits Bits(a: RegF) RegU;
        float Float(a: RegU) RegF;
        from_int FromInt(a: RegU) RegF;
        to_int ToInt(a: RegF) RegU;
    }

    fn shl(&mut self, a: RegU, by: u32) -> RegU {
        self.shift(Op::Shl, a, by)
    }

    fn shr(&mut self, a: RegU, by: u32) -> RegU {
        self.shift(Op::Shr, a, by)
    }

    fn sar(&mut self, a: RegU, by: u32) -> RegU {
        self.shift(Op::Sar, a, by)
    }

    fn enter(&mut self, name: &'static str, x: RegF) -> Call {
        let first = self.entries.len() as u32;
        self.calls.push(NamedBody { name, argument: x.0, result: x.0, body: first..first });
        Call(self.calls.len() - 1)
    }

    fn leave(&mut self, call: Call, result: RegF) -> RegF {
        let named = &mut self.calls[call.0];
        named.result = result.0;
        named.body.end = self.entries.len() as u32;
        result
    }
}
