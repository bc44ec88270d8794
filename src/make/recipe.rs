//! Outputs as recipes: lists of pieces that any host can write in order.

use crate::error::{Code, Error, Result};
use crate::{Session, Span, Step};

/// A part of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes made when the recipe was.
    Bytes(Vec<u8>),
    /// Bytes of the input as they are.
    Copy(Span),
    /// What [`Recipe::work`] makes of these bytes of the input: one fragment.
    Work {
        /// Which, from 0 without gaps.
        unit: usize,
        /// Its `moof` and `mdat`.
        span: Span,
    },
}

impl Piece {
    /// Bytes of it in the output; of work, in the input.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Copy(span) | Self::Work { span, .. } => span.len,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How an output is made from an input. Several inputs are one: they lie one
/// behind the other, and a span counts from the start of the first.
///
/// ```
/// use ismvault::jobs::Protect;
/// use ismvault::make::proof::Proven;
/// use ismvault::make::protect::Plan;
/// use ismvault::make::recipe::run;
/// # use ismvault::{Error, Session as _, Step, look::inspect::Inspector};
/// # let file: &[u8] = include_bytes!("../../tests/fixtures/h264_aac.ismv");
/// # let mut inspector = Inspector::new(file.len() as u64);
/// # while let Step::Read(spans) = inspector.step()? {
/// #     let bytes = spans.iter().flat_map(|span| &file[span.at as usize..span.end() as usize]);
/// #     inspector.feed(&bytes.copied().collect::<Vec<u8>>())?;
/// # }
/// # let movie = inspector.into_movie();
/// # let mut random = |bytes: &mut [u8]| Ok(bytes.fill(7));
/// // `movie` is what an inspector made; `random` fills bytes from the system.
/// let options = Protect::default().options(&mut random)?;
/// let recipe = Proven::new(Plan::new(&movie, &options)?);
/// let mut out = Vec::new();
/// run(
///     &recipe,
///     |span| Ok::<_, Error>(file[span.at as usize..span.end() as usize].to_vec()),
///     |bytes| Ok(out.extend_from_slice(bytes)),
/// )?;
/// let receipt = recipe.receipt("film.ismv", [file.len() as u64, out.len() as u64])?;
/// assert!(receipt.ivs_unique && receipt.samples_encrypted > 0);
/// # Ok::<(), ismvault::Error>(())
/// ```
pub trait Recipe: Sync {
    /// The parts, in the order they are written.
    fn pieces(&self) -> &[Piece];

    /// Makes a unit of the output from its bytes of the input. Pure: units may
    /// be done by any worker in any order, and the bytes are the same.
    ///
    /// # Errors
    /// Where the bytes are not what the recipe was made for.
    fn work(&self, unit: usize, bytes: &[u8]) -> Result<Vec<u8>>;

    /// What comes after the last piece, once the length that `work` gave for
    /// every unit is known: the index.
    ///
    /// # Errors
    /// Where the lengths are not those of all units.
    fn finish(&self, _lengths: &[u64]) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// The units whose lengths must be known before the first byte is written,
    /// because an index in front of them (`sidx`) has their sizes: all or none.
    fn unmeasured(&self) -> Vec<Span> {
        Vec::new()
    }

    /// The length of what [`Recipe::work`] will make of a unit.
    ///
    /// # Errors
    /// Where the bytes are not what the recipe was made for.
    fn measure(&self, unit: usize, bytes: &[u8]) -> Result<u64> {
        Ok(self.work(unit, bytes)?.len() as u64)
    }

    /// Takes the lengths of all units, where some were [`Recipe::unmeasured`].
    ///
    /// # Errors
    /// Where the lengths are not those of all units.
    fn settle(&mut self, _lengths: &[u64]) -> Result<()> {
        Ok(())
    }
}

/// A [`Recipe`] of bytes made already and spans of the input alone. A host can
/// offer such an output at once, and open it like a file, without a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stitched {
    pieces: Vec<Piece>,
    /// Samples that were compared with those of the input.
    pub(crate) compared: u64,
}

impl Stitched {
    pub(crate) fn bytes(&mut self, bytes: Vec<u8>) {
        match self.pieces.last_mut() {
            Some(Piece::Bytes(last)) => last.extend(bytes),
            _ if bytes.is_empty() => {}
            _ => self.pieces.push(Piece::Bytes(bytes)),
        }
    }

    pub(crate) fn copy(&mut self, span: Span) {
        match self.pieces.last_mut() {
            Some(Piece::Copy(last)) if last.end() == span.at => last.len += span.len,
            _ if span.len == 0 => {}
            _ => self.pieces.push(Piece::Copy(span)),
        }
    }

    /// How many samples it has, each proved to be the one it is a copy of.
    pub fn samples_compared(&self) -> u64 {
        self.compared
    }

    /// Bytes of the output.
    pub fn size(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }
}

impl Recipe for Stitched {
    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn work(&self, unit: usize, _bytes: &[u8]) -> Result<Vec<u8>> {
        Err(Error::misuse(Code::NoSuchUnit, format!("There is no unit {unit}.")))
    }
}

