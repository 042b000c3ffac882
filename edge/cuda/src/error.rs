//! What can go wrong outside a kernel.

/// Why a card, the emulator or a compiler could not do as told.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the fields")]
pub enum Error {
    #[error(
        "no NVIDIA driver on this machine ({0})\nhint: everything but the card's own kernels works without one"
    )]
    NoDriver(String),
    #[error("the driver has no card {ordinal}: {reason}")]
    NoCard { ordinal: usize, reason: String },
    #[error(
        "NVRTC cannot be loaded: {0}\nhint: `cargo xtask ptx` fetches it; SAMEBIT_NVRTC names the library or its folder"
    )]
    NoCompiler(String),
    #[error(
        "NVRTC makes no code for a card of compute capability {major}.{minor}\nhint: SAMEBIT_NVRTC names another NVRTC"
    )]
    UnknownCard { major: i32, minor: i32 },
    #[error("SAMEBIT_CUDA_PRODUCT is `{name}`\nhint: this machine has {has}")]
    NoInstruction { name: String, has: String },
    #[error("{source_name} does not compile for {target}:\n{log}")]
    Compile { source_name: String, target: String, log: String },
    #[error("no C++ compiler for the emulator (`{compiler}`): {reason}\nhint: CXX names one")]
    NoHostCompiler { compiler: String, reason: String },
    #[error("{what}: {reason}")]
    Driver { what: String, reason: String },
    #[error("{words} words do not fit on {device}")]
    OutOfMemory { device: String, words: usize },
    #[error("{0}")]
    Files(#[from] std::io::Error),
}

impl Error {
    /// Whether something that the work needs is not on this machine.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Error::NoDriver(_)
                | Error::NoCard { .. }
                | Error::UnknownCard { .. }
                | Error::NoCompiler(_)
                | Error::NoHostCompiler { .. }
        )
    }
}
