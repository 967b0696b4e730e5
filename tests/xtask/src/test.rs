//! `cargo xtask test`: everything that CI checks, one step after the other; the last line counts them.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Instant,
};

use crate::{
    audit, first_sdk,
    install::{self, Fixture},
    shell::{self, Result, cargo, program, root, say, target},
    tidy, tools,
};

/// Shells in which completion is tested; Debian's packages have the same names.
const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// What tests start by themselves, Debian's packages of it, and what is tested with it.
const SERVICES: &[(&str, &str, &str)] = &[
    ("chromium", "chromium", "signing in with a browser"),
    ("dbus-daemon", "dbus", "the system's keyring"),
    ("gh", "gh", RECIPES),
    ("gnome-keyring-daemon", "gnome-keyring", "the system's keyring"),
    ("keyctl", "keyutils", RECIPES),
    ("kubectl", "kubernetes-client", RECIPES),
    ("minisign", "minisign", "signatures of plugin files"),
    ("node", "nodejs", ISSUER),
    ("npm", "npm", ISSUER),
    ("pass", "pass", RECIPES),
    ("podman", "podman", RECIPES),
    ("python3", "python3-venv", RECIPES),
    ("secret-tool", "libsecret-tools", RECIPES),
    ("systemd-creds", "systemd", RECIPES),
];
const ISSUER: &str = "the issuer of the second host";
const RECIPES: &str = "the guide's recipes for secret managers";

