//! The font of all pictures.

use ttf_parser::{Face, GlyphId};

/// Latin, Greek, Cyrillic and some signs of `DejaVu` Sans 2.37.
pub(super) static FILE: &[u8] = include_bytes!("DejaVuSans-subset.ttf");

/// The font, read.
pub(super) fn face() -> Face<'static> {
    Face::parse(FILE, 0).expect("the embedded font is a font")
}

/// The glyph of a character; the empty box where there is none.
pub(super) fn glyph(face: &Face, letter: char) -> GlyphId {
    face.glyph_index(letter).unwrap_or(GlyphId(0))
}

#[cfg(test)]
mod tests {
    use cenote_core::draw::text;

    use super::*;

    #[test]
    fn the_widths_that_labels_are_measured_with_are_those_of_the_font() {
        let face = face();
        assert_eq!(face.units_per_em(), 2048);
        for letter in (' '..='џ').chain("–—‘’“”…→≤≥".chars()) {
            if let Some(glyph) = face.glyph_index(letter) {
                assert_eq!(Some(text::advance(letter)), face.glyph_hor_advance(glyph), "{letter:?}");
            }
        }
    }
}
