//! What is wrong with a file of an index, and with the next version of what is installed.

use std::fs;

use astro_e2e::plugin_files::Signer;
use astro_host::trust::verify::TRIPLE;
use astro_plugin_protocol::{
    plugin_file::{self, FOOTER_LEN, Footer, SIGNATURE_LEN},
    plugin_index::Publisher,
};

use super::Case;

/// `marked` is then wanted by name.
pub(super) const REFUSED: &[Case] = &[
    ("no file", |world| fs::remove_file(world.file("1.0.0")).expect("removed"), 1, "which is not there"),
    (
        "half a file",
        |world| {
            let bytes = fs::read(world.file("1.0.0")).expect("there");
            fs::write(world.file("1.0.0"), &bytes[..bytes.len() / 2]).expect("written");
        },
        126,
        "and should have",
    ),
    (
        "more than a file",
        |world| {
            let mut bytes = fs::read(world.file("1.0.0")).expect("there");
            bytes.push(0);
            fs::write(world.file("1.0.0"), &bytes).expect("written");
        },
        126,
        "it has more than",
    ),
    (
        "a directory instead of the file",
        |world| {
            fs::remove_file(world.file("1.0.0")).expect("removed");
            fs::create_dir(world.file("1.0.0")).expect("made");
        },
        1,
        "it is not a regular file",
    ),
    (
        "another file of that size",
        |world| {
            let mut bytes = fs::read(world.file("1.0.0")).expect("there");
            bytes[1000] ^= 1;
            fs::write(world.file("1.0.0"), &bytes).expect("written");
        },
        126,
        "checksum mismatch",
    ),
    (
        "a file without a footer",
        |world| world.publish(&[7; 4096], None),
        126,
        "does not end with a plugin footer",
    ),
    ("a file that is too short", |world| world.publish(b"short", None), 126, "is too short to be a plugin"),
    (
        "a footer from the future",
        |world| {
            let mut bytes = world.next().bytes();
            let at = bytes.len() - FOOTER_LEN + 8;
            bytes[at] = 9;
            world.publish(&bytes, None);
        },
        126,
        "its footer has revision 9",
    ),
    (
        "a payload of another kind",
        |world| {
            let mut bytes = world.next().bytes();
            let at = bytes.len() - FOOTER_LEN + 12;
            bytes[at] = 2;
            world.publish(&bytes, None);
        },
        126,
        "its payload kind 2 is not known",
    ),
    (
        "something behind an unsigned footer",
        |world| {
            let mut bytes = world.next().bytes();
            let at = bytes.len() - 1;
            bytes[at] = 1;
            world.publish(&bytes, None);
        },
        126,
        "its footer's reserved part cannot be right",
    ),
    (
        "a manifest that is none",
        |world| {
            let bytes = plugin_file::assemble(&world.marked.payload, b"[1", TRIPLE, 1, None);
            world.publish(&bytes.expect("a file"), None);
        },
        126,
        "its manifest cannot be read",
    ),
    (
        "a manifest that takes a built-in word",
        |world| world.publish_changed(|file| file.manifest.commands[0].path = "login".into()),
        126,
        "its manifest is not accepted",
    ),
    (
        "the file of another plugin",
        |world| world.publish_changed(|file| file.manifest.name = "other".into()),
        126,
        "it is the plugin `other`, not `marked`",
    ),
    (
        "the file of another version",
        |world| world.publish_changed(|file| file.manifest.version = "1.2.0".into()),
        126,
        "it is version 1.2.0, not 1.1.0",
    ),
    (
        "a footer and a manifest of two ABIs",
        |world| {
            let mut bytes = world.next().bytes();
            let start = bytes.len() - FOOTER_LEN;
            let mut footer = Footer::parse(&bytes[start..], bytes.len() as u64).expect("a footer");
            footer.abi = 2;
            bytes[start..].copy_from_slice(&footer.to_bytes().expect("fits"));
            world.publish(&bytes, None);
        },
        126,
        "its footer says ABI 2, its manifest 1",
    ),
    (
        "a file for another machine than the index says",
        |world| {
            let mut bytes = world.next().bytes();
            let at = bytes.len() - FOOTER_LEN + 16;
            bytes[at..at + 6].copy_from_slice(b"sparc9");
            world.publish(&bytes, None);
        },
        126,
        "it was built for sparc9",
    ),
    (
        "a signature that is missing",
        |world| {
            let bytes = world.next().bytes();
            world.publish_signed(&bytes);
        },
        126,
        "it is not signed, and should be by the key",
    ),
    (
        "a signature of somebody else",
        |world| {
            let bytes = world.next().signed(&Signer::default());
            world.publish_signed(&bytes);
        },
        126,
        "it is signed with the key",
    ),
    (
        "a signature from another file",
        |world| {
            let (mut bytes, other) = (
                world.next().signed(&world.index.publisher),
                world.next().mark("evil").signed(&world.index.publisher),
            );
            let at = bytes.len() - SIGNATURE_LEN;
            bytes[at..].copy_from_slice(&other[at..]);
            world.publish_signed(&bytes);
        },
        126,
        "over these bytes",
    ),
    (
        "a signature as another plugin",
        |world| {
            let mut bytes = world.next().bytes();
            let comment = world.next().comment().replace("marked", "other");
            world.index.publisher.sign_as(&mut bytes, &comment);
            world.publish_signed(&bytes);
        },
        126,
        "its signature is of something else: `name:other version:1.1.0",
    ),
    (
        "a signature as another version",
        |world| {
            let mut bytes = world.next().bytes();
            let comment = world.marked.clone().version("1.0.0").comment();
            world.index.publisher.sign_as(&mut bytes, &comment);
            world.publish_signed(&bytes);
        },
        126,
        "instead of `name:marked version:1.1.0",
    ),
    (
        "a comment that was changed",
        |world| {
            let mut bytes = world.next().signed(&world.index.publisher);
            let at = bytes.len() - FOOTER_LEN + 244;
            bytes[at..at + 4].copy_from_slice(b"eman");
            world.publish_signed(&bytes);
        },
        126,
        "over these bytes",
    ),
    (
        "a policy that wants signatures",
        |world| {
            world.env.run(["config", "set", "trust.require", "signed"]).ok();
            let bytes = world.next().bytes();
            world.publish(&bytes, None);
        },
        126,
        "no signature of it was verified, and the trust policy wants one",
    ),
    (
        "a policy with other publishers",
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
            fs::write(path, format!("{text}[trust]\nrequire = \"sometimes\"\n")).expect("written");
        },
        3,
        "cannot be read: line",
    ),
];

