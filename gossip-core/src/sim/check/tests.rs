//! Every checker is shown something broken, and says so; and something sound, and is silent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::config::{ConfigSpec, Limits, Strategies};
use crate::fact::{Domain, Draft, FactKind, Job, SimKeys, Verdict, Verified, Verifier};
use crate::id::ClusterId;
use crate::io::{Answer, Change, Command, Event, Export, RequestId, Seed, Ticket, Written};
use crate::mistake::{Mistake, making};
use crate::sim::{Disk, START, cut};
use crate::store::{Merge, Merged};
use crate::strategy::retain::{KeepSiblings, LastWrite};
use crate::time::{Epoch, Wall};
use crate::transport::{Address, Class, Transmit};

const SECOND: Duration = Duration::from_secs(1);

/// Two hosts that know one another.
fn world() -> World {
    let mut world = World::new(1);
    world.add_cluster(2, &ConfigSpec::default());
    world.run_for(SECOND * 5);
    world
}

/// What a checker says when this happens at a host.
fn says(checker: &mut dyn Checker, world: &World, host: usize, what: &Observation<'_>) -> String {
    let mut broken = Vec::new();
    let sight = Sight { host, now: world.time_at(host), world };
    checker.observe(&sight, what, &mut broken);
    broken.join("; ")
}

fn says_in_the_end(checker: &mut dyn Checker, world: &World) -> String {
    let mut broken = Vec::new();
    checker.finish(world, &mut broken);
    broken.into_iter().map(|(_, what)| what).collect::<Vec<_>>().join("; ")
}

fn domain(world: &World) -> Domain {
    Domain::new(ClusterId::from_name(&ConfigSpec::default().cluster), world.main_channel(0))
}

/// What a host says of the key, so many seconds after the start.
fn fact(
    world: &World,
    author: u64,
    second: u64,
    value: Option<&'static str>,
) -> Verified<Envelope> {
    expiring(world, author, second, value, Wall::ZERO)
}

fn expiring(
    world: &World,
    author: u64,
    second: u64,
    value: Option<&'static str>,
    expires_at: Wall,
) -> Verified<Envelope> {
    let draft = Draft {
        context: Vec::new(),
        expires_at,
        hlc: Hlc::from_wall(START + SECOND * second as u32),
        key: Bytes::from_static(b"key"),
        kind: FactKind::ENTRY,
        topic: TopicId(0),
        value: value.map(|text| Bytes::from_static(text.as_bytes())),
    };
    draft.sign(&SimKeys::new(author), &domain(world)).unwrap()
}

/// What a checker says when a host's store inserts a fact.
fn says_to(
    checker: &mut dyn Checker,
    world: &World,
    host: usize,
    fact: &Verified<Envelope>,
) -> String {
    let merge = Merge {
        shard: shard_of(world, host),
        retain: Arc::new(LastWrite::default()),
        facts: vec![fact.clone()],
        epoch: Epoch::ZERO,
        floor: Epoch::ZERO,
    };
    let outcomes = vec![Merged::Inserted(Vec::new())];
    let (op, reply) = (StoreOp::Merge(merge), Ok(StoreReply::Merged { outcomes, commit: 1 }));
    says(checker, world, host, &Observation::Applied { op: &op, reply: &reply })
}

#[test]
fn versions_that_go_back_are_noticed() {
    let world = world();
    let mut checker = Versions::default();
    let checker = &mut checker;
    assert_eq!(says_to(checker, &world, 0, &fact(&world, 0, 1, Some("v"))), "");
    assert_eq!(says_to(checker, &world, 0, &fact(&world, 1, 3, None)), "");
    assert!(says_to(checker, &world, 0, &fact(&world, 0, 2, Some("v"))).contains("resurrected"));
    assert_eq!(says_to(checker, &world, 1, &fact(&world, 0, 2, Some("v"))), "", "another replica");
    assert!(says_to(checker, &world, 1, &fact(&world, 0, 1, Some("v"))).contains("went back"));
}

/// Two hosts that keep siblings.
fn siblings() -> World {
    let mut world = World::new(1);
    world.expect_siblings();
    for host in 0..2 {
        let seeds = if host == 0 { vec![] } else { vec![Seed::Address(world.address(0))] };
        let strategies = |keys: SimKeys| {
            let mut strategies = Strategies::new(Box::new(keys));
            strategies.main.retain = Arc::new(KeepSiblings::default());
            strategies
        };
        world.add_with(ConfigSpec { seeds, ..ConfigSpec::default() }, Box::new(strategies));
    }
    world.run_for(SECOND * 5);
    world
}

