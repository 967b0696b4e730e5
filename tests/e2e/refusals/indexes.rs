//! What is wrong with an index.

use std::fs;

use astro_e2e::plugin_files::Signer;
use astro_plugin_protocol::manifest::Revisions;

use super::Case;

/// `marked` is then wanted by name.
pub(super) const REFUSED: &[Case] = &[
    (
        "no index",
        |world| fs::remove_file(world.index.dir.join("index.json")).expect("removed"),
        1,
        "the index `corp` is not there",
    ),
    (
        "no signature",
        |world| fs::remove_file(world.index.dir.join("index.json.minisig")).expect("removed"),
        1,
        "is not signed: there is no index.json.minisig",
    ),
    (
        "empty signature",
        |world| fs::write(world.index.dir.join("index.json.minisig"), "").expect("written"),
        1,
        "malformed signature",
    ),
    (
        "half a signature",
        |world| {
            let path = world.index.dir.join("index.json.minisig");
            let text = fs::read_to_string(&path).expect("there");
            fs::write(path, &text[..text.len() / 2]).expect("written");
        },
        1,
        "malformed signature",
    ),
    (
        "somebody else's signature",
        |world| Signer::default().publish(&world.index.dir, &world.index.document),
        1,
        "it is signed with the key",
    ),
    (
        "the signature of an older index",
        |world| {
            let old = fs::read(world.index.dir.join("index.json.minisig")).expect("there");
            world.index.publish();
            fs::write(world.index.dir.join("index.json.minisig"), old).expect("written");
        },
        1,
        "signature verification failed",
    ),
    (
        "a signature with another comment",
        |world| {
            let bytes = fs::read(world.index.dir.join("index.json")).expect("there");
            let text = world.index.signer.minisig(&bytes, "index:other version:1");
            fs::write(world.index.dir.join("index.json.minisig"), text).expect("written");
        },
        1,
        "its signature is of something else: `index:other version:1` instead of `index:corp version:1`",
    ),
    (
        "no JSON",
        |world| {
            fs::write(world.index.dir.join("index.json"), "<html>").expect("written");
            let text = world.index.signer.minisig(b"<html>", "index:corp version:1");
            fs::write(world.index.dir.join("index.json.minisig"), text).expect("written");
        },
        1,
        "the index `corp` cannot be read",
    ),
    (
        "a directory in its place",
        |world| {
            let path = world.index.dir.join("index.json");
            fs::remove_file(&path).expect("removed");
            fs::create_dir(path).expect("made");
        },
        1,
        "it is not a regular file",
    ),
    (
        "another format",
        |world| {
            world.index.document.format = 2;
            world.index.publish();
        },
        1,
        "its format is 2, this astro reads 1",
    ),
    (
        "version 0",
        |world| {
            world.index.document.version = 0;
            let index = &world.index;
            index.signer.publish(&index.dir, &index.document);
        },
        1,
        "its version is 0",
    ),
    (
        "expired",
        |world| {
            world.index.document.expires = "2020-01-01T00:00:00Z".into();
            world.index.publish();
        },
        1,
        "it expired at 2020-01-01T00:00:00Z",
    ),
    (
        "no expiry",
        |world| {
            world.index.document.expires.clear();
            world.index.publish();
        },
        1,
        "does not say when it expires",
    ),
    (
        "an older index",
        |world| {
            world.index.publish();
            world.env.run(["plugin", "search"]).ok();
            world.index.document.version = 0;
            world.index.publish();
        },
        1,
        "it went back from version 2 to 1",
    ),
    (
        "an older index after everything was forgotten",
        |world| {
            world.index.publish();
            world.env.run(["plugin", "index", "remove", "corp"]).ok();
            world.index.added(&world.env);
            for dir in ["state", "cache", "plugins/indexes"] {
                let _ = fs::remove_dir_all(world.env.path(".astro-host").join(dir));
            }
            world.index.document.version = 0;
            world.index.publish();
        },
        1,
        "it went back from version 2 to 1",
    ),
    (
        "another index of the same version",
        |world| {
            world.index.document.version = 0;
            world.index.document.expires = "2998-01-01T00:00:00Z".into();
            world.index.publish();
        },
        1,
        "it changed and still says it is version 1",
    ),
    (
        "what was seen cannot be read",
        |world| fs::write(world.env.path(".astro-host/plugins/indexes/corp.json"), "{").expect("written"),
        3,
        "what was seen of the index `corp` cannot be read",
    ),
    (
        "no such plugin",
        |world| {
            world.index.document.plugins.clear();
            world.index.publish();
        },
        1,
        "there is no plugin `marked` in `corp`",
    ),
    (
        "a name that leaves its directory",
        |world| {
            world.index.document.plugins[0].name = "../../marked".into();
            world.index.publish();
        },
        1,
        "the plugin name `../../marked` is not one",
    ),
    (
        "a version that leaves its directory",
        |world| {
            world.index.version("marked", "1.0.0").version = "1.0.0/../../x".into();
            world.index.publish();
        },
        1,
        "is not of the form 1.2.3",
    ),
    (
        "a place outside",
        |world| {
            world.index.version("marked", "1.0.0").files[0].location = "../../etc/passwd".into();
            world.index.publish();
        },
        1,
        "which is neither a path below the index nor an https URL",
    ),
    (
        "an insecure place",
        |world| {
            world.index.version("marked", "1.0.0").files[0].location = "http://192.0.2.1/x".into();
            world.index.publish();
        },
        1,
        "neither https nor on this machine",
    ),
    (
        "no hash",
        |world| {
            world.index.version("marked", "1.0.0").files[0].sha256.clear();
            world.index.publish();
        },
        1,
        "has no SHA-256",
    ),
    (
        "a key that is nobody's",
        |world| {
            world.index.document.publishers.clear();
            world.index.publish();
        },
        1,
        "which is no publisher's",
    ),
    (
        "a publisher without a usable key",
        |world| {
            world.index.document.publishers.values_mut().for_each(|one| one.public_key = "R".repeat(56));
            world.index.publish();
        },
        1,
        "has no usable key",
    ),
    (
        "a publisher with another key",
        |world| {
            let other = Signer::default().public();
            world.index.document.publishers.values_mut().for_each(|one| one.public_key.clone_from(&other));
            world.index.publish();
        },
        1,
        "has no usable key",
    ),
    (
        "revoked",
        |world| {
            world.index.version("marked", "1.0.0").revoked = Some("stolen".into());
            world.index.publish();
        },
        126,
        "`marked` 1.0.0 was revoked: stolen",
    ),
    (
        "another machine",
        |world| {
            world.index.version("marked", "1.0.0").files[0].target = "riscv64".into();
            world.index.publish();
        },
        126,
        "there is no build of `marked` 1.0.0 for",
    ),
    (
        "a newer ABI",
        |world| {
            world.index.version("marked", "1.0.0").abi = 9;
            world.index.publish();
        },
        126,
        "it was built for plugin ABI 9, this astro speaks ABI 1",
    ),
    (
        "a newer protocol",
        |world| {
            world.index.version("marked", "1.0.0").protocol = Revisions { min: 7, max: 9 };
            world.index.publish();
        },
        126,
        "it speaks protocol 7 to 9, this astro serves 1 to 1",
    ),
    (
        "a newer host",
        |world| {
            world.index.version("marked", "1.0.0").min_host = Some("99.0.0".into());
            world.index.publish();
        },
        126,
        "it needs astro 99.0.0, this is",
    ),
    (
        "another program",
        |world| {
            world.index.version("marked", "1.0.0").product = Some("acme".into());
            world.index.publish();
        },
        126,
        "it is for `acme`, this is `astro`",
    ),
    (
        "a newer C library",
        |world| {
            world.index.version("marked", "1.0.0").files[0].glibc = Some("99.0".into());
            world.index.publish();
        },
        126,
        "it needs glibc 99.0",
    ),
];
