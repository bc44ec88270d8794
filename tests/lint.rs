//! Every check, tripped by a file made for it, and by no healthy one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ismvault::checks::{CHECKS, CheckId, Mend, Severity};
use ismvault::error::Code;
use ismvault::format::boxes::Mp4Box as _;
use ismvault::format::boxes::fragment::{Mfhd, Saio, Saiz, Tfhd, Trun};
use ismvault::format::boxes::index::{Mfro, Sidx, Tfra};
use ismvault::format::boxes::movie::{Btrt, Ftyp, Mdhd, Mvhd, Trex};
use ismvault::format::boxes::piff::Tfxd;
use ismvault::format::boxes::protection::{
    Frma, PIFF_SENC, PIFF_TENC, Pssh, SENC, Schm, Senc, Subsample, Tenc,
};
use ismvault::format::boxes::tree::{Content, Node};
use ismvault::format::cipher::{CipherMode, ContentKey};
use ismvault::format::drm::playready::{self, HeaderVersion, NewHeader, NewKey};
use ismvault::format::drm::{COMMON, PLAYREADY, WIDEVINE};
use ismvault::format::ids::{BoxType, FourCc, Kid, Uuid};
use ismvault::jobs::Rewriting;
use ismvault::look::set::FileSet;
use ismvault::make::header_editor::HeaderChange;
use ismvault::model::Finding;
use ismvault::model::manifest::Manifest;
use ismvault_testkit::edit::{close, code, each, first, open, remove, senc, typed};
use ismvault_testkit::{
    CLEAR, KEY, KID, drive, fixture, in_order, inspect, options, output_of, protect,
};
use std::collections::BTreeSet;

/// Replaces the PlayReady header.
fn header(nodes: &mut [Node], object: Vec<u8>) {
    each(nodes, Pssh::KIND, &mut |node| {
        if Pssh::parse(node).unwrap().system_id == PLAYREADY {
            node.content = playready::pssh(object.clone()).to_node().content;
        }
    });
}

/// The same, from XML.
fn header_xml(nodes: &mut [Node], xml: &str) {
    let value: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut object = ((value.len() + 10) as u32).to_le_bytes().to_vec();
    object.extend([1, 0, 1, 0]);
    object.extend((value.len() as u16).to_le_bytes());
    object.extend(value);
    header(nodes, object);
}

fn new_header() -> NewHeader {
    let kid = Kid::parse(KID).unwrap();
    let checksum = Some(ContentKey::parse(KEY).unwrap().checksum(kid));
    NewHeader {
        keys: vec![NewKey { kid, checksum }],
        la_url: Some("https://licence.example/rightsmanager.asmx".into()),
        ..NewHeader::default()
    }
}

/// The facts sheet's Widevine data, of the KID that all cases use.
const WIDEVINE_DATA: &[u8] =
    b"\x08\x01\x12\x10\x09\xe3\x67\x02\x8f\x33\x43\x6c\xa5\xdd\x60\xff\xe6\x67\x1e\x70";

/// Adds a Widevine header.
fn widevine(nodes: &mut [Node], data: Vec<u8>) {
    let pssh = Pssh { version: 0, flags: 0, system_id: WIDEVINE, kids: Vec::new(), data };
    first(nodes, code(b"moov"), |moov| moov.children_mut().unwrap().push(pssh.to_node()));
}

/// Where a case begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Base {
    Clear,
    Dual,
    Piff,
    Cenc,
    Indexed,
    TwoAudio,
}

fn base(base: Base) -> Vec<u8> {
    match base {
        Base::Clear => fixture("h264_aac.ismv"),
        Base::Dual => protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap(),
        Base::Piff => protect(&fixture("h264_aac.ismv"), &options("piff")).unwrap(),
        Base::Cenc => protect(&fixture("cmaf_sidx.mp4"), &options("cenc")).unwrap(),
        Base::Indexed => fixture("cmaf_sidx.mp4"),
        Base::TwoAudio => protect(&fixture("av_text.ismv"), &options("dual")).unwrap(),
    }
}

type Edit = fn(&mut Vec<Node>);

fn set_pro(nodes: &mut [Node], edit: impl Fn(&mut Vec<u8>)) {
    let mut object = new_header().object().unwrap();
    edit(&mut object);
    header(nodes, object);
}

fn xml(version: &str, data: &str) -> String {
    let ns = "http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader";
    format!("<WRMHEADER xmlns=\"{ns}\" version=\"{version}\"><DATA>{data}</DATA></WRMHEADER>")
}

