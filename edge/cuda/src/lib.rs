//! Kernels for NVIDIA cards that give the bits of docs/spec, and what proves it (docs/gpu.md).
//!
//! ```text
//! kernels/*.cu ─┐                        ┌─ Card      the driver, loaded when asked for
//! scalar, rows ─┴─> Source ──> Machine ──┤
//!   (generated)                          └─ Emulator  the same text as C++, a fiber a thread
//!                                 │
//!                 Cuda: samebit_ops::Backend, the same launches on both
//! ```
//!
//! The rest of the workspace does not depend on this crate. Nothing links against CUDA: [`Card`] says that there is no driver
//! where there is none, and [`Nvrtc`] compiles every kernel on machines without a card.

mod backend;
#[allow(unsafe_code, reason = "calls into the driver")]
mod card;
pub mod check;
#[allow(unsafe_code, reason = "calls into what it has compiled")]
mod emulator;
mod error;
pub mod exact;
pub mod lint;
pub mod machine;
#[allow(unsafe_code, reason = "calls into a loaded library")]
pub mod nvrtc;
pub mod rows;
pub mod samples;
pub mod scalar;
pub mod source;
pub mod table;
pub mod values;

pub use backend::Cuda;
pub use card::{Card, Event, is_present};
pub use emulator::{Emulator, Order};
pub use error::Error;
pub use machine::{Argument, Launch, Machine, Memory};
pub use nvrtc::Nvrtc;
pub use source::{ARCHITECTURES, Arch, Source};
