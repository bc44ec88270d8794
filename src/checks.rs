//! The checks: what is looked at, how grave it is, who trips, who says so, what to do.
//!
//! This is the table alone. What a check does stands where its facts are: in
//! `inspect` for one file, in `set` for several. To add a check: one row here,
//! and the code that finds it.

use crate::error::Code;
use serde::{Serialize, Serializer};
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Breaks playback or security, or the structure.
    Error,
    /// Something will trip over it.
    Warning,
    /// Worth knowing.
    Info,
}

/// Who trips over what a check finds; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub enum Fails {
    /// Whoever has the file may read what should be secret.
    Secrecy,
    /// Whatever opens the file.
    Everyone,
    /// PlayReady clients and servers.
    PlayReady,
    /// Clients and servers of any DRM system.
    Drm,
    /// Browsers: Media Source and Encrypted Media Extensions.
    Browsers,
    /// IIS and its like, and Smooth Streaming players.
    Smooth,
    /// Players that switch between bitrates or seek by an index.
    Adaptive,
    /// Decoders in hardware, on televisions and phones.
    Hardware,
    /// Some readers, as they differ in it.
    SomePlayers,
    /// Nobody known.
    Nobody,
}

impl Fails {
    /// As a part of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Secrecy => "secrecy",
            Self::Everyone => "every player",
            Self::PlayReady => "PlayReady clients",
            Self::Drm => "DRM clients",
            Self::Browsers => "browsers",
            Self::Smooth => "Smooth Streaming servers and players",
            Self::Adaptive => "adaptive players",
            Self::Hardware => "hardware decoders",
            Self::SomePlayers => "some players",
            Self::Nobody => "nobody",
        }
    }

    /// As a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Secrecy => "Plays, but what is protected can be read without the key.",
            Self::Everyone => "Every player and tool trips over it.",
            Self::PlayReady => "PlayReady clients or licence servers trip over it.",
            Self::Drm => "Clients of the DRM systems trip over it.",
            Self::Browsers => "Browsers trip over it; other players need not.",
            Self::Smooth => {
                "Smooth Streaming servers or players trip over it; others do not read it."
            }
            Self::Adaptive => "Players that switch bitrates, or seek by an index, trip over it.",
            Self::Hardware => "Decoders in televisions, phones and boxes trip over it.",
            Self::SomePlayers => "Some players and tools trip over it: they read it differently.",
            Self::Nobody => "Nobody is known to trip over it.",
        }
    }
}

/// What takes a finding away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Mend {
    /// [`crate::jobs::Rewriting::repair`].
    Repair,
    /// A new PlayReady header of the tracks' KIDs, [`crate::jobs::Header`].
    Header,
}

/// One row of [`CHECKS`].
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Check {
    /// Its number, 1 to 64; several rows may share one.
    pub number: u8,
    /// Which one.
    pub id: CheckId,
    /// How bad.
    pub severity: Severity,
    /// Who trips over it.
    pub fails: Fails,
    /// Clause, or section of the facts.
    pub source: &'static str,
    /// What is wrong, in general.
    pub title: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// What takes it away.
    pub mend: Option<Mend>,
    /// Whether files and a manifest of which it is told do not belong together, so
    /// that they are not made into one.
    pub breaks_set: bool,
}

/// Makes [`CheckId`] and [`CHECKS`] of one table, so that no row can be named that
/// is not there.
macro_rules! checks {
    ($($number:literal $id:ident $name:literal $severity:ident $fails:ident $source:literal $title:literal
        $advice:literal;)*) => {
        /// Which check.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
        pub enum CheckId {
            $(#[doc = $title] $id,)*
            /// Structure that has no row of its own; the code of its [`crate::Error`].
            Structure(Code),
        }

        impl CheckId {
            /// The stable identifier, as JSON and the command line have it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                    Self::Structure(code) => code.name(),
                }
            }
        }

        /// Every check, by number.
        pub const CHECKS: &[Check] = {
            use Severity::{Error as E, Info as I, Warning as W};
            &[$(Check {
                number: $number,
                id: CheckId::$id,
                severity: $severity,
                fails: Fails::$fails,
                source: $source,
                title: $title,
                advice: $advice,
                mend: CheckId::$id.mend(),
                breaks_set: CheckId::$id.breaks_a_set(),
            },)*]
        };
    };
}

impl Check {
    /// The check with this identifier; that of any structure for a code of an error.
    pub fn named(name: &str) -> Option<Self> {
        let known = CHECKS.iter().find(|check| check.id.name() == name).copied();
        known.or_else(|| Code::named(name).map(|code| CheckId::Structure(code).check()))
    }

    /// What it means, who trips, how to mend it and who says so: paragraphs.
    pub fn explanation(&self) -> String {
        let source = match self.source {
            "" => String::new(),
            source => format!("\n\nSource: {source}."),
        };
        let mend = match self.mend {
            None => "",
            Some(Mend::Repair) => " `ismvault repair`, or Repair in the page, does.",
            Some(Mend::Header) => {
                " `ismvault header set`, or Header in the page, writes another one."
            }
        };
        let (title, fails, advice) = (self.title, self.fails.sentence(), self.advice);
        format!("{title} {fails}\n\nWhat to do: {advice}{mend}{source}")
    }
}

impl Severity {
    /// As a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "note",
        }
    }
}

