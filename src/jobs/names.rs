//! Names of files: what an extension says, and what outputs are called.

/// Extensions of files with media.
pub const MEDIA: &[&str] = &[
    "ismv", "isma", "ismt", "mp4", "m4v", "m4a", "m4s", "cmfv", "cmfa", "cmft", "mov", "uvu",
    "uvv", "uva",
];

/// Extensions of manifests.
pub const MANIFESTS: &[&str] = &["ism", "ismc", "mpd", "m3u8"];

/// What is behind the last dot of a path's last part, in lower case.
pub fn extension(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase())
}

/// What is in front of it.
pub fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Whether a name is that of a file with media.
pub fn is_media(path: &str) -> bool {
    extension(path).is_some_and(|extension| MEDIA.contains(&&*extension))
}

/// Whether a name is that of a manifest.
pub fn is_manifest(path: &str) -> bool {
    extension(path).is_some_and(|extension| MANIFESTS.contains(&&*extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_at_their_last_dot() {
        assert_eq!(stem("a.b/show.S01.E02.ismv"), "show.S01.E02");
        assert_eq!(stem("a\\film"), "film");
        assert!(is_media("X.ISMV") && !is_media("x.ism") && !is_media("ismv"));
        assert!(is_manifest("on.demand.ismc") && !is_manifest("Manifest"));
    }
}
