//! `astro profile export` and `import`: profiles as a file that never holds a credential, and the contexts of the
//! official CLI, whose file is only read.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use astro_plugin_protocol::{
    effect::Effect,
    manifest::{Arg, ValueKind},
    names,
    service::View,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::no_profile;
use crate::{
    base::{
        error::{Result, failed, usage},
        files,
    },
    commands::{Builtin, Request, file, positional, switch},
    config::{self, Config, Profile},
    credential,
    net::address::Address,
    output::Format,
    product::{Fallback, OtherProfile, product},
    program::{APP, dimensions},
};

/// What travels: profiles, and for each credential they use the address it belongs to. No token, no source, no
/// command.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Portable {
    profiles: BTreeMap<String, PortableProfile>,
    credentials: BTreeMap<String, PortableCredential>,
}

/// What a profile is given on the command line, by its [`portable_keys`].
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
struct PortableProfile(BTreeMap<PortableKey, String>);

/// In the order in which they are written.
fn portable_keys() -> impl Iterator<Item = &'static str> {
    ["credential"].into_iter().chain(dimensions().iter().map(|dimension| dimension.name)).chain(["output"])
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PortableKey(&'static str);

impl<'de> Deserialize<'de> for PortableKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let typed = String::deserialize(deserializer)?;
        portable_keys().find(|key| *key == typed).map(Self).ok_or_else(|| {
            let known: Vec<String> = portable_keys().map(|key| format!("`{key}`")).collect();
            D::Error::custom(format!("unknown field `{typed}`, expected one of {}", known.join(", ")))
        })
    }
}

impl Serialize for PortableProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(portable_keys().filter_map(|key| Some((key, self.get(key)?))))
    }
}

impl PortableProfile {
    fn of<'a>(values: impl IntoIterator<Item = (&'static str, Option<&'a str>)>) -> Self {
        let set = values.into_iter().filter_map(|(key, value)| Some((PortableKey(key), value?.to_owned())));
        Self(set.collect())
    }

    fn get(&self, key: &'static str) -> Option<&str> {
        self.0.get(&PortableKey(key)).map(String::as_str)
    }
}

