//! The report: one page that holds all it needs, for light and dark rooms, wide and narrow screens.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::execute::Finding;
use super::figure::{self, Figure};
use super::measures::{self, Fit};
use super::outcome::{Measure, Table};
use super::plot::{self, Size, escaped};
use super::scale::number;
use super::{Scenario, show};
use crate::files;
use crate::output::count;

/// A place for a report, sure before anything is simulated: no long run ends with a path that is
/// wrong. A report that is not written leaves nothing.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    file: NamedTempFile,
}

impl Target {
    /// Makes room beside where the report will be.
    ///
    /// # Errors
    /// When it cannot be written there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let readable = Permissions::from_mode(0o644);
        let file = tempfile::Builder::new()
            .permissions(readable)
            .tempfile_in(folder.unwrap_or_else(|| Path::new(".")));
        let file = file.map_err(|error| files::unwritten(path, &error))?;
        Ok(Self { path: path.into(), file })
    }

    /// Writes it; returns where it is.
    ///
    /// # Errors
    /// When the file takes no more.
    pub(super) fn write(mut self, page: &str) -> anyhow::Result<PathBuf> {
        let path = self.path;
        let failed = |error: io::Error| files::unwritten(&path, &error);
        self.file.write_all(page.as_bytes()).map_err(failed)?;
        self.file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(path)
    }
}

/// The whole page.
///
/// # Errors
/// When a picture cannot be drawn.
pub(super) fn page<S: Scenario>(findings: &[Finding<S>], fits: &[Fit]) -> anyhow::Result<String> {
    let title = match findings {
        [only] => escaped(&only.variant.scenario.title(&only.variant.common)),
        _ => escaped(S::ABOUT),
    };
    let mut body = header(findings, &title);
    body += "<main>\n";
    body += &match findings {
        [only] => cards(&only.outcome.measures),
        _ => comparison(findings),
    };
    if let [only] = findings {
        for note in &only.outcome.notes {
            let _ = writeln!(body, "<p class=\"note\">{}.</p>", escaped(note));
        }
    }
    for problem in findings.iter().flat_map(|finding| &finding.outcome.problems) {
        let _ = writeln!(body, "<p class=\"problem\">{}</p>", escaped(problem));
    }
    body += &section("Over all configurations", &measures::figures(findings, fits), "")?;
    body += &match findings {
        [only] => section("In pictures", &overlaid(findings), &cards_of(&only.outcome.tables))?,
        _ => section("In pictures", &overlaid(findings), "")? + &tables(findings),
    };
    body += &commands(findings);
    body += "</main>\n";
    let (style, script) = (include_str!("report/page.css"), include_str!("report/page.js"));
    let footer = format!(
        "<footer>gossip-cli {}, with the production node in virtual time. The same command gives the same page.</footer>",
        env!("CARGO_PKG_VERSION")
    );
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}{footer}\n\
         <script>\n{script}</script>\n</body>\n</html>\n"
    ))
}

fn header<S: Scenario>(findings: &[Finding<S>], title: &str) -> String {
    let runs: u64 = findings.iter().map(|finding| finding.runs).sum();
    let runs = if runs == 1 { "one run".into() } else { format!("{} runs", count(runs)) };
    let seed = findings.first().map_or(0, |finding| finding.variant.common.seed);
    let name = S::NAME;
    let about = match findings.len() {
        1 => format!("{}: ", escaped(S::ABOUT)),
        several => format!("{several} configurations, "),
    };
    format!(
        "<header>\n<div>\n<div class=\"kind\">gossip simulation: {name}</div>\n<h1>{title}</h1>\n\
         <p class=\"quiet\">{about}{runs}, seed {seed}.</p>\n</div>\n\
         <button id=\"scheme\" type=\"button\" aria-label=\"Switch between light and dark\">Dark</button>\n</header>\n"
    )
}

fn cards(measures: &[Measure]) -> String {
    let mut cards = String::from("<dl class=\"measures\">\n");
    for measure in measures {
        let shown = show::with_error(measure);
        let (value, error) = shown.split_once(" ± ").unwrap_or((&shown, ""));
        let error = match error {
            "" => String::new(),
            error => format!(" <span class=\"error\">± {error}</span>"),
        };
        let (name, about) = (measure.name, escaped(measure.about));
        let _ = writeln!(
            cards,
            "<div class=\"card\"><dt>{name}</dt><dd><div class=\"value\">{value}{error}</div><div class=\"quiet\">{about}</div></dd></div>"
        );
    }
    cards + "</dl>\n"
}

fn comparison<S: Scenario>(findings: &[Finding<S>]) -> String {
    let measures = findings.first().map_or(&[][..], |finding| &finding.outcome.measures);
    let names = measures.iter().map(|measure| measure.name.to_owned());
    let heads = ["configuration".to_owned()].into_iter().chain(names).collect();
    let row = |finding: &Finding<S>| {
        let values = finding.outcome.measures.iter().map(show::with_error);
        [finding.variant.label.clone()].into_iter().chain(values).collect()
    };
    let table = Table { heads, rows: findings.iter().map(row).collect(), ..Table::default() };
    let mut about = String::from("<p class=\"quiet note\">");
    for measure in measures {
        let _ = write!(about, "{}: {}. ", measure.name, escaped(measure.about));
    }
    format!(
        "<h2>Results</h2>\n<div class=\"card\">\n<div class=\"scroll\">{}</div>\n{}</p>\n</div>\n",
        markup(&table),
        about.trim_end()
    )
}

