//! Files rewritten into every shape that the specification allows: the same
//! samples, said in other boxes.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::format::boxes::tree::Node;
use ismvault::format::ids::BoxType;
use ismvault::model::{AtHand, Movie, protected_samples};
use ismvault_testkit::{inspect, trafs};

/// What `traf` offsets count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// base-data-offset, at the moof; or at the data, where that is implied.
    Absolute,
    /// default-base-is-moof.
    Moof,
    /// The moof for the first traf, the end of the data before for the next.
    Implied,
}

/// Where what all samples share stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defaults {
    Rows,
    Tfhd,
    Trex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mdat {
    Short,
    Large,
    /// The last one runs to the end of the file.
    ToEnd,
    /// Two behind each moof.
    Two,
}

/// Where IVs stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Infos {
    Senc,
    Piff,
    Both,
    /// `senc` without `saiz` and `saio`.
    SencAlone,
    /// In front of the media, found by `saio`.
    Mdat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub base: Base,
    /// Whether `data_offset` is left out wherever it can be.
    pub implicit: bool,
    pub trun_version: u8,
    pub defaults: Defaults,
    /// Whether first_sample_flags say what the first sample is.
    pub first_flags: bool,
    /// Runs a traf.
    pub runs: usize,
    /// Whether all tracks share a moof.
    pub together: bool,
    pub mdat: Mdat,
    pub infos: Infos,
    pub saio_version: u8,
    /// One entry for each run.
    pub saio_entries: bool,
    /// Whether saiz and saio name their type.
    pub typed: bool,
    /// A table in saiz even where all sizes are alike.
    pub saiz_table: bool,
    /// Groups of `seig` that say what `tenc` says, in this version of `sgpd`.
    pub groups: Option<u8>,
    pub sbgp_version: u8,
    /// The version of `tfdt`, if it is there.
    pub tfdt: Option<u8>,
    /// The version of `sidx`, if there is one.
    pub sidx: Option<u8>,
    /// Whether each half of the file has a sidx of its own.
    pub sidx_each: bool,
    /// Boxes between fragments.
    pub between: bool,
    pub ftyp: bool,
    pub moov_last: bool,
}

impl Shape {
    /// What most packagers write.
    pub const PLAIN: Self = Self {
        base: Base::Moof,
        implicit: false,
        trun_version: 0,
        defaults: Defaults::Rows,
        first_flags: false,
        runs: 1,
        together: false,
        mdat: Mdat::Short,
        infos: Infos::Senc,
        saio_version: 0,
        saio_entries: false,
        typed: false,
        saiz_table: false,
        groups: None,
        sbgp_version: 0,
        tfdt: Some(1),
        sidx: None,
        sidx_each: false,
        between: false,
        ftyp: true,
        moov_last: false,
    };
}

