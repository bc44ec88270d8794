//! Files made into one, by boxes alone: tracks of several files interleaved, a
//! file put in order, its protection in other boxes. Samples are copied as they
//! are, so a host can offer the result at once.

mod fit;
mod moov;

use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Mfhd, Saio, Saiz, Tfhd};
use crate::format::boxes::movie::{Ftyp, Tkhd, Trex};
use crate::format::boxes::piff::Tfrf;
use crate::format::boxes::protection::{PIFF_SENC, SENC};
use crate::format::boxes::tree::Node;
use crate::format::ids::BoxType;
use crate::make::fragment_writer::{FragmentLayout, FragmentPart};
use crate::make::fragmenter::{listed, set_edits};
use crate::make::profile::{PROFILES, Profile};
use crate::make::proof::{Changed, Claims, header_of};
use crate::make::protection_boxes::add_brands;
use crate::make::rebox;
use crate::make::recipe::{Gather, Stitched};
use crate::make::rewrite::{check_header, check_intact};
use crate::make::witness::Header;
use crate::model::decode_times::decode_times;
pub use crate::model::decode_times::{Fold, longest_skip};
use crate::model::{
    AtHand, Edits, Fragment, FragmentRun, Movie, TopBox, Track, TrackFragment, TrackKind,
    is_protection_aux, read_fragment,
};
use crate::{Session, Step};

/// A file that goes into the output.
#[derive(Clone, Copy, Debug)]
pub struct MuxInput<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// What it has.
    pub movie: &'a Movie,
    /// Where its first byte is; several inputs lie one behind the other.
    pub at: u64,
    /// Which tracks; none for all.
    pub tracks: Option<&'a [u32]>,
}

/// What the output is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct MuxOptions {
    /// Whose boxes of protection are written; none to keep those that are there.
    pub profile: Option<&'static Profile>,
    /// Whether an output of one track gets a segment index (`sidx`).
    pub sidx: bool,
    /// Whether a file that ends too early is taken as far as it is whole.
    pub mend: bool,
    /// [`earliest`] of files that are played with this one, the least.
    pub earliest: i64,
    /// What becomes of edit lists.
    pub fold: Fold,
}

/// How long before zero a file begins that has no `tfdt` yet, in ticks of
/// 100 ns; never more than zero. Files that are played together must be moved
/// by the same time.
pub fn earliest(movie: &Movie) -> i64 {
    -decode_times(movie, 0, true).1
}

/// Whether a Smooth Streaming client would present a file otherwise than it
/// means: its edit lists move tracks against each other, or not by `skip`
/// ([`longest_skip`] of all files of a title), or `moov` lists its samples.
pub fn is_to_be_folded(movie: &Movie, skip: i64) -> bool {
    movie.tracks.iter().filter(|track| track.totals.samples > 0).any(|track| {
        let (moved, _) = Fold::All { skip }.of(&track.edits, track.timescale);
        moved != 0 || track.listed > 0
    })
}

/// A [`Session`] that reads the `moof`s of its inputs, and then gives the output.
#[derive(Debug)]
pub struct Mux {
    layout: FragmentLayout,
    files: Vec<File>,
    /// For each span to be read, whose `moof` it is, and when it begins and how
    /// long it lasts where the fragment itself does not tell.
    of: Vec<Told>,
    gather: Gather,
    profile: Option<&'static Profile>,
    fold: Fold,
    sentences: Vec<String>,
    /// What the output must have, by its inputs.
    claims: Claims,
}

/// The number of an input, a time, and a duration.
type Told = (usize, Option<i64>, Option<u64>);

/// What is needed of an input while its fragments are read.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) at: u64,
    pub(crate) end: u64,
    /// Its tracks as they are, and their numbers in the output.
    pub(crate) tracks: Vec<(Track, u32)>,
    pub(crate) trexes: Vec<Trex>,
    /// Its `moov`, as a stranger reads it.
    pub(crate) header: Header,
}

