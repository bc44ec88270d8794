//! The plan: what every byte of the output will be.

use super::subsample::subsamples;
use super::{Options, Profile, selected};
use crate::Span;
use crate::boxes::Mp4Box as _;
use crate::boxes::fragment::{Saio, Saiz, Tfdt, Tfhd};
use crate::boxes::movie::{Ftyp, Tkhd};
use crate::boxes::piff::{Tfrf, Tfxd};
use crate::boxes::protection::{
    Frma, PIFF_PSSH, PIFF_SENC, PIFF_TENC, Pssh, SENC, SampleInfo, Schm, Senc, Tenc,
};
use crate::boxes::tree::Node;
use crate::cipher::{IvCounter, SampleCipher};
use crate::codec::Rule;
use crate::drm::playready::{self, NewHeader};
use crate::drm::{COMMON, PLAYREADY, common_pssh};
use crate::error::{Error, Result};
use crate::ids::{BoxType, FourCc, Kid};
use crate::model::{Movie, Track, TrackFragment, TrackKind};
use crate::recipe::{Piece, Recipe};
use crate::rewrite::Rewrite;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// What a plan will write, for people to read first.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// The plan in sentences.
    pub sentences: Vec<String>,
    /// In the order of `tenc`.
    pub kid: Kid,
    /// In the order of the PlayReady header.
    pub kid_guid: Kid,
    /// The WRMHEADER.
    pub header_xml: String,
    /// The PlayReady Object, base64: for a manifest's ProtectionHeader.
    pub object_base64: String,
    /// Its `pssh` box, base64: for an MPD's `cenc:pssh`.
    pub pssh_base64: String,
    /// Proves the key to whoever has it.
    pub checksum: String,
    /// The tracks that are protected.
    pub tracks: Vec<u32>,
    /// Their samples.
    pub samples: u64,
}

/// One protected track.
#[derive(Clone, Debug)]
struct TrackPlan {
    id: u32,
    /// One for each sample entry.
    rules: Vec<Rule>,
    /// The sample entry of fragments that name none, from 1.
    default_entry: u32,
}

/// A [`Recipe`] that protects a file.
pub struct Plan {
    rewrite: Rewrite,
    profile: &'static Profile,
    cipher: SampleCipher,
    tracks: Vec<TrackPlan>,
    /// For each unit, the IV of its first protected sample.
    ivs: Vec<IvCounter>,
    /// For each unit, the decode time of each of its `traf`s.
    decode_times: Vec<Vec<u64>>,
    preview: Preview,
}

impl Plan {
    /// Decides everything. What cannot be done is refused here.
    pub fn new(movie: &Movie, options: &Options) -> Result<Self> {
        let tracks = selected(movie, options.tracks.as_deref())?;
        if options.kid == Kid::of(0) {
            return Err(Error::misuse(
                "zero_kid",
                "The KID is all zeros, which names no key. Choose another.",
            ));
        }
        if *options.key.reveal() == crate::cipher::hex(&options.kid.0) {
            return Err(Error::misuse(
                "kid_as_key",
                "The key is the same as the KID. The KID is public; paste the content key.",
            ));
        }
        let header = NewHeader {
            version: options.header_version,
            kid: Some(options.kid),
            checksum: Some(options.key.checksum(options.kid)),
            la_url: options.la_url.clone(),
            lui_url: options.lui_url.clone(),
            custom_attributes: options.custom_attributes.clone(),
        };
        let object = header.object()?;
        let playready = playready::pssh(object.clone());
        let profile = options.profile;
        let missing = || Error::malformed("no_moov", "The file has no moov box.");
        let source = movie.moov.as_ref().ok_or_else(missing)?;
        let moov = protected_moov(source, &tracks, options.kid, profile, &playready)?;
        let ftyp = with_brands(movie.ftyp.as_ref(), profile);
        let rewrite = Rewrite::new(movie, &ftyp, &moov)?;
        let ids: Vec<u32> = tracks.iter().map(|track| track.id).collect();
        let (decode_times, shift) = decode_times(movie);
        let mut samples = 0;
        let ivs = movie
            .fragments
            .iter()
            .map(|fragment| {
                let first = options.iv.after(samples);
                let runs = fragment.runs.iter().filter(|run| ids.contains(&run.track_id));
                samples += runs.map(|run| u64::from(run.samples)).sum::<u64>();
                first
            })
            .collect();
        let preview = Preview {
            sentences: sentences(movie, options, &tracks, samples, &rewrite, shift),
            kid: options.kid,
            kid_guid: options.kid.swapped(),
            header_xml: header.xml()?,
            object_base64: STANDARD.encode(&object),
            pssh_base64: STANDARD.encode(playready.to_node().to_bytes()),
            checksum: STANDARD.encode(options.key.checksum(options.kid)),
            tracks: ids,
            samples,
        };
        let track_plan = |track: &&Track| TrackPlan {
            id: track.id,
            rules: track.entries.iter().filter_map(|entry| entry.codec.rule.clone()).collect(),
            default_entry: track.trex.map_or(1, |trex| trex.sample_description_index),
        };
        Ok(Self {
            rewrite,
            profile,
            cipher: options.key.cipher(),
            tracks: tracks.iter().map(track_plan).collect(),
            ivs,
            decode_times,
            preview,
        })
    }

