//! `cargo xtask bench`: the budgets, as ratios measured in one run, with interleaved rounds on one core.
//!
//! The floor is a clap binary with the command of the fixture plugin compiled in. Other tools are shown
//! where the machine has them; they are no limits. [`author`]: what an author waits for.

mod author;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    install::{Profile, run_quietly},
    shell::{Result, cargo, has, program, read, root, run as run_program, say, target},
};

const ROUNDS: usize = 200;
/// A limit is missed only when it is missed in this many runs.
const CHANCES: usize = 3;

/// What is measured.
struct Subject {
    name: &'static str,
    command: Box<dyn Fn() -> Command>,
}

/// A limit on the ratio of two subjects, or on one subject alone in milliseconds.
enum Limit {
    Ratio { what: &'static str, of: &'static str, to: &'static str, most: f64 },
    Milliseconds { what: &'static str, of: &'static str, most: f64 },
}

const LIMITS: &[Limit] = &[
    Limit::Ratio {
        what: "run a plugin command, 1 plugin, to the floor",
        of: "astro hello (1)",
        to: "floor hello",
        most: 1.5,
    },
    Limit::Ratio {
        what: "the same from a user's store, hash on record",
        of: "astro hello (user)",
        to: "floor hello",
        most: 1.5,
    },
    Limit::Ratio {
        what: "the same with 1,000 plugins, to 1",
        of: "astro hello (1000)",
        to: "astro hello (1)",
        most: 1.1,
    },
    Limit::Ratio {
        what: "who am I, for a prompt, to the floor",
        of: "astro context -o clean",
        to: "floor hello",
        most: 1.5,
    },
    Limit::Milliseconds { what: "root help with 1,000 plugins, ms", of: "astro --help (1000)", most: 6.0 },
    Limit::Milliseconds { what: "catalogue of 1,000 plugins, ms", of: "astro commands (1000)", most: 6.0 },
    Limit::Ratio {
        what: "list 20 tokens -o json, to curl",
        of: "astro token list",
        to: "curl token list",
        most: 1.0,
    },
];

pub(crate) fn run(args: &[&str]) -> Result {
    let check = match args {
        [] => false,
        ["--check"] => true,
        other => return Err(format!("unknown argument of bench: {}", other.join(" "))),
    };
    let bench = Bench::prepare()?;
    // On all cores, as at a desk.
    let for_authors = author::measure(&bench.sandbox, &bench.dir)?;
    let subjects = bench.subjects()?;
    // Everything that is measured, and this process, on one core; the sandbox stays on the others.
    if has("taskset") {
        let _ = program("taskset")
            .args(["-p", "-c", "0", &std::process::id().to_string()])
            .stdout(Stdio::null())
            .status();
    }
    let mut missed = Vec::new();
    for _ in 0..CHANCES {
        missed = measure_and_show(&subjects)?;
        missed.extend(bench.render()?);
        if !check || missed.is_empty() {
            break;
        }
    }
    bench.stop()?;
    missed.extend(for_authors);
    if check && !missed.is_empty() { Err(format!("over the limit: {}", missed.join("; "))) } else { Ok(()) }
}

fn measure_and_show(subjects: &[Subject]) -> Result<Vec<&'static str>> {
    let mut times: Vec<Vec<Duration>> = subjects.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
    for round in 0..ROUNDS + 5 {
        for (subject, times) in subjects.iter().zip(&mut times) {
            let started = Instant::now();
            let status =
                (subject.command)().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
            let took = started.elapsed();
            if !status.is_ok_and(|status| status.success()) {
                return Err(format!("`{}` failed", subject.name));
            }
            // The first rounds fill caches.
            if round >= 5 {
                times.push(took);
            }
        }
    }
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let mut rows = Vec::new();
    say(&format!("\n{:<24} {:>9} {:>9}", "whole process, ms", "p10", "median"));
    for (subject, times) in subjects.iter().zip(&mut times) {
        times.sort();
        let (p10, median) = (milliseconds(times[ROUNDS / 10]), milliseconds(times[ROUNDS / 2]));
        say(&format!("{:<24} {p10:>9.2} {median:>9.2}", subject.name));
        rows.push((subject.name, p10, median));
    }
    let find = |name: &str| rows.iter().find(|row| row.0 == name);
    say(&format!("\n{:<48} {:>7} {:>7} {:>7}", "budget", "p10", "median", "limit"));
    let mut missed = Vec::new();
    for limit in LIMITS {
        let (what, most, measured) = match limit {
            Limit::Ratio { what, of, to, most } => {
                (what, most, find(of).zip(find(to)).map(|(of, to)| (of.1 / to.1, of.2 / to.2)))
            }
            Limit::Milliseconds { what, of, most } => (what, most, find(of).map(|of| (of.1, of.2))),
        };
        match measured {
            Some((p10, median)) => {
                let verdict = if p10 > *most { "  MISSED" } else { "" };
                say(&format!("{what:<48} {p10:>7.2} {median:>7.2} {most:>7.2}{verdict}"));
                if p10 > *most {
                    missed.push(*what);
                }
            }
            None => say(&format!("{what:<48} not measured: a program is missing")),
        }
    }
    Ok(missed)
}

