//! Philox against the known answers of Random123, and the draws against their definition.

use samebit_num::philox::{self, Stream};
use samebit_num::{Arith, Binary32, Native, Recorder, Soft, run};

/// `kat_vectors` of Random123: counter, key, result.
const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
    ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
        [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    ),
];

#[test]
fn known_answers() {
    for (counter, key, expected) in KNOWN {
        assert_eq!(philox::words(&mut Native, key, counter), expected);
        assert_eq!(philox::words(&mut Soft, key, counter), expected);
        for (index, expected) in expected.into_iter().enumerate() {
            let mut recorder = Recorder::new();
            let inputs: [_; 6] = std::array::from_fn(|_| recorder.input_u());
            let [k0, k1, c0, c1, c2, c3] = inputs;
            let word = philox::words(&mut recorder, [k0, k1], [c0, c1, c2, c3])[index];
            let code = recorder.finish(word).expect("fits");
            let words = [key[0], key[1], counter[0], counter[1], counter[2], counter[3]];
            assert_eq!(run(&code, &words, &mut Soft), expected);
        }
    }
}

#[test]
fn a_stream_names_its_counter_and_key() {
    let [c0, c1, stream, step] = KNOWN[2].0;
    let [k0, k1] = KNOWN[2].1;
    let seed = u64::from(k1) << 32 | u64::from(k0);
    let element = u64::from(c1) << 32 | u64::from(c0);
    assert_eq!(Stream { seed, stream, step }.words(element), KNOWN[2].2);
}

#[test]
fn draws_are_the_same_in_integers_and_in_bulk() {
    let stream = Stream { seed: 7, stream: 3, step: 5 };
    let first = u64::from(u32::MAX) - 700;
    let (mut uniform, mut normal) = (vec![0.0; 1500], vec![0.0; 1500]);
    stream.fill_uniform(first, &mut uniform);
    stream.fill_normal(first, &mut normal);
    for (element, (uniform, normal)) in (first..).zip(uniform.into_iter().zip(normal)) {
        let [w0, w1, ..] = stream.words(element);
        assert_eq!(Binary32(uniform.to_bits()), philox::uniform_of(&mut Soft, w0));
        assert_eq!(Binary32(normal.to_bits()), philox::normal_of(&mut Soft, w0, w1));
    }
}

#[test]
fn extreme_words_give_finite_normals() {
    for w0 in [0, 255, 256, u32::MAX, u32::MAX - 255, 0x8000_0000] {
        for w1 in [0, u32::MAX, 0x4000_0000, 0x8000_0000, 0xc000_0000] {
            let value = philox::normal_of(&mut Native, w0, w1);
            assert!(value.is_finite() && value.abs() < 5.8, "{w0:#x} {w1:#x}: {value}");
        }
    }
    assert_eq!(philox::uniform_of(&mut Native, u32::MAX), 1.0 - 1.0 / 16_777_216.0);
}

#[test]
fn moments_are_those_of_the_distributions() {
    const COUNT: usize = 200_000;
    let stream = Stream { seed: 1, stream: 0, step: 0 };
    let mut draws = vec![0.0; COUNT];
    let moment = |draws: &[f32], power: i32| {
        draws.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / COUNT as f64
    };
    stream.fill_uniform(0, &mut draws);
    assert!((moment(&draws, 1) - 0.5).abs() < 0.003);
    assert!((moment(&draws, 2) - 1.0 / 3.0).abs() < 0.003);
    stream.fill_normal(0, &mut draws);
    assert!(moment(&draws, 1).abs() < 0.01);
    assert!((moment(&draws, 2) - 1.0).abs() < 0.015);
    assert!((moment(&draws, 4) - 3.0).abs() < 0.1);
}

#[test]
fn dropout_drops_its_share() {
    assert_eq!(philox::drop_threshold(0.0), 0);
    assert_eq!(philox::drop_threshold(0.5), 0x8000_0000);
    assert_eq!(philox::drop_threshold(0.1), 429_496_730);
    let (mut native, threshold) = (Native, philox::drop_threshold(0.1));
    let stream = Stream { seed: 2, stream: 9, step: 1 };
    let dropped =
        (0..100_000).filter(|&e| philox::is_dropped(&mut native, stream.words(e)[0], threshold)).count();
    assert!((9_600..10_400).contains(&dropped), "{dropped}");
    assert!(!philox::is_dropped(&mut native, 0, 0), "nothing is dropped at p = 0");
    assert!(!philox::is_dropped(&mut native, threshold, threshold));
    assert!(native.ilt(threshold - 1, threshold));
}

#[test]
fn seeds_streams_steps_and_elements_differ() {
    let base = Stream { seed: 1, stream: 2, step: 3 };
    let others = [
        Stream { seed: 2, ..base },
        Stream { seed: 1 | 1 << 32, ..base },
        Stream { stream: 3, ..base },
        Stream { step: 2, ..base },
    ];
    for other in others {
        assert_ne!(base.words(0), other.words(0));
    }
    assert_ne!(base.words(0), base.words(1 << 32));
}
