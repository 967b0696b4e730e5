//! Directory files that are not read: of other users, and beyond what is searched.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use astro_e2e::{TestEnv, says};

use crate::directories::two_customers;

/// Whether the tests may give files away; a test that has to is skipped otherwise.
pub(crate) fn may_give_away() -> bool {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !is_root {
        astro_e2e::skip("it gives files away; run it as root");
    }
    is_root
}

/// A checkout of another user: its file is named, commands that read go on without it, and nothing is changed until a
/// flag says where, or the directory is trusted in the user's own configuration.
#[test]
fn a_file_of_another_user_is_named_and_nothing_is_changed() {
    if !may_give_away() {
        return;
    }
    let env = TestEnv::with_sandbox();
    two_customers(&env);
    let control = astro_e2e::control::Control::of(&env);
    let mut session = env.transcript();
    session.cd("checkout/dags");
    session.write("checkout/.astro.toml", "profile = \"globex\"\ndeployment = \"Production\"\n");
    for path in ["checkout/.astro.toml", "checkout", "checkout/dags"] {
        std::os::unix::fs::chown(env.path(path), Some(1001), Some(1001)).expect("given away");
    }
    let create = "deployment token create --allow-duplicate --name nightly --role DEPLOYMENT_ADMIN -o json --no-recovery";
    let posts = control.posts();
    session.run("deployment list -o clean");
    session.run("organization list");
    session.run("context");
    session.run("context -o clean");
    session.run(create);
    session.run("workspace switch Analytics");
    assert_eq!(control.posts(), posts, "nothing was changed");
    for flag in ["--profile acme --deployment Ingest", "--deployment Ingest"] {
        env.ran(env.astro().current_dir(env.path("checkout")).args(create.split(' ')).args(flag.split(' ')))
            .ok();
    }
    assert_eq!(control.posts(), posts + 2);
    session.note("the directory is trusted");
    session.run("config set trust.directories project");
    session.run(&format!("config set trust.directories {}", env.path("checkout").display()));
    session.run("context -o json");
    session.note("a directory cannot trust itself");
    session.run("config unset trust.directories");
    session.write("checkout/.astro.toml", "trust.directories = [\"*\"]\n");
    session.run("context -o clean");
    session.run("config set trust.directories *");
    session.run("deployment list");
    session.assert("directories-of-others");
}

/// Every user may put a file into such a directory: it is not looked at, and stops nothing.
#[test]
fn a_directory_that_every_user_may_write_to_is_not_searched() {
    let env = TestEnv::with_sandbox();
    fs::create_dir_all(env.path("open/mine")).expect("made");
    fs::set_permissions(env.path("open"), fs::Permissions::from_mode(0o1777)).expect("set");
    let create = |name: &str| {
        let line =
            format!("deployment token create --allow-duplicate --name {name} --role DEPLOYMENT_ADMIN -c");
        env.ran(env.astro().current_dir(env.path("open/mine")).args(line.split(' ')))
    };
    if may_give_away() {
        for text in ["profile = \"nobody\"\n", "[credentials"] {
            fs::write(env.path("open/.astro.toml"), text).expect("written");
            std::os::unix::fs::chown(env.path("open/.astro.toml"), Some(1001), None).expect("given away");
            let ran = create("first");
            assert_eq!((ran.code, ran.stderr.contains(".astro.toml")), (Some(0), false), "{ran:?}");
        }
        let seen = env.ran(env.astro().current_dir(env.path("open/mine")).args(["context", "-o", "json"]));
        assert_eq!(seen.json()["directory_files"][0]["used"], false, "{seen:?}");
    }
    // One's own is not passed over without a word.
    let _ = fs::remove_file(env.path("open/.astro.toml"));
    fs::write(env.path("open/.astro.toml"), "profile = \"sandbox\"\n").expect("written");
    says(&create("second"), 3, &["open/.astro.toml` is ignored"]);
}

