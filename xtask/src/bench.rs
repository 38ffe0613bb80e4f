//! The benchmarks, and one page of what they found: ratios with their targets, drawn and tabulated.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::papers::Simulator;
use crate::prerequisites;
use crate::program::{Program, has_member, target};

/// Runs the benchmarks, then writes the page from everything that is kept of this and earlier runs.
pub(crate) fn bench(rest: &[String]) -> Result<()> {
    ensure!(
        has_member("benches"),
        "benches/ is not in this workspace: there is nothing to measure"
    );
    prerequisites::check()?;
    Program::new("cargo bench -p gossip-benches").arguments(rest).run()?;
    page(&target().join("bench"))
}

/// `report.html` beside the figures.
fn page(kept: &Path) -> Result<()> {
    let mut files: Vec<_> = fs::read_dir(kept)
        .with_context(|| format!("no figures in {}", kept.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    files.sort();
    let simulator = Simulator::build()?;
    let mut page = String::from(HEAD);
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file)?;
        let rows: Vec<Value> = serde_json::from_str(&text)
            .with_context(|| format!("{} is not what a benchmark wrote", file.display()))?;
        let (ratios, figures): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.get("target").is_some());
        writeln!(page, "<h2>{}</h2>", escaped(&name))?;
        if !ratios.is_empty() {
            let drawn = simulator.plot(&figure(&name, &ratios))?;
            page.push_str(&String::from_utf8(drawn)?);
        }
        page.push_str(&table(&ratios, &figures)?);
    }
    let path = kept.join("report.html");
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("a page of all figures: {}", path.display());
    Ok(())
}

const HEAD: &str = "<!doctype html><meta charset=\"utf-8\"><title>Benchmarks</title>\
<style>body{font:15px system-ui;max-width:60em;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #8884}\
svg{width:100%;height:auto}.miss{font-weight:bold}</style>\n<h1>Benchmarks</h1>\n";

/// Each ratio by its number, beside its target.
fn figure(name: &str, ratios: &[Value]) -> Value {
    let points = |of: &dyn Fn(&Value) -> Option<f64>| -> Vec<[f64; 2]> {
        let rows = (1..).map(f64::from).zip(ratios);
        rows.filter_map(|(place, row)| Some([place, of(row)?])).collect()
    };
    json!({
        "id": name,
        "title": format!("{name}: ratios and their targets"),
        "about": "Each ratio by its number in the table, the median of its repetitions, beside its target.",
        "x": { "label": "row", "scale": "linear" },
        "y": { "label": "ratio", "scale": "logarithmic" },
        "series": [
            { "label": "measured", "mark": "bars", "points": points(&|row| row.get("median")?.as_f64()) },
            { "label": "target", "mark": "dots", "points": points(&|row| bound(row)) },
        ],
    })
}

/// The number in a target.
fn bound(row: &Value) -> Option<f64> {
    row.get("target")?.as_str()?.rsplit(' ').next()?.parse().ok()
}

fn table(ratios: &[Value], figures: &[Value]) -> Result<String> {
    let text = |row: &Value, name: &str| {
        escaped(row.get(name).and_then(Value::as_str).unwrap_or_default())
    };
    let number = |value: Option<&Value>| {
        value.and_then(Value::as_f64).map_or_else(String::new, |number| format!("{number:.4}"))
    };
    let spread = |row: &Value| {
        let [low, high] = [0, 1].map(|place| number(row.pointer(&format!("/quartiles/{place}"))));
        format!("{low} to {high}")
    };
    let mut table = String::from(
        "<table><tr><th>#<th>what<th>median<th>quartiles<th>target or unit<th></tr>\n",
    );
    for (place, row) in (1..).zip(ratios) {
        let holds = row.get("passed").and_then(Value::as_bool).unwrap_or_default();
        let (class, verdict) = if holds { ("", "holds") } else { ("miss", "missed") };
        let (median, spread) = (number(row.get("median")), spread(row));
        let (name, target) = (text(row, "name"), text(row, "target"));
        writeln!(
            table,
            "<tr class=\"{class}\"><td>{place}<td>{name}<td>{median}<td>{spread}<td>{target}<td>{verdict}</tr>"
        )?;
    }
    for row in figures {
        let (median, spread) = (number(row.get("median")), spread(row));
        let (name, unit) = (text(row, "name"), text(row, "unit"));
        writeln!(table, "<tr><td><td>{name}<td>{median}<td>{spread}<td>{unit}<td></tr>")?;
    }
    table.push_str("</table>\n");
    Ok(table)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_drawn_beside_their_targets() {
        let rows = [
            json!({ "name": "a < b", "median": 0.5, "quartiles": [0.4, 0.6], "target": "<= 0.7", "passed": true }),
            json!({ "name": "c", "median": 2.0, "quartiles": [1.0, 3.0], "target": ">= 3", "passed": false }),
        ];
        let figure = figure("some", &rows);
        assert_eq!(figure.pointer("/series/1/points"), Some(&json!([[1.0, 0.7], [2.0, 3.0]])));
        let table = table(&rows, &[]).unwrap();
        assert!(table.contains("a &lt; b") && table.contains("&lt;= 0.7"), "{table}");
        assert_eq!(table.matches("missed").count(), 1);
    }
}
