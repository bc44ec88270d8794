//! What a strict client would object to in a WRMHEADER that can be read
//! (PlayReady header specification).

use super::write::{NAMESPACE, is_absolute_url};
use crate::error::{Code, Error};
use crate::format::bytes::limits;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements that belong directly into DATA.
const IN_DATA: [&str; 7] =
    ["LA_URL", "LUI_URL", "DS_ID", "CUSTOMATTRIBUTES", "DECRYPTORSETUP", "PROTECTINFO", "CHECKSUM"];
const KNOWN: [&str; 13] = [
    "WRMHEADER",
    "DATA",
    "PROTECTINFO",
    "KEYLEN",
    "ALGID",
    "KIDS",
    "KID",
    "CHECKSUM",
    "LA_URL",
    "LUI_URL",
    "DS_ID",
    "CUSTOMATTRIBUTES",
    "DECRYPTORSETUP",
];
/// What Microsoft recommends that headers and custom attributes stay under, in
/// bytes of UTF-16.
const RECOMMENDED: usize = 1024;

/// Checks well-formed XML of a header. What is not well-formed ends it.
pub(super) fn check(xml: &str, problems: &mut Vec<Error>) {
    let mut check =
        Checker { problems, path: Vec::new(), version: String::new(), seen: Vec::new() };
    if xml.encode_utf16().count() * 2 > RECOMMENDED {
        let bytes = xml.encode_utf16().count() * 2;
        check.note(
            Code::HeaderLarge,
            format!(
                "The header is {bytes} bytes long; Microsoft recommends at most {RECOMMENDED}."
            ),
        );
    }
    let mut reader = Reader::from_str(xml);
    for _ in 0..limits::XML_EVENTS {
        let before = reader.buffer_position() as usize;
        let Ok(event) = reader.read_event() else { return };
        match event {
            Event::Start(tag) => check.open(&tag, before, xml, false),
            Event::Empty(tag) => {
                check.open(&tag, before, xml, true);
                check.path.pop();
            }
            Event::End(_) => drop(check.path.pop()),
            Event::Text(text) if !check.is_custom() => check.text(&text),
            Event::Decl(_) => check.form("it begins with an XML declaration"),
            Event::Comment(_) if !check.is_custom() => check.form("it has a comment"),
            Event::Eof => return,
            _ => {}
        }
    }
}

struct Checker<'p> {
    problems: &'p mut Vec<Error>,
    path: Vec<String>,
    version: String,
    /// Elements of DATA seen, to find doubles.
    seen: Vec<String>,
}

