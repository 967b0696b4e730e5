//! `cargo xtask quickstart`: the main job, for real, in one command. Nothing outside the checkout is touched.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::Instant,
};

use crate::{
    install::{Profile, quick_root, run_quietly},
    shell::{Result, root, say, target},
};

/// The name of the token that is created.
const NAME: &str = "quickstart";

pub(crate) fn run() -> Result {
    let started = Instant::now();
    let dir = root().join(target()).join("quickstart");
    if quick_root().join("bin/astro").exists() {
        say("This takes a few seconds when nothing has changed.\n");
    } else {
        say(
            "This takes about five minutes on two cores the first time, most of it compiling; seconds after that.\n",
        );
    }
    let binary = run_quietly(&quick_root(), Profile::Quick)?;
    let home = dir.join("home");
    fs::create_dir_all(&home).map_err(|error| format!("cannot make {}: {error}", home.display()))?;
    let astro = |args: &[&str]| show(&binary, &home, args);

    astro(&["sandbox", "start"])?;
    astro(&["deployment", "list"])?;
    // An earlier quickstart in this home left it, and a name is used once.
    let _ = quietly(&binary, &home, &["deployment", "token", "delete", "--name", NAME, "--yes"]);
    let created = astro(&[
        "deployment",
        "token",
        "create",
        "--name",
        NAME,
        "--role",
        "DEPLOYMENT_ADMIN",
        "--expiration",
        "30",
    ])?;
    let id = created
        .lines()
        .find_map(|line| line.strip_prefix("ID").map(str::trim))
        .ok_or("the created token has no ID line")?
        .to_owned();
    astro(&["deployment", "token", "list"])?;
    astro(&["deployment", "token", "rotate", &id, "--yes"])?;

    write_env(&dir, &binary, &home)?;
    let shown = dir.strip_prefix(root()).unwrap_or(&dir).display();
    say(&format!(
        "Done in {} s. To go on in this shell (in fish: . {shown}/env.fish):\n",
        started.elapsed().as_secs()
    ));
    say(&format!("    . {shown}/env\n"));
    say("The sandbox stops by itself after 8 idle hours, or with:\n");
    say(&format!("    ASTRO_HOME={} {} sandbox stop", home.display(), binary.display()));
    Ok(())
}

/// Shows a command and its output, as a person would see it.
fn show(binary: &Path, home: &Path, args: &[&str]) -> Result<String> {
    say(&format!("$ astro {}", args.join(" ")));
    let output = command(binary, home, args)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{} cannot be run: {error}", binary.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    say(&text);
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("`astro {}` ended with {}", args.join(" "), output.status))
    }
}

/// Runs a command that is no part of what is shown.
fn quietly(binary: &Path, home: &Path, args: &[&str]) -> std::io::Result<Output> {
    command(binary, home, args).output()
}

/// A command in the quickstart's own home.
fn command(binary: &Path, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(args).current_dir(home).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ASTRO_")) {
        command.env_remove(name);
    }
    command.env("ASTRO_HOME", home);
    command
}

/// What a shell needs to go on: PATH, ASTRO_HOME, ASTRO_PROFILE.
fn write_env(dir: &Path, binary: &Path, home: &Path) -> Result {
    let bin = binary.parent().unwrap_or(Path::new("/")).display().to_string();
    let home = home.display().to_string();
    let posix = format!(
        "export PATH={}:\"$PATH\"\nexport ASTRO_HOME={}\nexport ASTRO_PROFILE=sandbox\n",
        quoted(&bin),
        quoted(&home)
    );
    let fish = format!(
        "set -gx PATH {} $PATH\nset -gx ASTRO_HOME {}\nset -gx ASTRO_PROFILE sandbox\n",
        quoted(&bin),
        quoted(&home)
    );
    for (name, text) in [("env", posix), ("env.fish", fish)] {
        let path = dir.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// One word for a POSIX shell and for fish.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
