//! What a few protected samples show: which of their bytes are protected, and
//! whether they are at all.

use crate::checks::CheckId;
use crate::collections::Map;
use crate::format::codec::plausible::{Evidence, walk, weigh};
use crate::format::codec::{NalCodec, Rule};
use crate::look::inspect::probe::{ProbedSample, entry_of};
use crate::model::{Finding, Movie};

pub(crate) fn run(movie: &Movie, samples: &[ProbedSample], out: &mut Vec<Finding>) {
    let mut evidence: Map<u32, Evidence> = Map::new();
    let mut sets = Map::new();
    for sample in samples.iter().filter(|sample| sample.protected.is_some()) {
        let Some(entry) = entry_of(movie, sample) else { continue };
        let ranges = sample.protected_ranges();
        let mut known = None;
        if let Some(Rule::Nal(codec)) = &entry.codec.rule {
            boundaries(codec, sample, out);
            known = Some(sets.or_insert_with(sample.track, || codec.parameter_sets()));
        }
        let weight = weigh(&entry.codec, known, &sample.bytes, &ranges);
        evidence.or_insert_with(sample.track, Evidence::default).join(weight);
    }
    for (track, evidence) in evidence {
        if evidence.total() > Evidence::ENOUGH {
            let message = format!(
                "Its samples are called protected, but {} tests of their protected bytes find \
                 them clear as they stand.",
                evidence.tests
            );
            out.push(Finding::new(CheckId::LooksClear, message).of_track(track));
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
