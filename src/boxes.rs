//! Boxes: headers, the table of those we know, and how one is read and written.
//!
//! Boxes are grouped by where in a file one meets them: [`movie`], [`fragment`],
//! [`index`], [`protection`], [`piff`]. [`tree`] holds boxes whose bytes must survive.
//!
//! To add a box: its struct and `impl Mp4Box` in its group, and one row in
//! [`BOXES`]. The tests walk the table over every fixture.

pub mod fragment;
pub mod index;
pub mod movie;
pub mod piff;
pub mod protection;
pub mod tree;

use crate::bytes::{Reader, Writer};
use crate::error::{Error, Result};
use crate::ids::{BoxType, FourCc, Uuid};
use tree::{Content, Node};

/// Size and type of a box (ISO/IEC 14496-12 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxHeader {
    /// What it is. A `uuid` box too short for its UUID stays a plain `uuid`.
    pub kind: BoxType,
    /// Bytes of the header: 8, and 8 more for a 64-bit size, 16 for a UUID.
    pub header_len: u64,
    /// Bytes of the whole box, header included.
    pub size: u64,
    /// How the size is written.
    pub form: SizeForm,
}

/// The three ways a box tells its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeForm {
    /// 32 bits.
    Short,
    /// 32 bits of 1, then 64 bits.
    Large,
    /// 0: to the end of the file.
    ToEnd,
}

impl BoxHeader {
    /// The most bytes [`BoxHeader::read`] looks at.
    pub const MAX_LEN: u64 = 32;

    /// Reads the header at the start of `bytes`, which stands at `at` with
    /// `room` bytes to the end of what holds it. Whether the box fits in that
    /// room is for the caller to judge; that it ends after it begins is sure.
    pub fn read(bytes: &[u8], at: u64, room: u64) -> Result<Self> {
        let cut = |_| {
            Error::malformed(
                "box_header_cut",
                format!("{room} bytes are left here, too few for a box header."),
            )
            .at(at)
        };
        let mut r = Reader::new(bytes, at);
        let short = r.u32("size").map_err(cut)?;
        let code = r.fourcc("type").map_err(cut)?;
        let (form, size) = match short {
            0 => (SizeForm::ToEnd, room),
            1 => (SizeForm::Large, r.u64("largesize").map_err(cut)?),
            n => (SizeForm::Short, n.into()),
        };
        let mut header_len = if form == SizeForm::Large { 16 } else { 8 };
        if size < header_len {
            return Err(Error::malformed(
                "box_size_too_small",
                format!("The box {code} says it is {size} bytes long, less than its own header."),
            )
            .at(at));
        }
        if at.checked_add(size).is_none() {
            return Err(Error::malformed(
                "box_size_too_large",
                format!("The box {code} says it is {size} bytes long, more than any file."),
            )
            .at(at));
        }
        let mut kind = BoxType::Code(code);
        if code.0 == *b"uuid" && size >= header_len + 16 {
            kind = BoxType::Uuid(Uuid(r.array("usertype").map_err(cut)?));
            header_len += 16;
        }
        Ok(Self { kind, header_len, size, form })
    }

    /// Bytes of the body.
    pub fn body_len(&self) -> u64 {
        self.size - self.header_len
    }
}

/// A box with fields we read and write.
pub trait Mp4Box: Sized {
    /// What its header says.
    const KIND: BoxType;

    /// Reads the body, all of it.
    fn read(r: &mut Reader<'_>) -> Result<Self>;

    /// Writes the body.
    fn write(&self, w: &mut Writer);

    /// Reads the box from a leaf of a tree.
    fn parse(node: &Node) -> Result<Self> {
        let mut r = Reader::new(node.body()?, node.body_at());
        Self::read(&mut r)
            .and_then(|value| r.end().map(|()| value))
            .map_err(|e| e.within(node.kind))
    }

    /// A new box for a tree.
    fn to_node(&self) -> Node {
        self.to_node_as(Self::KIND)
    }

    /// A new box in another envelope of the same payload.
    fn to_node_as(&self, kind: BoxType) -> Node {
        let mut w = Writer::new();
        self.write(&mut w);
        Node::leaf(kind, w.into_bytes())
    }
}

/// Where a box keeps other boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No boxes inside.
    Leaf,
    /// Boxes after this many bytes of fields.
    Parent(usize),
    /// A visual sample entry: 78 bytes of fields, then boxes.
    Visual,
    /// An audio sample entry: 28 bytes of fields (more in QuickTime), then boxes.
    Audio,
}