    /// What will be written.
    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    /// Protects a unit; without `encrypt` only its boxes are made, to measure it.
    fn protect(&self, number: usize, mut bytes: Vec<u8>, encrypt: bool) -> Result<Vec<u8>> {
        let mut unit = self.rewrite.open(number, &bytes)?;
        let not_planned = || Error::misuse("no_such_unit", format!("There is no unit {number}."));
        let mut iv = *self.ivs.get(number).ok_or_else(not_planned)?;
        let times = self.decode_times.get(number).ok_or_else(not_planned)?;
        let chosen = |id: u32| self.tracks.iter().find(|track| track.id == id);
        unit.check_overlaps(|fragment| chosen(fragment.tfhd.track_id).is_some())?;
        let mut maps = Vec::new();
        for fragment in &unit.fragments {
            maps.push(match chosen(fragment.tfhd.track_id) {
                None => None,
                Some(track) => {
                    let infos = self.sample_infos(track, fragment, &unit, &bytes, &mut iv)?;
                    if encrypt {
                        for (info, sample) in infos.iter().zip(&fragment.samples) {
                            let range = unit.range(sample)?;
                            self.cipher.apply(&info.iv, &info.subsamples, &mut bytes[range])?;
                        }
                    }
                    Some(infos)
                }
            });
        }
        for (((traf, fragment), infos), time) in unit.trafs().zip(maps).zip(times) {
            if self.profile.iso && fragment.tfdt.is_none() {
                insert_after(traf, Tfhd::KIND, Tfdt::new(*time).to_node());
            }
            if let Some(infos) = infos {
                self.add_sample_infos(traf, infos);
            }
        }
        if self.profile.iso {
            point_saio_at_senc(&mut unit.moof)?;
        }
        unit.close(&bytes, self.profile.iso)
    }

    /// IV and subsample map of every sample of a `traf`.
    fn sample_infos(
        &self,
        track: &TrackPlan,
        fragment: &TrackFragment,
        unit: &crate::rewrite::Unit,
        bytes: &[u8],
        iv: &mut IvCounter,
    ) -> Result<Vec<SampleInfo>> {
        let entry = fragment.tfhd.sample_description_index.unwrap_or(track.default_entry).max(1);
        let rule = track.rules.get(entry as usize - 1).ok_or_else(|| {
            Error::malformed(
                "no_such_sample_entry",
                format!(
                    "This fragment uses sample entry {entry} of track {}, which has {}.",
                    track.id,
                    track.rules.len()
                ),
            )
            .at(unit.at)
            .within("moof/traf/tfhd")
        })?;
        let mut nal = match rule {
            Rule::Nal(codec) => Some((codec, codec.parameter_sets())),
            Rule::Whole => None,
        };
        let mut infos = Vec::with_capacity(fragment.samples.len());
        for sample in &fragment.samples {
            let data = &bytes[unit.range(sample)?];
            let subsamples = match &mut nal {
                Some((codec, sets)) => subsamples(codec, sets, data).map_err(|mut error| {
                    error.at = Some(sample.at + error.at.unwrap_or(0));
                    error.within(format!("sample of track {}", track.id))
                })?,
                None => Vec::new(),
            };
            infos.push(SampleInfo { iv: iv.to_bytes().to_vec(), subsamples });
            *iv = iv.after(1);
        }
        Ok(infos)
    }

