//! A directory of one customer, and a variable or a flag of another.

use super::*;
use astro_plugin_protocol::effect::Effect;

fn file(text: &str) -> Directory {
    Directory::parse(std::path::Path::new("/p/.astro.toml"), text).expect("a file")
}

/// Reading goes on with what the variable or the flag chose; nothing is changed until `--profile` says so.
#[test]
fn nothing_is_changed_for_another_customer_than_the_directorys() {
    crate::product::set_neutral();
    let named = setup();
    let mut unnamed = setup();
    unnamed.profiles.values_mut().for_each(|profile| drop(profile.settings.remove("organization")));
    let mut opaque = unnamed.clone();
    opaque.credentials.values_mut().for_each(|credential| credential.source = "keyring".to_owned());
    let mut shared = named.clone();
    shared.profiles.get_mut("b").expect("there").credential = Some("a".to_owned());
    shared.profiles.values_mut().for_each(|profile| drop(profile.settings.remove("organization")));
    let (of_a, of_nobody) = (file("profile = \"a\""), file("profile = \"colleague\""));
    let of_name = file("profile = \"a\"\norganization = \"Acme\"");
    let of_organization = file(&format!("organization = \"{ORG_A}\""));
    let (a, b) = (token(ORG_A), token(ORG_B));
    let none = Globals::default();
    let flags = |profile: Option<&str>, organization: Option<&str>| Globals {
        profile: profile.map(str::to_owned),
        settings: organization.map(|value| ("organization", value.to_owned())).into_iter().collect(),
        ..Globals::default()
    };
    let organization_b = flags(None, Some(ORG_B));
    type Row<'a> = (&'a str, &'a Config, &'a Directory, &'a Globals, &'a [(&'static str, &'a str)], bool);
    let rows: &[Row<'_>] = &[
        ("nothing else chooses", &named, &of_a, &none, &[], true),
        ("the same profile", &named, &of_a, &none, &[("ASTRO_PROFILE", "a")], true),
        ("another profile", &named, &of_a, &none, &[("ASTRO_PROFILE", "b")], false),
        ("what the tokens say", &unnamed, &of_a, &none, &[("ASTRO_PROFILE", "b")], false),
        ("two sign-ins that do not say", &opaque, &of_a, &none, &[("ASTRO_PROFILE", "b")], false),
        ("one sign-in", &shared, &of_a, &none, &[("ASTRO_PROFILE", "b")], true),
        ("a profile of a colleague", &named, &of_nobody, &none, &[("ASTRO_PROFILE", "b")], true),
        ("a name and an ID", &named, &of_name, &none, &[("ASTRO_PROFILE", "b")], false),
        ("a flag chooses everything", &named, &of_a, &flags(Some("b"), None), &[], true),
        ("also against a variable", &named, &of_a, &flags(Some("b"), None), &[("ASTRO_PROFILE", "a")], true),
        ("a token of the same", &named, &of_a, &none, &[("ASTRO_API_TOKEN", &a)], true),
        ("a token of another", &named, &of_a, &none, &[("ASTRO_API_TOKEN", &b)], false),
        ("a token that does not say", &named, &of_nobody, &none, &[("ASTRO_API_TOKEN", "opaque")], true),
        ("a token where only names are known", &named, &of_nobody, &none, &[("ASTRO_API_TOKEN", &b)], true),
        ("a token and the same", &named, &of_organization, &none, &[("ASTRO_API_TOKEN", &a)], true),
        ("a flag for another organization", &opaque, &of_organization, &organization_b, &[], false),
        ("the same organization", &opaque, &of_organization, &flags(None, Some(ORG_A)), &[], true),
        ("both flags", &opaque, &of_organization, &flags(Some("a"), Some(ORG_B)), &[], true),
    ];
    for (what, config, directory, globals, variables, may_write) in rows {
        let mut config = (*config).clone();
        config.default_profile = Some("a".to_owned());
        let environment = &Environment::with(variables);
        let directory = Some(*directory);
        let sources = Sources { globals, environment, directory, config: &config, on_terminal: true };
        let asked = |name: &str| match config.credentials[name].source.as_str() {
            "file" => stored(name),
            _ => {
                let token = Secret::new("opaque".to_owned());
                Ok(Some(Stored { address: config.credentials[name].address.clone(), token, session: None }))
            }
        };
        let context = resolve(sources, asked).expect("resolves");
        context.allow(Effect::Read).expect(what);
        let written = context.allow(Effect::Write);
        assert_eq!(written.is_ok(), *may_write, "{what}: {written:?}");
        if let Err(failure) = written {
            assert_eq!(failure.code, crate::base::error::code::AUTH, "{what}");
            assert!(failure.causes[0].contains("/p/.astro.toml line"), "{what}: {failure:?}");
        }
    }
}

