//! The names of what a context acts on, from the API.

use super::ApiClient;
use crate::{
    context::{Context, names::Names},
    program::dimensions,
};
use astro_plugin_protocol::{names::Dimension, naming::Named};

/// Asks the API for the names of what a command acts on, and remembers them. What is not told stays as it was.
///
/// The narrowest comes first: an answer about a cluster, say, may name its team, too (`teamId`, `teamName`), which then need not be asked for.
pub(crate) fn ask(api: &ApiClient) {
    let names = Names::at(api.dirs.as_ref(), &api.context.address.value);
    let mut told: Vec<String> = Vec::new();
    let ids: Vec<Option<String>> = dimensions().iter().map(|dimension| id(&api.context, dimension)).collect();
    for (place, dimension) in dimensions().iter().enumerate().rev() {
        let Some(id) = &ids[place] else { continue };
        let Some(mut path) = path(&api.context, dimension).filter(|_| !told.contains(id)) else { continue };
        path.push(id.clone());
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let Ok(found) = api.get(&path, &[]) else { continue };
        let mut parent = None;
        for (wider, id) in dimensions()[..place].iter().zip(&ids) {
            let said = |what: &str| found[format!("{}{what}", wider.name)].as_str().map(str::to_owned);
            let own = said("Id").or_else(|| id.clone());
            if let (Some(own), Some(name)) = (&own, said("Name")) {
                names.remember(&Named::new(own, name).below(parent.clone()));
                told.push(own.clone());
            }
            parent = own.or(parent);
        }
        if let Some(name) = found["name"].as_str().filter(|_| found["id"] == id.as_str()) {
            names.remember(&Named::new(id, name).below(parent));
        }
    }
}

/// What is acted on in a dimension, where that is an ID.
fn id(context: &Context, dimension: &Dimension) -> Option<String> {
    let setting = context.settings.get(dimension.name)?;
    (dimension.is_id)(&setting.value).then(|| setting.value.clone())
}

/// The path of a dimension's list, when the IDs that it needs are known.
pub(crate) fn path(context: &Context, dimension: &Dimension) -> Option<Vec<String>> {
    let segment = |segment: &&str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(wider) => id(context, dimensions().iter().find(|known| known.name == wider)?),
        None => Some((*segment).to_owned()),
    };
    dimension.list.iter().map(segment).collect()
}
