//! The recipes of the guide's page about secret managers, run as they are printed, with the real programs. What they
//! stored is compared with what the sandbox issued, byte by byte.

use std::{fmt::Write, fs, os::unix::fs::PermissionsExt, process::Command};

use astro_e2e::{Ran, TestEnv, control::Control, has_python_packages, has_service, python, says, skip};

use crate::{
    guides::{blocks, guide},
    keeping::Keyring,
};

mod servers;

/// What the page calls the programs, and whether they keep a newline at the end of their input.
const TOOLS: &[(&str, bool)] = &[
    ("kubectl", true),
    ("AWS Secrets Manager", true),
    ("OpenBao", true),
    ("secret-tool", true),
    ("Python's keyring", false),
    ("pass", true),
    ("systemd-creds", true),
    ("keyctl", true),
    ("podman", true),
    ("ansible-vault", true),
    ("gh", false),
];

/// The part of the page with recipes that are run.
fn recipes() -> String {
    let page = guide("secret-managers.md");
    let after = page.split_once("\n## Recipes\n").expect("the recipes").1;
    after.split("\n## ").next().expect("their section").to_owned()
}

/// The commands of a recipe: those that are run once, and the one that delivers.
fn recipe(tool: &str) -> (String, String) {
    let all = recipes();
    let section = all.split("\n### ").find(|section| section.lines().next() == Some(tool));
    let mut blocks = blocks(section.unwrap_or_else(|| panic!("no recipe of {tool}")), "sh");
    let delivers = blocks.pop().expect("a command");
    assert!(delivers.starts_with("astro deployment token rotate --name nightly --yes"), "{delivers}");
    (blocks.concat(), delivers)
}

#[test]
fn every_recipe_of_the_page_is_run_by_a_test() {
    let page = guide("secret-managers.md");
    let all = recipes();
    let titles: Vec<&str> =
        all.split("\n### ").skip(1).map(|section| section.lines().next().expect("a title")).collect();
    assert_eq!(titles, TOOLS.iter().map(|(title, _)| *title).collect::<Vec<_>>());
    assert_eq!(blocks(&page, "sh").len(), blocks(&all, "sh").len(), "what is not run is no `sh` block");
    for (title, _) in TOOLS {
        let test = format!("delivers(&env, \"{title}\"");
        assert!(include_str!("secret_managers.rs").contains(&test), "no test of {title}");
    }
}

/// Whether these programs are installed.
fn has_all(programs: &[&str]) -> bool {
    // Each one that is missing is named.
    programs.iter().filter(|program| !has_service(program)).count() == 0
}

/// A program of the user that finds those of Python packages first, and `astro`.
fn on_path(env: &TestEnv, program: &str) -> Command {
    let mut command = env.on_path(program);
    let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value);
    let dirs = std::iter::once(python()).chain(std::env::split_paths(path.expect("set")));
    let path = std::env::join_paths(dirs).expect("no colon");
    command.env("PATH", path);
    command
}

/// How a recipe is run.
#[derive(Default)]
struct Set<'a> {
    /// Variables of the recipe's shell.
    variables: &'a [(&'a str, String)],
    /// Words before the shell.
    before: &'a [&'a str],
    /// A command of the shell that prints the stored bytes and nothing else.
    read: &'a str,
}

/// Runs a recipe twice, and once more with a newline, and compares what was stored each time.
fn delivers(env: &TestEnv, tool: &str, set: &Set<'_>) {
    let (once, delivers) = recipe(tool);
    let verifies = delivers.contains("--token-verify");
    // The programs' own output may hold more than one newline then, so that nothing is read back.
    let without_verify = delivers.split(" \\\n  --token-verify").next().expect("a command").trim_end();
    let with_newline = format!("{without_verify} --token-exec-newline\n");
    let mut script = format!("set -e\n{once}");
    for (number, command) in [&delivers, &delivers, &with_newline].iter().enumerate() {
        let _ = write!(script, "{command}\n({}) > stored-{number}\n", set.read);
    }
    let mut words = set.before.iter().copied().chain(["sh", "-c", &script]);
    let mut command = on_path(env, words.next().expect("a shell"));
    command.args(words).envs(set.variables.iter().map(|(name, value)| (name, value)));
    let ran = env.ran(&mut command);
    assert_eq!(ran.code, Some(0), "{tool}: {ran:?}");
    assert_eq!(
        ran.stderr.matches("read the same value back").count(),
        if verifies { 2 } else { 0 },
        "{ran:?}"
    );

    let issued = Control::of(env).issued();
    let values = issued.iter().filter(|(name, _)| name == "nightly").map(|(_, value)| value);
    let values: Vec<&String> = values.collect();
    let [.., first, second, third] = values.as_slice() else { panic!("three rotations: {ran:?}") };
    let keeps_newline = TOOLS.iter().any(|(title, keeps)| *title == tool && *keeps);
    let third = if keeps_newline { format!("{third}\n") } else { (*third).clone() };
    for (number, value) in [*first, *second, &third].into_iter().enumerate() {
        let stored = fs::read(env.path(&format!("stored-{number}"))).expect("read back");
        let lengths = (stored.len(), value.len());
        assert!(stored == value.as_bytes(), "{tool}, run {number}: stored and issued bytes: {lengths:?}");
    }
}

