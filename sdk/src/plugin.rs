//! What an author writes: a [`Plugin`] that lists its commands, and a [`Command`] for each.

use std::{future::Future, pin::Pin};

use astro_plugin_protocol::{
    effect::Effect,
    invocation::{Candidate, Complete},
    manifest::{ConfigKey, Group, Manifest, Revisions},
};
use clap::Args;
use serde::Serialize;

use crate::{Context, Result, Spec, manifest, usage};

/// One command: a clap struct, what clap cannot be asked for, and what it does.
///
/// The doc comment of the struct is the help text, the fields are the options. Options need a long name;
/// names of global options (`astro help globals`) and `required_unless` rules are checked when the plugin
/// is linked or packed, never on a user's machine.
pub trait Command: Args + Send + 'static {
    /// The words a user types, separated by one space, such as `airflow lint`.
    const PATH: &'static str;

    /// What it may change, which the host enforces: a command that declares [`Effect::Read`] sends GET and HEAD and nothing else,
    /// DELETE needs [`Effect::Destructive`]. An option may raise it ([`Spec::raises`]). People see it before they install the plugin.
    const EFFECT: Effect;

    /// What [`Command::run`] gives, and the host shows as table, json or clean: a record (a struct), a list of records
    /// (a `Vec`, with a [`View::list`](crate::View::list) declared by [`Spec::output`]), or nothing (`()`) when the
    /// command shows its result itself, with [`Context::emit`] or [`Context::text`].
    type Output: Serialize;

    /// Adds what clap cannot be asked for: examples, output columns, ranges, related commands, exit codes.
    fn declare(spec: &mut Spec) {
        let _ = spec;
    }

    /// Does it. Polled on the host's main thread; may block, may use threads and runtimes of its own. Work that takes
    /// the processor for long belongs into [`Context::blocking`], so that Ctrl-C still acts.
    fn run(self, ctx: Context) -> impl Future<Output = Result<Self::Output>> + Send;

    /// The values an argument may have, for shells: asked for arguments that are declared with [`Spec::completes`]. It
    /// has 300 ms; what takes longer or fails completes nothing and says nothing. Requests that read are answered,
    /// others are not. The host keeps the answer for some seconds.
    fn complete(asked: Completing, ctx: Context) -> impl Future<Output = Result<Vec<Candidate>>> + Send {
        let _ = (asked, ctx);
        async { Ok(Vec::new()) }
    }
}

/// What a shell wants to know; see [`Command::complete`].
///
/// ```
/// # use astro_plugin_sdk::{Completing, prelude::*};
/// async fn complete(asked: Completing, ctx: Context) -> Result<Vec<Candidate>> {
///     match (asked.arg(), asked.option("team")) {
///         ("cluster", Some(team)) => Ok(vec![Candidate::new(format!("{team}-{}", asked.typed()), "the first one")]),
///         _ => Ok(Vec::new()),
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Completing {
    pub(crate) asked: Complete,
}

impl Completing {
    /// The id of the argument: the field's name in the clap struct.
    pub fn arg(&self) -> &str {
        &self.asked.arg
    }

    /// What was typed of the value so far. Candidates that do not begin with it are dropped by the host.
    pub fn typed(&self) -> &str {
        &self.asked.typed
    }

    /// The value that another option has on the same line, by its long name.
    pub fn option(&self, long: &str) -> Option<&str> {
        let options = self.asked.args.iter().take_while(|arg| *arg != "--");
        options.filter_map(|arg| arg.strip_prefix("--")?.strip_prefix(long)?.strip_prefix('=')).last()
    }
}

type Running<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

type Start = fn(&Spec, clap::Command, Vec<String>, Context) -> Result<Running<()>>;

/// A command without its type.
pub(crate) struct Entry {
    pub(crate) path: &'static str,
    pub(crate) effect: Effect,
    pub(crate) spec: Spec,
    pub(crate) clap: fn(&str) -> clap::Command,
    pub(crate) run: Start,
    pub(crate) complete: fn(Completing, Context) -> Running<Vec<Candidate>>,
}

