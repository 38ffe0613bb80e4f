//! Answers of the store come late and in any order.

use std::collections::BTreeMap;

use super::*;

/// Four nodes whose stores answer within 80 ms, in any order, while all write the same few keys.
#[test]
fn answers_in_any_order_change_nothing_but_the_time() {
    for seed in 0..8 {
        let mut world = cluster(seed, 4);
        for host in 0..4 {
            world.disk(host).jitter = Duration::from_millis(80);
            world.events(host);
        }
        let mut random = random(seed);
        let mut requests = Vec::new();
        for _ in 0..400 {
            let host = random.index(4);
            let key = format!("key-{}", random.index(12));
            let value = (random.index(4) > 0).then_some("value");
            let ttl = (random.index(3) == 0).then_some(seconds(1 + random.below(20)));
            requests.push((host, world.write(host, &key, value, ttl.filter(|_| value.is_some()))));
            world.run_for(Duration::from_millis(random.below(40)));
        }
        let equal = world.run_until(seconds(30), MOMENT, World::converged);
        assert!(equal, "seed {seed}: different after 30 s");
        world.run_for(seconds(30));
        for (host, request) in requests {
            assert_eq!(outcome(&mut world, host, request), Some(Ok(())), "seed {seed}");
        }
        for host in 0..4 {
            watchers_see_versions_ascend(&world.events(host), seed);
        }
    }
}

/// A key's events come in the order of its versions, and nothing of a version after its expiry.
fn watchers_see_versions_ascend(events: &[Event], seed: u64) {
    let mut last = BTreeMap::new();
    let mut seen = 0;
    for event in events {
        if let Event::Changed { fact, change, .. } = event {
            let expired = *change == gossip_core::io::Change::Expire;
            let version = (fact.hlc(), fact.author(), fact.id(), expired);
            let before = last.insert(fact.shared_key(), version);
            assert!(before < Some(version), "seed {seed}: {before:?}, then {version:?}");
            seen += 1;
        }
    }
    assert!(seen > 100, "seed {seed}: {seen} events");
}

/// A disk whose flush takes two seconds: others' facts arrive as if it were quick, and go on.
#[test]
fn a_slow_flush_delays_nobody_elses_facts() {
    const FLUSH: Duration = seconds(2);
    for seed in 0..4 {
        let mut world = World::new(seed);
        world.add_cluster(3, &ConfigSpec::default());
        assert!(world.run_until(seconds(20), MOMENT, all_alive));
        world.disk(1).sync_interval = FLUSH;
        // Host 1 is the only bridge between 0 and 2.
        ruled(&mut world, move |packet: &Packet<'_>, _: &mut Rng| {
            let direct = packet.from != 1 && packet.to != 1;
            if direct { Verdict::Drop } else { Verdict::Pass }
        });
        let own = world.write(1, "own", Some("1"), None);
        world.write(0, "theirs", Some("1"), None);
        let start = world.now();
        let spread = world.run_until(seconds(4), Duration::from_millis(10), |world| {
            world.totals(2, None).entries == 2
        });
        let took = world.now().since(start);
        // Two rounds of rumor lie between the ends.
        assert!(spread && took < FLUSH + Duration::from_millis(200), "seed {seed}: {took:?}");
        // Whoever waits for durability waits for two seconds and no longer.
        world.run_for(FLUSH.saturating_sub(took + MOMENT));
        if took + MOMENT < FLUSH {
            assert_eq!(outcome(&mut world, 1, own), None, "seed {seed}");
        }
        world.run_for(MOMENT * 2);
        assert_eq!(outcome(&mut world, 1, own), Some(Ok(())), "seed {seed}");
    }
}

/// What was acknowledged survives a crash at any moment; the status says what is durable.
#[test]
fn acknowledged_writes_survive_any_crash_and_the_status_says_what_is_durable() {
    let (mut lost, mut met) = (0, 0);
    for seed in 0..16 {
        let mut world = World::new(seed);
        world.add(ConfigSpec::default());
        world.run_for(seconds(1));
        let mut random = random(seed);
        world.disk(0).jitter = Duration::from_millis(20);
        world.disk(0).sync_interval = Duration::from_millis(30);
        let mut requests = Vec::new();
        for number in 0..50 {
            let key = format!("key-{number}");
            requests.push((world.write(0, &key, Some("1"), None), key));
            world.run_for(Duration::from_millis(random.below(15)));
        }
        let durable = world.node(0).unwrap().status().store.durable;
        let (kept, unknown): (Vec<_>, Vec<_>) = requests
            .into_iter()
            .partition(|(request, _)| outcome(&mut world, 0, *request) == Some(Ok(())));
        world.crash(0);
        world.start(0);
        let store = world.node(0).unwrap().status().store;
        assert!(
            store.durable >= durable && store.durable == store.commit,
            "seed {seed}: {store:?}"
        );
        world.run_for(MOMENT);
        met += unknown.len();
        for (_, key) in kept {
            assert_eq!(reads(&mut world, 0, &key), Some(true), "seed {seed}: {key} is lost");
        }
        lost += 50 - world.totals(0, None).entries;
    }
    assert!(lost > 0 && met > 0, "no crash lost anything, so they tested nothing");
}
