//! A `model.safetensors`: a tensor that the header has is read or refused for what it holds.

use crate::scratch;
use samebit_recipe::WeightFile;

/// Tensors that are read.
const TENSORS: usize = 8;

pub fn run(bytes: &[u8]) {
    let Ok(mut file) = WeightFile::open(&scratch::file("model.safetensors", bytes)) else { return };
    for name in file.names().into_iter().take(TENSORS) {
        let shape = file.shape(&name).expect("it is named").to_vec();
        if let Ok(tensor) = file.get(&name, &shape) {
            assert_eq!(tensor.data.len(), shape.iter().product::<usize>(), "{name}: {shape:?}");
            assert!(tensor.data.iter().all(|value| value.is_finite()), "{name}");
        }
    }
    assert!(file.get("no such tensor", &[1]).is_err());
}
