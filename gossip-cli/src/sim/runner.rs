//! Many runs on many threads, folded in the order of their numbers: how busy the machine is and
//! how many threads there are changes when something is known, never what.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// How many runs may be done or under way ahead of the oldest one that is not: what bounds the
/// results that wait for their turn.
const AHEAD: u64 = 256;

/// Asks everything under way to come to an end. Clones ask and are asked together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Which run is next, and which is the first whose result is not folded.
#[derive(Debug, Default)]
struct Turn {
    next: u64,
    folded: u64,
}

/// Carries out runs number 0 to `count`, each in a world of its thread, and folds their results
/// in order. Returns how many were folded: all of them, or the first ones when asked to stop.
///
/// `run` must be a function of the run's number, whatever its world did before. A run that answers
/// nothing was given up because of `stop`.
pub(crate) fn runs<W, R: Send>(
    count: u64,
    threads: usize,
    stop: &Stop,
    world: impl Fn() -> W + Sync,
    run: impl Fn(&mut W, u64) -> Option<R> + Sync,
    mut fold: impl FnMut(u64, R),
) -> u64 {
    let turn = (Mutex::new(Turn::default()), Condvar::new());
    let (done, results) = channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (turn, world, run, done) = (&turn, &world, &run, done.clone());
            scope.spawn(move || {
                let _alarm = Alarm { stop, turn };
                let mut world = world();
                while let Some(number) = take(turn, count, stop) {
                    let Some(result) = run(&mut world, number) else { return };
                    if done.send((number, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (number, result) in results {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&next) {
                fold(next, result);
                next += 1;
            }
            turn.0.lock().unwrap_or_else(PoisonError::into_inner).folded = next;
            turn.1.notify_all();
        }
        next
    })
}

fn take((turn, changed): &(Mutex<Turn>, Condvar), count: u64, stop: &Stop) -> Option<u64> {
    let turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let early = |turn: &mut Turn| {
        !stop.asked() && turn.next < count && turn.next >= turn.folded.saturating_add(AHEAD)
    };
    let mut turn = changed.wait_while(turn, early).unwrap_or_else(PoisonError::into_inner);
    let number = turn.next;
    turn.next += 1;
    (number < count && !stop.asked()).then_some(number)
}

/// A thread that panics leaves a run out for ever: nobody may wait for it.
struct Alarm<'a> {
    stop: &'a Stop,
    turn: &'a (Mutex<Turn>, Condvar),
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.stop.ask();
        }
        self.turn.1.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_folded_in_order_whatever_finishes_first() {
        for threads in [1, 4] {
            let mut seen = Vec::new();
            // Early runs take longer than later ones.
            let work = |_: &mut (), number: u64| Some((0..(1_000 - number) * 50).sum::<u64>());
            let folded = runs(
                1_000,
                threads,
                &Stop::default(),
                || (),
                work,
                |number, sum| {
                    seen.push((number, sum));
                },
            );
            assert_eq!(folded, 1_000);
            assert!(seen.iter().zip(0..).all(|((number, _), place)| *number == place));
        }
    }

    #[test]
    fn who_asks_to_stop_gets_the_first_ones() {
        let stop = Stop::default();
        let mut seen = 0;
        let folded = runs(
            1_000_000,
            3,
            &stop,
            || (),
            |(), number| Some(number),
            |number, result| {
                assert_eq!(number, result);
                seen += 1;
                if number == 700 {
                    stop.ask();
                }
            },
        );
        assert_eq!(folded, seen);
        assert!((701..1_000_000).contains(&folded), "{folded}");
    }

    #[test]
    fn nobody_waits_for_a_run_that_panicked() {
        let panicked = std::panic::catch_unwind(|| {
            let run = |_: &mut (), number: u64| {
                assert!(number != 5, "the sixth run goes wrong, as this test wants it");
                Some(())
            };
            runs(10_000, 2, &Stop::default(), || (), run, |_, ()| {})
        });
        assert!(panicked.is_err());
    }
}