/// One way in which a shape differs from the plain one.
pub type Twist = (&'static str, fn(&mut Shape));

/// Twists of any file.
pub const TWISTS: &[Twist] = &[
    ("absolute", |s| s.base = Base::Absolute),
    ("implied", |s| s.base = Base::Implied),
    ("implicit", |s| (s.implicit, s.base) = (true, Base::Absolute)),
    ("implicit_next", |s| (s.implicit, s.base, s.runs) = (true, Base::Implied, 3)),
    ("trun_v1", |s| s.trun_version = 1),
    ("tfhd_defaults", |s| s.defaults = Defaults::Tfhd),
    ("trex_defaults", |s| s.defaults = Defaults::Trex),
    ("first_flags", |s| (s.first_flags, s.defaults) = (true, Defaults::Tfhd)),
    ("runs", |s| s.runs = 3),
    ("together", |s| s.together = true),
    ("mdat_large", |s| s.mdat = Mdat::Large),
    ("mdat_to_end", |s| s.mdat = Mdat::ToEnd),
    ("two_mdats", |s| (s.mdat, s.runs) = (Mdat::Two, 2)),
    ("tfdt_v0", |s| s.tfdt = Some(0)),
    ("no_tfdt", |s| s.tfdt = None),
    ("sidx_v0", |s| s.sidx = Some(0)),
    ("sidx_v1", |s| s.sidx = Some(1)),
    ("sidx_each", |s| (s.sidx, s.sidx_each) = (Some(1), true)),
    ("between", |s| s.between = true),
    ("no_ftyp", |s| s.ftyp = false),
    ("moov_last", |s| s.moov_last = true),
];

/// Twists of what says how samples are protected.
pub const LOCK_TWISTS: &[Twist] = &[
    ("piff_senc", |s| s.infos = Infos::Piff),
    ("both_sencs", |s| s.infos = Infos::Both),
    ("senc_alone", |s| s.infos = Infos::SencAlone),
    ("infos_in_mdat", |s| s.infos = Infos::Mdat),
    ("saio_v1", |s| s.saio_version = 1),
    ("saio_entries", |s| (s.saio_entries, s.runs) = (true, 3)),
    ("aux_typed", |s| s.typed = true),
    ("saiz_table", |s| s.saiz_table = true),
    ("sgpd_v1", |s| s.groups = Some(1)),
    ("sgpd_v2", |s| s.groups = Some(2)),
    ("sbgp_v1", |s| (s.groups, s.sbgp_version) = (Some(1), 1)),
];

/// An IV, and clear and protected bytes in turn.
type Info = (Vec<u8>, Vec<(u16, u32)>);

#[derive(Clone)]
struct Sample {
    bytes: Vec<u8>,
    duration: u32,
    offset: i32,
    flags: u32,
    info: Option<Info>,
}

#[derive(Clone)]
struct Fragment {
    track: u32,
    time: u64,
    samples: Vec<Sample>,
    kid: [u8; 16],
    iv_size: u8,
}

/// The samples of a file, and its header.
pub struct Title {
    movie: Movie,
    fragments: Vec<Fragment>,
}

impl Title {
    pub fn of(file: &[u8]) -> Self {
        let movie = inspect(file);
        let mut fragments = Vec::new();
        let mut ends: Vec<(u32, u64)> = Vec::new();
        for (moof, read) in trafs(&movie, file) {
            for (traf, own) in moof.all(BoxType::code(b"traf")).zip(&read) {
                let track = movie.track(own.tfhd.track_id).unwrap();
                let at_hand = AtHand { at: 0, bytes: file };
                let locks = protected_samples(track, traf, own, at_hand).unwrap();
                let samples: Vec<Sample> = own
                    .samples
                    .iter()
                    .zip(&locks)
                    .map(|(s, lock)| Sample {
                        bytes: file[s.at as usize..][..s.size as usize].to_vec(),
                        duration: s.duration,
                        offset: s.composition_offset,
                        flags: s.flags,
                        info: lock.as_ref().map(|lock| {
                            let parts = lock.subsamples.iter().map(|s| (s.clear, s.protected));
                            (lock.iv.clone(), parts.collect())
                        }),
                    })
                    .collect();
                let known = ends.iter_mut().find(|(id, _)| *id == track.id);
                let time = own.decode_time().map_or(0, |time| time.max(0) as u64);
                let time = time.max(known.as_ref().map_or(0, |(_, end)| *end));
                let end = time + samples.iter().map(|s| u64::from(s.duration)).sum::<u64>();
                match known {
                    Some((_, known)) => *known = end,
                    None => ends.push((track.id, end)),
                }
                let kid = track.protection().and_then(|p| p.kid).map_or([0; 16], |kid| kid.0);
                let iv_size = track.protection().map_or(0, |p| p.iv_size);
                fragments.push(Fragment { track: track.id, time, samples, kid, iv_size });
            }
        }
        Self { movie, fragments }
    }

    /// Whether a shape can say this title.
    pub fn allows(&self, shape: &Shape) -> bool {
        let tracks = self.movie.tracks.len();
        let one = self.fragments.iter().all(|f| f.samples.len() > 3);
        let index = shape.sidx.is_none() || (tracks == 1 && !shape.moov_last);
        // A second traf in PIFF's sense, and data in two mdats, need one moof each.
        let two = shape.mdat != Mdat::Two || !shape.together;
        // saio cannot point in front of what it counts from.
        let behind = shape.base == Base::Absolute && shape.implicit;
        let locked = self.movie.tracks[0].protection().is_some();
        let pointed = !(behind && locked && shape.infos != Infos::SencAlone);
        let groups = shape.groups.is_none() || self.movie.tracks[0].protection().is_some();
        one && index && two && groups && pointed
    }
}

struct Out(Vec<u8>);

impl Out {
    fn n(&mut self, bytes: usize, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes()[8 - bytes..]);
    }
}

