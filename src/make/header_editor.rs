//! The header workshop: one PlayReady header in every version and form, and a
//! recipe that writes one into a file without touching its media.

use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::Saio;
use crate::format::boxes::movie::{Ftyp, Trex};
use crate::format::boxes::protection::{PIFF_PSSH, Pssh};
use crate::format::boxes::tables::{Co64, Stco};
use crate::format::boxes::tree::Node;
use crate::format::cipher::{CipherMode, hex};
use crate::format::drm::PLAYREADY;
use crate::format::drm::playready::{self, HeaderVersion, NewHeader};
use crate::format::ids::{BoxType, Kid};
use crate::make::proof::{Changed, Claims, Known, header_of};
use crate::make::recipe::{Gather, Stitched};
use crate::make::rewrite::{PlannedUnit, Rewrite, check_intact};
use crate::make::witness::{self, Header};
use crate::model::Movie;
use crate::{Session, Step};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// A header of one version, in every form it is needed in.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Forms {
    /// Such as `4.0`.
    pub version: &'static str,
    /// Which clients read it.
    pub clients: &'static str,
    /// The XML.
    pub xml: String,
    /// The PlayReady Object, base64.
    pub object_base64: String,
    /// The same in hex.
    pub object_hex: String,
    /// Bytes of it.
    pub object_size: usize,
    /// The `pssh` box, base64.
    pub pssh_base64: String,
    /// The same in hex.
    pub pssh_hex: String,
    /// For a Smooth Streaming client manifest.
    pub ismc: String,
    /// For a DASH manifest.
    pub mpd: String,
    /// For an HLS playlist.
    pub hls: String,
}

/// A header in one version: its forms, or why the version cannot say it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Attempt {
    /// Such as `4.0`.
    pub version: &'static str,
    /// Which clients read it.
    pub clients: &'static str,
    /// The forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub forms: Option<Forms>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub refusal: Option<Error>,
}

/// The header in every version, oldest first.
pub fn every_version(header: &NewHeader) -> Vec<Attempt> {
    HeaderVersion::ALL
        .into_iter()
        .map(|version| {
            let made = forms(&NewHeader { version, ..header.clone() });
            let (forms, refusal) = match made {
                Ok(forms) => (Some(forms), None),
                Err(e) => (None, Some(e)),
            };
            Attempt { version: version.text(), clients: version.clients(), forms, refusal }
        })
        .collect()
}

/// The header in its version, in every form.
///
/// # Errors
/// What the version cannot say.
pub fn forms(header: &NewHeader) -> Result<Forms> {
    let xml = header.xml()?;
    let object = header.object()?;
    let pssh = playready::pssh(object.clone()).to_node().to_bytes();
    let (object_base64, pssh_base64) = (STANDARD.encode(&object), STANDARD.encode(&pssh));
    let kid = header.keys.first().map(|key| key.kid);
    let method = match header.mode {
        CipherMode::Cbc => "SAMPLE-AES",
        CipherMode::Ctr => "SAMPLE-AES-CTR",
    };
    Ok(Forms {
        version: header.version.text(),
        clients: header.version.clients(),
        ismc: format!(
            "<Protection><ProtectionHeader SystemID=\"{PLAYREADY}\">{object_base64}\
             </ProtectionHeader></Protection>"
        ),
        mpd: mpd(kid, header.mode, &pssh_base64, &object_base64),
        hls: ["EXT-X-SESSION-KEY", "EXT-X-KEY"]
            .map(|tag| {
                format!(
                    "#{tag}:METHOD={method},URI=\"data:text/plain;charset=UTF-16;base64,\
                     {object_base64}\",KEYFORMAT=\"com.microsoft.playready\",KEYFORMATVERSIONS=\"1\""
                )
            })
            .join("\n"),
        object_hex: hex(&object),
        object_size: object.len(),
        pssh_hex: hex(&pssh),
        xml,
        object_base64,
        pssh_base64,
    })
}

fn mpd(kid: Option<Kid>, mode: CipherMode, pssh: &str, object: &str) -> String {
    let scheme = match mode {
        CipherMode::Cbc => "cbcs",
        CipherMode::Ctr => "cenc",
    };
    let kid = kid.map(|kid| format!(" cenc:default_KID=\"{kid}\"")).unwrap_or_default();
    format!(
        "<ContentProtection xmlns:cenc=\"urn:mpeg:cenc:2013\" \
         schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"{scheme}\"{kid}/>\n\
         <ContentProtection xmlns:cenc=\"urn:mpeg:cenc:2013\" xmlns:mspr=\"urn:microsoft:playready\" \
         schemeIdUri=\"urn:uuid:{PLAYREADY}\" value=\"MSPR 2.0\">\n\
         \x20 <cenc:pssh>{pssh}</cenc:pssh>\n  <mspr:pro>{object}</mspr:pro>\n</ContentProtection>"
    )
}

/// A [`Session`] that puts a PlayReady header into a file. It reads the
/// `moof`s, whose places may count from the start of the file; the media is
/// copied, not read.
pub struct HeaderChange {
    movie: Movie,
    ftyp: Ftyp,
    moov: Node,
    header: Header,
    gather: Gather,
    /// Those read so far, as they are written.
    moofs: Vec<Vec<u8>>,
    claims: Claims,
    known: Known,
}

