//! PDF: a scene as one page, with text that can be searched.

use std::collections::BTreeMap;

use cenote_core::draw::layout::{Curve, Point};
use cenote_core::draw::{Color, Mark, Paint, Scene};
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str};
use ttf_parser::Face;

use super::font;

/// Points per pixel, as in style sheets.
const POINTS: f64 = 0.75;
/// Readers take pages up to this side, in points.
const SIDE_MAX: f64 = 14_400.0;
/// How far the control points of a quarter of a circle are from its ends.
const QUARTER: f64 = 0.552_284_75;

const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const CONTENT: Ref = Ref::new(4);
const FONT: Ref = Ref::new(5);
const CID_FONT: Ref = Ref::new(6);
const DESCRIPTOR: Ref = Ref::new(7);
const FONT_FILE: Ref = Ref::new(8);
const CMAP: Ref = Ref::new(9);

const FONT_NAME: Name<'static> = Name(b"F1");
const BASE_FONT: Name<'static> = Name(b"CENOTE+DejaVuSans");
const CID_SYSTEM: SystemInfo<'static> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The scene as a PDF of one page that is as large as the scene.
pub fn pdf(scene: &Scene) -> Vec<u8> {
    let scale = POINTS.min(SIDE_MAX / scene.width.max(scene.height).max(1.0));
    let face = font::face();
    let mut page = PageContent::new(scene, scale, &face);
    for mark in &scene.marks {
        page.set(mark);
    }
    let PageContent { content, letters, .. } = page;
    let mut pdf = Pdf::new();
    pdf.catalog(CATALOG).pages(PAGES);
    pdf.pages(PAGES).kids([PAGE]).count(1);
    let mut page = pdf.page(PAGE);
    page.media_box(Rect::new(0.0, 0.0, (scene.width * scale) as f32, (scene.height * scale) as f32));
    page.parent(PAGES).contents(CONTENT);
    page.resources().fonts().pair(FONT_NAME, FONT);
    page.finish();
    write_stream(&mut pdf, CONTENT, &content.finish());
    write_font(&mut pdf, &face, &letters);
    pdf.finish()
}

fn write_stream(pdf: &mut Pdf, id: Ref, data: &[u8]) {
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(data, 6);
    pdf.stream(id, &packed).filter(Filter::FlateDecode);
}

/// The whole font, and which characters its glyphs stand for.
fn write_font(pdf: &mut Pdf, face: &Face, letters: &BTreeMap<u16, char>) {
    let size = |units: i16| f32::from(units) * 1000.0 / 2048.0;
    pdf.type0_font(FONT)
        .base_font(BASE_FONT)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(CID_FONT)
        .to_unicode(CMAP);
    let mut cid = pdf.cid_font(CID_FONT);
    cid.subtype(CidFontType::Type2).base_font(BASE_FONT).system_info(CID_SYSTEM).font_descriptor(DESCRIPTOR);
    cid.cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = cid.widths();
    for &glyph in letters.keys() {
        let advance = face.glyph_hor_advance(ttf_parser::GlyphId(glyph)).unwrap_or(0);
        widths.consecutive(glyph, [f32::from(advance) * 1000.0 / 2048.0]);
    }
    widths.finish();
    cid.finish();
    let bounds = face.global_bounding_box();
    pdf.font_descriptor(DESCRIPTOR)
        .name(BASE_FONT)
        .flags(FontFlags::NON_SYMBOLIC)
        .bbox(Rect::new(size(bounds.x_min), size(bounds.y_min), size(bounds.x_max), size(bounds.y_max)))
        .italic_angle(0.0)
        .ascent(size(face.ascender()))
        .descent(size(face.descender()))
        .cap_height(729.0)
        .stem_v(80.0)
        .font_file2(FONT_FILE);
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(font::FILE, 6);
    let length = i32::try_from(font::FILE.len()).expect("the font is small");
    pdf.stream(FONT_FILE, &packed).filter(Filter::FlateDecode).pair(Name(b"Length1"), length);
    let mut cmap = UnicodeCmap::new(Name(b"Cenote-UCS2"), CID_SYSTEM);
    for (&glyph, &letter) in letters {
        cmap.pair(glyph, letter);
    }
    pdf.cmap(CMAP, &cmap.finish());
}

/// The marks of a page in the making. `y` runs down here, as in the scene.
struct PageContent<'a> {
    content: Content,
    face: &'a Face<'a>,
    /// The glyphs that were used, and one character that each stands for.
    letters: BTreeMap<u16, char>,
}

impl<'a> PageContent<'a> {
    fn new(scene: &Scene, scale: f64, face: &'a Face<'a>) -> Self {
        let mut content = Content::new();
        let scale_f32 = scale as f32;
        content.transform([scale_f32, 0.0, 0.0, -scale_f32, 0.0, (scene.height * scale) as f32]);
        let mut this = Self { content, face, letters: BTreeMap::new() };
        this.fill_color(Color::WHITE);
        this.content.rect(0.0, 0.0, scene.width as f32, scene.height as f32).fill_nonzero();
        this
    }

