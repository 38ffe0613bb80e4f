//! The detector alone: what it finds when.

use super::super::scene::{PEER, Scene};
use super::*;

fn peer(number: u8) -> NodeId {
    NodeId::from_bytes([number; 32])
}

/// A detector that watches so many members from the beginning.
fn watching(config: SwimConfig, count: u8) -> Scene<Swim> {
    let mut scene = Scene::new(Swim::new(config));
    (1..=count).for_each(|number| scene.watch(0, peer(number)));
    scene
}

/// Polls until a time; all findings with their times. Who is `answering` does so at once.
fn run(scene: &mut Scene<Swim>, upto: u64, answering: &[NodeId]) -> Vec<(u64, Finding)> {
    let mut found = Vec::new();
    while let Some(due) = scene.deadline().filter(|due| *due <= upto) {
        for finding in scene.poll(due) {
            found.push((due, finding));
            if let Finding::Probe(member) | Finding::Warn(member) = finding
                && answering.contains(&member)
            {
                let signs = [Sign::Heard, Sign::Answered(Duration::ZERO)];
                let answers = signs.map(|sign| scene.sign(due, member, sign));
                found.extend(answers.into_iter().flatten().map(|finding| (due, finding)));
            }
        }
    }
    found
}

fn first(found: &[(u64, Finding)], wanted: Finding) -> Option<u64> {
    found.iter().find(|(_, finding)| *finding == wanted).map(|(at, _)| *at)
}

#[test]
fn who_answers_nobody_is_suspected_accused_and_dead() {
    let mut scene = watching(SwimConfig { hearsay: true, ..SwimConfig::swim() }, 4);
    let others = [peer(2), peer(3), peer(4)];
    let found = run(&mut scene, 60_000, &others);
    let probed = first(&found, Finding::Probe(PEER)).unwrap();
    let asked: Vec<_> = found
        .iter()
        .filter(|(_, finding)| matches!(finding, Finding::Ask { about: PEER, .. }))
        .take(3)
        .collect();
    assert!(asked.iter().all(|(at, _)| *at == probed + 500), "{asked:?}");
    assert_eq!(first(&found, Finding::Suspect(PEER)), Some(probed + 1_000));
    assert_eq!(first(&found, Finding::Accuse(PEER)), Some(probed + 1_000));
    assert_eq!(first(&found, Finding::Dead(PEER)), Some(probed + 6_000), "five periods of one");
    assert_eq!(first(&found, Finding::Convict(PEER)), Some(probed + 6_000));
    let about_others = found.iter().filter(|(_, finding)| {
        matches!(finding, Finding::Suspect(it) | Finding::Dead(it) if others.contains(it))
    });
    assert_eq!(about_others.count(), 0);
}

#[test]
fn a_vouching_member_keeps_it_alive() {
    let mut scene = watching(SwimConfig::swim(), 4);
    let mut due = 0;
    while !matches!(scene.poll(due).as_slice(), [Finding::Ask { about: PEER, .. }, ..]) {
        due = scene.deadline().unwrap();
        for other in 2..=4 {
            scene.sign(due, peer(other), Sign::Answered(Duration::ZERO));
        }
    }
    scene.sign(due + 100, PEER, Sign::Vouched);
    let found = run(&mut scene, due + 1_000, &[]);
    assert_eq!(first(&found, Finding::Suspect(PEER)), None);
}

#[test]
fn accusers_make_it_short_and_a_new_word_ends_it() {
    let mut scene = watching(SwimConfig::lifeguard(), 9);
    let suspects = |found: &[Finding]| found.contains(&Finding::Suspect(PEER));
    assert!(suspects(&scene.sign(0, PEER, Sign::Accused(1))));
    assert!(!suspects(&scene.sign(0, PEER, Sign::Accused(4))));
    assert_eq!(scene.sign(4_000, PEER, Sign::Renewed), [Finding::Alive(PEER)]);
    assert!(suspects(&scene.sign(4_000, PEER, Sign::Accused(4))));
    let others: Vec<_> = (2..=9).map(peer).collect();
    let found = run(&mut scene, 20_000, &others);
    assert_eq!(first(&found, Finding::Dead(PEER)), Some(9_000));
}

#[test]
fn a_dead_member_is_asked_once_more_before_and_after() {
    let config = SwimConfig::default();
    let mut scene = watching(config, 4);
    let others = [peer(2), peer(3), peer(4)];
    scene.sign(0, PEER, Sign::Accused(4));
    let found = run(&mut scene, 30_000, &others);
    let (attempt, _) = found
        .iter()
        .rev()
        .find(|(_, finding)| *finding == Finding::Warn(PEER))
        .expect("it is warned");
    let dead = first(&found, Finding::Dead(PEER)).unwrap();
    assert_eq!(dead, attempt + 1_500, "three waits of the first 500 ms");
    assert_eq!(scene.sign(40_000, PEER, Sign::Renewed), [Finding::Probe(PEER)]);
    let found = run(&mut scene, 42_000, &others);
    assert_eq!(first(&found, Finding::Accuse(PEER)), Some(41_500), "of that word too");
    assert_eq!(scene.sign(42_001, PEER, Sign::Heard), [Finding::Alive(PEER)]);
}

