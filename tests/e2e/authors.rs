//! Third parties ship commands: crates of their own, made by `astro plugin new` outside this workspace, with nothing but the
//! SDK that is installed beside the host.

use std::{fs, io::BufRead, path::Path, process::Stdio, time::Duration};

use astro_e2e::{Ran, TestEnv, book, has_service, plugin_files::PluginFile, says, workspace};
use astro_plugin_protocol::plugin_file::{FOOTER_LEN, Footer, SIGNATURE_LEN};
use base64::{Engine, prelude::BASE64_STANDARD};

use expectrl::{Expect, process::unix::WaitStatus};

use crate::{
    completion::{answer, candidates, candidates_with},
    terminal::{ended, session},
};

/// The lines of a file that are not blank.
fn lines(path: &Path) -> usize {
    fs::read_to_string(path).expect("there").lines().filter(|line| !line.trim().is_empty()).count()
}

/// Changes a file in one place.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("there");
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    fs::write(path, text.replace(from, to)).expect("written");
}

/// The plugin file that `plugin pack` made.
fn packed(ran: &Ran) -> String {
    ran.json()["path"].as_str().expect("a path").to_owned()
}

/// A program of its own: made, built as it is, and it runs a plugin.
#[test]
fn a_program_of_its_own_is_made_and_builds() {
    let env = TestEnv::with_cargo();
    let made = env.run(["plugin", "new", "acme-cli", "--host", "--license", "MIT", "-o", "json"]).json();
    assert_eq!(made["files"].as_array().map(Vec::len), Some(6), "{made}");
    let dir = env.path("acme-cli");
    let cargo = |args: &[&str]| env.ran(env.on_path("cargo").args(args).current_dir(&dir));
    if cargo(&["fmt", "--version"]).code == Some(0) {
        assert_eq!(cargo(&["fmt", "--check"]).code, Some(0));
    }
    let built = cargo(&["build", "--quiet"]);
    assert_eq!(built.code, Some(0), "{built:?}");
    let program = workspace().join("target/authors/debug/acme-cli");
    let acme = |args: &[&str]| {
        let mut command = env.clean(std::process::Command::new(&program));
        env.ran(command.env_remove("ASTRO_HOME").env("ACME_CLI_HOME", env.home()).args(args))
    };
    assert_eq!(acme(&["--version"]).ok(), "acme-cli 0.1.0\n");
    assert!(acme(&["help", "globals"]).ok().contains("ACME_CLI_TEAM_ID"));
    let plugin = PluginFile::marked(&env).version("1.0.0");
    fs::write(env.path("marked.acme-cli-plugin"), plugin.bytes()).expect("written");
    acme(&["plugin", "install", "./marked.acme-cli-plugin"]).ok();
    assert!(acme(&["marked", "-o", "clean"]).ok().starts_with("1.0.0"));
}

/// Every template: made, one line changed, built, tested, packed, checked, linked from the pack, run, completed, removed.
#[test]
fn every_template_becomes_a_command() {
    let env = TestEnv::with_cargo();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    env.run(["sandbox", "start"]).ok();
    for (template, from, to, line, shown, completes) in [
        ("minimal", "\"world\"", "\"moon\"", "x-minimal", "Hello moon!", "--name"),
        ("api", "\"STATUS\"", "\"HEALTH\"", "x-api --sort status", "HEALTH", "Reports"),
        (
            "long-running",
            "more than {}",
            "over {}",
            "x-long-running long.txt --limit 3",
            "4 lines, over 3",
            "long.txt",
        ),
    ] {
        let name = format!("x-{template}");
        let made = env.run(["plugin", "new", &name, "--template", template, "-o", "json"]).json();
        let files = made["files"].as_array().expect("a list").len();
        assert!(files >= 7, "sources, tests, manifest, README, licence, workflow, gitignore: {made}");
        let dir = env.path(&name);
        if template == "minimal" {
            assert_eq!(lines(&dir.join("src/lib.rs")), 25, "at most 25 lines");
        }
        // The component may not be there.
        let fmt = |arg: &str| env.ran(env.on_path("cargo").args(["fmt", arg]).current_dir(&dir));
        if fmt("--version").code == Some(0) {
            let formatted = fmt("--check");
            assert_eq!(formatted.code, Some(0), "{formatted:?}");
        }
        edit(&dir.join("src/lib.rs"), from, to);
        let dev = env.run(["plugin", "dev", &name]);
        assert!(dev.stderr.contains(&format!("  astro {name}")), "{dev:?}");
        let tested = env.run(["plugin", "test", "--dir", &name]);
        assert!(tested.code == Some(0) && tested.stdout.contains("test result: ok"), "{tested:?}");
        env.run(["plugin", "remove", &name]).ok();
        let file = packed(&env.run(["plugin", "pack", &name, "-o", "json"]));
        env.run(["plugin", "check", &file]).ok();
        let info = env.run(["plugin", "info", &file, "-o", "json"]).json();
        assert_eq!(
            (info["status"].as_str(), info["license"].as_str()),
            (Some("acceptable"), Some("Apache-2.0"))
        );
        env.run(["plugin", "link", &file]).ok();
        fs::write(env.path("long.txt"), "1\n2\n3\n4\n").expect("written");
        let ran = env.run(words(line));
        assert!(ran.stdout.contains(shown), "{line}: {ran:?}");
        // Files are the shell's own to complete.
        if env.path(completes).exists() {
            assert_eq!(answer(&env, &["astro", &name, ""]).lines().next(), Some("files 0"), "{name}");
        } else {
            let found = candidates_with(&env, &["astro", &name, ""], completes);
            assert!(found.lines().any(|one| one == completes), "{name}: {found}");
        }
        let options = candidates(&env, &["astro", &name, "--"]);
        let own =
            ["--name", "--sort", "--limit"].into_iter().find(|own| options.lines().any(|one| one == *own));
        assert!(own.is_some(), "{name}: {options}");
        env.run(["plugin", "remove", &name]).ok();
        assert_eq!(env.run(words(line)).code, Some(127), "{line}");
    }
}

