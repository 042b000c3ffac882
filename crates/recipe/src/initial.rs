//! First weights from the seed (docs/spec/recipe.md §5).

use rayon::prelude::*;
use samebit_num::philox::Stream;

use crate::random::WEIGHT_STREAM;
use crate::weights::Tensor;

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All +0.
    Zeros,
    /// All 1.
    Ones,
    /// Normal draws with mean 0 and this standard deviation: each the standard normal draw times it.
    Normal {
        /// The standard deviation.
        deviation: f32,
    },
}

/// A tensor to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct InitialTensor {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
}

/// Elements that one task draws; it decides nothing but the speed.
const TASK_ELEMENTS: usize = 1 << 14;

/// The tensors of a list, in order. Tensor i draws from stream [`WEIGHT_STREAM`] + i at step 0, so its weights depend on the
/// seed, its place in the list and its own elements only.
pub fn initial_tensors(seed: u64, list: &[InitialTensor]) -> Vec<Tensor> {
    (WEIGHT_STREAM..).zip(list).map(|(stream, tensor)| make(seed, stream, tensor)).collect()
}

fn make(seed: u64, stream: u32, tensor: &InitialTensor) -> Tensor {
    let count = tensor.shape.iter().product();
    let data = match tensor.init {
        Init::Zeros => vec![0.0; count],
        Init::Ones => vec![1.0; count],
        Init::Normal { deviation } => normal_draws(seed, stream, deviation, count),
    };
    Tensor { shape: tensor.shape.clone(), data }
}

fn normal_draws(seed: u64, stream: u32, deviation: f32, count: usize) -> Vec<f32> {
    let stream = Stream { seed, stream, step: 0 };
    let mut data = vec![0.0; count];
    data.par_chunks_mut(TASK_ELEMENTS).enumerate().for_each(|(task, chunk)| {
        stream.fill_normal((task * TASK_ELEMENTS) as u64, chunk);
        for value in chunk {
            *value *= deviation;
        }
    });
    data
}

/// The standard deviation of the projections that end a residual branch: range / √(2·L). As in GPT-2, the sum of 2·L branches
/// then keeps the size of one.
pub fn residual_deviation(initializer_range: f32, layers: usize) -> f32 {
    initializer_range / (2.0 * layers as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(name: &str, shape: &[usize]) -> InitialTensor {
        InitialTensor { name: name.into(), shape: shape.into(), init: Init::Normal { deviation: 0.02 } }
    }

    #[test]
    fn zeros_and_ones() {
        let list = [(Init::Zeros, 0f32), (Init::Ones, 1.0)];
        for (init, value) in list {
            let list = [InitialTensor { name: "a".into(), shape: vec![2, 3], init }];
            assert_eq!(initial_tensors(1, &list), [Tensor { shape: vec![2, 3], data: vec![value; 6] }]);
        }
    }

    /// The definition, one element at a time.
    #[test]
    fn draws_are_those_of_the_definition() {
        let count = 2 * TASK_ELEMENTS + 77;
        let tensors = initial_tensors(7, &[normal("a", &[3]), normal("b", &[count])]);
        for (index, tensor) in tensors.iter().enumerate() {
            let stream = Stream { seed: 7, stream: WEIGHT_STREAM + index as u32, step: 0 };
            for (element, value) in tensor.data.iter().enumerate() {
                assert_eq!(
                    value.to_bits(),
                    (stream.normal(element as u64) * 0.02).to_bits(),
                    "{index} {element}"
                );
            }
        }
    }

    #[test]
    fn draws_have_their_mean_and_deviation() {
        let tensor = &initial_tensors(3, &[normal("a", &[1000, 300])])[0];
        let count = tensor.data.len() as f64;
        let mean = tensor.data.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let square = tensor.data.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 1.5e-4, "{mean}");
        assert!((square.sqrt() - 0.02).abs() < 1e-4, "{square}");
    }

    #[test]
    fn a_seed_is_a_model() {
        let list = [normal("a", &[50]), normal("b", &[50])];
        let tensors = initial_tensors(7, &list);
        assert_eq!(tensors, initial_tensors(7, &list));
        assert_ne!(tensors[0], tensors[1]);
        assert_ne!(tensors[0], initial_tensors(8, &list)[0]);
        assert_eq!(tensors[0], initial_tensors(7, &list[..1])[0]);
        let bits: Vec<u32> = tensors[0].data[..6].iter().map(|value| value.to_bits()).collect();
        insta::assert_snapshot!(format!("{bits:x?}"), @"[bc98efca, 3a85c0a5, 3c1cb1a1, bc3655b2, ba0d41a0, 3d946986]");
    }

    #[test]
    fn residual_projections_shrink_with_depth() {
        assert_eq!(residual_deviation(0.02, 2), 0.01);
        assert_eq!(residual_deviation(0.02, 8), 0.005);
    }
}
