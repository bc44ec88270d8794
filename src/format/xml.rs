//! XML as a bounded tree: manifests, and headers pasted from them.
//!
//! Nothing is fetched or expanded: entities beyond the five predefined ones
//! stay as they are written, and a document type ends the reading.

use crate::error::{Code, Error, Result};
use crate::format::bytes::limits;
use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Without its namespace prefix.
    pub name: String,
    /// Names without prefix, and values.
    pub attributes: Vec<(String, String)>,
    /// Elements inside.
    pub children: Vec<Element>,
    /// Text directly inside, of all parts together.
    pub text: String,
}

impl Element {
    /// Reads a document, or a part of one with several elements side by side,
    /// which then are the children of a nameless one.
    ///
    /// # Errors
    /// Where it is not well-formed, too long or nested too deeply.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > limits::TEXT {
            let sentence = format!("The XML is longer than {} MiB.", limits::TEXT >> 20);
            return Err(Error::limit(Code::XmlTooLarge, sentence));
        }
        // What stands there may be a key, and is not repeated.
        let bad = |at: u64, what: &str| {
            Error::malformed(Code::ManifestXml, format!("This is not well-formed XML: {what}."))
                .at(at)
        };
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        let mut open = vec![Self::default()];
        for _ in 0..limits::XML_PARTS {
            let event = reader.read_event().map_err(|e| bad(reader.error_position(), wrong(&e)))?;
            let at = reader.buffer_position();
            match event {
                Event::Start(_) if open.len() > limits::XML_DEPTH => {
                    return Err(bad(at, "its elements are nested too deeply"));
                }
                Event::Start(tag) => open.push(Self::of(&tag)),
                Event::Empty(tag) => {
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(Self::of(&tag));
                    }
                }
                Event::End(_) => {
                    if let (Some(done), Some(parent)) = (open.pop(), open.last_mut()) {
                        parent.children.push(done);
                    }
                }
                Event::Text(part) => push(&mut open, &part),
                Event::CData(part) => push(&mut open, &part),
                Event::GeneralRef(name) => match name.resolve_char_ref() {
                    Ok(Some(c)) => push(&mut open, c.encode_utf8(&mut [0; 4])),
                    _ => match resolve_predefined_entity(&name) {
                        Some(known) => push(&mut open, known),
                        None => push(&mut open, &format!("&{};", &*name)),
                    },
                },
                Event::DocType(_) => {
                    return Err(bad(at, "it declares a document type, which is not read"));
                }
                Event::Eof if open.len() == 1 => {
                    let mut root = open.remove(0);
                    return Ok(match root.children.len() {
                        1 => root.children.remove(0),
                        _ => root,
                    });
                }
                Event::Eof => return Err(bad(at, "an element is not closed")),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
        Err(Error::limit(Code::XmlTooLarge, "The XML has more parts than are read."))
    }

    fn of(tag: &BytesStart<'_>) -> Self {
        let mut attributes = Vec::new();
        for a in tag.attributes().with_checks(false).filter_map(|a| a.ok()) {
            let value = unescape(&a.value).map_or_else(|_| a.value.to_string(), |v| v.into_owned());
            attributes.push((a.key.local_name().into_inner().to_owned(), value));
        }
        let name = tag.local_name().into_inner().to_owned();
        Self { name, attributes, ..Self::default() }
    }

    /// The value of an attribute; case does not count.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// An attribute as a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.trim().parse().ok()
    }

    /// The elements of this name inside; case does not count.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name.eq_ignore_ascii_case(name))
    }

    /// This element and all inside it, at any depth.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        self.children.iter().for_each(|child| child.walk(visit));
    }
}

/// What is wrong, in general.
fn wrong(error: &quick_xml::Error) -> &'static str {
    use quick_xml::errors::IllFormedError;
    match error {
        quick_xml::Error::Syntax(_) => "a tag, a comment or the like has no end",
        quick_xml::Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            "a closing tag is not that of the element that is open"
        }
        quick_xml::Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
            "a closing tag closes nothing"
        }
        quick_xml::Error::InvalidAttr(_) => "an attribute has no quotes, or is there twice",
        quick_xml::Error::Encoding(_) => "it is not the text that it says it is",
        _ => "it cannot be read as XML",
    }
}

fn push(open: &mut [Element], part: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_prefixes_and_without_expansion() {
        let xml = "<?xml version=\"1.0\"?><a:b x=\"1 &amp; 2\"><c>t&#x41;&unknown;</c><d/></a:b>";
        let tree = Element::parse(xml).unwrap();
        assert_eq!((tree.name.as_str(), tree.attribute("X")), ("b", Some("1 & 2")));
        assert_eq!(tree.children[0].text, "tA&unknown;");
        assert_eq!(tree.all("D").count(), 1);
    }

    #[test]
    fn what_is_not_xml_is_told_and_bombs_are_not_lit() {
        for bad in ["<a>", "<a></b>", "<!DOCTYPE x [<!ENTITY a \"b\">]><a>&a;</a>"] {
            assert_eq!(Element::parse(bad).unwrap_err().code, Code::ManifestXml, "{bad}");
        }
        assert!(Element::parse(&"<a>".repeat(100_000)).is_err());
    }
}