/// The author of `astro airflow lint`: three commands to one that runs, then the work.
#[test]
fn the_author_of_airflow_lint() {
    let env = TestEnv::with_cargo();
    fs::write(env.path("good.py"), "import os\n").expect("written");
    fs::write(env.path("bad.py"), "import os\nfrom x import *\n").expect("written");
    let mut session = env.transcript();
    session.run("plugin new airflow-lint --command \"airflow lint\" --license MIT");
    session.run("plugin dev airflow-lint");
    session.run("airflow lint");
    session.note("three commands; now it does something");
    session.write("airflow-lint/src/lib.rs", include_str!("authors/lint.rs"));
    session.write("airflow-lint/src/tests.rs", include_str!("authors/lint_tests.rs"));
    session.run("plugin test --dir airflow-lint");
    session.run("plugin dev airflow-lint");
    session.run("airflow");
    session.run("airflow lint --help");
    session.run("airflow lint good.py");
    session.run("airflow lint good.py bad.py");
    session.run("airflow lint bad.py -o json");
    session.run("config set plugins.airflow-lint.rules none");
    session.run("config set plugins.airflow-lint.rules errors");
    session.run("airflow lint bad.py");
    session.run("airflow lint missing.py -o json");
    session.note("a slip in the source, in words");
    session.write("airflow-lint/src/tests.rs", "");
    let source = include_str!("authors/lint.rs");
    fs::write(env.path("airflow-lint/src/lib.rs"), source.replace("\"strict\", \"", "\"Strict\", \""))
        .expect("written");
    session.run("plugin dev airflow-lint");
    fs::write(env.path("airflow-lint/src/lib.rs"), source).expect("written");
    session.note("what others get");
    session.run("plugin pack airflow-lint -o clean");
    session.run("plugin remove airflow-lint");
    session.run("airflow lint good.py");
    session.assert("journeys/author.txt");
}

#[test]
fn the_tutorial_is_true() {
    let env = TestEnv::with_cargo();
    let path = workspace().join("docs/src/authors/tutorial.md");
    let page = fs::read_to_string(&path).expect("the tutorial");
    let commands = book::commands(&page);
    assert!(commands.len() > 10, "it is a session");
    let first = commands.iter().position(|command| command.starts_with("astro airflow health"));
    assert_eq!(first, Some(2), "the third command is the author's own");
    let played = book::played(&env, &page);
    env.run(["sandbox", "stop"]);
    astro_e2e::assert_file(&played, &path);
}

