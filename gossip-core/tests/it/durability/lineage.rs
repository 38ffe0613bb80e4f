//! Lost state: what of a node's own goes out with it, and that it is lost once.

use gossip_core::fact::{Keys, SimKeys, Why};
use gossip_core::id::BootId;
use gossip_core::io::Input;
use gossip_core::store::{MemoryState, MetaName, StoreError, StoreOp};
use gossip_core::testkit::lone::{Held, Lone, Puppet};
use gossip_core::time::{Epoch, Hlc};
use gossip_core::wire::{Compare, Frame, Receipt, Record, Talk};

use super::*;

/// How much a node had written when its backup was made.
const KEPT: usize = 3;

/// A node on what its disk holds, in another start than those with other seeds, and a partner.
fn started(store: &MemoryState, seed: u64) -> (Lone, Puppet) {
    let mut lone = Lone::on(store.clone(), ConfigSpec::default(), seed);
    let puppet = Puppet::new(1, lone.config());
    assert!(puppet.greet(&mut lone));
    (lone, puppet)
}

fn write(lone: &mut Lone, key: &str) -> RequestId {
    let value = Some(Bytes::from_static(b"value"));
    let write = Write { key: Bytes::copy_from_slice(key.as_bytes()), value, ttl: None };
    lone.command(Command::Write { channel: lone.main(), writes: vec![write] })
}

fn outcome(lone: &Lone, request: RequestId) -> Option<Result<(), WriteError>> {
    match lone.answers.get(&request)? {
        Answer::Written(results) => Some(results[0].map(drop)),
        other => panic!("{other:?}"),
    }
}

/// The node's receipt for what it holds.
fn receipt(lone: &mut Lone, puppet: &Puppet) -> Receipt {
    lone.take_sent();
    let compare = Compare {
        exchange: 1,
        epoch: Epoch::of(lone.now.wall),
        fingerprint: lone.totals().sum.fingerprint(),
        floor: Epoch::ZERO,
        dormant: None,
        pull: true,
        push: true,
        receipt: true,
        glance: None,
    };
    puppet.say(lone, Talk::Compare(compare));
    let given = puppet.records(lone).find_map(|record| match record {
        Record::Talk(Talk::Receipt(receipt)) => Some(receipt),
        _ => None,
    });
    given.expect("an equal partner gets one")
}

/// A backup, and a receipt for what was written after it.
fn lost() -> (MemoryState, Receipt) {
    let (mut lone, puppet) = started(&MemoryState::new(), 1);
    let writes = |lone: &mut Lone, name: &str, count| {
        for number in 0..count {
            let request = write(lone, &format!("{name}-{number}"));
            assert_eq!(outcome(lone, request), Some(Ok(())));
        }
    };
    writes(&mut lone, "kept", KEPT);
    let backup = lone.store.clone();
    writes(&mut lone, "lost", 20);
    (backup, receipt(&mut lone, &puppet))
}

fn renewals(lone: &Lone) -> usize {
    count(&lone.events, |event| matches!(event, Event::Renewed { .. }))
}

/// The keys that were handed out.
fn exported(lone: &Lone) -> Vec<String> {
    let mut keys = Vec::new();
    for event in &lone.events {
        if let Event::Exported { facts, .. } = event {
            let key =
                |fact: &gossip_core::fact::Envelope| String::from_utf8_lossy(fact.key()).into();
            keys.extend(facts.iter().map(key));
        }
    }
    keys
}

#[test]
fn a_receipt_of_a_former_lineage_is_void() {
    let (backup, before) = lost();
    let (mut lone, puppet) = started(&backup, 2);
    puppet.say(&mut lone, Talk::Stale(before));
    assert_eq!((renewals(&lone), exported(&lone).len(), lone.totals().entries), (1, KEPT, 0));
    let own = write(&mut lone, "own");
    assert_eq!(outcome(&lone, own), Some(Ok(())));
    puppet.say(&mut lone, Talk::Stale(before));
    assert_eq!(renewals(&lone), 1, "in the same start");
    let since = receipt(&mut lone, &puppet);

    // The next start is newer than the old receipt to who has it, and to the node itself.
    let (mut lone, puppet) = started(&lone.store, 3);
    let hello = puppet.frames(&lone).find_map(|frame| match frame {
        Frame::Hello(hello) => Some(hello.commit),
        _ => None,
    });
    assert!(hello.unwrap() > before.commit, "{hello:?} after {before:?}");
    puppet.say(&mut lone, Talk::Stale(before));
    puppet.say(&mut lone, Talk::Stale(since));
    assert_eq!((renewals(&lone), lone.totals().entries), (0, 1), "nothing was lost");

    // The backup again: it has fewer commits than what was certified since.
    let (mut lone, puppet) = started(&backup, 4);
    puppet.say(&mut lone, Talk::Stale(since));
    assert_eq!((renewals(&lone), lone.totals().entries), (1, 0));
    assert!(lone.store.commit() > since.commit);
}

