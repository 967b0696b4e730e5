//! ListWorkspaces: those the caller can see; GetWorkspace.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};

use super::{
    Answer, Call, Caller, Reach, Refusal, json_body,
    organizations::SORTABLE,
    page::{Source, filter},
    people,
};

const COLUMNS: &str = "id, name, description, organization_id, created_at,
    (SELECT name FROM organizations o WHERE o.id = organization_id)";

pub(super) fn list(call: &mut Call<'_>, organization: &str) -> Answer {
    let visible = visible(call.connection, &call.caller, organization)?;
    let visible: Vec<&str> = visible.iter().map(String::as_str).collect();
    let condition = format!(
        "organization_id = ?1{}{}{}",
        filter("id", if visible.is_empty() { &[""] } else { &visible }),
        filter("id", &call.query.all("workspaceIds")),
        filter("name", &call.query.all("names"))
    );
    let source = Source {
        key: "workspaces",
        table: "workspaces",
        columns: COLUMNS,
        condition: &condition,
        sortable: SORTABLE,
        max_limit: Some(1000),
    };
    call.query.page(call.connection, &source, [organization], to_json)
}

/// GetWorkspace.
pub(super) fn get(call: &mut Call<'_>, organization: &str, id: &str) -> Answer {
    exists(call.connection, organization, id)?;
    if !visible(call.connection, &call.caller, organization)?.iter().any(|visible| visible == id) {
        return Err(Refusal::forbidden("The token does not reach this workspace"));
    }
    let sql = format!("SELECT {COLUMNS} FROM workspaces WHERE id = ?1");
    json_body(&call.connection.query_row(&sql, [id], to_json)?)
}

/// The workspaces a caller reaches, also through one of their deployments.
fn visible(connection: &Connection, caller: &Caller, organization: &str) -> Result<Vec<String>, Refusal> {
    let mut statement = connection.prepare_cached(
        "SELECT w.id, d.id FROM workspaces w LEFT JOIN deployments d ON d.workspace_id = w.id WHERE w.organization_id = ?1",
    )?;
    let pairs = statement
        .query_map([organization], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))?;
    let mut visible = Vec::new();
    for pair in pairs {
        let (workspace, deployment) = pair?;
        let through =
            deployment.map_or(Reach::None, |deployment| caller.in_deployment(&workspace, &deployment));
        if caller.in_workspace(&workspace).max(through) > Reach::None && !visible.contains(&workspace) {
            visible.push(workspace);
        }
    }
    Ok(visible)
}

/// Refuses with 404 when the organization has no such workspace.
pub(super) fn exists(connection: &Connection, organization: &str, id: &str) -> Result<(), Refusal> {
    let sql = "SELECT 1 FROM workspaces WHERE id = ?1 AND organization_id = ?2";
    let found: Option<i64> = connection.query_row(sql, [id, organization], |row| row.get(0)).optional()?;
    found.map(|_| ()).ok_or_else(|| Refusal::not_found("Workspace not found"))
}

fn to_json(row: &Row<'_>) -> rusqlite::Result<Value> {
    let text = |at: usize| row.get::<_, String>(at);
    let author = people::subject(None, None);
    Ok(json!({
        "id": text(0)?, "name": text(1)?, "description": text(2)?, "organizationId": text(3)?,
        "organizationName": text(5)?, "cicdEnforcedDefault": false, "createdAt": text(4)?, "createdBy": author,
        "updatedAt": text(4)?, "updatedBy": author,
    }))
}
