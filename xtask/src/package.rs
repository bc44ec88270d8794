//! From Rust to `pkg/`, and from there to `dist/`.

use crate::{cargo, root, run, tools};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";
/// What the build puts into `pkg/`.
const MADE: [&str; 4] =
    ["ismvault.js", "ismvault.d.ts", "ismvault_bg.wasm", "ismvault_bg.wasm.d.ts"];

/// The module for browsers without 128-bit vectors; its face is the same.
const PLAIN: &str = "plain_bg.wasm";

/// Builds the WebAssembly package.
pub(crate) fn build() -> Result<()> {
    ensure_target()?;
    let pkg = root().join("pkg");
    let made = compile(VECTORS, "target/simd")?;
    if !is_newer(&pkg.join(MADE[2]), &made) {
        bind(&made, &pkg)?;
    }
    let made = compile("", "target/plain")?;
    if !is_newer(&pkg.join(PLAIN), &made) {
        let plain = root().join("target/plain/pkg");
        bind(&made, &plain)?;
        let face = |folder: &Path| fs::read(folder.join(MADE[0]));
        if face(&plain)? != face(&pkg)? {
            bail!("the two modules have different faces; remove target/simd and target/plain");
        }
        fs::copy(plain.join(MADE[2]), pkg.join(PLAIN))?;
    }
    Ok(())
}

const VECTORS: &str = "-C target-feature=+simd128";

/// Compiles the library into a folder of its own, so that the other's is not
/// undone.
fn compile(flags: &str, folder: &str) -> Result<PathBuf> {
    compile_from(&root(), flags, folder)
}

fn compile_from(source: &Path, flags: &str, folder: &str) -> Result<PathBuf> {
    let build = ["build", "--quiet", "--locked", "--package", "ismvault-wasm"];
    let mut build = cargo(&[&build[..], &["--profile", "wasm", "--target", TARGET]].concat());
    build.arg("--manifest-path").arg(source.join("Cargo.toml"));
    build.arg("--target-dir").arg(source.join(folder));
    run(build.env("RUSTFLAGS", format!("{flags} {}", remapped(source)?)))?;
    Ok(source.join(folder).join(TARGET).join("wasm/ismvault_wasm.wasm"))
}

/// Builds the module again, from a folder of another name and depth, and compares.
pub(crate) fn twice() -> Result<()> {
    let first = compile(VECTORS, "target/simd")?;
    let elsewhere = std::env::temp_dir().join(format!("ismvault-{}", std::process::id()));
    let source = elsewhere.join("of/another/name");
    let same = copied(&source).and_then(|()| {
        let second = compile_from(&source, VECTORS, "target")?;
        Ok(fs::read(first)? == fs::read(second)?)
    });
    let _ = fs::remove_dir_all(elsewhere);
    match same? {
        true => Ok(()),
        false => bail!("the module has other bytes when it is built in another folder"),
    }
}

/// What a build reads, into another folder.
fn copied(to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let read = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo", "README.md"];
    let mut copy = Command::new("cp");
    copy.arg("-R").args(read).args(["benches", "crates", "src", "xtask"]);
    run(copy.arg(to))
}

/// Flags that keep the folders of this machine out of what is built: the bytes
/// are the same from anywhere.
fn remapped(source: &Path) -> Result<String> {
    let home = |name: &str, folder: &str| {
        let home = std::env::var_os("HOME").unwrap_or_default();
        std::env::var_os(name).map_or_else(|| Path::new(&home).join(folder), PathBuf::from)
    };
    let sysroot = sysroot()?;
    let places = [
        (source.to_owned(), "/ismvault"),
        (home("CARGO_HOME", ".cargo"), "/cargo"),
        (sysroot, "/rust"),
    ];
    let mut flags = Vec::new();
    for (from, to) in places {
        let from = from.display().to_string();
        if from.contains(' ') {
            bail!("a folder with a space in its name cannot be built in: {from}");
        }
        flags.push(format!("--remap-path-prefix={from}={to}"));
    }
    Ok(flags.join(" "))
}

/// The folder of the toolchain that compiles us.
fn sysroot() -> Result<PathBuf> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()).output();
    let sysroot = sysroot.context("rustc cannot be started")?.stdout;
    Ok(PathBuf::from(String::from_utf8_lossy(&sysroot).trim()))
}

fn bind(wasm: &Path, to: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(wasm)
        .out_name("ismvault")
        .web(true)?
        .typescript(true)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(to)
        .context("wasm-bindgen cannot make pkg/")?;
    // What is freed by itself is of a library that not every project names.
    let types = to.join(MADE[1]);
    let declared = fs::read_to_string(&types)?;
    let lines = declared.lines().map(|line| match line.len() - line.trim_start().len() {
        0..=8 => line.to_owned(),
        _ => format!("    {}", line.trim_start()), // it indents far more than it means
    });
    let reference = "/// <reference lib=\"esnext.disposable\" />".to_owned();
    let lines: Vec<String> = std::iter::once(reference).chain(lines).collect();
    fs::write(types, lines.join("\n") + "\n").context("pkg/ cannot be written")
}

