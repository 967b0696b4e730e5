//! Many attacks of one kind: every bit of a file, every moment of a change, every name of the loader. `ASTRO_TORTURE`
//! multiplies the number of runs (`cargo xtask torture attacks`).

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::FileExt,
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use astro_e2e::{
    Random, TestEnv,
    plugin_files::{IndexDir, PluginFile, stored},
};
use astro_host::{
    base::failpoint::STORE_STEPS,
    config::Dirs,
    host::{Transport, library},
    store::{Kind, Store},
    trust::verify,
};

use crate::torture::runs;

/// Runs `astro marked` and answers what the library said that was loaded, if one was.
fn mark(env: &TestEnv) -> Option<String> {
    let mut command = env.astro();
    command.args(["marked", "-o", "clean"]).env("ASTRO_FIXTURE_CANARY", env.path("canary"));
    let ran = env.ran(&mut command);
    match ran.code {
        Some(0) => Some(ran.stdout.trim().trim_end_matches('.').to_owned()),
        _ => {
            assert!(ran.code == Some(126) && ran.stdout.is_empty(), "{ran:?}");
            None
        }
    }
}

/// A user who installed `marked` 1.0.0 from an index.
fn installed(env: &TestEnv) -> (IndexDir, PluginFile) {
    let marked = PluginFile::marked(env);
    let mut index = IndexDir::new(env, "index");
    index.add(&marked.clone().version("1.0.0")).publish().added(env);
    env.run(["plugin", "install", "marked", "-q"]).ok();
    (index, marked)
}

/// No single bit can be changed, in the installed file with its signature or in what an index serves.
#[test]
fn a_flipped_bit_is_never_loaded() {
    let env = TestEnv::new();
    let (index, _) = installed(&env);
    let path = stored(&env, "marked");
    let file = fs::File::options().read(true).write(true).open(&path).expect("open");
    let length = file.metadata().expect("there").len();
    let random = Random::new();
    let mut places: Vec<u64> = (0..runs(1500)).map(|_| random.below(length * 8)).collect();
    // The signature's own fields: a bit of each byte, and every bit in the long run.
    let step = if runs(1) > 1 { 1 } else { 8 };
    places.extend((length * 8 - 408 * 8..length * 8).step_by(step));
    for bit in places {
        let mut byte = [0];
        file.read_exact_at(&mut byte, bit / 8).expect("read");
        file.write_all_at(&[byte[0] ^ (1 << (bit % 8))], bit / 8).expect("written");
        assert_eq!(mark(&env), None, "bit {bit}");
        assert!(!env.path("canary").exists(), "code ran after the change of bit {bit}");
        file.write_all_at(&byte, bit / 8).expect("restored");
    }
    assert_eq!(mark(&env).as_deref(), Some("1.0.0"));
    fs::remove_file(env.path("canary")).expect("it sang");
    env.run(["plugin", "remove", "marked", "-q"]).ok();

    for name in ["index.json", "index.json.minisig", "marked-1.0.0.astro-plugin"] {
        let path = index.dir.join(name);
        let good = fs::read(&path).expect("there");
        for _ in 0..runs(150) {
            let bit = random.below(good.len() as u64 * 8);
            let mut bytes = good.clone();
            bytes[usize::try_from(bit / 8).expect("small")] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).expect("written");
            let mut command = env.astro();
            command.args(["plugin", "install", "marked"]).env("ASTRO_FIXTURE_CANARY", env.path("canary"));
            let ran = env.ran(&mut command);
            // The first line of a signature's file is a comment that nobody signs.
            let before = &good[..usize::try_from(bit / 8).expect("small")];
            let is_comment = name.ends_with("minisig") && !before.contains(&b'\n');
            if ran.code == Some(0) && is_comment {
                env.run(["plugin", "remove", "marked", "-q"]).ok();
            } else {
                assert!(matches!(ran.code, Some(1 | 126)), "{name} bit {bit}: {ran:?}");
            }
            assert!(!env.path("canary").exists(), "{name} bit {bit}: code ran");
        }
        fs::write(&path, &good).expect("restored");
    }
    env.run(["plugin", "install", "marked", "-q"]).ok();
    assert_eq!(mark(&env).as_deref(), Some("1.0.0"));
}

