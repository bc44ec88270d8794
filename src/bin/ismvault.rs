//! `ismvault` on the command line: the second host of the same core.
//!
//! Exit status: 0, or 1 for a bad file or a refusal, or 2 for bad usage, which
//! a key or a UUID that cannot be read is too.

use clap::{Args, Parser, Subcommand};
use ismvault::cipher::{ContentKey, IvCounter};
use ismvault::decrypt::{Decryption, parse_key};
use ismvault::drm::playready::HeaderVersion;
use ismvault::ids::Kid;
use ismvault::inspect::Inspector;
use ismvault::lint::Severity;
use ismvault::model::Movie;
use ismvault::protect::{Options, Plan, Profile};
use ismvault::recipe::{self, Planner};
use ismvault::report::{Inspection, kbits, timecode};
use ismvault::{Error, Recipe, Session, Span, Step};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Inspect Smooth Streaming files and protect them with PlayReady.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show tracks, bitrates, KIDs and protection headers.
    Inspect {
        file: PathBuf,
        /// Print everything as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Protect a file with PlayReady (AES-128-CTR).
    Protect(ProtectArgs),
    /// Decrypt a file with its key.
    Decrypt {
        input: PathBuf,
        /// Where to write.
        #[arg(short, long)]
        output: PathBuf,
        /// The content key, in hex or base64; with a KID or a track number in
        /// front if there are several.
        #[arg(long = "key", value_name = "[KID:]KEY", required = true)]
        keys: Vec<String>,
        /// Overwrite the output.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Args)]
struct ProtectArgs {
    input: PathBuf,
    /// Where to write, usually an .mp4.
    #[arg(short, long)]
    output: PathBuf,
    /// The key's identifier; made at random if left out.
    #[arg(long, value_name = "UUID")]
    kid: Option<String>,
    /// The content key; made at random, and shown once, if left out.
    #[arg(long, value_name = "HEX|BASE64", conflicts_with = "seed")]
    key: Option<String>,
    /// Derive the content key from a PlayReady key seed and the KID.
    #[arg(long, value_name = "BASE64", requires = "kid")]
    seed: Option<String>,
    /// Where players ask for licences.
    #[arg(long, value_name = "URL")]
    la_url: Option<String>,
    /// A page for people without a licence.
    #[arg(long, value_name = "URL")]
    lui_url: Option<String>,
    /// XML to put into the header's CUSTOMATTRIBUTES.
    #[arg(long, value_name = "XML")]
    custom_attributes: Option<String>,
    /// Version of the PlayReady header: 4.0, 4.1, 4.2 or 4.3.
    #[arg(long, value_name = "V", default_value = "4.0")]
    header_version: String,
    /// Which boxes to write: dual, piff or cenc.
    #[arg(long, value_name = "P", default_value = "dual")]
    profile: String,
    /// Which tracks to protect; all video and audio if left out.
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    tracks: Option<Vec<u32>>,
    /// Overwrite the output.
    #[arg(long)]
    force: bool,
}

/// What stops the command, as a sentence, and its exit status.
#[derive(Debug)]
struct Stop(String, u8);

const FAILURE: u8 = 1;
const USAGE: u8 = 2;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self(error.to_string(), FAILURE)
    }
}

/// A bad file, or a refusal.
fn stop(sentence: impl Into<String>) -> Stop {
    Stop(sentence.into(), FAILURE)
}

/// A value on the command line that cannot be.
fn usage(error: Error) -> Stop {
    Stop(error.to_string(), USAGE)
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Inspect { file, json } => inspect(&file, json),
        Command::Protect(args) => protect(args),
        Command::Decrypt { input, output, keys, force } => decrypt(&input, &output, &keys, force),
    };
    result.unwrap_or_else(|Stop(sentence, status)| {
        eprintln!("ismvault: {}", printable(&sentence));
        ExitCode::from(status)
    })
}

/// A file to read spans of.
struct Input {
    file: File,
    size: u64,
    path: PathBuf,
}

