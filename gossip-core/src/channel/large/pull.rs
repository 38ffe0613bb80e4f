//! One large fact on its way: what has come, what was asked for, and how much at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::fact::Why;
use crate::time::Mono;
use crate::wire::{CHUNK_BYTES, MAX_CHUNKS};

/// Chunks asked for at first (guess: what a slow line carries within a round trip).
const FIRST_WINDOW: usize = 8;

/// A window is never smaller: below it each loss is half of it (guess).
const LEAST_WINDOW: usize = 8;

/// Of one question's chunks more than one in so many must be lost for the window to halve: fewer are
/// lost on a bad line whatever the pace (guess).
const TOLERATED: usize = 4;

/// How long the first answer may take: more than any round trip on earth (guess).
const FIRST_PATIENCE: Duration = Duration::from_secs(1);

/// The least time that later answers are given: the holder may be busy (guess).
const LEAST_PATIENCE: Duration = Duration::from_millis(50);

/// A round trip longer than twice the shortest and this means that a queue grows on the way: the
/// window stays as it is, so that small facts find the line free (guess).
const QUEUEING: Duration = Duration::from_millis(10);

/// A holder from which nothing comes for so long is given up (guess: four questions, each with more
/// patience than any round trip takes).
const SILENCE: Duration = Duration::from_secs(4);

/// A holder has so much time in any case, and more for so many bytes per second. Below that a fact
/// is taken from somebody else (guess).
const LEAST_TIME: Duration = Duration::from_secs(10);
const LEAST_RATE: u32 = 16 * 1024;

/// One fact that is taken in chunks from one holder.
///
/// At most a window of chunks is asked for at a time. The window grows by what comes until something
/// is lost, then by one for each window that came; it halves where much is lost. Memory is taken for
/// what has come, never for what is announced.
#[derive(Debug)]
pub(super) struct Pull {
    /// Asked for and not come, with the time of asking.
    asked: BTreeMap<u32, Mono>,
    bytes: usize,
    /// How many came since the window last grew.
    came: usize,
    /// Whether nothing was lost yet.
    doubling: bool,
    ends: Mono,
    /// When something came last.
    heard: Mono,
    lost: BTreeSet<u32>,
    /// The first chunk that was never asked for.
    next: u32,
    parts: BTreeMap<u32, Bytes>,
    /// How long answers took of late, the slowest of them; and the fastest of all.
    round_trip: Option<(Duration, Duration)>,
    window: usize,
}

impl Pull {
    pub(super) fn new(bytes: u32, now: Mono) -> Self {
        Self {
            asked: BTreeMap::new(),
            bytes: bytes as usize,
            came: 0,
            doubling: true,
            ends: now + LEAST_TIME + Duration::from_secs(1) * (bytes / LEAST_RATE),
            heard: now,
            lost: BTreeSet::new(),
            next: 0,
            parts: BTreeMap::new(),
            round_trip: None,
            window: FIRST_WINDOW,
        }
    }

    /// The chunks to ask for now: as soon as half of the window is free, what was lost first.
    pub(super) fn ask(&mut self, now: Mono) -> Vec<u32> {
        if self.asked.len() * 2 > self.window {
            return Vec::new();
        }
        let room = self.window - self.asked.len();
        let again = self.lost.iter().copied().take(room).collect::<Vec<_>>();
        again.iter().for_each(|place| _ = self.lost.remove(place));
        let fresh = self.next..self.chunks().min(self.next + (room - again.len()) as u32);
        self.next = fresh.end;
        let chunks: Vec<_> = again.into_iter().chain(fresh).collect();
        self.asked.extend(chunks.iter().map(|place| (*place, now)));
        chunks
    }

    /// A chunk came. The whole, if it was the last.
    pub(super) fn come(
        &mut self,
        now: Mono,
        place: u32,
        bytes: &Bytes,
    ) -> Result<Option<Bytes>, Why> {
        if place >= self.next {
            // Perhaps it was asked for before, and given up.
            return Err(Why::TooLate);
        }
        if bytes.len() != CHUNK_BYTES.min(self.bytes - place as usize * CHUNK_BYTES) {
            return Err(Why::BadRecord);
        }
        if self.parts.contains_key(&place) {
            return Ok(None);
        }
        self.heard = now;
        self.lost.remove(&place);
        let asked = self.asked.remove(&place);
        self.grow(asked.map(|asked| now.since(asked)));
        self.parts.insert(place, bytes.clone());
        Ok((self.parts.len() == self.chunks() as usize).then(|| self.whole()))
    }

    /// Takes note of what has not come in time; false where the holder is to be given up.
    pub(super) fn pass(&mut self, now: Mono) -> bool {
        let patience = self.patience();
        let overdue = self.asked.iter().filter(|(_, asked)| **asked + patience <= now);
        let overdue: Vec<_> = overdue.map(|(place, _)| *place).collect();
        self.doubling &= overdue.is_empty();
        // Questions are of half a window.
        if overdue.len() * 2 * TOLERATED > self.window {
            self.window = (self.window / 2).max(LEAST_WINDOW);
            self.came = 0;
        }
        overdue.iter().for_each(|place| _ = self.asked.remove(place));
        self.lost.extend(overdue);
        now < self.heard + SILENCE && now < self.ends
    }

