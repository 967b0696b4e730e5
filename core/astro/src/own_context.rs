//! The official CLI's own configuration (astronomer/astro-cli, `config/types.go`): its contexts. The file is only read, and
//! the tokens in it are not.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use saphyr::{LoadableYamlNode, Yaml};

use astro_host::product::OtherProfile;
use astro_plugin_api::{ORGANIZATION, WORKSPACE};

use crate::official;

/// The parts of `config.yaml` that say who and where.
#[derive(Default)]
struct OwnContext {
    /// The domain in use.
    context: Option<String>,
    /// One slot for each domain, `.` written as `_`.
    contexts: BTreeMap<String, Slot>,
    /// `local.core`
    local_core: Option<String>,
}

/// One slot; it is named by its domain.
#[derive(Default)]
struct Slot {
    domain: Option<String>,
    organization: Option<String>,
    workspace: Option<String>,
}

impl OwnContext {
    /// Fails with the line that cannot be read, when there is one.
    fn read(text: &str) -> Result<Self, Option<usize>> {
        let documents = Yaml::load_from_str(text).map_err(|error| Some(error.marker().line()))?;
        let Some(root) = documents.first().filter(|root| !root.is_null()) else { return Ok(Self::default()) };
        let part =
            |of: &Yaml<'_>, key: &str| of.as_mapping_get(key).and_then(Yaml::as_str).map(str::to_owned);
        if !root.is_mapping() {
            return Err(None);
        }
        let mut own = Self {
            context: part(root, "context"),
            local_core: root.as_mapping_get("local").and_then(|local| part(local, "core")),
            ..Self::default()
        };
        let Some(contexts) = root.as_mapping_get("contexts").filter(|contexts| !contexts.is_null()) else {
            return Ok(own);
        };
        for (slot, context) in contexts.as_mapping().ok_or(None)? {
            let slot = slot.as_str().filter(|_| context.is_mapping()).ok_or(None)?;
            let context = Slot {
                domain: part(context, "domain"),
                organization: part(context, "organization"),
                workspace: part(context, "workspace"),
            };
            own.contexts.insert(slot.to_owned(), context);
        }
        Ok(own)
    }

    /// The domain that a command of it uses: `ASTRO_DOMAIN`, else the one in use, else the hosted API's.
    fn domain(&self, variable: Option<&str>) -> String {
        let domain = variable.or(self.context.as_deref()).filter(|domain| !domain.is_empty());
        domain.unwrap_or("astronomer.io").to_owned()
    }

    /// The address of a domain.
    fn address(&self, domain: &str) -> String {
        match (domain, &self.local_core) {
            ("localhost", Some(core)) => format!("{}/v1", core.trim_end_matches('/')),
            _ => official::address(domain),
        }
    }

    fn profile(&self, domain: &str, slot: Option<&Slot>) -> OtherProfile {
        let filled = |value: &Option<String>| value.clone().filter(|value| !value.trim().is_empty());
        let settings = slot.into_iter().flat_map(|slot| {
            [(ORGANIZATION, filled(&slot.organization)), (WORKSPACE, filled(&slot.workspace))]
        });
        OtherProfile {
            name: domain.to_owned(),
            address: self.address(domain),
            settings: settings.filter_map(|(name, value)| Some((name, value?))).collect(),
        }
    }
}

/// Every context of a file.
pub(crate) fn profiles(text: &str) -> Result<Vec<OtherProfile>, Option<usize>> {
    let own = OwnContext::read(text)?;
    let all = own.contexts.iter().map(|(slot, context)| {
        let domain = context.domain.clone().filter(|domain| !domain.is_empty());
        own.profile(&domain.unwrap_or_else(|| slot.replace('_', ".")), Some(context))
    });
    Ok(all.collect())
}

/// The context in use; a file that cannot be read has none.
pub(crate) fn in_use(text: &str, variable: Option<&str>) -> OtherProfile {
    let own = OwnContext::read(text).unwrap_or_default();
    let domain = own.domain(variable);
    own.profile(&domain, own.contexts.get(&domain.replace('.', "_")))
}

/// `$ASTRO_HOME/.astro/config.yaml`, else the same below the home (astronomer/astro-cli, `config/config.go`).
pub(crate) fn file() -> Option<PathBuf> {
    let home = ["ASTRO_HOME", "HOME"].into_iter().filter_map(std::env::var_os).find(|home| !home.is_empty());
    home.map(|home| Path::new(&home).join(".astro/config.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_in_use_has_its_organization_and_its_address() {
        let text = "context: astronomer.io\ncontexts:\n  astronomer_io:\n    domain: astronomer.io\n    token: Bearer x\n    organization: cm0one\n  localhost:\n    organization: ' '\nlocal: {core: 'http://127.0.0.1:9/'}\n";
        for (variable, domain, organization, address) in [
            (None, "astronomer.io", Some("cm0one"), "https://api.astronomer.io/v1"),
            (Some(""), "astronomer.io", Some("cm0one"), "https://api.astronomer.io/v1"),
            (Some("localhost"), "localhost", None, "http://127.0.0.1:9/v1"),
            (Some("other.io"), "other.io", None, "https://api.other.io/v1"),
        ] {
            let found = in_use(text, variable.filter(|domain| !domain.is_empty()));
            assert_eq!((found.name.as_str(), found.address.as_str()), (domain, address));
            let expected: Vec<_> =
                organization.map(|value| (ORGANIZATION, value.to_owned())).into_iter().collect();
            assert_eq!(found.settings, expected, "{domain}");
        }
        assert_eq!(in_use("", None).name, "astronomer.io");
        assert_eq!(in_use("\t- : [", None).name, "astronomer.io");
        assert_eq!(profiles(text).expect("read").len(), 2);
    }

    /// The shape that the official CLI's own tests have.
    #[test]
    fn every_context_is_a_profile() {
        let text = "context: astronomer.io\ncontexts:\n  astronomer_io:\n    domain: astronomer.io\n    token: Bearer eyJ.secret.x\n    refreshtoken: r\n    expiresin: 2027-01-01T00:00:00Z\n    user_email: a@b.c\n    organization: cm0org\n    organization_product: HOSTED\n    workspace: cm0ws\n    last_used_workspace: cm0ws\n  localhost:\n    domain: localhost\n    organization: \"\"\nlocal: {core: \"http://localhost:8888\", platform: cloud}\ntelemetry: {enabled: \"true\"}\n";
        let found = profiles(text).expect("read");
        assert_eq!(
            (found[0].name.as_str(), found[0].address.as_str()),
            ("astronomer.io", "https://api.astronomer.io/v1")
        );
        let expected = [(ORGANIZATION, "cm0org".to_owned()), (WORKSPACE, "cm0ws".to_owned())];
        assert_eq!(found[0].settings, expected);
        assert_eq!((found[1].address.as_str(), found[1].settings.len()), ("http://localhost:8888/v1", 0));
        assert!(!format!("{found:?}").contains("secret"));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_line() {
        assert_eq!(profiles("contexts:\n  a: [\n"), Err(Some(3)));
        assert_eq!(profiles("- a\n"), Err(None));
        for text in
            ["contexts:\n  a: [eyJ.secret.x\n", "contexts: eyJ.secret.x", "contexts:\n  a: eyJ.secret.x"]
        {
            assert!(profiles(text).is_err(), "{text}");
        }
        for text in ["", "context: x", "contexts: {}"] {
            assert_eq!(profiles(text), Ok(Vec::new()), "{text}");
        }
    }
}
