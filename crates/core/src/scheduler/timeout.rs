//! Timeouts as people write them: seconds, or text with a unit.

use crate::protocol::value::Value;

/// The names of each unit, and its seconds.
const UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("s", 1.0),
    ("sec", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("ns", 1e-9),
    ("us", 1e-6),
    ("ms", 1e-3),
    ("m", 60.0),
    ("min", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hr", 3600.0),
    ("hour", 3600.0),
    ("hours", 3600.0),
    ("d", 86400.0),
    ("day", 86400.0),
    ("days", 86400.0),
    ("w", 604_800.0),
    ("week", 604_800.0),
    ("weeks", 604_800.0),
];

/// The seconds of a timeout; nothing if it is none.
pub(super) fn seconds(timeout: &Value) -> Option<f64> {
    let Some(text) = timeout.as_str() else { return timeout.as_f64() };
    let text = text.replace(' ', "").to_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == &text[digits.len()..])?;
    if digits.is_empty() { Some(*unit) } else { Some(digits.parse::<f64>().ok()? * unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_or_text_with_a_unit() {
        let read = |text: &str| seconds(&text.into());
        assert_eq!(
            (read("60s"), read("1.5 min"), read("100 ms"), read("5")),
            (Some(60.0), Some(90.0), Some(0.1), Some(5.0))
        );
        assert_eq!((read("10 parsecs"), read("s"), seconds(&Value::Int(3))), (None, Some(1.0), Some(3.0)));
        assert_eq!(seconds(&Value::Nil), None);
    }
}
