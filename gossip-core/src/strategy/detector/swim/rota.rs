//! Whose turn it is: everybody once per pass, in a new random order each pass.

use crate::id::NodeId;
use crate::rng::Rng;

/// Round robin over a shuffled list (SWIM section 4.3): of `n` members each has its turn within
/// `2n - 1` turns. Who joins gets a random place in what is left of the pass, or in the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct Rota {
    members: Vec<NodeId>,
    /// The place of the next turn.
    next: usize,
}

impl Rota {
    pub(super) const fn new() -> Self {
        Self { members: Vec::new(), next: 0 }
    }

    pub(super) fn add(&mut self, rng: &mut Rng, member: NodeId) {
        let place = self.next + rng.index(self.members.len() - self.next + 1);
        self.members.insert(place, member);
    }

    pub(super) fn remove(&mut self, member: &NodeId) {
        if let Some(place) = self.members.iter().position(|other| other == member) {
            self.members.remove(place);
            self.next -= usize::from(place < self.next);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Who is next.
    pub(super) fn turn(&mut self, rng: &mut Rng) -> Option<NodeId> {
        if self.next >= self.members.len() {
            rng.shuffle(&mut self.members);
            self.next = 0;
        }
        let member = *self.members.get(self.next)?;
        self.next += 1;
        Some(member)
    }

    /// Up to `count` distinct members out of those that `eligible` admits, whatever their turn. Few
    /// are expected to be ineligible: so many draws end the search.
    pub(super) fn some(
        &self,
        rng: &mut Rng,
        count: usize,
        eligible: impl Fn(&NodeId) -> bool,
    ) -> Vec<NodeId> {
        let mut chosen = Vec::with_capacity(count);
        if self.members.len() <= 4 * count {
            let mut all: Vec<_> = self.members.iter().copied().filter(eligible).collect();
            rng.shuffle(&mut all);
            all.truncate(count);
            return all;
        }
        for _ in 0..DRAWS * count {
            if chosen.len() == count {
                break;
            }
            let drawn = self.members.get(rng.index(self.members.len())).copied();
            chosen.extend(drawn.filter(|it| eligible(it) && !chosen.contains(it)));
        }
        chosen
    }
}

/// Draws per member wanted (a guess: with half of all members ineligible one in 250 searches ends short).
const DRAWS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    #[test]
    fn everybody_has_a_turn_within_two_passes() {
        for count in 1..20_u8 {
            let mut rng = Rng::from_number(u64::from(count));
            let mut rota = Rota::default();
            (0..count).for_each(|number| rota.add(&mut rng, node(number)));
            let turns: Vec<_> = (0..2_000).map(|_| rota.turn(&mut rng).unwrap()).collect();
            for number in 0..count {
                let places: Vec<_> =
                    (0..turns.len()).filter(|at| turns[*at] == node(number)).collect();
                let longest = places.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
                assert!(longest < 2 * usize::from(count), "{longest} of {count}");
            }
        }
    }

    #[test]
    fn who_comes_and_goes_disturbs_nobody() {
        let mut rng = Rng::from_number(1);
        let mut rota = Rota::default();
        assert_eq!(rota.turn(&mut rng), None);
        (0..9).for_each(|number| rota.add(&mut rng, node(number)));
        let mut pass: Vec<_> = (0..4).map(|_| rota.turn(&mut rng).unwrap()).collect();
        rota.remove(&pass[1]);
        rota.remove(&node(99));
        rota.add(&mut rng, node(50));
        pass.extend((0..6).map(|_| rota.turn(&mut rng).unwrap()));
        pass.sort_unstable();
        pass.dedup();
        assert_eq!(pass.len(), 10, "everybody once, the newcomer as well");
        let chosen = rota.some(&mut rng, 3, |it| *it != node(50));
        assert_eq!(chosen.len(), 3);
        assert!(!chosen.contains(&node(50)));
    }
}
