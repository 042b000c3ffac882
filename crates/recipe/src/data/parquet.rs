//! Documents of a Parquet file: one column of text, row by row.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::column::page::Page;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use crate::error::{Error, Result, open_regular};

/// Bytes before each text of a dictionary, which say how long it is.
const LENGTH_BYTES: usize = 4;

/// Gives each row's text to `push`, in order; a null is an empty document.
///
/// The library panics on some damaged files. What a stranger's file does must not end the process, so a panic becomes an error;
/// nothing that it may have left half-done is used afterwards.
pub(super) fn read(file: &Path, column: &str, push: impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read_rows(file, column, push))).unwrap_or_else(
        |_| {
            Err(Error::Data {
                file: file.to_owned(),
                place: "contents".into(),
                reason: "the file is damaged".into(),
                hint: "write the file again with a current Parquet library".into(),
            })
        },
    )
}

fn read_rows(file: &Path, column: &str, mut push: impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
    let (opened, _) = open_regular(file, "check the data set's path")?;
    let reader =
        SerializedFileReader::new(Bounded(opened)).map_err(|error| malformed(file, "header", &error))?;
    let projection = project(file, column, reader.metadata().file_metadata().schema())?;
    check_dictionaries(&reader, column).map_err(|error| malformed(file, "dictionary", &error))?;
    let rows = reader.get_row_iter(Some(projection)).map_err(|error| malformed(file, "schema", &error))?;
    for (number, row) in rows.enumerate() {
        let row = row.map_err(|error| malformed(file, &format!("row {number}"), &error))?;
        match row.into_columns().into_iter().next().map(|(_, field)| field) {
            Some(Field::Str(text)) => push(text.into_bytes())?,
            Some(Field::Bytes(bytes)) => push(bytes.data().to_vec())?,
            Some(Field::Null) | None => {}
            Some(other) => {
                return Err(Error::Data {
                    file: file.to_owned(),
                    place: format!("row {number}"),
                    reason: format!("`{column}` is not a text but {other}"),
                    hint: "name a column of text with `field:` of the data set".into(),
                });
            }
        }
    }
    Ok(())
}

/// A file beyond whose end nothing can be read: the library skips as much as a header says, for ever if the end is no error, and makes room for it.
struct Bounded(File);

/// See [`Bounded`].
struct BoundedRead(BufReader<File>);

impl Length for Bounded {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Bounded {
    type T = BoundedRead;

    fn get_read(&self, start: u64) -> Result<BoundedRead, ParquetError> {
        self.0.get_read(start).map(BoundedRead)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if start.saturating_add(length as u64) > self.len() {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of {}", self.len())));
        }
        self.0.get_bytes(start, length)
    }
}

impl Read for BoundedRead {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

/// Refuses a dictionary that says it has more values than its bytes can hold: the library makes room for as many as it says.
fn check_dictionaries(reader: &SerializedFileReader<Bounded>, column: &str) -> Result<(), ParquetError> {
    let leaves = reader.metadata().file_metadata().schema_descr().columns();
    let Some(leaf) = leaves.iter().position(|leaf| leaf.path().parts() == [column]) else { return Ok(()) };
    for group in 0..reader.num_row_groups() {
        let pages = reader.get_row_group(group)?.get_column_page_reader(leaf)?;
        // What else is wrong is said by reading.
        for page in pages.map_while(Result::ok) {
            if let Page::DictionaryPage { buf, num_values, .. } = page
                && buf.len() / LENGTH_BYTES < num_values as usize
            {
                return Err(ParquetError::General(format!("{num_values} values in {} bytes", buf.len())));
            }
        }
    }
    Ok(())
}

/// The schema with only the wanted column.
fn project(file: &Path, column: &str, schema: &Type) -> Result<Type> {
    let data_error = |reason: String| Error::Data {
        file: file.to_owned(),
        place: "schema".into(),
        reason,
        hint: "name a column of text with `field:` of the data set".into(),
    };
    let Some(found) = schema.get_fields().iter().find(|field| field.name() == column) else {
        let names: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).take(16).collect();
        return Err(data_error(format!("no column `{column}`; it has {}", names.join(", "))));
    };
    let info = found.get_basic_info();
    let text = found.is_primitive()
        && found.get_physical_type() == PhysicalType::BYTE_ARRAY
        && (matches!(info.logical_type_ref(), Some(LogicalType::String))
            || matches!(info.converted_type(), ConvertedType::UTF8 | ConvertedType::NONE));
    if !text {
        return Err(data_error(format!("column `{column}` is not a text")));
    }
    Type::group_type_builder(schema.name())
        .with_fields(vec![Arc::clone(found)])
        .build()
        .map_err(|error| malformed(file, "schema", &error))
}

fn malformed(file: &Path, place: &str, error: &ParquetError) -> Error {
    let text = error.to_string();
    let hint = if text.contains("feature") {
        "write the file with Snappy, gzip, LZ4 or no compression"
    } else {
        "write the file again with a current Parquet library"
    };
    Error::Data { file: file.to_owned(), place: place.into(), reason: text, hint: hint.into() }
}
