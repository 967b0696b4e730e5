//! The commands against a host in this process. Switching needs a real one.

use astro_plugin_api::testing::{DEPLOYMENT, ORGANIZATION, WORKSPACE, host as astro};
use astro_plugin_sdk::{
    serde_json::{Value, json},
    testing::Host,
};

fn path(rest: &str) -> String {
    format!("organizations/{ORGANIZATION}{rest}")
}

fn host() -> Host {
    let deployment = |id: &str, name: &str| {
        json!({
            "id": id, "name": name, "workspaceId": WORKSPACE, "workspaceName": "Data Platform", "status": "HEALTHY",
            "organizationId": ORGANIZATION, "createdAt": "2026-01-01T00:00:00Z",
        })
    };
    let organization = json!({
        "id": ORGANIZATION, "name": "Acme", "product": "HOSTED", "status": "ACTIVE",
        "productPlans": [{"productPlanName": "TEAM_V2"}, {"productPlanName": "OTHER"}],
        "createdBy": {"id": "u1", "fullName": "Ada"}, "updatedBy": {"id": "t1", "apiTokenName": "bot"},
        "isScimEnabled": false,
    });
    let workspace = |id: &str, name: &str| json!({"id": id, "name": name, "organizationId": ORGANIZATION, "organizationName": "Acme"});
    astro(crate::plugin())
        .get(&path(""), organization.clone())
        .list("organizations", "organizations", json!([organization]))
        .list(
            &path("/workspaces"),
            "workspaces",
            json!([
                workspace(WORKSPACE, "Data Platform"),
                workspace("w2", "Twice"),
                workspace("w3", "Twice")
            ]),
        )
        .list(&path("/deployments"), "deployments", json!([deployment(DEPLOYMENT, "Ingest")]))
        .get(&path(&format!("/deployments/{DEPLOYMENT}")), deployment(DEPLOYMENT, "Ingest"))
        .lenient()
}

#[test]
fn a_list_of_one_workspace_tells_of_the_others() {
    let told = format!(
        "Only the workspace Data Platform ({WORKSPACE}) is shown, from the test; see all workspaces with `astro deployment list --all`.\n"
    );
    for (options, expected) in
        [("", told.as_str()), ("--all", ""), ("--workspace w2", ""), ("-o json", ""), ("-q", "")]
    {
        let ran = host().run(&format!("astro deployment list {options}"));
        assert_eq!(ran.stderr, expected, "{options}");
        ran.ok();
    }
    let empty = host().list(&path("/deployments"), "deployments", json!([]));
    let ran = empty.run("astro deployment list");
    assert!(
        ran.stderr.contains("Only the workspace") && ran.stderr.contains("No deployments."),
        "{}",
        ran.stderr
    );
}

#[test]
fn every_id_has_its_name_in_json() {
    let host = host();
    let deployments = host.run("astro deployment list -o json").json()["deployments"][0].clone();
    let deployment = host.run("astro deployment inspect -o json").json();
    for record in [&deployments, &deployment] {
        assert_eq!(record["workspace_name"], "Data Platform", "{record}");
        assert_eq!(record["organization_id"], ORGANIZATION);
        assert_eq!(record["organization_name"], "Acme");
    }
    assert_eq!(deployment.get("cluster_name"), Some(&Value::Null));
    let workspaces = host.run("astro workspace list -o json").json();
    assert_eq!(workspaces["workspaces"][0]["organization_name"], "Acme");
}

#[test]
fn an_organization_is_inspected_by_id_or_name_or_as_the_one_in_use() {
    for target in ["", ORGANIZATION, "Acme"] {
        let shown = host().formats(&format!("astro organization inspect {target}"));
        assert_eq!(shown.json["plans"], json!(["TEAM_V2", "OTHER"]));
        assert_eq!((&shown.json["created_by"], &shown.json["updated_by"]), (&json!("Ada"), &json!("bot")));
        assert_eq!(shown.json.get("created_at"), Some(&Value::Null));
        assert!(shown.table.contains("TEAM_V2, OTHER"), "{}", shown.table);
        assert_eq!(shown.clean, format!("{ORGANIZATION}\tAcme\tHOSTED\tACTIVE\t\ttrue\n"));
    }
    let ran = host().run("astro organization inspect Nothing");
    assert!(ran.code == 1 && ran.stderr.contains("there is no organization"), "{}", ran.stderr);
}

#[test]
fn a_workspace_is_inspected_by_id_or_name_or_as_the_one_in_use() {
    for target in ["", WORKSPACE, "'Data Platform'"] {
        let shown = host().formats(&format!("astro workspace inspect {target}"));
        assert_eq!(shown.json["organization_name"], "Acme");
        assert_eq!(shown.clean, format!("{WORKSPACE}\tData Platform\t\ttrue\t\n"));
        assert!(shown.table.contains("ORGANIZATION     Acme"), "{}", shown.table);
    }
    for (line, code, words) in [
        ("astro workspace inspect Nothing", 1, "there is no workspace with the name `Nothing`"),
        ("astro workspace inspect Twice", 2, "w2 or w3"),
    ] {
        let ran = host().run(line);
        let words: Vec<&str> = words.split(" or ").collect();
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{}", ran.stderr);
    }
    let without =
        host().without_context().run(&format!("astro workspace inspect --organization {ORGANIZATION}"));
    assert!(without.code == 2 && without.stderr.contains("no workspace is given"), "{}", without.stderr);
}
