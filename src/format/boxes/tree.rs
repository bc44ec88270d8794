//! Boxes as a tree whose bytes survive.
//!
//! What is not edited is written back as it was: unknown boxes, order,
//! padding, odd tails. A box inside that breaks the rules becomes an opaque
//! leaf, and a problem is noted.

use super::{BoxHeader, Mp4Box, Shape, SizeForm, definition};
use crate::error::{Code, Error, Result};
use crate::format::bytes::limits;
use crate::format::ids::BoxType;

/// One box, with everything in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: BoxType,
    /// Absolute offset of its first header byte; 0 for a box made here.
    pub at: u64,
    /// Whether its size is written in 64 bits though 32 would do.
    pub large: bool,
    /// What is in it.
    pub content: Content,
}

/// The body of a [`Node`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Fields, or bytes we do not look into.
    Leaf(Vec<u8>),
    /// Fields, then boxes, then bytes that are not a box.
    Parent {
        /// Fields before the first box.
        head: Vec<u8>,
        /// The boxes.
        children: Vec<Node>,
        /// What is left: too short for a box, or broken.
        tail: Vec<u8>,
    },
}

impl Node {
    /// A new leaf.
    pub fn leaf(kind: BoxType, body: Vec<u8>) -> Self {
        Self { kind, at: 0, large: false, content: Content::Leaf(body) }
    }

    /// A new parent without fields of its own.
    pub fn parent(code: &[u8; 4], children: Vec<Node>) -> Self {
        let content = Content::Parent { head: Vec::new(), children, tail: Vec::new() };
        Self { kind: BoxType::code(code), at: 0, large: false, content }
    }

    /// Reads the one box that `bytes` are, from its header at offset `at`.
    /// Problems inside it are noted, each with its place.
    ///
    /// # Errors
    /// Where the header is no header, or says more bytes than there are.
    pub fn read(bytes: &[u8], at: u64, problems: &mut Vec<Error>) -> Result<Self> {
        let header = BoxHeader::read(bytes, at, bytes.len() as u64)?;
        if header.size != bytes.len() as u64 {
            return Err(past_parent(&header, bytes.len()).at(at));
        }
        let mut nodes = limits::NODES;
        Ok(Self::read_body(&header, bytes, at, None, 0, &mut nodes, problems))
    }

    /// Reads the box that `bytes` begin with, whatever is behind it.
    ///
    /// # Errors
    /// Where the header is no header, or says more bytes than there are.
    pub fn read_first(bytes: &[u8], at: u64, problems: &mut Vec<Error>) -> Result<Self> {
        let header = BoxHeader::read(bytes, at, bytes.len() as u64)?;
        let own = bytes.get(..header.size as usize);
        Self::read(own.ok_or_else(|| past_parent(&header, bytes.len()).at(at))?, at, problems)
    }

    fn read_body(
        header: &BoxHeader,
        bytes: &[u8],
        at: u64,
        parent: Option<(BoxType, &[u8])>,
        depth: usize,
        nodes: &mut usize,
        problems: &mut Vec<Error>,
    ) -> Self {
        let body = &bytes[header.header_len as usize..];
        let large = header.form == SizeForm::Large;
        let node = |content| Self { kind: header.kind, at, large, content };
        let Some(head_len) = head_len(header.kind, parent, body) else {
            return node(Content::Leaf(body.to_vec()));
        };
        let mut note = |e: Error| {
            if problems.len() < limits::PROBLEMS {
                problems.push(e.within(header.kind));
            }
        };
        if depth == limits::DEPTH {
            note(
                Error::limit(
                    Code::TooDeep,
                    "Boxes are nested deeper than any real file nests them.",
                )
                .at(at),
            );
            return node(Content::Leaf(body.to_vec()));
        }
        if body.len() < head_len {
            note(
                Error::malformed(
                    Code::BoxTooShort,
                    format!("This box needs {head_len} bytes of fields but has {}.", body.len()),
                )
                .at(at),
            );
            return node(Content::Leaf(body.to_vec()));
        }
        let (head, mut rest) = body.split_at(head_len);
        let mut child_at = at + header.header_len + head_len as u64;
        let mut children = Vec::new();
        while rest.len() >= 8 {
            let Some(left) = nodes.checked_sub(1) else {
                note(
                    Error::limit(Code::TooManyBoxes, "There are more boxes here than are read.")
                        .at(child_at),
                );
                break;
            };
            *nodes = left;
            let child = match BoxHeader::read(rest, child_at, rest.len() as u64) {
                Ok(child) if child.form == SizeForm::ToEnd => {
                    note(
                        Error::malformed(
                            Code::Size0Inside,
                            format!(
                                "The box {} has size 0, which only the last box of a file may have.",
                                child.kind
                            ),
                        )
                        .at(child_at),
                    );
                    break;
                }
                Ok(child) if child.size > rest.len() as u64 => {
                    note(past_parent(&child, rest.len()).at(child_at));
                    break;
                }
                Ok(child) => child,
                Err(e) => {
                    note(e);
                    break;
                }
            };
            let (bytes, after) = rest.split_at(child.size as usize);
            let mut inner = Vec::new();
            let parent = Some((header.kind, head));
            let child_node =
                Self::read_body(&child, bytes, child_at, parent, depth + 1, nodes, &mut inner);
            children.push(child_node);
            inner.into_iter().for_each(&mut note);
            child_at += child.size;
            rest = after;
        }
        // Four zero bytes end a list of boxes in old QuickTime files.
        if !rest.is_empty() && rest.len() < 8 && rest.iter().any(|b| *b != 0) {
            note(
                Error::malformed(
                    Code::BytesLeftOver,
                    format!("{} bytes are left over after the last box in here.", rest.len()),
                )
                .at(child_at),
            );
        }
        node(Content::Parent { head: head.to_vec(), children, tail: rest.to_vec() })
    }

