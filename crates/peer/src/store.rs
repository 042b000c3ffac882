//! What a peer keeps on its disk, so that it can end at any instruction and begin again.
//!
//! ```text
//! DIR/results.redb               what running and tracing segments gave: a durable write each
//!     jobs/SPEC   states/ROOT    parcels whose bytes were compared with their names before they got them
//!     incoming/                  parcels that others have sent and nobody has looked at; of no value after a crash
//!     network/                   the transport's own
//! ```
//! A parcel is there whole or not at all, so that the names in a folder are the record of what is held.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use samebit_commit::{Canonical, DecodeError, Decoder, Digest, Encoder};
use samebit_dispute::{Amount, Opened, Seconds};
use samebit_market::{Owner, SegmentId};
use samebit_roles::party::{Outline, Ran, Record};
use samebit_roles::{Blob, Piece, Terms, question};
use samebit_trace::{Job, parcel};
use std::fs;
use std::path::{Path, PathBuf};

/// Results of running segments, by piece.
const RAN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("ran");
/// Results of tracing them.
const TRACED: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("traced");
/// What was done once for all, by name.
const DONE: TableDefinition<'_, &str, ()> = TableDefinition::new("done");
/// The name of having paid in what it takes to take part.
const ENROLLED: &str = "enrolled";
/// Steps of a segment (job.md §9).
const LEAVES_LIMIT: u32 = samebit_market::params::SEGMENT_STEPS_LIMIT as u32;

/// Key and value.
type Row = (Vec<u8>, Vec<u8>);

