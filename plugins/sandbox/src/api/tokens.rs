//! ListApiTokens, CreateApiToken, GetApiToken, UpdateApiToken, UpdateApiTokenRoles, RotateApiToken,
//! DeleteApiToken.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Answer, Body, Call, Caller, Reach, Refusal, deployments, json_body, no_content,
    page::{Sortable, Source, filter},
    people, roles, workspaces,
};
use crate::database::{new_id, timestamp, value_of};

const COLUMNS: &str = "id, name, description, scope, kind, short_token, start_at, end_at, expiry_days, last_used_at,
    last_rotated_at, created_at, updated_at, created_by, updated_by,
    (SELECT name FROM tokens c WHERE c.id = tokens.created_by), (SELECT name FROM tokens u WHERE u.id = tokens.updated_by)";
const SORTABLE: &Sortable = &[
    ("name", "name"),
    ("description", "description"),
    ("createdAt", "created_at"),
    ("updatedAt", "updated_at"),
    ("tokenStartAt", "start_at"),
];
/// Limits of UpdateApiTokenRequest; the sandbox applies them on create, too.
const NAME_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 500;

const SCOPES: &[&str] = &["DEPLOYMENT", "WORKSPACE", "ORGANIZATION"];
const KINDS: &[&str] = &["STANDARD", "DIRECT_ACCESS"];
const ENTITY_TYPES: &[&str] = &["DEPLOYMENT", "WORKSPACE", "ORGANIZATION", "DAG", "DAG_TAG"];

/// One entry of a token's roles (schema `ApiTokenRole`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRole {
    entity_type: String,
    entity_id: String,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment_id: Option<String>,
}

pub(super) fn list(call: &mut Call<'_>, organization: &str) -> Answer {
    let mut condition = String::from("organization_id = ?1");
    let on = |entity_type: &str, ids: &[&str]| {
        format!(
            " AND id IN (SELECT token_id FROM token_roles WHERE entity_type = '{entity_type}'{})",
            filter("entity_id", ids)
        )
    };
    let mut reach = call.caller.in_organization();
    if let Some(deployment) = call.query.one("deploymentId") {
        let workspace = deployments::workspace_of(call.connection, organization, deployment)?;
        reach = call.caller.in_deployment(&workspace, deployment);
        condition += &on("DEPLOYMENT", &[deployment]);
    }
    if let Some(workspace) = call.query.one("workspaceId") {
        reach = reach.max(call.caller.in_workspace(workspace));
        condition += &on("WORKSPACE", &[workspace]);
    }
    if let Some(dag) = call.query.one("dagId") {
        condition += &on("DAG", &[dag]);
    }
    let tags = call.query.all("dagTags");
    if !tags.is_empty() {
        condition += &on("DAG_TAG", &tags);
    }
    if reach == Reach::None {
        return Err(Refusal::forbidden("The token may not list these tokens"));
    }
    if call.query.boolean("includeOnlyOrganizationTokens")? {
        condition += " AND scope = 'ORGANIZATION'";
    }
    condition += &filter("kind", &call.query.choices("kind", KINDS)?);
    let source = Source {
        key: "tokens",
        table: "tokens",
        columns: COLUMNS,
        condition: &condition,
        sortable: SORTABLE,
        max_limit: Some(1000),
    };
    let mut envelope = call.query.envelope(call.connection, &source, [organization], to_json)?;
    for token in envelope.get_mut("tokens").and_then(Value::as_array_mut).into_iter().flatten() {
        add_roles(call.connection, token)?;
    }
    json_body(&envelope)
}

pub(super) fn get(call: &mut Call<'_>, organization: &str, id: &str) -> Answer {
    let reach = reach(call.connection, &call.caller, organization, id)?;
    if reach == Reach::None {
        return Err(Refusal::forbidden("The token may not read this token"));
    }
    json_body(&read(call.connection, id)?)
}