/// Files that trip one check each.
const CASES: &[(CheckId, Base, Edit)] = &[
    (CheckId::IvReused, Base::Dual, |n| senc(n, |s| s.samples[1].iv = s.samples[0].iv.clone())),
    (CheckId::CounterOverlap, Base::Dual, |n| {
        typed::<Tenc>(n, |t| t.iv_size = 16);
        each(n, PIFF_TENC, &mut |node| {
            let tenc = Tenc { iv_size: 16, ..Tenc::parse(node).unwrap() };
            node.content = tenc.to_node().content;
        });
        for kind in [SENC, PIFF_SENC] {
            let mut counter = 0_u128;
            each(n, kind, &mut |node| {
                let mut senc = Senc::parse(node, 8).unwrap();
                for sample in &mut senc.samples {
                    sample.iv = counter.to_be_bytes().to_vec();
                    counter += 1;
                }
                node.content = senc.to_node_as(kind).content;
            });
        }
    }),
    (CheckId::IvZero, Base::Dual, |n| senc(n, |s| s.samples[0].iv = vec![0; 8])),
    (CheckId::IvGap, Base::Dual, |n| senc(n, |s| s.samples[5].iv = vec![9; 8])),
    (CheckId::IvSizeUnknown, Base::Dual, |n| typed::<Tenc>(n, |t| t.iv_size = 5)),
    (CheckId::IvSize16, Base::Dual, |n| typed::<Tenc>(n, |t| t.iv_size = 16)),
    (CheckId::IvCount, Base::Dual, |n| senc(n, |s| s.samples.truncate(9))),
    (CheckId::SubsampleSum, Base::Dual, |n| {
        senc(n, |s| s.samples[0].subsamples[0].protected += 16)
    }),
    (CheckId::SubsampleEmpty, Base::Dual, |n| {
        senc(n, |s| s.samples[0].subsamples.push(Subsample { clear: 0, protected: 0 }));
    }),
    (CheckId::SubsampleMergeable, Base::Dual, |n| {
        senc(n, |s| {
            let clear = s.samples[0].subsamples[0].clear;
            s.samples[0].subsamples[0].clear = 1;
            let rest = Subsample { clear: clear - 1, protected: 0 };
            s.samples[0].subsamples.insert(0, rest);
        });
    }),
    (CheckId::SubsampleNone, Base::Dual, |n| senc(n, |s| s.samples[0].subsamples.clear())),
    (CheckId::UnalignedCenc, Base::Dual, |n| unalign(n)),
    (CheckId::UnalignedPiff, Base::Piff, |n| unalign(n)),
    (CheckId::NalHeadProtected, Base::Dual, |n| {
        senc(n, |s| {
            let size = size_of_sample(&s.samples[0].subsamples);
            s.samples[0].subsamples = vec![Subsample { clear: 4, protected: size - 4 }];
        });
    }),
    (CheckId::NonVclProtected, Base::Dual, |n| {
        senc(n, |s| {
            // The first NAL unit of the first sample is not a slice.
            let size = size_of_sample(&s.samples[0].subsamples);
            s.samples[0].subsamples = vec![Subsample { clear: 6, protected: size - 6 }];
        });
    }),
    (CheckId::SliceHeaderProtected, Base::Dual, |n| {
        senc(n, |s| {
            let size = size_of_sample(&s.samples[1].subsamples);
            s.samples[1].subsamples = vec![Subsample { clear: 5, protected: size - 5 }];
        });
    }),
    (CheckId::SubsampleOffNal, Base::Dual, |n| {
        senc(n, |s| {
            let size = size_of_sample(&s.samples[0].subsamples);
            s.samples[0].subsamples = vec![Subsample { clear: 9, protected: size - 9 }];
        });
    }),
    (CheckId::SencDiffers, Base::Dual, |n| {
        first(n, PIFF_SENC, |node| {
            let mut senc = Senc::parse(node, 8).unwrap();
            senc.samples[0].iv[0] ^= 1;
            node.content = senc.to_node_as(PIFF_SENC).content;
        });
    }),
    (CheckId::TencDiffers, Base::Dual, |n| {
        first(n, PIFF_TENC, |node| {
            let tenc = Tenc { kid: Kid::of(7), ..Tenc::parse(node).unwrap() };
            node.content = tenc.to_node().content;
        });
    }),
    (CheckId::KidNotInHeader, Base::Dual, |n| both_tencs(n, Kid::of(0x1234))),
    (CheckId::KidByteSwapped, Base::Dual, |n| both_tencs(n, Kid::parse(KID).unwrap().swapped())),
    (CheckId::ChecksumWithCbc, Base::Dual, |n| {
        let key = format!(
            "<PROTECTINFO><KIDS><KID ALGID=\"AESCBC\" CHECKSUM=\"qhmfONWOqJs=\" VALUE=\"{}\"></KID></KIDS></PROTECTINFO>",
            STANDARD.encode(Kid::parse(KID).unwrap().to_guid_bytes())
        );
        header_xml(n, &xml("4.3.0.0", &key));
    }),
    (CheckId::KidZero, Base::Dual, |n| both_tencs(n, Kid::of(0))),
    (CheckId::SeveralKidsOneHeader, Base::Dual, |n| first_tencs(n, Kid::of(0x99))),
    (CheckId::ProTooShort, Base::Dual, |n| header(n, vec![1, 2, 3])),
    (CheckId::ProLength, Base::Dual, |n| set_pro(n, |o| o[0] ^= 1)),
    (CheckId::ProRecords, Base::Dual, |n| set_pro(n, |o| o[4] = 2)),
    (CheckId::ProNoRecords, Base::Dual, |n| set_pro(n, |o| o[4] = 0)),
    (CheckId::ProRecordLength, Base::Dual, |n| set_pro(n, |o| o[8] ^= 0xff)),
    (CheckId::ProLeftOver, Base::Dual, |n| set_pro(n, |o| o.push(0))),
    (CheckId::WrmOddLength, Base::Dual, |n| {
        set_pro(n, |o| {
            o.push(0);
            o[8] += 1;
        });
    }),
    (CheckId::WrmBom, Base::Dual, |n| header_xml(n, &format!("\u{feff}{}", xml("4.0.0.0", "")))),
    (CheckId::WrmNotUtf16, Base::Dual, |n| {
        set_pro(n, |o| {
            (o[20], o[21]) = (0, 0xd8);
        })
    }),
    (CheckId::WrmXml, Base::Dual, |n| header_xml(n, "<WRMHEADER version=\"4.0.0.0\"><DATA>")),
    (CheckId::WrmNoVersion, Base::Dual, |n| header_xml(n, "<HEADER></HEADER>")),
    (CheckId::WrmBadKid, Base::Dual, |n| header_xml(n, &xml("4.0.0.0", "<KID>AAAA</KID>"))),
    (CheckId::ProTooLarge, Base::Dual, |n| header_xml(n, &xml("4.0.0.0", &"x".repeat(8000)))),
    (CheckId::HeaderLarge, Base::Dual, |n| header_xml(n, &xml("4.0.0.0", &"x".repeat(600)))),
    (CheckId::WrmVersionFeatures, Base::Dual, |n| {
        header_xml(n, &xml("4.0.0.0", "<DECRYPTORSETUP>ONDEMAND</DECRYPTORSETUP>"))
    }),
    (CheckId::WrmNotCanonical, Base::Dual, |n| header_xml(n, &xml("4.0.0.0", " <DS_ID></DS_ID> "))),
    (CheckId::WrmUrl, Base::Dual, |n| {
        header_xml(n, &xml("4.0.0.0", "<LA_URL>rights.asmx</LA_URL>"))
    }),
    (CheckId::WrmPlace, Base::Dual, |n| {
        header_xml(
            n,
            &xml("4.0.0.0", "").replace("<DATA>", "<LA_URL>https://a.example/</LA_URL><DATA>"),
        )
    }),
    (CheckId::AlgidDiffers, Base::Dual, |n| {
        let new = NewHeader {
            version: playready::HeaderVersion::V4_3,
            mode: CipherMode::Cbc,
            ..new_header()
        };
        header(n, new.object().unwrap());
    }),
    (CheckId::PsshTwice, Base::Dual, |n| {
        let pssh = playready::pssh(new_header().object().unwrap()).to_node();
        first(n, code(b"moov"), |moov| moov.children_mut().unwrap().push(pssh.clone()));
    }),
    (CheckId::PsshDataSize, Base::Dual, |n| {
        first(n, Pssh::KIND, |node| {
            if let Content::Leaf(body) = &mut node.content {
                body[23] ^= 1;
            }
        })
    }),
    (CheckId::PsshVersion, Base::Dual, |n| {
        first(n, Pssh::KIND, |node| {
            if let Content::Leaf(body) = &mut node.content {
                body[0] = 3;
            }
        })
    }),
    (CheckId::PiffPsshAlone, Base::Piff, |_| {}),
    (CheckId::NoCommonPssh, Base::Dual, |n| {
        each(n, code(b"moov"), &mut |moov| {
            moov.children_mut().unwrap().retain(|node| {
                node.kind != Pssh::KIND || Pssh::parse(node).unwrap().system_id != COMMON
            });
        });
    }),
    (CheckId::CommonWithoutKids, Base::Dual, |n| {
        typed::<Pssh>(n, |p| {
            if p.system_id == COMMON {
                (p.version, p.kids) = (0, Vec::new());
            }
        })
    }),
    (CheckId::SaizDiffers, Base::Dual, |n| {
        typed::<Saiz>(n, |s| match s.default_size {
            0 => s.sizes[0] += 6,
            _ => s.default_size += 6,
        })
    }),
    (CheckId::SaizOverflow, Base::Dual, |n| {
        senc(n, |s| {
            let one = Subsample { clear: 1, protected: 16 };
            s.samples[0].subsamples = vec![one; 50];
        })
    }),
    (CheckId::SaioOffIv, Base::Dual, |n| typed::<Saio>(n, |s| s.offsets[0] += 4)),
    (CheckId::SaioEntries, Base::Dual, |n| typed::<Saio>(n, |s| s.offsets.push(0))),
    (CheckId::SaioEntryEach, Base::Dual, |n| {
        typed::<Saio>(n, |s| s.offsets.push(s.offsets[0]));
        each(n, code(b"traf"), &mut |traf| {
            let trun: Trun = traf.get().unwrap();
            let empty = Trun { sample_count: 0, rows: Vec::new(), ..trun };
            traf.children_mut().unwrap().push(empty.to_node());
        });
    }),
    (CheckId::SaioWithoutSaiz, Base::Dual, |n| remove(n, Saiz::KIND)),
    (CheckId::AuxType, Base::Dual, |n| {
        typed::<Saiz>(n, |s| (s.version_flags, s.aux_info_type) = (1, Some((FourCc(*b"what"), 0))));
        typed::<Saio>(n, |s| (s.flags, s.aux_info_type) = (1, Some((FourCc(*b"what"), 0))));
    }),
    (CheckId::BaseDataOffset, Base::Clear, |n| {
        let mut at = 0;
        for node in n {
            let own = at;
            at += node.size();
            if node.kind == code(b"moof") {
                typed::<Tfhd>(std::slice::from_mut(node), |t| t.base_data_offset = Some(own));
            }
        }
    }),
    (CheckId::BaseWithoutBrand, Base::Dual, |n| {
        typed::<Ftyp>(n, |f| f.compatible = vec![FourCc(*b"piff")])
    }),
    (CheckId::BaseAmbiguous, Base::Clear, |n| merge_fragments(n)),
    (CheckId::SeveralTrafs, Base::Clear, |n| merge_fragments(n)),
    (CheckId::DataElsewhere, Base::Clear, |n| {
        let mut mdats = n.iter().filter(|node| node.kind == code(b"mdat")).map(Node::size);
        let step = mdats.next().unwrap() as i32;
        let moof = n.iter().filter(|node| node.kind == code(b"moof")).nth(1).unwrap().size() as i32;
        first(n, Trun::KIND, |node| {
            let mut trun = Trun::parse(node).unwrap();
            trun.data_offset = trun.data_offset.map(|offset| offset + step + moof);
            trun.rows.iter_mut().for_each(|row| row.size = 10);
            node.content = trun.to_node().content;
        });
    }),
    (CheckId::SamplesOutsideMdat, Base::Clear, |n| typed::<Trun>(n, |t| t.data_offset = Some(-8))),
    (CheckId::RunsOverlap, Base::Clear, |n| {
        first(n, code(b"traf"), |traf| {
            let trun = traf.find(Trun::KIND).unwrap().clone();
            traf.children_mut().unwrap().push(trun);
        })
    }),
    (CheckId::SeveralTruns, Base::Clear, |n| {
        first(n, code(b"traf"), |traf| {
            let trun = traf.find(Trun::KIND).unwrap().clone();
            traf.children_mut().unwrap().push(trun);
        })
    }),
    (CheckId::MdatUnreferenced, Base::Clear, |n| {
        first(n, Trun::KIND, |node| {
            let mut trun = Trun::parse(node).unwrap();
            trun.rows.last_mut().unwrap().size -= 20;
            node.content = trun.to_node().content;
        })
    }),
    (CheckId::MdatNotBehindMoof, Base::Clear, |n| {
        let at = n.iter().position(|node| node.kind == code(b"moof")).unwrap();
        n.insert(at + 1, Node::leaf(code(b"free"), vec![0; 4]));
    }),
    (CheckId::IndexOffFragments, Base::Clear, |n| {
        typed::<Tfra>(n, |t| t.entries[0].moof_offset += 4)
    }),
    (CheckId::IndexOtherTrack, Base::Clear, |n| {
        let mut other = 0;
        typed::<Tfra>(n, |t| {
            if t.track_id == 1 {
                other = t.entries[0].moof_offset;
            } else {
                t.entries[0].moof_offset = other;
            }
        });
    }),
    (CheckId::IndexIncomplete, Base::Clear, |n| typed::<Tfra>(n, |t| t.entries.truncate(1))),
    (CheckId::IndexPartial, Base::Clear, |n| {
        // As long as before: the index counts from the start of the file.
        typed::<Ftyp>(n, |f| {
            f.major = FourCc(*b"iso6");
            f.compatible.fill(FourCc(*b"iso6"));
        });
        typed::<Tfra>(n, |t| t.entries.truncate(1));
    }),
    (CheckId::IndexUnsorted, Base::Clear, |n| typed::<Tfra>(n, |t| t.entries.reverse())),
    (CheckId::IndexTime, Base::Clear, |n| typed::<Tfra>(n, |t| t.entries[1].time += 1)),
    (CheckId::IndexLength, Base::Clear, |n| typed::<Mfro>(n, |m| m.size += 4)),
    (CheckId::NoMfro, Base::Clear, |n| remove(n, Mfro::KIND)),
    (CheckId::IndexNotLast, Base::Clear, |n| n.push(Node::leaf(code(b"free"), vec![0; 4]))),
    (CheckId::NoIndex, Base::Clear, |n| remove(n, code(b"mfra"))),
    (CheckId::SidxStale, Base::Indexed, |n| typed::<Sidx>(n, |s| s.references[0].size += 1)),
    (CheckId::TimeGap, Base::Clear, |n| {
        let mut count = 0;
        typed::<Tfxd>(n, |t| {
            count += 1;
            t.time += if count > 2 { 5_000_000 } else { 0 };
        });
    }),
    (CheckId::TfxdNegative, Base::Clear, |n| {
        typed::<Tfxd>(n, |t| t.time = t.time.wrapping_sub(20_000_000));
    }),
    (CheckId::TfxdPriming, Base::Dual, |n| {
        typed::<Ftyp>(n, |f| (f.major, f.compatible) = (FourCc(*b"iso6"), Vec::new()));
    }),
    (CheckId::SmoothHabits, Base::Clear, |_| {}),
    (CheckId::TfxdDuration, Base::Clear, |n| typed::<Tfxd>(n, |t| t.duration += 400)),
    (CheckId::TfxdPlace, Base::Clear, |n| {
        first(n, code(b"traf"), |traf| {
            traf.children_mut().unwrap().push(Node::leaf(code(b"free"), Vec::new()));
        })
    }),
    (CheckId::NoSyncStart, Base::Clear, |n| {
        typed::<Trun>(n, |t| {
            if t.first_sample_flags.is_some() {
                t.first_sample_flags = Some(0x0101_0000);
            }
            for row in &mut t.rows {
                row.flags |= 0x0001_0000;
            }
        })
    }),
    (CheckId::NoTfdt, Base::Clear, |n| {
        typed::<Ftyp>(n, |f| (f.major, f.compatible) = (FourCc(*b"iso6"), Vec::new()));
    }),
    (CheckId::TfxdTime, Base::Dual, |n| {
        let mut count = 0;
        typed::<Tfxd>(n, |t| {
            count += 1;
            t.time += if count > 2 { 5_000_000 } else { 0 };
        });
    }),
    (CheckId::ClearEntryWithSinf, Base::Dual, |n| {
        each(n, code(b"encv"), &mut |entry| entry.kind = code(b"avc1"));
    }),
    (CheckId::NoSuchEntry, Base::Clear, |n| {
        typed::<Tfhd>(n, |t| t.sample_description_index = Some(2));
    }),
    (CheckId::TimescaleZero, Base::Clear, |n| typed::<Mdhd>(n, |m| m.timescale = 0)),
    (CheckId::TimescaleNotSmooth, Base::Clear, |n| typed::<Mdhd>(n, |m| m.timescale = 90_000)),
    (CheckId::BrandMissing, Base::Piff, |n| {
        typed::<Ftyp>(n, |f| {
            (f.major, f.compatible) = (FourCc(*b"isml"), vec![FourCc(*b"iso6")]);
        })
    }),
    (CheckId::SchemeUnknown, Base::Dual, |n| typed::<Schm>(n, |s| s.scheme = FourCc(*b"abcd"))),
    (CheckId::SchemePiff, Base::Piff, |_| {}),
    (CheckId::PiffAfterCenc, Base::Dual, |n| {
        each(n, code(b"encv"), &mut |entry| {
            let mut sinf = entry.find(code(b"sinf")).unwrap().clone();
            typed::<Schm>(std::slice::from_mut(&mut sinf), |s| s.scheme = FourCc(*b"piff"));
            entry.children_mut().unwrap().push(sinf);
        })
    }),
    (CheckId::NoSinf, Base::Dual, |n| remove(n, code(b"sinf"))),
    (CheckId::NoFrma, Base::Dual, |n| remove(n, Frma::KIND)),
    (CheckId::NoSchm, Base::Dual, |n| remove(n, Schm::KIND)),
    (CheckId::FrmaMismatch, Base::Dual, |n| typed::<Frma>(n, |f| f.format = FourCc(*b"hvc1"))),
    (CheckId::ClearTrackWithIvs, Base::Dual, |n| {
        remove(n, code(b"sinf"));
        each(n, code(b"encv"), &mut |entry| entry.kind = code(b"avc1"));
        each(n, code(b"enca"), &mut |entry| entry.kind = code(b"mp4a"));
    }),
    (CheckId::ProtectedEntryNotFirst, Base::Dual, |n| {
        first(n, code(b"stsd"), |stsd| {
            let mut clear = stsd.children()[0].clone();
            clear.kind = code(b"avc1");
            clear.children_mut().unwrap().retain(|node| node.kind != code(b"sinf"));
            stsd.children_mut().unwrap().insert(0, clear);
        })
    }),
    (CheckId::PiffVersion, Base::Dual, |n| {
        first(n, PIFF_SENC, |node| {
            if let Content::Leaf(body) = &mut node.content {
                body[0] = 1;
            }
        })
    }),
    (CheckId::SencOverride, Base::Piff, |n| {
        first(n, PIFF_SENC, |node| {
            if let Content::Leaf(body) = &mut node.content {
                body[3] |= 1;
                let tenc = [&[0, 0, 1, 8][..], &Kid::parse(KID).unwrap().0].concat();
                body.splice(4..4, tenc);
            }
        })
    }),
    (CheckId::SencFlags, Base::Dual, |n| {
        first(n, SENC, |node| {
            if let Content::Leaf(body) = &mut node.content {
                body[2] = 1;
            }
        })
    }),
    (CheckId::UuidSwapped, Base::Piff, |n| {
        each(n, PIFF_TENC, &mut |node| {
            let BoxType::Uuid(uuid) = node.kind else { unreachable!() };
            node.kind = BoxType::Uuid(Uuid::swapped(uuid));
        })
    }),
    (CheckId::AlgorithmCbc, Base::Piff, |n| {
        each(n, PIFF_TENC, &mut |node| {
            let tenc = Tenc { is_protected: 2, iv_size: 16, ..Tenc::parse(node).unwrap() };
            node.content = tenc.to_node().content;
        })
    }),
    (CheckId::AlgorithmNoneWithIvs, Base::Piff, |n| {
        each(n, PIFF_TENC, &mut |node| {
            let tenc = Tenc { is_protected: 0, ..Tenc::parse(node).unwrap() };
            node.content = tenc.to_node().content;
        })
    }),
    (CheckId::BitrateDiffers, Base::Clear, |n| {
        first(n, code(b"avc1"), |entry| {
            let btrt = Btrt { buffer_size: 0, max_bitrate: 9_000_000, avg_bitrate: 9_000_000 };
            entry.children_mut().unwrap().push(btrt.to_node());
        })
    }),
    (CheckId::BitrateMissing, Base::Clear, |_| {}),
    (CheckId::NalLengthSize, Base::Clear, |n| {
        each(n, code(b"avcC"), &mut |node| {
            if let Content::Leaf(body) = &mut node.content {
                body[4] = 0xfd;
            }
        })
    }),
    (CheckId::NegativeCtsV0, Base::Clear, |n| {
        typed::<Trun>(n, |t| {
            (t.version, t.flags) = (0, t.flags | Trun::COMPOSITION);
            t.rows[0].composition_offset = -1;
        })
    }),
    (CheckId::TrackIdMismatch, Base::Clear, |n| typed::<Tfra>(n, |t| t.track_id += 7)),
    (CheckId::UnknownTrack, Base::Clear, |n| typed::<Tfhd>(n, |t| t.track_id += 7)),
    (CheckId::TrexMissing, Base::Clear, |n| remove(n, Trex::KIND)),
    (CheckId::DurationsDisagree, Base::Clear, |n| {
        typed::<Mvhd>(n, |m| m.duration = 99 * u64::from(m.timescale))
    }),
    (CheckId::Sequence, Base::Clear, |n| typed::<Mfhd>(n, |m| m.sequence_number = 0)),
    (CheckId::LooksClear, Base::Dual, |n| {
        // The boxes of the protected file, the media of the clear one.
        let clear = open(&fixture("h264_aac.ismv"));
        let mut media = clear.into_iter().filter(|node| node.kind == code(b"mdat"));
        for node in n.iter_mut().filter(|node| node.kind == code(b"mdat")) {
            *node = media.next().unwrap();
        }
    }),
    (CheckId::DefaultSize, Base::Clear, |n| typed::<Tfhd>(n, |t| t.sample_duration = Some(1))),
    (CheckId::NoMoov, Base::Clear, |n| {
        n.retain(|node| [code(b"ftyp"), code(b"mdat")].contains(&node.kind));
    }),
    (CheckId::MediaSegment, Base::Clear, |n| remove(n, code(b"moov"))),
    (CheckId::WrmNoKid, Base::Dual, |n| {
        header_xml(
            n,
            &xml("4.0.0.0", "<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO>"),
        );
    }),
    (CheckId::WrmChecksum, Base::Dual, |n| {
        header_xml(
            n,
            &xml("4.0.0.0", "<KID>AmfjCTOPbEOl3WD/5mcecA==</KID><CHECKSUM>AAAA</CHECKSUM>"),
        );
    }),
    (CheckId::OtherSystemsData, Base::Dual, |n| header(n, WIDEVINE_DATA.to_vec())),
    (CheckId::WidevineKidText, Base::Dual, |n| {
        let text = KID.replace('-', "");
        widevine(n, [&b"\x08\x01\x12\x20"[..], text.as_bytes()].concat());
    }),
    (CheckId::SystemKid, Base::Dual, |n| {
        widevine(n, [&WIDEVINE_DATA[..4], &[7; 16]].concat());
    }),
    (CheckId::SystemScheme, Base::Dual, |n| {
        widevine(n, [WIDEVINE_DATA, b"\x48\xf3\xc6\x89\x9b\x06"].concat());
    }),
    (CheckId::LooksEncrypted, Base::Dual, |n| {
        let clear = open(&base(Base::Clear));
        let entry = clear.iter().find(|node| node.kind == code(b"moov")).unwrap().clone();
        for kind in [SENC, PIFF_SENC, code(b"saiz"), code(b"saio")] {
            each(n, code(b"traf"), &mut |traf| {
                // What is taken out leaves a hole of its size: offsets stay.
                for node in traf.children_mut().unwrap().iter_mut().filter(|c| c.kind == kind) {
                    let size = node.size() as usize - 8;
                    *node = Node::leaf(code(b"free"), vec![0; size]);
                }
            });
        }
        let moov = n.iter().position(|node| node.kind == code(b"moov")).unwrap();
        let before = n[moov].size();
        n[moov] = entry;
        let room = (before - n[moov].size() - 8) as usize;
        n.insert(moov + 1, Node::leaf(code(b"free"), vec![0; room]));
    }),
    (CheckId::SecondMoov, Base::Clear, |n| {
        let moov = n.iter().find(|node| node.kind == code(b"moov")).unwrap().clone();
        n.push(moov);
    }),
    (CheckId::NoTracks, Base::Clear, |n| {
        n.retain(|node| [code(b"ftyp"), code(b"moov")].contains(&node.kind));
        remove(n, code(b"trak"));
    }),
    (CheckId::NoFragments, Base::Clear, |n| {
        n.retain(|node| [code(b"ftyp"), code(b"moov")].contains(&node.kind))
    }),
    (CheckId::UuidTooShort, Base::Clear, |n| n.insert(1, Node::leaf(code(b"uuid"), vec![0; 10]))),
    (CheckId::C2pa, Base::Clear, |n| {
        let body = b"\0\0\0\0manifest\0\0\0\0\0\0\0\0\0jumb".to_vec();
        n.insert(1, Node::leaf(ismvault::format::boxes::tables::C2PA, body));
    }),
    (CheckId::LiveManifest, Base::Clear, |n| {
        n.insert(
            1,
            Node::leaf(ismvault::format::boxes::piff::LIVE_MANIFEST, b"\0\0\0\0<smil/>".to_vec()),
        );
    }),
    (CheckId::NoPlayreadyHeader, Base::Dual, |n| remove(n, Pssh::KIND)),
    (CheckId::OtherSystemsOnly, Base::Cenc, |n| remove(n, Pssh::KIND)),
    (CheckId::NoCodecConfiguration, Base::Clear, |n| remove(n, code(b"avcC"))),
    (CheckId::NoIvs, Base::Dual, |n| {
        for kind in [SENC, PIFF_SENC, Saiz::KIND, Saio::KIND] {
            remove(n, kind);
        }
    }),
    (CheckId::SaioOutside, Base::Dual, |n| {
        remove(n, SENC);
        remove(n, PIFF_SENC);
        typed::<Saio>(n, |s| s.offsets[0] = 1 << 20);
    }),
    (CheckId::BoxMissing, Base::Clear, |n| remove(n, Mdhd::KIND)),
    (CheckId::OpaqueSampleEntry, Base::TwoAudio, |n| {
        first(n, code(b"encv"), |entry| {
            *entry = Node::leaf(code(b"enct"), vec![1; 40]);
        })
    }),
];

