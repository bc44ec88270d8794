//! Files, standard output, randomness: what the core does not have.

use ismvault::inspect::Inspector;
use ismvault::model::Movie;
use ismvault::recipe::{self, Planner};
use ismvault::{Error, Recipe, Session, Span, Step};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

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

/// A file to read spans of.
pub(crate) struct Input {
    file: File,
    pub(crate) size: u64,
    path: PathBuf,
}

impl Input {
    pub(crate) fn open(path: &Path) -> Result<Self, Stop> {
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

    pub(crate) fn read(&mut self, span: Span) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::with_capacity(span.len as usize);
        let read = self
            .file
            .seek(SeekFrom::Start(span.at))
            .and_then(|_| (&mut self.file).take(span.len).read_to_end(&mut bytes));
        read.map_err(|e| stop(format!("{} cannot be read: {e}.", self.path.display())))?;
        Ok(bytes)
    }

    /// All of a file that is text, or a header.
    pub(crate) fn read_text(&mut self) -> Result<Vec<u8>, Stop> {
        let most = ismvault::bytes::limits::TEXT as u64;
        if self.size > most {
            let sentence =
                format!("{} is too large for a manifest or a header", self.path.display());
            return Err(stop(format!("{sentence}: {} bytes, at most {most} are read.", self.size)));
        }
        self.read_whole(Span { at: 0, len: self.size })
    }

    pub(crate) fn drive(&mut self, session: &mut impl Session) -> Result<(), Stop> {
        while let Step::Read(spans) = session.step()? {
            for span in spans {
                session.feed(&self.read_whole(span)?)?;
            }
        }
        Ok(())
    }

    pub(crate) fn inspect(&mut self) -> Result<Movie, Stop> {
        let mut inspector = Inspector::new(self.size);
        self.drive(&mut inspector)?;
        Ok(inspector.into_movie())
    }

    /// Realises a recipe into a temporary file beside `output`.
    pub(crate) fn write<R: Recipe>(&mut self, recipe: R, output: &Path) -> Result<Written, Stop> {
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

    pub(crate) fn read_whole(&mut self, span: Span) -> Result<Vec<u8>, Stop> {
        let bytes = self.read(span)?;
        if bytes.len() as u64 == span.len {
            return Ok(bytes);
        }
        Err(stop(format!("{} ended while it was read. Was it changed?", self.path.display())))
    }
}

/// An output that is whole, but has not its name yet.
pub(crate) struct Written {
    file: tempfile::NamedTempFile,
    output: PathBuf,
    len: u64,
}

impl Written {
    /// Gives the output its name, and says so.
    pub(crate) fn keep(self, force: bool) -> Result<(), Stop> {
        let Self { file, output, len } = self;
        let kept = if force { file.persist(&output) } else { file.persist_noclobber(&output) };
        kept.map_err(|e| stop(format!("{} cannot be written: {}.", output.display(), e.error)))?;
        eprintln!("Wrote {} ({len} bytes).", output.display());
        Ok(())
    }
}

/// A temporary file is private; this one becomes a file like any other, under
/// the user's umask.
pub(crate) fn usual_permissions(builder: &mut tempfile::Builder<'_, '_>) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = builder;
}

/// Refuses an output that is there, or is the input.
pub(crate) fn check_output(input: &Path, output: &Path, force: bool) -> Result<(), Stop> {
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

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Stop> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| stop(format!("The system gives no random numbers: {e}.")))?;
    Ok(bytes)
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

/// Text from a file, without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
