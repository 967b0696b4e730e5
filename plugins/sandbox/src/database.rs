//! The SQLite file: its tables, what they are seeded with, and the signing key.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::token::{self, Subject};

/// What database code returns.
pub(crate) type Result<T> = std::result::Result<T, rusqlite::Error>;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS organizations (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS workspaces (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations, name TEXT NOT NULL,
    description TEXT NOT NULL, created_at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS deployments (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations,
    workspace_id TEXT NOT NULL REFERENCES workspaces, name TEXT NOT NULL, namespace TEXT NOT NULL,
    status TEXT NOT NULL, executor TEXT NOT NULL, created_at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS roles (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations, name TEXT NOT NULL,
    description TEXT NOT NULL, scope_type TEXT NOT NULL, created_at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations, name TEXT NOT NULL,
    description TEXT NOT NULL, scope TEXT NOT NULL, kind TEXT NOT NULL, workspace_id TEXT, short_token TEXT NOT NULL,
    rotation INTEGER NOT NULL, issued INTEGER NOT NULL, expires INTEGER, expiry_days INTEGER,
    start_at TEXT NOT NULL, end_at TEXT, last_used_at TEXT, last_rotated_at TEXT, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, created_by TEXT, updated_by TEXT) STRICT;
CREATE TABLE IF NOT EXISTS token_roles (
    token_id TEXT NOT NULL REFERENCES tokens ON DELETE CASCADE, position INTEGER NOT NULL,
    entity_type TEXT NOT NULL, entity_id TEXT NOT NULL, role TEXT NOT NULL, deployment_id TEXT,
    PRIMARY KEY (token_id, position)) STRICT;
CREATE TABLE IF NOT EXISTS issued (
    token_id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, issued_at TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS token_roles_by_entity ON token_roles (entity_id, entity_type);
";

/// An administrator's place: what `start` puts into a profile and `env` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Administrator {
    pub(crate) token: String,
    pub(crate) organization: String,
    pub(crate) workspace: String,
    pub(crate) deployment: String,
}

/// Opens the file, makes what is missing and seeds an empty one.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    prepare(Connection::open(path)?)
}

fn prepare(mut connection: Connection) -> Result<Connection> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute_batch(crate::issuer::SCHEMA)?;
    if transaction.query_row("SELECT count(*) FROM organizations", [], |row| row.get::<_, i64>(0))? == 0 {
        seed(&transaction)?;
    }
    transaction.commit()?;
    Ok(connection)
}

/// A database in memory, for tests.
#[cfg(test)]
pub(crate) fn in_memory() -> Connection {
    prepare(Connection::open_in_memory().expect("memory")).expect("seeded")
}

/// Puts the seed back: other tokens, among them every administrator's, stop working.
pub(crate) fn reset(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for table in [
        "issued",
        "token_roles",
        "tokens",
        "roles",
        "deployments",
        "workspaces",
        "organizations",
        "meta",
        "issuer_codes",
        "issuer_devices",
        "issuer_sessions",
        "issuer_used",
    ] {
        transaction.execute(&format!("DELETE FROM {table}"), [])?;
    }
    seed(&transaction)?;
    transaction.commit()
}

/// The key that signs token values.
pub(crate) fn key(connection: &Connection) -> Result<Vec<u8>> {
    connection.query_row("SELECT value FROM meta WHERE key = 'signing key'", [], |row| row.get(0))
}

/// The administrator of an organization (id or name), of the first one when none is named.
pub(crate) fn administrator(
    connection: &Connection,
    organization: Option<&str>,
) -> Result<Option<Administrator>> {
    let found: Option<(String, String)> = connection
        .query_row(
            "SELECT o.id, t.id FROM organizations o JOIN tokens t ON t.organization_id = o.id
             WHERE t.scope = 'ORGANIZATION' AND (?1 IS NULL OR o.id = ?1 OR o.name = ?1) ORDER BY o.rowid, t.rowid LIMIT 1",
            [organization],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((organization, token)) = found else { return Ok(None) };
    let (workspace, deployment) = connection.query_row(
        "SELECT workspace_id, id FROM deployments WHERE organization_id = ?1 ORDER BY rowid LIMIT 1",
        [&organization],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let token = value_of(connection, &token)?;
    Ok(Some(Administrator { token, organization, workspace, deployment }))
}

/// The value of a token as it is now.
pub(crate) fn value_of(connection: &Connection, id: &str) -> Result<String> {
    let key = key(connection)?;
    connection.query_row(
        "SELECT rotation, organization_id, workspace_id, issued, expires FROM tokens WHERE id = ?1",
        [id],
        |row| {
            let (organization, workspace): (String, Option<String>) = (row.get(1)?, row.get(2)?);
            let subject = Subject {
                id,
                rotation: row.get(0)?,
                organization: &organization,
                workspace: workspace.as_deref(),
                issued: row.get(3)?,
                expires: row.get(4)?,
            };
            token::mint(&key, &subject)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
        },
    )
}

/// A fresh id: `c` and 24 lower-case letters or digits.
pub(crate) fn new_id() -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = [0u8; 24];
    getrandom::fill(&mut random).expect("the kernel gives random bytes");
    std::iter::once('c')
        .chain(random.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])))
        .collect()
}

