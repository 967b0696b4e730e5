//! Where a token goes, seen by somebody who would have it elsewhere: planted files, names that are code, logs that are not
//! hidden, programs that print a lot.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    process::{Command, Stdio},
};

use astro_e2e::{
    Ran, TestEnv,
    control::Control,
    says,
    stub::{Reply, Stub},
};

use crate::foreign_directories::may_give_away;

const CREATE: &str = "astro deployment token create -r DEPLOYMENT_ADMIN";

/// A token that was made and not delivered, and its entry.
fn undelivered(env: &TestEnv) -> String {
    let ran = env.shell("sh", &format!("{CREATE} -n kept --token-exec false"));
    assert_eq!(ran.code, Some(7), "{ran:?}");
    env.run(["recover", "list", "-o", "clean"]).ok().split('\t').next().expect("an entry").to_owned()
}

#[test]
fn a_kept_value_is_masked_like_a_new_one() {
    let env = TestEnv::with_sandbox();
    let entry = undelivered(&env);
    let (_, value) = Control::of(&env).issued().pop().expect("issued");
    for format in ["clean", "json", "table"] {
        let line =
            format!("GITHUB_ACTIONS=true astro recover show {entry} -o {format} --keep-recovery 2>&1 | cat");
        let ran = env.shell("sh", &line);
        let mask = format!("::add-mask::{value}\n");
        let (before, after) = ran.stdout.split_once(&mask).unwrap_or_else(|| panic!("{format}: {ran:?}"));
        assert!(!before.contains(&value) && after.contains(&value), "{format}: {ran:?}");
    }
    // A mask in a file hides nothing.
    let ran =
        env.shell("sh", &format!("GITHUB_ACTIONS=true {CREATE} -n x -o clean 2>log | cat; cat log >&2"));
    assert_eq!(ran.stdout, "", "{ran:?}");
    assert!(ran.stderr.contains("stderr is a file"), "{ran:?}");
}

/// In a directory where anybody may put files, a file or a link of another user does not receive a token.
#[test]
fn a_planted_file_does_not_receive_a_token() {
    if !may_give_away() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    env.shell("sh", &format!("{CREATE} -n ci --token-file own")).ok();
    let open = env.path("open");
    fs::create_dir(&open).expect("made");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).expect("set");
    let planted = open.join("token");
    let rotate = |path: &str| {
        env.run(["deployment", "token", "rotate", "--name", "ci", "--yes", "--token-file", path])
    };
    let before = control.posts();
    fs::write(&planted, "aaaaaaaaaaaaaaaaaaaaaaaaaaaa\n").expect("written");
    chown(&planted, Some(4243), Some(4243)).expect("root");
    says(&rotate("open/token"), 2, &["belongs to uid 4243"]);
    fs::remove_file(&planted).expect("there");
    symlink(env.path("own"), &planted).expect("linked");
    std::os::unix::fs::lchown(&planted, Some(4243), Some(4243)).expect("root");
    says(&rotate("open/token"), 2, &["belongs to uid 4243"]);
    assert_eq!(control.posts(), before, "nothing was sent");
    // Also by a directory or a link on the way, and for a new file.
    for make in
        ["mkdir open/dir && chown 4243 open/dir", "ln -s $HOME/own-dir open/way && chown -h 4243 open/way"]
    {
        env.shell("sh", &format!("mkdir -p own-dir; {make}")).ok();
    }
    for path in ["open/dir/token", "open/way/token"] {
        let ran = env.shell("sh", &format!("{CREATE} -n x --token-file {path}"));
        says(&ran, 2, &["belongs to uid 4243"]);
    }
    assert_eq!(control.posts(), before, "nothing was sent");
    // One's own is replaced there, and that of another user where nobody else may write.
    fs::remove_file(&planted).expect("there");
    fs::copy(env.path("own"), &planted).expect("copied");
    rotate("open/token").ok();
    fs::create_dir(env.path("of")).expect("made");
    fs::copy(env.path("own"), env.path("of/token")).expect("copied");
    chown(env.path("of/token"), Some(4243), Some(4243)).expect("root");
    rotate("of/token").ok();
    assert_eq!(fs::metadata(env.path("of/token")).expect("there").uid(), 4243, "its owner stays");
}

/// chattr(1): what cannot be changed is found before anything is sent.
#[test]
fn a_file_with_an_attribute_that_forbids_it_is_refused_before() {
    if !may_give_away() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    env.shell("sh", &format!("{CREATE} -n ci --token-file token")).ok();
    let set = |change: &str| {
        Command::new("chattr").arg(change).arg(env.path("token")).stderr(Stdio::null()).status()
    };
    if !set("+i").is_ok_and(|status| status.success()) {
        // This file system has no attributes, and never refuses for that reason.
        return;
    }
    let before = control.posts();
    let rotate =
        || env.run(["deployment", "token", "rotate", "--name", "ci", "--yes", "--token-file", "token"]);
    let refused = rotate();
    let _ = set("-i");
    says(&refused, 2, &["lsattr"]);
    assert_eq!(control.posts(), before);
    rotate().ok();
}

