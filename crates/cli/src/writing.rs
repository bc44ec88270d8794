//! Realising a recipe on all cores: units are read and done in threads, and
//! written in order.

use crate::host::{Input, Stop, stop};
use ismvault::{Piece, Recipe, Span};
use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Bytes of input that are read or worked on at a time; one part at least.
const IN_FLIGHT: u64 = 12 << 20;
/// Bytes of a copied span moved at a time.
const COPY: u64 = 4 << 20;
/// More would only wait for the one that writes.
const THREADS: usize = 8;

/// A part of the output.
#[derive(Clone, Copy)]
enum Part<'r> {
    Bytes(&'r [u8]),
    Copy(Span),
    Work(usize, Span),
}

impl Part<'_> {
    /// Bytes that are read for it.
    fn cost(self) -> u64 {
        match self {
            Self::Bytes(_) => 0,
            Self::Copy(span) | Self::Work(_, span) => span.len,
        }
    }
}

/// The parts of a piece; what is copied, a few at a time.
fn parts(piece: &Piece) -> Vec<Part<'_>> {
    match piece {
        Piece::Bytes(bytes) => vec![Part::Bytes(bytes)],
        Piece::Work { unit, span } => vec![Part::Work(*unit, *span)],
        Piece::Copy(span) => {
            let starts = (span.at..span.end()).step_by(COPY as usize);
            starts.map(|at| Part::Copy(Span { at, len: COPY.min(span.end() - at) })).collect()
        }
    }
}

type Answer = Result<Vec<u8>, Stop>;

/// A part for a thread, and where it is waited for.
struct ThreadPart<'r> {
    part: Part<'r>,
    answer: SyncSender<Answer>,
}

/// Writes what a recipe makes of an input, and gives its length.
pub(crate) fn write_out<R: Recipe>(
    recipe: &R,
    input: &Input,
    write: impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<u64, Stop> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS);
    let (jobs, queue) = channel();
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(recipe, input, &queue));
        }
        // The threads end when `jobs` is dropped, here or by a failure.
        write_in_order(recipe, jobs, write)
    })
}

fn work<R: Recipe>(recipe: &R, input: &Input, queue: &Mutex<Receiver<ThreadPart<'_>>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(ThreadPart { part, answer }) = job else { return };
        let made = match part {
            Part::Bytes(bytes) => Ok(bytes.to_vec()),
            Part::Copy(span) => input.read_whole(span),
            Part::Work(unit, span) => {
                input.read_whole(span).and_then(|bytes| Ok(recipe.work(unit, &bytes)?))
            }
        };
        // Nobody listens any more where a part before it failed.
        let _ = answer.send(made);
    }
}

fn write_in_order<'r, R: Recipe>(
    recipe: &'r R,
    jobs: Sender<ThreadPart<'r>>,
    mut write: impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<u64, Stop> {
    let mut next = recipe.pieces().iter().flat_map(parts).peekable();
    let mut coming = VecDeque::new();
    let (mut in_flight, mut total, mut lengths) = (0, 0, Vec::new());
    loop {
        let fits = |part: &Part<'_>| in_flight == 0 || in_flight + part.cost() <= IN_FLIGHT;
        if let Some(part) = next.next_if(fits) {
            let (answer, coming_in) = sync_channel(1);
            let lost = |_| stop("The threads that do the work have ended.");
            jobs.send(ThreadPart { part, answer }).map_err(lost)?;
            in_flight += part.cost();
            coming.push_back((part, coming_in));
            continue;
        }
        let Some((part, made)) = coming.pop_front() else { break };
        let made = made.recv().map_err(|_| stop("A thread ended in the middle of its work."))??;
        in_flight -= part.cost();
        if let Part::Work(..) = part {
            lengths.push(made.len() as u64);
        }
        total += made.len() as u64;
        write(&made)?;
    }
    let end = recipe.finish(&lengths)?;
    write(&end)?;
    Ok(total + end.len() as u64)
}
