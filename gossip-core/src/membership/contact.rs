//! The way between us and a member, as far as probes and frames tell.

use std::time::Duration;

use crate::time::Mono;

/// How unlikely it must be that attempts in a row went unanswered by chance alone, before the way there is
/// called cut (a guess: in a cluster of eight that loses half of its probes, one look in twenty is wrong).
const CHANCE: f64 = 0.001;

/// Which percentage of probes is lost where too few were sent to tell (a guess: 10 % of the datagrams each
/// way), and between which bounds a measured share is believed (a guess).
const LOSS: u8 = 20;
const LEAST_LOSS: u8 = 5;
const MOST_LOSS: u8 = 60;

/// Of so many last probes a share is lost; then the older half counts half (a guess).
const SAMPLE: u16 = 64;

/// More attempts in a row without an answer say nothing of how much is lost: the way is cut (a guess).
const RUN: u32 = 3;

/// Fewer probes say nothing of how much is lost (a guess).
const LEAST_SAMPLE: u16 = 16;

/// For so long attempts must have gone unanswered: answers may take that long (a guess: more than a round trip over
/// the slowest lines that clusters are built on).
const LASTING: Duration = Duration::from_secs(1);

/// A conviction counts as so many attempts of our own in a row: the way is cut, whatever its loss was.
const CONVICTED: u32 = 16;

/// What was heard so long before the last attempt says something of now (a guess: five rounds in which each of five
/// probes each; attempts come in bursts, and other frames between them).
const LATELY: Duration = Duration::from_secs(5);

/// What is known of the way between us and a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever shows links must consider each of them")]
pub enum Link {
    /// Probes are answered, or too few were sent to say anything.
    Good,
    /// Its frames arrive, and nothing that we send is answered: we do not reach it.
    Heard,
    /// Nothing of it arrives, and others have answers of it: it does not reach us.
    Vouched,
    /// Nothing of it arrives anywhere, as far as we know.
    Silent,
}

impl Link {
    /// All of them, in the order of their numbers in a [`Report`](crate::wire::Report).
    pub const ALL: [Self; 4] = [Self::Good, Self::Heard, Self::Vouched, Self::Silent];

    /// Its number in a report.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The link of this number in a report.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The link's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Heard => "heard",
            Self::Vouched => "vouched",
            Self::Silent => "silent",
        }
    }
}

/// When we last heard of a member, by each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// A frame of its own arrived.
    pub heard: Option<Mono>,
    /// It answered a probe of ours: frames go both ways.
    pub answered: Option<Mono>,
    /// Somebody whom we asked had an answer of it.
    pub vouched: Option<Mono>,
    /// We last tried to reach it, and the time before.
    pub probed: [Option<Mono>; 2],
    /// Attempts in a row without an answer.
    pub unanswered: u32,
    /// When the first of these attempts was made.
    pub since: Mono,
    /// Probes lately, and how many of them were answered.
    pub(crate) sample: (u16, u16),
}

impl Contact {
    /// What it says of the way between us and the member by now.
    #[must_use]
    pub fn link(&self, now: Mono) -> Link {
        let lost = self.loss_percent().unwrap_or(LOSS).clamp(LEAST_LOSS, MOST_LOSS);
        let attempts = i32::try_from(self.unanswered).unwrap_or(i32::MAX);
        if (f64::from(lost) / 100.0).powi(attempts) > CHANCE || now.since(self.since) < LASTING {
            Link::Good
        } else if self.is_of_now(self.heard) {
            Link::Heard
        } else if self.is_of_now(self.vouched) {
            Link::Vouched
        } else {
            Link::Silent
        }
    }

    /// Whether what happened then says something of the way as it has been since attempts go unanswered.
    fn is_of_now(&self, at: Option<Mono>) -> bool {
        let [last, before] = self.probed;
        let is_late = last.zip(at).is_some_and(|(last, at)| last.since(at) <= LATELY);
        at > before || (at > Some(self.since) && is_late)
    }

    /// Which percentage of the last probes had no answer while the way was not cut; `None`: too few were sent.
    #[must_use]
    pub fn loss_percent(&self) -> Option<u8> {
        let (probes, answers) = self.sample;
        // The last one may still be answered.
        let (ended, lost) = (probes.saturating_sub(1), probes.saturating_sub(answers + 1));
        (ended >= LEAST_SAMPLE)
            .then(|| u8::try_from(u32::from(lost) * 100 / u32::from(ended)).unwrap_or(100))
    }

    /// The member is probed, or dialled where there is no session to probe it in; whether the attempt before had
    /// no answer.
    pub(crate) fn attempted(&mut self, now: Mono, probed: bool) -> bool {
        let [last, _] = self.probed;
        self.probed = [Some(now), last];
        if self.unanswered == 0 {
            self.since = now;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        if probed && self.unanswered <= RUN {
            let (probes, answers) = &mut self.sample;
            if *probes >= SAMPLE {
                (*probes, *answers) = (*probes / 2, *answers / 2);
            }
            *probes += 1;
        }
        self.unanswered > 1
    }

    /// It answered a probe.
    pub(crate) fn answer(&mut self, now: Mono) {
        self.answered = Some(now);
        if self.unanswered <= RUN {
            let (probes, answers) = &mut self.sample;
            *answers = answers.saturating_add(1).min(*probes);
        }
        self.unanswered = 0;
    }

    /// It is dead to us: it answered nobody that asked, however few of the attempts were our own.
    pub(super) fn convicted(&mut self) {
        self.unanswered = self.unanswered.max(CONVICTED);
    }

    /// A session was made with it: frames go both ways.
    pub(crate) const fn met(&mut self) {
        self.unanswered = 0;
    }

    /// What was lost so far says nothing of what comes.
    pub(super) const fn forget_loss(&mut self) {
        self.sample = (0, 0);
    }
}
