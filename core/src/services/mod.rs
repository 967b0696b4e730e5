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

pub(crate) use output::Queue;

use std::sync::{Arc, Mutex};

use astro_plugin_protocol::{
    effect::Effect,
    gate::{self, Gate},
    manifest::{Command, ConfigKey},
    message::{self, Request},
    service::{self, Emit},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    api::ApiClient,
    base::{
        error::{Failure, Result, failed},
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
    program,
    sys::signals,
};

/// One call of a plugin: what it may use, and what became of it so far.
pub(crate) struct Call {
    /// The plugin's name.
    pub(crate) plugin: String,
    /// The command, as the manifest has it.
    pub(crate) command: Command,
    /// The keys of the plugin's configuration.
    pub(crate) config: Vec<ConfigKey>,
    /// The unstable features that it asks for.
    pub(crate) unstable: Vec<String>,
    /// Who and where, and the API.
    pub(crate) api: ApiClient,
    /// The global options.
    pub(crate) globals: Globals,
    /// The terminal.
    pub(crate) console: Arc<Console>,
    /// The user's directories, when the home is known.
    pub(crate) dirs: Option<Dirs>,
    /// Somebody can be asked.
    pub(crate) interactive: bool,
    /// A shell completes a line: nothing may change, be shown or be asked.
    pub(crate) completing: bool,
    /// What this line may change.
    pub(crate) effect: Effect,
    /// The user agreed to what it is about to do.
    pub(crate) agreed: Mutex<bool>,
    /// How its one-time secrets are kept and delivered, when it has any.
    pub(crate) delivery: Option<Delivery>,
    /// The result so far.
    pub(crate) result: Mutex<ResultState>,
    /// What is still to be written of it.
    pub(crate) queue: Queue,
}

impl Call {
    /// A call that asks nobody and delivers no secret; its result is collected.
    pub(crate) fn new(env: &Env, plugin: &str, command: Command, api: ApiClient, globals: Globals) -> Self {
        Self {
            plugin: plugin.to_owned(),
            effect: command.effect,
            command,
            config: Vec::new(),
            unstable: Vec::new(),
            api,
            globals,
            console: Arc::clone(&env.console),
            dirs: env.dirs.as_ref().ok().cloned(),
            interactive: false,
            completing: false,
            agreed: Mutex::new(false),
            delivery: None,
            result: Mutex::new(ResultState::new(Renderer::collecting())),
            queue: Queue::default(),
        }
    }

    /// Who and where.
    pub(crate) fn context(&self) -> &Context {
        &self.api.context
    }
}

/// The result of one call.
pub(crate) struct ResultState {
    /// Turns records into bytes.
    pub(crate) renderer: Renderer,
    /// The reader of stdout is gone; the command ends quietly.
    pub(crate) closed: bool,
    /// Writing failed for this reason.
    pub(crate) failure: Option<Failure>,
}

impl ResultState {
    /// Nothing was written yet.
    pub(crate) fn new(renderer: Renderer) -> Self {
        Self { renderer, closed: false, failure: None }
    }
}

/// A call that services can hand to other threads.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Call>);

impl Services for Shared {
    fn call(&self, request: Vec<u8>, reply: Reply) {
        let request = message::split(&request).and_then(|(message, bytes)| {
            Ok((message::decode_request(message)?, bytes.unwrap_or_default().to_vec()))
        });
        match request {
            Ok((request, bytes)) => dispatch(&self.0, request, bytes, reply),
            Err(failure) => reply.send(Err(failure)),
        }
    }

    fn log(&self, level: u32, target: &str, text: &str) {
        logging::plugin_event(&self.0.plugin, level, target, text);
    }
}

/// The list of services, which `docs/src/authors/reference.md` describes.
fn dispatch(call: &Arc<Call>, request: Request, bytes: Vec<u8>, reply: Reply) {
    let Request { service, body, .. } = request;
    tracing::trace!(service, "asked");
    let gate = Gate {
        command: &call.command,
        effect: call.effect,
        completing: call.completing,
        unstable: &call.unstable,
    };
    if let Some(refused) = gate.refusal(&service, &body) {
        return reply.send(Err(refused));
    }
    match gate.question(&service, &body) {
        Err(refused) => reply.send(Err(refused)),
        Ok(None) => answer(call, &service, body, bytes, reply),
        Ok(Some(question)) => {
            let is_elsewhere = !body["base"].is_null();
            if !is_elsewhere && let Err(refused) = call.context().allow(Effect::Destructive) {
                return reply.send(Err(refused));
            }
            prompt::agreed(call, question, reply, move |call, reply| {
                answer(call, &service, body, bytes, reply);
            });
        }
    }
}

/// Answers what the gate lets through.
fn answer(call: &Arc<Call>, service: &str, body: Value, bytes: Vec<u8>, reply: Reply) {
    match service {
        service::HTTP_REQUEST => with(body, reply, |body, reply| http::request(call, body, bytes, reply)),
        service::OUTPUT_EMIT => match Emit::of_body(body) {
            Ok(emit) => output::emit(call, emit, reply),
            Err(failure) => reply.send(Err(failure)),
        },
        service::OUTPUT_TEXT => with(body, reply, |body, reply| output::text(call, body, reply)),
        service::OUTPUT_SECRET => with(body, reply, |body, reply| output::secret(call, body, reply)),
        service::PROMPT_CONFIRM => with(body, reply, |body, reply| prompt::confirm(call, body, reply)),
        service::PROMPT_TEXT => with(body, reply, |body, reply| prompt::text(call, body, reply)),
        service::PROMPT_SELECT => with(body, reply, |body, reply| prompt::select(call, body, reply)),
        service::NOTICE => with(body, reply, |body: service::Text, reply| {
            call.console.notice(&program::own(&body.text));
            reply.send(Ok(Value::Null));
        }),
        service::PROGRESS_START => {
            with(body, reply, |body, reply| reply.send(progress::start(call, &body)));
        }
        service::PROGRESS_SET => {
            with(body, reply, |body, reply| reply.send(progress::set(call, &body)));
        }
        service::PROGRESS_END => {
            with(body, reply, |body, reply| reply.send(progress::end(call, &body)));
        }
        service::PROCESS_RUN => with(body, reply, |body, reply| process::run(call, body, reply)),
        service::CANCEL_WAIT => signals::wait(move || reply.send(Ok(Value::Null))),
        service::CLOCK => reply.send(time()),
        service::PROFILE_PUT => with(body, reply, |body, reply| {
            let call = Arc::clone(call);
            in_background(reply, move || profile::put(&call, &body));
        }),
        service::CONFIG_GET => {
            let call = Arc::clone(call);
            in_background(reply, move || config::get(&call));
        }
        service::CONTEXT_SELECT => with(body, reply, |body, reply| {
            let call = Arc::clone(call);
            in_background(reply, move || select::select(&call, &body));
        }),
        service::NAMES_KNOWN => with(body, reply, |body, reply| reply.send(naming::known(call, &body))),
        service::NAMES_SEEN => with(body, reply, |body, reply| {
            let call = Arc::clone(call);
            in_background(reply, move || naming::seen(&call, &body));
        }),
        unknown => reply.send(Err(gate::no_such(unknown))),
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
