//! The harness of the end-to-end tests: a private home, the installed binary, transcripts.
//!
//! What is tested is what `cargo xtask install` made, never a build directory. `cargo xtask test` says where
//! in `ASTRO_E2E_ROOT`; a bare `cargo test` uses what the last quickstart left.

#![forbid(unsafe_code)]

pub mod book;
mod canary;
pub mod client;
pub mod container;
pub mod control;
pub mod filesystem;
pub mod fuzz;
mod needs;
pub mod plugin_files;
pub mod proxy;
mod random;
pub mod stub;
pub mod tls;
mod transcript;
mod varying;
pub mod web;
mod wording;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

pub use needs::{has_python_packages, has_service, may_mount, node_packages, python, shells, skip};
pub use random::Random;
pub use transcript::{Transcript, assert_file, words};

/// A proxy that is not there.
pub const NOWHERE: &str = "http://127.0.0.1:9";

/// The administrators' organizations of the sandbox, and one deployment of each.
pub const ACME: &str = "cm00acme00organization001";
/// See [`ACME`].
pub const GLOBEX: &str = "cm0globex00organization01";
/// The deployment that the profile `sandbox` names.
pub const INGEST: &str = "cm00acme000deployment0001";
/// A deployment of Acme's other workspace.
pub const REPORTS: &str = "cm00acme000deployment0003";

/// One user with a home of their own. Their sandbox ends with the test.
pub struct TestEnv {
    home: tempfile::TempDir,
    sandbox: bool,
    canary: canary::Canary,
    variables: Vec<(&'static str, std::ffi::OsString)>,
}

/// What a command printed and how it ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// stdout as text.
    pub stdout: String,
    /// stderr as text.
    pub stderr: String,
    /// The exit code; none after a death by signal.
    pub code: Option<i32>,
}

impl Ran {
    /// Asserts exit code 0 and answers stdout.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// stdout as JSON, which must be exactly one document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }
}

impl Default for TestEnv {
    fn default() -> Self {
        Self::new()
    }
}

