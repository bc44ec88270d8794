//! `ismvault header`: protection headers read, made, and put into files.

use crate::config;
use crate::host::{Input, Stop, check_output, print, printable, stop, to_json, usage};
use crate::secret::secrets;
use clap::{Args, Subcommand, ValueEnum};
use ismvault::format::boxes::{BoxHeader, starts_a_file};
use ismvault::format::drm::playready::NewHeader;
use ismvault::jobs::Header;
use ismvault::look::decode::{Decoded, recognise};
use ismvault::look::report::Inspection;
use ismvault::make::header_editor::{Forms, HeaderChange, every_version, forms};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  ismvault header pssh.txt
  ismvault header new --kid KID --la-url https://licence.example/ --form pssh
  ismvault header set film.mp4 -o fixed.mp4 --kid KID --la-url https://licence.example/")]
pub(crate) struct HeaderArgs {
    /// base64, hex, a GUID, XML, a part of a manifest; a file; or - for standard input.
    #[arg(required = true, allow_hyphen_values = true)]
    input: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<HeaderCommand>,
}

#[derive(Subcommand)]
enum HeaderCommand {
    /// Make a PlayReady header.
    New(NewArgs),
    /// Put a PlayReady header into a file; its media is copied as it is.
    Set {
        file: PathBuf,
        /// Where to write.
        #[arg(short, long)]
        output: PathBuf,
        #[command(flatten)]
        header: HeaderContent,
        /// Overwrite the output.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Args)]
struct NewArgs {
    #[command(flatten)]
    header: HeaderContent,
    /// Which form to print.
    #[arg(long, value_enum, default_value = "xml")]
    form: HeaderForm,
    /// Print every version and form as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct HeaderContent {
    /// A key's identifier; several from version 4.2 on.
    #[arg(long = "kid", value_name = "UUID")]
    kids: Vec<String>,
    /// The content key of the KID in the same place, for its CHECKSUM.
    #[arg(long = "key", value_name = "HEX|BASE64")]
    keys: Vec<String>,
    /// Where players ask for licences.
    #[arg(long, value_name = "URL")]
    la_url: Option<String>,
    /// A page for people without a licence.
    #[arg(long, value_name = "URL")]
    lui_url: Option<String>,
    /// The domain service, 16 bytes in base64.
    #[arg(long, value_name = "BASE64")]
    ds_id: Option<String>,
    /// XML to put into CUSTOMATTRIBUTES.
    #[arg(long, value_name = "XML")]
    custom_attributes: Option<String>,
    /// 4.0, 4.1, 4.2 or 4.3.
    #[arg(long = "header-version", value_name = "V", default_value = "4.0")]
    version: String,
    /// For AES-CBC (cbcs) instead of AES-CTR.
    #[arg(long)]
    cbc: bool,
    /// The client asks for a licence before it has a KID (DECRYPTORSETUP).
    #[arg(long)]
    on_demand: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum HeaderForm {
    /// The XML.
    Xml,
    /// The PlayReady Object in base64.
    Object,
    /// The pssh box in base64.
    Pssh,
    /// The PlayReady Object in hex.
    ObjectHex,
    /// The pssh box in hex.
    PsshHex,
    /// For a Smooth Streaming client manifest.
    Ismc,
    /// For a DASH manifest.
    Mpd,
    /// For an HLS playlist.
    Hls,
}

impl HeaderContent {
    fn header(&self) -> Result<NewHeader, Stop> {
        let job = Header {
            kids: self.kids.clone(),
            keys: secrets(&self.keys)?,
            la_url: self.la_url.clone().or_else(|| config::defaults().la_url),
            lui_url: self.lui_url.clone(),
            ds_id: self.ds_id.clone(),
            custom_attributes: self.custom_attributes.clone(),
            version: Some(self.version.clone()),
            cbc: self.cbc,
            on_demand: self.on_demand,
        };
        job.header().map_err(usage)
    }
}

pub(crate) fn header(args: &HeaderArgs) -> Result<ExitCode, Stop> {
    match &args.command {
        Some(HeaderCommand::New(args)) => make(args),
        Some(HeaderCommand::Set { file, output, header, force }) => {
            check_output(file, output, *force)?;
            let header = header.header()?;
            let input = Input::open(file)?;
            let movie = input.inspect()?;
            let used = movie.tracks.iter().filter_map(|track| track.protection()?.kid);
            for kid in used.filter(|kid| !header.keys.iter().any(|key| key.kid == *kid)) {
                eprintln!("ismvault: warning: a track's KID {kid} is not in the new header.");
            }
            let mut change = HeaderChange::new(&movie, &header)?;
            input.drive(&mut change)?;
            input.write(&change.finish()?, output, |_| {})?.keep(*force)?;
            Ok(ExitCode::SUCCESS)
        }
        None => read(args.input.as_deref().unwrap_or_default(), args.json),
    }
}

fn make(args: &NewArgs) -> Result<ExitCode, Stop> {
    let header = args.header.header()?;
    if args.json {
        print(&to_json(&every_version(&header))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let made = forms(&header).map_err(usage)?;
    print(form(&made, args.form))?;
    Ok(ExitCode::SUCCESS)
}

fn form(made: &Forms, form: HeaderForm) -> &str {
    match form {
        HeaderForm::Xml => &made.xml,
        HeaderForm::Object => &made.object_base64,
        HeaderForm::Pssh => &made.pssh_base64,
        HeaderForm::ObjectHex => &made.object_hex,
        HeaderForm::PsshHex => &made.pssh_hex,
        HeaderForm::Ismc => &made.ismc,
        HeaderForm::Mpd => &made.mpd,
        HeaderForm::Hls => &made.hls,
    }
}

fn read(input: &str, json: bool) -> Result<ExitCode, Stop> {
    let decoded = match input {
        "-" => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().take(17 << 20).read_to_end(&mut bytes);
            read.map_err(|e| stop(format!("Standard input cannot be read: {e}.")))?;
            vec![recognise(&bytes)?]
        }
        text if text.len() < 4096 && Path::new(text).is_file() => file(Path::new(text))?,
        text => vec![recognise(text.as_bytes()).map_err(usage)?],
    };
    if json {
        match &decoded[..] {
            [one] => print(&to_json(one)?)?,
            several => print(&to_json(&several)?)?,
        }
    } else {
        let mut out = String::new();
        decoded.iter().for_each(|one| describe(&mut out, one, 0));
        print(&out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The headers of a media file, or what another file holds.
fn file(path: &Path) -> Result<Vec<Decoded>, Stop> {
    let input = Input::open(path)?;
    let start = input.read(ismvault::Span { at: 0, len: input.size.min(32) })?;
    let media = BoxHeader::read(&start, 0, input.size).is_ok_and(|header| {
        starts_a_file(header.kind)
            && !matches!(header.kind.to_string().as_str(), "pssh")
            && header.kind != ismvault::format::boxes::protection::PIFF_PSSH
    });
    if !media {
        return Ok(vec![recognise(&input.read_text()?)?]);
    }
    let inspection = Inspection::new(&input.inspect()?);
    let decoded: Vec<Decoded> = inspection.systems.into_iter().map(|s| s.decoded).collect();
    if decoded.is_empty() {
        return Err(stop(format!("{} has no protection header.", path.display())));
    }
    Ok(decoded)
}

fn describe(out: &mut String, decoded: &Decoded, depth: usize) {
    let indent = "  ".repeat(depth);
    *out += &format!("{indent}{}\n", printable(&decoded.title));
    for fact in &decoded.facts {
        *out += &format!("{indent}    {} {}\n", printable(&fact.name), printable(&fact.value));
    }
    for forms in &decoded.kids {
        *out += &format!("{indent}    KID {} (in GUID byte order {})\n", forms.kid, forms.guid);
        *out += &format!(
            "{indent}        base64 {}, of the GUID byte order {}\n",
            forms.base64, forms.guid_base64
        );
    }
    if let Some(header) = &decoded.header {
        *out += &format!("{indent}    {}\n", printable(&header.xml));
    }
    for finding in &decoded.findings {
        *out += &format!("{indent}    ! {}\n", printable(&finding.message));
    }
    decoded.inner.iter().for_each(|inner| describe(out, inner, depth + 1));
}
