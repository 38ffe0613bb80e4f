//! Detection measured: crashes are found, and what is said of the living is counted.

use std::rc::Rc;
use std::time::Duration;

use gossip_core::sim::detect::{self, Config, MakeDetector, Mistaken};
use gossip_core::sim::{Anomaly, Spells};
use gossip_core::strategy::detector::{Heartbeat, HeartbeatConfig, Swim, SwimConfig};

/// A node is probed after a silence of one second, suspect after two more, dead after five.
fn heartbeats() -> MakeDetector {
    let config = HeartbeatConfig { interval: Duration::from_secs(1), ..HeartbeatConfig::default() };
    Rc::new(move || Box::new(Heartbeat::new(config)))
}

fn small() -> Config {
    Config { nodes: 12, calm: Duration::from_secs(20), ..Config::default() }
}

fn once(anomaly: Anomaly, seconds: u64) -> Config {
    let slow = Spells { anomaly, lasts: Duration::from_secs(seconds), apart: None };
    Config { crashes: 0, slow_nodes: 3, slow, ..small() }
}

#[test]
fn crashes_are_found_by_all() {
    for at_once in [false, true] {
        let config = Config { crashes: 3, at_once, ..small() };
        let outcome = detect::run(&config, &heartbeats(), 1);
        assert_eq!(outcome.mistaken, Mistaken::default(), "everybody else is well");
        let running: Vec<_> = outcome.cases.iter().map(|case| case.running).collect();
        assert_eq!(running, if at_once { [12, 12, 12] } else { [12, 11, 10] });
        for case in &outcome.cases {
            let seconds = |time: Option<Duration>| time.expect("it is found").as_secs_f64();
            let (probed, suspected) = (seconds(case.probed), seconds(case.suspected));
            let (detected, everywhere) = (seconds(case.detected), seconds(case.everywhere));
            // The first probe may be one that was under way in any case.
            assert!(probed <= 1.01, "{case:?}");
            assert!((1.9..=3.01).contains(&suspected), "{case:?}");
            assert!((4.9..=6.01).contains(&detected), "{case:?}");
            assert!((detected..=6.01).contains(&everywhere), "{case:?}");
            assert!((5.9..=6.01).contains(&seconds(case.silence)), "{case:?}");
        }
    }
}

#[test]
fn a_seed_gives_one_outcome() {
    let config = Config { crashes: 1, loss: 0.05, ..small() };
    let [once, again, other] = [1, 1, 2].map(|seed| detect::run(&config, &heartbeats(), seed));
    assert_eq!(once, again);
    assert_ne!(once, other);
}

/// Every node probes every other, every second in which it hears nothing else of it.
#[test]
fn the_calm_tells_what_detection_costs() {
    let config = Config { crashes: 0, ..small() };
    let outcome = detect::run(&config, &heartbeats(), 1);
    assert_eq!(outcome.calm.time, config.calm * 12);
    let each = outcome.calm.messages() as f64 / outcome.calm.time.as_secs_f64();
    assert!((11.0..=22.0).contains(&each), "{each} messages per node and second");
    let (pings, acks) = (outcome.calm.records["ping"], outcome.calm.records["ack"]);
    assert!(pings.abs_diff(acks) < 12 && pings + acks == outcome.calm.messages());
    assert!(outcome.longest_gap >= Duration::from_secs(1), "{:?}", outcome.longest_gap);
    assert!(outcome.longest_gap < Duration::from_secs(10), "{:?}", outcome.longest_gap);
    assert!(outcome.calm.bytes / outcome.calm.frames > 20);
    assert_eq!(outcome.troubled.time, Duration::ZERO, "nothing happened");
}

/// Whose network blocks for long is dead to the others, rightly, and takes all of them for dead, wrongly.
#[test]
fn a_blocked_node_is_found_and_mistaken() {
    let outcome = detect::run(&once(Anomaly::Blocked, 20), &heartbeats(), 1);
    assert_eq!(outcome.cases.len(), 3);
    for case in &outcome.cases {
        let everywhere = case.everywhere.expect("all others know");
        assert!(everywhere < Duration::from_secs(7), "{case:?}");
    }
    let Mistaken { dead, dead_healthy, steady, steady_healthy, suspect } = outcome.mistaken;
    assert_eq!((dead, steady), (27, 27), "three take nine for dead");
    assert_eq!((dead_healthy, steady_healthy), (0, 0), "the others make no mistake");
    assert!(suspect >= 27);
}

/// A prober that goes on fails a probe a second while nothing of it leaves.
#[test]
fn a_prober_that_waits_for_its_words_blames_few() {
    let suspicions = |serial| {
        let detector = SwimConfig { serial, ..SwimConfig::swim() };
        let make: MakeDetector = Rc::new(move || Box::new(Swim::new(detector)));
        detect::run(&once(Anomaly::Stuck, 16), &make, 1).mistaken.suspect
    };
    let (waits, goes_on) = (suspicions(true), suspicions(false));
    assert!(waits > 0 && waits * 2 < goes_on, "{waits} and {goes_on}");
}

#[test]
fn who_was_slow_for_a_moment_is_not_to_be_found() {
    let outcome = detect::run(&once(Anomaly::Blocked, 1), &heartbeats(), 1);
    assert!(outcome.cases.len() == 3 && outcome.cases.iter().all(|case| case.detected.is_none()));
    assert_eq!(outcome.mistaken, Mistaken::default());
}

/// Who stands still is found, but judges nobody when it goes on: each step of this detector is a
/// deadline of its own.
#[test]
fn a_paused_node_is_found_and_not_mistaken() {
    let outcome = detect::run(&once(Anomaly::Paused, 20), &heartbeats(), 1);
    assert!(outcome.cases.iter().all(|case| case.everywhere.is_some()), "{:?}", outcome.cases);
    assert_eq!((outcome.mistaken.dead, outcome.mistaken.steady), (0, 0));
}

/// Slow again and again: nobody is to be found, and who has been well for long counts as well.
#[test]
fn who_is_slow_again_and_again_is_judged_when_it_is_well() {
    let slow = Spells {
        anomaly: Anomaly::Blocked,
        lasts: Duration::from_secs(8),
        apart: Some(Duration::from_secs(16)),
    };
    let duration = Duration::from_secs(40);
    let config = Config { slow, duration, ..once(Anomaly::Blocked, 0) };
    let outcome = detect::run(&config, &heartbeats(), 1);
    assert!(outcome.cases.is_empty());
    assert_eq!(outcome.troubled.time, Duration::from_secs(48) * 12, "two whole cycles");
    let Mistaken { dead, steady, steady_healthy, .. } = outcome.mistaken;
    assert_eq!((dead, steady, steady_healthy), (54, 54, 0), "nine by each of three, twice");
}
