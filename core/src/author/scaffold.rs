//! A new crate from a template. Nothing is written before everything that can be wrong was looked at.

use std::path::{Path, PathBuf};

use astro_plugin_protocol::manifest::{Command, Group, Manifest, Revisions};

use crate::{
    base::{
        error::{Result, ResultExt, code, config, usage},
        files,
    },
    check,
    product::{Template, product},
    program::{self, APP},
};

macro_rules! template_file {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path))
    };
}

const COMMON: &[(&str, &str)] = &[
    ("Cargo.toml", template_file!("common/Cargo.toml.in")),
    (".gitignore", template_file!("common/gitignore")),
    (".rustfmt.toml", template_file!("common/rustfmt.toml")),
    ("README.md", template_file!("common/README.md")),
    (".github/workflows/release.yml", template_file!("common/.github/workflows/release.yml")),
];

/// The files of a program of its own.
const HOST: &[(&str, &str)] = &[
    ("Cargo.toml", template_file!("host/Cargo.toml.in")),
    ("README.md", template_file!("host/README.md")),
    ("src/main.rs", template_file!("host/src/main.rs")),
    (".gitignore", template_file!("common/gitignore")),
    (".rustfmt.toml", template_file!("common/rustfmt.toml")),
];

/// Those of every product; one may have more ([`Authors::templates`](crate::product::Authors::templates)).
const TEMPLATES: &[Template] = &[
    Template {
        name: "minimal",
        about: "Say hello",
        files: &[
            ("src/lib.rs", template_file!("minimal/src/lib.rs")),
            ("src/tests.rs", template_file!("minimal/src/tests.rs")),
        ],
    },
    Template {
        name: "long-running",
        about: "Find files with too many lines",
        files: &[
            ("src/lib.rs", template_file!("long-running/src/lib.rs")),
            ("src/tests.rs", template_file!("long-running/src/tests.rs")),
        ],
    },
];

/// The templates of this product.
fn templates() -> impl Iterator<Item = &'static Template> {
    TEMPLATES.iter().chain(product().authors.templates)
}

/// The names of the templates.
pub(crate) fn names() -> Vec<&'static str> {
    templates().map(|template| template.name).collect()
}

/// The licences whose text can be written, as SPDX expressions.
pub(crate) const LICENSES: &[&str] = &["Apache-2.0", "MIT", "none"];

/// What a new crate is to be.
pub(crate) struct NewCrate<'a> {
    pub(crate) name: &'a str,
    /// The words of its command.
    pub(crate) command: &'a str,
    pub(crate) dir: &'a Path,
    pub(crate) template: &'a str,
    pub(crate) license: &'a str,
    pub(crate) sdk: Sdk<'a>,
}

/// Where the SDK comes from.
pub(crate) enum Sdk<'a> {
    /// The sources in a directory.
    Path(&'a Path),
    /// A version of the registry.
    Version(&'a str),
}

/// Makes the crate; answers the paths it wrote, in order.
pub(crate) fn make(wanted: &NewCrate<'_>) -> Result<Vec<PathBuf>> {
    check_names(wanted)?;
    let template = templates()
        .find(|template| template.name == wanted.template)
        .ok_or_else(|| usage(format!("there is no template `{}`", wanted.template)))?;
    let texts = template.files.iter().chain(COMMON);
    write(wanted, texts.map(|(name, text)| (*name, filled(text, wanted, template))))
}

/// Makes a crate for a program of its own; answers the paths it wrote, in order.
pub(crate) fn make_host(wanted: &NewCrate<'_>) -> Result<Vec<PathBuf>> {
    check_name(wanted.name)?;
    let prefix = wanted.name.to_uppercase().replace('-', "_");
    let host = match wanted.sdk {
        Sdk::Path(path) => format!("path = {:?}", path.join("host").display().to_string()),
        Sdk::Version(version) => format!("version = {version:?}"),
    };
    write(
        wanted,
        HOST.iter().map(|(name, text)| {
            let text = text.replace("{{host}}", &host).replace("{{prefix}}", &prefix);
            (*name, filled(&text, wanted, &TEMPLATES[0]))
        }),
    )
}

/// Writes the files, the text of the licence, and the versions that this astro was built and tested with, so that a first
/// build does not find newer ones.
fn write(wanted: &NewCrate<'_>, texts: impl Iterator<Item = (&'static str, String)>) -> Result<Vec<PathBuf>> {
    if let Sdk::Path(path) = wanted.sdk
        && !path.join("Cargo.toml").is_file()
    {
        return Err(config(format!("the sources of the SDK are not in `{}`", path.display())).help(format!(
            "they come with {APP} in lib/{}/sdk; name another place with --sdk-path",
            product().folder
        )));
    }
    check_free(wanted.dir)?;
    let license = match wanted.license {
        "Apache-2.0" => Some(include_str!("../../LICENSE").to_owned()),
        "MIT" => Some(mit(wanted.name)),
        _ => None,
    };
    let mut written = Vec::new();
    for (name, text) in texts.chain(license.map(|text| ("LICENSE", text))) {
        let path = wanted.dir.join(name);
        files::write_shared(&path, text.as_bytes())?;
        written.push(path);
    }
    written.sort();
    if let Sdk::Path(path) = wanted.sdk
        && let Ok(lock) = std::fs::read(path.join("Cargo.lock"))
    {
        files::write_shared(&wanted.dir.join("Cargo.lock"), &lock)?;
    }
    Ok(written)
}

