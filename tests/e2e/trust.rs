//! What keeps a plugin from being installed or loaded: every way in which something may be missing, wrong, old or somebody
//! else's, each refused with words of its own, and no code of the plugin run.

use std::{collections::BTreeSet, fs};

use astro_e2e::{
    Ran, TestEnv, has_service,
    plugin_files::{IndexDir, PluginFile, Signer, signature_of},
};
use astro_plugin_protocol::{
    manifest::Revisions,
    plugin_file::{self, FOOTER_LEN, Footer, FooterError, SIGNATURE_LEN},
};

/// A user who trusts an index with `marked` 1.0.0 in it, and has installed nothing yet.
struct World {
    env: TestEnv,
    index: IndexDir,
    marked: PluginFile,
}

impl World {
    fn new(marked: &PluginFile) -> Self {
        let env = TestEnv::new();
        let mut index = IndexDir::new(&env, "index");
        index.add(&marked.clone().version("1.0.0")).publish().added(&env);
        Self { env, index, marked: marked.clone() }
    }

    fn install(&self) -> Ran {
        let mut command = self.env.astro();
        command.env("ASTRO_FIXTURE_CANARY", self.env.path("canary")).args(["plugin", "install", "marked"]);
        self.env.ran(&mut command)
    }

    fn run(&self) -> Ran {
        let mut command = self.env.astro();
        command.env("ASTRO_FIXTURE_CANARY", self.env.path("canary")).arg("marked");
        self.env.ran(&mut command)
    }

    fn installed(self) -> Self {
        assert_eq!(self.install().code, Some(0));
        self
    }

    fn next(&self) -> PluginFile {
        self.marked.clone().version("1.1.0")
    }

    /// Publishes 1.1.0 with these bytes, the index saying the truth about their size and hash.
    fn publish(&mut self, bytes: &[u8], key_id: Option<String>) {
        let next = self.next();
        self.index.add_bytes(&next, bytes, key_id).publish();
    }

    fn publish_signed(&mut self, bytes: &[u8]) {
        let id = self.index.publisher.id();
        self.publish(bytes, Some(id));
    }

    /// Publishes 1.1.0 with a manifest or library that was changed, properly signed.
    fn publish_changed(&mut self, change: impl FnOnce(&mut PluginFile)) {
        let mut next = self.next();
        change(&mut next);
        let bytes = next.signed(&self.index.publisher);
        let id = self.index.publisher.id();
        let plain = self.next();
        // The index still says what it said of a good file.
        self.index.add_bytes(&plain, &bytes, Some(id)).publish();
    }

    fn file(&self, version: &str) -> std::path::PathBuf {
        self.index.dir.join(format!("marked-{version}.astro-plugin"))
    }

    /// The file in the user's store.
    fn stored(&self) -> std::path::PathBuf {
        let store = self.env.path(".astro-host/plugins/store/marked");
        let current = fs::read_to_string(store.join("current")).expect("installed");
        store.join(current).join("marked.astro-plugin")
    }
}

type Case = (&'static str, fn(&mut World), i32, &'static str);

