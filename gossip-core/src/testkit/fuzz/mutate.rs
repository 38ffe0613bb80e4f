//! Inputs from a corpus of real frames, bent.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::ConfigSpec;
use crate::id::SessionId;
use crate::rng::Rng;
use crate::sim::{Packet, Verdict, World};
use crate::wire::{Packer, Parcel, compressed};

/// Most bytes of an input: some datagrams or some hundred script steps.
const MAX_BYTES: usize = 4_096;

/// Most inputs that are kept to be bent further.
const MAX_CORPUS: usize = 1_024;

/// Frames that nodes really exchange: first contact, rumors, repair, deletions, goodbyes, and one that is
/// compressed.
#[must_use]
pub fn corpus() -> Vec<Bytes> {
    let frames: Rc<RefCell<Vec<Bytes>>> = Rc::default();
    let seen = frames.clone();
    let mut world = World::new(1);
    world.rule(move |packet: &Packet<'_>, _: &mut Rng| {
        seen.borrow_mut().push(Bytes::copy_from_slice(packet.bytes));
        Verdict::Deliver(Duration::from_millis(3))
    });
    world.add_cluster(3, &ConfigSpec::default());
    world.run_for(Duration::from_secs(3));
    for n in 0..60 {
        let ttl = (n % 3 == 0).then_some(Duration::from_secs(2));
        world.write(n % 3, &format!("key-{n}"), Some("some value"), ttl);
    }
    world.write(0, "key-1", None, None);
    world.run_for(Duration::from_secs(3));
    world.crash(2);
    world.run_for(Duration::from_secs(20));
    world.start(2);
    world.run_for(Duration::from_secs(5));
    world.command(1, crate::io::Command::Leave);
    world.run_for(Duration::from_secs(2));
    drop(world);
    let mut frames = std::mem::take(&mut *frames.borrow_mut());
    frames.extend(large());
    frames.sort();
    frames.dedup();
    frames
}

/// What a frame of many facts is over a stream.
fn large() -> Option<Bytes> {
    let mut packer = Packer::new(MAX_BYTES);
    packer.begin(SessionId(*b"session1"), MAX_BYTES, MAX_BYTES);
    for fact in 0..20 {
        packer.push(None, &Parcel::Fact { bytes: vec![fact; 150].into(), feedback: false });
    }
    packer.take().next().and_then(|frame| compressed(&frame))
}

/// Makes inputs without end, each a mutation of something before.
#[derive(Debug)]
pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    rng: Rng,
}

impl Mutator {
    /// A mutator over [`corpus`] with this randomness.
    #[must_use]
    pub fn new(mut rng: Rng) -> Self {
        let mut corpus: Vec<_> = corpus().iter().map(|frame| frame.to_vec()).collect();
        rng.shuffle(&mut corpus);
        corpus.truncate(MAX_CORPUS / 2);
        Self { corpus, rng }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = if self.rng.chance(0.3) {
            // Scripts of small steps are found faster from nothing than from frames.
            let len = self.rng.index(600);
            (0..len).map(|_| self.small_byte()).collect()
        } else {
            self.pick().to_vec()
        };
        for _ in 0..1 + self.rng.index(4) {
            self.bend(&mut input);
        }
        input.truncate(MAX_BYTES);
        if self.rng.chance(0.05) {
            let at = self.rng.index(MAX_CORPUS);
            match self.corpus.get_mut(at) {
                Some(old) => old.clone_from(&input),
                None => self.corpus.push(input.clone()),
            }
        }
        input
    }

    /// Changes some bytes somewhere.
    pub fn bend(&mut self, input: &mut Vec<u8>) {
        let at = self.rng.index(input.len() + 1);
        match self.rng.below(8) {
            0..=2 => {
                for _ in 0..1 + self.rng.index(4) {
                    let at = self.rng.index(input.len());
                    let bit = self.rng.below(8);
                    if let Some(byte) = input.get_mut(at) {
                        *byte ^= 1 << bit;
                    }
                }
            }
            3 => input.truncate(at),
            4 => {
                // A piece once more: a record that comes twice, a count that no longer fits.
                let len = self.rng.index(input.len() + 1 - at);
                let piece: Vec<_> = input.iter().skip(at).take(len).copied().collect();
                input.splice(at..at, piece);
            }
            5 => {
                let other = self.pick().to_vec();
                let from = self.rng.index(other.len() + 1);
                input.truncate(at);
                input.extend(other.into_iter().skip(from));
            }
            6 => {
                let len = self.rng.index(16);
                let noise: Vec<_> = (0..len).map(|_| self.small_byte()).collect();
                input.splice(at..at, noise);
            }
            _ => {
                let len = self.rng.index(8).min(input.len() - at);
                input.drain(at..at + len);
            }
        }
    }

    fn pick(&mut self) -> &[u8] {
        let at = self.rng.index(self.corpus.len());
        self.corpus.get(at).map_or(&[], Vec::as_slice)
    }

    /// Any byte, the small and the extreme ones more often.
    fn small_byte(&mut self) -> u8 {
        let random = self.rng.next_u64();
        match random >> 62 {
            0 => (random & 0x0f) as u8,
            1 => (random & 0x1f) as u8,
            2 => random as u8,
            _ => *[0, 1, 0x7f, 0x80, 0xff].get((random % 5) as usize).unwrap_or(&0),
        }
    }
}
