//! Edit lists: when the media of a track is presented. The one place that knows.

use crate::error::{Code, Error, Result};
use crate::format::boxes::tables::Elst;
use crate::format::boxes::tree::Node;

/// What an edit list does to the times of a track, in its own ticks: the media
/// is presented after a pause, from `skip` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// How long nothing is presented in front.
    pub pause: i64,
    /// Composition time of what is presented first.
    pub skip: i64,
    /// Composition time at which the presentation ends, if it ends before the
    /// media does.
    pub end: Option<i64>,
}

/// A time in other ticks.
pub(crate) fn to_scale(time: i64, from: u32, to: u32) -> i64 {
    let scaled = i128::from(time) * i128::from(to) / i128::from(from.max(1));
    scaled.try_into().unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

impl Edits {
    /// By how much later than its composition time something is presented.
    pub fn later(&self) -> i64 {
        self.pause.saturating_sub(self.skip)
    }

    /// Of a `trak`. Edits that only cut one piece of media in two, or pause
    /// behind it, say what one edit says.
    ///
    /// # Errors
    /// If pieces of media are put together, or played at another speed.
    pub(crate) fn read(trak: &Node, movie_scale: u32, scale: u32) -> Result<Self> {
        let elst = trak.path(&[b"edts"]).map(Node::get_opt::<Elst>).transpose()?.flatten();
        let entries = elst.map(|elst| elst.entries).unwrap_or_default();
        let ticks = |time: u64| to_scale(time.min(i64::MAX as u64) as i64, movie_scale, scale);
        let is_pause = |edit: &&crate::format::boxes::tables::Edit| edit.media_time < 0;
        let front: Vec<_> = entries.iter().take_while(is_pause).collect();
        let pause = ticks(front.iter().fold(0, |sum, edit| edit.duration.saturating_add(sum)));
        let rest = &entries[front.len()..];
        let behind = rest.iter().rev().take_while(is_pause).count();
        let [first, more @ ..] = &rest[..rest.len() - behind] else {
            return Ok(Self::default()); // nothing but pauses: all is presented as it is
        };
        if rest.iter().any(|edit| edit.media_time >= 0 && edit.rate != 0x1_0000) {
            let sentence = "The edit list changes the speed of a track. Write the file anew first.";
            return Err(Error::unsupported(Code::EditRate, sentence));
        }
        let mut end = first.media_time.saturating_add(ticks(first.duration));
        let mut endless = first.duration == 0;
        for edit in more {
            // Durations are rounded to ticks of the movie.
            let apart = edit.media_time.saturating_sub(end).saturating_abs();
            if endless || apart > ticks(1) + 1 {
                return Err(Error::unsupported(
                    Code::SeveralEdits,
                    format!(
                        "The edit list puts together {} parts of a track, which fragments cannot \
                         say. Write the file anew first: ffmpeg -i IN OUT.mp4.",
                        entries.len()
                    ),
                ));
            }
            end = edit.media_time.saturating_add(ticks(edit.duration));
            endless = edit.duration == 0;
        }
        Ok(Self { pause, skip: first.media_time, end: Some(end).filter(|_| !endless) })
    }
}
