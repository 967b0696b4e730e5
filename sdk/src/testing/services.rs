//! The services of a fake host. Every answer is there when it is asked for.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use astro_plugin_abi::{FfiFuture, HostPort, RStr, RVec};
use astro_plugin_cli::{
    escape::escaped,
    globals::Globals,
    output::{Format, Renderer, TableLayout},
    plugin_config, program,
};
use astro_plugin_protocol::{
    effect::Effect,
    gate::{self, Gate},
    manifest::{Command, ConfigKey, Manifest},
    message::{self, Answer, Failure, Request, code},
    names,
    service::{
        self, AskText, Clock, Confirm, ContextSelect, ContextSelectAnswer, Emit, HttpRequest, NamesKnown,
        Process, ProfilePut, ProfilePutAnswer, Secret, Select, Text,
    },
};
use futures_channel::oneshot;
use serde_json::Value;

use super::{
    interrupt::Interrupt,
    script::{Script, TokenSink},
};

static NEXT: AtomicU64 = AtomicU64::new(1);
static OPEN: Mutex<BTreeMap<u64, Arc<Services>>> = Mutex::new(BTreeMap::new());

/// What answers one command.
pub(super) struct Services {
    script: Arc<Mutex<Script>>,
    plugin: String,
    keys: Vec<ConfigKey>,
    unstable: Vec<String>,
    command: Command,
    globals: Globals,
    format: Format,
    interactive: bool,
    completing: bool,
    effect: Effect,
    shown: Mutex<Shown>,
    interrupt: Interrupt,
}

/// The line for which they are.
#[derive(Default)]
pub(super) struct Line {
    pub(super) command: Command,
    pub(super) globals: Globals,
    pub(super) format: Format,
    pub(super) layout: TableLayout,
    /// Prompts are answered.
    pub(super) interactive: bool,
    /// A shell completes it: nothing may change.
    pub(super) completing: bool,
    /// What it may change.
    pub(super) effect: Effect,
}

struct Shown {
    renderer: Renderer,
    stdout: Vec<u8>,
    stderr: String,
    failure: Option<Failure>,
    /// Whoever sits at the terminal agreed to what the command is about to do.
    agreed: bool,
}

/// One command's place among the open ones.
pub(super) struct OpenPort(u64);

impl OpenPort {
    pub(super) fn port(&self) -> HostPort {
        HostPort::new(self.0, call, log, query)
    }
}

impl Drop for OpenPort {
    fn drop(&mut self) {
        open().remove(&self.0);
    }
}

fn open() -> MutexGuard<'static, BTreeMap<u64, Arc<Services>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn call(ctx: u64, request: RVec<u8>) -> FfiFuture<RVec<u8>> {
    let services = open().get(&ctx).cloned();
    let asked = message::split(&request)
        .and_then(|(message, bytes)| Ok((message::decode_request(message)?, bytes.map(<[u8]>::to_vec))));
    if let Some(services) = &services {
        if asked.as_ref().is_ok_and(|(asked, _)| asked.service == service::CANCEL_WAIT) {
            let told = services.interrupt.wait();
            services.interrupt_in_time();
            return FfiFuture::new(async move {
                match told.await {
                    Ok(()) => RVec::from(message::encode_answer(&Answer::Ok(Value::Null))),
                    // Nobody interrupts.
                    Err(_) => std::future::pending().await,
                }
            });
        }
        if services.interrupt_in_time() {
            return FfiFuture::new(std::future::pending());
        }
    }
    let answer = match &services {
        Some(services) => asked.and_then(|(asked, bytes)| services.answer(asked, bytes)),
        None => Err(Failure::new(code::CLOSED, "the command has ended")),
    };
    let encoded = answer.and_then(|(value, bytes)| {
        let answer = message::encode_answer(&Answer::Ok(value));
        bytes.map_or(Ok(answer.clone()), |bytes| message::with_bytes(&answer, &bytes))
    });
    let encoded = encoded.unwrap_or_else(|failure| message::encode_answer(&Answer::Error(failure)));
    if let Some(services) = services {
        services.interrupt_in_time();
    }
    FfiFuture::new(std::future::ready(RVec::from(encoded)))
}

extern "C" fn log(_: u64, _: u32, _: RStr<'_>, _: RStr<'_>) {}

extern "C" fn query(_: u64) -> *const () {
    std::ptr::null()
}

impl Services {
    pub(super) fn new(script: Arc<Mutex<Script>>, manifest: &Manifest, line: Line) -> Self {
        let Line { command, globals, format, layout, interactive, completing, effect } = line;
        let renderer = Renderer::new(format, layout);
        let shown =
            Shown { renderer, stdout: Vec::new(), stderr: String::new(), failure: None, agreed: false };
        Self {
            script,
            plugin: manifest.name.clone(),
            keys: manifest.config.clone(),
            unstable: manifest.unstable.clone(),
            command,
            globals,
            format,
            interactive,
            completing,
            effect,
            shown: Mutex::new(shown),
            interrupt: Interrupt::default(),
        }
    }