impl Checker<'_> {
    fn note(&mut self, code: Code, message: String) {
        if !self.problems.iter().any(|p| p.code == code && p.message == message) {
            self.problems.push(Error::malformed(code, message));
        }
    }

    fn form(&mut self, what: &str) {
        self.note(Code::WrmNotCanonical, format!("The header is not canonical XML: {what}."));
    }

    fn feature(&mut self, what: &str) {
        let version = self.version.clone();
        self.note(
            Code::WrmVersionFeatures,
            format!("The header is of version {version}, but {what}."),
        );
    }

    fn is_custom(&self) -> bool {
        self.path.iter().any(|name| name == "CUSTOMATTRIBUTES")
    }

    fn open(&mut self, tag: &BytesStart<'_>, at: usize, xml: &str, empty: bool) {
        let name = tag.local_name().into_inner().to_owned();
        let custom = self.is_custom();
        self.path.push(name.clone());
        if custom {
            return;
        }
        if empty {
            self.form(&format!("<{name}/> is self-closing"));
        }
        if !KNOWN.contains(&name.as_str()) {
            match KNOWN.iter().find(|known| known.eq_ignore_ascii_case(&name)) {
                Some(known) => self.form(&format!("<{name}> should be <{known}>")),
                None => self.form(&format!("<{name}> is not an element of the header")),
            }
        }
        self.attributes(tag);
        let path: Vec<String> = self.path.clone();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if let ["WRMHEADER"] = path[..] {
            self.root(tag);
        }
        let placed = matches!(path[..], ["WRMHEADER", "DATA", _])
            || (name == "CHECKSUM" && matches!(path[..], ["WRMHEADER", "DATA", ..]));
        if IN_DATA.contains(&name.as_str()) && !placed {
            self.note(
                Code::WrmPlace,
                format!("<{name}> stands outside DATA, where no client looks."),
            );
        }
        if let ["WRMHEADER", "DATA", name] = path[..] {
            if self.seen.iter().any(|seen| seen == name) {
                let code = if name.ends_with("URL") { Code::WrmUrl } else { Code::WrmNotCanonical };
                self.note(code, format!("The header has <{name}> more than once."));
            }
            self.seen.push(name.to_owned());
            if name.ends_with("_URL") {
                self.url(name, &xml[at..]);
            }
        }
        self.features(&path, tag);
    }

    fn root(&mut self, tag: &BytesStart<'_>) {
        self.version = attribute(tag, "version").unwrap_or_default();
        let version: String = self.version.chars().take(32).collect();
        if !["4.0.0.0", "4.1.0.0", "4.2.0.0", "4.3.0.0"].contains(&version.as_str()) {
            let message = format!("There is no header version \"{version}\".");
            self.note(Code::WrmVersionFeatures, message);
        }
        if attribute(tag, "xmlns").as_deref() != Some(NAMESPACE) {
            self.form("its namespace (xmlns) is not PlayReady's");
        }
    }

    fn attributes(&mut self, tag: &BytesStart<'_>) {
        let names: Vec<String> = tag
            .attributes()
            .with_checks(false)
            .filter_map(|a| a.ok())
            .map(|a| a.key.into_inner().to_owned())
            .collect();
        let rank = |name: &str| (!name.starts_with("xmlns"), name.to_owned());
        if names.windows(2).any(|pair| rank(&pair[0]) > rank(&pair[1])) {
            self.form(&format!("the attributes {} are not in order", names.join(", ")));
        }
    }

    fn text(&mut self, text: &str) {
        let leaf = self.path.last().is_some_and(|name| {
            !["WRMHEADER", "DATA", "PROTECTINFO", "KIDS"].contains(&name.as_str())
        });
        if !leaf && !text.is_empty() && text.trim().is_empty() {
            self.form("there is white space between its elements");
        }
        let token = self
            .path
            .last()
            .is_some_and(|name| ["KID", "CHECKSUM", "ALGID", "KEYLEN"].contains(&name.as_str()));
        if token && text.trim() != text {
            self.form("there is white space around a value");
        }
    }

    fn url(&mut self, name: &str, rest: &str) {
        let end = rest.find("</").unwrap_or(rest.len());
        let start = rest.find('>').map_or(end, |i| i + 1).min(end);
        let raw = &rest[start..end];
        let Ok(url) = quick_xml::escape::unescape(raw) else {
            return self
                .note(Code::WrmUrl, format!("{name} has an & that is not written as &amp;."));
        };
        if url.trim().is_empty() {
            self.note(Code::WrmUrl, format!("{name} is empty; leave it out instead."));
        } else if !is_absolute_url(&url) {
            self.note(Code::WrmUrl, format!("{name} \"{url}\" is not an absolute URL."));
        }
    }

    fn features(&mut self, path: &[&str], tag: &BytesStart<'_>) {
        let Some(minor) = self.version.get(2..3).and_then(|minor| minor.parse::<u8>().ok()) else {
            return;
        };
        match path {
            ["WRMHEADER", "DATA", "PROTECTINFO", "KIDS"] if minor < 2 => {
                self.feature("KIDS came with 4.2 (shaka-player #1786)");
            }
            ["WRMHEADER", "DATA", "PROTECTINFO", "KID"] if minor == 0 => {
                self.feature("a KID with attributes came with 4.1");
            }
            ["WRMHEADER", "DATA", "PROTECTINFO", "KID"] if minor >= 2 => {
                self.feature("from 4.2 on the KID stands in KIDS");
            }
            ["WRMHEADER", "DATA", "KID" | "CHECKSUM"] if minor > 0 => {
                self.feature("KID and CHECKSUM as elements are those of 4.0");
            }
            ["WRMHEADER", "DATA", "DECRYPTORSETUP"] if minor == 0 => {
                self.feature("DECRYPTORSETUP came with 4.1");
            }
            _ => {}
        }
        if path.last() == Some(&"KID")
            && minor < 3
            && attribute(tag, "ALGID").as_deref() == Some("AESCBC")
        {
            self.feature("AESCBC came with 4.3 (Bento4 #697)");
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag
        .attributes()
        .with_checks(false)
        .filter_map(|a| a.ok())
        .find(|a| a.key.into_inner() == name)?;
    Some(found.value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(data: &str, version: &str) -> Vec<Code> {
        let xml = format!(
            "<WRMHEADER xmlns=\"{NAMESPACE}\" version=\"{version}\"><DATA>{data}</DATA></WRMHEADER>"
        );
        let mut problems = Vec::new();
        check(&xml, &mut problems);
        problems.iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn each_objection() {
        let kid = "<KID ALGID=\"AESCTR\" VALUE=\"AAAA\"></KID>";
        for (data, version, code) in [
            ("<KID>AAAA</KID>".to_owned(), "4.0.0.0", None),
            (format!("<PROTECTINFO><KIDS>{kid}</KIDS></PROTECTINFO>"), "4.2.0.0", None),
            (format!("<PROTECTINFO>{kid}</PROTECTINFO>"), "4.1.0.0", None),
            ("<KID/>".to_owned(), "4.0.0.0", Some(Code::WrmNotCanonical)),
            ("<kid>AAAA</kid>".to_owned(), "4.0.0.0", Some(Code::WrmNotCanonical)),
            ("<KID>AAAA</KID> <DS_ID>A</DS_ID>".to_owned(), "4.0.0.0", Some(Code::WrmNotCanonical)),
            ("<LA_URL>https://a/?x=1&amp;y</LA_URL>".to_owned(), "4.0.0.0", None),
            ("<LA_URL></LA_URL>".to_owned(), "4.0.0.0", Some(Code::WrmUrl)),
            ("<LA_URL>rm.asmx</LA_URL>".to_owned(), "4.0.0.0", Some(Code::WrmUrl)),
            (
                "<LA_URL>https://a</LA_URL><LA_URL>https://a</LA_URL>".to_owned(),
                "4.0.0.0",
                Some(Code::WrmUrl),
            ),
            (
                "<PROTECTINFO><LA_URL>https://a</LA_URL></PROTECTINFO>".to_owned(),
                "4.0.0.0",
                Some(Code::WrmPlace),
            ),
            (
                format!("<PROTECTINFO><KIDS>{kid}</KIDS></PROTECTINFO>"),
                "4.1.0.0",
                Some(Code::WrmVersionFeatures),
            ),
            (
                format!("<PROTECTINFO>{kid}</PROTECTINFO>"),
                "4.0.0.0",
                Some(Code::WrmVersionFeatures),
            ),
            (
                "<DECRYPTORSETUP>ONDEMAND</DECRYPTORSETUP>".to_owned(),
                "4.0.0.0",
                Some(Code::WrmVersionFeatures),
            ),
            ("<KID>AAAA</KID>".to_owned(), "5.0.0.0", Some(Code::WrmVersionFeatures)),
            (
                "<PROTECTINFO><KIDS><KID VALUE=\"A\" ALGID=\"AESCTR\"></KID></KIDS></PROTECTINFO>"
                    .to_owned(),
                "4.2.0.0",
                Some(Code::WrmNotCanonical),
            ),
            (
                format!("<CUSTOMATTRIBUTES>{}</CUSTOMATTRIBUTES>", "x".repeat(600)),
                "4.0.0.0",
                Some(Code::HeaderLarge),
            ),
        ] {
            let found = codes(&data, version);
            assert_eq!(found.first().copied(), code, "{data}: {found:?}");
        }
    }
}
