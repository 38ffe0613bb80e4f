//! When the next of a row of rounds is due.

use std::time::Duration;

use crate::time::Mono;

/// The first round that is not over yet, of those that are due at a time and each period after it.
pub(super) fn upcoming(due: Mono, period: Duration, now: Mono) -> Mono {
    if due >= now || period.is_zero() {
        return due.max(now);
    }
    let past = now.since(due).as_nanos() % period.as_nanos();
    let past = Duration::from_nanos(u64::try_from(past).unwrap_or(0));
    if past.is_zero() { now } else { now + period.saturating_sub(past) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_keep_their_rhythm() {
        let at = |millis| Mono::ZERO + Duration::from_millis(millis);
        let check = |due, now, expected| {
            assert_eq!(upcoming(at(due), Duration::from_millis(100), at(now)), at(expected));
        };
        check(250, 200, 250);
        check(250, 250, 250);
        check(250, 251, 350);
        check(250, 350, 350);
        check(250, 999, 1_050);
        assert_eq!(upcoming(at(1), Duration::ZERO, at(5)), at(5));
    }
}