fn boxed(code: &[u8; 4], body: impl FnOnce(&mut Out)) -> Vec<u8> {
    let mut out = Out(Vec::new());
    body(&mut out);
    let size = (out.0.len() as u32 + 8).to_be_bytes();
    [&size[..], code, &out.0].concat()
}

fn full(code: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Out)) -> Vec<u8> {
    boxed(code, |out| {
        out.n(1, version.into());
        out.n(3, flags.into());
        body(out);
    })
}

const PIFF_SENC: u128 = 0xa2394f52_5a9b_4f14_a244_6c427c648df4;

/// The value all samples share, if they do.
fn shared<T: PartialEq + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values = values;
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// A `traf`: its bytes for data and IVs that begin where these say, counted
/// from the start of the file.
fn traf(f: &Fragment, shape: &Shape, moof_at: u64, first: bool, at: &Places) -> Vec<u8> {
    let durations = shared(f.samples.iter().map(|s| s.duration));
    let sizes = shared(f.samples.iter().map(|s| s.bytes.len()));
    let rest = shared(f.samples.iter().skip(1).map(|s| s.flags));
    let flags_by_default = rest.filter(|rest| shape.first_flags || *rest == f.samples[0].flags);
    let said = |defaults| shape.defaults == defaults;
    let duration = durations.filter(|_| !said(Defaults::Rows));
    let size = sizes.filter(|_| !said(Defaults::Rows));
    let flags = flags_by_default.filter(|_| !said(Defaults::Rows));
    let mut tfhd_flags = match shape.base {
        Base::Absolute => 1,
        Base::Moof => 0x2_0000,
        Base::Implied => 0,
    };
    let in_tfhd = said(Defaults::Tfhd);
    for (bit, there) in [(0x8, duration.is_some()), (0x10, size.is_some()), (0x20, flags.is_some())]
    {
        tfhd_flags |= if in_tfhd && there { bit } else { 0 };
    }
    let mut out = full(b"tfhd", 0, tfhd_flags, |out| {
        out.n(4, f.track.into());
        if tfhd_flags & 1 != 0 {
            out.n(8, if shape.implicit { at.data[0] } else { moof_at });
        }
        for value in [duration, size.map(|s| s as u32), flags].into_iter().flatten() {
            if in_tfhd {
                out.n(4, value.into());
            }
        }
    });
    if let Some(version) = shape.tfdt {
        out.extend(full(b"tfdt", version, 0, |out| {
            out.n(if version == 1 { 8 } else { 4 }, f.time);
        }));
    }
    let chunks = runs(f, shape);
    let at_data = shape.base == Base::Absolute && shape.implicit;
    let base = if at_data { at.data[0] } else { moof_at };
    // A second traf without a flag counts from the end of the first one's data.
    let behind = if shape.infos == Infos::Mdat { at.infos } else { at.data[0] };
    let data_base = if shape.base == Base::Implied && !first { behind } else { base };
    for (number, samples) in chunks.iter().enumerate() {
        let follows = number > 0 && shape.mdat != Mdat::Two;
        let implied = match shape.base {
            Base::Absolute => number == 0 || follows,
            Base::Moof => follows,
            Base::Implied => (number == 0 && !first && shape.infos != Infos::Mdat) || follows,
        };
        let offsets = f.samples.iter().any(|s| s.offset != 0);
        let first_flags = flags.is_some() && number == 0 && shape.first_flags;
        let mut bits = if shape.implicit && implied { 0 } else { 1 };
        bits |= if first_flags { 4 } else { 0 };
        bits |= if duration.is_none() { 0x100 } else { 0 };
        bits |= if size.is_none() { 0x200 } else { 0 };
        bits |= if flags.is_none() { 0x400 } else { 0 };
        bits |= if offsets { 0x800 } else { 0 };
        let negative = samples.iter().any(|s| s.offset < 0);
        let version = shape.trun_version.max(negative.into());
        out.extend(full(b"trun", version, bits, |out| {
            out.n(4, samples.len() as u64);
            if bits & 1 != 0 {
                out.n(4, at.data[number] - data_base);
            }
            if first_flags {
                out.n(4, samples[0].flags.into());
            }
            for s in *samples {
                let fields = [s.duration, s.bytes.len() as u32, s.flags, s.offset as u32];
                for (bit, value) in [0x100, 0x200, 0x400, 0x800].iter().zip(fields) {
                    if bits & bit != 0 {
                        out.n(4, value.into());
                    }
                }
            }
        }));
    }
    let infos: Vec<_> = f.samples.iter().filter_map(|s| s.info.as_ref()).collect();
    if infos.is_empty() {
        return out;
    }
    let parts = infos.iter().any(|(_, parts)| !parts.is_empty());
    let aux = |out: &mut Out| {
        if shape.typed {
            out.0.extend_from_slice(b"cenc");
            out.n(4, 0);
        }
    };
    if shape.infos != Infos::SencAlone {
        let sizes: Vec<u64> =
            infos.iter().map(|info| info_bytes(info, parts).len() as u64).collect();
        let same = shared(sizes.iter().copied()).filter(|_| !shape.saiz_table);
        out.extend(full(b"saiz", 0, shape.typed.into(), |out| {
            aux(out);
            out.n(1, same.unwrap_or(0));
            out.n(4, sizes.len() as u64);
            if same.is_none() {
                sizes.iter().for_each(|size| out.n(1, *size));
            }
        }));
        // Where each run's information begins, within all of it.
        let mut starts = vec![0];
        let mut done = 0;
        for samples in &chunks {
            done += samples.len();
            starts.push(sizes[..done].iter().sum());
        }
        starts.pop();
        if !shape.saio_entries {
            starts.truncate(1);
        }
        out.extend(full(b"saio", shape.saio_version, shape.typed.into(), |out| {
            aux(out);
            out.n(4, starts.len() as u64);
            for start in starts {
                let offset = (at.infos + start).wrapping_sub(base);
                match shape.saio_version {
                    0 => out.n(4, u64::from(offset as u32)),
                    _ => out.n(8, offset),
                }
            }
        }));
    }
    if let Some(version) = shape.groups {
        out.extend(full(b"sbgp", shape.sbgp_version, 0, |out| {
            out.0.extend_from_slice(b"seig");
            if shape.sbgp_version == 1 {
                out.n(4, 0);
            }
            out.n(4, 1);
            out.n(4, f.samples.len() as u64);
            out.n(4, 0x1_0001);
        }));
        out.extend(full(b"sgpd", version, 0, |out| {
            out.0.extend_from_slice(b"seig");
            out.n(4, 20);
            if version >= 2 {
                out.n(4, 0);
            }
            out.n(4, 1);
            out.n(2, 0);
            out.n(1, 1);
            out.n(1, f.iv_size.into());
            out.0.extend_from_slice(&f.kid);
        }));
    }
    let list = |out: &mut Out| {
        out.n(4, infos.len() as u64);
        infos.iter().for_each(|info| out.0.extend(info_bytes(info, parts)));
    };
    let flags = if parts { 2 } else { 0 };
    if matches!(shape.infos, Infos::Senc | Infos::Both | Infos::SencAlone) {
        out.extend(full(b"senc", 0, flags, list));
    }
    if matches!(shape.infos, Infos::Piff | Infos::Both) {
        out.extend(boxed(b"uuid", |out| {
            out.0.extend_from_slice(&PIFF_SENC.to_be_bytes());
            out.n(1, 0);
            out.n(3, flags.into());
            list(out);
        }));
    }
    out
}

