//! Manifests against the files they are about.

use super::{FileSet, Member, found};
use crate::checks::CheckId;
use crate::collections::Set;
use crate::error::Untrusted;
use crate::format::cipher::CipherMode;
use crate::format::drm::PLAYREADY;
use crate::format::drm::playready::WrmHeader;
use crate::format::ids::{FourCc, Kid, SystemId};
use crate::look::decode::{self, Decoded};
use crate::model::manifest::{
    Client, ContentProtection, Dash, Hls, HlsKey, Level, Manifest, Server, Stream,
};
use crate::model::{Finding, Track};

impl FileSet<'_> {
    pub(super) fn server(&self, name: &str, server: &Server, out: &mut Vec<Finding>) {
        let clients: Vec<&Client> = self
            .manifests
            .iter()
            .filter_map(|(_, m)| if let Manifest::Client(c) = m { Some(c) } else { None })
            .collect();
        for listed in &server.tracks {
            let src = listed.src.rsplit(['/', '\\']).next().unwrap_or_default();
            let file = self.files.iter().find(|(file, _)| base(file).eq_ignore_ascii_case(src));
            let Some((file, movie)) = file else {
                if self.files.is_empty() {
                    continue;
                }
                let message = format!("It names {src}, which was not opened with it.");
                out.push(found(CheckId::ManifestFileMissing, name, message));
                continue;
            };
            let kind_fits =
                |track: &&Track| Member { name: file, movie, track }.is_kind(&listed.kind);
            let track = match listed.track_id {
                Some(id) => movie.track(id),
                None => movie.tracks.iter().find(kind_fits),
            };
            let Some(track) = track.filter(kind_fits) else {
                let id = listed.track_id.map_or("any".into(), |id| id.to_string());
                let message = format!(
                    "It says that track {id} of {src} is {}; that file has no such track.",
                    listed.kind
                );
                out.push(found(CheckId::TrackIdMismatch, name, message));
                continue;
            };
            let member = Member { name: file, movie, track };
            if let (Some(stated), Some(measured)) = (listed.bitrate, member.measured())
                && off(stated, measured)
            {
                let message = format!(
                    "systemBitrate of {src}, track {}, is {stated}; measured are {measured} bit/s.",
                    track.id
                );
                out.push(found(CheckId::BitrateDiffers, name, message).of_track(track.id));
            }
            let levels: Vec<u64> = clients
                .iter()
                .flat_map(|client| &client.streams)
                .filter(|stream| member.is_kind(&stream.kind))
                .flat_map(|stream| stream.levels.iter().filter_map(|level| level.bitrate))
                .collect();
            if let Some(stated) =
                listed.bitrate.filter(|rate| !levels.is_empty() && !levels.contains(rate))
            {
                let message = format!(
                    "systemBitrate {stated} of {src} is not a Bitrate of the client manifest: its \
                     fragments cannot be asked for."
                );
                out.push(found(CheckId::BitrateDiffers, name, message).of_track(track.id));
            }
        }
    }

    pub(super) fn client(
        &self,
        name: &str,
        client: &Client,
        server: Option<&Server>,
        out: &mut Vec<Finding>,
    ) {
        for (system, text) in &client.protection {
            self.header(name, *system, &decode::protection_header(*system, text, 0), out);
        }
        let levels = client.streams.iter().flat_map(|s| s.levels.iter().map(move |l| (s, l)));
        let own = levels.filter_map(|(stream, level)| self.of_level(stream, level, server));
        let real = own.filter_map(|m| m.track.seconds(m.track.totals.duration));
        let real = real.max_by(f64::total_cmp).filter(|s| *s > 0.0);
        if let (Some(stated), Some(real), false) = (client.duration, real, client.live) {
            let stated = stated as f64 / client.timescale.max(1) as f64;
            if (stated - real).abs() > 2.5 {
                let message = format!("Its Duration is {stated:.3} s; the files last {real:.3} s.");
                out.push(found(CheckId::DurationsDisagree, name, message));
            }
        }
        let protected = self.members().any(|m| m.track.protection().is_some());
        if protected && client.protection.is_empty() {
            let message = "The files are protected, but it has no ProtectionHeader.";
            out.push(found(CheckId::ManifestHeaderDiffers, name, message));
        } else if !protected && !client.protection.is_empty() && !self.files.is_empty() {
            let message = "It has a ProtectionHeader, but the files are clear.";
            out.push(found(CheckId::ManifestHeaderDiffers, name, message));
        }
        for stream in &client.streams {
            self.stream(name, stream, server, out);
        }
    }

    fn stream(&self, name: &str, stream: &Stream, server: Option<&Server>, out: &mut Vec<Finding>) {
        let kind = stream.kind.as_str();
        if let Some(chunks) = stream.chunks.filter(|n| *n != stream.times.len() as u64) {
            let message = format!(
                "The {kind} stream says it has {chunks} chunks, and lists {}.",
                stream.times.len()
            );
            out.push(found(CheckId::ChunksDiffer, name, message));
        }
        // A priming encoder's first chunk is cut at zero, and its duration is not.
        let tolerance = stream.timescale / 20;
        let broken = stream
            .times
            .windows(2)
            .position(|p| p[0].0.saturating_add(p[0].1).abs_diff(p[1].0) > tolerance);
        if let Some(i) = broken {
            let message = format!(
                "Chunk {} of the {kind} stream does not begin where the one before ends.",
                i + 2
            );
            out.push(found(CheckId::TimeGap, name, message));
        }
        let mut seen = Set::new();
        for level in &stream.levels {
            let Some(rate) = level.bitrate else { continue };
            if !seen.insert(rate) {
                let message =
                    format!("Two quality levels of the {kind} stream have the bitrate {rate}.");
                out.push(found(CheckId::BitrateTwice, name, message));
            }
        }
        for level in &stream.levels {
            let Some(member) = self.of_level(stream, level, server) else { continue };
            self.level(name, stream, level, member, out);
        }
    }

    /// The track a quality level is about: by the server manifest, else by its
    /// bitrate, else the only one.
    fn of_level(
        &self,
        stream: &Stream,
        level: &Level,
        server: Option<&Server>,
    ) -> Option<Member<'_>> {
        let listed = server.and_then(|server| {
            server.tracks.iter().find(|track| {
                track.bitrate == level.bitrate
                    && (track.kind == stream.kind
                        || (track.kind == "textstream" && stream.kind == "text"))
            })
        });
        let candidates: Vec<Member<'_>> =
            self.members().filter(|member| member.is_kind(&stream.kind)).collect();
        if let Some(listed) = listed {
            let src = listed.src.rsplit(['/', '\\']).next().unwrap_or_default();
            return candidates.into_iter().find(|member| {
                base(member.name).eq_ignore_ascii_case(src)
                    && listed.track_id.is_none_or(|id| id == member.track.id)
            });
        }
        let rate = level.bitrate?;
        let close = |member: &&Member<'_>| {
            let declared = member.track.codec().and_then(|codec| codec.declared_bitrate);
            declared.map(u64::from) == Some(rate)
                || member.measured().is_some_and(|m| !off(rate, m))
        };
        match (candidates.iter().find(close), &candidates[..]) {
            (Some(member), _) => Some(*member),
            (None, [only]) if stream.levels.len() == 1 => Some(*only),
            _ => None,
        }
    }

    fn level(
        &self,
        name: &str,
        stream: &Stream,
        level: &Level,
        member: Member<'_>,
        out: &mut Vec<Finding>,
    ) {
        let (track, file) = (member.track, member.name);
        let mut tell = |id, message: String| out.push(found(id, name, message).of_track(track.id));
        let rate = level.bitrate.unwrap_or(0);
        if let Some(measured) = member.measured().filter(|m| rate > 0 && off(rate, *m)) {
            tell(
                CheckId::BitrateDiffers,
                format!(
                    "The Bitrate {rate} is that of {file}, where {measured} bit/s are measured."
                ),
            );
        }
        if u64::from(track.timescale) != stream.timescale {
            tell(
                CheckId::TimescaleNotSmooth,
                format!(
                    "TimeScale is {}, but that of {file} is {}.",
                    stream.timescale, track.timescale
                ),
            );
        }
        let starts: Vec<i64> = member.starts();
        let scaled = |t: u64| {
            let t =
                u128::from(t) * u128::from(track.timescale) / u128::from(stream.timescale.max(1));
            i64::try_from(t).unwrap_or(i64::MAX)
        };
        let listed: Vec<i64> = stream.times.iter().map(|(t, _)| scaled(*t)).collect();
        let tolerance =
            i64::from(track.timescale) / i64::try_from(stream.timescale.max(1)).unwrap_or(1);
        if !starts.is_empty() && !listed.is_empty() {
            let differs = listed
                .iter()
                .zip(&starts)
                .position(|(a, b)| a.abs_diff(*b) > tolerance.unsigned_abs().max(1));
            match differs {
                Some(i) => tell(
                    CheckId::ChunksDiffer,
                    format!(
                        "Chunk {} of the {} stream begins at {}; the fragment in {file} at {}.",
                        i + 1,
                        stream.kind,
                        listed[i],
                        starts[i]
                    ),
                ),
                None if listed.len() != starts.len() => tell(
                    CheckId::ChunksDiffer,
                    format!(
                        "The {} stream lists {} chunks; {file} has {} fragments.",
                        stream.kind,
                        listed.len(),
                        starts.len()
                    ),
                ),
                None => {}
            }
        }
        let Some(entry) = track.entries.first() else { return };
        if let Some(code) = &level.fourcc
            && !fourcc_fits(code, entry.format)
        {
            tell(
                CheckId::FourccDiffers,
                format!("FourCC is {code}, but {file} has {}.", entry.format),
            );
        }
        if let (Some(text), Some(own)) = (&level.private_data, &entry.codec.private_data)
            && !private_data_fits(text, own)
        {
            tell(
                CheckId::CodecPrivateData,
                format!(
                    "CodecPrivateData at {rate} bit/s is not the configuration of {file}, track {}.",
                    track.id
                ),
            );
        }
        if let (Some(stated), Some(crate::format::codec::Rule::Nal(codec))) =
            (level.nal_length, &entry.codec.rule)
            && usize::from(stated) != codec.length_size()
        {
            tell(
                CheckId::CodecPrivateData,
                format!(
                    "NALUnitLengthField is {stated}; NAL lengths in {file} are {} bytes.",
                    codec.length_size()
                ),
            );
        }
    }

    /// A protection header of a manifest against those of the files.
    fn header(
        &self,
        name: &str,
        system: Option<SystemId>,
        decoded: &Decoded,
        out: &mut Vec<Finding>,
    ) {
        for finding in decoded.all_findings() {
            let mut finding = finding.clone();
            finding.file = Some(name.to_owned());
            (finding.at, finding.length) = (None, None);
            out.push(finding);
        }
        if system.is_some_and(|system| system != PLAYREADY) {
            return;
        }
        let mut theirs: Option<&WrmHeader> = None;
        decoded.walk(&mut |part| theirs = theirs.or(part.header.as_ref()));
        let Some(theirs) = theirs else { return };
        for (file, movie) in &self.files {
            let Some(own) = movie.systems.iter().find_map(|s| s.playready.as_ref()) else {
                continue;
            };
            let kids = |header: &WrmHeader| header.kids.iter().copied().collect::<Set<Kid>>();
            let (mine, others) = (kids(own), kids(theirs));
            let swapped =
                others.iter().find(|kid| !mine.contains(kid) && mine.contains(&kid.swapped()));
            if let Some(kid) = swapped {
                let message = format!(
                    "Its PlayReady header has the KID {} of {file} in the wrong byte order.",
                    kid.swapped()
                );
                out.push(found(CheckId::KidByteSwapped, name, message));
                continue;
            }
            let message = if mine != others {
                format!("Its PlayReady header names other KIDs than that of {file}.")
            } else if own.la_url != theirs.la_url {
                format!("Its PlayReady header has another LA_URL than that of {file}.")
            } else if own.xml != theirs.xml {
                format!("Its PlayReady header is not the same, byte for byte, as that of {file}.")
            } else {
                continue;
            };
            out.push(found(CheckId::ManifestHeaderDiffers, name, message));
        }
    }

    pub(super) fn dash(&self, name: &str, dash: &Dash, out: &mut Vec<Finding>) {
        let kids: Set<Kid> =
            self.members().filter_map(|member| member.track.protection()?.kid).collect();
        for protection in &dash.protection {
            let decoded = decode::content_protection(protection, 0);
            let system = protection
                .system
                .or_else(|| crate::format::ids::Uuid::parse(&protection.scheme).ok());
            if decoded.inner.is_empty() {
                // Only the scheme, or a system without data.
            } else {
                self.header(name, system, &decoded, out);
            }
            let modes = self.modes();
            let mode = protection.value.as_deref().filter(|_| protection.system.is_none());
            if let Some(value) = mode
                && !modes.is_empty()
                && !modes.contains(&mode_of(value))
            {
                let message =
                    format!("It says that the files are protected with {value}; they are not.");
                out.push(found(CheckId::ManifestScheme, name, message));
            }
            if let Some(text) = &protection.bad_kid {
                let message = format!("cenc:default_KID {} is not a UUID.", Untrusted(text));
                out.push(found(CheckId::ManifestKid, name, message));
            }
            let strange = |kid: &&Kid| !kids.is_empty() && !kids.contains(kid);
            if let Some(kid) = protection.default_kids.iter().find(strange) {
                let swapped = kids.contains(&kid.swapped());
                let id =
                    if swapped { CheckId::DefaultKidSwapped } else { CheckId::DefaultKidDiffers };
                let what =
                    if swapped { " It is one of theirs in the wrong byte order." } else { "" };
                let message = format!("cenc:default_KID {kid} is not a KID of the files.{what}");
                out.push(found(id, name, message));
            }
        }
        let mut groups: Vec<usize> = dash.protection.iter().map(|p| p.group).collect();
        groups.dedup();
        for group in groups {
            let own: Vec<_> = dash.protection.iter().filter(|p| p.group == group).collect();
            against_itself(name, &own, out);
        }
    }

    pub(super) fn hls(&self, name: &str, hls: &Hls, out: &mut Vec<Finding>) {
        let playready: Vec<_> = hls
            .keys
            .iter()
            .filter(|key| key.format.eq_ignore_ascii_case("com.microsoft.playready"))
            .collect();
        for key in &playready {
            if let Ok(decoded) = decode::recognise(key.uri.as_bytes()) {
                self.header(name, Some(PLAYREADY), &decoded, out);
                let mut whole = false;
                decoded.walk(&mut |part| whole |= part.kind == "pssh");
                if whole {
                    let message =
                        "A PlayReady key holds a pssh box; the bare object belongs there.";
                    out.push(found(CheckId::HeaderMixedUp, name, message));
                }
            }
            let wanted = match self.modes()[..] {
                [CipherMode::Ctr] => "SAMPLE-AES-CTR",
                [CipherMode::Cbc] => "SAMPLE-AES",
                _ => continue,
            };
            if key.method != wanted {
                let message = format!("METHOD is {}, but the files want {wanted}.", key.method);
                out.push(found(CheckId::HlsMethod, name, message));
            }
        }
        // RFC 8216 §4.3.4.5: the multivariant playlist alone has it.
        let has = |hls: &Hls, session: bool| {
            let of = |key: &HlsKey| {
                (key.session || !session)
                    && key.format.eq_ignore_ascii_case("com.microsoft.playready")
            };
            hls.keys.iter().any(of)
        };
        let others = self.manifests.iter().filter_map(|(_, manifest)| match manifest {
            Manifest::Hls(other) => Some(other),
            _ => None,
        });
        let used = others.chain([hls]).any(|other| has(other, false));
        if hls.is_multivariant && used && !has(hls, true) {
            let message = "It has no EXT-X-SESSION-KEY for PlayReady.";
            out.push(found(CheckId::HlsSessionKey, name, message));
        }
        if !hls.is_multivariant && hls.keys.iter().any(|key| key.session) {
            let message = "It is a media playlist with an EXT-X-SESSION-KEY, which only a \
                           multivariant playlist may have.";
            out.push(found(CheckId::HlsSessionKey, name, message));
        }
    }
}