/// The current time as the API writes it.
pub(crate) fn now() -> String {
    timestamp(Timestamp::now())
}

/// A time as the API writes it: RFC 3339 in UTC with milliseconds.
pub(crate) fn timestamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

type SeedDeployment = (&'static str, &'static str, &'static str, &'static str, &'static str);

struct SeedOrganization {
    id: &'static str,
    name: &'static str,
    workspaces: &'static [(&'static str, &'static str)],
    /// id, workspace, name, status, executor
    deployments: &'static [SeedDeployment],
    /// id, name, description
    roles: &'static [(&'static str, &'static str, &'static str)],
}

const SEED: &[SeedOrganization] = &[
    SeedOrganization {
        id: "cm00acme00organization001",
        name: "Acme",
        workspaces: &[
            ("cm00acme0000workspace0001", "Data Platform"),
            ("cm00acme0000workspace0002", "Analytics"),
        ],
        deployments: &[
            ("cm00acme000deployment0001", "cm00acme0000workspace0001", "Ingest", "HEALTHY", "CELERY"),
            (
                "cm00acme000deployment0002",
                "cm00acme0000workspace0001",
                "Ingest Staging",
                "HIBERNATING",
                "CELERY",
            ),
            ("cm00acme000deployment0003", "cm00acme0000workspace0002", "Reports", "HEALTHY", "KUBERNETES"),
        ],
        roles: &[
            ("cm00acme00000000role00001", "DAG_DEPLOYER", "Deploys DAGs and nothing else"),
            ("cm00acme00000000role00002", "LOG_READER", "Reads task logs"),
        ],
    },
    SeedOrganization {
        id: "cm0globex00organization01",
        name: "Globex",
        workspaces: &[("cm0globex0000workspace001", "Main")],
        deployments: &[
            ("cm0globex000deployment001", "cm0globex0000workspace001", "Production", "HEALTHY", "ASTRO"),
            ("cm0globex000deployment002", "cm0globex0000workspace001", "Reports", "UNHEALTHY", "CELERY"),
        ],
        roles: &[("cm0globex0000000role00001", "RELEASE_BOT", "Deploys from the release pipeline")],
    },
];

