//! How one update spread, counted cycle by cycle.

/// How one update spread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spread {
    /// In which cycle the update reached each host: 0 at its origin, `None` where it never came.
    pub arrivals: Vec<Option<u32>>,
    /// The state at each cycle's end; the first is that before the first cycle, the origin alone.
    pub cycles: Vec<Cycle>,
    /// How often the update itself was sent.
    pub payloads: u64,
    /// Datagrams sent, whatever was in them.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How often each host sent the update.
    pub sent: Vec<u32>,
}

/// The state at a cycle's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "three numbers and nothing else")]
pub struct Cycle {
    /// Hosts that lack the update.
    pub susceptible: u32,
    /// Hosts that tell it.
    pub infected: u32,
    /// How often it was sent in this cycle.
    pub sent: u32,
}

impl Spread {
    /// The share of hosts that never got it: `s` of the papers.
    #[must_use]
    pub fn residue(&self) -> f64 {
        let susceptible = self.cycles.last().map_or(0, |cycle| cycle.susceptible);
        f64::from(susceptible) / self.hosts()
    }

    /// Sendings of the update per host: `m` of the papers.
    #[must_use]
    pub fn traffic(&self) -> f64 {
        self.payloads as f64 / self.hosts()
    }

    /// Datagrams per host.
    #[must_use]
    pub fn messages_per_host(&self) -> f64 {
        self.messages as f64 / self.hosts()
    }

    /// The mean cycle of arrival over the hosts that got it, its origin included as 0.
    #[must_use]
    pub fn t_ave(&self) -> f64 {
        let (sum, count) = self
            .arrivals
            .iter()
            .flatten()
            .fold((0.0, 0.0), |(sum, count), cycle| (sum + f64::from(*cycle), count + 1.0));
        if count > 0.0 { sum / count } else { 0.0 }
    }

    /// The cycle in which it reached the last host that ever got it.
    #[must_use]
    pub fn t_last(&self) -> u32 {
        self.arrivals.iter().flatten().copied().max().unwrap_or(0)
    }

    fn hosts(&self) -> f64 {
        self.arrivals.len().max(1) as f64
    }
}
