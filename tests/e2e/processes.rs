//! What a process inherits and what it starts: numbers of another namespace, ignored signals, limits, children.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use expectrl::Expect;

use astro_e2e::{
    Ran, TestEnv,
    control::Control,
    filesystem::{self, ENOLCK, ENOSYS, EOPNOTSUPP, EPERM},
    fixture, may_mount, says,
    stub::{Reply, Stub},
};

fn create(name: &str, more: &[&str]) -> Vec<String> {
    let name = format!("--name={name}");
    let args = ["deployment", "token", "create", &name, "--role", "DEPLOYMENT_ADMIN", "--allow-duplicate"];
    args.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}

/// A process whose descriptors 3 to 60 are a library that leaves a file where it runs.
struct Decoy(Child);

impl Decoy {
    fn new(env: &TestEnv) -> Self {
        fs::copy(fixture("marked"), env.path("decoy.so")).expect("copied");
        let script = "for fd in $(seq 3 60); do eval \"exec $fd<decoy.so\"; done; echo ready; read -r line";
        let mut command = env.on_path("bash");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("bash runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("reads");
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        // Its `read` ends with the pipe.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// In a PID namespace that still sees the old /proc, this process's number is there that of another process.
#[test]
fn descriptors_of_another_process_are_never_loaded() {
    if !may_mount() {
        return;
    }
    let env = TestEnv::new();
    fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    env.run(["plugin", "link", "libhello.so", "-q"]).ok();
    let decoy = Decoy::new(&env);
    // The next process of the namespace gets the number of the decoy outside.
    let line = format!(
        "echo {} > /proc/sys/kernel/ns_last_pid && sh -c 'echo $$; exec astro hello -o clean'",
        decoy.0.id() - 1
    );
    let mut command = env.on_path("unshare");
    command.args(["-p", "-f", "sh", "-c", &line]).env("ASTRO_FIXTURE_CANARY", env.path("canary"));
    let ran = env.ran(&mut command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stdout, format!("{}\nHello world!\n", decoy.0.id()), "{ran:?}");
    assert!(!env.path("canary").exists(), "the other process's library ran: {ran:?}");
}

/// The number of the only child of a process.
pub(crate) fn child_of(pid: u32) -> u32 {
    loop {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("there");
        if let Some(child) = children.split_whitespace().next() {
            return child.parse().expect("a number");
        }
        thread::yield_now();
    }
}

/// The first process of a PID namespace gets no signal that it does not handle, and is not ended by raising one.
#[test]
fn the_first_process_of_a_namespace_ends_by_a_signal() {
    if !may_mount() {
        return;
    }
    let env = TestEnv::new();
    let stub = Stub::new(|_| Reply::Later(Duration::from_secs(30), 200, "{}".to_owned()));
    // A plugin's command, and one of astro itself.
    let lines: &[&[&str]] = &[&["deployment", "list", "--organization", "x"], &["context", "--check"]];
    for args in lines {
        for (signal, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
            let before = stub.seen().len();
            let mut command = env.on_path("unshare");
            command.args(["-p", "-f", "--mount-proc", "astro"]).args(*args);
            command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque-token-value");
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let child = command.spawn().expect("unshare runs");
            while stub.seen().len() == before {
                thread::yield_now();
            }
            astro_e2e::signal(child_of(child.id()), signal);
            let ran = Ran::from(child.wait_with_output().expect("ends"));
            assert_eq!(ran.code, Some(128 + number), "{args:?} {signal}: {ran:?}");
        }
    }
}

/// An ignored CHLD is inherited, and the kernel then throws the end of a child away.
#[test]
fn children_are_waited_for_where_chld_is_ignored() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let ignoring = |line: &str| env.shell("bash", &format!("trap '' CHLD; {line}"));
    let ran =
        ignoring("exec astro deployment token create -n kept -r DEPLOYMENT_ADMIN --token-exec 'tee kept'");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (_, value) = control.issued().pop().expect("issued");
    assert_eq!(fs::read_to_string(env.path("kept")).expect("stored"), value);
    fs::copy(fixture("hello"), env.path("libhello.so")).expect("copied");
    assert_eq!(ignoring("exec astro plugin link libhello.so").code, Some(0));
    let login = "exec astro login --credential own --command 'printf opaque-token-value'";
    let ran = ignoring(&format!("ASTRO_API_URL=http://127.0.0.1:9/v1 {login}"));
    assert!(!ran.stderr.contains("child"), "{ran:?}");
    assert!(env.run(["config", "list"]).ok().contains("printf opaque"), "{ran:?}");
}

/// A name from the command line or the API never becomes code, a variable is how it reaches a script.
#[test]
fn a_name_does_not_run_as_code() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let name = "x; touch ran";
    let script = "sh -c 'cat >/dev/null; echo stored {name}'";
    let ran = env.run(create(name, &["--token-exec", script]));
    says(&ran, 2, &["ASTRO_SECRET_NAME"]);
    assert_eq!(control.posts(), 0, "nothing was sent");
    let safe = "sh -c 'cat > \"$ASTRO_SECRET_ID\"; printf %s \"$ASTRO_SECRET_NAME/$ASTRO_SECRET_DEPLOYMENT_ID\" > seen'";
    let made = env.run(create(name, &["-o", "json", "--token-exec", safe])).json();
    let id = made["id"].as_str().expect("an id");
    assert_eq!(fs::read_to_string(env.path("seen")).expect("ran"), format!("{name}/{}", astro_e2e::INGEST));
    let (_, value) = control.issued().pop().expect("issued");
    assert_eq!(fs::read_to_string(env.path(id)).expect("stored"), value, "the value and no newline");
    // The same where the name comes from the API.
    let rotate = |exec: &str| env.run(["deployment", "token", "rotate", id, "-y", "--token-exec", exec]);
    says(&rotate(script), 2, &[]);
    says(&rotate("tee out/{name}"), 2, &["has the character `;`"]);
    assert!(!env.path("ran").exists());
    for (name, exec) in [("-rf", "tee {name}"), ("../up", "tee out-{name}"), ("/etc/x", "tee {name}")] {
        let posts = control.posts();
        let ran = env.run(create(name, &["--token-exec", exec]));
        says(&ran, 2, &["{name}"]);
        assert_eq!(control.posts(), posts, "nothing was sent");
    }
}

#[test]
fn syntax_of_a_shell_is_refused_before_anything_is_sent() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    for (exec, part) in [
        ("cat > f", "no shell is run"),
        ("cat | tee f", "no shell is run"),
        ("tee $HOME/f", "no shell is run"),
        ("nowhere-to-be-found", "there is no program"),
    ] {
        for option in ["--token-exec", "--token-verify"] {
            let file = if option == "--token-verify" { &["--token-file", "file"][..] } else { &[] };
            says(&env.run(create("x", &[&[option, exec], file].concat())), 2, &[part, option]);
        }
    }
    assert_eq!(control.posts(), 0);
}

