//! A card, through the driver. The driver's library is looked for when a card is asked for, never before.

use crate::machine::{Launch, Machine, check};
use crate::nvrtc::Nvrtc;
use crate::{Error, Source};
use cudarc::driver::sys::CUdevice_attribute as Attribute;
use cudarc::driver::{result, sys};
use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::sync::{Mutex, PoisonError};

/// The compute capabilities whose own features kernels are compiled with.
const OWN_FEATURES: [(i32, i32); 1] = [(9, 0)];

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
    device: sys::CUdevice,
    context: sys::CUcontext,
    compiler: Nvrtc,
    modules: Mutex<BTreeMap<String, Module>>,
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
        // SAFETY: the device is one that the driver gave; the context is released when the card is dropped.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(no_card)?;
        let suffix = if OWN_FEATURES.contains(&(major, minor)) { "a" } else { "" };
        Ok(Self {
            name,
            target: format!("{major}{minor}{suffix}"),
            capability: (major, minor),
            multiprocessors: multiprocessors.unsigned_abs(),
            device,
            context,
            compiler: Nvrtc::load()?,
            modules: Mutex::default(),
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
            (10, _) => 8192.0,
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

    fn allocate(&self, bytes: usize) -> Result<u64, Error> {
        self.bind()?;
        let bytes = bytes.max(4).next_multiple_of(16);
        // SAFETY: memory of the context; it is set to 0 before anybody reads it.
        unsafe {
            let address = result::malloc_sync(bytes)
                .map_err(|_| Error::OutOfMemory { device: self.describe(), words: bytes / 4 })?;
            result::memset_d8_sync(address, 0, bytes).map_err(|error| driver("cuMemsetD8", error))?;
            Ok(address)
        }
    }

    fn free(&self, address: u64, _: usize) {
        // SAFETY: `allocate` gave the address and nothing uses it any more; the driver waits for launches that do.
        let freed = self
            .bind()
            .and_then(|()| unsafe { result::free_sync(address) }.map_err(|error| driver("cuMemFree", error)));
        debug_assert!(freed.is_ok(), "{freed:?}");
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
        let threads = (launch.threads, 1, 1);
        // SAFETY: the parameters are those of the kernel, each in its own 64-bit words, and are copied by the call; `Memory` keeps
        // what they point at until after the launches that use it.
        unsafe { result::launch_kernel(function, (x, y, z), threads, 0, std::ptr::null_mut(), &mut pointers) }
            .map_err(|error| driver(launch.kernel, error))
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
    fn without_a_driver_a_card_is_an_error_not_a_panic() {
        if is_present() {
            return;
        }
        assert!(matches!(Card::new(0), Err(Error::NoDriver(_))));
    }
}
