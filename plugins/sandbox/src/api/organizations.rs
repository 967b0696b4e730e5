//! ListOrganizations, GetOrganization.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};

use super::{
    Answer, Call, Refusal, json_body,
    page::{Sortable, Source, filter},
    people,
};

const COLUMNS: &str = "id, name, created_at";
pub(super) const SORTABLE: &Sortable =
    &[("name", "name"), ("createdAt", "created_at"), ("updatedAt", "created_at")];
const PRODUCT: &str = "ASTRO";
const PLAN: &str = "BUSINESS_CRITICAL";

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let products = call.query.choices("product", &["HOSTED", "HYBRID"])?;
    let plans = call.query.choices("productPlan", &["TRIAL", "BASIC", "STANDARD", "PREMIUM", PLAN])?;
    call.query.choices("astronomerProduct", &[PRODUCT])?;
    // Every organization of the sandbox has the same product and plan.
    let has = |wanted: &[&str], own: &str| wanted.is_empty() || wanted.contains(&own);
    let fits = if has(&products, "HOSTED") && has(&plans, PLAN) { "" } else { " AND 0" };
    let own: Vec<&str> = call.caller.organizations.iter().map(String::as_str).collect();
    let condition = format!("1{}{fits}", filter("id", &own));
    let source = Source {
        key: "organizations",
        table: "organizations",
        columns: COLUMNS,
        condition: &condition,
        sortable: SORTABLE,
        max_limit: Some(1000),
    };
    call.query.page(call.connection, &source, [], to_json)
}

pub(super) fn get(call: &mut Call<'_>, id: &str) -> Answer {
    call.query.boolean("isLookUpOnly")?;
    let sql = format!("SELECT {COLUMNS} FROM organizations WHERE id = ?1");
    json_body(&call.connection.query_row(&sql, [id], to_json)?)
}

/// Refuses with 404 when there is no such organization.
pub(super) fn exists(connection: &Connection, id: &str) -> Result<(), Refusal> {
    let found: Option<i64> = connection
        .query_row("SELECT 1 FROM organizations WHERE id = ?1", [id], |row| row.get(0))
        .optional()?;
    found.map(|_| ()).ok_or_else(|| Refusal::not_found("Organization not found"))
}

fn to_json(row: &Row<'_>) -> rusqlite::Result<Value> {
    let (id, name, created): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let author = people::subject(None, None);
    Ok(json!({
        "id": id, "name": name, "product": "HOSTED", "status": "ACTIVE",
        "allowEnhancedSupportAccess": false, "hasAllowedIpAddressRanges": false, "isBlockedEnableAiFeatures": false,
        "isScimEnabled": false, "shouldEnforceDedicatedClusters": false,
        "productPlans": [{
            "astronomerProduct": PRODUCT, "organizationId": id, "productPlanId": "cm00sandbox00000plan00001",
            "productPlanName": PLAN,
        }],
        "createdAt": created, "createdBy": author, "updatedAt": created, "updatedBy": author,
    }))
}
