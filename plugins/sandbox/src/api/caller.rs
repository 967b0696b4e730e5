//! Who calls: the token of the request, and what its roles reach.

use axum::http::HeaderMap;
use rusqlite::{Connection, OptionalExtension, params};

use super::Refusal;
use crate::{database, issuer::Session, token};

/// The authenticated token.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) id: String,
    /// A person who signed in; else a token.
    pub(super) is_person: bool,
    /// The one that is asked about.
    pub(super) organization: String,
    /// Those it belongs to: of a token one, of a person all.
    pub(super) organizations: Vec<String>,
    roles: Vec<Role>,
}

#[derive(Debug)]
struct Role {
    entity_type: String,
    entity_id: String,
    role: String,
}

/// What a caller may do in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    None,
    Read,
    Manage,
}

impl Caller {
    /// The token of the `Authorization` header; refused when its value is not the current one of a token.
    pub(super) fn identify(
        connection: &Connection,
        key: &[u8],
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let value = header
            .and_then(|header| header.strip_prefix("Bearer "))
            .ok_or_else(|| Refusal::unauthorized("Missing bearer token"))?;
        if let Some(session) = Session::of(connection, key, value)? {
            return Self::person(connection, session);
        }
        let claims =
            token::verify(key, value).ok_or_else(|| Refusal::unauthorized("Invalid or expired token"))?;
        let found: Option<(i64, String)> = connection
            .query_row(
                "SELECT rotation, organization_id FROM tokens WHERE id = ?1",
                [&claims.token_id],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let Some((rotation, organization)) = found else {
            return Err(Refusal::unauthorized("The token was deleted"));
        };
        if !claims.is_rotation(rotation) {
            return Err(Refusal::unauthorized("The token was rotated"));
        }
        connection.execute(
            "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1",
            params![claims.token_id, database::now()],
        )?;
        let mut statement = connection
            .prepare_cached("SELECT entity_type, entity_id, role FROM token_roles WHERE token_id = ?1")?;
        let roles = statement
            .query_map([&claims.token_id], |row| {
                Ok(Role { entity_type: row.get(0)?, entity_id: row.get(1)?, role: row.get(2)? })
            })?
            .collect::<rusqlite::Result<_>>()?;
        let organizations = vec![organization.clone()];
        Ok(Self { id: claims.token_id, is_person: false, organization, organizations, roles })
    }

    /// A person who signed in owns every organization.
    fn person(connection: &Connection, session: Session) -> Result<Self, Refusal> {
        let mut statement = connection.prepare_cached("SELECT id FROM organizations ORDER BY rowid")?;
        let organizations =
            statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        let roles = organizations.iter().map(|id| Role {
            entity_type: "ORGANIZATION".to_owned(),
            entity_id: id.clone(),
            role: "ORGANIZATION_OWNER".to_owned(),
        });
        let organization = organizations.first().cloned().unwrap_or_default();
        Ok(Self { id: session.user, is_person: true, organization, roles: roles.collect(), organizations })
    }

    /// What it may do in the whole organization.
    pub(super) fn in_organization(&self) -> Reach {
        self.reach("ORGANIZATION", &self.organization, |role| role == "ORGANIZATION_OWNER")
    }

    /// What it may do in a workspace.
    pub(super) fn in_workspace(&self, workspace: &str) -> Reach {
        let own = self
            .reach("WORKSPACE", workspace, |role| matches!(role, "WORKSPACE_OWNER" | "WORKSPACE_OPERATOR"));
        self.in_organization().max(own)
    }

    /// What it may do on a deployment of a workspace. A custom role reads only.
    pub(super) fn in_deployment(&self, workspace: &str, deployment: &str) -> Reach {
        let own = self.reach("DEPLOYMENT", deployment, |role| role == "DEPLOYMENT_ADMIN");
        self.in_workspace(workspace).max(own)
    }

    fn reach(&self, entity_type: &str, entity: &str, manages: impl Fn(&str) -> bool) -> Reach {
        let here =
            self.roles.iter().filter(|role| role.entity_type == entity_type && role.entity_id == entity);
        here.map(|role| if manages(&role.role) { Reach::Manage } else { Reach::Read })
            .max()
            .unwrap_or(Reach::None)
    }
}