fn mode_of(scheme: &str) -> CipherMode {
    match scheme {
        "cbcs" | "cbc1" => CipherMode::Cbc,
        _ => CipherMode::Ctr,
    }
}

/// What one element of a DASH manifest says of protection, against itself.
fn against_itself(name: &str, own: &[&ContentProtection], out: &mut Vec<Finding>) {
    let scheme = own.iter().find(|p| p.scheme == "urn:mpeg:dash:mp4protection:2011");
    let stated: Set<Kid> = own.iter().flat_map(|p| p.default_kids.iter().copied()).collect();
    let bad = own.iter().any(|p| p.bad_kid.is_some());
    if scheme.is_some() && stated.is_empty() && !bad {
        let message = "It says how tracks are protected, but not with which key: there is no \
                       cenc:default_KID.";
        out.push(found(CheckId::NoDefaultKid, name, message));
    }
    let (mut told, mut modes) = (false, Vec::new());
    for protection in own {
        let decoded = decode::content_protection(protection, 0);
        // Each of pssh and pro by itself.
        let parts: Vec<(&Decoded, Set<Kid>)> = decoded
            .inner
            .iter()
            .map(|part| {
                let mut kids = Vec::new();
                part.walk(&mut |inner| kids.extend(inner.kids.iter().map(|forms| forms.kid)));
                (part, kids.into_iter().collect())
            })
            .collect();
        decoded.walk(&mut |part| {
            let keys = part.header.iter().flat_map(|header| &header.keys);
            modes.extend(keys.filter_map(|key| key.algid.clone()));
        });
        if let [(a, first), (b, second)] = &parts[..]
            && !first.is_empty()
            && !second.is_empty()
            && first != second
        {
            let message = format!("{} and {} name different KIDs.", a.title, b.title);
            out.push(found(CheckId::ManifestHeadersDiffer, name, message));
            continue;
        }
        for (part, kids) in parts.iter().filter(|(_, kids)| !kids.is_empty() && !stated.is_empty())
        {
            let strange = stated.iter().find(|kid| !kids.contains(kid));
            let Some(kid) = strange.filter(|_| !std::mem::replace(&mut told, true)) else {
                continue;
            };
            let swapped = kids.contains(&kid.swapped());
            let id = if swapped { CheckId::DefaultKidSwapped } else { CheckId::DefaultKidDiffers };
            let system = decoded.title.trim_start_matches("ContentProtection for ");
            let what = if swapped { ": it is one of them in GUID byte order" } else { "" };
            let message = format!(
                "cenc:default_KID {kid} is not a KID of the {} for {system}{what}.",
                part.title
            );
            out.push(found(id, name, message));
        }
    }
    if let Some(value) = scheme.and_then(|scheme| scheme.value.as_deref()) {
        let wanted = mode_of(value).algid();
        if let Some(other) = modes.iter().find(|algid| **algid != wanted) {
            let message = format!(
                "It says that the files are protected with {value}, and its PlayReady header says \
                 {other}."
            );
            out.push(found(CheckId::ManifestScheme, name, message));
        }
    }
}

fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// More than a tenth off.
fn off(stated: u64, measured: u64) -> bool {
    stated.abs_diff(measured).saturating_mul(10) > stated
}

/// Whether a FourCC of a manifest is for this sample entry.
fn fourcc_fits(code: &str, format: FourCc) -> bool {
    let fits: &[&str] = match &format.0 {
        b"avc1" | b"avc3" | b"dva1" | b"dvav" => &["H264", "AVC1", "DAVC", "X264", "AVCB"],
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => &["HVC1", "HEV1", "H265", "HEVC", "DVHE", "DVH1"],
        b"mp4a" => &["AACL", "AACH", "AACP", "MP3"],
        b"ac-3" => &["AC-3"],
        b"ec-3" => &["EC-3"],
        b"vc-1" | b"ovc1" => &["WVC1"],
        b"wma " | b"owma" => &["WMA2", "WMAP", "WMA"],
        b"dfxp" | b"stpp" => &["TTML", "DFXP"],
        _ => return true,
    };
    fits.iter().any(|fit| fit.eq_ignore_ascii_case(code))
}

/// Whether CodecPrivateData is a codec's configuration. The same parameter sets
/// in another order are the same.
fn private_data_fits(text: &str, own: &[u8]) -> bool {
    let Some(stated) = crate::format::cipher::decode_bytes(text) else { return text.is_empty() };
    let units = |bytes: &[u8]| {
        let mut units: Vec<Vec<u8>> = Vec::new();
        let mut rest = bytes;
        while let Some(at) = rest.windows(4).position(|w| w == [0, 0, 0, 1]) {
            rest = &rest[at + 4..];
            let end = rest.windows(4).position(|w| w == [0, 0, 0, 1]).unwrap_or(rest.len());
            units.push(rest[..end].to_vec());
        }
        crate::collections::sort(&mut units);
        units
    };
    let (a, b) = (units(&stated), units(own));
    if b.is_empty() {
        // Some writers cut the AudioSpecificConfig to its first two bytes.
        return stated == own
            || (stated.len() >= 2 && own.starts_with(&stated))
            || stated.is_empty();
    }
    a == b
}
