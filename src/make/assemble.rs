//! From a client manifest and the fragments it names to a file: `moov` is made
//! from what the manifest says of each stream.

use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::movie::{Ftyp, Hdlr, Mdhd, Mvhd, Tkhd, Trex};
use crate::format::boxes::protection::Tenc;
use crate::format::boxes::tree::Node;
use crate::format::bytes::Writer;
use crate::format::drm::{PLAYREADY, playready};
use crate::format::ids::{BoxType, FourCc, Kid};
use crate::format::language;
use crate::look::decode::from_base64;
use crate::look::inspect::movie_of;
use crate::make::fragment_writer::FragmentLayout;
use crate::make::fragmenter::empty_tables;
use crate::make::mux::{File, Mux};
use crate::make::profile::PROFILES;
use crate::make::proof::header_of;
use crate::make::protection_boxes::{headers, insert_headers, sinf};
use crate::make::sample_entries::{NewEntry, entry};
use crate::model::decode_times::COMMON_SCALE;
use crate::model::manifest::{Client, Level, Stream};
use crate::model::{Fragment, Movie};

/// A file of fragments: one, or several one behind the other.
#[derive(Clone, Debug)]
pub struct FragmentFile<'a> {
    /// Its name, with folders, such as `QualityLevels(800000)/Fragments(video=0)`.
    pub name: &'a str,
    /// Where its first byte is among all files.
    pub at: u64,
    /// Bytes.
    pub size: u64,
}

/// Whether a file that begins with these bytes may be a fragment: one without
/// a header, and without what only repeats a `moof`.
pub fn is_fragment(name: &str, start: &[u8]) -> bool {
    let kinds = [b"moof", b"styp", b"sidx", b"emsg", b"prft", b"free"];
    let begins = start.get(4..8).is_some_and(|code| kinds.iter().any(|kind| code == *kind));
    begins && !name.contains("FragmentInfo(")
}

/// What the name of a fragment tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    bitrate: Option<u64>,
    /// What stands behind the bitrate, such as `hardwareProfile=1000`.
    attributes: Vec<(String, String)>,
    /// Every other number in it.
    numbers: Vec<u64>,
    stream: Option<String>,
    time: Option<u64>,
}

/// Reads `QualityLevels(N)` and `Fragments(NAME=TIME)`, also as browsers and
/// shells write them to disk.
fn read_name(name: &str) -> Named {
    let plain =
        name.replace("%28", "(").replace("%29", ")").replace("%3D", "=").replace("%3d", "=");
    let inside = |word: &str| {
        let at = plain.to_ascii_lowercase().find(&word.to_ascii_lowercase())?;
        let rest = &plain[at + word.len()..];
        Some(rest.split(')').next()?.to_owned())
    };
    let level = inside("QualityLevels(").unwrap_or_default();
    let mut words = level.split(',');
    let bitrate = words.next().and_then(|word| word.trim().parse().ok());
    let attributes = words.filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    let fragment = inside("Fragments(");
    let pair = fragment.as_ref().and_then(|text| text.rsplit_once(['=', '_']));
    // Of what is not the fragment's own name.
    let rest = plain.split("ragments(").next().unwrap_or_default();
    let numbers = rest.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    Named {
        bitrate,
        attributes: attributes.collect(),
        numbers: numbers.collect(),
        stream: pair.map(|(stream, _)| stream.to_owned()),
        time: pair.and_then(|(_, time)| time.parse().ok()),
    }
}

/// One stream at one bitrate, and its fragments.
struct Chosen<'a> {
    stream: &'a Stream,
    level: &'a Level,
    /// The number that its fragments give their track.
    own_id: u32,
    /// Each with the time that its name tells.
    fragments: Vec<(&'a Fragment, Option<u64>)>,
}