/// What a body depends on besides its own bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    /// Bytes per IV, from the track's `tenc`.
    pub iv_size: u8,
}

/// Reads a body and writes it again.
pub type Rewrite = fn(&mut Reader<'_>, Context) -> Result<Vec<u8>>;

/// One row of [`BOXES`].
#[derive(Clone, Copy, Debug)]
pub struct BoxDef {
    /// What its header says.
    pub kind: BoxType,
    /// Its name in the standard.
    pub name: &'static str,
    /// Where it is defined.
    pub source: &'static str,
    /// Where boxes are inside.
    pub shape: Shape,
    /// The proof that we know it.
    pub rewrite: Option<Rewrite>,
}

fn rewrite<B: Mp4Box>(r: &mut Reader<'_>, _: Context) -> Result<Vec<u8>> {
    let value = B::read(r)?;
    r.end()?;
    let mut w = Writer::new();
    value.write(&mut w);
    Ok(w.into_bytes())
}

fn rewrite_senc(r: &mut Reader<'_>, context: Context) -> Result<Vec<u8>> {
    let value = protection::Senc::read(r, context.iv_size)?;
    r.end()?;
    let mut w = Writer::new();
    value.write(&mut w);
    Ok(w.into_bytes())
}

const fn leaf(code: &[u8; 4], name: &'static str, source: &'static str) -> BoxDef {
    BoxDef { kind: BoxType::code(code), name, source, shape: Shape::Leaf, rewrite: None }
}

const fn parent(code: &[u8; 4], head: usize, name: &'static str, source: &'static str) -> BoxDef {
    BoxDef { shape: Shape::Parent(head), ..leaf(code, name, source) }
}

const fn entry(code: &[u8; 4], shape: Shape, name: &'static str, source: &'static str) -> BoxDef {
    BoxDef { shape, ..leaf(code, name, source) }
}

const fn typed<B: Mp4Box>(name: &'static str, source: &'static str) -> BoxDef {
    typed_as::<B>(B::KIND, name, source)
}

const fn typed_as<B: Mp4Box>(kind: BoxType, name: &'static str, source: &'static str) -> BoxDef {
    BoxDef { kind, name, source, shape: Shape::Leaf, rewrite: Some(rewrite::<B>) }
}

/// Every box we know.
pub const BOXES: &[BoxDef] = &[
    typed::<movie::Ftyp>("File Type", "ISO/IEC 14496-12 §4.3"),
    typed_as::<movie::Ftyp>(BoxType::code(b"styp"), "Segment Type", "ISO/IEC 14496-12 §8.16.2"),
    parent(b"moov", 0, "Movie", "ISO/IEC 14496-12 §8.2.1"),
    typed::<movie::Mvhd>("Movie Header", "ISO/IEC 14496-12 §8.2.2"),
    parent(b"trak", 0, "Track", "ISO/IEC 14496-12 §8.3.1"),
    typed::<movie::Tkhd>("Track Header", "ISO/IEC 14496-12 §8.3.2"),
    parent(b"edts", 0, "Edit", "ISO/IEC 14496-12 §8.6.5"),
    parent(b"mdia", 0, "Media", "ISO/IEC 14496-12 §8.4.1"),
    typed::<movie::Mdhd>("Media Header", "ISO/IEC 14496-12 §8.4.2"),
    typed::<movie::Hdlr>("Handler Reference", "ISO/IEC 14496-12 §8.4.3"),
    parent(b"minf", 0, "Media Information", "ISO/IEC 14496-12 §8.4.4"),
    parent(b"stbl", 0, "Sample Table", "ISO/IEC 14496-12 §8.5.1"),
    parent(b"stsd", 8, "Sample Description", "ISO/IEC 14496-12 §8.5.2"),
    typed::<movie::Stts>("Decoding Time to Sample", "ISO/IEC 14496-12 §8.6.1.2"),
    typed::<movie::Stsz>("Sample Size", "ISO/IEC 14496-12 §8.7.3.2"),
    parent(b"mvex", 0, "Movie Extends", "ISO/IEC 14496-12 §8.8.1"),
    typed::<movie::Mehd>("Movie Extends Header", "ISO/IEC 14496-12 §8.8.2"),
    typed::<movie::Trex>("Track Extends", "ISO/IEC 14496-12 §8.8.3"),
    entry(b"avc1", Shape::Visual, "AVC video", "ISO/IEC 14496-15 §5.4.2"),
    entry(b"avc3", Shape::Visual, "AVC video, in-band parameter sets", "ISO/IEC 14496-15 §5.4.2"),
    entry(b"dva1", Shape::Visual, "Dolby Vision on AVC", "Dolby Vision in ISOBMFF"),
    entry(b"dvav", Shape::Visual, "Dolby Vision on AVC", "Dolby Vision in ISOBMFF"),
    entry(b"hvc1", Shape::Visual, "HEVC video", "ISO/IEC 14496-15 §8.4.1"),
    entry(b"hev1", Shape::Visual, "HEVC video, in-band parameter sets", "ISO/IEC 14496-15 §8.4.1"),
    entry(b"dvh1", Shape::Visual, "Dolby Vision on HEVC", "Dolby Vision in ISOBMFF"),
    entry(b"dvhe", Shape::Visual, "Dolby Vision on HEVC", "Dolby Vision in ISOBMFF"),
    entry(b"vvc1", Shape::Visual, "VVC video", "ISO/IEC 14496-15 §11"),
    entry(b"vvi1", Shape::Visual, "VVC video, in-band parameter sets", "ISO/IEC 14496-15 §11"),
    entry(b"av01", Shape::Visual, "AV1 video", "AV1 in ISOBMFF"),
    entry(b"vp09", Shape::Visual, "VP9 video", "VP codec ISO media binding"),
    entry(b"vc-1", Shape::Visual, "VC-1 video", "SMPTE RP 2025"),
    entry(b"ovc1", Shape::Visual, "VC-1 video", "facts §9"),
    entry(b"mp4v", Shape::Visual, "MPEG-4 video", "ISO/IEC 14496-14"),
    entry(b"encv", Shape::Visual, "Protected video", "ISO/IEC 14496-12 §8.12"),
    entry(b"mp4a", Shape::Audio, "MPEG audio", "ISO/IEC 14496-14"),
    entry(b"ac-3", Shape::Audio, "AC-3 audio", "ETSI TS 102 366 F"),
    entry(b"ec-3", Shape::Audio, "E-AC-3 audio", "ETSI TS 102 366 F"),
    entry(b"Opus", Shape::Audio, "Opus audio", "Opus in ISOBMFF"),
    entry(b"fLaC", Shape::Audio, "FLAC audio", "FLAC in ISOBMFF"),
    entry(b"wma ", Shape::Audio, "Windows Media audio", "facts §9"),
    entry(b"owma", Shape::Audio, "Windows Media audio", "facts §9"),
    entry(b"enca", Shape::Audio, "Protected audio", "ISO/IEC 14496-12 §8.12"),
    leaf(b"avcC", "AVC Configuration", "ISO/IEC 14496-15 §5.3.3"),
    leaf(b"hvcC", "HEVC Configuration", "ISO/IEC 14496-15 §8.3.3"),
    leaf(b"esds", "Elementary Stream Descriptor", "ISO/IEC 14496-14"),
    leaf(b"dac3", "AC-3 Specific", "ETSI TS 102 366 F.4"),
    leaf(b"dec3", "E-AC-3 Specific", "ETSI TS 102 366 F.6"),
    leaf(b"wfex", "WAVEFORMATEX", "facts §9"),
    typed::<movie::Btrt>("Bit Rate", "ISO/IEC 14496-12 §8.5.2.2"),
    parent(b"sinf", 0, "Protection Scheme Information", "ISO/IEC 14496-12 §8.12.1"),
    typed::<protection::Frma>("Original Format", "ISO/IEC 14496-12 §8.12.2"),
    typed::<protection::Schm>("Scheme Type", "ISO/IEC 14496-12 §8.12.5"),
    parent(b"schi", 0, "Scheme Information", "ISO/IEC 14496-12 §8.12.6"),
    typed::<protection::Tenc>("Track Encryption", "ISO/IEC 23001-7 §8.2"),
    typed_as::<protection::Tenc>(protection::PIFF_TENC, "Track Encryption", "PIFF 1.1 §5.3"),
    typed::<protection::Pssh>("Protection System Specific Header", "ISO/IEC 23001-7 §8.1"),
    typed_as::<protection::Pssh>(
        protection::PIFF_PSSH,
        "Protection System Specific Header",
        "PIFF 1.1 §5.3",
    ),
    parent(b"moof", 0, "Movie Fragment", "ISO/IEC 14496-12 §8.8.4"),
    typed::<fragment::Mfhd>("Movie Fragment Header", "ISO/IEC 14496-12 §8.8.5"),
    parent(b"traf", 0, "Track Fragment", "ISO/IEC 14496-12 §8.8.6"),
    typed::<fragment::Tfhd>("Track Fragment Header", "ISO/IEC 14496-12 §8.8.7"),
    typed::<fragment::Tfdt>("Track Fragment Decode Time", "ISO/IEC 14496-12 §8.8.12"),
    typed::<fragment::Trun>("Track Fragment Run", "ISO/IEC 14496-12 §8.8.8"),
    leaf(b"sdtp", "Independent and Disposable Samples", "ISO/IEC 14496-12 §8.6.4"),
    typed::<fragment::Saiz>("Sample Auxiliary Information Sizes", "ISO/IEC 14496-12 §8.7.8"),
    typed::<fragment::Saio>("Sample Auxiliary Information Offsets", "ISO/IEC 14496-12 §8.7.9"),
    BoxDef {
        rewrite: Some(rewrite_senc),
        ..leaf(b"senc", "Sample Encryption", "ISO/IEC 23001-7 §7.2")
    },
    BoxDef {
        kind: protection::PIFF_SENC,
        rewrite: Some(rewrite_senc),
        ..leaf(b"uuid", "Sample Encryption", "PIFF 1.1 §5.3")
    },
    typed::<piff::Tfxd>("Fragment Absolute Time and Duration", "[MS-SSTR] §2.2.4.4"),
    typed::<piff::Tfrf>("Following Fragments' Times", "[MS-SSTR] §2.2.4.5"),
    BoxDef {
        kind: piff::LIVE_MANIFEST,
        ..leaf(b"uuid", "Live Server Manifest", "[MS-SSTR] §2.2.7")
    },
    leaf(b"mdat", "Media Data", "ISO/IEC 14496-12 §8.1.1"),
    leaf(b"free", "Free Space", "ISO/IEC 14496-12 §8.1.2"),
    leaf(b"skip", "Free Space", "ISO/IEC 14496-12 §8.1.2"),
    typed::<index::Sidx>("Segment Index", "ISO/IEC 14496-12 §8.16.3"),
    parent(b"mfra", 0, "Movie Fragment Random Access", "ISO/IEC 14496-12 §8.8.9"),
    typed::<index::Tfra>("Track Fragment Random Access", "ISO/IEC 14496-12 §8.8.10"),
    typed::<index::Mfro>("Movie Fragment Random Access Offset", "ISO/IEC 14496-12 §8.8.11"),
];

/// The row of a box, if we know it.
pub fn definition(kind: BoxType) -> Option<&'static BoxDef> {
    BOXES.iter().find(|def| def.kind == kind)
}