impl Mux {
    /// Decides everything that does not need the fragments.
    ///
    /// # Errors
    /// Inputs that are damaged, progressive or of no use together.
    pub fn new(inputs: &[MuxInput<'_>], options: MuxOptions) -> Result<Self> {
        let mut sentences = Vec::new();
        for input in inputs {
            check_input(input, options.mend, &mut sentences).map_err(|e| named(e, input.name))?;
        }
        for input in inputs {
            sentences.extend(left_out(input));
        }
        let mut files = Vec::new();
        let mut next = 1;
        for input in inputs {
            let mut tracks = Vec::new();
            for track in chosen(input)? {
                tracks.push((track.clone(), next));
                next += 1;
            }
            files.push(File {
                name: input.name.to_owned(),
                at: input.at,
                end: input.at + input.movie.size,
                tracks,
                trexes: input.movie.tracks.iter().filter_map(|track| track.trex).collect(),
                header: input.movie.moov.as_ref().map(header_of).transpose()?.unwrap_or_default(),
            });
        }
        if let ([file], true) = (&mut files[..], inputs.len() == 1) {
            // A file by itself keeps its numbers.
            file.tracks.iter_mut().for_each(|(track, id)| *id = track.id);
        }
        fit::check_fit(inputs, &files)?;
        let all: Vec<&Track> = files.iter().flat_map(|f| &f.tracks).map(|(t, _)| t).collect();
        if all.is_empty() {
            return Err(Error::misuse(Code::NoTracks, "No track was chosen. Name one at least."));
        }
        if let Some(profile) = options.profile {
            rebox::check(&all, profile)?;
        }
        let mut parts = Vec::new();
        let findings = inputs.iter().flat_map(|input| &input.movie.findings);
        let mut claims = Claims::new(findings);
        let fold = match options.fold {
            Fold::All { skip } => {
                let skips = inputs.iter().map(|input| longest_skip(input.movie));
                Fold::All { skip: skips.fold(skip, i64::max) }
            }
            fold => fold,
        };
        // What is left of the edit lists of samples that moov lists.
        let mut edits: Vec<(u32, Edits)> = Vec::new();
        for (input, file) in inputs.iter().zip(&files) {
            edits.extend(listed_parts(
                input,
                file,
                fold,
                &mut parts,
                (&mut claims, &mut sentences),
            )?);
        }
        let all = files.iter().flat_map(|file| &file.tracks);
        let renumbered: Vec<Track> = all
            .map(|(track, id)| {
                let own = edits.iter().find(|(known, _)| known == id).map(|(_, edits)| *edits);
                let edits = own.unwrap_or(fold.of(&track.edits, track.timescale).1);
                Track { id: *id, edits, ..track.clone() }
            })
            .collect();
        let mut moov = moov::joined_moov(inputs, &files)?;
        let folded = fold != Fold::Nothing;
        for trak in moov.children_mut().into_iter().flatten() {
            let id = trak.get::<Tkhd>().map_or(0, |tkhd| tkhd.track_id);
            let own = renumbered.iter().find(|track| track.id == id);
            let listed = edits.iter().any(|(known, _)| *known == id);
            if let Some(own) = own.filter(|_| folded || listed) {
                set_edits(trak, own.edits.skip);
            }
        }
        let mut ftyp =
            inputs.iter().find_map(|input| input.movie.ftyp.clone()).unwrap_or_else(Ftyp::missing);
        add_brands(&mut ftyp, &[*b"iso6"]);
        if let Some(profile) = options.profile {
            rebox::moov(&mut moov, &renumbered.iter().collect::<Vec<_>>(), profile)?;
            add_brands(&mut ftyp, profile.brands);
            if !profile.piff {
                ftyp.compatible.retain(|brand| &brand.0 != b"piff");
            }
        }
        let mut of = Vec::new();
        let mut spans = Vec::new();
        for (index, (input, file)) in inputs.iter().zip(&files).enumerate() {
            let ids: Vec<u32> = file.tracks.iter().map(|(track, _)| track.id).collect();
            for fragment in whole_fragments(input) {
                if fragment.runs.iter().any(|run| ids.contains(&run.track_id) && run.samples > 0) {
                    of.push((index, None, None));
                    spans.push(Span { at: input.at + fragment.head.at, ..fragment.head });
                }
            }
        }
        let layout = FragmentLayout {
            ftyp,
            moov,
            tracks: renumbered,
            parts,
            earliest: inputs
                .iter()
                .map(|input| earliest(input.movie))
                .fold(options.earliest, i64::min),
            one_file: inputs.len() == 1,
            tfdt: options.profile.is_none_or(|profile| profile.iso),
            sidx: options.sidx,
        };
        let gather = Gather::new(spans);
        let profile = options.profile;
        Ok(Self { layout, files, of, gather, profile, fold, sentences, claims })
    }

    /// Of fragments whose `moov` was made for them.
    pub(crate) fn of_fragments(
        layout: FragmentLayout,
        files: Vec<File>,
        of: Vec<Told>,
        spans: Vec<Span>,
        sentences: Vec<String>,
    ) -> Self {
        let (gather, claims) = (Gather::new(spans), Claims::default());
        Self { layout, files, of, gather, profile: None, fold: Fold::Nothing, sentences, claims }
    }

    /// What the user may want to know before.
    pub fn sentences(&self) -> &[String] {
        &self.sentences
    }

    /// Adds a sentence.
    pub(crate) fn tell(&mut self, sentence: String) {
        self.sentences.push(sentence);
    }

    /// Fragments read, of how many.
    pub fn progress(&self) -> (usize, usize) {
        self.gather.progress()
    }

    /// The output; an error before [`Step::Done`] was given.
    ///
    /// # Errors
    /// Where the session is not at its end, or samples are not those of the inputs.
    pub fn finish(self) -> Result<Stitched> {
        let (done, all) = self.gather.progress();
        if done < all {
            return Err(Error::misuse(Code::NotPlanned, "The plan is not finished."));
        }
        let names: Vec<(u64, String)> =
            self.files.iter().map(|file| (file.at, file.name.clone())).collect();
        let Self { layout, claims, .. } = self;
        let proved = layout.stitch().and_then(|made| claims.check(made));
        proved.map_err(|mut error| {
            // Offsets are told as the file has them.
            let file = names.iter().rev().find(|(at, _)| error.at.is_some_and(|e| e >= *at));
            if let (Some((at, name)), Some(place)) = (file, error.at) {
                error.at = Some(place - at);
                error = named(error, name);
            }
            error
        })
    }
}

impl Session for Mux {
    fn step(&mut self) -> Result<Step> {
        Ok(self.gather.step())
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let Self { gather, files, of, layout, profile, fold, claims, .. } = self;
        gather.feed(bytes, |number, at, bytes| {
            let (file, time, duration) = of[number];
            let file = &files[file];
            let how = (*profile, *fold);
            take(file, at, &bytes, how, (time, duration), &mut layout.parts, claims).map_err(
                |mut error| {
                    error.at = error.at.map(|at| at.saturating_sub(file.at));
                    named(error, &file.name)
                },
            )
        })
    }
}

fn named(mut error: Error, name: &str) -> Error {
    if !name.is_empty() && !error.message.starts_with(name) {
        error.message = format!("{name}: {}", error.message);
    }
    error
}

/// Takes in the samples that `moov` itself lists, as fragments; gives what is
/// left of the edit lists of their tracks.
fn listed_parts(
    input: &MuxInput<'_>,
    file: &File,
    fold: Fold,
    parts: &mut Vec<FragmentPart>,
    (claims, notes): (&mut Claims, &mut Vec<String>),
) -> Result<Vec<(u32, Edits)>> {
    let number = |id| file.tracks.iter().find(|(track, _)| track.id == id).map(|(_, own)| *own);
    let wanted = |id| number(id).is_some();
    // A file that is fragmented in part has the same times all over.
    let hybrid = !input.movie.fragments.is_empty();
    let how = if fold == Fold::Nothing && !hybrid { Fold::Pauses } else { fold };
    let listed = listed(input.movie, wanted, how).map_err(|e| named(e, input.name))?;
    notes.extend(listed.notes());
    listed.claim(input.movie, input.at, number, claims)?;
    for mut part in listed.parts {
        part.run.track_id = number(part.run.track_id).unwrap_or(part.run.track_id);
        part.media.iter_mut().for_each(|span| span.at += input.at);
        part.at += input.at;
        parts.push(part);
    }
    let left = listed.tracks.iter().filter(|_| how != Fold::Nothing);
    Ok(left.filter_map(|track| Some((number(track.id)?, track.edits))).collect())
}

/// Takes in the `moof` of one fragment.
fn take(
    file: &File,
    at: u64,
    bytes: &[u8],
    (profile, fold): (Option<&Profile>, Fold),
    (time, duration): (Option<i64>, Option<u64>),
    parts: &mut Vec<FragmentPart>,
    claims: &mut Claims,
) -> Result<()> {
    let mut problems = Vec::new();
    let mut moof = Node::read_first(bytes, at, &mut problems)?;
    if let Some(problem) = problems.into_iter().next() {
        return Err(problem);
    }
    count_from_all(&mut moof, file.at)?;
    let trex = |id| file.trexes.iter().find(|trex| trex.track_id == id);
    let fragments = read_fragment(&moof, trex)?;
    let runs = Fragment::new(&moof, &fragments).runs;
    let others = moof
        .children()
        .iter()
        .filter(|node| ![Mfhd::KIND, BoxType::code(b"traf")].contains(&node.kind));
    let mut siblings: Vec<Node> = others.cloned().collect();
    let at_hand = AtHand { at, bytes };
    let trafs = moof.all(BoxType::code(b"traf"));
    for (number, ((traf, fragment), run)) in trafs.zip(&fragments).zip(runs).enumerate() {
        let chosen = file.tracks.iter().find(|(track, _)| track.id == run.track_id);
        let Some((track, id)) = chosen.filter(|_| run.samples > 0) else { continue };
        let mut traf = traf.clone();
        match profile {
            Some(profile) => rebox::traf(&mut traf, track, fragment, at_hand, profile)?,
            None => keep_infos(&mut traf, track, fragment, at_hand)?,
        }
        if let Some(children) = traf.children_mut() {
            let listed = children.iter().any(|node| [SENC, PIFF_SENC].contains(&node.kind));
            // Information about samples that is not copied with them, and what
            // only a live stream has.
            children.retain(|node| {
                let aux = [Saiz::KIND, Saio::KIND].contains(&node.kind);
                (!aux || listed && is_protection_aux(node)) && node.kind != Tfrf::KIND
            });
        }
        let (runs, media) = media(fragment, file)?;
        let mut changed = Changed { start: file.at, ..Changed::default() };
        let source = run.track_id;
        let mut run = FragmentRun { track_id: *id, ..run };
        if run.duration == 0 {
            let whole = run.tfxd.map(|(_, duration)| duration).or(duration).unwrap_or(0);
            let each = equal_durations(&mut traf, whole, run.samples)?;
            run.duration = u64::from(each) * u64::from(run.samples);
            changed.duration = Some(each);
        }
        let found = (bytes, at - file.at);
        claims.fragment(*id, (&file.header, source), found, number, changed)?;
        // Manifests tell when the first sample is presented.
        let told = time.map(|time| time.saturating_sub(run.first_offset.into()));
        let (later, _) = fold.of(&track.edits, track.timescale);
        run.decode_time = run.decode_time.or(told).map(|time| time.saturating_add(later));
        parts.push(FragmentPart {
            traf,
            run,
            runs,
            media,
            siblings: std::mem::take(&mut siblings),
            at,
        });
    }
    Ok(())
}

/// Gives the samples of a `traf` without durations an equal part of `whole`
/// each, and says which.
fn equal_durations(traf: &mut Node, whole: u64, samples: u32) -> Result<u32> {
    let each = u32::try_from(whole / u64::from(samples.max(1))).unwrap_or(u32::MAX);
    for node in traf.children_mut().into_iter().flatten().filter(|n| n.kind == Tfhd::KIND) {
        *node = Tfhd { sample_duration: Some(each), ..Tfhd::parse(node)? }.to_node();
    }
    Ok(each)
}

/// Makes offsets that count from the start of a file count from the start of
/// all inputs.
fn count_from_all(moof: &mut Node, start: u64) -> Result<()> {
    let trafs = moof.children_mut().into_iter().flatten();
    for node in trafs.filter_map(Node::children_mut).flatten().filter(|n| n.kind == Tfhd::KIND) {
        let mut tfhd = Tfhd::parse(node)?;
        if let Some(base) = &mut tfhd.base_data_offset {
            *base = base.saturating_add(start);
            *node = Node { at: node.at, ..tfhd.to_node() };
        }
    }
    Ok(())
}

/// Keeps IVs that `saio` finds outside of `senc`, by writing a `senc`.
fn keep_infos(
    traf: &mut Node,
    track: &Track,
    fragment: &TrackFragment,
    at_hand: AtHand<'_>,
) -> Result<()> {
    let has = |kinds: &[BoxType]| traf.children().iter().any(|n| kinds.contains(&n.kind));
    if track.protection().is_some() && !has(&[SENC, PIFF_SENC]) && has(&[Saio::KIND]) {
        let own = PROFILES.iter().find(|profile| profile.iso && !profile.piff);
        if let Some(profile) = own {
            rebox::traf(traf, track, fragment, at_hand, profile)?;
        }
    }
    Ok(())
}

/// Where the samples of a `traf` lie: of each run how many bytes, and the spans.
fn media(fragment: &TrackFragment, file: &File) -> Result<(Vec<u64>, Vec<Span>)> {
    let mut samples = fragment.samples.iter();
    let (mut runs, mut media) = (Vec::new(), Vec::<Span>::new());
    for (at, count) in &fragment.runs {
        let len = samples.by_ref().take(*count).map(|sample| u64::from(sample.size)).sum();
        runs.push(len);
        let span = Span { at: *at, len };
        if len == 0 {
            continue;
        }
        if span.at < file.at || span.end() > file.end {
            let sentence = "The samples of this fragment lie outside of the file.";
            return Err(Error::malformed(Code::DataOutside, sentence).at(fragment.moof_at));
        }
        match media.last_mut() {
            Some(last) if last.end() == span.at => last.len += span.len,
            _ => media.push(span),
        }
    }
    Ok((runs, media))
}

/// The fragments before the place where a file is damaged, if it is.
fn whole_fragments<'a>(input: &MuxInput<'a>) -> impl Iterator<Item = &'a Fragment> {
    let end = input.movie.damage.as_ref().and_then(|damage| damage.at).unwrap_or(u64::MAX);
    input.movie.fragments.iter().filter(move |fragment| fragment.span.end() <= end)
}