fn unalign(nodes: &mut [Node]) {
    senc(nodes, |s| {
        s.samples[0].subsamples[0].clear += 1;
        s.samples[0].subsamples[0].protected -= 1;
    });
}

fn size_of_sample(subsamples: &[Subsample]) -> u32 {
    subsamples.iter().map(|s| u32::from(s.clear) + s.protected).sum()
}

fn both_tencs(nodes: &mut [Node], kid: Kid) {
    for kind in [Tenc::KIND, PIFF_TENC] {
        each(nodes, kind, &mut |node| {
            let tenc = Tenc { kid, ..Tenc::parse(node).unwrap() };
            node.content = tenc.to_node().content;
        });
    }
}

fn first_tencs(nodes: &mut [Node], kid: Kid) {
    for kind in [Tenc::KIND, PIFF_TENC] {
        first(nodes, kind, |node| {
            let tenc = Tenc { kid, ..Tenc::parse(node).unwrap() };
            node.content = tenc.to_node().content;
        });
    }
}

/// The first two fragments, of two tracks, in one `moof`.
fn merge_fragments(nodes: &mut Vec<Node>) {
    let moofs: Vec<usize> =
        (0..nodes.len()).filter(|i| nodes[*i].kind == code(b"moof")).take(2).collect();
    let mut second = nodes[moofs[1]].clone();
    let traf = second.children_mut().unwrap().pop().unwrap();
    nodes[moofs[0]].children_mut().unwrap().push(traf);
    nodes.remove(moofs[1]);
}