/// Reads spans one after the other, some in one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gather {
    spans: Vec<Span>,
    next: usize,
    /// Bytes of the next span that are there already.
    buffer: Vec<u8>,
}

/// Spans asked for in one step, and bytes of them at most.
const BATCH: usize = 256;
const BATCH_BYTES: u64 = 8 << 20;

impl Gather {
    pub(crate) fn new(spans: Vec<Span>) -> Self {
        Self { spans, ..Self::default() }
    }

    /// Spans read, of how many.
    pub(crate) fn progress(&self) -> (usize, usize) {
        (self.next, self.spans.len())
    }

    pub(crate) fn step(&self) -> Step {
        let have = self.buffer.len() as u64;
        let mut total = 0;
        let mut spans = Vec::new();
        for (i, span) in self.spans[self.next..].iter().take(BATCH).enumerate() {
            total += span.len;
            if i > 0 && total > BATCH_BYTES {
                break;
            }
            let have = if i == 0 { have } else { 0 };
            spans.push(Span { at: span.at + have, len: span.len - have });
        }
        if spans.is_empty() { Step::Done } else { Step::Read(spans) }
    }

    /// Takes bytes, and gives every span that is whole to `take`, with its
    /// number and place.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(usize, u64, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        if let (true, Some(span)) = (bytes.is_empty(), self.spans.get(self.next)) {
            return Err(Error::file_shrank(span.at + self.buffer.len() as u64));
        }
        while let Some(span) = self.spans.get(self.next) {
            let missing = (span.len as usize).saturating_sub(self.buffer.len());
            let (part, rest) = bytes.split_at(missing.min(bytes.len()));
            self.buffer.extend_from_slice(part);
            bytes = rest;
            if (self.buffer.len() as u64) < span.len {
                break;
            }
            take(self.next, span.at, std::mem::take(&mut self.buffer))?;
            self.next += 1;
        }
        Ok(())
    }
}

/// A [`Session`] that makes a recipe ready to be written. It reads the file
/// only where units must be measured first.
#[derive(Debug)]
pub struct Planner<R> {
    recipe: R,
    units: Vec<Span>,
    lengths: Vec<u64>,
    /// Bytes of the unit being read.
    buffer: Vec<u8>,
}

impl<R: Recipe> Planner<R> {
    /// For this recipe.
    pub fn new(recipe: R) -> Self {
        let units = recipe.unmeasured();
        Self { recipe, units, lengths: Vec::new(), buffer: Vec::new() }
    }

    /// The recipe as it stands.
    pub fn recipe(&self) -> &R {
        &self.recipe
    }

    /// Units measured, of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.lengths.len(), self.units.len())
    }

    /// The recipe, ready; an error before [`Step::Done`] was given.
    ///
    /// # Errors
    /// Where the session is not at its end.
    pub fn finish(mut self) -> Result<R> {
        if self.lengths.len() < self.units.len() {
            return Err(Error::misuse(Code::NotPlanned, "The plan is not finished."));
        }
        if !self.units.is_empty() {
            self.recipe.settle(&self.lengths)?;
        }
        Ok(self.recipe)
    }
}

impl<R: Recipe> Session for Planner<R> {
    fn step(&mut self) -> Result<Step> {
        Ok(match self.units.get(self.lengths.len()) {
            None => Step::Done,
            Some(span) => {
                let have = self.buffer.len() as u64;
                Step::Read(vec![Span { at: span.at + have, len: span.len - have }])
            }
        })
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let unit = self.lengths.len();
        let Some(span) = self.units.get(unit).copied() else { return Ok(()) };
        if bytes.is_empty() {
            return Err(Error::file_shrank(span.at + self.buffer.len() as u64));
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() as u64 >= span.len {
            self.lengths.push(self.recipe.measure(unit, &self.buffer)?);
            self.buffer.clear();
        }
        Ok(())
    }
}

/// Bytes of a [`Piece::Copy`] moved at a time.
const COPY_CHUNK: u64 = 4 << 20;

/// Writes a recipe, one piece after the other, and gives the length of the
/// output. The host reads and writes; its errors come back as they are.
///
/// # Errors
/// The first error of the recipe or of the host.
pub fn run<E: From<Error>>(
    recipe: &impl Recipe,
    mut read: impl FnMut(Span) -> std::result::Result<Vec<u8>, E>,
    mut write: impl FnMut(&[u8]) -> std::result::Result<(), E>,
) -> std::result::Result<u64, E> {
    let mut total = 0;
    let mut lengths = Vec::new();
    let mut put = |bytes: &[u8]| {
        total += bytes.len() as u64;
        write(bytes)
    };
    for piece in recipe.pieces() {
        match piece {
            Piece::Bytes(bytes) => put(bytes)?,
            Piece::Copy(span) => {
                let mut at = span.at;
                while at < span.end() {
                    let len = COPY_CHUNK.min(span.end() - at);
                    put(&read(Span { at, len })?)?;
                    at += len;
                }
            }
            Piece::Work { unit, span } => {
                let bytes = recipe.work(*unit, &read(*span)?)?;
                lengths.push(bytes.len() as u64);
                put(&bytes)?;
            }
        }
    }
    put(&recipe.finish(&lengths)?)?;
    Ok(total)
}
