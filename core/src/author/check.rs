//! The rules for a finished file: what a host will ask of it on other people's machines, looked at here and now.
//!
//! What its bytes say is read first. Then it is loaded in a process of its own, which asks it what every host may ask.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use astro_plugin_abi::ABI_REVISION;
use astro_plugin_protocol::{
    PROTOCOL_REVISION,
    invocation::{Complete, Run, kind},
    manifest::{Command, Manifest, ValueKind},
    message::{self, code},
    plugin_file::glibc_floor,
};
use serde::{Deserialize, Serialize};

use crate::{
    base::error::{Result, ResultExt, plugin, with_causes},
    check,
    console::Conversation,
    env::Env,
    globals::Globals,
    host::{Transport, library},
    parse,
    program::APP,
    run::{
        ask::{self, Request},
        describe,
    },
    services::{Call, Shared},
    store::{
        self,
        record::{self, Described},
    },
    sys::{crash, process},
    tree::CommandSet,
    trust::{Key, verify},
};

/// The hidden word of the child process that loads the file.
pub(crate) const CHILD_WORD: &str = "__probe";

/// One rule and whether it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) rule: String,
    /// `kept`, `broken`, or `skipped` where it cannot be found out here.
    pub(crate) state: String,
    /// What is wrong, or what was found.
    pub(crate) detail: String,
}

fn finding(rule: &str, state: &str, detail: impl Into<String>) -> Finding {
    Finding { rule: rule.to_owned(), state: state.to_owned(), detail: detail.into() }
}

fn kept(rule: &str, detail: impl Into<String>) -> Finding {
    finding(rule, "kept", detail)
}

fn broken(rule: &str, detail: impl Into<String>) -> Finding {
    finding(rule, "broken", detail)
}

/// Looks at a plugin file, or at a library that was not packed.
pub(crate) fn file(path: &Path, key: Option<&Key>) -> Result<Vec<Finding>> {
    let path = path.canonicalize().map_err(|error| {
        crate::base::error::failed(format!("cannot find `{}`", path.display()))
            .cause(crate::base::error::plain_io(&error.to_string()))
    })?;
    if !path.is_file() {
        return Err(crate::base::error::failed(format!("`{}` is not a regular file", path.display())));
    }
    let mut findings = Vec::new();
    let mut written = None;
    if record::is_plugin_file(&path) {
        let described = match record::read_plugin_file(&path) {
            Ok(described) => described,
            Err(failure) => return Ok(vec![broken("footer", with_causes(&failure))]),
        };
        findings.extend(footer(&path, &described, key)?);
        // Of a file that is not from whom it should be, no code is run.
        if key.is_some() && findings.iter().any(|finding| finding.state == "broken") {
            findings.push(finding("code", "skipped", "nothing of it was loaded"));
            return Ok(findings);
        }
        if described.footer.triple != verify::TRIPLE {
            let target = format!("it is for {}; the rest is found out there", described.footer.triple);
            findings.push(finding("target", "skipped", target));
            findings.extend(manifest(&described.manifest));
            return Ok(findings);
        }
        written = Some(described.manifest);
    } else {
        findings.push(finding(
            "footer",
            "skipped",
            format!("it is a library; `{APP} plugin pack` makes the plugin file"),
        ));
    }
    if let Err(failure) = verify::check_policy(&path) {
        findings.push(broken("permissions", with_causes(&failure)));
        return Ok(findings);
    }
    match describe::in_child(&path) {
        Ok(described) => {
            findings.push(match &written {
                Some(written) if *written != described => {
                    broken("manifest", "the file's manifest is not the one its library states: pack it again")
                }
                _ => kept("manifest", format!("{} {}", described.name, described.version)),
            });
            findings.extend(manifest(&described));
            findings.extend(probed(&path)?);
        }
        Err(failure) => findings.push(broken("manifest", with_causes(&failure))),
    }
    Ok(findings)
}

/// What the footer says, compared with the rest of the file and with this system.
fn footer(path: &Path, described: &Described, key: Option<&Key>) -> Result<Vec<Finding>> {
    let Described { footer, manifest } = described;
    let bytes = std::fs::read(path).context(code::FAILED, || format!("cannot read `{}`", path.display()))?;
    let payload = usize::try_from(footer.manifest_offset).ok().and_then(|end| bytes.get(..end));
    let floor = payload.and_then(glibc_floor);
    let mut findings = Vec::new();
    if footer.abi != manifest.abi || footer.glibc != floor {
        findings.push(broken("footer", "its ABI or glibc is not that of the library: pack it again"));
    } else {
        let glibc =
            floor.map_or_else(String::new, |(major, minor)| format!(", glibc {major}.{minor} or newer"));
        findings.push(kept("footer", format!("{}{glibc}", footer.triple)));
    }
    findings.push(match (&footer.signature, key) {
        (None, None) => finding("signature", "skipped", "it is not signed"),
        (None, Some(_)) => broken("signature", "it is not signed"),
        (Some(signature), None) => {
            let told = format!("of the key {}; it is verified with --public-key", signature.key_id());
            finding("signature", "skipped", told)
        }
        (Some(signature), Some(key)) => match key.signed(&bytes, signature) {
            true => kept("signature", signature.trusted_comment.clone()),
            false => broken("signature", "it is not one of this key over these bytes"),
        },
    });
    Ok(findings)
}