/// Box codes a walk of unknown bytes may take as the start of an MP4 file.
pub fn starts_a_file(kind: BoxType) -> bool {
    matches!(kind, BoxType::Uuid(_))
        || definition(kind).is_some()
        || matches!(kind, BoxType::Code(FourCc(c))
            if matches!(&c, b"wide" | b"pdin" | b"meta" | b"emsg" | b"prft" | b"uuid" | b"jP  "))
}

impl Node {
    /// The body of a leaf, or an error where boxes are expected inside.
    pub(crate) fn body(&self) -> Result<&[u8]> {
        match &self.content {
            Content::Leaf(bytes) => Ok(bytes),
            Content::Parent { .. } => Err(Error::malformed(
                "unexpected_children",
                format!("The box {} should hold fields, not boxes.", self.kind),
            )
            .at(self.at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_box_is_listed_twice() {
        for (i, def) in BOXES.iter().enumerate() {
            assert!(!BOXES[..i].iter().any(|d| d.kind == def.kind), "{}", def.kind);
            assert!(!def.name.is_empty() && !def.source.is_empty(), "{}", def.kind);
        }
    }

    #[test]
    fn header_sizes_that_lie_are_errors() {
        let header = |bytes: &[u8]| BoxHeader::read(bytes, 0, 100);
        assert_eq!(header(b"\0\0\0\x04mdat").unwrap_err().code, "box_size_too_small");
        assert_eq!(
            header(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x08").unwrap_err().code,
            "box_size_too_small"
        );
        let huge = BoxHeader::read(b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff", 1, 100);
        assert_eq!(huge.unwrap_err().code, "box_size_too_large");
        assert_eq!(header(b"\0\0\0").unwrap_err().code, "box_header_cut");
        let to_end = header(b"\0\0\0\0mdat").unwrap();
        assert_eq!((to_end.size, to_end.form), (100, SizeForm::ToEnd));
    }

    #[test]
    fn a_uuid_box_without_room_for_its_uuid_stays_plain() {
        let header = BoxHeader::read(b"\0\0\0\x12uuid0123456789", 0, 18).unwrap();
        assert_eq!((header.kind, header.header_len), (BoxType::code(b"uuid"), 8));
    }
}
