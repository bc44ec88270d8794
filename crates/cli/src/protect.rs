//! `ismvault protect`, and protection as the last step of other commands.

use crate::host::{
    Input, Small, Stop, check_output, printable, random, same_file, stop, to_json, usage,
};
use clap::Args;
use ismvault::format::cipher::ContentKey;
use ismvault::format::drm::playready::HeaderVersion;
use ismvault::format::ids::Kid;
use ismvault::make::proof::Proven;
use ismvault::make::protect::receipt::{FileHash, Receipt};
use ismvault::make::protect::{Options, Plan, Profile, Target, TrackKey, keyfile};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct ProtectArgs {
    input: PathBuf,
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    options: Protection,
}

/// Where the result goes.
#[derive(Args)]
pub(crate) struct Out {
    /// Where to write, usually an .mp4.
    #[arg(short, long)]
    pub(crate) output: PathBuf,
    /// Overwrite the output.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to protect; on the command line, and in the jobs of a batch.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Protection {
    /// The key's identifier; made at random if left out.
    #[arg(long, value_name = "UUID")]
    pub(crate) kid: Option<String>,
    /// The content key; made at random, and shown once, if left out.
    #[arg(long, value_name = "HEX|BASE64", conflicts_with = "seed")]
    pub(crate) key: Option<String>,
    /// Derive the content key from a PlayReady key seed and the KID.
    #[arg(long, value_name = "BASE64", requires = "kid")]
    pub(crate) seed: Option<String>,
    /// Take keys from a file: JSON, CSV or CPIX, each with the tracks it is for.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "seed", "kid"])]
    pub(crate) keys: Option<PathBuf>,
    /// Where players ask for licences.
    #[arg(long, value_name = "URL")]
    pub(crate) la_url: Option<String>,
    /// A page for people without a licence.
    #[arg(long, value_name = "URL")]
    pub(crate) lui_url: Option<String>,
    /// XML to put into the header's CUSTOMATTRIBUTES.
    #[arg(long, value_name = "XML")]
    pub(crate) custom_attributes: Option<String>,
    /// Version of the PlayReady header: 4.0, 4.1, 4.2 or 4.3; the oldest that
    /// can say it if left out.
    #[arg(long, value_name = "V")]
    pub(crate) header_version: Option<String>,
    /// Which boxes to write: dual, piff, cenc or cbcs; dual if left out.
    #[arg(long, value_name = "P")]
    pub(crate) profile: Option<String>,
    /// How to encrypt: cenc (AES-CTR) or cbcs (AES-CBC with a pattern).
    #[arg(long, value_name = "S")]
    pub(crate) scheme: Option<String>,
    /// Which tracks to protect; all video and audio if left out.
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    pub(crate) tracks: Option<Vec<u32>>,
    /// Leave the first N fragments of each track clear.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) clear_lead: u32,
    /// Bytes of an IV, 8 or 16.
    #[arg(long, value_name = "N")]
    pub(crate) iv_size: Option<u8>,
    /// Write a Widevine header beside PlayReady's.
    #[arg(long)]
    pub(crate) widevine: bool,
    /// Where to write the receipt, as JSON: what was compared, and hashes.
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
}

/// A key that was made here, to be told once.
#[derive(Serialize)]
pub(crate) struct MadeKey {
    pub(crate) kid: Kid,
    pub(crate) key: String,
}

/// What protecting gave.
#[derive(Serialize)]
pub(crate) struct Protected {
    pub(crate) output: PathBuf,
    pub(crate) size: u64,
    pub(crate) receipt: Receipt,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) made_key: Option<MadeKey>,
}

impl Protection {
    /// Whether any of it was asked for. Who asks for a receipt, or for tracks, and
    /// gets a clear file, was not served.
    pub(crate) fn is_wanted(&self) -> bool {
        let Self { kid, key, seed, keys, la_url, lui_url, custom_attributes, .. } = self;
        let Self { header_version, profile, scheme, tracks, .. } = self;
        let Self { clear_lead, iv_size, widevine, receipt, .. } = self;
        let texts = [kid, key, seed, la_url, lui_url, custom_attributes, header_version];
        texts.iter().chain(&[profile, scheme]).any(|text| text.is_some())
            || keys.is_some()
            || tracks.is_some()
            || *clear_lead > 0
            || iv_size.is_some()
            || *widevine
            || receipt.is_some()
    }