    /// Bytes of the header as it would be written now.
    pub fn header_len(&self) -> u64 {
        8 + if self.large { 8 } else { 0 }
            + if matches!(self.kind, BoxType::Uuid(_)) { 16 } else { 0 }
    }

    /// Absolute offset of the first byte after the header.
    pub fn body_at(&self) -> u64 {
        self.at + self.header_len()
    }

    /// Bytes of the whole box as it would be written now.
    pub fn size(&self) -> u64 {
        self.header_len()
            + match &self.content {
                Content::Leaf(body) => body.len() as u64,
                Content::Parent { head, children, tail } => {
                    (head.len() + tail.len()) as u64 + children.iter().map(Node::size).sum::<u64>()
                }
            }
    }

    /// Writes the box, sizes made anew.
    pub fn write(&self, out: &mut Vec<u8>) {
        let size = self.size();
        let large = self.large || size > u32::MAX.into();
        let short = if large { 1 } else { size as u32 };
        out.extend_from_slice(&short.to_be_bytes());
        match self.kind {
            BoxType::Code(code) => out.extend_from_slice(&code.0),
            BoxType::Uuid(_) => out.extend_from_slice(b"uuid"),
        }
        if large {
            out.extend_from_slice(&size.to_be_bytes());
        }
        if let BoxType::Uuid(uuid) = self.kind {
            out.extend_from_slice(&uuid.0);
        }
        match &self.content {
            Content::Leaf(body) => out.extend_from_slice(body),
            Content::Parent { head, children, tail } => {
                out.extend_from_slice(head);
                children.iter().for_each(|child| child.write(out));
                out.extend_from_slice(tail);
            }
        }
    }

    /// The box as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size() as usize);
        self.write(&mut out);
        out
    }

    /// The fields before the first box.
    pub fn head(&self) -> &[u8] {
        match &self.content {
            Content::Leaf(_) => &[],
            Content::Parent { head, .. } => head,
        }
    }

    /// The boxes inside.
    pub fn children(&self) -> &[Node] {
        match &self.content {
            Content::Leaf(_) => &[],
            Content::Parent { children, .. } => children,
        }
    }

    /// The boxes inside, to edit. A leaf has none, and keeps none.
    pub fn children_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.content {
            Content::Leaf(_) => None,
            Content::Parent { children, .. } => Some(children),
        }
    }

    /// The first box of this kind inside.
    pub fn find(&self, kind: BoxType) -> Option<&Node> {
        self.children().iter().find(|n| n.kind == kind)
    }

    /// The first box along a path of codes.
    pub fn path(&self, codes: &[&[u8; 4]]) -> Option<&Node> {
        codes.iter().try_fold(self, |node, code| node.find(BoxType::code(code)))
    }

    /// The first box along a path of codes, to edit.
    pub fn path_mut(&mut self, codes: &[&[u8; 4]]) -> Option<&mut Node> {
        let mut node = self;
        for code in codes {
            let kind = BoxType::code(code);
            node = node.children_mut()?.iter_mut().find(|n| n.kind == kind)?;
        }
        Some(node)
    }

    /// All boxes of this kind inside.
    pub fn all(&self, kind: BoxType) -> impl Iterator<Item = &Node> {
        self.children().iter().filter(move |n| n.kind == kind)
    }

    /// The first box of type `B` inside, read; an error if there is none.
    ///
    /// # Errors
    /// Where the box is missing, or cannot be read.
    pub fn get<B: Mp4Box>(&self) -> Result<B> {
        self.get_opt()?.ok_or_else(|| {
            Error::malformed(
                Code::BoxMissing,
                format!("The box {} has no {} in it.", self.kind, B::KIND),
            )
            .at(self.at)
        })
    }

    /// The first box of type `B` inside, read, if there is one.
    ///
    /// # Errors
    /// Where the box is there and cannot be read.
    pub fn get_opt<B: Mp4Box>(&self) -> Result<Option<B>> {
        self.find(B::KIND).map(B::parse).transpose().map_err(|e| e.within(self.kind))
    }

    /// Every box in the tree, this one first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Node)) {
        visit(self);
        self.children().iter().for_each(|child| child.walk(visit));
    }
}

