//! What a kernel's PTX may not contain.
//!
//! PTX names the rounding of every float instruction, or leaves it to the assembler, which may then fuse a product with the sum
//! after it. So the text shows what the compiler has promised: an instruction is allowed when IEEE 754 fixes its result.

/// An instruction that does not fix its bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line in the PTX, from 1.
    pub line: usize,
    /// The instruction's name.
    pub instruction: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Every instruction of the PTX that does not fix its bits, in order.
pub fn lint(ptx: &str) -> Vec<Finding> {
    let statements = ptx.lines().enumerate().flat_map(|(line, text)| {
        code_of(text).split(['{', '}', ';']).filter_map(move |statement| Some((line + 1, opcode(statement)?)))
    });
    statements
        .filter_map(|(line, instruction)| {
            let reason = reason(instruction)?;
            Some(Finding { line, instruction: instruction.to_owned(), reason })
        })
        .collect()
}

fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The instruction of a statement, without its guard and label.
fn opcode(statement: &str) -> Option<&str> {
    let words = statement.split_whitespace();
    words.map(|word| word.trim_end_matches(',')).find(|word| !word.starts_with('@') && !word.ends_with(':'))
}

fn reason(instruction: &str) -> Option<&'static str> {
    let parts: Vec<&str> = instruction.split('.').collect();
    let has = |part: &str| parts.contains(&part);
    let is_float = ["f32", "f64", "f16", "f16x2", "bf16", "bf16x2", "f32x2"].iter().any(|kind| has(kind));
    let name = parts[0];
    if has("approx") || has("full") {
        return Some("an approximation");
    }
    if has("ftz") || has("daz") || (has("sat") && is_float) {
        return Some("does not keep subnormals or the range");
    }
    let is_rounded = has("rn");
    let rounds_otherwise = ["rz", "rm", "rp", "rna", "rni", "rzi", "rmi", "rpi"].iter().any(|way| has(way));
    match name {
        "add" | "sub" | "mul" | "mad" if is_float && !is_rounded => {
            Some("leaves its rounding to the assembler, which may fuse it")
        }
        "fma" | "div" | "sqrt" | "rcp" if is_float && !is_rounded => Some("is not rounded to nearest even"),
        "mad" if is_float => Some("is fused on some processors and not on others"),
        "ex2" | "lg2" | "sin" | "cos" | "tanh" | "rsqrt" => Some("an approximation"),
        "atom" | "red" if is_float => Some("adds in an order that changes from run to run"),
        "add" | "sub" | "mul" | "fma" | "div" | "sqrt" if is_float && rounds_otherwise => {
            Some("is not rounded to nearest even")
        }
        "mma" | "wgmma" | "wmma" | "tcgen05" if is_float || has("tf32") => {
            Some("adds floats in an order and precision that no manual fixes")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> usize {
        lint(&format!(".version 8.7\n.target sm_80\n{{\n{line}\n}}")).len()
    }

    #[test]
    fn what_fixes_its_bits_passes() {
        for line in [
            "add.rn.f32 %f1, %f2, %f3;",
            "@%p1 fma.rn.f32 \t%f1, %f2, %f3, %f4;",
            "div.rn.f32 %f1, %f2, %f3;",
            "sqrt.rn.f32 %f1, %f2;",
            "mul.rn.f64 %fd1, %fd2, %fd3;",
            "add.s32 %r1, %r2, %r3;",
            "mul.wide.u32 %rd1, %r1, 4;",
            "mad.lo.s32 %r1, %r2, %r3, %r4;",
            "setp.lt.f32 %p1, %f1, %f2;",
            "selp.f32 %f1, %f2, %f3, %p1;",
            "neg.f32 %f1, %f2;",
            "cvt.rn.f32.s64 %f1, %rd1;",
            "cvt.rni.s32.f32 %r1, %f1;",
            "ld.global.f32 %f1, [%rd1];",
            "mov.f32 %f1, 0f00000000; // add.f32",
            "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r1}, {%r2}, {%r3}, {%r1};",
            "atom.global.add.u32 %r1, [%rd1], 1;",
            "$L__BB0_2: add.s64 %rd1, %rd2, 4;",
        ] {
            assert_eq!(found(line), 0, "{line}: {:?}", lint(line));
        }
    }

    #[test]
    fn what_does_not_is_found() {
        for line in [
            "add.f32 %f1, %f2, %f3;",
            "@%p1 sub.f32 %f1, %f2, %f3;",
            "$L__BB0_2: mul.f32 %f1, %f2, %f3;",
            "mul.f64 %fd1, %fd2, %fd3;",
            "add.rn.ftz.f32 %f1, %f2, %f3;",
            "add.rz.f32 %f1, %f2, %f3;",
            "mad.rn.f32 %f1, %f2, %f3, %f4;",
            "fma.rn.ftz.f32 %f1, %f2, %f3, %f4;",
            "fma.rm.f32 %f1, %f2, %f3, %f4;",
            "div.full.f32 %f1, %f2, %f3;",
            "div.approx.f32 %f1, %f2, %f3;",
            "sqrt.approx.f32 %f1, %f2;",
            "rsqrt.approx.f32 %f1, %f2;",
            "ex2.approx.ftz.f32 %f1, %f2;",
            "{ add.f32 %f1, %f2, %f3; }",
            "atom.global.add.f32 %f1, [%rd1], %f2;",
            "red.shared.add.f32 [%r1], %f2;",
            "add.rn.sat.f32 %f1, %f2, %f3;",
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1}, {%r2}, {%r3}, {%f1};",
            "setp.lt.ftz.f32 %p1, %f1, %f2;",
        ] {
            assert_eq!(found(line), 1, "{line}");
        }
    }

    #[test]
    fn a_finding_names_its_line_and_instruction() {
        let findings = lint("a\nadd.rn.f32 %f1, %f1, %f1;\n\tadd.f32 %f1, %f2, %f3;\n");
        let expected = Finding {
            line: 3,
            instruction: "add.f32".to_owned(),
            reason: "leaves its rounding to the assembler, which may fuse it",
        };
        assert_eq!(findings, [expected]);
    }
}