fn seed(connection: &Connection) -> Result<()> {
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).expect("the kernel gives random bytes");
    connection.execute("INSERT INTO meta VALUES ('signing key', ?1)", [&key[..]])?;
    let created = Timestamp::now();
    let at = timestamp(created);
    for organization in SEED {
        connection.execute(
            "INSERT INTO organizations VALUES (?1, ?2, ?3)",
            params![organization.id, organization.name, at],
        )?;
        for (id, name) in organization.workspaces {
            connection.execute(
                "INSERT INTO workspaces VALUES (?1, ?2, ?3, '', ?4)",
                params![id, organization.id, name, at],
            )?;
        }
        for (id, workspace, name, status, executor) in organization.deployments {
            let namespace = format!("{}-{}", name.to_lowercase().replace(' ', "-"), &id[id.len() - 4..]);
            connection.execute(
                "INSERT INTO deployments VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![id, organization.id, workspace, name, namespace, status, executor, at],
            )?;
        }
        for (id, name, description) in organization.roles {
            connection.execute(
                "INSERT INTO roles VALUES (?1, ?2, ?3, ?4, 'DEPLOYMENT', ?5)",
                params![id, organization.id, name, description, at],
            )?;
        }
        seed_tokens(connection, organization, created)?;
    }
    Ok(())
}

/// An administrator for the organization; for the first one also a workspace token that is attached to a
/// deployment, and a deployment token of its own.
fn seed_tokens(connection: &Connection, organization: &SeedOrganization, created: Timestamp) -> Result<()> {
    let tail = &organization.id[2..9];
    let insert = |id: &str,
                  name: &str,
                  scope: &str,
                  workspace: Option<&str>,
                  roles: &[(&str, &str, &str)]|
     -> Result<()> {
        let at = timestamp(created);
        connection.execute(
            "INSERT INTO tokens VALUES (?1, ?2, ?3, '', ?4, 'STANDARD', ?5, ?6, 0, ?7, NULL, NULL, ?8, NULL, NULL, NULL, ?8, ?8, NULL, NULL)",
            params![id, organization.id, name, scope, workspace, &id[20..], created.as_second(), at],
        )?;
        for (position, (entity_type, entity, role)) in (0i64..).zip(roles) {
            connection.execute(
                "INSERT INTO token_roles VALUES (?1, ?2, ?3, ?4, ?5, NULL)",
                params![id, position, entity_type, entity, role],
            )?;
        }
        Ok(())
    };
    let administrator = format!("cm{tail}token000000admin");
    insert(
        &administrator,
        "administrator",
        "ORGANIZATION",
        None,
        &[("ORGANIZATION", organization.id, "ORGANIZATION_OWNER")],
    )?;
    if organization.id == SEED[0].id {
        let (workspace, deployment) = (organization.workspaces[0].0, organization.deployments[0].0);
        insert(
            &format!("cm{tail}token00workspace"),
            "workspace bot",
            "WORKSPACE",
            Some(workspace),
            &[("WORKSPACE", workspace, "WORKSPACE_OPERATOR"), ("DEPLOYMENT", deployment, "DEPLOYMENT_ADMIN")],
        )?;
        insert(
            &format!("cm{tail}token0deployment"),
            "nightly",
            "DEPLOYMENT",
            Some(workspace),
            &[("DEPLOYMENT", deployment, "DEPLOYMENT_ADMIN")],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seeded_id_looks_like_one() {
        let connection = in_memory();
        for table in ["organizations", "workspaces", "deployments", "roles", "tokens"] {
            let mut ids = connection.prepare(&format!("SELECT id FROM {table}")).expect("table");
            for id in ids.query_map([], |row| row.get::<_, String>(0)).expect("rows") {
                let id = id.expect("text");
                assert!(astro_plugin_api::is_id(&id), "{table}: {id} ({})", id.len());
            }
        }
        assert!(astro_plugin_api::is_id(&new_id()));
    }

    #[test]
    fn a_reset_ends_every_value() {
        let mut connection = in_memory();
        let before = administrator(&connection, None).expect("query").expect("there");
        reset(&mut connection).expect("reset");
        let after = administrator(&connection, Some("Acme")).expect("query").expect("there");
        assert_eq!(before.organization, after.organization);
        assert!(token::verify(&key(&connection).expect("key"), &before.token).is_none());
        assert!(token::verify(&key(&connection).expect("key"), &after.token).is_some());
        assert_eq!(administrator(&connection, Some("Nobody")).expect("query"), None);
    }
}
