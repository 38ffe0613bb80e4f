//! Deliberate mistakes, by which checkers prove that they bite.
//!
//! Each stands in the code that it breaks, behind [`made`], which is constantly false without the
//! feature `testkit`. With it, one mistake at a time is made by the nodes of this thread, for as long
//! as [`making`] says.

/// A protocol mistake that a node could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(
    feature = "testkit",
    expect(clippy::exhaustive_enums, reason = "whoever tries mistakes tries all of them")
)]
#[cfg_attr(not(feature = "testkit"), expect(unreachable_pub, reason = "a simulation names it"))]
pub enum Mistake {
    /// Writes are acknowledged when merged, before they are durable.
    AcknowledgeEarly,
    /// Dormant deletions are dropped although not every member has confirmed them.
    DropUnconfirmed,
    /// A partner that asks for a comparison is told that all is equal.
    EqualUncompared,
    /// What has expired before it arrives is not taken.
    ExpireByArrival,
    /// A restarted node dates its writes anew, not after what its store holds.
    ForgetClock,
    /// The store is not told that an epoch ended.
    ForgetEpoch,
    /// A restarted node does not say that its store has lost state.
    ForgetLoss,
    /// A fact that a full queue shed still counts as under way.
    ForgetShed,
    /// A deletion removes its key and is not kept itself.
    ForgetTombstone,
    /// What was displaced stays in the index of ids.
    KeepIndexEntry,
    /// What was displaced stays in the sketch.
    KeepInSketch,
    /// The last fact to arrive wins.
    MergeByArrival,
    /// Receipts are given before what they promise is durable.
    PromiseEarly,
    /// Who left for good comes back with what it held.
    ReturnWithState,
    /// A restarted node uses the incarnation that its store names.
    ReuseIncarnation,
    /// Facts from the future are merged at once.
    SkipClockBound,
    /// Signatures are not looked at.
    SkipVerification,
    /// A node speaks before its incarnation is durable.
    SpeakUnborn,
    /// The store's answers are heard in the order in which they come.
    TakeAnswersAsTheyCome,
    /// Facts wait in queues without a limit.
    UnboundedQueue,
}

#[cfg(feature = "testkit")]
impl Mistake {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::AcknowledgeEarly,
        Self::DropUnconfirmed,
        Self::EqualUncompared,
        Self::ExpireByArrival,
        Self::ForgetClock,
        Self::ForgetEpoch,
        Self::ForgetLoss,
        Self::ForgetShed,
        Self::ForgetTombstone,
        Self::KeepIndexEntry,
        Self::KeepInSketch,
        Self::MergeByArrival,
        Self::PromiseEarly,
        Self::ReturnWithState,
        Self::ReuseIncarnation,
        Self::SkipClockBound,
        Self::SkipVerification,
        Self::SpeakUnborn,
        Self::TakeAnswersAsTheyCome,
        Self::UnboundedQueue,
    ];
}

#[cfg(feature = "testkit")]
thread_local! {
    static MADE: std::cell::Cell<Option<Mistake>> = const { std::cell::Cell::new(None) };
}

/// Whether this mistake is being made.
#[cfg(feature = "testkit")]
pub(crate) fn made(mistake: Mistake) -> bool {
    MADE.get() == Some(mistake)
}

/// Whether this mistake is being made: never.
#[cfg(not(feature = "testkit"))]
pub(crate) const fn made(_: Mistake) -> bool {
    false
}

/// Lets the nodes of this thread make a mistake while something runs, or none.
#[cfg(feature = "testkit")]
pub fn making<R>(mistake: Option<Mistake>, act: impl FnOnce() -> R) -> R {
    /// Ends the mistake also when a node panics.
    struct Until(Option<Mistake>);

    impl Drop for Until {
        fn drop(&mut self) {
            MADE.set(self.0);
        }
    }

    let _until = Until(MADE.replace(mistake));
    act()
}
