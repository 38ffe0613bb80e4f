//! The simulator: its JSON, its reports, and that a command and a seed always print the same.

use std::fs;
use std::thread;

use serde_json::Value;

use crate::support::{Outcome, Running, Scratch, program, run};

/// One small command of each scenario, with the fields that its JSON must have.
const SMALL: &[(&[&str], &[&str])] = &[
    (
        &["rumor", "--nodes", "32", "--runs", "6", "--direction", "push", "--k", "2"],
        &["residue", "traffic", "payload_copies", "t_ave", "t_last", "per_cycle"],
    ),
    (
        &[
            "anti-entropy",
            "--nodes",
            "24",
            "--runs",
            "6",
            "--connection-limit",
            "1",
            "--hunt",
            "inf",
        ],
        &["t_ave", "t_last", "messages_per_node"],
    ),
    (
        &["healing", "--nodes", "6", "--runs", "2", "--apart", "20s"],
        &["healed_ms", "apart_bytes_per_member_per_s", "healing_bytes_per_member", "deaths"],
    ),
    (
        &["joining", "--nodes", "6", "--runs", "2", "--calm", "10s"],
        &["known_ms", "seed_bytes", "bytes_per_member_per_s"],
    ),
    (
        &[
            "tombstones",
            "--nodes",
            "3",
            "--runs",
            "2",
            "--keys",
            "8",
            "--reinserts",
            "2",
            "--horizon",
            "60s",
        ],
        &["resurrections", "dormant", "guarded"],
    ),
    (&["reconcile", "--entries", "500", "--runs", "2"], &["bytes", "round_trips", "over_sent"]),
    (
        &["detect", "--nodes", "6", "--runs", "3", "--period", "1s", "--calm", "5s"],
        &[
            "first_detect_ms",
            "everywhere_ms",
            "false_positives",
            "false_positives_healthy",
            "messages_per_member_per_period",
            "bytes_per_member_per_s",
        ],
    ),
    (
        &["swarm", "--nodes", "4", "--seeds", "3", "--duration", "20s"],
        &[
            "violations",
            "faults",
            "converged_ms_after_heal",
            "lost_writes",
            "resurrections",
            "spoken",
        ],
    ),
];

fn sim(arguments: &[&str], more: &[&str]) -> Outcome {
    run(&[&["sim"], arguments, more].concat())
}

#[test]
fn every_scenario_prints_its_fields() {
    for (arguments, fields) in SMALL {
        let document = sim(arguments, &["--json"]).code(0).json();
        let common = ["nodes", "options", "runs", "scenario", "seed", "standard_errors"];
        for field in fields.iter().chain(&common) {
            assert!(document.get(field).is_some(), "{field} is missing in {document}");
        }
        assert_eq!(document["scenario"], arguments[0]);
        assert!(document.get("ms").is_none(), "times only with --timing: {document}");
        let timed = sim(arguments, &["--json", "--timing"]).code(0).json();
        assert!(timed["ms"].is_u64(), "{timed}");
        for field in ["encode_us", "decode_us"] {
            assert!(document.get(field).is_none(), "times only with --timing: {document}");
            let is_told = timed[field].as_f64().is_some_and(|time| time > 0.0);
            assert_eq!(is_told, arguments[0] == "reconcile", "{field} in {timed}");
        }
    }
}

#[test]
fn the_help_tells_scenarios_apart() {
    let help = run(&["sim", "--help"]).code(0).stdout;
    for (scenario, about) in [
        ("rumor", "How one update spreads"),
        ("anti-entropy", "How one update spreads by repair"),
        ("detect", "How fast the dead are found"),
        ("healing", "How soon a cluster that came apart is one again"),
        ("joining", "How soon newcomers know all"),
        ("swarm", "Chaos, then calm"),
        ("tombstones", "Whether deleted values come back"),
    ] {
        let said = help.lines().any(|line| {
            line.trim_start().strip_prefix(scenario).is_some_and(|rest| rest.contains(about))
        });
        assert!(said, "{scenario}: {about} is missing in {help}");
    }
}

#[test]
fn cycles_add_up() {
    let document = sim(SMALL[0].0, &["--json"]).code(0).json();
    let cycles = document["per_cycle"].as_array().unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    for (place, cycle) in (0_u64..).zip(cycles) {
        assert_eq!(cycle["cycle"], place);
    }
    assert_eq!(cycles[0]["susceptible"], 31);
    assert_eq!(cycles[0]["infected"], 1);
    let last = cycles.last().unwrap();
    assert_eq!(last["infected"], 0);
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(close(number(&last["susceptible"]) / 32.0, number(&document["residue"])));
    let sent: f64 = cycles.iter().map(|cycle| number(&cycle["sent"])).sum();
    assert!(close(sent / 32.0, number(&document["traffic"])));
}

