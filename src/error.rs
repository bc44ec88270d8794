//! What can go wrong, whose doing it is, and where.
//!
//! Every message is a sentence a user can act on. The position (absolute file
//! offset) and the box path are data, so that a page can jump there and a
//! script can match on the [`Error::code`].

use std::fmt;

/// Whose doing an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// The file breaks the rules of its format.
    Malformed,
    /// The file is fine, but this is not handled here.
    Unsupported,
    /// The caller asked for something that cannot be.
    Misuse,
    /// The file exceeds a bound of [`crate::format::bytes::limits`].
    Limit,
}

/// Makes [`Code`] of one list, so that a code that is not there cannot be named.
macro_rules! codes {
    ($($id:ident $name:literal,)*) => {
        /// Which refusal: stable, for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
        pub enum Code {
            $(#[doc = concat!("`", $name, "`")] $id,)*
        }

        impl Code {
            /// The code of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$id),)*
                    _ => None,
                }
            }

            /// As JSON has it, such as `box_too_short`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $name,)*
                }
            }
        }
    };
}

codes! {
    AlreadyProtected "already_protected",
    Av1Header "av1_header",
    BadCustomAttributes "bad_custom_attributes",
    BadDescriptor "bad_descriptor",
    BadDsId "bad_ds_id",
    BadForm "bad_form",
    BadHeaderVersion "bad_header_version",
    BadIv "bad_iv",
    BadIvSize "bad_iv_size",
    BadKey "bad_key",
    BadOptions "bad_options",
    BadProfile "bad_profile",
    BadSeed "bad_seed",
    BadSetup "bad_setup",
    BadTarget "bad_target",
    BadUrl "bad_url",
    BadUuid "bad_uuid",
    BoundariesDiffer "boundaries_differ",
    BoxHeaderCut "box_header_cut",
    BoxMissing "box_missing",
    BoxPastParent "box_past_parent",
    BoxSizeTooLarge "box_size_too_large",
    BoxSizeTooSmall "box_size_too_small",
    BoxTooLarge "box_too_large",
    BoxTooShort "box_too_short",
    BrokenHeader "broken_header",
    BytesLeftOver "bytes_left_over",
    ChunksMissing "chunks_missing",
    Ciphertext "ciphertext",
    ClearTrackWithIvs "clear_track_with_ivs",
    CountPastBox "count_past_box",
    Damaged "damaged",
    DataBeforeFile "data_before_file",
    DataBeforeMoof "data_before_moof",
    DataElsewhere "data_elsewhere",
    DataOutside "data_outside",
    DataPastFile "data_past_file",
    DoNotFit "do_not_fit",
    EditRate "edit_rate",
    Empty "empty",
    Ended "ended",
    EntangledBoxes "entangled_boxes",
    FileChanged "file_changed",
    FileCut "file_cut",
    FileShrank "file_shrank",
    FragmentMissing "fragment_missing",
    FragmentTooLarge "fragment_too_large",
    Fragmented "fragmented",
    FragmentsOutOfOrder "fragments_out_of_order",
    HasMoov "has_moov",
    HeaderLarge "header_large",
    HeaderTooLarge "header_too_large",
    HeaderVersion "header_version",
    HeadersDiffer "headers_differ",
    IndexTooLarge "index_too_large",
    InfosElsewhere "infos_elsewhere",
    IvCount "iv_count",
    KeyFile "key_file",
    KeyList "key_list",
    KeyMissing "key_missing",
    KeyTwice "key_twice",
    KidAsKey "kid_as_key",
    KidTwice "kid_twice",
    ManifestXml "manifest_xml",
    MoofTooLarge "moof_too_large",
    NalLengthCut "nal_length_cut",
    NalPastSample "nal_past_sample",
    NoCodecConfiguration "no_codec_configuration",
    NoFragments "no_fragments",
    NoIvs "no_ivs",
    NoKey "no_key",
    NoKeyForTrack "no_key_for_track",
    NoKid "no_kid",
    NoMfro "no_mfro",
    NoMoov "no_moov",
    NoProtection "no_protection",
    NoProtectionHeader "no_protection_header",
    NoRandomness "no_randomness",
    NoRule "no_rule",
    NoSamples "no_samples",
    NoSchm "no_schm",
    NoSegmentIndex "no_segment_index",
    NoSinf "no_sinf",
    NoSuchBitrate "no_such_bitrate",
    NoSuchBox "no_such_box",
    NoSuchFile "no_such_file",
    NoSuchGroup "no_such_group",
    NoSuchLanguage "no_such_language",
    NoSuchPart "no_such_part",
    NoSuchSampleEntry "no_such_sample_entry",
    NoSuchTrack "no_such_track",
    NoSuchUnit "no_such_unit",
    NoTracks "no_tracks",
    NotABox "not_a_box",
    NotAClientManifest "not_a_client_manifest",
    NotAManifest "not_a_manifest",
    NotAnMp4 "not_an_mp4",
    NotInSmooth "not_in_smooth",
    NotPlanned "not_planned",
    NotProtected "not_protected",
    NotProvable "not_provable",
    NotRecognised "not_recognised",
    NothingLeftToProtect "nothing_left_to_protect",
    NothingToProtect "nothing_to_protect",
    OffsetPast4Gib "offset_past_4_gib",
    OffsetPastFile "offset_past_file",
    OffsetTooLarge "offset_too_large",
    OpaqueSampleEntry "opaque_sample_entry",
    OtherCipher "other_cipher",
    OtherDefaults "other_defaults",
    PrivateData "private_data",
    ProLeftOver "pro_left_over",
    ProLength "pro_length",
    ProNoRecords "pro_no_records",
    ProRecordLength "pro_record_length",
    ProRecords "pro_records",
    ProTooLarge "pro_too_large",
    ProTooShort "pro_too_short",
    Progressive "progressive",
    ProofFailed "proof_failed",
    Protected "protected",
    PsshDataSize "pssh_data_size",
    PsshVersion "pssh_version",
    SaioOutside "saio_outside",
    SaizCount "saiz_count",
    SamplesInMoovToo "samples_in_moov_too",
    SamplesOutsideMdat "samples_outside_mdat",
    SamplesOverlap "samples_overlap",
    Scheme "scheme",
    SecondMoov "second_moov",
    SetDisagrees "set_disagrees",
    SeveralIndexes "several_indexes",
    SeveralEdits "several_edits",
    SeveralKids "several_kids",
    SeveralTracks "several_tracks",
    Size0Inside "size_0_inside",
    SubsamplesPastSample "subsamples_past_sample",
    SubsamplesShortOfSample "subsamples_short_of_sample",
    SubsegmentTooLarge "subsegment_too_large",
    TextStaysClear "text_stays_clear",
    TextTooLong "text_too_long",
    TimescaleZero "timescale_zero",
    TimescalesDiffer "timescales_differ",
    TooDeep "too_deep",
    TooManyBoxes "too_many_boxes",
    TooManyChunks "too_many_chunks",
    TooManySamples "too_many_samples",
    TooManyTracks "too_many_tracks",
    TwoKeysForTrack "two_keys_for_track",
    UnexpectedChildren "unexpected_children",
    UnitMissing "unit_missing",
    UnknownFourcc "unknown_fourcc",
    UnknownTrack "unknown_track",
    UuidTooShort "uuid_too_short",
    Vp9Header "vp9_header",
    WhichLevel "which_level",
    WhichStream "which_stream",
    WidevineData "widevine_data",
    WrmChecksum "wrm_checksum",
    WrmNoKid "wrm_no_kid",
    WrmBadKid "wrm_bad_kid",
    WrmBom "wrm_bom",
    WrmNoVersion "wrm_no_version",
    WrmNotCanonical "wrm_not_canonical",
    WrmNotUtf16 "wrm_not_utf16",
    WrmOddLength "wrm_odd_length",
    WrmPlace "wrm_place",
    WrmUrl "wrm_url",
    WrmVersionFeatures "wrm_version_features",
    WrmXml "wrm_xml",
    WrongBytes "wrong_bytes",
    XmlTooLarge "xml_too_large",
    ZeroKey "zero_key",
    ZeroKid "zero_kid",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A refusal: a sentence, a stable code, and the place in the file if there is one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "Failure"))]
