//! The C that is generated from scalar programs, compiled by the host's C compiler, against the reference in integers.
//!
//! It is the text that NVRTC compiles, over the same header. Without a C compiler the test says so and fails: the workspace needs one.

use samebit_cuda::scalar::function;
use samebit_cuda::source::HEADERS;
use samebit_num::vectors::operation;
use samebit_num::{Binary32, Code, Op, RegType, Soft, functions, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where operations change their behaviour, and NaNs of several kinds.
const EDGES: [u32; 32] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x8000_0001,
    0x007f_ffff,
    0x807f_ffff,
    0x0080_0000,
    0x8080_0001,
    0x3380_0000,
    0x3f00_0000,
    0xbf00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0xbf80_0000,
    0x3f80_0001,
    0x4020_0000,
    0x42b1_7218,
    0xc2cf_f1b4,
    0x4880_0000,
    0x4b00_0001,
    0x4b7f_ffff,
    0x4b80_0000,
    0x4f00_0000,
    0xcf00_0000,
    0x4eff_ffff,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc0_0001,
    0x7f80_0001,
];

/// Random inputs of each function and operation.
const RANDOM: usize = 200_000;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in HEADERS {
        std::fs::write(folder.join(name), text).unwrap();
    }
    folder
}

/// splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// Programs over words, each with the inputs to run it on: the results of the compiled C.
fn compiled(name: &str, codes: &[Code], inputs: &[Vec<Vec<u32>>]) -> Vec<Vec<u32>> {
    let folder = folder(name);
    let mut text = "#include \"machine.h\"\n#include <stdio.h>\n#include <stdlib.h>\n".to_owned();
    for (at, code) in codes.iter().enumerate() {
        text += &function(&format!("program_{at}"), code);
    }
    text += "static u32 run(u32 program, const u32* in) {\n    switch (program) {\n";
    for (at, code) in codes.iter().enumerate() {
        let argument = |(position, kind): (usize, &RegType)| match kind {
            RegType::F => format!("samebit_float(in[{position}])"),
            _ => format!("in[{position}]"),
        };
        let arguments: Vec<String> = code.inputs().iter().enumerate().map(argument).collect();
        let call = format!("program_{at}({})", arguments.join(", "));
        let call = if code.result_type() == RegType::F { format!("samebit_bits({call})") } else { call };
        text += &format!("    case {at}: return {call};\n");
    }
    // Records: program, number of inputs, inputs; the results come back in order.
    text += "    }\n    abort();\n}\n\
        int main(void) {\n    u32 head[2], in[16];\n\
        \x20   while (fread(head, 4, 2, stdin) == 2 && fread(in, 4, head[1], stdin) == head[1]) {\n\
        \x20       u32 out = run(head[0], in);\n        fwrite(&out, 4, 1, stdout);\n    }\n    return 0;\n}\n";
    std::fs::write(folder.join("programs.c"), &text).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let options = [
        "-O2",
        "-ffp-contract=off",
        "-Wall",
        "-Wno-unused-variable",
        "-Werror",
        "programs.c",
        "-o",
        "programs",
        "-lm",
    ];
    let status = Command::new(&compiler).args(options).current_dir(&folder).status();
    let status =
        status.unwrap_or_else(|error| panic!("the C compiler `{compiler}`: {error}; hint: CC names one"));
    assert!(status.success(), "`{compiler}` ended with {status} in {}", folder.display());

    let mut records: Vec<u8> = Vec::new();
    for (at, inputs) in inputs.iter().enumerate() {
        for words in inputs {
            let head = [at as u32, words.len() as u32];
            records.extend(head.iter().chain(words).flat_map(|word| word.to_le_bytes()));
        }
    }
    std::fs::write(folder.join("records"), &records).unwrap();
    let output = Command::new(folder.join("programs"))
        .stdin(std::fs::File::open(folder.join("records")).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", output.status);
    let mut words = output.stdout.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let results = inputs.iter().map(|inputs| words.by_ref().take(inputs.len()).collect()).collect();
    assert!(words.next().is_none());
    results
}

#[test]
fn every_function_compiled_from_c_is_the_reference() {
    let mut state = 1;
    let codes: Vec<Code> = functions::ALL.iter().map(functions::Named::code).collect();
    let words: Vec<Vec<u32>> = EDGES
        .into_iter()
        .chain((0..RANDOM).map(|i| match i % 4 {
            // Anything, and numbers of ordinary size, where the functions do most of their work.
            0 => random(&mut state) as u32,
            _ => (random(&mut state) as u32) & 0x8fff_ffff | 0x3800_0000,
        }))
        .map(|word| vec![word])
        .collect();
    let results = compiled("functions", &codes, &vec![words.clone(); codes.len()]);
    let mut compared = 0;
    for (named, results) in functions::ALL.iter().zip(&results) {
        for (word, result) in words.iter().zip(results) {
            let expected = samebit_num::canonical((named.soft)(Binary32(word[0])).0);
            assert_eq!(*result, expected, "{} of {:#010x}", named.name, word[0]);
            compared += 1;
        }
    }
    assert_eq!(compared, functions::ALL.len() * words.len());
}

#[test]
fn every_operation_compiled_from_c_is_the_reference() {
    let mut state = 2;
    let mut codes = Vec::new();
    let mut inputs = Vec::new();
    for &op in Op::ALL {
        let immediates: &[u32] = match op.immediate() {
            samebit_num::Immediate::Unused => &[0],
            samebit_num::Immediate::Shift => &[0, 1, 23, 31],
            samebit_num::Immediate::Word => &[0xff80_0001, 0x8000_0000],
        };
        for &imm in immediates {
            let code = operation(op, imm);
            let arity = code.inputs().len();
            let mut words: Vec<Vec<u32>> = Vec::new();
            for a in EDGES {
                for b in EDGES {
                    words.extend([0, 3, 6, 12, 25, 28, 30].map(|c| [a, b, EDGES[c]][..arity].to_vec()));
                }
            }
            // Any words, and neighbours in size, which cancel and tie.
            words.extend((0..20_000).map(|i| {
                let mut word =
                    || (random(&mut state) as u32) & if i % 2 == 0 { !0 } else { 0x80ff_ffff } | 0x3f00_0000;
                [word(), word(), word()][..arity].to_vec()
            }));
            codes.push(code);
            inputs.push(words);
        }
    }
    let results = compiled("operations", &codes, &inputs);
    for ((code, inputs), results) in codes.iter().zip(&inputs).zip(&results) {
        for (words, &result) in inputs.iter().zip(results) {
            let expected = run(code, words, &mut Soft);
            assert_eq!(result, expected, "{code} of {words:#010x?}");
        }
    }
}
