//! Comparisons under a fresh key: they find what fingerprints hide, and nobody can have many of them.

use std::time::Duration;

use gossip_core::fact::Why;
use gossip_core::id::{ShardId, TopicId};
use gossip_core::sketch::{Cell, Census, Code, Sketch, Symbol};
use gossip_core::store::Row;
use gossip_core::testkit::lone::{Lone, Puppet};
use gossip_core::time::Epoch;
use gossip_core::wire::{Cells, Compare, Glance, More, Parcel, Same, Talk};

use super::refuses;
use super::repair::holding;

/// What both sides of an audit look at.
const LOOK: usize = 64;

fn held(lone: &Lone) -> Vec<Symbol> {
    let shard = ShardId { channel: lone.main(), topic: TopicId(0) };
    lone.store.all(shard).iter().map(Symbol::of).collect()
}

fn row(set: &[Symbol], key: u64, cells: usize) -> Row {
    let (mut census, mut sketch) = (Census::default(), Sketch::new(Code::Irregular, key, cells));
    for symbol in set {
        census.add(*symbol, key);
        sketch.add(*symbol);
    }
    Row { census, cells: sketch.into_cells() }
}

/// How a partner with this set opens an audit.
fn opening(lone: &Lone, set: &[Symbol], exchange: u32, key: u64) -> Talk {
    let row = row(set, key, LOOK);
    let glance = Glance { key, ..Glance::new(set.len() as u64, &row.census, row.cells[0]) };
    Talk::Compare(Compare {
        exchange,
        epoch: Epoch::of(lone.now.wall),
        fingerprint: row.digest(),
        floor: Epoch::ZERO,
        dormant: None,
        pull: true,
        push: true,
        receipt: false,
        glance: Some(glance),
    })
}

fn says(lone: &mut Lone, puppet: &Puppet, talk: Talk) -> Vec<Talk> {
    lone.take_sent();
    puppet.say(lone, talk);
    let main = lone.main();
    puppet.talk(lone, main).collect()
}

fn cells(said: &[Talk]) -> Vec<Cell> {
    let parts = said.iter().filter_map(|talk| match talk {
        Talk::Cells(cells) => Some(&cells.cells),
        _ => None,
    });
    parts.flatten().copied().collect()
}

#[test]
fn who_is_audited_answers_under_the_key() {
    let (mut lone, puppets) = holding(200, 2);
    let mut set = held(&lone);
    let talk = opening(&lone, &set, 3, 77);
    let said = says(&mut lone, &puppets[0], talk);
    assert!(said.iter().any(|talk| matches!(talk, Talk::Same(_))), "{said:?}");
    // The next one is too soon for anybody.
    for (exchange, puppet) in (4..).zip(&puppets) {
        let talk = opening(&lone, &set, exchange, 78);
        let said = says(&mut lone, puppet, talk);
        assert!(said.contains(&Talk::Busy(exchange)), "{said:?}");
    }
    lone.pass(Duration::from_secs(10));
    set.drain(..20);
    let talk = opening(&lone, &set, 6, 79);
    let said = says(&mut lone, &puppets[1], talk);
    let theirs = cells(&said);
    assert!(theirs.len() > 1, "{said:?}");
    let ours = row(&held(&lone), 79, theirs.len()).cells;
    assert!(theirs.iter().map(Cell::to_bytes).eq(ours.iter().map(Cell::to_bytes)), "under the key");
    // More of them has who was audited last, and nobody else.
    let (epoch, from) = (Epoch::of(lone.now.wall), theirs.len() as u32);
    let more = More { exchange: 6, epoch, mark: [0; 4], from, upto: from + 10, key: 79 };
    refuses(&mut lone, &puppets[0], Talk::More(more), Why::Unasked);
    let said = says(&mut lone, &puppets[1], Talk::More(more));
    assert!(!cells(&said).is_empty(), "{said:?}");
}

/// A partner that calls itself equal for an hour, as if crafted facts hid what it holds, differs at last.
#[test]
fn equal_rounds_are_audited_now_and_then() {
    let (mut lone, puppets) = holding(200, 1);
    let (main, mut audits, mut rounds) = (lone.main(), 0, 0);
    let mut last = 0;
    while audits < 2 {
        let said: Vec<_> = puppets[0].talk(&lone, main).collect();
        lone.take_sent();
        for talk in said {
            let Talk::Compare(compare) = talk else { continue };
            if compare.exchange == last {
                continue;
            }
            (last, rounds) = (compare.exchange, rounds + 1);
            let Some(glance) = compare.glance else { panic!("it compares by sketches") };
            let Compare { exchange, floor, dormant, .. } = compare;
            if glance.key == 0 {
                puppets[0].say(&mut lone, Talk::Same(Same { exchange, floor, dormant }));
                continue;
            }
            audits += 1;
            let mut set = held(&lone);
            assert_eq!(compare.fingerprint, row(&set, glance.key, LOOK).digest());
            if audits == 1 {
                puppets[0].say(&mut lone, Talk::Same(Same { exchange, floor, dormant }));
                continue;
            }
            let hidden = Symbol { hlc: 7, id: 8 };
            set.push(hidden);
            let theirs = row(&set, glance.key, 8).cells;
            let cells = Cells {
                exchange,
                mark: [9; 4],
                push: true,
                from: 0,
                upto: 8,
                likely: 0,
                cells: theirs,
            };
            let said = says(&mut lone, &puppets[0], Talk::Cells(cells));
            let wants =
                |talk: &Talk| matches!(talk, Talk::Want { symbols, .. } if *symbols == [hidden]);
            assert!(said.iter().any(wants), "{said:?}");
        }
        assert!(rounds < 300, "{audits} audits in {rounds} rounds");
        lone.pass(Duration::from_millis(200));
        let ping = puppets[0].frame(&[(None, Parcel::Talk(Talk::Ping(1)))]);
        lone.frame(puppets[0].address, ping);
    }
    assert!(rounds > 64, "an audit is rare");
}