#[test]
fn every_check_has_a_file_that_trips_it() {
    let (mut tripped, mut silent) = (BTreeSet::new(), Vec::new());
    for (id, from, edit) in CASES {
        let healthy = base(*from);
        let mut nodes = open(&healthy);
        edit(&mut nodes);
        let movie = inspect(&close(&nodes));
        let ids: Vec<CheckId> = movie.findings.iter().map(|f| f.check.id).collect();
        let found = movie.findings.iter().find(|f| f.check.id == *id);
        tripped.insert(*id);
        let Some(found) = found else {
            silent.push(format!("{id} is not among {ids:?}"));
            continue;
        };
        assert!(found.message.ends_with(['.', '?']), "{id}: {}", found.message);
        assert!(found.at.is_some(), "{id} has no place");
        // What the case changed is what trips it.
        let same = close(&open(&healthy)) == close(&nodes);
        let before = inspect(&healthy).findings.iter().any(|f| f.check.id == *id);
        assert!(same || !before, "{id} is in the healthy file too");
    }
    assert_eq!(silent, Vec::<String>::new());
    tripped.extend(SETS.iter().map(|(id, _)| *id));
    // These have tests of their own.
    tripped.extend([CheckId::MoreFindings, CheckId::SamplesInMoovToo]); // unusual.rs
    tripped.extend([CheckId::SencLeftOver]); // unusual.rs
    tripped.extend([CheckId::BytesBetween, CheckId::FileCut]); // unusual.rs
    tripped.extend([CheckId::ChecksumWrong, CheckId::ChecksumSwapped, CheckId::DecryptFailed]); // key.rs
    tripped.extend([CheckId::Unreadable]); // cli.rs
    tripped.extend([CheckId::IvLimit]); // a million IVs: too large for a test
    let without: Vec<CheckId> =
        CHECKS.iter().map(|check| check.id).filter(|id| !tripped.contains(id)).collect();
    assert_eq!(without, Vec::<CheckId>::new(), "checks without a case");
}