fn info_bytes((iv, subsamples): &Info, parts: bool) -> Vec<u8> {
    let mut out = Out(iv.clone());
    if parts {
        out.n(2, subsamples.len() as u64);
        for (clear, protected) in subsamples {
            out.n(2, (*clear).into());
            out.n(4, (*protected).into());
        }
    }
    out.0
}

fn runs<'f>(f: &'f Fragment, shape: &Shape) -> Vec<&'f [Sample]> {
    let each = f.samples.len().div_ceil(shape.runs);
    f.samples.chunks(each).collect()
}

/// Where data and information lie, counted from the start of the file.
#[derive(Clone, Default)]
struct Places {
    data: Vec<u64>,
    infos: u64,
}

/// The `moof` and `mdat`s of some fragments, at this offset.
fn segment(fragments: &[&Fragment], shape: &Shape, number: u32, at: u64, last: bool) -> Vec<u8> {
    let moof = |places: &[Places]| {
        boxed(b"moof", |out| {
            out.0.extend(full(b"mfhd", 0, 0, |out| out.n(4, number.into())));
            for (i, (fragment, places)) in fragments.iter().zip(places).enumerate() {
                let body = traf(fragment, shape, at, i == 0, places);
                out.0.extend(boxed(b"traf", |out| out.0.extend(body)));
            }
        })
    };
    // First the sizes, with places that mean nothing; then the places.
    let blank = |f: &Fragment| Places { data: vec![at; runs(f, shape).len()], infos: at };
    let blanks: Vec<Places> = fragments.iter().map(|f| blank(f)).collect();
    let start = at + moof(&blanks).len() as u64;
    let header = if shape.mdat == Mdat::Large { 16 } else { 8 };
    let mut payloads: Vec<Vec<u8>> = vec![Vec::new()];
    let mut places = Vec::new();
    let mut next = start + header;
    for fragment in fragments {
        let infos: Vec<_> = fragment.samples.iter().filter_map(|s| s.info.as_ref()).collect();
        let parts = infos.iter().any(|(_, parts)| !parts.is_empty());
        let mut own = Places { data: Vec::new(), infos: next };
        if shape.infos == Infos::Mdat {
            let bytes: Vec<u8> = infos.iter().flat_map(|info| info_bytes(info, parts)).collect();
            next += bytes.len() as u64;
            payloads.last_mut().unwrap().extend(bytes);
        }
        for (i, samples) in runs(fragment, shape).iter().enumerate() {
            if shape.mdat == Mdat::Two && i == 1 {
                payloads.push(Vec::new());
                next += header;
            }
            own.data.push(next);
            let bytes: Vec<u8> = samples.iter().flat_map(|s| s.bytes.clone()).collect();
            next += bytes.len() as u64;
            payloads.last_mut().unwrap().extend(bytes);
        }
        places.push(own);
    }
    if !matches!(shape.infos, Infos::Mdat) {
        // Where the list of the first senc begins.
        let bytes = moof(&blanks);
        let mut from = 0;
        for own in &mut places {
            let wanted: &[u8] = match shape.infos {
                Infos::Piff => &PIFF_SENC.to_be_bytes(),
                _ => b"senc",
            };
            let found = bytes[from..].windows(wanted.len()).position(|w| w == wanted);
            let Some(found) = found else { continue };
            own.infos = at + (from + found + wanted.len() + 8) as u64;
            from += found + wanted.len();
            if shape.infos == Infos::Both {
                from +=
                    bytes[from..].windows(16).position(|w| w == PIFF_SENC.to_be_bytes()).unwrap();
            }
        }
    }
    let mut out = moof(&places);
    let count = payloads.len();
    for (i, payload) in payloads.into_iter().enumerate() {
        let size = payload.len() as u64 + header;
        match shape.mdat {
            Mdat::Large => {
                out.extend([&1_u32.to_be_bytes()[..], b"mdat", &size.to_be_bytes()].concat());
            }
            Mdat::ToEnd if last && i + 1 == count => out.extend(b"\0\0\0\0mdat"),
            _ => out.extend([&(size as u32).to_be_bytes()[..], b"mdat"].concat()),
        }
        out.extend(payload);
    }
    out
}

