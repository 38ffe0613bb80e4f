//! The layers of configuration, file < environment < flags, and what can be wrong in them.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::{KEYS, Key, Loaded};

/// Variables that begin as ours do and belong to the command line.
const FLAG_VARIABLES: &[&str] = &["GOSSIP_ADMIN"];

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Environment(String),
    File(PathBuf, usize),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => write!(f, "{variable}"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// Something wrong, and where.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) origin: Origin,
    pub(crate) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

impl Loaded {
    pub(super) fn file(&mut self, path: &Path, text: &str) {
        let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        let origin = |at: usize| Origin::File(path.to_owned(), line(at));
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let text = format!("this is not TOML: {}", error.message());
                return self.problems.push(Problem { origin: origin(at), text });
            }
        };
        for (section, content) in document.get_ref() {
            let DeValue::Table(keys) = content.get_ref() else {
                let sections = KEYS.iter().map(Key::section);
                let near = nearest(section.get_ref(), sections);
                let text =
                    format!("`{}` belongs into a section, such as [node]{near}", section.get_ref());
                self.problems.push(Problem { origin: origin(section.span().start), text });
                continue;
            };
            for (name, value) in keys {
                let path = format!("{}.{}", section.get_ref(), name.get_ref());
                let origin = origin(name.span().start);
                match texts(value.get_ref()) {
                    Some(texts) => self.set(origin, &path, &texts),
                    None => {
                        let text = format!("{path} expects a plain value or a list of them");
                        self.problems.push(Problem { origin, text });
                    }
                }
            }
        }
    }

    pub(super) fn environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (variable, value) in variables {
            if !variable.starts_with("GOSSIP_") || FLAG_VARIABLES.contains(&variable.as_str()) {
                continue;
            }
            let origin = Origin::Environment(variable.clone());
            let Some(key) = KEYS.iter().find(|key| key.variable() == variable) else {
                let names: Vec<_> = KEYS.iter().map(Key::variable).collect();
                let near = nearest(&variable, names.iter().map(String::as_str));
                let text = format!("no key has this variable{near}");
                self.problems.push(Problem { origin, text });
                continue;
            };
            let texts: Vec<_> = if key.is_list() {
                let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(str::to_owned).collect()
            } else {
                vec![value]
            };
            self.set(origin, &key.path(), &texts);
        }
    }

    pub(super) fn set(&mut self, origin: Origin, path: &str, texts: &[String]) {
        let Some(key) = KEYS.iter().find(|key| key.path() == path) else {
            let paths: Vec<_> = KEYS.iter().map(Key::path).collect();
            let near = nearest(path, paths.iter().map(String::as_str));
            let text = format!("there is no key `{path}`{near}; see `gossip-cli config keys`");
            return self.problems.push(Problem { origin, text });
        };
        match key.set(&mut self.settings, texts) {
            Ok(()) => self.origins.push((key, origin)),
            Err(error) => {
                let text = format!("{path} {error}");
                self.problems.push(Problem { origin, text });
            }
        }
    }
}

/// `; did you mean ..?` with the most similar name, or nothing when none is similar.
pub(super) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let scored = names.into_iter().map(|name| (strsim::jaro_winkler(wrong, name), name));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    let near = best.filter(|(score, _)| *score > 0.6);
    near.map(|(_, name)| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// This process's variables, those that are text.
pub(super) fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    })
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    if let DeValue::Array(items) = value {
        return items.iter().map(|item| text(item.get_ref())).collect();
    }
    text(value).map(|text| vec![text])
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Array(_) | DeValue::Datetime(_) | DeValue::Integer(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Settings;

    fn load(file: &str, environment: &[(&str, &str)]) -> Loaded {
        let mut loaded = Loaded::default();
        loaded.file(Path::new("node.toml"), file);
        loaded.environment(environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        loaded
    }

    #[track_caller]
    fn wrong(file: &str, environment: &[(&str, &str)], expected: &str) {
        let error = load(file, environment).settings().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn later_layers_win() {
        let file = "[rumors]\nperiod = \"2s\"\nfan_out = 5\n[node]\nseeds = [\"a:1\", \"b:2\"]\n";
        let mut loaded = load(file, &[("GOSSIP_RUMORS_PERIOD", "3s"), ("GOSSIP_ADMIN", "x")]);
        loaded.flag("--name", "node.name", vec!["flagged".into()]);
        let settings = loaded.settings().unwrap();
        assert_eq!(settings.choices.rumors.period, Duration::from_secs(3));
        assert_eq!(settings.choices.rumors.fan_out, 5);
        assert_eq!(settings.spec.seeds.len(), 2);
        assert_eq!(settings.spec.name, "flagged");
        let origin = |path: &str| {
            let key = KEYS.iter().find(|key| key.path() == path).unwrap();
            loaded.origin(key).map(ToString::to_string)
        };
        assert_eq!(origin("rumors.period").as_deref(), Some("GOSSIP_RUMORS_PERIOD"));
        assert_eq!(origin("rumors.fan_out").as_deref(), Some("node.toml:3"));
        assert_eq!(origin("rumors.direction"), None);
    }

    #[test]
    fn mistakes_name_place_and_nearest() {
        wrong(
            "\n[rumors]\nfanout = 3",
            &[],
            "node.toml:3: there is no key `rumors.fanout`; did you mean `rumors.fan_out`?",
        );
        wrong("[rumor]\nfan_out = 3", &[], "did you mean `rumors.fan_out`?");
        wrong("period = 3", &[], "belongs into a section");
        wrong("[rumors]\nperiod = 5", &[], "rumors.period expects a duration");
        wrong("[rumors]\nperiod = [\"1s\", \"2s\"]", &[], "one value");
        wrong("[rumors]\nperiod = { a = 1 }", &[], "plain value");
        wrong("[rumors\n", &[], "node.toml:1: this is not TOML");
        wrong("", &[("GOSSIP_RUMORS_FANOUT", "3")], "did you mean `GOSSIP_RUMORS_FAN_OUT`?");
        wrong("[transport]\nkind = \"pigeon\"", &[], "valid are tcp, udp, udp+tcp");
        wrong("[store]\nkind = \"rock\"", &[], "did you mean `rocks`?");
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let loaded = load("[rumors]\nfanout = 3\nperiod = \"x\"", &[("GOSSIP_X", "1")]);
        assert_eq!(loaded.problems.len(), 3);
    }

    #[test]
    fn every_key_shows_what_it_reads() {
        for key in KEYS {
            let settings = Settings::default();
            let Some(shown) = key.show(&settings) else { continue };
            let file = format!("[{}]\n{} = {shown}\n", key.section(), key.name());
            let loaded = load(&file, &[]);
            let read = loaded.settings().unwrap_or_else(|error| panic!("{}: {error}", key.path()));
            assert_eq!(key.show(read), Some(shown), "{}", key.path());
        }
    }

    #[test]
    fn names_are_distinct() {
        for name in [Key::path, Key::variable] {
            let mut names: Vec<_> = KEYS.iter().map(name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), KEYS.len());
        }
    }
}
