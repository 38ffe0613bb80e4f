//! The receiver's side: large facts of which others have told, a few of which are on their way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::pull::Pull;
use crate::fact::Why;
use crate::id::NodeId;
use crate::sketch::Symbol;
use crate::time::Mono;
use crate::wire::{AskChunks, Chunk, Large};

/// Most facts that wait or are on their way. Beyond it who has told of most makes room; repair
/// brings back what was dropped (guess).
pub(super) const MOST: usize = 1_024;

/// Most of them of one member: an eighth, as of what is asked for by rumors.
const SHARE: usize = MOST / 8;

/// Most that are on their way at a time, one from each holder: a window of each is what one receive
/// buffer holds, and with the largest facts they take 8 MiB (guess).
pub(super) const ACTIVE: usize = 8;

/// Repair asks on while so few wait: small facts are not held up by a few large ones (guess).
const FEW: usize = 16;

/// Other members that have the same fact and are asked if the first fails (guess).
const OTHERS: usize = 3;

/// Facts that came whole and of which others are remembered, until they are found to be false (guess:
/// no more wait for the verifier).
const SPARE: usize = 16;

/// The numbers of a symbol, that of the id first: partners name facts by it alone.
type Name = (u64, u64);

/// Large facts that are known from notices.
///
/// ```text
///  notice ─▶ waiting ─▶ held already? ─▶ chunk by chunk ─▶ whole ─▶ pipeline
///    │ too many: dropped       │ yes: done       │ silent, slow, false: the next holder, or dropped
/// ```
#[derive(Debug, Default)]
pub(super) struct Fetching {
    active: BTreeMap<NodeId, Active>,
    known: BTreeMap<Name, Notice>,
    /// Whose copies came whole, with the members that have others.
    spare: VecDeque<(Symbol, Notice)>,
    /// Holders that have a turn: those for whom something waits.
    turns: VecDeque<NodeId>,
    /// The smallest of each holder goes first.
    waiting: BTreeMap<NodeId, BTreeSet<(u32, Name)>>,
    waiting_bytes: usize,
    waiting_count: usize,
}

/// What members told of a fact.
#[derive(Clone, Debug)]
struct Notice {
    bytes: u32,
    holder: NodeId,
    others: Vec<NodeId>,
}

/// The one fact that is taken from a holder now.
#[derive(Debug)]
struct Active {
    symbol: Symbol,
    /// `None`: our own store is asked whether it is held already.
    pull: Option<Pull>,
}

/// What a chunk makes of a fact.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Come {
    /// More is to come.
    Part,
    /// The holder does not hold it.
    Gone,
    /// It is whole.
    Whole(Bytes),
}

impl Fetching {
    /// A member has a fact.
    pub(super) fn notice(&mut self, from: NodeId, large: &Large) -> Result<(), Why> {
        let name = name(&large.symbol);
        if let Some(known) = self.known.get_mut(&name) {
            let is_other = known.holder != from && !known.others.contains(&from);
            if is_other && known.bytes == large.bytes && known.others.len() < OTHERS {
                known.others.push(from);
            }
            return Ok(());
        }
        self.make_room(from)?;
        self.wait(name, Notice { bytes: large.bytes, holder: from, others: Vec::new() });
        Ok(())
    }

    /// Whether a fact whose id begins with these bytes waits or is on its way.
    pub(super) fn names(&self, key: &[u8; 8]) -> bool {
        let id = u64::from_be_bytes(*key);
        self.known.range((id, 0)..=(id, u64::MAX)).next().is_some()
    }

    /// The next fact whose turn it is. Its holder is busy with it until it [ends](Self::end).
    pub(super) fn next(&mut self) -> Option<Symbol> {
        if self.active.len() >= ACTIVE {
            return None;
        }
        let place = self.turns.iter().position(|holder| !self.active.contains_key(holder))?;
        let holder = self.turns.remove(place)?;
        let (_, name) = *self.waiting.get(&holder)?.first()?;
        self.unwait(name);
        let symbol = Symbol { id: name.0, hlc: name.1 };
        self.active.insert(holder, Active { symbol, pull: None });
        Some(symbol)
    }

    /// The fact whose turn it is was not held: its holder, if it is still wanted.
    pub(super) fn begin(&mut self, now: Mono, symbol: &Symbol) -> Option<NodeId> {
        let Notice { bytes, holder, .. } = *self.known.get(&name(symbol))?;
        let active = self.active.get_mut(&holder).filter(|active| active.symbol == *symbol)?;
        active.pull.get_or_insert_with(|| Pull::new(bytes, now));
        Some(holder)
    }