    /// Whether a key must be made at random.
    pub(crate) fn makes_key(&self) -> bool {
        self.key.is_none() && self.seed.is_none() && self.keys.is_none()
    }

    /// Refuses a receipt that would overwrite something else.
    pub(crate) fn check_receipt(
        &self,
        output: &Path,
        others: &[&Path],
        force: bool,
    ) -> Result<(), Stop> {
        let Some(path) = &self.receipt else { return Ok(()) };
        let keys = self.keys.as_deref();
        let taken = [output].into_iter().chain(keys).chain(others.iter().copied());
        for other in taken {
            if same_file(path, other) {
                let sentence = format!(
                    "The receipt would overwrite {}. Give it another name.",
                    other.display()
                );
                return Err(Stop(sentence, crate::host::USAGE));
            }
        }
        if path.exists() && !force {
            return Err(stop(format!("{} exists. Add --force to overwrite it.", path.display())));
        }
        Ok(())
    }

    /// As the core takes it.
    pub(crate) fn options(&self) -> Result<Options, Stop> {
        let profile = match (self.profile.as_deref(), self.scheme.as_deref()) {
            (None | Some("cbcs"), Some("cbcs")) => "cbcs",
            (Some(profile), Some("cbcs")) => {
                let sentence =
                    format!("The profile {profile} is AES-CTR; cbcs is a profile of its own.");
                return Err(Stop(sentence, crate::host::USAGE));
            }
            (Some("cbcs"), Some("cenc")) => {
                let sentence = "The profile cbcs is AES-CBC; leave --scheme out, or choose another \
                                profile.";
                return Err(Stop(sentence.into(), crate::host::USAGE));
            }
            (profile, None | Some("cenc")) => profile.unwrap_or("dual"),
            (_, Some(other)) => {
                let sentence =
                    format!("There is no scheme \"{other}\" to protect with. Choose cenc or cbcs.");
                return Err(Stop(sentence, crate::host::USAGE));
            }
        };
        if profile == "cbcs" && self.iv_size.is_some() {
            let sentence = "The profile cbcs has one IV of 16 bytes for each track; leave \
                            --iv-size out.";
            return Err(Stop(sentence.into(), crate::host::USAGE));
        }
        if self.iv_size.is_some_and(|size| !matches!(size, 8 | 16)) {
            let sentence = "An IV has 8 or 16 bytes; choose one of them.";
            return Err(Stop(sentence.into(), crate::host::USAGE));
        }
        // A list of jobs can say both, which the command line refuses by itself.
        if self.keys.is_some() && (self.kid.is_some() || self.key.is_some() || self.seed.is_some())
        {
            let sentence = "Keys come from a file, or are given: not both. Leave kid, key and seed \
                            out, or keys.";
            return Err(Stop(sentence.into(), crate::host::USAGE));
        }
        Ok(Options {
            keys: self.track_keys()?,
            random: random()?,
            iv_size: self.iv_size.unwrap_or(8),
            profile: Profile::parse(profile).map_err(usage)?,
            header_version: self
                .header_version
                .as_deref()
                .map(HeaderVersion::parse)
                .transpose()
                .map_err(usage)?,
            la_url: self.la_url.clone(),
            lui_url: self.lui_url.clone(),
            custom_attributes: self.custom_attributes.clone(),
            widevine: self.widevine,
            clear_lead: self.clear_lead,
            tracks: self.tracks.clone(),
        })
    }

    fn track_keys(&self) -> Result<Vec<TrackKey>, Stop> {
        if let Some(path) = &self.keys {
            let bytes = zeroize::Zeroizing::new(Input::open(path)?.read_text()?);
            return keyfile::parse(&String::from_utf8_lossy(&bytes)).map_err(usage);
        }
        let kid = match &self.kid {
            Some(text) => Kid::parse(text).map_err(usage)?,
            None => random_kid()?,
        };
        let key = match (&self.key, &self.seed) {
            (Some(key), _) => ContentKey::parse(key).map_err(usage)?,
            (None, Some(seed)) => ContentKey::from_seed(seed, kid).map_err(usage)?,
            (None, None) => ContentKey::from_bytes(random()?),
        };
        Ok(vec![TrackKey { target: Target::All, kid, key }])
    }

