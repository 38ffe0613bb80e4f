//! First contacts: whom to try, where, and when again. Seeds, and members until they are forgotten, are tried again and again, at
//! a bounded rate.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::COOKIE_LIFETIME;
use crate::id::{NodeId, SessionId};
use crate::io::Seed;
use crate::rng::Rng;
use crate::time::Mono;
use crate::transport::Address;
use crate::wire::COOKIE_BYTES;

/// How often a cookie is said again before a new one is asked for (a guess).
const COOKIE_TRIES: u32 = 3;

/// Tries of one address before the next one's turn: the first contact takes two round trips, and
/// an answer that comes after the next address was tried is no longer waited for (guess: twice
/// 250 ms and more).
const TRIES_PER_WAY: u32 = 2;

/// After so many unanswered tries in a row it is said once that nobody answers (guess: about ten
/// seconds).
const SILENT_TRIES: u32 = 7;

/// As after so many unanswered tries a member is dialled that is taken for dead (guess: at once, and then no sooner
/// than a minute later, where the longest time is that long).
const BURIED_TRIES: u32 = 8;

/// How often per second members are tried that do not answer, all together, once each has been tried often: by who
/// talks with somebody, and by who talks with nobody. One that answers is enough to bring the news to all.
/// (Guesses: two Hellos are less than a calm node sends for its probes; eight find a cluster within a moment.)
const RETRIES_PER_SECOND: u32 = 2;
const LONE_RETRIES_PER_SECOND: u32 = 8;

/// How patient dialling is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DialConfig {
    pub(crate) max: Duration,
    pub(crate) min: Duration,
    pub(crate) per_second: u32,
}

/// Somebody to reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Member(NodeId),
    Seed(Seed),
}

#[derive(Debug)]
struct Dial {
    addresses: Vec<Address>,
    /// What the current address asked to repeat, when, and how often it may still be said.
    cookie: Option<([u8; COOKIE_BYTES], Mono, u32)>,
    /// Where the last try went, and the session that it offers.
    current: Option<(SessionId, Address)>,
    due: Mono,
    /// Who answered there.
    member: Option<NodeId>,
    tries: u32,
}

/// Whom to try, by when that is due: seeds always, members while no session with them stands.
#[derive(Debug)]
pub(super) struct Dials {
    by_session: BTreeMap<SessionId, Target>,
    config: DialConfig,
    dials: BTreeMap<Target, Dial>,
    due: BTreeSet<(Mono, Target)>,
    /// No dial before this: what bounds the rate.
    next: Mono,
}

impl Dials {
    pub(super) const fn new(config: DialConfig) -> Self {
        Self {
            by_session: BTreeMap::new(),
            config,
            dials: BTreeMap::new(),
            due: BTreeSet::new(),
            next: Mono::ZERO,
        }
    }

    /// Adds a target, or gives a known one other addresses; new ones are tried at once.
    pub(super) fn add(&mut self, now: Mono, target: Target, addresses: Vec<Address>) {
        if let Some(dial) = self.dials.get_mut(&target) {
            if dial.addresses != addresses {
                dial.addresses = addresses;
                self.hurry(&target);
            }
            return;
        }
        self.due.insert((now, target.clone()));
        let member = match &target {
            Target::Member(member) => Some(*member),
            Target::Seed(_) => None,
        };
        let dial = Dial { addresses, cookie: None, current: None, due: now, member, tries: 0 };
        self.dials.insert(target, dial);
    }

    pub(super) fn contains(&self, target: &Target) -> bool {
        self.dials.contains_key(target)
    }

    pub(super) fn len(&self) -> usize {
        self.dials.len()
    }

    pub(super) fn remove(&mut self, target: &Target) {
        if let Some(dial) = self.dials.remove(target) {
            self.due.remove(&(dial.due, target.clone()));
            if let Some((session, _)) = dial.current {
                self.by_session.remove(&session);
            }
        }
    }

    pub(super) fn resolved(&mut self, target: &Target, addresses: Vec<Address>) {
        if let Some(dial) = self.dials.get_mut(target) {
            dial.addresses = addresses;
        }
    }

    /// Who is there: a member itself, or who answered at a seed's address.
    pub(super) fn member(&self, target: &Target) -> Option<NodeId> {
        self.dials.get(target)?.member
    }

    /// A member answered to this session.
    pub(super) fn met(&mut self, session: SessionId, member: NodeId) {
        if let Some(dial) = self.by_session.get(&session).and_then(|to| self.dials.get_mut(to)) {
            dial.member = Some(member);
        }
    }

    /// Whoever answered to seeds, it was not this member.
    pub(super) fn forget(&mut self, member: &NodeId) {
        for dial in self.dials.values_mut() {
            dial.member.take_if(|met| met == member);
        }
    }

    /// Tries a target before all others, as soon as the rate allows, if it is known; the interval starts over. Where
    /// thousands join, those whom somebody waits for do not stand in line behind those who are merely new.
    pub(super) fn hurry(&mut self, target: &Target) {
        if let Some(dial) = self.dials.get_mut(target) {
            dial.tries = 0;
            self.set_due(target, Mono::ZERO);
        }
    }