/// A shell command that evaluates Python with `data`, what it reads as JSON.
fn from_json(expression: &str) -> String {
    format!(
        "python3 -c 'import json, sys, base64; data = json.load(sys.stdin); sys.stdout.write({expression})'"
    )
}

fn private_dir(env: &TestEnv, name: &str) -> String {
    let path = env.path(name);
    fs::create_dir_all(&path).expect("made");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("set");
    path.to_str().expect("text").to_owned()
}

/// Runs a program that prepares something.
#[track_caller]
fn prepare(command: &mut Command) {
    let ran = Ran::from(command.output().expect("it runs"));
    assert_eq!(ran.code, Some(0), "{command:?}: {ran:?}");
}

#[test]
fn kubectl() {
    if !has_all(&["kubectl"]) {
        return;
    }
    let env = TestEnv::with_sandbox();
    let cluster = servers::Cluster::start(&env);
    let variables = [("KUBECONFIG", cluster.config.clone())];
    let read = "kubectl get secret astro-nightly --output 'jsonpath={.data.token}' | base64 -d";
    delivers(&env, "kubectl", &Set { variables: &variables, read, ..Set::default() });
    let object = cluster.object().to_string();
    assert!(object.contains("\"token\"") && !object.contains("last-applied"), "one copy: {object}");
}

#[test]
fn aws() {
    if !has_python_packages() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let moto = servers::Moto::start(&env);
    let variables = [
        ("AWS_ENDPOINT_URL", moto.address.clone()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_DEFAULT_REGION", "eu-central-1".to_owned()),
    ];
    let read = "aws secretsmanager get-secret-value --secret-id astro/nightly --output json";
    let read = format!("{read} | {}", from_json("data[\"SecretString\"]"));
    delivers(&env, "AWS Secrets Manager", &Set { variables: &variables, read: &read, ..Set::default() });
}

#[test]
fn openbao() {
    if !has_python_packages() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let bao = servers::Bao::start(&env);
    let read = format!(
        "bao kv get -mount=secret -format=json astro/nightly | {}",
        from_json("data[\"data\"][\"data\"][\"token\"]")
    );
    delivers(&env, "OpenBao", &Set { variables: &bao.variables(), read: &read, ..Set::default() });
}

/// A store that refuses, and one that is right again: the page's own way out.
#[test]
fn what_a_store_refused_is_delivered_later() {
    if !has_python_packages() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let bao = servers::Bao::start(&env);
    let (_, delivers) = recipe("OpenBao");
    let run = |line: &str, token: &str| {
        let mut command = on_path(&env, "sh");
        env.ran(command.args(["-c", line]).envs(bao.variables()).env("BAO_TOKEN", token))
    };
    let refused = run(&delivers, "not-the-token");
    says(&refused, 7, &["permission denied", "`bao` ended with 2", "astro recover show"]);
    let entry = env.run(["recover", "list", "-o", "clean"]).ok();
    let entry = entry.split('\t').next().expect("an entry");
    let (_, options) = delivers.split_once("--yes").expect("options");
    let recovered = run(&format!("astro recover show {entry} {options}"), servers::Bao::TOKEN);
    says(&recovered, 0, &[]);
    env.run(["recover", "discard", entry, "--yes"]).ok();
    assert_eq!(env.run(["recover", "list", "-o", "clean"]).ok(), "");
}

#[test]
fn secret_tool() {
    if !has_all(&["secret-tool", "dbus-daemon", "gnome-keyring-daemon"]) {
        return;
    }
    let env = TestEnv::with_sandbox();
    let keyring = Keyring::start(&env, true);
    let variables = [("DBUS_SESSION_BUS_ADDRESS", keyring.address.clone())];
    let read = "secret-tool lookup service astro token nightly";
    delivers(&env, "secret-tool", &Set { variables: &variables, read, ..Set::default() });
}

#[test]
fn python_keyring() {
    if !has_python_packages() || !has_all(&["secret-tool", "dbus-daemon", "gnome-keyring-daemon"]) {
        return;
    }
    let env = TestEnv::with_sandbox();
    let keyring = Keyring::start(&env, true);
    let variables = [("DBUS_SESSION_BUS_ADDRESS", keyring.address.clone())];
    let read = "secret-tool lookup service astro username nightly";
    delivers(&env, "Python's keyring", &Set { variables: &variables, read, ..Set::default() });
}

/// A key pair without a password; its agent ends with it.
struct Gpg<'a> {
    env: &'a TestEnv,
    home: String,
}

