//! The terms that a job file offers to a market.

use crate::error::Result;
use crate::tree::{Fields, Value};

/// The `market` map of a job file. A run on this machine does not use it; posting the job does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Market {
    /// The most that the whole job may cost, as a decimal in the market's currency.
    pub budget: Option<String>,
    /// Segments that a solver may be ahead of custody.
    pub credit: Option<usize>,
    /// Verifiers of a drawn segment.
    pub checkers: Option<usize>,
    /// Seats that are drawn to hold the states.
    pub custodians: Option<usize>,
    /// How long a segment can be challenged.
    pub challenge_time_seconds: Option<usize>,
    /// The share of segments that is drawn for checking, in (0, 1].
    pub draw: Option<f32>,
}

const KEYS: &[&str] = &["budget", "credit", "checkers", "custodians", "challenge_time_seconds", "draw"];

pub(super) fn read(fields: &Fields<'_>) -> Result<Option<Market>> {
    let Some(value) = fields.get("market") else { return Ok(None) };
    let terms = Fields::new(fields.file(), "market", value, &[KEYS])?;
    let draw = terms.number("draw", 0.0..=1.0)?;
    if draw == Some(0.0) {
        return Err(terms.bad("draw", 0, "nothing would be checked", "use a share between 0 and 1"));
    }
    Ok(Some(Market {
        budget: read_budget(&terms)?,
        credit: terms.count("credit", 1..=64)?,
        checkers: terms.count("checkers", 1..=8)?,
        custodians: terms.count("custodians", 1..=16)?,
        challenge_time_seconds: terms.count("challenge_time_seconds", 1..=366 * 24 * 3600)?,
        draw,
    }))
}

/// An amount stays a decimal text: it is never a float.
fn read_budget(terms: &Fields<'_>) -> Result<Option<String>> {
    let text = match terms.get("budget") {
        None => return Ok(None),
        Some(Value::Integer(amount)) => amount.to_string(),
        Some(Value::Number(amount)) => amount.to_string(),
        Some(Value::Text(text)) => text.clone(),
        Some(other) => return Err(terms.wrong_type("budget", "a decimal number", other)),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let decimal = match text.split_once('.') {
        None => digits(&text),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
    };
    if decimal && text.len() <= 39 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        return Ok(Some(text));
    }
    Err(terms.bad(
        "budget",
        format!("`{text}`"),
        "not a positive decimal number",
        "write an amount such as 12.50",
    ))
}