impl CheckId {
    /// See [`Check::mend`]. `tests/lint.rs` mends a file of each.
    const fn mend(self) -> Option<Mend> {
        match self {
            Self::BaseWithoutBrand
            | Self::BytesBetween
            | Self::DataElsewhere
            | Self::FileCut
            | Self::IndexIncomplete
            | Self::IndexLength
            | Self::IndexNotLast
            | Self::IndexOffFragments
            | Self::IndexOtherTrack
            | Self::IndexTime
            | Self::IndexUnsorted
            | Self::MdatNotBehindMoof
            | Self::MdatUnreferenced
            | Self::NoIndex
            | Self::NoMfro
            | Self::NoTfdt
            | Self::PsshTwice
            | Self::SaioOffIv
            | Self::SecondMoov
            | Self::SidxStale
            | Self::TrackIdMismatch
            | Self::TrexMissing
            | Self::UuidTooShort => Some(Mend::Repair),
            Self::AlgidDiffers
            | Self::ChecksumWithCbc
            | Self::HeaderLarge
            | Self::KidByteSwapped
            | Self::KidNotInHeader
            | Self::OtherSystemsData
            | Self::ProLeftOver
            | Self::ProLength
            | Self::ProNoRecords
            | Self::ProRecordLength
            | Self::ProRecords
            | Self::ProTooLarge
            | Self::ProTooShort
            | Self::SeveralKidsOneHeader
            | Self::WrmBadKid
            | Self::WrmBom
            | Self::WrmChecksum
            | Self::WrmNoKid
            | Self::WrmNoVersion
            | Self::WrmNotCanonical
            | Self::WrmNotUtf16
            | Self::WrmOddLength
            | Self::WrmPlace
            | Self::WrmUrl
            | Self::WrmVersionFeatures
            | Self::WrmXml => Some(Mend::Header),
            _ => None,
        }
    }

    /// See [`Check::breaks_set`].
    const fn breaks_a_set(self) -> bool {
        matches!(self, Self::ChunksDiffer | Self::TrackIdMismatch | Self::ManifestFileMissing)
    }

    /// The check that an error's code belongs to.
    pub fn of_code(code: Code) -> Self {
        let known = CHECKS.iter().find(|check| check.id.name() == code.name());
        known.map_or(Self::Structure(code), |check| check.id)
    }

    /// Its row.
    pub fn check(self) -> Check {
        let known = CHECKS.iter().find(|check| check.id == self);
        known.copied().unwrap_or(Check {
            number: 59,
            id: self,
            severity: Severity::Error,
            fails: Fails::Everyone,
            source: "ISO/IEC 14496-12 §4.2",
            title: "The structure of the file is broken.",
            advice: "Copy or download the file again, or write it again with its packager.",
            mend: None,
            breaks_set: false,
        })
    }
}

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

