//! The chain of the demonstration.

use crate::commands::devnet::{CONFIG, builder, toml};
use crate::commands::peer::failed;
use crate::failure::Failure;
use crate::files::write_whole;
use samebit_chain::protocol::{Contracts, Protocol};
use samebit_chain::{Devnet, PacedClock};
use std::path::{Path, PathBuf};

/// See the module.
pub struct Town {
    /// Where samebit.toml is.
    pub folder: PathBuf,
    /// The contracts.
    pub protocol: Protocol,
    devnet: Devnet,
}

impl Town {
    /// Starts the chain and deploys the contracts.
    ///
    /// # Errors
    /// It does not start.
    pub async fn found(folder: &Path, pace: u32, seed: u64) -> Result<Town, Failure> {
        let builder = builder(&folder.join("chain"), 0, pace).seed(seed);
        let devnet = builder.start_with_clock(PacedClock::new(pace)).await.map_err(failed)?;
        write_whole(&folder.join(CONFIG), toml(&devnet.config).as_bytes())?;
        let contracts = Contracts::named(&devnet.config.contracts).map_err(failed)?;
        let protocol = Protocol::at(&devnet.client, contracts).await.map_err(failed)?;
        Ok(Town { folder: folder.to_owned(), protocol, devnet })
    }

    /// Stops the chain.
    pub async fn stop(self) {
        self.devnet.stop().await;
    }
}
