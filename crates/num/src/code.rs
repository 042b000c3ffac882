//! Scalar programs as data (docs/spec/arithmetic.md §2).
//!
//! ```text
//! instruction   op u8 · a u8 · b u8 · c u8 · immediate u32, big-endian
//! registers     inputs …, then one for each instruction; the last one is the result
//! ```
//!
//! A [`Code`] that exists is well formed: every operand is an earlier register of the right type, unused fields are 0. So
//! those that run one need no checks.

use crate::op::{Immediate, Op, RegType};

/// Bytes of an encoded instruction.
pub const INSTRUCTION_BYTES: usize = 8;
/// The most registers, inputs included.
pub const REGISTER_LIMIT: usize = 255;

/// One instruction; it writes the next register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instr {
    /// What is done.
    pub op: Op,
    /// The first operand's register, 0 if unused.
    pub a: u8,
    /// The second operand's register, 0 if unused.
    pub b: u8,
    /// The third operand's register, 0 if unused.
    pub c: u8,
    /// The immediate, 0 if unused.
    pub imm: u32,
}

impl Instr {
    /// The operand registers that are used, in order.
    pub fn operands(&self) -> impl Iterator<Item = u8> {
        [self.a, self.b, self.c].into_iter().take(self.op.operands().len())
    }

    fn encode(&self) -> [u8; INSTRUCTION_BYTES] {
        let [i0, i1, i2, i3] = self.imm.to_be_bytes();
        [self.op as u8, self.a, self.b, self.c, i0, i1, i2, i3]
    }

    fn decode(index: usize, bytes: &[u8; INSTRUCTION_BYTES]) -> Result<Self, CodeError> {
        let [code, a, b, c, immediate @ ..] = *bytes;
        let op = Op::from_code(code).ok_or(CodeError::UnknownOperation { index, code })?;
        Ok(Self { op, a, b, c, imm: u32::from_be_bytes(immediate) })
    }
}

/// Says that registers hold a named function: `result` = name(`argument`).
///
/// The registers `first ..= last` are its body (`last` = `result`); none of them but the result is read outside. The body may
/// read constants and other earlier registers besides the argument. A note means nothing: the instructions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The function's name, as in [`crate::functions`].
    pub name: &'static str,
    /// The register of the argument.
    pub argument: u8,
    /// The register of the result.
    pub result: u8,
    /// The first register of the body.
    pub first: u8,
    /// The last register of the body.
    pub last: u8,
}