/// The trees that are measured: one with one plugin, one with a thousand, one with the sandbox.
struct Bench {
    dir: PathBuf,
    sandbox: PathBuf,
}

impl Bench {
    fn prepare() -> Result<Self> {
        let dir = root().join(target()).join("bench");
        let sandbox = run_quietly(&dir.join("root"), Profile::Release)?;
        // The floor and the generator are built like the host; the fixture by a build of its own.
        run_program(cargo().args(["build", "--locked", "--release", "-p", "floor"]))?;
        run_program(cargo().args(["build", "--locked", "--release", "-p", "fixture-hello"]))?;
        let bench = Self { dir, sandbox };
        for (tree, generated) in [("one", 0), ("thousand", 999)] {
            bench.tree(tree, generated)?;
        }
        bench.user_store()?;
        Ok(bench)
    }

    /// A binary without a system store, and the plugin in the user's: the file is checked by its hash. The hash
    /// is on record once the file has settled for two seconds.
    fn user_store(&self) -> Result {
        let tree = self.dir.join("user");
        let _ = fs::remove_dir_all(&tree);
        for dir in [tree.join("bin"), tree.join("home")] {
            fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        let (binary, home) = (tree.join("bin/astro"), tree.join("home"));
        let library = tree.join("libhello.so");
        let built = root().join(target()).join("release/libfixture_hello.so");
        for (from, to) in [(&self.sandbox, &binary), (&built, &library)] {
            fs::copy(from, to).map_err(|error| format!("{}: {error}", to.display()))?;
        }
        run_program(self.astro(&binary, &home).args(["plugin", "link", "-q"]).arg(&library))?;
        let started = Instant::now();
        let record = home.join(".astro-host/state/verified/hello");
        while !record.is_file() {
            read(self.astro(&binary, &home).arg("hello"))?;
            if started.elapsed() > Duration::from_secs(20) {
                return Err("the hash of a settled file was not recorded".to_owned());
            }
        }
        Ok(())
    }

    fn tree(&self, name: &str, generated: u32) -> Result {
        let tree = self.dir.join(name);
        let store = tree.join("lib/astro-host/plugins");
        let _ = fs::remove_dir_all(&tree);
        for dir in [&store, &tree.join("bin"), &tree.join("home")] {
            fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        let binary = tree.join("bin/astro");
        fs::copy(&self.sandbox, &binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        let built = root().join(target()).join("release");
        run_program(program(&binary).arg("__bundle").arg(built.join("libfixture_hello.so")).arg(&store))?;
        if generated > 0 {
            let template = store.join("hello.astro-plugin");
            run_program(
                program(built.join("generate")).arg(template).arg(&store).arg(generated.to_string()),
            )?;
        }
        run_program(program(&binary).arg("__index").arg(&store))
    }

    fn astro(&self, binary: &Path, home: &Path) -> Command {
        let mut command = Command::new(binary);
        command.env_clear().env("HOME", home).env("ASTRO_HOME", home);
        command
    }

    fn subjects(&self) -> Result<Vec<Subject>> {
        let mut subjects = Vec::new();
        let floor = root().join(target()).join("release/floor");
        subjects.push(Subject {
            name: "floor hello",
            command: Box::new(move || {
                let mut command = Command::new(&floor);
                command
                    .env_clear()
                    .args(["hello", "--name", "Ada", "--times", "2", "--loud", "--end", "?", "-o", "json"]);
                command
            }),
        });
        for (name, tree, args) in [
            (
                "astro hello (1)",
                "one",
                &["hello", "--name", "Ada", "--times", "2", "--loud", "--end", "?", "-o", "json"][..],
            ),
            (
                "astro hello (1000)",
                "thousand",
                &["hello", "--name", "Ada", "--times", "2", "--loud", "--end", "?", "-o", "json"],
            ),
            (
                "astro hello (user)",
                "user",
                &["hello", "--name", "Ada", "--times", "2", "--loud", "--end", "?", "-o", "json"],
            ),
            ("astro --help (1)", "one", &["--help"]),
            ("astro --help (1000)", "thousand", &["--help"]),
            ("astro commands (1000)", "thousand", &["commands", "-o", "json"]),
        ] {
            let (binary, home) = (self.dir.join(tree).join("bin/astro"), self.dir.join(tree).join("home"));
            subjects.push(subject(name, move || {
                let mut command = Command::new(&binary);
                command.env_clear().env("HOME", &home).env("ASTRO_HOME", &home).args(args);
                command
            }));
        }
        self.list_subjects(&mut subjects)?;
        for (name, tool, args) in [
            ("git --version", "git", &["--version"][..]),
            ("cargo --version", "cargo", &["--version"]),
            ("docker --version", "docker", &["--version"]),
            ("kubectl version", "kubectl", &["version", "--client"]),
            ("gh --version", "gh", &["--version"]),
        ] {
            let works = has(tool)
                && program(tool)
                    .args(args)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .is_ok_and(|status| status.success());
            if works {
                subjects.push(subject(name, move || {
                    let mut command = Command::new(tool);
                    command.args(args);
                    command
                }));
            }
        }
        Ok(subjects)
    }

    /// A list of 20 tokens from the sandbox, by astro and by curl asking for the same page.
    fn list_subjects(&self, subjects: &mut Vec<Subject>) -> Result {
        let home = self.dir.join("home");
        fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        let astro = |args: &[&str]| read(self.astro(&self.sandbox, &home).args(args));
        astro(&["sandbox", "start", "-q"])?;
        astro(&["sandbox", "reset", "-y", "-q"])?;
        for number in 0..18 {
            astro(&[
                "deployment",
                "token",
                "create",
                "--name",
                &format!("bench {number}"),
                "--role",
                "DEPLOYMENT_ADMIN",
                "-c",
            ])?;
        }
        let binary = self.sandbox.clone();
        let (list_binary, list_home) = (binary, home.clone());
        subjects.push(subject("astro token list", move || {
            let mut command = Command::new(&list_binary);
            command.env_clear().env("HOME", &list_home).env("ASTRO_HOME", &list_home).args([
                "deployment",
                "token",
                "list",
                "-o",
                "json",
            ]);
            command
        }));
        // A prompt, in a directory that selects its profile, below other ones.
        let deep = home.join("project/deep");
        fs::create_dir_all(&deep).map_err(|error| format!("{}: {error}", deep.display()))?;
        let prompt_binary = self.sandbox.clone();
        let mut choose = self.astro(&prompt_binary, &home);
        read(choose.current_dir(home.join("project")).args(["profile", "use", "sandbox", "--here", "-q"]))?;
        let prompt_home = home.clone();
        subjects.push(subject("astro context -o clean", move || {
            let mut command = Command::new(&prompt_binary);
            command.env_clear().env("HOME", &prompt_home).env("ASTRO_HOME", &prompt_home);
            command.current_dir(&deep).args(["context", "-o", "clean"]);
            command
        }));
        if has("curl") {
            let environment = astro(&["sandbox", "env"])?;
            let value = |name: &str| {
                let prefix = format!("export {name}=");
                environment.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
            };
            let url = format!(
                "{}/organizations/{}/tokens?deploymentId={}&limit=1000&offset=0",
                value("ASTRO_API_URL"),
                value("ASTRO_ORGANIZATION_ID"),
                value("ASTRO_DEPLOYMENT_ID")
            );
            let header = format!("Authorization: Bearer {}", value("ASTRO_API_TOKEN"));
            subjects.push(subject("curl token list", move || {
                let mut command = Command::new("curl");
                command.args(["--silent", "--fail", "--header", &header, &url]);
                command
            }));
        }
        Ok(())
    }

    /// 100,000 rows as a table: the time and the memory of the whole process.
    fn render(&self) -> Result<Option<&'static str>> {
        let tree = self.dir.join("one");
        let mut command = self.astro(&tree.join("bin/astro"), &tree.join("home"));
        command.args(["rows", "--count", "100000"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().map_err(|error| format!("astro cannot be run: {error}"))?;
        let mut out = child.stdout.take().ok_or("no stdout")?;
        let status = format!("/proc/{}/status", child.id());
        let mut rows = 0;
        let mut most_kb = 0;
        let mut buffer = [0; 64 * 1024];
        loop {
            // The high-water mark only grows, so the last reading before the end is the one that counts.
            let text = fs::read_to_string(&status).unwrap_or_default();
            let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let mark = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok());
            most_kb = most_kb.max(mark.unwrap_or(0));
            match out.read(&mut buffer).map_err(|error| error.to_string())? {
                0 => break,
                count => rows += buffer[..count].iter().filter(|byte| **byte == b'\n').count(),
            }
        }
        let ended = child.wait().map_err(|error| error.to_string())?;
        let (seconds, megabytes) = (started.elapsed().as_secs_f64(), most_kb / 1024);
        if !ended.success() || rows != 100_001 {
            return Err(format!("100,000 rows: {rows} lines, {ended}"));
        }
        let is_missed = seconds > 1.0 || megabytes > 200;
        let verdict = if is_missed { "  MISSED" } else { "" };
        say(&format!(
            "render 100,000 rows as a table: {seconds:.2} s (limit 1.0), {megabytes} MB (limit 200){verdict}"
        ));
        Ok(is_missed.then_some("render 100,000 rows"))
    }

    fn stop(&self) -> Result {
        read(self.astro(&self.sandbox, &self.dir.join("home")).args(["sandbox", "stop", "-q"])).map(|_| ())
    }
}

fn subject(name: &'static str, command: impl Fn() -> Command + 'static) -> Subject {
    Subject { name, command: Box::new(command) }
}
