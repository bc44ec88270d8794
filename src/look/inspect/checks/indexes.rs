//! The indexes over fragments, against the fragments.

use crate::checks::CheckId;
use crate::collections::{Map, Set};
use crate::error::{Code, Error};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::index::{Mfro, Sidx, Tfra, TfraEntry};
use crate::format::ids::BoxType;
use crate::model::{Finding, FragmentRun, Movie};

/// An index that leaves out fragments: a server of Smooth Streaming trips over it,
/// other readers do not.
fn incomplete(movie: &Movie) -> CheckId {
    if movie.is_smooth() { CheckId::IndexIncomplete } else { CheckId::IndexPartial }
}

pub(super) fn index(movie: &Movie, out: &mut Vec<Finding>) {
    let Some(mfra) = &movie.mfra else { return };
    let listed: Set<u32> = mfra
        .all(Tfra::KIND)
        .filter_map(|node| Tfra::parse(node).ok())
        .map(|t| t.track_id)
        .collect();
    // Where the index is for a track that is not there, that is told.
    let known = !listed.is_empty() && listed.iter().all(|id| movie.track(*id).is_some());
    for track in movie.tracks.iter().filter(|t| t.totals.fragments > 0 && known) {
        if !listed.contains(&track.id) {
            let message = "The index has no entries for this track.";
            let finding = Finding::new(incomplete(movie), message).of_track(track.id);
            out.push(finding.of_box(mfra).within("mfra"));
        }
    }
    let runs: Map<u64, &[FragmentRun]> =
        movie.fragments.iter().map(|f| (f.moof.at, &f.runs[..])).collect();
    // A moof that could not be read is one all the same.
    let moofs: Set<u64> = movie
        .top
        .iter()
        .filter(|top| top.kind == BoxType::code(b"moof"))
        .map(|top| top.span.at)
        .collect();
    // A track has one index; whatever there is more, that one is looked at.
    let (mut seen, mut again) = (Set::new(), 0);
    for node in mfra.all(Tfra::KIND) {
        let tfra = match Tfra::parse(node) {
            Ok(tfra) => tfra,
            Err(e) => {
                out.push(Finding::from(e.within("mfra")).of_box(node));
                continue;
            }
        };
        let mut found = |id, message: String| {
            let finding = Finding::new(id, message).of_track(tfra.track_id);
            out.push(finding.of_box(node).within("mfra/tfra"));
        };
        if movie.moov.is_some() && movie.track(tfra.track_id).is_none() {
            let message = "The index is for a track that moov does not have.".to_owned();
            found(CheckId::TrackIdMismatch, message);
            continue;
        }
        if !seen.insert(tfra.track_id) {
            again += 1;
            continue;
        }
        let own = |entry: &TfraEntry| {
            let runs = runs.get(&entry.moof_offset)?;
            Some(runs.iter().find(|run| run.track_id == tfra.track_id))
        };
        let places: Vec<_> = tfra.entries.iter().map(|entry| (entry, own(entry))).collect();
        let stale: Vec<_> =
            places.iter().filter(|(entry, _)| !moofs.contains(&entry.moof_offset)).collect();
        if let Some((first, _)) = stale.first() {
            found(
                CheckId::IndexOffFragments,
                format!(
                    "The index (mfra) points {} of {} times to where no fragment begins, first to \
                     byte {}. A server that seeks by it sends wrong bytes.",
                    stale.len(),
                    tfra.entries.len(),
                    first.moof_offset
                ),
            );
        }
        if let Some((first, _)) = places.iter().find(|(_, run)| matches!(run, Some(None))) {
            found(
                CheckId::IndexOtherTrack,
                format!(
                    "The index points to the fragment at byte {}, which has no samples of this \
                     track.",
                    first.moof_offset
                ),
            );
        }
        if tfra.entries.windows(2).any(|pair| pair[1].time < pair[0].time) {
            found(
                CheckId::IndexUnsorted,
                "The entries of the index are not in order of time.".into(),
            );
        }
        let listed: Set<u64> = tfra.entries.iter().map(|entry| entry.moof_offset).collect();
        // Where decoding cannot start there is nothing to index.
        let indexed =
            |run: &FragmentRun| run.track_id == tfra.track_id && run.samples > 0 && run.sync_start;
        let missing = movie.fragments.iter().filter(|fragment| {
            fragment.runs.iter().any(indexed) && !listed.contains(&fragment.moof.at)
        });
        let missing = missing.count();
        let total = movie.track(tfra.track_id).map_or(0, |track| track.totals.fragments);
        if missing > 0 && stale.is_empty() {
            found(
                incomplete(movie),
                format!("The index leaves out {missing} of the {total} fragments of this track."),
            );
        }
        let late = places.iter().find_map(|(entry, run)| {
            let run = (*run)??;
            // ffmpeg sets a time before zero to zero here.
            let time = run.tfxd.map(|(time, _)| time).or(run.presentation_time())?.max(0);
            let decoded = run.decode_time.unwrap_or(time).max(0);
            let stated = i64::try_from(entry.time).unwrap_or(i64::MAX);
            (stated != time && stated != decoded).then_some((stated, time))
        });
        if let Some((stated, time)) = late {
            found(
                CheckId::IndexTime,
                format!("The index says {stated} for a fragment that begins at {time}."),
            );
        }
    }
    if again > 0 {
        let message = format!(
            "The index (mfra) has {again} more tables for tracks that have one already. Readers \
             take one of them, not all the same one."
        );
        let error = Error::malformed(Code::SeveralIndexes, message).at(mfra.at).within("mfra");
        out.push(Finding::from(error));
    }
}

