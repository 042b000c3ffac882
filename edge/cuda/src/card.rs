//! A card, through the driver. The driver's library is looked for when a card is asked for, never before.

use crate::exact::{Instruction, allowed};
use crate::machine::{Launch, Machine, check};
use crate::nvrtc::Nvrtc;
use crate::source::instructions;
use crate::{Error, Source};
use cudarc::driver::sys::CUdevice_attribute as Attribute;
use cudarc::driver::sys::CUfunction_attribute_enum as Limit;
use cudarc::driver::{result, sys};
use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::sync::{Mutex, PoisonError};

/// Architectures of systems on a chip, whose code cards do not run.
const ON_CHIP: [i32; 3] = [72, 87, 101];

/// Whether there is a driver on this machine. Loads nothing that was not loaded.
pub fn is_present() -> bool {
    // SAFETY: it opens the driver's library and closes it again.
    unsafe { sys::is_culib_present() }
}

/// A card's primary context, its default stream, and the modules compiled for it.
pub struct Card {
    name: String,
    target: String,
    capability: (i32, i32),
    multiprocessors: u32,
    instructions: Vec<Instruction>,
    device: sys::CUdevice,
    context: sys::CUcontext,
    compiler: Nvrtc,
    modules: Mutex<BTreeMap<String, Module>>,
    /// Memory that was given back, by its bytes: steps ask for the same sizes again, and the driver waits for the card when it gives
    /// or takes memory.
    free: Mutex<BTreeMap<usize, Vec<u64>>>,
}

#[derive(Clone, Copy)]
struct Module(sys::CUmodule);

// SAFETY: handles of the driver may be used from any thread; `bind` makes the context current in the one that calls.
unsafe impl Send for Card {}
// SAFETY: as above; the modules are behind a lock.
unsafe impl Sync for Card {}
// SAFETY: as above.
unsafe impl Send for Module {}

/// A time on the card's clock.
pub struct Event(sys::CUevent);

impl Card {
    /// Card `ordinal` of this machine, from 0.
    ///
    /// # Errors
    /// If there is no driver, no such card, or no NVRTC to compile kernels with.
    pub fn new(ordinal: usize) -> Result<Self, Error> {
        if !is_present() {
            return Err(Error::NoDriver("libcuda cannot be loaded".to_owned()));
        }
        result::init().map_err(|error| Error::NoDriver(format!("{error:?}")))?;
        let no_card = |error: result::DriverError| Error::NoCard { ordinal, reason: format!("{error:?}") };
        let device = result::device::get(i32::try_from(ordinal).unwrap_or(i32::MAX)).map_err(no_card)?;
        let name = result::device::get_name(device).map_err(no_card)?;
        let attribute = |which: Attribute| {
            // SAFETY: the device is one that the driver gave.
            unsafe { result::device::get_attribute(device, which) }.map_err(no_card)
        };
        let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        let compiler = Nvrtc::load()?;
        let target = target(&compiler.architectures()?, (major, minor))?;
        // SAFETY: the device is one that the driver gave; the context is released when the card is dropped.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(no_card)?;
        Ok(Self {
            name,
            instructions: allowed(instructions(&target))?,
            target,
            capability: (major, minor),
            multiprocessors: multiprocessors.unsigned_abs(),
            device,
            context,
            compiler,
            modules: Mutex::default(),
            free: Mutex::default(),
        })
    }

    /// The architecture that kernels are compiled for, as in `sm_90a`.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Bytes free and bytes in all.
    ///
    /// # Errors
    /// The driver's.
    pub fn memory(&self) -> Result<(usize, usize), Error> {
        self.bind()?;
        result::mem_get_info().map_err(|error| driver("cuMemGetInfo", error))
    }

    /// Bytes a second that the memory gives at most, by its clock and width.
    ///
    /// # Errors
    /// The driver's.
    pub fn bandwidth(&self) -> Result<f64, Error> {
        let kilohertz = self.attribute(Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE)?;
        let bits = self.attribute(Attribute::CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH)?;
        // Two words for each beat of the clock.
        Ok(2e3 * kilohertz * bits / 8.0)
    }

    /// Binary32 multiply-adds a second at the clock's highest.
    ///
    /// # Errors
    /// The driver's.
    pub fn float_rate(&self) -> Result<f64, Error> {
        let per_cycle = if matches!(self.capability, (7, 5) | (8, 0)) { 64.0 } else { 128.0 };
        Ok(per_cycle * self.cycles()?)
    }