    /// Opens a port to these services; it is closed when it is dropped.
    pub(super) fn open(self: &Arc<Self>) -> OpenPort {
        let ctx = NEXT.fetch_add(1, Ordering::Relaxed);
        open().insert(ctx, Arc::clone(self));
        OpenPort(ctx)
    }

    /// The result as text.
    pub(super) fn result(&self) -> String {
        String::from_utf8_lossy(&self.shown().stdout).into_owned()
    }

    /// The conversation so far.
    pub(super) fn said(&self) -> String {
        self.shown().stderr.clone()
    }

    /// Why the result was not written as it was handed over.
    pub(super) fn closing(&self) -> Option<Failure> {
        self.shown().failure.clone()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, and the bytes after it.
    fn answer(&self, request: Request, bytes: Option<Vec<u8>>) -> Result<(Value, Option<Vec<u8>>), Failure> {
        let Request { service, body, .. } = request;
        let gate = Gate {
            command: &self.command,
            effect: self.effect,
            completing: self.completing,
            unstable: &self.unstable,
        };
        if let Some(refused) = gate.refusal(&service, &body) {
            return Err(refused);
        }
        if let Some(question) = gate.question(&service, &body)?.filter(|_| !self.shown().agreed) {
            self.confirm(&question)?;
        }
        if service == service::HTTP_REQUEST {
            return self.http(message::read(body)?, bytes.unwrap_or_default());
        }
        self.answer_without_bytes(&service, body).map(|value| (value, None))
    }

    fn answer_without_bytes(&self, service: &str, body: Value) -> Result<Value, Failure> {
        match service {
            service::OUTPUT_EMIT => self.emit(Emit::of_body(body)?),
            service::OUTPUT_TEXT => self.text(&message::read(body)?),
            service::OUTPUT_SECRET => self.secret(&message::read(body)?),
            service::PROMPT_CONFIRM => self.confirm(&message::read(body)?),
            service::PROMPT_TEXT => self.ask(&message::read(body)?),
            service::PROMPT_SELECT => self.select(&message::read(body)?),
            service::NOTICE => {
                self.notice(&message::read::<Text>(body)?.text);
                Ok(Value::Null)
            }
            service::PROGRESS_START => to_value(self.script().begin(&message::read(body)?)),
            service::PROGRESS_SET => {
                self.script().step(&message::read(body)?);
                Ok(Value::Null)
            }
            service::PROGRESS_END => {
                self.script().end(&message::read(body)?);
                Ok(Value::Null)
            }
            service::PROFILE_PUT => self.profile(message::read(body)?),
            service::CONTEXT_SELECT => self.selection(message::read(body)?),
            service::PROCESS_RUN => self.process(&message::read(body)?),
            service::CLOCK => to_value(Clock { unix_ms: self.script().unix_ms }),
            service::CONFIG_GET => self.config(),
            service::NAMES_KNOWN => to_value(self.script().known(&message::read::<NamesKnown>(body)?.ids)),
            service::NAMES_SEEN => {
                self.script().remember(message::read(body)?);
                Ok(Value::Null)
            }
            other => Err(gate::no_such(other)),
        }
    }

    fn http(&self, request: HttpRequest, bytes: Vec<u8>) -> Result<(Value, Option<Vec<u8>>), Failure> {
        if let Some(refused) = request.refusal(&self.command) {
            return Err(refused);
        }
        let (response, body) = self.script().http(request, bytes)?;
        Ok((to_value(response)?, body))
    }

    fn emit(&self, emit: Emit) -> Result<Value, Failure> {
        let mut shown = self.shown();
        let rows = match &emit {
            Emit::Rows { rows } if !self.format.is_document() => rows.as_slice(),
            _ => &[],
        };
        if let Some(missing) = self.missing_column(rows) {
            shown.failure = Some(missing.clone());
            return Err(missing);
        }
        let step = shown.renderer.step(emit)?;
        shown.stdout.extend(step.bytes);
        drop(shown);
        step.notice.iter().for_each(|notice| self.notice(notice));
        Ok(Value::Null)
    }

    /// A declared column that no row has is a slip: it would be empty for ever. What may be absent is an optional column,
    /// or null.
    fn missing_column(&self, rows: &[Value]) -> Option<Failure> {
        let view = self.command.output.as_ref()?;
        let is_optional =
            |key: &String| view.columns.iter().any(|column| column.key == *key && column.optional);
        let keys = view.columns.iter().map(|column| &column.key).chain(&view.clean);
        let mut keys = keys.filter(|key| !is_optional(key));
        let missing = keys.find(|key| !rows.is_empty() && rows.iter().all(|row| row.get(key).is_none()))?;
        let message =
            format!("`astro {}` declares the column `{missing}`, which no record has", self.command.path);
        Some(
            Failure::new(code::PLUGIN, message)
                .help("name it as serde does; what may be absent is `null` or an `optional_text`"),
        )
    }

    fn text(&self, text: &Text) -> Result<Value, Failure> {
        self.shown().stdout.extend(self.format.text(text.text.clone()));
        Ok(Value::Null)
    }

    fn secret(&self, secret: &Secret) -> Result<Value, Failure> {
        let sink = self.script().sink.clone();
        let mut shown = self.shown();
        if let TokenSink::Broken(reason) = sink {
            let failure = Failure::new(code::DELIVERY, format!("the token could not be delivered: {reason}"));
            shown.failure = Some(failure.clone());
            return Err(failure);
        }
        let bytes = shown.renderer.secret(secret, sink == TokenSink::Result)?;
        shown.stdout.extend(bytes);
        drop(shown);
        self.script().delivered.push(secret.value.clone());
        Ok(Value::Null)
    }

    fn profile(&self, put: ProfilePut) -> Result<Value, Failure> {
        if !names::is_name(&put.name) {
            return Err(failed("the profile's name is not accepted"));
        }
        let host = put.address.strip_prefix("http://").and_then(|rest| rest.split(['/', ':']).next());
        if !matches!(host, Some("localhost" | "127.0.0.1")) {
            return Err(failed("a plugin may only write profiles of an address on this machine"));
        }
        self.script().profiles.push(put);
        to_value(ProfilePutAnswer::default())
    }

    fn selection(&self, select: ContextSelect) -> Result<Value, Failure> {
        if let Some(key) = select.values.keys().find(|key| program::vocabulary().dimension(key).is_none()) {
            return Err(failed(format!("`{key}` cannot be selected")));
        }
        self.script().selected.push(select);
        to_value(ContextSelectAnswer::new("profile `test`", true))
    }

    /// Ready when the user interrupts a command that does not wait for it.
    pub(super) fn interrupted(&self) -> oneshot::Receiver<()> {
        self.interrupt.end()
    }

    /// The user interrupts, once enough requests were answered. Whether the command ends with it.
    fn interrupt_in_time(&self) -> bool {
        let is_there = {
            let script = self.script();
            script.interrupt_after.is_some_and(|after| script.requests.len() >= after)
        };
        is_there && self.interrupt.happen()
    }

    fn confirm(&self, confirm: &Confirm) -> Result<Value, Failure> {
        if self.globals.yes {
            self.shown().agreed = true;
            return Ok(Value::Bool(true));
        }
        if self.interactive && self.format.is_for_people() {
            confirm.details.iter().for_each(|line| self.say(line));
        }
        match self.typed(&confirm.question, "--yes")?.to_lowercase().as_str() {
            "y" | "yes" => {
                self.shown().agreed = true;
                Ok(Value::Bool(true))
            }
            _ => Err(Failure::new(code::DECLINED, "declined; nothing more is done")),
        }
    }

    fn ask(&self, ask: &AskText) -> Result<Value, Failure> {
        self.typed(&ask.question, &ask.flag).map(Value::String)
    }

    fn select(&self, select: &Select) -> Result<Value, Failure> {
        let typed = self.typed(&select.question, &select.flag)?;
        let found = select.items.iter().position(|item| *item == typed || item.contains(&typed));
        found.map(Value::from).ok_or_else(|| {
            failed(format!("the test picks `{typed}`, which is not offered: {}", select.items.join(", ")))
        })
    }

    /// The next answer of whoever sits at the terminal.
    fn typed(&self, question: &str, flag: &str) -> Result<String, Failure> {
        if !self.interactive || !self.format.is_for_people() {
            return Err(Failure::new(
                code::INPUT_REQUIRED,
                format!("`astro {}` needs `{flag}`, because it cannot prompt here", self.command.path),
            )
            .help(format!("pass `{flag}`, or run it on a terminal")));
        }
        self.say(question);
        let next = self.script().typed.pop_front();
        next.ok_or_else(|| {
            failed(format!("the test has no answer to `{question}`")).help("give one with Host::typing")
        })
    }

    fn process(&self, process: &Process) -> Result<Value, Failure> {
        let Some(end) = self.script().programs.get(&process.program).cloned() else {
            return Err(failed(format!("the test's script has no program `{}`", process.program))
                .help("give one with Host::program"));
        };
        match (process.capture, self.format.is_document()) {
            (true, _) => {}
            (false, true) => self.shown().stderr.push_str(&end.stdout),
            (false, false) => self.shown().stdout.extend(end.stdout.as_bytes()),
        }
        to_value(end)
    }

    fn config(&self) -> Result<Value, Failure> {
        let Value::Object(table) = self.script().config.clone() else {
            return Err(failed("the test's configuration is not a table"));
        };
        plugin_config::checked(&self.plugin, &self.keys, table).map(Value::Object)
    }

    fn notice(&self, text: &str) {
        if !self.globals.quiet && self.format.is_for_people() {
            self.say(text);
        }
    }

    fn say(&self, line: &str) {
        let mut shown = self.shown();
        // One line, and nothing in it acts.
        shown.stderr.push_str(&escaped(line));
        shown.stderr.push('\n');
    }
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(code::FAILED, message)
}

fn to_value(value: impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| failed(error.to_string()))
}
