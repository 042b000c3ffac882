//! Positional parameters of a request.

use super::answer::RpcError;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The most parameters that any method of any chain takes.
const PARAMETERS: usize = 8;

/// The parameters as they were sent.
pub struct Parameters<'a>(Vec<&'a RawValue>);

impl<'a> Parameters<'a> {
    /// Reads the array of parameters; nothing and `null` are an empty one.
    pub fn read(raw: Option<&'a RawValue>) -> Result<Self, RpcError> {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(Self(Vec::new())) };
        let values: Vec<&RawValue> = serde_json::from_str(raw.get())
            .map_err(|_| RpcError::invalid_parameters("they must be an array"))?;
        if values.len() > PARAMETERS {
            return Err(RpcError::invalid_parameters(format!(
                "{} of them, more than {PARAMETERS}",
                values.len()
            )));
        }
        Ok(Self(values))
    }

    /// The parameter at a position; `null` is as good as nothing.
    pub fn optional<T: Deserialize<'a>>(&self, position: usize, name: &str) -> Result<Option<T>, RpcError> {
        let Some(raw) = self.0.get(position).filter(|raw| raw.get() != "null") else { return Ok(None) };
        let value = serde_json::from_str(raw.get());
        value.map(Some).map_err(|error| RpcError::invalid_parameters(format!("{name}: {error}")))
    }

    /// The parameter at a position, which must be there.
    pub fn required<T: Deserialize<'a>>(&self, position: usize, name: &str) -> Result<T, RpcError> {
        let value = self.optional(position, name)?;
        value.ok_or_else(|| RpcError::invalid_parameters(format!("{name} (parameter {position}) is missing")))
    }

    /// Refuses what this chain does not do.
    pub fn absent(&self, position: usize, name: &str) -> Result<(), RpcError> {
        match self.0.get(position).is_some_and(|raw| raw.get() != "null") {
            true => Err(RpcError::invalid_parameters(format!("{name} are not supported"))),
            false => Ok(()),
        }
    }
}