/// The shell of the release workflow, with a `gh` that keeps what it is given.
#[test]
fn the_workflow_publishes_what_was_packed() {
    let env = TestEnv::new();
    env.run(["plugin", "new", "pub-lished"]).ok();
    let workflow = fs::read_to_string(env.path("pub-lished/.github/workflows/release.yml")).expect("there");
    let publish = workflow.split("- name: Publish").nth(1).expect("a step");
    let script: String = publish
        .split("run: |\n")
        .nth(1)
        .expect("a script")
        .lines()
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let dist = env.path("pub-lished/dist/some-target");
    fs::create_dir_all(&dist).expect("made");
    for ending in ["astro-plugin", "json"] {
        let text = "\"file\": \"pub-lished.astro-plugin\"";
        fs::write(dist.join(format!("pub-lished.{ending}")), text).expect("written");
    }
    let gh = "gh() { echo \"$@\" >> calls; }";
    let line = format!("set -e; cd pub-lished; {gh}; TAG=v1.0.0\n{script}");
    assert_eq!(env.shell("bash", &line).code, Some(0));
    let calls = fs::read_to_string(env.path("pub-lished/calls")).expect("it was called");
    let upload =
        "release upload v1.0.0 pub-lished-some-target.astro-plugin pub-lished-some-target.json --clobber";
    assert!(calls.lines().any(|call| call == upload), "{calls}");
    let entry = fs::read_to_string(env.path("pub-lished/pub-lished-some-target.json")).expect("there");
    assert_eq!(entry, "\"file\": \"pub-lished-some-target.astro-plugin\"", "the name it is published by");
}

/// minisign itself verifies what was signed: name, version and target are bound, and a changed byte is told.
#[test]
fn a_signature_is_one_of_minisign() {
    if !has_service("minisign") {
        return;
    }
    let env = TestEnv::with_cargo();
    let shell = |line: &str| env.shell("bash", line);
    shell("minisign -G -W -f -p key.pub -s key.sec && printf 'secret\\nsecret\\n' | minisign -G -f -p other.pub -s other.sec").ok();
    env.run(["plugin", "new", "signed"]).ok();
    let file = packed(&env.run(["plugin", "pack", "signed", "--key", "key.sec", "-o", "json"]));
    let bytes = fs::read(&file).expect("there");
    let footer = &bytes[bytes.len() - FOOTER_LEN..];
    let footer = Footer::parse(footer, bytes.len() as u64).expect("a footer");
    let signature = footer.signature.expect("signed");
    fs::write(env.path("signed.minisig"), signature.to_minisig(|bytes| BASE64_STANDARD.encode(bytes)))
        .expect("written");
    let verify =
        format!("head -c -{SIGNATURE_LEN} {file} > part && minisign -V -m part -x signed.minisig -p ");
    let told = shell(&format!("{verify} key.pub")).ok();
    let triple = file.split('/').rev().nth(1).expect("a directory");
    assert!(told.contains(&format!("name:signed version:0.1.0 target:{triple}")), "{told}");
    assert_ne!(shell(&format!("{verify} other.pub")).code, Some(0), "another key");
    let key = fs::read_to_string(env.path("key.pub")).expect("there");
    // minisign leaves zeros at the beginning of an id away.
    assert!(key.contains(signature.key_id().trim_start_matches('0')), "{key}");
    let entry = fs::read_to_string(file.replace(".astro-plugin", ".json")).expect("there");
    assert!(entry.contains(&signature.key_id()), "{entry}");
    let checked = |key: &str| env.run(["plugin", "check", &file, "--public-key", key]);
    let good = checked("key.pub");
    assert!(good.code == Some(0) && good.stdout.contains("name:signed version:0.1.0"), "{good:?}");
    assert_eq!(checked(key.lines().nth(1).expect("the key itself")).code, Some(0));
    let other = checked("other.pub");
    assert!(other.code == Some(1) && other.stdout.contains("not one of this key"), "{other:?}");
    assert_eq!(checked("nobody").code, Some(2));
    // Anywhere: in the library, in the footer, in the signature itself.
    for place in [100, bytes.len() - FOOTER_LEN + 84, bytes.len() - SIGNATURE_LEN + 20] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&file, changed).expect("written");
        let told = checked("key.pub");
        assert!(told.code == Some(1) && told.stdout.contains("broken"), "{place}: {told:?}");
    }
    let mut elsewhere = bytes.clone();
    let target = elsewhere.len() - FOOTER_LEN + 16;
    elsewhere[target..target + 7].copy_from_slice(b"riscv64");
    fs::write(&file, elsewhere).expect("written");
    let linked = env.run(["plugin", "link", &file]);
    says(&linked, 126, &["it was built for riscv64"]);
    let mut changed = bytes;
    changed[100] ^= 1;
    fs::write(&file, changed).expect("written");
    assert_ne!(shell(&format!("{verify} key.pub")).code, Some(0), "a changed byte");
    // A key with a password needs somebody to ask; one that is none is told before anything is built.
    let locked = env.run(["plugin", "pack", "signed", "--key", "other.sec"]);
    says(&locked, 2, &[]);
    let mut asked = session(&env, "astro", &["plugin", "pack", "signed", "--key", "other.sec"]);
    asked.expect("Password of other.sec").expect("asks");
    // What is typed before the echo is off is thrown away with it, and nobody can see when that is: it is typed again
    // while nothing comes of it. Deriving the key takes a gigabyte of memory and its time; lines that come meanwhile are
    // read by nobody.
    asked.set_expect_timeout(Some(Duration::from_secs(10)));
    let is_signed = (0..30).any(|_| {
        asked.send_line("secret").expect("typed");
        asked.expect("Packed").is_ok()
    });
    assert!(is_signed, "it signs");
    assert!(matches!(ended(&mut asked), WaitStatus::Exited(_, 0)));
    let none = env.run(["plugin", "pack", "signed", "--key", "key.pub"]);
    says(&none, 2, &[]);
}

