//! The decisions about replacing a plugin, as tables.

use astro_plugin_protocol::manifest::Manifest;

use super::*;
use crate::{install::candidate::Origin, store::Kind};

fn manifest(version: &str) -> Manifest {
    Manifest { name: "lint".to_owned(), version: version.to_owned(), ..Manifest::default() }
}

fn installed(version: &str, source: Source, place: &str) -> Installed {
    let hash = format!("hash of {version}");
    Installed {
        origin: Some(place.to_owned()),
        ..Installed::new(manifest(version), source, PathBuf::new(), hash)
    }
}

fn candidate(version: &str, source: Source, place: &str, is_chosen: bool) -> Candidate {
    Candidate {
        bytes: Vec::new(),
        hash: format!("hash of {version}"),
        manifest: manifest(version),
        origin: Origin { source, place: place.to_owned(), is_chosen },
        key: None,
        stated_key: None,
    }
}

/// Every row of what is installed × what comes × how it was chosen: whether it may, and as what.
#[test]
fn what_may_take_the_place_of_what() {
    use Action::{Downgraded, Installed as New, Replaced, Upgraded};
    use Choice::{File as AsFile, Named, Newest};
    use Source::{File, Index, Link};
    let old = "2.0.0";
    for (source, place, version, from, to, choice, expected) in [
        // From the index that it came from.
        (Index, "corp", "3.0.0", Index, "corp", Newest, Some(Upgraded)),
        (Index, "corp", "3.0.0", Index, "corp", Named, Some(Upgraded)),
        (Index, "corp", "1.0.0", Index, "corp", Newest, None),
        (Index, "corp", "1.0.0", Index, "corp", Named, Some(Downgraded)),
        (Index, "corp", "2.0.0", Index, "corp", Newest, Some(Replaced)),
        // From another index: only where that one was named.
        (Index, "corp", "3.0.0", Index, "other", Newest, None),
        (Index, "corp", "3.0.0", Index, "other/", Newest, Some(Upgraded)),
        (Index, "corp", "1.0.0", Index, "other/", Newest, None),
        // A file in place of what an index brought, and the other way.
        (Index, "corp", "3.0.0", File, "/x", AsFile, Some(Upgraded)),
        (Index, "corp", "1.0.0", File, "/x", AsFile, None),
        (File, "/x", "3.0.0", Index, "corp", Newest, Some(Upgraded)),
        (File, "/x", "1.0.0", File, "/y", AsFile, None),
        (File, "/x", "2.0.0", File, "/y", AsFile, Some(Replaced)),
        // Whatever comes takes the place of the user's own build.
        (Link, "/x", "1.0.0", Index, "corp", Newest, Some(New)),
        (Link, "/x", "3.0.0", File, "/y", AsFile, Some(New)),
    ] {
        let row = format!("{source:?} {place} {old} <- {version} {from:?} {to} {choice:?}");
        let old = installed(old, source, place);
        let is_chosen = to.ends_with('/');
        let new = candidate(version, from, to, is_chosen);
        let may = check_replacement(&new, &old, choice, false);
        assert_eq!(may.is_ok(), expected.is_some(), "{row}: {may:?}");
        if let Some(expected) = expected {
            assert_eq!(action(version, Some(&old)), expected, "{row}");
        }
        // Going back is a matter of saying so; another index is not.
        let is_older = resolve::is_newer(&old.version, version);
        let back = check_replacement(&new, &old, choice, true);
        assert_eq!(back.is_ok(), expected.is_some() || is_older, "{row}: {back:?}");
    }
    assert_eq!(action("1.0.0", None), New);
}

/// A version never changes: other bytes under the same number are refused, from the index that it came from.
#[test]
fn another_file_for_the_installed_version_is_refused() {
    let old = installed("2.0.0", Source::Index, "corp");
    for (from, to, may) in
        [(Source::Index, "corp", false), (Source::Index, "other", true), (Source::File, "/x", true)]
    {
        let new = Candidate { hash: "another".to_owned(), ..candidate("2.0.0", from, to, true) };
        for choice in [Choice::Named, Choice::Newest] {
            let refused = check_replacement(&new, &old, choice, true);
            assert_eq!(refused.is_ok(), may, "{from:?} {to}: {refused:?}");
        }
    }
}

/// Every row of the key that is remembered × the key that comes × the key that was accepted.
#[test]
fn a_publishers_key_changes_with_a_word_alone() {
    let key = || {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("a key");
        Key::parse(&pair.pk.to_base64()).expect("a key")
    };
    let (a, b, c) = (key(), key(), key());
    for (remembered, comes, accepted, may) in [
        (None, None, None, true),
        (None, Some(&a), None, true),
        (Some(&a), Some(&a), None, true),
        (Some(&a), None, None, false),
        (Some(&a), None, Some(&a), false),
        (Some(&a), Some(&b), None, false),
        (Some(&a), Some(&b), Some(&b), true),
        (Some(&a), Some(&b), Some(&c), false),
        (Some(&a), Some(&b), Some(&a), false),
    ] {
        let home = tempfile::tempdir().expect("a directory");
        let store = Store { dir: home.path().to_owned(), kind: Kind::User };
        if let Some(key) = remembered {
            store.set_publisher("lint", key.text()).expect("remembered");
        }
        let new = Candidate { key: comes.cloned(), ..candidate("1.0.0", Source::File, "/x", true) };
        let found = same_publisher(&store, &new, accepted);
        assert_eq!(found.is_ok(), may, "{remembered:?} {comes:?} {accepted:?}: {found:?}");
    }
}