#[test]
fn siblings_that_go_back_are_noticed_and_those_side_by_side_are_not() {
    let world = siblings();
    let mut checker = Versions::default();
    let checker = &mut checker;
    assert_eq!(says_to(checker, &world, 0, &fact(&world, 1, 3, None)), "");
    assert_eq!(says_to(checker, &world, 0, &fact(&world, 0, 2, Some("v"))), "", "concurrent");
    assert!(says_to(checker, &world, 0, &fact(&world, 1, 2, Some("v"))).contains("resurrected"));
}

#[test]
fn a_reader_of_what_was_overwritten_and_a_deletion_that_hides_something_are_noticed() {
    let mut world = siblings();
    world.write(0, "key", Some("v"), None);
    world.run_for(SECOND * 5);
    let channel = world.main_channel(1);
    let read = |world: &mut World| {
        let get = Command::Get { channel, key: Bytes::from_static(b"key") };
        let request = world.command(1, get);
        world.run_for(SECOND);
        let Some(Answer::Facts(facts)) = world.answer(1, request) else { panic!("no answer") };
        facts
    };
    let seen = read(&mut world);
    assert_eq!(seen.len(), 1);
    let mut checker = Versions::default();
    let mut given = |world: &World, number| {
        let get = Command::Get { channel, key: Bytes::from_static(b"key") };
        says(&mut checker, world, 1, &Observation::Input(&Input::Command(RequestId(number), get)));
        let answer = Output::Answer(RequestId(number), Answer::Facts(seen.clone()));
        says(&mut checker, world, 1, &Observation::Output(&answer))
    };
    let sweep = |world: &World, floor| {
        let op = StoreOp::Sweep { shard: shard_of(world, 1), wall: START, epoch: floor, floor };
        let sweep = Output::Store(Ticket(1), op);
        says(&mut LettingGo::default(), world, 1, &Observation::Output(&sweep))
    };
    assert_eq!(given(&world, 1), "");
    world.write(1, "key", None, None);
    world.run_for(SECOND * 5);
    assert_eq!(read(&mut world), []);
    assert!(given(&world, 2).contains("overwritten"));
    let floor = Epoch::NEVER;
    assert!(sweep(&world, floor).contains("it hides a value at 0"), "{}", sweep(&world, floor));
    // Who deletes what it wrote itself hides nothing.
    world.write(0, "key", None, None);
    world.run_for(SECOND * 5);
    // A host that writes flushes what it has merged.
    for host in 0..2 {
        world.write(host, "other", Some("v"), None);
    }
    world.run_for(SECOND);
    assert_eq!(sweep(&world, floor), "");
}

#[test]
fn a_lost_sibling_is_noticed_beside_a_newer_one() {
    let mut world = siblings();
    let mut checker = Acknowledged::default();
    let write = fact(&world, 0, 1, Some("v"));
    assert_eq!(says_to(&mut checker, &world, 0, &write), "");
    let written = Written { id: write.id(), version: write.hlc() };
    let answer = Output::Answer(RequestId(1), Answer::Written(vec![Ok(written)]));
    says(&mut checker, &world, 0, &Observation::Output(&answer));
    world.write(1, "key", Some("newer, and after nothing of the other's"), None);
    world.run_for(SECOND * 5);
    assert!(says_in_the_end(&mut checker, &world).contains("lost: key"));
    world.write(0, "key", Some("the author's own next"), None);
    world.run_for(SECOND * 5);
    assert_eq!(says_in_the_end(&mut checker, &world), "");
}

#[test]
fn readers_of_the_old_and_the_dead_are_noticed() {
    let world = world();
    let mut checker = Versions::default();
    says_to(&mut checker, &world, 0, &fact(&world, 0, 2, Some("v")));
    let mut read = |number, given: Verified<Envelope>| {
        let (channel, key) = (world.main_channel(0), Bytes::from_static(b"key"));
        let get = Input::Command(RequestId(number), Command::Get { channel, key });
        assert_eq!(says(&mut checker, &world, 0, &Observation::Input(&get)), "");
        let facts = Answer::Facts(vec![given.into_inner()]);
        let answer = Output::Answer(RequestId(number), facts);
        says(&mut checker, &world, 0, &Observation::Output(&answer))
    };
    assert_eq!(read(1, fact(&world, 0, 2, Some("v"))), "");
    assert!(read(2, fact(&world, 0, 1, Some("v"))).contains("got the value"));
    let dead = expiring(&world, 0, 2, Some("v"), START + SECOND);
    assert!(read(3, dead).contains("dead"));
}

