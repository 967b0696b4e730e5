//! What an author writes: a [`Plugin`] that lists its commands, and a [`Command`] for each.

use std::{future::Future, pin::Pin};

use astro_plugin_protocol::manifest::{Group, Manifest, Revisions};
use clap::Args;

use crate::{Context, Result, Spec, manifest, protocol, usage};

/// One command: a clap struct, what clap cannot be asked for, and what it does.
///
/// The doc comment of the struct is the help text, the fields are the options. Options need a long name;
/// names of global options (`astro help globals`) and `required_unless` rules are checked when the plugin
/// is linked or packed, never on a user's machine.
pub trait Command: Args + Send + 'static {
    /// The words a user types, separated by one space, such as `airflow lint`.
    const PATH: &'static str;

    /// Adds what clap cannot be asked for: examples, ranges, related commands, exit codes.
    fn declare(spec: &mut Spec) {
        let _ = spec;
    }

    /// Does it. Polled on the host's main thread; may block, may use threads and runtimes of its own.
    fn run(self, ctx: Context) -> impl Future<Output = Result<()>> + Send;
}

pub(crate) type RunFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A command without its type.
pub(crate) struct Entry {
    pub(crate) path: &'static str,
    pub(crate) spec: Spec,
    pub(crate) clap: fn(&str) -> clap::Command,
    pub(crate) run: fn(&Spec, clap::Command, Vec<String>, Context) -> Result<RunFuture>,
}

/// A plugin: its identity and its commands. Given to [`crate::export_plugin!`].
pub struct Plugin {
    manifest: Manifest,
    entries: Vec<Entry>,
}

impl Plugin {
    /// A plugin with a name and a version, usually `env!("CARGO_PKG_VERSION")`.
    pub fn new(name: &str, version: &str) -> Self {
        let manifest = Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            abi: astro_plugin_abi::ABI_REVISION,
            protocol: Revisions { min: 1, max: protocol::PROTOCOL_REVISION },
            ..Manifest::default()
        };
        Self { manifest, entries: Vec::new() }
    }

    /// One line about the plugin.
    #[must_use]
    pub fn about(mut self, about: &str) -> Self {
        self.manifest.about = about.to_owned();
        self
    }

    /// Who publishes it.
    #[must_use]
    pub fn publisher(mut self, publisher: &str) -> Self {
        self.manifest.publisher = Some(publisher.to_owned());
        self
    }

    /// Its licence as an SPDX expression.
    #[must_use]
    pub fn license(mut self, license: &str) -> Self {
        self.manifest.license = Some(license.to_owned());
        self
    }

    /// Where to read more.
    #[must_use]
    pub fn homepage(mut self, homepage: &str) -> Self {
        self.manifest.homepage = Some(homepage.to_owned());
        self
    }

    /// The help line of a word above commands, such as `airflow` above `airflow lint`.
    #[must_use]
    pub fn group(mut self, path: &str, about: &str) -> Self {
        self.manifest.groups.push(Group {
            path: path.to_owned(),
            about: about.to_owned(),
            aliases: Vec::new(),
        });
        self
    }

    /// Adds a command.
    #[must_use]
    pub fn command<C: Command>(mut self) -> Self {
        let mut spec = Spec::default();
        C::declare(&mut spec);
        self.entries.push(Entry {
            path: C::PATH,
            spec,
            clap: |word| C::augment_args(clap::Command::new(word.to_owned())),
            run: |spec, clap, args, ctx| {
                let matches = usage::parse(spec.apply(clap), args)?;
                let command = C::from_arg_matches(&matches).map_err(|error| usage::to_error(&error))?;
                Ok(Box::pin(command.run(ctx)))
            },
        });
        self
    }

    /// The manifest, generated from the clap definitions.
    pub fn manifest(&self) -> Manifest {
        let mut manifest = self.manifest.clone();
        manifest.commands = self.entries.iter().map(manifest::command).collect();
        manifest.problems = self.entries.iter().flat_map(manifest::problems).collect();
        manifest
    }

    pub(crate) fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }

    pub(crate) fn name(&self) -> &str {
        &self.manifest.name
    }
}