/// A file with a hole in it, so large that its fragments lie far behind.
pub struct Far {
    bytes: Vec<u8>,
    /// Where the hole is, and how large.
    hole: (u64, u64),
}

impl Far {
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64 + self.hole.1
    }

    pub fn read(&self, at: u64, len: u64) -> Vec<u8> {
        let (from, far) = self.hole;
        let byte = |at: u64| match at {
            at if at < from => self.bytes[at as usize],
            at if at < from + far => 0,
            at => self.bytes[(at - far) as usize],
        };
        (at..at + len).map(byte).collect()
    }
}

/// The file in this shape, with so many bytes of free space behind its header.
pub fn emit_far(title: &Title, shape: &Shape, free: u64) -> Far {
    let (bytes, from) = write(title, shape, free);
    Far { bytes, hole: (from, free - 16) }
}

/// The file in this shape.
pub fn emit(title: &Title, shape: &Shape) -> Vec<u8> {
    write(title, shape, 0).0
}

/// The same, and where the free space begins behind its header.
fn write(title: &Title, shape: &Shape, free: u64) -> (Vec<u8>, u64) {
    let mut groups: Vec<Vec<&Fragment>> = Vec::new();
    for fragment in &title.fragments {
        match groups.last_mut() {
            Some(group) if shape.together && group.iter().all(|f| f.track != fragment.track) => {
                group.push(fragment);
            }
            _ => groups.push(vec![fragment]),
        }
    }
    let moov = moov(title, shape);
    let ftyp = boxed(b"ftyp", |out| {
        out.0.extend_from_slice(b"iso6\0\0\0\x01iso6isomdashpiff");
    });
    let mut head = if shape.ftyp { ftyp } else { Vec::new() };
    if !shape.moov_last {
        head.extend(&moov);
    }
    // Segments have the same size wherever they are.
    let lens: Vec<u64> = groups
        .iter()
        .enumerate()
        .map(|(i, group)| {
            segment(group, shape, i as u32 + 1, 0, i + 1 == groups.len()).len() as u64
        })
        .collect();
    let between = if shape.between { between() } else { Vec::new() };
    let mut out = head;
    if free > 0 {
        out.extend([&1_u32.to_be_bytes()[..], b"free", &free.to_be_bytes()].concat());
    }
    let (hole, far) = (out.len() as u64, free.saturating_sub(16));
    let halves = if shape.sidx_each { groups.len().div_ceil(2) } else { groups.len() };
    let scale = title.movie.tracks[0].timescale;
    for (i, group) in groups.iter().enumerate() {
        if let Some(version) = shape.sidx.filter(|_| i % halves == 0) {
            let own = &groups[i..groups.len().min(i + halves)];
            let list: Vec<(u64, u64)> = own
                .iter()
                .zip(&lens[i..])
                .map(|(group, len)| {
                    let duration = group[0].samples.iter().map(|s| u64::from(s.duration)).sum();
                    (len + between.len() as u64, duration)
                })
                .collect();
            out.extend(sidx(version, group[0], scale, &list));
        }
        out.extend(&between);
        let at = out.len() as u64 + far;
        out.extend(segment(group, shape, i as u32 + 1, at, i + 1 == groups.len()));
    }
    if shape.moov_last {
        out.extend(moov);
    }
    (out, hole)
}

