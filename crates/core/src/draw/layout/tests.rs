//! What must hold for every layout, on fixed graphs and on random ones.

use super::*;

/// A small generator with a fixed seed: chance that is the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

fn random_graph(seed: u64) -> (Vec<Extent>, Vec<Link>) {
    let mut chance = Chance(seed);
    let nodes = 2 + chance.below(60);
    let extents = (0..nodes)
        .map(|_| Extent {
            width: 20.0 + chance.below(80) as f64,
            height: 16.0 + chance.below(50) as f64,
            round: chance.below(2) == 0,
        })
        .collect();
    let links = (0..chance.below(nodes * 2))
        .map(|_| {
            let (a, b) = (chance.below(nodes), chance.below(nodes));
            // One in eight may close a cycle or lead to its own node.
            let (from, to) = if chance.below(8) == 0 { (a, b) } else { (a.min(b), a.max(b)) };
            Link { from, to, weight: 1 + chance.below(3) as u32 }
        })
        .collect();
    (extents, links)
}

/// Points along a curve, close enough to see whether it touches anything.
fn trace(curve: &Curve) -> Vec<Point> {
    let mut points = vec![curve.start];
    let mut from = curve.start;
    for &[a, b, to] in &curve.pieces {
        for step in 1..=24 {
            let t = f64::from(step) / 24.0;
            let s = 1.0 - t;
            let mix = |p: f64, q: f64, r: f64, u: f64| {
                s * s * s * p + 3.0 * s * s * t * q + 3.0 * s * t * t * r + t * t * t * u
            };
            points.push(Point { x: mix(from.x, a.x, b.x, to.x), y: mix(from.y, a.y, b.y, to.y) });
        }
        from = to;
    }
    points
}

fn check(extents: &[Extent], links: &[Link]) -> Layout {
    let layout = layout(extents, links, false);
    let boxed = |node: usize, margin: f64| {
        let (point, extent) = (layout.nodes[node], extents[node]);
        let (half_width, half_height) = (extent.width / 2.0 + margin, extent.height / 2.0 + margin);
        (point.x - half_width, point.x + half_width, point.y - half_height, point.y + half_height)
    };
    for a in 0..extents.len() {
        let (left, right, low, high) = boxed(a, 0.0);
        assert!(left > -0.01 && low > -0.01 && right < layout.width + 0.01 && high < layout.height + 0.01);
        for b in 0..a {
            let other = boxed(b, 4.0);
            assert!(right <= other.0 || other.1 <= left || high <= other.2 || other.3 <= low, "{a} overlaps {b}");
        }
    }
    for (link, curve) in links.iter().zip(&layout.links) {
        let Some(curve) = curve else {
            assert_eq!(link.from, link.to);
            continue;
        };
        let points = trace(curve);
        for node in (0..extents.len()).filter(|&node| node != link.from && node != link.to) {
            let (left, right, low, high) = boxed(node, 0.0);
            let touches = |point: &Point| point.x > left && point.x < right && point.y > low && point.y < high;
            assert!(!points.iter().any(touches), "{link:?} runs through {node}");
        }
        for (end, node) in [(points[0], link.from), (points[points.len() - 1], link.to)] {
            let (left, right, low, high) = boxed(node, 0.01);
            assert!(end.x >= left && end.x <= right && end.y >= low && end.y <= high, "{link:?} misses {node}");
        }
    }
    layout
}

fn squares(nodes: usize) -> Vec<Extent> {
    vec![Extent { width: 30.0, height: 30.0, round: false }; nodes]
}

fn links(pairs: &[(usize, usize)]) -> Vec<Link> {
    pairs.iter().map(|&(from, to)| Link { from, to, weight: 1 }).collect()
}

#[test]
fn nodes_do_not_overlap_and_links_keep_clear_of_other_nodes() {
    for seed in 0..120 {
        let (extents, links) = random_graph(seed);
        check(&extents, &links);
    }
}

#[test]
fn links_climb_unless_they_close_a_cycle() {
    for seed in 0..100 {
        let (extents, mut links) = random_graph(seed);
        links.retain(|link| link.from < link.to);
        let layout = check(&extents, &links);
        for link in &links {
            assert!(layout.nodes[link.from].y < layout.nodes[link.to].y);
        }
    }
}

#[test]
fn the_same_graph_has_the_same_layout_to_the_last_bit() {
    let (extents, links) = random_graph(7);
    assert_eq!(layout(&extents, &links, false), layout(&extents, &links, false));
}

#[test]
fn a_tree_of_sums_has_no_crossing() {
    let mut pairs = Vec::new();
    let mut row: Vec<usize> = (0..64).collect();
    let mut next = 64;
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|children| {
                pairs.extend(children.iter().map(|&child| (child, next)));
                next += 1;
                next - 1
            })
            .collect();
    }
    assert_eq!(check(&squares(next), &links(&pairs)).crossings, 0);
}

#[test]
fn a_tree_whose_leaves_were_shuffled_has_no_crossing() {
    let pairs: Vec<(usize, usize)> = (0..60).map(|leaf| (leaf, 60 + (leaf * 7) % 12)).collect();
    let upper: Vec<(usize, usize)> = (60..72).map(|node| (node, 72 + (node * 5) % 3)).collect();
    assert_eq!(check(&squares(75), &links(&[pairs, upper].concat())).crossings, 0);
}

#[test]
fn a_matrix_product_of_blocks_crosses_within_its_bound() {
    // 3 × 3 blocks: a[i,k] and b[k,j] meet in p[i,j,k], three of which are added.
    let mut pairs = Vec::new();
    for i in 0..3 {
        for j in 0..3 {
            for k in 0..3 {
                let product = 18 + i * 9 + j * 3 + k;
                pairs.extend([(i * 3 + k, product), (9 + k * 3 + j, product), (product, 45 + i * 3 + j)]);
            }
        }
    }
    let crossings = check(&squares(54), &links(&pairs)).crossings;
    assert!(crossings <= 340, "{crossings}");
}

#[test]
fn nothing_and_one_node_can_be_laid_out() {
    assert_eq!(layout(&[], &[], true), Layout::default());
    let one = check(&squares(1), &[]);
    assert!(one.width >= 30.0 && one.height >= 30.0);
}

#[test]
fn very_many_chains_at_one_node_stand_in_columns_without_a_crossing() {
    // Functions 0..90 give data 90..180, which 180 needs; and 180 is needed by 181..261.
    let pairs: Vec<(usize, usize)> = (0..90).flat_map(|i| [(i, 90 + i), (90 + i, 180)]).collect();
    let upper: Vec<(usize, usize)> = (181..261).map(|node| (180, node)).collect();
    let layout = check(&squares(261), &links(&[pairs, upper].concat()));
    assert_eq!(layout.crossings, 0);
    assert!(layout.width < 5.0 * layout.height, "{} × {}", layout.width, layout.height);
}