/// The configurations' pictures over one another. Several lines of several configurations are too
/// many to tell apart: there the first of each stays.
fn overlaid<S: Scenario>(findings: &[Finding<S>]) -> Vec<Figure> {
    let many = findings.len() > 1;
    let kept = |figure: &Figure| {
        let mut figure = figure.clone();
        if many {
            figure.series.truncate(1);
        }
        figure
    };
    let shown = findings.iter().take(plot::COLOURS.into());
    let sets = shown.map(|Finding { variant, outcome, .. }| {
        (variant.label.clone(), outcome.figures.iter().map(kept).collect())
    });
    figure::overlaid(&sets.collect::<Vec<_>>())
}

/// Pictures, and what else stands among them.
fn section(title: &str, figures: &[Figure], more: &str) -> anyhow::Result<String> {
    if figures.is_empty() {
        return Ok(String::new());
    }
    let mut section = format!("<h2>{title}</h2>\n<div class=\"figures\">\n");
    for figure in figures {
        section += &picture(figure)?;
    }
    Ok(section + more + "</div>\n")
}

fn cards_of(tables: &[Table]) -> String {
    let card = |table: &Table| {
        let title = if table.title.is_empty() { "Round by round" } else { &table.title };
        let (title, table) = (escaped(title), markup(table));
        format!(
            "<div class=\"card\">\n<h3>{title}</h3>\n<div class=\"scroll tall\">{table}</div>\n</div>\n"
        )
    };
    tables.iter().map(card).collect()
}

fn picture(figure: &Figure) -> anyhow::Result<String> {
    let (title, about) = (escaped(&figure.title), escaped(&figure.about));
    let (wide, narrow) = (plot::draw(figure, Size::WIDE)?, plot::draw(figure, Size::NARROW)?);
    let series = figure.series.iter().map(|series| series.label.clone());
    let value = |value: Option<f64>| value.map_or_else(String::new, number);
    let row = |(x, values): (f64, Vec<Option<f64>>)| {
        [number(x)].into_iter().chain(values.into_iter().map(value)).collect()
    };
    let table = markup(&Table {
        heads: [figure.x.label.clone()].into_iter().chain(series).collect(),
        rows: figure::rows(figure).into_iter().map(row).collect(),
        ..Table::default()
    });
    Ok(format!(
        "<figure id=\"{}\">\n<h3>{title}</h3>\n<div class=\"wide\">{wide}</div>\n<div class=\"narrow\">{narrow}</div>\n\
         <figcaption>{about}</figcaption>\n<details>\n<summary>The numbers</summary>\n\
         <div class=\"scroll tall\">{table}</div>\n</details>\n</figure>\n",
        escaped(&figure.id)
    ))
}

fn tables<S: Scenario>(findings: &[Finding<S>]) -> String {
    let mut tables = String::new();
    for Finding { variant, outcome, .. } in findings {
        for table in &outcome.tables {
            let parts = [variant.label.as_str(), table.title.as_str()];
            let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let _ = writeln!(
                tables,
                "<details>\n<summary>{}</summary>\n<div class=\"card\"><div class=\"scroll\">{}</div></div>\n</details>",
                escaped(&parts.join(": ")),
                markup(table)
            );
        }
    }
    if tables.is_empty() { tables } else { format!("<h2>Round by round</h2>\n{tables}") }
}

fn commands<S: Scenario>(findings: &[Finding<S>]) -> String {
    let mut commands = String::from("<h2>Do it again</h2>\n<div class=\"card\">\n");
    for Finding { variant, .. } in findings {
        let line = format!("gossip-cli sim {} {}", S::NAME, variant.command.join(" "));
        let _ = writeln!(
            commands,
            "<div class=\"command\"><code>{}</code><button type=\"button\" data-copy=\"\">Copy</button></div>",
            escaped(&line)
        );
    }
    commands
        + "<p class=\"quiet\">Each command is a function of its options and its seed: another machine and another number of threads give the same numbers.</p>\n</div>\n"
}

fn markup(table: &Table) -> String {
    let Table { heads, rows, bars, .. } = table;
    let wordy = |cell: &str| cell.chars().next().is_some_and(char::is_alphabetic);
    let mut markup = String::from("<table>\n<thead><tr>");
    for (column, head) in heads.iter().enumerate() {
        let words = rows.iter().any(|row| row.get(column).is_some_and(|cell| wordy(cell)));
        let class = if words { " class=\"words\"" } else { "" };
        let _ = write!(markup, "<th scope=\"col\"{class}>{}</th>", escaped(head));
        if let (0, Some((head, _))) = (column, bars) {
            let _ = write!(markup, "<th scope=\"col\" class=\"bar\">{}</th>", escaped(head));
        }
    }
    markup += "</tr></thead>\n<tbody>\n";
    for (number, row) in rows.iter().enumerate() {
        markup += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let (tag, class) = match (column, wordy(cell)) {
                (0, true) => ("th", " scope=\"row\" class=\"words\""),
                (_, true) => ("td", " class=\"words\""),
                _ => ("td", ""),
            };
            let _ = write!(markup, "<{tag}{class}>{}</{tag}>", escaped(cell));
            if let (0, Some((_, shares))) = (column, bars) {
                let percent = shares.get(number).copied().unwrap_or(0.0) * 100.0;
                let _ = write!(
                    markup,
                    "<td class=\"bar\"><span style=\"width:{percent:.2}%\"></span></td>"
                );
            }
        }
        markup += "</tr>\n";
    }
    markup + "</tbody>\n</table>"
}
