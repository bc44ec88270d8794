//! How samples of a `traf` are protected, from every place that says so.

use super::moov::method;
use super::{Agree, Atom, Cursor, Lock, first, wrong};
use crate::error::Result;
use crate::format::cipher::Method;

pub(super) const PIFF_TENC: [u8; 16] = 0x8974dbce_7be7_4c51_84f9_7148f9882554_u128.to_be_bytes();
const PIFF_SENC: [u8; 16] = 0xa2394f52_5a9b_4f14_a244_6c427c648df4_u128.to_be_bytes();

/// What `tenc` or a description of `seig` says.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) protected: bool,
    pub(super) iv_size: usize,
    pub(super) kid: [u8; 16],
    pub(super) constant: Vec<u8>,
    pub(super) pattern: u8,
}

/// How the samples of an entry are protected where no group says otherwise.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) scheme: [u8; 4],
    pub(super) method: Method,
    pub(super) group: Group,
}

/// The descriptions of `seig` among these boxes.
pub(super) fn groups(atoms: &[Atom<'_>]) -> Result<Vec<Group>> {
    let mut found = Vec::new();
    for sgpd in atoms.iter().filter(|atom| &atom.code == b"sgpd") {
        let mut c = sgpd.cursor();
        let version = c.number(1)?;
        c.take(3)?;
        if c.take(4)? != b"seig" {
            continue;
        }
        let length = if version >= 1 { c.u32()? } else { 0 };
        if version >= 2 {
            c.u32()?;
        }
        for _ in 0..c.u32()? {
            let length = if version >= 1 && length == 0 { c.u32()? } else { length };
            let mut entry = match length {
                0 => Cursor::new(c.bytes, c.at),
                length => Cursor::new(c.take(length as usize)?, 0),
            };
            entry.take(1)?;
            let pattern = entry.number(1)? as u8;
            let protected = entry.number(1)? != 0;
            let iv_size = entry.number(1)? as usize;
            let mut kid = [0; 16];
            kid.copy_from_slice(entry.take(16)?);
            let mut constant = Vec::new();
            if protected && iv_size == 0 {
                let len = entry.number(1)? as usize;
                constant = entry.take(len)?.to_vec();
            }
            found.push(Group { protected, iv_size, kid, constant, pattern });
            if length == 0 {
                c = entry;
            }
        }
    }
    Ok(found)
}

/// What of a fragment is at hand beside its `moof`.
pub(super) struct Around<'a> {
    /// Bytes from the start of the `moof`, as far as they are there.
    pub(super) bytes: &'a [u8],
    pub(super) moof_at: u64,
    /// What `saio` counts from.
    pub(super) base: u64,
    /// Samples of each `trun`.
    pub(super) runs: Vec<usize>,
    pub(super) agree: Agree,
}

/// The IV and the parts of a sample, as one of the places has them.
type Info = (Vec<u8>, Vec<(u16, u32)>);

