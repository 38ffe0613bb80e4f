//! The table of keys: the only place that knows what can be configured.

use std::time::Duration;

use gossip_core::config::{MAX_ALIVE_INTERVAL, MAX_LEAF, MAX_WAYS, MIN_FACT_BYTES};
use gossip_core::strategy::Direction;

use super::field::{Field, Range};
use super::key::Key;
use crate::registry::{self, names};

/// Makes the table. The doc comments are what `config keys` says.
macro_rules! keys {
    ($($section:ident { $(
        $(#[doc = $doc:literal])+
        $name:ident: $kind:ident($($place:ident).+) $(, $range:expr)?;
    )+ })+) => {
        /// Every key, by section.
        pub(crate) const KEYS: &[Key] = &[$($(Key {
            section: stringify!($section),
            name: stringify!($name),
            doc: &[$($doc),+],
            field: |settings| Field::$kind(&mut settings.$($place).+),
            range: match &[$($range)?] as &[Range] {
                [range] => *range,
                _ => Range::Any,
            },
        },)+)+];
    };
}

keys! {
    node {
        /// A name for people, at most 63 bytes; need not be unique.
        name: Text(spec.name);
        /// The cluster's name; nodes of other clusters are refused.
        cluster: Text(spec.cluster);
        /// Properties that other members see; at most 8, each part at most 63 bytes.
        tags: Tags(spec.tags);
        /// Members to talk to first, redialled for ever: addresses or host:port.
        seeds: Seeds(spec.seeds);
        /// Directory of the node's key, made when it is not there.
        identity: Path(identity);
        /// The node's directory: its state in `store`, unless it is kept in memory, its key in
        /// `identity`, unless node.identity says otherwise, and writes that were saved from a state
        /// given up.
        data: Path(data);
        /// What is logged to stderr, such as info or warn,gossip_core=debug.
        log: Text(log);
        /// Largest fact, header, key and value included; all members must agree; unset: what fits
        /// one datagram.
        fact_bytes: OptionalCount(spec.fact_bytes),
            Range::Numbers(MIN_FACT_BYTES, 1 << 24);
        /// How often the node says that it is alive when nothing changed.
        alive_interval: Duration(spec.alive_interval), Range::Times(LIVELY, MAX_ALIVE_INTERVAL);
        /// Signature jobs that run at a time.
        verifiers: Count(runtime.verifiers), Range::Numbers(1, 256);
        /// Events that wait for the slowest watcher before it misses some.
        events: Count(runtime.events), Range::Numbers(1, 1 << 24);
    }
    transport {
        /// How nodes talk with each other: udp for gossip, tcp for what is large, or both on one
        /// port number; members need one in common.
        kind: Choice(transport.kind), Range::Choices(|| registry::TRANSPORTS.to_vec());
        /// Where to listen for other nodes; port 0 lets the system choose.
        listen: Address(transport.listen);
        /// Where others reach this node; unset: where it listens.
        advertise: OptionalAddress(transport.advertise);
        /// Most connections that stand or are being made; beyond it the one unused for longest ends.
        links: Count(transport.links), Range::Numbers(1, 1 << 20);
        /// Most connections that others made from one address.
        links_per_host: Count(transport.links_per_host), Range::Numbers(1, 1 << 20);
        /// Bytes to request for each socket buffer of datagrams; less loses bursts, more delays the news.
        socket_buffer_bytes: Count(transport.socket_buffer_bytes), Range::Numbers(4_096, 1 << 30);
        /// Whether what goes over tcp is compressed where that spares an eighth of it.
        compress: Flag(spec.compress);
        /// Whether the kernel may cut one large send into datagrams.
        segmentation: Flag(transport.segmentation);
    }
    peering {
        /// Time before an unanswered first contact is tried again; doubles up to redial_max.
        redial_min: Duration(spec.redial_min), Range::Times(MS, HOUR);
        /// Longest time between tries to reach a seed or a dead member.
        redial_max: Duration(spec.redial_max), Range::Times(MS, DAY);
        /// Most first contacts tried per second.
        dials_per_second: Number(spec.dials_per_second), Range::Numbers(1, 1_000_000);
    }
    store {
        /// Where state is kept; unset: rocks for a node that has a node.data, in a program that was
        /// built with it, and memory otherwise.
        kind: OptionalChoice(store), Range::Choices(|| registry::STORES.to_vec());
        /// Which facts of a key are kept; all members must agree.
        retain: Choice(choices.retain), Range::Choices(|| names(registry::RETAINS));
    }
    overlay {
        /// With whom links are kept.
        kind: Choice(choices.overlay), Range::Choices(|| names(registry::OVERLAYS));
    }
    sampler {
        /// How the partners of a round are chosen.
        kind: Choice(choices.sampler), Range::Choices(|| names(registry::SAMPLERS));
    }
    detector {
        /// Who decides that a member is alive.
        kind: Choice(choices.detector), Range::Choices(|| names(registry::DETECTORS));
    }
    heartbeat {
        /// A member silent for so long is probed, and again after each further such time.
        interval: Duration(choices.patience.heartbeat.interval), Range::Times(LIVELY, HOUR);
        /// So many unanswered probes make a member suspect.
        suspect_after: Number(choices.patience.heartbeat.suspect_after), Range::Numbers(1, 1_000);
        /// So many unanswered probes make a member dead.
        dead_after: Number(choices.patience.heartbeat.dead_after), Range::Numbers(1, 1_000);
    }
    phi {
        /// Each member is probed so often.
        interval: Duration(choices.patience.phi.interval), Range::Times(LIVELY, HOUR);
        /// Intervals between answers that are remembered of each member.
        window: Count(choices.patience.phi.window), Range::Numbers(2, 10_000);
    }
    swim {
        /// Time between two probes; each member is probed about once in it by somebody.
        period: Duration(choices.patience.swim.period), Range::Times(LIVELY, HOUR);
        /// How long an answer is waited for while no round trip is known.
        timeout: Duration(choices.patience.swim.timeout), Range::Times(LIVELY, HOUR);
        /// After so long without any answer a probe has failed.
        patience: Duration(choices.patience.swim.patience), Range::Times(LIVELY, HOUR);
        /// Members that are asked to probe who does not answer.
        indirect: Count(choices.patience.swim.indirect), Range::Numbers(0, 64);
        /// So many accusers beyond the first make a suspicion the shortest.
        confirmations: Number(choices.patience.swim.confirmations), Range::Numbers(0, 3);
        /// For how long who hears from nobody at all puts off verdicts.
        alone: Duration(choices.patience.swim.alone), Range::Times(Duration::ZERO, DAY);
    }
    rumors {
        /// Which way rumors flow.
        direction: Direction(choices.rumors.direction), Range::Choices(directions);
        /// Partners per round.
        fan_out: Count(choices.rumors.fan_out), Range::Numbers(1, 1_024);
        /// Time between rounds.
        period: Duration(choices.rumors.period), Range::Times(MS, HOUR);
        /// When a rumor is no longer told.
        removal: Choice(choices.removal), Range::Choices(|| names(registry::REMOVALS));
        /// The removal's k: after k contacts that count, or with chance 1/k at each.
        k: Number(choices.removal_k), Range::Numbers(1, 1_000);
        /// Whether a rumor is never told to the same node twice.
        exclude_recipients: Flag(choices.rumors.exclusions.recipients);
        /// Whether a rumor is never told to the node that brought it.
        exclude_sender: Flag(choices.rumors.exclusions.sender);
        /// Most rumors told at a time; beyond it the oldest ends early and repair carries it.
        hot_facts: Count(choices.rumors.hot_facts), Range::Numbers(1, 1 << 24);
        /// Most bytes of rumors told at a time; beyond it the oldest ends early as well.
        hot_bytes: Count(choices.rumors.hot_bytes), Range::Numbers(1_200, 1 << 34);
        /// Most bytes told to one partner per round.
        partner_bytes: Count(choices.rumors.partner_bytes), Range::Numbers(1_200, 1 << 30);
        /// Ids that one pull names, so that these rumors are not sent; 0 as in the classic papers.
        names: Count(choices.rumors.names), Range::Numbers(0, 64);
        /// Periods of age from which on a fact is offered by its id, and sent to who asks; 0: always,
        /// inf: never.
        offer_after: Number(choices.rumors.offer_after), Range::Numbers(0, usize::MAX);
        /// Bytes beyond which a fact is offered by its id, whatever its age; inf: none is.
        offer_bytes: Count(choices.rumors.offer_bytes), Range::Numbers(0, usize::MAX);
        /// How long what was asked for is not asked of anybody else.
        ask_timeout: Duration(choices.rumors.ask_timeout), Range::Times(MS, HOUR);
        /// How often a fresh fact is pushed before its first round; 0: rounds alone.
        eager: Number(choices.rumors.eager), Range::Numbers(0, 16);
        /// Periods between two rounds while nothing is told.
        quiet: Number(choices.rumors.quiet), Range::Numbers(1, 1_000_000);
        /// Whether only the smaller of two partners' counters moves where both know a rumor.
        minimize: Flag(choices.rumors.minimize);
        /// Most partners that are served in one period, others being told to try elsewhere; 0: no
        /// limit. Set it alike on all nodes.
        connection_limit: Number(choices.rumors.connection_limit), Range::Numbers(0, 1_000_000);
        /// How many other partners are tried in place of a busy one; inf: all.
        hunt: Number(choices.rumors.hunt), Range::Numbers(0, usize::MAX);
        /// Rounds after which any rumor ends; inf: never.
        rounds: Number(choices.rumors.rounds), Range::Numbers(1, usize::MAX);
        /// Whether the first round comes at a random moment, so that nodes started together do not
        /// act together.
        stagger: Flag(choices.rumors.stagger);
    }
    repair {
        /// How replicas are compared.
        strategy: Choice(choices.reconcile),
            Range::Choices(|| names(registry::RECONCILERS));
        /// Which way repair carries facts; push-then-pull counts as push-pull.
        direction: Direction(choices.repair.direction), Range::Choices(directions);
        /// Time between comparisons while something changes.
        period: Duration(choices.repair.period), Range::Times(MS, HOUR);
        /// Longest time between comparisons when nothing changes.
        period_max: Duration(choices.repair.period_max), Range::Times(MS, DAY);
        /// The chance that a comparison takes place when it is due.
        chance: Chance(choices.repair.chance);
        /// Whether one fingerprint of everything is compared first.
        fingerprint_first: Flag(choices.repair.fingerprint_first);
        /// Most partners whose comparisons are begun in one period, others being told to try elsewhere;
        /// 0: no limit.
        connection_limit: Number(choices.repair.connection_limit), Range::Numbers(0, 1_000_000);
        /// How many other partners are tried in place of a busy one; inf: all.
        hunt: Number(choices.repair.hunt), Range::Numbers(0, usize::MAX);
        /// Whether comparisons come at random moments, so that two nodes do not always meet at the same
        /// second of a minute.
        stagger: Flag(choices.repair.stagger);
        /// Ranges of at most so many facts are listed; a list must fit a datagram.
        leaf: Count(choices.repair.leaf), Range::Numbers(1, MAX_LEAF);
        /// Into how many parts a range is split; their fingerprints must fit a datagram.
        ways: Count(choices.repair.ways), Range::Numbers(2, MAX_WAYS);
        /// Most unanswered questions of a comparison.
        window: Count(choices.repair.window), Range::Numbers(1, 4_096);
        /// How long an answer may take before the question is repeated.
        reply_timeout: Duration(choices.repair.reply_timeout), Range::Times(MS, HOUR);
        /// Bytes of unmerged facts above which no more are asked for.
        backlog_bytes: Count(choices.repair.backlog_bytes), Range::Numbers(1_200, 1 << 30);
    }
    view_rumors {
        /// Which way rumors of membership flow.
        direction: Direction(spec.view_rumors.direction), Range::Choices(directions);
        /// Partners per round of membership.
        fan_out: Count(spec.view_rumors.fan_out), Range::Numbers(1, 1_024);
        /// Time between rounds of membership.
        period: Duration(spec.view_rumors.period), Range::Times(MS, HOUR);
    }
    view_repair {
        /// Which way repair carries membership.
        direction: Direction(spec.view_repair.direction), Range::Choices(directions);
        /// Time between comparisons of membership while something changes.
        period: Duration(spec.view_repair.period), Range::Times(MS, HOUR);
        /// Longest time between comparisons of membership when nothing changes.
        period_max: Duration(spec.view_repair.period_max), Range::Times(MS, DAY);
    }
    limits {
        /// Members that are remembered, and sessions; whoever comes when the table is full is
        /// refused.
        members: Count(spec.limits.members), Range::Numbers(2, 1 << 24);
        /// Bytes of unmerged facts of one peer in one channel.
        peer_bytes: Count(spec.limits.peer_bytes), Range::Numbers(1_200, 1 << 34);
        /// Bytes of unmerged facts of one channel.
        channel_bytes: Count(spec.limits.channel_bytes), Range::Numbers(1_200, 1 << 34);
        /// Facts from the future that are parked, in one channel.
        parked: Count(spec.limits.parked), Range::Numbers(8, 1 << 24);
        /// Ids of merged facts that are remembered, in one channel.
        recent: Count(spec.limits.recent), Range::Numbers(1, 1 << 28);
        /// Own writes that wait for the store, in one channel.
        writes: Count(spec.limits.writes), Range::Numbers(1, 1 << 24);
        /// First contacts whose signature is being checked.
        hellos: Count(spec.limits.hellos), Range::Numbers(1, 1 << 20);
        /// Connections of which it is remembered from where they come.
        links: Count(spec.limits.links), Range::Numbers(1, 1 << 24);
        /// Addresses whose pace is remembered.
        paces: Count(spec.limits.paces), Range::Numbers(1, 1 << 24);
        /// Frames taken per second from an address that sent something wrong; forgiven after ten
        /// seconds.
        slowed_frames: Number(spec.limits.slowed_frames), Range::Numbers(1, 1_000_000);
    }
    admin {
        /// Where the admin port is; elsewhere than on loopback it needs a token_file.
        listen: Address(admin.listen);
        /// A file with the token that clients must bring.
        token_file: Path(admin.token_file);
        /// Names, beside addresses and localhost, by which clients may call the admin port.
        hosts: List(admin.hosts);
    }
}

/// Anything shorter is taken for a mistake.
const MS: Duration = Duration::from_millis(1);

/// Signs of life more often than this would be traffic without use.
const LIVELY: Duration = Duration::from_millis(10);

const HOUR: Duration = Duration::from_secs(3_600);

const DAY: Duration = Duration::from_secs(86_400);

fn directions() -> Vec<&'static str> {
    Direction::ALL.map(Direction::name).to_vec()
}
