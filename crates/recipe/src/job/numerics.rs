//! The key `numerics`: which profile each product of the model is computed in.
//!
//! ```yaml
//! numerics: exact14                                  # every site
//! numerics: {default: exact8, lm_head: exact14}      # by site: full names, or their last parts as in a LoRA's target_modules
//! ```

use std::collections::BTreeMap;

use samebit_num::fold::Numerics;

use crate::config::ModelConfig;
use crate::error::Result;
use crate::tree::{Fields, Value};

/// The key of the sites that no other key names.
const DEFAULT: &str = "default";

/// The numerics of every site of a model, by the site's full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sites(BTreeMap<&'static str, Numerics>);

impl Sites {
    /// One profile for the whole model.
    #[must_use]
    pub fn uniform(model: &ModelConfig, numerics: Numerics) -> Self {
        Sites(model.sites().iter().map(|site| (*site, numerics)).collect())
    }

    /// The numerics of a site.
    ///
    /// # Panics
    /// If the model has no such site.
    #[must_use]
    pub fn of(&self, site: &str) -> Numerics {
        *self.0.get(site).unwrap_or_else(|| panic!("{site} is one of the family's sites"))
    }
}

/// Reads the key `numerics` of a job file for this model.
pub(super) fn read(fields: &Fields<'_>, model: &ModelConfig) -> Result<Sites> {
    match fields.get("numerics") {
        None | Some(Value::Text(_)) => {
            Ok(Sites::uniform(model, profile(fields, "numerics")?.unwrap_or_default()))
        }
        Some(value @ Value::Map(_)) => by_site(fields, value, model),
        Some(value) => Err(fields.wrong_type("numerics", "a profile, or a map of sites to profiles", value)),
    }
}

fn profile(fields: &Fields<'_>, key: &str) -> Result<Option<Numerics>> {
    fields.choice(key, &Numerics::ALL.map(|numerics| (numerics.name(), numerics)))
}

fn by_site(fields: &Fields<'_>, value: &Value, model: &ModelConfig) -> Result<Sites> {
    let keys: Vec<&str> =
        model.sites().iter().flat_map(|site| [*site, last_part(site)]).chain([DEFAULT]).collect();
    let fields = Fields::new(fields.file(), "numerics", value, &[&keys])?;
    let mut sites = Sites::uniform(model, profile(&fields, DEFAULT)?.unwrap_or_default());
    for (site, numerics) in &mut sites.0 {
        let (whole, last) = (profile(&fields, site)?, profile(&fields, last_part(site))?);
        if *site != last_part(site) && whole.is_some() && last.is_some() {
            let reason = format!("`{}` names {site} too", last_part(site));
            return Err(fields.bad(site, whole.unwrap_or_default().name(), reason, "remove one of them"));
        }
        *numerics = whole.or(last).unwrap_or(*numerics);
    }
    Ok(sites)
}

/// `q_proj` of `self_attn.q_proj`.
fn last_part(site: &'static str) -> &'static str {
    site.rsplit('.').next().unwrap_or(site)
}