#[test]
fn early_and_lost_acknowledgements_are_noticed() {
    let world = world();
    let mut checker = Acknowledged::default();
    let write = fact(&world, 0, 1, Some("v"));
    assert_eq!(says_to(&mut checker, &world, 0, &write), "");
    let written = Written { id: write.id(), version: write.hlc() };
    let answer = Output::Answer(RequestId(1), Answer::Written(vec![Ok(written)]));
    let answered = Observation::Output(&answer);
    let said = says(&mut checker, &world, 0, &answered);
    assert!(said.contains("before it was durable"), "{said}");
    assert!(says(&mut checker, &world, 0, &answered).contains("never merged"));
    assert!(says_in_the_end(&mut checker, &world).contains("lost: key"));

    let older = fact(&world, 0, 0, Some("v"));
    says_to(&mut checker, &world, 0, &older);
    let written = Written { id: older.id(), version: older.hlc() };
    let answer = Output::Answer(RequestId(2), Answer::Written(vec![Ok(written)]));
    let said = says(&mut checker, &world, 0, &Observation::Output(&answer));
    assert!(said.contains("was written at"), "{said}");
}

#[test]
fn what_was_exported_is_missed_if_somebody_else_held_it() {
    for others_hold_it in [true, false] {
        let mut world = world();
        if !others_hold_it {
            world.rule(cut(|host| host == 0));
        }
        world.write(0, "key", Some("v"), None);
        world.run_for(SECOND * 5);
        // A host that writes flushes what it has merged.
        world.write(1, "other", Some("v"), None);
        world.run_for(SECOND);
        let mut checker = Acknowledged::default();
        let write = fact(&world, 0, 1, Some("v"));
        assert_eq!(says_to(&mut checker, &world, 0, &write), "");
        let written = Written { id: write.id(), version: write.hlc() };
        let answer = Output::Answer(RequestId(1), Answer::Written(vec![Ok(written)]));
        assert_eq!(says(&mut checker, &world, 0, &Observation::Output(&answer)), "");
        let export = Export { channel: world.main_channel(0), facts: vec![write.into_inner()] };
        let export = Output::Export(Ticket(1), export);
        assert_eq!(says(&mut checker, &world, 0, &Observation::Output(&export)), "");
        (0..2).for_each(|host| world.disk(host).restore(Disk::default()));
        let said = says_in_the_end(&mut checker, &world);
        assert_eq!(said.contains("lost: key"), others_hold_it, "{said}");
    }
}

#[test]
fn replicas_that_differ_are_noticed() {
    let mut world = world();
    world.check(Box::new(Agreement::default()));
    world.write(0, "key", Some("v"), None);
    world.run_for(SECOND * 5);
    world.finish_checks();
    assert_eq!(world.violations(), []);
    world.rule(cut(|host| host == 0));
    world.write(0, "key", None, None);
    world.run_for(SECOND);
    world.finish_checks();
    assert_eq!(world.violations().len(), 1, "{:?}", world.violations());
    assert!(says_in_the_end(&mut Agreement::default(), &world).contains("nobody ever merged"));
}

#[test]
fn unanswered_commands_and_unasked_answers_are_noticed() {
    let mut world = world();
    let mut checker = Answers::default();
    let command = Input::Command(RequestId(1), Command::Members);
    assert_eq!(says(&mut checker, &world, 0, &Observation::Input(&command)), "");
    assert_eq!(says_in_the_end(&mut checker, &world), "");
    world.run_for(SECOND * 40);
    assert!(says_in_the_end(&mut checker, &world).contains("not answered"));
    let answer = Output::Answer(RequestId(2), Answer::Done);
    let said = says(&mut checker, &world, 0, &Observation::Output(&answer));
    assert!(said.contains("nobody asked"), "{said}");
}

