//! What was typed for a plugin that is wanted: a file, a directory, a URL, or a name to look up in the indexes.

use std::path::{Path, PathBuf};

use astro_plugin_protocol::names;
use reqwest::Url;

use crate::{
    base::error::{Failure, Result, ResultExt, code, failed, usage},
    install::indexes::download,
    product::product,
    store::record::is_plugin_file,
    trust::verify::TRIPLE,
};

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PluginSpec {
    /// A plugin file.
    File(PathBuf),
    /// Every plugin file for this target in a directory.
    Directory(PathBuf),
    /// A plugin file on a web server.
    Url(Url),
    /// A plugin of an index.
    Named(Named),
}

/// `[INDEX/]NAME[@VERSION]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The index it must come from.
    pub(crate) index: Option<String>,
    /// The plugin's name.
    pub(crate) name: String,
    /// The version that is wanted.
    pub(crate) version: Option<String>,
}

impl PluginSpec {
    /// Reads what was typed. A path is one that looks like it: nothing of the working directory is installed by a
    /// name.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.contains("://") {
            return download::url(text).map(Self::Url);
        }
        let path = Path::new(text);
        let is_path = text.starts_with(['.', '/', '~']) || is_plugin_file(path);
        if !is_path {
            return Named::parse(text).map(Self::Named);
        }
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(Self::Directory(path.to_owned())),
            Ok(_) => Ok(Self::File(path.to_owned())),
            Err(error) => Err(failed(format!("cannot find `{text}`"))
                .cause(crate::base::error::plain_io(&error.to_string()))),
        }
    }
}

impl Named {
    /// Reads `[INDEX/]NAME[@VERSION]`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| -> Failure {
            let failure = usage(format!("`{text}` is not a plugin: {what}"))
                .help("write NAME, INDEX/NAME, NAME@VERSION, a URL, or the path of a file as ./FILE");
            if Path::new(text).exists() {
                failure.help(format!("to install the file write ./{text}"))
            } else {
                failure
            }
        };
        let (place, version) = match text.split_once('@') {
            Some((place, version)) if names::is_version(version) => (place, Some(version.to_owned())),
            Some((_, version)) => return Err(wrong(&format!("`{version}` is not a version such as 1.2.3"))),
            None => (text, None),
        };
        let (index, name) = match place.split_once('/') {
            Some((index, name)) => (Some(index), name),
            None => (None, place),
        };
        if let Some(bad) = index.into_iter().chain([name]).find(|word| !names::is_name(word)) {
            return Err(wrong(&format!("`{bad}` is not a name")));
        }
        Ok(Self { index: index.map(str::to_owned), name: name.to_owned(), version })
    }
}

/// The plugin files for this target in a directory: in itself, or in `TARGET/` below it as `astro plugin pack` writes
/// them.
pub(crate) fn files_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for dir in [dir.to_owned(), dir.join(TRIPLE)] {
        let entries = match std::fs::read_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.context(code::FAILED, || format!("cannot read `{}`", dir.display()))?,
        };
        found.extend(entries.flatten().map(|entry| entry.path()).filter(|path| is_plugin_file(path)));
    }
    found.sort();
    match found.is_empty() {
        false => Ok(found),
        true => Err(failed(format!("`{}` has no plugin file for {TRIPLE}", dir.display())).help(format!(
            "plugin files end with .{}, in the directory or in {TRIPLE}/ below it",
            product().extension
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_a_path_a_url_or_a_name() {
        let named = |text: &str| match PluginSpec::parse(text) {
            Ok(PluginSpec::Named(named)) => (named.index, named.name, named.version),
            other => panic!("{text}: {other:?}"),
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(named("hello"), (None, "hello".into(), None));
        assert_eq!(named("corp/hello@1.2.3-rc.1"), (some("corp"), "hello".into(), some("1.2.3-rc.1")));
        for bad in [
            "",
            "a/b/c",
            "../x/y@",
            "hello@",
            "hello@latest",
            "hello@1.2",
            "@1.0.0",
            "a b",
            "x\u{202e}y",
            "-x",
        ] {
            assert!(PluginSpec::parse(bad).is_err(), "{bad}");
        }
        for bad in
            ["http://example.org/x.astro-plugin", "ftp://x/y", "https://user:pass@x/y", "file:///etc/passwd"]
        {
            assert!(PluginSpec::parse(bad).is_err(), "{bad}");
        }
        assert!(matches!(PluginSpec::parse("https://example.org/x"), Ok(PluginSpec::Url(_))));
        assert!(matches!(PluginSpec::parse("/"), Ok(PluginSpec::Directory(_))));
    }
}
