//! What a peer keeps on its disk, so that it can end at any instruction and begin again.
//!
//! ```text
//! DIR/results.redb               what running and tracing segments gave: a durable write each
//!     jobs/SPEC   states/ROOT    parcels whose bytes were compared with their names before they got them
//!     incoming/                  parcels that others have sent and nobody has looked at; of no value after a crash
//!     network/                   the transport's own
//! ```
//! A parcel is there whole or not at all, so that the names in a folder are the record of what is held.

use crate::records;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use samebit_commit::{DecodeError, Digest};
use samebit_dispute::{Amount, Seconds};
use samebit_market::Owner;
use samebit_roles::party::{Outline, Record};
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
            Record::Ran(piece, ran) => (RAN, piece, records::ran_bytes(ran)),
            Record::Traced(piece, opened) => (TRACED, piece, records::opened_bytes(opened)),
        };
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            transaction.open_table(table)?.insert(&records::piece_bytes(piece)[..], &value[..])?;
            Ok(transaction.commit()?)
        };
        write().map_err(|error| self.broken(&error))
    }

    /// Takes something from the disk, if it is there; with a job all that came of it.
    ///
    /// # Errors
    /// A disk that is broken.
    pub fn forget(&self, blob: Blob) -> Result<(), StoreError> {
        if let Blob::Job(spec) = blob {
            let write = || -> Result<(), redb::Error> {
                let transaction = self.database.begin_write()?;
                let [first, last] = records::pieces_of(spec);
                for table in [RAN, TRACED] {
                    transaction.open_table(table)?.retain_in(&first[..]..=&last[..], |_, _| false)?;
                }
                Ok(transaction.commit()?)
            };
            write().map_err(|error| self.broken(&error))?;
        }
        let path = self.shelf.path(blob);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::File { path, source })
            }
            _ => Ok(()),
        }
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
        let states = self.names("states")?;
        records.extend(states.iter().copied().map(Record::State));
        for (piece, value) in self.rows(RAN)? {
            let ran = records::read_ran(&value).map_err(|source| self.malformed(source))?;
            // Without the state it is as if it was not run.
            if states.binary_search(&ran.state).is_ok() {
                records.push(Record::Ran(piece, ran));
            }
        }
        for (piece, value) in self.rows(TRACED)? {
            let opened = records::read_opened(&value).map_err(|source| self.malformed(source))?;
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
            let piece = records::read_piece(&key).map_err(|source| self.malformed(source))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use samebit_dispute::Opened;
    use samebit_market::SegmentId;
    use samebit_roles::party::Ran;

    fn digest(byte: u8) -> Digest {
        Digest([byte; 32])
    }

    /// What a peer keeps of a segment of a job, with its state in a file.
    fn ran(store: &Store, spec: u8, segment: u64) -> [Record; 2] {
        let piece = Piece { spec: digest(spec), segment: SegmentId(segment), start: digest(spec ^ 1) };
        let ran = Ran { state: digest(0x80 | spec), leaves: vec![digest(9)] };
        let opened = Opened { state: ran.state, count: 1, steps_top: digest(9) };
        fs::write(store.shelf().path(Blob::State(ran.state)), b"words").expect("a file");
        let records = [Record::Ran(piece, ran), Record::Traced(piece, opened)];
        records.iter().for_each(|record| store.keep(record).expect("a disk"));
        records
    }

    #[test]
    fn what_came_of_one_job_is_forgotten_and_its_neighbours_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let neighbours = [ran(&store, 1, u64::MAX), ran(&store, 3, 0)].concat();
        for segment in [0, 7, u64::MAX] {
            ran(&store, 2, segment);
        }
        store.forget(Blob::State(digest(0x82))).expect("a disk");
        store.forget(Blob::Job(digest(2))).expect("a disk");
        store.forget(Blob::Job(digest(2))).expect("once more is nothing");
        let records = store.records().expect("they are read");
        let results = records.into_iter().filter(|record| !matches!(record, Record::State(_)));
        let by_kind = |record: &Record| matches!(record, Record::Traced(..));
        let (mut expected, mut held) = (neighbours, results.collect::<Vec<_>>());
        expected.sort_by_key(by_kind);
        held.sort_by_key(by_kind);
        assert_eq!(held, expected);
    }

    #[test]
    fn a_result_without_its_state_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let [_, traced] = ran(&store, 1, 0);
        fs::remove_file(store.shelf().path(Blob::State(digest(0x81)))).expect("a file");
        assert_eq!(store.records().expect("they are read"), [traced]);
    }
}