/// The lock of every sample of a `traf`.
pub(super) fn locks(
    traf: &[Atom<'_>],
    rule: &Rule,
    movie_groups: &[Group],
    around: &Around<'_>,
) -> Result<Vec<Option<Lock>>> {
    let count = around.runs.iter().sum();
    let mut of = vec![(rule.group.clone(), rule.method); count];
    assign(traf, rule, movie_groups, &mut of)?;
    let sizes: Vec<usize> = of.iter().map(|(group, _)| group.iv_size).collect();
    let mut told: Vec<(&str, Vec<Info>)> = Vec::new();
    for atom in traf {
        let name = match (&atom.code, atom.usertype) {
            (b"senc", None) => "senc",
            (b"uuid", Some(PIFF_SENC)) => "PIFF's senc",
            _ => continue,
        };
        told.push((name, senc(atom, &sizes, &mut of, rule)?));
    }
    let sizes: Vec<usize> = of.iter().map(|(group, _)| group.iv_size).collect();
    if around.agree == Agree::All || told.is_empty() {
        told.extend(auxiliary(traf, &sizes, around)?.map(|infos| ("what saio points at", infos)));
    }
    let at = around.moof_at;
    if let (Agree::All, [(first_name, first), rest @ ..]) = (around.agree, &told[..])
        && let Some((name, _)) = rest.iter().find(|(_, infos)| infos != first)
    {
        return Err(wrong(at, format!("{first_name} and {name} say different things")));
    }
    let infos = told.into_iter().next().map(|(_, infos)| infos).unwrap_or_default();
    if !infos.is_empty() && infos.len() != count {
        return Err(wrong(at, format!("{count} samples have IVs for {}", infos.len())));
    }
    let none = infos.is_empty();
    let mut infos = infos.into_iter();
    of.into_iter()
        .map(|(group, method)| {
            let info = infos.next();
            if !group.protected || (none && group.iv_size > 0 && count > 0 && is_silent(traf)) {
                return Ok(None);
            }
            let (iv, parts) = match info {
                Some((iv, parts)) if !iv.is_empty() => (iv, parts),
                Some((_, parts)) => (group.constant, parts),
                None => (group.constant, Vec::new()),
            };
            if iv.is_empty() {
                return Err(wrong(at, "a protected sample has no IV"));
            }
            Ok(Some(Lock { kid: group.kid, iv, parts, method }))
        })
        .collect()
}

/// Whether a `senc` says that it has nothing to say: all samples are clear.
fn is_silent(traf: &[Atom<'_>]) -> bool {
    let is_senc = |atom: &&Atom<'_>| {
        (&atom.code == b"senc" && atom.usertype.is_none()) || atom.usertype == Some(PIFF_SENC)
    };
    traf.iter().filter(is_senc).any(|atom| atom.body.get(4..8) == Some(&[0; 4]))
}

/// Puts samples into their groups.
fn assign(
    traf: &[Atom<'_>],
    rule: &Rule,
    movie_groups: &[Group],
    of: &mut [(Group, Method)],
) -> Result<()> {
    let own = groups(traf)?;
    for sbgp in traf.iter().filter(|atom| &atom.code == b"sbgp") {
        let mut c = sbgp.cursor();
        let version = c.number(1)?;
        c.take(3)?;
        if c.take(4)? != b"seig" {
            continue;
        }
        if version == 1 {
            c.take(4)?;
        }
        let mut sample = 0_usize;
        for _ in 0..c.u32()? {
            let (count, index) = (c.u32()? as usize, c.u32()?);
            let until = of.len().min(sample.saturating_add(count));
            if index != 0 {
                let (list, index) = if index > 0x1_0000 {
                    (&own[..], index - 0x1_0000)
                } else {
                    (movie_groups, index)
                };
                let group = list.get(index as usize - 1);
                let group = group.ok_or_else(|| wrong(sbgp.body_at, "a group is not described"))?;
                let how = method(&rule.scheme, 1, group.pattern).unwrap_or(rule.method);
                of[sample..until].fill((group.clone(), how));
            }
            sample = until;
        }
    }
    Ok(())
}

/// What a `senc`, in either envelope, lists. PIFF's may have an algorithm, an
/// IV size and a KID of its own for all samples.
fn senc(
    atom: &Atom<'_>,
    sizes: &[usize],
    of: &mut [(Group, Method)],
    rule: &Rule,
) -> Result<Vec<Info>> {
    let mut c = atom.cursor();
    c.take(1)?;
    let flags = c.number(3)?;
    let mut own_size = None;
    if flags & 1 != 0 {
        let algorithm = c.number(3)?;
        let iv_size = c.number(1)? as usize;
        let mut kid = [0; 16];
        kid.copy_from_slice(c.take(16)?);
        own_size = Some(iv_size);
        let group =
            Group { protected: algorithm != 0, iv_size, kid, constant: Vec::new(), pattern: 0 };
        of.fill((group, method(&rule.scheme, algorithm, 0).unwrap_or(rule.method)));
    }
    let count = c.u32()? as usize;
    let mut infos = Vec::new();
    for sample in 0..count {
        let size = own_size.or(sizes.get(sample).copied()).unwrap_or(8);
        infos.push(info(&mut c, size, flags & 2 != 0)?);
    }
    if !c.is_empty() {
        return Err(wrong(c.at, "senc is longer than what it lists"));
    }
    Ok(infos)
}

fn info(c: &mut Cursor<'_>, iv_size: usize, with_parts: bool) -> Result<Info> {
    let iv = c.take(iv_size)?.to_vec();
    let mut parts = Vec::new();
    if with_parts {
        for _ in 0..c.number(2)? {
            parts.push((c.number(2)? as u16, c.u32()?));
        }
    }
    Ok((iv, parts))
}

/// What `saiz` and `saio` lead to; none where they are not there.
fn auxiliary(
    traf: &[Atom<'_>],
    iv_sizes: &[usize],
    around: &Around<'_>,
) -> Result<Option<Vec<Info>>> {
    let typed = |atom: &&Atom<'_>| -> bool {
        let has_type = atom.body.get(3).is_some_and(|flags| flags & 1 == 1);
        let known = [b"cenc", b"cens", b"cbc1", b"cbcs", b"piff"];
        !has_type || known.iter().any(|code| atom.body.get(4..8) == Some(&code[..]))
    };
    let of_ours = |code: &[u8; 4]| {
        let own: Vec<Atom<'_>> = traf.iter().filter(typed).copied().collect();
        first(&own, code).copied()
    };
    let (saiz, saio) = match (of_ours(b"saiz"), of_ours(b"saio")) {
        (Some(saiz), Some(saio)) => (saiz, saio),
        (None, None) => return Ok(None),
        _ => return Err(wrong(around.moof_at, "there is saiz without saio, or saio without saiz")),
    };
    let mut c = saiz.cursor();
    c.take(3)?;
    if c.number(1)? & 1 == 1 {
        c.take(8)?;
    }
    let default = c.number(1)? as usize;
    let count = c.u32()? as usize;
    let sizes = match default {
        0 => c.take(count)?.iter().map(|size| usize::from(*size)).collect(),
        size if count <= iv_sizes.len() => vec![size; count],
        _ => Vec::new(),
    };
    if sizes.len() != iv_sizes.len() {
        return Err(wrong(saiz.body_at, "saiz does not count as many samples as there are"));
    }
    let mut c = saio.cursor();
    let version = c.number(1)?;
    c.take(2)?;
    if c.number(1)? & 1 == 1 {
        c.take(8)?;
    }
    let mut offsets = Vec::new();
    for _ in 0..c.u32()? {
        offsets.push(if version == 0 { c.number(4)? } else { c.number(8)? });
    }
    let groups = if offsets.len() == 1 { vec![iv_sizes.len()] } else { around.runs.clone() };
    if offsets.len() != groups.len() {
        return Err(wrong(saio.body_at, "saio has neither one offset nor one for each trun"));
    }
    let (mut infos, mut sample) = (Vec::new(), 0);
    for (offset, count) in offsets.into_iter().zip(groups) {
        let at = around.base.saturating_add(offset);
        let from = at.checked_sub(around.moof_at).and_then(|from| usize::try_from(from).ok());
        let bytes = from.and_then(|from| around.bytes.get(from..));
        let bytes = bytes.ok_or_else(|| wrong(at, "saio points outside of its fragment"))?;
        let mut c = Cursor::new(bytes, at);
        for _ in 0..count {
            let size = sizes[sample];
            let mut own = Cursor::new(c.take(size)?, c.at);
            let iv_size = iv_sizes[sample].min(size);
            infos.push(info(&mut own, iv_size, size > iv_size)?);
            if !own.is_empty() {
                return Err(wrong(own.at, "the size in saiz is not that of the information"));
            }
            sample += 1;
        }
    }
    Ok(Some(infos))
}
