//! What a plugin may ask of the host during one invocation: one line for each service.
//!
//! `call` comes on the plugin's thread and must not block: what is quick is answered at once, HTTP goes to
//! the runtime's thread, and what may wait for a person or a full pipe goes to a thread of its own.

#![forbid(unsafe_code)]

mod config;
mod http;
mod naming;
mod output;
mod process;
mod profile;
mod progress;
mod prompt;
mod select;
pub(crate) mod starter;

pub use http::Renewed;
pub(crate) use http::get as ask_api;
pub(crate) use naming::ask as ask_names;
pub use output::Queue;

use std::sync::{Arc, Mutex};

use astro_plugin_protocol::{
    manifest::{Command, ConfigKey},
    message::{self, Request},
    service,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    base::{
        error::{Failure, Result, code, failed},
        threads,
    },
    config::Dirs,
    console::{Console, logging},
    context::Context,
    delivery::Delivery,
    env::Env,
    globals::Globals,
    host::{Services, port::Reply},
    net::clock,
    output::Renderer,
    sys::signals,
};

/// Everything one invocation may use.
pub struct Invocation {
    /// The plugin's name.
    pub plugin: String,
    /// The command, as the manifest has it.
    pub command: Command,
    /// Who and where.
    pub context: Context,
    /// The global options.
    pub globals: Globals,
    /// The terminal.
    pub console: Arc<Console>,
    /// The user's directories, when the home is known.
    pub dirs: Option<Dirs>,
    /// Somebody can be asked.
    pub interactive: bool,
    /// How its one-time secrets are kept and delivered, when it has any.
    pub delivery: Option<Delivery>,
    /// The keys of the plugin's configuration.
    pub config: Vec<ConfigKey>,
    /// It may read and nothing else: a shell completes a line.
    pub reads_only: bool,
    /// The result so far.
    pub result: Mutex<ResultState>,
    /// What is still to be written of it.
    pub queue: Queue,
    /// The credential that took the place of the context's.
    pub renewed: Renewed,
}

impl Invocation {
    /// An invocation that shows nothing and asks nobody, for requests of the host's own.
    pub(crate) fn silent(env: &Env, command: Command, context: Context, globals: Globals) -> Self {
        Self {
            plugin: "astro".to_owned(),
            command,
            context,
            globals,
            console: Arc::clone(&env.console),
            dirs: env.dirs.as_ref().ok().cloned(),
            interactive: false,
            delivery: None,
            config: Vec::new(),
            reads_only: true,
            result: Mutex::new(ResultState::new(Renderer::collecting())),
            queue: Queue::default(),
            renewed: Renewed::never(),
        }
    }
}

/// The result of one invocation.
pub struct ResultState {
    /// Turns records into bytes.
    pub renderer: Renderer,
    /// The reader of stdout is gone; the command ends quietly.
    pub closed: bool,
    /// Writing failed for this reason.
    pub failure: Option<Failure>,
}

impl ResultState {
    /// Nothing was written yet.
    pub fn new(renderer: Renderer) -> Self {
        Self { renderer, closed: false, failure: None }
    }
}

/// An invocation that services can hand to other threads.
#[derive(Clone)]
pub struct Shared(pub Arc<Invocation>);

impl Services for Shared {
    fn call(&self, request: Vec<u8>, reply: Reply) {
        match message::decode_request(&request) {
            Ok(request) => dispatch(&self.0, request, reply),
            Err(failure) => reply.send(Err(failure)),
        }
    }

    fn log(&self, level: u32, target: &str, text: &str) {
        logging::plugin_event(&self.0.plugin, level, target, text);
    }
}

/// The list of services. The order is that of `docs/src/internals/architecture.md`.
fn dispatch(invocation: &Arc<Invocation>, request: Request, reply: Reply) {
    let Request { service, body, .. } = request;
    tracing::trace!(service, "asked");
    if invocation.reads_only && !service::only_reads(&service, &body) {
        let reason = format!("`{service}` is not answered while a shell completes a line");
        return reply.send(Err(Failure::new(code::FAILED, reason)));
    }
    match service.as_str() {
        service::HTTP_REQUEST => with(body, reply, |body, reply| http::request(invocation, body, reply)),
        service::OUTPUT_EMIT => with(body, reply, |body, reply| output::emit(invocation, body, reply)),
        service::OUTPUT_TEXT => with(body, reply, |body, reply| output::text(invocation, body, reply)),
        service::OUTPUT_SECRET => with(body, reply, |body, reply| output::secret(invocation, body, reply)),
        service::PROMPT_CONFIRM => with(body, reply, |body, reply| prompt::confirm(invocation, body, reply)),
        service::PROMPT_TEXT => with(body, reply, |body, reply| prompt::text(invocation, body, reply)),
        service::PROMPT_SELECT => with(body, reply, |body, reply| prompt::select(invocation, body, reply)),
        service::NOTICE => with(body, reply, |body: service::Text, reply| {
            invocation.console.notice(&body.text);
            reply.send(Ok(Value::Null));
        }),
        service::PROGRESS_START => {
            with(body, reply, |body, reply| reply.send(progress::start(invocation, &body)));
        }
        service::PROGRESS_SET => {
            with(body, reply, |body, reply| reply.send(progress::set(invocation, &body)));
        }
        service::PROGRESS_END => {
            with(body, reply, |body, reply| reply.send(progress::end(invocation, &body)));
        }
        service::PROCESS_RUN => with(body, reply, |body, reply| process::run(invocation, body, reply)),
        service::CANCEL_WAIT => signals::wait(move || reply.send(Ok(Value::Null))),
        service::CLOCK => reply.send(time()),
        service::PROFILE_PUT => with(body, reply, |body, reply| {
            let invocation = Arc::clone(invocation);
            in_background(reply, move || profile::put(&invocation, &body));
        }),
        service::CONFIG_GET => {
            let invocation = Arc::clone(invocation);
            in_background(reply, move || config::get(&invocation));
        }
        service::CONTEXT_SELECT => with(body, reply, |body, reply| {
            let invocation = Arc::clone(invocation);
            in_background(reply, move || select::select(&invocation, &body));
        }),
        service::NAMES_KNOWN => with(body, reply, |body, reply| reply.send(naming::known(invocation, &body))),
        service::NAMES_SEEN => with(body, reply, |body, reply| {
            let invocation = Arc::clone(invocation);
            in_background(reply, move || naming::seen(&invocation, &body));
        }),
        unknown => reply.send(Err(Failure::new(
            code::UNIMPLEMENTED,
            format!("this astro has no service `{unknown}`"),
        )
        .help("upgrade astro"))),
    }
}

fn with<T: DeserializeOwned>(body: Value, reply: Reply, handle: impl FnOnce(T, Reply)) {
    match message::read(body) {
        Ok(body) => handle(body, reply),
        Err(failure) => reply.send(Err(failure)),
    }
}

/// Runs something that may block on a thread of its own.
fn in_background(reply: Reply, work: impl FnOnce() -> Result<Value> + Send + 'static) {
    threads::start_or_run("service", move || reply.send(work()));
}

fn time() -> Result<Value> {
    to_value(service::Clock { unix_ms: clock::unix_ms() })
}

fn to_value(value: impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|error| failed("an answer cannot be encoded").cause(error.to_string()))
}
