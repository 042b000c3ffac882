//! Writing weights: a complete file under the name, or the file that was there before.

use std::io::{BufWriter, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::{Error, Result};

/// Writes binary32 tensors (name, shape, elements) as a safetensors file that Hugging Face `transformers` loads.
///
/// The tensors' order decides the file's bytes. The file appears under its name whole: it is written beside it, brought to the
/// disk, and renamed.
///
/// # Errors
/// [`Error::Write`]; nothing has changed then.
///
/// # Panics
/// If a tensor has not as many elements as its shape says, or a name stands twice.
pub fn save_weights(path: &Path, tensors: &[(String, Vec<usize>, &[f32])]) -> Result<()> {
    let header = header(tensors);
    write(path, &header, tensors).map_err(|source| Error::Write { file: path.to_owned(), source })
}

fn header(tensors: &[(String, Vec<usize>, &[f32])]) -> Vec<u8> {
    let mut start = 0;
    let places = tensors.iter().map(|(name, shape, data)| {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "{name}");
        let data_offsets = (start, start + 4 * data.len());
        start = data_offsets.1;
        (name.clone(), TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets })
    });
    let places: Vec<(String, TensorInfo)> = places.collect();
    let about = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
    let metadata = Metadata::new(Some(about), places).expect("places are laid end to end");
    assert_eq!(metadata.offset_keys().len(), tensors.len(), "a name stands twice");
    let mut json = serde_json::to_vec(&metadata).expect("a header is JSON");
    json.resize(json.len().next_multiple_of(8), b' ');
    json
}

fn write(path: &Path, header: &[u8], tensors: &[(String, Vec<usize>, &[f32])]) -> std::io::Result<()> {
    replace_file(path, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(header)?;
        for (_, _, data) in tensors {
            for values in data.chunks(1 << 14) {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                writer.write_all(&bytes)?;
            }
        }
        Ok(())
    })
}

/// Writes a file whole: it is written beside its name, brought to the disk, and renamed.
pub(crate) fn replace_file(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::Builder::new().prefix(".weights-").suffix(".tmp").tempfile_in(directory)?;
    let mut writer = BufWriter::with_capacity(1 << 20, temporary.as_file_mut());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    make_readable(temporary.as_file())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(directory)?.sync_all()
}

/// A temporary file is private to its owner; weights are as readable as other files.
#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