/// A plugin: its identity and its commands. Given to [`crate::export_plugin!`].
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// let plugin = Plugin::new("lint", "1.0.0")
///     .about("Check DAG files")
///     .publisher("Acme")
///     .license("Apache-2.0")
///     .homepage("https://example.com/lint")
///     .group("airflow", "Work with Airflow")
///     .min_host("0.1.0")
///     .config(ConfigKey::flag("strict", "Treat warnings as errors"));
/// assert_eq!(plugin.manifest().name, "lint");
/// ```
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
            protocol: Revisions { min: 1, max: astro_plugin_protocol::PROTOCOL_REVISION },
            ..Manifest::default()
        };
        Self { manifest, entries: Vec::new() }
    }

    /// What [`crate::crate_plugin!`] makes of a `Cargo.toml`; what is empty there is not set.
    #[doc(hidden)]
    pub fn of_crate(name: &str, version: &str, about: &str, license: &str, homepage: &str) -> Self {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let mut plugin = Self::new(name, version).about(about);
        plugin.manifest.license = given(license);
        plugin.manifest.homepage = given(homepage);
        plugin
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

    /// The oldest astro it works with, such as `0.3.0`: an older one refuses it with words that say so. Needed when
    /// it cannot do without something that older hosts do not have.
    #[must_use]
    pub fn min_host(mut self, version: &str) -> Self {
        self.manifest.min_host = Some(version.to_owned());
        self
    }

    /// Uses a feature that may still change or go, by its name ([`crate::Plugin::min_host`] is not enough for it): a host that does not
    /// have it refuses the plugin with words that say so. None is under way today.
    #[must_use]
    pub fn unstable(mut self, feature: &str) -> Self {
        self.manifest.unstable.push(feature.to_owned());
        self
    }

    /// The program that it is for, by its name: one that is called otherwise refuses it with words that say so. Needed when
    /// it cannot do without that program's API or dimensions. Not set, it works in every host.
    #[must_use]
    pub fn product(mut self, name: &str) -> Self {
        self.manifest.product = Some(name.to_owned());
        self
    }

    /// A key of its table `[plugins.NAME]` of the configuration. Declared keys are checked by the host when they are
    /// set and when they are read, and [`Context::config`] gets their defaults.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// let plugin = Plugin::new("lint", "1.0.0")
    ///     .config(ConfigKey::flag("strict", "Treat warnings as errors"))
    ///     .config(ConfigKey::text("rules", "Which rules apply").one_of(["all", "errors"]).default_value("all"))
    ///     .config(ConfigKey::number("jobs", 1..=64, "Files read at the same time").default_value(4));
    /// ```
    #[must_use]
    pub fn config(mut self, key: ConfigKey) -> Self {
        self.manifest.config.push(key);
        self
    }

    /// Adds a command.
    #[must_use]
    pub fn command<C: Command>(mut self) -> Self {
        let mut spec = Spec::default();
        C::declare(&mut spec);
        self.entries.push(Entry {
            path: C::PATH,
            effect: C::EFFECT,
            spec,
            clap: |word| C::augment_args(clap::Command::new(word.to_owned())),
            run: |spec, clap, args, ctx| {
                let matches = usage::parse(spec.apply(clap), args)?;
                let command = C::from_arg_matches(&matches).map_err(|error| usage::to_error(&error))?;
                let view = spec.output.clone();
                let running = command.run(ctx.clone());
                Ok(Box::pin(async move {
                    // Encoded here and dropped: it need not be shared between threads.
                    let output = serde_json::value::to_raw_value(&running.await?)?;
                    ctx.emit_output(view, &output).await
                }))
            },
            complete: |asked, ctx| Box::pin(C::complete(asked, ctx)),
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