impl From<&Profile> for PortableProfile {
    fn from(profile: &Profile) -> Self {
        Self::of(portable_keys().map(|key| {
            let value = match key {
                "credential" => profile.credential.as_deref(),
                "output" => profile.output.as_deref(),
                dimension => profile.setting(dimension),
            };
            (key, value)
        }))
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PortableCredential {
    address: String,
}

pub(super) fn export_command() -> Builtin {
    let mut command = super::command(
        "profile export",
        Effect::Read,
        "Write profiles for another machine or colleague, without credentials",
        vec![Arg {
            repeated: true,
            kind: ValueKind::Profile,
            ..positional("names", "Names of the profiles; all of them without a name", false)
        }],
        &[
            ("astro profile export > profiles.toml", "Export all profiles"),
            ("astro profile export prod stage", "Export two"),
        ],
        export,
    );
    command.long_about = format!("Write profiles for another machine or colleague.\n\nThe result is TOML, with `-o json` the same as JSON, and is read by `{APP} profile import`. It holds names, ids and addresses, and never a token, nor where one is kept.").to_owned();
    command
}

pub(super) fn import_command() -> Builtin {
    let mut args = vec![file(positional(
        "file",
        &format!("What `{APP} profile export` wrote; `-` is standard input"),
        false,
    ))];
    let mut examples = vec![("astro profile import profiles.toml", "Add profiles")];
    let mut about = "Add profiles from a file".to_owned();
    let mut more = String::new();
    if let Some(fallback) = product().fallback {
        let title = fallback.title;
        args.push(switch(
            "from-official",
            &format!("Read the contexts of {title}, from its `config.yaml` (FILE, or the one in your home)"),
        ));
        examples.push(("astro profile import --from-official", "Add the contexts of the official CLI"));
        about.push_str(&format!(", or from {title}"));
        more = format!(" The file of {title} is only read.");
    }
    let mut command = super::command("profile import", Effect::Write, &about, args, &examples, import);
    command.long_about = format!(
        "{about}.\n\nNothing is replaced: when a profile of the same name says something else, nothing is added at all. Tokens are not imported: sign in once for each credential.{more}"
    );
    command.see_also = vec!["profile export".to_owned(), "login".to_owned()];
    command
}

pub(in crate::commands) fn export(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let config = Config::load(&request.env.dirs.clone()?)?;
    let wanted = request.texts("names");
    if let Some(unknown) = wanted.iter().find(|name| !config.profiles.contains_key(**name)) {
        return Err(no_profile(unknown, &config));
    }
    let mut portable = Portable::default();
    let console = &request.env.console;
    for (name, profile) in &config.profiles {
        if !wanted.is_empty() && !wanted.contains(&name.as_str()) {
            continue;
        }
        // Whoever wrote it makes it again.
        if let (true, Some(owner)) = (wanted.is_empty(), &profile.owner) {
            console.notice(&format!("Left out `{name}`: the plugin `{owner}` writes it."));
            continue;
        }
        if profile.ca_file.is_some() {
            console.notice(&format!(
                "The certificates of `{name}` (`ca_file`) are a file of this machine and stay here."
            ));
        }
        if let Some((name, known)) =
            profile.credential.as_ref().and_then(|name| config.credentials.get_key_value(name))
        {
            portable.credentials.insert(name.clone(), PortableCredential { address: known.address.clone() });
        }
        portable.profiles.insert(name.clone(), profile.into());
    }
    let cannot = |reason: String| failed("the profiles cannot be written").cause(reason);
    if format.is_document() {
        let document = serde_json::to_value(&portable).map_err(|error| cannot(error.to_string()))?;
        return request.emit(format, View::default(), vec![document]);
    }
    request.env.print(&toml::to_string(&portable).map_err(|error| cannot(error.to_string()))?)
}

pub(in crate::commands) fn import(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let env = request.env;
    let dirs = env.dirs.clone()?;
    let file = request.text("file");
    let fallback = product().fallback.filter(|_| request.flag("from-official"));
    let portable = if let Some(fallback) = fallback {
        let path = file.map_or_else(|| official_file(fallback), |file| Ok(PathBuf::from(file)))?;
        of_official(fallback, &path, &text_of(&path)?)?
    } else {
        let Some(file) = file else {
            let or = if product().fallback.is_some() { ", or `--from-official`" } else { "" };
            return Err(usage(format!("`{APP} profile import` needs a file{or}"))
                .help(format!("write one with `{APP} profile export > profiles.toml`")));
        };
        let text = match file {
            "-" => {
                let mut text = String::new();
                let read = std::io::stdin().take(16 * 1024 * 1024).read_to_string(&mut text);
                read.map_err(|error| failed("standard input cannot be read").cause(error.to_string()))?;
                text
            }
            path => text_of(Path::new(path))?,
        };
        parse(&if file == "-" { "standard input".to_owned() } else { format!("`{file}`") }, &text)?
    };
    let added = add(&dirs, &portable)?;
    for name in &added {
        env.console.notice(&format!("Added the profile `{name}`."));
    }
    if added.is_empty() {
        env.console.notice("Every profile is there already.");
    }
    for (name, credential) in &portable.credentials {
        let known = Config::load(&dirs)?;
        // A keyring that is locked says nothing of what is in it.
        let is_empty = known.credentials.get(name).is_none_or(|described| {
            credential::read(&dirs, name, described).is_ok_and(|stored| stored.is_none())
        });
        if is_empty {
            env.console.notice(&format!(
                "The credential `{name}` for {} has no token yet. If that is the right address: {APP} login --credential {name}",
                credential.address
            ));
        }
    }
    let view =
        View { list: Some("profiles".to_owned()), clean: vec!["name".to_owned()], ..Default::default() };
    let rows = added.iter().map(|name| serde_json::json!({ "name": name, "action": "added" }));
    request.emit_for_programs(format, view, rows.collect())
}

/// Adds all profiles or none; answers the names of those that are new.
fn add(dirs: &config::Dirs, portable: &Portable) -> Result<Vec<String>> {
    config::edit(dirs, |document| {
        let known = Config::load(dirs)?;
        for (name, credential) in &portable.credentials {
            let address = Address::parse(&credential.address, &format!("the credential `{name}`"))?;
            if let Some(own) = known.credentials.get(name)
                && own.address != address.as_str()
            {
                return Err(failed(format!(
                    "the credential `{name}` belongs to {} here, and to {address} in the file",
                    own.address
                ))
                .help("rename one of the two; nothing was added"));
            }
        }
        let mut added = Vec::new();
        let mut others = Vec::new();
        for (name, profile) in &portable.profiles {
            match known.profiles.get(name) {
                None => added.push(name.clone()),
                Some(own) if PortableProfile::from(own) == *profile => {}
                Some(_) => others.push(format!("`{name}`")),
            }
        }
        if !others.is_empty() {
            return Err(failed(format!("there are other profiles of the same name: {}", others.join(", ")))
                .help(format!("rename them first: {APP} profile rename NAME NEW-NAME; nothing was added")));
        }
        for name in &added {
            let profile = &portable.profiles[name];
            let table = config::table(document, "profiles", name)?;
            for key in portable_keys() {
                config::set(table, key, profile.get(key));
            }
            let credential =
                profile.get("credential").and_then(|name| portable.credentials.get_key_value(name));
            if let Some((name, credential)) =
                credential.filter(|(name, _)| !known.credentials.contains_key(*name))
            {
                let table = config::table(document, "credentials", name)?;
                config::set(table, "address", Some(&credential.address));
            }
        }
        Ok(added)
    })
}

/// Reads an exported text, TOML or JSON. What is in it is checked before anything is written.
fn parse(file: &str, text: &str) -> Result<Portable> {
    let refused =
        |reason: String| failed(format!("`{file}` is not what `{APP} profile export` writes")).cause(reason);
    let portable: Portable = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| refused(error.to_string()))?
    } else {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let (place, reason) = config::place_and_reason(&error.to_string());
            refused(format!("{place}: {reason}"))
        })?
    };
    let named = portable.profiles.keys().chain(portable.credentials.keys()).map(String::as_str);
    let named = named.chain(portable.profiles.values().filter_map(|profile| profile.get("credential")));
    if let Some(bad) = named.into_iter().find(|name| !names::is_name(name)) {
        return Err(refused(format!("`{bad}` is not a name")));
    }
    let output = portable.profiles.values().filter_map(|profile| profile.get("output"));
    if let Some(bad) = output.into_iter().find(|name| Format::parse(name).is_none()) {
        return Err(refused(format!("`{bad}` is not an output format")));
    }
    Ok(portable)
}