/// What to type next is typed, and gets further.
#[test]
fn the_advice_is_sound() {
    crate::product::set_neutral();
    let mut config = setup();
    config.profiles.values_mut().for_each(|profile| drop(profile.settings.remove("organization")));
    config.default_profile = Some("a".to_owned());
    let directory = file(&format!("organization = \"{ORG_A}\""));
    let opaque = |_: &str| {
        let token = Secret::new("opaque".to_owned());
        Ok(Some(Stored { address: SITE_A.to_owned(), token, session: None }))
    };
    let resolve_with = |globals: &Globals| {
        let environment = &Environment::default();
        let sources =
            Sources { globals, environment, directory: Some(&directory), config: &config, on_terminal: true };
        resolve(sources, opaque).expect("resolves")
    };
    let mut globals = Globals { settings: [("organization", ORG_B.to_owned())].into(), ..Globals::default() };
    let refused = resolve_with(&globals).allow(Effect::Write).expect_err("refused");
    assert!(refused.help[0].ends_with(&format!("--profile a --organization {ORG_B}")), "{refused:?}");
    globals.profile = Some("a".to_owned());
    resolve_with(&globals).allow(Effect::Write).expect("allowed");
}

/// IDs inside an organization do not go with another one that a flag names.
#[test]
fn a_flag_for_another_organization_leaves_the_ids_of_the_former() {
    crate::product::set_neutral();
    let mut config = setup();
    let profile = config.profiles.get_mut("a").expect("there");
    profile.settings.insert("deployment", "d-a".to_owned());
    let directory = file(&format!("organization = \"{ORG_A}\"\ndeployment = \"d-dir\""));
    for (directory, organization, expected) in [
        (None, ORG_A, (Some("w-a"), Some("d-a"))),
        (None, ORG_B, (None, None)),
        (Some(&directory), ORG_A, (Some("w-a"), Some("d-a"))),
        (Some(&directory), ORG_B, (None, None)),
    ] {
        let globals = Globals {
            profile: Some("a".to_owned()),
            settings: [("organization", organization.to_owned())].into(),
            ..Globals::default()
        };
        let opaque = |_: &str| {
            let token = Secret::new("opaque".to_owned());
            Ok(Some(Stored { address: SITE_A.to_owned(), token, session: None }))
        };
        let environment = &Environment::default();
        let sources =
            Sources { globals: &globals, environment, directory, config: &config, on_terminal: true };
        let context = resolve(sources, opaque).expect("resolves");
        let value = |context: &Context, name| context.settings.get(name).map(|found| found.value.clone());
        let found = (value(&context, "workspace"), value(&context, "deployment"));
        assert_eq!((found.0.as_deref(), found.1.as_deref()), expected, "{organization}");
    }
}

/// A file of another user is not read: nothing is changed until a flag says where, or its directory is trusted.
#[test]
fn nothing_is_changed_beside_a_file_that_is_not_read() {
    crate::product::set_neutral();
    let mut config = setup();
    config.default_profile = Some("a".to_owned());
    config.trust.directories = vec!["/srv/a b".to_owned()];
    let unused = |may_differ: bool| {
        vec![Unused { path: "/co/.astro.toml".into(), reason: "owned by uid 1001".to_owned(), may_differ }]
    };
    let directory = Directory { unused: unused(true), ..Directory::default() };
    let harmless = Directory { unused: unused(false), ..directory.clone() };
    let flag = |set: fn(&mut Globals)| {
        let mut globals = Globals::default();
        set(&mut globals);
        globals
    };
    let a = token(ORG_A);
    let token = ("ASTRO_API_TOKEN", a.as_str());
    type Row<'a> = (&'a str, &'a Directory, Globals, &'a [(&'static str, &'a str)], bool);
    let rows: &[Row<'_>] = &[
        ("nothing was chosen", &directory, Globals::default(), &[], false),
        ("it cannot differ", &harmless, Globals::default(), &[], true),
        ("a profile", &directory, flag(|globals| globals.profile = Some("b".to_owned())), &[], true),
        (
            "a deployment",
            &directory,
            flag(|globals| drop(globals.settings.insert("deployment", "d".to_owned()))),
            &[],
            true,
        ),
        (
            "an organization",
            &directory,
            flag(|globals| drop(globals.settings.insert("organization", ORG_A.to_owned()))),
            &[],
            false,
        ),
        ("a token alone", &directory, Globals::default(), &[token], false),
        ("a token and where", &directory, Globals::default(), &[token, ("ASTRO_DEPLOYMENT_ID", "d")], true),
        (
            "a profile and where",
            &directory,
            Globals::default(),
            &[("ASTRO_PROFILE", "a"), ("ASTRO_DEPLOYMENT_ID", "d")],
            true,
        ),
        ("only where", &directory, Globals::default(), &[("ASTRO_DEPLOYMENT_ID", "d")], false),
    ];
    for (what, directory, globals, variables, may_write) in rows {
        let context = resolved_in(globals, variables, Some(directory), &config);
        context.allow(Effect::Read).expect(what);
        assert_eq!(context.contradiction, None, "{what}");
        let told = context.ignored.iter().any(|line| line == "/co/.astro.toml: owned by uid 1001");
        assert_eq!(told, directory.unused[0].may_differ, "{what}: {:?}", context.ignored);
        let written = context.allow(Effect::Write);
        assert_eq!(written.is_ok(), *may_write, "{what}: {written:?}");
        if let Err(failure) = written {
            assert_eq!(failure.code, crate::base::error::code::CONFIG, "{what}");
            assert_eq!(failure.causes[1], "it is owned by uid 1001");
            // What is trusted already stays so.
            assert!(failure.help[1].ends_with("trust.directories '/srv/a b,/co'"), "{failure:?}");
        }
    }
}
