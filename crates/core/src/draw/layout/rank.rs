//! Ranks: which row each node stands in, so that every edge climbs and the edges together are as short as they can be.
//!
//! The network simplex of Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs" (1993), with
//! cut values taken from sums over subtrees.

use super::Link;

/// The rank of each node: every link climbs by at least one, and the lowest rank is 0.
///
/// `links` must be free of cycles and join all nodes together; the sum of weighted lengths is then minimal, unless the
/// graph is so large that the budget of pivots ends first.
pub(super) fn ranks(nodes: usize, links: &[Link]) -> Vec<i32> {
    let mut simplex = Simplex::new(nodes, links);
    simplex.start();
    simplex.grow_tight_tree();
    let budget = 8 * nodes + 64;
    for _ in 0..budget {
        simplex.walk_tree();
        if !simplex.pivot() {
            break;
        }
    }
    let lowest = simplex.rank.iter().copied().min().unwrap_or(0);
    simplex.rank.iter().map(|rank| rank - lowest).collect()
}

struct Simplex<'a> {
    links: &'a [Link],
    /// The links at each node, by their index.
    incident: Vec<Vec<u32>>,
    rank: Vec<i32>,
    /// Weight of the links that leave a node, less the weight of those that enter it.
    surplus: Vec<i64>,
    in_tree: Vec<bool>,
    /// The tree link towards the root; the root has none.
    parent: Vec<Option<u32>>,
    /// Nodes from the root outwards, and where each one's subtree starts and ends in that list.
    walk: Vec<u32>,
    first: Vec<u32>,
    last: Vec<u32>,
}

impl<'a> Simplex<'a> {
    fn new(nodes: usize, links: &'a [Link]) -> Self {
        let mut incident = vec![Vec::new(); nodes];
        let mut surplus = vec![0_i64; nodes];
        for (index, link) in links.iter().enumerate() {
            incident[link.from].push(index as u32);
            incident[link.to].push(index as u32);
            surplus[link.from] += i64::from(link.weight);
            surplus[link.to] -= i64::from(link.weight);
        }
        Self {
            links,
            incident,
            rank: vec![0; nodes],
            surplus,
            in_tree: vec![false; links.len()],
            parent: vec![None; nodes],
            walk: Vec::with_capacity(nodes),
            first: vec![0; nodes],
            last: vec![0; nodes],
        }
    }

    fn slack(&self, link: u32) -> i32 {
        let link = &self.links[link as usize];
        self.rank[link.to] - self.rank[link.from] - 1
    }

    fn other_end(&self, link: u32, node: usize) -> usize {
        let link = &self.links[link as usize];
        if link.from == node { link.to } else { link.from }
    }

    /// Longest path from the sources.
    fn start(&mut self) {
        let mut missing = vec![0_u32; self.rank.len()];
        for link in self.links {
            missing[link.to] += 1;
        }
        let mut ready: Vec<usize> = (0..missing.len()).filter(|&node| missing[node] == 0).collect();
        while let Some(node) = ready.pop() {
            for &index in &self.incident[node] {
                let link = &self.links[index as usize];
                if link.from == node {
                    self.rank[link.to] = self.rank[link.to].max(self.rank[node] + 1);
                    missing[link.to] -= 1;
                    if missing[link.to] == 0 {
                        ready.push(link.to);
                    }
                }
            }
        }
    }

    /// Joins all nodes by links without slack, moving what has been joined so far when there is none.
    fn grow_tight_tree(&mut self) {
        let nodes = self.rank.len();
        let mut joined = vec![false; nodes];
        let mut members: Vec<usize> = vec![0];
        joined[0] = true;
        let mut next = 0;
        loop {
            while next < members.len() {
                let node = members[next];
                next += 1;
                for position in 0..self.incident[node].len() {
                    let link = self.incident[node][position];
                    let other = self.other_end(link, node);
                    if !joined[other] && self.slack(link) == 0 {
                        joined[other] = true;
                        self.in_tree[link as usize] = true;
                        members.push(other);
                    }
                }
            }
            let reach = (0..self.links.len() as u32)
                .filter(|&link| {
                    let link = &self.links[link as usize];
                    joined[link.from] != joined[link.to]
                })
                .min_by_key(|&link| self.slack(link));
            let Some(link) = reach else { break };
            let slack = self.slack(link);
            let shift = if joined[self.links[link as usize].to] { -slack } else { slack };
            for &member in &members {
                self.rank[member] += shift;
            }
            next = 0;
        }
    }

