//! What people and scripts read: JSON lines or text, with colour on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::ProgressStyle;
use serde::Serialize;

/// Bold green: all is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Yellow: look at it.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// Bold red: something is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Dimmed: of lesser weight.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// Bold.
pub(crate) const STRONG: Style = Style::new().bold();

/// Prints a document as one line of JSON.
///
/// # Errors
/// When standard output does not take it.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    Ok(write(&line)?)
}

/// Prints a line of text.
///
/// # Errors
/// When standard output does not take it.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    Ok(write(format!("{text}\n").as_bytes())?)
}

/// Prints bytes as they are.
///
/// # Errors
/// When standard output does not take them.
pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Tells people something beside the result.
pub(crate) fn note(text: &str) {
    // Nobody is left to be told when even that fails.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Tells people why it failed.
pub(crate) fn complain(text: &str) {
    let mark = if colours(io::stderr().is_terminal()) { BAD } else { Style::new() };
    let _ = writeln!(io::stderr(), "{mark}error:{mark:#} {text}");
}

/// Tells people what they should not overlook.
pub(crate) fn warn(text: &str) {
    let mark = if colours(io::stderr().is_terminal()) { DOUBTFUL } else { Style::new() };
    let _ = writeln!(io::stderr(), "{mark}warning:{mark:#} {text}");
}

/// Text in a style, where standard output shows colours.
pub(crate) fn paint(style: Style, text: &str) -> String {
    if colours(io::stdout().is_terminal()) {
        format!("{style}{text}{style:#}")
    } else {
        text.into()
    }
}

/// Whether standard error shows colours.
pub(crate) fn stderr_colours() -> bool {
    colours(io::stderr().is_terminal())
}

/// Rows under heads, in columns as wide as they need.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(heads.get(column).map(|head| head.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heads: Vec<_> = heads.iter().map(|head| (*head).to_owned()).collect();
    let head = paint(FAINT, &line(&heads));
    let body = rows.iter().map(|row| line(row));
    [head].into_iter().chain(body).collect::<Vec<_>>().join("\n")
}

/// How something without a known end is shown as it goes on.
pub(crate) fn spinner(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// How something with a known end is shown as it goes on.
pub(crate) fn progress(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The first digits of an id: enough for people.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// What people call a node: by its name if it has one.
pub(crate) fn called<'a>(name: &'a str, id: &'a str) -> &'a str {
    if name.is_empty() { short(id) } else { name }
}

/// A time in the two largest units that matter.
pub(crate) fn time(time: Duration) -> String {
    let rounded = match time.as_secs() {
        0 => Duration::from_millis(u64::from(time.subsec_millis())),
        seconds => Duration::from_secs(seconds),
    };
    let text = humantime::format_duration(rounded).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn colours(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_readable() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(time(Duration::from_millis(250)), "250ms");
        assert_eq!(time(Duration::from_secs(3_723)), "1h 2m");
    }

    #[test]
    fn columns_are_as_wide_as_needed() {
        let rows = vec![vec!["a".into(), "1".into()], vec!["longer".into(), "22".into()]];
        assert_eq!(table(&["name", "n"], &rows), "name    n\na       1\nlonger  22");
    }
}