/// The file with a PlayReady header of its tracks' KIDs alone.
fn with_new_header(file: &[u8]) -> ismvault::Result<Vec<u8>> {
    let movie = inspect(file);
    let mut header = NewHeader::default();
    for protection in movie.tracks.iter().filter_map(|track| track.protection()) {
        let Some(kid) = protection.kid else { continue };
        if !header.keys.iter().any(|key| key.kid == kid) {
            header.keys.push(NewKey { kid, checksum: None });
        }
        header.mode = protection.mode().unwrap_or(CipherMode::Ctr);
    }
    header.version = HeaderVersion::V4_3;
    let mut change = HeaderChange::new(&movie, &header)?;
    drive(&mut change, file, 1 << 20)?;
    output_of(change.finish()?, file)
}

#[test]
fn what_takes_a_finding_away_is_told() {
    let (mut told, mut wrong) = (BTreeSet::new(), Vec::new());
    for (id, from, edit) in CASES {
        let mut nodes = open(&base(*from));
        edit(&mut nodes);
        let file = close(&nodes);
        let gone = |file: Vec<u8>| !inspect(&file).findings.iter().any(|f| f.check.id == *id);
        let check = id.check();
        if check.severity == Severity::Info {
            continue;
        }
        let repaired = in_order(&file, Rewriting::repair().options().unwrap());
        let mend = if repaired.is_ok_and(gone) {
            Some(Mend::Repair)
        } else if (13..=26).contains(&check.number) && with_new_header(&file).is_ok_and(gone) {
            Some(Mend::Header)
        } else {
            None
        };
        if mend != check.mend {
            wrong.push((*id, mend));
        }
        told.extend(mend.map(|_| *id));
    }
    assert_eq!(wrong, []);
    // Of others a repair is tried in unusual.rs and by cases.
    told.extend([CheckId::BytesBetween, CheckId::FileCut]);
    let claimed: BTreeSet<_> = CHECKS.iter().filter(|c| c.mend.is_some()).map(|c| c.id).collect();
    assert_eq!(told, claimed);
}

