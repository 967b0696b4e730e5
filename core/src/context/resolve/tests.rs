//! The precedence as a table: one row for each rule, and the bundle in every combination of two customers.

mod conflict;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;
use crate::{config::Credential, credential::Stored, net::address::Address};

const ORG_A: &str = "caaaaaaaaaaaaaaaaaaaaaaaa";
const ORG_B: &str = "cbbbbbbbbbbbbbbbbbbbbbbbb";
const SITE_A: &str = "https://api.a.example/v1";
const SITE_B: &str = "https://api.b.example/v1";

fn token(organization: &str) -> String {
    let payload = format!(r#"{{"organization":"{organization}","workspace":"w-claim"}}"#);
    format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload))
}

fn setup() -> Config {
    let profile = |letter: &str, organization: &str| Profile {
        credential: Some(letter.to_owned()),
        settings: [("organization", organization.to_owned()), ("workspace", format!("w-{letter}"))].into(),
        output: Some("json".to_owned()),
        ..Profile::default()
    };
    let credential =
        |address: &str| Credential { address: address.to_owned(), source: "file".to_owned(), command: None };
    Config {
        default_profile: None,
        profiles: [("a".to_owned(), profile("a", ORG_A)), ("b".to_owned(), profile("b", ORG_B))].into(),
        credentials: [("a".to_owned(), credential(SITE_A)), ("b".to_owned(), credential(SITE_B))].into(),
        ..Config::default()
    }
}

fn stored(name: &str) -> Result<Option<Stored>> {
    let (address, organization) = if name == "a" { (SITE_A, ORG_A) } else { (SITE_B, ORG_B) };
    Ok(Some(Stored { address: address.to_owned(), token: Secret::new(token(organization)), session: None }))
}