#[test]
fn the_same_command_prints_the_same_bytes_however_busy_the_machine_is() {
    for (arguments, _) in SMALL {
        let alone = sim(arguments, &["--json", "--threads", "1"]).code(0).stdout;
        let shown = sim(arguments, &["--threads", "1"]).code(0).stdout;
        thread::scope(|scope| {
            let busy: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| sim(arguments, &["--json", "--threads", "3"]).code(0).stdout)
                })
                .collect();
            assert_eq!(sim(arguments, &[]).code(0).stdout, shown);
            for other in busy {
                assert_eq!(other.join().unwrap(), alone);
            }
        });
        let other = sim(arguments, &["--json", "--seed", "99"]).code(0).stdout;
        assert_ne!(other, alone, "another seed is another world");
    }
}

#[test]
fn a_run_does_not_depend_on_those_before_it() {
    let rumor = ["rumor", "--nodes", "24", "--threads", "1", "--json", "--runs"];
    let traffic = |runs: &str, seed: &str| {
        let document = sim(&rumor, &[runs, "--seed", seed]).code(0).json();
        document["traffic"].as_f64().unwrap() * document["runs"].as_f64().unwrap()
    };
    let apart = traffic("1", "5") + traffic("1", "6") + traffic("1", "7");
    assert!((traffic("3", "5") - apart).abs() < 1e-9);
}

#[test]
fn sweeps_and_comparisons_are_a_line_each() {
    let sweep = ["--sweep", "k=1,2", "--against", "--direction pull", "--json"];
    let lines = sim(&["rumor", "--nodes", "20", "--runs", "3"], &sweep).code(0).lines();
    let labels: Vec<_> = lines.iter().map(|line| line["label"].as_str().unwrap()).collect();
    let expected = [
        "direction push, k 1",
        "direction push, k 2",
        "direction pull, k 1",
        "direction pull, k 2",
    ];
    assert_eq!(labels, expected);
    // Each line tells the command that repeats it alone.
    let options = lines[3]["options"].as_str().unwrap();
    let alone: Vec<_> = ["rumor", "--json"].into_iter().chain(options.split(' ')).collect();
    let alone = sim(&alone, &[]).code(0).json();
    assert_eq!(alone["per_cycle"], lines[3]["per_cycle"]);

    let simple = ["rumor", "--direction", "push-pull", "--removal", "never", "--runs", "4"];
    let lines = sim(&simple, &["--sweep", "nodes=8,16,32,64", "--json"]).code(0).lines();
    assert_eq!(lines.len(), 6, "four sizes, and two laws");
    assert_eq!(lines[4]["fit"]["measure"], "t_last");
    let fit = |name| lines[4]["fit"][name].as_f64().unwrap();
    assert!(fit("slope") > 0.5, "{}", lines[4]);
    let off = lines[..4].iter().map(|line| {
        let [nodes, last] = ["nodes", "t_last"].map(|name| line[name].as_f64().unwrap());
        (last - fit("intercept") - fit("slope") * nodes.log2()).abs()
    });
    assert!((off.fold(0.0, f64::max) - fit("largest_deviation")).abs() < 1e-9, "{}", lines[4]);
}

#[test]
fn every_step_is_held_against_its_law() {
    for direction in ["push", "pull", "push-pull"] {
        let simple = ["rumor", "--removal", "never", "--nodes", "100", "--runs", "20", "--json"];
        let document = sim(&simple, &["--direction", direction]).code(0).json();
        let law = &document["conditional"];
        assert_eq!(law["holds"], true, "{direction}: {law}");
        assert!(law["comparisons"].as_u64().unwrap() > 100, "{direction}: {law}");
    }
    let limited = ["rumor", "--removal", "never", "--connection-limit", "1", "--nodes", "20"];
    let document = sim(&limited, &["--runs", "2", "--json"]).code(0).json();
    assert!(document.get("conditional").is_none(), "no law for {document}");
}

#[test]
fn reports_are_whole_pages_that_need_nothing_else() {
    let scratch = Scratch::new();
    for (name, (arguments, _)) in ["a", "b", "c", "d", "e"].iter().zip(SMALL) {
        let path = scratch.path(&format!("{name}.html"));
        sim(arguments, &["--report", &path]).code(0);
        check_page(&path, arguments[0]);
        let before = fs::read(&path).unwrap();
        sim(arguments, &["--report", &path, "--threads", "1"]).code(0);
        assert!(before == fs::read(&path).unwrap(), "{arguments:?} wrote another page");
    }
    let path = scratch.path("many.html");
    let many = ["--sweep", "nodes=8,16,32", "--against", "--direction pull", "--report", &path];
    sim(&["rumor", "--runs", "3"], &many).code(0);
    check_page(&path, "rumor");
}

