//! Why something from the network was not taken: one closed list, sorted by blame.

use std::fmt;

/// Whose doing a rejection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "a closed list: users match on all of it")]
pub enum Blame {
    /// The bytes are not what any correct node sends.
    Malformed,
    /// A signature, session or address is not proven.
    Unproven,
    /// Proven, but this author may not say this here.
    Unauthorised,
    /// Correct once, overtaken since.
    Stale,
    /// A bound of ours was reached: nobody's fault.
    Overload,
    /// Two clocks disagree.
    Clock,
}

/// Defines the reasons with their names and blame in one table.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $text:literal, $blame:ident;)*) => {
        /// Why something from the network was rejected. The names are API and metric labels.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(clippy::exhaustive_enums, reason = "a closed list: users match on all of it")]
        pub enum Why {
            $($(#[$doc])* $name,)*
        }

        impl Why {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The reason's stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Whose doing it is.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self {
                    $(Self::$name => Blame::$blame,)*
                }
            }
        }
    };
}

reasons! {
    /// The frame's version is none we speak.
    UnknownVersion, "unknown-version", Malformed;
    /// The frame does not decode.
    BadFrame, "bad-frame", Malformed;
    /// A record's body does not decode, or leaves bytes over.
    BadRecord, "bad-record", Malformed;
    /// A fact does not decode, or its header is not in canonical form.
    BadFact, "bad-fact", Malformed;
    /// A fact's value does not have the length or hash that its header states.
    BadValue, "bad-value", Malformed;
    /// Something exceeds a limit of the wire.
    TooLarge, "too-large", Malformed;
    /// An answer to something we did not ask.
    Unasked, "unasked", Malformed;
    /// A signature does not verify.
    BadSignature, "bad-signature", Unproven;
    /// The author's key has small order: anybody could sign for it.
    WeakKey, "weak-key", Unproven;
    /// A frame of a session that we do not know, or from another address than the session's.
    UnknownSession, "unknown-session", Unproven;
    /// A Hello whose cookie does not prove its address.
    BadCookie, "bad-cookie", Unproven;
    /// The sender belongs to another cluster.
    OtherCluster, "other-cluster", Unauthorised;
    /// The sender's cluster constants differ from ours.
    OtherConstants, "other-constants", Unauthorised;
    /// Two nodes, or a node and some member, have no kind of transport in common.
    NoCommonTransport, "no-common-transport", Unauthorised;
    /// A node whose transport does not carry the cluster's largest fact.
    CannotCarry, "cannot-carry", Unauthorised;
    /// The sender's cluster was founded with another largest fact.
    OtherLimit, "other-fact-limit", Unauthorised;
    /// The sender speaks no version that we speak.
    NoCommonVersion, "no-common-version", Unauthorised;
    /// A record about a channel that this node is not in.
    UnknownChannel, "unknown-channel", Unauthorised;
    /// A fact of a topic that its channel does not have.
    UnknownTopic, "unknown-topic", Unauthorised;
    /// A membership statement by another than its subject.
    NotTheSubject, "not-the-subject", Unauthorised;
    /// A fact of a kind that does not belong into its channel.
    WrongKind, "wrong-kind", Unauthorised;
    /// A fact that a newer one superseded.
    Obsolete, "obsolete", Stale;
    /// A fact of a member that has lost state and has not yet taken it anew.
    StaleMember, "stale-member", Stale;
    /// A tombstone so old that every member has confirmed it and it was dropped.
    Collected, "collected", Stale;
    /// An answer that came after its question was given up.
    TooLate, "too-late", Stale;
    /// The peer's share of the pipeline is full.
    PeerQueueFull, "peer-queue-full", Overload;
    /// The whole pipeline is full.
    QueueFull, "queue-full", Overload;
    /// Too much from one address for now.
    Slowed, "slowed", Overload;
    /// A table of bounded size has no room.
    TableFull, "table-full", Overload;
    /// This node has just started, and nobody may know of it yet.
    NotReady, "not-ready", Overload;
    /// The store could not take it.
    StoreFailed, "store-failed", Overload;
    /// A fact dated so far ahead that it cannot be parked either.
    FarAhead, "far-ahead", Clock;
    /// The partner's epoch is so far away that the two cannot compare.
    EpochsApart, "epochs-apart", Clock;
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_sorted_by_blame() {
        let mut names: Vec<_> = Why::ALL.iter().map(|why| why.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Why::ALL.len());
        assert!(Why::ALL.windows(2).all(|pair| pair[0].blame() <= pair[1].blame()));
    }
}