/// What can be said from the manifest alone.
fn manifest(manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.push(
        match verify::check_revisions(&manifest.name, &manifest.version, manifest.abi, manifest.protocol) {
            Ok(()) => kept(
                "revisions",
                format!(
                    "ABI {ABI_REVISION}, protocol {} to {} (this {APP} speaks {PROTOCOL_REVISION})",
                    manifest.protocol.min, manifest.protocol.max
                ),
            ),
            Err(failure) => broken("revisions", failure.message),
        },
    );
    let unsuited = store::unsuited(manifest.product.as_deref(), manifest.min_host.as_deref());
    findings.extend(unsuited.map(|(reason, _)| broken("program", reason)));
    let problems = check::problems_of_new(manifest);
    findings.extend(problems.into_iter().map(|problem| broken("names", problem)));
    for command in manifest.commands.iter().filter(|command| !command.hidden) {
        findings.extend(examples(manifest, command));
    }
    if manifest.license.is_none() {
        findings.push(finding("license", "skipped", "the manifest names none: set `license` in Cargo.toml"));
    }
    findings
}

fn examples(manifest: &Manifest, command: &Command) -> Vec<Finding> {
    let rule = format!("examples of {}", command.path);
    if command.examples.is_empty() {
        return vec![broken(&rule, "there is none")];
    }
    let set = CommandSet { groups: manifest.groups.clone(), commands: manifest.commands.clone() };
    let plain = command.examples.iter().filter(|example| example.is_plain());
    let wrong: Vec<Finding> = plain
        .map(|example| example.command.as_str())
        .filter_map(|line| {
            let words = shlex::split(line).unwrap_or_default();
            match parse::parse(words.get(1..).unwrap_or_default(), &set) {
                Ok(parsed) if parsed.path == command.path => None,
                Ok(parsed) => Some(format!("`{line}` is a line of `{APP} {}`", parsed.path)),
                Err(failure) => Some(format!("`{line}`: {}", failure.message)),
            }
        })
        .map(|reason| broken(&rule, reason))
        .collect();
    if wrong.is_empty() { vec![kept(&rule, format!("{}", command.examples.len()))] } else { wrong }
}

/// What the loaded library does, found out by a child.
fn probed(path: &Path) -> Result<Vec<Finding>> {
    match describe::ask_child(CHILD_WORD, path) {
        Ok(answer) => serde_json::from_slice(&answer)
            .map_err(|error| plugin("what the plugin was asked cannot be read").cause(error.to_string())),
        Err(failure) => Ok(vec![broken("messages", with_causes(&failure))]),
    }
}

/// The child: loads the library and asks what every host may ask. Nothing is run.
pub(crate) fn probe(env: &Env, path: &str) -> Result<i32> {
    process::redirect_stdout_to_stderr();
    let verified = verify::open_for_describe(Path::new(path))?;
    crash::arm(|what| format!("error: it {what}"));
    env.console.set_conversation(Conversation { quiet: true, ..Conversation::default() });
    let loaded = library::load(verified, &format!("`{path}`"))?;
    let first = loaded.describe()?;
    let mut findings = Vec::new();
    findings.push(match loaded.describe()? == first {
        true => kept("describe", "the same every time"),
        false => broken("describe", "the manifest is another one each time"),
    });
    let manifest: Manifest = serde_json::from_slice(&first)
        .map_err(|error| plugin("its manifest cannot be read").cause(error.to_string()))?;
    let ask = |service: &str, body: serde_json::Value| -> Result<String> {
        let command = manifest.commands.first().cloned().unwrap_or_default();
        let context = env.resolver().context_at_hand(&Globals::default())?;
        let globals = Globals::default();
        let api = env.api(context, &globals).without_renewal();
        let call = Call { completing: true, ..Call::new(env, &manifest.name, command, api, globals) };
        let request = message::encode_request(service, body)?;
        let requests: Vec<Request> = vec![(request, Arc::new(Shared(Arc::new(call))))];
        Ok(
            match ask::ask(&loaded, requests, &format!("`{path}`"))?
                .and_then(|answers| answers.into_iter().next())
            {
                Some(answer) => message::decode_answer(&answer)
                    .map_or_else(|failure| failure.code, |_| "an answer".to_owned()),
                None => "nothing".to_owned(),
            },
        )
    };
    let nowhere = "no such command".to_owned();
    let mut expected: BTreeMap<&str, (String, &str)> = BTreeMap::new();
    expected.insert(
        "an unknown invocation",
        (ask("from.the.future", serde_json::Value::Null)?, code::UNIMPLEMENTED),
    );
    let run = Run { path: nowhere.clone(), ..Run::default() };
    expected.insert(
        "a command it does not have",
        (ask(kind::RUN, serde_json::to_value(run).unwrap_or_default())?, code::PLUGIN),
    );
    let is_dynamic =
        manifest.commands.iter().flat_map(|command| &command.args).any(|arg| arg.kind == ValueKind::Dynamic);
    if is_dynamic {
        let complete = Complete { path: nowhere, ..Complete::default() };
        expected.insert(
            "completing a command it does not have",
            (ask(kind::COMPLETE, serde_json::to_value(complete).unwrap_or_default())?, code::PLUGIN),
        );
    }
    for (what, (found, wanted)) in expected {
        findings.push(match found == wanted {
            true => kept("messages", format!("{what} is answered with `{wanted}`")),
            false => broken("messages", format!("{what} is answered with `{found}` instead of `{wanted}`")),
        });
    }
    let answer = serde_json::to_vec(&findings)
        .map_err(|error| plugin("the findings cannot be written").cause(error.to_string()))?;
    env.print_bytes(&answer)
}
