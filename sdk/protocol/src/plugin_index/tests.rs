//! What an index may hold, as tables.

use proptest::prelude::*;

use super::*;

fn good() -> PluginIndex {
    let file = File {
        target: "x86_64-unknown-linux-gnu".into(),
        size: 1,
        sha256: "0".repeat(64),
        location: "x86_64-unknown-linux-gnu/hello-1.0.0.astro-plugin".into(),
        key_id: Some("0123456789ABCDEF".into()),
        glibc: None,
    };
    let version = Version { version: "1.0.0".into(), abi: 1, files: vec![file], ..Version::default() };
    let publisher = Publisher { public_key: "R".repeat(56), ..Publisher::default() };
    PluginIndex {
        format: FORMAT,
        name: "corp".into(),
        version: 1,
        expires: "2030-01-31T12:00:00Z".into(),
        publishers: [("0123456789ABCDEF".to_owned(), publisher)].into(),
        plugins: vec![Plugin {
            name: "hello".into(),
            about: "Greets".into(),
            versions: vec![version],
            ..Plugin::default()
        }],
    }
}

/// minisign prints the id 00000000000F00D1 as F00D1, so whoever makes an index by hand writes it like that.
#[test]
fn key_ids_are_read_with_and_without_leading_zeros() {
    for (publisher, file) in
        [("F00D1", "00000000000F00D1"), ("00000000000F00D1", "F00D1"), ("f00d1", "F00D1"), ("F00D1", "F00D1")]
    {
        let mut index = good();
        let key = index.publishers.remove("0123456789ABCDEF").expect("there");
        index.publishers.insert(publisher.into(), key);
        index.plugins[0].versions[0].files[0].key_id = Some(file.into());
        let text = serde_json::to_string(&index).expect("json");
        let read: PluginIndex = serde_json::from_str(&text).expect("read");
        assert_eq!(read.problems(), Vec::<String>::new(), "{publisher} {file}");
        assert!(read.publishers.contains_key("00000000000F00D1"), "{publisher} {file}");
        assert_eq!(read.plugins[0].versions[0].files[0].key_id.as_deref(), Some("00000000000F00D1"));
    }
    for id in ["", "x", "00000000000000F00D1", "0x1"] {
        assert_eq!(full_key_id(id), None, "{id}");
    }
    let mut twice = good();
    let key = twice.publishers["0123456789ABCDEF"].clone();
    twice.publishers.insert("123456789abcdef".into(), key);
    let text = serde_json::to_string(&twice).expect("json");
    assert!(
        serde_json::from_str::<PluginIndex>(&text)
            .expect_err("twice")
            .to_string()
            .contains("is listed twice")
    );
}

#[test]
fn a_good_index_has_no_problems_and_each_rule_has_its_message() {
    assert_eq!(good().problems(), Vec::<String>::new());
    type Change = fn(&mut PluginIndex);
    let cases: &[(Change, &str)] = &[
        (|index| index.format = 2, "format is 2"),
        (|index| index.name = "../x".into(), "name `../x` is not one"),
        (|index| index.version = 0, "version is 0"),
        (|index| index.expires = "tomorrow".into(), "when it expires"),
        (|index| index.expires = "9999-99-99T99:99:99Z".into(), "when it expires"),
        (|index| index.publishers.values_mut().for_each(|one| one.public_key.clear()), "not one of minisign"),
        (|index| index.publishers.clear(), "no publisher's"),
        (|index| index.plugins.push(index.plugins[0].clone()), "duplicate entry for the plugin `hello`"),
        (|index| index.plugins[0].name = "a/b".into(), "the plugin name `a/b`"),
        (|index| index.plugins[0].about = "\u{1b}[31m".into(), "control characters"),
        (|index| index.plugins[0].versions[0].version = "../../x".into(), "not of the form 1.2.3"),
        (
            |index| {
                let version = index.plugins[0].versions[0].clone();
                index.plugins[0].versions.push(version);
            },
            "duplicate entry for `hello` 1.0.0",
        ),
        (
            |index| {
                let files = &mut index.plugins[0].versions[0].files;
                files.push(files[0].clone());
            },
            "two files for",
        ),
        (|index| index.plugins[0].versions[0].files[0].target = "x/y".into(), "no target triple"),
        (|index| index.plugins[0].versions[0].files[0].size = 0, "has 0 bytes"),
        (|index| index.plugins[0].versions[0].files[0].sha256 = "A".repeat(64), "no SHA-256"),
    ];
    for (change, words) in cases {
        let mut index = good();
        change(&mut index);
        let problems = index.problems();
        assert!(problems.iter().any(|problem| problem.contains(words)), "{words}: {problems:?}");
    }
}

#[test]
fn a_file_stays_below_its_index_or_is_a_url() {
    for fine in ["a", "a/b.astro-plugin", "https://example.org/a?b=c", "http://127.0.0.1:1/a"] {
        assert!(is_location(fine), "{fine}");
    }
    for bad in [
        "",
        "/a",
        "a//b",
        "../a",
        "a/../b",
        "./a",
        "a/.",
        "file:///a",
        "C:\\a",
        "a\nb",
        "a b",
        "%2e%2e/a",
        "ä",
    ] {
        assert!(!is_location(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_value_or_an_error(text in ".*", name in ".*") {
        let _ = serde_json::from_str::<PluginIndex>(&text);
        let mut index = good();
        index.plugins[0].name = name.clone();
        index.plugins[0].versions[0].files[0].location = name;
        for problem in index.problems() {
            prop_assert!(!problem.chars().any(char::is_control), "{problem:?}");
        }
        prop_assert_eq!(serde_json::from_slice::<PluginIndex>(&serde_json::to_vec(&index)?)?, index);
    }
}
