//! `astro plugin new|dev|test|check|pack`: for those who write plugins.

use std::path::{Path, PathBuf};

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Arg, Arity, ValueKind},
    service::{ColumnKind, View},
};
use serde_json::json;

use crate::{
    author::{
        cargo::{self, Build},
        check, develop, pack,
        scaffold::{self, NewCrate, Sdk},
        sign,
    },
    base::error::{Result, failed, usage},
    commands::{Builtin, Request, choices, column, command, file, option, positional, switch},
    context::directory,
    product::product,
    program::APP,
    trust::Key,
};

pub(super) fn commands() -> Vec<Builtin> {
    vec![new_command(), dev_command(), test_command(), check_command(), pack_command()]
}

fn new_command() -> Builtin {
    let template = Arg {
        choices: choices(&scaffold::names()),
        default: Some("minimal".to_owned()),
        ..option(
            "template",
            "TEMPLATE",
            "What the command does at first: greet, for example, or work for a while",
        )
    };
    let license = Arg {
        choices: choices(scaffold::LICENSES),
        default: Some("Apache-2.0".to_owned()),
        ..option("license", "LICENSE", "The licence of the crate")
    };
    let dir = Arg {
        kind: ValueKind::File,
        ..option("dir", "DIR", "Where it is made; a directory with its name without this")
    };
    let sdk_path = Arg {
        kind: ValueKind::File,
        ..option(
            "sdk-path",
            "DIR",
            &format!("The sources of the SDK; those that came with {APP} without this"),
        )
    };
    let mut new = command(
        "plugin new",
        Effect::Write,
        "Make a crate for a plugin of your own",
        vec![
            positional("name", "Name of the plugin and of the crate", true),
            switch("host", "Make a program of its own that runs plugins, instead of a plugin"),
            option(
                "command",
                "WORDS",
                "The words of its command, such as \"airflow lint\"; its name without this",
            ),
            template,
            dir,
            license,
            sdk_path,
            option("sdk-version", "VERSION", "The SDK of this version from the registry"),
        ],
        &[
            ("astro plugin new hello", &format!("A crate with a command `{APP} hello`")),
            ("astro plugin new airflow-lint --command \"airflow lint\"", "A command below a word"),
            (
                "astro plugin new spell-check --template long-running --license MIT",
                "A command that works for a while",
            ),
            ("astro plugin new acme --host", "A program `acme` that runs plugins"),
        ],
        new,
    );
    new.long_about = format!("Make a crate for a plugin of your own.\n\nIt builds with a Rust toolchain and a C compiler, and has a command, tests, a README and a workflow that packs it for a release. Then `{APP} plugin dev` builds and links it.").to_owned();
    new.see_also = vec!["plugin dev".to_owned(), "plugin pack".to_owned()];
    new
}

/// The directory of a crate.
fn crate_dir() -> Arg {
    Arg {
        kind: ValueKind::File,
        ..positional("dir", "The plugin's directory; the working directory without it", false)
    }
}

fn dev_command() -> Builtin {
    let mut dev = command(
        "plugin dev",
        Effect::Write,
        "Build a plugin, check it and use it",
        vec![
            crate_dir(),
            switch("watch", "Do it again after every change, until Ctrl-C"),
            switch("release", "Build as it is shipped"),
        ],
        &[
            ("astro plugin dev", "Build and link the plugin in the working directory"),
            ("astro plugin dev hello --watch", "Do so after every change"),
        ],
        dev,
    );
    dev.needs.process = true;
    dev.long_about = "Build a plugin, check it and use it.\n\nWhat is wrong with its manifest is said in words. While a crate does not build, the build before stays in use. A linked plugin that was built in another way, such as by `cargo build`, is described again when it is used.".to_owned();
    dev.see_also = vec!["plugin test".to_owned(), "plugin remove".to_owned()];
    dev
}

