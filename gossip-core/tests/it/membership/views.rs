//! After all faults have stopped all views are equal, to the last fact.

use gossip_core::rng::Rng;

use super::*;

/// A hash of all that a host knows of members: who, how it stands, and what it said last and when. Of who has said
/// goodbye that is the goodbye, beside which nobody keeps what was before.
fn view_hash(world: &mut World, host: usize) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    for member in members(world, host) {
        let Member { id, alive, status, said_at, .. } = member;
        hash.update(format!("{id} {status:?} {}", alive.incarnation).as_bytes());
        if status != MemberStatus::Left {
            hash.update(format!("{alive:?} {said_at:?}").as_bytes());
        }
    }
    *hash.finalize().as_bytes()
}

fn equal(world: &mut World) -> bool {
    let hashes: Vec<_> = running(world).into_iter().map(|host| view_hash(world, host)).collect();
    hashes.windows(2).all(|pair| pair[0] == pair[1])
}

/// Two minutes of everything at once: crashes, restarts, goodbyes, evictions, pauses, one-way and full cuts, loss,
/// copies, disorder, newcomers.
fn trouble(world: &mut World, rng: &mut Rng) {
    world.rule(sim::loss(0.1));
    world.rule(sim::duplicate(0.1));
    world.rule(sim::reorder(0.2, seconds(1)));
    for _ in 0..24 {
        let host = 1 + rng.below(11) as usize;
        let other = rng.below(12) as usize;
        let runs = world.node(host).is_some();
        match rng.below(9) {
            0 | 1 if runs => world.crash(host),
            0..=3 if !runs => world.start(host),
            2 if runs => drop(world.command(host, Command::Stop)),
            3 if runs => world.pause(host, seconds(1 + rng.below(20))),
            4 => drop(world.rule(sim::cut(move |it| it == host))),
            5 => drop(world.rule(sim::one_way(move |it| it == host, move |it| it == other))),
            6 if runs && host != other => {
                let whom = world.id(other);
                world.command(host, Command::Evict(whom));
            }
            7 => {
                let seeds = (0..4).flat_map(|host| seed_of(world, host)).collect();
                world.add(ConfigSpec { seeds, ..ConfigSpec::default() });
            }
            _ => {
                world.clear_rules();
                world.rule(near(20));
                world.rule(sim::loss(0.2));
            }
        }
        world.run_for(seconds(5));
    }
}

#[test]
fn views_are_equal_within_a_minute_after_the_faults() {
    for seed in 0..12 {
        let mut world = cluster(seed, 12);
        let mut rng = Rng::from_number(seed);
        trouble(&mut world, &mut rng);
        world.clear_rules();
        world.rule(near(5));
        // A pause may be on its way; who has said goodbye or was evicted starts anew.
        world.run_for(seconds(20));
        for host in 0..world.len() {
            world.crash(host);
            world.start(host);
            world.run_for(Duration::from_millis(200));
        }
        let equal = world.run_until(seconds(60), MOMENT, |world| one_view(world) && equal(world));
        assert!(equal, "seed {seed}");
    }
}

/// Nobody is restarted: whoever runs, and was neither evicted nor has said goodbye, sees the same of everybody.
#[test]
fn views_are_equal_without_a_restart_of_anybody() {
    for seed in 20..32 {
        let mut world = cluster(seed, 12);
        let mut rng = Rng::from_number(seed);
        trouble(&mut world, &mut rng);
        world.clear_rules();
        world.rule(near(5));
        world.run_for(seconds(20));
        // Those who wait to be started again are no longer there.
        let talks = |world: &mut World, host: usize| {
            let id = world.id(host);
            running(world).into_iter().all(|at| {
                let seen = members(world, at).into_iter().find(|member| member.id == id);
                !seen.is_some_and(|it| {
                    matches!(it.status, MemberStatus::Left | MemberStatus::Evicted)
                })
            })
        };
        for host in running(&world) {
            if !talks(&mut world, host) {
                world.crash(host);
            }
        }
        assert!(world.run_until(seconds(120), MOMENT, equal), "seed {seed}");
    }
}