#[test]
fn tables_beyond_their_limits_are_noticed() {
    let mut world = world();
    let wait = Output::Wait(None);
    let drained = Observation::Output(&wait);
    assert_eq!(says(&mut Bounds::default(), &world, 0, &drained), "");
    let limits = Limits { members: 1, ..Limits::default() };
    world.configure(0, ConfigSpec { limits, ..ConfigSpec::default() });
    let said = says(&mut Bounds::default(), &world, 0, &drained);
    assert!(said.contains("members is 2; the limit is 1"), "{said}");
}

#[test]
fn facts_from_the_future_and_early_ends_are_noticed() {
    let world = world();
    let mut checker = Clocks::default();
    assert_eq!(says_to(&mut checker, &world, 0, &fact(&world, 1, 14, None)), "");
    assert!(says_to(&mut checker, &world, 0, &fact(&world, 1, 16, None)).contains("future"));
    assert_eq!(says_to(&mut checker, &world, 0, &fact(&world, 0, 16, None)), "", "its own");
    let mut expired = |second: u32| {
        let fact = expiring(&world, 0, 1, Some("v"), START + SECOND * second).into_inner();
        let channel = world.main_channel(0);
        let event = Event::Changed { channel, change: Change::Expire, fact };
        says(&mut checker, &world, 0, &Observation::Output(&Output::Event(event)))
    };
    assert_eq!(expired(5), "");
    assert!(expired(6).contains("early"));
}

#[test]
fn a_clock_that_was_ahead_excuses_little() {
    let mut world = world();
    let mut checker = Clocks::default();
    world.skew(0, 60_000);
    assert_eq!(says_to(&mut checker, &world, 0, &fact(&world, 1, 50, None)), "");
    world.skew(0, 0);
    world.run_for(SECOND * 2);
    assert_eq!(says_to(&mut checker, &world, 0, &fact(&world, 1, 50, None)), "", "on its way");
    world.run_for(SECOND * 10);
    assert!(says_to(&mut checker, &world, 0, &fact(&world, 1, 50, None)).contains("future"));
}

#[test]
fn an_index_that_is_wrong_is_noticed() {
    for mistake in [None, Some(Mistake::KeepIndexEntry), Some(Mistake::KeepInSketch)] {
        making(mistake, || {
            let mut world = world();
            for _ in 0..2 {
                world.write(0, "key", Some("v"), None);
                // Long enough for a comparison, so that there is a sketch.
                world.run_for(SECOND * 10);
            }
            let said = says_in_the_end(&mut Index::default(), &world);
            assert_eq!(said.is_empty(), mistake.is_none(), "{mistake:?}: {said}");
        });
    }
}

#[test]
fn letting_go_of_what_others_need_is_noticed() {
    let mut world = world();
    world.write(0, "key", Some("v"), None);
    world.run_for(SECOND * 5);
    let sweep = |floor| {
        let op = StoreOp::Sweep { shard: shard_of(&world, 0), wall: START, epoch: floor, floor };
        Output::Store(Ticket(1), op)
    };
    let (low, high) = (sweep(Epoch::ZERO), sweep(Epoch::NEVER));
    world.rule(cut(|host| host == 0));
    world.write(0, "key", None, None);
    world.run_for(SECOND);
    let mut checker = LettingGo::default();
    assert_eq!(says(&mut checker, &world, 0, &Observation::Output(&low)), "");
    let said = says(&mut checker, &world, 0, &Observation::Output(&high));
    assert!(said.contains("host 1 holds an older"), "{said}");
    let mut checker = LettingGo::default();
    says(&mut checker, &world, 1, &Observation::PutBack);
    let said = says(&mut checker, &world, 0, &Observation::Output(&high));
    assert_eq!(said, "", "who must forget it is not waited for");
}

#[test]
fn letting_go_of_what_a_crash_would_undo_is_noticed() {
    let mut world = world();
    world.write(0, "key", Some("v"), None);
    world.run_for(SECOND * 5);
    // A host that writes flushes what it has merged.
    world.write(1, "other", Some("v"), None);
    world.run_for(SECOND);
    world.disk(1).sync_interval = SECOND * 3_600;
    world.write(0, "key", None, None);
    world.run_for(SECOND * 5);
    let shard = shard_of(&world, 0);
    let floor = Epoch::NEVER;
    let sweep =
        Output::Store(Ticket(1), StoreOp::Sweep { shard, wall: START, epoch: floor, floor });
    assert!(
        world.held(1).head(shard, b"key").iter().all(|fact| fact.is_tombstone()),
        "host 1 reads the deletion"
    );
    let said = says(&mut LettingGo::default(), &world, 0, &Observation::Output(&sweep));
    assert!(said.contains("host 1 holds an older"), "{said}");
}