/// Of two that make the same file the second one finds it, and asks for no token.
#[test]
fn two_at_once_make_one_file_and_one_token() {
    let env = TestEnv::new();
    env.run(["sandbox", "start", "--latency", "300"]).ok();
    let control = Control::of(&env);
    let started: Vec<_> = ["a", "b"]
        .map(|name| {
            let line = format!("{CREATE} -n {name} --token-file token -q");
            let mut command = env.on_path("sh");
            command.args(["-c", &format!("exec {line}")]).stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("sh runs")
        })
        .into_iter()
        .collect();
    let mut codes: Vec<i32> = started
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().expect("ends")).code.expect("a code"))
        .collect();
    codes.sort_unstable();
    assert_eq!((codes.as_slice(), control.issued().len()), ([0, 2].as_slice(), 1));
    env.run(["sandbox", "stop"]).ok();
}

/// A program that writes more to stderr than is repeated is read to its end.
#[test]
fn a_program_may_print_as_much_as_it_likes() {
    let env = TestEnv::with_sandbox();
    let program = "sh -c 'cat >stored; head -c 3000000 /dev/zero | tr \"\\\\0\" \"a\" | fold -w 70 >&2'";
    let mut command = env.on_path("astro");
    command.args([
        "deployment",
        "token",
        "create",
        "-n",
        "ci",
        "-r",
        "DEPLOYMENT_ADMIN",
        "--token-exec",
        program,
    ]);
    let ran = env.ran(&mut command);
    assert_eq!(ran.code, Some(0), "{:?}", ran.stderr.lines().last());
    let (_, value) = Control::of(&env).issued().pop().expect("issued");
    assert_eq!(fs::read_to_string(env.path("stored")).expect("stored"), value);
}

/// A name that is code for some program never takes the place of a placeholder.
#[test]
fn a_name_with_signs_is_no_word_of_a_command() {
    let env = TestEnv::with_sandbox();
    let control = Control::of(&env);
    fs::write(env.path("mk"), "store:\n\t@cat >/dev/null; echo $(NAME)\n").expect("written");
    let before = control.posts();
    for (name, program) in [
        ("$(shell touch planted)", "make -f mk store NAME={name}"),
        ("touch planted", "python3 {name}"),
        ("touch planted", "tmux new-session -d {name}"),
        ("a;touch planted", "tee {name}"),
        ("CI of main", "tee {name}"),
    ] {
        let mut command = env.on_path("astro");
        command.args([
            "deployment",
            "token",
            "create",
            "-r",
            "DEPLOYMENT_ADMIN",
            "-n",
            name,
            "--token-exec",
            program,
        ]);
        let ran = env.ran(&mut command);
        assert_eq!(ran.code, Some(2), "{name} {program}: {ran:?}");
    }
    assert!(!env.path("planted").exists());
    assert_eq!(control.posts(), before, "nothing was sent");
}

/// An answer that is no clean JSON, and a refusal that holds a token: the value is kept, hidden and named.
#[test]
fn a_token_in_an_odd_answer_is_kept() {
    const VALUE: &str = "opaque-token-value-0123456789";
    let body = format!(r#"{{"id":"cm00000000test0000000000x","name":"x","token":"{VALUE}"}}"#);
    let odd = [
        (200, format!("\u{feff}{body}")),
        (200, format!("{body} {{}}")),
        (500, format!(r#"{{"message":"boom {VALUE}","token":"{VALUE}"}}"#)),
        (400, format!(r#"{{"message":"no {VALUE}","token":"{VALUE}"}}"#)),
    ];
    for (status, answer) in odd {
        let env = TestEnv::new();
        let stub = Stub::new(move |request| match request.starts_with("POST") {
            true => Reply::Json(status, answer.clone()),
            false => Reply::Json(
                200,
                r#"{"tokens":[],"deployments":[],"totalCount":0,"offset":0,"limit":1}"#.to_owned(),
            ),
        });
        let mut command = env.astro();
        command.env("ASTRO_API_URL", stub.address()).env("ASTRO_API_TOKEN", "opaque-credential-value");
        command
            .env("ASTRO_ORGANIZATION_ID", astro_e2e::ACME)
            .env("ASTRO_DEPLOYMENT_ID", "cm00acme000deployment0001");
        command.args("deployment token create -r DEPLOYMENT_ADMIN -n x --allow-duplicate -o json".split(' '));
        let ran = env.ran(&mut command);
        assert_eq!(ran.code, Some(7), "{status}: {ran:?}");
        assert!(!ran.stderr.contains(VALUE) && ran.stderr.contains("recover show"), "{status}: {ran:?}");
        let entry = env.run(["recover", "list", "-o", "clean"]).ok();
        let entry = entry.split('\t').next().expect("an entry");
        assert_eq!(env.run(["recover", "show", entry, "-o", "clean"]).ok().trim(), VALUE, "{status}");
    }
}

/// What the caller left open is not held open by a server that goes on in the background.
#[test]
fn the_sandbox_holds_no_descriptor_of_its_caller() {
    let env = TestEnv::new();
    let ran = env.shell("sh", "exec 7>left; astro sandbox start -o json");
    let pid = serde_json::from_str::<serde_json::Value>(&ran.stdout).expect("json")["pid"].clone();
    let left = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("it runs")
        .flatten()
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|path| path == env.path("left")))
        .count();
    env.run(["sandbox", "stop"]).ok();
    assert_eq!(left, 0);
    // The same port again: what was stored for the server before stays right.
    let port = |ran: &Ran| ran.json()["address"].clone();
    let first = port(&env.run(["sandbox", "start", "-o", "json"]));
    env.run(["sandbox", "stop"]).ok();
    assert_eq!(port(&env.run(["sandbox", "start", "-o", "json"])), first);
    env.run(["sandbox", "stop"]).ok();
}