fn past_parent(header: &BoxHeader, room: usize) -> Error {
    Error::malformed(
        Code::BoxPastParent,
        format!(
            "The box {} says it is {} bytes long, but only {room} are left in what holds it.",
            header.kind, header.size
        ),
    )
}

fn head_len(kind: BoxType, parent: Option<(BoxType, &[u8])>, body: &[u8]) -> Option<usize> {
    let stsd = BoxType::code(b"stsd");
    match definition(kind)?.shape {
        Shape::Leaf => None,
        Shape::Parent(len) => Some(len),
        Shape::Visual => parent.is_some_and(|(p, _)| p == stsd).then_some(78),
        Shape::Text => {
            parent.filter(|(p, _)| *p == stsd)?;
            text_head_len(body)
        }
        Shape::Audio => {
            let (_, head) = parent.filter(|(p, _)| *p == stsd)?;
            // QuickTime keeps a version in the reserved bytes, and adds fields;
            // ISO's own version 1 entry (in a version 1 stsd) does not.
            let quicktime = head.first() == Some(&0);
            match body.get(8..10) {
                Some([0, 1]) if quicktime => Some(44),
                Some([0, 2]) if quicktime => Some(64),
                _ => Some(28),
            }
        }
    }
}

/// Where boxes begin in a text sample entry: after its eight bytes, or after
/// the two or three texts some kinds have. Protection hides which kind it is,
/// so the boxes themselves decide: they must fill the rest.
fn text_head_len(body: &[u8]) -> Option<usize> {
    let mut at = 8;
    for _ in 0..4 {
        if are_boxes(body.get(at..)?) {
            return Some(at);
        }
        at += body.get(at..)?.iter().position(|b| *b == 0)? + 1;
    }
    None
}

fn are_boxes(mut bytes: &[u8]) -> bool {
    while bytes.len() >= 8 {
        let printable =
            crate::format::ids::FourCc([bytes[4], bytes[5], bytes[6], bytes[7]]).is_printable();
        match BoxHeader::read(bytes, 0, bytes.len() as u64) {
            Ok(header) if printable && header.size <= bytes.len() as u64 => {
                bytes = &bytes[header.size as usize..];
            }
            _ => return false,
        }
    }
    bytes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        Node::leaf(BoxType::code(kind), body.to_vec()).to_bytes()
    }

    #[test]
    fn unknown_boxes_and_odd_tails_survive() {
        let mut inner = boxed(b"trak", &boxed(b"what", b"ever"));
        inner.extend_from_slice(&[0, 0, 0, 0]);
        let bytes = boxed(b"moov", &inner);
        let mut problems = Vec::new();
        let node = Node::read(&bytes, 0, &mut problems).unwrap();
        assert_eq!(node.to_bytes(), bytes);
        assert!(problems.is_empty());
        assert_eq!(node.path(&[b"trak"]).unwrap().children().len(), 1);
    }

    #[test]
    fn a_child_that_overruns_is_noted_and_kept() {
        let mut child = boxed(b"trak", b"12345678");
        child[3] = 99;
        let bytes = boxed(b"moov", &child);
        let mut problems = Vec::new();
        let node = Node::read(&bytes, 50, &mut problems).unwrap();
        assert_eq!(node.to_bytes(), bytes);
        assert_eq!(problems[0].code, Code::BoxPastParent);
        assert_eq!(problems[0].at, Some(58));
    }

    #[test]
    fn nesting_has_a_floor() {
        let mut bytes = boxed(b"schi", b"");
        for _ in 0..5000 {
            bytes = boxed(b"schi", &bytes);
        }
        let mut problems = Vec::new();
        let node = Node::read(&bytes, 0, &mut problems).unwrap();
        assert_eq!(problems[0].code, Code::TooDeep);
        assert_eq!(node.to_bytes(), bytes);
    }
}
