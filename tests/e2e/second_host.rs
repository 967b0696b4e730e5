//! Another program that is made of the host (`tests/fixtures/hosts/acme`): everything in it is called after that program.

mod sign_in;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use astro_e2e::{
    Ran, TestEnv, fixture_program,
    plugin_files::{IndexDir, PluginFile},
    says, shells,
    stub::{Reply, Stub},
};
use expectrl::Expect;

use crate::{completion::completing, terminal::ended};

/// The program, in a home of its own, and everything that it said.
struct Acme {
    env: TestEnv,
    said: Vec<(String, Ran)>,
}

impl Acme {
    fn new() -> Self {
        let env = TestEnv::new();
        for dir in ["bin", "lib/acme/plugins", "work"] {
            fs::create_dir_all(env.path(dir)).expect("made");
        }
        fs::copy(fixture_program("acme"), env.path("bin/acme")).expect("copied");
        Self { env, said: Vec::new() }
    }

    fn command(&self) -> Command {
        let mut command = self.env.clean(Command::new(self.env.path("bin/acme")));
        command.env_remove("ASTRO_HOME").env("ACME_HOME", self.env.home());
        command.current_dir(self.env.path("work"));
        command
    }

    fn run(&mut self, line: &str) -> Ran {
        self.run_with(line, &[])
    }

    fn run_with(&mut self, line: &str, variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command();
        let ran = self.env.ran(command.args(line.split_whitespace()).envs(variables.iter().copied()));
        self.said.push((line.to_owned(), ran.clone()));
        ran
    }
}

impl Acme {
    /// Nothing that it printed, and no name of a file that it wrote, has the name of the other program in it, or what that
    /// one's commands act on.
    fn never_says_astro(&self) {
        // The home's own name is the test's.
        let home = self.env.home().display().to_string();
        let names_it = |text: &str| {
            let text = text.replace(&home, "").to_lowercase();
            ["astro", "organization", "workspace", "deployment"].iter().any(|word| text.contains(word))
        };
        let mut found = Vec::new();
        for (line, ran) in &self.said {
            let texts = ran.stdout.lines().chain(ran.stderr.lines());
            found.extend(texts.filter(|text| names_it(text)).map(|text| format!("`acme {line}`: {text}")));
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
        let named: Vec<PathBuf> =
            files(self.env.home()).into_iter().filter(|path| names_it(&path.to_string_lossy())).collect();
        assert!(named.is_empty(), "{named:?}");
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        found.push(entry.path());
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        }
    }
    found
}