impl Input {
    fn open(path: &Path) -> Result<Self, Stop> {
        let failed = |e: io::Error| stop(format!("{} cannot be opened: {e}.", path.display()));
        let meta = path.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(stop(format!("{} is a folder. Name a file in it.", path.display())));
        }
        if !meta.is_file() {
            let sentence = "is not a regular file, which can be read from any place. Save it first";
            return Err(stop(format!("{} {sentence}.", path.display())));
        }
        let file = File::open(path).map_err(failed)?;
        Ok(Self { file, size: meta.len(), path: path.to_owned() })
    }

    fn read(&mut self, span: Span) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::with_capacity(span.len as usize);
        let read = self
            .file
            .seek(SeekFrom::Start(span.at))
            .and_then(|_| (&mut self.file).take(span.len).read_to_end(&mut bytes));
        read.map_err(|e| stop(format!("{} cannot be read: {e}.", self.path.display())))?;
        Ok(bytes)
    }

    fn drive(&mut self, session: &mut impl Session) -> Result<(), Stop> {
        while let Step::Read(spans) = session.step()? {
            for span in spans {
                session.feed(&self.read_whole(span)?)?;
            }
        }
        Ok(())
    }

    fn inspect(&mut self) -> Result<Movie, Stop> {
        let mut inspector = Inspector::new(self.size);
        self.drive(&mut inspector)?;
        Ok(inspector.into_movie())
    }

    /// Realises a recipe into a temporary file beside `output`.
    fn write<R: Recipe>(&mut self, recipe: R, output: &Path) -> Result<Written, Stop> {
        let mut planner = Planner::new(recipe);
        self.drive(&mut planner)?;
        let recipe = planner.finish()?;
        let failed = |e: io::Error| stop(format!("{} cannot be written: {e}.", output.display()));
        // Through a link to what it points at.
        let output = output.canonicalize().unwrap_or_else(|_| output.to_owned());
        let folder = match output.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ismvault-").suffix(".part");
        usual_permissions(&mut builder);
        let mut file = builder.tempfile_in(folder).map_err(failed)?;
        let len = recipe::run(
            &recipe,
            |span| self.read_whole(span),
            |bytes| file.write_all(bytes).map_err(failed),
        )?;
        file.flush().map_err(failed)?;
        Ok(Written { file, output, len })
    }

    fn read_whole(&mut self, span: Span) -> Result<Vec<u8>, Stop> {
        let bytes = self.read(span)?;
        if bytes.len() as u64 == span.len {
            return Ok(bytes);
        }
        Err(stop(format!("{} ended while it was read. Was it changed?", self.path.display())))
    }
}

/// An output that is whole, but has not its name yet.
struct Written {
    file: tempfile::NamedTempFile,
    output: PathBuf,
    len: u64,
}

impl Written {
    /// Gives the output its name, and says so.
    fn keep(self, force: bool) -> Result<(), Stop> {
        let Self { file, output, len } = self;
        let kept = if force { file.persist(&output) } else { file.persist_noclobber(&output) };
        kept.map_err(|e| stop(format!("{} cannot be written: {}.", output.display(), e.error)))?;
        eprintln!("Wrote {} ({len} bytes).", output.display());
        Ok(())
    }
}

/// A temporary file is private; this one becomes a file like any other, under
/// the user's umask.
fn usual_permissions(builder: &mut tempfile::Builder<'_, '_>) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = builder;
}

/// Refuses an output that is there, or is the input.
fn check_output(input: &Path, output: &Path, force: bool) -> Result<(), Stop> {
    let same = match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output,
        _ => false,
    };
    if same {
        return Err(stop("The output is the input itself. Choose another name."));
    }
    if output.exists() && !output.is_file() {
        return Err(stop(format!("{} is not a file. Name one to write.", output.display())));
    }
    if output.exists() && !force {
        return Err(stop(format!("{} exists. Add --force to overwrite it.", output.display())));
    }
    Ok(())
}

fn random<const N: usize>() -> Result<[u8; N], Stop> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| stop(format!("The system gives no random numbers: {e}.")))?;
    Ok(bytes)
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Stop> {
    serde_json::to_string_pretty(value).map_err(|e| stop(format!("JSON cannot be made: {e}.")))
}

