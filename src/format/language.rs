//! Languages: what manifests, QuickTime and ISO files call them, as the three
//! letters of ISO 639-2/T.

use isolang::Language;

/// No language, or none that is known.
pub(crate) const UNDETERMINED: &str = "und";

/// Of a tag such as `ro`, `ron`, `rum` or `ro-RO`.
pub(crate) fn of_tag(tag: &str) -> &'static str {
    let lower = tag.trim().to_ascii_lowercase();
    let first = lower.split(['-', '_']).next().unwrap_or_default();
    let found = match first.len() {
        2 => Language::from_639_1(first),
        _ => Language::from_639_3(bibliographic(first)),
    };
    found.map_or(UNDETERMINED, |language| language.to_639_3())
}

/// The other of the two codes that some languages have (ISO 639-2/B), as the
/// one that files have.
fn bibliographic(code: &str) -> &str {
    const PAIRS: [(&str, &str); 20] = [
        ("alb", "sqi"),
        ("arm", "hye"),
        ("baq", "eus"),
        ("bur", "mya"),
        ("chi", "zho"),
        ("cze", "ces"),
        ("dut", "nld"),
        ("fre", "fra"),
        ("geo", "kat"),
        ("ger", "deu"),
        ("gre", "ell"),
        ("ice", "isl"),
        ("mac", "mkd"),
        ("mao", "mri"),
        ("may", "msa"),
        ("per", "fas"),
        ("rum", "ron"),
        ("slo", "slk"),
        ("tib", "bod"),
        ("wel", "cym"),
    ];
    PAIRS.iter().find(|(b, _)| *b == code).map_or(code, |(_, t)| t)
}

/// Codes of this and more are three packed letters, those below are QuickTime's.
const FIRST_PACKED: u16 = 0x400;

/// Of the language field of `mdhd`.
pub(crate) fn of_field(field: u16) -> String {
    if field < FIRST_PACKED {
        return macintosh(field).to_owned();
    }
    let letter = |shift: u16| ((field >> shift & 0x1f) as u8 + 0x60) as char;
    let text: String = [letter(10), letter(5), letter(0)].iter().collect();
    if text.bytes().all(|b| b.is_ascii_lowercase()) { text } else { UNDETERMINED.into() }
}

/// As the language field of `mdhd`: three letters of five bits.
pub(crate) fn to_field(three: &str) -> u16 {
    three.bytes().fold(0, |n, b| n << 5 | u16::from(b.wrapping_sub(0x60) & 0x1f))
}

/// Macintosh language codes (QuickTime File Format, "Language Code Values").
#[rustfmt::skip]
fn macintosh(code: u16) -> &'static str {
    const FROM_0: [&str; 95] = [
        "eng", "fra", "deu", "ita", "nld", "swe", "spa", "dan", "por", "nor", "heb", "jpn", "ara",
        "fin", "ell", "isl", "mlt", "tur", "hrv", "zho", "urd", "hin", "tha", "kor", "lit", "pol",
        "hun", "est", "lav", "sme", "fao", "fas", "rus", "zho", "nld", "gle", "sqi", "ron", "ces",
        "slk", "slv", "yid", "srp", "mkd", "bul", "ukr", "bel", "uzb", "kaz", "aze", "aze", "hye",
        "kat", "ron", "kir", "tgk", "tuk", "mon", "mon", "pus", "kur", "kas", "snd", "bod", "nep",
        "san", "mar", "ben", "asm", "guj", "pan", "ori", "mal", "kan", "tam", "tel", "sin", "mya",
        "khm", "lao", "vie", "ind", "tgl", "msa", "msa", "amh", "tir", "orm", "som", "swa", "kin",
        "run", "nya", "mlg", "epo",
    ];
    const FROM_128: [&str; 11] =
        ["cym", "eus", "cat", "lat", "que", "grn", "aym", "tat", "uig", "dzo", "jav"];
    let found = FROM_0.get(usize::from(code));
    let found = found.or_else(|| FROM_128.get(usize::from(code.checked_sub(128)?)));
    found.copied().unwrap_or(UNDETERMINED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_every_length() {
        let tags =
            ["en", "en-US", "deu", "ger", "ro", "th", "vi", "hr", "sk", "nb", "ca", "x", "", "und"];
        let wanted = [
            "eng", "eng", "deu", "deu", "ron", "tha", "vie", "hrv", "slk", "nob", "cat", "und",
            "und", "und",
        ];
        assert_eq!(tags.map(of_tag), wanted);
    }

    #[test]
    fn fields_packed_and_of_quicktime() {
        assert_eq!(of_field(to_field("deu")), "deu");
        assert_eq!(of_field(0x55c4), "und");
        assert_eq!(
            [0, 2, 94, 128, 138, 0x3ff].map(of_field),
            ["eng", "deu", "epo", "cym", "jav", "und"]
        );
        assert_eq!(of_field(0x7fff), "und", "QuickTime's unspecified");
    }
}
