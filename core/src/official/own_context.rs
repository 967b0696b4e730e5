//! The official CLI's own configuration (astronomer/astro-cli, `config/types.go`): its contexts. The file is only read, and
//! the tokens in it are not.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use saphyr::{LoadableYamlNode, Yaml};

use crate::{
    base::{
        error::{Failure, Result, failed},
        files,
    },
    net::address::Address,
};

/// The parts of `config.yaml` that say who and where.
#[derive(Default)]
pub(crate) struct OwnContext {
    /// The domain in use.
    context: Option<String>,
    /// One slot for each domain, `.` written as `_`.
    pub(crate) contexts: BTreeMap<String, Slot>,
    /// `local.core`
    local_core: Option<String>,
}

/// One slot; it is named by its domain.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) domain: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) workspace: Option<String>,
}

impl OwnContext {
    /// Reads the text of a file.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self> {
        Self::read(text).map_err(|line| unreadable(path, line))
    }

    /// Fails with the line that cannot be read, when there is one.
    fn read(text: &str) -> std::result::Result<Self, Option<usize>> {
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

    /// The one of this user; empty when there is none, or none that can be read.
    pub(crate) fn of_user(file: &Path) -> Self {
        let text = files::read(file).ok().flatten();
        text.and_then(|text| Self::parse(file, &text).ok()).unwrap_or_default()
    }

    /// The domain that a command of it uses: `ASTRO_DOMAIN`, else the one in use, else the hosted API's.
    pub(crate) fn domain(&self, variable: Option<&str>) -> String {
        let domain = variable.or(self.context.as_deref()).filter(|domain| !domain.is_empty());
        domain.unwrap_or("astronomer.io").to_owned()
    }

    /// The organization of a domain.
    pub(crate) fn organization(&self, domain: &str) -> Option<&str> {
        let slot = self.contexts.get(&domain.replace('.', "_"))?;
        slot.organization.as_deref().filter(|organization| !organization.trim().is_empty())
    }

    /// The address of a domain.
    pub(crate) fn address(&self, domain: &str) -> Result<Address> {
        match (domain, &self.local_core) {
            ("localhost", Some(core)) => {
                Address::parse(&format!("{}/v1", core.trim_end_matches('/')), "`local.core`")
            }
            _ => Address::of_domain(domain),
        }
    }
}

/// The parser's message would quote the text, which holds tokens: only the place is told.
fn unreadable(path: &Path, line: Option<usize>) -> Failure {
    let line = line.map_or_else(String::new, |line| format!(": line {line}"));
    failed(format!("`{}` cannot be read as the official CLI's configuration{line}", path.display()))
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
        let own = OwnContext::parse(Path::new("c"), text).expect("read");
        for (variable, domain, organization, address) in [
            (None, "astronomer.io", Some("cm0one"), "https://api.astronomer.io/v1"),
            (Some(""), "astronomer.io", Some("cm0one"), "https://api.astronomer.io/v1"),
            (Some("localhost"), "localhost", None, "http://127.0.0.1:9/v1"),
            (Some("other.io"), "other.io", None, "https://api.other.io/v1"),
        ] {
            let found = own.domain(variable.filter(|domain| !domain.is_empty()));
            assert_eq!(found, domain);
            assert_eq!(own.organization(&found), organization, "{domain}");
            assert_eq!(own.address(&found).expect("an address").as_str(), address);
        }
        assert_eq!(OwnContext::default().domain(None), "astronomer.io");
    }
}
