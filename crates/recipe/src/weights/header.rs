//! The header of a safetensors file, which may be hostile.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::error::{Error, Result};
use crate::tree::Value;

/// The longest header, in bytes; models of hundreds of layers stay below 1 MiB.
pub const HEADER_BYTES_LIMIT: u64 = 16 << 20;

/// Reads the header's JSON from the start of a file of `length` bytes.
pub(super) fn read(file: &mut File, length: u64, path: &Path) -> Result<Vec<u8>> {
    let broken = |reason: String| Error::WeightFile {
        file: path.to_owned(),
        reason,
        hint: "the file is damaged or not a safetensors file; fetch or save it again".into(),
    };
    let failed = |source| Error::Read { file: path.to_owned(), source, hint: "check the disk".into() };
    if length < 8 {
        return Err(broken(format!("{length} bytes are too few for a header")));
    }
    let mut word = [0; 8];
    file.read_exact(&mut word).map_err(failed)?;
    let claimed = u64::from_le_bytes(word);
    if claimed > HEADER_BYTES_LIMIT {
        return Err(broken(format!(
            "the header claims {claimed} bytes, more than the limit of {HEADER_BYTES_LIMIT}"
        )));
    }
    if claimed > length - 8 {
        return Err(broken(format!("the header claims {claimed} bytes, but only {} follow", length - 8)));
    }
    let mut bytes = vec![0; usize::try_from(claimed).expect("bounded above")];
    file.read_exact(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Parses a header that is followed by `data_length` bytes of data, and checks every tensor's place.
pub(super) fn parse(bytes: &[u8], data_length: u64, path: &Path) -> Result<Metadata> {
    check_entries(&Value::from_json(bytes, path)?, data_length, path)?;
    // The format's own library has the last word on what a header is.
    let metadata: Metadata = serde_json::from_slice(bytes).map_err(|error| Error::WeightFile {
        file: path.to_owned(),
        reason: format!("its header is not valid: {error}"),
        hint: "the file is damaged or not a safetensors file; fetch or save it again".into(),
    })?;
    if metadata.data_len() as u64 != data_length {
        return Err(Error::WeightFile {
            file: path.to_owned(),
            reason: format!(
                "its tensors take {} bytes, but {data_length} bytes of data follow",
                metadata.data_len()
            ),
            hint: "the file was cut or has something appended; fetch or save it again".into(),
        });
    }
    Ok(metadata)
}

/// Checks names and places, so that an error can name the tensor.
fn check_entries(header: &Value, data_length: u64, path: &Path) -> Result<()> {
    let Value::Map(entries) = header else {
        return Err(Error::WeightFile {
            file: path.to_owned(),
            reason: format!("its header is {}, not a map", header.describe()),
            hint: "the file is damaged or not a safetensors file; fetch or save it again".into(),
        });
    };
    let bad = |name: &str, reason: String| Error::Tensor {
        file: path.to_owned(),
        tensor: name.to_owned(),
        reason,
        hint: "the header is damaged or hostile; fetch or save the file again".into(),
    };
    let mut places = Vec::with_capacity(entries.len());
    for (name, entry) in entries.iter().filter(|(name, _)| name != "__metadata__") {
        let (start, end) = offsets(entry).ok_or_else(|| bad(name, "it has no valid data_offsets".into()))?;
        if start > end || end > data_length {
            return Err(bad(
                name,
                format!("data_offsets [{start}, {end}] leave the file's {data_length} bytes of data"),
            ));
        }
        places.push((start, end, name));
    }
    places.sort_unstable();
    for (index, (start, _, name)) in places.iter().enumerate() {
        let previous_end = index.checked_sub(1).map_or(0, |previous| places[previous].1);
        if *start < previous_end {
            return Err(bad(name, format!("overlaps `{}`", places[index - 1].2)));
        }
        if *start > previous_end {
            return Err(bad(name, format!("{} bytes before it belong to no tensor", start - previous_end)));
        }
    }
    check_names(entries, &bad)
}

fn check_names(entries: &[(String, Value)], bad: &dyn Fn(&str, String) -> Error) -> Result<()> {
    let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(bad(pair[0], "it is in the header twice".into())),
        None => check_sizes(entries, bad),
    }
}

/// Checks that shape and type give the length of the place.
fn check_sizes(entries: &[(String, Value)], bad: &dyn Fn(&str, String) -> Error) -> Result<()> {
    for (name, entry) in entries.iter().filter(|(name, _)| name != "__metadata__") {
        let (start, end) = offsets(entry).expect("checked before");
        let Some(bits) = element_bits(entry) else {
            return Err(bad(name, "it has no known dtype".into()));
        };
        let Some(shape) = field(entry, "shape").and_then(integers) else {
            return Err(bad(name, "it has no valid shape".into()));
        };
        let total = shape.iter().try_fold(bits, |product, size| product.checked_mul((*size).into()));
        if total != Some(8 * u128::from(end - start)) {
            return Err(bad(name, format!("shape {shape:?} does not take {} bytes", end - start)));
        }
    }
    Ok(())
}

/// The bits of an element, if the format knows its dtype.
fn element_bits(entry: &Value) -> Option<u128> {
    let Value::Text(name) = field(entry, "dtype")? else { return None };
    let dtype: Dtype = serde_json::from_value(serde_json::Value::String(name.clone())).ok()?;
    Some(dtype.bitsize() as u128)
}

fn offsets(entry: &Value) -> Option<(u64, u64)> {
    match field(entry, "data_offsets").and_then(integers)?[..] {
        [start, end] => Some((start, end)),
        _ => None,
    }
}

fn field<'a>(entry: &'a Value, key: &str) -> Option<&'a Value> {
    match entry {
        Value::Map(fields) => fields.iter().find(|(name, _)| name == key).map(|(_, value)| value),
        _ => None,
    }
}

fn integers(value: &Value) -> Option<Vec<u64>> {
    let Value::List(items) = value else { return None };
    items
        .iter()
        .map(|item| match item {
            Value::Integer(integer) => u64::try_from(*integer).ok(),
            _ => None,
        })
        .collect()
}
