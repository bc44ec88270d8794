//! The site of documentation: guide, checks, JSON, package and crate, in one folder.

use crate::{cargo, package, root, run, tools};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds `target/book`, and follows its links.
pub(crate) fn docs() -> Result<()> {
    let Some(folder) = tools::mdbook() else {
        bail!("mdBook is needed, and cannot be built here");
    };
    run(Command::new(folder.join("mdbook")).args(["build", "docs"]))?;
    run(&mut cargo(&["doc", "--quiet", "--no-deps", "--package", "ismvault"]))?;
    let book = root().join("target/book");
    package::copy(&root().join("docs/pictures"), &book.join("pictures"), "", &mut Vec::new())?;
    package::copy(&root().join("target/doc"), &book.join("api"), "", &mut Vec::new())?;
    let broken = broken_links(&book)?;
    if !broken.is_empty() {
        bail!("links that lead nowhere:\n{}", broken.join("\n"));
    }
    println!("{}", book.join("index.html").display());
    Ok(())
}

/// Links of the pages to files that are not there, or to places not in them. The pages
/// of the crate are rustdoc's, which checks its own.
fn broken_links(book: &Path) -> Result<Vec<String>> {
    let mut broken = BTreeSet::new();
    for entry in fs::read_dir(book)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        let page = fs::read_to_string(&path)?;
        for link in links(&page) {
            if link.contains("://") || link.starts_with("data:") || link.starts_with("mailto:") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = match file {
                "" => path.clone(),
                file => book.join(file.split('?').next().unwrap_or(file)),
            };
            let there = match (target.is_file(), place) {
                (there, "") => there || target.is_dir(),
                (true, place) => {
                    let named = format!("id=\"{place}\"");
                    fs::read_to_string(&target).is_ok_and(|text| text.contains(&named))
                }
                (false, _) => false,
            };
            if !there {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                broken.insert(format!("{name}: {link}"));
            }
        }
    }
    Ok(broken.into_iter().collect())
}

/// What `href` and `src` name.
fn links(page: &str) -> impl Iterator<Item = &str> {
    ["href=\"", "src=\""]
        .into_iter()
        .flat_map(move |name| page.split(name).skip(1).filter_map(|rest| rest.split('"').next()))
}
