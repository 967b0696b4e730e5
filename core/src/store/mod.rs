//! Installed plugins and their index: everything before a command runs is answered from here.
//!
//! * [`record`]: what is installed. The truth of a store; the index can always be made from it.
//! * [`versions`]: which versions of a plugin there are, and which one is in use.
//! * [`index`]: one small file for each first word and one for the root page. A command opens at most one
//!   file in each store, however many plugins there are.
//! * [`build`]: records to index. `catalogue`: its file of all commands.
//! * [`lookup`]: both stores as one.
//! * [`revoke`]: what an index took back.
//!
//! Only two directories are searched: the user's store and the one beside the binary.

#![forbid(unsafe_code)]

pub mod build;
mod catalogue;
pub mod index;
pub mod lookup;
pub mod record;
pub mod revoke;
pub(crate) mod user;
pub mod versions;

pub(crate) use catalogue::Catalogue;

use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
};

use crate::{
    config::Dirs,
    product::product,
    program::{self, APP},
    sys::process::this_binary,
};

/// Whose store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Below the user's data directory.
    User,
    /// `../lib/astro-host/plugins` beside the binary.
    System,
}

/// One store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its directory.
    pub dir: PathBuf,
    /// Whose it is.
    pub kind: Kind,
}

/// The stores of this process, the user's first.
#[derive(Debug, Clone, Default)]
pub struct Stores {
    /// In the order they are asked.
    pub all: Vec<Store>,
}

impl Stores {
    /// The user's store, when the home is known, and the one beside the binary.
    pub fn of_process(dirs: Option<&Dirs>) -> Self {
        let user = dirs.map(|dirs| Store { dir: dirs.plugins(), kind: Kind::User });
        let system = this_binary()
            .ok()
            .and_then(|binary| {
                Some(binary.parent()?.parent()?.join(format!("lib/{}/plugins", product().folder)))
            })
            .map(|dir| Store { dir, kind: Kind::System });
        Self { all: user.into_iter().chain(system).collect() }
    }

    /// The user's store.
    pub fn user(&self) -> Option<&Store> {
        self.all.iter().find(|store| store.kind == Kind::User)
    }

    /// The version of a plugin that came with astro.
    pub fn bundled_version(&self, name: &str) -> Option<String> {
        let system = self.all.iter().find(|store| store.kind == Kind::System)?;
        system.records().0.into_iter().find(|record| record.name == name).map(|record| record.version)
    }
}

impl Store {
    /// Where the index files are.
    pub fn index_dir(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// The path of a plugin's file: absolute for a linked one, else inside the store.
    pub fn file_of(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }
}

/// Why this is not the program, or not new enough, that a manifest says it is for; with what to do.
pub fn unsuited(product: Option<&str>, min_host: Option<&str>) -> Option<(String, String)> {
    // The version is one of that program: it says nothing about another one.
    if let Some(other) = product.filter(|product| *product != program::name()) {
        return Some((
            format!("it is for `{other}`, this is `{APP}`"),
            format!("use it with `{other}`, or ask its publisher for one that does not name a program"),
        ));
    }
    let wanted = min_host?;
    (lookup::compare_versions(wanted, crate::VERSION) == Ordering::Greater)
        .then(|| (format!("it needs {APP} {wanted}, this is {}", crate::VERSION), format!("upgrade {APP}")))
}

/// The store in a directory that an installer fills.
pub(crate) fn system_store(dir: &str) -> Store {
    Store { dir: dir.into(), kind: Kind::System }
}
