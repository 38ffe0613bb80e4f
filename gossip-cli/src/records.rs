//! Records of a file: NDJSON `{"key","value"}` or CSV `key,value`, read and written as a stream.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use gossip_core::time::Hlc;
use serde::{Deserialize, Serialize};

use crate::admin::documents::{parse_version, version};
use crate::binary::{join, split};
use crate::failure::Failure;

/// Longest line that is read; a longer one ends the import, for what follows it is unknown.
const LINE_BYTES: u64 = 16 << 20;

/// A record, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) line: u64,
    pub(crate) key: Vec<u8>,
    /// `None`: the key is deleted.
    pub(crate) value: Option<Vec<u8>>,
    /// When the value deletes itself, in milliseconds since 1970.
    pub(crate) expires_at: Option<u64>,
    /// Its version where it comes from: something as new or newer is not to be written over.
    pub(crate) version: Option<Hlc>,
}

/// A record that cannot be read: which line, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) line: u64,
    pub(crate) reason: String,
}

impl Record {
    /// Bytes of its key and value.
    pub(crate) fn len(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// Records, as they come in.
pub(crate) type Records = Box<dyn Iterator<Item = Result<Record, Rejected>> + Send>;

/// Opens a file, or standard input for `-`. Also returns how many bytes it has, if that is known.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn open(path: &Path) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let failed = |error| Failure::failed(format!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
    Ok((Box::new(file), bytes))
}

/// The records of a source. Its name tells the format by its ending; otherwise the first
/// character does: `{` begins NDJSON.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn read(name: &Path, source: impl Read + Send + 'static) -> anyhow::Result<Records> {
    let mut source = BufReader::with_capacity(1 << 16, source);
    let json = match name.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => false,
        Some("ndjson" | "jsonl" | "json") => true,
        _ => {
            let start = source.fill_buf()?;
            start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
        }
    };
    Ok(if json { Box::new(ndjson(source)) } else { Box::new(csv(source)) })
}

/// A record as a line of NDJSON: what is no UTF-8 is written as base64.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl Line {
    /// The line that reads as this.
    pub(crate) fn new(key: &[u8], value: Option<&[u8]>, expires_at: Option<u64>) -> Self {
        let (key, key_base64) = split(key);
        let deleted = value.is_none();
        let (value, value_base64) = value.map_or((None, None), split);
        Self { key, key_base64, value, value_base64, expires_at, deleted, version: None }
    }

    /// The same, to be written again only where nothing is as new.
    pub(crate) fn of_version(self, hlc: Hlc) -> Self {
        Self { version: Some(version(hlc)), ..self }
    }

    fn into_record(self, line: u64) -> Result<Record, String> {
        let Self { key, key_base64, value, value_base64, expires_at, deleted, version } = self;
        let key = join("key", key, key_base64)?.ok_or("has no key")?;
        let value = join("value", value, value_base64)?;
        if value.is_some() == deleted {
            return Err("needs either a value or \"deleted\":true".into());
        }
        let version = version.as_deref().map(parse_version).transpose()?;
        Ok(Record { line, key, value, expires_at, version })
    }
}

fn ndjson(mut source: impl BufRead) -> impl Iterator<Item = Result<Record, Rejected>> {
    let mut number = 0;
    let mut broken = false;
    std::iter::from_fn(move || {
        loop {
            if broken {
                return None;
            }
            number += 1;
            let line = number;
            let mut reject = |reason: String, ends| {
                broken = ends;
                Some(Err(Rejected { line, reason }))
            };
            let mut text = Vec::new();
            match (&mut source).take(LINE_BYTES).read_until(b'\n', &mut text) {
                Ok(0) => return None,
                Ok(_) if text.len() as u64 == LINE_BYTES => {
                    return reject("the line is too long; the rest is not read".into(), true);
                }
                Ok(_) => {}
                Err(error) => return reject(format!("cannot be read: {error}"), true),
            }
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let record = serde_json::from_slice(&text).map_err(|error| error.to_string());
            return match record.and_then(|record: Line| record.into_record(line)) {
                Ok(record) => Some(Ok(record)),
                Err(error) => reject(format!("is not {{\"key\",\"value\"}}: {error}"), false),
            };
        }
    })
}

