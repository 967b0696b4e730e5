//! The precedence as a table: one row for each rule, and the bundle in every combination of two customers.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;
use crate::config::{Credential, Stored};

const ORG_A: &str = "caaaaaaaaaaaaaaaaaaaaaaaa";
const ORG_B: &str = "cbbbbbbbbbbbbbbbbbbbbbbbb";
const SITE_A: &str = "https://api.a.example/v1";
const SITE_B: &str = "https://api.b.example/v1";

fn token(organization: &str) -> String {
    let payload = format!(r#"{{"permissions":["organizationId:{organization}","workspaceId:w-claim"]}}"#);
    format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload))
}

fn setup() -> Config {
    let profile = |letter: &str, organization: &str| Profile {
        credential: Some(letter.to_owned()),
        organization: Some(organization.to_owned()),
        workspace: Some(format!("w-{letter}")),
        output: Some("json".to_owned()),
        ..Profile::default()
    };
    let credential = |address: &str| Credential { address: address.to_owned(), source: "file".to_owned() };
    Config {
        default_profile: None,
        profiles: [("a".to_owned(), profile("a", ORG_A)), ("b".to_owned(), profile("b", ORG_B))].into(),
        credentials: [("a".to_owned(), credential(SITE_A)), ("b".to_owned(), credential(SITE_B))].into(),
    }
}

fn stored(name: &str) -> Result<Option<Stored>> {
    let (address, organization) = if name == "a" { (SITE_A, ORG_A) } else { (SITE_B, ORG_B) };
    Ok(Some(Stored { address: address.to_owned(), token: Secret::new(token(organization)) }))
}

fn resolved(globals: &Globals, variables: &[(&'static str, &str)], config: &Config) -> Context {
    resolve(globals, &Environment::of(variables), config, true, stored).expect("resolves")
}

#[test]
fn a_flag_beats_a_variable_beats_a_profile_beats_a_claim() {
    let flags = Globals { workspace: Some("w-flag".into()), profile: Some("a".into()), ..Globals::default() };
    let with_profile = Globals { profile: Some("a".into()), ..Globals::default() };
    let none = Globals::default();
    let a = token(ORG_A);
    type Row<'a> = (&'a Globals, &'a [(&'static str, &'a str)], &'a str, &'a str);
    let rows: &[Row<'_>] = &[
        (&flags, &[("ASTRO_WORKSPACE_ID", "w-env")], "w-flag", "--workspace"),
        (&none, &[("ASTRO_WORKSPACE_ID", "w-env"), ("ASTRO_PROFILE", "a")], "w-env", "ASTRO_WORKSPACE_ID"),
        (&with_profile, &[("ASTRO_WORKSPACE_ID", "w-env")], "w-a", "profile `a`"),
        (&none, &[("ASTRO_PROFILE", "a")], "w-a", "profile `a`"),
        (&none, &[("ASTRO_API_TOKEN", &a)], "w-claim", "token claim `workspaceId`"),
    ];
    for (globals, variables, value, origin) in rows {
        let workspace = resolved(globals, variables, &setup()).workspace.expect("there is one");
        assert_eq!((workspace.value.as_str(), workspace.origin.to_string().as_str()), (*value, *origin));
    }
}

#[test]
fn a_profiles_format_applies_on_a_terminal_only_and_never_beats_a_flag() {
    let environment = Environment::of(&[("ASTRO_PROFILE", "a")]);
    let none = Globals::default();
    for (on_terminal, format) in [(true, Format::Json), (false, Format::Table)] {
        let context = resolve(&none, &environment, &setup(), on_terminal, stored).expect("resolves");
        assert_eq!(context.output.value, format);
    }
    let clean = Globals { output: Some("clean".into()), ..Globals::default() };
    assert_eq!(
        resolved(&clean, &[("ASTRO_OUTPUT", "json"), ("ASTRO_PROFILE", "a")], &setup()).output.value,
        Format::Clean
    );
}

#[test]
fn a_token_in_the_environment_means_no_profile() {
    let mut config = setup();
    config.default_profile = Some("b".into());
    let a = token(ORG_A);
    let context = resolved(&Globals::default(), &[("ASTRO_API_TOKEN", &a), ("ASTRO_PROFILE", "b")], &config);
    assert!(context.profile.is_none());
    assert_eq!(context.address.value, Address::hosted());
    assert_eq!(context.organization.expect("claimed").value, ORG_A);
    assert!(context.ignored[0].starts_with("ASTRO_PROFILE"), "{:?}", context.ignored);
}

#[test]
fn a_profile_flag_beats_the_variables_and_says_which() {
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
    assert_eq!(context.organization.as_ref().expect("own").value, ORG_B);
    assert_eq!(context.deployment.as_ref().expect("not set by the profile").value, "d");
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
    let refused = context.authority(0).expect_err("refused");
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
        let error = resolved(globals, variables, &setup()).authority(0).expect_err(part);
        assert_eq!(error.code, crate::error::code::CONFIG);
        assert!(error.message.contains(part), "{error:?}");
    }
    let environment = Environment::of(&[("ASTRO_OUTPUT", "yaml")]);
    let error = resolve(&Globals::default(), &environment, &setup(), true, stored).expect_err("refused");
    assert!(error.message.contains("ASTRO_OUTPUT"), "{error:?}");
}

/// Customer A and customer B in token, profile, default, flag and every variable, in all combinations:
/// either nothing may be sent, or credential, organization and address are of one customer.
#[test]
fn two_customers_are_never_mixed() {
    let (a, b) = (token(ORG_A), token(ORG_B));
    let choice = |index: usize, a: &'static str, b: &'static str| [None, Some(a), Some(b)][index];
    let mut sent = 0;
    for case in 0..3usize.pow(6) {
        let digit = |place: u32| case / 3usize.pow(place) % 3;
        let globals = Globals {
            profile: choice(digit(0), "a", "b").map(str::to_owned),
            organization: choice(digit(1), ORG_A, ORG_B).map(str::to_owned),
            ..Globals::default()
        };
        let mut variables: Vec<(&'static str, &str)> = Vec::new();
        let tokens = [None, Some(a.as_str()), Some(b.as_str())];
        variables.extend(tokens[digit(2)].map(|token| ("ASTRO_API_TOKEN", token)));
        variables.extend(choice(digit(3), SITE_A, SITE_B).map(|url| ("ASTRO_API_URL", url)));
        variables.extend(choice(digit(4), ORG_A, ORG_B).map(|id| ("ASTRO_ORGANIZATION_ID", id)));
        let mut config = setup();
        config.default_profile = choice(digit(5), "a", "b").map(str::to_owned);
        let context = resolved(&globals, &variables, &config);
        let Ok(secret) = context.authority(0) else { continue };
        sent += 1;
        let customer = if secret.expose() == a { ("a", ORG_A, SITE_A) } else { ("b", ORG_B, SITE_B) };
        assert_eq!(
            context.organization.as_ref().expect("an organization").value,
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
    assert!(sent > 50, "{sent} combinations may send; the test must not pass by refusing everything");
}
