//! What a clue means, for people.

use gossip_core::membership::{Charge, Clue, Evidence};

/// What a line of evidence means.
pub(super) fn detail(line: &Evidence) -> String {
    let meaning = match line.clue {
        Clue::Accused(Charge::Silent, _) => "tells everybody that it does not answer",
        Clue::Accused(Charge::Dead, _) => "tells everybody that it is dead",
        Clue::Asked => "was asked to probe it",
        Clue::Convicted => "it answered nobody until the suspicion ended: dead to this node",
        Clue::Dialled => "dialled without success: there is no session to probe it in",
        Clue::Elsewhere => {
            "somebody speaks in its name from an address that it does not say to listen at"
        }
        Clue::Evicted => "threw it out; it may start anew",
        Clue::HeardAgain => "it gave a sign of life: alive to this node",
        Clue::Joined => "brought its first word",
        Clue::Left => "it said goodbye",
        Clue::Missed => "had no answer of it either",
        Clue::Moved => "it says that it is somewhere else",
        Clue::Probed => "probed again, for the probe before had no answer",
        Clue::Refuted => "it said something newer than what it is accused of",
        Clue::Restarted => "it was started anew",
        Clue::SessionLost => "the session with it ended",
        Clue::SessionMade => "a session with it stands again",
        Clue::Silent => "a probe ended without an answer by any way",
        Clue::StoodStill(millis) => {
            return format!("it was not run for {millis} ms, by its own account");
        }
        Clue::Suspected => "it is suspect to this node",
        Clue::Vouched => "had an answer of it",
    };
    meaning.to_owned()
}

/// The stable name of a charge.
pub(super) const fn charge(charge: Charge) -> &'static str {
    match charge {
        Charge::Dead => "dead",
        Charge::Silent => "silent",
    }
}