impl TestEnv {
    /// A user with an empty home.
    pub fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a directory"),
            sandbox: false,
            canary: canary::Canary::default(),
            variables: Vec::new(),
        }
    }

    /// A user who also writes plugins: the developer's own cargo, and what was built for other tests.
    pub fn with_cargo() -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let of_home =
            |name: &str, dir: &str| std::env::var_os(name).unwrap_or_else(|| home.join(dir).into_os_string());
        let mut env = Self::new();
        env.variables = vec![
            ("CARGO_HOME", of_home("CARGO_HOME", ".cargo")),
            ("RUSTUP_HOME", of_home("RUSTUP_HOME", ".rustup")),
            ("CARGO", cargo().into()),
            // The toolchain that builds the tests; another one is never fetched.
            ("RUSTUP_AUTO_INSTALL", "0".into()),
            ("CARGO_TARGET_DIR", workspace().join("target/authors").into()),
            // The versions are those of this workspace, which are there.
            ("CARGO_NET_OFFLINE", "true".into()),
            ("CARGO_TERM_COLOR", "never".into()),
            // In the order of their names.
            ("RUST_TEST_THREADS", "1".into()),
        ];
        env
    }

    /// A user whose sandbox runs; its profile is the default.
    pub fn with_sandbox() -> Self {
        let mut env = Self::new();
        env.run(["sandbox", "start"]).ok();
        env.sandbox = true;
        env
    }

    /// The home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file below the home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The installed binary with nothing of the developer's environment.
    pub fn astro(&self) -> Command {
        self.clean(Command::new(root().join("bin/astro")))
    }

    /// Gives a command the hermetic environment.
    pub fn clean(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env("PATH", self.search_path(""))
            .env("HOME", self.home())
            .env("ASTRO_HOME", self.home())
            .env("LANG", "C.UTF-8")
            // Nothing leaves this machine, whatever network it is in: nobody listens there.
            .env("HTTPS_PROXY", NOWHERE)
            // The keyring of whoever runs the tests is not theirs.
            .env("DBUS_SESSION_BUS_ADDRESS", "")
            .envs(self.variables.iter().cloned())
            .current_dir(self.home());
        command
    }

    /// Runs `astro` with these arguments to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        self.ran(self.astro().args(args))
    }

    /// Runs a command of this user to its end.
    pub fn ran(&self, command: &mut Command) -> Ran {
        let ran = Ran::from(command.output().expect("it runs"));
        self.canary.hear(command, &ran);
        ran
    }

    /// A program in the hermetic environment, `astro` being on its PATH.
    pub fn on_path(&self, program: &str) -> Command {
        // The name is looked up in the PATH of the child.
        let mut command = self.clean(Command::new(program));
        command.env("PATH", self.search_path(&format!("{}:", root().join("bin").display())));
        command
    }

    /// The PATH of commands; who writes plugins finds the compiler beside the cargo that runs the tests.
    fn search_path(&self, first: &str) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        match cargo().parent().filter(|_| !self.variables.is_empty()) {
            Some(toolchain) => format!("{first}{}:{rest}", toolchain.display()),
            None => format!("{first}{rest}"),
        }
    }

    /// Runs a line of a shell in the hermetic environment, `astro` being on its PATH.
    pub fn shell(&self, shell: &str, line: &str) -> Ran {
        self.ran(self.on_path(shell).args(["-c", line]))
    }

    /// An empty transcript of this user.
    pub fn transcript(&self) -> Transcript<'_> {
        Transcript::new(self)
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        // Also one that a test started by itself, and did not stop because it failed.
        let has_sandbox = self.path(".astro-host/state/plugins/sandbox/sandbox.json").exists();
        let mut server = None;
        // A home that was made unusable says no more than the values that were seen.
        let answers = has_sandbox && !std::thread::panicking();
        if answers && self.run(["sandbox", "env", "-o", "json"]).code == Some(0) {
            let control = control::Control::of(self);
            self.canary.know(control.issued().into_iter().map(|(_, value)| value));
            let status = self.run(["sandbox", "status", "-o", "json"]).json();
            server = status["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        }
        if !std::thread::panicking() {
            self.canary.search(self.home(), server);
        }
        if self.sandbox || has_sandbox {
            self.run(["sandbox", "stop"]);
        }
    }
}

/// The installed tree.
pub fn root() -> PathBuf {
    let root = std::env::var_os("ASTRO_E2E_ROOT")
        .map_or_else(|| workspace().join("target/quickstart/root"), PathBuf::from);
    assert!(
        root.join("bin/astro").is_file(),
        "{} holds no astro: run `cargo xtask quickstart` or `cargo xtask test`",
        root.display()
    );
    root
}

/// The cargo that runs the tests.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// The root of the checkout.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace").to_owned()
}

/// The library of a fixture plugin.
pub fn fixture(name: &str) -> PathBuf {
    built(name, &format!("libfixture_{}.so", name.replace('-', "_")))
}

/// The program of a fixture.
pub fn fixture_program(name: &str) -> PathBuf {
    built(name, &format!("fixture-{name}"))
}

fn built(name: &str, file: &str) -> PathBuf {
    let variable = format!("ASTRO_E2E_{}", name.replace('-', "_").to_uppercase());
    let path = std::env::var_os(&variable)
        .map_or_else(|| workspace().join("target/quick").join(file), PathBuf::from);
    assert!(path.is_file(), "{} is not built: cargo build --profile quick -p fixture-{name}", path.display());
    path
}

/// Asserts how a command ended, and that stderr names each of these objects: a file, an option, what to type.
/// The sentences are compared with `tests/e2e/wording/AREA.txt`.
#[track_caller]
pub fn says(ran: &Ran, code: i32, objects: &[&str]) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    for object in objects {
        assert!(ran.stderr.contains(object), "{object}: {ran:?}");
    }
    wording::assert(&ran.stderr);
}

/// Sends a signal (`INT`) to a process of the test's own. The shell's `kill` is there on every system.
pub fn signal(pid: u32, signal: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status();
    assert!(status.expect("sh runs").success(), "{signal} {pid}");
}