pub(super) fn create(call: &mut Call<'_>, organization: &str) -> Answer {
    let mut body = Body::read(&call.body)?;
    let name = body.required_short_text("/name", NAME_MAX);
    let description = body.short_text("/description", DESCRIPTION_MAX).unwrap_or_default();
    let scope = body.required_choice("/scope", SCOPES);
    let kind = body.choice("/kind", KINDS);
    let days = body.integer("/tokenExpiryPeriodInDays", &(1..=3650));
    let entity = body.text("/entityId").filter(|id| !id.is_empty());
    let role = body.required("/role");
    if let Some(scope) = &scope {
        if scope != "ORGANIZATION" && entity.is_none() {
            body.refuse("required", "/entityId", "is needed for this scope");
        }
        if !roles::fits(call.connection, organization, scope, &role)? {
            body.refuse("oneof", "/role", &format!("`{role}` is not a role of this scope"));
        }
    }
    body.end()?;
    let scope = scope.unwrap_or_default();
    let entity = entity.unwrap_or_else(|| organization.to_owned());
    let (reach, workspace) = place(call, organization, &scope, &entity)?;
    if reach != Reach::Manage {
        return Err(Refusal::forbidden("The token may not create tokens here"));
    }
    let (id, now) = (new_id(), Timestamp::now());
    let ends = days.map(|days| now + SignedDuration::from_hours(24 * days));
    let transaction = call.connection.transaction()?;
    transaction.execute(
        "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '', 0, ?8, ?9, ?10, ?11, ?12, NULL, NULL, ?11, ?11, ?13, ?13)",
        params![
            id, organization, name, description, scope, kind.as_deref().unwrap_or("STANDARD"), workspace,
            now.as_second(), ends.map(Timestamp::as_second), days, timestamp(now), ends.map(timestamp),
            call.caller.id
        ],
    )?;
    insert_roles(
        &transaction,
        &id,
        &[TokenRole { entity_type: scope, entity_id: entity, role, deployment_id: None }],
    )?;
    let answer = with_value(&transaction, &id)?;
    transaction.commit()?;
    json_body(&answer)
}

pub(super) fn update(call: &mut Call<'_>, organization: &str, id: &str) -> Answer {
    manage(call, organization, id)?;
    let mut body = Body::read(&call.body)?;
    let name = body.required_short_text("/name", NAME_MAX);
    let description = body.short_text("/description", DESCRIPTION_MAX).unwrap_or_default();
    body.end()?;
    call.connection.execute(
        "UPDATE tokens SET name = ?2, description = ?3, updated_at = ?4, updated_by = ?5 WHERE id = ?1",
        params![id, name, description, timestamp(Timestamp::now()), call.caller.id],
    )?;
    json_body(&read(call.connection, id)?)
}

/// Replaces the whole set. Who manages one place may change the entries of that place only; others must
/// come back as they were.
pub(super) fn update_roles(call: &mut Call<'_>, organization: &str, id: &str) -> Answer {
    let before = roles_of(call.connection, id)?;
    reach(call.connection, &call.caller, organization, id)?;
    let mut body = Body::read(&call.body)?;
    let mut roles = Vec::new();
    for at in 0..body.items("/roles") {
        let entity_type = body.required_choice(&format!("/roles/{at}/entityType"), ENTITY_TYPES);
        let entity_id = body.required(&format!("/roles/{at}/entityId"));
        let role = body.required(&format!("/roles/{at}/role"));
        let deployment_id = body.text(&format!("/roles/{at}/deploymentId"));
        let Some(entity_type) = entity_type else { continue };
        if entity_type.starts_with("DAG") && deployment_id.is_none() {
            body.refuse("required", &format!("/roles/{at}/deploymentId"), "is needed for this entity type");
        }
        if !roles::fits(call.connection, organization, &entity_type, &role)? {
            let message = format!("`{role}` is not a role of {entity_type}");
            body.refuse("oneof", &format!("/roles/{at}/role"), &message);
        }
        roles.push(TokenRole { entity_type, entity_id, role, deployment_id });
    }
    body.end()?;
    let changed = roles
        .iter()
        .filter(|role| !before.contains(role))
        .chain(before.iter().filter(|role| !roles.contains(role)));
    for role in changed {
        let entity = role.deployment_id.as_deref().unwrap_or(&role.entity_id);
        let entity_type = if role.deployment_id.is_some() { "DEPLOYMENT" } else { &role.entity_type };
        if place(call, organization, entity_type, entity)?.0 != Reach::Manage {
            return Err(Refusal::forbidden("The token may not change roles there"));
        }
    }
    let transaction = call.connection.transaction()?;
    transaction.execute("DELETE FROM token_roles WHERE token_id = ?1", [id])?;
    insert_roles(&transaction, id, &roles)?;
    transaction.execute(
        "UPDATE tokens SET updated_at = ?2, updated_by = ?3 WHERE id = ?1",
        params![id, timestamp(Timestamp::now()), call.caller.id],
    )?;
    transaction.commit()?;
    json_body(&subject_roles(&roles))
}