/// While somebody exchanges the file again and again, what runs is what was verified, or nothing.
fn exchanged(env: &TestEnv, times: usize, exchange: impl Fn(&Path, bool) + Sync) -> usize {
    let path = stored(env, "marked");
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut evil = true;
            while !ended.load(Ordering::SeqCst) {
                exchange(&path, evil);
                evil = !evil;
            }
            exchange(&path, false);
        });
        let worked = (0..times)
            .filter(|_| match mark(env).as_deref() {
                Some("1.0.0") => true,
                None => false,
                other => panic!("{other:?} was never verified"),
            })
            .count();
        ended.store(true, Ordering::SeqCst);
        worked
    })
}

#[test]
fn a_file_that_is_renamed_over_is_not_run() {
    let env = TestEnv::new();
    let (_, marked) = installed(&env);
    let (good, evil) =
        (fs::read(stored(&env, "marked")).expect("there"), marked.version("1.0.0").mark("evil").bytes());
    let times = runs(800);
    let worked = exchanged(&env, times, |path, is_evil| {
        let beside = path.with_extension("new");
        fs::write(&beside, if is_evil { &evil } else { &good }).expect("written");
        fs::rename(&beside, path).expect("renamed");
    });
    assert!(worked > 0, "the good one was never met in {times} runs");
}

#[test]
fn a_file_that_is_written_in_place_is_not_run_with_a_sealed_copy() {
    let env = TestEnv::new();
    let (_, marked) = installed(&env);
    env.run(["config", "set", "trust.verify", "always", "-q"]).ok();
    let good = fs::read(stored(&env, "marked")).expect("there");
    let mut evil = marked.version("1.0.0").mark("evil").bytes();
    evil.resize(good.len(), 0);
    let times = runs(800);
    let random = Random::new();
    let worked = exchanged(&env, times, |path, is_evil| {
        let file = fs::File::options().write(true).open(path).expect("open");
        file.write_all_at(if is_evil { &evil } else { &good }, 0).expect("written");
        // The good one stays for as long as some runs take: then one may begin on it and meet the evil one.
        let started = Instant::now();
        while !is_evil && started.elapsed() < Duration::from_millis(random.below(20)) {
            thread::yield_now();
        }
    });
    assert!(worked > 0 && worked < times, "{worked} of {times} runs met a whole file");
    assert_eq!(mark(&env).as_deref(), Some("1.0.0"));
}

