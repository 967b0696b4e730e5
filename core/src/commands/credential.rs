//! `astro credential`: what is stored, without opening what it is stored in.

use astro_plugin_protocol::{
    effect::Effect,
    service::{ColumnKind, View},
};
use serde_json::{Value, json};

use super::{Request, column, command};
use crate::{
    base::{error::Result, time::timestamp},
    commands::Builtin,
    config::{Config, Credential, Dirs},
    console::report,
    context::Claims,
    credential::{Source, Stored, sources::file},
    program::APP,
};

pub(super) fn commands() -> Vec<Builtin> {
    let mut list = command(
        "credential list",
        Effect::Read,
        "List the stored credentials",
        Vec::new(),
        &[
            ("astro credential list", "See what is stored, and which profiles use it"),
            ("astro credential list -o json", "The same for a program"),
        ],
        list,
    );
    list.aliases = vec!["ls".to_owned()];
    list.long_about = format!("List the stored credentials: where each may be sent, where it is kept, until when it works, and which profiles use it.\n\nNo value is shown, no keyring is opened, no program is run and nothing is sent. So the expiry is known only of what is kept in a file and says it itself; for the profile in use `{APP} context` reads the rest. A sign-in has no expiry here: it is renewed by itself until `{APP} logout`.").to_owned();
    list.see_also = vec!["login".to_owned(), "logout".to_owned(), "context".to_owned()];
    vec![list]
}

pub(super) fn list(request: &Request<'_>) -> Result<i32> {
    let format = request.format()?;
    let dirs = request.env.dirs.clone()?;
    let config = Config::load(&dirs)?;
    let mut warned = false;
    let rows = config.credentials.iter().map(|(name, described)| {
        let stored = in_file(&dirs, name, described).unwrap_or_else(|failure| {
            // It is one file for all of them.
            if !std::mem::replace(&mut warned, true) {
                report::warning(&request.env.console, &failure);
            }
            None
        });
        row(name, described, stored.as_ref(), &config)
    });
    let rows = rows.collect();
    request.emit(format, view(), rows)
}

/// What is kept of it where looking costs nothing and asks nobody.
fn in_file(dirs: &Dirs, name: &str, described: &Credential) -> Result<Option<Stored>> {
    match Source::of(name, described) {
        Ok(Source::File) => file::stored(dirs, name),
        _ => Ok(None),
    }
}

fn row(name: &str, described: &Credential, stored: Option<&Stored>, config: &Config) -> Value {
    let renews = stored.map(|stored| stored.session.is_some());
    let claims = stored.filter(|stored| stored.session.is_none());
    let expires = claims.and_then(|stored| Claims::read(stored.token.expose())?.expires);
    json!({
        "name": name,
        "address": described.address,
        "source": described.source,
        "expires_at": expires.map(timestamp),
        "renews": renews,
        "profiles": config.users_of(name),
    })
}

fn view() -> View {
    View {
        list: Some("credentials".to_owned()),
        columns: vec![
            column("name", ColumnKind::Id),
            column("address", ColumnKind::Text),
            column("source", ColumnKind::Id),
            astro_plugin_protocol::service::Column {
                title: "EXPIRES".to_owned(),
                ..column("expires_at", ColumnKind::Time)
            },
            column("renews", ColumnKind::Id),
            column("profiles", ColumnKind::Text),
        ],
        clean: ["name", "address", "source", "expires_at", "renews", "profiles"].map(str::to_owned).to_vec(),
        empty: Some(format!("Nothing is stored. Sign in with `{APP} login`.").to_owned()),
        ..View::default()
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;
    use crate::{
        config::Profile,
        credential::{Secret, Session},
    };

    #[test]
    fn a_row_tells_where_it_goes_and_who_uses_it() {
        let profile =
            |credential: &str| Profile { credential: Some(credential.to_owned()), ..Profile::default() };
        let config = Config {
            profiles: [("a", "ci"), ("b", "ci"), ("c", "other")]
                .map(|(name, credential)| (name.to_owned(), profile(credential)))
                .into(),
            ..Config::default()
        };
        let described = |source: &str| Credential {
            address: "https://api.example/v1".to_owned(),
            source: source.to_owned(),
            command: None,
        };
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(r#"{"exp":0}"#));
        let stored = |session: bool, token: &str| Stored {
            address: "https://api.example/v1".to_owned(),
            token: Secret::new(token.to_owned()),
            session: session.then(|| Session {
                refresh: Secret::new("r".to_owned()),
                client_id: "c".to_owned(),
                token_url: "https://issuer.example/".to_owned(),
                revoke_url: None,
                resource: None,
                expires: 60,
                lifetime: 60,
                renewed_at: None,
            }),
        };
        for (source, stored, expires, renews) in [
            ("file", Some(stored(false, &token)), json!("1970-01-01T00:00:00Z"), json!(false)),
            ("file", Some(stored(false, "opaque")), Value::Null, json!(false)),
            ("file", Some(stored(true, &token)), Value::Null, json!(true)),
            ("file", None, Value::Null, Value::Null),
            ("keyring", None, Value::Null, Value::Null),
        ] {
            let row = row("ci", &described(source), stored.as_ref(), &config);
            let whole = json!({
                "name": "ci",
                "address": "https://api.example/v1",
                "source": source,
                "expires_at": expires,
                "renews": renews,
                "profiles": ["a", "b"],
            });
            assert_eq!(row, whole);
        }
    }
}