/// The former value stops working at once.
pub(super) fn rotate(call: &mut Call<'_>, organization: &str, id: &str) -> Answer {
    manage(call, organization, id)?;
    let now = Timestamp::now();
    let transaction = call.connection.transaction()?;
    transaction.execute(
        "UPDATE tokens SET rotation = rotation + 1, issued = ?2, last_rotated_at = ?3, updated_at = ?3, updated_by = ?4 WHERE id = ?1",
        params![id, now.as_second(), timestamp(now), call.caller.id],
    )?;
    let answer = with_value(&transaction, id)?;
    transaction.commit()?;
    json_body(&answer)
}

pub(super) fn delete(call: &mut Call<'_>, organization: &str, id: &str) -> Answer {
    manage(call, organization, id)?;
    call.connection.execute("DELETE FROM tokens WHERE id = ?1", [id])?;
    no_content()
}

/// What the caller may do in a place, and the workspace it is in.
fn place(
    call: &Call<'_>,
    organization: &str,
    scope: &str,
    entity: &str,
) -> Result<(Reach, Option<String>), Refusal> {
    match scope {
        "DEPLOYMENT" => {
            let workspace = deployments::workspace_of(call.connection, organization, entity)?;
            Ok((call.caller.in_deployment(&workspace, entity), Some(workspace)))
        }
        "WORKSPACE" => {
            workspaces::exists(call.connection, organization, entity)?;
            Ok((call.caller.in_workspace(entity), Some(entity.to_owned())))
        }
        _ if entity == organization => Ok((call.caller.in_organization(), None)),
        _ => Err(Refusal::not_found("Organization not found")),
    }
}

/// What the caller may do with a token: manage it in its own scope, read it where it has a role. A token
/// reads itself.
fn reach(connection: &Connection, caller: &Caller, organization: &str, id: &str) -> Result<Reach, Refusal> {
    let sql = "SELECT scope FROM tokens WHERE id = ?1 AND organization_id = ?2";
    let scope: Option<String> = connection.query_row(sql, [id, organization], |row| row.get(0)).optional()?;
    let scope = scope.ok_or_else(|| Refusal::not_found("API token not found"))?;
    let mut reach = caller.in_organization().max(if caller.id == id { Reach::Read } else { Reach::None });
    for role in roles_of(connection, id)? {
        let here = match role.entity_type.as_str() {
            "DEPLOYMENT" => {
                let workspace = deployments::workspace_of(connection, organization, &role.entity_id)?;
                caller.in_deployment(&workspace, &role.entity_id)
            }
            "WORKSPACE" => caller.in_workspace(&role.entity_id),
            _ => caller.in_organization(),
        };
        // A token of a wider scope that is attached here can be seen here and not managed.
        reach = reach.max(if role.entity_type == scope { here } else { here.min(Reach::Read) });
    }
    Ok(reach)
}

fn manage(call: &Call<'_>, organization: &str, id: &str) -> Result<(), Refusal> {
    match reach(call.connection, &call.caller, organization, id)? {
        Reach::Manage => Ok(()),
        _ => Err(Refusal::forbidden("The token may not change this token")),
    }
}

fn roles_of(connection: &Connection, id: &str) -> Result<Vec<TokenRole>, Refusal> {
    let mut statement = connection
        .prepare_cached("SELECT entity_type, entity_id, role, deployment_id FROM token_roles WHERE token_id = ?1 ORDER BY position")?;
    let roles = statement.query_map([id], |row| {
        Ok(TokenRole {
            entity_type: row.get(0)?,
            entity_id: row.get(1)?,
            role: row.get(2)?,
            deployment_id: row.get(3)?,
        })
    })?;
    Ok(roles.collect::<rusqlite::Result<_>>()?)
}

