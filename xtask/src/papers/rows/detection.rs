//! Rows about detectors.
//!
//! Sources: Das, Gupta, Motivala, "SWIM", DSN 2002; Dadgar, Phillips, Currey, "Lifeguard",
//! arXiv:1707.00788, tables IV, V and VII; Cassandra's failure detector, after Hayashibara et al. 2004.

use super::{Picture, Row, Table, Value, expected, near, percent};

/// Crashes one after the other; the first probe falls into the period that the law says, and whoever
/// sends it suspects a period later.
macro_rules! first_probe {
    ($($name:literal $options:literal $runs:literal $quick:literal)*) => {
        &[$(Row {
            name: $name,
            command: concat!("detect --detector swim --indirect 1 --calm 0s ", $options),
            runs: $runs,
            quick: $quick,
            figures: &[
                expected("first_probe_over_law", percent(1.0, 5.0)),
                expected("suspect_after_probe_periods", Value::AtMost(1.05)),
            ],
        }),*]
    };
}

pub(in crate::papers) const FIRST_PROBE: Table = Table {
    id: "first-probe",
    title: "S1: a crash is probed within e/(e - 1) periods (SWIM)",
    about: "Nodes crash one after the other; 2,000 crashes or more for each size, no loss. In which period after the crash does somebody \
            probe the crashed node first? With N nodes 1 / (1 - (1 - 1/(N - 1))^(N - 1)) is expected, which comes near e/(e - 1) = 1.58 from \
            below; ours is told as a share of that for the nodes that ran. Whoever probed it suspects it at the end of that period.",
    rows: first_probe! {
        "N = 16" "--nodes 16 --crashes 4" 500 10
        "N = 64" "--nodes 64 --crashes 16" 125 4
        "N = 256" "--nodes 256 --crashes 32" 63 1
    },
    picture: Picture::None,
};

pub(in crate::papers) const LOAD: Table = Table {
    id: "detection-load",
    title: "S2: two messages per member and period, however many there are (SWIM)",
    about: "A probe and an answer, in a cluster in which nothing happens. The line is fitted to the logarithm of the number of nodes: \
            its slope is zero.",
    rows: &[Row {
        name: "8 to 1,024",
        command: "detect --detector swim --crashes 0 --calm 60s --sweep nodes=8,16,32,64,128,256,512,1024",
        runs: 1,
        quick: 0,
        figures: &[
            expected("messages_per_member_per_period", Value::NoneAbove(2.05)),
            expected("fit.intercept", near(2.0, 0.05)),
            expected("fit.slope", near(0.0, 0.005)),
        ],
    }],
    picture: Picture::None,
};

/// No node waits longer than 2 N - 1 periods before it probes the same other one again.
macro_rules! gap {
    ($($name:literal $options:literal $most:literal)*) => {
        &[$(Row {
            name: $name,
            command: concat!("detect --detector swim --crashes 0 --calm 15m ", $options),
            runs: 10,
            quick: 1,
            figures: &[expected("longest_gap_periods", Value::AtMost($most))],
        }),*]
    };
}

pub(in crate::papers) const GAP: Table = Table {
    id: "probing-gap",
    title: "S3: the same member is probed again within 2N - 1 periods (SWIM)",
    about: "Every node goes round its members in a random order, drawn anew for each round. Of all pairs the longest time without a \
            probe in a quarter of an hour, in periods.",
    rows: gap! {
        "N = 8" "--nodes 8" 15.0
        "N = 32" "--nodes 32" 63.0
    },
    picture: Picture::None,
};

/// False verdicts, and those by nodes that are well, in percent of the first row's.
const fn false_verdicts(all: (f64, f64, f64), healthy: (f64, f64, f64)) -> [super::Expected; 2] {
    let ((all, all_from, all_to), (healthy, from, to)) = (all, healthy);
    [
        expected(
            "false_positives_steady",
            Value::PercentOfRow { row: 0, published: all, from: all_from, to: all_to },
        ),
        expected(
            "false_positives_steady_healthy",
            Value::PercentOfRow { row: 0, published: healthy, from, to },
        ),
    ]
}

/// Lifeguard's whole sweep with one detector.
macro_rules! sweep {
    ($name:expr, $detector:expr, $figures:expr) => {
        Row {
            name: $name,
            command: concat!(
                "detect --detector ",
                $detector,
                " --nodes 128 --grid --slow-how stuck --calm 0s"
            ),
            runs: 432,
            quick: 9,
            figures: $figures,
        }
    };
}

pub(in crate::papers) const LIFEGUARD: Table = Table {
    id: "lifeguard",
    title: "S5: false positives beside SWIM's (Lifeguard, table IV)",
    about: "128 nodes, of which up to 32 block again and again, in lock step: what comes is held until the end of \
            the spell, and their senders wait until then and say nothing else, their only prober among them, while timers of \
            suspicions run on. A sweep of 432 points, each once for two minutes; fewer runs play points that are spread evenly over it. \
            Counted are verdicts about nodes that never block, at all nodes and at those that never block, in percent of SWIM's; the \
            tolerance is a third of each share, and for all components together 2 % and 3 %.",
    rows: &[
        sweep!(
            "SWIM",
            "swim",
            &[expected(
                "steady_healthy_percent",
                Value::Within { published: 0.391, from: 0.26, to: 0.52 },
            )]
        ),
        sweep!("probe", "lha-probe", &false_verdicts((67.72, 45.15, 90.29), (32.88, 21.92, 43.84))),
        sweep!("suspicion", "lha-suspicion", &false_verdicts((3.0, 2.0, 4.0), (6.71, 4.47, 8.95))),
        sweep!("buddy", "buddy", &false_verdicts((94.08, 62.72, 125.44), (44.57, 29.71, 59.43))),
        sweep!(
            "all of Lifeguard",
            "lifeguard",
            &false_verdicts((1.53, 0.0, 2.0), (1.89, 0.0, 3.0))
        ),
    ],
    picture: Picture::None,
};