#[test]
fn healthy_files_have_no_errors() {
    for name in CLEAR {
        let clear = fixture(name);
        let mut files = vec![("clear", clear.clone())];
        for profile in ["dual", "piff", "cenc"] {
            files.push((profile, protect(&clear, &options(profile)).unwrap()));
        }
        for (profile, file) in files {
            let grave: Vec<_> = inspect(&file)
                .findings
                .into_iter()
                .filter(|f| f.severity() == Severity::Error)
                .map(|f| f.message)
                .collect();
            assert_eq!(grave, Vec::<String>::new(), "{name} {profile}");
        }
    }
}

#[test]
fn a_reused_iv_comes_with_its_proof() {
    let file = base(Base::Dual);
    let mut nodes = open(&file);
    senc(&mut nodes, |s| s.samples[1].iv = s.samples[0].iv.clone());
    let movie = inspect(&close(&nodes));
    let finding = movie.findings.iter().find(|f| f.check.id == CheckId::IvReused).unwrap();
    assert_eq!(finding.evidence.len(), 3, "{finding:?}");
    assert!(finding.message.contains("1122334455667788"), "{}", finding.message);
    // The XOR line is that of the two above it.
    let hex = |line: &str| {
        let text = line.rsplit(' ').next().unwrap();
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect::<Vec<u8>>()
    };
    let [a, b, xor] = [0, 1, 2].map(|i| hex(&finding.evidence[i]));
    assert_eq!(xor, a.iter().zip(&b).map(|(a, b)| a ^ b).collect::<Vec<u8>>());
}

/// Files, and manifests.
type Set = (Vec<(String, Vec<u8>)>, Vec<(String, String)>);
type SetCase = fn(&[u8], &[u8]) -> Set;

