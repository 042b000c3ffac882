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

mod error;
pub mod lint;
#[allow(unsafe_code, reason = "calls into a loaded library")]
pub mod nvrtc;
pub mod scalar;
pub mod source;

pub use error::Error;
pub use nvrtc::Nvrtc;
pub use source::{ARCHITECTURES, Arch, Source};
