//! DRM systems: who they are, and what is in their headers.

pub mod playready;
pub mod widevine;

use crate::format::boxes::protection::Pssh;
use crate::format::ids::SystemId;

/// A DRM system that may have a `pssh`.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// Its SystemID.
    pub id: SystemId,
    /// Its name as people say it.
    pub name: &'static str,
}

const fn system(id: u128, name: &'static str) -> System {
    System { id: SystemId::of(id), name }
}

/// Microsoft PlayReady.
pub const PLAYREADY: SystemId = SystemId::of(0x9a04f079_9840_4286_ab92_e65be0885f95);
/// Google Widevine.
pub const WIDEVINE: SystemId = SystemId::of(0xedef8ba9_79d6_4ace_a3c8_27dcd51d21ed);
/// The W3C's system for all: lists KIDs, and nothing else.
pub const COMMON: SystemId = SystemId::of(0x1077efec_c0b2_4d02_ace3_3c1e52e2fb4b);

/// Every system we can name (facts §6).
pub const SYSTEMS: &[System] = &[
    System { id: PLAYREADY, name: "PlayReady" },
    System { id: COMMON, name: "W3C Common" },
    System { id: WIDEVINE, name: "Widevine" },
    system(0x94ce86fb_07ff_4f43_adb8_93d2fa968ca2, "FairPlay"),
    system(0x29701fe4_3cc7_4a34_8c5b_ae90c7439a47, "FairPlay (legacy)"),
    system(0xe2719d58_a985_b3c9_781a_b030af78d30e, "ClearKey (DASH-IF)"),
    system(0x3ea8778f_7742_4bf9_b18b_e834b2acbd47, "ClearKey AES-128 (HLS)"),
    system(0xbe58615b_19c4_4684_88b3_c8c57e99e957, "ClearKey SAMPLE-AES (HLS)"),
    system(0x5e629af5_38da_4063_8977_97ffbd9902d4, "Marlin"),
    system(0x69f908af_4816_46ea_910c_cd5dcccb0a3a, "Marlin (pssh)"),
    system(0xf239e769_efa3_4850_9c16_a903c6932efb, "Adobe Primetime"),
    system(0xadb41c24_2dbf_4a6d_958b_4457c0d27b95, "Nagra MediaAccess PRM"),
    system(0x9a27dd82_fde2_4725_8cbc_4234aa06ec09, "Verimatrix VCAS"),
    system(0x80a6be7e_1448_4c37_9e70_d5aebe04c8d2, "Irdeto"),
    system(0x3d5e6d35_9b9a_41e8_b843_dd3c6e72c42c, "ChinaDRM or WisePlay"),
    system(0xb4413586_c58c_ffb0_94a5_d4896c1af6c3, "Viaccess-Orca"),
    system(0xa68129d3_575b_4f1a_9cba_3223846cf7c3, "VideoGuard"),
    system(0x45d481cb_8fe0_49c0_ada9_ab2d2455b2f2, "CoreCrypt"),
    system(0x1f83e1e8_6ee9_4f0d_ba2f_5ec4e3ed1a66, "SecureMedia"),
    system(0x992c46e6_c437_4899_b6a0_50fa91ad0e39, "SteelKnot"),
    system(0x644fe7b5_260f_4fad_949a_0762ffb054b4, "CMLA"),
    system(0x35bf197b_530e_42d7_8b65_1b4bf415070f, "DivX"),
    system(0x6a99532d_869f_5922_9a91_113ab7b1e2f3, "MobiTV"),
    system(0xdcf4e3e3_62f1_5818_7ba6_0a6fe33ff3dd, "DigiCAP"),
    system(0x279fe473_512c_48fe_ade8_d176fee6b40f, "Arris Titanium"),
    system(0x37c33258_7b99_4c7e_b15d_19af74482154, "Commscope Titanium V3"),
    system(0x6dd8b3c3_45f4_4a68_bf3a_64168d01a4a6, "ABV"),
    system(0x616c7469_6361_7374_2d50_726f74656374, "Alticast"),
    system(0xaa11967f_cc01_4a4a_8e99_c5d3dddfea2d, "UDRM"),
    system(0x793b7956_9f94_4946_a942_23e7ef7e44b4, "VisionCrypt"),
    system(0x67706163_6365_6e63_6472_6d746f6f6c31, "GPAC test"),
];

/// The name of a system, if it has one here.
pub fn name(id: SystemId) -> Option<&'static str> {
    SYSTEMS.iter().find(|system| system.id == id).map(|system| system.name)
}

/// The W3C Common header for these keys: what EME ClearKey in browsers reads.
pub fn common_pssh(kids: Vec<crate::format::ids::Kid>) -> Pssh {
    Pssh { version: 1, flags: 0, system_id: COMMON, kids, data: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_system_is_listed_twice() {
        for (i, system) in SYSTEMS.iter().enumerate() {
            assert!(!SYSTEMS[..i].iter().any(|s| s.id == system.id || s.name == system.name));
            assert_eq!(name(system.id), Some(system.name));
        }
    }
}

/// What a SystemID that is not known was meant to be: one in GUID byte order, or
/// with a digit or two wrong.
pub fn meant(id: SystemId) -> Option<Meant> {
    if name(id).is_some() {
        return None;
    }
    if name(id.swapped()).is_some() {
        return Some(Meant::Swapped(id.swapped()));
    }
    let digits = |id: SystemId| id.to_string().into_bytes();
    let own = digits(id);
    let near =
        |system: &&System| digits(system.id).iter().zip(&own).filter(|(a, b)| a != b).count() <= 2;
    SYSTEMS.iter().find(near).map(|system| Meant::Misspelt(system.id))
}

/// See [`meant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// The system whose ID it is in GUID byte order.
    Swapped(SystemId),
    /// The system whose ID it almost is.
    Misspelt(SystemId),
}

impl Meant {
    /// Which system.
    pub fn system(self) -> SystemId {
        let (Self::Swapped(id) | Self::Misspelt(id)) = self;
        id
    }

    /// What is wrong, in words.
    pub fn sentence(self) -> String {
        let name = name(self.system()).unwrap_or("another system");
        match self {
            Self::Swapped(_) => format!(
                "The SystemID is {name}'s in GUID byte order; in a box it stands as it is printed, \
                 so no client finds this header."
            ),
            Self::Misspelt(_) => format!(
                "The SystemID is {name}'s but for a digit or two; no client finds this header."
            ),
        }
    }
}
