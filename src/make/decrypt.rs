//! Taking protection off again: `piff`, `cenc`, `cens`, `cbc1` and `cbcs`.

use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::movie::{Ftyp, Tkhd, Trex};
use crate::format::boxes::protection::{PIFF_PSSH, Pssh};
use crate::format::boxes::tree::Node;
use crate::format::bytes::{Reader, Writer};
use crate::format::cipher::{ContentKey, SampleCipher, checksum_text};
use crate::format::ids::{BoxType, Kid};
use crate::look::inspect::movie_of;
use crate::make::keys;
use crate::make::proof::{self, Faults, Proof, Proves, Source, header_of};
use crate::make::protection_boxes::is_of_protection;
use crate::make::recipe::{Piece, Recipe};
use crate::make::rewrite::{PlannedUnit, Rewrite, check_fragments, check_intact};
use crate::make::witness::Header;
use crate::model::{
    AtHand, Movie, Protected, SampleEntry, Track, TrackFragment, protected_samples,
};
use zeroize::Zeroizing;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFor {
    /// Every protected track.
    All,
    /// The tracks with this KID.
    Kid(Kid),
    /// The track with this number.
    Track(u32),
}

/// Reads `KEY`, `KID:KEY` or `TRACK:KEY`.
///
/// # Errors
/// Where it is none of these; the text is not repeated.
pub fn parse_key(text: &str) -> Result<(KeyFor, ContentKey)> {
    // A key may be written with colons between its digits.
    let whole = ContentKey::parse(text);
    let Some((name, key)) = text.rsplit_once(':').filter(|_| whole.is_err()) else {
        return Ok((KeyFor::All, whole?));
    };
    let target = match name.parse() {
        Ok(track) if name.len() < 10 => KeyFor::Track(track),
        _ => KeyFor::Kid(Kid::parse(name)?),
    };
    Ok((target, ContentKey::parse(key)?))
}

/// Reads several, with spaces, commas or line ends between; or a list of keys, as
/// a file is protected with ([`keys::parse`]).
///
/// # Errors
/// Where one of them is none.
pub fn parse_keys(text: &str) -> Result<Vec<(KeyFor, ContentKey)>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let titles = text.lines().next().unwrap_or_default().to_ascii_lowercase();
    if text.starts_with(['<', '{', '[']) || titles.split([',', ';', '\t']).any(|t| t == "kid") {
        return Ok(keys::parse(text)?
            .into_iter()
            .map(|key| (KeyFor::Kid(key.kid), key.key))
            .collect());
    }
    let words = text.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
    let keys: Vec<_> =
        words.filter(|word| !word.is_empty()).map(parse_key).collect::<Result<_>>()?;
    if keys.is_empty() {
        return Err(Error::misuse(Code::NoKey, "No key was given."));
    }
    Ok(keys)
}

/// A [`Recipe`] that decrypts a file.
pub struct Decryption {
    rewrite: Rewrite,
    decryptor: Decryptor,
    warnings: Vec<String>,
    source: Source,
}

/// Decrypts units. It knows nothing of the file around them, so any thread or
/// worker can have one.
pub struct Decryptor {
    trexes: Vec<Trex>,
    tracks: Vec<TrackDecryption>,
    /// For [`Decryptor::setup`].
    moov: Node,
    /// `moov` as it is and as it becomes, as a stranger reads them.
    headers: [Header; 2],
}

/// How the samples of a `traf` are encrypted; none where it is clear.
type Sealed<'d> = Option<(&'d EntryKey, Vec<Option<Protected>>)>;

/// How the fragments of one track are decrypted.
struct TrackDecryption {
    track: Track,
    /// For each sample entry, how; none for a clear one.
    entries: Vec<Option<EntryKey>>,
}

/// The keys of a sample entry: those of the KIDs they were given for, and one
/// for every other KID.
struct EntryKey {
    by_kid: Vec<(Kid, SampleCipher)>,
    other: Option<SampleCipher>,
}

impl EntryKey {
    fn cipher(&self, kid: Kid) -> Result<&SampleCipher> {
        let own = self.by_kid.iter().find(|(k, _)| *k == kid).map(|(_, cipher)| cipher);
        own.or(self.other.as_ref()).ok_or_else(|| {
            Error::misuse(
                Code::KeyMissing,
                format!("Some samples are protected with the KID {kid}. Give it as {kid}:KEY."),
            )
        })
    }
}

