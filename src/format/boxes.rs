//! Boxes: headers, the table of those we know, and how one is read and written.
//!
//! Boxes are grouped by where in a file one meets them: [`movie`], [`tables`],
//! [`codec`], [`fragment`], [`index`], [`protection`], [`piff`]. [`tree`] holds
//! boxes whose bytes must survive.
//!
//! To add a box: in its group a struct and `impl Mp4Box`, or, where it is only
//! shown, a function that reads its fields; and one row in [`BOXES`]. The tests
//! walk the table over every fixture.

pub mod codec;
pub mod fragment;
pub mod index;
pub mod movie;
pub mod piff;
pub mod protection;
pub mod tables;
pub mod tree;

use crate::error::{Code, Error, Result};
use crate::format::bytes::{Reader, Writer};
use crate::format::ids::{BoxType, FourCc, Uuid};
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
    ///
    /// # Errors
    /// Where the header is cut off, or the size it says is smaller than itself.
    pub fn read(bytes: &[u8], at: u64, room: u64) -> Result<Self> {
        let cut = |_| {
            Error::malformed(
                Code::BoxHeaderCut,
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
                Code::BoxSizeTooSmall,
                format!("The box {code} says it is {size} bytes long, less than its own header."),
            )
            .at(at));
        }
        if at.checked_add(size).is_none() {
            return Err(Error::malformed(
                Code::BoxSizeTooLarge,
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
    ///
    /// # Errors
    /// Where the body ends too early, has bytes left over, or says what cannot be.
    fn read(r: &mut Reader<'_>) -> Result<Self>;

    /// Writes the body.
    fn write(&self, w: &mut Writer);

    /// Reads the box from a leaf of a tree.
    ///
    /// # Errors
    /// Where the node holds boxes, or [`Mp4Box::read`] refuses its body.
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
    /// A text sample entry, or one whose kind protection hides: 8 bytes of
    /// fields, perhaps texts, then boxes.
    Text,
}

/// What a body depends on besides its own bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    /// Bytes per IV, from the track's `tenc`.
    pub iv_size: u8,
}

/// Reads a body for its fields; of a box that holds boxes, what stands before them.
pub type Fields = fn(&mut Reader<'_>, Context) -> Result<()>;

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
    /// Its fields by name; none where it has none, or they are not known.
    pub fields: Option<Fields>,
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
    let kind = BoxType::code(code);
    BoxDef { kind, name, source, shape: Shape::Leaf, fields: None, rewrite: None }
}

const fn parent(code: &[u8; 4], name: &'static str, source: &'static str) -> BoxDef {
    BoxDef { shape: Shape::Parent(0), ..leaf(code, name, source) }
}

const fn list(code: &[u8; 4], name: &'static str, source: &'static str) -> BoxDef {
    let fields: Fields = |r, _| tables::list(r);
    BoxDef { shape: Shape::Parent(8), fields: Some(fields), ..leaf(code, name, source) }
}

const fn video(code: &[u8; 4], name: &'static str, source: &'static str) -> BoxDef {
    let fields: Fields = |r, _| codec::visual(r);
    BoxDef { shape: Shape::Visual, fields: Some(fields), ..leaf(code, name, source) }
}

const fn audio(code: &[u8; 4], name: &'static str, source: &'static str) -> BoxDef {
    let fields: Fields = |r, _| codec::audio(r);
    BoxDef { shape: Shape::Audio, fields: Some(fields), ..leaf(code, name, source) }
}

const fn text(code: &[u8; 4], name: &'static str, source: &'static str) -> BoxDef {
    let fields: Fields = |r, _| codec::text(r);
    BoxDef { shape: Shape::Text, fields: Some(fields), ..leaf(code, name, source) }
}

/// A box that is shown, but not written.
const fn shown(code: &[u8; 4], fields: Fields, name: &'static str, source: &'static str) -> BoxDef {
    BoxDef { fields: Some(fields), ..leaf(code, name, source) }
}

const fn typed<B: Mp4Box>(name: &'static str, source: &'static str) -> BoxDef {
    typed_as::<B>(B::KIND, name, source)
}

const fn typed_as<B: Mp4Box>(kind: BoxType, name: &'static str, source: &'static str) -> BoxDef {
    let fields: Fields = |r, _| B::read(r).map(drop);
    let rewrite: Rewrite = rewrite::<B>;
    BoxDef { kind, fields: Some(fields), rewrite: Some(rewrite), ..leaf(b"    ", name, source) }
}

const fn senc(kind: BoxType, source: &'static str) -> BoxDef {
    let fields: Fields = |r, context| protection::Senc::read(r, context.iv_size).map(drop);
    let def = leaf(b"    ", "Sample Encryption", source);
    BoxDef { kind, fields: Some(fields), rewrite: Some(rewrite_senc), ..def }
}

/// Every box we know.
pub const BOXES: &[BoxDef] = &[
    typed::<movie::Ftyp>("File Type", "ISO/IEC 14496-12 §4.3"),
    typed_as::<movie::Ftyp>(BoxType::code(b"styp"), "Segment Type", "ISO/IEC 14496-12 §8.16.2"),
    parent(b"moov", "Movie", "ISO/IEC 14496-12 §8.2.1"),
    typed::<movie::Mvhd>("Movie Header", "ISO/IEC 14496-12 §8.2.2"),
    parent(b"trak", "Track", "ISO/IEC 14496-12 §8.3.1"),
    typed::<movie::Tkhd>("Track Header", "ISO/IEC 14496-12 §8.3.2"),
    parent(b"edts", "Edit", "ISO/IEC 14496-12 §8.6.5"),
    parent(b"mdia", "Media", "ISO/IEC 14496-12 §8.4.1"),
    typed::<movie::Mdhd>("Media Header", "ISO/IEC 14496-12 §8.4.2"),
    typed::<movie::Hdlr>("Handler Reference", "ISO/IEC 14496-12 §8.4.3"),
    parent(b"minf", "Media Information", "ISO/IEC 14496-12 §8.4.4"),
    parent(b"stbl", "Sample Table", "ISO/IEC 14496-12 §8.5.1"),
    list(b"stsd", "Sample Description", "ISO/IEC 14496-12 §8.5.2"),
    typed::<tables::Elst>("Edit List", "ISO/IEC 14496-12 §8.6.6"),
    parent(b"tref", "Track Reference", "ISO/IEC 14496-12 §8.3.3"),
    shown(b"hint", |r, _| tables::track_ids(r), "Reference to media", "ISO/IEC 14496-12 §8.3.3"),
    shown(
        b"cdsc",
        |r, _| tables::track_ids(r),
        "Reference to described track",
        "ISO/IEC 14496-12 §8.3.3",
    ),
    shown(
        b"subt",
        |r, _| tables::track_ids(r),
        "Reference to subtitles",
        "ISO/IEC 14496-12 §8.3.3",
    ),
    shown(b"elng", |r, _| tables::elng(r), "Extended Language Tag", "ISO/IEC 14496-12 §8.4.6"),
    shown(b"vmhd", |r, _| tables::vmhd(r), "Video Media Header", "ISO/IEC 14496-12 §12.1.2"),
    shown(b"smhd", |r, _| tables::smhd(r), "Sound Media Header", "ISO/IEC 14496-12 §12.2.2"),
    shown(b"nmhd", |r, _| tables::bare(r), "Null Media Header", "ISO/IEC 14496-12 §8.4.5.2"),
    shown(b"sthd", |r, _| tables::bare(r), "Subtitle Media Header", "ISO/IEC 14496-12 §12.6.2"),
    parent(b"dinf", "Data Information", "ISO/IEC 14496-12 §8.7.1"),
    list(b"dref", "Data Reference", "ISO/IEC 14496-12 §8.7.2"),
    shown(b"url ", |r, _| tables::url(r), "Data Entry URL", "ISO/IEC 14496-12 §8.7.2"),
    parent(b"udta", "User Data", "ISO/IEC 14496-12 §8.10.1"),
    typed::<tables::Ctts>("Composition Time to Sample", "ISO/IEC 14496-12 §8.6.1.3"),
    typed::<tables::Stss>("Sync Sample", "ISO/IEC 14496-12 §8.6.2"),
    shown(b"stz2", |r, _| tables::stz2(r), "Compact Sample Size", "ISO/IEC 14496-12 §8.7.3.3"),
    typed::<tables::Stsc>("Sample to Chunk", "ISO/IEC 14496-12 §8.7.4"),
    typed::<tables::Stco>("Chunk Offset", "ISO/IEC 14496-12 §8.7.5"),
    typed::<tables::Co64>("Chunk Large Offset", "ISO/IEC 14496-12 §8.7.5"),
    shown(
        b"sbgp",
        |r, _| tables::Sbgp::read(r).map(drop),
        "Sample to Group",
        "ISO/IEC 14496-12 §8.9.2",
    ),
    shown(
        b"sgpd",
        |r, _| tables::Sgpd::read(r).map(drop),
        "Sample Group Description",
        "ISO/IEC 14496-12 §8.9.3",
    ),
    shown(b"subs", |r, _| tables::subs(r), "Sub-Sample Information", "ISO/IEC 14496-12 §8.7.7"),
    typed::<movie::Stts>("Decoding Time to Sample", "ISO/IEC 14496-12 §8.6.1.2"),
    typed::<movie::Stsz>("Sample Size", "ISO/IEC 14496-12 §8.7.3.2"),
    parent(b"mvex", "Movie Extends", "ISO/IEC 14496-12 §8.8.1"),
    typed::<movie::Mehd>("Movie Extends Header", "ISO/IEC 14496-12 §8.8.2"),
    typed::<movie::Trex>("Track Extends", "ISO/IEC 14496-12 §8.8.3"),
    video(b"avc1", "AVC video", "ISO/IEC 14496-15 §5.4.2"),
    video(b"avc3", "AVC video, in-band parameter sets", "ISO/IEC 14496-15 §5.4.2"),
    video(b"dva1", "Dolby Vision on AVC", "Dolby Vision in ISOBMFF"),
    video(b"dvav", "Dolby Vision on AVC", "Dolby Vision in ISOBMFF"),
    video(b"hvc1", "HEVC video", "ISO/IEC 14496-15 §8.4.1"),
    video(b"hev1", "HEVC video, in-band parameter sets", "ISO/IEC 14496-15 §8.4.1"),
    video(b"dvh1", "Dolby Vision on HEVC", "Dolby Vision in ISOBMFF"),
    video(b"dvhe", "Dolby Vision on HEVC", "Dolby Vision in ISOBMFF"),
    video(b"vvc1", "VVC video", "ISO/IEC 14496-15 §11"),
    video(b"vvi1", "VVC video, in-band parameter sets", "ISO/IEC 14496-15 §11"),
    video(b"av01", "AV1 video", "AV1 in ISOBMFF"),
    video(b"dav1", "Dolby Vision on AV1", "Dolby Vision in ISOBMFF"),
    video(b"vp09", "VP9 video", "VP codec ISO media binding"),
    video(b"vc-1", "VC-1 video", "SMPTE RP 2025"),
    video(b"ovc1", "VC-1 video", "Smooth Streaming practice"),
    video(b"mp4v", "MPEG-4 video", "ISO/IEC 14496-14"),
    video(b"encv", "Protected video", "ISO/IEC 14496-12 §8.12"),
    audio(b"mp4a", "MPEG audio", "ISO/IEC 14496-14"),
    audio(b"ac-3", "AC-3 audio", "ETSI TS 102 366 F"),
    audio(b"ec-3", "E-AC-3 audio", "ETSI TS 102 366 F"),
    parent(b"wave", "Sound Parameters", "QuickTime File Format"),
    audio(b"Opus", "Opus audio", "Opus in ISOBMFF"),
    audio(b"fLaC", "FLAC audio", "FLAC in ISOBMFF"),
    audio(b"wma ", "Windows Media audio", "Smooth Streaming practice"),
    audio(b"owma", "Windows Media audio", "Smooth Streaming practice"),
    audio(b"enca", "Protected audio", "ISO/IEC 14496-12 §8.12"),
    text(b"enct", "Protected text", "ISO/IEC 14496-12 §8.12"),
    text(b"encs", "Protected systems", "ISO/IEC 14496-12 §8.12"),
    text(b"stpp", "XML subtitles", "ISO/IEC 14496-12 §12.6.3"),
    text(b"sbtt", "Text subtitles", "ISO/IEC 14496-12 §12.6.3"),
    text(b"stxt", "Plain text", "ISO/IEC 14496-12 §12.5.3"),
    text(b"wvtt", "WebVTT subtitles", "ISO/IEC 14496-30 §7.5"),
    text(b"dfxp", "TTML in Smooth Streaming", "Smooth Streaming practice"),
    leaf(b"tx3g", "Timed text", "3GPP TS 26.245 §5.16"),
    shown(
        b"avcC",
        |r, _| codec::AvcC::read(r).map(drop),
        "AVC Configuration",
        "ISO/IEC 14496-15 §5.3.3",
    ),
    shown(
        b"hvcC",
        |r, _| codec::HvcC::read(r).map(drop),
        "HEVC Configuration",
        "ISO/IEC 14496-15 §8.3.3",
    ),
    shown(b"av1C", |r, _| codec::av1c(r), "AV1 Codec Configuration", "AV1 in ISOBMFF §2.3"),
    shown(
        b"dvcC",
        |r, _| codec::dvcc(r),
        "Dolby Vision Configuration",
        "Dolby Vision in ISOBMFF §3.1",
    ),
    shown(
        b"dvvC",
        |r, _| codec::dvcc(r),
        "Dolby Vision Configuration",
        "Dolby Vision in ISOBMFF §3.1",
    ),
    shown(b"dvc1", |r, _| codec::dvc1(r), "VC-1 Configuration", "SMPTE RP 2025 §7.3"),
    shown(
        b"esds",
        |r, _| codec::Esds::read(r).map(drop),
        "Elementary Stream Descriptor",
        "ISO/IEC 14496-14",
    ),
    shown(b"dac3", |r, _| codec::dac3(r), "AC-3 Specific", "ETSI TS 102 366 F.4"),
    shown(b"dec3", |r, _| codec::dec3(r), "E-AC-3 Specific", "ETSI TS 102 366 F.6"),
    shown(b"dOps", |r, _| codec::dops(r), "Opus Specific", "Opus in ISOBMFF §4.3.2"),
    leaf(b"dfLa", "FLAC Specific", "FLAC in ISOBMFF §3.3.2"),
    shown(b"wfex", |r, _| codec::wfex(r), "WAVEFORMATEX", "Smooth Streaming practice"),
    shown(b"vttC", |r, _| codec::vttc(r), "WebVTT Configuration", "ISO/IEC 14496-30 §7.5"),
    shown(b"vlab", |r, _| codec::vttc(r), "WebVTT Source Label", "ISO/IEC 14496-30 §7.5"),
    shown(b"pasp", |r, _| codec::pasp(r), "Pixel Aspect Ratio", "ISO/IEC 14496-12 §12.1.4"),
    shown(b"clap", |r, _| codec::clap(r), "Clean Aperture", "ISO/IEC 14496-12 §12.1.4"),
    shown(b"colr", |r, _| codec::colr(r), "Colour Information", "ISO/IEC 14496-12 §12.1.5"),
    typed::<movie::Btrt>("Bit Rate", "ISO/IEC 14496-12 §8.5.2.2"),
    parent(b"sinf", "Protection Scheme Information", "ISO/IEC 14496-12 §8.12.1"),
    typed::<protection::Frma>("Original Format", "ISO/IEC 14496-12 §8.12.2"),
    typed::<protection::Schm>("Scheme Type", "ISO/IEC 14496-12 §8.12.5"),
    parent(b"schi", "Scheme Information", "ISO/IEC 14496-12 §8.12.6"),
    typed::<protection::Tenc>("Track Encryption", "ISO/IEC 23001-7 §8.2"),
    typed_as::<protection::Tenc>(protection::PIFF_TENC, "Track Encryption", "PIFF 1.1 §5.3"),
    typed::<protection::Pssh>("Protection System Specific Header", "ISO/IEC 23001-7 §8.1"),
    typed_as::<protection::Pssh>(
        protection::PIFF_PSSH,
        "Protection System Specific Header",
        "PIFF 1.1 §5.3",
    ),
    parent(b"moof", "Movie Fragment", "ISO/IEC 14496-12 §8.8.4"),
    typed::<fragment::Mfhd>("Movie Fragment Header", "ISO/IEC 14496-12 §8.8.5"),
    parent(b"traf", "Track Fragment", "ISO/IEC 14496-12 §8.8.6"),
    typed::<fragment::Tfhd>("Track Fragment Header", "ISO/IEC 14496-12 §8.8.7"),
    typed::<fragment::Tfdt>("Track Fragment Decode Time", "ISO/IEC 14496-12 §8.8.12"),
    typed::<fragment::Trun>("Track Fragment Run", "ISO/IEC 14496-12 §8.8.8"),
    typed::<tables::Sdtp>("Independent and Disposable Samples", "ISO/IEC 14496-12 §8.6.4"),
    typed::<fragment::Saiz>("Sample Auxiliary Information Sizes", "ISO/IEC 14496-12 §8.7.8"),
    typed::<fragment::Saio>("Sample Auxiliary Information Offsets", "ISO/IEC 14496-12 §8.7.9"),
    senc(protection::SENC, "ISO/IEC 23001-7 §7.2"),
    senc(protection::PIFF_SENC, "PIFF 1.1 §5.3"),
    typed::<piff::Tfxd>("Fragment Absolute Time and Duration", "[MS-SSTR] §2.2.4.4"),
    typed::<piff::Tfrf>("Following Fragments' Times", "[MS-SSTR] §2.2.4.5"),
    BoxDef {
        kind: piff::LIVE_MANIFEST,
        ..shown(
            b"uuid",
            |r, _| tables::live_manifest(r),
            "Live Server Manifest",
            "[MS-SSTR] §2.2.7",
        )
    },
    BoxDef {
        kind: piff::STREAM_MANIFEST,
        ..leaf(b"uuid", "Stream Manifest (perhaps)", "not confirmed")
    },
    BoxDef {
        kind: tables::C2PA,
        ..shown(b"uuid", |r, _| tables::c2pa(r), "Content Credentials (C2PA)", "C2PA §A.5")
    },
    shown(b"emsg", |r, _| tables::emsg(r), "Event Message", "ISO/IEC 23009-1 §5.10.3.3"),
    shown(b"prft", |r, _| tables::prft(r), "Producer Reference Time", "ISO/IEC 14496-12 §8.16.5"),
    leaf(b"mdat", "Media Data", "ISO/IEC 14496-12 §8.1.1"),
    leaf(b"free", "Free Space", "ISO/IEC 14496-12 §8.1.2"),
    leaf(b"skip", "Free Space", "ISO/IEC 14496-12 §8.1.2"),
    typed::<index::Sidx>("Segment Index", "ISO/IEC 14496-12 §8.16.3"),
    parent(b"mfra", "Movie Fragment Random Access", "ISO/IEC 14496-12 §8.8.9"),
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
            if matches!(&c, b"wide" | b"pdin" | b"meta" | b"uuid" | b"jP  "))
}

impl Node {
    /// The body of a leaf, or an error where boxes are expected inside.
    pub(crate) fn body(&self) -> Result<&[u8]> {
        match &self.content {
            Content::Leaf(bytes) => Ok(bytes),
            Content::Parent { .. } => Err(Error::malformed(
                Code::UnexpectedChildren,
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
        assert_eq!(header(b"\0\0\0\x04mdat").unwrap_err().code, Code::BoxSizeTooSmall);
        assert_eq!(
            header(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x08").unwrap_err().code,
            Code::BoxSizeTooSmall
        );
        let huge = BoxHeader::read(b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff", 1, 100);
        assert_eq!(huge.unwrap_err().code, Code::BoxSizeTooLarge);
        assert_eq!(header(b"\0\0\0").unwrap_err().code, Code::BoxHeaderCut);
        let to_end = header(b"\0\0\0\0mdat").unwrap();
        assert_eq!((to_end.size, to_end.form), (100, SizeForm::ToEnd));
    }

    #[test]
    fn a_uuid_box_without_room_for_its_uuid_stays_plain() {
        let header = BoxHeader::read(b"\0\0\0\x12uuid0123456789", 0, 18).unwrap();
        assert_eq!((header.kind, header.header_len), (BoxType::code(b"uuid"), 8));
    }
}