/// Why bytes or instructions are no scalar program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the fields")]
pub enum CodeError {
    #[error("a scalar program with {count} registers; hint: at most {REGISTER_LIMIT}, inputs included")]
    TooManyRegisters { count: usize },
    #[error("a scalar program without inputs and instructions has no result")]
    Empty,
    #[error("input {input} is a mask; hint: inputs are floats or integers")]
    MaskInput { input: usize },
    #[error("the result is a mask; hint: select one of two numbers by it")]
    MaskResult,
    #[error("instruction {index}: operation code {code:#04x} does not exist")]
    UnknownOperation { index: usize, code: u8 },
    #[error(
        "instruction {index} ({op}): operand register {register} is not written before; hint: {available} are"
    )]
    LaterRegister { index: usize, op: &'static str, register: u8, available: usize },
    #[error("instruction {index} ({op}): register {register} is of type {found:?}, {expected:?} is needed")]
    WrongType { index: usize, op: &'static str, register: u8, found: RegType, expected: RegType },
    #[error("instruction {index} ({op}): an unused operand is {register}; hint: it must be 0")]
    UnusedOperand { index: usize, op: &'static str, register: u8 },
    #[error("instruction {index} ({op}): the immediate {immediate:#x} is not admitted; hint: {hint}")]
    BadImmediate { index: usize, op: &'static str, immediate: u32, hint: &'static str },
    #[error("{length} bytes of instructions; hint: a multiple of {INSTRUCTION_BYTES}")]
    CutShort { length: usize },
}

/// A well-formed scalar program.
#[derive(Clone, Debug)]
pub struct Code {
    inputs: Vec<RegType>,
    instrs: Vec<Instr>,
    notes: Vec<Note>,
}

impl Code {
    /// The program with these input types and instructions, without notes.
    ///
    /// # Errors
    /// The first rule of docs/spec/arithmetic.md §2 that does not hold.
    pub fn new(inputs: Vec<RegType>, instrs: Vec<Instr>) -> Result<Self, CodeError> {
        let count = inputs.len() + instrs.len();
        if count > REGISTER_LIMIT {
            return Err(CodeError::TooManyRegisters { count });
        }
        if let Some(input) = inputs.iter().position(|&kind| kind == RegType::M) {
            return Err(CodeError::MaskInput { input });
        }
        let mut types = inputs.clone();
        for (index, instr) in instrs.iter().enumerate() {
            check(index, instr, &types)?;
            types.push(instr.op.result());
        }
        match types.last() {
            None => Err(CodeError::Empty),
            Some(RegType::M) => Err(CodeError::MaskResult),
            Some(_) => Ok(Self { inputs, instrs, notes: Vec::new() }),
        }
    }

    pub(crate) fn with_notes(mut self, notes: Vec<Note>) -> Self {
        self.notes = notes;
        self
    }

    /// The types of the inputs, in order.
    pub fn inputs(&self) -> &[RegType] {
        &self.inputs
    }

    /// The instructions, in order.
    pub fn instrs(&self) -> &[Instr] {
        &self.instrs
    }

    /// Where named functions are: outer ones before those in their body, else by rising position.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The number of registers: inputs and instructions; 1 … 255.
    pub fn register_count(&self) -> usize {
        self.inputs.len() + self.instrs.len()
    }

    /// The type of a register.
    ///
    /// # Panics
    /// If there is no such register.
    pub fn register_type(&self, register: u8) -> RegType {
        let register = usize::from(register);
        match self.inputs.get(register) {
            Some(&kind) => kind,
            None => self.instrs[register - self.inputs.len()].op.result(),
        }
    }

    /// The type of the result, `F` or `U`.
    pub fn result_type(&self) -> RegType {
        match self.instrs.last() {
            Some(instr) => instr.op.result(),
            None => self.inputs[self.inputs.len() - 1],
        }
    }

    /// The instructions, 8 bytes each. Neither their count nor the inputs' types are in it.
    pub fn encode(&self) -> Vec<u8> {
        self.instrs.iter().flat_map(Instr::encode).collect()
    }

    /// Reads what [`Code::encode`] wrote, for inputs of these types.
    ///
    /// # Errors
    /// As [`Code::new`], or a length that is no multiple of 8, or an operation that does not exist.
    pub fn decode(inputs: Vec<RegType>, bytes: &[u8]) -> Result<Self, CodeError> {
        let (chunks, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(CodeError::CutShort { length: bytes.len() });
        }
        let count = inputs.len() + chunks.len();
        if count > REGISTER_LIMIT {
            return Err(CodeError::TooManyRegisters { count });
        }
        let instrs = chunks.iter().enumerate().map(|(index, chunk)| Instr::decode(index, chunk));
        Self::new(inputs, instrs.collect::<Result<_, _>>()?)
    }
}

/// Programs are equal when they do the same; notes say nothing about that.
impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.inputs == other.inputs && self.instrs == other.instrs
    }
}

impl Eq for Code {}

impl std::hash::Hash for Code {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.inputs.hash(state);
        self.instrs.hash(state);
    }
}

/// One line for each register: `r7 = fma r1 r5 r6`, constants with their bits.
impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (register, kind) in self.inputs.iter().enumerate() {
            writeln!(f, "r{register} = input {kind:?}")?;
        }
        for (index, instr) in self.instrs.iter().enumerate() {
            write!(f, "r{} = {}", self.inputs.len() + index, instr.op.name())?;
            for register in instr.operands() {
                write!(f, " r{register}")?;
            }
            match instr.op.immediate() {
                Immediate::Unused => writeln!(f)?,
                Immediate::Shift => writeln!(f, " {}", instr.imm)?,
                Immediate::Word => writeln!(f, " {:#010x}", instr.imm)?,
            }
        }
        Ok(())
    }
}

fn check(index: usize, instr: &Instr, types: &[RegType]) -> Result<(), CodeError> {
    let op = instr.op.name();
    let expected_types = instr.op.operands();
    for (position, register) in [instr.a, instr.b, instr.c].into_iter().enumerate() {
        let Some(&expected) = expected_types.get(position) else {
            if register != 0 {
                return Err(CodeError::UnusedOperand { index, op, register });
            }
            continue;
        };
        let available = types.len();
        match types.get(usize::from(register)) {
            None => return Err(CodeError::LaterRegister { index, op, register, available }),
            Some(&found) if found != expected => {
                return Err(CodeError::WrongType { index, op, register, found, expected });
            }
            Some(_) => {}
        }
    }
    let immediate = instr.imm;
    match instr.op.immediate() {
        Immediate::Unused if immediate != 0 => {
            Err(CodeError::BadImmediate { index, op, immediate, hint: "it is not used and must be 0" })
        }
        Immediate::Shift if immediate > 31 => {
            Err(CodeError::BadImmediate { index, op, immediate, hint: "a shift is by 0 … 31 bits" })
        }
        _ => Ok(()),
    }
}