/// One plugin file, the same bytes, in both programs; and no word of the other program anywhere.
#[test]
fn another_program_is_called_after_itself_everywhere() {
    let mut acme = Acme::new();
    let plugin = PluginFile::marked(&acme.env).version("1.0.0");
    fs::write(acme.env.path("work/marked.acme-plugin"), plugin.bytes()).expect("written");
    fs::write(acme.env.path("marked.astro-plugin"), plugin.bytes()).expect("written");
    acme.env.run(["plugin", "install", "marked.astro-plugin", "-q"]).ok();
    let there = acme.env.run(["marked", "-o", "clean"]).ok();
    fs::remove_file(acme.env.path("marked.astro-plugin")).expect("there");
    fs::remove_dir_all(acme.env.path(".astro-host")).expect("there");

    assert_eq!(acme.run("--version").ok(), "acme 1.0.0\n");
    assert!(acme.run("plugin install ./marked.acme-plugin").stderr.contains("Installed the plugin `marked`"));
    assert_eq!(acme.run("marked -o clean").ok(), there, "the same file does the same");
    for line in [
        "",
        "--help",
        "help",
        "help globals",
        "commands",
        "commands -o json",
        "login --help",
        "help environment",
        "help exit-codes",
        "help output",
        "help automation",
        "version",
        "context",
        "context -o json",
        "context --help",
        "frobnicate",
        "plugin",
        "plugin list",
        "plugin info marked",
        "plugin verify",
        "plugin pin marked",
        "plugin rollback marked",
        "plugin upgrade marked",
        "plugin search marked",
        "plugin sync",
        "plugin --help",
        "plugin index --help",
        "plugin new --help",
        "plugin install --help",
        "plugin install nowhere",
        "plugin exec --help",
        "marked --help",
        "marked --frobnicate",
        "--frobnicate marked",
        "profile add a",
        "profile list",
        "profile show a",
        "profile use a --here",
        "profile use b",
        "profile edit a",
        "profile edit a --output json",
        "profile add --help",
        "profile use --help",
        "config list",
        "config path",
        "config get trust.require",
        "config set trust.require sometimes",
        "config set nothing 1",
        "config --help",
        "recover list",
        "recover show x",
        "recover show --help",
        "login",
        "login --help",
        "logout",
        "credential list",
        "completion bash",
        "completion zsh",
        "completion fish",
        "completion --help",
        "completion tcsh",
    ] {
        acme.run(line);
    }
    // Help of every command that there is.
    let mut pages = vec![String::new()];
    while let Some(path) = pages.pop() {
        let page = acme.run(&format!("help {path}")).ok();
        let commands = page.split("Commands").skip(1).flat_map(|part| part.lines().skip(1));
        let words = commands.take_while(|line| line.is_empty() || line.starts_with("  "));
        let words = words.filter_map(|line| line.strip_prefix("  ")?.split([' ', ',']).next());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        pages.extend(words.into_iter().map(|word| format!("{path} {word}").trim().to_owned()));
    }
    assert!(acme.said.len() > 100, "{}", acme.said.len());
    assert!(acme.env.path("work/.acme.toml").exists(), "{:?}", acme.said.last());
    for (name, value) in [("ACME_PROFILE", ""), ("ACME_API_TOKEN", "two words"), ("ACME_HOME", "relative")] {
        let ran = acme.run_with("context", &[(name, value)]);
        assert!(ran.stderr.contains(name), "{ran:?}");
    }
    // The API's base path and its errors are its own.
    let problem = r#"{"type":"about:blank","title":"Unauthorized","detail":"no such key"}"#;
    let stub = Stub::new(move |_| Reply::Json(401, problem.to_owned()));
    let address = stub.address().replace("/v1", "/v2");
    let variables = [("ACME_API_URL", address.as_str()), ("ACME_API_TOKEN", "opaque-token-value")];
    let ran = acme.run_with("context --check", &variables);
    says(&ran, 4, &[]);
    let ran = acme.run_with("context --check", &[("ACME_API_URL", stub.address().as_str()), variables[1]]);
    assert!(ran.stderr.contains("does not end in /v2"), "{ran:?}");

    acme.never_says_astro();
}

/// What its commands act on is its own: options, variables, settings of profiles and directories, and the values that a
/// shell completes.
#[test]
fn what_commands_act_on_is_the_programs_own() {
    let mut acme = Acme::new();
    let stub = Stub::new(|line| {
        let body = match line.contains("/clusters") {
            true => r#"{"clusters":[{"id":"cluster-7","name":"Nightly"}],"totalCount":1}"#,
            false => r#"{"teams":[{"id":"team-1","name":"Data"}],"totalCount":1}"#,
        };
        Reply::Json(200, body.to_owned())
    });
    let address = stub.address().replace("/v1", "/v2");
    let api = [("ACME_API_URL", address.as_str()), ("ACME_API_TOKEN", "opaque-token-value")];
    let with = |more: &[(&'static str, &'static str)]| [&api[..], more].concat();

    let chosen = |ran: Ran, name: &str| -> (String, String) {
        let settings = ran.json()["settings"].as_array().cloned().expect("a list");
        let setting = settings.iter().find(|setting| setting["name"] == name).expect("there").clone();
        let text = |key: &str| setting[key].as_str().unwrap_or_default().to_owned();
        (text("value"), text("origin"))
    };
    let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    let ran = acme.run_with("context --team Data --cluster Nightly -o json", &api);
    assert_eq!(chosen(ran.clone(), "team"), is("Data", "--team"));
    assert_eq!(chosen(ran, "cluster"), is("Nightly", "--cluster"));
    let ran = acme.run_with("context -o json --cluster-id c", &with(&[("ACME_TEAM_ID", "Data")]));
    assert_eq!(chosen(ran.clone(), "team"), is("Data", "ACME_TEAM_ID"));
    assert_eq!(chosen(ran, "cluster"), is("c", "--cluster"));
    fs::write(acme.env.path("work/.acme.toml"), "team = \"Data\"\ncluster = \"Nightly\"\n").expect("written");
    let ran = acme.run_with("context -o json", &with(&[("ACME_CLUSTER_ID", "other")]));
    let file = acme.env.path("work/.acme.toml").display().to_string();
    assert_eq!(chosen(ran.clone(), "team"), is("Data", &format!("{file} line 1")));
    assert_eq!(chosen(ran, "cluster"), is("other", "ACME_CLUSTER_ID"));
    fs::remove_file(file).expect("there");

    acme.run("profile add nightly --team Data --cluster Nightly").ok();
    let list = acme.run("profile list -o json").json();
    assert_eq!(
        (&list["profiles"][0]["team"], &list["profiles"][0]["cluster"]),
        (&"Data".into(), &"Nightly".into())
    );
    assert_eq!(acme.run("profile export -o json").json()["profiles"]["nightly"]["cluster"], "Nightly");
    acme.run("profile edit nightly --unset cluster").ok();
    let page = acme.run("help globals").ok();
    let words = ["--team <ID|NAME>", "--cluster-id", "ACME_CLUSTER_ID"];
    assert!(words.iter().all(|word| page.contains(word)), "{page}");
    // `organization`, which the message has to repeat, in two pieces.
    let ran = acme.run_with(concat!("context --organ", "ization x"), &api);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    acme.said.pop();
    acme.never_says_astro();

    for shell in shells() {
        let mut command = acme.env.on_path(&shell);
        command.env_remove("ASTRO_HOME").env("ACME_HOME", acme.env.home()).envs(api);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", acme.env.path("bin").display()));
        let mut session = completing(command, &shell, "acme");
        let mut shows = |line: &str, text: &str| {
            session.send(line).expect("typed");
            session.expect(text).unwrap_or_else(|error| panic!("{shell}: {line:?}: {error}"));
        };
        // What is expected stands nowhere in what is typed.
        shows("acme prof\tsho\tnigh\t -o json\r", "\"team\":\"Data\"");
        shows(
            "acme context --te\tD\t -o json --cluster N\t\r",
            "\"value\":\"Nightly\",\"origin\":\"--cluster\"",
        );
        session.send_line("exit").expect("typed");
        ended(&mut session);
    }
}