/// A directory that does not exist yet, or is empty.
fn check_free(dir: &Path) -> Result<()> {
    let is_free = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => false,
        Err(error) => {
            return Err(error).context(code::FAILED, || format!("cannot look into `{}`", dir.display()));
        }
    };
    if is_free {
        return Ok(());
    }
    Err(usage(format!("`{}` is there already and not empty", dir.display()))
        .help("name another directory with --dir"))
}

/// The rules of cargo for the name of a package, and of shells for that of a program.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) || name.len() > 64 {
        return Err(usage(format!("`{name}` is not the name of a crate"))
            .help("use a lower-case letter, then letters, digits and `-`, such as `airflow-lint`"));
    }
    Ok(())
}

/// The rules for manifests decide, before there is one.
fn check_names(wanted: &NewCrate<'_>) -> Result<()> {
    let name = wanted.name;
    check_name(name)?;
    if name.starts_with("astro-plugin-") {
        return Err(usage(format!("the name `{name}` is kept for packages of {APP}"))
            .help("leave out `astro-plugin-`: a plugin is called after what it does"));
    }
    let manifest = Manifest {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        protocol: Revisions { min: 1, max: 1 },
        groups: above(wanted.command)
            .map(|path| Group { path: path.to_owned(), about: "x".to_owned(), ..Group::default() })
            .collect(),
        commands: vec![Command {
            path: wanted.command.to_owned(),
            about: "x".to_owned(),
            ..Command::default()
        }],
        ..Manifest::default()
    };
    match check::problems(&manifest).into_iter().next() {
        Some(problem) => {
            Err(usage(problem)
                .help(format!("choose other words: {APP} plugin new {name} --command \"WORDS\"")))
        }
        None => Ok(()),
    }
}

/// The words above a command.
fn above(command: &str) -> impl Iterator<Item = &str> {
    check::ancestors(command)
}

fn filled(text: &str, wanted: &NewCrate<'_>, template: &Template) -> String {
    let (sdk, place, doc) = match wanted.sdk {
        Sdk::Path(path) => (
            format!("path = {:?}", path.display().to_string()),
            format!(
                "The path of the SDK in `Cargo.toml` is that of\nthe {APP} which made this crate ({}); on the runner {APP} has to be installed at the same place.",
                path.display()
            ),
            format!(
                "`cargo doc --open --no-deps --features testing\n--manifest-path {:?} --target-dir target`",
                path.join("Cargo.toml").display().to_string()
            ),
        ),
        Sdk::Version(version) => (
            format!("version = {version:?}"),
            format!("The SDK, version {version}, comes from the registry."),
            "<https://docs.rs/astro-plugin-sdk>".to_owned(),
        ),
    };
    // A word that others share, such as a dimension, has its text from the host.
    let groups = above(wanted.command).filter(|path| program::vocabulary().well_known(path).is_none());
    let groups: Vec<String> =
        groups.map(|path| format!(".group(\"{path}\", \"Work with {path}\")")).collect();
    let group_lines: String = groups.iter().map(|group| format!("\n        {group}")).collect();
    let license = if wanted.license == "none" { "" } else { wanted.license };
    let text = match license {
        // A package without a licence says nothing about it.
        "" => text.replace("license = \"{{license}}\"\n", ""),
        license => text.replace("{{license}}", license),
    };
    let (api, api_testing, kit) = of_api(&wanted.sdk);
    [
        ("{{app}}", program::name()),
        ("{{env}}", program::prefix()),
        ("{{extension}}", product().extension),
        ("{{name}}", wanted.name),
        ("{{command}}", wanted.command),
        ("{{struct}}", &type_name(wanted.command, template)),
        ("{{about}}", template.about),
        ("{{group}}", &groups.concat()),
        ("{{group_lines}}", &group_lines),
        ("{{api}}", &api),
        ("{{api_testing}}", &api_testing),
        ("{{kit}}", &kit),
        ("{{sdk}}", &sdk),
        ("{{sdk_place}}", &place),
        ("{{sdk_doc}}", &doc),
    ]
    .into_iter()
    .fold(text, |text, (mark, value)| text.replace(mark, value))
}