checks! {
    1 IvReused "iv_reused" E Secrecy "PIFF 1.1 §6.1" "An IV is used twice with one key."
        "Protect again with a tool that gives every sample an IV of its own, over all tracks and files that share the key. What is out already can be read without the key where one of the two is known.";
    2 CounterOverlap "counter_overlap" E Secrecy "PIFF 1.1 §6.1" "Counter ranges of two samples with one key overlap."
        "Protect again; with 16-byte IVs, each must start behind the last block of the sample before.";
    3 IvZero "iv_zero" E Secrecy "PIFF 1.1 §6.1" "An 8-byte IV is all zero."
        "Start from a random IV. Zero is what a tool writes that never set one.";
    3 IvGap "iv_gap" I Nobody "PIFF 1.1 §6.1" "IVs do not count up by one within a track."
        "Nothing: Microsoft's tools count over all tracks, which leaves gaps in each.";
    4 IvSizeUnknown "iv_size_unknown" E Everyone "ISO/IEC 23001-7 §9.1" "The IV size is neither 8 nor 16."
        "Write 8-byte IVs.";
    4 IvSize16 "iv_size_16" W PlayReady "PIFF 1.1 §6.1" "IVs are 16 bytes; PlayReady before 4.0 reads 8 only."
        "Protect with 8-byte IVs if older clients matter.";
    5 IvCount "iv_count" E Everyone "ISO/IEC 23001-7 §7.2" "senc does not list as many samples as the fragment has."
        "Protect again: from the first difference on, samples are decrypted with the IV of another.";
    6 SubsampleSum "subsample_sum" E Everyone "ISO/IEC 23001-7 §9.2" "Subsamples do not add up to their sample."
        "Protect again: demuxers refuse the sample.";
    7 SubsampleEmpty "subsample_empty" E SomePlayers "PIFF 1.1 §5.3" "A subsample has neither clear nor protected bytes."
        "Leave empty subsamples out.";
    7 SubsampleMergeable "subsample_mergeable" W Hardware "PIFF 1.1 §6.2" "Subsamples side by side could be one."
        "Fold a run that is only clear into the next entry; some hardware allows few entries.";
    7 SubsampleNone "subsample_none" E Browsers "PIFF 1.1 §6.2" "Subsamples are announced, and a sample has none."
        "List {size, 0} for a sample that is all clear; Chromium refuses an empty list.";
    8 UnalignedCenc "unaligned_cenc" W Hardware "ISO/IEC 23001-7 §9.5; CMAF" "Protected ranges of video are not whole blocks of 16 bytes."
        "Align them; CMAF requires it, and some hardware decrypts nothing else.";
    8 UnalignedPiff "unaligned_piff" I Nobody "PIFF 1.1 §6.2" "Protected ranges of video are not whole blocks of 16 bytes."
        "Nothing for Smooth Streaming: Microsoft's tools do not align. Re-protect before delivering as CMAF.";
    9 NalHeadProtected "nal_head_protected" E Browsers "ISO/IEC 23001-7 §9.5" "A protected range begins inside a NAL unit's length or header."
        "Keep the length field and the NAL header clear, or no demuxer finds the next unit.";
    9 NonVclProtected "non_vcl_protected" W Hardware "ISO/IEC 23001-7 §9.5" "A NAL unit that is not picture data is protected."
        "Keep parameter sets, SEI and delimiters clear; parsers in front of the decryption need them.";
    9 SliceHeaderProtected "slice_header_protected" I Nobody "PIFF 1.1 §6.2" "Slice headers are protected."
        "Nothing for PlayReady: Microsoft's tools do so. Keep them clear for clients that parse slices before they decrypt.";
    10 SubsampleOffNal "subsample_off_nal" W Hardware "ISO/IEC 23001-7 §9.5" "Subsamples do not end where NAL units do."
        "End each protected range with its NAL unit, and count padding behind it as clear: hardware paths and transcryptors rely on it, and some televisions crash.";
    11 SencDiffers "senc_differs" E SomePlayers "measured: ffmpeg, Bento4, browsers" "senc and PIFF's sample encryption box say different things."
        "Make them the same: readers choose different ones.";
    12 TencDiffers "tenc_differs" E SomePlayers "measured: ffmpeg, Bento4, browsers" "tenc and PIFF's track encryption box, or two sinf, say different things."
        "Make KID, IV size and algorithm the same: readers choose different ones.";
    13 KidNotInHeader "kid_not_in_header" E PlayReady "PlayReady header specification" "A track's KID is not in the PlayReady header."
        "Put it there: a client asks for the licences of the header's KIDs alone.";
    14 KidByteSwapped "kid_byte_swapped" E PlayReady "PlayReady header specification" "The PlayReady header has the KID in the wrong byte order."
        "Write base64 of the GUID byte order: the first three fields reversed.";
    15 ChecksumWrong "checksum_wrong" E PlayReady "PlayReady header specification" "CHECKSUM does not belong to the key."
        "Compute it from this key and KID, or leave it out; clients and servers refuse a wrong one.";
    15 ChecksumSwapped "checksum_swapped" E PlayReady "PlayReady header specification" "CHECKSUM was computed from the KID in the wrong byte order."
        "Encrypt the KID in GUID byte order.";
    15 ChecksumWithCbc "checksum_with_cbc" E PlayReady "PlayReady header specification" "The header has a CHECKSUM with AESCBC."
        "Leave CHECKSUM out; it is defined for AESCTR.";
    16 KidZero "kid_zero" E PlayReady "field practice" "The KID is all zero."
        "Give the key an identifier: no server has a licence for zero.";
    16 SeveralKidsOneHeader "several_kids_one_header" E PlayReady "PlayReady header specification" "Tracks use several KIDs, and the header has room for one."
        "Write a header of version 4.2 or later that lists all KIDs.";
    17 ProTooShort "pro_too_short" E PlayReady "PlayReady header specification" "The PlayReady Object ends before its own length and count."
        "Write it again: length, record count, records, all little-endian.";
    17 ProLength "pro_length" E PlayReady "PlayReady header specification" "The length in the PlayReady Object is not its length."
        "Set it to all bytes of the object, those of the length included.";
    17 ProRecords "pro_records" E PlayReady "PlayReady header specification" "The PlayReady Object has fewer records than it says."
        "Correct the record count.";
    17 ProNoRecords "pro_no_records" E PlayReady "PlayReady header specification" "The PlayReady Object has no records."
        "Put the header in as record type 1.";
    17 ProRecordLength "pro_record_length" E PlayReady "PlayReady header specification" "A record is longer than the PlayReady Object has room for."
        "Correct the record's length.";
    17 ProLeftOver "pro_left_over" E PlayReady "PlayReady header specification" "Bytes follow the last record of the PlayReady Object."
        "Remove them, or correct the record count.";
    17 WrmOddLength "wrm_odd_length" E PlayReady "PlayReady header specification" "The header is not a whole number of UTF-16 characters."
        "Write it in UTF-16LE.";
    17 WrmBom "wrm_bom" E PlayReady "PlayReady header specification" "The header begins with a byte order mark."
        "Leave it out.";
    17 WrmNotUtf16 "wrm_not_utf16" E PlayReady "PlayReady header specification" "The header is not UTF-16LE."
        "Write it in UTF-16LE.";
    17 WrmXml "wrm_xml" E PlayReady "PlayReady header specification" "The header is not well-formed XML."
        "Correct the XML.";
    17 WrmNoVersion "wrm_no_version" E PlayReady "PlayReady header specification" "There is no WRMHEADER with a version."
        "Write <WRMHEADER xmlns=… version=\"4.0.0.0\">.";
    17 WrmNoKid "wrm_no_kid" E PlayReady "PlayReady header specification" "The header names no KID."
        "Write the KID of the tracks into the header; clients answer 0x8004B804 without one. Only a header with DECRYPTORSETUP may do without.";
    17 WrmChecksum "wrm_checksum" E PlayReady "PlayReady header specification" "CHECKSUM is not 8 bytes of base64."
        "Compute it again: the first 8 bytes of the KID, in GUID byte order, encrypted with the key; or leave it out.";
    17 WrmBadKid "wrm_bad_kid" E PlayReady "PlayReady header specification" "A KID in the header is not 16 bytes of base64."
        "Write base64 of the 16 bytes in GUID order.";
    18 ProTooLarge "pro_too_large" W PlayReady "PlayReady header specification" "The PlayReady Object is larger than 15 KB."
        "Shorten it: clients refuse more.";
    18 HeaderLarge "header_large" W PlayReady "PlayReady header specification" "The header or its custom attributes are larger than 1 KB."
        "Shorten them; some clients never ask for a licence otherwise (nginx-vod #188).";
    18 ElsInManifest "els_in_manifest" W PlayReady "PlayReady header specification" "A manifest carries an embedded licence store."
        "Keep it to the file; Smooth manifests are not the place.";
    19 WrmVersionFeatures "wrm_version_features" E PlayReady "PlayReady header specification" "The header uses what its version does not have."
        "Choose the version that has it, or the form this version has.";
    20 WrmNotCanonical "wrm_not_canonical" W PlayReady "PlayReady header specification" "The header is not canonical XML."
        "Write it without white space between elements, without self-closing tags, attributes in order: strict clients refuse it.";
    21 WrmUrl "wrm_url" W PlayReady "PlayReady header specification" "A URL of the header is empty, relative, not escaped, or there twice."
        "Give one absolute URL, with & written as &amp;.";
    21 WrmPlace "wrm_place" W PlayReady "PlayReady header specification" "An element of the header stands where no client looks."
        "Put LA_URL and its kind directly into DATA (shaka-packager #961).";
    22 AlgidDiffers "algid_differs" E PlayReady "PlayReady header specification" "The header's ALGID is not the mode the samples are protected with."
        "Make them agree: the licence would be for another mode.";
    23 ManifestHeaderDiffers "manifest_header_differs" W PlayReady "[MS-SSTR] §2.2.2" "The manifest's protection header is not the file's."
        "Put the same PlayReady Object into both; the client may ask for the wrong licence.";
    14 DefaultKidSwapped "default_kid_swapped" E Drm "DASH-IF" "default_KID is in GUID byte order."
        "Write default_KID as tenc has the KID; only inside a PlayReady header is it in GUID byte order.";
    23 DefaultKidDiffers "default_kid_differs" E Drm "DASH-IF" "default_KID is not a KID of the headers beside it, or of the files."
        "Write the KID of the tracks into default_KID and into every header: players ask for the licence of one, and decrypt with the other.";
    23 NoDefaultKid "no_default_kid" W Adaptive "DASH-IF; ExoPlayer" "A manifest gives no default_KID."
        "Add cenc:default_KID to the ContentProtection of urn:mpeg:dash:mp4protection:2011; ExoPlayer and others refuse to play without.";
    23 ManifestHeadersDiffer "manifest_headers_differ" E Drm "DASH-IF" "Two headers of a manifest name different keys."
        "Write one header, and put it into mspr:pro bare and into cenc:pssh in its box.";
    22 ManifestScheme "manifest_scheme" E Drm "ISO/IEC 23001-7 §11.2" "A manifest gives another scheme than the header or the files have."
        "Write the scheme of the files (cenc or cbcs) into value, and AESCTR or AESCBC into the header to fit it.";
    23 ManifestKid "manifest_kid" E Drm "DASH-IF" "default_KID is missing, or is no UUID."
        "Write cenc:default_KID as a UUID with dashes, in the order of tenc; players take the key from it.";
    24 HeaderMixedUp "header_mixed_up" E Drm "DASH-IF; PlayReady and MPEG-DASH" "A whole pssh box stands where a bare PlayReady Object belongs, or the other way round."
        "ProtectionHeader, mspr:pro and #EXT-X-KEY take the bare object; cenc:pssh takes the whole box.";
    25 PsshTwice "pssh_twice" W Browsers "W3C EME" "Two headers are for the same DRM system."
        "Keep one: EME delivers both as one, and clients take either.";
    25 PsshDataSize "pssh_data_size" E Browsers "ISO/IEC 23001-7 §8.1" "The data size of a protection header is not its data's."
        "Correct DataSize.";
    25 PsshVersion "pssh_version" E Browsers "ISO/IEC 23001-7 §8.1" "A protection header has a version that is not defined."
        "Use version 0, or 1 to list KIDs.";
    25 PiffPsshAlone "piff_pssh_alone" I Browsers "measured: ffmpeg, Bento4, browsers" "The protection header is in PIFF's envelope alone."
        "Nothing for Smooth Streaming; browsers fire no event for it. Add a pssh to be played with EME.";
    25 OtherSystemsData "other_systems_data" E Drm "ISO/IEC 23001-7 §8.1" "The data of a protection header is not what its system reads."
        "Put the data under the SystemID it belongs to, or write the data that this system reads.";
    25 WidevineKidText "widevine_kid_text" W Drm "field practice" "A KID in Widevine data is written as text."
        "Write the 16 bytes of the KID into key_id, not their digits: a licence server looks for another KID.";
    26 NoCommonPssh "no_common_pssh" I Nobody "W3C EME; measured: Chromium" "There is no W3C Common header."
        "Add one to play with EME ClearKey from the file alone.";
    25 SystemKid "system_kid" E Drm "W3C EME" "A track's KID is not in the header of a DRM system."
        "Write the KID of the tracks into the header, or put in the header that was made for them.";
    25 SystemScheme "system_scheme" W Drm "field practice" "A DRM system's header gives another scheme than the file has."
        "Write the scheme of the file (cenc or cbcs) into protection_scheme; licence servers send keys for it.";
    26 CommonWithoutKids "common_without_kids" W Browsers "W3C EME" "The W3C Common header lists no KIDs."
        "Write it as version 1 with the KIDs.";
    27 SaizDiffers "saiz_differs" E SomePlayers "ISO/IEC 14496-12 §8.7.8" "saiz does not say the sizes of what senc lists."
        "Write it again from senc; readers that use it take the wrong IVs.";
    27 SaizOverflow "saiz_overflow" E SomePlayers "ISO/IEC 14496-12 §8.7.8" "A sample has more subsamples than saiz can say."
        "Merge clear runs, or leave saiz and saio out: a size of 256 wraps to 0 (Bento4).";
    28 SaioOffIv "saio_off_iv" E SomePlayers "ISO/IEC 14496-12 §8.7.8" "saio does not point at the first IV."
        "Point it at the first IV in senc, counted from the moof.";
    28 SaioEntries "saio_entries" E SomePlayers "ISO/IEC 14496-12 §8.7.9" "saio has neither one offset nor one for each run."
        "Write one offset for all samples of the fragment.";
    28 SaioEntryEach "saio_entry_each" W SomePlayers "ISO/IEC 14496-12 §8.7.9" "saio has an offset for each run; some readers take the first for all."
        "Write one offset for all samples of the fragment.";
    28 SaioWithoutSaiz "saio_without_saiz" E SomePlayers "ISO/IEC 14496-12 §8.7.8" "saiz and saio do not come together."
        "Write both, or neither.";
    29 AuxType "aux_type" W SomePlayers "ISO/IEC 14496-12 §8.7.8" "saiz or saio has a type that readers pass over."
        "Leave the type out, or write cenc.";
    30 BaseDataOffset "base_data_offset" W Browsers "PIFF 1.1 §5.2; ISO/IEC 14496-12 §8.8.7" "A fragment gives its data's place from the start of the file."
        "Use default-base-is-moof: PIFF forbids it, and Chromium refuses it.";
    31 BaseWithoutBrand "base_without_brand" W SomePlayers "ISO/IEC 14496-12 §8.8.7" "default-base-is-moof is used without a brand that allows it."
        "Add iso5 or iso6 to ftyp.";
    31 BaseAmbiguous "base_ambiguous" W SomePlayers "ISO/IEC 14496-12 §8.8.7" "Several tracks share a moof without default-base-is-moof."
        "Set it: where the second one's data begins is read in two ways.";
    32 DataElsewhere "data_elsewhere" W Smooth "ISO/IEC 14496-12 §8.8.8" "A fragment's samples are in another mdat."
        "Write the file anew: Smooth tools look behind the moof.";
    32 SamplesOutsideMdat "samples_outside_mdat" E Everyone "ISO/IEC 14496-12 §8.8.8" "A fragment's samples are in no mdat."
        "Correct trun's data offset; the samples cannot be what the file means.";
    32 RunsOverlap "runs_overlap" E Everyone "ISO/IEC 14496-12 §8.8.8" "Two runs of samples share bytes."
        "Correct trun's data offset.";
    32 MdatUnreferenced "mdat_unreferenced" W SomePlayers "ISO/IEC 14496-12 §8.8.8" "A part of an mdat belongs to no sample."
        "Nothing if it is padding; else samples are missing from trun.";
    33 SeveralTrafs "several_trafs" W Smooth "Smooth Streaming practice" "A moof has several tracks."
        "One traf a moof is what Smooth tools assume.";
    33 SeveralTruns "several_truns" W Smooth "Smooth Streaming practice" "A traf has several runs."
        "One trun a traf is what Smooth tools assume.";
    33 MdatNotBehindMoof "mdat_not_behind_moof" W Smooth "Smooth Streaming practice" "A moof is not followed by its mdat."
        "Put the mdat directly behind the moof.";
    34 IndexOffFragments "index_off_fragments" E Smooth "IIS Smooth Streaming" "The index (mfra) points to where no fragment begins."
        "Write the index again; a server that seeks by it sends wrong bytes.";
    34 IndexOtherTrack "index_other_track" E Smooth "IIS Smooth Streaming" "The index of a track points to a fragment of another."
        "Write the index again.";
    34 IndexIncomplete "index_incomplete" E Smooth "IIS Smooth Streaming" "The index leaves out fragments of a track."
        "List every fragment: IIS answers 404 for the rest.";
    34 IndexPartial "index_partial" I Nobody "ISO/IEC 14496-12 §8.8.10" "The index leaves out fragments, in a file that is not for Smooth Streaming."
        "Nothing: readers find the rest from what they have.";
    34 IndexUnsorted "index_unsorted" E Smooth "ISO/IEC 14496-12 §8.8.10" "The index is not in order of time."
        "Sort it: readers search it by halves.";
    35 IndexTime "index_time" W Smooth "IIS Smooth Streaming" "The index gives a fragment another time than the fragment does."
        "Make tfra, tfxd and tfdt agree: a fragment URL is made from it.";
    35 TfxdTime "tfxd_time" W Smooth "[MS-SSTR] §2.2.4.4" "tfxd and tfdt of a fragment do not agree."
        "Make them agree: Smooth clients read tfxd, all others tfdt.";
    36 IndexLength "index_length" E Smooth "ISO/IEC 14496-12 §8.8.11" "mfro does not give the length of the index."
        "Correct it: readers look for the index from the end of the file.";
    36 NoMfro "no_mfro" W Smooth "ISO/IEC 14496-12 §8.8.11" "The index has no mfro."
        "Add it: readers look for the index from the end of the file.";
    36 IndexNotLast "index_not_last" W Smooth "ISO/IEC 14496-12 §8.8.9" "The index is not the last box."
        "Move it to the end.";
    36 NoIndex "no_index" W Smooth "Smooth Streaming practice" "There is no index (mfra)."
        "Add one to serve the file with IIS, or to open it quickly.";
    37 SidxStale "sidx_stale" E Adaptive "ISO/IEC 14496-12 §8.16.3" "The segment index (sidx) does not match the fragments."
        "Write it again after every change of sizes.";
    38 TimeGap "time_gap" W SomePlayers "field practice" "A fragment does not begin where the one before it ends."
        "Make times continuous: players stall at a gap, and drop frames at an overlap.";
    39 TfxdNegative "tfxd_negative" W Smooth "PIFF 1.1 §5.3" "A fragment's time is before zero."
        "Let times begin at zero: Smooth clients read them without a sign.";
    39 TfxdPriming "tfxd_priming" I Nobody "PIFF 1.1 §5.3" "A track begins a little before zero."
        "Nothing: it is an encoder's priming, which players cut off.";
    39 SmoothHabits "smooth_habits" I Browsers "Smooth Streaming practice" "The file is written as Smooth Streaming tools write theirs."
        "Nothing for Smooth Streaming. Where decode times (tfdt) are missing, browsers need them: protecting with the profile dual or cenc, or repair, adds them.";
    40 TfxdDuration "tfxd_duration" W Smooth "[MS-SSTR] §2.2.4.4" "tfxd's duration is not that of the samples."
        "Write the sum of the sample durations.";
    40 TfxdPlace "tfxd_place" I Nobody "PIFF 1.1 §5.3" "tfxd does not come last in its traf."
        "Put it last, before tfrf.";
    41 NoSyncStart "no_sync_start" E Adaptive "Smooth Streaming practice" "A fragment of video does not begin with a sync sample."
        "Cut fragments at sync samples: switching bitrates and seeking begin there.";
    42 BoundariesDiffer "boundaries_differ" E Adaptive "[MS-SSTR] §2.2.2" "Fragments of two bitrates do not begin at the same times."
        "Encode all bitrates with the same GOP boundaries; adaptive players switch there.";
    42 ChunksDiffer "chunks_differ" E Smooth "[MS-SSTR] §2.2.2" "The manifest lists other chunks than the files have."
        "Write the manifest again from the files: each c is a fragment of every bitrate.";
    43 NoTfdt "no_tfdt" W Browsers "W3C EME; measured: Chromium" "Fragments have no decode time (tfdt)."
        "Browsers need it: protecting with the profile dual or cenc adds it.";
    44 TimescaleZero "timescale_zero" W Everyone "ISO/IEC 14496-12 §8.4.2" "A timescale is 0."
        "Write the ticks a second.";
    44 TimescaleNotSmooth "timescale_not_smooth" W Smooth "Smooth Streaming practice" "A Smooth track's timescale is not 10,000,000."
        "Nothing if the manifest says the same TimeScale; some tools assume 100 ns.";
    45 BrandMissing "brand_missing" W SomePlayers "ISO/IEC 14496-12 §4.3" "ftyp does not name what the file is."
        "Add piff for PIFF boxes, iso6 for fragments with senc.";
    46 SchemeUnknown "scheme_unknown" E Everyone "ISO/IEC 23001-7 §4" "The protection scheme is not known."
        "Use cenc, cbcs, or piff.";
    46 SchemePiff "scheme_piff" I Browsers "measured: ffmpeg, Bento4, browsers" "The scheme is piff."
        "Nothing for Smooth Streaming and PlayReady. For browsers, ffmpeg and Shaka Packager use cenc.";
    46 PiffAfterCenc "piff_after_cenc" W SomePlayers "measured: ffmpeg, Bento4, browsers" "Of two sinf, PIFF's comes last."
        "Put the one with cenc last: ffmpeg keeps the last scheme it reads.";
    47 NoSinf "no_sinf" E Everyone "ISO/IEC 14496-12 §8.12" "A protected sample entry has no readable sinf."
        "Add sinf with frma, schm and schi: nothing says how to decrypt.";
    47 NoFrma "no_frma" E Everyone "ISO/IEC 14496-12 §8.12.2" "A sinf has no frma."
        "Add it: nothing says what the samples are once decrypted.";
    47 NoSchm "no_schm" W SomePlayers "ISO/IEC 14496-12 §8.12.5" "A sinf has no schm."
        "Add it: players refuse an unknown scheme.";
    47 FrmaMismatch "frma_mismatch" E Everyone "ISO/IEC 14496-12 §8.12.2" "The original format does not fit the codec's configuration box."
        "Correct frma.";
    47 ClearTrackWithIvs "clear_track_with_ivs" E SomePlayers "field practice" "A track is called clear, but its fragments list IVs."
        "Join the fragments to the header they belong to.";
    47 ClearEntryWithSinf "clear_entry_with_sinf" E Everyone "ISO/IEC 14496-12 §8.12" "A sample entry is called clear, but has a sinf."
        "Call it encv or enca: players take its samples for clear.";
    48 NoSuchEntry "no_such_entry" E Everyone "ISO/IEC 14496-12 §8.5.2" "A fragment uses a sample entry that its track does not have."
        "Correct sample_description_index.";
    48 ProtectedEntryNotFirst "protected_entry_not_first" W SomePlayers "ISO/IEC 14496-12 §8.7.8" "The protected sample entry is not the first."
        "Put it first: ffmpeg honours protection there only.";
    49 PiffVersion "piff_version" W SomePlayers "PIFF 1.1 §5.3" "A protection box has a version other than 0."
        "Write version 0: Bento4 and mp4ff refuse others.";
    49 SencOverride "senc_override" W SomePlayers "PIFF 1.1 §5.3" "A fragment overrides its track's key."
        "Avoid it: most readers refuse it or pass over it.";
    49 SencFlags "senc_flags" E SomePlayers "PIFF 1.1 §5.3" "The sample encryption box has flags that are not defined."
        "Use 0x2 alone.";
    50 UuidSwapped "uuid_swapped" E Drm "PIFF 1.1 §5.3" "A uuid box has its UUID in GUID byte order."
        "Write the UUID as it is printed: nobody finds the box.";
    51 AlgorithmCbc "algorithm_cbc" W PlayReady "PIFF 1.1 §5.3" "The samples are protected with AES-CBC."
        "Use AES-CTR for PlayReady before 4.0.";
    51 AlgorithmNoneWithIvs "algorithm_none_with_ivs" W SomePlayers "PIFF 1.1 §5.3" "The track is called not encrypted, but its fragments list IVs."
        "Correct the AlgorithmID.";
    52 BitrateDiffers "bitrate_differs" W Adaptive "[MS-SSTR] §2.2.2" "A declared bitrate is more than 10 % off what was measured."
        "Correct it: players choose by it.";
    52 BitrateTwice "bitrate_twice" W Smooth "[MS-SSTR] §2.2.2" "Two quality levels have the same bitrate."
        "Make them differ: the bitrate is the name in fragment URLs.";
    52 BitrateMissing "bitrate_missing" I Nobody "[MS-SSTR] §2.2.2" "The file declares no bitrate for a track."
        "Nothing for playback; manifests made from the file will lack it.";
    53 CodecPrivateData "codec_private_data" E Smooth "[MS-SSTR] §2.2.2" "The manifest's CodecPrivateData is not the file's."
        "Write it again from the file: decoders are set up from the manifest alone.";
    53 FourccDiffers "fourcc_differs" W Smooth "[MS-SSTR] §2.2.2" "The manifest's FourCC does not fit the sample entry."
        "Correct it.";
    54 NalLengthSize "nal_length_size" W SomePlayers "field practice" "NAL lengths are not four bytes."
        "Use four: several readers assume it.";
    55 NegativeCtsV0 "negative_cts_v0" I Nobody "Smooth Streaming practice" "A run of version 0 has negative composition offsets."
        "Nothing: Microsoft's tools write them. Readers must take them as signed.";
    56 UnknownTrack "unknown_track" E Everyone "ISO/IEC 14496-12 §8.8.7" "A fragment belongs to a track that moov does not have."
        "Correct the track number, or join the fragment to its own header.";
    56 TrackIdMismatch "track_id_mismatch" E SomePlayers "field practice" "Track numbers do not match."
        "Make tkhd, trex, tfhd, tfra and the manifest agree.";
    56 TrexMissing "trex_missing" E Browsers "ISO/IEC 14496-12 §8.8.3" "A track has fragments but no trex."
        "Add it to mvex: Chromium refuses the file.";
    57 DurationsDisagree "durations_disagree" W SomePlayers "field practice" "The durations in mvhd, mehd or the manifest are not that of the samples."
        "Correct them: the seek bar is made from them.";
    58 Sequence "sequence" I Nobody "ISO/IEC 14496-12 §8.8.5" "Fragment numbers do not increase."
        "Nothing for playback; some writers leave them 0.";
    59 MediaSegment "media_segment" I Everyone "ISO/IEC 14496-12 §8.16" "The file is a media segment."
        "To play or to protect it, put its initialization segment in front.";
    59 NoMoov "no_moov" E Everyone "ISO/IEC 14496-12 §8.2.1" "There is no moov."
        "Put the initialization segment in front.";
    59 SecondMoov "second_moov" W SomePlayers "ISO/IEC 14496-12 §8.2.1" "There is a second moov."
        "Remove one; readers take either.";
    59 NoTracks "no_tracks" W Everyone "ISO/IEC 14496-12 §8.3.1" "moov has no tracks."
        "Check the packager.";
    59 NoFragments "no_fragments" W Everyone "ISO/IEC 14496-12 §8.8.1" "Fragments are announced, and there are none."
        "Join the media segments behind it, or copy the file again.";
    59 SamplesInMoovToo "samples_in_moov_too" I Nobody "ISO/IEC 14496-12 §8.8.1" "moov lists a part of the samples itself."
        "Fragment all of it before protecting.";
    59 UuidTooShort "uuid_too_short" W SomePlayers "ISO/IEC 14496-12 §4.2" "A uuid box has no room for its UUID."
        "Remove it.";
    59 LiveManifest "live_manifest" I Nobody "Smooth Streaming practice" "The file begins like a live ingest stream."
        "Nothing: the manifest in front is for a server.";
    59 C2pa "c2pa" I SomePlayers "C2PA §A.5" "The file carries content credentials, which hash its bytes."
        "Nothing to look at it. Whatever is written of it, protected or not, no longer fits its hashes: sign the result again, or take its credentials out.";
    59 NoPlayreadyHeader "no_playready_header" E PlayReady "PIFF 1.1 §5.2" "The file is protected as PIFF and has no PlayReady header."
        "Write one into it (Header), or deliver it with a manifest that has one: clients know neither the KID nor where to ask.";
    59 OtherSystemsOnly "other_systems_only" I PlayReady "PlayReady header specification" "The file is protected, but not for PlayReady."
        "Nothing for other systems. For PlayReady, give the header in a manifest, or write one into the file.";
    59 OpaqueSampleEntry "opaque_sample_entry" W Everyone "ISO/IEC 14496-12 §8.12" "A protected sample entry cannot be looked into."
        "Check the packager: its boxes do not fill it.";
    59 NoCodecConfiguration "no_codec_configuration" W Everyone "ISO/IEC 14496-15 §5.4" "A sample entry has no readable codec configuration."
        "Add it: no decoder can start without.";
    59 NoIvs "no_ivs" E Everyone "ISO/IEC 23001-7 §7" "A protected fragment lists no IVs."
        "Add senc, or saiz and saio.";
    59 SaioOutside "saio_outside" W SomePlayers "ISO/IEC 14496-12 §8.7.8" "saio points outside its fragment."
        "Point it into the moof.";
    59 ManifestXml "manifest_xml" E Adaptive "[MS-SSTR] §2.2.2" "The manifest is not well-formed XML."
        "Correct the XML.";
    59 IvLimit "iv_limit" I Nobody "" "Not every IV of the file is remembered."
        "Nothing: the file has a million IVs that do not follow each other.";
    59 Unreadable "unreadable" E Everyone "" "A file cannot be read."
        "Check its name and whether you may read it.";
    59 ManifestFileMissing "manifest_file_missing" W Adaptive "IIS Smooth Streaming" "The manifest names a file that was not opened."
        "Open it together with the manifest.";
    59 BoxMissing "box_missing" E Everyone "ISO/IEC 14496-12" "A box that must be there is missing."
        "Write the file again.";
    59 MoreFindings "more_findings" I Nobody "" "There are more findings than are listed."
        "Mend the first ones and look again.";
    59 BytesBetween "bytes_between" E Everyone "ISO/IEC 14496-12 §4.2" "Bytes that are no box stand between boxes."
        "Repair the file: readers stop here, or take them for a box that runs to the end.";
    59 FileCut "file_cut" E Everyone "ISO/IEC 14496-12 §4.2" "The file ends too early."
        "Copy or download it again, or repair it: what is whole is kept.";
    60 LooksEncrypted "looks_encrypted" E Everyone "field practice" "Samples called clear look encrypted."
        "Decrypt the file before it is remuxed or edited: ffmpeg -c copy and the like drop senc, and without its IVs no key opens the samples.";
    60 SencLeftOver "senc_left_over" W SomePlayers "field practice" "IVs are left over in a clear file."
        "Remove senc, saiz and saio, or decrypt again with a tool that does; some players try to decrypt because of them.";
    60 LooksClear "looks_clear" W Everyone "field practice" "Samples called protected look clear."
        "Check the packager: encryption was skipped, or done to other bytes.";
    61 DecryptFailed "decrypt_failed" E Everyone "field practice" "Decrypted with the key given, samples are not what the codec has."
        "Use the right key: see the key doctor.";
    62 DefaultSize "default_size" I Smooth "Smooth Streaming practice" "Fragments give default sizes or durations."
        "Nothing today; Silverlight and Windows Media Player refused them.";
    63 KeyInTwoModes "key_in_two_modes" E Secrecy "PIFF 1.1 §6.1" "One KID is used with AES-CTR and with AES-CBC."
        "Use a key of its own for each mode.";
    64 HlsMethod "hls_method" W Adaptive "PlayReady and HLS" "The HLS method does not fit the scheme."
        "Write SAMPLE-AES-CTR for cenc, SAMPLE-AES for cbcs.";
    64 HlsSessionKey "hls_session_key" W PlayReady "PlayReady and HLS" "The HLS playlist has no session key for PlayReady."
        "Add EXT-X-SESSION-KEY: Windows 10 and Xbox want it.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/checks.md`: a section for each row.
    #[test]
    fn every_check_is_explained_in_the_docs() {
        let mut text = String::from(
            "# The checks\n\nMade of the table in `src/checks.rs`; `ismvault explain ID` prints one.\n",
        );
        for check in CHECKS {
            let (id, severity) = (check.id, check.severity.word());
            let words = check.explanation().replace('<', "\\<");
            text += &format!("\n## `{id}`: {severity}\n\n{words}\n");
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/checks.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == text, "checks changed: run `UPDATE_DOCS=1 cargo test --lib checks`");
    }

    #[test]
    fn every_number_has_a_row_and_no_row_comes_twice() {
        for number in 1..=64 {
            assert!(CHECKS.iter().any(|check| check.number == number), "{number}");
        }
        for (i, check) in CHECKS.iter().enumerate() {
            assert!(!CHECKS[..i].iter().any(|c| c.id == check.id), "{}", check.id);
            assert!((check.fails == Fails::Nobody) <= (check.severity == Severity::Info));
            assert!(check.title.ends_with('.') && check.advice.ends_with('.'), "{}", check.id);
        }
    }
}