impl Decryption {
    /// Of a file with these keys. Every protected track needs one.
    ///
    /// # Errors
    /// Where a track has no key or no key fits, nothing is protected, or the file is
    /// damaged.
    pub fn new(movie: &Movie, keys: &[(KeyFor, ContentKey)]) -> Result<Self> {
        check_intact(movie, "decrypted")?;
        let protected: Vec<&Track> =
            movie.tracks.iter().filter(|track| track.protection().is_some()).collect();
        if protected.is_empty() {
            return Err(Error::misuse(
                Code::NotProtected,
                "The file is not protected, so there is nothing to decrypt.",
            ));
        }
        if movie.fragments.is_empty() {
            return Err(Error::unsupported(
                Code::NoFragments,
                "The file has no fragments; only fragmented files can be decrypted here. \
                 For a progressive MP4 use ffmpeg -decryption_key.",
            ));
        }
        check_fragments(movie)?;
        let missing = || Error::malformed(Code::NoMoov, "The file has no moov box.");
        let source = movie.moov.as_ref().ok_or_else(missing)?;
        let mut warnings = Vec::new();
        let decryptor = Decryptor::new(movie, source, keys, &mut warnings)?;
        let moov = clear_moov(source, &movie.tracks)?;
        let ftyp = movie.ftyp.clone().unwrap_or_else(Ftyp::missing);
        let rewrite = Rewrite::new(movie, &ftyp, &moov)?;
        let source = Source { top: movie.top.clone(), faults: Faults::of(&movie.findings) };
        Ok(Self { rewrite, decryptor, warnings, source })
    }

    /// What the user should know, such as a key that cannot be right.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What does the units.
    pub fn decryptor(&self) -> &Decryptor {
        &self.decryptor
    }
}

impl Decryptor {
    /// For files with this `moov` and these keys.
    fn new(
        movie: &Movie,
        moov: &Node,
        keys: &[(KeyFor, ContentKey)],
        warnings: &mut Vec<String>,
    ) -> Result<Self> {
        let protected = movie.tracks.iter().filter(|track| track.protection().is_some());
        let tracks = protected.map(|track| {
            let entries = track.entries.iter().map(|entry| {
                let protected = !entry.protection.is_empty();
                protected.then(|| entry_key(movie, track, entry, keys, warnings)).transpose()
            });
            let entries = entries.collect::<Result<Vec<_>>>()?;
            Ok(TrackDecryption { track: track.clone(), entries })
        });
        let tracks = tracks.collect::<Result<Vec<_>>>()?;
        let trexes = movie.tracks.iter().filter_map(|track| track.trex).collect();
        let headers = [header_of(moov)?, header_of(&clear_moov(moov, &movie.tracks)?)?];
        Ok(Self { trexes, tracks, moov: moov.clone(), headers })
    }

