//! Another program that is made of the host (`tests/fixtures/hosts/acme`): everything in it is called after that program.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use astro_e2e::{
    Ran, TestEnv, fixture_program,
    plugin_files::PluginFile,
    stub::{Reply, Stub},
};

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
    assert!(ran.code == Some(4) && ran.stderr.contains("no such key"), "{ran:?}");
    let ran = acme.run_with("context --check", &[("ACME_API_URL", stub.address().as_str()), variables[1]]);
    assert!(ran.stderr.contains("does not end in /v2"), "{ran:?}");

    // The home's own name is the test's.
    let home = acme.env.home().display().to_string();
    let names_it = |text: &str| text.replace(&home, "").to_lowercase().contains("astro");
    let mut found = Vec::new();
    for (line, ran) in &acme.said {
        let texts = ran.stdout.lines().chain(ran.stderr.lines());
        found.extend(texts.filter(|text| names_it(text)).map(|text| format!("`acme {line}`: {text}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let named: Vec<PathBuf> =
        files(acme.env.home()).into_iter().filter(|path| names_it(&path.to_string_lossy())).collect();
    assert!(named.is_empty(), "{named:?}");
}
