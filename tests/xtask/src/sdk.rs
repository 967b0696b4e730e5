//! The SDK's sources as they are installed: a workspace of their own, so that a crate outside this repository can depend on
//! them by path.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::shell::{Result, root};

/// The packages below `sdk`, which is one itself.
const MEMBERS: &[&str] = &["abi", "astro", "cli", "protocol"];

/// The host's sources, for programs of their own: what is in `core`, as `host` beside them.
const HOST: &[&str] = &["Cargo.toml", "LICENSE", "build.rs", "src", "templates"];

/// Writes the sources below a directory. A file that is the same already is left alone, so that nothing is built again.
pub(crate) fn install(to: &Path) -> Result {
    let from = root().join("sdk");
    let mut wanted = BTreeSet::new();
    for part in ["src".to_owned()].into_iter().chain(MEMBERS.iter().map(|member| (*member).to_owned())) {
        for file in files(&from.join(part)) {
            let name = file.strip_prefix(&from).unwrap_or(&file).to_owned();
            write_if_changed(&to.join(&name), &read(&file)?)?;
            wanted.insert(name);
        }
    }
    for part in HOST {
        let part = root().join("core").join(part);
        let found = if part.is_dir() { files(&part) } else { vec![part] };
        for file in found {
            let name = Path::new("host").join(file.strip_prefix(root().join("core")).unwrap_or(&file));
            write_if_changed(&to.join(&name), &read(&file)?)?;
            wanted.insert(name);
        }
    }
    for (name, text) in [
        ("Cargo.toml", manifest()?.into_bytes()),
        ("Cargo.lock", read(&root().join("Cargo.lock"))?),
        ("LICENSE", read(&root().join("LICENSE"))?),
    ] {
        write_if_changed(&to.join(name), &text)?;
        wanted.insert(PathBuf::from(name));
    }
    // A module that is gone must not stay.
    for file in files(to) {
        let name = file.strip_prefix(to).unwrap_or(&file);
        if !wanted.contains(name) && !name.starts_with("target") {
            fs::remove_file(&file).map_err(|error| format!("cannot remove {}: {error}", file.display()))?;
        }
    }
    Ok(())
}

/// The SDK's manifest with what it takes from this workspace.
fn manifest() -> Result<String> {
    let own = text(&root().join("sdk/Cargo.toml"))?;
    let workspace = text(&root().join("Cargo.toml"))?;
    let mut manifest =
        format!("{own}\n[workspace]\nresolver = \"3\"\nmembers = {:?}\n", [MEMBERS, &["host"]].concat());
    for table in
        ["workspace.package", "workspace.dependencies", "workspace.lints.rust", "workspace.lints.clippy"]
    {
        let lines = table_of(&workspace, table).ok_or_else(|| format!("Cargo.toml has no [{table}]"))?;
        // Everything below `sdk` is at the root of it here; the rest of the workspace is not there.
        let lines = lines
            .lines()
            .map(|line| line.replace("path = \"sdk\"", "path = \".\"").replace("path = \"sdk/", "path = \""));
        manifest.push_str(&format!("\n[{table}]\n{}\n", lines.collect::<Vec<_>>().join("\n")));
    }
    Ok(manifest)
}

/// The lines of a table, up to the next one.
fn table_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let start = text.find(&format!("[{name}]\n"))? + name.len() + 3;
    let rest = &text[start..];
    let end = rest.find("\n[").map_or(rest.len(), |end| end + 1);
    Some(rest[..end].trim_end())
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

fn write_if_changed(to: &Path, bytes: &[u8]) -> Result {
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let cannot = |error: std::io::Error| format!("cannot write {}: {error}", to.display());
    fs::create_dir_all(to.parent().unwrap_or(Path::new("/"))).map_err(cannot)?;
    fs::write(to, bytes).map_err(cannot)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| format!("{} is not text", path.display()))
}
