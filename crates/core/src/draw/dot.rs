//! DOT: a picture as the language of Graphviz, without places, for whoever wants to draw it with something else.

use std::fmt::Write;

use super::picture::{Attributes, Picture};

/// The picture in DOT.
pub fn dot(picture: &Picture) -> String {
    let mut out = String::from("digraph {\n");
    let mut graph = vec![("rankdir".to_owned(), picture.direction.name().to_owned())];
    graph.extend(picture.defaults.graph.iter().cloned());
    for (name, attributes) in [("graph", &graph), ("node", &picture.defaults.nodes), ("edge", &picture.defaults.edges)]
    {
        if !attributes.is_empty() {
            let _ = writeln!(out, "  {name} [{}];", list(attributes));
        }
    }
    for node in &picture.nodes {
        let mut attributes = vec![
            ("label".to_owned(), node.label.clone()),
            ("shape".to_owned(), node.shape.name().to_owned()),
            ("tooltip".to_owned(), node.tooltip.clone()),
        ];
        attributes.retain(|(name, value)| {
            (name != "tooltip" || !value.is_empty()) && !node.attributes.iter().any(|(own, _)| own == name)
        });
        attributes.extend(node.attributes.iter().cloned());
        let _ = writeln!(out, "  {} [{}];", quoted(&node.id), list(&attributes));
    }
    for edge in &picture.edges {
        let (from, to) = (&picture.nodes[edge.from as usize], &picture.nodes[edge.to as usize]);
        let _ = write!(out, "  {} -> {}", quoted(&from.id), quoted(&to.id));
        if !edge.attributes.is_empty() {
            let _ = write!(out, " [{}]", list(&edge.attributes));
        }
        out.push_str(";\n");
    }
    out.push_str("}\n");
    out
}

fn list(attributes: &Attributes) -> String {
    let mut out = String::new();
    for (index, (name, value)) in attributes.iter().enumerate() {
        let gap = if index == 0 { "" } else { " " };
        let _ = write!(out, "{gap}{}={}", if is_word(name) { name.clone() } else { quoted(name) }, quoted(value));
    }
    out
}

fn is_word(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// A quoted string, of which Graphviz shows every character as it is: a backslash would begin an escape there.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\u{0}'..='\u{1f}' => out.push(' '),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::picture::{Defaults, Direction, Edge, Node, Shape};

    #[test]
    fn a_picture_is_written_node_by_node_and_edge_by_edge() {
        let circle = Node {
            id: "y()".into(),
            label: "say \"hi\"\n\\o/".into(),
            shape: Shape::Circle,
            attributes: vec![("color".into(), "red".into())],
            ..Node::default()
        };
        let data = Node { id: "y".into(), label: "y".into(), tooltip: "y".into(), ..Node::default() };
        let picture = Picture {
            nodes: vec![circle, data],
            edges: vec![Edge { from: 0, to: 1, weight: 1, ..Edge::default() }],
            direction: Direction::Right,
            defaults: Defaults { nodes: vec![("fontname".into(), "helvetica".into())], ..Defaults::default() },
            ..Picture::default()
        };
        let expected = r#"digraph {
  graph [rankdir="LR"];
  node [fontname="helvetica"];
  "y()" [label="say \"hi\"\n\\o/" shape="circle" color="red"];
  "y" [label="y" shape="box" tooltip="y"];
  "y()" -> "y";
}
"#;
        assert_eq!(dot(&picture), expected);
    }

    #[test]
    fn what_a_node_says_itself_replaces_its_label_and_shape() {
        let node = Node {
            id: "a".into(),
            label: "long".into(),
            attributes: vec![("label".into(), "short".into()), ("shape".into(), "square".into())],
            ..Node::default()
        };
        let text = dot(&Picture { nodes: vec![node], ..Picture::default() });
        assert!(text.contains("\"a\" [label=\"short\" shape=\"square\"];"), "{text}");
    }
}
