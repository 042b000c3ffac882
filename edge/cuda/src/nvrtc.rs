//! NVIDIA's run-time compiler, loaded from where it is: it needs no card, so every kernel can be compiled on any machine.

use crate::source::{HEADERS, Source};
use crate::{Error, lint};
use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

/// Names the library, or the folder that holds it.
pub const VARIABLE: &str = "SAMEBIT_NVRTC";

/// Nothing may be fused, flushed or approximated.
const OPTIONS: [&str; 6] = [
    "--fmad=false",
    "--ftz=false",
    "--prec-div=true",
    "--prec-sqrt=true",
    "--std=c++17",
    "--ptxas-options=--verbose",
];

/// File names by which the library is looked for, the newest last.
const NAMES: [&str; 3] = ["libnvrtc.so", "libnvrtc.so.12", "libnvrtc.so.13"];

type Handle = *mut c_void;
// SAFETY: signatures of NVRTC's functions; a caller gives handles and pointers that are alive.
type SizeOf = unsafe extern "C" fn(Handle, *mut usize) -> c_int;
type TextOf = unsafe extern "C" fn(Handle, *mut c_char) -> c_int;

/// The loaded compiler.
#[derive(Debug)]
pub struct Nvrtc {
    library: Library,
}

/// A compiled source.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// PTX, as text.
    pub ptx: String,
    /// What the card runs.
    pub cubin: Vec<u8>,
    /// What each kernel takes of a multiprocessor.
    pub usage: Vec<Usage>,
    /// Where the assembler gave up something, such as products that it lets run one after the other.
    pub losses: Vec<String>,
}

/// Registers and memory of a kernel, as the assembler reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The kernel.
    pub kernel: String,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes that a thread spills to memory, stores and loads.
    pub spilled_bytes: u32,
    /// Bytes of shared memory of a block.
    pub shared_bytes: u32,
}

impl Nvrtc {
    /// The library that `SAMEBIT_NVRTC` names (a file, or a folder in or under which it lies), else the system's.
    ///
    /// # Errors
    /// If there is none.
    pub fn load() -> Result<Self, Error> {
        match std::env::var_os(VARIABLE) {
            Some(path) => Self::from_path(Path::new(&path)),
            None => NAMES
                .iter()
                .find_map(|name| Self::open(Path::new(name)).ok())
                .ok_or_else(|| Error::NoCompiler("not installed".to_owned())),
        }
    }

    /// The library in this file, or in or under this folder.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn from_path(path: &Path) -> Result<Self, Error> {
        if path.is_file() {
            return Self::open(path);
        }
        let folders = [
            PathBuf::new(),
            // Where PyPI's packages of CUDA 12 and 13 put it, under Python's folder of packages.
            PathBuf::from("nvidia/cuda_nvrtc/lib"),
            PathBuf::from("nvidia/cu13/lib"),
            PathBuf::from("lib"),
            PathBuf::from("lib64"),
        ];
        let candidates =
            folders.iter().flat_map(|folder| NAMES.iter().map(move |name| path.join(folder).join(name)));
        let file = candidates.rev().find(|file| file.is_file());
        Self::open(&file.ok_or_else(|| Error::NoCompiler(format!("no libnvrtc.so in {}", path.display())))?)
    }

    fn open(path: &Path) -> Result<Self, Error> {
        // SAFETY: the constructors of NVRTC have no preconditions.
        let library = unsafe { Library::new(path) };
        let library = library.map_err(|error| Error::NoCompiler(error.to_string()))?;
        Ok(Self { library })
    }

    /// The architectures that it knows, as 90 for sm_90.
    ///
    /// # Errors
    /// If it is older than the question.
    pub fn architectures(&self) -> Result<Vec<c_int>, Error> {
        // SAFETY: NVRTC's signatures; a caller gives room for what is written.
        type Get = unsafe extern "C" fn(*mut c_int) -> c_int;
        let mut count = 0;
        // SAFETY: the signatures are NVRTC's, and the second call writes as many numbers as the first announced.
        unsafe {
            self.symbol::<Get>(b"nvrtcGetNumSupportedArchs\0")?(&raw mut count);
            let mut known = vec![0; count.unsigned_abs() as usize];
            self.symbol::<Get>(b"nvrtcGetSupportedArchs\0")?(known.as_mut_ptr());
            Ok(known)
        }
    }

    /// Compiles and assembles for one architecture, `90a` for sm_90a; the assembler checks what is written in PTX by hand.
    ///
    /// # Errors
    /// With the compiler's messages.
    pub fn compile(&self, source: &Source, target: &str) -> Result<Compiled, Error> {
        let program = self.create(source)?;
        let result = self.compile_program(program, source, target);
        // SAFETY: NVRTC's signature; the caller gives a handle that is alive.
        type Destroy = unsafe extern "C" fn(*mut Handle) -> c_int;
        let mut program = program;
        // SAFETY: the signature is NVRTC's; the handle was made by it and is not used again.
        unsafe {
            let destroy = self.symbol::<Destroy>(b"nvrtcDestroyProgram\0")?;
            destroy(&raw mut program);
        }
        result
    }

    fn create(&self, source: &Source) -> Result<Handle, Error> {
        // SAFETY: NVRTC's signature; the caller gives strings that end in zero.
        type Create = unsafe extern "C" fn(
            *mut Handle,
            *const c_char,
            *const c_char,
            c_int,
            *const *const c_char,
            *const *const c_char,
        ) -> c_int;
        let c = |text: &str| CString::new(text).expect("a source has no zero byte");
        let (text, name) = (c(&source.text), c(&format!("{}.cu", source.name)));
        let names: Vec<CString> = HEADERS.iter().map(|(name, _)| c(name)).collect();
        let texts: Vec<CString> = HEADERS.iter().map(|(_, text)| c(text)).collect();
        let name_pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let text_pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let mut program: Handle = std::ptr::null_mut();
        // SAFETY: the signature is NVRTC's; all strings end in zero and outlive the call, which copies them.
        let status = unsafe {
            let create = self.symbol::<Create>(b"nvrtcCreateProgram\0")?;
            create(
                &raw mut program,
                text.as_ptr(),
                name.as_ptr(),
                HEADERS.len() as c_int,
                text_pointers.as_ptr(),
                name_pointers.as_ptr(),
            )
        };
        if status == 0 { Ok(program) } else { Err(compile_error(source, "?", format!("status {status}"))) }
    }

    fn compile_program(&self, program: Handle, source: &Source, target: &str) -> Result<Compiled, Error> {
        // SAFETY: NVRTC's signature; the caller gives a handle that is alive and strings that end in zero.
        type Compile = unsafe extern "C" fn(Handle, c_int, *const *const c_char) -> c_int;
        let architecture = format!("--gpu-architecture=sm_{target}");
        let options: Vec<CString> = std::iter::once(architecture.as_str())
            .chain(OPTIONS)
            .map(|option| CString::new(option).expect("an option has no zero byte"))
            .collect();
        let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        // SAFETY: the signature is NVRTC's, the handle is alive, the options outlive the call.
        let status = unsafe {
            let compile = self.symbol::<Compile>(b"nvrtcCompileProgram\0")?;
            compile(program, pointers.len() as c_int, pointers.as_ptr())
        };
        let log = self.text(program, b"nvrtcGetProgramLogSize\0", b"nvrtcGetProgramLog\0")?;
        let log = String::from_utf8_lossy(&log).trim_end_matches('\0').to_owned();
        if status != 0 {
            return Err(compile_error(source, target, log));
        }
        let ptx = self.text(program, b"nvrtcGetPTXSize\0", b"nvrtcGetPTX\0")?;
        let cubin = self.text(program, b"nvrtcGetCUBINSize\0", b"nvrtcGetCUBIN\0")?;
        let ptx = CStr::from_bytes_until_nul(&ptx).map(|text| text.to_string_lossy().into_owned());
        let ptx = ptx.map_err(|error| compile_error(source, target, error.to_string()))?;
        Ok(Compiled { ptx, cubin, usage: usage(&log), losses: losses(&log) })
    }

    fn text(&self, program: Handle, size: &[u8], get: &[u8]) -> Result<Vec<u8>, Error> {
        let mut length = 0usize;
        // SAFETY: the signatures are NVRTC's, the handle is alive, and the second call writes the bytes that the first announced.
        unsafe {
            let size = self.symbol::<SizeOf>(size)?;
            let get = self.symbol::<TextOf>(get)?;
            size(program, &raw mut length);
            let mut text = vec![0u8; length + 1];
            get(program, text.as_mut_ptr().cast());
            text.truncate(length);
            Ok(text)
        }
    }

    /// # Safety
    /// `T` is the function's signature.
    unsafe fn symbol<T: Copy>(&self, name: &[u8]) -> Result<T, Error> {
        // SAFETY: the caller vouches for the signature.
        let symbol = unsafe { self.library.get::<T>(name) };
        symbol.map(|symbol| *symbol).map_err(|error| Error::NoCompiler(error.to_string()))
    }
}

