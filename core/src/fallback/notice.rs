//! What is said before a line goes to the other program: whose sign-in and context it uses. Once per shell, and again when
//! what there is to say has changed: another profile of another customer, say.
//!
//! A shell is the parent process, by its number and the time it was started at (proc(5), field 22 of `stat`): numbers are
//! used again, the two together are not. What a shell was told is in `STATE/official/PID-START`.

use std::{fs, path::Path};

use crate::{
    base::files,
    config::{Dirs, environment},
    console::escaped,
    context::{Context, Origin, settings},
    env::Env,
    globals::Globals,
    product::{OtherProfile, product},
    program::APP,
};

/// Says it, when this shell was not told the same before.
pub(super) fn say_once(env: &Env, program: &Path) {
    let (Ok(dirs), Some(fallback)) = (&env.dirs, product().fallback) else { return };
    let Some(file) = (fallback.file)() else { return };
    let variable = |variable| environment::variable(variable).ok().flatten();
    let text_of_file = files::read(&file).ok().flatten().unwrap_or_default();
    let facts = Facts {
        title: fallback.title,
        own: (fallback.in_use)(&text_of_file, variable(environment::DOMAIN).as_deref()),
        token: variable(environment::API_TOKEN).is_some(),
        url: variable(environment::API_URL),
        // Without an answer there is nothing to compare with; the commands that need it say why.
        here: env.resolver().context_at_hand(&Globals::default()).ok(),
    };
    let lines = text(program, &file, &facts);
    if is_news(dirs, &Shell::parent(), &lines.join("\n")) {
        // Not a notice that `--quiet` or a format silences: the options of this line are the other program's.
        lines.iter().for_each(|line| env.console.stderr_line(&escaped(line)));
    }
}

/// What the text depends on.
struct Facts {
    /// What the program is called.
    title: &'static str,
    /// Whom it would act as.
    own: OtherProfile,
    /// There is a token in the environment.
    token: bool,
    /// The address in the environment.
    url: Option<String>,
    /// What is in effect here.
    here: Option<Context>,
}

fn text(program: &Path, file: &Path, facts: &Facts) -> Vec<String> {
    let (program, file, title) = (program.display(), file.display(), facts.title);
    let mut lines = vec![format!(
        "This goes to {title} ({program}), which uses its own sign-in and context ({file}), not the profiles of {APP}. (Shown once per shell.)"
    )];
    if facts.token {
        // What it belongs to is then that of the token, as it is here.
        lines.push(format!("It reads {}, too, and stores it in {file}.", environment::API_TOKEN));
        let address = &facts.own.address;
        if facts.url.as_ref().is_some_and(|url| url.trim_end_matches('/') != address.as_str()) {
            let variable = environment::API_URL;
            lines.push(format!("It does not read {variable}: it sends the token to {address}."));
        }
        return lines;
    }
    let Some(owner) = settings::owner() else { return lines };
    let theirs = facts.own.settings.iter().find(|(name, _)| *name == owner.name);
    let ours = facts.here.as_ref().and_then(|here| here.settings.owner());
    if let (Some((word, theirs)), Some(ours)) = (theirs, ours)
        && *theirs != ours.value
    {
        let here = facts.here.as_ref().and_then(|here| here.profile.as_ref());
        let here = match (here, &ours.origin) {
            (Some(profile), Origin::Profile(_) | Origin::Claim(_)) => {
                format!("that of the profile `{}`", profile.value)
            }
            (_, origin) => format!("that of {origin}"),
        };
        lines.push(format!("Its {word} is {theirs}; {here} is {}.", ours.value));
    }
    lines
}

/// A process that commands are typed into.
struct Shell {
    pid: i32,
    /// Ticks since the start of the machine; empty when /proc does not tell.
    started: String,
}

impl Shell {
    fn parent() -> Self {
        // None in a container whose first process this is, as 0.
        let pid = rustix::process::Pid::as_raw(rustix::process::getppid());
        Self { pid, started: started(pid) }
    }

    fn file_name(&self) -> String {
        format!("{}-{}", self.pid, self.started)
    }
}

fn started(pid: i32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program is in parentheses and may hold anything.
    let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after.split(' ').nth(19).unwrap_or_default().to_owned()
}

