//! Folds: where one node is linked to very many that have no other links, these stand in columns and not in one row that
//! is as long as they are many. The links of a column share their bends, in a trunk.

use super::{Extent, Link};

/// So many alike are folded.
const FOLD_MIN: usize = 30;
/// How much wider than high folded nodes are to be.
const ASPECT: f64 = 2.6;
/// What a link between two nodes takes of a row, and what a row takes beside its nodes, about.
const LINK_ROOM: f64 = 10.0;
const ROW_ROOM: f64 = 34.0;

/// Moves chains that start with a source and lead to nothing but one node down, and chains that come from one node alone
/// up, so that they stand in columns. For each link the trunk that it belongs to, if it does.
pub(super) fn fold(ranks: &mut [i32], links: &[Link], extents: &[Extent]) -> Vec<Option<u32>> {
    let nodes = ranks.len();
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for link in links {
        above[link.from].push(link.to);
        below[link.to].push(link.from);
    }
    let mut trunk_of = vec![None; nodes];
    let mut trunks = 0;
    for (ahead, behind, away) in [(&above, &below, -1), (&below, &above, 1)] {
        for chains in loose_chains(ahead, behind) {
            fold_chains(ranks, &chains, extents, away, &mut trunk_of, &mut trunks);
        }
    }
    let lowest = ranks.iter().copied().min().unwrap_or(0);
    for rank in ranks {
        *rank -= lowest;
    }
    // A link belongs to a trunk if one of its ends is the tip of a chain, and it is the tip's way out of the chain.
    let tip = |node: usize, ahead: &[usize]| if ahead.len() == 1 { trunk_of[node] } else { None };
    links
        .iter()
        .map(|link| match (tip(link.from, &above[link.from]), tip(link.to, &below[link.to])) {
            (Some((trunk, other)), _) if other == link.to => Some(trunk),
            (_, Some((trunk, other))) if other == link.from => Some(trunk),
            _ => None,
        })
        .collect()
}

/// For each node the chains that start loose and lead to it alone, each from its loose end, and the node behind it.
/// `ahead` leads from the loose ends to what they share, `behind` back.
fn loose_chains(ahead: &[Vec<usize>], behind: &[Vec<usize>]) -> Vec<Chains> {
    let mut chains: Vec<Chains> = (0..ahead.len()).map(|shared| Chains { shared, chains: Vec::new() }).collect();
    for start in (0..ahead.len()).filter(|&start| behind[start].is_empty()) {
        let mut chain = vec![start];
        let mut tip = start;
        while let [next] = ahead[tip][..] {
            if behind[next].len() > 1 {
                chains[next].chains.push(chain);
                break;
            }
            chain.push(next);
            tip = next;
        }
    }
    chains
}

struct Chains {
    shared: usize,
    chains: Vec<Vec<usize>>,
}

fn fold_chains(
    ranks: &mut [i32],
    Chains { shared, chains }: &Chains,
    extents: &[Extent],
    away: i32,
    trunk_of: &mut [Option<(u32, usize)>],
    trunks: &mut u32,
) {
    let length = chains.iter().map(Vec::len).max().unwrap_or(0);
    if chains.len() < FOLD_MIN || length > 6 {
        return;
    }
    let width = |chain: &Vec<usize>| chain.iter().map(|&node| extents[node].width).fold(0.0, f64::max) + LINK_ROOM;
    let height = |chain: &Vec<usize>| chain.iter().map(|&node| extents[node].height + ROW_ROOM).sum::<f64>();
    let all: f64 = chains.iter().map(width).sum();
    let high = chains.iter().map(height).fold(1.0, f64::max);
    #[allow(clippy::cast_sign_loss)] // a root
    let levels = (all / (ASPECT * high)).sqrt().round().clamp(1.0, 12.0) as usize;
    if levels == 1 {
        return;
    }
    for (index, chain) in chains.iter().enumerate() {
        // One more, so that the first of a column joins its trunk as the others do.
        let step = i32::try_from(length * (index % levels) + 1).expect("a few levels of a few nodes");
        for &node in chain {
            ranks[node] += away * step;
        }
        let tip = chain[chain.len() - 1];
        trunk_of[tip] = Some((*trunks + (index / levels) as u32, *shared));
    }
    *trunks += chains.len().div_ceil(levels) as u32;
}
