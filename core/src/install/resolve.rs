//! Which file of which index is meant by a name.

use std::cmp::Ordering;

use astro_plugin_protocol::plugin_index::{File, Plugin, Version};

use super::source::Named;
use crate::{
    base::error::{Failure, Result, failed, plugin},
    config::IndexSource,
    install::indexes::{self, Opened, Reach},
    program::APP,
    store::{self, lookup::compare_versions},
    trust::verify::{self, TRIPLE},
};

/// What a name stands for.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The index it was found in.
    pub(crate) index: Opened,
    /// The plugin's name.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: Version,
    /// Its file for this target.
    pub(crate) file: File,
    /// What whoever asked should know of newer versions or of this one.
    pub(crate) notices: Vec<String>,
}

/// Looks a name up. Indexes are asked in their order and the first that has the plugin decides; one that cannot be read
/// is an error and never passed over, or whoever keeps it from being read would decide.
pub(crate) fn resolve(
    reach: Reach<'_>,
    named: &Named,
    mut opened: impl FnMut(&IndexSource) -> Result<Opened>,
) -> Result<Resolved> {
    let sources = match &named.index {
        Some(name) => vec![indexes::named(reach.dirs, name)?],
        None => indexes::configured(reach.dirs)?,
    };
    if sources.is_empty() {
        return Err(failed(format!("there is no index to look up `{}` in", named.name))
            .help(format!("add one: {APP} plugin index add NAME LOCATION --key KEY"))
            .help("to install a file write its path as ./FILE"));
    }
    for source in &sources {
        let index = opened(source)?;
        if let Some(plugin) = index.document.plugin(&named.name).cloned() {
            let (version, file, notices) = choose(&plugin, named.version.as_deref())?;
            return Ok(Resolved { index, name: named.name.clone(), version, file, notices });
        }
    }
    let asked: Vec<String> = sources.iter().map(|source| format!("`{}`", source.name)).collect();
    Err(failed(format!("there is no plugin `{}` in {}", named.name, asked.join(", ")))
        .help(format!("see what there is with `{APP} plugin search`")))
}

/// The version of a plugin that is meant, and its file for this target.
pub(crate) fn choose(plugin: &Plugin, wanted: Option<&str>) -> Result<(Version, File, Vec<String>)> {
    let name = &plugin.name;
    match wanted {
        Some(wanted) => {
            let version = plugin.versions.iter().find(|version| version.version == wanted);
            let version = version.ok_or_else(|| {
                failed(format!("there is no version {wanted} of the plugin `{name}`"))
                    .help(format!("there are: {}", all_versions(plugin)))
            })?;
            if let Some(reason) = &version.revoked {
                return Err(revoked(name, wanted, reason));
            }
            let file = usable(name, version)?;
            let yanked = version.yanked.as_ref();
            let notices = yanked.map(|reason| format!("`{name}` {wanted} was yanked: {reason}"));
            Ok((version.clone(), file, notices.into_iter().collect()))
        }
        None => newest(plugin),
    }
}

fn newest(plugin: &Plugin) -> Result<(Version, File, Vec<String>)> {
    let name = &plugin.name;
    let mut versions: Vec<&Version> = plugin
        .versions
        .iter()
        .filter(|version| version.revoked.is_none() && version.yanked.is_none())
        .collect();
    versions.sort_by(|a, b| compare_versions(&b.version, &a.version));
    // A version such as 2.0.0-rc.1 is for who names it, unless there is no other.
    let is_final = |version: &&Version| !version.version.contains('-');
    if versions.iter().any(is_final) {
        versions.retain(is_final);
    }
    let mut unusable: Option<Failure> = None;
    for version in versions {
        match usable(name, version) {
            Ok(file) => {
                let notices = unusable.map(|failure| format!("not the newest: {}", failure.message));
                return Ok((version.clone(), file, notices.into_iter().collect()));
            }
            Err(failure) => unusable = unusable.or(Some(failure)),
        }
    }
    let newest = plugin.versions.iter().max_by(|a, b| compare_versions(&a.version, &b.version));
    let is_all_revoked = plugin.versions.iter().all(|version| version.revoked.is_some());
    Err(match (unusable, newest.and_then(|version| Some((version, version.revoked.as_ref()?)))) {
        (Some(unusable), _) => unusable,
        (None, Some((version, reason))) if is_all_revoked => revoked(name, &version.version, reason),
        (None, _) => failed(format!("every version of the plugin `{name}` was yanked or revoked"))
            .help(format!("there are: {}", all_versions(plugin))),
    })
}

