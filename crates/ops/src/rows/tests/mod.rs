//! Fast = definition, bit for bit: random passes, named passes, every instruction set and thread count.

mod generate;
mod named;

use samebit_num::{Native, Soft};

use super::*;
use crate::simd::Isa;
use generate::{Case, Generator};

/// The outputs, each filled with a word that no pass leaves by chance.
fn blank(program: &RowProgram) -> Vec<Vec<u32>> {
    let len = |store| program.output_len(store) as usize;
    (0..program.stores.len()).map(|store| vec![0xdead_beef; len(store)]).collect()
}

fn defined<A: ScalarMachine>(machine: &mut A, case: &Case) -> Vec<Vec<u32>> {
    let mut outputs = blank(&case.program);
    let mut slices: Vec<&mut [u32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    define_rows(machine, &case.program, case.step, &case.inputs(), &mut slices);
    outputs
}

fn fast(isa: Isa, case: &Case) -> Vec<Vec<u32>> {
    let mut outputs = blank(&case.program);
    let mut slices: Vec<&mut [u32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    run_rows(isa, &case.program, case.step, &case.inputs(), &mut slices);
    outputs
}

/// Panics at the first difference between the definition and a fast path.
fn check(case: &Case) {
    let expected = defined(&mut Native, case);
    for isa in Isa::available() {
        compare(case, &expected, &fast(isa, case), isa.name());
    }
}

fn compare(case: &Case, expected: &[Vec<u32>], found: &[Vec<u32>], name: &str) {
    for (store, (expected, found)) in expected.iter().zip(found).enumerate() {
        let different = expected.iter().zip(found).position(|(a, b)| a != b);
        if let Some(at) = different {
            let (expected, found) = (expected[at], found[at]);
            panic!(
                "{name}, store {store}, element {at}: {expected:#x}, not {found:#x}, in {:#?}",
                case.program
            );
        }
    }
}

#[test]
fn random_passes_are_their_definition_on_every_instruction_set() {
    for seed in 0..1500 {
        check(&Generator::new(seed).case(12));
    }
}

#[test]
fn random_passes_of_many_rows_do_not_depend_on_threads() {
    for threads in [1, 2, 3, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| (0..40).for_each(|seed| check(&Generator::new(9000 + seed).case(400))));
    }
}

#[test]
fn the_definition_on_the_soft_machine_is_the_same() {
    for seed in 0..60 {
        let case = Generator::new(5000 + seed).case(4);
        compare(&case, &defined(&mut Soft, &case), &defined(&mut Native, &case), "soft");
    }
}

#[test]
fn a_cache_gives_the_same_plan_again_and_another_for_another_pass() {
    let cache = RowCache::default();
    let first = Generator::new(1).case(4).program;
    let second = Generator::new(2).case(4).program;
    let prepared = cache.prepare(&first);
    assert!(std::sync::Arc::ptr_eq(&prepared, &cache.prepare(&first)));
    assert!(!std::sync::Arc::ptr_eq(&prepared, &cache.prepare(&second)));
}

#[test]
fn an_element_outside_the_slice_is_refused() {
    let mut case = named::gelu(4, 20);
    case.tensors[0].words.pop();
    for isa in Isa::available() {
        let outcome = std::panic::catch_unwind(|| fast(isa, &case));
        assert!(outcome.is_err(), "{}", isa.name());
    }
}
