//! Amounts of the token, as people write them: decimals of a whole token, which has 10^18 units.

use samebit_market::Amount;

/// Decimals of the token.
const DECIMALS: usize = 18;

/// Reads an amount such as 12.5.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Amount, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() || whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return Err("not a decimal number, such as 12.5".to_owned());
    }
    if fraction.len() > DECIMALS {
        return Err(format!("more than {DECIMALS} digits after the point"));
    }
    let digits = format!("{whole}{fraction:0<DECIMALS$}");
    digits.parse().map(Amount).map_err(|_| "too much".to_owned())
}

/// Writes an amount with as many digits as it needs.
pub fn show(amount: Amount) -> String {
    let unit = 10u128.pow(DECIMALS as u32);
    let (whole, fraction) = (amount.0 / unit, amount.0 % unit);
    let text = format!("{whole}.{fraction:0DECIMALS$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written() {
        for text in ["0", "1", "12.5", "0.000000000000000001", "340282366920938463463"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
        assert_eq!(show(parse("1.50").unwrap()), "1.5");
        for text in ["", ".", ".5", "-1", "1e3", "1,5", "0.0000000000000000001", "340282366920938463464"] {
            parse(text).unwrap_err();
        }
    }
}