fn sidx(version: u8, first: &Fragment, scale: u32, list: &[(u64, u64)]) -> Vec<u8> {
    let wide = if version == 1 { 8 } else { 4 };
    full(b"sidx", version, 0, |out| {
        out.n(4, first.track.into());
        out.n(4, scale.into());
        let offset = i64::from(first.samples[0].offset);
        out.n(wide, first.time.saturating_add_signed(offset));
        out.n(wide, 0);
        out.n(2, 0);
        out.n(2, list.len() as u64);
        for (size, duration) in list {
            out.n(4, *size);
            out.n(4, *duration);
            out.n(4, 0x9000_0000);
        }
    })
}

/// What live packagers put between fragments.
fn between() -> Vec<u8> {
    let mut out = boxed(b"styp", |out| out.0.extend_from_slice(b"msdh\0\0\0\0msdhmsix"));
    out.extend(full(b"prft", 1, 24, |out| {
        out.n(4, 1);
        out.n(8, 0xe000_0000_0000_0000);
        out.n(8, 0);
    }));
    out.extend(full(b"emsg", 1, 0, |out| {
        out.n(4, 1000);
        out.n(8, 0);
        out.n(4, 0);
        out.n(4, 7);
        out.0.extend_from_slice(b"urn:x\0\0ev");
    }));
    out.extend(boxed(b"free", |out| out.0.extend([0; 9])));
    out
}