/// What is wrong with an index or with a file of it. `marked` is then wanted by name.
const REFUSED: &[Case] = &[
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
        "is not signed by its key",
    ),
    (
        "half a signature",
        |world| {
            let path = world.index.dir.join("index.json.minisig");
            let text = fs::read_to_string(&path).expect("there");
            fs::write(path, &text[..text.len() / 2]).expect("written");
        },
        1,
        "is not signed by its key",
    ),
    (
        "somebody else's signature",
        |world| Signer::default().publish(&world.index.dir, &world.index.document),
        1,
        "is not signed by its key",
    ),
    (
        "the signature of an older index",
        |world| {
            let old = fs::read(world.index.dir.join("index.json.minisig")).expect("there");
            world.index.publish();
            fs::write(world.index.dir.join("index.json.minisig"), old).expect("written");
        },
        1,
        "is not signed by its key",
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
            for dir in ["state", "cache"] {
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
        |world| fs::write(world.env.path(".astro-host/state/indexes/corp.json"), "{").expect("written"),
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
        1,
        "every version of the plugin `marked` was taken back",
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
        "a newer C library",
        |world| {
            world.index.version("marked", "1.0.0").files[0].glibc = Some("99.0".into());
            world.index.publish();
        },
        126,
        "it needs glibc 99.0",
    ),
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
        "it is not the file it should be",
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
            let bytes = plugin_file::assemble(
                &world.marked.payload,
                b"[1",
                astro_host::host::verify::TRIPLE,
                1,
                None,
            );
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
const NOT_UPGRADED: &[Case] = &[
    (
        "another publisher",
        |world| {
            let other = Signer::default();
            let key = astro_plugin_protocol::plugin_index::Publisher {
                name: String::new(),
                public_key: other.public(),
            };
            world.index.document.publishers.insert(other.id(), key);
            let bytes = world.next().signed(&other);
            world.publish(&bytes, Some(other.id()));
        },
        126,
        "THE PUBLISHER'S KEY OF `marked` HAS CHANGED: it was",
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
        "which nobody vouched for: not verified",
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

/// What became of an installed plugin: it is not loaded.
const NOT_LOADED: &[Case] = &[
    (
        "a changed file",
        |world| {
            let mut bytes = fs::read(world.stored()).expect("there");
            bytes[2000] ^= 1;
            fs::write(world.stored(), bytes).expect("written");
        },
        126,
        "its file is not the one that was installed: SHA-256",
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
        "installed 0000",
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

#[test]
fn what_is_wrong_is_refused_in_words() {
    let marked = PluginFile::marked(&TestEnv::new());
    let mut messages = BTreeSet::new();
    for (what, change, code, words) in REFUSED {
        let mut world = World::new(&marked);
        change(&mut world);
        let ran = world.install();
        assert!(ran.code == Some(*code) && ran.stderr.contains(words), "{what}: {ran:?}");
        assert!(ran.stderr.contains("help: ") || *code == 126 || *code == 1, "{what}: {ran:?}");
        assert_eq!(world.run().code, Some(127), "{what}: nothing is installed");
        assert!(!world.env.path("canary").exists(), "{what}: its code ran");
        let outside: Vec<_> = fs::read_dir(world.env.home())
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name())
            .filter(|name| name != "index" && name != ".astro-host")
            .collect();
        assert!(outside.is_empty(), "{what}: {outside:?}");
        messages.insert(ran.stderr);
    }
    for (what, change, code, words) in NOT_UPGRADED {
        let mut world = World::new(&marked).installed();
        change(&mut world);
        let upgraded = world.env.run(["plugin", "upgrade", "marked"]);
        assert!(upgraded.code == Some(*code) && upgraded.stderr.contains(words), "{what}: {upgraded:?}");
        assert!(!world.env.path("canary").exists(), "{what}: its code ran");
        assert!(world.run().stdout.contains("1.0.0"), "{what}: the old one works");
        messages.insert(upgraded.stderr);
    }
    for (what, change, code, words) in NOT_LOADED {
        let mut world = World::new(&marked).installed();
        change(&mut world);
        for _ in 0..2 {
            let mut command = world.env.astro();
            command
                .env("ASTRO_FIXTURE_CANARY", world.env.path("canary"))
                .env("ASTRO_API_TOKEN", "opaque")
                .arg("marked");
            let ran = world.env.ran(&mut command);
            assert!(ran.code == Some(*code) && ran.stderr.contains(words), "{what}: {ran:?}");
            assert!(!world.env.path("canary").exists(), "{what}: its code ran");
        }
        // One bad plugin is one unusable command.
        assert_eq!(world.env.run(["plugin", "list"]).code, Some(0), "{what}");
        assert!(world.env.run(["--help"]).ok().contains("deployment"), "{what}");
        assert_ne!(world.env.run(["plugin", "verify", "marked"]).code, Some(0), "{what}");
        let removed = world.env.run(["plugin", "remove", "marked"]);
        assert_eq!(removed.code, Some(0), "{what}: {removed:?}");
    }
    let cases = REFUSED.len() + NOT_UPGRADED.len() + NOT_LOADED.len();
    assert!(cases >= 70 && messages.len() > 50, "{cases} cases, {} messages", messages.len());
}

/// What a file of an index may be called and what it brings is written below the store and nowhere else.
#[test]
fn hostile_names_stay_outside() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let long = "x".repeat(65_536);
    for name in [
        "../x",
        "/etc/x",
        "a/b",
        "",
        ".",
        "..",
        "a\0b",
        "a\nb",
        "\u{202e}x",
        "a b",
        "-x",
        ".hidden",
        &long,
        "ünïcode",
        "x\u{1b}[31m",
    ] {
        for version in ["1.0.0", "../../1.0.0", "1.0.0\n", "1.0", &long, "1.0.0+\u{202e}"] {
            let mut file = marked.clone();
            file.manifest.name = name.to_owned();
            file.manifest.version = version.to_owned();
            fs::write(env.path("hostile.astro-plugin"), file.bytes()).expect("written");
            for command in ["install", "info"] {
                let ran = env.run(["plugin", command, "./hostile.astro-plugin"]);
                assert!(command == "info" || ran.code == Some(126), "{name:?} {version:?}: {ran:?}");
                let said = format!("{}{}", ran.stdout, ran.stderr);
                assert!(!said.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{said:?}");
            }
        }
    }
    let mut file = marked;
    file.manifest.version = format!("1.0.0-{}", "x".repeat(58));
    fs::write(env.path("hostile.astro-plugin"), file.bytes()).expect("written");
    let ran = env.run(["plugin", "install", "./hostile.astro-plugin"]);
    assert!(ran.stderr.contains("is too long"), "{ran:?}");
    let store = env.path(".astro-host/plugins/store");
    assert!(!store.exists() || fs::read_dir(store).expect("there").next().is_none(), "nothing was written");
    for typed in ["../marked", "marked@../x", "a/b/c", "marked@", "\u{1b}[31m"] {
        assert_ne!(env.run(["plugin", "install", typed]).code, Some(0), "{typed:?}");
        for command in ["remove", "rollback", "pin", "upgrade", "verify"] {
            assert_ne!(env.run(["plugin", command, typed]).code, Some(0), "{command} {typed:?}");
        }
    }
}

/// A key that was lost is replaced: first both are trusted, then the new one alone.
#[test]
fn a_key_is_replaced() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish();
    let (old, new) = (index.signer.public(), Signer::default());
    let dir = index.dir.to_str().expect("UTF-8").to_owned();
    env.run(["plugin", "index", "add", "corp", &dir, "--key", &old, "--key", &new.public()]).ok();
    env.run(["plugin", "install", "marked", "-q"]).ok();
    index.signer = new;
    index.add(&marked.clone().version("1.1.0")).publish();
    env.run(["plugin", "upgrade", "-q"]).ok();
    env.run(["plugin", "index", "remove", "corp", "-q"]).ok();
    env.run(["plugin", "index", "add", "corp", &dir, "--key", &index.signer.public()]).ok();
    index.add(&marked.version("1.2.0")).publish();
    env.run(["plugin", "upgrade", "-q"]).ok();
    assert!(env.run(["marked"]).ok().contains("1.2.0"));
    // Whoever found the lost key publishes nothing any more.
    let refused = env.run(["plugin", "index", "add", "other", &dir, "--key", &old]);
    assert!(refused.stderr.contains("is not signed by its key"), "{refused:?}");
}

/// A revoked version is not used any more, also without the index, and nothing goes back to it.
#[test]
fn what_was_revoked_stays_revoked() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut index = IndexDir::new(&env, "index");
    index.add(&marked.clone().version("1.0.0")).publish().added(&env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    env.run(["plugin", "sync", "-q"]).ok();
    index.add(&marked.clone().version("1.1.0"));
    index.version("marked", "1.0.0").revoked = Some("it deletes things".into());
    index.publish();
    env.run(["plugin", "upgrade", "-q"]).ok();
    assert!(env.run(["marked"]).ok().contains("1.1.0"));
    fs::rename(&index.dir, env.path("away")).expect("moved");
    let back = env.run(["plugin", "rollback", "marked"]);
    assert!(
        back.code == Some(126) && back.stderr.contains("cannot go back to `marked` 1.0.0: it was revoked"),
        "{back:?}"
    );
    let kept = env.run(["plugin", "exec", "marked@1.0.0", "--", "marked"]);
    assert!(kept.code == Some(126) && kept.stderr.contains("it deletes things"), "{kept:?}");
    fs::rename(env.path("away"), &index.dir).expect("moved");
    for args in [&["plugin", "install", "marked@1.0.0"][..], &["plugin", "sync", "--locked"]] {
        let refused = env.run(args);
        assert!(
            refused.code == Some(126)
                && refused.stderr.contains("`marked` 1.0.0 was revoked: it deletes things"),
            "{refused:?}"
        );
    }
    // The same file by another way.
    let file = marked.version("1.0.0");
    let signed = fs::read(index.dir.join("marked-1.0.0.astro-plugin")).expect("there");
    let path = file.write(&env, &signed);
    let path = path.to_str().expect("UTF-8");
    for _ in 0..2 {
        let refused = env.run(["plugin", "install", path, "--downgrade"]);
        assert!(refused.code == Some(126) && refused.stderr.contains("it deletes things"), "{refused:?}");
        // What an index said of it is remembered without the index, as long as it is kept.
        let _ = fs::rename(&index.dir, env.path("away"));
    }
    assert!(env.run(["marked"]).ok().contains("1.1.0"));
}

/// minisign itself verifies what is signed here, and what it signs is verified here.
#[test]
fn signatures_of_minisign_itself() {
    if !has_service("minisign") {
        return;
    }
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env).version("1.0.0");
    let shell = |line: &str| env.shell("bash", line);
    shell("minisign -G -W -f -p key.pub -s key.sec").ok();
    let key =
        fs::read_to_string(env.path("key.pub")).expect("made").lines().nth(1).expect("a key").to_owned();
    // A plugin file that it signs.
    let mut bytes = marked.bytes();
    let at = bytes.len() - FOOTER_LEN + 8;
    bytes[at] = 2;
    let part = bytes.len() - SIGNATURE_LEN;
    fs::write(env.path("part"), &bytes[..part]).expect("written");
    let comment = marked.comment();
    shell(&format!("minisign -S -s key.sec -m part -x part.minisig -t '{comment}'")).ok();
    let text = fs::read_to_string(env.path("part.minisig")).expect("signed");
    let mut bytes = marked.bytes();
    plugin_file::sign(&mut bytes, |_| Ok::<_, FooterError>(signature_of(&text, &comment))).expect("fits");
    let file = marked.write(&env, &bytes);
    let file = file.to_str().expect("UTF-8");
    let installed = env.run(["plugin", "install", file, "--public-key", "key.pub"]);
    assert!(installed.code == Some(0) && installed.stderr.contains("signed with the key"), "{installed:?}");
    // An index that it signs, with plugins that astro signs and without.
    env.run(["plugin", "index", "build", "site", file, "--name", "corp", "--publisher", "key.pub", "-q"])
        .ok();
    shell("minisign -S -s key.sec -m site/index.json -t 'index:corp version:1'").ok();
    env.run(["plugin", "index", "add", "corp", "./site", "--key", "key.pub", "-q"]).ok();
    env.run(["plugin", "index", "check", "site", "--key", &key, "-q"]).ok();
    // One that astro signs.
    env.run(["plugin", "index", "build", "site", "-q"]).ok();
    env.run(["plugin", "index", "sign", "site", "--key", "key.sec", "-q"]).ok();
    let told = shell("minisign -V -p key.pub -m site/index.json").ok();
    assert!(told.contains("Trusted comment: index:corp version:2"), "{told}");
    env.run(["plugin", "search", "-q"]).ok();
    // The old kind, which is not over a hash, is not accepted.
    shell("minisign -S -l -s key.sec -m site/index.json -t 'index:corp version:2'").ok();
    let legacy = env.run(["plugin", "search"]);
    assert!(legacy.code == Some(1) && legacy.stderr.contains("is not signed by its key"), "{legacy:?}");
}