    /// What to ask a holder for now.
    pub(super) fn ask(&mut self, now: Mono, holder: &NodeId) -> Option<AskChunks> {
        let Active { symbol, pull } = self.active.get_mut(holder)?;
        let chunks = pull.as_mut()?.ask(now);
        let bytes = self.known.get(&name(symbol))?.bytes;
        (!chunks.is_empty()).then_some(AskChunks { symbol: *symbol, bytes, chunks })
    }

    /// A chunk came.
    pub(super) fn come(&mut self, now: Mono, from: &NodeId, chunk: &Chunk) -> Result<Come, Why> {
        let active = self.active.get_mut(from).filter(|active| active.symbol == chunk.symbol);
        // What is taken no more may have been on its way.
        let pull = active.and_then(|active| active.pull.as_mut()).ok_or(Why::TooLate)?;
        if chunk.bytes.is_empty() {
            return Ok(Come::Gone);
        }
        let whole = pull.come(now, chunk.place, &chunk.bytes)?;
        Ok(whole.map_or(Come::Part, Come::Whole))
    }

    /// Takes note of time; which facts are given up, as far as these holders go.
    pub(super) fn pass(&mut self, now: Mono) -> Vec<Symbol> {
        let pulls = self.active.values_mut();
        let gives_up = |active: &mut Active| {
            let goes_on = active.pull.as_mut().is_none_or(|pull| pull.pass(now));
            (!goes_on).then_some(active.symbol)
        };
        pulls.filter_map(gives_up).collect()
    }

    /// Who is asked for chunks.
    pub(super) fn holders(&self) -> Vec<NodeId> {
        self.active.keys().copied().collect()
    }

    /// A fact came whole: from now on it is known by its own bytes.
    pub(super) fn taken(&mut self, symbol: &Symbol) {
        if let Some(notice) = self.end(symbol).filter(|notice| !notice.others.is_empty()) {
            self.spare.truncate(SPARE - 1);
            self.spare.push_front((*symbol, notice));
        }
    }

    /// The copy of a holder was false, or did not come: the next one has its turn.
    pub(super) fn failed(&mut self, symbol: &Symbol) {
        let spare = self.spare.iter().position(|(spare, _)| spare == symbol);
        let spare = spare.and_then(|place| self.spare.remove(place)).map(|(_, notice)| notice);
        let Some(mut notice) = self.end(symbol).or(spare) else { return };
        if let Some(other) = notice.others.pop()
            && self.make_room(other).is_ok()
        {
            self.wait(name(symbol), Notice { holder: other, ..notice });
        }
    }

    /// A fact is wanted no more.
    pub(super) fn forget(&mut self, symbol: &Symbol) {
        self.end(symbol);
    }