impl HeaderChange {
    /// The file with this header instead of its own.
    ///
    /// # Errors
    /// What the version cannot say, and files that are damaged or have no `moov`.
    pub fn new(movie: &Movie, header: &NewHeader) -> Result<Self> {
        check_intact(movie, "changed")?;
        let missing = || Error::malformed(Code::NoMoov, "The file has no moov box.");
        let old = movie.moov.as_ref().ok_or_else(missing)?;
        let mut moov = with_header(old, &playready::pssh(header.object()?));
        let ftyp = movie.ftyp.clone().unwrap_or_else(Ftyp::missing);
        // Sample tables and auxiliary information count from the file's start.
        let had_ftyp = movie.top.iter().any(|top| top.kind == Ftyp::KIND);
        let added = if had_ftyp { 0 } else { ftyp.to_node().size() as i64 };
        let grown = moov.size() as i64 - old.size() as i64 + added;
        shift(&mut moov, old.at + old.size(), grown, added)?;
        let header = header_of(old)?;
        let mut claims = Claims::new(&movie.findings);
        // What stands in the header is for its author to say (checks 13 to 23).
        claims.allow(13..=23);
        for listed in witness::listed(&old.to_bytes(), movie.size)? {
            claims.listed(listed.track, (&header, listed), [0; 2], 0);
        }
        let gather = Gather::new(movie.fragments.iter().map(|fragment| fragment.head).collect());
        let (movie, moofs, known) = (movie.clone(), Vec::new(), Known::new());
        Ok(Self { movie, ftyp, moov, header, gather, moofs, claims, known })
    }

    /// Fragments read, of how many.
    pub fn progress(&self) -> (usize, usize) {
        self.gather.progress()
    }

    /// The output; an error before [`Step::Done`] was given.
    ///
    /// # Errors
    /// Where the session is not at its end.
    pub fn finish(self) -> Result<Stitched> {
        let (done, all) = self.gather.progress();
        if done < all {
            return Err(Error::misuse(Code::NotPlanned, "The plan is not finished."));
        }
        let made = Rewrite::stitch(&self.movie, &self.ftyp, &self.moov, self.moofs)?;
        self.claims.check_boxes(made, Some((&self.movie.top, &self.known)))
    }
}

impl Session for HeaderChange {
    fn step(&mut self) -> Result<Step> {
        Ok(self.gather.step())
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let Self { movie, header, gather, moofs, claims, known, .. } = self;
        let trexes: Vec<Trex> = movie.tracks.iter().filter_map(|track| track.trex).collect();
        gather.feed(bytes, |_, at, bytes| {
            let mut unit = PlannedUnit::open_head(at, &bytes, &trexes)?;
            let moof_len = unit.moof.size();
            for (number, fragment) in unit.fragments.iter().enumerate() {
                let id = fragment.tfhd.track_id;
                let found = (&bytes[..], at);
                claims.fragment(id, (header, id), found, number, Changed::default())?;
            }
            // Only places that count from the start of the file move.
            if unit.fragments.iter().any(|f| f.tfhd.base_data_offset.is_some()) {
                unit.close(false)?;
            }
            moofs.push(unit.moof.to_bytes());
            let behind = bytes.get(moof_len as usize..).unwrap_or_default();
            if !behind.is_empty() {
                known.insert(at + moof_len, behind.to_vec());
            }
            Ok(())
        })
    }
}

/// `moov` with this header, in the envelope and place its own had.
fn with_header(moov: &Node, pssh: &Pssh) -> Node {
    let mut moov = moov.clone();
    let is_ours = |node: &Node| {
        [Pssh::KIND, PIFF_PSSH].contains(&node.kind)
            && Pssh::parse(node).is_ok_and(|found| found.system_id == PLAYREADY)
    };
    let children = moov.children_mut();
    let Some(children) = children else { return moov };
    let first = children.iter().position(is_ours);
    let mut kinds: Vec<BoxType> =
        children.iter().filter(|node| is_ours(node)).map(|node| node.kind).collect();
    kinds.dedup();
    if kinds.is_empty() {
        kinds.push(Pssh::KIND);
    }
    children.retain(|node| !is_ours(node));
    let behind_mvhd = || children.iter().position(|n| n.kind == BoxType::code(b"mvhd"));
    let at = first.or_else(|| behind_mvhd().map(|i| i + 1)).unwrap_or(0);
    children.splice(at..at, kinds.into_iter().map(|kind| pssh.to_node_as(kind)));
    moov
}

/// Moves every absolute offset in `moov` that points behind `end` by `by`, and
/// every other one by `before`.
fn shift(moov: &mut Node, end: u64, by: i64, before: i64) -> Result<()> {
    let moved = |offset: u64| {
        let by = if offset >= end { by } else { before };
        offset.checked_add_signed(by).ok_or_else(|| {
            Error::malformed(Code::OffsetPastFile, "A chunk offset would leave the file.")
        })
    };
    fn walk(node: &mut Node, moved: &impl Fn(u64) -> Result<u64>) -> Result<()> {
        if node.kind == Stco::KIND {
            let stco = Stco::parse(node)?;
            let offsets: Vec<u64> =
                stco.offsets.iter().map(|o| moved((*o).into())).collect::<Result<_>>()?;
            let narrow: Option<Vec<u32>> = offsets.iter().map(|o| u32::try_from(*o).ok()).collect();
            let offsets = narrow.ok_or_else(|| {
                Error::unsupported(
                    Code::OffsetPast4Gib,
                    "A chunk would move past 4 GiB, which stco cannot say.",
                )
            })?;
            *node = Stco { offsets, ..stco }.to_node();
        } else if node.kind == Co64::KIND {
            let mut co64 = Co64::parse(node)?;
            for offset in &mut co64.offsets {
                *offset = moved(*offset)?;
            }
            *node = co64.to_node();
        } else if node.kind == Saio::KIND {
            let mut saio = Saio::parse(node)?;
            for offset in &mut saio.offsets {
                *offset = moved(*offset)?;
            }
            *node = saio.to_node();
        }
        node.children_mut().into_iter().flatten().try_for_each(|child| walk(child, moved))
    }
    walk(moov, &moved)
}
