//! Random passes from a seed.

use samebit_num::{Code, Instr, Op, RegType};

use super::super::*;

/// A tensor, of which the words from `origin` on are given.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub words: Vec<u32>,
    pub origin: u64,
}

/// A pass with its operands.
#[derive(Clone, Debug)]
pub struct Case {
    pub program: RowProgram,
    pub step: u64,
    pub tensors: Vec<Tensor>,
}

impl Case {
    pub fn inputs(&self) -> Vec<Operand<'_>> {
        self.tensors.iter().map(|tensor| (&tensor.words[..], tensor.origin)).collect()
    }
}

const EDGES: [u32; 20] = [
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc0_0001,
    0x7f80_0001,
    0x4b00_0000,
    0x4f00_0000,
    0xcf00_0000,
    0xffff_ffff,
    0x42b1_7218,
];
const COLUMNS: [u64; 12] = [1, 2, 7, 15, 16, 17, 64, 255, 256, 257, 600, 1100];
/// Elements that lie before any address, so that slices may begin after element 0.
const BEFORE: u64 = 40;

/// A xorshift generator of passes.
pub struct Generator(u64);

impl Generator {
    pub fn new(seed: u64) -> Self {
        let mut generator = Generator(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| {
            generator.next();
        });
        generator
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A float's bits: mostly ordinary numbers.
    pub fn word(&mut self) -> u32 {
        match self.below(12) {
            0 => self.pick(&EDGES),
            1 => self.next() as u32,
            _ => (((self.below(2_000_001) as f32) - 1_000_000.0) / 250_000.0).to_bits(),
        }
    }

    /// A pass of at most `rows` rows.
    pub fn case(&mut self, rows: u64) -> Case {
        let columns = self.pick(&COLUMNS);
        let rows = 1 + self.below(rows);
        let mut program = RowProgram {
            rows,
            first_row: self.pick(&[0, 0, 1, 5, 1000]),
            columns,
            len: rows * columns,
            operands: 3,
            stages: Vec::new(),
            stores: Vec::new(),
        };
        let maps_only = self.below(4) == 0;
        for _ in 0..1 + self.below(7) {
            let kind = if maps_only { StageKind::Map } else { self.kind() };
            let stage = self.stage(&program, kind);
            program.stages.push(stage);
        }
        if maps_only {
            program.len -= self.below(columns);
        }
        let stages = program.stages.len() as u64;
        program.stores = (0..1 + self.below(3)).map(|_| self.below(stages) as usize).collect();
        let tensors = [0, 1, 2].map(|operand| self.tensor(&program, operand)).to_vec();
        Case { program, step: self.below(3), tensors }
    }

    fn kind(&mut self) -> StageKind {
        use StageKind::{Map, Max, Product, Scalar, Sum};
        self.pick(&[Map, Map, Map, Scalar, Sum, Sum, Max, Product])
    }

    fn stage(&mut self, program: &RowProgram, kind: StageKind) -> Stage {
        let types = match kind {
            StageKind::Product => vec![RegType::F; 2],
            _ => (0..1 + self.below(3)).map(|_| self.pick(&[RegType::F, RegType::F, RegType::U])).collect(),
        };
        let inputs = types.iter().map(|&wanted| self.input(program, kind, wanted)).collect();
        let code = match kind {
            StageKind::Product => Code::new(types, Vec::new()).expect("two registers"),
            _ => self.code(types, kind.is_fold()),
        };
        Stage { kind, inputs, code }
    }

    fn input(&mut self, program: &RowProgram, kind: StageKind, wanted: RegType) -> RowInput {
        let per_row = kind == StageKind::Scalar;
        let stages: Vec<usize> = (0..program.stages.len())
            .filter(|&stage| program.stages[stage].result_type() == wanted)
            .filter(|&stage| !per_row || !program.stages[stage].kind.is_map())
            .collect();
        match self.below(3) {
            0 if wanted == RegType::U => RowInput::Value(self.address(program, per_row)),
            0 | 1 if !stages.is_empty() => RowInput::Stage(self.pick(&stages)),
            _ => {
                let operand = if wanted == RegType::U { 2 } else { self.below(2) as usize };
                RowInput::Operand {
                    operand,
                    address: self.address(program, per_row),
                    len: tensor_len(program, operand),
                }
            }
        }
    }

    fn address(&mut self, program: &RowProgram, per_row: bool) -> Address {
        let columns = match self.below(if per_row { 1 } else { 5 }) {
            0 => Columns::Fixed,
            1 => Columns::Offsets((0..program.columns).map(|_| self.below(program.columns) as u32).collect()),
            2 => {
                let half = 1 + self.below(program.columns);
                Columns::Offsets(
                    (0..program.columns).map(|c| ((c + half) % program.columns) as u32).collect(),
                )
            }
            _ => Columns::Contiguous,
        };
        let term = |generator: &mut Self| RowTerm {
            stride: generator.below(2 * program.columns + 1),
            divisor: 1 + generator.below(3),
            modulus: generator.pick(&[0, 1, 3]),
        };
        let rows = match self.below(4) {
            0 => (0..self.below(3)).map(|_| term(self)).collect(),
            _ => vec![RowTerm { stride: program.columns, divisor: 1, modulus: 0 }],
        };
        let gather = (self.below(6) == 0).then(|| Gather {
            operand: 2,
            address: Box::new(Address {
                constant: BEFORE + self.below(9),
                rows: vec![term(self)],
                ..Address::default()
            }),
            len: tensor_len(program, 2),
            stride: self.below(2 * program.columns),
        });
        Address { constant: BEFORE + self.below(20), step_stride: self.below(5), rows, gather, columns }
    }

    fn tensor(&mut self, program: &RowProgram, operand: usize) -> Tensor {
        let len = tensor_len(program, operand);
        let origin = self.below(BEFORE + 1).min(len);
        let small = operand == 2;
        let word = |_| if small && self.below(20) != 0 { self.below(12) as u32 } else { self.word() };
        Tensor { words: (origin..len).map(word).collect(), origin }
    }

    /// A random program; a fold's gives a float.
    pub fn code(&mut self, inputs: Vec<RegType>, float: bool) -> Code {
        let mut types = inputs.clone();
        let mut instrs = Vec::new();
        for _ in 0..self.below(12) {
            self.instruction(&mut types, &mut instrs);
        }
        let last = *types.last().expect("inputs");
        if last == RegType::M || float && last != RegType::F {
            types.push(RegType::F);
            instrs.push(Instr { op: Op::Const, a: 0, b: 0, c: 0, imm: 0x3f80_0000 });
        }
        Code::new(inputs, instrs).expect("well formed by construction")
    }

    fn instruction(&mut self, types: &mut Vec<RegType>, instrs: &mut Vec<Instr>) {
        let op = self.pick(Op::ALL);
        let mut registers = [0u8; 3];
        for (register, wanted) in registers.iter_mut().zip(op.operands()) {
            let fitting: Vec<u8> =
                (0u8..).zip(types.iter()).filter(|(_, t)| *t == wanted).map(|(r, _)| r).collect();
            if fitting.is_empty() {
                return;
            }
            *register = self.pick(&fitting);
        }
        let imm = match op.immediate() {
            samebit_num::Immediate::Unused => 0,
            samebit_num::Immediate::Shift => self.below(32) as u32,
            samebit_num::Immediate::Word => self.word(),
        };
        let [a, b, c] = registers;
        instrs.push(Instr { op, a, b, c, imm });
        types.push(op.result());
    }
}

/// Lengths at which the last rows of most addresses are beyond the end.
fn tensor_len(program: &RowProgram, operand: usize) -> u64 {
    let whole = (program.first_row.min(8) + program.rows) * program.columns;
    BEFORE + whole * (operand as u64 + 2) / 3
}