/// A session that makes the file. `movie` is what an inspector found in all
/// fragment files, one behind the other.
///
/// # Errors
/// Where fragments are missing, or the manifest does not say what `moov` needs.
pub fn assemble(manifest: &Client, movie: &Movie, files: &[FragmentFile<'_>]) -> Result<Mux> {
    if let Some(damage) = &movie.damage {
        let at = damage.at.unwrap_or(0);
        let file = files.iter().rev().find(|file| at >= file.at);
        let name = file.map_or("", |file| file.name);
        let from = file.map_or(0, |file| file.at);
        return Err(
            Error::malformed(Code::Damaged, format!("{name}: {}", damage.message)).at(at - from)
        );
    }
    if movie.moov.is_some() {
        let sentence = "These files have a moov of their own. Mux them: ismvault mux IN... -o OUT.";
        return Err(Error::misuse(Code::HasMoov, sentence));
    }
    let mut sentences = Vec::new();
    let chosen = choose(manifest, movie, files, &mut sentences)?;
    let kid = protection_kid(manifest, &chosen)?;
    let moov = moov(manifest, &chosen, kid)?;
    let tracks = movie_of(moov.clone()).tracks;
    let end = files.last().map_or(0, |file| file.at + file.size);
    let (mut of, mut spans, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
    for (chosen, track) in chosen.iter().zip(&tracks) {
        let own = crate::model::Track { id: chosen.own_id, ..track.clone() };
        for (number, (fragment, time)) in chosen.fragments.iter().enumerate() {
            let listed = chosen.stream.times.get(number).copied();
            let duration = listed.map(|(_, duration)| duration);
            let time = time.or(listed.map(|(time, _)| time)).and_then(|t| i64::try_from(t).ok());
            of.push((inputs.len(), time, duration));
            spans.push(fragment.head);
        }
        let header = header_of(&moov)?.only(track.id, chosen.own_id);
        inputs.push(File {
            header,
            name: String::new(),
            at: 0,
            end,
            tracks: vec![(own, track.id)],
            trexes: track
                .trex
                .map(|trex| Trex { track_id: chosen.own_id, ..trex })
                .into_iter()
                .collect(),
        });
    }
    let ftyp = Ftyp {
        major: FourCc(*b"isml"),
        minor: 1,
        compatible: [*b"piff", *b"iso2", *b"iso6"].map(FourCc).to_vec(),
        rest: Vec::new(),
    };
    let layout = FragmentLayout {
        ftyp,
        moov,
        tracks,
        parts: Vec::new(),
        earliest: 0,
        one_file: false,
        tfdt: true,
        sidx: false,
    };
    Ok(Mux::of_fragments(layout, inputs, of, spans, sentences))
}

/// Which fragments belong to which stream and level; of each stream the best
/// level that is whole.
fn choose<'a>(
    manifest: &'a Client,
    movie: &'a Movie,
    files: &[FragmentFile<'_>],
    sentences: &mut Vec<String>,
) -> Result<Vec<Chosen<'a>>> {
    let mut groups: Vec<Chosen<'a>> = Vec::new();
    for fragment in &movie.fragments {
        let file = files.iter().rev().find(|file| fragment.moof.at >= file.at);
        let name = file.map_or("", |file| file.name);
        let named = read_name(name);
        let Some(run) = fragment.runs.first() else { continue };
        let stream = stream_of(manifest, movie, &named, run.track_id).ok_or_else(|| {
            Error::misuse(
                Code::WhichStream,
                format!(
                    "{name}: it cannot be told which stream of the manifest this fragment belongs \
                     to. Name files as in their address: QualityLevels(BITRATE)/Fragments(NAME=TIME)."
                ),
            )
        })?;
        let level = level_of(stream, &named).ok_or_else(|| {
            let list = stream.levels.iter().map(level_name).collect::<Vec<_>>().join(", ");
            let sentence = format!(
                "{name}: it cannot be told which quality level of {} this fragment is of; the \
                 manifest has {list}. Put it into a folder of that name.",
                stream_name(stream)
            );
            Error::misuse(Code::WhichLevel, sentence)
        })?;
        let first_of_file = file.is_some_and(|file| fragment.moof.at < file.at + 4096);
        let entry = (fragment, named.time.filter(|_| first_of_file));
        match groups.iter_mut().find(|group| std::ptr::eq(group.level, level)) {
            Some(group) => group.fragments.push(entry),
            None => {
                groups.push(Chosen { stream, level, own_id: run.track_id, fragments: vec![entry] })
            }
        }
    }
    if groups.is_empty() {
        return Err(Error::misuse(Code::NoFragments, "There is no fragment among the files."));
    }
    for group in &mut groups {
        let time = |(fragment, named): &(&Fragment, Option<u64>)| {
            let run = fragment.runs.first();
            let own = run.and_then(|run| run.tfxd.map(|(time, _)| time).or(run.decode_time));
            named.map(|time| time as i64).or(own)
        };
        // Without times they stay as they were given.
        crate::collections::sort_by_key(&mut group.fragments, time);
        group.fragments.dedup_by(|a, b| time(a).is_some() && time(a) == time(b));
    }
    // Of each stream one level: the best that is whole, else the best.
    let mut chosen: Vec<Chosen<'a>> = Vec::new();
    for stream in &manifest.streams {
        let mut own: Vec<Chosen<'a>> = Vec::new();
        let mut rest = Vec::new();
        for group in groups {
            if std::ptr::eq(group.stream, stream) { own.push(group) } else { rest.push(group) }
        }
        groups = rest;
        crate::collections::sort_by_key(&mut own, |group| {
            (missing_chunk(manifest, group).is_none(), group.level.bitrate.unwrap_or(0))
        });
        if let Some(best) = own.pop() {
            for left in &own {
                sentences.push(format!(
                    "{} at {} bit/s is left out for {} bit/s.",
                    stream_name(stream),
                    left.level.bitrate.unwrap_or(0),
                    best.level.bitrate.unwrap_or(0)
                ));
            }
            if let Some((number, time)) = missing_chunk(manifest, &best) {
                return Err(Error::misuse(
                    Code::FragmentMissing,
                    format!(
                        "Fragment {} of {} of {} is missing, that of the time {time}: \
                         QualityLevels({})/Fragments({}={time}).",
                        number + 1,
                        best.stream.times.len(),
                        stream_name(stream),
                        best.level.bitrate.unwrap_or(0),
                        stream_name(stream)
                    ),
                ));
            }
            chosen.push(best);
        }
    }
    for stream in &manifest.streams {
        if !chosen.iter().any(|group| std::ptr::eq(group.stream, stream)) {
            sentences.push(format!("There are no fragments of {}.", stream_name(stream)));
        }
    }
    Ok(chosen)
}

fn stream_name(stream: &Stream) -> &str {
    stream.name.as_deref().unwrap_or(&stream.kind)
}

/// The first chunk of the manifest for which there is no fragment.
fn missing_chunk(manifest: &Client, group: &Chosen<'_>) -> Option<(usize, u64)> {
    if manifest.live || group.stream.times.is_empty() {
        return None;
    }
    // By its name or by itself: names may count from where an edit list begins.
    let known = group.fragments.iter().map(|(fragment, named)| {
        let run = fragment.runs.first();
        let own = run.and_then(|run| run.tfxd.map(|(time, _)| time).or(run.presentation_time()));
        let named = named.map(|time| time as i64);
        named.or(own).map(|time| [time, own.unwrap_or(time)])
    });
    let times: Option<Vec<[i64; 2]>> = known.collect();
    match times {
        // Without times only their number can be compared.
        None => (group.fragments.len() < group.stream.times.len())
            .then(|| (group.fragments.len(), group.stream.times[group.fragments.len()].0)),
        Some(times) => group.stream.times.iter().enumerate().find_map(|(number, (time, _))| {
            let there = times.iter().flatten().any(|t| t.abs_diff(*time as i64) <= 1);
            // A time before zero is zero in the manifest.
            let primed = number == 0 && times.iter().flatten().any(|t| *t < 0);
            (!there && !primed).then_some((number, *time))
        }),
    }
}

fn stream_of<'a>(
    manifest: &'a Client,
    movie: &Movie,
    named: &Named,
    track: u32,
) -> Option<&'a Stream> {
    if let Some(name) = &named.stream {
        let is = |stream: &&Stream| stream_name(stream).eq_ignore_ascii_case(name);
        let of_kind = |stream: &&Stream| stream.kind.eq_ignore_ascii_case(name);
        return manifest.streams.iter().find(is).or(manifest.streams.iter().find(of_kind));
    }
    if let [only] = &manifest.streams[..] {
        return Some(only);
    }
    // By times: those of the fragments are those of one stream alone.
    let runs = movie.fragments.iter().filter_map(|f| f.runs.first());
    let times: Vec<i64> = runs
        .filter(|run| run.track_id == track)
        .filter_map(|run| run.tfxd.map(|(time, _)| time).or(run.decode_time))
        .collect();
    let fits = |stream: &&Stream| {
        let listed = |time: &i64| stream.times.iter().any(|(t, _)| time.abs_diff(*t as i64) <= 1);
        !times.is_empty() && times.iter().filter(|time| **time >= 0).all(listed)
    };
    let mut fitting = manifest.streams.iter().filter(fits);
    fitting.next().filter(|_| fitting.next().is_none())
}