/// Whether a shell is told this for the first time; from now on it was. Where that cannot be remembered it is told again.
fn is_news(dirs: &Dirs, shell: &Shell, text: &str) -> bool {
    let dir = dirs.state.join("official");
    let path = dir.join(shell.file_name());
    if files::read(&path).ok().flatten().as_deref() == Some(text) {
        return false;
    }
    for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = name.split_once('-').and_then(|(pid, at)| Some((pid.parse::<i32>().ok()?, at)));
        if known.is_some_and(|(pid, at)| started(pid) != at) {
            // A file that stays says nothing to any other shell.
            let _ = fs::remove_file(entry.path());
        }
    }
    if let Err(failure) = files::write(&path, text.as_bytes()) {
        tracing::debug!("what was said cannot be remembered: {}", failure.message);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::{Settings, Sourced},
        credential::Source,
        net::address::Address,
        output::Format,
    };

    fn dirs(home: &Path) -> Dirs {
        Dirs {
            config: home.to_owned(),
            data: home.to_owned(),
            state: home.join("state"),
            cache: home.join("cache"),
            private_home: true,
        }
    }

    #[test]
    fn a_shell_is_told_once_and_again_when_it_changed() {
        let home = tempfile::tempdir().expect("a directory");
        let dirs = dirs(home.path());
        let own = i32::try_from(std::process::id()).expect("a number");
        let shell = Shell { pid: own, started: started(own) };
        assert!(!shell.started.is_empty(), "/proc tells when this process was started");
        assert!(is_news(&dirs, &shell, "one"));
        assert!(!is_news(&dirs, &shell, "one"));
        assert!(is_news(&dirs, &shell, "two"));
        // Another one of the same number, from before: what it was told does not count, and is taken away.
        let former = Shell { pid: own, started: "1".to_owned() };
        assert!(is_news(&dirs, &former, "two"));
        assert!(is_news(&dirs, &shell, "three"));
        assert!(!dirs.state.join("official").join(former.file_name()).exists());
        assert!(!is_news(&dirs, &shell, "three"));
    }

    #[test]
    fn a_shell_is_told_every_time_where_nothing_can_be_remembered() {
        let home = tempfile::tempdir().expect("a directory");
        let dirs = dirs(home.path());
        // A file in the place of the directory.
        files::write(&dirs.state, b"").expect("written");
        let shell = Shell::parent();
        assert!(is_news(&dirs, &shell, "one") && is_news(&dirs, &shell, "one"));
    }

    fn here(profile: &str, organization: &str) -> Context {
        Context {
            profile: Some(Sourced::new(profile.to_owned(), Origin::DefaultProfile)),
            settings: Settings::of(|dimension| {
                let origin = Origin::Profile(profile.to_owned());
                (dimension.name == "organization").then(|| Sourced::new(organization.to_owned(), origin))
            }),
            output: Sourced::new(Format::TABLE, Origin::Default),
            address: Sourced::new(Address::hosted(), Origin::Default),
            ca_file: None,
            credential: None,
            source: Source::File,
            session: None,
            claims: None,
            ignored: Vec::new(),
            overridden: Vec::new(),
            contradiction: None,
            has_profiles: true,
            directory: None,
            read_only: None,
            unused: Vec::new(),
        }
    }

    #[test]
    fn both_organizations_are_named_when_they_differ() {
        crate::product::set_neutral();
        let facts = |organization, token, url: Option<&str>, is_known: bool| Facts {
            title: "the other CLI",
            own: OtherProfile {
                name: "cloud".to_owned(),
                address: "https://api.example.com/v1".to_owned(),
                settings: is_known.then(|| ("organization", "cm0globex".to_owned())).into_iter().collect(),
            },
            token,
            url: url.map(str::to_owned),
            here: Some(here("acme", organization)),
        };
        let hosted = "https://api.example.com/v1";
        for (facts, expected) in [
            (
                facts("cm0acme", false, None, true),
                Some("Its organization is cm0globex; that of the profile `acme` is cm0acme."),
            ),
            (facts("cm0globex", false, None, true), None),
            (facts("cm0acme", false, None, false), None),
            (
                facts("cm0acme", true, None, true),
                Some("It reads ASTRO_API_TOKEN, too, and stores it in /h/config.yaml."),
            ),
            (
                facts("cm0acme", true, Some(hosted), true),
                Some("It reads ASTRO_API_TOKEN, too, and stores it in /h/config.yaml."),
            ),
            (
                facts("cm0acme", true, Some("http://127.0.0.1:1/v1"), true),
                Some("It does not read ASTRO_API_URL: it sends the token to https://api.example.com/v1."),
            ),
        ] {
            let lines = text(Path::new("/bin/o"), Path::new("/h/config.yaml"), &facts);
            assert_eq!(lines.last().map(String::as_str).filter(|_| lines.len() > 1), expected, "{lines:?}");
            assert!(lines[0].contains("/bin/o") && lines[0].contains("/h/config.yaml"), "{lines:?}");
        }
    }
}