fn insert_roles(connection: &Connection, id: &str, roles: &[TokenRole]) -> Result<(), Refusal> {
    for (position, role) in (0i64..).zip(roles) {
        connection.execute(
            "INSERT INTO token_roles VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![id, position, role.entity_type, role.entity_id, role.role, role.deployment_id],
        )?;
    }
    Ok(())
}

fn read(connection: &Connection, id: &str) -> Result<Value, Refusal> {
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE id = ?1");
    let mut token = connection.query_row(&sql, [id], to_json)?;
    add_roles(connection, &mut token)?;
    Ok(token)
}

/// The token with its value: the only answers that carry it are those of create and rotate.
fn with_value(connection: &Connection, id: &str) -> Result<Value, Refusal> {
    let value = value_of(connection, id)?;
    let tail = &value[value.len() - 8..];
    connection
        .execute("UPDATE tokens SET short_token = ?2 WHERE id = ?1", params![id, format!("…{tail}")])?;
    connection.execute(
        "INSERT INTO issued SELECT id, name, ?2, ?3 FROM tokens WHERE id = ?1",
        params![id, value, timestamp(Timestamp::now())],
    )?;
    let mut token = read(connection, id)?;
    token["token"] = value.into();
    Ok(token)
}

fn add_roles(connection: &Connection, token: &mut Value) -> Result<(), Refusal> {
    let roles = roles_of(connection, token["id"].as_str().unwrap_or_default())?;
    token["roles"] = json!(roles);
    Ok(())
}

fn to_json(row: &Row<'_>) -> rusqlite::Result<Value> {
    let mut token = Map::new();
    let mut put = |key: &str, at: usize| -> rusqlite::Result<()> {
        if let Some(text) = row.get::<_, Option<String>>(at)? {
            token.insert(key.to_owned(), text.into());
        }
        Ok(())
    };
    let texts = ["id", "name", "description", "scope", "kind", "shortToken", "startAt", "endAt"];
    for (at, key) in texts.into_iter().enumerate() {
        put(key, at)?;
    }
    for (key, at) in [("lastUsedAt", 9), ("lastRotatedAt", 10), ("createdAt", 11), ("updatedAt", 12)] {
        put(key, at)?;
    }
    if let Some(days) = row.get::<_, Option<i64>>(8)? {
        token.insert("expiryPeriodInDays".to_owned(), days.into());
    }
    for (key, id, name) in [("createdBy", 13, 15), ("updatedBy", 14, 16)] {
        let (id, name): (Option<String>, Option<String>) = (row.get(id)?, row.get(name)?);
        token.insert(key.to_owned(), people::subject(id.as_deref(), name.as_deref()));
    }
    Ok(Value::Object(token))
}

/// The answer of UpdateApiTokenRoles: the same roles, grouped (schema `SubjectRoles`).
fn subject_roles(roles: &[TokenRole]) -> Value {
    let of = |entity_type: &str| {
        roles.iter().filter(move |role| role.entity_type == entity_type).cloned().collect::<Vec<_>>()
    };
    let dag = |key: &str, role: &TokenRole| json!({ "deploymentId": role.deployment_id, key: role.entity_id, "role": role.role });
    let dags = of("DAG").into_iter().map(|role| dag("dagId", &role));
    let dags = dags.chain(of("DAG_TAG").into_iter().map(|role| dag("dagTag", &role)));
    let mut grouped = json!({
        "workspaceRoles": of("WORKSPACE").iter().map(|role| json!({ "workspaceId": role.entity_id, "role": role.role })).collect::<Vec<_>>(),
        "deploymentRoles": of("DEPLOYMENT").iter().map(|role| json!({ "deploymentId": role.entity_id, "role": role.role })).collect::<Vec<_>>(),
        "dagRoles": dags.collect::<Vec<_>>(),
    });
    if let Some(role) = of("ORGANIZATION").first() {
        grouped["organizationRole"] = role.role.clone().into();
    }
    grouped
}
