//! SVG: a scene as a vector image for browsers and notebooks.

use std::fmt::Write;

use super::color::Color;
use super::layout::{Curve, Point};
use super::look::Paint;
use super::scene::{Mark, Scene};
use super::text::FONT_FAMILY;

/// The scene as SVG, in one element with a white ground of its own, so that it can be read in dark surroundings.
pub fn svg(scene: &Scene) -> String {
    let (width, height) = (short(scene.width), short(scene.height));
    let mut out = String::with_capacity(256 + scene.marks.len() * 120);
    // Verdana has nearly the same widths; what a browser takes instead is set to the width that was measured.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"{FONT_FAMILY}, Verdana, sans-serif\" \
         text-anchor=\"middle\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for mark in &scene.marks {
        write_mark(&mut out, mark);
    }
    out.push_str("</svg>\n");
    out
}

fn write_mark(out: &mut String, mark: &Mark) {
    match mark {
        Mark::Open { class, tooltip } => {
            let _ = write!(out, "<g class=\"{class}\">");
            if !tooltip.is_empty() {
                let _ = write!(out, "<title>{}</title>", escaped(tooltip));
            }
        }
        Mark::Close => out.push_str("</g>\n"),
        Mark::Rectangle { corner, width, height, round, paint } => {
            let _ = write!(
                out,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
                short(corner.x),
                short(corner.y),
                short(*width),
                short(*height)
            );
            if *round > 0.0 {
                let _ = write!(out, " rx=\"{}\"", short(*round));
            }
            write_paint(out, paint);
        }
        Mark::Ellipse { middle, radius, paint } => {
            let (x, y) = (short(middle.x), short(middle.y));
            if (radius.0 - radius.1).abs() < 1e-9 {
                let _ = write!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\"", short(radius.0));
            } else {
                let (rx, ry) = (short(radius.0), short(radius.1));
                let _ = write!(out, "<ellipse cx=\"{x}\" cy=\"{y}\" rx=\"{rx}\" ry=\"{ry}\"");
            }
            write_paint(out, paint);
        }
        Mark::Line { curve, paint } => {
            let _ = write!(out, "<path d=\"{}\"", path(curve));
            write_paint(out, paint);
        }
        Mark::Triangle { corners, fill } => {
            let [a, b, c] = corners.map(pair);
            let _ = write!(out, "<path d=\"M{a}L{b}L{c}Z\" fill=\"{}\"/>", fill.hex());
        }
        Mark::Text { middle, text, width, font_size, ink } => {
            let (x, y) = (short(middle.x), short(middle.y));
            let _ = write!(
                out,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\" textLength=\"{}\" \
                 lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{}</text>",
                short(*font_size),
                ink.hex(),
                short(*width),
                escaped(text)
            );
        }
    }
}

fn write_paint(out: &mut String, paint: &Paint) {
    let fill = paint.fill.map_or_else(|| "none".to_owned(), Color::hex);
    let _ = write!(out, " fill=\"{fill}\"");
    if let Some(stroke) = paint.stroke {
        let _ = write!(out, " stroke=\"{}\" stroke-width=\"{}\"", stroke.hex(), short(paint.width));
        if paint.dashed {
            out.push_str(" stroke-dasharray=\"5 3\"");
        }
    }
    out.push_str("/>");
}

fn path(curve: &Curve) -> String {
    let mut out = format!("M{}", pair(curve.start));
    let mut from = curve.start;
    for &[a, b, to] in &curve.pieces {
        let straight = |p: Point| {
            ((p.x - from.x) * (to.y - from.y) - (p.y - from.y) * (to.x - from.x)).abs()
                < 1e-6 * (1.0 + (to.y - from.y).abs())
        };
        let _ = if straight(a) && straight(b) {
            write!(out, "L{}", pair(to))
        } else {
            write!(out, "C{} {} {}", pair(a), pair(b), pair(to))
        };
        from = to;
    }
    out
}

fn pair(point: Point) -> String {
    format!("{} {}", short(point.x), short(point.y))
}

/// A number with at most two decimals and no zeros behind them.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text as XML takes it. Characters that XML cannot hold at all become the replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(letter),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::picture::{Edge, Node, Picture, Shape};

    fn drawn(label: &str) -> String {
        let circle =
            Node { label: label.into(), shape: Shape::Circle, tooltip: "a<b & \"c\"".into(), ..Node::default() };
        let data = Node { label: "x".into(), ..Node::default() };
        let edge = Edge { from: 0, to: 1, weight: 1, ..Edge::default() };
        svg(&Scene::new(&Picture { nodes: vec![circle, data], edges: vec![edge], ..Picture::default() }))
    }

    #[test]
    fn functions_are_circles_and_data_are_boxes_joined_by_an_arrow() {
        let text = drawn("inc");
        assert_eq!(text.matches("<circle").count(), 1);
        assert_eq!(text.matches("<rect").count(), 2, "the ground and one box");
        assert_eq!(text.matches("class=\"edge\"").count(), 1);
        assert!(text.contains(">inc</text>") && text.contains(">x</text>"));
    }

    #[test]
    fn text_is_escaped() {
        let text = drawn("<b>&\u{0}");
        assert!(text.contains("&lt;b&gt;&amp;\u{fffd}") && text.contains("<title>a&lt;b &amp; &quot;c&quot;</title>"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [short(1.0), short(-0.001), short(2.345), short(120.5)],
            ["1", "0", "2.35", "120.5"].map(String::from)
        );
    }
}