/// Why the disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The database.
    #[error("{}: {detail}; hint: another process may use it", path.display())]
    Database {
        /// Its file.
        path: PathBuf,
        /// What it said.
        detail: String,
    },
    /// A record that this version has not written.
    #[error("{}: a record is malformed: {source}", path.display())]
    Record {
        /// The database's file.
        path: PathBuf,
        /// What is wrong.
        source: DecodeError,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Store {
    shelf: Shelf,
    database: Database,
}

/// Where parcels are.
#[derive(Clone, Debug)]
pub struct Shelf(PathBuf);

impl Shelf {
    /// The shelf of a folder; nothing is touched.
    pub fn at(folder: &Path) -> Shelf {
        Shelf(folder.to_owned())
    }

    /// Where a parcel is, if it is held.
    pub fn path(&self, blob: Blob) -> PathBuf {
        match blob {
            Blob::Job(spec) => self.0.join("jobs").join(spec.to_string()),
            Blob::State(root) => self.0.join("states").join(root.to_string()),
        }
    }

    /// Where what somebody has sent lies until it is looked at.
    pub fn incoming(&self, blob: Blob, from: Owner) -> PathBuf {
        let (kind, name) = match blob {
            Blob::Job(spec) => ("job", spec),
            Blob::State(root) => ("state", root),
        };
        self.0.join("incoming").join(format!("{kind}-{name}-{from}"))
    }

    /// The transport's folder.
    pub fn network(&self) -> PathBuf {
        self.0.join("network")
    }

    /// Gives what was looked at its place.
    ///
    /// # Errors
    /// A file that cannot be moved.
    pub fn accept(&self, blob: Blob, from: Owner) -> Result<(), StoreError> {
        let (incoming, path) = (self.incoming(blob, from), self.path(blob));
        let file = |error| StoreError::File { path: path.clone(), source: error };
        fs::File::open(&incoming).and_then(|file| file.sync_all()).map_err(file)?;
        fs::rename(&incoming, &path).map_err(file)?;
        let folder = path.parent().expect("a folder's");
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(file)
    }
}

impl Store {
    /// The store in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// A folder or database that cannot be used.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        for name in ["jobs", "states", "incoming", "network"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(|source| StoreError::File { path, source })?;
        }
        // Nobody has looked at what lies there, and nobody will.
        let incoming = folder.join("incoming");
        let file = |source| StoreError::File { path: incoming.clone(), source };
        for entry in fs::read_dir(&incoming).map_err(file)? {
            entry.and_then(|entry| fs::remove_file(entry.path())).map_err(file)?;
        }
        let path = folder.join("results.redb");
        let database = Database::create(&path)
            .map_err(|error| StoreError::Database { path, detail: error.to_string() })?;
        Ok(Store { shelf: Shelf(folder.to_owned()), database })
    }

    /// Where parcels are.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Keeps a record: when this returns it is on the disk. A parcel is its own record.
    ///
    /// # Errors
    /// A disk that is full or broken.
    pub fn keep(&self, record: &Record) -> Result<(), StoreError> {
        let (table, piece, value) = match record {
            Record::State(_) | Record::Job(..) => return Ok(()),
            Record::Ran(piece, ran) => (RAN, piece, ran_bytes(ran)),
            Record::Traced(piece, opened) => (TRACED, piece, opened_bytes(opened)),
        };
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.open_table(table)?.insert(&piece_bytes(piece)[..], &value[..])?;
            Ok(transaction.commit()?)
        };
        write().map_err(|error| self.broken(&error))
    }

    /// Keeps that the peer has paid in what it takes to take part, once for all.
    ///
    /// # Errors
    /// A disk that is full or broken.
    pub fn keep_enrolled(&self) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.open_table(DONE)?.insert(ENROLLED, ())?;
            Ok(transaction.commit()?)
        };
        write().map_err(|error| self.broken(&error))
    }

    /// Whether it has.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn is_enrolled(&self) -> Result<bool, StoreError> {
        let read = || -> Result<bool, redb::Error> {
            match self.database.begin_read()?.open_table(DONE) {
                Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
                table => Ok(table?.get(ENROLLED)?.is_some()),
            }
        };
        read().map_err(|error| self.broken(&error))
    }

    /// All that is kept.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn records(&self) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for spec in self.names("jobs")? {
            match parcel::read_job(&self.shelf.path(Blob::Job(spec)), spec) {
                Ok(job) => records.push(Record::Job(spec, Box::new(outline(&job)))),
                // It is as if it was not held: it is fetched again if somebody wants it.
                Err(error) => tracing::warn!(%error, "a job cannot be read"),
            }
        }
        records.extend(self.names("states")?.into_iter().map(Record::State));
        for (piece, value) in self.rows(RAN)? {
            let ran = decode(&value, decode_ran).map_err(|source| self.malformed(source))?;
            records.push(Record::Ran(piece, ran));
        }
        for (piece, value) in self.rows(TRACED)? {
            let opened = decode(&value, decode_opened).map_err(|source| self.malformed(source))?;
            records.push(Record::Traced(piece, opened));
        }
        Ok(records)
    }

    /// The digests that files of a folder are named by.
    fn names(&self, folder: &str) -> Result<Vec<Digest>, StoreError> {
        let path = self.shelf.0.join(folder);
        let entries = fs::read_dir(&path).map_err(|source| StoreError::File { path, source })?;
        let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
        let mut names: Vec<Digest> = entries.filter_map(name).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn rows(
        &self,
        table: TableDefinition<'_, &'static [u8], &'static [u8]>,
    ) -> Result<Vec<(Piece, Vec<u8>)>, StoreError> {
        let read = || -> Result<Vec<Row>, redb::Error> {
            let transaction = self.database.begin_read()?;
            let table = match transaction.open_table(table) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            let mut rows = Vec::new();
            for row in table.iter()? {
                let (key, value) = row?;
                rows.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(rows)
        };
        let rows = read().map_err(|error| self.broken(&error))?;
        let row = |(key, value): Row| {
            let piece = decode(&key, decode_piece).map_err(|source| self.malformed(source))?;
            Ok((piece, value))
        };
        rows.into_iter().map(row).collect()
    }

    fn database_path(&self) -> PathBuf {
        self.shelf.0.join("results.redb")
    }

    fn broken(&self, error: &redb::Error) -> StoreError {
        StoreError::Database { path: self.database_path(), detail: error.to_string() }
    }

    fn malformed(&self, source: DecodeError) -> StoreError {
        StoreError::Record { path: self.database_path(), source }
    }
}

/// All of a job that questions are made of.
pub fn outline(job: &Job) -> Outline {
    let none = Terms { bond: Amount(0), entry: Seconds(0), clock: Seconds(0), extension: Seconds(0) };
    let (question, header) = question(job, 0, job.spec.initial_state, none);
    Outline { question, header, state_bytes: parcel::state_bytes(&job.program) }
}

fn decode<T>(
    bytes: &[u8],
    read: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let value = read(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}

fn piece_bytes(piece: &Piece) -> Vec<u8> {
    let mut encoder = Encoder::new();
    piece.spec.encode(&mut encoder);
    encoder.u64(piece.segment.0);
    piece.start.encode(&mut encoder);
    encoder.into_bytes()
}

fn decode_piece(decoder: &mut Decoder<'_>) -> Result<Piece, DecodeError> {
    let (spec, segment) = (Digest::decode(decoder)?, SegmentId(decoder.u64("segment")?));
    Ok(Piece { spec, segment, start: Digest::decode(decoder)? })
}

fn ran_bytes(ran: &Ran) -> Vec<u8> {
    let mut encoder = Encoder::new();
    ran.state.encode(&mut encoder);
    encoder.list(&ran.leaves, |encoder, leaf| leaf.encode(encoder));
    encoder.into_bytes()
}

fn decode_ran(decoder: &mut Decoder<'_>) -> Result<Ran, DecodeError> {
    let state = Digest::decode(decoder)?;
    Ok(Ran { state, leaves: decoder.list("leaves", LEAVES_LIMIT, Digest::decode)? })
}

fn opened_bytes(opened: &Opened) -> Vec<u8> {
    let mut encoder = Encoder::new();
    opened.state.encode(&mut encoder);
    encoder.u64(opened.count);
    opened.steps_top.encode(&mut encoder);
    encoder.into_bytes()
}

fn decode_opened(decoder: &mut Decoder<'_>) -> Result<Opened, DecodeError> {
    let (state, count) = (Digest::decode(decoder)?, decoder.u64("steps")?);
    Ok(Opened { state, count, steps_top: Digest::decode(decoder)? })
}