fn moov(title: &Title, shape: &Shape) -> Vec<u8> {
    let mut moov = title.movie.moov.clone().unwrap();
    let children = moov.children_mut().unwrap();
    children.retain(|node| node.kind != BoxType::code(b"mvex"));
    let trexes = title.movie.tracks.iter().map(|track| {
        let own: Vec<&Sample> = title
            .fragments
            .iter()
            .filter(|f| f.track == track.id)
            .flat_map(|f| &f.samples)
            .collect();
        // What a fragment leaves out must be the same in all of them.
        let of = |f: &dyn Fn(&Sample) -> u32| shared(own.iter().map(|s| f(s))).unwrap_or(0);
        let rest = title.fragments.iter().filter(|f| f.track == track.id);
        let rest = rest.flat_map(|f| f.samples.iter().skip(1)).map(|s| s.flags);
        full(b"trex", 0, 0, |out| {
            out.n(4, track.id.into());
            out.n(4, 1);
            out.n(4, of(&|s| s.duration).into());
            out.n(4, of(&|s| s.bytes.len() as u32).into());
            out.n(4, shared(rest).unwrap_or(0).into());
        })
    });
    let mvex = boxed(b"mvex", |out| trexes.for_each(|trex| out.0.extend(trex)));
    children.push(Node::read(&mvex, 0, &mut Vec::new()).unwrap());
    let _ = shape;
    moov.to_bytes()
}

/// For [`Defaults::Trex`] a value must be the same in all fragments of a track,
/// or else each fragment says its own.
pub fn trex_says_it(title: &Title) -> bool {
    title.movie.tracks.iter().all(|track| {
        let own = || title.fragments.iter().filter(|f| f.track == track.id);
        let durations: Vec<_> =
            own().filter_map(|f| shared(f.samples.iter().map(|s| s.duration))).collect();
        let all = shared(own().flat_map(|f| &f.samples).map(|s| s.duration));
        let flags: Vec<_> =
            own().filter_map(|f| shared(f.samples.iter().skip(1).map(|s| s.flags))).collect();
        let sizes = own().any(|f| shared(f.samples.iter().map(|s| s.bytes.len())).is_some());
        (durations.is_empty() || all.is_some()) && shared(flags.iter()).is_some() && !sizes
    })
}
