//! The author's manual says what is so: its messages are read by the protocol's types, the errors it explains are in the
//! sources, and its lists of names are the host's.

use std::{fs, path::Path};

use astro_e2e::workspace;
use astro_plugin_protocol::{
    check,
    invocation::{Complete, Run, kind},
    manifest::Manifest,
    message::{decode_request, read},
    names::{BUILTIN_WORDS, RESERVED_BUT_LENT, RESERVED_LONGS, RESERVED_WORDS},
    plugin_file::{FOOTER_LEN, SIGNATURE_LEN},
    service::{self, Emit, HttpRequest, Process, ProgressSet, Select, Text},
};
use serde_json::Value;

fn page(name: &str) -> String {
    fs::read_to_string(workspace().join("docs/src/authors").join(name)).expect("the page")
}

/// Reads a body into its type and writes it again.
fn again<T: serde::de::DeserializeOwned + serde::Serialize>(body: Value) -> Value {
    serde_json::to_value(read::<T>(body).expect("it has the type's shape")).expect("it is written")
}

#[test]
fn the_messages_of_the_reference_are_those_of_the_protocol() {
    let text = page("reference.md");
    let mut seen = 0;
    for block in text.split("```json,").skip(1) {
        let (name, rest) = block.split_once('\n').expect("a line");
        let json = rest.split("```").next().expect("an end").trim();
        if name == "manifest" {
            let manifest: Manifest = serde_json::from_str(json).expect("a manifest");
            assert_eq!(check::problems(&manifest, &astro_plugin_api::VOCABULARY), Vec::<String>::new());
            seen += 1;
            continue;
        }
        let request = decode_request(json.as_bytes()).unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
        assert_eq!(request.service, name);
        let body = request.body.clone();
        let written = match name {
            kind::RUN => again::<Run>(body),
            kind::COMPLETE => again::<Complete>(body),
            service::HTTP_REQUEST => again::<HttpRequest>(body),
            service::OUTPUT_EMIT => again::<Emit>(body),
            service::OUTPUT_TEXT => again::<Text>(body),
            service::PROMPT_SELECT => again::<Select>(body),
            service::PROGRESS_SET => again::<ProgressSet>(body),
            service::PROCESS_RUN => again::<Process>(body),
            other => panic!("no type for {other}"),
        };
        assert_eq!(written, request.body, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 10, "every block was read");
    // The list of services in the sources is the list on the page.
    let sources = fs::read_to_string(workspace().join("sdk/protocol/src/service.rs")).expect("the sources");
    for line in sources.lines().filter(|line| line.starts_with("pub const ") && line.contains(": &str")) {
        let service = line.split('"').nth(1).expect("a name");
        assert!(text.contains(&format!("`{service}`")), "{service} is not on the page");
    }
    assert!(text.contains(&format!("{FOOTER_LEN} bytes of footer")));
    assert!(text.contains(&format!("its last {SIGNATURE_LEN} bytes")));
}

/// The text of every source file below a directory.
fn sources(dir: &Path, all: &mut String) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => sources(&path, all),
            false => {
                let text = fs::read_to_string(&path).unwrap_or_default();
                // Neither comments nor tests say anything to a user.
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                lines.for_each(|line| {
                    all.push_str(line);
                    all.push('\n');
                });
            }
        }
    }
}

#[test]
fn every_error_that_is_explained_is_one() {
    let mut all = String::new();
    for room in ["core/src", "sdk/src", "sdk/protocol/src", "sdk/cli/src"] {
        sources(&workspace().join(room), &mut all);
    }
    // The manual is that of this product.
    let all = all.replace("{APP}", "astro").replace("{ENV}", "ASTRO");
    let text = page("troubleshooting.md");
    let headings = text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let listed = text.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next());
    let mut count = 0;
    for message in headings.chain(listed) {
        let fixed = message.split('…').map(str::trim).max_by_key(|part| part.len()).expect("a part");
        assert!(all.contains(fixed), "`{fixed}` is no message");
        count += 1;
    }
    assert!(count >= 35, "{count}");
}

#[test]
fn the_reserved_names_are_the_hosts() {
    let text = page("stability.md");
    let is_listed = |words: &[&str]| text.contains(&format!("`{}`", words.join(" ")));
    assert!(is_listed(BUILTIN_WORDS) && is_listed(RESERVED_WORDS));
    let longs = RESERVED_LONGS.iter().filter(|long| !RESERVED_BUT_LENT.contains(long));
    let longs: Vec<String> = longs.map(|long| format!("--{long}")).collect();
    assert!(is_listed(&longs.iter().map(String::as_str).collect::<Vec<_>>()));
}
