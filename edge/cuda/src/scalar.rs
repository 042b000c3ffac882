//! Scalar programs as C: one text for NVRTC and for the host's compiler, over the operations of `kernels/machine.h`.

use samebit_num::{Code, Immediate, Op, RegType};
use std::fmt::Write;

const WRITES: &str = "writing to a string succeeds";

/// The C type of a register.
pub fn c_type(kind: RegType) -> &'static str {
    match kind {
        RegType::F => "float",
        RegType::U => "u32",
        RegType::M => "int",
    }
}

/// A function `name` of the program's inputs, `r0`, `r1`, …, that gives its result: a float whose NaN may have any bits, or a word.
pub fn function(name: &str, code: &Code) -> String {
    let inputs = code.inputs().iter().enumerate();
    let parameters: Vec<String> =
        inputs.map(|(register, &kind)| format!("{} r{register}", c_type(kind))).collect();
    let mut text =
        format!("SAMEBIT_FUNCTION {} {name}({}) {{\n", c_type(code.result_type()), parameters.join(", "));
    for (register, instr) in (code.inputs().len()..).zip(code.instrs()) {
        let operands: Vec<String> = instr.operands().map(|operand| format!("r{operand}")).collect();
        let value = match instr.op {
            Op::Const => format!("samebit_float({:#010x}u)", instr.imm),
            Op::IConst => format!("{:#010x}u", instr.imm),
            op if op.immediate() == Immediate::Shift => {
                format!("samebit_{}({}, {})", op.name(), operands.join(", "), instr.imm)
            }
            op => format!("samebit_{}({})", op.name(), operands.join(", ")),
        };
        writeln!(text, "    const {} r{register} = {value};", c_type(instr.op.result())).expect(WRITES);
    }
    writeln!(text, "    return r{};\n}}", code.register_count() - 1).expect(WRITES);
    text
}

/// The word that holds a value of this type: a float's bits, a NaN as 0x7fc00000.
pub fn as_word(kind: RegType, value: &str) -> String {
    match kind {
        RegType::F => format!("samebit_bits({value})"),
        _ => value.to_owned(),
    }
}

/// The value of this type that a word holds.
pub fn of_word(kind: RegType, word: &str) -> String {
    match kind {
        RegType::F => format!("samebit_float({word})"),
        _ => word.to_owned(),
    }
}