#[test]
fn who_hears_nobody_judges_nobody_for_a_while() {
    let mut scene = watching(SwimConfig::default(), 20);
    let everybody: Vec<_> = (1..=20).map(peer).collect();
    run(&mut scene, 10_000, &everybody);
    let judged = |found: &[(u64, Finding)]| {
        found.iter().any(|(_, it)| matches!(it, Finding::Suspect(_) | Finding::Dead(_)))
    };
    assert!(!judged(&run(&mut scene, 39_000, &[])), "cut off, it accuses nobody");
    assert!(!judged(&run(&mut scene, 60_000, &everybody)));
    let found = run(&mut scene, 300_000, &[]);
    let dead: Vec<_> = found.iter().filter(|(_, it)| matches!(it, Finding::Dead(_))).collect();
    assert_eq!(dead.len(), 20, "alone for long, it gives everybody up");
    assert!(dead.iter().all(|(at, _)| (210_000..220_000).contains(at)), "{dead:?}");
    assert!(!found.iter().any(|(_, it)| matches!(it, Finding::Accuse(_))), "who reaches nobody");
}

#[test]
fn who_was_not_run_in_time_excuses_everybody() {
    let mut scene = watching(SwimConfig::default(), 20);
    let everybody: Vec<_> = (1..=20).map(peer).collect();
    run(&mut scene, 10_000, &everybody);
    scene.sign(10_000, PEER, Sign::Accused(4));
    scene.poll(10_300);
    // Two minutes of standing still: everything is late.
    let found: Vec<_> = scene.poll(138_000);
    assert!(!found.iter().any(|it| matches!(it, Finding::Suspect(_) | Finding::Dead(_))));
    everybody.iter().for_each(|peer| drop(scene.sign(138_001, *peer, Sign::Heard)));
    let found = run(&mut scene, 150_000, &everybody);
    let judged = |it: &Finding| matches!(it, Finding::Suspect(_) | Finding::Dead(_));
    assert!(!found.iter().any(|(_, it)| judged(it)), "{found:?}");
}

#[test]
fn a_node_that_fails_itself_becomes_patient() {
    let mut scene = watching(SwimConfig::lifeguard(), 20);
    let pace = |found: Vec<(u64, Finding)>| {
        found.iter().filter(|(_, it)| matches!(it, Finding::Probe(_) | Finding::Warn(_))).count()
    };
    let slow = pace(run(&mut scene, 100_000, &[]));
    assert!((10..30).contains(&slow), "{slow} probes in 100 s: one in nine seconds at last");
    let everybody: Vec<_> = (1..=20).map(peer).collect();
    everybody.iter().for_each(|peer| drop(scene.sign(100_000, *peer, Sign::Renewed)));
    run(&mut scene, 200_000, &everybody);
    let fast = pace(run(&mut scene, 300_000, &everybody));
    assert!((90..=101).contains(&fast), "{fast}");
}

#[test]
fn a_prober_whose_words_are_held_waits_and_fails_once() {
    let mut scene = watching(SwimConfig::swim(), 9);
    let everybody: Vec<_> = (1..=9).map(peer).collect();
    run(&mut scene, 10_000, &everybody);
    assert_eq!(scene.held(10_000, true), []);
    assert_eq!(run(&mut scene, 26_000, &everybody), [], "nothing is said, and nobody suspected");
    let released = scene.held(26_000, false);
    let [Finding::Probe(about), asked @ ..] = &*released else { panic!("{released:?}") };
    assert_eq!(asked.len(), 3, "its time is up, so others are asked at once");
    assert!(asked.iter().all(|it| matches!(it, Finding::Ask { about: it, .. } if it == about)));
    let found = scene.poll(26_000);
    let (judged, next) = found.split_at(2);
    assert_eq!(judged, [Finding::Suspect(*about), Finding::Accuse(*about)]);
    assert!(matches!(next, [Finding::Probe(_)]), "and the next is probed: {next:?}");
}

#[test]
fn a_probe_that_is_held_for_a_moment_goes_on() {
    let mut scene = watching(SwimConfig::swim(), 9);
    let everybody: Vec<_> = (1..=9).map(peer).collect();
    run(&mut scene, 10_000, &everybody);
    scene.held(10_000, true);
    let begun = scene.deadline().unwrap();
    assert_eq!(scene.poll(begun), []);
    let released = scene.held(begun + 400, false);
    let [Finding::Probe(about)] = *released else { panic!("{released:?}") };
    assert_eq!(scene.deadline(), Some(begun + 900), "an answer is waited for as ever");
    scene.held(begun + 500, true);
    assert_eq!(scene.poll(begun + 900), [], "whom to ask has to wait");
    let asked = scene.held(begun + 950, false);
    assert!(matches!(&*asked, [Finding::Ask { .. }, ..]), "{asked:?}");
    scene.sign(begun + 960, about, Sign::Vouched);
    let found = run(&mut scene, begun + 2_000, &everybody);
    assert_eq!(first(&found, Finding::Suspect(about)), None);
}

#[test]
fn one_prober_makes_one_probe_at_a_time() {
    let mut scene = watching(SwimConfig::lifeguard(), 20);
    let found = run(&mut scene, 60_000, &[]);
    let probes: Vec<_> = found
        .iter()
        .filter_map(|(at, it)| matches!(it, Finding::Probe(_) | Finding::Warn(_)).then_some(*at))
        .collect();
    let failed: Vec<_> = found
        .iter()
        .filter_map(|(at, it)| matches!(it, Finding::Accuse(_)).then_some(*at))
        .collect();
    assert_eq!(&probes[1..], &failed[..probes.len() - 1], "each begins as the last fails");
}