    /// Multiply-adds of bytes a second on the tensor cores, without sparsity, at the clock's highest; from the published rates of
    /// each architecture.
    ///
    /// # Errors
    /// The driver's.
    pub fn byte_rate(&self) -> Result<f64, Error> {
        let per_cycle = match self.capability {
            (8, 0) => 2048.0,
            (9, 0) => 4096.0,
            (10, 0) => 8192.0,
            // Blackwell Ultra keeps little of it: 0.165 · 10^15 a second in the data sheet, both operations counted.
            (10, _) => 256.0,
            _ => 1024.0,
        };
        Ok(per_cycle * self.cycles()?)
    }

    /// Cycles a second of all multiprocessors together.
    fn cycles(&self) -> Result<f64, Error> {
        let kilohertz = self.attribute(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)?;
        Ok(1e3 * kilohertz * f64::from(self.multiprocessors))
    }

    fn attribute(&self, which: Attribute) -> Result<f64, Error> {
        // SAFETY: the device is one that the driver gave.
        let value = unsafe { result::device::get_attribute(self.device, which) };
        value.map(f64::from).map_err(|error| driver("cuDeviceGetAttribute", error))
    }

    /// Marks where the stream is.
    ///
    /// # Errors
    /// The driver's.
    pub fn event(&self) -> Result<Event, Error> {
        self.bind()?;
        let flags = sys::CUevent_flags::CU_EVENT_DEFAULT;
        let event = result::event::create(flags).map_err(|error| driver("cuEventCreate", error))?;
        // SAFETY: the event was just made; the null stream is the context's default one.
        unsafe { result::event::record(event, std::ptr::null_mut()) }
            .map_err(|error| driver("cuEventRecord", error))?;
        Ok(Event(event))
    }

    /// Seconds from one event to a later one, after both have happened.
    ///
    /// # Errors
    /// The driver's.
    pub fn seconds(&self, from: &Event, to: &Event) -> Result<f64, Error> {
        self.synchronize()?;
        // SAFETY: both events were recorded on the same stream and still exist.
        let milliseconds = unsafe { result::event::elapsed(from.0, to.0) };
        Ok(f64::from(milliseconds.map_err(|error| driver("cuEventElapsedTime", error))?) / 1e3)
    }

    fn bind(&self) -> Result<(), Error> {
        // SAFETY: the context is retained as long as the card exists.
        unsafe { result::ctx::set_current(self.context) }.map_err(|error| driver("cuCtxSetCurrent", error))
    }

    /// Memory that was given back.
    fn take(&self, bytes: usize) -> Option<u64> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&bytes)?.pop()
    }

    /// Memory from the driver; if it has none, what was given back goes to it first.
    fn fetch(&self, bytes: usize) -> Result<u64, Error> {
        // SAFETY: memory of the context, set to 0 by the caller; addresses in the list are used by nobody.
        unsafe {
            result::malloc_sync(bytes).or_else(|_| {
                let free = std::mem::take(&mut *self.free.lock().unwrap_or_else(PoisonError::into_inner));
                free.into_values().flatten().try_for_each(|address| result::free_sync(address))?;
                result::malloc_sync(bytes)
            })
        }
        .map_err(|_| Error::OutOfMemory { device: self.describe(), words: bytes / 4 })
    }

    fn function(&self, source: &Source, kernel: &str) -> Result<sys::CUfunction, Error> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let key: &str = &source.text;
        if !modules.contains_key(key) {
            let compiled = self.compiler.compile(source, &self.target)?;
            // SAFETY: the image is a whole cubin, as the assembler made it.
            let module = unsafe { result::module::load_data(compiled.cubin.as_ptr().cast()) };
            let module = module.map_err(|error| driver(&source.name, error))?;
            modules.insert(key.to_owned(), Module(module));
        }
        let name = CString::new(kernel).expect("a kernel's name has no zero byte");
        // SAFETY: modules are unloaded with the context only.
        unsafe { result::module::get_function(modules[key].0, name) }.map_err(|error| driver(kernel, error))
    }
}

/// Bytes that memory of `bytes` bytes takes.
fn room(bytes: usize) -> usize {
    bytes.max(4).next_multiple_of(16)
}