    fn set(&mut self, mark: &Mark) {
        match mark {
            Mark::Open { .. } | Mark::Close => {}
            Mark::Rectangle { corner, width, height, round, paint } => {
                self.trace_rectangle(*corner, *width, *height, *round);
                self.finish_path(paint);
            }
            Mark::Ellipse { middle, radius, paint } => {
                self.trace_ellipse(*middle, *radius);
                self.finish_path(paint);
            }
            Mark::Line { curve, paint } => {
                self.trace_curve(curve);
                self.finish_path(paint);
            }
            Mark::Triangle { corners, fill } => {
                self.move_to(corners[0].x, corners[0].y);
                self.line_to(corners[1].x, corners[1].y);
                self.line_to(corners[2].x, corners[2].y);
                self.content.close_path();
                self.fill_color(*fill);
                self.content.fill_nonzero();
            }
            Mark::Text { middle, text, width, font_size, ink } => {
                let codes: Vec<u8> = text.chars().flat_map(|letter| self.code(letter).to_be_bytes()).collect();
                self.fill_color(*ink);
                let (x, y) = ((middle.x - width / 2.0) as f32, middle.y as f32);
                self.content
                    .begin_text()
                    .set_font(FONT_NAME, *font_size as f32)
                    .set_text_matrix([1.0, 0.0, 0.0, -1.0, x, y])
                    .show(Str(&codes))
                    .end_text();
            }
        }
    }

    fn code(&mut self, letter: char) -> u16 {
        let glyph = font::glyph(self.face, letter).0;
        self.letters.entry(glyph).or_insert(if glyph == 0 { '\u{fffd}' } else { letter });
        glyph
    }

    fn finish_path(&mut self, paint: &Paint) {
        if let Some(fill) = paint.fill {
            self.fill_color(fill);
        }
        if let Some(Color(red, green, blue)) = paint.stroke {
            let dash: &[f32] = if paint.dashed { &[5.0, 3.0] } else { &[] };
            self.content.set_stroke_rgb(part(red), part(green), part(blue));
            self.content.set_line_width(paint.width as f32).set_dash_pattern(dash.iter().copied(), 0.0);
        }
        match (paint.fill, paint.stroke) {
            (Some(_), Some(_)) => self.content.fill_nonzero_and_stroke(),
            (Some(_), None) => self.content.fill_nonzero(),
            (None, Some(_)) => self.content.stroke(),
            (None, None) => self.content.end_path(),
        };
    }

    fn fill_color(&mut self, Color(red, green, blue): Color) {
        self.content.set_fill_rgb(part(red), part(green), part(blue));
    }

    fn move_to(&mut self, x: f64, y: f64) {
        self.content.move_to(x as f32, y as f32);
    }

    fn line_to(&mut self, x: f64, y: f64) {
        self.content.line_to(x as f32, y as f32);
    }

    fn cubic_to(&mut self, [a, b, to]: [Point; 3]) {
        self.content.cubic_to(a.x as f32, a.y as f32, b.x as f32, b.y as f32, to.x as f32, to.y as f32);
    }

    fn trace_curve(&mut self, curve: &Curve) {
        self.move_to(curve.start.x, curve.start.y);
        for &piece in &curve.pieces {
            self.cubic_to(piece);
        }
    }

    fn trace_rectangle(&mut self, corner: Point, width: f64, height: f64, round: f64) {
        if round <= 0.0 {
            self.content.rect(corner.x as f32, corner.y as f32, width as f32, height as f32);
            return;
        }
        let round = round.min(width / 2.0).min(height / 2.0);
        let (left, top, right, bottom) = (corner.x, corner.y, corner.x + width, corner.y + height);
        self.move_to(left + round, top);
        for (from, knee, to, next) in [
            ((right - round, top), (right, top), (right, top + round), (right, bottom - round)),
            ((right, bottom - round), (right, bottom), (right - round, bottom), (left + round, bottom)),
            ((left + round, bottom), (left, bottom), (left, bottom - round), (left, top + round)),
            ((left, top + round), (left, top), (left + round, top), (left + round, top)),
        ] {
            self.line_to(from.0, from.1);
            let towards = |end: (f64, f64)| Point {
                x: end.0 + (knee.0 - end.0) * QUARTER,
                y: end.1 + (knee.1 - end.1) * QUARTER,
            };
            self.cubic_to([towards(from), towards(to), Point { x: to.0, y: to.1 }]);
            self.line_to(next.0, next.1);
        }
        self.content.close_path();
    }

    fn trace_ellipse(&mut self, middle: Point, radius: (f64, f64)) {
        let at = |x: f64, y: f64| Point { x: middle.x + x * radius.0, y: middle.y + y * radius.1 };
        self.move_to(middle.x + radius.0, middle.y);
        for (x, y) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
            // A quarter from (x, y) to (-y, x).
            self.cubic_to([at(x - y * QUARTER, y + x * QUARTER), at(-y + x * QUARTER, x + y * QUARTER), at(-y, x)]);
        }
        self.content.close_path();
    }
}

fn part(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

#[cfg(test)]
mod tests {
    use cenote_core::draw::{Node, Picture};

    use super::*;

    #[test]
    fn a_picture_is_a_document_of_one_page_with_its_font() {
        let node = Node { label: "x_λ_日本".into(), ..Node::default() };
        let bytes = pdf(&Scene::new(&Picture { nodes: vec![node], ..Picture::default() }));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("%PDF-1."));
        assert_eq!(text.matches("/Type /Page\n").count(), 1);
        assert!(text.contains("/FontFile2") && text.contains("/ToUnicode") && text.trim_end().ends_with("%%EOF"));
    }
}