    /// Adds `saiz`, `saio`, `senc` and PIFF's `senc`, before the Smooth times.
    fn add_sample_infos(&self, traf: &mut Node, infos: Vec<SampleInfo>) {
        let senc = Senc::new(infos);
        let sizes: Option<Vec<u8>> = senc
            .samples
            .iter()
            .map(|info| info.len(senc.has_subsamples()).try_into().ok())
            .collect();
        let mut boxes = Vec::new();
        if self.profile.iso {
            // Without saiz and saio readers take senc; with a size that does
            // not fit, there is no right saiz.
            if let Some(sizes) = sizes {
                boxes.extend([Saiz::new(&sizes).to_node(), Saio::new(0).to_node()]);
            }
            boxes.push(senc.to_node_as(SENC));
        }
        if self.profile.piff {
            boxes.push(senc.to_node_as(PIFF_SENC));
        }
        if let Some(children) = traf.children_mut() {
            let smooth = |node: &Node| [Tfxd::KIND, Tfrf::KIND].contains(&node.kind);
            let at = children.iter().position(smooth).unwrap_or(children.len());
            children.splice(at..at, boxes);
        }
    }
}

impl Recipe for Plan {
    fn pieces(&self) -> &[Piece] {
        self.rewrite.pieces()
    }

    fn work(&self, unit: usize, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.protect(unit, bytes, true)
    }

    fn finish(&self, lengths: &[u64]) -> Result<Vec<u8>> {
        self.rewrite.finish(lengths)
    }

    fn unmeasured(&self) -> Vec<Span> {
        self.rewrite.unmeasured()
    }

    fn measure(&self, unit: usize, bytes: Vec<u8>) -> Result<u64> {
        Ok(self.protect(unit, bytes, false)?.len() as u64)
    }

    fn settle(&mut self, lengths: &[u64]) -> Result<()> {
        self.rewrite.update_indexes(lengths)
    }
}

/// Sets every new `saio` to the first IV of the `senc` behind it, counted from
/// the `moof`.
fn point_saio_at_senc(moof: &mut Node) -> Result<()> {
    let mut offsets = Vec::new();
    let mut at = moof.header_len();
    for child in moof.children() {
        let mut inner = at + child.header_len();
        let mut found = None;
        for node in child.children() {
            if node.kind == SENC {
                found = Some(inner + node.header_len() + Senc::FIRST_IV);
            }
            inner += node.size();
        }
        offsets.push(found);
        at += child.size();
    }
    for (child, offset) in moof.children_mut().into_iter().flatten().zip(offsets) {
        let has_new = child.children().iter().any(|node| node.kind == Saio::KIND && node.at == 0);
        if let (Some(offset), true) = (offset, has_new) {
            let offset = u32::try_from(offset)
                .map_err(|_| Error::limit("moof_too_large", "This moof would pass 4 GiB."))?;
            let node = Saio::new(offset).to_node();
            for old in child.children_mut().into_iter().flatten() {
                if old.kind == Saio::KIND && old.at == 0 {
                    *old = node.clone();
                }
            }
        }
    }
    Ok(())
}

fn insert_after(parent: &mut Node, kind: BoxType, new: Node) {
    if let Some(children) = parent.children_mut() {
        let at = children.iter().position(|node| node.kind == kind).map_or(0, |i| i + 1);
        children.insert(at, new);
    }
}

fn with_brands(ftyp: Option<&Ftyp>, profile: &Profile) -> Ftyp {
    let mut ftyp = ftyp.cloned().unwrap_or_else(Ftyp::missing);
    for brand in profile.brands.iter().map(|brand| FourCc(*brand)) {
        if !ftyp.compatible.contains(&brand) {
            ftyp.compatible.push(brand);
        }
    }
    ftyp
}