fn check_input(input: &MuxInput<'_>, mend: bool, sentences: &mut Vec<String>) -> Result<()> {
    let movie = input.movie;
    if movie.moov.is_none() {
        return Err(match &movie.damage {
            Some(damage) => {
                Error { at: damage.at, ..Error::malformed(Code::Damaged, damage.message.clone()) }
            }
            None => Error::malformed(
                Code::NoMoov,
                "It has no moov box. Fragments alone become a file with their client manifest: \
                 ismvault assemble.",
            ),
        });
    }
    let inside = |moov: &Node, at: u64| at >= moov.at && at < moov.at + moov.size();
    if let (Some(moov), Some(damage)) = (&movie.moov, &movie.damage)
        && damage.at.is_some_and(|at| inside(moov, at))
    {
        let sentence = format!(
            "The header (moov) itself is broken, and nothing in the file says the same again: {} \
             Take the header of another copy of the file.",
            damage.message
        );
        return Err(Error { at: damage.at, ..Error::malformed(Code::BrokenHeader, sentence) });
    }
    check_header(movie)?;
    let listed = movie.tracks.iter().any(|track| track.listed > 0);
    if let (true, Some(damage), true) = (mend, &movie.damage, movie.fragments.is_empty()) {
        sentences.push(format!("The file is damaged: {} What is whole is kept.", damage.message));
    } else if let (true, Some(damage)) = (mend, &movie.damage) {
        let whole = whole_fragments(input).count();
        let lost = movie.fragments.len() - whole;
        sentences.push(format!(
            "The file is damaged: {} The {whole} fragments before that are kept{}.",
            damage.message,
            if lost > 0 {
                format!(", {lost} that are not whole are left out")
            } else {
                String::new()
            }
        ));
    } else {
        check_intact(movie, "put together")?;
    }
    if !listed && whole_fragments(input).next().is_none() {
        return Err(match &movie.damage {
            Some(damage) => Error::malformed(
                Code::NoFragments,
                format!("Nothing of it is whole before it is damaged: {}", damage.message),
            )
            .at(damage.at.unwrap_or(0)),
            None => Error::unsupported(Code::NoFragments, "It has no fragments with samples."),
        });
    }
    if let Some(track) = movie.tracks.iter().find(|track| track.timescale == 0) {
        let sentence =
            format!("Track {} has the timescale 0, so its times mean nothing.", track.id);
        return Err(Error::malformed(Code::TimescaleZero, sentence));
    }
    if let Some(track) = movie.tracks_clear_with_ivs().next() {
        return Err(Error::unsupported(
            Code::ClearTrackWithIvs,
            format!(
                "The fragments of track {} list IVs (senc), though moov says it is clear. Join \
                 them to the header they belong to.",
                track.id
            ),
        ));
    }
    Ok(())
}

