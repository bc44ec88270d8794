//! The list of keys that a batch leaves beside its files: which output, which
//! KID, which key, as CSV (RFC 4180).

use crate::error::{Code, Error, Result};
use crate::format::cipher::ContentKey;
use crate::format::ids::Kid;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A line of the list.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Entry {
    /// The output's path in its folder; in a list that was given, also its name,
    /// or `*` for all others.
    pub output: String,
    /// In the order of `tenc`.
    pub kid: String,
    /// In hex.
    #[cfg_attr(test, ts(as = "String"))]
    pub key: Zeroizing<String>,
}

/// What people call the three columns.
const OUTPUT: [&str; 5] = ["output", "name", "title", "file", "path"];
const KID: [&str; 3] = ["kid", "key id", "key_id"];
const KEY: [&str; 3] = ["key", "content key", "content_key"];

/// Reads a list: with a line of the columns' names in any order, or output, KID
/// and key.
///
/// # Errors
/// With the line's number. What stands in it may be a key, and is not repeated.
pub fn read(text: &str) -> Result<Vec<Entry>> {
    let mut reader = csv::ReaderBuilder::new();
    let delimiter = if text.contains(';') && !text.contains(',') { b';' } else { b',' };
    let delimiter = if text.contains('\t') && !text.contains(',') { b'\t' } else { delimiter };
    reader.has_headers(false).flexible(true).delimiter(delimiter).trim(csv::Trim::All);
    let mut reader = reader.from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let (mut entries, mut columns, mut started) = (Vec::new(), [0, 1, 2], false);
    for (number, record) in reader.records().enumerate() {
        let line = |position: Option<u64>| position.unwrap_or(number as u64 + 1);
        let bad = |at: Option<u64>, what: &str| {
            Err(Error::misuse(Code::KeyList, format!("Line {} of the list {what}.", line(at))))
        };
        let Ok(record) = record else { return bad(None, "is not CSV") };
        let at = record.position().map(csv::Position::line);
        if !std::mem::replace(&mut started, true) {
            let place = |names: &[&str]| {
                record.iter().position(|cell| names.contains(&&*cell.to_ascii_lowercase()))
            };
            if let (Some(output), Some(kid), Some(key)) = (place(&OUTPUT), place(&KID), place(&KEY))
            {
                columns = [output, kid, key];
                continue;
            }
        }
        let [output, kid, key] = columns.map(|column| record.get(column).unwrap_or_default());
        if output.is_empty() || kid.is_empty() || key.is_empty() {
            return bad(at, "needs a name, a KID and a key");
        }
        let Ok(kid) = Kid::parse(kid) else { return bad(at, "has no KID where one should be") };
        let Ok(key) = ContentKey::parse(key) else {
            return bad(at, "has no content key where one should be");
        };
        entries.push(Entry { output: output.to_owned(), kid: kid.to_string(), key: key.reveal() });
    }
    Ok(entries)
}

/// Writes a list, with the names of its columns.
pub fn write(entries: &[Entry]) -> Zeroizing<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(["output", "kid", "key"]);
    for entry in entries {
        let _ = writer.write_record([&*entry.output, &*entry.kid, &**entry.key]);
    }
    let bytes = Zeroizing::new(writer.into_inner().unwrap_or_default());
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const A: [&str; 2] =
        ["09e36702-8f33-436c-a5dd-60ffe6671e70", "b42ca3172ee4e69bf51848a59db9cd13"];
    const B: [&str; 2] =
        ["10000000-1000-1000-1000-100000000001", "3a2a1b68dd2bd9b2eeb25e84c4776668"];

    fn entry(output: &str, [kid, key]: [&str; 2]) -> Entry {
        Entry {
            output: output.to_owned(),
            kid: kid.to_owned(),
            key: Zeroizing::new(key.to_owned()),
        }
    }

    #[test]
    fn every_name_comes_back_as_it_was_written() {
        let names = [
            "a/film.mp4",
            "b/film.mp4",
            "show.S01.E01.mp4",
            "a, \"b\".mp4",
            "name",
            "l\ni.mp4",
            "*",
        ];
        let written: Vec<Entry> = names.iter().map(|name| entry(name, A)).collect();
        let back = read(&write(&written)).unwrap();
        let back: Vec<_> = back.iter().map(|e| (&*e.output, &*e.kid, &**e.key)).collect();
        assert_eq!(back, names.map(|name| (name, A[0], A[1])));
    }

    #[test]
    fn columns_by_their_names_or_in_order() {
        for text in [
            format!("a.mp4,{},{}\n*,{},{}\n", A[0], A[1], B[0], B[1]),
            format!("key,KID,name\n{},{},a.mp4\n{},{},*\n", A[1], A[0], B[1], B[0]),
            format!("Title;KID;Key\na.mp4;{};{}\n\"*\";{};{}", A[0], A[1], B[0], B[1]),
        ] {
            let read = read(&text).unwrap();
            assert_eq!(read.len(), 2, "{text}");
            assert_eq!((&*read[0].output, &*read[1].kid), ("a.mp4", B[0]), "{text}");
        }
    }

    #[test]
    fn errors_name_the_line_and_no_key() {
        for text in [
            format!("a.mp4,{},{}\nb.mp4,{}", A[0], A[1], B[1]),
            format!("a.mp4,{},{}\nb.mp4,{}zz,{}", A[0], A[1], B[1], B[0]),
            format!("a.mp4,{},{}\nb.mp4,{},{}zz", A[0], A[1], B[0], B[1]),
        ] {
            let error = read(&text).err().unwrap().message;
            assert!(error.starts_with("Line 2 of the list"), "{error}");
            assert!(!error.contains(&B[1][..8]) && !error.contains(&A[1][..8]), "{error}");
        }
    }
}