/// How a step ended.
enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Steps {
    in_ci: bool,
    done: Vec<(&'static str, Outcome)>,
}

pub(crate) fn run(args: &[&str]) -> Result {
    let install_packages = match args {
        [] => false,
        ["--install"] => true,
        other => return Err(format!("unknown argument of test: {}", other.join(" "))),
    };
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let mut steps = Steps { in_ci, done: Vec::new() };
    packages(&mut steps, install_packages || in_ci);
    if install_packages || in_ci {
        python_packages(&mut steps);
        node_packages(&mut steps);
    }

    steps.component("format", "fmt", || shell::run(cargo().args(["fmt", "--all", "--check"])));
    steps.step("tidy", tidy::run);
    steps.component("clippy", "clippy", || {
        shell::run(cargo().args([
            "clippy",
            "--locked",
            "--profile",
            "quick",
            "--workspace",
            // It has other features than what is installed, and is built by `cargo xtask bench`.
            "--exclude",
            "floor",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    });
    steps.step("install", || {
        install::run_quietly(&install::quick_root(), install::Profile::Quick).map(|_| ())
    });
    let skips = root().join(target()).join("skipped-tests");
    let _ = fs::remove_file(&skips);
    steps.step("tests", || {
        let installed = Installed::for_everyone(install::quick_root())?;
        let fixtures = [
            ("ASTRO_E2E_HELLO", Fixture::Library("fixture-hello")),
            ("ASTRO_E2E_MISBEHAVING", Fixture::Library("fixture-misbehaving")),
            ("ASTRO_E2E_PROTOCOL_1", Fixture::Library("fixture-protocol-1")),
            ("ASTRO_E2E_MARKED", Fixture::Library("fixture-marked")),
            ("ASTRO_E2E_RAW", Fixture::Library("fixture-raw")),
            ("ASTRO_E2E_ASKING", Fixture::Library("fixture-asking")),
            ("ASTRO_E2E_STATUSPAGE", Fixture::Library("fixture-statuspage")),
            ("ASTRO_E2E_HOST_PROTOCOL_1", Fixture::Program("fixture-host-protocol-1")),
            ("ASTRO_E2E_ACME", Fixture::Program("fixture-acme")),
        ];
        install::build_fixtures(&fixtures.map(|(_, fixture)| fixture))?;
        let first = first_sdk::build()?;
        shell::run(
            shell::cargo_with_signals()
                .args(["test", "--locked", "--profile", "quick", "--workspace", "--exclude", "floor"])
                .arg("--no-fail-fast")
                .env("ASTRO_E2E_ROOT", &installed.root)
                .envs(fixtures.map(|(variable, fixture)| (variable, fixture.path())))
                .env("ASTRO_E2E_FIRST", first)
                .env("ASTRO_E2E_PYTHON", tools::PYTHON.programs())
                .env("ASTRO_E2E_NODE", tools::NODE.dir())
                .env("ASTRO_E2E_SKIPS", &skips),
        )
    });
    // In the order of their names: the tests run side by side.
    let skipped: BTreeSet<String> =
        fs::read_to_string(&skips).unwrap_or_default().lines().map(str::to_owned).collect();
    skipped.into_iter().for_each(|line| steps.skip("tests", line));
    steps.step("api documentation", || {
        let libraries = [
            "-p",
            "astro-plugin-abi",
            "-p",
            "astro-plugin-protocol",
            "-p",
            "astro-plugin-cli",
            "-p",
            "astro-plugin-sdk",
            "-p",
            "astro-plugin-api",
            "-p",
            "astro-host",
            "-p",
            "astro",
            // The same features as in every other step.
            "-p",
            "sandbox",
            "-p",
            "unify",
        ];
        shell::run(
            cargo()
                .args(["doc", "--locked", "--no-deps", "--document-private-items", "--profile", "quick"])
                .args(libraries)
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    });
    steps.step("book", || {
        let book = root().join(target()).join("book");
        shell::run(program(tools::get(&tools::MDBOOK)?).args(["build", "docs", "--dest-dir"]).arg(book))
    });
    steps.step("unused dependencies", || {
        shell::run(program(tools::get(&tools::SHEAR)?).args(["shear", "--offline"]))
    });
    steps.step("deny", || audit::check(&["bans", "licenses", "sources"]));
    steps.finish()
}

/// Installs the Python packages with pinned versions, once.
fn python_packages(steps: &mut Steps) {
    if !tools::PYTHON.is_installed() {
        steps.step("python packages", || tools::PYTHON.install());
    }
}

/// Installs the Node packages with pinned versions, once.
fn node_packages(steps: &mut Steps) {
    if !tools::NODE.is_installed() {
        steps.step("node packages", || tools::NODE.install());
    }
}

/// Installs what is missing where that is wanted; otherwise each test that needs it says that it was skipped.
fn packages(steps: &mut Steps, install: bool) {
    let shells = SHELLS.iter().map(|shell| (*shell, *shell, "completion in every shell"));
    let missing: Vec<_> =
        shells.chain(SERVICES.iter().copied()).filter(|(program, _, _)| !shell::has(program)).collect();
    if missing.is_empty() {
        return;
    }
    if !install {
        for (program, package, what) in missing {
            say(&format!("{program} not found, for {what}: apt-get install -y {package}"));
        }
        return;
    }
    steps.step("system packages", || {
        shell::run(program("apt-get").args(["update", "-qq"]))?;
        shell::run(
            program("apt-get")
                .args(["install", "-y", "-qq", "--no-install-recommends"])
                .args(missing.iter().map(|(_, package, _)| package))
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    });
}

/// The installed tree as every user of the machine can run it: some tests are other users.
struct Installed {
    root: PathBuf,
    /// It is a copy, made for this run.
    is_copy: bool,
}

impl Installed {
    fn for_everyone(root: PathBuf) -> Result<Self> {
        let is_open =
            |dir: &Path| fs::metadata(dir).is_ok_and(|found| found.permissions().mode() & 0o005 == 0o005);
        let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
        if root.ancestors().all(is_open) {
            return Ok(Self { root, is_copy: false });
        }
        let copy = std::env::temp_dir().join(format!("astro-installed-{}", std::process::id()));
        shell::run(program("cp").arg("-a").arg(&root).arg(&copy))?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
        Ok(Self { root: copy, is_copy: true })
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        if self.is_copy {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

impl Steps {
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result) {
        say(&format!("\n==> {name}"));
        let started = Instant::now();
        let outcome = match work() {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(error),
        };
        say(&format!("==> {name}: {} s", started.elapsed().as_secs()));
        self.done.push((name, outcome));
    }

    /// A step that needs a component of the toolchain, which a newcomer may not have.
    fn component(&mut self, name: &'static str, component: &str, work: impl FnOnce() -> Result) {
        if cargo().args([component, "--version"]).output().is_ok_and(|output| output.status.success()) {
            self.step(name, work);
        } else {
            let package = if component == "fmt" { "rustfmt" } else { component };
            self.skip(name, format!("rustup component add {package}"));
        }
    }

    fn skip(&mut self, name: &'static str, how: String) {
        let outcome =
            if self.in_ci { Outcome::Failed(format!("skipped in CI: {how}")) } else { Outcome::Skipped(how) };
        self.done.push((name, outcome));
    }

    fn finish(self) -> Result {
        say("");
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for (name, outcome) in &self.done {
            match outcome {
                Outcome::Passed => {
                    passed += 1;
                    say(&format!("  passed   {name}"));
                }
                Outcome::Failed(error) => {
                    failed += 1;
                    say(&format!("  FAILED   {name}: {error}"));
                }
                Outcome::Skipped(how) => {
                    skipped += 1;
                    say(&format!("  skipped  {name}: {how}"));
                }
            }
        }
        say(&format!("\n{passed} passed, {failed} failed, {skipped} skipped"));
        if failed == 0 { Ok(()) } else { Err("not everything passed".to_owned()) }
    }
}
