//! Programs as data: recording is deterministic, decoding rejects, nothing panics.

mod common;

use common::Random;
use samebit_num::{Arith, Code, CodeError, Instr, Native, Op, Recorder, RegF, RegType, run};

fn instr(op: Op, a: u8, b: u8, c: u8, imm: u32) -> Instr {
    Instr { op, a, b, c, imm }
}

#[test]
fn recording_shares_and_drops() {
    let record = |noise: bool| {
        Recorder::record(|m, x| {
            if noise {
                let unused = m.sqrt(x);
                m.div(unused, x);
            }
            let one = m.constant(0x3f80_0000);
            let y = m.add(x, one);
            let same_one = m.constant(0x3f80_0000);
            let z = m.add(x, same_one);
            m.mul(y, z)
        })
    };
    let code = record(false);
    let expected =
        [instr(Op::Const, 0, 0, 0, 0x3f80_0000), instr(Op::Add, 0, 1, 0, 0), instr(Op::Mul, 2, 2, 0, 0)];
    assert_eq!(code.instrs(), expected);
    assert_eq!(record(true), code);
    assert_eq!(record(true).encode(), code.encode());
}

#[test]
fn an_input_can_be_the_result() {
    let pick = |second: bool| {
        let mut recorder = Recorder::new();
        let (x, y) = (recorder.input_f(), recorder.input_f());
        recorder.finish(if second { y } else { x }).expect("short")
    };
    assert!(pick(true).instrs().is_empty());
    for word in common::EDGES {
        let expected = samebit_num::canonical(word);
        assert_eq!(run(&pick(true), &[7, word], &mut Native), expected);
        assert_eq!(run(&pick(false), &[word, 7], &mut Native), expected);
    }
    let mut recorder = Recorder::new();
    let x = recorder.input_u();
    recorder.input_f();
    let code = recorder.finish(x).expect("short");
    assert_eq!(run(&code, &[0xffff_fff1, 0], &mut Native), 0xffff_fff1);
}

#[test]
fn notes_name_bodies_that_stand_alone() {
    fn twice(m: &mut Recorder, x: RegF) -> RegF {
        let call = m.enter("twice", x);
        let two = m.constant(0x4000_0000);
        let square = m.mul(x, x);
        let result = m.fma(square, two, x);
        m.leave(call, result)
    }
    let code = Recorder::record(|m, x| {
        let y = twice(m, x);
        let z = twice(m, y);
        m.add(z, x)
    });
    let notes: Vec<_> =
        code.notes().iter().map(|n| (n.name, n.argument, n.first, n.last, n.result)).collect();
    assert_eq!(notes, [("twice", 0, 2, 3, 3), ("twice", 3, 4, 5, 5)]);
    // The square is read outside the body, so the body cannot be replaced as a whole.
    let leaking = Recorder::record(|m, x| {
        let y = twice(m, x);
        let square = m.mul(x, x);
        m.add(y, square)
    });
    assert!(leaking.notes().is_empty());
    let plain = Code::new(code.inputs().to_vec(), code.instrs().to_vec()).expect("well formed");
    assert_eq!(plain, code, "notes are no part of a program's identity");
}

#[test]
fn too_long_is_an_error() {
    let mut recorder = Recorder::new();
    let x = recorder.input_f();
    let mut y = x;
    for _ in 0..255 {
        y = recorder.add(y, x);
    }
    assert_eq!(recorder.finish(y).unwrap_err(), CodeError::TooManyRegisters { count: 256 });
}

#[test]
fn ill_formed_programs_are_rejected() {
    use RegType::{F, M, U};
    let check =
        |inputs: &[RegType], instrs: &[Instr]| Code::new(inputs.to_vec(), instrs.to_vec()).unwrap_err();
    assert_eq!(check(&[], &[]), CodeError::Empty);
    assert_eq!(check(&[F, M], &[]), CodeError::MaskInput { input: 1 });
    assert_eq!(check(&[F], &[instr(Op::Lt, 0, 0, 0, 0)]), CodeError::MaskResult);
    assert!(matches!(
        check(&[F], &[instr(Op::Add, 0, 1, 0, 0)]),
        CodeError::LaterRegister { register: 1, .. }
    ));
    assert!(matches!(check(&[U], &[instr(Op::Sqrt, 0, 0, 0, 0)]), CodeError::WrongType { found: U, .. }));
    assert!(matches!(check(&[F, F], &[instr(Op::Sqrt, 0, 1, 0, 0)]), CodeError::UnusedOperand { .. }));
    assert!(matches!(check(&[U], &[instr(Op::Shl, 0, 0, 0, 32)]), CodeError::BadImmediate { .. }));
    assert!(matches!(check(&[F], &[instr(Op::Neg, 0, 0, 0, 1)]), CodeError::BadImmediate { .. }));
    assert_eq!(Code::decode(vec![F], &[7, 0, 0]).unwrap_err(), CodeError::CutShort { length: 3 });
    let unknown = Code::decode(vec![F], &[0x0f, 0, 0, 0, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(unknown, CodeError::UnknownOperation { index: 0, code: 0x0f });
}

#[test]
fn garbage_is_rejected_or_round_trips() {
    let mut random = Random(9);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let inputs: Vec<RegType> = (0..random.below(4))
            .map(|_| [RegType::F, RegType::U, RegType::M][random.below(3) as usize])
            .collect();
        let length = if random.below(4) == 0 { random.below(40) } else { 8 * random.below(4) };
        let bytes: Vec<u8> = (0..length)
            .map(|position| match position % 8 {
                0 => random.below(0x26) as u8,
                1..=3 => random.below(4) as u8 * u8::from(random.below(3) > 0),
                _ => u8::from(random.below(6) == 0),
            })
            .collect();
        if let Ok(code) = Code::decode(inputs.clone(), &bytes) {
            accepted += 1;
            assert_eq!(code.encode(), bytes);
            let words: Vec<u32> = inputs.iter().map(|_| random.word()).collect();
            assert_eq!(run(&code, &words, &mut Native), run(&code, &words, &mut samebit_num::Soft), "{code}");
        }
    }
    assert!(accepted > 1_000, "the generator meets valid programs: {accepted}");
}

#[test]
fn a_long_list_of_instructions_is_rejected_before_it_is_read() {
    let bytes = vec![0xff; 8 * 100_000];
    let error = Code::decode(vec![RegType::F], &bytes).unwrap_err();
    assert_eq!(error, CodeError::TooManyRegisters { count: 100_001 });
}
