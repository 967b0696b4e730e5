//! What keeps a plugin from being installed or loaded: every way in which something may be missing, wrong, old or somebody
//! else's, each refused with words of its own, and no code of the plugin run.
//!
//! * [`indexes`]: what is wrong with an index. * [`files`]: with a file of it. * [`installed`]: with what is installed.

mod files;
mod indexes;
mod installed;

use std::{collections::BTreeSet, fs};

use astro_e2e::{
    Ran, TestEnv,
    plugin_files::{IndexDir, PluginFile, stored},
    says,
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
        stored(&self.env, "marked")
    }
}

/// What is done, how, the exit code, and words of the message.
type Case = (&'static str, fn(&mut World), i32, &'static str);

#[test]
fn what_is_wrong_is_refused_in_words() {
    let marked = PluginFile::marked(&TestEnv::new());
    let mut messages = BTreeSet::new();
    for (what, change, code, words) in indexes::REFUSED.iter().chain(files::REFUSED) {
        let mut world = World::new(&marked);
        change(&mut world);
        let ran = world.install();
        says(&ran, *code, &[words]);
        assert_eq!(world.run().code, Some(127), "{what}: nothing is installed");
        assert!(!world.env.path("canary").exists(), "{what}: its code ran");
        let outside: Vec<_> = fs::read_dir(world.env.home())
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name())
            .filter(|name| name != "index" && name != ".astro-host")
            .collect();
        assert!(outside.is_empty(), "{what}: {outside:?}");
        messages.insert(*words);
    }
    for (what, change, code, words) in files::NOT_UPGRADED {
        let mut world = World::new(&marked).installed();
        change(&mut world);
        let upgraded = world.env.run(["plugin", "upgrade", "marked"]);
        says(&upgraded, *code, &[words]);
        assert!(!world.env.path("canary").exists(), "{what}: its code ran");
        assert!(world.run().stdout.contains("1.0.0"), "{what}: the old one works");
        messages.insert(*words);
    }
    for (what, change, code, words) in installed::NOT_LOADED {
        let mut world = World::new(&marked).installed();
        change(&mut world);
        for _ in 0..2 {
            let mut command = world.env.astro();
            command
                .env("ASTRO_FIXTURE_CANARY", world.env.path("canary"))
                .env("ASTRO_API_TOKEN", "opaque")
                .arg("marked");
            let ran = world.env.ran(&mut command);
            says(&ran, *code, &[words]);
            assert!(!world.env.path("canary").exists(), "{what}: its code ran");
        }
        // One bad plugin is one unusable command.
        assert_eq!(world.env.run(["plugin", "list"]).code, Some(0), "{what}");
        assert!(world.env.run(["--help"]).ok().contains("deployment"), "{what}");
        assert_ne!(world.env.run(["plugin", "verify", "marked"]).code, Some(0), "{what}");
        let removed = world.env.run(["plugin", "remove", "marked"]);
        assert_eq!(removed.code, Some(0), "{what}: {removed:?}");
    }
    let cases = indexes::REFUSED.len() + files::REFUSED.len() + files::NOT_UPGRADED.len();
    assert!(cases + installed::NOT_LOADED.len() >= 70, "{cases} cases");
    // Each has words of its own; a few are one thing seen from two sides.
    assert!(messages.len() + 6 >= cases, "{} messages for {cases} cases: {messages:#?}", messages.len());
}
