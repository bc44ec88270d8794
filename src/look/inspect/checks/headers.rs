//! What protection headers say, against the tracks they are for.

use crate::checks::CheckId;
use crate::collections::{Map, Set};
use crate::format::boxes::protection::PIFF_PSSH;
use crate::format::cipher::CipherMode;
use crate::format::drm::{COMMON, PLAYREADY, WIDEVINE, widevine};
use crate::format::ids::{Kid, Scheme, SystemId};
use crate::look::decode;
use crate::model::{Finding, Movie, ProtectionHeader, Track};

/// PlayReady headers that could be read.
fn playready(
    movie: &Movie,
) -> impl Iterator<Item = (&ProtectionHeader, &crate::format::drm::playready::WrmHeader)> {
    movie.systems.iter().filter_map(|system| Some((system, system.playready.as_ref()?)))
}

fn at(finding: Finding, system: &ProtectionHeader) -> Finding {
    let parent = if system.in_fragment { "moof" } else { "moov" };
    finding.at(system.at, system.size).within(format!("{parent}/pssh"))
}

pub(super) fn kids(movie: &Movie, out: &mut Vec<Finding>) {
    let kids: Set<Kid> =
        playready(movie).flat_map(|(system, _)| system.kids.iter().copied()).collect();
    let common: Set<Kid> = movie
        .systems
        .iter()
        .filter(|system| system.system_id == COMMON)
        .flat_map(|system| system.kids.iter().copied())
        .collect();
    for (track, kid) in movie.tracks.iter().flat_map(|t| used(movie, t).map(move |kid| (t, kid))) {
        if !common.is_empty() && !common.contains(&kid) {
            let message = format!("The W3C Common header does not list this track's KID {kid}.");
            out.push(Finding::new(CheckId::CommonWithoutKids, message).of_track(track.id));
        }
        if kid.0 == [0; 16] && track.seig.is_empty() {
            let message = "Its KID is all zero.";
            out.push(Finding::new(CheckId::KidZero, message).of_track(track.id));
        } else if !kids.is_empty() && !kids.contains(&kid) {
            let finding = if kids.contains(&kid.swapped()) {
                Finding::new(
                    CheckId::KidByteSwapped,
                    format!(
                        "The PlayReady header has this track's KID {kid} in the wrong byte order. \
                         Licences will be asked for {}, and the key will not fit.",
                        kid.swapped()
                    ),
                )
            } else {
                Finding::new(
                    CheckId::KidNotInHeader,
                    format!(
                        "The track's KID {kid} is not in the PlayReady header, so a client will \
                         not ask for its licence."
                    ),
                )
            };
            let first = playready(movie).next();
            let finding = first.map_or(finding.clone(), |(system, _)| at(finding, system));
            out.push(finding.of_track(track.id));
        }
    }
}

/// The KIDs of a track: those its samples use, else the one of its `tenc`.
fn used<'m>(movie: &'m Movie, track: &'m Track) -> impl Iterator<Item = Kid> {
    let own = movie.ivs.iter().filter(|run| run.track == track.id).map(|run| run.kid);
    let kids: Set<Kid> = own.collect();
    let announced = track.protection().and_then(|p| p.kid).filter(|_| kids.is_empty());
    kids.into_iter().chain(announced)
}

/// Headers of all systems: what is in them, and whether it is for these tracks.
pub(super) fn systems(movie: &Movie, out: &mut Vec<Finding>) {
    const TOLD: [CheckId; 3] =
        [CheckId::UuidSwapped, CheckId::OtherSystemsData, CheckId::WidevineKidText];
    let mut of_system: Map<SystemId, (Set<Kid>, usize)> = Map::new();
    for (number, system) in movie.systems.iter().enumerate() {
        let decoded = decode::pssh(&system.pssh(), system.envelope);
        for finding in decoded.findings.iter().filter(|f| TOLD.contains(&f.check.id)) {
            let told = Finding::new(finding.check.id, finding.message.clone());
            out.push(at(told, system));
        }
        let (kids, _) = of_system.or_insert_with(system.system_id, || (Set::new(), number));
        let mut named = Vec::new();
        decoded.walk(&mut |part| named.extend(part.kids.iter().map(|forms| forms.kid)));
        for kid in named {
            kids.insert(kid);
        }
        if system.system_id == WIDEVINE {
            widevine_scheme(movie, system, out);
        }
    }
    for (id, (kids, number)) in of_system {
        // PlayReady's and the common one have rows of their own.
        if kids.is_empty() || [PLAYREADY, COMMON].contains(&id) {
            continue;
        }
        let name = crate::format::drm::name(id).unwrap_or("a DRM system");
        for track in &movie.tracks {
            let zero = |kid: &Kid| kid.0 == [0; 16];
            let strange = used(movie, track).find(|kid| !kids.contains(kid) && !zero(kid));
            let Some(kid) = strange else { continue };
            let order = if kids.contains(&kid.swapped()) { " but in GUID byte order" } else { "" };
            let message = format!(
                "The {name} header does not name this track's KID {kid}{order}: its client asks for \
                 the licence of another key."
            );
            let finding = at(Finding::new(CheckId::SystemKid, message), &movie.systems[number]);
            out.push(finding.of_track(track.id));
        }
    }
}