pub(super) fn index_length(movie: &Movie, out: &mut Vec<Finding>) {
    let Some(mfra) = &movie.mfra else { return };
    match mfra.get_opt::<Mfro>() {
        Ok(Some(mfro)) if u64::from(mfro.size) == mfra.size() => {}
        Ok(Some(mfro)) => {
            let message = format!(
                "The last box says that the index (mfra) is {} bytes long, but it is {}. \
                 Readers that look from the end miss it.",
                mfro.size,
                mfra.size()
            );
            out.push(Finding::new(CheckId::IndexLength, message).of_box(mfra).within("mfra/mfro"));
        }
        Ok(None) => {
            let message =
                "The index (mfra) has no mfro, so readers that look from the end miss it.";
            out.push(Finding::new(CheckId::NoMfro, message).of_box(mfra).within("mfra"));
        }
        Err(e) => out.push(e.into()),
    }
}

pub(super) fn index_place(movie: &Movie, out: &mut Vec<Finding>) {
    let Some(mfra) = &movie.mfra else {
        if movie.is_smooth() && !movie.fragments.is_empty() {
            out.push(Finding::new(
                CheckId::NoIndex,
                "The file has no index (mfra) behind its fragments.",
            ));
        }
        return;
    };
    if movie.top.last().is_some_and(|last| last.span.at != mfra.at) {
        let message = "Boxes follow the index (mfra), so readers that look from the end miss it.";
        out.push(Finding::new(CheckId::IndexNotLast, message).of_box(mfra).within("mfra"));
    }
}

pub(super) fn segment_indexes(movie: &Movie, out: &mut Vec<Finding>) {
    let starts: Set<u64> = movie.top.iter().flat_map(|top| [top.span.at, top.span.end()]).collect();
    for node in &movie.indexes {
        let sidx = match Sidx::parse(node) {
            Ok(sidx) => sidx,
            Err(e) => {
                out.push(Finding::from(e).of_box(node));
                continue;
            }
        };
        let track = movie.track(sidx.reference_id);
        if movie.moov.is_some() && track.is_none() {
            let message = format!(
                "The segment index is for track {}, which moov does not have.",
                sidx.reference_id
            );
            out.push(Finding::new(CheckId::TrackIdMismatch, message).of_box(node).within("sidx"));
        }
        let mut at = (node.at + node.size()).saturating_add(sidx.first_offset);
        let mut wrong = None;
        let mut long = None;
        for (number, reference) in sidx.references.iter().enumerate() {
            let media = movie.top.binary_search_by_key(&at, |top| top.span.at);
            let media = media.ok().map(|index| movie.top[index].kind);
            let moof = [b"moof", b"styp", b"sidx", b"emsg", b"prft"].map(BoxType::code);
            if wrong.is_none() && !media.is_some_and(|kind| moof.contains(&kind)) {
                wrong = Some((number + 1, at));
            }
            let next = at.saturating_add(reference.size.into());
            if reference.size == 0 {
                wrong.get_or_insert((number + 1, at));
            }
            if let Some(track) = track.filter(|_| !reference.to_index) {
                let [from, to] =
                    [at, next].map(|at| movie.fragments.partition_point(|f| f.moof.at < at));
                let runs = movie.fragments[from..to.max(from)]
                    .iter()
                    .flat_map(|f| &f.runs)
                    .filter(|run| run.track_id == track.id);
                let real = track.seconds(runs.map(|run| run.duration).sum());
                let stated = f64::from(reference.duration) / f64::from(sidx.timescale.max(1));
                // It counts presentation time: what an edit list hides in front is not in it.
                let hidden = track.seconds(track.edits.skip.unsigned_abs()).unwrap_or(0.0);
                let off = |real: f64| (real - stated).abs() > (real * 0.05).max(0.1);
                if let Some(real) =
                    real.filter(|real| off(*real) && (number > 0 || off(real - hidden)))
                {
                    long.get_or_insert((number + 1, stated, real));
                }
            }
            at = next;
        }
        if let (None, Some((number, stated, real))) = (wrong, long) {
            let message = format!(
                "Reference {number} of the segment index (sidx) says {stated:.3} s; its fragments \
                 last {real:.3} s."
            );
            out.push(Finding::new(CheckId::SidxStale, message).of_box(node).within("sidx"));
        }
        if wrong.is_none() && !sidx.references.is_empty() && !starts.contains(&at) {
            wrong = Some((sidx.references.len(), at));
        }
        // A header with its index, cut off from the media on purpose.
        let alone = movie.fragments.is_empty()
            && !movie.top.iter().any(|top| top.kind == BoxType::code(b"mdat"));
        if let Some((number, at)) = wrong.filter(|_| !alone) {
            let message = format!(
                "Reference {number} of the segment index (sidx) leads to byte {at}, where no \
                 segment begins."
            );
            out.push(Finding::new(CheckId::SidxStale, message).of_box(node).within("sidx"));
        }
    }
}