    /// A member is gone.
    pub(super) fn gone(&mut self, member: NodeId) {
        let theirs = self.known.iter().filter(|(_, notice)| notice.holder == member);
        let symbols = theirs.map(|((id, hlc), _)| Symbol { id: *id, hlc: *hlc });
        symbols.collect::<Vec<_>>().iter().for_each(|symbol| self.failed(symbol));
        for notice in self.known.values_mut() {
            notice.others.retain(|other| *other != member);
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let pulls = self.active.values().filter_map(|active| active.pull.as_ref());
        pulls.map(Pull::deadline).min()
    }

    /// What makes repair pause: nothing while only a few wait.
    pub(super) const fn backlog(&self) -> usize {
        if self.waiting_count > FEW { self.waiting_bytes } else { 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// What has come of facts that are not whole.
    pub(super) fn held(&self) -> usize {
        let pulls = self.active.values().filter_map(|active| active.pull.as_ref());
        pulls.map(Pull::held).sum()
    }

    fn wait(&mut self, name: Name, notice: Notice) {
        let queue = self.waiting.entry(notice.holder).or_default();
        if queue.is_empty() {
            self.turns.push_back(notice.holder);
        }
        queue.insert((notice.bytes, name));
        self.waiting_bytes += notice.bytes as usize;
        self.waiting_count += 1;
        self.known.insert(name, notice);
    }

    /// A fact waits no more; whether it did.
    fn unwait(&mut self, name: Name) -> bool {
        let Some(Notice { bytes, holder, .. }) = self.known.get(&name) else { return false };
        let Some(queue) = self.waiting.get_mut(holder) else { return false };
        if !queue.remove(&(*bytes, name)) {
            return false;
        }
        self.waiting_bytes -= *bytes as usize;
        self.waiting_count -= 1;
        self.turns.retain(|turn| turn != holder);
        if queue.is_empty() {
            self.waiting.remove(holder);
        } else {
            self.turns.push_back(*holder);
        }
        true
    }

    fn end(&mut self, symbol: &Symbol) -> Option<Notice> {
        let name = name(symbol);
        let waited = self.unwait(name);
        let notice = self.known.remove(&name)?;
        if !waited {
            self.active.remove(&notice.holder);
        }
        Some(notice)
    }

    /// Whether one more of this member may wait, if need be in place of the largest of who has most.
    fn make_room(&mut self, of: NodeId) -> Result<(), Why> {
        let share = self.waiting.get(&of).map_or(0, BTreeSet::len);
        if share >= SHARE {
            return Err(Why::PeerQueueFull);
        }
        if self.known.len() < MOST {
            return Ok(());
        }
        let heaviest = self.waiting.values().max_by_key(|queue| queue.len());
        let largest = heaviest.filter(|queue| queue.len() > share + 1).and_then(BTreeSet::last);
        let (_, (id, hlc)) = *largest.ok_or(Why::QueueFull)?;
        self.end(&Symbol { id, hlc });
        Ok(())
    }
}

const fn name(symbol: &Symbol) -> Name {
    (symbol.id, symbol.hlc)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Mono = Mono::from_nanos(1);

    fn member(number: u64) -> NodeId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        NodeId::from_bytes(id)
    }

    fn large(id: u64, bytes: u32) -> Large {
        Large { symbol: Symbol { hlc: 7, id }, bytes, feedback: false }
    }

    fn consistent(fetching: &Fetching) {
        let waiting: usize = fetching.waiting.values().map(BTreeSet::len).sum();
        assert_eq!(
            (fetching.waiting_count, fetching.turns.len()),
            (waiting, fetching.waiting.len())
        );
        assert_eq!(fetching.known.len(), waiting + fetching.active.len());
        let bytes: u32 = fetching.waiting.values().flatten().map(|(bytes, _)| bytes).sum();
        assert_eq!(fetching.waiting_bytes, bytes as usize);
    }

    #[test]
    fn holders_take_turns_and_the_smallest_of_each_goes_first() {
        let mut fetching = Fetching::default();
        for (holder, id, bytes) in [(1, 1, 900), (1, 2, 100), (1, 3, 500), (2, 4, 9_000)] {
            fetching.notice(member(holder), &large(id, bytes)).unwrap();
        }
        let next = |fetching: &mut Fetching| fetching.next().map(|symbol| symbol.id);
        assert_eq!([next(&mut fetching), next(&mut fetching)], [Some(2), Some(4)]);
        assert_eq!(next(&mut fetching), None, "one at a time of each");
        consistent(&fetching);
        fetching.forget(&large(2, 0).symbol);
        assert_eq!(next(&mut fetching), Some(3));
        assert!(fetching.names(&3_u64.to_be_bytes()) && !fetching.names(&2_u64.to_be_bytes()));
        fetching.gone(member(1));
        fetching.gone(member(2));
        consistent(&fetching);
        assert_eq!(fetching.len(), 0);
    }

    #[test]
    fn nobody_takes_all_places() {
        let mut fetching = Fetching::default();
        let tell = |fetching: &mut Fetching, holder: u64, count: u64| {
            let told = (0..count).map(|n| large(holder << 32 | n, 1_000 + n as u32));
            told.filter(|large| fetching.notice(member(holder), large).is_ok()).count()
        };
        assert_eq!(tell(&mut fetching, 1, 10_000), SHARE);
        for holder in 2..=8 {
            tell(&mut fetching, holder, SHARE as u64);
        }
        assert_eq!(fetching.len(), MOST);
        assert!(tell(&mut fetching, 9, 50) == 50, "those with the most make room");
        assert_eq!(fetching.len(), MOST);
        consistent(&fetching);
        assert!(fetching.backlog() > 0);
        assert_eq!(fetching.held(), 0, "nothing has come");
    }

    #[test]
    fn what_one_fails_to_give_is_taken_from_another() {
        let mut fetching = Fetching::default();
        let told = large(1, 10);
        for holder in 1..=9 {
            fetching.notice(member(holder), &told).unwrap();
        }
        for holder in [1, 4, 3, 2] {
            assert_eq!(fetching.next(), Some(told.symbol));
            assert_eq!(fetching.begin(NOW, &told.symbol), Some(member(holder)));
            assert_eq!(fetching.ask(NOW, &member(holder)).unwrap().chunks, [0]);
            let chunk = Chunk { symbol: told.symbol, place: 0, bytes: vec![1; 10].into() };
            assert_eq!(fetching.come(NOW, &member(9), &chunk), Err(Why::TooLate), "a stranger's");
            if holder == 1 {
                // It came whole, and was false.
                let whole = fetching.come(NOW, &member(1), &chunk).unwrap();
                assert_eq!(whole, Come::Whole(chunk.bytes.clone()));
                fetching.taken(&told.symbol);
                assert_eq!(fetching.len(), 0);
            }
            fetching.failed(&told.symbol);
            consistent(&fetching);
        }
        assert_eq!((fetching.next(), fetching.len()), (None, 0), "three others at most");
    }
}
