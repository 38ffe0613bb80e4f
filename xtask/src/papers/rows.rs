//! What is reproduced: every figure with where it was published, the command that measures ours, and
//! how far they may be apart.
//!
//! Sources: Demers et al., "Epidemic algorithms for replicated database maintenance", PODC 1987 and
//! Xerox CSL-89-1, tables 1 to 5; Karp, Schindelhauer, Shenker, Vöcking, "Randomized rumor spreading",
//! FOCS 2000; Doerr, Kostrygin, arXiv:2303.11150; of detectors in [`detection`]. A tolerance is the precision of the print plus the
//! error of the stated number of runs.

mod detection;

/// Commands whose figures stand in one table, with one picture.
#[derive(Debug)]
pub(super) struct Table {
    /// The picture's file name; letters and dashes.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What was published, and what is simulated.
    pub(super) about: &'static str,
    pub(super) rows: &'static [Row],
    pub(super) picture: Picture,
}

/// One command and what it must show.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// The scenario and its options, without seed and runs.
    pub(super) command: &'static str,
    pub(super) runs: u64,
    /// How many runs are enough for a look.
    pub(super) quick: u64,
    pub(super) figures: &'static [Expected],
}

impl Row {
    /// Whether it simulates clusters of 100,000 nodes.
    pub(super) fn is_huge(&self) -> bool {
        let nodes = self.command.split_once("nodes").map_or("", |(_, nodes)| nodes);
        nodes.split([' ', ',', '=']).any(|word| word == "100000")
    }

    /// Whether it simulates clusters of several sizes.
    pub(super) fn is_sweep(&self) -> bool {
        self.command.contains("--sweep")
    }
}

/// A figure: where it is in the command's JSON, and what it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// A field, or fields within fields with dots between them.
    pub(super) field: &'static str,
    pub(super) value: Value,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// As published, give or take so much.
    Near { published: f64, tolerance: f64 },
    /// As published, give or take so many percent of it.
    Percent { published: f64, tolerance: f64 },
    /// Published, and within these two.
    Within { published: f64, from: f64, to: f64 },
    /// No more than this.
    AtMost(f64),
    /// No more than this, whichever configuration of a sweep.
    NoneAbove(f64),
    /// No less than this.
    AtLeast(f64),
    /// Exactly this.
    Exactly(f64),
    /// A test that holds.
    Holds,
    /// So many percent of what it is in that row of the table, counted from 0, within these two.
    PercentOfRow { row: usize, published: f64, from: f64, to: f64 },
}

/// What a table's picture shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Picture {
    /// Nothing: its figures are all that there is to see.
    None,
    /// Residue against traffic, published and ours.
    Residue,
    /// The times to the last and to an average node, published and ours.
    Times,
    /// Who has it in each cycle of the first row.
    Curve,
    /// A measure against the number of nodes, with the law that it follows.
    Growth { measure: &'static str, law: fn(f64) -> f64, law_name: &'static str },
    /// Susceptible after a step against susceptible before it, with the laws.
    Steps,
    /// False verdicts against the time of detection, in percent of those of the first two rows; rows come in
    /// pairs, for the one and for the other. Published: time, verdicts, those by nodes that are well.
    TradeOff(&'static [[f64; 3]]),
}

/// A table's rows: k, the command, how many runs and how many for a look, and the figures.
macro_rules! demers {
    ($($k:literal $command:literal $runs:literal $quick:literal [$($field:literal $value:expr),* $(,)?])*) => {
        &[$(Row {
            name: concat!("k = ", $k),
            command: concat!($command, " --k ", $k),
            runs: $runs,
            quick: $quick,
            figures: &[$(Expected { field: $field, value: $value }),*],
        }),*]
    };
}

const fn near(published: f64, tolerance: f64) -> Value {
    Value::Near { published, tolerance }
}

const fn percent(published: f64, tolerance: f64) -> Value {
    Value::Percent { published, tolerance }
}

const fn expected(field: &'static str, value: Value) -> Expected {
    Expected { field, value }
}

/// Nothing comes back, every old value of a dormant certificate meets it, and what was written again
/// stays.
const DEATH_CERTIFICATES: &[Expected] = &[
    expected("resurrections", Value::Exactly(0.0)),
    expected("dormant", Value::Exactly(90.0)),
    expected("guarded", Value::Exactly(90.0)),
    expected("reinserts_kept", Value::Exactly(10.0)),
];