    /// A member is taken for dead: after one more try it is dialled as patiently as who has not answered for long.
    pub(super) fn bury(&mut self, target: &Target) {
        if let Some(dial) = self.dials.get_mut(target) {
            dial.tries = BURIED_TRIES;
        }
    }

    /// The next target whose time has come, as far as the rate allows.
    pub(super) fn take_due(&self, now: Mono) -> Option<Target> {
        let (due, target) = self.due.first()?;
        ((*due).max(self.next) <= now).then(|| target.clone())
    }

    /// A try was made: the next one comes after twice the time, up to the longest; for members it is longer, the
    /// more of them there are to try. Who is `alone`, with no session at all, waits no longer than eight times
    /// the shortest time for a seed, and tries members more often.
    /// Says whether it is time to tell somebody that nobody answers there.
    pub(super) fn tried(&mut self, now: Mono, target: &Target, alone: bool, rng: &mut Rng) -> bool {
        let Some(dial) = self.dials.get_mut(target) else { return false };
        let silent = dial.tries == SILENT_TRIES;
        let doubled = self.config.min.saturating_mul(1 << dial.tries.min(16));
        dial.tries = dial.tries.saturating_add(1);
        let (longest, rate) = if alone {
            (self.config.min.saturating_mul(8).min(self.config.max), LONE_RETRIES_PER_SECOND)
        } else {
            (self.config.max, RETRIES_PER_SECOND)
        };
        let longest = match target {
            Target::Member(_) => {
                let others = u32::try_from(self.dials.len()).unwrap_or(u32::MAX);
                longest.max(Duration::from_secs(1).saturating_mul(others) / rate)
            }
            Target::Seed(_) => longest,
        };
        let pause = jittered(doubled.min(longest), rng);
        self.set_due(target, now + pause);
        // Only tries count: to see that a target is reached costs nobody anything.
        let interval = Duration::from_secs(1) / self.config.per_second.max(1);
        // Idle time is not saved up beyond a tenth of a second.
        let earliest = Mono::from_nanos(now.nanos().saturating_sub(100_000_000));
        self.next = self.next.max(earliest) + interval;
        silent
    }

    /// The target is reached. With a member that is the end of it, until its session ends; a seed is looked at
    /// again after the longest time: somebody else may be there then.
    pub(super) fn rest(&mut self, now: Mono, target: &Target, rng: &mut Rng) {
        if let Target::Member(_) = target {
            return self.remove(target);
        }
        if let Some(dial) = self.dials.get_mut(target) {
            dial.tries = 0;
            let pause = jittered(self.config.max, rng);
            self.set_due(target, now + pause);
        }
    }

    /// The target that offered this session is reached.
    pub(super) fn reached(&mut self, now: Mono, session: SessionId, rng: &mut Rng) {
        if let Some(target) = self.by_session.remove(&session) {
            if let Some(dial) = self.dials.get_mut(&target) {
                dial.current = None;
            }
            self.rest(now, &target, rng);
        }
    }

    /// Where to say Hello next, and the session to offer: addresses in turn. With `anew` a session
    /// stands already, and is to be replaced.
    pub(super) fn next_try(
        &mut self,
        target: &Target,
        anew: bool,
        rng: &mut Rng,
    ) -> Option<(SessionId, Address)> {
        let dial = self.dials.get_mut(target)?;
        let turn = (dial.tries / TRIES_PER_WAY) as usize % dial.addresses.len().max(1);
        let address = *dial.addresses.get(turn)?;
        if let Some((session, at)) = dial.current {
            // A Hello that may still be under way keeps its session.
            if at == address && !(anew && dial.tries == 0) {
                return Some((session, at));
            }
            self.by_session.remove(&session);
        }
        let session = SessionId(rng.bytes());
        dial.cookie = None;
        dial.current = Some((session, address));
        self.by_session.insert(session, target.clone());
        Some((session, address))
    }

    /// The address that we dialled with this session asked to repeat this cookie.
    pub(super) fn keep_cookie(
        &mut self,
        now: Mono,
        session: SessionId,
        cookie: [u8; COOKIE_BYTES],
    ) {
        let target = self.by_session.get(&session);
        if let Some(dial) = target.and_then(|target| self.dials.get_mut(target)) {
            dial.cookie = Some((cookie, now, COOKIE_TRIES));
        }
    }

    /// What to say at once in a further try with this session: on a bad line it spares half of the
    /// way. A cookie that brings no answer is given up, for the other side may have started anew.
    pub(super) fn cookie(&mut self, now: Mono, session: SessionId) -> Option<[u8; COOKIE_BYTES]> {
        let dial = self.dials.get_mut(self.by_session.get(&session)?)?;
        let (cookie, since, tries) = dial.cookie.take()?;
        if tries == 0 || now.since(since) >= COOKIE_LIFETIME {
            return None;
        }
        dial.cookie = Some((cookie, since, tries - 1));
        Some(cookie)
    }

    pub(super) fn dialling(&self, session: SessionId) -> Option<&Target> {
        self.by_session.get(&session)
    }