    /// Walks the tree from node 0 and writes down the order, the parents, and the extent of each subtree.
    fn walk_tree(&mut self) {
        self.walk.clear();
        let mut stack = vec![(0_usize, None::<u32>, false)];
        while let Some((node, parent, done)) = stack.pop() {
            if done {
                self.last[node] = self.walk.len() as u32;
                continue;
            }
            self.first[node] = self.walk.len() as u32;
            self.walk.push(node as u32);
            self.parent[node] = parent;
            stack.push((node, parent, true));
            for &link in &self.incident[node] {
                if self.in_tree[link as usize] && Some(link) != parent {
                    stack.push((self.other_end(link, node), Some(link), false));
                }
            }
        }
    }

    fn in_subtree(&self, node: usize, root: usize) -> bool {
        (self.first[root]..self.last[root]).contains(&self.first[node])
    }

    /// Swaps the tree link with the worst cut value for the tightest link that may replace it. False when every cut
    /// value is good: the ranks are then optimal.
    fn pivot(&mut self) -> bool {
        let mut sums: Vec<i64> = self.surplus.clone();
        let mut worst: Option<(i64, usize)> = None;
        for &node in self.walk.iter().rev() {
            let node = node as usize;
            let Some(link) = self.parent[node] else { continue };
            let outwards = self.links[link as usize].from == node;
            let cut = if outwards { sums[node] } else { -sums[node] };
            if cut < 0 && worst.is_none_or(|(value, _)| cut < value) {
                worst = Some((cut, node));
            }
            let parent = self.other_end(link, node);
            sums[parent] += sums[node];
        }
        let Some((_, root)) = worst else { return false };
        let leaving = self.parent[root].expect("only a node with a parent has a cut value");
        let outwards = self.links[leaving as usize].from == root;
        let entering = (0..self.links.len() as u32)
            .filter(|&link| {
                let link = &self.links[link as usize];
                let from_inside = self.in_subtree(link.from, root);
                from_inside != outwards && from_inside != self.in_subtree(link.to, root)
            })
            .min_by_key(|&link| self.slack(link));
        let Some(entering) = entering else { return false };
        let slack = self.slack(entering);
        let shift = if outwards { -slack } else { slack };
        for position in self.first[root]..self.last[root] {
            let node = self.walk[position as usize] as usize;
            self.rank[node] += shift;
        }
        self.in_tree[leaving as usize] = false;
        self.in_tree[entering as usize] = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(pairs: &[(usize, usize)]) -> Vec<Link> {
        pairs.iter().map(|&(from, to)| Link { from, to, weight: 1 }).collect()
    }

    #[test]
    fn a_late_source_stands_just_below_its_only_dependent() {
        let links = links(&[(0, 1), (1, 2), (2, 3), (4, 3)]);
        assert_eq!(ranks(5, &links), [0, 1, 2, 3, 2]);
    }

    #[test]
    fn a_heavy_link_stays_short_where_a_light_one_may_stretch() {
        let mut links = links(&[(0, 1), (1, 2), (2, 5), (3, 4), (4, 5), (0, 3)]);
        links[3].weight = 8;
        links.push(Link { from: 2, to: 6, weight: 1 });
        links.push(Link { from: 6, to: 7, weight: 1 });
        links.push(Link { from: 5, to: 7, weight: 1 });
        let ranks = ranks(8, &links);
        assert_eq!(ranks[4] - ranks[3], 1);
        for link in &links {
            assert!(ranks[link.to] > ranks[link.from]);
        }
    }

    #[test]
    fn a_lone_node_has_rank_zero() {
        assert_eq!(ranks(1, &[]), [0]);
    }
}
