//! The types that a key's value can have: how each is read from text and shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gossip_core::io::Seed;
use gossip_core::strategy::Direction;

/// A place in the settings that a key stands for.
#[derive(Debug)]
pub(crate) enum Field<'a> {
    Address(&'a mut SocketAddr),
    /// A probability.
    Chance(&'a mut f64),
    /// One of the key's choices.
    Choice(&'a mut String),
    Count(&'a mut usize),
    Direction(&'a mut Direction),
    Duration(&'a mut Duration),
    Flag(&'a mut bool),
    List(&'a mut Vec<String>),
    Number(&'a mut u32),
    OptionalAddress(&'a mut Option<SocketAddr>),
    OptionalChoice(&'a mut Option<String>),
    OptionalCount(&'a mut Option<usize>),
    Path(&'a mut Option<PathBuf>),
    Seeds(&'a mut Vec<Seed>),
    Tags(&'a mut BTreeMap<String, String>),
    Text(&'a mut String),
}

/// What a key's value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    /// Whatever the type can be.
    Any,
    /// One of these names.
    Choices(fn() -> Vec<&'static str>),
    /// From the first number to the second; the largest of the type is written `inf`.
    Numbers(usize, usize),
    /// From the first time to the second.
    Times(Duration, Duration),
}

impl Field<'_> {
    /// Takes these texts as the value; a list has any number of them, all others one.
    pub(super) fn set(self, range: Range, texts: &[String]) -> Result<(), String> {
        let one = || match texts {
            [text] => Ok(text.as_str()),
            _ => Err("expects one value, not a list".to_owned()),
        };
        match self {
            Self::Address(place) => *place = parse_address(one()?)?,
            Self::Chance(place) => *place = parse_chance(one()?)?,
            Self::Choice(place) => *place = parse_choice(range, one()?)?,
            Self::Count(place) => *place = parse_count(range, one()?)?,
            Self::Direction(place) => {
                let name = parse_choice(range, one()?)?;
                *place = Direction::from_name(&name).ok_or("is no direction")?;
            }
            Self::Duration(place) => *place = parse_duration(range, one()?)?,
            Self::Flag(place) => *place = one()?.parse().map_err(|_| "expects true or false")?,
            Self::List(place) => *place = texts.to_vec(),
            Self::Number(place) => {
                let number = parse_count(range, one()?)?;
                let endless = number == usize::MAX;
                let finite = || u32::try_from(number).map_err(|_| "is too large");
                *place = if endless { u32::MAX } else { finite()? };
            }
            Self::OptionalAddress(place) => *place = Some(parse_address(one()?)?),
            Self::OptionalChoice(place) => *place = Some(parse_choice(range, one()?)?),
            Self::OptionalCount(place) => *place = Some(parse_count(range, one()?)?),
            Self::Path(place) => *place = Some(one()?.into()),
            Self::Seeds(place) => {
                *place = texts.iter().map(|text| parse_seed(text)).collect::<Result<_, _>>()?;
            }
            Self::Tags(place) => {
                *place = texts.iter().map(|text| parse_tag(text)).collect::<Result<_, _>>()?;
            }
            Self::Text(place) => one()?.clone_into(place),
        }
        Ok(())
    }

    /// The value as TOML; `None` when there is none.
    pub(super) fn show(self) -> Option<String> {
        Some(match self {
            Self::Address(place) => quoted(&place.to_string()),
            Self::Chance(place) => format!("{place:?}"),
            Self::Choice(place) | Self::Text(place) => quoted(place),
            Self::Count(place) => show_count(*place),
            Self::Direction(place) => quoted(place.name()),
            Self::Duration(place) => quoted(&show_duration(*place)),
            Self::Flag(place) => place.to_string(),
            Self::List(place) => list(place.iter().map(String::as_str)),
            Self::Number(place) if *place == u32::MAX => show_count(usize::MAX),
            Self::Number(place) => place.to_string(),
            Self::OptionalAddress(place) => quoted(&(*place)?.to_string()),
            Self::OptionalChoice(place) => quoted(place.as_ref()?),
            Self::OptionalCount(place) => show_count((*place)?),
            Self::Path(place) => quoted(&place.as_ref()?.display().to_string()),
            Self::Seeds(place) => {
                let seeds: Vec<_> = place.iter().map(show_seed).collect();
                list(seeds.iter().map(String::as_str))
            }
            Self::Tags(place) => {
                let tags: Vec<_> =
                    place.iter().map(|(key, value)| format!("{key}={value}")).collect();
                list(tags.iter().map(String::as_str))
            }
        })
    }

    /// Whether its value is a list, which the environment separates by commas.
    pub(super) const fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::Seeds(_) | Self::Tags(_))
    }

    /// The unit that people should think in.
    pub(super) const fn unit(&self) -> &'static str {
        match self {
            Self::Address(_) | Self::OptionalAddress(_) => "address",
            Self::Chance(_) => "probability",
            Self::Choice(_) | Self::Direction(_) | Self::OptionalChoice(_) => "name",
            Self::Count(_) | Self::Number(_) | Self::OptionalCount(_) => "count",
            Self::Duration(_) => "duration",
            Self::Flag(_) => "true or false",
            Self::List(_) => "list",
            Self::Path(_) => "path",
            Self::Seeds(_) => "list of addresses",
            Self::Tags(_) => "list of key=value",
            Self::Text(_) => "text",
        }
    }
}

impl Range {
    /// The range for people.
    pub(super) fn show(self) -> String {
        match self {
            Self::Any => "any".into(),
            Self::Choices(names) => names().join(" | "),
            Self::Numbers(low, high) => format!("{} to {}", show_count(low), show_count(high)),
            Self::Times(low, high) => format!("{} to {}", show_duration(low), show_duration(high)),
        }
    }
}

/// A seed as it is written: an address, or a name with a port.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse_seed(text: &str) -> Result<Seed, String> {
    if let Ok(address) = text.parse() {
        return Ok(Seed::Address(address));
    }
    let port = |(_, port): (&str, &str)| port.parse::<u16>().is_ok_and(|port| port != 0);
    let named = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    if named.is_some_and(port) {
        Ok(Seed::Name(text.to_owned()))
    } else {
        Err(format!("expects an address or host:port, not `{text}`"))
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("expects an address with a port, such as 127.0.0.1:7946, not `{text}`")
    })
}

fn parse_chance(text: &str) -> Result<f64, String> {
    let chance = text.parse().ok().filter(|chance| (0.0..=1.0).contains(chance));
    chance.ok_or_else(|| format!("expects a number from 0.0 to 1.0, not `{text}`"))
}

fn parse_choice(range: Range, text: &str) -> Result<String, String> {
    match range {
        Range::Choices(names) if !names().contains(&text) => {
            let near = super::layers::nearest(text, names());
            Err(format!("has no choice `{text}`{near}; valid are {}", names().join(", ")))
        }
        Range::Any | Range::Choices(_) | Range::Numbers(..) | Range::Times(..) => {
            Ok(text.to_owned())
        }
    }
}

fn parse_count(range: Range, text: &str) -> Result<usize, String> {
    let (low, high) = match range {
        Range::Numbers(low, high) => (low, high),
        Range::Any | Range::Choices(_) | Range::Times(..) => (0, usize::MAX),
    };
    let number = if text == "inf" { Some(usize::MAX) } else { text.replace('_', "").parse().ok() };
    number
        .filter(|number| (low..=high).contains(number))
        .ok_or_else(|| format!("expects a whole number from {}, not `{text}`", range.show()))
}

fn parse_duration(range: Range, text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| format!("expects a duration, such as \"200ms\" or \"5s\", not `{text}`"))?;
    match range {
        Range::Times(low, high) if !(low..=high).contains(&time) => {
            Err(format!("expects a duration from {}, not `{text}`", range.show()))
        }
        Range::Any | Range::Choices(_) | Range::Numbers(..) | Range::Times(..) => Ok(time),
    }
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or_else(|| format!("expects key=value, not `{text}`"))?;
    Ok((key.to_owned(), value.to_owned()))
}

fn show_count(count: usize) -> String {
    if count == usize::MAX { "inf".into() } else { count.to_string() }
}

fn show_duration(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

fn show_seed(seed: &Seed) -> String {
    match seed {
        Seed::Address(address) => address.to_string(),
        Seed::Name(name) => name.clone(),
    }
}

/// Text as a TOML string: JSON's escapes are a subset of TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let items: Vec<_> = items.map(quoted).collect();
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(field: Field<'_>, range: Range, text: &str, reason: &str) {
        let error = field.set(range, &[text.to_owned()]).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn counts_have_ranges_and_infinity() {
        let mut count = 0;
        let range = Range::Numbers(1, usize::MAX);
        Field::Count(&mut count).set(range, &["1_000".into()]).unwrap();
        assert_eq!(count, 1_000);
        Field::Count(&mut count).set(range, &["inf".into()]).unwrap();
        assert_eq!(Field::Count(&mut count).show().unwrap(), "inf");
        refused(Field::Count(&mut count), range, "0", "from 1 to");
        refused(Field::Count(&mut count), Range::Numbers(1, 9), "inf", "from 1 to 9");
        refused(Field::Count(&mut count), range, "-1", "whole number");
        let mut number = 0;
        Field::Number(&mut number).set(range, &["inf".into()]).unwrap();
        assert_eq!(number, u32::MAX);
        assert_eq!(Field::Number(&mut number).show().unwrap(), "inf");
        refused(Field::Number(&mut number), range, "4294967296", "too large");
    }

    #[test]
    fn durations_chances_and_choices_are_checked() {
        let mut time = Duration::ZERO;
        let range = Range::Times(Duration::from_millis(1), Duration::from_secs(60));
        Field::Duration(&mut time).set(range, &["1m".into()]).unwrap();
        assert_eq!(time, Duration::from_secs(60));
        refused(Field::Duration(&mut time), range, "0s", "from 1ms to 1m");
        refused(Field::Duration(&mut time), range, "5", "such as");
        refused(Field::Chance(&mut 0.5), Range::Any, "1.5", "0.0 to 1.0");
        let names = Range::Choices(|| vec!["push", "pull"]);
        let mut name = String::new();
        refused(Field::Choice(&mut name), names, "pusch", "did you mean `push`");
    }

    #[test]
    fn seeds_are_addresses_or_names() {
        assert!(matches!(parse_seed("[::1]:7946"), Ok(Seed::Address(_))));
        assert!(matches!(parse_seed("node1:7946"), Ok(Seed::Name(_))));
        for wrong in ["node1", "node1:", ":7946", "node1:0", "node1:99999"] {
            assert!(parse_seed(wrong).is_err(), "{wrong}");
        }
    }
}