/// What of a file does not go into the output, in sentences.
pub(crate) fn left_out(input: &MuxInput<'_>) -> Vec<String> {
    let movie = input.movie;
    let taken = |track: &&Track| {
        // Samples that moov lists become fragments; of other tracks they do not.
        let kept = track.listed == 0 || track.kind != TrackKind::Other;
        kept && input.tracks.is_none_or(|ids| ids.contains(&track.id))
    };
    // That a set has other bitrates is why one is chosen.
    let told = |track: &&Track| track.kind != TrackKind::Video || input.tracks.is_none();
    let others = movie.tracks.iter().filter(|track| track.totals.samples > 0);
    let others = others.filter(|track| !taken(track)).filter(told);
    let name = if input.name.is_empty() { String::new() } else { format!("{}: ", input.name) };
    let mut notes: Vec<String> = others
        .map(|track| {
            let codec = track.codec().map_or("?", |codec| codec.string.as_str());
            let language = match track.language.as_str() {
                "und" => String::new(),
                language => format!(", {language}"),
            };
            let kind = track.kind.word();
            format!("{name}track {} ({kind}, {codec}{language}) is left out.", track.id)
        })
        .collect();
    let is_event =
        |top: &&TopBox| [b"emsg", b"prft"].iter().any(|code| top.kind == BoxType::code(code));
    let events = movie.top.iter().filter(is_event).count();
    if events > 0 {
        notes.push(format!("{name}{events} boxes between fragments (emsg, prft) are left out."));
    }
    for gap in &movie.gaps {
        notes.push(format!("{name}{} zero bytes between two boxes are left out.", gap.len));
    }
    if movie.second_moov.is_some() {
        notes.push(format!("{name}a second header (moov) is left out."));
    }
    notes
}

/// The tracks asked for, or all that have samples.
fn chosen<'a>(input: &MuxInput<'a>) -> Result<Vec<&'a Track>> {
    let movie = input.movie;
    let Some(ids) = input.tracks else {
        return Ok(movie.tracks.iter().filter(|track| track.totals.samples > 0).collect());
    };
    ids.iter()
        .map(|id| {
            movie.track(*id).ok_or_else(|| {
                let sentence = format!("There is no track {id} in it.");
                named(Error::misuse(Code::NoSuchTrack, sentence), input.name)
            })
        })
        .collect()
}
