//! What is known of the official Astro CLI.

use astro_host::product::Fallback;

use crate::own_context;

/// It.
pub(crate) static CLI: Fallback = Fallback {
    title: "the official Astro CLI",
    words: WORDS,
    file: own_context::file,
    read: own_context::profiles,
    in_use: own_context::in_use,
};

/// Words of the official CLI (v1.45) that are not words here, below each path: for the advice where it is not configured.
const WORDS: &[(&str, &[&str])] = &[
    (
        "",
        &["dev", "deploy", "run", "registry", "remote", "team", "user", "dbt", "ide", "api", "auth", "flow"],
    ),
    (
        "deployment",
        &[
            "create",
            "update",
            "delete",
            "logs",
            "variable",
            "airflow-variable",
            "connection",
            "pool",
            "worker-queue",
            "hibernate",
            "wake-up",
            "user",
            "team",
        ],
    ),
    ("deployment token", &["organization-token", "workspace-token"]),
    ("organization", &["user", "team", "token", "role", "audit-logs"]),
    ("workspace", &["create", "update", "delete", "user", "team", "token"]),
];

/// The API of a domain as the official CLI knows it: `localhost`, `pr1234.astronomer-dev.io`, or any other domain with
/// `api.` in front.
pub(crate) fn address(domain: &str) -> String {
    let preview = domain.strip_prefix("pr").and_then(|rest| rest.strip_suffix(".astronomer-dev.io"));
    match (domain, preview) {
        ("localhost", _) => "http://localhost:8888/v1".to_owned(),
        (_, Some(number))
            if (4..=6).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("https://pr{number}.api.astronomer-dev.io/v1")
        }
        _ => format!("https://api.{domain}/v1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_those_of_the_official_cli() {
        for (domain, expected) in [
            ("localhost", "http://localhost:8888/v1"),
            ("astronomer.io", "https://api.astronomer.io/v1"),
            ("pr1234.astronomer-dev.io", "https://pr1234.api.astronomer-dev.io/v1"),
            ("pr1.astronomer-dev.io", "https://api.pr1.astronomer-dev.io/v1"),
        ] {
            assert_eq!(address(domain), expected);
        }
    }
}