fn csv(source: impl Read) -> impl Iterator<Item = Result<Record, Rejected>> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source);
    let records = reader.into_records().enumerate();
    records.filter_map(|(at, record)| {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                return Some(Err(Rejected { line, reason: error.to_string() }));
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<_> = record.iter().collect();
        match fields.as_slice() {
            // A head line names the columns.
            ["key", "value"] if at == 0 => None,
            [key, value] => {
                let (key, value) = ((*key).into(), Some((*value).into()));
                Some(Ok(Record { line, key, value, expires_at: None, version: None }))
            }
            _ => {
                let reason = format!("has {} fields instead of key,value", fields.len());
                Some(Err(Rejected { line, reason }))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: &str, text: &'static str) -> Vec<Result<(u64, String, String), u64>> {
        let records = read(Path::new(name), text.as_bytes()).unwrap();
        let plain = records.map(|record| match record {
            Ok(Record { line, key, value, .. }) => {
                let text = |bytes| String::from_utf8(bytes).unwrap();
                Ok((line, text(key), value.map(text).unwrap()))
            }
            Err(Rejected { line, .. }) => Err(line),
        });
        plain.collect()
    }

    fn record(line: u64, key: &str, value: &str) -> Result<(u64, String, String), u64> {
        Ok((line, key.into(), value.into()))
    }

    #[test]
    fn both_formats_are_read_and_mistakes_have_lines() {
        let text =
            "{\"key\":\"a\",\"value\":\"1\"}\n\n{\"key\":3}\n{\"key\":\"b\",\"value\":\"2\"}";
        let expected = [record(1, "a", "1"), Err(3), record(4, "b", "2")];
        assert_eq!(all("x.ndjson", text), expected);
        assert_eq!(all("-", text), expected);
        let text = "key,value\na,1\nalone\n\"b,c\",\"two\nlines\"\nd,4\n";
        let expected =
            [record(2, "a", "1"), Err(3), record(4, "b,c", "two\nlines"), record(6, "d", "4")];
        assert_eq!(all("x.csv", text), expected);
        assert_eq!(all("-", text), expected);
        assert_eq!(all("-", ""), []);
    }

    #[test]
    fn lines_read_as_what_they_were_made_of() {
        let check = |key: &[u8], value: Option<&[u8]>, expires_at| {
            let plain = || Line::new(key, value, expires_at);
            let newest = Hlc::from_bits(u64::MAX);
            for (line, version) in [(plain(), None), (plain().of_version(newest), Some(newest))] {
                let line = serde_json::to_string(&line).unwrap();
                let read = serde_json::from_str::<Line>(&line).unwrap().into_record(7).unwrap();
                let (key, value) = (key.to_vec(), value.map(<[u8]>::to_vec));
                assert_eq!(read, Record { line: 7, key, value, expires_at, version }, "{line}");
            }
        };
        check(b"plain", Some(b"text"), None);
        check(b"plain", Some(b""), Some(1_700_000_000_000));
        check(b"\xff\x00", Some(b"\xfe two\nlines"), None);
        check(b"", Some(b"\"quoted\""), None);
        check(b"gone", None, None);
    }

    #[test]
    fn half_records_are_refused() {
        for text in [
            r#"{"key":"k"}"#,
            r#"{"value":"v"}"#,
            r#"{"key":"k","value":"v","deleted":true}"#,
            r#"{"key":"k","value_base64":"?"}"#,
            r#"{"key":"k","value":"v","version":"+123456789abcdef"}"#,
            r#"{"key":"k","value":"v","version":"1"}"#,
        ] {
            let line = serde_json::from_str::<Line>(text).map_err(|error| error.to_string());
            assert!(line.and_then(|line| line.into_record(1)).is_err(), "{text}");
        }
    }
}