/// Without a newline, or with one; and what was stored is read back.
#[test]
fn the_stored_value_is_the_value() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let value = || control.issued().pop().expect("issued").1;
    let read = |name: &str| fs::read_to_string(env.path(name)).expect("stored");
    env.run(create("a", &["--token-exec", "tee a"])).ok();
    assert_eq!(read("a"), value());
    env.run(create("b", &["--token-exec", "tee b", "--token-exec-newline"])).ok();
    assert_eq!(read("b"), format!("{}\n", value()));
    let ran = env.run(create("c", &["--token-exec", "tee c", "--token-verify", "cat c"]));
    says(&ran, 0, &[]);
    says(&env.run(create("d", &["--token-file", "d", "--token-verify", "cat d"])), 0, &[]);
    for (store, verify, part) in [
        ("sh -c 'cat >/dev/null'", "true", "printed nothing"),
        ("sh -c 'cat >/dev/null'", "echo other", "printed another value"),
        ("tee e", "base64 -w0 e", "in base64"),
        ("tee f", "false", "ended with 1"),
    ] {
        let ran = env.run(create("lost", &["--token-exec", store, "--token-verify", verify]));
        says(&ran, 7, &[part, "astro recover show"]);
        assert!(!ran.stderr.contains(&value()), "{ran:?}");
    }
    says(&env.run(create("g", &["--token-verify", "cat g"])), 2, &["--token-verify"]);
    says(&env.run(create("g", &["--token-exec-newline"])), 2, &["--token-exec-newline"]);
}

/// What a program prints is not shown, and no form of the token is where it is.
#[test]
fn no_form_of_the_token_reaches_stderr() {
    let env = TestEnv::with_sandbox();
    let exec = "sh -c 'value=$(cat); printf \"{\\\"token\\\":\\\"%s\\\"}\" \"$value\" | base64 -w0 | tee /dev/stderr; \
                echo; printf %s \"$value\" | base64 | tee /dev/stderr; printf %s \"$value\" | od -An -tx1 | tr -d \" \\n\" | tee /dev/stderr'";
    for more in [&[][..], &["-v"][..]] {
        let ran = env.run(create("x", &[&["--token-exec", exec], more].concat()));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let hidden = ran.stderr.matches("[secret]").count();
        assert!(hidden >= 3, "{ran:?}");
        let value = Control::of(&env).issued().pop().expect("issued").1;
        let payload = value.split('.').nth(1).expect("three parts");
        let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        for form in [payload, &hex[20..60]] {
            assert!(!ran.stderr.contains(form), "{ran:?}");
        }
    }
    let quiet = env.run(create("y", &["--token-exec", "sh -c 'cat; echo seen by -v alone'"]));
    assert!(!quiet.stderr.contains("seen by"), "{quiet:?}");
    let verbose = env.run(create("z", &["-v", "--token-exec", "sh -c 'cat; echo seen by -v alone'"]));
    assert!(verbose.stderr.contains("seen by -v alone"), "{verbose:?}");
}