impl<'a> Gpg<'a> {
    fn start(env: &'a TestEnv) -> Self {
        let found = Self { env, home: private_dir(env, "gnupg") };
        let mut command = found.command("gpg");
        command.args(["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "astro@example.com"]);
        prepare(command.args(["future-default", "default", "never"]));
        found
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.env.on_path(program);
        command.env("GNUPGHOME", &self.home);
        command
    }
}

impl Drop for Gpg<'_> {
    fn drop(&mut self) {
        for words in [["--kill", "all"], ["--remove-socketdir", "--quiet"]] {
            let _ = self.command("gpgconf").args(words).output();
        }
    }
}

#[test]
fn pass() {
    if !has_all(&["pass"]) {
        return;
    }
    let env = TestEnv::with_sandbox();
    let gpg = Gpg::start(&env);
    prepare(gpg.command("pass").args(["init", "astro@example.com"]));
    let variables = [("GNUPGHOME", gpg.home.clone())];
    let read = "gpg --quiet --decrypt \"$HOME/.password-store/astro/nightly.gpg\"";
    delivers(&env, "pass", &Set { variables: &variables, read, ..Set::default() });
}

#[test]
fn systemd_creds() {
    if !has_all(&["systemd-creds"]) {
        return;
    }
    let env = TestEnv::with_sandbox();
    // A key of the test's own in place of the machine's.
    let key = env.path("credential.secret").to_str().expect("text").to_owned();
    let variables = [("SYSTEMD_CREDENTIAL_SECRET", key)];
    let read = "systemd-creds decrypt --newline=no --name=astro-token astro-token.cred -";
    delivers(&env, "systemd-creds", &Set { variables: &variables, read, ..Set::default() });
}

#[test]
fn keyctl() {
    if !has_all(&["keyctl"]) {
        return;
    }
    // In a user namespace of its own the user has another keyring, which ends with it.
    let before = ["unshare", "--user", "--map-root-user"];
    let may_unshare = Command::new(before[0]).args(&before[1..]).arg("true").output();
    if !may_unshare.is_ok_and(|output| output.status.success()) {
        skip("it makes a user namespace; run it as root");
        return;
    }
    let env = TestEnv::with_sandbox();
    let read = "keyctl pipe %user:astro-nightly";
    delivers(&env, "keyctl", &Set { before: &before, read, ..Set::default() });
}

#[test]
fn podman() {
    if !has_all(&["podman", "python3"]) {
        return;
    }
    let env = TestEnv::with_sandbox();
    let dir = private_dir(&env, "containers");
    let storage =
        format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{dir}/graph\"\nrunroot = \"{dir}/run\"\n");
    fs::write(env.path("storage.conf"), storage).expect("written");
    let engine = format!("[engine]\ntmp_dir = \"{dir}/tmp\"\nvolume_path = \"{dir}/volumes\"\n");
    fs::write(env.path("containers.conf"), engine).expect("written");
    let of_home = |name: &str| env.path(name).to_str().expect("text").to_owned();
    let variables = [
        ("CONTAINERS_STORAGE_CONF", of_home("storage.conf")),
        ("CONTAINERS_CONF", of_home("containers.conf")),
    ];
    let mut probe = env.clean(Command::new("podman"));
    probe.args(["secret", "ls"]).envs(variables.iter().map(|(name, value)| (name, value)));
    let probe = Ran::from(probe.output().expect("it runs"));
    if probe.code != Some(0) {
        let reason = probe.stderr.lines().next().unwrap_or_default();
        skip(&format!("podman cannot be used here, run it as root: {reason}"));
        return;
    }
    // The store of the default driver: one object, ids and values in base64.
    let decoded = from_json("base64.b64decode(*data.values()).decode()");
    let read = format!("{decoded} < containers/graph/secrets/filedriver/secretsdata.json");
    delivers(&env, "podman", &Set { variables: &variables, read: &read, ..Set::default() });
}

#[test]
fn ansible_vault() {
    if !has_python_packages() {
        return;
    }
    let env = TestEnv::with_sandbox();
    fs::write(env.path("vault-password"), "a password of the test\n").expect("written");
    let password = env.path("vault-password").to_str().expect("text").to_owned();
    let variables = [("ANSIBLE_VAULT_PASSWORD_FILE", password)];
    let read =
        "sed 1d astro-token.yml | tr -d ' ' > sealed; ansible-vault decrypt --output plain sealed; cat plain";
    delivers(&env, "ansible-vault", &Set { variables: &variables, read, ..Set::default() });
}

#[test]
fn gh() {
    if !has_python_packages() || !has_all(&["gh"]) {
        return;
    }
    let env = TestEnv::with_sandbox();
    servers::github(&env);
    let variables = [("GH_CONFIG_DIR", private_dir(&env, "gh")), ("GH_TOKEN", "test".to_owned())];
    let read = "python3 \"$HOME/unseal.py\" \"$HOME/sealed\"";
    delivers(&env, "gh", &Set { variables: &variables, read, ..Set::default() });
}