pub struct Error {
    /// Whose doing.
    pub kind: ErrorKind,
    /// Which refusal it is.
    pub code: Code,
    /// A sentence for people, without the place.
    pub message: String,
    /// Absolute byte offset in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub at: Option<u64>,
    /// Box path, such as `moov/trak/tkhd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub path: Option<String>,
}

/// What a person gave where it may be a key: in a message it stands in quotes,
/// unless there is something in it that a key could be, or a part of one.
#[derive(Clone, Copy)]
pub struct Untrusted<'a>(pub &'a str);

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        if key_like(text).next().is_some() || text.len() > 200 {
            return write!(f, "\"…\" ({} characters, not shown)", text.chars().count());
        }
        f.write_str("\"")?;
        text.chars()
            .try_for_each(|c| write!(f, "{}", if c.is_control() { '\u{fffd}' } else { c }))?;
        f.write_str("\"")
    }
}

/// A message of somebody else's, without what may be a key in it.
pub fn redacted(message: &str) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for (from, to) in key_like(message) {
        out += &message[at..from];
        out.push('…');
        at = to;
    }
    out + &message[at..]
}

/// Stretches of a text that a key could be, or a part of one: 16 characters and
/// more of hex or base64 with a digit or a sign among them.
fn key_like(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "+/_-=".contains(c);
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let from = rest + text.get(rest..)?.find(inside)?;
            let len = text[from..].find(|c| !inside(c)).unwrap_or(text.len() - from);
            rest = from + len;
            let run = &text[from..rest];
            let mixed = run.contains(|c: char| c.is_ascii_digit())
                || run.contains(['+', '=']) // base64 without digits
                || (run.contains(char::is_uppercase) && run.contains(char::is_lowercase));
            if len >= 16 && mixed {
                return Some((from, rest));
            }
        }
    })
}

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn new(kind: ErrorKind, code: Code, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), at: None, path: None }
    }

    /// The file breaks a rule.
    pub fn malformed(code: Code, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed, code, message)
    }

    /// The file is outside what is handled here.
    pub fn unsupported(code: Code, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, code, message)
    }

    /// The request cannot be met.
    pub fn misuse(code: Code, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Misuse, code, message)
    }

    /// A bound was hit.
    pub fn limit(code: Code, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, code, message)
    }

    /// A host read fewer bytes than the file had when it was opened.
    pub(crate) fn file_shrank(at: u64) -> Self {
        Self::malformed(
            Code::FileShrank,
            "The file ended while it was read. Was it changed or moved? Open it again.",
        )
        .at(at)
    }

    /// Adds the absolute offset, unless a more precise one is already there.
    pub fn at(mut self, offset: u64) -> Self {
        self.at.get_or_insert(offset);
        self
    }

    /// Puts `outer` in front of the box path.
    pub fn within(mut self, outer: impl fmt::Display) -> Self {
        self.path = Some(match self.path {
            Some(inner) => format!("{outer}/{inner}"),
            None => outer.to_string(),
        });
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (self.at, &self.path) {
            (Some(at), Some(path)) => write!(f, " (at byte {at}, in {path})"),
            (Some(at), None) => write!(f, " (at byte {at})"),
            (None, Some(path)) => write!(f, " (in {path})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_key_is_not_repeated() {
        let key = "b42ca3172ee4e69bf51848a59db9cd13";
        for text in [
            key,
            "tCyjFy7k5pv1GEilnbnNEw==",
            "KID:b42ca3172ee4e69bf51848a59",
            "x,abcdefABCDEFabcdefGH",
        ] {
            let shown = Untrusted(text).to_string();
            assert!(shown.starts_with("\"…\" (") && !shown.contains(&text[4..12]), "{shown}");
        }
        for text in ["dual", "hello there", "video", "https://licence.example/a", "4.5.0.0"] {
            assert_eq!(Untrusted(text).to_string(), format!("\"{text}\""));
        }
        let message = format!("unknown field `{key}`, expected one of `custom_attributes`, `kid`");
        let shown = redacted(&message);
        assert_eq!(shown, "unknown field `…`, expected one of `custom_attributes`, `kid`");
    }

    #[test]
    fn tells_the_place_once_and_from_the_outside_in() {
        let error =
            Error::malformed(Code::BoxTooShort, "Bad.").at(7).at(9).within("trak").within("moov");
        assert_eq!(error.to_string(), "Bad. (at byte 7, in moov/trak)");
    }
}
