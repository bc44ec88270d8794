//! What a few protected samples show: which of their bytes are protected, and
//! whether they are at all.

use crate::checks::CheckId;
use crate::collections::Map;
use crate::format::codec::plausible::{Evidence, payload, walk, weigh};
use crate::format::codec::{NalCodec, Rule};
use crate::look::inspect::probe::{ProbedSample, entry_of};
use crate::model::{Finding, Movie};

/// What samples of tracks show against what is said of them.
pub(crate) fn run(movie: &mut Movie, samples: &[ProbedSample], out: &mut Vec<Finding>) {
    let mut evidence: Map<u32, [Evidence; 2]> = Map::new();
    let mut sets = Map::new();
    for sample in samples {
        let Some(entry) = entry_of(movie, sample) else { continue };
        let is_protected = sample.protected.is_some();
        if !is_protected && movie.track(sample.track).is_none_or(|t| t.protection().is_some()) {
            continue; // a clear one of a protected track
        }
        let mut known = None;
        if let Some(Rule::Nal(codec)) = &entry.codec.rule {
            if is_protected {
                boundaries(codec, sample, out);
            }
            known = Some(sets.or_insert_with(sample.track, || codec.parameter_sets()));
        }
        let ranges = match is_protected {
            true => sample.encrypted_ranges(),
            false => payload(&entry.codec, &sample.bytes),
        };
        let weight = weigh(&entry.codec, known, &sample.bytes, &ranges);
        let of = evidence.or_insert_with(sample.track, Default::default);
        of[usize::from(is_protected)].join(weight);
    }
    for (track, [clear, protected]) in evidence {
        if protected.total() > Evidence::ENOUGH {
            let message = format!(
                "Its samples are called protected, but {} tests of their protected bytes find \
                 them clear as they stand.",
                protected.tests
            );
            out.push(Finding::new(CheckId::LooksClear, message).of_track(track));
        }
        let codec = movie.track(track).and_then(|t| t.codec()).map(|codec| codec.string.clone());
        let codec = codec.unwrap_or_default();
        if clear.looks_random() {
            movie.ciphertext.push(track);
            let message = format!(
                "The track is called clear, but its samples are not {}: they look encrypted. A \
                 protected file was remuxed, which loses the IVs.",
                codec.split('.').next().unwrap_or_default()
            );
            out.push(Finding::new(CheckId::LooksEncrypted, message).of_track(track));
        }
        // senc without protection: which of the two is wrong, the samples tell.
        let listed = |finding: &Finding| {
            finding.check.id == CheckId::ClearTrackWithIvs && finding.track == Some(track)
        };
        if clear.total() > Evidence::ENOUGH && movie.findings.iter().any(listed) {
            movie.findings.retain(|finding| !listed(finding));
            let message = "Its samples are clear; the IVs in its fragments (senc, saiz, saio) are \
                           left over from protection.";
            out.push(Finding::new(CheckId::SencLeftOver, message).of_track(track));
        }
    }
}

/// Where protected ranges begin and end, against the NAL units.
fn boundaries(codec: &NalCodec, sample: &ProbedSample, out: &mut Vec<Finding>) {
    let ranges = sample.protected_ranges();
    let subsamples = sample.protected.as_ref().is_some_and(|p| !p.subsamples.is_empty());
    if !subsamples {
        return;
    }
    let Some(units) = walk(codec.length_size(), &sample.bytes) else { return };
    let mut found = |id, message: String| {
        let at = sample.sample.at;
        let finding = Finding::new(id, message).at(at, sample.sample.size.into());
        out.push(finding.of_track(sample.track).within("mdat"));
    };
    let number = sample.number + 1;
    for range in ranges {
        let unit = units.iter().find(|unit| range.start < unit.end);
        let Some(unit) = unit else { continue };
        let head = unit.start + codec.header_len();
        if range.start < head {
            found(
                CheckId::NalHeadProtected,
                format!(
                    "In sample {number} a protected range begins inside the length or header of a \
                     NAL unit."
                ),
            );
            continue;
        }
        if !codec.is_vcl(&sample.bytes[unit.clone()]) {
            found(
                CheckId::NonVclProtected,
                format!("In sample {number} a NAL unit that is not picture data is protected."),
            );
        }
        // No slice header fits into two bytes.
        if range.start < head + 2 {
            found(
                CheckId::SliceHeaderProtected,
                format!("In sample {number} a slice header is protected."),
            );
        }
        if range.end > unit.end {
            found(
                CheckId::SubsampleOffNal,
                format!("In sample {number} a protected range runs over the end of a NAL unit."),
            );
        }
    }
}