#[test]
fn an_incarnation_used_twice_is_noticed() {
    let world = world();
    let mut checker = Lives::default();
    let mut begins = |incarnation: u64| {
        let value = Some(Bytes::copy_from_slice(&incarnation.to_be_bytes()));
        let op = StoreOp::Remember { name: MetaName::Incarnation, value };
        let said =
            says(&mut checker, &world, 0, &Observation::Output(&Output::Store(Ticket(1), op)));
        assert_eq!(says(&mut checker, &world, 0, &Observation::Flushed), "");
        said
    };
    assert_eq!(begins(5), "");
    assert_eq!(begins(6), "");
    assert!(begins(6).contains("comes after 6"));
}

#[test]
fn forgetting_without_a_reason_is_noticed() {
    let world = world();
    let mut checker = Renewals::default();
    let op = StoreOp::Wipe { shard: shard_of(&world, 0), commit: 1 };
    let wiped = Observation::Applied {
        op: &op,
        reply: &Ok(StoreReply::Wiped { held: Vec::new(), commit: 1 }),
    };
    assert!(says(&mut checker, &world, 0, &wiped).contains("has lost nothing"));
    says(&mut checker, &world, 0, &Observation::PutBack);
    assert_eq!(says(&mut checker, &world, 0, &wiped), "");
    // One reason is good for one renewal, however often it begins.
    assert_eq!(says(&mut checker, &world, 0, &wiped), "");
    let renewed = Event::Renewed { channel: world.main_channel(0), exported: 0 };
    says(&mut checker, &world, 0, &Observation::Output(&Output::Event(renewed)));
    assert!(says(&mut checker, &world, 0, &wiped).contains("has lost nothing"));
}

#[test]
fn a_forged_fact_is_noticed() {
    let world = world();
    let mut checker = Signatures::default();
    let good = fact(&world, 0, 1, Some("v"));
    assert_eq!(says_to(&mut checker, &world, 0, &good), "");
    // One bit of the signature.
    let mut bytes = good.bytes().to_vec();
    bytes[10] ^= 1;
    let forged = Envelope::decode(bytes.into(), &domain(&world)).unwrap();
    let passed = making(Some(Mistake::SkipVerification), || {
        Job::new(domain(&world), vec![forged]).run(&Verifier::simulated())
    });
    let Some(Verdict::Good(forged)) = passed.into_iter().next() else { panic!("nothing passed") };
    assert!(says_to(&mut checker, &world, 0, &forged).contains("never signed"));
}

#[test]
fn speaking_before_birth_is_noticed() {
    let world = world();
    let mut checker = Tickets::default();
    let transmit = Output::Transmit(Transmit {
        to: Address::Socket(world.address(1)),
        class: Class::Gossip,
        bytes: Bytes::from_static(b"hello"),
    });
    let speaks = Observation::Output(&transmit);
    assert!(says(&mut checker, &world, 0, &speaks).contains("before its incarnation"));
    let op = StoreOp::Remember { name: MetaName::Incarnation, value: None };
    let asked = Output::Store(Ticket(7), op);
    assert_eq!(says(&mut checker, &world, 0, &Observation::Output(&asked)), "");
    let stored = Input::Stored(Ticket(7), Ok(StoreReply::Synced { commit: 0 }));
    assert_eq!(says(&mut checker, &world, 0, &Observation::Input(&stored)), "");
    assert_eq!(says(&mut checker, &world, 0, &speaks), "");
}

#[test]
fn watchers_who_are_told_backwards_are_noticed() {
    let world = world();
    let mut checker = Watchers::default();
    let mut told = |second| {
        let fact = fact(&world, 0, second, Some("v")).into_inner();
        let channel = world.main_channel(0);
        let event = Event::Changed { channel, change: Change::Put, fact };
        says(&mut checker, &world, 0, &Observation::Output(&Output::Event(event)))
    };
    assert_eq!(told(1), "");
    assert_eq!(told(3), "");
    assert!(told(2).contains("told after"));
}
