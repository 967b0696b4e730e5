//! What became of an installed plugin: it is not loaded.

use std::fs;

use astro_e2e::plugin_files::Signer;

use super::Case;

/// `marked` is then run.
pub(super) const NOT_LOADED: &[Case] = &[
    (
        "a changed file",
        |world| {
            let mut bytes = fs::read(world.stored()).expect("there");
            bytes[2000] ^= 1;
            fs::write(world.stored(), bytes).expect("written");
        },
        126,
        "checksum mismatch",
    ),
    (
        "no file",
        |world| fs::remove_file(world.stored()).expect("removed"),
        126,
        "cannot be read: no such file",
    ),
    (
        "an empty file",
        |world| fs::write(world.stored(), "").expect("written"),
        126,
        "is too short to be a plugin",
    ),
    (
        "a directory in its place",
        |world| {
            fs::remove_file(world.stored()).expect("removed");
            fs::create_dir(world.stored()).expect("made");
        },
        126,
        "it is not a regular file",
    ),
    (
        "a link in its place",
        |world| {
            let copy = world.env.path("copy.astro-plugin");
            fs::rename(world.stored(), &copy).expect("moved");
            std::os::unix::fs::symlink(copy, world.stored()).expect("linked");
        },
        126,
        "it is a symbolic link",
    ),
    (
        "a record with another hash",
        |world| {
            let path = world.stored().with_file_name("installed");
            let text = fs::read_to_string(&path).expect("there");
            let hash = text.split("\"hash\": \"").nth(1).expect("a hash")[..64].to_owned();
            fs::write(&path, text.replace(&hash, &"0".repeat(64))).expect("written");
            fs::remove_file(world.env.path(".astro-host/plugins/index/root")).expect("removed");
        },
        126,
        "expected 0000",
    ),
    (
        "a record with another key",
        |world| {
            let path = world.stored().with_file_name("installed");
            let text = fs::read_to_string(&path).expect("there");
            fs::write(&path, text.replace(&world.index.publisher.public(), &Signer::default().public()))
                .expect("written");
            fs::remove_file(world.env.path(".astro-host/plugins/index/root")).expect("removed");
            let _ = fs::remove_dir_all(world.env.path(".astro-host/state/verified"));
        },
        126,
        "it is signed with the key",
    ),
    (
        "a policy that came later",
        |world| {
            world.env.run(["config", "set", "trust.publishers", &Signer::default().public()]).ok();
        },
        126,
        "is not one of the trust policy's publishers",
    ),
    (
        "a policy that cannot be read",
        |world| {
            let path = world.env.path(".astro-host/config.toml");
            let text = fs::read_to_string(&path).expect("there");
            fs::write(path, format!("{text}[trust]\nverify = \"never\"\n")).expect("written");
        },
        3,
        "until then no installed plugin is loaded",
    ),
    (
        "a policy that cannot be read, with a token",
        |world| {
            let path = world.env.path(".astro-host/config.toml");
            fs::write(path, "[trust\n").expect("written");
        },
        3,
        "until then no installed plugin is loaded",
    ),
    (
        "revoked since",
        |world| {
            world.index.version("marked", "1.0.0").revoked = Some("the key was stolen".into());
            world.index.publish();
            let warned = world.env.run(["plugin", "search"]);
            assert!(
                warned
                    .stderr
                    .contains("`marked` 1.0.0 was revoked and is not used any more: the key was stolen"),
                "{warned:?}"
            );
        },
        126,
        "it was revoked: the key was stolen",
    ),
];