/// `moov` with its protection headers behind `mvhd` and a `sinf` in every
/// sample entry that is protected. Headers of the same systems that were left
/// from an earlier life of the file go.
fn protected_moov(
    moov: &Node,
    tracks: &[&Track],
    kid: Kid,
    profile: &Profile,
    playready: &Pssh,
) -> Result<Node> {
    let mut moov = moov.clone();
    let mut headers = Vec::new();
    if profile.iso {
        headers.extend([playready.to_node(), common_pssh(vec![kid]).to_node()]);
    } else {
        headers.push(playready.to_node_as(PIFF_PSSH));
    }
    if let Some(children) = moov.children_mut() {
        children.retain(|node| {
            let header = [Pssh::KIND, PIFF_PSSH].contains(&node.kind);
            let system = Pssh::parse(node).ok().filter(|_| header).map(|pssh| pssh.system_id);
            !system.is_some_and(|system| [PLAYREADY, COMMON].contains(&system))
        });
        let mvhd = children.iter().position(|node| node.kind == BoxType::code(b"mvhd"));
        let at = mvhd.map_or(0, |i| i + 1);
        children.splice(at..at, headers);
    }
    let traks = moov.children_mut().into_iter().flatten();
    for trak in traks.filter(|node| node.kind == BoxType::code(b"trak")) {
        let id = trak.get::<Tkhd>()?.track_id;
        let Some(track) = tracks.iter().find(|track| track.id == id) else { continue };
        let stsd = trak.path_mut(&[b"mdia", b"minf", b"stbl", b"stsd"]);
        for entry in stsd.and_then(Node::children_mut).into_iter().flatten() {
            protect_entry(entry, track.kind, kid, profile)?;
        }
    }
    Ok(moov)
}

fn protect_entry(entry: &mut Node, kind: TrackKind, kid: Kid, profile: &Profile) -> Result<()> {
    let (BoxType::Code(format), at) = (entry.kind, entry.at) else { return Ok(()) };
    let tenc = Tenc::ctr(kid);
    let mut schi = Vec::new();
    if profile.iso {
        schi.push(tenc.to_node());
    }
    if profile.piff {
        schi.push(tenc.to_node_as(PIFF_TENC));
    }
    let sinf = vec![
        Frma { format }.to_node(),
        Schm::new(&profile.scheme, profile.scheme_version).to_node(),
        Node::parent(b"schi", schi),
    ];
    entry.kind = BoxType::code(if kind == TrackKind::Video { b"encv" } else { b"enca" });
    let children = entry.children_mut().ok_or_else(|| {
        Error::unsupported(
            "opaque_sample_entry",
            format!("The sample entry {format} cannot hold a sinf here."),
        )
        .at(at)
    })?;
    children.push(Node::parent(b"sinf", sinf));
    Ok(())
}

/// The decode time of every `traf`, for `tfdt`: as the file tells it, else
/// where the track's last fragment ended. All tracks are moved by the same
/// time if one begins before zero (ffmpeg's AAC priming), for `tfdt` has no
/// sign and they must stay together; but not where some have a `tfdt` already.
/// Also gives that time, in [`COMMON_SCALE`].
fn decode_times(movie: &Movie) -> (Vec<Vec<u64>>, i64) {
    let mut ends: Vec<(u32, i64)> = Vec::new();
    let mut earliest = 0;
    let mut any_tfdt = false;
    let times: Vec<Vec<i64>> = movie
        .fragments
        .iter()
        .map(|fragment| {
            let runs = fragment.runs.iter();
            runs.map(|run| {
                let known = ends.iter_mut().find(|(id, _)| *id == run.track_id);
                let scale = movie.track(run.track_id).map_or(COMMON_SCALE, |t| t.timescale);
                let told = run.decode_time.filter(|time| *time >= -EARLIEST * i64::from(scale));
                let time = told.or(known.as_ref().map(|(_, end)| *end)).unwrap_or(0);
                let end = time.saturating_add_unsigned(run.duration);
                match known {
                    Some((_, known)) => *known = end,
                    None => ends.push((run.track_id, end)),
                }
                any_tfdt |= run.has_tfdt;
                if let Some(track) = movie.track(run.track_id).filter(|t| t.timescale > 0) {
                    earliest = earliest.min(to_scale(time, track.timescale, COMMON_SCALE));
                }
                time
            })
            .collect()
        })
        .collect();
    let shift = if any_tfdt { 0 } else { earliest.saturating_neg() };
    let moved = |(time, id): (i64, u32)| {
        let scale = movie.track(id).map_or(COMMON_SCALE, |track| track.timescale);
        time.saturating_add(to_scale(shift, COMMON_SCALE, scale)).max(0) as u64
    };
    let times = times.into_iter().zip(&movie.fragments).map(|(times, fragment)| {
        times.into_iter().zip(fragment.runs.iter().map(|run| run.track_id)).map(moved).collect()
    });
    (times.collect(), shift)
}