fn test_command() -> Builtin {
    let mut rest = positional("args", "What is handed to the tests, after `--`", false);
    rest.arity = Arity::Positional;
    rest.repeated = true;
    let mut test = command(
        "plugin test",
        Effect::Write,
        "Run the tests of a plugin, those against the sandbox among them",
        vec![
            Arg {
                kind: ValueKind::File,
                ..option("dir", "DIR", "The plugin's directory; the working directory without it")
            },
            rest,
        ],
        &[
            ("astro plugin test", "Run all tests"),
            ("astro plugin test --dir hello -- greets", "Run those whose name contains a word"),
        ],
        test,
    );
    test.needs.process = true;
    test.long_about = format!("Run the tests of a plugin, those against the sandbox among them.\n\nIt is `cargo test` with this {APP} and the plugin's library at hand, and includes the tests that are marked `ignore` because they need both.").to_owned();
    test
}

fn check_command() -> Builtin {
    let mut check = command(
        "plugin check",
        Effect::Read,
        "Check a finished plugin file against the rules for plugins",
        vec![
            file(positional("file", "A plugin file, or a library that a build made", true)),
            file(option(
                "public-key",
                "KEY",
                "Verify its signature with this key of minisign, or the file it is in",
            )),
        ],
        &[("astro plugin check dist/x86_64-unknown-linux-gnu/hello.astro-plugin", "Check what was packed")],
        check,
    );
    check.long_about = "Check a finished plugin file against the rules for plugins.\n\nIts footer and manifest are read first; then it is loaded in a process of its own and asked what every host may ask. No command is run. A broken rule ends it with 1.".to_owned();
    check
}

fn pack_command() -> Builtin {
    let mut pack = command(
        "plugin pack",
        Effect::Write,
        "Build a plugin for release and make its plugin file",
        vec![
            crate_dir(),
            file(option(
                "out",
                "DIR",
                "Where it is put, in a directory for the target; `dist` in the plugin's directory without this",
            )),
            file(option("key", "FILE", "Sign it with this secret key of minisign")),
        ],
        &[
            ("astro plugin pack", &format!("Make dist/TARGET/NAME.{}", product().extension)),
            ("astro plugin pack --key ~/.minisign/minisign.key", "Sign it"),
        ],
        pack,
    );
    pack.needs.process = true;
    pack.long_about = "Build a plugin for release and make its plugin file.\n\nThe file is the library with its manifest and a footer, for the target it was built on. Beside it is its entry for an index: name, version, target, size and SHA-256.".to_owned();
    pack.see_also = vec!["plugin check".to_owned(), "plugin info".to_owned()];
    pack
}

