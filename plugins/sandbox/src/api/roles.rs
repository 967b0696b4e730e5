//! ListRoles: custom roles, and the built-in ones on request.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};

use super::{
    Answer, Call, Reach, Refusal, json_body,
    page::{Sortable, Source, filter},
    people,
};

const SORTABLE: &Sortable = &[
    ("name", "name"),
    ("scopeType", "scope_type"),
    ("description", "description"),
    ("createdAt", "created_at"),
    ("updatedAt", "created_at"),
];

/// The built-in roles: scope and name.
const BUILT_IN: &[(&str, &str)] = &[
    ("DEPLOYMENT", "DEPLOYMENT_ADMIN"),
    ("WORKSPACE", "WORKSPACE_OWNER"),
    ("WORKSPACE", "WORKSPACE_OPERATOR"),
    ("WORKSPACE", "WORKSPACE_AUTHOR"),
    ("WORKSPACE", "WORKSPACE_MEMBER"),
    ("WORKSPACE", "WORKSPACE_ACCESSOR"),
    ("ORGANIZATION", "ORGANIZATION_OWNER"),
    ("ORGANIZATION", "ORGANIZATION_BILLING_ADMIN"),
    ("ORGANIZATION", "ORGANIZATION_MEMBER"),
    ("DAG", "DAG_VIEWER"),
    ("DAG", "DAG_AUTHOR"),
];

pub(super) fn list(call: &mut Call<'_>, organization: &str) -> Answer {
    if call.caller.in_organization() == Reach::None {
        return Err(Refusal::forbidden("The token may not read the roles of the organization"));
    }
    let scopes = call.query.choices("scopeTypes", &["DEPLOYMENT", "WORKSPACE", "ORGANIZATION", "DAG"])?;
    let condition = format!("organization_id = ?1{}", filter("scope_type", &scopes));
    let source = Source {
        key: "roles",
        table: "roles",
        columns: "id, name, description, scope_type, created_at",
        condition: &condition,
        sortable: SORTABLE,
        max_limit: None,
    };
    let mut envelope = call.query.envelope(call.connection, &source, [organization], to_json)?;
    if call.query.boolean("includeDefaultRoles")? {
        let wanted = BUILT_IN.iter().filter(|(scope, _)| scopes.is_empty() || scopes.contains(scope));
        let roles = wanted
            .map(|(scope, name)| json!({ "name": name, "scopeType": scope, "permissions": [] }))
            .collect();
        envelope.insert("defaultRoles".to_owned(), Value::Array(roles));
    }
    json_body(&envelope)
}

/// Whether a role may be given on an entity of this type.
pub(super) fn fits(
    connection: &Connection,
    organization: &str,
    entity_type: &str,
    role: &str,
) -> Result<bool, Refusal> {
    let scope = if entity_type == "DAG_TAG" { "DAG" } else { entity_type };
    if BUILT_IN.contains(&(scope, role)) {
        return Ok(true);
    }
    let sql = "SELECT 1 FROM roles WHERE organization_id = ?1 AND name = ?2 AND scope_type = ?3";
    let found: Option<i64> =
        connection.query_row(sql, [organization, role, scope], |row| row.get(0)).optional()?;
    Ok(found.is_some())
}

fn to_json(row: &Row<'_>) -> rusqlite::Result<Value> {
    let text = |at: usize| row.get::<_, String>(at);
    let author = people::subject(None, None);
    Ok(json!({
        "id": text(0)?, "name": text(1)?, "description": text(2)?, "scopeType": text(3)?, "restrictedWorkspaceIds": [],
        "createdAt": text(4)?, "createdBy": author, "updatedAt": text(4)?, "updatedBy": author,
    }))
}
