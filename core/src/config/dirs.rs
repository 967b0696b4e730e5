//! Where things live: below `$ASTRO_HOME/.astro-host`, or in the platform's directories.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::{
    base::error::{Result, config},
    config::environment,
    product::product,
    program::ENV,
};

/// The home that the platform's directories are looked for in: a path that is there. One that is not, such as
/// `/nonexistent`, is that of a user who should have none.
fn home() -> Result<()> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let Some(home) = home else {
        return Ok(());
    };
    let refused = |reason: &str| {
        config(format!("cannot use the home directory `{}`: {reason}", home.display()))
            .help(format!("set HOME or {ENV}_HOME to a path that begins with `/` and is there"))
    };
    if !home.is_absolute() {
        return Err(refused("it is not an absolute path"));
    }
    match home.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(refused("it is not a directory")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(refused("it does not exist")),
        // What lies in it is told when it is used.
        Err(_) => Ok(()),
    }
}

/// The directories of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// `config.toml` and the credential file.
    pub config: PathBuf,
    /// Plugins.
    pub data: PathBuf,
    /// Records that may be lost without harm, and what plugins keep.
    pub state: PathBuf,
    /// What can be found out again at any time.
    pub cache: PathBuf,
    /// Everything is below one `ASTRO_HOME`.
    pub private_home: bool,
}

impl Dirs {
    /// The directories of this process's user.
    pub fn of_environment() -> Result<Self> {
        match environment::path(environment::HOME)? {
            Some(home) => Self::below(&home),
            None => {
                home()?;
                let base = etcetera::choose_base_strategy().map_err(|error| {
                    config("the home directory is not known")
                        .cause(error.to_string())
                        .help(format!("set HOME or {ENV}_HOME"))
                })?;
                let data = base.data_dir().join(product().folder);
                Ok(Self {
                    config: base.config_dir().join(product().folder),
                    state: base.state_dir().unwrap_or_else(|| base.data_dir()).join(product().folder),
                    cache: base.cache_dir().join(product().folder),
                    data,
                    private_home: false,
                })
            }
        }
    }

    fn below(home: &Path) -> Result<Self> {
        if !home.is_absolute() {
            return Err(config(format!("{ENV}_HOME is `{}`, which is not an absolute path", home.display()))
                .help(format!("set {ENV}_HOME to a path that begins with `/`, or unset it")));
        }
        let all = home.join(format!(".{}", product().folder));
        Ok(Self {
            config: all.clone(),
            data: all.clone(),
            state: all.join("state"),
            cache: all.join("cache"),
            private_home: true,
        })
    }

    /// The user's configuration.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The tokens of the credential source `file`.
    pub fn credentials_file(&self) -> PathBuf {
        self.config.join("credentials.toml")
    }

    /// Plugins of this user and their index.
    pub fn plugins(&self) -> PathBuf {
        self.data.join("plugins")
    }

    /// A directory of a plugin's own.
    pub fn plugin_state(&self, plugin: &str) -> PathBuf {
        self.state.join("plugins").join(plugin)
    }

    /// One for what a plugin can find out again.
    pub fn plugin_cache(&self, plugin: &str) -> PathBuf {
        self.cache.join("plugins").join(plugin)
    }
}
