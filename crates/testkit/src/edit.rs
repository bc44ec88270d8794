//! Files as lists of their top boxes, to edit and put together again.

use crate::{fixture, inspect};
use ismvault::format::boxes::Mp4Box;
use ismvault::format::boxes::fragment::Trun;
use ismvault::format::boxes::protection::{PIFF_SENC, SENC, Senc};
use ismvault::format::boxes::tree::Node;
use ismvault::format::ids::BoxType;

pub fn code(code: &[u8; 4]) -> BoxType {
    BoxType::code(code)
}

/// Every box at the top.
pub fn open(file: &[u8]) -> Vec<Node> {
    let read = |top: &ismvault::model::TopBox| {
        let bytes = &file[top.span.at as usize..top.span.end() as usize];
        Node::read(bytes, top.span.at, &mut Vec::new()).unwrap()
    };
    inspect(file).top.iter().map(read).collect()
}

pub fn close(nodes: &[Node]) -> Vec<u8> {
    nodes.iter().flat_map(Node::to_bytes).collect()
}

/// Edits every box of a kind, wherever it is.
pub fn each(nodes: &mut [Node], kind: BoxType, edit: &mut impl FnMut(&mut Node)) {
    for node in nodes {
        if node.kind == kind {
            edit(node);
        }
        if let Some(children) = node.children_mut() {
            each(children, kind, edit);
        }
    }
}

/// Edits a typed box, wherever it is.
pub fn typed<B: Mp4Box>(nodes: &mut [Node], mut edit: impl FnMut(&mut B)) {
    each(nodes, B::KIND, &mut |node| {
        let mut value = B::parse(node).unwrap();
        edit(&mut value);
        node.content = value.to_node().content;
    });
}

/// Edits the first box of a kind alone.
pub fn first(nodes: &mut [Node], kind: BoxType, mut edit: impl FnMut(&mut Node)) {
    let mut done = false;
    each(nodes, kind, &mut |node| {
        if !std::mem::replace(&mut done, true) {
            edit(node);
        }
    });
}

/// Edits the sample encryption of the first fragment, in both envelopes.
pub fn senc(nodes: &mut [Node], mut edit: impl FnMut(&mut Senc)) {
    for kind in [SENC, PIFF_SENC] {
        first(nodes, kind, |node| {
            let mut senc = Senc::parse(node, 8).unwrap();
            edit(&mut senc);
            node.content = senc.to_node_as(kind).content;
        });
    }
}

/// Removes boxes of a kind.
pub fn remove(nodes: &mut Vec<Node>, kind: BoxType) {
    nodes.retain(|node| node.kind != kind);
    for node in nodes {
        if let Some(children) = node.children_mut() {
            remove(children, kind);
        }
    }
}

/// Where the first box of a kind stands in a list.
pub fn find(nodes: &[Node], kind: BoxType) -> usize {
    nodes.iter().position(|node| node.kind == kind).unwrap()
}

/// A file by its top boxes, whose fragments keep pointing at their media.
pub struct Parts(pub Vec<Node>);

impl Parts {
    pub fn of(file: &[u8]) -> Self {
        Self(open(file))
    }

    /// Without `mfra`, whose offsets would be stale after an edit.
    pub fn unindexed(file: &[u8]) -> Self {
        let mut parts = Self::of(file);
        parts.0.retain(|node| node.kind != code(b"mfra"));
        parts
    }

    /// Of `audio_only.isma`: one AAC track, several fragments.
    pub fn audio() -> Self {
        Self::unindexed(&fixture("audio_only.isma"))
    }

    pub fn position(&self, kind: &[u8; 4]) -> usize {
        find(&self.0, code(kind))
    }

    pub fn bytes(&self) -> Vec<u8> {
        close(&self.0)
    }

    /// Every `traf`, with the number of its fragment; afterwards `trun` points at
    /// the first byte of the `mdat` again.
    pub fn each_traf(&mut self, mut edit: impl FnMut(usize, &mut Vec<Node>)) {
        let moofs = self.0.iter_mut().filter(|node| node.kind == code(b"moof"));
        for (number, moof) in moofs.enumerate() {
            let before = moof.size();
            for traf in moof.children_mut().unwrap() {
                if traf.kind == code(b"traf") {
                    edit(number, traf.children_mut().unwrap());
                }
            }
            let grown = moof.size() as i64 - before as i64;
            for traf in moof.children_mut().unwrap() {
                for node in traf.children_mut().into_iter().flatten() {
                    if node.kind == Trun::KIND {
                        let mut trun = Trun::parse(node).unwrap();
                        trun.data_offset = trun.data_offset.map(|o| o + grown as i32);
                        *node = trun.to_node();
                    }
                }
            }
        }
    }
}
