//! Two imports at one node, the second while others die.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::crew::Crew;
use crate::support::{Running, program, wait_until};

/// What two imports showed.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Imports {
    pub(crate) entries: usize,
    pub(crate) largest_value_bytes: usize,
    pub(crate) import_ms: [u64; 2],
    /// From each import's end until all hashes were equal.
    pub(crate) equal_ms: [u128; 2],
    /// How long the two killed nodes took to serve again.
    pub(crate) start_ms: [u128; 2],
}

/// Imports records twice at the first node, under two prefixes; in the middle of the second import
/// the last two nodes are killed with -9, and started again before it goes on.
///
/// # Panics
/// When the nodes do not become equal within `patience` of an import's end, or hold anything but
/// the records.
#[track_caller]
pub(crate) fn two_imports(
    crew: &mut Crew,
    records: &BTreeMap<String, String>,
    patience: Duration,
    tell: impl Fn(&str),
) -> Imports {
    let mut imports = Imports {
        entries: records.len(),
        largest_value_bytes: records.values().map(String::len).max().unwrap_or(0),
        ..Imports::default()
    };
    let finish = |crew: &Crew, import: &mut Running, copies: usize| {
        let imported: Value = import.last();
        assert!(import.wait().success(), "{imported}");
        let expected = (Some(records.len() as u64), Some(0));
        let counts = (imported["imported"].as_u64(), imported["rejected"].as_u64());
        assert_eq!(counts, expected, "{imported}");
        let (equal, hash) = crew.equal(patience);
        assert_eq!(hash["entries"], copies * records.len());
        tell(&format!("imported in {} ms, equal {} ms later", imported["ms"], equal.as_millis()));
        (imported["ms"].as_u64().unwrap_or_default(), equal.as_millis())
    };
    let mut import = begin(crew);
    feed(&mut import, &lines("first/", records));
    import.end_input();
    (imports.import_ms[0], imports.equal_ms[0]) = finish(crew, &mut import, 1);

    let second = lines("second/", records);
    let (before, after) = second.split_at(second.len() / 2);
    let mut import = begin(crew);
    feed(&mut import, before);
    let victims = [crew.all().count() - 2, crew.all().count() - 1];
    wait_until("the second import is under way", || {
        let entries = crew.node(victims[1]).hash("this")["entries"].as_u64()?;
        (entries > records.len() as u64 * 11 / 10).then_some(())
    });
    victims.iter().for_each(|victim| crew.kill(*victim));
    tell("killed two nodes in the middle of the second import");
    feed(&mut import, after);
    import.end_input();
    for (victim, start) in victims.iter().zip(&mut imports.start_ms) {
        *start = crew.restart(*victim).as_millis();
    }
    (imports.import_ms[1], imports.equal_ms[1]) = finish(crew, &mut import, 2);
    all_there(crew, records);
    imports
}

/// An import that reads its standard input.
fn begin(crew: &Crew) -> Running {
    let admin = crew.node(0).admin();
    let arguments = ["--json", "--timeout", "60s", "--admin", admin, "kv", "import", "-"];
    Running::start_fed(program(&arguments).stdin(Stdio::piped()))
}

#[track_caller]
fn feed(import: &mut Running, lines: &[String]) {
    let stdin = import.input();
    lines.iter().for_each(|line| stdin.write_all(line.as_bytes()).unwrap());
    stdin.flush().unwrap();
}

fn lines(prefix: &str, records: &BTreeMap<String, String>) -> Vec<String> {
    let line =
        |(key, value)| format!("{}\n", json!({ "key": format!("{prefix}{key}"), "value": value }));
    records.iter().map(line).collect()
}

/// Compares every record at every node.
#[track_caller]
fn all_there(crew: &Crew, records: &BTreeMap<String, String>) {
    for node in crew.all() {
        for prefix in ["first/", "second/"] {
            let begun = Instant::now();
            let exported =
                node.run(&["--timeout", "60s", "kv", "export", "--prefix", prefix]).code(0);
            let exported: BTreeMap<String, String> = exported
                .lines()
                .into_iter()
                .map(|line| {
                    let field = |name: &str| line[name].as_str().unwrap().to_owned();
                    (field("key").split_off(prefix.len()), field("value"))
                })
                .collect();
            let wrong = records.iter().find(|(key, value)| exported.get(*key) != Some(value));
            assert!(wrong.is_none(), "{} differs in {wrong:?}", node.ready["name"]);
            assert_eq!(exported.len(), records.len(), "after {:?}", begun.elapsed());
        }
    }
}