#[test]
fn a_file_beyond_a_file_system_border_is_named() {
    if !astro_e2e::may_mount() {
        return;
    }
    let env = TestEnv::with_sandbox();
    two_customers(&env);
    fs::create_dir_all(env.path("work/volume")).expect("made");
    fs::write(env.path("work/.astro.toml"), "profile = \"globex\"\n").expect("written");
    let in_volume = |line: &str| {
        let script =
            format!("mount -t tmpfs none \"$HOME/work/volume\" && cd \"$HOME/work/volume\" && {line}");
        env.ran(env.on_path("unshare").args(["-m", "sh", "-c", &script]))
    };
    let ran = in_volume("astro deployment list");
    says(&ran, 0, &["work/.astro.toml: beyond a file-system border"]);
    let ran =
        in_volume("astro deployment token create --allow-duplicate --name x --role DEPLOYMENT_ADMIN -c");
    says(&ran, 3, &["work/.astro.toml` is ignored", "trust.directories"]);
    env.run(["config", "set", "trust.directories", &env.path("work").display().to_string()]).ok();
    assert!(in_volume("astro context -o clean").ok().starts_with("globex\t"));
}

/// Where a file cannot be looked for there may be one: what it selects is not known, and nothing is changed.
#[test]
fn a_directory_that_cannot_be_looked_through_may_select_something() {
    if !may_give_away() {
        return;
    }
    let env = TestEnv::with_sandbox();
    let control = astro_e2e::control::Control::of(&env);
    let create = "astro deployment token create --name x --role DEPLOYMENT_ADMIN --no-recovery";
    let posts = control.posts();
    fs::create_dir_all(env.path("alice/project")).expect("made");
    fs::write(env.path("alice/project/.astro.toml"), "profile = \"globex\"\n").expect("written");
    fs::set_permissions(env.home(), fs::Permissions::from_mode(0o711)).expect("set");
    fs::set_permissions(env.path("alice"), fs::Permissions::from_mode(0o700)).expect("set");
    // Another user, whose configuration is a copy, in a directory that was entered before.
    let copy = "mkdir copy && cp -r .astro-host copy/ && chown -R 4242:4242 copy && cd alice/project";
    let as_user =
        "setpriv --reuid 4242 --regid 4242 --clear-groups env ASTRO_HOME=$HOME/copy HOME=$HOME/copy";
    let ran = env.shell("sh", &format!("{copy} && exec {as_user} {create}"));
    says(&ran, 3, &["alice/project/.astro.toml", "cannot be looked for: permission denied"]);
    // One that was removed, and made again under a shell that is still in it.
    let again = "mkdir again && cd again && rmdir ../again && mkdir ../again";
    let ran = env.shell("sh", &format!("{again} && exec {create}"));
    says(&ran, 3, &[".astro.toml"]);
    assert_eq!(control.posts(), posts, "nothing was changed");
    let ran = env.shell("sh", &format!("cd again && rmdir ../again && exec {create} --profile sandbox"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // A file above one's own that is not read may select what one's own leaves open.
    fs::create_dir_all(env.path("lay/own")).expect("made");
    fs::write(env.path("lay/.astro.toml"), "profile = \"sandbox\"\ndeployment = \"Reports\"\n")
        .expect("written");
    fs::write(env.path("lay/own/.astro.toml"), "profile = \"sandbox\"\n").expect("written");
    std::os::unix::fs::chown(env.path("lay/.astro.toml"), Some(1001), None).expect("root");
    let ran = env.shell("sh", &format!("cd lay/own && exec {create}"));
    says(&ran, 3, &["lay/.astro.toml", "owned by uid 1001"]);
    // What nobody would read is not written.
    fs::set_permissions(env.path("lay"), fs::Permissions::from_mode(0o1777)).expect("set");
    let ran = env.shell("sh", "cd lay && exec astro profile use sandbox --here");
    says(&ran, 3, &[]);
}
