//! Plugin files as tests need them: any name, version and mark, signed by keys that the test made, and indexes of them.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    process::Command,
};

use astro_host::trust::verify::TRIPLE;
use astro_plugin_protocol::{
    manifest::Manifest,
    plugin_file::{self, FooterError, Signature},
    plugin_index::{FORMAT, File, Plugin, PluginIndex, Publisher, Version},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use minisign::KeyPair;

use crate::{TestEnv, fixture};

const MARK: &[u8] = b"ASTRO-FIXTURE-MARK:";

/// Somebody who signs.
pub struct Signer(KeyPair);

impl Default for Signer {
    fn default() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().expect("a key"))
    }
}

impl Signer {
    /// The public key's text.
    pub fn public(&self) -> String {
        self.0.pk.to_base64()
    }

    /// The public key's id.
    pub fn id(&self) -> String {
        self.0.pk.keynum().iter().rev().map(|byte| format!("{byte:02X}")).collect()
    }

    /// The text of a `.minisig` file.
    pub fn minisig(&self, bytes: &[u8], comment: &str) -> String {
        let signed = minisign::sign(Some(&self.0.pk), &self.0.sk, Cursor::new(bytes), Some(comment), None);
        signed.expect("signed").into_string()
    }

    /// Signs a plugin file in place, with any trusted comment.
    pub fn sign_as(&self, file: &mut [u8], comment: &str) {
        plugin_file::sign(file, |bytes| {
            Ok::<_, FooterError>(signature_of(&self.minisig(bytes, comment), comment))
        })
        .expect("a plugin file");
    }

    /// Writes an index and its signature into a directory.
    pub fn publish(&self, dir: &Path, index: &PluginIndex) {
        let text = serde_json::to_vec(index).expect("json");
        fs::create_dir_all(dir).expect("made");
        fs::write(dir.join("index.json.minisig"), self.minisig(&text, &index.trusted_comment()))
            .expect("written");
        fs::write(dir.join("index.json"), text).expect("written");
    }
}

/// The signature of the text of a `.minisig` file, as it stands in a footer.
pub fn signature_of(minisig: &str, comment: &str) -> Signature {
    let lines: Vec<Vec<u8>> = minisig
        .lines()
        .skip(1)
        .step_by(2)
        .map(|line| BASE64_STANDARD.decode(line.trim()).expect("base64"))
        .collect();
    Signature {
        signature: lines[0].clone().try_into().expect("74 bytes"),
        global: lines[1].clone().try_into().expect("64 bytes"),
        trusted_comment: comment.to_owned(),
    }
}

/// The SHA-256 of a file, as a tool of the system tells it.
pub fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().expect("sha256sum runs");
    String::from_utf8_lossy(&output.stdout).split(' ').next().expect("a hash").to_owned()
}

/// A plugin file in the making: the fixture `marked` under another name, version or mark.
#[derive(Clone)]
pub struct PluginFile {
    /// Its manifest, free to change.
    pub manifest: Manifest,
    /// Its library.
    pub payload: Vec<u8>,
}

impl PluginFile {
    /// The fixture as it was built.
    pub fn marked(env: &TestEnv) -> Self {
        Self::of(env, "marked")
    }

    /// Another fixture as it was built.
    pub fn of(env: &TestEnv, name: &str) -> Self {
        let library = fixture(name);
        let said = env.run([std::ffi::OsStr::new("__describe"), library.as_os_str()]).ok();
        Self {
            manifest: serde_json::from_str(&said).expect("a manifest"),
            payload: fs::read(&library).expect("the library"),
        }
    }

    /// The same with this version, which is its mark, too.
    pub fn version(mut self, version: &str) -> Self {
        self.manifest.version = version.to_owned();
        self.mark(version)
    }

    /// The same with this name, and a command of that name.
    pub fn name(mut self, name: &str) -> Self {
        self.manifest.name = name.to_owned();
        self.manifest.commands[0].path = name.to_owned();
        self.manifest.commands[0].examples.clear();
        self
    }

    /// The same with another mark of at most 13 bytes.
    pub fn mark(mut self, mark: &str) -> Self {
        let places: Vec<usize> = self
            .payload
            .windows(MARK.len())
            .enumerate()
            .filter(|(_, window)| *window == MARK)
            .map(|(at, _)| at + MARK.len())
            .collect();
        assert!(!places.is_empty() && mark.len() <= 13, "{places:?} {mark}");
        for at in places {
            self.payload[at..at + 13].fill(b'.');
            self.payload[at..at + mark.len()].copy_from_slice(mark.as_bytes());
        }
        self
    }

