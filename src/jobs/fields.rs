//! The fields of jobs: one row makes the flag and its help, the field of the
//! page's form and the name in JSON.

use crate::make::protect::PROFILES;
use serde::Serialize;

/// A field of a job.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Field {
    /// In JSON; the flag has hyphens for its underscores.
    pub name: &'static str,
    /// What a form calls it.
    pub label: &'static str,
    /// What stands for its value in a usage line, such as `URL`.
    pub value: &'static str,
    /// What it is for: a sentence without its last full stop.
    pub help: &'static str,
    /// What may be given.
    pub control: Control,
    /// Where a form has it.
    pub place: FormPlace,
}

/// What may be given for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// A line of text.
    Text,
    /// A URL.
    Url,
    /// Several lines of text.
    Lines,
    /// A key or what gives one: never shown, and wiped.
    Secret,
    /// A list of keys: a file on the command line, its text elsewhere.
    Keys,
    /// A whole number.
    Number,
    /// Whole numbers.
    Numbers,
    /// Words.
    Words,
    /// One of [`Field::choices`].
    Choice,
    /// Yes or no.
    Flag,
}

/// Where a form has a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum FormPlace {
    /// With KID and key.
    Key,
    /// Among what everybody looks at.
    Plain,
    /// Among what few need.
    More,
    /// Made of the file's tracks.
    Tracks,
    /// Nowhere: what another field says already.
    Nowhere,
}

/// One of the values of a field.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Choice {
    /// As JSON has it; a number where that is one.
    pub value: &'static str,
    /// What a form calls it.
    pub label: String,
    /// What it is for, or nothing.
    pub purpose: &'static str,
}

/// A field and its choices.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FormField {
    /// The row of the table.
    #[serde(flatten)]
    pub field: Field,
    /// [`Field::choices`].
    pub choices: Vec<Choice>,
}

/// What a page makes its forms of, and what files it takes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Tables {
    /// Of [`super::Protect`].
    pub protect: Vec<FormField>,
    /// Extensions of media files.
    pub media: &'static [&'static str],
    /// Extensions of manifests.
    pub manifests: &'static [&'static str],
}

/// All tables.
pub fn tables() -> Tables {
    let row = |field: &Field| FormField { field: *field, choices: field.choices() };
    Tables {
        protect: PROTECT.iter().map(row).collect(),
        media: super::names::MEDIA,
        manifests: super::names::MANIFESTS,
    }
}

impl Field {
    /// The flag of the command line, without its hyphens in front.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The values of a [`Control::Choice`], the default first.
    pub fn choices(&self) -> Vec<Choice> {
        let plain = |value, label: &str| Choice { value, label: label.to_owned(), purpose: "" };
        match self.name {
            "profile" => PROFILES
                .iter()
                .map(|profile| Choice {
                    value: profile.name,
                    label: profile.name.to_owned(),
                    purpose: profile.purpose,
                })
                .collect(),
            "iv_size" => vec![
                plain("8", "8 bytes, every client"),
                plain("16", "16 bytes, PlayReady 4 and later"),
            ],
            "header_version" => vec![
                plain("", "the oldest that can say it"),
                plain("4.0", "4.0, every PlayReady client"),
                plain("4.1", "4.1, PlayReady 2 and later"),
                plain("4.2", "4.2, PlayReady 3 and later, Windows 10"),
                plain("4.3", "4.3, PlayReady 4 and later"),
            ],
            "scheme" => vec![plain("cenc", "AES-CTR"), plain("cbcs", "AES-CBC with a pattern")],
            _ => Vec::new(),
        }
    }
}

