//! What the specification says of parameters and bodies is checked of each of them, and the refusal names it.

use serde_json::{Value, json};

use super::{ACME, Api, INGEST, NIGHTLY, create, run};

impl Api {
    /// Follows `$ref`.
    fn resolved<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        while let Some(target) = value["$ref"].as_str() {
            value = self.spec.pointer(target.trim_start_matches('#')).expect("it is there");
        }
        value
    }
}

/// Values that a schema does not allow; none where it allows every value of a query string.
fn wrong_in_a_query(schema: &Value) -> Vec<String> {
    if schema["enum"].is_array() {
        return vec!["AAA".to_owned()];
    }
    match schema["type"].as_str().expect("a type") {
        "boolean" => vec!["maybe".to_owned()],
        "integer" => {
            let above = schema["maximum"].as_u64().map(|most| (most + 1).to_string());
            ["x", "-1", "1.5"].map(str::to_owned).into_iter().chain(above).collect()
        }
        _ => Vec::new(),
    }
}

fn wrong_in_a_body(schema: &Value) -> Vec<Value> {
    let mut wrong = vec![Value::Null, json!({})];
    match schema["type"].as_str().expect("a type") {
        "string" => wrong.push(json!(7)),
        "integer" => wrong.extend([json!("30"), json!(1.5)]),
        "array" => wrong.extend([json!("x"), json!([])]),
        other => panic!("{other}"),
    }
    wrong.extend(schema["enum"].as_array().map(|_| json!("AAA")));
    wrong.extend(schema["minimum"].as_i64().map(|least| json!(least - 1)));
    wrong.extend(schema["maximum"].as_i64().map(|most| json!(most + 1)));
    wrong.extend(schema["minLength"].as_u64().map(|_| json!("")));
    let too_long = schema["maxLength"].as_u64().and_then(|most| usize::try_from(most + 1).ok());
    wrong.extend(too_long.map(|length| json!("x".repeat(length))));
    wrong
}

/// The refusal names the field, and its message carries the first one.
fn names(answer: &Value, field: &str) -> bool {
    let fields = answer["fieldErrors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let message = answer["message"].as_str().expect("a message");
    fields.iter().any(|error| error["field"] == field)
        && message.contains(&format!(": {}: ", fields[0]["field"].as_str().expect("a name")))
}

fn filled(template: &str) -> String {
    template.replace("{organizationId}", ACME).replace("{deploymentId}", INGEST).replace("{tokenId}", NIGHTLY)
}

#[test]
fn every_query_parameter_is_checked() {
    run(async |api| {
        let token = api.acme.token.clone();
        let mut count = 0;
        for (path, operations) in api.spec["paths"].as_object().expect("paths") {
            for parameter in operations["get"]["parameters"].as_array().into_iter().flatten() {
                let parameter = api.resolved(parameter);
                let name = parameter["name"].as_str().expect("a name");
                let schema = api.resolved(&parameter["schema"]);
                let items = api.resolved(&schema["items"]);
                for value in wrong_in_a_query(if items.is_null() { schema } else { items }) {
                    let path = format!("{}?{name}={value}", filled(path));
                    let (status, answer) = api.send(&token, "GET", &path, None).await;
                    assert!(status == 400 && names(&answer, name), "{path}: {status} {answer}");
                    count += 1;
                }
            }
        }
        assert!(count > 30, "{count}");
    });
}

#[test]
fn every_property_of_a_body_is_checked() {
    run(async |api| {
        let token = api.acme.token.clone();
        let role = json!({ "entityType": "DEPLOYMENT", "entityId": INGEST, "role": "DEPLOYMENT_ADMIN" });
        let mut whole = create("x");
        whole["kind"] = "STANDARD".into();
        whole["tokenExpiryPeriodInDays"] = 30.into();
        let bodies = [
            ("/organizations/{organizationId}/tokens", whole),
            ("/organizations/{organizationId}/tokens/{tokenId}", json!({ "name": "x", "description": "" })),
            ("/organizations/{organizationId}/tokens/{tokenId}/roles", json!({ "roles": [role] })),
        ];
        let posts = api.spec["paths"].as_object().expect("paths").values();
        let with_body = posts.filter(|operations| operations["post"]["requestBody"].is_object()).count();
        assert_eq!(with_body, bodies.len(), "every operation with a body is in the list");
        let mut count = 0;
        for (path, good) in bodies {
            let content = &api.spec["paths"][path]["post"]["requestBody"]["content"]["application/json"];
            let schema = api.resolved(&content["schema"]);
            let path = filled(path);
            // The place of each property in the body, its name in a refusal, its schema, and whether it must be there.
            let mut properties = Vec::new();
            let mut add = |place: &str, name: &str, schema: &Value| {
                for (key, property) in schema["properties"].as_object().expect("properties") {
                    let required = schema["required"].as_array().expect("a list").iter();
                    let is_required = required.into_iter().any(|required| required == key);
                    let property = api.resolved(property).clone();
                    properties.push((
                        format!("{place}/{key}"),
                        format!("{name}{key}"),
                        property,
                        is_required,
                    ));
                }
            };
            add("", "", schema);
            let items = api.resolved(&schema["properties"]["roles"]["items"]);
            if !items.is_null() {
                add("/roles/0", "roles[0].", items);
            }
            for (place, name, schema, is_required) in &properties {
                let (parent, key) = place.rsplit_once('/').expect("a place");
                let mut tries: Vec<Value> = Vec::new();
                for wrong in wrong_in_a_body(schema) {
                    let mut body = good.clone();
                    body.pointer_mut(parent).expect("there")[key] = wrong;
                    tries.push(body);
                }
                if *is_required {
                    let mut body = good.clone();
                    let parent = body.pointer_mut(parent).and_then(Value::as_object_mut).expect("there");
                    parent.remove(key).expect("it was there");
                    tries.push(body);
                }
                for body in tries {
                    let (status, answer) = api.send(&token, "POST", &path, Some(body.clone())).await;
                    assert!(status == 400 && names(&answer, name), "{path} {body}: {status} {answer}");
                    count += 1;
                }
            }
            let (status, answer) = api.send(&token, "POST", &path, Some(good.clone())).await;
            assert_eq!(status, 200, "what is right is taken: {good}: {answer}");
            for body in [json!([]), json!("x"), Value::Null] {
                assert_eq!(api.send(&token, "POST", &path, Some(body)).await.0, 400, "{path}");
            }
        }
        assert!(count > 50, "{count}");
    });
}
