//! The values of the host's own arguments, for shells: what is installed, configured and left over. Nothing is asked of
//! the network.

use astro_plugin_protocol::{
    invocation::Candidate,
    manifest::{ConfigKey, ConfigKind},
};

use super::{commands, config, help};
use crate::{
    base::error::Result,
    cli::complete::{Answer, Asked},
    config::{Config, Dirs},
    delivery::recovery,
    env::Env,
    store::{Kind, lookup::Owner},
    sys::process,
    tree::CommandSet,
};

/// The values of a dynamic argument of a command. `args` are the canonical arguments before the cursor.
pub(crate) fn values(env: &Env, path: &str, asked: &Asked, args: &[String]) -> Result<Answer> {
    let places: Vec<&str> = args.iter().skip_while(|arg| *arg != "--").skip(1).map(String::as_str).collect();
    let dirs = || env.dirs.clone();
    let values = match (path, asked.arg.as_str()) {
        (_, "credential") => credentials(&Config::load(&dirs()?)?),
        ("help", "word") => words(env, &places),
        ("config get", "key") => config::keys_in_use(&dirs()?, false)?,
        ("config unset", "key") => config::keys_in_use(&dirs()?, true)?,
        ("config set", "key") => keys(env),
        ("config set", "value") => return values_of_key(env, places.first().copied().unwrap_or_default()),
        ("plugin index remove", "name") => {
            let indexes = Config::load(&dirs()?)?.index.into_iter();
            indexes.map(|index| Candidate::new(index.name, index.location)).collect()
        }
        ("recover show" | "recover discard", "entry") => entries(&dirs()?),
        ("plugin remove" | "plugin upgrade" | "plugin rollback" | "plugin pin", _) => {
            plugins(env, &places, |owner| owner.store.kind == Kind::User)
        }
        ("plugin info" | "plugin exec" | "plugin verify", _) => plugins(env, &places, |_| true),
        _ => Vec::new(),
    };
    // Where a file may stand as well, what is no name is the beginning of a path.
    let takes_files = matches!(path, "plugin info" | "plugin exec" | "plugin install");
    let is_name = values.iter().any(|one: &Candidate| one.value.starts_with(&asked.typed));
    Ok(Answer { files: takes_files && !is_name, values })
}

fn credentials(config: &Config) -> Vec<Candidate> {
    config.credentials.iter().map(|(name, one)| Candidate::new(name, one.address.clone())).collect()
}

/// The words below those that were typed, and topics instead of a first one.
fn words(env: &Env, typed: &[&str]) -> Vec<Candidate> {
    let own = commands();
    let found = typed.first().filter(|first| own.locate(&[**first]).0.is_empty());
    let found = found.and_then(|first| env.stores.word(first));
    let set = found.as_ref().map_or(own, |found| &found.set);
    let (path, taken) = set.locate(typed);
    if taken < typed.len() {
        return Vec::new();
    }
    let below = |set: &CommandSet| -> Vec<Candidate> {
        let children = set.children(&path).into_iter().filter(|child| !child.hidden);
        children.map(|child| Candidate::new(child.word, child.about)).collect()
    };
    let mut words = below(set);
    if typed.is_empty() {
        let roots = env.stores.root_words().into_iter();
        words.extend(roots.map(|word| Candidate::new(word.path, word.about)));
        words.extend(help::TOPICS.iter().map(|topic| Candidate::new(*topic, "a topic")));
    }
    words
}

/// The keys that can be set: those of astro, and those that plugins declare.
fn keys(env: &Env) -> Vec<Candidate> {
    let own = config::keys().into_iter().map(|(key, about)| Candidate::new(key, about));
    let plugins = env.stores.plugins().0.into_iter().flat_map(|owner| {
        let name = owner.facts.name;
        let keys = owner.facts.config.into_iter();
        keys.map(move |key| Candidate::new(format!("plugins.{name}.{}", key.key), key.help))
    });
    own.chain(plugins).collect()
}

fn values_of_key(env: &Env, key: &str) -> Result<Answer> {
    let listed = |values: &[&str]| values.iter().map(|value| Candidate::new(*value, "")).collect();
    let values = match key {
        "default_profile" => {
            let profiles = Config::load(&env.dirs.clone()?)?.profiles.into_keys();
            profiles.map(|name| Candidate::new(name, "")).collect()
        }
        "official.command" => return Ok(Answer { values: Vec::new(), files: true }),
        "trust.require" => listed(config::REQUIRE),
        "trust.verify" => listed(config::VERIFY),
        _ => {
            let words: Vec<&str> = key.splitn(3, '.').collect();
            let &["plugins", plugin, inner] = words.as_slice() else { return Ok(Answer::default()) };
            let owners = env.stores.plugins().0.into_iter();
            let of_plugin = owners.filter(|owner| owner.facts.name == plugin);
            let declared = of_plugin.flat_map(|owner| owner.facts.config).find(|known| known.key == inner);
            declared.map_or(Vec::new(), |key: ConfigKey| match key.kind {
                ConfigKind::Bool => listed(&["true", "false"]),
                _ => key.choices.into_iter().map(|choice| Candidate::new(choice, "")).collect(),
            })
        }
    };
    Ok(Answer { values, files: false })
}

fn plugins(env: &Env, named: &[&str], fits: fn(&Owner) -> bool) -> Vec<Candidate> {
    let owners = env.stores.plugins().0.into_iter().filter(fits);
    let others = owners.filter(|owner| !named.contains(&owner.facts.name.as_str()));
    others.map(|owner| Candidate::new(owner.facts.name, owner.facts.version)).collect()
}

fn entries(dirs: &Dirs) -> Vec<Candidate> {
    // What is left over is read with its token.
    process::keep_memory_private();
    let entries = recovery::Store::at(dirs).entries().into_iter();
    entries.map(|left| Candidate::new(left.record.id.clone(), left.record.name())).collect()
}
