//! `/sandbox`: for tests, by an administrator's token. It orders faults and tells what the server did.

use rusqlite::params;
use serde_json::{Value, json};

use super::{Answer, Call, Reach, Refusal, faults::Fault, json_body};

/// `POST /sandbox/faults`: the next requests that fit get this fault.
pub(super) fn add_fault(call: &mut Call<'_>) -> Answer {
    administrators_only(call)?;
    let fault: Fault = serde_json::from_slice(&call.body)
        .map_err(|error| Refusal::bad_request(&format!("The body is not a fault: {error}")))?;
    call.server.faults.order(fault);
    json_body(&json!({}))
}

/// `GET /sandbox/requests`: every request below `/v1` since the start, such as `GET /v1/organizations`.
pub(super) fn requests(call: &mut Call<'_>) -> Answer {
    administrators_only(call)?;
    json_body(&json!({ "requests": call.server.faults.requests() }))
}

/// `GET /sandbox/issued`: every token value that was ever made, oldest first.
pub(super) fn issued(call: &mut Call<'_>) -> Answer {
    administrators_only(call)?;
    let mut statement =
        call.connection.prepare("SELECT token_id, name, value, issued_at FROM issued ORDER BY rowid")?;
    let rows = statement.query_map(params![], |row| {
        let (id, name, value, at): (String, String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(json!({ "id": id, "name": name, "token": value, "issuedAt": at }))
    })?;
    let rows: Vec<Value> = rows.collect::<rusqlite::Result<_>>()?;
    json_body(&json!({ "issued": rows }))
}

fn administrators_only(call: &Call<'_>) -> Result<(), Refusal> {
    match call.caller.in_organization() {
        Reach::Manage => Ok(()),
        _ => Err(Refusal::forbidden("Only an administrator's token may do this")),
    }
}
