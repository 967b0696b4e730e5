//! What a plugin may use of the host while it runs: progress, work on threads, other programs.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::Stdio,
};

use astro_e2e::{Ran, TestEnv, fixture, says, signal};
use expectrl::{Expect, process::unix::WaitStatus};

use crate::terminal::{ended, session};

fn with_fixture() -> TestEnv {
    let env = TestEnv::new();
    std::fs::copy(fixture("misbehaving"), env.path("libbad.so")).expect("copied");
    env.run(["plugin", "link", "libbad.so"]).ok();
    env
}

#[test]
fn progress_is_for_terminals_and_keeps_off_the_lines_beside_it() {
    let env = with_fixture();
    let mut shown = session(&env, "astro", &["misbehave", "act", "--what", "progress"]);
    // A label is a plugin's: nothing of it acts on the terminal.
    shown.expect("Counting \\u{1b}[31msheep").expect("the label, escaped");
    shown.expect("a notice beside it").expect("on a line of its own");
    shown.expect("a line of the result").expect("on a line of its own");
    shown.expect("2/3").expect("how far it is");
    shown.send("\x03").expect("typed");
    assert!(matches!(ended(&mut shown), WaitStatus::Signaled(_, _, _)));

    let mut command = env.astro();
    command.args(["misbehave", "act", "--what", "progress"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("read");
    signal(child.id(), "INT");
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
    assert_eq!((line.as_str(), stderr.as_str()), ("a line of the result\n", "a notice beside it\n"));
    assert_eq!(child.wait().expect("ends").signal(), Some(2));
}

#[test]
fn work_on_a_thread_can_be_interrupted_and_may_panic() {
    let env = with_fixture();
    let mut busy = session(&env, "astro", &["misbehave", "act", "--what", "blocking"]);
    busy.expect("blocking").expect("it began");
    busy.send("\x03").expect("typed");
    assert!(matches!(ended(&mut busy), WaitStatus::Signaled(_, _, _)));
    let ran = env.run(["misbehave", "act", "--what", "blocking-panic"]);
    says(&ran, 126, &["`misbehaving`"]);
}

#[test]
fn programs_get_the_terminal_and_no_credential() {
    let env = with_fixture();
    let run = |args: &[&str]| -> Ran {
        let mut command = env.astro();
        command.env("ASTRO_API_TOKEN", "canary-of-this-test").args(["misbehave", "run"]).args(args);
        env.ran(&mut command)
    };
    let shown = |ran: &Ran| (ran.stdout.clone(), ran.stderr.clone(), ran.code);
    let text = |text: &str| text.to_owned();
    assert_eq!(shown(&run(&["echo", "hi"])), (text("hi\n"), text(""), Some(0)));
    assert_eq!(
        shown(&run(&["-o", "json", "echo", "hi"])),
        (text(""), text("hi\n"), Some(0)),
        "it is no JSON"
    );
    assert_eq!(shown(&run(&["--capture", "echo", "hi"])), (text("captured: hi\n"), text(""), Some(0)));
    // What a program leaves behind may hold its pipe; nobody waits for that.
    let left = run(&["--capture", "sh", "-c", "sleep 600 2>/dev/null & echo $! > left; echo hi"]);
    assert_eq!(left.stdout, "captured: hi\n");
    let left = std::fs::read_to_string(env.path("left")).expect("its number");
    signal(left.trim().parse().expect("a number"), "KILL");
    assert_eq!(run(&["false"]).code, Some(43));
    assert_eq!(run(&["sh", "-c", "kill -9 $$"]).code, Some(44));
    let variables = run(&["sh", "-c", "echo ${ASTRO_API_TOKEN-none} $GIVEN"]);
    assert_eq!(variables.stdout, "none a variable\n");
    let missing = run(&["no-such-program-anywhere"]);
    says(&missing, 1, &["there is no program `no-such-program-anywhere`"]);
    let undeclared = env.run(["misbehave", "act", "--what", "undeclared-program"]);
    says(&undeclared, 1, &[]);
}

/// As in a shell: Ctrl-C reaches the program, and then ends the command by the signal; TERM is handed on.
#[test]
fn signals_reach_the_program_first() {
    let env = with_fixture();
    let trap = "trap 'echo trapped; exit 0' INT TERM; echo ready; while :; do sleep 0.05; done";
    let mut typed = session(&env, "astro", &["misbehave", "run", "sh", "-c", trap]);
    typed.expect("ready").expect("it runs");
    typed.send("\x03").expect("typed");
    typed.expect("trapped").expect("the program got it");
    assert!(matches!(ended(&mut typed), WaitStatus::Signaled(_, _, _)));

    let mut command = env.astro();
    command.args(["misbehave", "run", "sh", "-c", trap]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert_eq!(lines.next().expect("a line").expect("text"), "ready");
    signal(child.id(), "TERM");
    assert_eq!(lines.next().expect("a line").expect("text"), "trapped");
    assert_eq!(child.wait().expect("ends").signal(), Some(15));
}