/// A line, near which every size lies, of updates that reach nearly all.
const GROWTH: &[Expected] = &[
    expected("fit.r_squared", Value::AtLeast(0.98)),
    expected("fit.largest_deviation", Value::AtMost(0.5)),
    expected("residue", Value::NoneAbove(0.005)),
];

/// log3 n + log2 ln n: push-pull reaches all so fast (Doerr, Kostrygin).
fn push_pull(nodes: f64) -> f64 {
    nodes.ln() / 3_f64.ln() + nodes.ln().log2()
}

/// log2 n + 3 log2 log2 n: push, then pull (Karp et al.).
fn push_then_pull(nodes: f64) -> f64 {
    nodes.log2() + 3.0 * nodes.log2().log2()
}

/// All tables of the page, in its order.
pub(super) const TABLES: &[Table] = &[
    Table {
        id: "demers-1",
        title: "D1: push, feedback and counter (Demers et al., table 1)",
        about: "1,000 sites, synchronous cycles, one partner per cycle, no connection limit. A site ceases to tell \
                the update after k unnecessary contacts in a row; whether a contact was necessary is judged on \
                the state at the cycle's start. Published t_ave is not the mean cycle of arrival, and is not compared.",
        rows: demers! {
            1 "rumor --direction push --removal feedback-counter" 3000 60
                ["residue" percent(0.18, 5.0), "traffic" near(1.7, 0.06), "t_last" near(16.8, 0.2)]
            2 "rumor --direction push --removal feedback-counter" 3000 60
                ["residue" percent(0.037, 5.0), "traffic" near(3.3, 0.06), "t_last" near(16.9, 0.2)]
            3 "rumor --direction push --removal feedback-counter" 3000 60
                ["residue" percent(0.011, 5.0), "traffic" near(4.5, 0.06), "t_last" near(17.4, 0.2)]
            4 "rumor --direction push --removal feedback-counter" 3000 60
                ["residue" percent(0.003_6, 5.0), "traffic" near(5.6, 0.06), "t_last" near(17.5, 0.2)]
            5 "rumor --direction push --removal feedback-counter" 3000 60
                ["residue" percent(0.001_2, 10.0), "traffic" near(6.7, 0.06), "t_last" near(17.7, 0.2)]
        },
        picture: Picture::Residue,
    },
    Table {
        id: "demers-2",
        title: "D2: push, blind and coin (Demers et al., table 2)",
        about: "The same, but a site ceases with probability 1/k after every contact, whatever the other knew.",
        rows: demers! {
            1 "rumor --direction push --removal blind-coin" 3000 60
                ["residue" percent(0.96, 5.0), "traffic" near(0.04, 0.08), "t_last" near(38.0, 2.0)]
            2 "rumor --direction push --removal blind-coin" 3000 60
                ["residue" percent(0.20, 5.0), "traffic" near(1.6, 0.08), "t_last" near(33.0, 0.8)]
            3 "rumor --direction push --removal blind-coin" 3000 60
                ["residue" percent(0.060, 5.0), "traffic" near(2.8, 0.08), "t_last" near(32.0, 0.8)]
            4 "rumor --direction push --removal blind-coin" 3000 60
                ["residue" percent(0.021, 5.0), "traffic" near(3.9, 0.08), "t_last" near(32.0, 0.8)]
            5 "rumor --direction push --removal blind-coin" 3000 60
                ["residue" percent(0.008, 12.0), "traffic" near(4.9, 0.08), "t_last" near(32.0, 0.8)]
        },
        picture: Picture::Residue,
    },
    Table {
        id: "demers-3",
        title: "D3: pull, feedback and counter (Demers et al., table 3)",
        about: "Every site asks one other in each cycle. Several that ask one site are one contact: if any of them needed \
                the update the counter starts over, otherwise it goes up by one.",
        rows: demers! {
            1 "rumor --direction pull --removal feedback-counter" 10000 100
                ["residue" percent(0.031, 3.0), "traffic" near(2.7, 0.05), "t_ave" near(9.97, 0.2), "t_last" near(17.6, 0.3)]
            2 "rumor --direction pull --removal feedback-counter" 10000 100
                ["residue" percent(5.8e-4, 10.0), "traffic" near(4.5, 0.05), "t_ave" near(10.07, 0.2), "t_last" near(15.4, 0.3)]
            3 "rumor --direction pull --removal feedback-counter" 10000 100
                ["residue" Value::Within { published: 4e-6, from: 2e-6, to: 8e-6 }, "traffic" near(6.1, 0.05), "t_ave" near(10.08, 0.2), "t_last" near(14.0, 0.3)]
        },
        picture: Picture::Residue,
    },
    Table {
        id: "demers-5",
        title: "D5: anti-entropy by push-pull (Demers et al., tables 4 and 5, uniform)",
        about: "300 sites; each compares with one other in every cycle. With connection limit 1 and hunt limit 0, a \
                site that is compared with already is busy, and whoever chose it waits for the next cycle.",
        rows: &[
            Row {
                name: "no limit",
                command: "anti-entropy --direction push-pull --nodes 300",
                runs: 3_000,
                quick: 200,
                figures: &[expected("t_last", near(7.8, 0.15)), expected("t_ave", near(5.3, 0.15))],
            },
            Row {
                name: "limit 1, hunt 0",
                command: "anti-entropy --direction push-pull --nodes 300 --connection-limit 1 --hunt 0",
                runs: 3_000,
                quick: 200,
                figures: &[
                    expected("t_last", near(11.0, 0.15)),
                    expected("t_ave", near(7.0, 0.15)),
                ],
            },
        ],
        picture: Picture::Times,
    },
    Table {
        id: "death-certificates",
        title: "D6: death certificates outlive a partition (Demers et al., section 2)",
        about: "100 keys are deleted while one replica is cut off for three times the horizon, and 10 of them written again. Certificates \
                are dormant when it returns with the old values. In the second row, of seven other replicas all but one have lost their disks.",
        rows: &[
            Row {
                name: "4 replicas",
                command: "tombstones --nodes 4 --horizon 10m",
                runs: 300,
                quick: 5,
                figures: DEATH_CERTIFICATES,
            },
            Row {
                name: "8, 6 lose disks",
                command: "tombstones --nodes 8 --horizon 10m --lost 6",
                runs: 100,
                quick: 3,
                figures: DEATH_CERTIFICATES,
            },
        ],
        picture: Picture::None,
    },
    Table {
        id: "push-pull",
        title: "K1: push-pull reaches all in log₃ n + log₂ ln n cycles (Doerr, Kostrygin)",
        about: "A simple epidemic: nobody ceases to tell. One partner per cycle.",
        rows: &[
            Row {
                name: "n = 1,000",
                command: "rumor --direction push-pull --removal never --nodes 1000",
                runs: 1_000,
                quick: 100,
                figures: &[expected("t_last", near(9.077, 0.3))],
            },
            Row {
                name: "n = 10,000",
                command: "rumor --direction push-pull --removal never --nodes 10000",
                runs: 200,
                quick: 4,
                figures: &[expected("t_last", near(11.587, 0.3))],
            },
            Row {
                name: "n = 100,000",
                command: "rumor --direction push-pull --removal never --nodes 100000",
                runs: 20,
                quick: 0,
                figures: &[expected("t_last", near(14.005, 0.3))],
            },
        ],
        picture: Picture::Growth {
            measure: "t_last",
            law: push_pull,
            law_name: "log₃ n + log₂ ln n",
        },
    },
    Table {
        id: "push-then-pull",
        title: "K3: push, then pull, ids first (better than Karp et al.)",
        about: "Who has the update offers it by its id while it is young, and is asked for it afterwards; who has nothing to \
                tell asks from the start. Nobody asks two for it at a time, so one copy per node is all that is sent. A node \
                ceases after 4 unnecessary contacts in a row, and the run ends when all have ceased; at 100,000 nodes it ends when \
                all have it, for whoever has it is sent no copy. The longest of all runs \
                is held against log₂ n + 3 log₂ log₂ n cycles, and traffic against half of what table 3 needs at k = 3 (6.1) \
                for a residue of 4e-6: 1,000 runs of 1,000 nodes without a miss bound ours by 3e-6 (95 %).",
        rows: &[
            Row {
                name: "n = 1,000",
                command: "rumor --direction push-then-pull --removal feedback-counter --k 4 --offer-after 0 --names 64 --nodes 1000",
                runs: 1_000,
                quick: 100,
                figures: &[
                    expected("payload_copies", Value::AtMost(1.05)),
                    expected("residue", Value::Exactly(0.0)),
                    expected("t_last_max", Value::AtMost(19.92)),
                    expected("traffic", Value::AtMost(3.05)),
                ],
            },
            Row {
                name: "n = 10,000",
                command: "rumor --direction push-then-pull --removal feedback-counter --k 4 --offer-after 0 --names 64 --nodes 10000",
                runs: 300,
                quick: 4,
                figures: &[
                    expected("payload_copies", Value::AtMost(1.05)),
                    expected("residue", Value::Exactly(0.0)),
                    expected("t_last_max", Value::AtMost(24.48)),
                ],
            },
            Row {
                name: "n = 100,000",
                command: "rumor --direction push-then-pull --removal feedback-counter --k 4 --offer-after 0 --names 64 --until-all --nodes 100000",
                runs: 300,
                quick: 0,
                figures: &[
                    expected("payload_copies", Value::AtMost(1.05)),
                    expected("residue", Value::Exactly(0.0)),
                    expected("t_last_max", Value::AtMost(28.77)),
                ],
            },
        ],
        picture: Picture::Growth {
            measure: "t_last",
            law: push_then_pull,
            law_name: "log₂ n + 3 log₂ log₂ n",
        },
    },
    Table {
        id: "beaten",
        title: "Better than table 3: residue 4e-6 at less than half of the traffic",
        about: "Pull with k = 3 sends 6.1 updates per site for a residue of 4e-6 (D3). Push, then pull, ids first, with the same rule \
                that ends it, reaches that residue with less than half of them.",
        rows: &[Row {
            name: "1,000 sites",
            command: "rumor --direction push-then-pull --removal feedback-counter --k 3 --offer-after 0 --names 64",
            runs: 3_000,
            quick: 100,
            figures: &[
                expected("residue", Value::AtMost(4e-6)),
                expected("traffic", Value::AtMost(3.05)),
            ],
        }],
        picture: Picture::Curve,
    },
    Table {
        id: "rounds",
        title: "G6: 16 nodes, fan-out 3",
        about: "The round rules of a node: three partners per round, never one that has been told, never back to who brought it.",
        rows: &[Row {
            name: "16 nodes",
            command: "rumor --preset production --nodes 16 --fanout 3",
            runs: 1_000,
            quick: 200,
            figures: &[
                expected("residue", Value::Exactly(0.0)),
                expected("t_last", Value::AtLeast(2.1)),
                expected("t_last", Value::AtMost(2.7)),
            ],
        }],
        picture: Picture::Curve,
    },
    Table {
        id: "growth",
        title: "G10: rounds grow with the logarithm of the number of nodes",
        about: "What a node does by default, in clusters of 16 to 100,000 nodes, 8,000 among them: the cycles until the last \
                node that the rumor reaches has it lie on a line in log₂ N. Whom it misses, repair tells.",
        rows: &[
            Row {
                name: "16 to 8,000",
                command: "rumor --preset production --sweep nodes=16,64,256,1000,4000,8000",
                runs: 20,
                quick: 4,
                figures: GROWTH,
            },
            Row {
                name: "16 to 100,000",
                command: "rumor --preset production --sweep nodes=16,64,256,1000,4000,8000,20000,100000",
                runs: 4,
                quick: 0,
                figures: GROWTH,
            },
        ],
        picture: Picture::Growth { measure: "t_last", law: |_| f64::NAN, law_name: "" },
    },
    Table {
        id: "steps",
        title: "One step: pull's p², push's p (1 - 1/n)^(n (1 - p))",
        about: "Every cycle of every run against what follows from the cycle before it, with Bonferroni's correction \
                for the number of cycles compared.",
        rows: &[
            Row {
                name: "pull",
                command: "rumor --direction pull --removal never --nodes 1000",
                runs: 500,
                quick: 50,
                figures: &[expected("conditional.holds", Value::Holds)],
            },
            Row {
                name: "push",
                command: "rumor --direction push --removal never --nodes 1000",
                runs: 500,
                quick: 50,
                figures: &[expected("conditional.holds", Value::Holds)],
            },
            Row {
                name: "push-pull",
                command: "rumor --direction push-pull --removal never --nodes 1000",
                runs: 500,
                quick: 50,
                figures: &[expected("conditional.holds", Value::Holds)],
            },
            Row {
                name: "pull, one run",
                command: "rumor --direction pull --removal never --nodes 10000",
                runs: 1,
                quick: 1,
                figures: &[expected("conditional.holds", Value::Holds)],
            },
            Row {
                name: "push, one run",
                command: "rumor --direction push --removal never --nodes 10000",
                runs: 1,
                quick: 1,
                figures: &[expected("conditional.holds", Value::Holds)],
            },
        ],
        picture: Picture::Steps,
    },
    Table {
        id: "differences",
        title: "R2, R3, M1: what a difference costs",
        about: "R2 (Yang et al. 2024): cells of 42 bytes, 1.45 for each difference, give or take 5 %. R3 (Meyer 2023, as negentropy \
                sends it): ranges split 16 ways, 6 messages, 2.5 kB, give or take 10 %. M1 (Cassandra): 32,768 leaves over a million \
                keys ship 30.5 keys for a wrong one; here none beyond the one. Then what a node does by default, against what \
                was asked of it: bytes both ways until one side knows all.",
        rows: &[
            Row {
                name: "R2, 100 differ",
                command: "reconcile --strategy rateless --entries 100000 --difference 100",
                runs: 100,
                quick: 5,
                figures: &[expected("bytes.p50", Value::AtMost(6_394.0))],
            },
            Row {
                name: "R2, 1,000 differ",
                command: "reconcile --strategy rateless --entries 100000 --difference 1000",
                runs: 100,
                quick: 5,
                figures: &[expected("bytes.p50", Value::AtMost(63_945.0))],
            },
            Row {
                name: "R2, 10,000 differ",
                command: "reconcile --strategy rateless --entries 100000 --difference 10000",
                runs: 20,
                quick: 5,
                figures: &[expected("bytes.p50", Value::AtMost(639_450.0))],
            },
            Row {
                name: "R3, one of a million differs",
                command: "reconcile --strategy range --entries 1000000 --difference 1",
                runs: 20,
                quick: 2,
                figures: &[
                    expected("bytes.p50", Value::AtMost(2_750.0)),
                    expected("datagrams.p50", Value::AtMost(6.0)),
                ],
            },
            Row {
                name: "M1, one key of a million is wrong",
                command: "reconcile --entries 1000000 --difference 2 --pattern changed",
                runs: 20,
                quick: 2,
                figures: &[expected("over_sent", Value::Exactly(0.0))],
            },
            Row {
                name: "adaptive, equal",
                command: "reconcile --entries 100000 --difference 0",
                runs: 100,
                quick: 5,
                figures: &[
                    expected("bytes.p50", Value::AtMost(200.0)),
                    expected("datagrams.max", Value::AtMost(2.0)),
                    expected("over_sent", Value::Exactly(0.0)),
                ],
            },
            Row {
                name: "adaptive, 1 differs",
                command: "reconcile --entries 100000 --difference 1",
                runs: 100,
                quick: 5,
                figures: &[
                    expected("bytes.p50", Value::AtMost(150.0)),
                    expected("round_trips.p50", Value::AtMost(1.0)),
                    expected("over_sent", Value::Exactly(0.0)),
                ],
            },
            Row {
                name: "adaptive, 10 differ",
                command: "reconcile --entries 100000 --difference 10",
                runs: 100,
                quick: 5,
                figures: &[
                    expected("bytes.p50", Value::AtMost(600.0)),
                    expected("round_trips.p50", Value::AtMost(2.0)),
                    expected("over_sent", Value::Exactly(0.0)),
                ],
            },
            Row {
                name: "adaptive, 100 differ",
                command: "reconcile --entries 100000 --difference 100",
                runs: 100,
                quick: 5,
                figures: &[
                    expected("bytes.p50", Value::AtMost(4_000.0)),
                    expected("round_trips.p50", Value::AtMost(2.0)),
                    expected("over_sent", Value::Exactly(0.0)),
                ],
            },
            Row {
                name: "adaptive, 1,000 differ",
                command: "reconcile --entries 100000 --difference 1000",
                runs: 100,
                quick: 5,
                figures: &[
                    expected("bytes.p50", Value::AtMost(36_000.0)),
                    expected("round_trips.p50", Value::AtMost(2.0)),
                    expected("over_sent", Value::Exactly(0.0)),
                ],
            },
            Row {
                name: "adaptive, 10,000 differ",
                command: "reconcile --entries 100000 --difference 10000",
                runs: 20,
                quick: 5,
                figures: &[
                    expected("bytes.p50", Value::AtMost(360_000.0)),
                    expected("round_trips.p50", Value::AtMost(3.0)),
                    expected("over_sent", Value::Exactly(0.0)),
                ],
            },
        ],
        picture: Picture::None,
    },
    detection::FIRST_PROBE,
    detection::LOAD,
    detection::GAP,
    detection::LIFEGUARD,
    detection::LATENCY,
    detection::TRADE_OFF,
    detection::PHI,
];