const fn field(
    (name, label): (&'static str, &'static str),
    (control, value): (Control, &'static str),
    place: FormPlace,
    help: &'static str,
) -> Field {
    Field { name, label, value, help, control, place }
}

/// The fields of [`super::Protect`], in the order in which a person decides them.
pub const PROTECT: &[Field] = &[
    field(
        ("profile", "Profile"),
        (Control::Choice, "P"),
        FormPlace::Plain,
        "Which boxes to write: dual, piff, cenc or cbcs; dual if left out",
    ),
    field(
        ("scheme", "Scheme"),
        (Control::Choice, "S"),
        FormPlace::Nowhere,
        "How to encrypt: cenc (AES-CTR) or cbcs (AES-CBC with a pattern)",
    ),
    field(
        ("kid", "KID"),
        (Control::Text, "UUID"),
        FormPlace::Key,
        "The key's identifier, a UUID in the order of tenc; made at random if left out",
    ),
    field(
        ("key", "Content key"),
        (Control::Secret, "HEX|BASE64"),
        FormPlace::Key,
        "The content key, 32 hex digits or 24 base64 characters; made at random, and shown once, if left out",
    ),
    field(
        ("seed", "Key seed"),
        (Control::Secret, "BASE64"),
        FormPlace::Key,
        "Derive the content key from the KID and a PlayReady key seed, base64 of 30 bytes or more",
    ),
    field(
        ("keys", "Keys with their tracks"),
        (Control::Keys, "FILE"),
        FormPlace::Key,
        "Take keys from CSV, JSON or CPIX, each with its tracks: a number, all, audio, video, sd, hd, uhd",
    ),
    field(
        ("la_url", "Licence URL"),
        (Control::Url, "URL"),
        FormPlace::Plain,
        "Where players ask for a licence (LA_URL); it may be left out",
    ),
    field(
        ("tracks", "Tracks"),
        (Control::Numbers, "1,2"),
        FormPlace::Tracks,
        "Which tracks to protect; all video and audio if left out",
    ),
    field(
        ("clear_lead", "Clear lead"),
        (Control::Number, "N"),
        FormPlace::More,
        "Leave the first N fragments of each track clear",
    ),
    field(
        ("iv_size", "IV size"),
        (Control::Choice, "N"),
        FormPlace::More,
        "Bytes of an IV, 8 or 16; 8 if left out",
    ),
    field(
        ("widevine", "A Widevine header too"),
        (Control::Flag, ""),
        FormPlace::More,
        "Write a Widevine header beside PlayReady's",
    ),
    field(
        ("header_version", "Header version"),
        (Control::Choice, "V"),
        FormPlace::More,
        "Version of the PlayReady header: 4.0, 4.1, 4.2 or 4.3; the oldest that can say it if left out",
    ),
    field(
        ("lui_url", "Licence page URL"),
        (Control::Url, "URL"),
        FormPlace::More,
        "A page for people without a licence (LUI_URL)",
    ),
    field(
        ("custom_attributes", "Custom attributes"),
        (Control::Lines, "XML"),
        FormPlace::More,
        "XML of your own, put into the header's CUSTOMATTRIBUTES as it is",
    ),
];

/// The fields of [`super::MuxSet`].
pub const MUX_SET: &[Field] = &[
    field(
        ("video", "Video"),
        (Control::Text, "FILE"),
        FormPlace::Nowhere,
        "The file with the video; the best if left out",
    ),
    field(
        ("under", "Bitrate at most"),
        (Control::Number, "KBPS"),
        FormPlace::Nowhere,
        "The best video of at most so many kbit/s",
    ),
    field(
        ("height", "Lines at most"),
        (Control::Number, "LINES"),
        FormPlace::Nowhere,
        "The best video of at most so many lines",
    ),
    field(
        ("audio", "Audio"),
        (Control::Words, "LANG,..."),
        FormPlace::Nowhere,
        "Languages of the audio; one track of each language if left out",
    ),
    field(("text", "Text"), (Control::Flag, ""), FormPlace::Nowhere, "Text tracks too"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde::de::value::{Error as Plain, MapDeserializer};

    /// Whether a job's struct has these fields and no other.
    fn has<J: for<'de> Deserialize<'de>>(fields: &[Field]) {
        let told = |name: &'static str| {
            // A value of no type: a field that is not there is named as unknown.
            let one = MapDeserializer::<_, Plain>::new(std::iter::once((name, ())));
            J::deserialize(one).err().map_or(String::new(), |e| e.to_string())
        };
        for field in fields {
            let said = told(field.name);
            assert!(!said.contains("unknown field"), "{}: {said}", field.name);
        }
        let said = told("nothing");
        let listed = said.matches('`').count() / 2 - 1;
        assert_eq!(listed, fields.len(), "{said}");
    }

    #[test]
    fn tables_and_structs_have_the_same_fields() {
        has::<crate::jobs::Protect>(PROTECT);
        has::<crate::jobs::MuxSet>(MUX_SET);
    }

    #[test]
    fn every_row_has_words_and_choices() {
        let all: Vec<&Field> = PROTECT.iter().chain(MUX_SET).collect();
        for (i, field) in all.iter().enumerate() {
            assert!(!all[..i].iter().any(|other| other.name == field.name), "{}", field.name);
            assert!(!field.help.ends_with('.') && !field.label.is_empty(), "{}", field.name);
            let choice = field.control == Control::Choice;
            assert_eq!(choice, !field.choices().is_empty(), "{}", field.name);
        }
    }
}
