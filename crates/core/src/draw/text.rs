//! Text: how wide it is, and how a label is broken into lines so that it fits its shape.

use super::widths::{WIDTH_MISSING, WIDTHS, WIDTHS_BEYOND};

/// The font that text is measured in. Pictures as pixels and pages carry it; a browser without it uses another, set to
/// the same width.
pub const FONT_FAMILY: &str = "DejaVu Sans";
/// From one line to the next, in parts of the font's size.
pub const LINE_HEIGHT: f64 = 1.2;
/// A label keeps so many characters; the rest stands in its tooltip.
const LABEL_MAX: usize = 48;
/// A word in a circle is broken after so many characters, or the circle would dwarf all others.
const CIRCLE_WORD_MAX: usize = 14;
const UNITS_PER_EM: f64 = 2048.0;

/// The width of a line of text.
pub fn width(text: &str, font_size: f64) -> f64 {
    text.chars().map(|letter| f64::from(advance(letter))).sum::<f64>() * font_size / UNITS_PER_EM
}

/// The width of a character in 2048ths of the font's size; an estimate for those that the font does not have.
pub fn advance(letter: char) -> u16 {
    let code = letter as u32;
    if let Some(&width) = code.checked_sub(0x20).and_then(|index| WIDTHS.get(index as usize)) {
        return width;
    }
    match WIDTHS_BEYOND.binary_search_by_key(&letter, |&(letter, _)| letter) {
        Ok(index) => WIDTHS_BEYOND[index].1,
        // East Asian scripts and pictographs are as wide as they are high.
        Err(_) if code >= 0x1100 => 2048,
        Err(_) => WIDTH_MISSING,
    }
}

/// The lines of a label that is to stand in a circle, and the radius that holds them. Line breaks that the label has
/// are kept; others are set behind `_`, `-`, `.` or a space and between `aB`, where they make the circle smallest.
pub fn fit_circle(label: &str, font_size: f64) -> (Vec<String>, f64) {
    let label = shortened(label);
    let pieces = pieces(&label, CIRCLE_WORD_MAX);
    let mut limits: Vec<f64> = Vec::new();
    for start in 0..pieces.len() {
        let mut run = String::new();
        for piece in &pieces[start..] {
            run.push_str(piece);
            limits.push(width(run.trim_end(), font_size));
        }
    }
    limits.sort_by(f64::total_cmp);
    limits.dedup();
    let mut best: Option<(Vec<String>, f64)> = None;
    for limit in limits {
        let lines = broken(&pieces, limit, font_size);
        let radius = radius_around(&lines, font_size);
        // A line more must save something.
        if best.as_ref().is_none_or(|(fewer, smallest)| {
            radius < *smallest - 1.0 || (lines.len() < fewer.len() && radius < smallest + 2.0)
        }) {
            best = Some((lines, radius));
        }
    }
    best.unwrap_or_default()
}

/// The lines of a label that is to stand in a box, and the extent that they have.
pub fn fit_box(label: &str, font_size: f64) -> (Vec<String>, f64, f64) {
    let label = shortened(label);
    let limit = (28.0 * font_size * 0.6).min(width(&label, font_size));
    let lines = broken(&pieces(&label, LABEL_MAX), limit, font_size);
    let widest = lines.iter().map(|line| width(line, font_size)).fold(0.0, f64::max);
    let height = lines.len() as f64 * font_size * LINE_HEIGHT;
    (lines, widest, height)
}

fn radius_around(lines: &[String], font_size: f64) -> f64 {
    let height = lines.len() as f64 * font_size * LINE_HEIGHT;
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let top = index as f64 * font_size * LINE_HEIGHT - height / 2.0;
            // Letters fill about the middle three quarters of their line.
            let far = top.abs().max((top + font_size * LINE_HEIGHT).abs()) - font_size * LINE_HEIGHT / 8.0;
            (width(line, font_size) / 2.0).hypot(far)
        })
        .fold(0.0, f64::max)
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LABEL_MAX {
        return label.to_owned();
    }
    let start: String = label.chars().take(LABEL_MAX - 1).collect();
    start + "…"
}

/// What a label may be broken into; no piece has more than `longest` characters. A piece that ends in a line feed must
/// end its line.
fn pieces(label: &str, longest: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut before = None;
    let mut length = 0;
    for letter in label.chars() {
        let breaks = match before {
            Some('_' | '-' | '.' | ' ' | ',' | '/' | '\n') => true,
            Some(before) => char::is_lowercase(before) && letter.is_uppercase(),
            None => false,
        };
        if breaks || length == longest {
            pieces.push(String::new());
            length = 0;
        }
        length += 1;
        pieces.last_mut().expect("there is a first piece").push(letter);
        before = Some(letter);
    }
    pieces
}

/// Fills lines with pieces as long as they are no wider than `limit`.
fn broken(pieces: &[String], limit: f64, font_size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in pieces {
        let longer = format!("{line}{piece}");
        let breaks = line.ends_with('\n') || width(longer.trim_end(), font_size) > limit + 1e-6;
        if breaks && !line.is_empty() {
            lines.push(line.trim_end().to_owned());
            line.clone_from(piece);
        } else {
            line = longer;
        }
    }
    if !line.trim_end().is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stand_on_one_line() {
        assert_eq!(fit_circle("inc", 12.0).0, ["inc"]);
        assert_eq!(fit_circle("add", 12.0).0, ["add"]);
        assert_eq!(fit_circle("", 12.0), (vec![], 0.0));
    }

    #[test]
    fn long_names_are_broken_at_their_joints() {
        assert_eq!(fit_circle("read_csv_from_disk", 12.0).0, ["read_csv_", "from_disk"]);
        assert_eq!(fit_circle("sumPartial", 12.0).0, ["sum", "Partial"]);
        assert_eq!(fit_circle("inc\n12", 12.0).0, ["inc", "12"]);
        assert!(fit_circle(&"x".repeat(40), 12.0).1 < 70.0);
    }

    #[test]
    fn every_line_is_inside_its_circle() {
        for label in ["mean_combine-partial", "a", "getitem", "x.y.z", "verylongnamewithoutanyjoint", "Ω_αβγ_日本"]
        {
            let (lines, radius) = fit_circle(label, 12.0);
            for line in &lines {
                assert!(width(line, 12.0) <= 2.0 * radius, "{line}");
            }
        }
    }

    #[test]
    fn a_box_breaks_only_what_is_very_long() {
        assert_eq!(fit_box("(0, 1)", 12.0).0, ["(0, 1)"]);
        let (lines, wide, _) = fit_box("a-very-long-key-of-a-collection-with-token", 12.0);
        assert!(lines.len() == 2 && wide < 220.0, "{lines:?} {wide}");
    }

    #[test]
    fn a_label_beyond_its_limit_ends_in_an_ellipsis() {
        assert!(fit_circle(&"x".repeat(400), 12.0).0.last().unwrap().ends_with('…'));
    }
}