/// A client manifest for `h264_aac.ismv`, made from the file.
fn ismc(file: &[u8], edit: impl Fn(String) -> String) -> String {
    let movie = inspect(file);
    let mut streams = String::new();
    for track in &movie.tracks {
        let kind = track.kind.word();
        let rate =
            ismvault::model::bitrate(track.totals.bytes, track.totals.duration, track.timescale);
        let data = track.codec().unwrap().private_data.clone().unwrap();
        let data: String = data.iter().map(|b| format!("{b:02x}")).collect();
        let fourcc = if kind == "video" { "H264" } else { "AACL" };
        let runs = movie.fragments.iter().flat_map(|f| &f.runs).filter(|r| r.track_id == track.id);
        let chunks: Vec<String> = runs
            .map(|run| {
                let start = run.tfxd.unwrap().0.max(0);
                format!("<c t=\"{start}\" d=\"{}\"/>", run.duration)
            })
            .collect();
        streams += &format!(
            "<StreamIndex Type=\"{kind}\" Chunks=\"{}\"><QualityLevel Index=\"0\" Bitrate=\"{}\" \
             FourCC=\"{fourcc}\" CodecPrivateData=\"{data}\" NALUnitLengthField=\"4\"/>{}</StreamIndex>",
            chunks.len(),
            rate.unwrap(),
            chunks.concat()
        );
    }
    let header = movie.systems.iter().find(|s| s.system_id == PLAYREADY).map(|system| {
        format!(
            "<Protection><ProtectionHeader SystemID=\"{PLAYREADY}\">{}</ProtectionHeader></Protection>",
            STANDARD.encode(&system.data)
        )
    });
    edit(format!(
        "<SmoothStreamingMedia MajorVersion=\"2\" MinorVersion=\"0\" Duration=\"40213333\">{streams}{}\
         </SmoothStreamingMedia>",
        header.unwrap_or_default()
    ))
}

fn ism(file: &[u8], edit: impl Fn(String) -> String) -> String {
    let tracks: String = inspect(file)
        .tracks
        .iter()
        .map(|track| {
            let rate = ismvault::model::bitrate(track.totals.bytes, track.totals.duration, track.timescale);
            format!(
                "<{0} src=\"a.ismv\" systemBitrate=\"{1}\"><param name=\"trackID\" value=\"{2}\"/></{0}>",
                track.kind.word(),
                rate.unwrap(),
                track.id
            )
        })
        .collect();
    edit(format!(
        "<smil xmlns=\"http://www.w3.org/2001/SMIL20/Language\"><head><meta \
         name=\"clientManifestRelativePath\" content=\"a.ismc\"/></head><body><switch>{tracks}\
         </switch></body></smil>"
    ))
}

fn with(file: &[u8], name: &str, text: String) -> Set {
    (vec![("a.ismv".into(), file.to_vec())], vec![(name.into(), text)])
}

fn object() -> String {
    STANDARD.encode(new_header().object().unwrap())
}

fn playlist(method: &str, tags: &[&str]) -> String {
    let mut text = "#EXTM3U\n".to_owned();
    for tag in tags {
        text += &format!(
            "#{tag}:METHOD={method},URI=\"data:text/plain;charset=UTF-16;base64,{}\",\
             KEYFORMAT=\"com.microsoft.playready\",KEYFORMATVERSIONS=\"1\"\n",
            object()
        );
    }
    text
}

/// A manifest with a header of the KID that all cases use.
fn mpd(scheme: &str, default_kid: Option<&str>) -> String {
    let kid = default_kid.map_or(String::new(), |kid| format!(" cenc:default_KID=\"{kid}\""));
    format!(
        "<MPD><ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" \
         value=\"{scheme}\"{kid}/><ContentProtection schemeIdUri=\"urn:uuid:{PLAYREADY}\">\
         <mspr:pro>{}</mspr:pro></ContentProtection></MPD>",
        object()
    )
}