/// protection_scheme of Widevine data, against the tracks.
fn widevine_scheme(movie: &Movie, system: &ProtectionHeader, out: &mut Vec<Finding>) {
    let Ok(message) = widevine::read(&system.data) else { return };
    let Some(stated) = message.fields.iter().find(|field| field.number == 9) else { return };
    let schemes: Vec<String> =
        movie.tracks.iter().filter_map(|t| Some(t.protection()?.scheme?.to_string())).collect();
    // PIFF's boxes and cenc encrypt alike.
    let fits =
        |scheme: &String| *scheme == stated.value || (scheme == "piff" && stated.value == "cenc");
    if !schemes.is_empty() && !schemes.iter().any(fits) {
        let message = format!(
            "The Widevine header says {}, and the tracks are protected with {}.",
            stated.value, schemes[0]
        );
        out.push(at(Finding::new(CheckId::SystemScheme, message), system));
    }
}

pub(super) fn modes(movie: &Movie, out: &mut Vec<Finding>) {
    for (system, header) in playready(movie) {
        for key in &header.keys {
            let Some(algid) = key.algid.as_deref() else { continue };
            let tracks = movie.tracks.iter().filter(|track| {
                track.protection().is_some_and(|p| p.kid.is_some() && p.kid == key.kid)
            });
            for track in tracks {
                let Some(protection) = track.protection() else { continue };
                let wanted = protection.mode().unwrap_or_default().algid();
                if algid != wanted && algid != "COCKTAIL" {
                    let message = format!(
                        "The header says {algid} for this track's key, but its samples are \
                         protected with {wanted}."
                    );
                    out.push(
                        at(Finding::new(CheckId::AlgidDiffers, message), system).of_track(track.id),
                    );
                }
            }
        }
    }
}

pub(super) fn versions(movie: &Movie, out: &mut Vec<Finding>) {
    let kids: Set<Kid> = movie.tracks.iter().flat_map(|track| used(movie, track)).collect();
    let all: Set<Kid> =
        playready(movie).flat_map(|(system, _)| system.kids.iter().copied()).collect();
    if kids.len() < 2 || kids.is_subset(&all) {
        return;
    }
    let single = playready(movie)
        .find(|(_, h)| h.version.starts_with("4.0") || h.version.starts_with("4.1"));
    if let Some((system, header)) = single {
        let message = format!(
            "The tracks use {} KIDs, but a header of version {} has room for one.",
            kids.len(),
            header.version
        );
        out.push(at(Finding::new(CheckId::SeveralKidsOneHeader, message), system));
    }
}

pub(super) fn twice(movie: &Movie, out: &mut Vec<Finding>) {
    let in_moov: Vec<&ProtectionHeader> = movie.systems.iter().filter(|s| !s.in_fragment).collect();
    for (i, system) in in_moov.iter().enumerate() {
        // The same in both envelopes is one header, twice written.
        let same = in_moov[..i]
            .iter()
            .find(|other| other.system_id == system.system_id && other.envelope == system.envelope);
        if same.is_some() {
            let name = crate::format::drm::name(system.system_id).unwrap_or("the same system");
            let message = format!("A second header is for {name}.");
            out.push(at(Finding::new(CheckId::PsshTwice, message), system));
        }
    }
}

pub(super) fn envelopes(movie: &Movie, out: &mut Vec<Finding>) {
    let alone = movie.systems.iter().find(|system| {
        system.envelope == PIFF_PSSH
            && !movie
                .systems
                .iter()
                .any(|other| other.envelope != PIFF_PSSH && other.system_id == system.system_id)
    });
    if let Some(system) = alone {
        let message = "The protection header is in PIFF's envelope alone; browsers do not see it.";
        out.push(at(Finding::new(CheckId::PiffPsshAlone, message), system));
    }
}

pub(super) fn checksums(movie: &Movie, out: &mut Vec<Finding>) {
    for (system, header) in playready(movie) {
        let cbc = header.keys.iter().any(|key| {
            key.checksum.is_some() && key.algid.as_deref() == Some(CipherMode::Cbc.algid())
        });
        if cbc {
            let message = "The header has a CHECKSUM with AESCBC, which is not defined.";
            out.push(at(Finding::new(CheckId::ChecksumWithCbc, message), system));
        }
    }
}

/// Whether the file says that it is for PlayReady: PIFF is its format.
fn is_piff(movie: &Movie) -> bool {
    movie.is_smooth()
        || movie
            .tracks
            .iter()
            .any(|track| track.protection().is_some_and(|p| p.known_scheme() == Some(Scheme::Piff)))
}

pub(super) fn missing(movie: &Movie, out: &mut Vec<Finding>) {
    let protected = movie.tracks.iter().any(|track| track.protection().is_some());
    if !protected {
        return;
    }
    let unreadable =
        |f: &Finding| matches!(f.check.id, CheckId::PsshDataSize | CheckId::PsshVersion);
    if !movie.systems.iter().any(|s| s.system_id == PLAYREADY)
        && !movie.findings.iter().any(unreadable)
    {
        out.push(if is_piff(movie) {
            Finding::new(
                CheckId::NoPlayreadyHeader,
                "The file is protected as PIFF, but carries no PlayReady header: a PlayReady \
                 client cannot ask for a licence unless a manifest has one.",
            )
        } else {
            Finding::new(
                CheckId::OtherSystemsOnly,
                "The file is protected but carries no PlayReady header. A PlayReady client needs \
                 it from elsewhere, such as a manifest.",
            )
        });
    }
    let cenc = movie.tracks.iter().filter_map(|track| track.protection()?.scheme);
    let cenc = cenc.into_iter().any(|code| code.scheme() != Some(Scheme::Piff));
    if cenc && !movie.systems.iter().any(|s| s.system_id == COMMON) {
        out.push(Finding::new(
            CheckId::NoCommonPssh,
            "The file has no W3C Common header, which EME ClearKey reads.",
        ));
    }
}