/// Prints to a pipe that may close early, such as `head`.
fn print(text: &str) -> Result<(), Stop> {
    match writeln!(io::stdout().lock(), "{}", text.trim_end()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(stop(format!("The result cannot be printed: {e}.")))
        }
        _ => Ok(()),
    }
}

fn inspect(file: &Path, json: bool) -> Result<ExitCode, Stop> {
    let movie = Input::open(file)?.inspect()?;
    let inspection = Inspection::new(&movie);
    if json {
        print(&to_json(&inspection)?)?;
    } else {
        print(&describe(&inspection))?;
    }
    let Some(damage) = &movie.damage else { return Ok(ExitCode::SUCCESS) };
    let mut place = damage.at.map(|at| format!(" (at byte {at}")).unwrap_or_default();
    if !place.is_empty() {
        place += &damage.path.as_ref().map(|path| format!(", in {path}")).unwrap_or_default();
        place += ")";
    }
    eprintln!("ismvault: {}: {}{place}", file.display(), damage.message);
    Ok(ExitCode::FAILURE)
}

fn describe(inspection: &Inspection) -> String {
    let mut out = format!("{}\n\n", inspection.verdict);
    // Writing to a String does not fail.
    let _ = describe_into(&mut out, inspection);
    out
}

fn describe_into(out: &mut String, inspection: &Inspection) -> std::fmt::Result {
    let brands: Vec<String> = inspection.brands.iter().map(ToString::to_string).collect();
    writeln!(out, "Brands     {}", brands.join(" "))?;
    let (size, fragments) = (inspection.size, inspection.fragments as u64);
    writeln!(out, "Size       {}, {}", plural(size, "byte"), plural(fragments, "fragment"))?;
    for track in &inspection.tracks {
        writeln!(
            out,
            "\nTrack {}    {}, {}, {}",
            track.id,
            track.kind.word(),
            track.codec.as_deref().unwrap_or("unknown codec"),
            track.language
        )?;
        let mut facts = Vec::new();
        if let (Some(w), Some(h)) = (track.width, track.height) {
            facts.push(format!("{w} × {h}"));
        }
        facts.extend(track.frame_rate.map(|rate| format!("{rate:.3} fps")));
        facts.extend(track.channels.map(|n| plural(n.into(), "channel")));
        facts.extend(track.sample_rate.map(|rate| format!("{rate} Hz")));
        facts.extend(track.duration_seconds.map(timecode));
        writeln!(out, "           {}", facts.join(", "))?;
        writeln!(
            out,
            "           {} in {}, {}",
            plural(track.samples, "sample"),
            plural(track.fragments.into(), "fragment"),
            plural(track.bytes, "byte")
        )?;
        let rate = |rate: Option<u64>| rate.map_or("unknown".into(), kbits);
        writeln!(
            out,
            "           bitrate: declared {}, measured {}, peak fragment {}",
            rate(track.bitrate.declared.map(u64::from)),
            rate(track.bitrate.measured),
            rate(track.bitrate.peak)
        )?;
        for p in &track.schemes {
            let scheme = p.scheme.map_or("unknown".into(), |s| s.to_string());
            writeln!(
                out,
                "           protected: scheme {scheme} {}, {} ({}), IV {} bytes",
                p.scheme_version, p.algorithm, p.algorithm_id, p.iv_size
            )?;
            if let (Some(kid), Some(guid)) = (p.kid, p.kid_guid) {
                writeln!(out, "           KID {kid} (in GUID byte order {guid})")?;
            }
        }
    }
    for system in &inspection.systems {
        writeln!(
            out,
            "\nHeader     {} ({}), {} version {}, {} bytes",
            system.name, system.system_id, system.envelope, system.version, system.data_size
        )?;
        for kid in &system.kids {
            writeln!(out, "           KID {kid} (in GUID byte order {})", kid.swapped())?;
        }
        let Some(header) = system.header.as_ref().map(|h| &h.header) else { continue };
        writeln!(out, "           WRMHEADER {}", printable(&header.version))?;
        for (name, value) in
            [("LA_URL", &header.la_url), ("LUI_URL", &header.lui_url), ("DS_ID", &header.ds_id)]
        {
            if let Some(value) = value {
                writeln!(out, "           {name} {}", printable(value))?;
            }
        }
        for checksum in header.keys.iter().filter_map(|key| key.checksum.as_ref()) {
            writeln!(out, "           CHECKSUM {}", printable(checksum))?;
        }
        writeln!(out, "           {}", printable(&header.xml))?;
    }
    if !inspection.findings.is_empty() {
        writeln!(out, "\nFindings")?;
    }
    for finding in &inspection.findings {
        let severity = match finding.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "note",
        };
        let track = finding.track.map(|id| format!("track {id}: ")).unwrap_or_default();
        let at = match (finding.at, finding.times) {
            (None, _) => String::new(),
            (Some(at), 1) => format!(" (at byte {at})"),
            (Some(at), n) => format!(" ({n} times, first at byte {at})"),
        };
        writeln!(out, "  {severity:8} {track}{}{at}", printable(&finding.message))?;
    }
    Ok(())
}

