//! Files, standard output, randomness: what the core does not have.

use crate::identity::same_file;
use crate::parts::{PartFile, Readers};
use crate::pipes;
use crate::progress::Progress;
use crate::writing::write_out;
use ismvault::error::Code;
use ismvault::look::inspect::Inspector;
use ismvault::make::recipe::Planner;
use ismvault::model::Movie;
use ismvault::{Error, Piece, Recipe, Session, Span, Step, Stitched};
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What stops the command, as a sentence, and its exit status.
#[derive(Debug)]
pub(crate) struct Stop(pub(crate) String, pub(crate) u8);

pub(crate) const FAILURE: u8 = 1;
pub(crate) const USAGE: u8 = 2;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self(error.to_string(), FAILURE)
    }
}

/// A bad file, or a refusal.
pub(crate) fn stop(sentence: impl Into<String>) -> Stop {
    Stop(sentence.into(), FAILURE)
}

/// A value on the command line that cannot be.
pub(crate) fn usage(error: Error) -> Stop {
    Stop(error.to_string(), USAGE)
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.file.get_mut().is_ok_and(|file| file.is_some()) {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Something to read spans of: a file, several one behind the other, or what a
/// stitched recipe makes of them.
#[derive(Clone)]
pub(crate) struct Input {
    parts: Vec<(u64, Part)>,
    pub(crate) size: u64,
    /// Its name without folders.
    pub(crate) name: String,
}

/// A stretch of an [`Input`].
#[derive(Clone)]
enum Part {
    File { file: Arc<Source>, span: Span },
    Bytes(Arc<Vec<u8>>),
}

/// A file, opened when it is read.
struct Source {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

/// Files that stay open; a set of fragments can have more than a process may.
const KEPT_OPEN: usize = 64;
static OPEN: AtomicUsize = AtomicUsize::new(0);

impl Source {
    /// Adds the bytes of a span, as far as there are any.
    fn read(&self, span: Span, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut kept = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = match kept.take() {
            Some(file) => file,
            None => {
                let file = File::open(&self.path)?;
                OPEN.fetch_add(1, Ordering::Relaxed);
                file
            }
        };
        file.seek(SeekFrom::Start(span.at))?;
        (&mut file).take(span.len).read_to_end(bytes)?;
        if OPEN.load(Ordering::Relaxed) <= KEPT_OPEN {
            *kept = Some(file);
        } else {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::File { span, .. } => span.len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// A stretch of it.
    fn cut(&self, from: u64, len: u64) -> Self {
        match self {
            Self::File { file, span } => {
                Self::File { file: file.clone(), span: Span { at: span.at + from, len } }
            }
            Self::Bytes(bytes) => {
                Self::Bytes(Arc::new(bytes[from as usize..(from + len) as usize].to_vec()))
            }
        }
    }
}

impl Input {
    pub(crate) fn open(path: &Path) -> Result<Self, Stop> {
        if pipes::is_pipe(path) {
            let mut input = Self::open(&pipes::input()?)?;
            "standard input".clone_into(&mut input.name);
            return Ok(input);
        }
        let failed = |e: io::Error| stop(format!("{} cannot be opened: {e}.", path.display()));
        let meta = path.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(stop(format!("{} is a folder. Name a file in it.", path.display())));
        }
        if !meta.is_file() {
            let sentence = "is not a regular file, which can be read from any place. Save it first";
            return Err(stop(format!("{} {sentence}.", path.display())));
        }
        // Whether it can be opened is better known now.
        drop(File::open(path).map_err(failed)?);
        let size = meta.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let source = Source { path: path.to_owned(), file: Mutex::default() };
        let part = Part::File { file: Arc::new(source), span: Span { at: 0, len: size } };
        Ok(Self { parts: vec![(0, part)], size, name })
    }

    /// Inputs one behind the other, as recipes of several inputs count.
    pub(crate) fn joined(inputs: Vec<Self>) -> Self {
        let mut all = Self { parts: Vec::new(), size: 0, name: String::new() };
        for input in inputs {
            if all.name.is_empty() {
                all.name.clone_from(&input.name);
            }
            input.parts.into_iter().for_each(|(_, part)| all.push(part));
        }
        all
    }

    /// What a recipe of copies makes of it.
    pub(crate) fn stitched(&self, recipe: &Stitched) -> Self {
        let mut out = Self { parts: Vec::new(), size: 0, name: self.name.clone() };
        for piece in recipe.pieces() {
            match piece {
                Piece::Bytes(bytes) => out.push(Part::Bytes(Arc::new(bytes.clone()))),
                Piece::Copy(span) => self.overlapping(*span).for_each(|part| out.push(part)),
                Piece::Work { .. } => {}
            }
        }
        out
    }

    fn push(&mut self, part: Part) {
        let at = self.size;
        self.size += part.len();
        self.parts.push((at, part));
    }

    /// The parts of a span.
    fn overlapping(&self, span: Span) -> impl Iterator<Item = Part> {
        let first = self.parts.partition_point(|(at, part)| at + part.len() <= span.at);
        let parts = self.parts[first..].iter().take_while(move |(at, _)| *at < span.end());
        parts.map(move |(at, part)| {
            let from = span.at.max(*at);
            part.cut(from - at, span.end().min(at + part.len()) - from)
        })
    }

    /// The bytes of a span, as far as there are any.
    pub(crate) fn read(&self, span: Span) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::with_capacity(span.len.min(self.size) as usize);
        for part in self.overlapping(span) {
            match part {
                Part::Bytes(own) => bytes.extend_from_slice(&own),
                Part::File { file, span } => {
                    let before = bytes.len() as u64;
                    let path = file.path.display();
                    file.read(span, &mut bytes)
                        .map_err(|e| stop(format!("{path} cannot be read: {e}.")))?;
                    if bytes.len() as u64 - before < span.len {
                        break; // it ended early
                    }
                }
            }
        }
        Ok(bytes)
    }

    /// All of a file that is text, or a header.
    pub(crate) fn read_text(&self) -> Result<Vec<u8>, Stop> {
        let most = ismvault::format::bytes::limits::TEXT as u64;
        if self.size > most {
            let sentence = format!("{} is too large for a manifest or a header", self.name);
            return Err(stop(format!("{sentence}: {} bytes, at most {most} are read.", self.size)));
        }
        self.read_whole(Span { at: 0, len: self.size })
    }

    pub(crate) fn drive(&self, session: &mut impl Session) -> Result<(), Stop> {
        while let Step::Read(spans) = session.step()? {
            for span in spans {
                session.feed(&self.read_whole(span)?)?;
            }
        }
        Ok(())
    }

    pub(crate) fn inspect(&self) -> Result<Movie, Stop> {
        let mut inspector = Inspector::new(self.size);
        let progress = Progress::new("Reading", self.size);
        while let Step::Read(spans) = inspector.step()? {
            for span in spans {
                inspector.feed(&self.read_whole(span)?)?;
            }
            progress.at(inspector.position());
        }
        Ok(inspector.into_movie())
    }

    /// Reads what a recipe must know first.
    pub(crate) fn ready<R: Recipe>(&self, recipe: R) -> Result<R, Stop> {
        let mut planner = Planner::new(recipe);
        self.drive(&mut planner)?;
        Ok(planner.finish()?)
    }

    /// Writes a recipe into a temporary file beside `output`. `wrote` hears of
    /// all that is written, in order.
    pub(crate) fn write<R: Recipe>(
        &self,
        recipe: &R,
        output: &Path,
        mut wrote: impl FnMut(&[u8]),
    ) -> Result<Written, Stop> {
        let failed = |e: io::Error| unwritten(output, &e);
        // Through a link to what it points at.
        let piped = pipes::is_pipe(output);
        let output = output.canonicalize().unwrap_or_else(|_| output.to_owned());
        let mut file = match piped {
            true => PartFile::apart().map_err(|e| pipes::no_room(&e))?,
            false => PartFile::new(&output, Readers::Usual).map_err(failed)?,
        };
        let progress = Progress::new("Writing", self.size);
        let len = write_out(recipe, self, |bytes| {
            wrote(bytes);
            progress.add(bytes.len() as u64);
            file.write_all(bytes).map_err(failed)
        })?;
        file.flush().map_err(failed)?;
        Ok(Written { file, output, len, piped })
    }

    pub(crate) fn read_whole(&self, span: Span) -> Result<Vec<u8>, Stop> {
        let bytes = self.read(span)?;
        if bytes.len() as u64 == span.len {
            return Ok(bytes);
        }
        Err(stop(format!("{} ended while it was read. Was it changed?", self.name)))
    }
}

/// An output that is whole, but has not its name yet.
pub(crate) struct Written {
    file: PartFile,
    output: PathBuf,
    pub(crate) len: u64,
    /// Whether it goes to standard output.
    piped: bool,
}

impl Written {
    /// Gives the output its name, and says so.
    pub(crate) fn keep(self, force: bool) -> Result<PathBuf, Stop> {
        let (len, piped) = (self.len, self.piped);
        let output = self.keep_silently(force)?;
        if piped {
            eprintln!("Wrote {len} bytes to standard output.");
            return Ok(output);
        }
        eprintln!("Wrote {} ({len} bytes).", printable(&output.display().to_string()));
        Ok(output)
    }

    /// Gives the output its name.
    pub(crate) fn keep_silently(self, force: bool) -> Result<PathBuf, Stop> {
        let Self { mut file, output, piped, .. } = self;
        if piped {
            pipes::send(file.as_file_mut())?;
            return Ok(PathBuf::from("-"));
        }
        let failed = |e: io::Error| unwritten(&output, &e);
        file.keep(&output, force).map_err(failed)?;
        Ok(output)
    }
}

/// A small file that is whole, but has not its name yet.
pub(crate) struct Small(PartFile, PathBuf);

impl Small {
    /// Beside the place it will have.
    pub(crate) fn new(path: &Path, text: &[u8]) -> Result<Self, Stop> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let failed = |e: io::Error| unwritten(&path, &e);
        let mut file = PartFile::new(&path, Readers::Usual).map_err(failed)?;
        file.write_all(text).map_err(failed)?;
        Ok(Self(file, path))
    }

    /// Gives it its name.
    pub(crate) fn keep(self, force: bool) -> Result<(), Stop> {
        let Self(file, path) = self;
        let failed = |e: io::Error| unwritten(&path, &e);
        file.keep(&path, force).map_err(failed)
    }
}

/// Why something could not be written, and what to do. Only the kind of error is
/// told: what stands beside it may be the name of a part file.
pub(crate) fn unwritten(path: &Path, error: &io::Error) -> Stop {
    let name = printable(&path.display().to_string());
    stop(match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{name} was written by something else meanwhile. Add --force to overwrite it.")
        }
        io::ErrorKind::NotFound => {
            format!("{name} cannot be written: its folder is not there. Make it first.")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{name} cannot be written: the disk is full. What was there is as it was.")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("{name} cannot be written: the disk is read-only. Choose another folder.")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{name} cannot be written: you may not write there. Choose another folder.")
        }
        kind => match error.raw_os_error() {
            Some(_) => format!("{name} cannot be written: {error}."),
            None => format!("{name} cannot be written: {kind}."),
        },
    })
}