/// A quality level as it is called in addresses.
fn level_name(level: &Level) -> String {
    let mut name = level.bitrate.unwrap_or(0).to_string();
    for (key, value) in &level.attributes {
        name += &format!(",{key}={value}");
    }
    format!("QualityLevels({name})")
}

/// The level that a name tells, by bitrate and attributes; none where it could
/// be several.
fn level_of<'a>(stream: &'a Stream, named: &Named) -> Option<&'a Level> {
    let has = |level: &Level, bitrate: u64| level.bitrate == Some(bitrate);
    let mut fitting: Vec<&Level> = match named.bitrate {
        Some(bitrate) => stream.levels.iter().filter(|level| has(level, bitrate)).collect(),
        None => {
            // A bitrate may stand anywhere in the name.
            let told = |level: &&Level| named.numbers.iter().any(|number| has(level, *number));
            let told: Vec<&Level> = stream.levels.iter().filter(told).collect();
            if told.is_empty() { stream.levels.iter().collect() } else { told }
        }
    };
    if fitting.len() > 1 && !named.attributes.is_empty() {
        let all = |level: &&Level| named.attributes.iter().all(|a| level.attributes.contains(a));
        fitting.retain(all);
    }
    match fitting[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// The KID of fragments that list IVs, from the manifest's PlayReady header.
fn protection_kid(manifest: &Client, chosen: &[Chosen<'_>]) -> Result<Option<Kid>> {
    let has_ivs = |(fragment, _): &(&Fragment, _)| fragment.runs.iter().any(|run| run.has_ivs);
    if !chosen.iter().any(|group| group.fragments.iter().any(has_ivs)) {
        return Ok(None);
    }
    let mut headers = manifest.protection.iter().filter_map(|(_, text)| {
        let object = from_base64(text)?;
        let mut ignored = Vec::new();
        let records = playready::read_object(&object, &mut ignored);
        let header = records.iter().find(|record| record.kind == playready::RECORD_HEADER)?;
        Some(playready::read_header(header.value, &mut ignored)).filter(|h| !h.kids.is_empty())
    });
    let header = headers.next().ok_or_else(|| {
        Error::unsupported(
            Code::NoProtectionHeader,
            "The fragments are protected, but the manifest has no PlayReady header with a KID.",
        )
    })?;
    if header.keys.iter().any(|key| key.algid.as_deref().is_some_and(|id| id.trim() == "AESCBC")) {
        return Err(Error::unsupported(
            Code::Scheme,
            "The manifest's PlayReady header says AESCBC; how its samples are encrypted stands in \
             a header of the file, which is lost. Only AES-CTR is assembled.",
        ));
    }
    match header.kids[..] {
        [kid] => Ok(Some(kid)),
        _ => Err(Error::unsupported(
            Code::SeveralKids,
            format!(
                "The manifest's PlayReady header names {} KIDs, and nothing says which fragments \
                 use which.",
                header.kids.len()
            ),
        )),
    }
}

fn moov(manifest: &Client, chosen: &[Chosen<'_>], kid: Option<Kid>) -> Result<Node> {
    let mut children = vec![
        Mvhd {
            version: 1,
            flags: 0,
            creation_time: 0,
            modification_time: 0,
            timescale: COMMON_SCALE,
            duration: 0,
            rest: movie_rest(chosen.len() as u32 + 1),
        }
        .to_node(),
    ];
    let mut trexes = Vec::new();
    for (group, id) in chosen.iter().zip(1..) {
        children.push(trak(group, id, kid)?);
        trexes.push(
            Trex {
                version_flags: 0,
                track_id: id,
                sample_description_index: 1,
                sample_duration: 0,
                sample_size: 0,
                sample_flags: 0,
            }
            .to_node(),
        );
    }
    children.push(Node::parent(b"mvex", trexes));
    let mut moov = Node::parent(b"moov", children);
    if kid.is_some() {
        let objects = manifest.protection.iter().filter_map(|(system, text)| {
            Some((*system).unwrap_or(PLAYREADY)).filter(|s| *s == PLAYREADY)?;
            from_base64(text)
        });
        let systems: Vec<_> = objects.map(playready::pssh).collect();
        if let Some(piff) = PROFILES.iter().find(|profile| profile.name == "piff") {
            insert_headers(&mut moov, headers(piff, &systems));
        }
    }
    Ok(moov)
}

/// The unity matrix of `mvhd` and `tkhd`.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

fn movie_rest(next_track: u32) -> [u8; 80] {
    let mut w = Writer::new();
    w.u32(0x1_0000);
    w.u16(0x100);
    w.bytes(&[0; 10]);
    MATRIX.iter().for_each(|n| w.u32(*n));
    w.bytes(&[0; 24]);
    w.u32(next_track);
    w.into_bytes().try_into().unwrap_or([0; 80])
}

fn trak(group: &Chosen<'_>, id: u32, kid: Option<Kid>) -> Result<Node> {
    let NewEntry { mut node, handler, header, dimensions: (width, height) } =
        entry(group.stream, group.level)?;
    let has_ivs = group.fragments.iter().any(|(f, _)| f.runs.iter().any(|run| run.has_ivs));
    let piff = PROFILES.iter().find(|profile| profile.name == "piff");
    if let (Some(kid), true, Some(piff), BoxType::Code(format)) = (kid, has_ivs, piff, node.kind) {
        node.kind = BoxType::code(if &handler == b"vide" { b"encv" } else { b"enca" });
        if let Some(children) = node.children_mut() {
            children.push(sinf(piff, format, &Tenc::ctr(kid)));
        }
    }
    let timescale = u32::try_from(group.stream.timescale).unwrap_or(COMMON_SCALE).max(1);
    let mut rest = Writer::new();
    rest.bytes(&[0; 12]);
    rest.u16(if &handler == b"soun" { 0x100 } else { 0 });
    rest.u16(0);
    MATRIX.iter().for_each(|n| rest.u32(*n));
    let tkhd = Tkhd {
        version: 1,
        flags: 7,
        creation_time: 0,
        modification_time: 0,
        track_id: id,
        reserved: 0,
        duration: 0,
        rest: rest.into_bytes().try_into().unwrap_or([0; 52]),
        width: u32::from(width) << 16,
        height: u32::from(height) << 16,
    };
    let mdhd = Mdhd {
        version: 1,
        flags: 0,
        creation_time: 0,
        modification_time: 0,
        timescale,
        duration: 0,
        language: language::to_field(language::of_tag(
            group.stream.language.as_deref().unwrap_or_default(),
        )),
        pre_defined: 0,
    };
    let hdlr = Hdlr {
        version_flags: 0,
        pre_defined: 0,
        handler: FourCc(handler),
        reserved: [0; 12],
        name: [stream_name(group.stream).as_bytes(), &[0]].concat(),
    };
    let list = |code: &[u8; 4], children: Vec<Node>| {
        let mut node = Node::parent(code, children);
        let count = node.children().len() as u32;
        if let crate::format::boxes::tree::Content::Parent { head, .. } = &mut node.content {
            *head = [[0; 4], count.to_be_bytes()].concat();
        }
        node
    };
    let url = Node::leaf(BoxType::code(b"url "), vec![0, 0, 0, 1]);
    let dinf = Node::parent(b"dinf", vec![list(b"dref", vec![url])]);
    let mut tables = vec![list(b"stsd", vec![node])];
    tables.extend(empty_tables());
    let minf = Node::parent(b"minf", vec![header, dinf, Node::parent(b"stbl", tables)]);
    let mdia = Node::parent(b"mdia", vec![mdhd.to_node(), hdlr.to_node(), minf]);
    Ok(Node::parent(b"trak", vec![tkhd.to_node(), mdia]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_they_are_found_on_disk() {
        let wanted = Named {
            bitrate: Some(230_000),
            stream: Some("video".into()),
            time: Some(20_000_000),
            ..Named::default()
        };
        for name in [
            "QualityLevels(230000)/Fragments(video=20000000)",
            "x/QualityLevels%28230000%29/Fragments%28video%3D20000000%29",
            "QualityLevels(230000)_Fragments(video=20000000).mp4",
            "QualityLevels(230000,a=b)/Fragments(video_20000000)",
        ] {
            let named = read_name(name);
            let attributes =
                if name.contains("a=b") { vec![("a".into(), "b".into())] } else { vec![] };
            assert_eq!(named.attributes, attributes, "{name}");
            assert_eq!(named.numbers, [230_000], "{name}");
            let plain = Named { attributes: vec![], numbers: vec![], ..named };
            assert_eq!(plain, wanted, "{name}");
        }
        assert_eq!(read_name("seg-1.m4s"), Named { numbers: vec![1, 4], ..Named::default() });
        assert_eq!(read_name("Fragments(audio_eng=0)").stream.as_deref(), Some("audio_eng"));
    }
}
