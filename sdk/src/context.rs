//! The author's view of one invocation.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use astro_plugin_abi::HostPort;
use astro_plugin_protocol::{
    invocation::{Context as Resolved, Setting, Terminal},
    message, service,
};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Http, Result, ResultExt as _, bridge};

/// Everything a command may use: who and where, the API client, output, prompts.
///
/// Cheap to clone; works on every thread, inside any runtime or none. After the command ended every call
/// answers the error `closed`. What a host does not know is the error `unimplemented` ([`Error::code`]).
///
/// ```
/// # use astro_plugin_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// # use astro_plugin_sdk::protocol::service::{ContextSelect, ProfilePut};
/// # #[derive(Deserialize, Default)] #[serde(crate = "astro_plugin_sdk::serde", default)] struct Settings { strict: bool }
/// let seconds = ctx.now_ms().await? / 1000;
/// ctx.notice(format!("{} {} runs at {seconds}", ctx.program(), ctx.path())).await?;
/// // Who and where, and what was configured.
/// let team = &ctx.required_setting("team")?.value;
/// let profile = ctx.profile().map(|profile| format!("{} from {}", profile.value, profile.origin));
/// let settings: Settings = ctx.config().await?;
/// let can_ask = ctx.terminal().interactive;
/// // What later commands act on, and a profile of the plugin's own.
/// ctx.set_context(ContextSelect::new().choose("team", team)).await?;
/// ctx.put_profile(ProfilePut::new("local", "http://127.0.0.1:8000/v1", "token").setting_of("team", team)).await?;
/// # let _ = (profile, settings.strict, can_ask);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    port: HostPort,
    context: Resolved,
    terminal: Terminal,
    path: String,
}

impl Context {
    pub(crate) fn new(port: HostPort, path: String, context: Resolved, terminal: Terminal) -> Self {
        Self { inner: Arc::new(Inner { port, context, terminal, path }) }
    }

    /// The command's path, such as `cluster token create`.
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// The resolved context. It never holds a credential.
    pub fn resolved(&self) -> &Resolved {
        &self.inner.context
    }

    /// The profile in use and where it came from.
    pub fn profile(&self) -> Option<&Setting> {
        self.inner.context.profile.as_ref()
    }

    /// What is chosen for a dimension of the program, such as `team`: an ID or a name, and where it came from.
    pub fn setting(&self, dimension: &str) -> Option<&Setting> {
        self.inner.context.setting(dimension)
    }

    /// The same for what the command cannot do without.
    ///
    /// # Errors
    /// A usage error (exit code 2) that names the option and the variable.
    pub fn required_setting(&self, dimension: &str) -> Result<&Setting> {
        let variables = Some(self.inner.context.variables.as_str()).filter(|name| !name.is_empty());
        let variables = variables.unwrap_or("ASTRO");
        self.setting(dimension).ok_or_else(|| {
            Error::usage(format!("no {dimension} is given")).help(format!(
                "pass `--{dimension} ID`, set {variables}_{}_ID, or save it in a profile",
                dimension.to_uppercase()
            ))
        })
    }

    /// The name of the program that runs the command, for advice that people type: `astro`.
    pub fn program(&self) -> &str {
        match self.inner.context.program.as_str() {
            "" => "astro",
            name => name,
        }
    }

    /// Facts about the terminal: whether somebody can be asked, and how wide it is.
    pub fn terminal(&self) -> &Terminal {
        &self.inner.terminal
    }

