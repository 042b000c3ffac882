//! What runs kernels: a card, or the emulator. Every launch of this crate is written against this seam, so that what the emulator
//! tests is what a card will be told.

use crate::exact::Instruction;
use crate::{Error, Source};
use std::sync::Arc;

/// A parameter of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// An address in the machine's memory, 0 for none.
    Address(u64),
    /// 64 bits.
    Long(u64),
    /// 32 bits.
    Word(u32),
    /// A structure of 64-bit fields.
    Longs(Vec<u64>),
}

/// A kernel to be run.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The text that the kernel is in; machines compile each text once.
    pub source: &'a Source,
    /// The kernel's name.
    pub kernel: &'a str,
    /// Blocks of threads in each direction.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub threads: u32,
    /// Bytes of shared memory that a block gets beside what the kernel declares.
    pub shared_bytes: u32,
    /// The parameters, in order.
    pub arguments: &'a [Argument],
}

/// A machine that runs kernels, one after the other.
pub trait Machine: Send + Sync {
    /// Its name, for people.
    fn describe(&self) -> String;

    /// Multiprocessors: blocks of threads that are needed before all of it works.
    fn multiprocessors(&self) -> u32;

    /// The instructions that multiply bytes, best first: at least one.
    fn instructions(&self) -> &[Instruction];

    /// Memory of so many bytes, all 0, at a multiple of 16.
    ///
    /// # Errors
    /// If there is no room.
    fn allocate(&self, bytes: usize) -> Result<u64, Error>;

    /// Gives memory back.
    fn free(&self, address: u64, bytes: usize);

    /// Copies words to the machine.
    ///
    /// # Errors
    /// The driver's.
    fn write(&self, address: u64, words: &[u32]) -> Result<(), Error>;

    /// Copies words from the machine, after everything launched before.
    ///
    /// # Errors
    /// The driver's, of earlier launches too.
    fn read(&self, address: u64, words: &mut [u32]) -> Result<(), Error>;

    /// Runs a kernel, or puts it behind those under way.
    ///
    /// # Errors
    /// If it does not compile or cannot be launched.
    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error>;

    /// Waits for everything launched.
    ///
    /// # Errors
    /// What went wrong in it.
    fn synchronize(&self) -> Result<(), Error>;
}

/// Memory of a machine, given back when dropped.
pub struct Memory {
    machine: Arc<dyn Machine>,
    address: u64,
    words: usize,
}

impl Memory {
    /// Room for `words` words, all 0.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(machine: &Arc<dyn Machine>, words: usize) -> Result<Self, Error> {
        let address = machine.allocate(4 * words)?;
        Ok(Self { machine: machine.clone(), address, words })
    }

    /// Room that holds these words.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(machine: &Arc<dyn Machine>, words: &[u32]) -> Result<Self, Error> {
        let memory = Self::new(machine, words.len())?;
        machine.write(memory.address, words)?;
        Ok(memory)
    }

    /// Its first word's address.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// As an argument.
    pub fn argument(&self) -> Argument {
        Argument::Address(self.address)
    }

    /// Its length in words.
    pub fn len(&self) -> usize {
        self.words
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.words == 0
    }

    /// Copies words into it from word `at`.
    ///
    /// # Errors
    /// The driver's.
    ///
    /// # Panics
    /// If they do not fit.
    pub fn write(&self, at: usize, words: &[u32]) -> Result<(), Error> {
        assert!(at + words.len() <= self.words, "{} words from {at} into {}", words.len(), self.words);
        self.machine.write(self.address + 4 * at as u64, words)
    }

    /// Copies its words from word `at`.
    ///
    /// # Errors
    /// The driver's.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn read(&self, at: usize, words: &mut [u32]) -> Result<(), Error> {
        assert!(at + words.len() <= self.words, "{} words from {at} of {}", words.len(), self.words);
        self.machine.read(self.address + 4 * at as u64, words)
    }

    /// All its words.
    ///
    /// # Errors
    /// The driver's.
    pub fn words(&self) -> Result<Vec<u32>, Error> {
        let mut words = vec![0; self.words];
        self.read(0, &mut words)?;
        Ok(words)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.machine.free(self.address, 4 * self.words);
    }
}

impl Argument {
    /// The bytes of the parameter, in whole 64-bit words.
    pub(crate) fn longs(&self) -> Vec<u64> {
        match self {
            Argument::Address(value) | Argument::Long(value) => vec![*value],
            Argument::Word(value) => vec![u64::from(*value)],
            Argument::Longs(values) => values.clone(),
        }
    }
}

/// Checks a launch that both machines must refuse.
pub(crate) fn check(launch: &Launch<'_>) {
    assert!(
        launch.source.kernels.iter().any(|kernel| kernel == launch.kernel),
        "{} has no kernel {}",
        launch.source.name,
        launch.kernel
    );
    let [x, y, z] = launch.grid;
    assert!(x > 0 && y > 0 && z > 0, "{}: a grid of {x} × {y} × {z} blocks", launch.kernel);
    assert!(x < 1 << 31 && y < 1 << 16 && z < 1 << 16, "{}: a grid of {x} × {y} × {z} blocks", launch.kernel);
    assert!((1..=1024).contains(&launch.threads), "{}: {} threads", launch.kernel, launch.threads);
}