/// What is wrong with the next version of what is installed. The one that is installed stays in use.
pub(super) const NOT_UPGRADED: &[Case] = &[
    (
        "another publisher",
        |world| {
            let other = Signer::default();
            let key = Publisher { name: String::new(), public_key: other.public() };
            world.index.document.publishers.insert(other.id(), key);
            let bytes = world.next().signed(&other);
            world.publish(&bytes, Some(other.id()));
        },
        126,
        "the publisher key of `marked` has changed: it was",
    ),
    (
        "not signed any more",
        |world| {
            let bytes = world.next().bytes();
            world.publish(&bytes, None);
        },
        126,
        "a plugin that was signed stays signed",
    ),
    (
        "signed, and the index does not say by whom",
        |world| {
            let bytes = world.next().signed(&Signer::default());
            world.publish(&bytes, None);
        },
        126,
        "which is not trusted here: signature not verified",
    ),
    (
        "an older one",
        |world| {
            let old = world.marked.clone().version("0.9.0");
            world.index.document.plugins.clear();
            world.index.add(&old).publish();
        },
        126,
        "`marked` 0.9.0 is older than the installed 1.0.0, which stays",
    ),
    (
        "the same version with other bytes",
        |world| {
            let again = world.marked.clone().version("1.0.0").mark("evil");
            world.index.add(&again).publish();
        },
        126,
        "has another file for `marked` 1.0.0 than the one that is installed",
    ),
    (
        "a command of another plugin",
        |world| {
            let theirs = world.marked.clone().name("theirs");
            let path = theirs.write(&world.env, &theirs.bytes());
            world.env.run([std::ffi::OsStr::new("plugin"), "install".as_ref(), path.as_os_str()]).ok();
            world.publish_changed(|file| file.manifest.commands[0].path = "theirs".into());
        },
        126,
        "the plugins `marked` and `theirs` both claim `astro theirs`",
    ),
];
