//! Rows about detectors.
//!
//! Sources: Das, Gupta, Motivala, "SWIM", DSN 2002; Dadgar, Phillips, Currey, "Lifeguard",
//! arXiv:1707.00788, tables IV and V; Cassandra's failure detector, after Hayashibara et al. 2004.

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

/// A component of Lifeguard: false positives, those by healthy nodes, each in percent of SWIM's.
macro_rules! component {
    ($label:literal $all:literal [$all_from:literal $all_to:literal] $healthy:literal [$from:literal $to:literal]) => {
        [
            expected(
                "false_positives_steady",
                Value::ShareOfFirst {
                    label: $label,
                    published: $all,
                    from: $all_from,
                    to: $all_to,
                },
            ),
            expected(
                "false_positives_steady_healthy",
                Value::ShareOfFirst { label: $label, published: $healthy, from: $from, to: $to },
            ),
        ]
    };
}

const PROBE: [super::Expected; 2] =
    component!("detector lha-probe" 67.72 [45.15 90.29] 32.88 [21.92 43.84]);
const SUSPICION: [super::Expected; 2] =
    component!("detector lha-suspicion" 3.0 [2.0 4.0] 6.71 [4.47 8.95]);
const BUDDY: [super::Expected; 2] =
    component!("detector buddy" 94.08 [62.72 125.44] 44.57 [29.71 59.43]);
const ALL: [super::Expected; 2] = component!("detector lifeguard" 1.53 [0.0 2.0] 1.89 [0.0 3.0]);

pub(in crate::papers) const LIFEGUARD: Table = Table {
    id: "lifeguard",
    title: "S5: false positives beside SWIM's (Lifeguard, table IV)",
    about: "128 nodes, of which up to 32 block again and again, in lock step: what comes is held until the end of \
            the spell, and their senders wait until then and say nothing else, while their timers run on. The whole sweep of 432 points, each once for two minutes. Counted are verdicts \
            about nodes that never block, at all nodes and at those that never block, in percent of SWIM's; the published tolerance is a \
            third of each share, and for all components together 2 % and 3 %.",
    rows: &[Row {
        name: "432 points",
        command: "detect --nodes 128 --grid --slow-how stuck --calm 0s --sweep detector=swim,lha-probe,lha-suspicion,buddy,lifeguard",
        runs: 432,
        quick: 9,
        figures: &[
            expected(
                "steady_healthy_percent",
                Value::Within { published: 0.391, from: 0.26, to: 0.52 },
            ),
            PROBE[0],
            PROBE[1],
            SUSPICION[0],
            SUSPICION[1],
            BUDDY[0],
            BUDDY[1],
            ALL[0],
            ALL[1],
        ],
    }],
    picture: Picture::None,
};

pub(in crate::papers) const LATENCY: Table = Table {
    id: "detection-latency",
    title: "S6: how long it takes to call a blocked node dead (Lifeguard, table V)",
    about: "128 nodes, of which four block once, for half a minute; α = 5, so that suspicion lasts 10.5 s. Milliseconds until the first \
            healthy node calls one of them dead.",
    rows: &[
        Row {
            name: "SWIM",
            command: "detect --detector swim --alpha 5 --nodes 128 --crashes 0 --calm 0s --slow-nodes 4 --slow-for 32768ms",
            runs: 250,
            quick: 4,
            figures: LATENCIES,
        },
        Row {
            name: "Lifeguard",
            command: "detect --detector lifeguard --alpha 5 --nodes 128 --crashes 0 --calm 0s --slow-nodes 4 --slow-for 32768ms",
            runs: 250,
            quick: 4,
            figures: LATENCIES,
        },
    ],
    picture: Picture::None,
};

const LATENCIES: &[super::Expected] = &[
    expected("first_detect_ms.p50", near(12_440.0, 500.0)),
    expected("first_detect_ms.p999", Value::AtMost(21_700.0)),
];

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
