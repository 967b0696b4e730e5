//! Sessions as text: what was typed, stdout, stderr, exit code. What differs between runs is replaced by
//! names in brackets; the same value gets the same name.

use std::{fmt::Write, path::Path};

use regex::Regex;

use crate::{Ran, TestEnv, root, varying};

/// A session being written.
pub struct Transcript<'a> {
    env: &'a TestEnv,
    text: String,
    names: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    dir: String,
}

impl<'a> Transcript<'a> {
    pub(crate) fn new(env: &'a TestEnv) -> Self {
        Self { env, text: String::new(), names: Vec::new(), variables: Vec::new(), dir: String::new() }
    }

    /// A line of prose.
    pub fn note(&mut self, line: &str) -> &mut Self {
        let _ = writeln!(self.text, "# {line}");
        self
    }

    /// Sets a variable for the commands that follow.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        let shown = self.redacted(value);
        let _ = writeln!(self.text, "$ export {name}={shown}\n");
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable out of the environment of the commands that follow.
    pub fn unset(&mut self, name: &str) -> &mut Self {
        let _ = writeln!(self.text, "$ unset {name}\n");
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// Goes to a directory below the home, which is made when it is not there.
    pub fn cd(&mut self, dir: &str) -> &mut Self {
        let _ = writeln!(self.text, "$ cd ~/{dir}\n");
        std::fs::create_dir_all(self.env.path(dir)).expect("made");
        self.dir = dir.to_owned();
        self
    }

    /// Writes a file below the home.
    pub fn write(&mut self, name: &str, content: &str) -> &mut Self {
        let _ = writeln!(self.text, "$ cat > ~/{name}\n{content}^D\n");
        std::fs::write(self.env.path(name), content).expect("written");
        self
    }

    /// Runs `astro` with a line of arguments, written as for a shell with double quotes only.
    pub fn run(&mut self, line: &str) -> Ran {
        self.run_with_input(line, "")
    }

    /// The same with text on standard input.
    pub fn run_with_input(&mut self, line: &str, input: &str) -> Ran {
        use std::{io::Write as _, process::Stdio};
        let mut command = self.env.astro();
        command.current_dir(self.env.path(&self.dir));
        command.args(words(line)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if !input.is_empty() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().expect("astro runs");
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).expect("astro reads its input");
        }
        let ran = Ran::from(child.wait_with_output().expect("astro ends"));
        self.env.canary.hear(&command, &ran);
        self.shown(&format!("astro {line}"), &ran);
        ran
    }

    /// Adds a command that ran elsewhere: in a container, as another user. `line` is how it is typed there.
    pub fn shown(&mut self, line: &str, ran: &Ran) -> &mut Self {
        let line = self.redacted(line);
        let _ = writeln!(self.text, "$ {line}");
        let stdout = self.redacted(&ran.stdout);
        self.text.push_str(&stdout);
        let stderr = self.redacted(&ran.stderr);
        for line in stderr.lines() {
            let _ = writeln!(self.text, "! {line}");
        }
        let code = ran.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        let _ = writeln!(self.text, "[{code}]\n");
        self
    }

    /// Compares with the stored session `tests/e2e/transcripts/NAME.txt`, or with a path that has a `/`.
    /// `SNAPSHOTS=overwrite` stores this one.
    #[track_caller]
    pub fn assert(&self, name: &str) {
        let path = if name.contains('/') {
            crate::workspace().join("tests").join(name)
        } else {
            crate::workspace().join("tests/e2e/transcripts").join(format!("{name}.txt"))
        };
        assert_file(&self.text, &path);
    }

    /// What a page of the book shows in place of a text: what differs between runs is replaced.
    pub(crate) fn redacted(&mut self, text: &str) -> String {
        let home = self.env.home().display().to_string();
        let mut text = text.replace(&home, "[HOME]").replace(&root().display().to_string(), "[ROOT]");
        text = text.replace(&crate::workspace().display().to_string(), "[WORKSPACE]");
        let seeded = |id: &str| id.starts_with("cm00") || id.starts_with("cm0g");
        for (pattern, name) in varying::VALUES {
            let pattern = Regex::new(pattern).expect("a pattern");
            let found: Vec<String> =
                pattern.find_iter(&text).map(|found| found.as_str().to_owned()).collect();
            for value in found.into_iter().filter(|value| !(name == "ID" && seeded(value))) {
                let known =
                    self.names.iter().find(|(known, _)| *known == value).map(|(_, name)| name.clone());
                let replacement = known.unwrap_or_else(|| {
                    let count =
                        self.names.iter().filter(|(_, known)| known.starts_with(&format!("[{name}"))).count();
                    // Times differ in every run and their number says nothing.
                    let new =
                        if name == "TIME" { "[TIME]".to_owned() } else { format!("[{name}-{}]", count + 1) };
                    self.names.push((value.clone(), new.clone()));
                    new
                });
                text = text.replace(&value, &replacement);
            }
        }
        // What cargo does depends on what was built before.
        let status = r"(?m)^ *(Adding|Blocking|Compiling|Downgrading|Finished|Locking|Running|Updating) .*\n";
        text = Regex::new(status).expect("a pattern").replace_all(&text, "").into_owned();
        let own = [
            (r"\t\d{3,7}\t", "\t[PID]\t"),
            (r"PID       \d+", "PID       [PID]"),
            (r"\b\d+ ms\b", "[MS] ms"),
            (r"finished in \d+\.\d+s", "finished in [TIME]"),
            (r"SIZE     \d+", "SIZE     [SIZE]"),
            (r"/deps/(\w+)-[0-9a-f]{16}", "/deps/$1-[HASH]"),
            (r"-[0-9a-f]{8}\b/", "-[HASH]/"),
            (r"x86_64-unknown-linux-gnu|aarch64-unknown-linux-gnu", "[TARGET]"),
        ];
        for (pattern, replacement) in own.into_iter().chain(varying::PARTS) {
            text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into_owned();
        }
        // A column that holds redacted values is as wide as they were.
        Regex::new(r"(\])( {2,})").expect("a pattern").replace_all(&text, "$1  ").into_owned()
    }
}

/// Compares a text with a file.
#[track_caller]
pub fn assert_file(text: &str, path: &Path) {
    // The action's environment variable is read by the assertion: SNAPSHOTS=overwrite.
    snapbox::Assert::new()
        .action_env("SNAPSHOTS")
        .eq(text.to_owned(), snapbox::Data::read_from(path, Some(snapbox::data::DataFormat::Text)).raw());
}

/// The words of a line that is written as for a shell with double quotes only.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
