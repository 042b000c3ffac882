use super::*;
use crate::testing::{Values, bits, check_everywhere};

fn check(shape: &[usize], strides: &[usize], values: &mut Values) {
    let kernel = PermuteKernel { shape: shape.to_vec(), strides: strides.to_vec() };
    let last: usize = shape.iter().zip(strides).map(|(&size, &stride)| size.saturating_sub(1) * stride).sum();
    // Any bits at all: a permutation moves words.
    let x: Vec<u32> = (0..=last).map(|_| values.word()).collect();
    let mut expected = vec![0; shape.iter().product()];
    definition::run(&kernel, &x, &mut expected);
    let x = bits(&x);
    check_everywhere(&format!("{kernel:?}"), &[expected], |isa, outputs| {
        permute(isa, &kernel, &x, outputs[0])
    });
}

/// Every order of the dimensions of a row-major tensor.
fn check_orders(shape: &[usize], values: &mut Values) {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d];
    }
    let mut orders = vec![vec![]];
    for d in 0..shape.len() {
        orders = orders.iter().flat_map(|order| (0..=d).map(move |at| inserted(order, at, d))).collect();
    }
    for order in orders {
        let pick = |from: &[usize]| order.iter().map(|&d| from[d]).collect::<Vec<_>>();
        check(&pick(shape), &pick(&strides), values);
    }
}

fn inserted(order: &[usize], at: usize, d: usize) -> Vec<usize> {
    let mut order = order.to_vec();
    order.insert(at, d);
    order
}

#[test]
fn every_order_of_dimensions() {
    let mut values = Values::new(1);
    for shape in [&[5][..], &[3, 4], &[17, 33], &[64, 48], &[2, 16, 20], &[3, 35, 1, 18], &[2, 5, 3, 4, 16]] {
        check_orders(shape, &mut values);
    }
}

#[test]
fn large_enough_to_be_shared() {
    let mut values = Values::new(2);
    check_orders(&[150, 170], &mut values);
    check_orders(&[40, 16, 50], &mut values);
}

#[test]
fn any_strides() {
    let mut values = Values::new(3);
    for _ in 0..100 {
        let rank = values.below(5);
        let shape: Vec<usize> = (0..rank).map(|_| values.below(21)).collect();
        let strides: Vec<usize> = (0..rank).map(|_| values.below(40)).collect();
        check(&shape, &strides, &mut values);
    }
}