/// What kernels are compiled for: the card's own architecture, or the newest before it whose code it runs. `known`: what the compiler
/// knows, as 90 for sm_90.
fn target(known: &[i32], (major, minor): (i32, i32)) -> Result<String, Error> {
    let own = 10 * major + minor;
    let runs = |&&arch: &&i32| arch == own || arch / 10 == major && arch < own && !ON_CHIP.contains(&arch);
    match known.iter().filter(runs).max() {
        // Hopper's own instructions need its own architecture; no other card runs its code.
        Some(90) => Ok("90a".to_owned()),
        Some(arch) => Ok(arch.to_string()),
        None => Err(Error::UnknownCard { major, minor }),
    }
}

fn driver(what: &str, error: result::DriverError) -> Error {
    Error::Driver { what: what.to_owned(), reason: format!("{error:?}") }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event exists and is not used again; a failure leaves it to the context.
        let _ = unsafe { result::event::destroy(self.0) };
    }
}

impl Machine for Card {
    fn describe(&self) -> String {
        format!("{} (sm_{})", self.name, self.target)
    }

    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Error> {
        self.bind()?;
        let bytes = room(bytes);
        let address = match self.take(bytes) {
            Some(address) => address,
            None => self.fetch(bytes)?,
        };
        // SAFETY: memory of the context that nobody else has; launches on the same stream come after it.
        unsafe { result::memset_d8_async(address, 0, bytes, std::ptr::null_mut()) }
            .map_err(|error| driver("cuMemsetD8Async", error))?;
        Ok(address)
    }

    fn free(&self, address: u64, bytes: usize) {
        // Who gets it next uses it on the same stream, after the launches that use it now.
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(room(bytes)).or_default().push(address);
    }

    fn write(&self, address: u64, words: &[u32]) -> Result<(), Error> {
        self.bind()?;
        // SAFETY: callers (`Memory`) give addresses within memory of this card with room for the words.
        unsafe { result::memcpy_htod_sync(address, words) }.map_err(|error| driver("cuMemcpyHtoD", error))
    }

    fn read(&self, address: u64, words: &mut [u32]) -> Result<(), Error> {
        self.bind()?;
        // SAFETY: as for `write`; the copy waits for what was launched on the default stream.
        unsafe { result::memcpy_dtoh_sync(words, address) }.map_err(|error| driver("cuMemcpyDtoH", error))
    }

    fn launch(&self, launch: &Launch<'_>) -> Result<(), Error> {
        check(launch);
        self.bind()?;
        let function = self.function(launch.source, launch.kernel)?;
        let mut parameters: Vec<Vec<u64>> =
            launch.arguments.iter().map(super::machine::Argument::longs).collect();
        let mut pointers: Vec<*mut c_void> =
            parameters.iter_mut().map(|longs| longs.as_mut_ptr().cast()).collect();
        let [x, y, z] = launch.grid;
        let (threads, shared) = (launch.threads, launch.shared_bytes);
        // SAFETY: the function is alive; the parameters are those of the kernel, each in its own 64-bit words, and are copied by the
        // call; `Memory` keeps what they point at until after the launches that use it.
        unsafe {
            if shared > 0 {
                // A block gets more than 48 KiB only where the kernel's limit says so.
                let limit = Limit::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                result::function::set_function_attribute(function, limit, shared as i32)
                    .map_err(|error| driver(launch.kernel, error))?;
            }
            let stream = std::ptr::null_mut();
            result::launch_kernel(function, (x, y, z), (threads, 1, 1), shared, stream, &mut pointers)
                .map_err(|error| driver(launch.kernel, error))
        }
    }

    fn synchronize(&self) -> Result<(), Error> {
        self.bind()?;
        result::ctx::synchronize().map_err(|error| driver("cuCtxSynchronize", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_the_compiler_does_not_know_gets_the_code_of_its_elder() {
        let known = [75, 80, 86, 87, 89, 90, 100, 101, 120];
        for (capability, expected) in [
            ((8, 7), Some("87")),
            ((7, 5), Some("75")),
            ((8, 8), Some("86")),
            ((9, 0), Some("90a")),
            ((10, 3), Some("100")),
            ((12, 1), Some("120")),
            ((7, 0), None),
            ((13, 0), None),
        ] {
            assert_eq!(target(&known, capability).ok().as_deref(), expected, "{capability:?}");
        }
    }

    #[test]
    fn without_a_driver_a_card_is_an_error_not_a_panic() {
        if is_present() {
            return;
        }
        assert!(matches!(Card::new(0), Err(Error::NoDriver(_))));
    }
}