impl Compiled {
    /// Instructions of the PTX that do not fix their bits.
    pub fn findings(&self) -> Vec<lint::Finding> {
        lint::lint(&self.ptx)
    }
}

fn compile_error(source: &Source, target: &str, log: String) -> Error {
    Error::Compile { source_name: source.name.clone(), target: format!("sm_{target}"), log }
}

/// The lines by which the assembler says that it gave something up.
fn losses(log: &str) -> Vec<String> {
    log.lines().filter(|line| line.contains("Potential Performance Loss")).map(str::to_owned).collect()
}

/// Reads `ptxas info` lines.
fn usage(log: &str) -> Vec<Usage> {
    let mut found = Vec::new();
    let mut spilled = 0;
    let mut kernel = String::new();
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            kernel = rest.split('\'').next().unwrap_or_default().to_owned();
        } else if line.contains("bytes spill stores") {
            spilled = number_before(line, " bytes spill stores") + number_before(line, " bytes spill loads");
        } else if line.contains("Used ") && line.contains(" registers") {
            let shared_bytes = number_before(line, " bytes smem");
            let registers = number_before(line, " registers");
            found.push(Usage { kernel: kernel.clone(), registers, spilled_bytes: spilled, shared_bytes });
        }
    }
    found
}

/// The number that stands before `unit`; 0 if there is none.
fn number_before(line: &str, unit: &str) -> u32 {
    let before = line.split_once(unit).map_or("", |(before, _)| before);
    before.rsplit([' ', ',']).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assemblers_report_is_read() {
        let log = "ptxas info    : Compiling entry function 'product' for 'sm_80'\n\
                   ptxas info    : Function properties for product\n\
                       0 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n\
                   ptxas info    : Used 168 registers, used 1 barriers, 16896 bytes smem, 452 bytes cmem[0]\n";
        assert!(losses(log).is_empty());
        let expected =
            Usage { kernel: "product".to_owned(), registers: 168, spilled_bytes: 20, shared_bytes: 16896 };
        assert_eq!(usage(log), [expected]);
    }

    #[test]
    fn products_that_are_serialised_are_a_loss() {
        let line = "ptxas info    : (C7511) Potential Performance Loss: wgmma.mma_async instructions are serialized due to \
                    insufficient register resources for the wgmma pipeline in the function 'exact_product'";
        assert_eq!(losses(&format!("ptxas info    : 0 bytes gmem\n{line}\n")), [line]);
    }
}
