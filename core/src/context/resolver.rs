//! Who a command acts as: everything that says so is read here, and a sign-in is renewed.

use crate::{
    base::{
        error::{Result, code, with_causes},
        redact,
        time::unix_now,
    },
    config::{Config, Credential, Dirs},
    console::{Console, report},
    context::{self, Context, Directory, Environment, Origin, Sources},
    credential::{self, session::Reason},
    globals::Globals,
};

/// Resolves who a command acts as from everything that may say so.
pub(crate) struct Resolver<'a> {
    /// The user's directories, or why they are not known.
    pub(crate) dirs: &'a Result<Dirs>,
    /// Whether stdout is a terminal decides the format; warnings go to its stderr.
    pub(crate) console: &'a Console,
}

impl Resolver<'_> {
    /// The context of this run.
    pub(crate) fn context(&self, globals: &Globals) -> Result<Context> {
        self.context_of(globals, |_| true)
    }

    /// The same for a prompt, which is shown after every command: no keyring is asked and no program run for it.
    pub(crate) fn context_at_hand(&self, globals: &Globals) -> Result<Context> {
        self.context_of(globals, |described| described.source == credential::Source::File.name())
    }

    /// The same for a shell that completes a line: no program is run for it.
    pub(crate) fn context_for_completing(&self, globals: &Globals) -> Result<Context> {
        self.context_of(globals, |described| described.source != credential::Source::Command.name())
    }

    fn context_of(&self, globals: &Globals, may_ask: fn(&Credential) -> bool) -> Result<Context> {
        let environment = Environment::of_process()?;
        let mut unread = None;
        let directory = Directory::of_process(self.dirs.as_ref().ok()).unwrap_or_else(|failure| {
            unread = Some(failure);
            None
        });
        let (config, broken) = match self.dirs {
            // A configuration that nothing is taken from is not read: a broken one harms no pipeline.
            Ok(dirs) if environment.uses_profiles(globals) => match Config::load(dirs) {
                Ok(config) => (config, None),
                // It keeps requests from being sent, and commands that send none from nothing.
                Err(failure) => (Config::default(), Some(failure)),
            },
            // Only to find out whose the profile of this directory is.
            Ok(dirs) if directory.as_ref().is_some_and(|file| file.profile.is_some()) => {
                (Config::load(dirs).unwrap_or_default(), None)
            }
            // Who was meant is in a configuration that cannot be found.
            Err(failure) if environment.uses_profiles(globals) => (Config::default(), Some(failure.clone())),
            _ => (Config::default(), None),
        };
        let stored = |name: &str| match self.dirs {
            Ok(dirs) => match config.credentials.get(name) {
                Some(described) if may_ask(described) => credential::read(dirs, name, described),
                _ => Ok(None),
            },
            Err(failure) => Err(failure.clone()),
        };
        let sources = Sources {
            globals,
            environment: &environment,
            directory: directory.as_ref(),
            config: &config,
            on_terminal: self.console.facts.stdout,
        };
        let mut context = context::resolve(sources, stored)?;
        // What a flag or a token chose does not depend on a file that nobody can read.
        if let Some(failure) = unread {
            if environment.uses_profiles(globals) && globals.profile.is_none() {
                context.contradiction.get_or_insert(failure);
            } else {
                let reason = failure.causes.first().cloned().unwrap_or_default();
                context.ignored.push(format!("{}: {reason}", failure.message));
            }
        }
        if let Some(credential) = &context.credential {
            redact::hide(credential.value.expose());
        }
        Ok(Context { contradiction: broken.or(context.contradiction), ..context })
    }

    /// The context with a credential that does not expire during this command: a sign-in is renewed.
    pub(crate) fn renewed(&self, mut context: Context) -> Result<Context> {
        let now = unix_now();
        let (Some(session), Some(credential), Ok(dirs)) = (&context.session, &context.credential, self.dirs)
        else {
            return Ok(context);
        };
        let Origin::Credential(name) = &credential.origin else { return Ok(context) };
        if context.contradiction.is_some() || !session.is_due(now) {
            return Ok(context);
        }
        let Some(described) = Config::load(dirs)?.credentials.remove(name) else { return Ok(context) };
        match credential::session::renew(dirs, name, &described, &context.trust(), Reason::Due) {
            Ok((stored, unstored)) => {
                if let Some(failure) = unstored {
                    report::warning(self.console, &failure);
                }
                redact::hide(stored.token.expose());
                context.renew(stored);
                Ok(context)
            }
            // It works for a little longer.
            Err(failure) if session.expires > now => {
                report::warning(self.console, &failure);
                Ok(context)
            }
            // The issuer did not say that it is over, and this machine's clock may be wrong: the API decides, and when
            // it refuses the issuer is asked once more.
            Err(failure) if failure.code == code::NETWORK => {
                tracing::info!("{}", with_causes(&failure));
                Ok(context)
            }
            Err(failure) => Err(failure),
        }
    }
}