fn plural(n: u64, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// Text from a file, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn protect(args: ProtectArgs) -> Result<ExitCode, Stop> {
    check_output(&args.input, &args.output, args.force)?;
    let kid = match &args.kid {
        Some(text) => Kid::parse(text).map_err(usage)?,
        None => random_kid()?,
    };
    let made = args.key.is_none() && args.seed.is_none();
    let key = match (&args.key, &args.seed) {
        (Some(key), _) => ContentKey::parse(key).map_err(usage)?,
        (None, Some(seed)) => ContentKey::from_seed(seed, kid).map_err(usage)?,
        (None, None) => ContentKey::from_bytes(random()?),
    };
    let options = Options {
        kid,
        key,
        iv: IvCounter::from_random(random()?),
        profile: Profile::parse(&args.profile).map_err(usage)?,
        header_version: HeaderVersion::parse(&args.header_version).map_err(usage)?,
        la_url: args.la_url,
        lui_url: args.lui_url,
        custom_attributes: args.custom_attributes,
        tracks: args.tracks,
    };
    let mut input = Input::open(&args.input)?;
    let movie = input.inspect()?;
    let plan = Plan::new(&movie, &options)?;
    let sentences = plan.preview().sentences.clone();
    let written = input.write(plan, &args.output)?;
    for sentence in sentences {
        eprintln!("{}", printable(&sentence));
    }
    // A key that nobody saw would make the output worthless: it comes first.
    let mut shown = format!("KID  {kid}\n");
    if made {
        let _ = writeln!(shown, "Key  {}", *options.key.reveal());
    }
    let mut out = io::stdout().lock();
    let printed = out.write_all(shown.as_bytes()).and_then(|()| out.flush());
    if let (Err(e), true) = (printed, made) {
        return Err(stop(format!("The key cannot be printed: {e}. Nothing was written.")));
    }
    written.keep(args.force)?;
    if made {
        eprintln!("The key is shown only now. Give it, with the KID, to your licence server.");
    }
    Ok(ExitCode::SUCCESS)
}

/// A random UUID, marked as one (version 4).
fn random_kid() -> Result<Kid, Stop> {
    let mut bytes = random::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(ismvault::ids::Uuid(bytes))
}

fn decrypt(input: &Path, output: &Path, keys: &[String], force: bool) -> Result<ExitCode, Stop> {
    check_output(input, output, force)?;
    let keys =
        keys.iter().map(|key| parse_key(key)).collect::<Result<Vec<_>, _>>().map_err(usage)?;
    let mut file = Input::open(input)?;
    let movie = file.inspect()?;
    let decryption = Decryption::new(&movie, &keys)?;
    for warning in decryption.warnings() {
        eprintln!("ismvault: warning: {}", printable(warning));
    }
    file.write(decryption, output)?.keep(force)?;
    Ok(ExitCode::SUCCESS)
}