/// A backup from before the last time that the state was taken anew: what is certified since is
/// later, however much was written on the backup alone.
#[test]
fn a_backup_of_a_former_lineage_is_older_than_any_receipt_since() {
    let (mut lone, _) = started(&MemoryState::new(), 1);
    write(&mut lone, "kept");
    let backup = lone.store.clone();
    lone.command(Command::Leave);
    let (mut lone, puppet) = started(&lone.store, 2);
    assert_eq!(renewals(&lone), 1);
    write(&mut lone, "since");
    let since = receipt(&mut lone, &puppet);
    let (mut lone, _) = started(&backup, 3);
    for number in 0..20 {
        write(&mut lone, &format!("{number}"));
    }
    let (mut lone, puppet) = started(&lone.store, 4);
    puppet.say(&mut lone, Talk::Stale(since));
    assert_eq!((renewals(&lone), exported(&lone).len(), lone.totals().entries), (1, 21, 0));
}

/// A crash between any two steps: all is still there and the old receipt is heard, or nothing is
/// and it is void.
#[test]
fn no_crash_parts_the_wipe_from_the_new_lineage() {
    let (backup, receipt) = lost();
    let (mut kept, mut gone) = (0, 0);
    for steps in 0.. {
        let (mut lone, puppet) = started(&backup, 2);
        lone.holding = true;
        puppet.say(&mut lone, Talk::Stale(receipt));
        for _ in 0..steps {
            let Some(held) = lone.take_held(0) else { break };
            lone.answer(held);
        }
        let (is_over, outside) = (renewals(&lone) == 1, exported(&lone).len());
        let (mut lone, puppet) = started(&lone.store, 3);
        let held = lone.totals().entries as usize;
        puppet.say(&mut lone, Talk::Stale(receipt));
        match held {
            KEPT => assert_eq!((renewals(&lone), exported(&lone).len()), (1, KEPT), "{steps}"),
            0 => assert_eq!((renewals(&lone), outside), (0, KEPT), "{steps}"),
            _ => panic!("after {steps} steps {held} are left"),
        }
        *(if held == KEPT { &mut kept } else { &mut gone }) += 1;
        if is_over {
            break;
        }
    }
    assert!(kept > 2 && gone > 1, "{kept} crashes before the wipe, {gone} after it");
}

/// A partner that its receipt shows to have lost state, at a node that has the receipt.
fn met_stale() -> (Lone, Puppet) {
    let (lone, puppet) = started(&MemoryState::new(), 1);
    let mut store = lone.store.clone();
    // Boot, exchange and signature matter to nobody who trusts its own store.
    let receipt = [&100_u64.to_be_bytes()[..], &[0; 4 + 8 + 64]].concat();
    let name = MetaName::Receipt(lone.main(), puppet.id());
    store.apply(StoreOp::Remember { name, value: Some(receipt.into()) }).unwrap();
    started(&store, 2)
}

/// The receipt of a member that has taken the state anew.
fn anew(lone: &Lone, puppet: &Puppet) -> Receipt {
    let (boot, exchange, commit) = (BootId(puppet.session.0), 0_u32, 1_u64 << 32);
    let ids = [*lone.config().cluster().as_bytes(), *lone.main().as_bytes()].concat();
    let numbers = [&boot.0[..], &exchange.to_be_bytes(), &commit.to_be_bytes()].concat();
    let message = [&b"gossip receipt v1"[..], &ids, &numbers].concat();
    Receipt::new(boot, exchange, commit, SimKeys::new(1_001).sign(&message))
}

