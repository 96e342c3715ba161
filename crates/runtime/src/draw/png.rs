//! PNG: a scene as pixels.

use cenote_core::draw::layout::{Curve, Point};
use cenote_core::draw::{Color, Mark, Paint, Scene, text};
use tiny_skia::{FillRule, LineCap, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};
use ttf_parser::{Face, OutlineBuilder};

use super::font;

/// An image has at most so many pixels: the scale gives way.
const PIXELS_MAX: f64 = 100e6;
/// And at most so many along a side.
const SIDE_MAX: f64 = 32_000.0;

/// Why a scene could not be painted.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The picture has no extent, or too much of it for any scale.
    #[error("a picture of {width} × {height} pixels cannot be painted: draw fewer tasks, or write it as SVG")]
    Extent {
        /// In pixels, rounded up.
        width: u32,
        /// In pixels, rounded up.
        height: u32,
    },
    /// The pixels could not be written as PNG.
    #[error("the pixels could not be written as PNG: {0}")]
    Encoding(String),
}

/// The scene as PNG, with `scale` dots per pixel, or as many as an image may have.
///
/// # Errors
/// When the scene is empty or beyond any scale.
pub fn png(scene: &Scene, scale: f64) -> Result<Vec<u8>, DrawError> {
    let scale = fitting_scale(scene, scale);
    let (width, height) = (pixels(scene.width * scale), pixels(scene.height * scale));
    let mut pixmap = Pixmap::new(width, height).ok_or(DrawError::Extent { width, height })?;
    pixmap.fill(tiny_skia::Color::WHITE);
    let face = font::face();
    let mut painter =
        Painter { pixmap: &mut pixmap, transform: Transform::from_scale(scale as f32, scale as f32), face: &face };
    for mark in &scene.marks {
        painter.paint(mark);
    }
    pixmap.encode_png().map_err(|error| DrawError::Encoding(error.to_string()))
}

fn fitting_scale(scene: &Scene, scale: f64) -> f64 {
    let by_area = (PIXELS_MAX / (scene.width * scene.height).max(1.0)).sqrt();
    let by_side = SIDE_MAX / scene.width.max(scene.height).max(1.0);
    scale.clamp(0.01, 16.0).min(by_area).min(by_side)
}

#[allow(clippy::cast_sign_loss)] // a size, and casts from floats stop at 0
fn pixels(size: f64) -> u32 {
    size.ceil() as u32
}

struct Painter<'a> {
    pixmap: &'a mut Pixmap,
    transform: Transform,
    face: &'a Face<'a>,
}

impl Painter<'_> {
    fn paint(&mut self, mark: &Mark) {
        match mark {
            Mark::Open { .. } | Mark::Close => {}
            Mark::Rectangle { corner, width, height, round, paint } => {
                self.draw(rectangle(*corner, *width, *height, *round), paint);
            }
            Mark::Ellipse { middle, radius, paint } => {
                let left = (middle.x - radius.0) as f32;
                let top = (middle.y - radius.1) as f32;
                let bounds = Rect::from_xywh(left, top, 2.0 * radius.0 as f32, 2.0 * radius.1 as f32);
                self.draw(bounds.and_then(PathBuilder::from_oval), paint);
            }
            Mark::Line { curve, paint } => self.draw(line(curve), paint),
            Mark::Triangle { corners, fill } => {
                let mut path = PathBuilder::new();
                path.move_to(corners[0].x as f32, corners[0].y as f32);
                path.line_to(corners[1].x as f32, corners[1].y as f32);
                path.line_to(corners[2].x as f32, corners[2].y as f32);
                path.close();
                self.draw(path.finish(), &filled(*fill));
            }
            Mark::Text { middle, text, width, font_size, ink } => {
                self.write(*middle, text, *width, *font_size, *ink);
            }
        }
    }

    fn draw(&mut self, path: Option<Path>, look: &Paint) {
        let Some(path) = path else { return };
        if let Some(fill) = look.fill {
            self.pixmap.fill_path(&path, &ink(fill), FillRule::Winding, self.transform, None);
        }
        if let Some(stroke) = look.stroke {
            let dash = if look.dashed { StrokeDash::new(vec![5.0, 3.0], 0.0) } else { None };
            let line = Stroke { width: look.width as f32, dash, line_cap: LineCap::Butt, ..Stroke::default() };
            self.pixmap.stroke_path(&path, &ink(stroke), &line, self.transform, None);
        }
    }

    /// Text as the outlines of its glyphs.
    fn write(&mut self, middle: Point, words: &str, width: f64, font_size: f64, color: Color) {
        let scale = font_size / 2048.0;
        let mut outline = Outline { path: PathBuilder::new(), x: middle.x - width / 2.0, y: middle.y, scale };
        for letter in words.chars() {
            self.face.outline_glyph(font::glyph(self.face, letter), &mut outline);
            outline.x += f64::from(text::advance(letter)) * scale;
        }
        self.draw(outline.path.finish(), &filled(color));
    }
}

