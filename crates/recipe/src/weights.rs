//! Weights in `model.safetensors`: reading with suspicion, writing all or nothing.
//!
//! ```text
//! u64 little-endian: header length n | n bytes of JSON | data
//! {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …, "__metadata__": {…}}
//! ```
//! The header comes from a stranger. It is bounded before it is read, and every tensor's place is checked against its shape, its
//! neighbours and the file's length before any data is. Data is read tensor by tensor, so that the file is never in memory as a whole.

mod header;
mod save;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

pub(crate) use save::replace_file;
pub use save::save_weights;

use crate::error::{Error, Result, open_regular};

/// A tensor of binary32 in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its elements, as many as the product of the dimensions.
    pub data: Vec<f32>,
}

impl Tensor {
    /// The transpose of a matrix [N, M] → [M, N]. GPT-2's files hold linear layers as [in, out], a program as [out, in].
    ///
    /// # Panics
    /// If the tensor is not a matrix.
    pub fn transposed(&self) -> Tensor {
        let [rows, columns] = self.shape[..] else {
            panic!("a transpose takes a matrix, not {:?}", self.shape)
        };
        Tensor { shape: vec![columns, rows], data: transpose(&self.data, rows, columns) }
    }
}

/// The elements of a matrix [rows, columns] as [columns, rows], in tiles that stay in cache.
///
/// # Panics
/// If `data` has not rows · columns elements.
pub fn transpose(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 32;
    assert_eq!(data.len(), rows * columns);
    let mut transposed = vec![0.0; data.len()];
    for row_start in (0..rows).step_by(TILE) {
        for column_start in (0..columns).step_by(TILE) {
            for row in row_start..rows.min(row_start + TILE) {
                for column in column_start..columns.min(column_start + TILE) {
                    transposed[column * rows + row] = data[row * columns + column];
                }
            }
        }
    }
    transposed
}

/// An open weight file whose header has been checked.
#[derive(Debug)]
pub struct WeightFile {
    path: PathBuf,
    file: File,
    data_start: u64,
    metadata: Metadata,
}

impl WeightFile {
    /// Opens a safetensors file and checks its header.
    ///
    /// # Errors
    /// The file cannot be read, or its header is truncated, too long, not valid, or at odds with the file's length or itself.
    pub fn open(path: &Path) -> Result<Self> {
        let (mut file, length) =
            open_regular(path, "a model directory holds config.json and model.safetensors")?;
        let bytes = header::read(&mut file, length, path)?;
        let data_start = 8 + bytes.len() as u64;
        let metadata = header::parse(&bytes, length - data_start, path)?;
        Ok(WeightFile { path: path.to_owned(), file, data_start, metadata })
    }

    /// The names of the tensors, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.metadata.offset_keys();
        names.sort_unstable();
        names
    }

    /// The shape of a tensor, if the file has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.metadata.info(name).map(|info| &info.shape[..])
    }

    /// A tensor of this shape; f16 and bf16 are widened, which is exact.
    ///
    /// # Errors
    /// The file has no such tensor, its shape or type is another, it holds an infinity or NaN, or it cannot be read.
    pub fn get(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let Some(info) = self.metadata.info(name) else { return Err(self.missing(name)) };
        if info.shape != shape {
            let reason = format!("its shape is {:?}, the model's is {shape:?}", info.shape);
            return Err(self.bad(name, reason, "config.json and model.safetensors must be of one model"));
        }
        let (widen, info): (Widen, TensorInfo) = match widener(info.dtype) {
            Some(widen) => (widen, info.clone()),
            None => {
                let reason = format!("its type is {:?}", info.dtype);
                return Err(self.bad(name, reason, "save the weights as F32, F16 or BF16"));
            }
        };
        let bytes = self.read(&info)?;
        let data = widen(&bytes);
        if let Some(index) = data.iter().position(|value| !value.is_finite()) {
            let reason = format!("element {index} is {}", data[index]);
            return Err(self.bad(name, reason, "training cannot start from weights that are not finite"));
        }
        Ok(Tensor { shape: shape.to_vec(), data })
    }

    fn read(&self, info: &TensorInfo) -> Result<Vec<u8>> {
        let (start, end) = info.data_offsets;
        let mut bytes = vec![0; end - start];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.data_start + start as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| Error::Read {
                file: self.path.clone(),
                source,
                hint: "do not change the file while it is read".into(),
            })?;
        Ok(bytes)
    }

    fn missing(&self, name: &str) -> Error {
        let names = self.names();
        let hint = crate::tree::nearest_hint(name, names.iter().map(String::as_str).take(32));
        self.bad(name, "not in the file".into(), &hint)
    }

    fn bad(&self, tensor: &str, reason: String, hint: &str) -> Error {
        Error::Tensor { file: self.path.clone(), tensor: tensor.to_owned(), reason, hint: hint.to_owned() }
    }
}

type Widen = fn(&[u8]) -> Vec<f32>;

/// How bytes of a type become binary32 without a rounding, if they can.
fn widener(dtype: Dtype) -> Option<Widen> {
    match dtype {
        Dtype::F32 => {
            Some(|bytes| bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
        }
        Dtype::F16 => Some(|bytes| {
            bytes.as_chunks().0.iter().map(|word| half::f16::from_le_bytes(*word).to_f32()).collect()
        }),
        Dtype::BF16 => Some(|bytes| {
            bytes.as_chunks().0.iter().map(|word| half::bf16::from_le_bytes(*word).to_f32()).collect()
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