/// A product that names no address of an API asks nobody's, and one without domains or another program has no variable and no key for
/// them.
#[test]
fn what_a_product_does_not_have_is_not_there() {
    let mut acme = Acme::new();
    let ran = acme.run_with("context", &[("ACME_DOMAIN", "corp.example")]);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("corp.example"), "{ran:?}");
    let ran = acme.run_with("login --credential one --command true", &[]);
    says(&ran, 3, &["ACME_API_URL=https://HOST/v2 acme login"]);
    assert!(!acme.run("credential list -o json").ok().contains("\"one\""));
    says(&acme.run("config set official.command /bin/true"), 2, &["`official.command`"]);
    fs::create_dir_all(acme.env.path(".acme")).expect("made");
    fs::write(acme.env.path(".acme/config.toml"), "[official]\ncommand = \"/bin/true\"\n").expect("written");
    says(&acme.run("frobnicate"), 127, &["frobnicate"]);
}

/// A plugin that says whom it is for is refused by another program, from a file and from an index.
#[test]
fn a_plugin_for_another_program_is_refused_in_words() {
    let mut acme = Acme::new();
    let author = TestEnv::new();
    let mut file = PluginFile::marked(&author).version("1.0.0");
    file.manifest.product = Some("astro".to_owned());
    fs::write(acme.env.path("work/marked.acme-plugin"), file.bytes()).expect("written");
    let info = acme.run("plugin info ./marked.acme-plugin").ok();
    assert!(info.contains("refused: it is for `astro`, this is `acme`"), "{info}");
    says(&acme.run("plugin check ./marked.acme-plugin"), 1, &[]);
    says(&acme.run("plugin index build site --name corp ./marked.acme-plugin"), 1, &["it is for `astro`"]);
    let ran = acme.run("plugin install ./marked.acme-plugin");
    says(&ran, 126, &["it is for `astro`, this is `acme`", "use it with `astro`"]);
    assert!(acme.run("plugin list -o clean").ok().is_empty());
    // The same file where it belongs.
    let at_home = author.path("marked.astro-plugin");
    fs::write(&at_home, file.bytes()).expect("written");
    author.run(["plugin", "install", at_home.to_str().expect("text"), "-q"]).ok();

    let mut index = IndexDir::new(&author, "corp");
    index.add(&file);
    file.manifest.product = None;
    index.add(&file.version("2.0.0")).publish();
    let key = index.signer.public();
    acme.run(&format!("plugin index add corp {} --key {key}", index.dir.display())).ok();
    says(&acme.run("plugin install marked@1.0.0"), 126, &["it is for `astro`, this is `acme`"]);
    // What is newest and for everybody is chosen without a word.
    acme.run("plugin install marked").ok();
    assert_eq!(acme.run("marked -o clean").ok().trim_end_matches(['.', '\n']), "2.0.0");
}
