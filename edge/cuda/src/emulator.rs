//! A machine on the host that runs the text of kernels: `host/emulator.h` and the host's C++ compiler.
//!
//! It is slow and has nothing to do with a card's speed. It proves what the text computes, for the block and thread structure that
//! a card has; it cannot prove what NVIDIA's compiler makes of the text.

use crate::exact::Instruction;
use crate::machine::{Launch, Machine, check};
use crate::source::{EMULATOR_HEADERS, HEADERS};
use crate::{Error, Source};
use libloading::Library;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_void};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The order in which threads run between two barriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From thread 0 on.
    Rising,
    /// From the last thread down.
    Falling,
    /// Another order between any two barriers.
    Shuffled(u32),
}

impl Order {
    fn number(self) -> u32 {
        match self {
            Order::Rising => 0,
            Order::Falling => 1,
            Order::Shuffled(seed) => 2 + (seed & 0x7fff_ffff),
        }
    }
}

/// What the compiler is told; a product and a sum stay apart, and jumps between fibers are not taken for errors.
const OPTIONS: [&str; 12] = [
    "-x",
    "c++",
    "-std=c++17",
    "-O2",
    "-march=native",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-U_FORTIFY_SOURCE",
    "-Wno-unknown-pragmas",
    "-shared",
    "-fPIC",
    "-o",
];

/// Bytes of a page of memory that nothing may touch, after each piece of memory.
const GUARD_BYTES: usize = 1 << 16;

/// Held while a block runs: a library is loaded once in a process, however many emulators use it, and runs one block at a time.
static TURN: Mutex<()> = Mutex::new(());

/// The emulator.
pub struct Emulator {
    folder: PathBuf,
    order: Order,
    libraries: Mutex<BTreeMap<String, Library>>,
    multiprocessors: u32,
}

/// What a launch calls. SAFETY: the caller gives the kernel's parameters, each at its pointer.
type Entry = unsafe extern "C" fn(*mut *mut c_void, *const u32, u32, usize, u32) -> *const c_char;

impl Emulator {
    /// An emulator that keeps what it compiles in `folder`.
    ///
    /// # Errors
    /// If there is no C++ compiler or the folder cannot be written.
    pub fn new(folder: &Path, order: Order) -> Result<Self, Error> {
        let folder = folder.to_owned();
        std::fs::create_dir_all(&folder)?;
        for (name, text) in HEADERS.into_iter().chain(EMULATOR_HEADERS) {
            replace(&folder.join(name), text)?;
        }
        let output = Command::new(compiler()).arg("--version").output();
        let reason = match output {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(output.status.to_string()),
            Err(error) => Some(error.to_string()),
        };
        match reason {
            Some(reason) => Err(Error::NoHostCompiler { compiler: compiler(), reason }),
            None => Ok(Self { folder, order, libraries: Mutex::default(), multiprocessors: 4 }),
        }
    }

    fn compile(&self, source: &Source) -> Result<Library, Error> {
        let mut text = format!("{}\n", source.text);
        for kernel in &source.kernels {
            writeln!(
                text,
                "extern \"C\" const char* samebit_launch_{kernel}(void** arguments, const unsigned* grid, unsigned threads, size_t shared, unsigned order) {{\n\
                 \x20   return emulator::launch({kernel}, arguments, grid, threads, shared, order);\n}}"
            )
            .expect("writing to a string succeeds");
        }
        let headers: String = HEADERS.iter().chain(&EMULATOR_HEADERS).map(|(_, text)| *text).collect();
        let digest = Sha256::digest(format!("{}{headers}{text}", OPTIONS.join(" ")));
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let library = self.folder.join(format!("{}-{digest}.so", source.name));
        if !library.exists() {
            self.build(source, &text, &library)?;
        }
        // SAFETY: the library was made from a kernel's text, whose static initialisers have no preconditions.
        let loaded = unsafe { Library::new(&library) };
        loaded
            .map_err(|error| Error::Driver { what: library.display().to_string(), reason: error.to_string() })
    }