/// Sets that trip one check each: from the clear file, and the protected one.
const SETS: &[(CheckId, SetCase)] = &[
    (CheckId::IvReused, |_, dual| {
        (vec![("a.ismv".into(), dual.to_vec()), ("b.ismv".into(), base(Base::Piff))], Vec::new())
    }),
    (CheckId::KeyInTwoModes, |_, dual| {
        let mut nodes = open(dual);
        typed::<Schm>(&mut nodes, |s| s.scheme = FourCc(*b"cbcs"));
        (vec![("a.ismv".into(), dual.to_vec()), ("b.ismv".into(), close(&nodes))], Vec::new())
    }),
    (CheckId::BoundariesDiffer, |clear, _| {
        (
            vec![("a.ismv".into(), clear.to_vec()), ("b.ismv".into(), fixture("hevc.ismv"))],
            Vec::new(),
        )
    }),
    (CheckId::ChunksDiffer, |clear, _| {
        with(
            clear,
            "a.ismc",
            ismc(clear, |t| t.replacen("d=\"2", "d=\"3", 1).replacen("t=\"2", "t=\"3", 1)),
        )
    }),
    (CheckId::BitrateTwice, |clear, _| {
        with(
            clear,
            "a.ismc",
            ismc(clear, |t| {
                let from = t.find("<QualityLevel").unwrap();
                let to = t.find("<c ").unwrap();
                let level = t[from..to].to_owned();
                t.replacen(&level, &format!("{level}{level}"), 1)
            }),
        )
    }),
    (CheckId::TimeGap, |clear, _| {
        with(
            clear,
            "a.ismc",
            "<SmoothStreamingMedia><StreamIndex Type=\"video\"><c t=\"0\" d=\"20000000\"/>\
            <c t=\"30000000\" d=\"20000000\"/></StreamIndex></SmoothStreamingMedia>"
                .into(),
        )
    }),
    (CheckId::CodecPrivateData, |clear, _| {
        with(
            clear,
            "a.ismc",
            ismc(clear, |t| {
                t.replacen(
                    "CodecPrivateData=\"00000001",
                    "CodecPrivateData=\"0000000167ff00000001",
                    1,
                )
            }),
        )
    }),
    (CheckId::FourccDiffers, |clear, _| {
        with(clear, "a.ismc", ismc(clear, |t| t.replace("H264", "WVC1")))
    }),
    (CheckId::ManifestHeaderDiffers, |_, dual| {
        with(
            dual,
            "a.ismc",
            ismc(dual, |t| {
                let from = t.find("ProtectionHeader SystemID").unwrap();
                let from = from + t[from..].find('>').unwrap() + 1;
                let to = from + t[from..].find('<').unwrap();
                let other = NewHeader { la_url: None, ..new_header() };
                format!("{}{}{}", &t[..from], STANDARD.encode(other.object().unwrap()), &t[to..])
            }),
        )
    }),
    (CheckId::HeaderMixedUp, |_, dual| {
        with(
            dual,
            "a.mpd",
            format!(
                "<MPD><ContentProtection schemeIdUri=\"urn:uuid:{PLAYREADY}\"><cenc:pssh>{}</cenc:pssh></ContentProtection></MPD>",
                object()
            ),
        )
    }),
    (CheckId::ElsInManifest, |_, dual| {
        let mut store = new_header().object().unwrap();
        store.extend([3, 0, 4, 0, 1, 2, 3, 4]);
        store[4] = 2;
        let length = store.len() as u32;
        store[..4].copy_from_slice(&length.to_le_bytes());
        with(
            dual,
            "a.ismc",
            format!(
                "<SmoothStreamingMedia><Protection><ProtectionHeader SystemID=\"{PLAYREADY}\">{}</ProtectionHeader></Protection></SmoothStreamingMedia>",
                STANDARD.encode(store)
            ),
        )
    }),
    (CheckId::HlsMethod, |_, dual| {
        with(dual, "a.m3u8", playlist("SAMPLE-AES", &["EXT-X-KEY", "EXT-X-SESSION-KEY"]))
    }),
    (CheckId::HlsSessionKey, |_, dual| {
        let list = playlist("SAMPLE-AES-CTR", &["EXT-X-KEY"]);
        with(dual, "a.m3u8", list + "#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n")
    }),
    (CheckId::DefaultKidSwapped, |_, dual| {
        with(dual, "a.mpd", mpd("cenc", Some("0267e309-338f-6c43-a5dd-60ffe6671e70")))
    }),
    (CheckId::DefaultKidDiffers, |_, dual| {
        with(dual, "a.mpd", mpd("cenc", Some("11111111-2222-3333-4444-555555555555")))
    }),
    (CheckId::NoDefaultKid, |_, dual| with(dual, "a.mpd", mpd("cenc", None))),
    (CheckId::ManifestKid, |_, dual| with(dual, "a.mpd", mpd("cenc", Some("CeNnAo8zQ2yl")))),
    (CheckId::ManifestScheme, |_, dual| with(dual, "a.mpd", mpd("cbcs", Some(KID)))),
    (CheckId::ManifestHeadersDiffer, |_, dual| {
        let other = Kid::parse("11111111-2222-3333-4444-555555555555").unwrap();
        let key = NewKey { kid: other, checksum: None };
        let other = NewHeader { keys: vec![key], ..new_header() };
        let boxed = playready::pssh(other.object().unwrap()).to_node().to_bytes();
        let pssh = format!("<cenc:pssh>{}</cenc:pssh><mspr:pro>", STANDARD.encode(boxed));
        with(dual, "a.mpd", mpd("cenc", Some(KID)).replace("<mspr:pro>", &pssh))
    }),
    (CheckId::ManifestFileMissing, |clear, _| {
        with(clear, "a.ism", ism(clear, |t| t.replacen("a.ismv", "b.ismv", 1)))
    }),
    (CheckId::TrackIdMismatch, |clear, _| {
        with(clear, "a.ism", ism(clear, |t| t.replacen("value=\"1\"", "value=\"9\"", 1)))
    }),
    (CheckId::BitrateDiffers, |clear, _| {
        with(clear, "a.ism", ism(clear, |t| t.replacen("systemBitrate=\"", "systemBitrate=\"9", 1)))
    }),
    (CheckId::TimescaleNotSmooth, |clear, _| {
        with(
            clear,
            "a.ismc",
            ismc(clear, |t| t.replace("Duration=", "TimeScale=\"1000\" Duration=")),
        )
    }),
    (CheckId::DurationsDisagree, |clear, _| {
        with(clear, "a.ismc", ismc(clear, |t| t.replace("Duration=\"4", "Duration=\"9")))
    }),
    (CheckId::KidByteSwapped, |_, dual| {
        let swapped = Kid::parse(KID).unwrap().swapped();
        let key = NewKey { kid: swapped, checksum: None };
        let object = NewHeader { keys: vec![key], ..new_header() }.object().unwrap();
        let text = format!(
            "<SmoothStreamingMedia><Protection><ProtectionHeader SystemID=\"{PLAYREADY}\">{}\
             </ProtectionHeader></Protection></SmoothStreamingMedia>",
            STANDARD.encode(object)
        );
        with(dual, "a.ismc", text)
    }),
    (CheckId::ManifestXml, |_, _| (Vec::new(), Vec::new())), // below
];

fn check_set(files: &[(String, Vec<u8>)], manifests: &[(String, String)]) -> Vec<Finding> {
    let movies: Vec<_> = files.iter().map(|(name, file)| (name.clone(), inspect(file))).collect();
    let manifests = manifests
        .iter()
        .map(|(name, text)| (name.clone(), Manifest::parse(text.as_bytes()).unwrap()))
        .collect();
    let files = movies.iter().map(|(name, movie)| (name.clone(), movie)).collect();
    FileSet { files, manifests, ..FileSet::default() }.check()
}

#[test]
fn every_check_between_files_has_a_set_that_trips_it() {
    let clear = fixture("h264_aac.ismv");
    let dual = base(Base::Dual);
    for (id, make) in SETS.iter().filter(|(id, _)| *id != CheckId::ManifestXml) {
        let (files, manifests) = make(&clear, &dual);
        let found = check_set(&files, &manifests);
        let ids: Vec<CheckId> = found.iter().map(|f| f.check.id).collect();
        let finding = found.iter().find(|f| f.check.id == *id);
        let finding = finding.unwrap_or_else(|| panic!("{id} is not among {ids:?}"));
        assert!(finding.file.is_some(), "{id} names no file");
    }
    assert_eq!(Manifest::parse(b"<smil>").unwrap_err().code, Code::ManifestXml);
}

#[test]
fn a_healthy_set_has_nothing_wrong() {
    let clear = fixture("h264_aac.ismv");
    let dual = base(Base::Dual);
    for (file, more) in [(&clear, None), (&dual, Some(()))] {
        let mut manifests =
            vec![("a.ism".to_owned(), ism(file, |t| t)), ("a.ismc".to_owned(), ismc(file, |t| t))];
        if more.is_some() {
            let tags = ["EXT-X-SESSION-KEY", "EXT-X-KEY"];
            let list = playlist("SAMPLE-AES-CTR", &tags);
            let list = list + "#EXT-X-STREAM-INF:BANDWIDTH=1\nb.m3u8\n";
            manifests.push(("a.m3u8".into(), list));
            let boxed = playready::pssh(new_header().object().unwrap()).to_node().to_bytes();
            manifests.push(("a.mpd".into(), format!(
                "<MPD><ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"cenc\" \
                 cenc:default_KID=\"{KID}\"/><ContentProtection schemeIdUri=\"urn:uuid:{PLAYREADY}\">\
                 <cenc:pssh>{}</cenc:pssh><mspr:pro>{}</mspr:pro></ContentProtection></MPD>",
                STANDARD.encode(boxed),
                object()
            )));
        }
        let found = check_set(&[("a.ismv".into(), file.clone())], &manifests);
        let messages: Vec<&String> = found.iter().map(|f| &f.message).collect();
        assert_eq!(messages, Vec::<&String>::new());
    }
}