fn of_official(fallback: &Fallback, path: &Path, text: &str) -> Result<Portable> {
    let found = (fallback.read)(text).map_err(|line| {
        let line = line.map_or_else(String::new, |line| format!(": line {line}"));
        failed(format!(
            "`{}` cannot be read as the configuration of {}{line}",
            path.display(),
            fallback.title
        ))
    })?;
    let mut portable = Portable::default();
    for OtherProfile { name, address, settings } in found {
        let address = Address::parse(&address, &format!("`{}`", path.display()))?;
        if !names::is_name(&name) {
            return Err(failed(format!("`{}`: `{name}` cannot name a profile", path.display())));
        }
        let chosen = settings.iter().map(|(key, value)| (*key, Some(value.as_str())));
        let profile = PortableProfile::of([("credential", Some(name.as_str()))].into_iter().chain(chosen));
        portable.profiles.insert(name.clone(), profile);
        portable.credentials.insert(name, PortableCredential { address: address.to_string() });
    }
    if portable.profiles.is_empty() {
        return Err(failed(format!("`{}` has no contexts", path.display())));
    }
    Ok(portable)
}

fn official_file(fallback: &Fallback) -> Result<PathBuf> {
    (fallback.file)().ok_or_else(|| {
        usage("the home directory is not known")
            .help(format!("name the file: {APP} profile import --from-official FILE"))
    })
}

fn text_of(path: &Path) -> Result<String> {
    files::read(path)?.ok_or_else(|| failed(format!("there is no file `{}`", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_imported_as_it_was() {
        crate::product::set_neutral();
        let text = "[profiles.a]\ncredential = \"a\"\norganization = \"Acme\"\n\n[credentials.a]\naddress = \"https://api.a.example/v1\"\n";
        let portable = parse("x", text).expect("read");
        assert_eq!(toml::to_string(&portable).expect("written"), text);
        let json = serde_json::to_string(&portable).expect("written");
        assert_eq!(parse("x", &json).expect("read"), portable);
    }

    #[test]
    fn a_file_that_wants_more_is_refused() {
        for text in [
            "[credentials.a]\naddress = \"https://x/v1\"\nsource = \"command\"\ncommand = \"sh\"",
            "[credentials.a]\naddress = \"https://x/v1\"\ntoken = \"x\"",
            "[profiles.a]\nca_file = \"/x\"",
            "[profiles.\"../a\"]",
            "[profiles.a]\ncredential = \"../a\"",
            "[profiles.a]\noutput = \"xml\"",
            "[official]\ncommand = \"sh\"",
            "default_profile = \"a\"",
            "[profiles.a]\nteam = \"x\"",
            "{\"profiles\":[]}",
        ] {
            assert!(parse("x", text).is_err(), "{text}");
        }
    }
}
