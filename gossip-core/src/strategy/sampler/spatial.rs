//! Nodes along a line, the near more often than the far.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Sampler;
use crate::id::NodeId;
use crate::rng::Rng;
use crate::strategy::Partners;

/// A line of nodes at equal distances, and how strongly near ones are preferred: one for all nodes of a
/// process.
#[derive(Clone, Debug)]
pub struct Line {
    nodes: Vec<NodeId>,
    places: BTreeMap<NodeId, usize>,
    /// How likely the partner is among the q nearest nodes, ourselves included: from 0 at q = 1 to
    /// [`WHOLE`] at all of them.
    within: Vec<u64>,
}

/// Certainty, in the units of [`Line::within`]: fine enough for the far end of any line, coarse enough
/// that no platform's logarithm shows.
const WHOLE: u64 = 1 << 40;

impl Line {
    /// The nodes in this order, preferring a partner at distance d with probability proportional to
    /// about d^-a: exactly (Q(d-1)^(1-a) - Q(d)^(1-a)) / (Q(d) - Q(d-1)) for each node at d, where Q(d)
    /// counts the nodes up to d and ourselves (Demers et al. 1987, section 3). An exponent of 0 is
    /// uniform choice; above 2 traffic per link stays constant however long the line is.
    #[must_use]
    pub fn new(nodes: Vec<NodeId>, exponent: f64) -> Self {
        let places = nodes.iter().enumerate().map(|(place, node)| (*node, place)).collect();
        let share = |count: usize| {
            let count = count.max(1) as f64;
            let steep = 1.0 - exponent;
            if steep.abs() < 1e-9 { count.ln() } else { (count.powf(steep) - 1.0) / steep }
        };
        let all = share(nodes.len());
        let scaled = |count| if all > 0.0 { share(count) / all * WHOLE as f64 } else { 0.0 };
        let within = (0..=nodes.len()).map(|count| scaled(count).round() as u64).collect();
        Self { nodes, places, within }
    }

    /// The nodes in their order.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// A node's place.
    #[must_use]
    pub fn place(&self, node: &NodeId) -> Option<usize> {
        self.places.get(node).copied()
    }

    /// How many nodes there are up to this distance of a place, itself included.
    fn within_distance(&self, place: usize, distance: usize) -> usize {
        let behind = self.nodes.len().saturating_sub(place + 1);
        1 + place.min(distance) + behind.min(distance)
    }

    fn draw(&self, rng: &mut Rng, place: usize) -> Option<NodeId> {
        let ticket = rng.below(WHOLE);
        let count = self.within.partition_point(|within| *within <= ticket);
        // The smallest distance with so many nodes: both sides as long as there are two.
        let (before, behind) = (place, self.nodes.len().saturating_sub(place + 1));
        let (shorter, others) = (before.min(behind), count.saturating_sub(1));
        let distance = if others <= 2 * shorter { others.div_ceil(2) } else { others - shorter };
        let forward = match (distance <= before, distance <= behind) {
            (true, true) => rng.below(2) == 0,
            (_, forward) => forward,
        };
        let other = if forward { Some(place + distance) } else { place.checked_sub(distance) };
        self.nodes.get(other?).copied()
    }

    /// How likely one node is chosen by another, in units of [`WHOLE`]; who is not on the line counts as
    /// farthest away.
    fn weight(&self, place: usize, node: &NodeId) -> u64 {
        let Some(other) = self.place(node) else { return 1 };
        let distance = place.abs_diff(other);
        let [near, far] = [distance.saturating_sub(1), distance]
            .map(|distance| self.within_distance(place, distance));
        let share = |count: usize| self.within.get(count).copied().unwrap_or(WHOLE);
        let both = far.saturating_sub(near).max(1) as u64;
        ((share(far) - share(near)) / both).max(1)
    }
}

/// Chooses the near more often, so that little traffic crosses long links.
///
/// Takes time in proportion to `count` and to the logarithm of the line's length while most partners
/// are eligible, and looks at all of them otherwise.
#[derive(Clone, Debug)]
pub struct Spatial {
    line: Arc<Line>,
    place: usize,
}

/// Draws per choice before all partners are looked at (guess: a steep exponent draws the two
/// neighbours again and again).
const DRAWS: usize = 64;

impl Spatial {
    /// The sampler of this node, or of one at the beginning of the line if it is not on it.
    #[must_use]
    pub fn new(line: Arc<Line>, me: &NodeId) -> Self {
        let place = line.place(me).unwrap_or(0);
        Self { line, place }
    }
}