/// What `Cargo.toml` says of the crate for the product's API, among the dependencies and among those of the tests, and
/// where the test kit is.
fn of_api(sdk: &Sdk<'_>) -> (String, String, String) {
    let Some(api) = &product().authors.api else {
        return (String::new(), String::new(), "astro_plugin_sdk::testing".to_owned());
    };
    let package = api.package;
    let place = match sdk {
        Sdk::Path(path) => format!("path = {:?}", path.join(api.dir).display().to_string()),
        Sdk::Version(version) => format!("version = {version:?}"),
    };
    (
        format!("{package} = {{ {place} }}\n"),
        format!("{package} = {{ {place}, features = [\"testing\"] }}\n"),
        format!("{}::testing", package.replace('-', "_")),
    )
}

/// The names that every Rust file has (`std::prelude`), and the one that no type can have.
const PRELUDE: &[&str] = &[
    "Box", "Clone", "Copy", "Default", "Drop", "Err", "Fn", "From", "Into", "Iterator", "None", "Ok",
    "Option", "Result", "Self", "Send", "Some", "String", "Sync", "Vec",
];

/// `airflow lint` gives `Lint`; a name that the template uses already, or that every file has, gets an ending.
fn type_name(command: &str, template: &Template) -> String {
    let word = command.rsplit(' ').next().unwrap_or_default();
    let name: String = word
        .split('-')
        .flat_map(|part| {
            let mut chars = part.chars();
            chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<Vec<_>>()
        })
        .collect();
    let mut words =
        template.files.iter().flat_map(|(_, text)| text.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let is_used = words.any(|word| word == name);
    if is_used || PRELUDE.contains(&name.as_str()) { format!("{name}Command") } else { name }
}

/// The text of the licence (SPDX identifier MIT).
fn mit(name: &str) -> String {
    format!(
        "MIT License\n\nCopyright (c) the authors of {name}\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof this software and associated documentation files (the \"Software\"), to deal\nin the Software without restriction, including without limitation the rights\nto use, copy, modify, merge, publish, distribute, sublicense, and/or sell\ncopies of the Software, and to permit persons to whom the Software is\nfurnished to do so, subject to the following conditions:\n\nThe above copyright notice and this permission notice shall be included in all\ncopies or substantial portions of the Software.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR\nIMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,\nFITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE\nAUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER\nLIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,\nOUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE\nSOFTWARE.\n"
    )
}

/// The sources of the SDK that came with this astro.
pub(crate) fn installed_sdk() -> Result<PathBuf> {
    let binary = crate::sys::process::this_binary()?;
    let root =
        binary.parent().and_then(Path::parent).map(|root| root.join(format!("lib/{}/sdk", product().folder)));
    root.ok_or_else(|| config(format!("the directory of {APP} itself is not known")))?
        .canonicalize()
        .context(code::CONFIG, || format!("the sources of the SDK did not come with this {APP}").to_owned())
        .map_err(|failure| failure.help("name them with --sdk-path DIR, or a version with --sdk-version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_of_every_template_is_filled() {
        let sdk = Path::new("/sdk");
        for template in TEMPLATES {
            let wanted = NewCrate {
                name: "x",
                command: "airflow lint",
                dir: Path::new("x"),
                template: template.name,
                license: "none",
                sdk: Sdk::Path(sdk),
            };
            for (name, text) in template.files.iter().chain(COMMON) {
                let text = filled(text, &wanted, template);
                // A workflow has expressions of its own, `${{ … }}`.
                assert!(!text.replace("${{", "").contains("{{"), "{name}: {text}");
            }
        }
    }

    #[test]
    fn names_are_those_of_rust_and_none_that_the_template_uses() {
        for (command, name) in [
            ("airflow lint", "Lint"),
            ("tag-runs", "TagRuns"),
            ("result", "ResultCommand"),
            ("greeting", "GreetingCommand"),
        ] {
            assert_eq!(type_name(command, &TEMPLATES[0]), name);
        }
    }
}