    /// The bytes of the file, not signed.
    pub fn bytes(&self) -> Vec<u8> {
        let manifest = serde_json::to_vec(&self.manifest).expect("json");
        plugin_file::assemble(&self.payload, &manifest, TRIPLE, self.manifest.abi, Some((2, 17)))
            .expect("a plugin file")
    }

    /// The bytes of the file, signed as what it is.
    pub fn signed(&self, signer: &Signer) -> Vec<u8> {
        let mut bytes = self.bytes();
        signer.sign_as(&mut bytes, &self.comment());
        bytes
    }

    /// The trusted comment of its signature.
    pub fn comment(&self) -> String {
        format!("name:{} version:{} target:{TRIPLE}", self.manifest.name, self.manifest.version)
    }

    /// Writes bytes as this plugin's file below the home.
    pub fn write(&self, env: &TestEnv, bytes: &[u8]) -> PathBuf {
        let path = env.path(&format!("{}.astro-plugin", self.manifest.name));
        fs::write(&path, bytes).expect("written");
        path
    }
}

/// An index in the making, in a directory.
pub struct IndexDir {
    /// The directory.
    pub dir: PathBuf,
    /// Who signs the index.
    pub signer: Signer,
    /// Who signs the plugins.
    pub publisher: Signer,
    /// The document.
    pub document: PluginIndex,
}

impl IndexDir {
    /// An empty index called `corp` below the home, which is not written yet.
    pub fn new(env: &TestEnv, dir: &str) -> Self {
        let publisher = Signer::default();
        let key = Publisher { name: "Corp".into(), public_key: publisher.public() };
        let document = PluginIndex {
            format: FORMAT,
            name: "corp".into(),
            version: 0,
            expires: "2999-01-01T00:00:00Z".into(),
            publishers: [(publisher.id(), key)].into(),
            plugins: Vec::new(),
        };
        Self { dir: env.path(dir), signer: Signer::default(), publisher, document }
    }

    /// Puts a file into the index, signed by its publisher.
    pub fn add(&mut self, file: &PluginFile) -> &mut Self {
        let bytes = file.signed(&self.publisher);
        let id = self.publisher.id();
        self.add_bytes(file, &bytes, Some(id))
    }

    /// Puts any bytes into the index as this plugin's file.
    pub fn add_bytes(&mut self, file: &PluginFile, bytes: &[u8], key_id: Option<String>) -> &mut Self {
        let manifest = &file.manifest;
        let location = format!("{}-{}.astro-plugin", manifest.name, manifest.version);
        fs::create_dir_all(&self.dir).expect("made");
        fs::write(self.dir.join(&location), bytes).expect("written");
        let sha256 = astro_host::base::hash::sha256(bytes).expect("hashed");
        let entry = File {
            target: TRIPLE.to_owned(),
            glibc: None,
            size: bytes.len() as u64,
            sha256,
            location,
            key_id,
        };
        let version = Version { files: vec![entry], ..Version::of(manifest) };
        let plugins = &mut self.document.plugins;
        let at = plugins.iter().position(|plugin| plugin.name == manifest.name).unwrap_or_else(|| {
            let plugin =
                Plugin { name: manifest.name.clone(), about: "Tells its mark".into(), ..Plugin::default() };
            plugins.push(plugin);
            plugins.len() - 1
        });
        plugins[at].versions.retain(|known| known.version != version.version);
        plugins[at].versions.push(version);
        self
    }

    /// The entry of a version.
    pub fn version(&mut self, name: &str, version: &str) -> &mut Version {
        let plugin = self.document.plugins.iter_mut().find(|plugin| plugin.name == name).expect("there");
        plugin.versions.iter_mut().find(|known| known.version == version).expect("there")
    }

    /// Counts the version up, signs and writes.
    pub fn publish(&mut self) -> &mut Self {
        self.document.version += 1;
        self.signer.publish(&self.dir, &self.document);
        self
    }

    /// The user trusts it under the name `corp`.
    pub fn added(&self, env: &TestEnv) {
        let dir = self.dir.to_str().expect("UTF-8");
        env.run(["plugin", "index", "add", "corp", dir, "--key", &self.signer.public(), "-q"]).ok();
    }
}

/// The file in use of a plugin in the user's store.
pub fn stored(env: &TestEnv, name: &str) -> PathBuf {
    let store = env.path(".astro-host/plugins/store").join(name);
    let current = fs::read_to_string(store.join("current")).expect("installed");
    store.join(current).join(format!("{name}.astro-plugin"))
}
