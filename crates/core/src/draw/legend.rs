//! The legend: what the colors of a picture mean, in a strip above it.

use super::color::Color;
use super::layout::Point;
use super::look::Paint;
use super::picture::Legend;
use super::scene::{Mark, Scene};
use super::text;

const FONT_SIZE: f64 = 11.0;
const SCALE_LENGTH: f64 = 168.0;
const SWATCH: f64 = 12.0;

/// Draws the legend at the top of an empty scene: where the picture below it may begin.
pub(super) fn draw(legend: Option<&Legend>, margin: f64, scene: &mut Scene) -> f64 {
    let Some(legend) = legend else { return margin };
    let mut pen = Pen { x: margin, middle: margin + SWATCH / 2.0, scene };
    match legend {
        Legend::Scale { title, low, high, colors } => {
            pen.write(title);
            pen.write(low);
            pen.scale(colors);
            pen.write(high);
        }
        Legend::Entries { title, entries } => {
            pen.write(title);
            for (color, name) in entries {
                pen.swatch(*color);
                pen.write(name);
            }
        }
    }
    let right = pen.x;
    scene.width = scene.width.max(right + margin);
    margin + SWATCH + 14.0
}

/// Goes along the strip from left to right.
struct Pen<'a> {
    x: f64,
    middle: f64,
    scene: &'a mut Scene,
}

impl Pen<'_> {
    fn write(&mut self, words: &str) {
        let width = text::width(words, FONT_SIZE);
        let middle = Point { x: self.x + width / 2.0, y: self.middle + FONT_SIZE * 0.36 };
        self.scene.marks.push(Mark::text(middle, words.to_owned(), FONT_SIZE, Color(0x33, 0x38, 0x40)));
        self.x += width + 8.0;
    }

    fn swatch(&mut self, color: Color) {
        self.bar(color, SWATCH);
        self.x += 5.0;
    }

    fn scale(&mut self, colors: &[Color]) {
        let length = SCALE_LENGTH / colors.len().max(1) as f64;
        for &color in colors {
            self.bar(color, length);
        }
        self.x += 8.0;
    }

    fn bar(&mut self, color: Color, length: f64) {
        self.scene.marks.push(Mark::Rectangle {
            corner: Point { x: self.x, y: self.middle - SWATCH / 2.0 },
            width: length,
            height: SWATCH,
            round: 0.0,
            // The line closes the gap that smoothing would leave between two colors.
            paint: Paint { fill: Some(color), stroke: Some(color), width: 0.4, dashed: false },
        });
        self.x += length;
    }
}