    /// All of it as bytes, with these keys, for a worker to make its own from.
    pub fn setup(&self, keys: &[(KeyFor, ContentKey)]) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::new();
        let moov = self.moov.to_bytes();
        w.u64(self.moov.at);
        w.u32(moov.len() as u32);
        w.bytes(&moov);
        w.reserve(keys.len() * 64);
        for (target, key) in keys {
            let (kind, name) = match target {
                KeyFor::All => (0, 0),
                KeyFor::Track(id) => (1, u128::from(*id)),
                KeyFor::Kid(kid) => (2, u128::from_be_bytes(kid.0)),
            };
            w.u8(kind);
            w.bytes(&name.to_be_bytes());
            key.write(&mut w);
        }
        Zeroizing::new(w.into_bytes())
    }

    /// From a [`Decryptor::setup`].
    ///
    /// # Errors
    /// Where the bytes are no such setup.
    pub fn from_setup(setup: &[u8]) -> Result<Self> {
        let mut r = Reader::new(setup, 0);
        let (at, size) = (r.u64("at")?, r.u32("size")?);
        let moov = Node::read(r.bytes("moov", size as usize)?, at, &mut Vec::new())?;
        let mut keys = Vec::new();
        while r.left() > 0 {
            let (kind, name) = (r.u8("kind")?, u128::from_be_bytes(r.array("name")?));
            let target = match kind {
                0 => KeyFor::All,
                1 => KeyFor::Track(name as u32),
                _ => KeyFor::Kid(Kid::of(name)),
            };
            keys.push((target, ContentKey::from_bytes(r.array("key")?)));
        }
        Self::new(&movie_of(moov.clone()), &moov, &keys, &mut Vec::new())
    }

    /// Decrypts a unit that was `input` at this place: what goes out is added to
    /// `out`. Then reads it back.
    ///
    /// # Errors
    /// Where the unit is not what the movie says, or what was made is not the sample
    /// again.
    pub fn work(&self, at: u64, input: &[u8], out: &mut Vec<u8>) -> Result<Proof> {
        let (unit, samples) = self.boxes(at, input)?;
        let start = out.len();
        unit.write(input, out);
        let out = &mut out[start..];
        for (fragment, samples) in unit.fragments.iter().zip(samples) {
            let Some((key, samples)) = samples else { continue };
            for (protected, sample) in samples.iter().zip(&fragment.samples) {
                let Some(protected) = protected else { continue };
                let range = unit.new_range(sample)?;
                key.cipher(protected.kid)
                    .and_then(|cipher| protected.decrypt(cipher, &mut out[range]))
                    .map_err(|e| e.at(sample.at).within("moof/traf/senc"))?;
            }
        }
        let cipher = |track, kid| {
            let own = self.tracks.iter().filter(|key| key.track.id == track);
            let mut keys = own.flat_map(|key| &key.entries).flatten();
            keys.find_map(|key| key.cipher(kid).ok())
        };
        let unit = proof::UnitBytes { at, input, output: out };
        proof::compare(&unit, self.headers.each_ref(), cipher)
    }

    /// How long what [`Decryptor::work`] makes will be.
    ///
    /// # Errors
    /// Where the unit is not what the movie says.
    pub fn measure(&self, at: u64, input: &[u8]) -> Result<u64> {
        Ok(self.boxes(at, input)?.0.len(input))
    }

    /// The unit with its new boxes, and how the samples of each `traf` are
    /// encrypted.
    fn boxes(&self, at: u64, input: &[u8]) -> Result<(PlannedUnit, Vec<Sealed<'_>>)> {
        let mut unit = PlannedUnit::open(at, input, &self.trexes)?;
        unit.check_overlaps(|fragment| self.key_of(fragment).is_some())?;
        let at_hand = AtHand { at, bytes: input };
        let trafs = unit.moof.all(BoxType::code(b"traf")).zip(&unit.fragments);
        let sealed = trafs.map(|(traf, fragment)| {
            let Some((track, key)) = self.key_of(fragment) else { return Ok(None) };
            let samples = protected_samples(track, traf, fragment, at_hand)
                .map_err(|e| e.at(traf.at).within("moof/traf"))?;
            Ok(Some((key, samples)))
        });
        let sealed = sealed.collect::<Result<Vec<_>>>()?;
        for ((traf, _), sealed) in unit.trafs().zip(&sealed) {
            if let (Some(_), Some(children)) = (sealed, traf.children_mut()) {
                children.retain(|node| !is_of_protection(node));
            }
        }
        unit.close(false)?;
        Ok((unit, sealed))
    }

    /// How a `traf` is decrypted; none if it is clear.
    fn key_of(&self, fragment: &TrackFragment) -> Option<(&Track, &EntryKey)> {
        let key = self.tracks.iter().find(|key| key.track.id == fragment.tfhd.track_id)?;
        let entry = key.entries.get(key.track.entry_of(&fragment.tfhd))?;
        Some((&key.track, entry.as_ref()?))
    }
}

/// The key of a sample entry: named by track, else by KID, else the one for all.
fn entry_key(
    movie: &Movie,
    track: &Track,
    entry: &SampleEntry,
    keys: &[(KeyFor, ContentKey)],
    warnings: &mut Vec<String>,
) -> Result<EntryKey> {
    let id = track.id;
    let kid = entry
        .protection()
        .filter(|protection| protection.method().is_some())
        .and_then(|protection| protection.kid)
        .ok_or_else(|| {
            let scheme = track.protection().and_then(|p| p.scheme);
            let scheme =
                scheme.map_or("an unknown scheme".to_owned(), |s| format!("the scheme {s}"));
            Error::unsupported(
                Code::Scheme,
                format!(
                    "Track {id} is protected with {scheme}; piff, cenc, cens, cbc1 and cbcs can be \
                     decrypted here."
                ),
            )
        })?;
    let order = [KeyFor::Track(id), KeyFor::Kid(kid), KeyFor::All];
    // Where keys rotate, fragments name their own, and the entry none.
    let rotates = kid == Kid::of(0);
    let key =
        order.iter().find_map(|target| keys.iter().find(|(t, _)| t == target)).map(|(_, key)| key);
    if key.is_none() && !rotates {
        return Err({
            let swapped = keys.iter().any(|(t, _)| *t == KeyFor::Kid(kid.swapped()));
            let hint =
                if swapped { " The KID you gave is this one with its bytes swapped." } else { "" };
            Error::misuse(
                Code::KeyMissing,
                format!(
                    "Track {id} is protected with the KID {kid}, and no key was given for it.{hint} Give it as {kid}:KEY."
                ),
            )
        });
    }
    let sum = key.map(|key| checksum_text(key, kid));
    let headers = movie.systems.iter().filter_map(|system| system.playready.as_ref());
    let stated = headers
        .flat_map(|h| &h.keys)
        .filter(|k| k.kid == Some(kid))
        .find_map(|k| k.checksum.as_deref())
        .filter(|stated| sum.as_ref().is_some_and(|sum| sum != stated.trim()));
    if let (Some(stated), Some(sum)) = (stated, &sum) {
        warnings.push(format!(
            "The key for track {id} does not match the CHECKSUM of the PlayReady header ({stated}; \
             the key gives {sum}). It is very likely the wrong key, and the output garbage."
        ));
    }
    let by_kid = keys.iter().filter_map(|(target, key)| match target {
        KeyFor::Kid(kid) => Some((*kid, key.cipher())),
        _ => None,
    });
    let of = |target| keys.iter().find(|(t, _)| *t == target).map(|(_, key)| key.cipher());
    Ok(EntryKey {
        by_kid: by_kid.collect(),
        other: of(KeyFor::Track(id)).or_else(|| of(KeyFor::All)),
    })
}