/// A file that holds anything but a token is not replaced.
#[test]
fn only_a_token_is_replaced() {
    let env = TestEnv::with_sandbox();
    let made = env.run(create("served", &["-o", "json", "--token-file", "served"])).json();
    let id = made["id"].as_str().expect("an id");
    let posts = Control::of(&env).posts();
    let rotate = |file: &str| env.run(["deployment", "token", "rotate", id, "-y", "--token-file", file]);
    for text in [
        "machine example.com login me password secret-secret\n",
        "short",
        "two\nlines-that-are-long-enough\n",
    ] {
        fs::write(env.path("other"), text).expect("written");
        says(&rotate("other"), 2, &[]);
        assert_eq!(fs::read_to_string(env.path("other")).expect("there"), text);
    }
    assert_eq!(Control::of(&env).posts(), posts);
    fs::write(env.path("other"), "").expect("written");
    rotate("other").ok();
    rotate("served").ok();
    rotate("served").ok();
    let mut asked = crate::terminal::session(
        &env,
        "astro",
        &["deployment", "token", "rotate", id, "--token-file", "served"],
    );
    asked.expect("The new value replaces the one in").expect("names the file");
    asked.expect("[y/N]").expect("asks");
    asked.send("n\r").expect("typed");
    crate::terminal::ended(&mut asked);
}

/// In a step of GitHub Actions nothing is printed that the log would not hide.
#[test]
fn a_value_is_printed_after_its_mask_alone() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let line = "astro deployment token create -n x -r DEPLOYMENT_ADMIN -o clean";
    let lost = env.shell("bash", &format!("export GITHUB_ACTIONS=true; {line} 2>/dev/null"));
    assert_eq!((lost.code, lost.stdout.as_str()), (Some(2), ""), "{lost:?}");
    assert_eq!(control.posts(), 0, "nothing was sent");
    let closed = env.shell("bash", &format!("export GITHUB_ACTIONS=true; {line} 2>&-"));
    assert_eq!((closed.code, closed.stdout.as_str(), control.posts()), (Some(2), "", 0), "{closed:?}");
    // stderr is a pipe that is full, and its reader takes nothing.
    let full = "import fcntl, os, subprocess, sys\n\
        r, w = os.pipe()\n\
        fcntl.fcntl(w, fcntl.F_SETFL, fcntl.fcntl(w, fcntl.F_GETFL) | os.O_NONBLOCK)\n\
        try:\n    while True: os.write(w, b'x' * 4096)\nexcept BlockingIOError: pass\n\
        sys.exit(subprocess.call(sys.argv[1:], stderr=w))";
    let mut command = env.on_path("python3");
    command.args(["-c", full, "astro"]).args(create("x", &["-o", "clean"])).env("GITHUB_ACTIONS", "true");
    let ran = env.ran(&mut command);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(7), ""), "{ran:?}");
    let entries = env.run(["recover", "list", "-o", "json"]).json();
    assert_eq!(entries["entries"][0]["status"], "kept");
}

