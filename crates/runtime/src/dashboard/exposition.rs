//! Exposition: families of metrics as the text that Prometheus reads, in its own format or as `OpenMetrics`.

use std::fmt::Write;

/// What a family of metrics is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up.
    Counter,
}

/// The format of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' own, version 0.0.4.
    Prometheus,
    /// `OpenMetrics`, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format that who sends this header wants.
    pub fn accepted(accept: &str) -> Self {
        let wanted = accept.split(',').any(|one| one.split(';').next().unwrap_or("").trim() == OPEN_METRICS);
        if wanted { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

const OPEN_METRICS: &str = "application/openmetrics-text";

/// A text that is being written.
#[derive(Debug)]
pub(super) struct Exposition {
    text: String,
    format: Format,
}

/// A family whose samples are being written.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    sample: String,
}

impl Exposition {
    pub fn new(format: Format) -> Self {
        Self { text: String::with_capacity(8192), format }
    }

    /// Begins a family. The name of a counter is that without `_total`; a unit is part of the name.
    pub fn family(&mut self, name: &str, kind: Kind, unit: &str, help: &str) -> Family<'_> {
        let sample = if kind == Kind::Counter { format!("{name}_total") } else { name.to_owned() };
        let told = if self.format == Format::OpenMetrics { name } else { &sample };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
        // Writing to a String cannot fail.
        let _ = write!(self.text, "# HELP {told} {help}\n# TYPE {told} {kind}\n");
        if self.format == Format::OpenMetrics && !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {told} {unit}");
        }
        Family { text: &mut self.text, sample }
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

impl Family<'_> {
    /// A sample with these labels.
    pub fn add(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.text.push_str(&self.sample);
        for (place, (name, label)) in labels.iter().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            push_escaped(self.text, label);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = match value {
            value if value.is_nan() => writeln!(self.text, " NaN"),
            value if value.is_infinite() => writeln!(self.text, " {}Inf", if value > 0.0 { '+' } else { '-' }),
            value => writeln!(self.text, " {value:?}"),
        };
        self
    }
}

fn push_escaped(text: &mut String, label: &str) {
    for letter in label.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            letter => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: Format) -> String {
        let mut exposition = Exposition::new(format);
        exposition
            .family("a_seconds", Kind::Counter, "seconds", "One\nor \\ two.")
            .add(&[("name", "x\"\\\n"), ("state", "")], 1.5)
            .add(&[("name", "y")], f64::INFINITY);
        exposition.family("b", Kind::Gauge, "", "Some.").add(&[], 3.0);
        exposition.finish()
    }

    #[test]
    fn both_formats_are_written_as_they_are_specified() {
        let samples = "a_seconds_total{name=\"x\\\"\\\\\\n\",state=\"\"} 1.5\na_seconds_total{name=\"y\"} +Inf\n";
        let prometheus = format!(
            "# HELP a_seconds_total One\\nor \\\\ two.\n# TYPE a_seconds_total counter\n{samples}\
             # HELP b Some.\n# TYPE b gauge\nb 3.0\n"
        );
        let open = format!(
            "# HELP a_seconds One\\nor \\\\ two.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n{samples}\
             # HELP b Some.\n# TYPE b gauge\nb 3.0\n# EOF\n"
        );
        assert_eq!((text(Format::Prometheus), text(Format::OpenMetrics)), (prometheus, open));
    }

    #[test]
    fn who_asks_for_open_metrics_gets_it() {
        let asked = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(asked), Format::OpenMetrics);
        assert_eq!(["", "*/*", "text/plain"].map(Format::accepted), [Format::Prometheus; 3]);
    }
}