fn resolved(globals: &Globals, variables: &[(&'static str, &str)], config: &Config) -> Context {
    resolved_in(globals, variables, None, config)
}

fn resolved_in(
    globals: &Globals,
    variables: &[(&'static str, &str)],
    directory: Option<&Directory>,
    config: &Config,
) -> Context {
    let environment = &Environment::with(variables);
    resolve(Sources { globals, environment, directory, config, on_terminal: true }, stored).expect("resolves")
}

/// One source of one value, set up alone or together with another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Flag,
    Variable,
    Directory,
    Profile,
    Claim,
}

use Layer::{Claim, Flag, Profile as InProfile, Variable};

/// The layers of each key, strongest first.
const KEYS: &[(&str, &[Layer])] = &[
    ("profile", &[Flag, Variable, Layer::Directory, InProfile]),
    ("organization", &[Flag, Variable, Layer::Directory, InProfile, Claim]),
    ("workspace", &[Flag, Variable, Layer::Directory, InProfile, Claim]),
    ("deployment", &[Flag, Variable, Layer::Directory, InProfile]),
    ("output", &[Flag, Variable, InProfile]),
];

/// Everything a context is made of, with the values of some layers for one key.
fn with_layers(key: &str, layers: &[Layer]) -> Context {
    let mut globals = Globals::default();
    let mut variables: Vec<(&'static str, &str)> = Vec::new();
    let mut directory = None;
    let mut config = setup();
    config.profiles.clear();
    for name in ["default", "flag", "variable", "directory"] {
        config
            .profiles
            .insert(name.to_owned(), Profile { credential: Some("a".into()), ..Profile::default() });
    }
    if key != "profile" {
        config.default_profile = Some("default".to_owned());
    }
    // Organizations of one bundle may not differ: there the layer alone tells them apart.
    let value = |layer: Layer| match (key, layer) {
        ("organization", _) => ORG_A.to_owned(),
        ("output", Flag) => "clean".to_owned(),
        ("output", _) => "json".to_owned(),
        (_, layer) => format!("{layer:?}").to_lowercase(),
    };
    for layer in layers {
        let text = value(*layer);
        match (layer, key) {
            (Flag, "profile") => globals.profile = Some(text),
            (Flag, "organization") => drop(globals.settings.insert("organization", text)),
            (Flag, "workspace") => drop(globals.settings.insert("workspace", text)),
            (Flag, "deployment") => drop(globals.settings.insert("deployment", text)),
            (Flag, _) => globals.output = Some(text),
            (Variable, "profile") => variables.push(("ASTRO_PROFILE", "variable")),
            (Variable, "organization") => variables.push(("ASTRO_ORGANIZATION_ID", ORG_A)),
            (Variable, "workspace") => variables.push(("ASTRO_WORKSPACE_ID", "variable")),
            (Variable, "deployment") => variables.push(("ASTRO_DEPLOYMENT_ID", "variable")),
            (Variable, _) => variables.push(("ASTRO_OUTPUT", "json")),
            (Layer::Directory, key) => {
                let line = format!("{key} = \"{}\"", value(*layer));
                directory =
                    Some(Directory::parse(std::path::Path::new("/p/.astro.toml"), &line).expect("read"));
            }
            (InProfile, "profile") => config.default_profile = Some("default".to_owned()),
            (InProfile, key) => {
                let profile = config.profiles.get_mut("default").expect("there");
                match key {
                    "organization" => drop(profile.settings.insert("organization", text)),
                    "workspace" => drop(profile.settings.insert("workspace", text)),
                    "deployment" => drop(profile.settings.insert("deployment", text)),
                    _ => profile.output = Some(text),
                }
            }
            (Claim, _) => {}
        }
    }
    // A token that does not say whose it is takes no organization from another layer.
    let with_claims = layers.contains(&Claim) || key == "organization";
    let stored = |name: &str| {
        let opaque =
            Stored { address: SITE_A.to_owned(), token: Secret::new("opaque".to_owned()), session: None };
        if with_claims { stored(name) } else { Ok(Some(opaque)) }
    };
    let environment = &Environment::with(&variables);
    let directory = directory.as_ref();
    let sources = Sources { globals: &globals, environment, directory, config: &config, on_terminal: true };
    resolve(sources, stored).expect("resolves")
}

fn origin_of(context: &Context, name: &str) -> Option<Origin> {
    context.settings.get(name).map(|setting| setting.origin.clone())
}

/// The full table: for every key every pair of layers, and the weaker one is told as overridden.
#[test]
fn of_two_layers_the_stronger_one_wins() {
    crate::product::set_neutral();
    let mut pairs = 0;
    for (key, layers) in KEYS {
        for (at, strong) in layers.iter().enumerate() {
            for weak in &layers[at + 1..] {
                let context = with_layers(key, &[*strong, *weak]);
                let origin = match *key {
                    "profile" => context.profile.map(|profile| profile.origin),
                    "organization" => origin_of(&context, "organization"),
                    "workspace" => origin_of(&context, "workspace"),
                    "deployment" => origin_of(&context, "deployment"),
                    _ => Some(context.output.origin),
                };
                let found = match origin.expect("there is one") {
                    Origin::Flag(_) => Flag,
                    Origin::Variable(_) => Variable,
                    Origin::Directory { line: 1, .. } => Layer::Directory,
                    Origin::Profile(_) | Origin::DefaultProfile => InProfile,
                    Origin::Claim(_) => Claim,
                    other => panic!("{key} from {other}"),
                };
                assert_eq!(found, *strong, "{key}: {strong:?} and {weak:?}");
                assert_eq!(context.contradiction, None, "{key}: {strong:?} and {weak:?}");
                // A directory file for another profile is told as ignored, as a whole.
                let is_told = context.overridden.iter().any(|overridden| overridden.name == *key)
                    || !context.ignored.is_empty();
                let differs = !matches!((*key, *strong), ("organization", _) | ("output", Variable));
                assert_eq!(is_told, differs, "{key}: {strong:?} and {weak:?}");
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 6 + 10 + 10 + 6 + 3);
}

#[test]
fn a_profile_flag_beats_variables_for_what_the_profile_sets() {
    crate::product::set_neutral();
    let flag = Globals { profile: Some("a".into()), ..Globals::default() };
    let context =
        resolved(&flag, &[("ASTRO_WORKSPACE_ID", "w-env"), ("ASTRO_DEPLOYMENT_ID", "d-env")], &setup());
    assert_eq!(context.settings.get("workspace").expect("there is one").value, "w-a");
    assert_eq!(context.settings.get("deployment").expect("there is one").value, "d-env");
}

/// What a directory selects belongs together: with another profile none of it is taken.
#[test]
fn a_directory_for_another_profile_selects_nothing() {
    crate::product::set_neutral();
    let file = |text: &str| Directory::parse(std::path::Path::new("/p/.astro.toml"), text).expect("read");
    let of_a = file("profile = \"a\"\nworkspace = \"w-dir\"\ndeployment = \"d-dir\"");
    let ids = file("workspace = \"w-dir\"\ndeployment = \"d-dir\"");
    let of_organization = file(&format!("organization = \"{ORG_A}\"\ndeployment = \"d-dir\""));
    let flag = |name: &str| Globals { profile: Some(name.to_owned()), ..Globals::default() };
    let none = Globals::default();
    let a = token(ORG_A);
    type Row<'a> =
        (&'a Directory, Globals, &'a [(&'static str, &'a str)], Option<&'a str>, Option<&'a str>, bool);
    // The file, the flag, variables; workspace, deployment, and whether the file is told as ignored.
    let rows: &[Row<'_>] = &[
        (&of_a, none.clone(), &[], Some("w-dir"), Some("d-dir"), false),
        (&of_a, flag("a"), &[], Some("w-dir"), Some("d-dir"), false),
        (&of_a, flag("b"), &[], Some("w-b"), None, true),
        (&of_a, none.clone(), &[("ASTRO_PROFILE", "a")], Some("w-dir"), Some("d-dir"), false),
        (&of_a, none.clone(), &[("ASTRO_PROFILE", "b")], Some("w-b"), None, true),
        (&of_a, none.clone(), &[("ASTRO_API_TOKEN", &a)], Some("w-claim"), None, true),
        (&ids, none.clone(), &[("ASTRO_PROFILE", "b")], Some("w-dir"), Some("d-dir"), false),
        (&ids, none.clone(), &[("ASTRO_API_TOKEN", &a)], Some("w-dir"), Some("d-dir"), false),
        (&ids, flag("b"), &[], Some("w-b"), Some("d-dir"), false),
        (&of_organization, flag("b"), &[], Some("w-b"), None, true),
        (&of_organization, none, &[("ASTRO_API_TOKEN", &a)], Some("w-claim"), Some("d-dir"), false),
    ];
    for (at, (file, globals, variables, workspace, deployment, is_ignored)) in rows.iter().enumerate() {
        let context = resolved_in(globals, variables, Some(file), &setup());
        let value = |context: &Context, name| context.settings.get(name).map(|found| found.value.clone());
        assert_eq!(value(&context, "workspace").as_deref(), *workspace, "row {at}");
        assert_eq!(value(&context, "deployment").as_deref(), *deployment, "row {at}");
        let told = context.ignored.iter().any(|line| line.starts_with("/p/.astro.toml"));
        assert_eq!(told, *is_ignored, "row {at}: {:?}", context.ignored);
    }
}

/// A sign-in may belong to several organizations and does not say which: the layer that chose it says, or a person.
#[test]
fn a_token_without_claims_takes_its_organization_from_its_own_layer() {
    crate::product::set_neutral();
    let mut config = setup();
    config.default_profile = Some("a".to_owned());
    config.profiles.values_mut().for_each(|profile| drop(profile.settings.remove("organization")));
    let file = |text: &str| Directory::parse(std::path::Path::new("/p/.astro.toml"), text).expect("read");
    let of_b = file(&format!("organization = \"{ORG_B}\""));
    let both = file(&format!("profile = \"a\"\norganization = \"{ORG_B}\""));
    let variable = ("ASTRO_ORGANIZATION_ID", ORG_B);
    let flag = Globals { settings: [("organization", ORG_B.to_owned())].into(), ..Globals::default() };
    let none = Globals::default();
    type Row<'a> = (&'a Globals, &'a [(&'static str, &'a str)], Option<&'a Directory>, bool);
    let rows: &[Row<'_>] = &[
        (&none, &[], None, true),
        (&flag, &[], None, true),
        (&none, &[variable], None, false),
        (&none, &[variable, ("ASTRO_PROFILE", "a")], None, true),
        (&none, &[], Some(&of_b), false),
        (&none, &[("ASTRO_PROFILE", "a")], Some(&of_b), false),
        (&none, &[], Some(&both), true),
        (&none, &[("ASTRO_API_TOKEN", "opaque")], Some(&of_b), false),
        (&none, &[("ASTRO_API_TOKEN", "opaque"), variable], None, true),
        (&flag, &[("ASTRO_API_TOKEN", "opaque")], None, true),
    ];
    for (at, (globals, variables, directory, may_send)) in rows.iter().enumerate() {
        let environment = &Environment::with(variables);
        let sources =
            Sources { globals, environment, directory: *directory, config: &config, on_terminal: true };
        let opaque = |_: &str| {
            let token = Secret::new("opaque".to_owned());
            Ok(Some(Stored { address: SITE_A.to_owned(), token, session: None }))
        };
        let sent = resolve(sources, opaque).expect("resolves").authority().map(|_| ());
        assert_eq!(sent.is_ok(), *may_send, "row {at}: {sent:?}");
    }
}

/// A token that does not say whose it is gets no organization from a directory.
#[test]
fn a_directory_does_not_choose_the_organization_of_a_foreign_token() {
    crate::product::set_neutral();
    let text = format!("organization = \"{ORG_B}\"");
    let file = Directory::parse(std::path::Path::new("/p/.astro.toml"), &text).expect("read");
    let a = token(ORG_A);
    for token in ["opaque", a.as_str()] {
        let context = resolved_in(&Globals::default(), &[("ASTRO_API_TOKEN", token)], Some(&file), &setup());
        let refused = context.authority().expect_err("refused");
        assert!(refused.message.contains("/p/.astro.toml line 1"), "{refused:?}");
        assert_eq!(refused.code, crate::base::error::code::AUTH);
    }
}

#[test]
fn a_profiles_format_applies_on_a_terminal_only_and_never_beats_a_flag() {
    let environment = Environment::with(&[("ASTRO_PROFILE", "a")]);
    let none = Globals::default();
    for (on_terminal, format) in [(true, Format::JSON), (false, Format::TABLE)] {
        let sources = Sources {
            globals: &none,
            environment: &environment,
            directory: None,
            config: &setup(),
            on_terminal,
        };
        let context = resolve(sources, stored).expect("resolves");
        assert_eq!(context.output.value, format);
    }
    let clean = Globals { output: Some("clean".into()), ..Globals::default() };
    assert_eq!(
        resolved(&clean, &[("ASTRO_OUTPUT", "json"), ("ASTRO_PROFILE", "a")], &setup()).output.value,
        Format::CLEAN
    );
}

#[test]
fn a_token_in_the_environment_means_no_profile() {
    crate::product::set_neutral();
    let mut config = setup();
    config.default_profile = Some("b".into());
    let a = token(ORG_A);
    let context = resolved(&Globals::default(), &[("ASTRO_API_TOKEN", &a), ("ASTRO_PROFILE", "b")], &config);
    assert!(context.profile.is_none());
    assert_eq!(context.address.value, Address::hosted());
    assert_eq!(context.settings.get("organization").expect("claimed").value, ORG_A);
    assert!(context.ignored[0].starts_with("ASTRO_PROFILE"), "{:?}", context.ignored);
}

#[test]
fn a_profile_flag_beats_the_variables_and_says_which() {
    crate::product::set_neutral();
    let flag = Globals { profile: Some("b".into()), ..Globals::default() };
    let a = token(ORG_A);
    let context = resolved(
        &flag,
        &[
            ("ASTRO_API_TOKEN", &a),
            ("ASTRO_API_URL", SITE_A),
            ("ASTRO_ORGANIZATION_ID", ORG_A),
            ("ASTRO_DEPLOYMENT_ID", "d"),
        ],
        &setup(),
    );
    assert_eq!(context.address.value.as_str(), SITE_B);
    assert_eq!(context.settings.get("organization").expect("own").value, ORG_B);
    assert_eq!(context.settings.get("deployment").expect("not set by the profile").value, "d");
    assert_eq!(context.ignored.len(), 3, "{:?}", context.ignored);
}

/// Whoever edits the address in config.toml does not get the token sent there.
#[test]
fn a_token_stays_at_the_address_it_was_stored_for() {
    let mut config = setup();
    config.credentials.get_mut("a").expect("there").address = SITE_B.to_owned();
    let flag = Globals { profile: Some("a".into()), ..Globals::default() };
    let context = resolved(&flag, &[], &config);
    assert!(context.credential.is_none());
    let refused = context.authority().expect_err("refused");
    assert!(refused.message.contains(SITE_A) && refused.message.contains(SITE_B), "{refused:?}");
}

#[test]
fn unknown_names_and_values_keep_everything_from_being_sent() {
    type Row<'a> = (Globals, &'a [(&'static str, &'a str)], &'a str);
    let a = token(ORG_A);
    let rows: &[Row<'_>] = &[
        (Globals { profile: Some("x".into()), ..Globals::default() }, &[], "no profile `x`"),
        (Globals::default(), &[("ASTRO_PROFILE", "x")], "ASTRO_PROFILE"),
        (
            Globals::default(),
            &[("ASTRO_API_TOKEN", &a), ("ASTRO_API_URL", "https://api.astronomer.io")],
            "ASTRO_API_URL",
        ),
    ];
    for (globals, variables, part) in rows {
        let error = resolved(globals, variables, &setup()).authority().expect_err(part);
        assert_eq!(error.code, crate::base::error::code::CONFIG);
        assert!(error.message.contains(part), "{error:?}");
    }
    let environment = Environment::with(&[("ASTRO_OUTPUT", "yaml")]);
    let sources = Sources {
        globals: &Globals::default(),
        environment: &environment,
        directory: None,
        config: &setup(),
        on_terminal: true,
    };
    let error = resolve(sources, stored).expect_err("refused");
    assert!(error.message.contains("ASTRO_OUTPUT"), "{error:?}");
}

/// Customer A and customer B in token, profile, directory file, default, flag and every variable, in all combinations:
/// either nothing may be sent, or credential, organization and address are of one customer.
#[test]
fn two_customers_are_never_mixed() {
    crate::product::set_neutral();
    let (a, b) = (token(ORG_A), token(ORG_B));
    let choice = |index: usize, a: &'static str, b: &'static str| [None, Some(a), Some(b)][index];
    let directories: Vec<Option<Directory>> = [
        "",
        "profile = \"a\"",
        "profile = \"b\"",
        &format!("organization = \"{ORG_A}\""),
        &format!("organization = \"{ORG_B}\""),
        &format!("profile = \"a\"\norganization = \"{ORG_B}\""),
        &format!("profile = \"b\"\norganization = \"{ORG_A}\""),
        &format!("profile = \"b\"\norganization = \"{ORG_B}\""),
    ]
    .iter()
    .map(|text| {
        let file = Directory::parse(std::path::Path::new("/p/.astro.toml"), text).expect("read");
        Some(file).filter(|_| !text.is_empty())
    })
    .collect();
    let mut sent = 0;
    for case in 0..3usize.pow(7) * directories.len() {
        let digit = |place: u32| case / 3usize.pow(place) % 3;
        let globals = Globals {
            profile: choice(digit(0), "a", "b").map(str::to_owned),
            settings: choice(digit(1), ORG_A, ORG_B)
                .map(|id| ("organization", id.to_owned()))
                .into_iter()
                .collect(),
            ..Globals::default()
        };
        let mut variables: Vec<(&'static str, &str)> = Vec::new();
        let tokens = [None, Some(a.as_str()), Some(b.as_str())];
        variables.extend(tokens[digit(2)].map(|token| ("ASTRO_API_TOKEN", token)));
        variables.extend(choice(digit(3), SITE_A, SITE_B).map(|url| ("ASTRO_API_URL", url)));
        variables.extend(choice(digit(4), ORG_A, ORG_B).map(|id| ("ASTRO_ORGANIZATION_ID", id)));
        let mut config = setup();
        config.default_profile = choice(digit(5), "a", "b").map(str::to_owned);
        variables.extend(choice(digit(6), "a", "b").map(|name| ("ASTRO_PROFILE", name)));
        let directory = directories[case / 3usize.pow(7)].as_ref();
        let context = resolved_in(&globals, &variables, directory, &config);
        let Ok(secret) = context.authority() else { continue };
        sent += 1;
        let customer = if secret.expose() == a { ("a", ORG_A, SITE_A) } else { ("b", ORG_B, SITE_B) };
        assert_eq!(
            context.settings.get("organization").expect("an organization").value,
            customer.1,
            "{case}: {context:?}"
        );
        // A token from the environment belongs to the address of the environment; a stored one to its own.
        if let Origin::Credential(_) = context.credential.as_ref().expect("sent").origin {
            assert_eq!(context.address.value.as_str(), customer.2, "{case}: {context:?}");
            assert_eq!(context.profile.as_ref().expect("a profile").value, customer.0);
        } else {
            assert!(context.profile.is_none());
        }
    }
    assert!(sent > 1000, "{sent} combinations may send; the test must not pass by refusing everything");
}

/// What is no token is refused by its flaw; nothing of it is shown.
#[test]
fn a_token_in_the_environment_is_one_word() {
    let jwt = token(ORG_A);
    for (value, flaw) in [
        (jwt.clone(), None),
        (format!("{jwt}\n"), None),
        (format!("Bearer {jwt}"), Some("`Bearer`")),
        (format!("\"{jwt}\""), Some("quotes")),
        (format!(" {jwt}"), Some("blanks")),
        (format!("{jwt}\n{jwt}"), Some("more than one line")),
    ] {
        let variables = [("ASTRO_API_TOKEN", value.as_str())];
        let environment = &Environment::with(&variables);
        let (globals, config) = (Globals::default(), setup());
        let sources =
            Sources { globals: &globals, environment, directory: None, config: &config, on_terminal: true };
        match (resolve(sources, stored), flaw) {
            (Ok(context), None) => assert_eq!(context.credential.expect("set").value.expose(), jwt),
            (Err(failure), Some(flaw)) => {
                assert_eq!(failure.code, crate::base::error::code::USAGE);
                assert!(
                    failure.message.contains("ASTRO_API_TOKEN") && failure.message.contains(flaw),
                    "{failure:?}"
                );
                assert!(!format!("{failure:?}").contains(&jwt), "{failure:?}");
            }
            (found, _) => panic!("{flaw:?}: {found:?}"),
        }
    }
}