/// Adds the WebAssembly target to the toolchain that compiles us.
pub(crate) fn ensure_target() -> Result<()> {
    if sysroot()?.join("lib/rustlib").join(TARGET).exists() {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add", TARGET]))
        .with_context(|| format!("add the target yourself: rustup target add {TARGET}"))
}

fn is_newer(made: &Path, from: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    matches!((time(made), time(from)), (Some(made), Some(from)) if made >= from)
}

/// Writes a folder that any static host can serve, and says what it weighs.
pub(crate) fn dist() -> Result<()> {
    build()?;
    let dist = root().join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).context("dist/ cannot be cleared")?;
    }
    let mut names = Vec::new();
    copy(&root().join("www"), &dist, "", &mut names)?;
    copy(&root().join("pkg/lib"), &dist.join("pkg/lib"), "pkg/lib/", &mut names)?;
    for name in ["index.js", MADE[0], MADE[2], PLAIN] {
        fs::copy(root().join("pkg").join(name), dist.join("pkg").join(name))?;
        names.push(format!("pkg/{name}"));
    }
    // For hosts that read headers from a file in what they serve.
    for name in ["_headers", "staticwebapp.config.json"] {
        fs::copy(root().join("hosting").join(name), dist.join(name))?;
    }
    for name in [MADE[2], PLAIN] {
        optimise(&dist.join("pkg").join(name))?;
    }
    names.sort();
    let (mut bytes, mut sent) = (0, 0);
    println!("{:>9}  {:>9}", "bytes", "brotli");
    for name in &names {
        let file = fs::read(dist.join(name))?;
        let packed = brotli(&file)?;
        println!("{:>9}  {packed:>9}  {name}", file.len());
        // A browser loads one module, and the sample only when asked to.
        if name != "sample.ismv" && !name.ends_with(PLAIN) {
            bytes += file.len();
            sent += packed;
        }
    }
    println!(
        "{bytes:>9}  {sent:>9}  what a browser loads. Serve dist/ as it is; no headers are needed."
    );
    Ok(())
}

/// Runs wasm-opt where it is there, and keeps what it makes if that is shorter to
/// send. (Binaryen 132 makes the module 8 % smaller, and 9 % longer in brotli.)
fn optimise(wasm: &Path) -> Result<()> {
    let out = wasm.with_extension("opt");
    let mut command = Command::new("wasm-opt");
    command.args(["-Oz", "--all-features"]).arg(wasm).arg("-o").arg(&out);
    let name = wasm.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match command.stderr(std::process::Stdio::null()).status() {
        Ok(status) if status.success() => {}
        Ok(_) => bail!("wasm-opt failed on {name}"),
        Err(_) => {
            println!("{name}: wasm-opt is not there (npm install -g binaryen@{BINARYEN}).");
            return Ok(());
        }
    }
    let (before, after) = (brotli(&fs::read(wasm)?)?, brotli(&fs::read(&out)?)?);
    let kept = after < before;
    println!(
        "{name}: {before} bytes in brotli, {after} after wasm-opt{}.",
        if kept { "" } else { ", so it stays as it was" }
    );
    if kept {
        fs::rename(out, wasm)?;
    } else {
        fs::remove_file(out)?;
    }
    Ok(())
}

/// Where wasm-opt comes from.
const BINARYEN: &str = "132.0.0";

/// Bytes of a file as a host sends it.
fn brotli(file: &[u8]) -> Result<usize> {
    let mut packed = Vec::new();
    let params =
        ::brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 24, ..Default::default() };
    ::brotli::BrotliCompress(&mut &*file, &mut packed, &params)?;
    Ok(packed.len())
}

/// Copies a folder, without declarations of types, and notes each file as `under` it.
pub(crate) fn copy(from: &Path, to: &Path, under: &str, names: &mut Vec<String>) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let (from, to) = (entry.path(), to.join(&name));
        if from.is_dir() {
            copy(&from, &to, &format!("{under}{name}/"), names)?;
        } else if !name.ends_with(".d.ts") {
            fs::copy(&from, &to)?;
            names.push(format!("{under}{name}"));
        }
    }
    Ok(())
}

/// Packs every crate that is published, builds it from its package, and uploads nothing.
pub(crate) fn publish() -> Result<()> {
    run(&mut cargo(&["publish", "--workspace", "--dry-run", "--locked", "--allow-dirty"]))
}

/// Makes the package for npm, with declarations of its types: `target/*.tgz`.
pub(crate) fn pack() -> Result<()> {
    build()?;
    let Some(modules) = tools::npm() else {
        bail!("npm and its registry are needed to make the package");
    };
    // In a folder of its own: beside the scripts, old declarations would be taken for them.
    let folder = root().join("target/npm");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    copy(&root().join("pkg"), &folder, "", &mut Vec::new())?;
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root().join(name), folder.join(name))?;
    }
    for name in [MADE[1], MADE[3]] {
        fs::copy(root().join("pkg").join(name), folder.join(name))?;
    }
    let mut types = Command::new(modules.join(".bin/tsc"));
    run(types.args(["--project", "tests/www/tsconfig.pack.json"]))?;
    let mut pack = Command::new("npm");
    run(pack.args(["pack", "--silent", "./target/npm", "--pack-destination", "target"]))
}