/// The file of a version for this target, if this host can use it.
fn usable(name: &str, version: &Version) -> Result<File> {
    verify::check_revisions(name, &version.version, version.abi, version.protocol)?;
    if let Some((reason, help)) = store::unsuited(version.product.as_deref(), version.min_host.as_deref()) {
        return Err(plugin(format!("cannot use plugin `{name}` {}: {reason}", version.version))
            .help(format!("{help}; or install another version: {APP} plugin install {name}@VERSION")));
    }
    let file = version.files.iter().find(|file| file.target == TRIPLE).ok_or_else(|| {
        let targets: Vec<&str> = version.files.iter().map(|file| file.target.as_str()).collect();
        plugin(format!("there is no build of `{name}` {} for {TRIPLE}", version.version))
            .help(format!("there are builds for {}", targets.join(", ")))
    })?;
    let glibc = file.glibc.as_deref().and_then(|text| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    verify::check_target(name, &version.version, &file.target, glibc)?;
    Ok(file.clone())
}

/// That a version was revoked.
pub(crate) fn revoked(name: &str, version: &str, reason: &str) -> Failure {
    plugin(format!("`{name}` {version} was revoked: {reason}"))
        .help(format!("see the other versions with `{APP} plugin search`"))
}

fn all_versions(plugin: &Plugin) -> String {
    let mut all: Vec<&Version> = plugin.versions.iter().collect();
    all.sort_by(|a, b| compare_versions(&b.version, &a.version));
    let words = all.iter().take(20).map(|version| {
        let mark = match (&version.revoked, &version.yanked) {
            (Some(_), _) => " (revoked)",
            (_, Some(_)) => " (yanked)",
            _ => "",
        };
        format!("{}{mark}", version.version)
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Whether a version is newer than another.
pub(crate) fn is_newer(version: &str, than: &str) -> bool {
    compare_versions(version, than) == Ordering::Greater
}

#[cfg(test)]
mod tests {
    use astro_plugin_protocol::manifest::Revisions;

    use super::*;

    fn version(text: &str) -> Version {
        let file = File { target: TRIPLE.to_owned(), ..File::default() };
        Version {
            version: text.to_owned(),
            abi: astro_plugin_abi::ABI_REVISION,
            protocol: Revisions { min: 1, max: 1 },
            files: vec![file],
            ..Version::default()
        }
    }

    #[test]
    fn the_newest_that_can_be_used_is_chosen() {
        let mut versions: Vec<Version> =
            ["1.0.0", "1.10.0", "1.9.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0-rc.1"].map(version).to_vec();
        versions[3].min_host = Some("99.0.0".into());
        versions[4].yanked = Some("wrong".into());
        versions[5].revoked = Some("stolen key".into());
        let plugin = Plugin { name: "x".into(), versions, ..Plugin::default() };
        let (chosen, _, notices) = choose(&plugin, None).expect("one");
        assert_eq!(chosen.version, "1.10.0");
        assert!(notices[0].contains("2.0.0: it needs astro 99.0.0"), "{notices:?}");
        let (chosen, _, notices) = choose(&plugin, Some("3.0.0")).expect("named");
        assert_eq!((chosen.version.as_str(), notices[0].as_str()), ("3.0.0", "`x` 3.0.0 was yanked: wrong"));
        assert_eq!(choose(&plugin, Some("5.0.0-rc.1")).expect("named").0.version, "5.0.0-rc.1");
        let refused = choose(&plugin, Some("4.0.0")).expect_err("revoked");
        assert!(refused.message.contains("was revoked: stolen key"), "{refused:?}");
        let refused = choose(&plugin, Some("6.0.0")).expect_err("none");
        assert!(refused.help[0].contains("5.0.0-rc.1, 4.0.0 (revoked), 3.0.0 (yanked)"), "{refused:?}");
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        type Change = fn(&mut Version);
        let cases: &[(Change, &str)] = &[
            (|version| version.abi = 9, "plugin ABI 9"),
            (|version| version.protocol = Revisions { min: 8, max: 9 }, "protocol 8 to 9"),
            (|version| version.files[0].target = "other".into(), "no build of `x`"),
            (|version| version.files[0].glibc = Some("99.1".into()), "needs glibc 99.1"),
            (
                |version| version.yanked = Some("wrong".into()),
                "every version of the plugin `x` was yanked or revoked",
            ),
        ];
        for (change, words) in cases {
            let mut only = version("1.0.0");
            change(&mut only);
            let plugin = Plugin { name: "x".into(), versions: vec![only], ..Plugin::default() };
            let failure = choose(&plugin, None).expect_err(words);
            assert!(failure.message.contains(words), "{failure:?}");
        }
    }
}