/// Killed at any moment of an install, an upgrade or a rollback, the old version or the new one works, whole.
#[test]
fn a_kill_leaves_the_old_version_or_the_new_one() {
    let env = TestEnv::new();
    let (mut index, marked) = installed(&env);
    index.add(&marked.version("1.1.0")).publish();
    let commands = [
        &["plugin", "upgrade", "marked"][..],
        &["plugin", "rollback", "marked"],
        &["plugin", "rollback", "marked", "--undo"],
        &["plugin", "install", "marked@1.0.0"],
    ];
    let works = |what: &str| {
        let mark = mark(&env);
        assert!(matches!(mark.as_deref(), Some("1.0.0" | "1.1.0")), "{what}: {mark:?}");
        env.run(["plugin", "list"]).ok();
    };
    let mut killed = 0;
    for step in STORE_STEPS {
        for command in commands {
            for action in ["KILL", "ENOSPC"] {
                let mut astro = env.astro();
                astro.args(command).env("ASTRO_FAILPOINT", format!("{step}={action}"));
                let ran = env.ran(&mut astro);
                killed += usize::from(ran.code.is_none());
                works(&format!("{command:?} {step} {action}: {ran:?}"));
            }
        }
    }
    assert!(killed > 6, "{killed}");
    killed = 0;
    // As long as one takes on this machine, now.
    let started = Instant::now();
    env.run(["plugin", "install", "marked@1.0.0", "-q"]).ok();
    let random = Random::new();
    let whole = u64::try_from(started.elapsed().as_micros()).expect("small").max(1000);
    for round in 0..runs(60) {
        let command = commands[round % commands.len()];
        let mut child =
            env.astro().args(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        thread::sleep(Duration::from_micros(random.below(whole)));
        child.kill().expect("a child");
        killed += usize::from(child.wait().expect("ended").code().is_none());
        works(&format!("round {round}"));
    }
    assert!(killed > 0, "none of the kills came in time");
    // And what is left can be used and cleared away.
    env.run(["plugin", "install", "marked@1.0.0", "-q"]).ok();
    env.run(["plugin", "upgrade", "marked", "-q"]).ok();
    env.run(["plugin", "verify", "marked", "-q"]).ok();
    let left = fs::read_dir(env.path(".astro-host/plugins/store/marked")).expect("there").count();
    assert!(left <= 4, "{left} entries instead of `current`, `publisher` and two versions");
}

/// Two who install at once do not hurt each other.
#[test]
fn two_install_at_once() {
    let env = TestEnv::new();
    let (mut index, marked) = installed(&env);
    for name in ["one", "two", "three"] {
        index.add(&marked.clone().name(name));
    }
    index.add(&marked.clone().version("1.1.0")).publish();
    for _ in 0..runs(4) {
        let children: Vec<_> = ["one", "two", "three", "marked", "marked@1.0.0"]
            .into_iter()
            .map(|name| {
                env.astro()
                    .args(["plugin", "install", name])
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("runs")
            })
            .collect();
        for child in children {
            let ended = child.wait_with_output().expect("ended");
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        let listed = env.run(["plugin", "list", "-o", "clean"]).ok();
        for name in ["one", "two", "three", "marked"] {
            let ready =
                listed.lines().any(|line| line.starts_with(&format!("{name}\t")) && line.contains("\tready"));
            assert!(ready, "{name}: {listed}");
            env.run(["plugin", "verify", name, "-q"]).ok();
        }
        assert!(mark(&env).is_some());
        for name in ["one", "two", "three"] {
            env.run(["plugin", "remove", name, "-q"]).ok();
        }
    }
}

/// glibc tells loaded libraries apart by the names they were opened by, which hold the numbers of descriptors. Fifty
/// plugins in one process are fifty plugins, although every number that becomes free is used again.
#[test]
fn plugins_in_one_process_are_independent() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let mut paths = Vec::new();
    for number in 0..50 {
        let file = marked.clone().name(&format!("p{number}")).mark(&format!("number-{number}"));
        let path = env.path(&format!("p{number}.so"));
        fs::write(&path, &file.payload).expect("written");
        paths.push(path);
    }
    let mut marks = BTreeSet::new();
    for path in &paths {
        let verified = verify::open_for_describe(path).expect("opens");
        let loaded = library::load(verified, "`marked`").expect("loads");
        let described = loaded.describe().expect("describes");
        let manifest: serde_json::Value = serde_json::from_slice(&described).expect("json");
        marks.insert(manifest["about"].as_str().expect("text").to_owned());
        // Numbers that became free meanwhile are taken by whoever comes next.
        let _ = fs::File::open(path).expect("opens");
    }
    assert_eq!(marks.len(), 50, "{marks:?}");
    assert_eq!(marks.iter().filter(|mark| mark.starts_with("number-")).count(), 50);
}

/// The same for installed plugins, each verified and loaded from a sealed copy in memory, all of which have one name.
#[test]
fn sealed_copies_are_independent() {
    let env = TestEnv::new();
    let marked = PluginFile::marked(&env);
    let dir = env.path("files");
    fs::create_dir_all(&dir).expect("made");
    for number in 0..50 {
        let name = format!("p{number}");
        let file = marked.clone().name(&name).mark(&format!("number-{number}"));
        fs::write(dir.join(format!("{name}.astro-plugin")), file.bytes()).expect("written");
    }
    env.run(["plugin", "install", "./files", "-q"]).ok();
    env.run(["config", "set", "trust.verify", "always", "-q"]).ok();
    let all = env.path(".astro-host");
    let dirs = Dirs {
        config: all.clone(),
        data: all.clone(),
        state: all.join("state"),
        cache: all.join("cache"),
        private_home: true,
    };
    let store = Store { dir: dirs.plugins(), kind: Kind::User };
    let mut marks = BTreeSet::new();
    for known in store.known().0 {
        let verified = verify::verify(&store, &known.facts, Some(&dirs)).expect("verified");
        assert!(verified.sealed, "it is a copy");
        let loaded = library::load(verified, &known.facts.name).expect("loads");
        let manifest: serde_json::Value =
            serde_json::from_slice(&loaded.describe().expect("describes")).expect("json");
        let mark = manifest["about"].as_str().expect("text").trim_end_matches('.').to_owned();
        assert_eq!(mark, known.facts.name.replace('p', "number-"), "the one that was asked for");
        marks.insert(mark);
    }
    assert_eq!(marks.len(), 50);
}