/// What cannot become a plugin is refused before anything is written, built or loaded, and says what to type.
#[test]
fn refusals_say_what_to_do() {
    let env = TestEnv::with_cargo();
    fs::create_dir(env.path("full")).expect("made");
    fs::write(env.path("full/file"), "").expect("written");
    fs::create_dir_all(env.path("rlib/src")).expect("made");
    fs::write(env.path("rlib/Cargo.toml"), "[package]\nname = \"rlib\"\nedition = \"2024\"\n[workspace]\n")
        .expect("written");
    fs::write(env.path("rlib/src/lib.rs"), "").expect("written");
    fs::write(env.path("text.astro-plugin"), "not a plugin").expect("written");
    let mut session = env.transcript();
    for line in [
        "plugin new",
        "plugin new Hello",
        "plugin new hello --command \"profile list\"",
        "plugin new hello --command \"exec\"",
        "plugin new hello --command \"Say Hello\"",
        "plugin new hello --template maximal",
        "plugin new full",
        "plugin new astro-plugin-sdk",
        "plugin new acme --host --command lint",
        "plugin new Acme --host",
        "plugin new hello --sdk-version banana",
        "plugin new hello --sdk-path nowhere",
        "plugin new hello --sdk-path x --sdk-version 1",
        "plugin dev",
        "plugin dev rlib",
        "plugin test --dir nowhere",
        "plugin pack rlib --key nowhere",
        "plugin check nowhere",
        "plugin check text.astro-plugin",
    ] {
        session.run(line);
    }
    assert!(!env.path("hello").exists(), "nothing was made");
    session.assert("authors-refusals");
}

/// `--watch` builds and links after every change, tells what is wrong and goes on; Ctrl-C ends it by the signal.
#[test]
fn watching_follows_every_change() {
    let env = TestEnv::with_cargo();
    env.run(["plugin", "new", "watched"]).ok();
    let source = env.path("watched/src/lib.rs");
    let mut command = env.astro();
    command.args(["plugin", "dev", "watched", "--watch"]).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("runs");
    let mut said = std::io::BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut heard = Vec::new();
    let mut until = |wanted: &str| {
        for line in said.by_ref().map_while(Result::ok) {
            heard.push(line);
            if heard.last().is_some_and(|line| line.contains(wanted)) {
                return;
            }
        }
        panic!("it says `{wanted}`: {heard:?}");
    };
    until("Waiting for changes");
    // Reading is no change.
    fs::read_to_string(&source).expect("there");
    edit(&source, "Hello {}", "Ahoy {}");
    until("Waiting for changes");
    assert!(env.run(["watched", "-o", "clean"]).ok().contains("Ahoy world!"));
    edit(&source, "Ahoy {}", "Ahoy {");
    until("does not build");
    until("Waiting for changes");
    assert!(env.run(["watched", "-o", "clean"]).ok().contains("Ahoy world!"), "the build before works");
    edit(&source, "Ahoy {", "Moin {}{");
    edit(&source, "{}{", "{}");
    until("Linked the plugin");
    until("Waiting for changes");
    assert!(env.run(["watched", "-o", "clean"]).ok().contains("Moin world!"));
    astro_e2e::signal(child.id(), "INT");
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(child.wait().expect("it ends").signal(), Some(2));
    heard.extend(said.map_while(Result::ok));
    let waits = heard.iter().filter(|line| line.contains("Waiting for changes")).count();
    // Two changes at once are one or two builds.
    assert!((4..=5).contains(&waits), "one build for a change: {heard:?}");
}