    /// Protects an input into a file that has not its name yet.
    pub(crate) fn run(&self, input: &Input, output: &Path, name: &str) -> Result<Run, Stop> {
        let options = self.options()?;
        let movie = input.inspect()?;
        let plan = Plan::new(&movie, &options)?;
        let proven = input.ready(Proven::new(plan))?;
        let mut hash = FileHash::default();
        let written = input.write(&proven, output, |bytes| hash.update(bytes))?;
        let sentences = proven.recipe().preview().sentences.clone();
        let mut receipt = proven.receipt(name, [input.size, written.len])?;
        receipt.sha256 = hash.finish();
        Ok(Run { written, sentences, receipt, options })
    }
}

/// A protected file that has not its name yet.
pub(crate) struct Run {
    pub(crate) written: crate::host::Written,
    pub(crate) sentences: Vec<String>,
    pub(crate) receipt: Receipt,
    pub(crate) options: Options,
}

impl Run {
    /// The key, where it was made here.
    pub(crate) fn made_key(&self) -> Option<MadeKey> {
        let key = self.options.keys.first()?;
        Some(MadeKey { kid: key.kid, key: key.key.reveal().to_string() })
    }
}

/// A random UUID, marked as one (version 4).
fn random_kid() -> Result<Kid, Stop> {
    let mut bytes = random::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(ismvault::format::ids::Uuid(bytes))
}

pub(crate) fn protect(args: &ProtectArgs) -> Result<ExitCode, Stop> {
    check_output(&args.input, &args.out.output, args.out.force)?;
    args.options.check_receipt(&args.out.output, &[&args.input], args.out.force)?;
    let input = Input::open(&args.input)?;
    let name = input.name.clone();
    finish(&args.options, &input, &name, &args.out, &[])
}

/// Protects an input, tells the key if it was made here, and gives the output
/// its name.
pub(crate) fn finish(
    protection: &Protection,
    input: &Input,
    name: &str,
    out: &Out,
    notes: &[String],
) -> Result<ExitCode, Stop> {
    let run = protection.run(input, &out.output, name)?;
    for sentence in notes.iter().chain(&run.sentences).filter(|_| !out.json) {
        eprintln!("{}", printable(sentence));
    }
    let receipt = &run.receipt;
    if !out.json {
        eprintln!(
            "Read back and compared: {} samples, of which {} are encrypted. SHA-256 {}.",
            receipt.samples_compared, receipt.samples_encrypted, receipt.sha256
        );
    }
    let made = Some(()).filter(|()| protection.makes_key()).and_then(|()| run.made_key());
    // A key that nobody saw would make the output worthless: it comes first.
    let mut shown = String::new();
    if out.json {
        let result = Protected {
            output: out.output.clone(),
            size: run.written.len,
            receipt: receipt.clone(),
            notes: notes.to_vec(),
            made_key: made,
        };
        shown = to_json(&result)? + "\n";
    } else {
        for key in &receipt.keys {
            let _ = writeln!(shown, "KID  {}", key.kid);
        }
        if let Some(made) = &made {
            let _ = writeln!(shown, "Key  {}", made.key);
        }
    }
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(shown.as_bytes()).and_then(|()| stdout.flush());
    if let (Err(e), true) = (printed, protection.makes_key()) {
        return Err(stop(format!("The key cannot be printed: {e}. Nothing was written.")));
    }
    // The receipt is on disk before the output has its name, and after it, or
    // neither.
    let text = to_json(receipt)? + "\n";
    let receipt = match &protection.receipt {
        Some(path) => Some(Small::new(path, text.as_bytes())?),
        None => None,
    };
    if out.json {
        run.written.keep_silently(out.force)?;
    } else {
        run.written.keep(out.force)?;
    }
    receipt.map_or(Ok(()), |receipt| receipt.keep(out.force))?;
    if protection.makes_key() && !out.json {
        eprintln!("The key is shown only now. Give it, with the KID, to your licence server.");
    }
    Ok(ExitCode::SUCCESS)
}
