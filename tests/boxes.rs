//! Every known box in every fixture, read and written again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::format::boxes::tree::{Content, Node};
use ismvault::format::boxes::{Context, definition};
use ismvault::format::bytes::Reader;
use ismvault_testkit::{CLEAR, fixture, inspect, options, protect};
use std::collections::BTreeSet;

/// The fixtures, and what they are in every profile.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = vec![("progressive.mp4".to_owned(), fixture("progressive.mp4"))];
    for name in CLEAR {
        let clear = fixture(name);
        for profile in ["dual", "piff", "cenc"] {
            files.push((format!("{name} {profile}"), protect(&clear, &options(profile)).unwrap()));
        }
        files.push((name.to_owned(), clear));
    }
    files
}

/// Every box at the top but the media.
fn trees(file: &[u8]) -> Vec<Node> {
    let mut problems = Vec::new();
    let tops = inspect(file).top;
    let boxes = tops.iter().filter(|top| top.kind.to_string() != "mdat").map(|top| {
        let bytes = &file[top.span.at as usize..top.span.end() as usize];
        let node = Node::read(bytes, top.span.at, &mut problems).unwrap();
        assert_eq!(node.to_bytes(), bytes, "the tree keeps every byte");
        node
    });
    let boxes = boxes.collect();
    assert_eq!(problems, []);
    boxes
}

#[test]
fn every_known_box_is_written_as_it_was_read() {
    let mut seen = BTreeSet::new();
    for (name, file) in files() {
        for tree in trees(&file) {
            tree.walk(&mut |node| {
                let Some(rewrite) = definition(node.kind).and_then(|def| def.rewrite) else {
                    return;
                };
                let Content::Leaf(body) = &node.content else { panic!("{} in {name}", node.kind) };
                let mut r = Reader::new(body, node.body_at());
                let again = rewrite(&mut r, Context { iv_size: 8 });
                let again = again.unwrap_or_else(|e| panic!("{} in {name}: {e}", node.kind));
                assert_eq!(&again, body, "{} in {name}", node.kind);
                seen.insert(node.kind);
            });
        }
    }
    let known = ismvault::format::boxes::BOXES.iter().filter(|def| def.rewrite.is_some());
    let unseen: Vec<String> = known
        .map(|def| def.kind)
        .filter(|kind| !seen.contains(kind))
        .map(|k| k.to_string())
        .collect();
    // No fixture has these; they have unit tests, or the corpus has them.
    let expected = ["styp", "co64", "mehd", "sdtp", "uuid[d4807ef2-ca39-4695-8e54-26cb9e46a79f]"];
    assert_eq!(unseen, expected);
}

#[test]
fn every_truncated_box_is_an_error() {
    // Boxes that end in a list or a text of any length may end earlier.
    let open_ended = ["ftyp", "styp", "hdlr", "schm", "sdtp"];
    for (name, file) in files() {
        for tree in trees(&file) {
            tree.walk(&mut |node| {
                let Some(rewrite) = definition(node.kind).and_then(|def| def.rewrite) else {
                    return;
                };
                let Content::Leaf(body) = &node.content else { return };
                if open_ended.contains(&node.kind.to_string().as_str()) {
                    return;
                }
                for len in 0..body.len() {
                    let mut r = Reader::new(&body[..len], 0);
                    let cut = rewrite(&mut r, Context { iv_size: 8 });
                    assert!(cut.is_err(), "{} in {name} cut to {len} bytes", node.kind);
                }
            });
        }
    }
}

#[test]
fn the_fields_of_a_known_box_are_its_bytes_without_gaps() {
    let mut seen = BTreeSet::new();
    for (name, file) in files() {
        for tree in trees(&file) {
            tree.walk(&mut |node| {
                let Some(fields) = definition(node.kind).and_then(|def| def.fields) else { return };
                let body = match &node.content {
                    Content::Leaf(body) => body,
                    Content::Parent { head, .. } => head,
                };
                let mut r = Reader::recording(body, node.body_at(), 0, usize::MAX);
                let read = fields(&mut r, Context { iv_size: 8 });
                read.unwrap_or_else(|e| panic!("{} in {name}: {e}", node.kind));
                let (fields, total) = r.into_fields();
                assert_eq!(fields.len(), total);
                let mut at = node.body_at();
                for field in fields {
                    // Fields of a few bits share their bytes.
                    assert!(field.at <= at, "{} of {} in {name}", field.name, node.kind);
                    at = at.max(field.at + field.len);
                }
                assert_eq!(at, node.body_at() + body.len() as u64, "{} in {name}", node.kind);
                seen.insert(node.kind.to_string());
            });
        }
    }
    for kind in ["stsd", "avc1", "encv", "avcC", "hvcC", "esds", "trun", "senc", "tfra", "sidx"] {
        assert!(seen.contains(kind), "{kind} is in no fixture");
    }
}
