//! ListDeployments, GetDeployment: those the caller can see.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};

use super::{
    Answer, Call, Reach, Refusal, json_body,
    organizations::SORTABLE,
    page::{Source, filter},
};

const COLUMNS: &str = "id, name, namespace, organization_id, workspace_id, status, executor, created_at,
    (SELECT name FROM workspaces w WHERE w.id = workspace_id)";

pub(super) fn list(call: &mut Call<'_>, organization: &str) -> Answer {
    let mut statement = call
        .connection
        .prepare_cached("SELECT workspace_id, id FROM deployments WHERE organization_id = ?1")?;
    let all = statement
        .query_map([organization], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    drop(statement);
    let visible: Vec<&str> = all
        .iter()
        .filter(|(workspace, id)| call.caller.in_deployment(workspace, id) > Reach::None)
        .map(|(_, id)| id.as_str())
        .collect();
    let condition = format!(
        "organization_id = ?1{}{}{}{}",
        filter("id", if visible.is_empty() { &[""] } else { &visible }),
        filter("id", &call.query.all("deploymentIds")),
        filter("workspace_id", &call.query.all("workspaceIds")),
        filter("name", &call.query.all("names"))
    );
    let source = Source {
        key: "deployments",
        table: "deployments",
        columns: COLUMNS,
        condition: &condition,
        sortable: SORTABLE,
        max_limit: None,
    };
    call.query.page(call.connection, &source, [organization], to_json)
}

pub(super) fn get(call: &mut Call<'_>, organization: &str, id: &str) -> Answer {
    let workspace = workspace_of(call.connection, organization, id)?;
    if call.caller.in_deployment(&workspace, id) == Reach::None {
        return Err(Refusal::forbidden("The token does not reach this deployment"));
    }
    let sql = format!("SELECT {COLUMNS} FROM deployments WHERE id = ?1");
    json_body(&call.connection.query_row(&sql, [id], to_json)?)
}

/// The workspace of a deployment; 404 when the organization has no such deployment.
pub(super) fn workspace_of(connection: &Connection, organization: &str, id: &str) -> Result<String, Refusal> {
    let sql = "SELECT workspace_id FROM deployments WHERE id = ?1 AND organization_id = ?2";
    let found: Option<String> = connection.query_row(sql, [id, organization], |row| row.get(0)).optional()?;
    found.ok_or_else(|| Refusal::not_found("Deployment not found"))
}

fn to_json(row: &Row<'_>) -> rusqlite::Result<Value> {
    let text = |at: usize| row.get::<_, String>(at);
    Ok(json!({
        "id": text(0)?, "name": text(1)?, "namespace": text(2)?, "organizationId": text(3)?, "workspaceId": text(4)?,
        "workspaceName": text(8)?, "status": text(5)?, "type": "STANDARD", "executor": text(6)?,
        "cloudProvider": "AWS", "region": "us-east-1", "astroRuntimeVersion": "13.2.0", "airflowVersion": "3.0.4",
        "isCicdEnforced": false, "isDagDeployEnabled": true, "createdAt": text(7)?, "updatedAt": text(7)?,
    }))
}