/// Ticks a second in which times of different tracks are compared: Smooth
/// Streaming's own.
const COMMON_SCALE: u32 = 10_000_000;

/// Seconds before zero that a track may begin. One that says more is wrong, and
/// its times are counted from zero.
const EARLIEST: i64 = 60;

fn to_scale(time: i64, from: u32, to: u32) -> i64 {
    let scaled = i128::from(time) * i128::from(to) / i128::from(from.max(1));
    scaled.try_into().unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

fn sentences(
    movie: &Movie,
    options: &Options,
    tracks: &[&Track],
    samples: u64,
    rewrite: &Rewrite,
    shift: i64,
) -> Vec<String> {
    let list: Vec<String> =
        tracks.iter().map(|track| format!("{} ({})", track.id, track.kind.word())).collect();
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let mut out = vec![format!(
        "Track{} {}: {samples} samples in {} fragment{}, AES-128-CTR, an 8-byte IV each.",
        plural(list.len()),
        list.join(" and "),
        movie.fragments.len(),
        plural(movie.fragments.len())
    )];
    let clear: Vec<String> = movie
        .tracks
        .iter()
        .filter(|track| !tracks.iter().any(|t| t.id == track.id))
        .map(|track| format!("{} ({})", track.id, track.kind.word()))
        .collect();
    if !clear.is_empty() {
        out.push(format!("Track{} {} stays clear.", plural(clear.len()), clear.join(" and ")));
    }
    let profile = options.profile;
    out.push(format!("Boxes: {}.", profile.boxes));
    out.push(match &options.la_url {
        Some(url) if !url.trim().is_empty() => format!(
            "PlayReady header {} with the licence URL {}.",
            options.header_version.text(),
            url.trim()
        ),
        _ => format!(
            "PlayReady header {} without a licence URL: the player must know it.",
            options.header_version.text()
        ),
    });
    let runs = || movie.fragments.iter().flat_map(|fragment| &fragment.runs);
    if profile.iso && runs().any(|run| !run.has_tfdt) {
        out.push(match shift {
            0 => "Decode times (tfdt) are added, which browsers need.".to_owned(),
            _ => format!(
                "Decode times (tfdt) are added, which browsers need, and begin at {:.3} ms: a track \
                 starts that much before zero, which tfdt cannot say.",
                shift as f64 / f64::from(COMMON_SCALE) * 1000.0
            ),
        });
    }
    let old = movie.systems.iter().filter(|s| [PLAYREADY, COMMON].contains(&s.system_id)).count();
    if old > 0 {
        out.push(format!("{old} old protection header{} in moov will be replaced.", plural(old)));
    }
    if let Some(reason) = rewrite.lost_index() {
        out.push(format!("The index (mfra) {reason} and is left out."));
    }
    let stale = rewrite.stale_index_entries();
    if stale > 0 {
        out.push(format!(
            "{stale} entries of the index (mfra) point at no fragment and are left out."
        ));
    }
    if !rewrite.unmeasured().is_empty() {
        out.push("The segment index (sidx) is made anew, so the file is read twice.".into());
    }
    out
}