impl Sampler for Spatial {
    fn name(&self) -> &'static str {
        "spatial"
    }

    fn pick(
        &mut self,
        rng: &mut Rng,
        partners: Partners<'_>,
        count: usize,
        eligible: &dyn Fn(&NodeId) -> bool,
    ) -> Vec<NodeId> {
        let admits = |node: &NodeId| partners.contains(node) && eligible(node);
        let mut chosen = Vec::with_capacity(count.min(partners.len()));
        while chosen.len() < count {
            let draws = (0..DRAWS).filter_map(|_| self.line.draw(rng, self.place));
            let mut fresh = draws.filter(|node| !chosen.contains(node) && admits(node));
            let Some(node) = fresh.next() else {
                self.choose_rest(rng, partners, count, eligible, &mut chosen);
                break;
            };
            chosen.push(node);
        }
        chosen
    }
}

impl Spatial {
    /// What drawing did not find is drawn from a list of all who are left, by their weights.
    fn choose_rest(
        &self,
        rng: &mut Rng,
        partners: Partners<'_>,
        count: usize,
        eligible: &dyn Fn(&NodeId) -> bool,
        chosen: &mut Vec<NodeId>,
    ) {
        let rest = partners.iter().filter(|node| !chosen.contains(node) && eligible(node));
        let mut rest: Vec<_> =
            rest.map(|node| (self.line.weight(self.place, &node), node)).collect();
        while chosen.len() < count && !rest.is_empty() {
            let mut ticket = rng.below(rest.iter().map(|(weight, _)| weight).sum());
            let holder = rest.iter().position(|(weight, _)| {
                let holds = ticket < *weight;
                ticket = ticket.saturating_sub(*weight);
                holds
            });
            chosen.push(rest.swap_remove(holder.unwrap_or(0)).1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: usize) -> Vec<NodeId> {
        let id = |number: usize| *blake3::hash(&number.to_le_bytes()).as_bytes();
        (0..count).map(id).map(NodeId::from_bytes).collect()
    }

    /// The published chance of one node at this distance.
    fn published(line: &Line, place: usize, distance: usize, exponent: f64) -> f64 {
        let power = |distance| {
            let count = line.within_distance(place, distance) as f64;
            if exponent == 1.0 { count.ln() } else { -count.powf(1.0 - exponent) }
        };
        let all = (line.nodes.len() - 1 - place).max(place);
        let both =
            line.within_distance(place, distance) - line.within_distance(place, distance - 1);
        let (near, far) = (power(distance - 1), power(distance));
        (far - near) / (power(all) - power(0)) / both as f64
    }

    fn check(exponent: f64, place: usize, few: usize) {
        const DRAWN: u32 = 100_000;
        let nodes = nodes(21);
        let line = Arc::new(Line::new(nodes.clone(), exponent));
        let mut partners: Vec<_> = nodes.clone();
        partners.sort_unstable();
        partners.retain(|node| *node != nodes[place]);
        let mut sampler = Spatial::new(line.clone(), &nodes[place]);
        let rng = &mut Rng::from_number(1);
        // Among a few eligible ones the chances are the same, given that it is one of them.
        let admits = |node: &NodeId| line.place(node).is_some_and(|place| place < few);
        let mut found = BTreeMap::<_, u32>::new();
        for _ in 0..DRAWN {
            for node in sampler.pick(rng, Partners::new(&partners), 1, &admits) {
                *found.entry(line.place(&node).unwrap()).or_default() += 1;
            }
        }
        let chances: BTreeMap<_, _> = (0..few)
            .filter(|other| *other != place)
            .map(|other| (other, published(&line, place, place.abs_diff(other), exponent)))
            .collect();
        let all: f64 = chances.values().sum();
        for (other, chance) in chances {
            let expected = f64::from(DRAWN) * chance / all;
            let found = f64::from(found.get(&other).copied().unwrap_or(0));
            let error = (found - expected).abs() / expected.sqrt();
            assert!(error < 4.5, "a={exponent} from {place} to {other}: {found}, not {expected}");
        }
    }

    #[test]
    fn distances_have_the_published_chances() {
        for exponent in [0.0, 0.5, 1.0, 1.4, 2.0, 4.0] {
            for place in [0, 3, 10, 20] {
                check(exponent, place, 21);
            }
        }
        check(2.0, 18, 2);
        check(1.0, 20, 3);
    }

    #[test]
    fn whoever_is_not_on_the_line_is_chosen_last() {
        let mut nodes = nodes(3);
        let stranger = nodes.pop().unwrap();
        let mut sampler = Spatial::new(Arc::new(Line::new(nodes.clone(), 1.0)), &nodes[0]);
        let mut partners = vec![nodes[1], stranger];
        partners.sort_unstable();
        let rng = &mut Rng::from_number(1);
        let chosen = sampler.pick(rng, Partners::new(&partners), 2, &|_| true);
        assert_eq!(chosen, [nodes[1], stranger]);
    }
}