    pub(super) fn deadline(&self) -> Mono {
        let patience = self.patience();
        let asked = self.asked.values().map(|asked| *asked + patience);
        asked.chain([self.heard + SILENCE, self.ends]).min().unwrap_or(self.ends)
    }

    /// What has come takes so many bytes.
    pub(super) fn held(&self) -> usize {
        self.parts.len() * CHUNK_BYTES
    }

    const fn chunks(&self) -> u32 {
        self.bytes.div_ceil(CHUNK_BYTES) as u32
    }

    fn grow(&mut self, took: Option<Duration>) {
        self.came += 1;
        if let Some(took) = took {
            let (slow, fast) = self.round_trip.unwrap_or((took, took));
            self.round_trip = Some(((slow * 7 / 8).max(took), fast.min(took)));
            if took > fast * 2 + QUEUEING {
                return;
            }
        }
        if self.doubling || self.came >= self.window {
            self.window = (self.window + 1).min(MAX_CHUNKS);
            self.came = 0;
        }
    }

    /// How long to wait for an answer: twice as long as they took of late.
    fn patience(&self) -> Duration {
        let known = self.round_trip.map(|(slow, _)| slow * 2);
        known.map_or(FIRST_PATIENCE, |known| known.clamp(LEAST_PATIENCE, FIRST_PATIENCE))
    }

    fn whole(&mut self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.bytes);
        std::mem::take(&mut self.parts).values().for_each(|part| whole.extend_from_slice(part));
        whole.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    const START: Mono = Mono::from_nanos(1_000_000_000);

    /// A chunk of zeros.
    fn chunk(bytes: usize, place: u32) -> Bytes {
        vec![0; CHUNK_BYTES.min(bytes - place as usize * CHUNK_BYTES)].into()
    }

    /// Takes a fact over a line with this round trip that loses every so manyth chunk; the time that
    /// took, how many chunks were sent, and the largest question.
    fn take(bytes: usize, round_trip: Duration, loses: usize) -> (Duration, usize, usize) {
        let mut pull = Pull::new(bytes as u32, START);
        let (mut now, mut sent, mut most) = (START, 0, 0);
        let mut coming = BTreeMap::<_, Vec<u32>>::new();
        loop {
            let ask = pull.ask(now);
            most = most.max(ask.len());
            for place in ask {
                sent += 1;
                if sent % loses != 0 {
                    coming.entry(now + round_trip).or_default().push(place);
                }
            }
            let come = coming.first_key_value().map(|(at, _)| *at);
            now = come.map_or_else(|| pull.deadline(), |at| at.min(pull.deadline()));
            for place in coming.remove(&now).unwrap_or_default() {
                if let Some(whole) = pull.come(now, place, &chunk(bytes, place)).unwrap() {
                    assert_eq!(whole.len(), bytes);
                    return (now.since(START), sent, most);
                }
            }
            assert!(pull.pass(now), "a line that loses some is no reason to give up");
        }
    }

    #[test]
    fn a_mebibyte_takes_about_a_window_per_round_trip() {
        let (took, sent, most) = take(1 << 20, MILLISECOND * 10, usize::MAX);
        assert_eq!(sent, (1_usize << 20).div_ceil(CHUNK_BYTES), "nothing is asked for twice");
        assert!(most <= MAX_CHUNKS, "{most}");
        assert!(took < MILLISECOND * 250, "{took:?}: 911 chunks, 64 at a time, after doubling");
    }

    #[test]
    fn what_is_lost_is_asked_for_again() {
        let (took, sent, _) = take(1 << 20, MILLISECOND * 10, 10);
        let chunks = (1_usize << 20).div_ceil(CHUNK_BYTES);
        assert!(sent < chunks * 9 / 8, "{sent} of {chunks}: each loss costs one more");
        assert!(took < Duration::from_secs(4), "{took:?}");
    }

    #[test]
    fn nothing_is_kept_but_what_was_asked_for_as_it_must_be() {
        let mut pull = Pull::new(100_000, START);
        assert_eq!(pull.come(START, 0, &chunk(100_000, 0)), Err(Why::TooLate), "too early");
        assert_eq!(pull.ask(START), (0..8).collect::<Vec<_>>());
        assert!(pull.ask(START).is_empty(), "the window is full");
        assert_eq!(pull.come(START, 8, &chunk(100_000, 8)), Err(Why::TooLate));
        assert_eq!(pull.come(START, 1, &Bytes::from_static(b"short")), Err(Why::BadRecord));
        assert_eq!(pull.held(), 0);
        for _ in 0..2 {
            assert_eq!(pull.come(START, 1, &chunk(100_000, 1)), Ok(None));
        }
        assert_eq!(pull.held(), CHUNK_BYTES, "once");
    }

    #[test]
    fn the_silent_and_the_slow_are_given_up() {
        let mut pull = Pull::new(1 << 20, START);
        let mut now = START;
        while pull.pass(now) {
            pull.ask(now);
            now = pull.deadline();
        }
        assert_eq!(now.since(START), SILENCE);
        // One chunk each second is not enough.
        let mut pull = Pull::new(1 << 20, START);
        let mut now = START;
        let mut came = 0;
        while pull.pass(now) {
            pull.ask(now);
            let first = *pull.asked.keys().next().unwrap();
            pull.come(now, first, &chunk(1 << 20, first)).unwrap();
            (now, came) = (now + Duration::from_secs(1), came + 1);
        }
        assert_eq!(came, 74, "10 s, and one for each 16 KiB");
    }
}