/// Well-formed, described, with a table beside each picture, the commands, and nothing from outside.
#[track_caller]
fn check_page(path: &str, scenario: &str) {
    let text = fs::read_to_string(path).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let page = roxmltree::Document::parse_with_options(&text, options).unwrap();
    let all = |name: &'static str| page.descendants().filter(move |node| node.has_tag_name(name));
    for svg in all("svg") {
        let told = |name| svg.children().find(|node| node.has_tag_name(name)).unwrap();
        assert!(
            !told("title").text().unwrap().is_empty() && !told("desc").text().unwrap().is_empty()
        );
    }
    for figure in all("figure") {
        assert!(figure.descendants().any(|node| node.has_tag_name("table")));
        assert_eq!(figure.descendants().filter(|node| node.has_tag_name("svg")).count(), 2);
    }
    let commands: Vec<_> = all("code").filter_map(|code| code.text()).collect();
    let again = format!("gossip-cli sim {scenario} ");
    assert!(commands.iter().any(|command| command.starts_with(&again)), "{commands:?}");
    for outside in ["http:", "https:", "//", "url(", "@import", "src="] {
        assert!(!text.contains(outside), "{outside} in {path}");
    }
    let ids: Vec<_> = page.descendants().filter_map(|node| node.attribute("id")).collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
}

#[test]
fn senseless_options_are_refused_with_the_next_step() {
    let refused = |arguments: &[&str], part: &str| {
        let Outcome { stderr, stdout, .. } = run(&[&["sim"], arguments].concat()).code(2);
        assert!(stderr.contains(part), "{part} is missing in {stderr}");
        assert_eq!(stdout, "", "{arguments:?}");
    };
    refused(&["rumor", "--nodes", "3", "--fanout", "3"], "lower --fanout");
    refused(&["rumor", "--removal", "never", "--k", "2"], "leave one of them out");
    refused(&["rumor", "--minimize"], "--direction push-pull");
    refused(&["rumor", "--hunt", "1"], "--connection-limit");
    refused(&["rumor", "--names", "3"], "leave it out");
    refused(&["rumor", "--direction", "pull", "--offer-after", "0"], "leave it out");
    refused(&["rumor", "--sweep", "k"], "k=1,2,3");
    refused(&["rumor", "--sweep", "k=1,many"], "many");
    refused(&["rumor", "--sweep", "threads=1,2"], "cannot be swept");
    refused(&["rumor", "--against", "--no-such-option 1"], "--no-such-option");
    refused(&["rumor", "--against", "--report x.html"], "--report");
    refused(&["rumor", "--sweep", "k=1,2,3,4,5,6,7,8,9", "--sweep", "nodes=2,3,4,5,6,7,8,9"], "64");
    refused(&["rumor", "--nodes", "1"], "--nodes");
    refused(&["anti-entropy", "--hunt", "few", "--connection-limit", "1"], "inf");
    refused(&["tombstones", "--nodes", "3", "--lost", "2"], "--lost");
    refused(&["tombstones", "--keys", "3"], "--reinserts");
    refused(&["healing", "--nodes", "3"], "--nodes");
    refused(&["joining", "--nodes", "1"], "--nodes");
    refused(&["joining", "--loss", "1"], "--loss");
    refused(&["detect", "--nodes", "4", "--crashes", "4"], "raise --nodes");
    refused(&["detect", "--detector", "heartbeat", "--alpha", "5"], "--alpha means nothing");
    refused(&["detect", "--slow-every", "1s"], "--slow-nodes");
    refused(&["detect", "--grid", "--crashes", "1"], "--grid");
    refused(&["detect", "--nodes", "3000"], "2500");
    refused(&["swarm", "--nodes", "65"], "64");
    refused(&["swarm", "--partition", "2h"], "--duration");
    refused(&["no-such-scenario"], "no-such-scenario");
}

#[test]
fn who_interrupts_gets_what_was_done() {
    let endless = ["sim", "rumor", "--nodes", "16", "--sweep", "runs=1,100000000", "--json"];
    let mut process = Running::start(program(&endless));
    assert_eq!(process.last()["runs"], 1);
    process.signal("-INT");
    assert_eq!(process.wait().code(), Some(3));
    // There is no line when not even one run was done.
    for line in process.lines.iter() {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert!(line["runs"].as_u64().is_some_and(|runs| runs < 100_000_000), "{line}");
    }
    let said = process.said().join(" ");
    assert!(said.contains("stopped after"), "{said}");
}

#[test]
fn where_no_report_can_be_nothing_is_simulated() {
    let nowhere = sim(SMALL[0].0, &["--report", "/no/such/folder/report.html"]).code(1);
    assert!(nowhere.stderr.contains("make its directory first"), "{nowhere:?}");
    assert_eq!(nowhere.stdout, "");
}