/// Four nodes block once.
macro_rules! once {
    ($name:expr, $detector:expr, $figures:expr) => {
        Row {
            name: $name,
            command: concat!(
                "detect --detector ",
                $detector,
                " --nodes 128 --crashes 0 --calm 0s --slow-nodes 4 --slow-for 32768ms"
            ),
            runs: 250,
            quick: 4,
            figures: $figures,
        }
    };
}

pub(in crate::papers) const LATENCY: Table = Table {
    id: "detection-latency",
    title: "S6: how long it takes to call a blocked node dead (Lifeguard, table V)",
    about: "128 nodes, of which four block once, for half a minute; α = 5, so that suspicion lasts 10.5 s. Milliseconds until the first \
            healthy node calls one of them dead.",
    rows: &[
        once!("SWIM", "swim --alpha 5", LATENCIES),
        once!("Lifeguard", "lifeguard --alpha 5", LATENCIES),
    ],
    picture: Picture::None,
};

const LATENCIES: &[super::Expected] = &[
    expected("first_detect_ms.p50", near(12_440.0, 500.0)),
    expected("first_detect_ms.p999", Value::AtMost(21_700.0)),
];

/// No more percent of what that row has than were published.
const fn at_most(field: &'static str, row: usize, published: f64) -> super::Expected {
    expected(field, Value::PercentOfRow { row, published, from: 0.0, to: published })
}

/// Our default at SWIM's own period with one value of its knob, against Lifeguard at one (α, β): the sweep and
/// the single spell.
macro_rules! ours {
    ($($alpha:literal $beaten:literal [$median:literal $longest:literal $all:literal $healthy:literal])*) => {
        &[
            sweep!("SWIM", "swim", &[]),
            once!("SWIM, one spell", "swim --alpha 5", &[]),
            $(
                sweep!(
                    concat!("ours at α = ", $alpha, ", theirs at ", $beaten),
                    concat!("default --period 1s --alpha ", $alpha),
                    &[
                        at_most("false_positives_steady", 0, $all),
                        at_most("false_positives_steady_healthy", 0, $healthy),
                    ]
                ),
                once!(
                    "the same, one spell",
                    concat!("default --period 1s --alpha ", $alpha),
                    &[
                        at_most("first_detect_ms.p50", 1, $median),
                        at_most("first_detect_ms.p999", 1, $longest),
                    ]
                ),
            )*
        ]
    };
}

pub(in crate::papers) const TRADE_OFF: Table = Table {
    id: "trade-off",
    title: "T7: false positives against the time of detection (Lifeguard, table VII)",
    about: "S5's sweep and S6's spell, played by our default detector at SWIM's own rate, a probe a second, with several values of its knob \
            α. All in percent of what SWIM has at α = 5. Published is Lifeguard at α = 2, 4, 5 and β = 2, 4, 6; each of ours is held \
            against the one nearest in time that is wrong least. Every value of α that was tried is here, the smaller ones because the \
            larger were too slow by the median; all were played with the same seeds, so which α is as fast as theirs is known no better \
            than that.",
    rows: ours! {
        "1.7" "(2, 6)" [54.34 80.36 24.16 13.65]
        "1.8" "(2, 6)" [54.34 80.36 24.16 13.65]
        "2" "(2, 6)" [54.34 80.36 24.16 13.65]
        "3.4" "(4, 6)" [83.12 94.69 3.18 4.83]
        "3.6" "(4, 6)" [83.12 94.69 3.18 4.83]
        "4" "(4, 6)" [83.12 94.69 3.18 4.83]
        "4.3" "(5, 6)" [100.08 109.28 1.53 1.89]
        "4.5" "(5, 6)" [100.08 109.28 1.53 1.89]
        "4.7" "(5, 6)" [100.08 109.28 1.53 1.89]
    },
    picture: Picture::TradeOff(&[
        [53.14, 98.37, 31.15],
        [54.10, 43.64, 22.47],
        [54.34, 24.16, 13.65],
        [82.96, 37.72, 20.29],
        [83.04, 8.04, 9.50],
        [83.12, 3.18, 4.83],
        [99.76, 26.61, 15.38],
        [99.52, 5.43, 5.05],
        [100.08, 1.53, 1.89],
    ]),
};

pub(in crate::papers) const PHI: Table = Table {
    id: "phi-accrual",
    title: "P2: φ reaches 8 after 18.4 intervals (Cassandra)",
    about: "Two nodes, a heartbeat every second, and one of them crashes. Silence, in milliseconds, when the other calls it dead: \
            8 ln 10 = 18.4 mean intervals.",
    rows: &[Row {
        name: "1 s",
        command: "detect --detector phi-accrual --period 1s --nodes 2 --crashes 1 --calm 5m",
        runs: 100,
        quick: 10,
        figures: &[
            expected("silence_ms.p50", near(18_421.0, 200.0)),
            expected("silence_ms.mean", near(18_421.0, 200.0)),
        ],
    }],
    picture: Picture::None,
};
