//! ListDeployments, GetDeployment: those the caller can see.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};

use super::{
    Answer, Call, Reach, Refusal, json_body,
    organizations::SORTABLE,
    page::{Source, filter},
    people,
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

/// Addresses lie below `sandbox.localhost`, which is no other host's (RFC 6761).
fn to_json(row: &Row<'_>) -> rusqlite::Result<Value> {
    let text = |at: usize| row.get::<_, String>(at);
    let (id, namespace, workspace) = (text(0)?, text(2)?, text(4)?);
    let airflow = format!("airflow.sandbox.localhost/{namespace}");
    let author = people::subject(None, None);
    Ok(json!({
        "id": id, "name": text(1)?, "namespace": namespace, "organizationId": text(3)?, "workspaceId": workspace,
        "workspaceName": text(8)?, "status": text(5)?, "type": "STANDARD", "executor": text(6)?,
        "cloudProvider": "AWS", "region": "us-east-1",
        "astroRuntimeVersion": "3.0-7", "runtimeVersion": "3.0-7", "airflowVersion": "3.0.4",
        "apiUrl": format!("https://{airflow}/api/v2"), "webServerAirflowApiUrl": format!("https://{airflow}/api/v2"),
        "webServerUrl": format!("https://{airflow}"), "webServerIngressHostname": "airflow.sandbox.localhost",
        "uiUrl": format!("https://ui.sandbox.localhost/{workspace}/deployments/{id}"),
        "imageRepository": format!("images.sandbox.localhost/{namespace}"), "imageTag": "deploy-1",
        "schedulerCpu": "1", "schedulerMemory": "2Gi", "schedulerReplicas": 1, "webServerCpu": "1", "webServerMemory": "2Gi",
        "isCicdEnforced": false, "isDagDeployEnabled": true,
        "createdAt": text(7)?, "createdBy": author, "updatedAt": text(7)?, "updatedBy": author,
    }))
}