    /// Whether we offered this session to this address, and wait for an answer.
    pub(super) fn is_dialling(&self, session: SessionId, address: Address) -> bool {
        let dial = self.dialling(session).and_then(|target| self.dials.get(target));
        dial.is_some_and(|dial| dial.current == Some((session, address)))
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due.first().map(|(due, _)| (*due).max(self.next))
    }

    fn set_due(&mut self, target: &Target, due: Mono) {
        if let Some(dial) = self.dials.get_mut(target) {
            self.due.remove(&(dial.due, target.clone()));
            dial.due = due;
            self.due.insert((due, target.clone()));
        }
    }
}

/// Between three and five quarters of a time, so that many dialers do not act as one.
fn jittered(time: Duration, rng: &mut Rng) -> Duration {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    time * 3 / 4 + Duration::from_nanos(rng.below(nanos / 2 + 1))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn seed(port: u16) -> Target {
        Target::Seed(Seed::Address(SocketAddr::from(([127, 0, 0, 1], port))))
    }

    fn somewhere() -> Vec<Address> {
        vec![Address::Socket(SocketAddr::from(([127, 0, 0, 1], 1)))]
    }

    fn dials() -> (Dials, Rng) {
        let config = DialConfig {
            min: Duration::from_millis(250),
            max: Duration::from_secs(15),
            per_second: 10,
        };
        (Dials::new(config), Rng::from_number(1))
    }

    #[test]
    fn tries_for_ever_and_ever_more_slowly() {
        let (mut dials, mut rng) = dials();
        dials.add(Mono::ZERO, seed(1), somewhere());
        let mut now = Mono::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..20 {
            let due = dials.deadline().unwrap();
            pauses.push(due.since(now));
            now = due;
            let target = dials.take_due(now).unwrap();
            assert!(dials.next_try(&target, false, &mut rng).is_some());
            dials.tried(now, &target, false, &mut rng);
        }
        assert!(pauses[1] < Duration::from_millis(320));
        assert!(pauses[19] > Duration::from_secs(11) && pauses[19] < Duration::from_secs(19));
    }

    #[test]
    fn who_is_alone_is_less_patient() {
        let (mut dials, mut rng) = dials();
        dials.add(Mono::ZERO, seed(1), somewhere());
        let mut now = Mono::ZERO;
        for _ in 0..20 {
            let due = dials.deadline().unwrap();
            assert!(due.since(now) <= Duration::from_millis(2_500));
            now = due;
            let target = dials.take_due(now).unwrap();
            dials.tried(now, &target, true, &mut rng);
        }
    }

    #[test]
    fn the_rate_is_bounded() {
        let (mut dials, mut rng) = dials();
        (0..1_000).for_each(|port| dials.add(Mono::ZERO, seed(port), somewhere()));
        let mut taken = 0;
        for millis in 0..2_000 {
            let now = Mono::ZERO + Duration::from_millis(millis);
            while let Some(target) = dials.take_due(now) {
                dials.tried(now, &target, false, &mut rng);
                taken += 1;
            }
        }
        assert!((20..=22).contains(&taken), "{taken} in two seconds at ten per second");
    }

    #[test]
    fn the_more_are_silent_the_rarer_each_is_tried() {
        let member = |number: u16| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            Target::Member(NodeId::from_bytes(bytes))
        };
        for (alone, most) in [(false, 2 * 100), (true, 8 * 100)] {
            let (mut dials, mut rng) = dials();
            dials.config.per_second = 128;
            (0..500).for_each(|number| dials.add(Mono::ZERO, member(number), somewhere()));
            (0..500).for_each(|number| dials.bury(&member(number)));
            let mut tries = 0;
            for millis in 0..1_100_000 {
                let now = Mono::ZERO + Duration::from_millis(millis);
                while let Some(target) = dials.take_due(now) {
                    dials.tried(now, &target, alone, &mut rng);
                    tries += u32::from(millis >= 1_000_000);
                }
            }
            assert!((most * 2 / 3..=most * 4 / 3).contains(&tries), "{tries} of {most}");
        }
    }

    #[test]
    fn who_is_waited_for_goes_first() {
        let (mut dials, mut rng) = dials();
        let now = Mono::ZERO + Duration::from_secs(1);
        (0..100).for_each(|port| dials.add(now, seed(port), somewhere()));
        dials.hurry(&seed(99));
        assert_eq!(dials.take_due(now), Some(seed(99)));
        dials.tried(now, &seed(99), false, &mut rng);
        assert_eq!(dials.take_due(now), Some(seed(0)), "then the others' turn");
    }

    #[test]
    fn who_is_reached_costs_no_try() {
        let (mut dials, mut rng) = dials();
        (0..1_000).for_each(|port| dials.add(Mono::ZERO, seed(port), somewhere()));
        let now = Mono::ZERO + Duration::from_secs(1);
        let mut rested = 0;
        while let Some(target) = dials.take_due(now) {
            dials.rest(now, &target, &mut rng);
            rested += 1;
        }
        assert_eq!(rested, 1_000);
        assert!(dials.deadline() > Some(now + Duration::from_secs(11)));
    }
}