    fn build(&self, source: &Source, text: &str, library: &Path) -> Result<(), Error> {
        let file = library.with_extension("cpp");
        replace(&file, text)?;
        let unfinished = unfinished(library);
        let mut command = Command::new(compiler());
        command.args(OPTIONS).arg(&unfinished).arg("-I").arg(&self.folder).arg(&file).arg("-lm");
        let output = command.output()?;
        if !output.status.success() {
            return Err(Error::Compile {
                source_name: source.name.clone(),
                target: "the host".to_owned(),
                log: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        Ok(std::fs::rename(&unfinished, library)?)
    }
}

/// The host's C++ compiler.
fn compiler() -> String {
    std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned())
}

/// A name beside `path` that no other thread or process uses.
fn unfinished(path: &Path) -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    path.with_extension(format!("{}-{thread}.unfinished", std::process::id()))
}

/// Writes a file as a whole, whatever others write at the same time.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let unfinished = unfinished(path);
    std::fs::write(&unfinished, text)?;
    Ok(std::fs::rename(&unfinished, path)?)
}

/// Bytes mapped for memory of `bytes` bytes: whole pages, and the guard behind them.
fn mapped(bytes: usize) -> usize {
    bytes.next_multiple_of(GUARD_BYTES) + GUARD_BYTES
}

/// Where memory of `bytes` bytes begins in its mapping: it ends, up to 15 bytes, where the guard begins.
fn offset(bytes: usize) -> usize {
    bytes.next_multiple_of(GUARD_BYTES) - bytes.next_multiple_of(16)
}

impl Machine for Emulator {
    fn describe(&self) -> String {
        format!("emulator on the host, {:?}", self.order)
    }

    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn instructions(&self) -> &[Instruction] {
        &[Instruction::Wgmma, Instruction::Mma]
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Error> {
        let length = mapped(bytes);
        // SAFETY: an anonymous mapping at an address of the system's choice touches nothing that exists.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(Error::OutOfMemory { device: self.describe(), words: bytes / 4 });
        }
        let base = base as usize;
        // SAFETY: the last GUARD_BYTES of the mapping that was just made.
        let status = unsafe {
            libc::mprotect((base + length - GUARD_BYTES) as *mut c_void, GUARD_BYTES, libc::PROT_NONE)
        };
        assert_eq!(status, 0, "a guard behind {bytes} bytes");
        Ok((base + offset(bytes)) as u64)
    }

    fn free(&self, address: u64, bytes: usize) {
        let base = address as usize - offset(bytes);
        // SAFETY: `allocate` made this mapping for as many bytes, and nothing uses it any more.
        let status = unsafe { libc::munmap(base as *mut c_void, mapped(bytes)) };
        assert_eq!(status, 0, "unmapping {bytes} bytes");
    }

    fn write(&self, address: u64, words: &[u32]) -> Result<(), Error> {
        // SAFETY: callers (`Memory`) give addresses within memory of this machine with room for the words.
        unsafe { std::ptr::copy_nonoverlapping(words.as_ptr(), address as *mut u32, words.len()) };
        Ok(())
    }

    fn read(&self, address: u64, words: &mut [u32]) -> Result<(), Error> {
        // SAFETY: as for `write`.
        unsafe { std::ptr::copy_nonoverlapping(address as *const u32, words.as_mut_ptr(), words.len()) };
        Ok(())
    }

    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error> {
        check(launch);
        let mut libraries = self.libraries.lock().unwrap_or_else(PoisonError::into_inner);
        let key: &str = &launch.source.text;
        if !libraries.contains_key(key) {
            libraries.insert(key.to_owned(), self.compile(launch.source)?);
        }
        let symbol = format!("samebit_launch_{}", launch.kernel);
        let mut parameters: Vec<Vec<u64>> =
            launch.arguments.iter().map(super::machine::Argument::longs).collect();
        let mut pointers: Vec<*mut c_void> =
            parameters.iter_mut().map(|longs| longs.as_mut_ptr().cast()).collect();
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the entry was generated with this signature; the parameters are those of the kernel, each in its own 64-bit words;
        // nobody else is in the library, so that its message, if any, stays as it is.
        unsafe {
            let entry = libraries[key].get::<Entry>(symbol.as_bytes());
            let entry = entry.map_err(|error| Error::Driver { what: symbol, reason: error.to_string() })?;
            let grid = launch.grid.as_ptr();
            let shared_bytes = launch.shared_bytes as usize;
            let refusal =
                entry(pointers.as_mut_ptr(), grid, launch.threads, shared_bytes, self.order.number());
            if refusal.is_null() {
                return Ok(());
            }
            let reason = CStr::from_ptr(refusal).to_string_lossy().into_owned();
            Err(Error::Driver { what: launch.kernel.to_owned(), reason })
        }
    }

    fn synchronize(&self) -> Result<(), Error> {
        Ok(())
    }
}