pub(in crate::commands) fn new(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let name = request.required("name")?;
    let choice = |id: &str, all: &[&'static str]| -> Result<&'static str> {
        let typed = request.text(id).unwrap_or(all[0]);
        all.iter().find(|one| **one == typed).copied().ok_or_else(|| {
            usage(format!("`{typed}` is not a value of `--{id}`"))
                .help(format!("use one of: {}", all.join(", ")))
        })
    };
    let (template, license) =
        (choice("template", &scaffold::names())?, choice("license", scaffold::LICENSES)?);
    let (given, version) = (request.text("sdk-path"), request.text("sdk-version"));
    if given.is_some() && version.is_some() {
        return Err(usage("`--sdk-path` and `--sdk-version` cannot be used together"));
    }
    if let Some(version) = version.filter(|version| semver::VersionReq::parse(version).is_err()) {
        return Err(
            usage(format!("`--sdk-version {version}` is not a version")).help("write it as 0.1 or 0.1.2")
        );
    }
    let sdk_path = match (given, version) {
        (Some(path), _) => absolute(path)?,
        (None, Some(_)) => PathBuf::new(),
        (None, None) => scaffold::installed_sdk()?,
    };
    let is_host = request.flag("host");
    let is_given = |other: &&str| {
        request.parsed.matches.value_source(other) == Some(clap::parser::ValueSource::CommandLine)
    };
    if let Some(other) = ["command", "template"].into_iter().find(|other| is_host && is_given(other)) {
        return Err(usage(format!("`--host` and `--{other}` cannot be used together"))
            .help("a program of its own has no command; its plugins have"));
    }
    let dir = absolute(request.text("dir").unwrap_or(name))?;
    let wanted = NewCrate {
        name,
        command: request.text("command").unwrap_or(name),
        dir: &dir,
        template,
        license,
        sdk: version.map_or(Sdk::Path(&sdk_path), Sdk::Version),
    };
    let console = &request.env.console;
    let written = if is_host {
        let written = scaffold::make_host(&wanted)?;
        console.notice(&format!("Made the program `{name}` in {}.", dir.display()));
        console.notice(&format!("Next: cargo run --manifest-path {}/Cargo.toml -- --help", shown(&dir)));
        written
    } else {
        let written = scaffold::make(&wanted)?;
        console.notice(&format!("Made the plugin `{name}` in {}.", dir.display()));
        console.notice(&format!("Next: {APP} plugin dev {}", shown(&dir)));
        console.notice(&format!("Then: {APP} {} --help", wanted.command));
        written
    };
    let view = View { clean: vec!["dir".to_owned()], ..View::default() };
    request.emit_for_programs(format, view, vec![json!({ "name": name, "dir": dir, "files": written })])
}

pub(in crate::commands) fn dev(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    env.dirs.clone()?;
    let dir = absolute(request.text("dir").unwrap_or("."))?;
    let build = if request.flag("release") { Build::Release } else { Build::Debug };
    if request.flag("watch") {
        return develop::watch(env, &dir, build);
    }
    let record = develop::once(env, &dir, build)?;
    request.done(format, &record.name, "linked")
}

pub(in crate::commands) fn test(request: &Request<'_>) -> Result<i32> {
    request.format()?;
    let dir = absolute(request.text("dir").unwrap_or("."))?;
    let library = cargo::build(&dir, Build::Debug)?;
    cargo::test(&dir, &library, &request.texts("args"))?;
    Ok(0)
}

pub(in crate::commands) fn check(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let file = request.required("file")?;
    let key = request.text("public-key").map(Key::given).transpose()?;
    let findings = check::file(Path::new(file), key.as_ref())?;
    let broken = findings.iter().filter(|finding| finding.state == "broken").count();
    let view = View {
        list: Some("findings".to_owned()),
        columns: vec![
            column("rule", ColumnKind::Id),
            column("state", ColumnKind::Id),
            column("detail", ColumnKind::Text),
        ],
        clean: ["rule", "state", "detail"].map(str::to_owned).to_vec(),
        ..View::default()
    };
    request.emit(format, view, findings.iter().map(|finding| json!(finding)).collect())?;
    match broken {
        0 => Ok(0),
        1 => Err(failed(format!("`{file}` breaks a rule for plugins"))),
        _ => Err(failed(format!("`{file}` breaks {broken} rules for plugins"))),
    }
}

pub(in crate::commands) fn pack(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dir = absolute(request.text("dir").unwrap_or("."))?;
    let out = request.text("out").map(absolute).transpose()?.unwrap_or_else(|| dir.join("dist"));
    let may_ask = request.may_ask(format);
    // A key that cannot be used is told before anything is built.
    let key = request.text("key").map(|path| sign::key(request.env, Path::new(path), may_ask)).transpose()?;
    let packed = pack::pack(&dir, &out, key.as_ref())?;
    let console = &request.env.console;
    console.notice(&format!("Packed {}.", packed.file.display()));
    console.notice(&format!("Its entry for an index is {}.", packed.entry.display()));
    let mut facts = packed.facts;
    facts["path"] = json!(packed.file);
    let columns = ["name", "version", "target", "glibc", "size", "sha256", "key_id"];
    let view = View {
        columns: columns.iter().map(|key| column(key, ColumnKind::default())).collect(),
        clean: vec!["path".to_owned()],
        ..View::default()
    };
    request.emit(format, view, vec![facts])
}

fn absolute(path: &str) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        usage(format!("`{path}` is not a path")).cause(crate::base::error::plain_io(&error.to_string()))
    })
}

/// A path as somebody in the working directory would type it.
fn shown(path: &Path) -> String {
    let here = directory::working().ok();
    let below = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    let text = below.unwrap_or(path).display().to_string();
    shlex::try_quote(&text).map_or_else(|_| text.clone(), std::borrow::Cow::into_owned)
}
