//! The tokio driver: nodes that run, hang, are flooded, leave and stop.

mod cluster;
mod stores;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gossip_core::id::{ChannelId, NodeId};
use gossip_core::io::{AtEpoch, Change, Event, Export, Refused, Seed, Write, WriteError};
use gossip_core::membership::{Member, MemberStatus};
use gossip_core::runtime::{
    DriverError, Exporter, Gossip, GossipError, Happening, MemberChanges, MemberNews, RuntimeConfig,
};
use gossip_core::store::{MemoryStore, Store};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use self::cluster::{Cluster, PATIENCE, address, all_alive, ended, eventually, next_event, reads};
use self::stores::{How, SlowFlush, Stuck};

fn changed(event: &Event, what: Change, of: &str) -> bool {
    matches!(event, Event::Changed { change, fact, .. }
        if *change == what && fact.key() == of.as_bytes())
}

fn became(event: &Event, who: &Gossip, status: MemberStatus) -> bool {
    matches!(event, Event::Member { member, .. }
        if member.id == who.id() && member.status == status)
}

fn writes(count: usize) -> Vec<Write> {
    let write = |number| Write {
        key: Bytes::from(format!("key {number:06}")),
        value: Some(Bytes::from_static(b"value")),
        ttl: None,
    };
    (0..count).map(write).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_join_through_a_seed_and_read_each_others_writes() {
    let nodes = Cluster::new().nodes(3).await;
    for (writer, key) in nodes.iter().zip(["a", "b", "c"]) {
        let written = writer.put(key, "1").await.unwrap();
        for reader in &nodes {
            reads(reader, key, "1").await;
        }
        let entry = nodes[0].get(key).await.unwrap().unwrap();
        assert_eq!((entry.id(), entry.version()), (written.id, written.version));
        assert_eq!((entry.author(), entry.expires_at()), (writer.id(), None));
    }
    let main = nodes[0].main_channel();
    let (_, total) = nodes[0].total(main, AtEpoch::This).await.unwrap();
    assert_eq!(total.entries, 3);
    nodes[0].compare(main).await.unwrap();
    eventually("all others have the same", async || {
        nodes[0].status().await.unwrap().equal_partners == 2
    })
    .await;
}

#[tokio::test]
async fn reads_and_writes_have_all_their_forms() {
    let node = Cluster::new().node(1).await;
    let main = node.main_channel();
    assert_eq!(node.get("key 000000").await, Ok(None));
    let results = node.write(main, writes(5)).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    node.delete("key 000001").await.unwrap();
    let keys = async |prefix, after, limit| {
        let entries = node.scan(main, prefix, after, limit).await.unwrap();
        entries.iter().map(|entry| entry.key()[9]).collect::<Vec<_>>()
    };
    let prefix = Bytes::from_static(b"key");
    assert_eq!(keys(prefix.clone(), None, 9).await, b"0234");
    assert_eq!(keys(prefix.clone(), Some(Bytes::from_static(b"key 000000")), 2).await, b"23");
    assert!(keys(Bytes::from_static(b"x"), None, 9).await.is_empty());

    let long = node.put(vec![0; 10_000], "").await;
    assert!(matches!(long, Err(GossipError::Write(WriteError::KeyTooLong { .. }))), "{long:?}");
    let nowhere = ChannelId::from_bytes([7; 32]);
    let refused = GossipError::Refused(Refused::UnknownChannel);
    assert_eq!(node.write(nowhere, writes(1)).await, Err(refused));
    assert_eq!(node.scan(nowhere, prefix, None, 1).await, Err(refused));
    let status = node.status().await.unwrap();
    assert_eq!((status.peers.alive, status.queues["store-ops"]), (1, 0));
    assert_eq!((node.store_kind(), node.endpoints().iter().count()), ("memory", 1));
}

#[tokio::test]
async fn a_seed_is_found_by_its_name() {
    let cluster = Cluster::new();
    let nodes = [cluster.node(2).await, cluster.node(3).await];
    nodes[0].join(vec![Seed::Name(format!("localhost:{}", address(3).port()))]).await.unwrap();
    all_alive(&nodes).await;
}

#[tokio::test]
async fn watchers_see_deletions_and_expiries() {
    let nodes = Cluster::new().nodes(2).await;
    let mut events = nodes[1].events();
    nodes[0].put("short", "1").await.unwrap();
    next_event(&mut events, |event| changed(event, Change::Put, "short")).await;
    nodes[0].delete("short").await.unwrap();
    next_event(&mut events, |event| changed(event, Change::Delete, "short")).await;
    assert_eq!(nodes[1].get("short").await, Ok(None));
    nodes[0].put_for("brief", "1", Duration::from_secs(3)).await.unwrap();
    next_event(&mut events, |event| changed(event, Change::Put, "brief")).await;
    next_event(&mut events, |event| changed(event, Change::Expire, "brief")).await;
    assert_eq!(nodes[1].get("brief").await, Ok(None));
}

#[tokio::test]
async fn a_slow_subscriber_misses_events_and_no_other_does() {
    let options = RuntimeConfig { events: 4, ..RuntimeConfig::default() };
    let node = Cluster::new().node_with(1, Arc::new(MemoryStore::new()), options).await;
    let mut quick = node.events();
    node.put("first", "1").await.unwrap();
    next_event(&mut quick, |event| changed(event, Change::Put, "first")).await;
    let mut slow = node.events();
    let keys = ["a", "b", "c", "d", "e", "f", "g"];
    for key in keys {
        node.put(key, "1").await.unwrap();
        next_event(&mut quick, |event| changed(event, Change::Put, key)).await;
    }
    assert!(matches!(slow.next().await, Some(Happening::Missed(3))));
    for key in &keys[3..] {
        next_event(&mut slow, |event| changed(event, Change::Put, key)).await;
    }
}

/// The next news of the members, all of them or a change; the version after it.
async fn follow(changes: &mut MemberChanges, members: &mut BTreeMap<NodeId, Member>) -> u64 {
    match timeout(PATIENCE, changes.next()).await {
        Ok(Some(Ok(MemberNews::All { members: all, version }))) => {
            *members = all.into_iter().map(|member| (member.id, member)).collect();
            version
        }
        Ok(Some(Ok(MemberNews::Changed(event)))) => {
            let Event::Member { member, version, .. } = &*event else { panic!("{event:?}") };
            members.insert(member.id, Member::clone(member));
            *version
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_follower_of_members_that_was_too_slow_has_them_all_again() {
    let cluster = Cluster::new();
    let options = RuntimeConfig { events: 4, ..RuntimeConfig::default() };
    let node = cluster.node_with(1, Arc::new(MemoryStore::new()), options).await;
    let (mut changes, mut members) = (node.follow_members(), BTreeMap::new());
    let mut known = follow(&mut changes, &mut members).await;
    let mut others = vec![node.clone(), cluster.node(2).await];
    while members.len() < 2 {
        let version = follow(&mut changes, &mut members).await;
        assert_eq!(version, known + 1, "nothing is left out");
        known = version;
    }
    // Nobody looks while more happens than is kept.
    for number in 3..12 {
        others.push(cluster.node(number).await);
        all_alive(&others).await;
    }
    let (wanted, version) = node.versioned_members().await.unwrap();
    assert!(version > known + 4);
    while known < version {
        known = follow(&mut changes, &mut members).await;
    }
    let shown = |member: &Member| (member.id, member.status, member.alive.clone());
    assert_eq!(
        members.values().map(shown).collect::<Vec<_>>(),
        wanted.iter().map(shown).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_stops_neither_gossip_nor_commands() {
    let cluster = Cluster::new();
    let store = Arc::new(Stuck::new(How::Hang));
    let stuck = cluster.node_with(1, store, RuntimeConfig::default()).await;
    let write = tokio::spawn({
        let stuck = stuck.clone();
        async move { stuck.put("lost", "1").await }
    });
    eventually("the write is at the store", async || {
        stuck.status().await.unwrap().queues["store-ops"] > 0
    })
    .await;
    // All who meet after that meet through it.
    let others = [cluster.node(2).await, cluster.node(3).await];
    all_alive(&[stuck.clone(), others[0].clone(), others[1].clone()]).await;
    others[0].put("a", "1").await.unwrap();
    reads(&others[1], "a", "1").await;
    let mut events = others[0].events();
    let suspected = next_event(&mut events, |event| became(event, &stuck, MemberStatus::Suspect));
    // Three times as long as the silence that makes it suspect.
    assert!(timeout(Duration::from_secs(20), suspected).await.is_err(), "it answers no pings");
    assert!(!write.is_finished());
    timeout(PATIENCE, stuck.shutdown()).await.expect("a stop does not wait for the store");
    assert_eq!(write.await.unwrap(), Err(GossipError::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_two_seconds_to_flush_delays_own_writes_alone() {
    const FLUSH: Duration = Duration::from_secs(2);
    let cluster = Cluster::new();
    let slow = Arc::new(SlowFlush::new(FLUSH));
    let slow = cluster.node_with(1, slow, RuntimeConfig::default()).await;
    let others = [cluster.node(2).await, cluster.node(3).await];
    all_alive(&[slow.clone(), others[0].clone(), others[1].clone()]).await;

    let before = Instant::now();
    let put = tokio::spawn({
        let slow = slow.clone();
        async move { slow.put("own", "1").await.map(|_| before.elapsed()) }
    });
    eventually("the own write is applied and not durable", async || {
        let status = slow.status().await.unwrap();
        status.queues["writes"] == 1 && status.store.durable < status.store.commit
    })
    .await;
    others[0].put("theirs", "1").await.unwrap();
    reads(&slow, "theirs", "1").await;
    // Others have the own write before its author may call it durable.
    reads(&others[1], "own", "1").await;
    assert!(before.elapsed() < FLUSH, "{:?}", before.elapsed());
    assert!(!put.is_finished());
    assert!(put.await.unwrap().unwrap() >= FLUSH);
    let status = slow.status().await.unwrap().store;
    assert_eq!((status.kind, status.is_healthy(), status.read_only), ("slow-flush", true, false));
}

#[tokio::test]
async fn too_many_calls_that_wait_for_the_store_are_told_so() {
    let store = Arc::new(Stuck::new(How::Hang));
    let node = Cluster::new().node_with(1, store, RuntimeConfig::default()).await;
    let mut calls = JoinSet::new();
    let call = |node: &Gossip| {
        let node = node.clone();
        async move { node.get("a").await.map(drop) }
    };
    calls.spawn({
        let node = node.clone();
        async move { node.put("a", "1").await.map(drop) }
    });
    while calls.len() < 65_536 {
        calls.spawn(call(&node));
    }
    eventually("all of them wait", async || {
        node.status().await.unwrap().queues["commands"] == 65_536
    })
    .await;
    assert_eq!(call(&node).await, Err(GossipError::Busy));
    assert_eq!(node.members().await.unwrap().len(), 1);
    assert!(calls.try_join_next().is_none(), "none of the others was answered");
    node.shutdown().await;
    assert_eq!(calls.join_next().await.unwrap().unwrap(), Err(GossipError::Stopped));
}

#[tokio::test]
async fn a_flood_of_foreign_facts_does_not_stall_own_writes() {
    let cluster = Cluster::new();
    let options = RuntimeConfig { verifiers: 1, ..RuntimeConfig::default() };
    let flooded = cluster.node_with(1, Arc::new(MemoryStore::new()), options).await;
    let flooder = cluster.node(2).await;
    all_alive(&[flooded.clone(), flooder.clone()]).await;
    let total = 20_000;
    let flood = flooder.write(flooder.main_channel(), writes(total)).await.unwrap();
    assert!(flood.iter().all(Result::is_ok));
    let met_verifier = AtomicUsize::new(0);
    eventually("half of the flood is merged", async || {
        let status = flooded.status().await.unwrap();
        let write = timeout(Duration::from_secs(1), flooded.put("own", "1"));
        write.await.expect("an own write does not wait for others").unwrap();
        met_verifier.fetch_add(status.queues["verifier-jobs"], Ordering::Relaxed);
        let (_, held) = flooded.total(flooded.main_channel(), AtEpoch::This).await.unwrap();
        held.entries > total as u64 / 2
    })
    .await;
    assert!(met_verifier.into_inner() > 0, "no write met a busy verifier");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_busy_ends_and_is_final() {
    let nodes = Cluster::new().nodes(2).await;
    let mut events = nodes[0].events();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let node = nodes[0].clone();
            tokio::spawn(async move {
                loop {
                    if let Err(error) = node.write(node.main_channel(), writes(100)).await {
                        return error;
                    }
                }
            })
        })
        .collect();
    reads(&nodes[1], "key 000099", "value").await;
    timeout(PATIENCE, nodes[0].shutdown()).await.expect("it stops");
    for writer in writers {
        assert_eq!(writer.await.unwrap(), GossipError::Stopped);
    }
    nodes[0].shutdown().await;
    assert!(nodes[0].stopped().await.is_ok());
    ended(&mut events).await;
    assert!(nodes[0].events().next().await.is_none());
    assert_eq!(nodes[0].put("a", "1").await, Err(GossipError::Stopped));
    assert_eq!(nodes[0].status().await, Err(GossipError::Stopped));
    nodes[1].put("a", "1").await.unwrap();
}

#[tokio::test]
async fn who_leaves_is_seen_to_leave() {
    let nodes = Cluster::new().nodes(3).await;
    let mut events = nodes[2].events();
    nodes[1].put("a", "1").await.unwrap();
    reads(&nodes[2], "a", "1").await;
    nodes[1].leave().await.unwrap();
    next_event(&mut events, |event| became(event, &nodes[1], MemberStatus::Left)).await;
    assert_eq!(nodes[1].get("a").await.unwrap().unwrap().value(), b"1");
    let write = nodes[1].put("a", "2").await;
    assert_eq!(write, Err(GossipError::Write(WriteError::Left)));
}

/// A place that is full at first.
#[derive(Debug, Default)]
struct Drawer {
    calls: AtomicUsize,
    kept: Mutex<Vec<Bytes>>,
}

impl Exporter for Drawer {
    fn keep(&self, export: &Export) -> io::Result<()> {
        if self.calls.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.kept.lock().unwrap().extend(export.facts.iter().map(|fact| fact.shared_key()));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn who_left_hands_out_its_writes_before_it_forgets_them() {
    let cluster = Cluster::new();
    let other = cluster.node(1).await;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let drawer = Arc::new(Drawer::default());
    let options =
        RuntimeConfig { exporter: Some(Arc::clone(&drawer) as _), ..RuntimeConfig::default() };
    let start = || cluster.node_with(2, Arc::clone(&store), options.clone());
    let first = start().await;
    all_alive(&[other.clone(), first.clone()]).await;
    first.put("own", "1").await.unwrap();
    other.put("theirs", "1").await.unwrap();
    reads(&first, "theirs", "1").await;
    first.stop().await.unwrap();
    first.shutdown().await;
    // Who stopped comes back as it was.
    let second = start().await;
    all_alive(&[other.clone(), second.clone()]).await;
    second.put("own too", "1").await.unwrap();
    assert_eq!(drawer.calls.load(Ordering::Relaxed), 0);
    second.leave().await.unwrap();
    second.shutdown().await;

    let third = start().await;
    let mut events = third.events();
    next_event(&mut events, |event| matches!(event, Event::Renewed { exported: 2, .. })).await;
    assert_eq!(*drawer.kept.lock().unwrap(), ["own", "own too"]);
    assert_eq!(drawer.calls.load(Ordering::Relaxed), 2, "it was full at first");
    for key in ["own", "own too", "theirs"] {
        reads(&third, key, "1").await;
    }
    third.put("again", "1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_stopped_holds_nothing() {
    let cluster = Cluster::new();
    for store in [How::Hang, How::Answer].map(|how| Arc::new(Stuck::new(how))) {
        let options = RuntimeConfig::default();
        let node = cluster.node_with(1, Arc::clone(&store) as Arc<dyn Store>, options).await;
        tokio::spawn({
            let node = node.clone();
            async move { node.put("a", "1").await }
        });
        eventually("the write is at the store", async || store.merges() > 0).await;
        timeout(PATIENCE, node.shutdown()).await.expect("it stops");
        assert_eq!(Arc::strong_count(&store), 1);
    }
}

#[tokio::test]
async fn the_last_handle_stops_the_node() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let mut events = node.events();
    let clone = node.clone();
    drop(node);
    clone.put("a", "1").await.unwrap();
    drop(clone);
    ended(&mut events).await;
}

#[tokio::test]
async fn a_broken_transport_stops_the_node() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let mut events = node.events();
    // A second node at the same address: the first one's transport is closed for good.
    let _successor = cluster.net.transport(address(1));
    let stopped = timeout(PATIENCE, node.stopped()).await.expect("it stops");
    assert!(matches!(*stopped.unwrap_err(), DriverError::Transport(_)));
    ended(&mut events).await;
    assert_eq!(node.members().await, Err(GossipError::Stopped));
}

#[tokio::test]
async fn a_store_that_panics_stops_the_node() {
    let store = Arc::new(Stuck::new(How::Panic));
    let node = Cluster::new().node_with(1, store, RuntimeConfig::default()).await;
    assert_eq!(node.put("a", "1").await, Err(GossipError::Stopped));
    let stopped = timeout(PATIENCE, node.stopped()).await.expect("it stops");
    assert!(matches!(*stopped.unwrap_err(), DriverError::Vanished { part: "store" }));
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed_in_the_time_of_tokio() {
    let nodes = Cluster::new().nodes(3).await;
    let mut events = nodes[0].events();
    nodes[2].shutdown().await;
    next_event(&mut events, |event| became(event, &nodes[2], MemberStatus::Suspect)).await;
    next_event(&mut events, |event| became(event, &nodes[2], MemberStatus::Dead)).await;
    assert!(nodes[2].stopped().await.is_ok());
}
