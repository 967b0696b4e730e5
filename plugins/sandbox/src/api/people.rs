//! GetSelfUser, ListUsers: the people of the sandbox, and how answers name who did something.

use serde_json::{Value, json};

use super::{Answer, Call, Reach, Refusal, deployments, json_body, workspaces};
use crate::issuer;

/// A person.
struct Person {
    id: &'static str,
    name: &'static str,
    mail: &'static str,
    /// Has roles in workspaces and on deployments besides the one in the organization.
    everywhere: bool,
}

/// Who signs in, and who made what a new sandbox holds.
const PEOPLE: [Person; 2] = [
    Person { id: issuer::USER, name: issuer::NAME, mail: issuer::EMAIL, everywhere: true },
    Person {
        id: "cm00sandbox0000000seed001",
        name: "Sandbox Seed",
        mail: "seed@sandbox.localhost",
        everywhere: false,
    },
];

/// `GET /users/self`: for a person who signed in.
pub(super) fn own(call: &mut Call<'_>) -> Answer {
    call.query.boolean("createIfNotExist")?;
    let person = PEOPLE.iter().find(|person| call.caller.is_person && person.id == call.caller.id);
    let person = person.ok_or_else(|| {
        Refusal::forbidden("Only a person who signed in is a user; the credential is an API token")
    })?;
    let roles: Vec<Value> = call
        .caller
        .organizations
        .iter()
        .map(
            |id| json!({ "role": "ORGANIZATION_OWNER", "scope": { "entityId": id, "type": "ORGANIZATION" } }),
        )
        .collect();
    let mut answer = described(call, person)?;
    answer["organizationId"] = call.caller.organization.clone().into();
    answer["isIdpManaged"] = false.into();
    answer["roles"] = roles.into();
    json_body(&answer)
}

/// `GET /organizations/{organization}/users`: its people, or those of a workspace or a deployment.
pub(super) fn list(call: &mut Call<'_>, organization: &str) -> Answer {
    let mut reach = call.caller.in_organization();
    let mut everywhere = false;
    if let Some(workspace) = call.query.one("workspaceId") {
        workspaces::exists(call.connection, organization, workspace)?;
        (reach, everywhere) = (call.caller.in_workspace(workspace), true);
    }
    if let Some(deployment) = call.query.one("deploymentId") {
        let workspace = deployments::workspace_of(call.connection, organization, deployment)?;
        (reach, everywhere) = (call.caller.in_deployment(&workspace, deployment), true);
    }
    if reach == Reach::None {
        return Err(Refusal::forbidden("The token may not list these users"));
    }
    let ids = |table: &str| -> rusqlite::Result<Vec<String>> {
        let sql = format!("SELECT id FROM {table} WHERE organization_id = ?1 ORDER BY rowid");
        let mut statement = call.connection.prepare(&sql)?;
        statement.query_map([organization], |row| row.get(0))?.collect()
    };
    let roles = |key: &str, role: &str, ids: Vec<String>| -> Value {
        ids.into_iter().map(|id| json!({ key: id, "role": role })).collect()
    };
    let mut rows = Vec::new();
    for person in PEOPLE.iter().filter(|person| person.everywhere || !everywhere) {
        let mut row = described(call, person)?;
        row["organizationRole"] = "ORGANIZATION_OWNER".into();
        if person.everywhere {
            row["workspaceRoles"] = roles("workspaceId", "WORKSPACE_OWNER", ids("workspaces")?);
            row["deploymentRoles"] = roles("deploymentId", "DEPLOYMENT_ADMIN", ids("deployments")?);
        }
        rows.push(row);
    }
    call.query.page_of("users", rows, Some(1000))
}

/// What both answers have.
fn described(call: &Call<'_>, person: &Person) -> Result<Value, Refusal> {
    let sql = "SELECT min(created_at) FROM organizations";
    let since: String = call.connection.query_row(sql, [], |row| row.get(0))?;
    Ok(json!({
        "id": person.id, "username": person.mail, "fullName": person.name, "avatarUrl": "", "status": "ACTIVE",
        "createdAt": since, "updatedAt": since,
    }))
}

/// Who made or changed something (schema `BasicSubjectProfile`): a person, or a token with its name. What is there
/// from the beginning was made by the seed.
pub(super) fn subject(id: Option<&str>, token: Option<&str>) -> Value {
    let [.., seed] = &PEOPLE;
    match id {
        None => person_subject(seed),
        Some(id) => match PEOPLE.iter().find(|person| person.id == id) {
            Some(person) => person_subject(person),
            None => {
                json!({ "id": id, "subjectType": "SERVICEKEY", "apiTokenName": token.unwrap_or_default() })
            }
        },
    }
}

fn person_subject(person: &Person) -> Value {
    json!({
        "id": person.id, "subjectType": "USER", "fullName": person.name, "username": person.mail, "avatarUrl": "",
    })
}