fn filled(color: Color) -> Paint {
    Paint { fill: Some(color), stroke: None, width: 0.0, dashed: false }
}

fn ink(color: Color) -> tiny_skia::Paint<'static> {
    let mut paint = tiny_skia::Paint { anti_alias: true, ..tiny_skia::Paint::default() };
    paint.set_color_rgba8(color.0, color.1, color.2, 255);
    paint
}

fn rectangle(corner: Point, width: f64, height: f64, round: f64) -> Option<Path> {
    let (left, top, right, bottom) =
        (corner.x as f32, corner.y as f32, (corner.x + width) as f32, (corner.y + height) as f32);
    if round <= 0.0 {
        return Rect::from_ltrb(left, top, right, bottom).map(PathBuilder::from_rect);
    }
    let round = round.min(width / 2.0).min(height / 2.0) as f32;
    let mut path = PathBuilder::new();
    path.move_to(left + round, top);
    path.line_to(right - round, top);
    path.quad_to(right, top, right, top + round);
    path.line_to(right, bottom - round);
    path.quad_to(right, bottom, right - round, bottom);
    path.line_to(left + round, bottom);
    path.quad_to(left, bottom, left, bottom - round);
    path.line_to(left, top + round);
    path.quad_to(left, top, left + round, top);
    path.close();
    path.finish()
}

fn line(curve: &Curve) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(curve.start.x as f32, curve.start.y as f32);
    for [a, b, to] in &curve.pieces {
        path.cubic_to(a.x as f32, a.y as f32, b.x as f32, b.y as f32, to.x as f32, to.y as f32);
    }
    path.finish()
}

/// Collects glyphs, each where the pen stands.
struct Outline {
    path: PathBuilder,
    x: f64,
    y: f64,
    scale: f64,
}

impl Outline {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        ((self.x + f64::from(x) * self.scale) as f32, (self.y - f64::from(y) * self.scale) as f32)
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use cenote_core::draw::{Node, Picture, Shape};

    use super::*;

    fn scene(label: &str) -> Scene {
        let node = Node { label: label.into(), shape: Shape::Circle, ..Node::default() };
        Scene::new(&Picture { nodes: vec![node], ..Picture::default() })
    }

    fn size(image: &[u8]) -> (u32, u32) {
        let number = |at: usize| u32::from_be_bytes(image[at..at + 4].try_into().unwrap());
        (number(16), number(20))
    }

    #[test]
    #[allow(clippy::cast_sign_loss, reason = "a scene has a size")]
    fn an_image_is_as_large_as_its_scene_times_the_scale() {
        let scene = scene("inc");
        let image = png(&scene, 2.0).unwrap();
        assert!(image.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(size(&image), ((scene.width * 2.0).ceil() as u32, (scene.height * 2.0).ceil() as u32));
    }

    #[test]
    fn text_leaves_pixels() {
        let dark = |label: &str| {
            let image = png(&scene(label), 1.0).unwrap();
            let pixmap = Pixmap::decode_png(&image).unwrap();
            pixmap.pixels().iter().filter(|pixel| pixel.red() < 60 && pixel.green() < 60).count()
        };
        // One letter, so that the circle keeps its least extent.
        assert!(dark("M") > dark("") + 20);
    }

    #[test]
    fn an_image_beyond_any_screen_is_painted_smaller() {
        let scene = Scene { width: 400_000.0, height: 100.0, ..Scene::default() };
        assert_eq!(size(&png(&scene, 2.0).unwrap()), (32_000, 8));
        assert!(png(&Scene::default(), 2.0).is_err());
    }
}