    /// The authenticated client of the profile's API.
    pub fn http(&self) -> Http<'_> {
        Http::new(self)
    }

    /// A status line on stderr; silent with `--quiet` and under `json` and `clean`.
    ///
    /// # Errors
    /// `closed` after the command ended.
    pub async fn notice(&self, text: impl Into<String>) -> Result<()> {
        self.call(service::NOTICE, service::Text { text: text.into() }).await
    }

    /// The current time in milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// `closed` after the command ended.
    pub async fn now_ms(&self) -> Result<i64> {
        let clock: service::Clock = self.call(service::CLOCK, ()).await?;
        Ok(clock.unix_ms)
    }

    /// Waits for some time. Other futures of the command go on meanwhile.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub async fn sleep(&self, time: Duration) -> Result<()> {
        self.blocking(move || {
            std::thread::sleep(time);
            Ok(())
        })
        .await
    }

    /// The result of a future, or nothing when it takes longer than this; what it does then ends.
    ///
    /// # Errors
    /// A thread cannot be started. An error of the work is in what it gives.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let found = ctx.timeout(Duration::from_secs(5), ctx.http().get(["clusters"]).send()).await?;
    /// # Ok(()) }
    /// ```
    pub async fn timeout<T>(&self, time: Duration, work: impl Future<Output = T>) -> Result<Option<T>> {
        match select(pin!(work), pin!(self.sleep(time))).await {
            Either::Left((done, _)) => Ok(Some(done)),
            Either::Right((slept, _)) => slept.map(|()| None),
        }
    }

    /// A directory of this plugin's own for what it has to remember, which is made when it is not there.
    ///
    /// # Errors
    /// Where no home is known, or the directory cannot be made.
    pub fn state_dir(&self) -> Result<PathBuf> {
        own_dir(&self.inner.context.state_dir, "state")
    }

    /// A directory of this plugin's own for what can be found out again, which is made when it is not there. The user may empty it
    /// at any time.
    ///
    /// # Errors
    /// Where no home is known, the directory cannot be made, or the host does not name one.
    pub fn cache_dir(&self) -> Result<PathBuf> {
        own_dir(&self.inner.context.cache_dir, "cache")
    }

    /// Waits until the user interrupts (Ctrl-C, TERM, HUP). The command then has one second to end.
    ///
    /// # Errors
    /// `closed` after the command ended.
    pub async fn cancelled(&self) -> Result<()> {
        self.call(service::CANCEL_WAIT, ()).await
    }

    /// Creates or changes a profile that belongs to this plugin; loopback addresses only.
    ///
    /// # Errors
    /// The command does not declare [`crate::Spec::changes_profiles`]; an address that is not on this machine; a profile or a credential of
    /// that name that this plugin did not write; a configuration that cannot be written (exit code 3).
    pub async fn put_profile(&self, profile: service::ProfilePut) -> Result<service::ProfilePutAnswer> {
        self.call(service::PROFILE_PUT, profile).await
    }

    /// The plugin's own table `[plugins.NAME]` of the configuration, checked against the keys that
    /// [`crate::Plugin::config`] declares, their defaults filled in. A value that is not accepted is an error of the
    /// configuration (exit code 3). Keys that are not declared take the type's defaults: give it `#[serde(default)]`.
    ///
    /// # Errors
    /// A value that is not accepted (exit code 3); a table that does not have the shape of the type.
    pub async fn config<T: DeserializeOwned>(&self) -> Result<T> {
        self.call(service::CONFIG_GET, ()).await
    }

    /// Changes what later commands act on: the directory file where one selected it, else the profile. Refused where
    /// the profile or the token was chosen by a flag or a variable.
    ///
    /// # Errors
    /// The command does not declare [`crate::Spec::changes_profiles`]; a dimension that the program does not have; no profile that could be
    /// changed (exit code 2).
    pub async fn set_context(&self, select: service::ContextSelect) -> Result<service::ContextSelectAnswer> {
        self.call(service::CONTEXT_SELECT, select).await
    }

    /// Asks the host for a service by name: the way to one that this SDK has no method for.
    ///
    /// # Errors
    /// Whatever the service says; `unimplemented` for one that the host does not have; an answer that does not have the shape of the type.
    pub async fn call<T: DeserializeOwned>(&self, service: &str, body: impl Serialize) -> Result<T> {
        let request = message::encode_request(service, body).map_err(Error::from_failure)?;
        let answer = self.inner.port.call(request.into()).await;
        message::decode_answer(&answer).and_then(message::read).map_err(Error::from_failure)
    }

    /// The same with bytes after the request, and with those that came after the answer.
    pub(crate) async fn call_with<T: DeserializeOwned>(
        &self,
        service: &str,
        body: impl Serialize,
        bytes: Option<&[u8]>,
    ) -> Result<(T, Option<Vec<u8>>)> {
        let mut request = message::encode_request(service, body).map_err(Error::from_failure)?;
        if let Some(bytes) = bytes {
            request = message::with_bytes(&request, bytes).map_err(Error::from_failure)?;
        }
        let answer = self.inner.port.call(request.into()).await;
        let (answer, bytes) = message::split(&answer).map_err(Error::from_failure)?;
        let value = message::decode_answer(answer).and_then(message::read).map_err(Error::from_failure)?;
        Ok((value, bytes.map(<[u8]>::to_vec)))
    }

    /// Sends a request whose answer nobody waits for.
    pub(crate) fn tell(&self, service: &str, body: impl Serialize) {
        if let Ok(request) = message::encode_request(service, body) {
            drop(self.inner.port.call(request.into()));
        }
    }

    /// Runs work that takes the processor or blocks on a thread of its own, so that Ctrl-C still acts and other parts of
    /// the command go on. A panic in it is one of the command.
    ///
    /// # Errors
    /// That of the work; a thread cannot be started.
    ///
    /// ```
    /// # use astro_plugin_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let lines = ctx.blocking(|| Ok(std::fs::read_to_string("dags/etl.py")?.lines().count())).await?;
    /// # Ok(()) }
    /// ```
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let port = self.inner.port;
        let thread = std::thread::Builder::new()
            .name("blocking".to_owned())
            .spawn(move || {
                let done = catch_unwind(AssertUnwindSafe(|| bridge::working_for(port, work)));
                let done = done.map_err(|panic| (bridge::panic_text(&*panic), panic));
                // A command that was cancelled does not take it.
                let _ = sender.send(done);
            })
            .map_err(|error| Error::new("a thread cannot be started").cause(error.to_string()))?;
        drop(thread);
        match receiver.await {
            Ok(Ok(done)) => done,
            Ok(Err((text, panic))) => bridge::panic_again(text, panic),
            Err(_) => Err(Error::plugin("work on a thread ended without a result")),
        }
    }
}

fn own_dir(path: &str, what: &str) -> Result<PathBuf> {
    if path.is_empty() {
        return Err(Error::new(format!("cannot find a {what} directory"))
            .cause("the home directory is not known")
            .help("set HOME, or ASTRO_HOME"));
    }
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path).context(|| format!("cannot make the directory `{path}`"))?;
    Ok(path.into())
}