/// Writes a small file that is whole at once, such as a manifest.
pub(crate) fn write_small(path: &Path, text: &[u8], force: bool) -> Result<(), Stop> {
    if path.exists() && !force {
        return Err(stop(format!("{} exists. Add --force to overwrite it.", path.display())));
    }
    Small::new(path, text)?.keep(force)
}

/// Refuses an output that is there, or is the input.
pub(crate) fn check_output(input: &Path, output: &Path, force: bool) -> Result<(), Stop> {
    if same_file(input, output) && !pipes::is_pipe(output) {
        return Err(stop("The output is the input itself. Choose another name."));
    }
    check_place(output, force)
}

/// Refuses an output that is there, or a terminal.
pub(crate) fn check_place(output: &Path, force: bool) -> Result<(), Stop> {
    if pipes::is_pipe(output) {
        return match io::stdout().is_terminal() {
            true => Err(Stop(
                "Standard output is a terminal. Redirect it, or name a file.".into(),
                USAGE,
            )),
            false => Ok(()),
        };
    }
    if output.exists() && !output.is_file() {
        return Err(stop(format!("{} is not a file. Name one to write.", output.display())));
    }
    if output.exists() && !force {
        return Err(stop(format!("{} exists. Add --force to overwrite it.", output.display())));
    }
    Ok(())
}

/// Random bytes of the system.
pub(crate) fn fill(bytes: &mut [u8]) -> ismvault::Result<()> {
    getrandom::fill(bytes).map_err(|e| {
        let sentence = format!("The system gives no random numbers: {e}.");
        Error::unsupported(Code::NoRandomness, sentence)
    })
}

pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<String, Stop> {
    serde_json::to_string_pretty(value).map_err(|e| stop(format!("JSON cannot be made: {e}.")))
}

/// Prints to a pipe that may close early, such as `head`.
pub(crate) fn print(text: &str) -> Result<(), Stop> {
    match writeln!(io::stdout().lock(), "{}", text.trim_end()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(stop(format!("The result cannot be printed: {e}.")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn plural(n: u64, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// A path as text, for JSON and terminals.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Text from a file, without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
