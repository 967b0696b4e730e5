//! What plugins and hosts of other ages rely on: the messages, the manifest, the names of services and codes, and the binary surface.
//! It is read from the sources and compared with what the last release had: a thing that is gone or means something else is a new
//! revision, or a mistake.
//!
//! `released/REVISION.txt` is written once, when a revision is released: `RECORD=1 cargo test -p astro-plugin-protocol --test surface`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use astro_plugin_protocol::PROTOCOL_REVISION;
use quote::ToTokens;
use syn::{Attribute, Fields, Item, Visibility};

/// A line for each thing, and whether a message without it can still be read.
type Surface = BTreeMap<String, Presence>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Optional,
    Required,
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

fn has(attributes: &[Attribute], name: &str, word: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name) && text(attribute).contains(word))
}

/// The value of `rename = "…"` or the like in the attributes of serde.
fn serde_value(attributes: &[Attribute], key: &str) -> Option<String> {
    let all: Vec<String> = attributes.iter().filter(|one| one.path().is_ident("serde")).map(text).collect();
    all.iter().find_map(|one| {
        let after = one.split_once(&format!("{key}=\""))?.1;
        Some(after.split('"').next()?.to_owned())
    })
}

fn snake(name: &str) -> String {
    let mut word = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            word.push('_');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

fn add_fields(surface: &mut Surface, owner: &str, fields: &Fields, all_optional: bool) {
    for (at, field) in fields.iter().enumerate() {
        let name = field.ident.as_ref().map_or_else(|| at.to_string(), ToString::to_string);
        let name = serde_value(&field.attrs, "rename").unwrap_or(name);
        let kind = text(&field.ty);
        let is_optional =
            all_optional || kind.starts_with("Option<") || has(&field.attrs, "serde", "default");
        let presence = if is_optional { Presence::Optional } else { Presence::Required };
        surface.insert(format!("{owner}.{name}: {kind}"), presence);
    }
}

/// What one file has.
fn read(surface: &mut Surface, file: &Path) {
    let source = std::fs::read_to_string(file).expect("a source");
    for item in syn::parse_file(&source).expect("Rust").items {
        match item {
            Item::Struct(item) if has(&item.attrs, "derive", "Serialize") => {
                let all_optional = has(&item.attrs, "serde", "default");
                add_fields(surface, &item.ident.to_string(), &item.fields, all_optional);
            }
            // The binary surface: the order counts, too.
            Item::Struct(item) if has(&item.attrs, "derive", "StableAbi") => {
                for (at, field) in item.fields.iter().enumerate() {
                    let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                    surface.insert(
                        format!("{}[{at}] {name}: {}", item.ident, text(&field.ty)),
                        Presence::Required,
                    );
                }
            }
            Item::Enum(item) if matches!(item.vis, Visibility::Public(_)) => {
                let is_snake = serde_value(&item.attrs, "rename_all").is_some();
                for variant in &item.variants {
                    let name = variant.ident.to_string();
                    let name = if is_snake { snake(&name) } else { name };
                    let name = serde_value(&variant.attrs, "rename").unwrap_or(name);
                    let owner = format!("{}::{name}", item.ident);
                    surface.insert(owner.clone(), Presence::Optional);
                    add_fields(surface, &owner, &variant.fields, false);
                }
            }
            Item::Const(item) if matches!(item.vis, Visibility::Public(_)) => {
                add_const(surface, &item.ident.to_string(), &item.ty, &item.expr);
            }
            Item::Mod(item) => {
                for inner in item.content.into_iter().flat_map(|(_, items)| items) {
                    if let Item::Const(inner) = inner
                        && matches!(inner.vis, Visibility::Public(_))
                    {
                        let name = format!("{}::{}", item.ident, inner.ident);
                        add_const(surface, &name, &inner.ty, &inner.expr);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Texts and numbers: services, codes, magic. Tables of words may grow.
fn add_const(surface: &mut Surface, name: &str, kind: &syn::Type, value: &syn::Expr) {
    let kind = text(kind);
    if matches!(kind.as_str(), "&str" | "u32" | "u8" | "usize") || kind.starts_with("[u8;") {
        surface.insert(format!("{name} = {}", text(value)), Presence::Optional);
    }
}

fn surface(sdk: &Path) -> Surface {
    let mut surface = Surface::new();
    for dir in ["protocol/src", "abi/src"] {
        let entries = std::fs::read_dir(sdk.join(dir)).expect("the sources");
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                read(&mut surface, &path);
            }
        }
    }
    surface
}

/// What broke since, in words.
fn broken(released: &BTreeSet<String>, now: &Surface) -> Vec<String> {
    let owner = |line: &str| line.split(['.', ' ', '[']).next().unwrap_or_default().to_owned();
    let known: BTreeSet<String> = released.iter().map(|line| owner(line)).collect();
    let gone = released
        .iter()
        .filter(|line| !now.contains_key(*line))
        .map(|line| format!("gone or changed: {line}"));
    let demanded = now.iter().filter(|(line, presence)| {
        **presence == Presence::Required && !released.contains(*line) && known.contains(&owner(line))
    });
    gone.chain(demanded.map(|(line, _)| format!("new and not optional: {line}"))).collect()
}

#[test]
fn nothing_that_was_released_is_broken() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let now = surface(&package.join(".."));
    assert!(now.len() > 200, "{}", now.len());
    let file = package.join(format!("released/{PROTOCOL_REVISION}.txt"));
    if std::env::var_os("RECORD").is_some() {
        let text: String = now.keys().map(|line| format!("{line}\n")).collect();
        std::fs::write(&file, text).expect("written");
    }
    let text = std::fs::read_to_string(&file).expect("a revision is recorded when it is released");
    let released: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let broken = broken(&released, &now);
    assert!(broken.is_empty(), "a new revision is needed for:\n{}", broken.join("\n"));
}

#[test]
fn what_breaks_others_is_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        let mut surface = Surface::new();
        read(&mut surface, &path);
        surface
    };
    let before = "#[derive(Serialize, Deserialize)] #[serde(default)] pub struct A { pub a: u32 }
        #[derive(Serialize, Deserialize)] pub struct B { pub b: u32 }
        #[derive(Serialize)] #[serde(rename_all = \"snake_case\")] pub enum E { OneWay, #[serde(other)] Unknown }
        #[derive(StableAbi)] pub struct P { a: u64, b: u64 }
        pub const CLOCK: &str = \"clock\"; pub mod code { pub const FAILED: &str = \"failed\"; }";
    let released: BTreeSet<String> = at("before.rs", before).into_keys().collect();
    for (from, to, expected) in [
        ("", "", ""),
        ("pub a: u32", "pub a: u32, pub more: String", ""),
        ("OneWay,", "OneWay, Other,", ""),
        ("pub a: u32", "pub a: u64", "gone or changed: A.a: u32"),
        ("pub a: u32", "pub renamed: u32", "gone or changed: A.a: u32"),
        ("pub b: u32", "pub b: u32, pub more: String", "new and not optional: B.more: String"),
        ("pub b: u32", "pub b: u32, #[serde(default)] pub more: String", ""),
        ("pub b: u32", "pub b: u32, pub more: Option<String>", ""),
        ("OneWay,", "AnotherWay,", "gone or changed: E::one_way"),
        ("a: u64, b: u64", "b: u64, a: u64", "gone or changed: P[0] a: u64"),
        ("a: u64, b: u64", "a: u64, b: u64, c: u64", "new and not optional: P[2] c: u64"),
        ("\"clock\"", "\"time\"", "gone or changed: CLOCK = \"clock\""),
        ("\"failed\"", "\"broken\"", "gone or changed: code::FAILED = \"failed\""),
    ] {
        let found = broken(&released, &at("after.rs", &before.replacen(from, to, 1))).join("; ");
        assert_eq!(found.is_empty(), expected.is_empty(), "{from} {to}: {found}");
        assert!(found.contains(expected), "{from} {to}: {found}");
    }
}
