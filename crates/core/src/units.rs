//! Durations and sizes as people write them: `5 minutes`, `500ms`, `64MiB`.

/// Seconds in each unit of time.
const TIMES: &[(&[&str], f64)] = &[
    (&["s", "second", "seconds", "sec"], 1.0),
    (&["ms", "millisecond", "milliseconds"], 1e-3),
    (&["us", "microsecond", "microseconds"], 1e-6),
    (&["ns", "nanosecond", "nanoseconds"], 1e-9),
    (&["m", "min", "minute", "minutes"], 60.0),
    (&["h", "hour", "hours", "hr"], 3600.0),
    (&["d", "day", "days"], 86_400.0),
    (&["w", "week", "weeks"], 604_800.0),
];

/// Bytes in each unit of size.
const SIZES: &[(&[&str], f64)] = &[
    (&["b", ""], 1.0),
    (&["kb", "k"], 1e3),
    (&["mb", "m"], 1e6),
    (&["gb", "g"], 1e9),
    (&["tb", "t"], 1e12),
    (&["pb", "p"], 1e15),
    (&["kib", "ki"], 1024.0),
    (&["mib", "mi"], 1_048_576.0),
    (&["gib", "gi"], 1_073_741_824.0),
    (&["tib", "ti"], 1_099_511_627_776.0),
    (&["pib", "pi"], 1_125_899_906_842_624.0),
];

/// The seconds that a text says; without a unit they are seconds, without a number it is one.
pub fn seconds(text: &str) -> Option<f64> {
    measure(text, "s", TIMES)
}

/// The bytes that a text says.
#[expect(clippy::cast_sign_loss, reason = "negative numbers are turned away")]
pub fn bytes(text: &str) -> Option<u64> {
    measure(text, "", SIZES).filter(|bytes| *bytes >= 0.0).map(|bytes| bytes as u64)
}

fn measure(text: &str, default: &str, units: &[(&[&str], f64)]) -> Option<f64> {
    let text: String = text.chars().filter(|letter| *letter != ' ').collect::<String>().to_ascii_lowercase();
    let split = text.rfind(|letter: char| !letter.is_ascii_alphabetic()).map_or(0, |last| last + 1);
    let (number, unit) = text.split_at_checked(split)?;
    let number: f64 = if number.is_empty() { 1.0 } else { number.parse().ok()? };
    let unit = if unit.is_empty() { default } else { unit };
    let (_, factor) = units.iter().find(|(names, _)| names.contains(&unit))?;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_dask_reads_them() {
        let table = [
            ("3s", Some(3.0)),
            ("3.5 seconds", Some(3.5)),
            ("300ms", Some(0.3)),
            ("5 minutes", Some(300.0)),
            ("1h", Some(3600.0)),
            ("10", Some(10.0)),
            ("hour", Some(3600.0)),
            ("3 foos", None),
            ("", Some(1.0)),
            ("x3s", None),
        ];
        for (text, expected) in table {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_dask_reads_them() {
        let table = [
            ("100", Some(100)),
            ("100 MB", Some(100_000_000)),
            ("5.4 kB", Some(5400)),
            ("1kiB", Some(1024)),
            ("1e6 kB", Some(1_000_000_000)),
            ("MB", Some(1_000_000)),
            ("5 foos", None),
        ];
        for (text, expected) in table {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