/// A reader of stderr that is slow gets every line, also where it made its pipe non-blocking.
#[test]
fn errors_are_whole_on_a_slow_non_blocking_stderr() {
    let env = TestEnv::new();
    let slow = "import fcntl, os, subprocess, sys, threading\n\
        r, w = os.pipe()\n\
        fcntl.fcntl(w, fcntl.F_SETFL, fcntl.fcntl(w, fcntl.F_GETFL) | os.O_NONBLOCK)\n\
        filled = 0\n\
        try:\n    while True: filled += os.write(w, b'x' * 4096)\nexcept BlockingIOError: pass\n\
        for n in range(int(sys.argv[1])):\n\
        \x20   child = subprocess.Popen(sys.argv[2:], stderr=w)\n\
        \x20   got = b''\n\
        \x20   while len(got) < filled: got += os.read(r, 65536)\n\
        \x20   child.wait()\n\
        \x20   os.set_blocking(r, False)\n\
        \x20   try:\n        while True: got += os.read(r, 65536)\n\
        \x20   except BlockingIOError: pass\n\
        \x20   os.set_blocking(r, True)\n\
        \x20   rest = got[filled:]\n\
        \x20   assert rest.endswith(b'\\n') and b'error: ' in rest and child.returncode == 127, (n, child.returncode, rest[:200])\n\
        \x20   while filled > 0:\n        filled -= 4096\n\
        \x20   filled = 0\n\
        \x20   try:\n        while True: filled += os.write(w, b'x' * 4096)\n\
        \x20   except BlockingIOError: pass\n";
    let mut command = env.on_path("python3");
    let ran = env.ran(command.args(["-c", slow, "1000", "astro", "nowhere"]));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// Where no more processes and threads can be started, that is known before a token is made, whatever the limit is.
#[test]
fn a_limit_of_processes_refuses_before_anything_is_sent() {
    if !may_mount() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let variables = env.run(["sandbox", "env"]).ok();
    // Root has no such limit: another user, with the sandbox's address and a home of its own.
    let home = tempfile::tempdir().expect("a directory");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).expect("set");
    for limit in 0..8 {
        let script = format!(
            "{variables}\nexport ASTRO_HOME={home} HOME={home}\ncd {home}\nulimit -u {limit}\nexec astro deployment token create -n x-{limit} -r DEPLOYMENT_ADMIN --token-exec 'tee f'",
            home = home.path().display()
        );
        let mut file = fs::File::create(home.path().join("script")).expect("made");
        file.write_all(script.as_bytes()).expect("written");
        let mut command = env.on_path("setpriv");
        command
            .args(["--reuid", "54321", "--regid", "54321", "--clear-groups", "bash"])
            .arg(home.path().join("script"));
        let before = control.posts();
        let ran = env.ran(&mut command);
        assert!(!ran.stderr.contains("panicked"), "{limit}: {ran:?}");
        // Refused before, or delivered: never made and not delivered.
        match control.posts() - before {
            0 => assert!(ran.code.is_some_and(|code| (1..=5).contains(&code)), "{limit}: {ran:?}"),
            _ => assert_eq!(ran.code, Some(0), "{limit}: {ran:?}"),
        }
    }
}

/// The deadline of a program is that of what it started, too.
#[test]
fn a_deadline_ends_what_a_program_started() {
    let env = TestEnv::with_sandbox();
    let exec = "sh -c 'cat >/dev/null; sleep 300 & echo $! > pid; wait'";
    let ran = env.run(create("x", &["--timeout", "2", "--token-exec", exec]));
    says(&ran, 7, &["did not end within 2 s"]);
    let pid = fs::read_to_string(env.path("pid")).expect("written");
    // One that ended is a zombie until its new parent looks.
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or(" gone");
    assert!(state.contains('Z') || state == " gone", "{state}");
}

/// Where a file cannot be given a name by linking or by a rename that spares what is there, it is made under its name.
#[test]
fn a_token_file_needs_no_links() {
    if !filesystem::may_filter() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    let cases: &[&[(&str, i32)]] = &[
        &[("link", EPERM), ("renameat2", ENOSYS)],
        &[("link", EOPNOTSUPP), ("renameat2", ENOSYS), ("O_TMPFILE", EOPNOTSUPP)],
        &[("fallocate", ENOSYS)],
        &[("fallocate", EPERM), ("flock", ENOLCK)],
    ];
    for (at, calls) in cases.iter().enumerate() {
        let file = format!("token-{at}");
        let mut command = env.astro();
        command.args(create(&format!("linkless-{at}"), &["-o", "json", "--token-file", &file]));
        filesystem::without(&mut command, calls);
        let ran = env.ran(&mut command);
        assert_eq!(ran.code, Some(0), "{calls:?}: {ran:?}");
        let value = || control.issued().pop().expect("issued").1;
        assert_eq!(
            fs::read_to_string(env.path(&file)).expect("there"),
            format!("{}\n", value()),
            "{calls:?}"
        );
        assert_eq!(fs::metadata(env.path(&file)).expect("there").permissions().mode() & 0o777, 0o600);
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("json");
        let id = json["id"].as_str().expect("an id").to_owned();
        let mut command = env.astro();
        command.args(["deployment", "token", "rotate", &id, "-y", "--token-file", &file]);
        filesystem::without(&mut command, calls);
        assert_eq!(env.ran(&mut command).code, Some(0), "{calls:?}");
        assert_eq!(
            fs::read_to_string(env.path(&file)).expect("there"),
            format!("{}\n", value()),
            "{calls:?}"
        );
        let names = fs::read_dir(env.home()).expect("there").map(|entry| entry.expect("there").file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with(".token")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
