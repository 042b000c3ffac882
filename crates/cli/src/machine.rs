//! What computes: the backend and the threads, from flags, environment and config files.

use crate::arguments::Global;
use crate::failure::Failure;
use crate::memory::Schedule;
use samebit_engine::Settings;
use samebit_ops::{Backend, Cpu};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest config file, in bytes.
const CONFIG_BYTES_LIMIT: u64 = 1 << 16;

/// A backend and its threads.
#[derive(Clone)]
pub struct Machine {
    /// The backend.
    pub backend: Arc<dyn Backend>,
    /// Threads.
    pub threads: usize,
}

/// samebit.toml.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    backend: Option<String>,
    threads: Option<u16>,
    chain: Option<ChainConfig>,
}

/// The chain of a project, as `samebit devnet` writes it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ChainConfig {
    /// Where it is served.
    pub rpc_url: Option<String>,
    /// Its contracts by name.
    #[serde(default)]
    pub contracts: BTreeMap<String, String>,
}

impl ChainConfig {
    /// The chain of `samebit.toml` here; of none, nothing is known.
    ///
    /// # Errors
    /// A config file that cannot be read or has an unknown key.
    pub fn of_project() -> Result<ChainConfig, Failure> {
        Ok(read(Path::new("samebit.toml"))?.chain.unwrap_or_default())
    }
}

impl Machine {
    /// The machine that the flags, the environment, `samebit.toml` and the user's config ask for, in this order.
    ///
    /// # Errors
    /// A config file that cannot be read or has an unknown key; a backend that there is not.
    pub fn choose(global: &Global) -> Result<Machine, Failure> {
        let project = read(Path::new("samebit.toml"))?;
        let user = user_config().map_or(Ok(Config::default()), |path| read(&path))?;
        let name = global.backend.clone().or(project.backend).or(user.backend);
        let backend: Arc<dyn Backend> = match name {
            Some(name) => Arc::from(samebit_ops::backend(&name).map_err(Failure::input)?),
            None => Arc::new(Cpu::detect()),
        };
        let threads = global.threads.or(project.threads).or(user.threads).map(usize::from);
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Machine { backend, threads: threads.filter(|threads| *threads > 0).unwrap_or_else(cores) })
    }

    /// Settings of an engine on this machine.
    pub fn settings(&self, schedule: Schedule) -> Settings {
        let Schedule { micro_batches, memory } = schedule;
        Settings { threads: self.threads, micro_batches, memory, ..Settings::default() }
    }
}

fn user_config() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?;
    Some(base.join("samebit").join("config.toml"))
}

fn read(path: &Path) -> Result<Config, Failure> {
    let bytes = match std::fs::metadata(path) {
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(Config::default());
        }
        Ok(found) if found.len() > CONFIG_BYTES_LIMIT => {
            return Err(Failure::input(format!(
                "{}: longer than {CONFIG_BYTES_LIMIT} bytes",
                path.display()
            )));
        }
        _ => std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?,
    };
    toml::from_str(&bytes).map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        Failure::input(format!(
            "{}: {message}\nhint: the keys are backend, threads and chain",
            path.display()
        ))
    })
}