/// A fact that was on its way when its sender took the state anew, and comes after the word of it.
#[test]
fn what_was_sent_before_the_state_was_taken_anew_waits() {
    let (mut lone, puppet) = met_stale();
    let fact = |key: &str, lone: &Lone| {
        let hlc = Hlc::from_wall(lone.now.wall);
        puppet.author().put(key, "value", hlc).into_inner()
    };
    let old = fact("old", &lone);
    let is_told = |lone: &mut Lone| {
        let told = puppet.talk(lone, lone.main()).any(|talk| matches!(talk, Talk::Stale(_)));
        lone.take_sent();
        told
    };
    puppet.offer(&mut lone, std::slice::from_ref(&old));
    assert!(is_told(&mut lone), "it has lost state");
    let anew = anew(&lone, &puppet);
    puppet.say(&mut lone, Talk::Receipt(anew));
    puppet.offer(&mut lone, &[old]);
    assert!(!is_told(&mut lone), "it has taken it anew");
    assert_eq!((lone.totals().entries, lone.rejected(Why::StaleMember)), (0, 2));
    lone.pass(seconds(5));
    let new = fact("new", &lone);
    puppet.offer(&mut lone, &[new]);
    assert_eq!((lone.totals().entries, lone.rejected(Why::StaleMember)), (1, 2), "it is heard");
}

/// Which questions are on their way.
fn asks(lone: &mut Lone, wanted: impl Fn(&StoreOp) -> bool) -> bool {
    let mut found = false;
    for index in 0..lone.held() {
        let held = lone.take_held(index).unwrap();
        found |= matches!(&held, Held::Store(_, op) if wanted(op));
        lone.put_back(index, held);
    }
    found
}

/// Answers the next question of this kind, or has it fail.
fn answer(lone: &mut Lone, wanted: impl Fn(&StoreOp) -> bool, fails: bool) {
    for index in 0..lone.held() {
        match lone.take_held(index).unwrap() {
            Held::Store(ticket, op) if wanted(&op) => {
                let reply = lone.store.apply(op);
                let failed = StoreError::Unreadable { reason: String::from("for the test") };
                return lone.input(Input::Stored(ticket, if fails { Err(failed) } else { reply }));
            }
            other => lone.put_back(index, other),
        }
    }
    panic!("nothing of the kind is on its way");
}

#[test]
fn own_writes_on_their_way_end_before_they_are_handed_out() {
    let merges = |op: &StoreOp| matches!(op, StoreOp::Merge(_));
    let syncs = |op: &StoreOp| matches!(op, StoreOp::Sync { .. });
    let scans = |op: &StoreOp| matches!(op, StoreOp::Scan { .. });
    let (backup, receipt) = lost();
    for (merge_fails, sync_fails) in [(false, false), (true, false), (false, true)] {
        let (mut lone, puppet) = started(&backup, 2);
        lone.holding = true;
        let (first, second) = (write(&mut lone, "first"), write(&mut lone, "second"));
        puppet.say(&mut lone, Talk::Stale(receipt));
        assert!(lone.status().renewing);
        let late = write(&mut lone, "late");
        assert_eq!(outcome(&lone, late), Some(Err(WriteError::Renewing)));
        answer(&mut lone, merges, merge_fails);
        answer(&mut lone, merges, false);
        if !merge_fails {
            answer(&mut lone, syncs, sync_fails);
        }
        assert!(outcome(&lone, first).is_some() && outcome(&lone, second).is_none());
        assert!(!asks(&mut lone, scans), "one is still on its way");
        // Nor does time let it begin.
        lone.pass(seconds(30));
        assert!(!asks(&mut lone, scans));
        answer(&mut lone, syncs, false);
        assert!(asks(&mut lone, scans), "the last of them has ended");
        let expected =
            if merge_fails || sync_fails { Err(WriteError::StoreFailed) } else { Ok(()) };
        assert_eq!(outcome(&lone, first), Some(expected));
        assert_eq!(outcome(&lone, second), Some(Ok(())));
        lone.release();
        assert_eq!((renewals(&lone), lone.totals().entries), (1, 0));
        let outside = exported(&lone);
        let both = ["first", "second"].iter().all(|key| outside.iter().any(|it| it == key));
        assert!(both && outside.len() == KEPT + 2, "{outside:?}");
    }
}