/// `moov` with the original sample entries, without protection headers.
fn clear_moov(moov: &Node, tracks: &[Track]) -> Result<Node> {
    let mut moov = moov.clone();
    if let Some(children) = moov.children_mut() {
        children.retain(|node| ![Pssh::KIND, PIFF_PSSH].contains(&node.kind));
    }
    let traks = moov.children_mut().into_iter().flatten();
    for trak in traks.filter(|node| node.kind == BoxType::code(b"trak")) {
        let id = trak.get::<Tkhd>()?.track_id;
        let Some(track) = tracks.iter().find(|track| track.id == id) else { continue };
        let stsd = trak.path_mut(&[b"mdia", b"minf", b"stbl", b"stsd"]);
        let nodes = stsd.and_then(Node::children_mut).into_iter().flatten();
        for (node, entry) in nodes.zip(&track.entries).filter(|(_, e)| !e.protection.is_empty()) {
            node.kind = BoxType::Code(entry.format);
            if let Some(children) = node.children_mut() {
                children.retain(|child| child.kind != BoxType::code(b"sinf"));
            }
        }
    }
    Ok(moov)
}

impl Proves for Decryption {
    fn work_and_prove(&self, unit: usize, bytes: &[u8]) -> Result<(Vec<u8>, Proof)> {
        let at = self.rewrite.unit_at(unit, bytes)?;
        let mut out = Vec::new();
        let proof = self.decryptor.work(at, bytes, &mut out)?;
        Ok((out, proof))
    }

    fn source(&self) -> &Source {
        &self.source
    }
}

impl Recipe for Decryption {
    fn pieces(&self) -> &[Piece] {
        self.rewrite.pieces()
    }

    fn work(&self, unit: usize, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(self.work_and_prove(unit, bytes)?.0)
    }

    fn finish(&self, lengths: &[u64]) -> Result<Vec<u8>> {
        self.rewrite.finish(lengths)
    }

    fn unmeasured(&self) -> Vec<Span> {
        self.rewrite.unmeasured()
    }

    fn measure(&self, unit: usize, bytes: &[u8]) -> Result<u64> {
        self.decryptor.measure(self.rewrite.unit_at(unit, bytes)?, bytes)
    }

    fn settle(&mut self, lengths: &[u64]) -> Result<()> {
        self.rewrite.update_indexes(lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_one_by_one_or_as_a_list() {
        let (kid, key) =
            ("09e36702-8f33-436c-a5dd-60ffe6671e70", "000102030405060708090a0b0c0d0e0f");
        let own = Kid::parse(kid).unwrap();
        for (text, whose) in [
            (key.to_owned(), KeyFor::All),
            (format!("2:{key}"), KeyFor::Track(2)),
            (format!("{kid}:{key}"), KeyFor::Kid(own)),
            (format!("kid,key\n{kid},{key}\n"), KeyFor::Kid(own)),
            (
                format!("[{{\"kid\":\"{kid}\",\"key\":\"{key}\",\"tracks\":\"hd\"}}]"),
                KeyFor::Kid(own),
            ),
        ] {
            let keys = parse_keys(&text).unwrap();
            assert_eq!((keys.len(), keys[0].0), (1, whose), "{text}");
            assert_eq!(keys[0].1.reveal().as_str(), key);
        }
        assert_eq!(parse_keys(" \n").err().unwrap().code, Code::NoKey);
        assert_eq!(parse_keys("[]").err().unwrap().code, Code::NoKey);
    }
}
