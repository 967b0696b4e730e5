//! The plugin's side of the boundary: bytes to typed calls, panics to answers.
//!
//! Every exported function, every poll and every drop runs under `catch_unwind`: an unwind into the host
//! is undefined, and abi_stable's own guard would end the process with exit code 1.

use std::{
    any::Any,
    cell::Cell,
    future::Future,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
    pin::Pin,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context as Task, Poll},
};

use astro_plugin_abi::{
    ABI_REVISION, FfiFuture, HostPort, PluginModule, PluginModuleRef, RVec,
    abi_stable::{library::RootModuleResult, prefix_type::PrefixTypeTrait},
};
use astro_plugin_protocol::{
    invocation::{Candidates, Complete, Outcome, Run, Terminal, kind},
    message::{self, Answer, Failure, code},
};

use serde_json::Value;

use crate::{Completing, Context, Plugin, log_forward, plugin::Entry};

static BUILD: OnceLock<fn() -> Plugin> = OnceLock::new();
static PLUGIN: OnceLock<Plugin> = OnceLock::new();
static OPEN: Mutex<Open> = Mutex::new(Open { ports: Vec::new(), newest: None });

thread_local! {
    /// The port of the invocation that this thread works for at the moment: what `tracing` and the panic hook write to.
    static PORT: Cell<Option<HostPort>> = const { Cell::new(None) };
    /// The text of this thread's newest panic, for the answer.
    static PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

/// The invocations that have not ended.
struct Open {
    ports: Vec<HostPort>,
    newest: Option<HostPort>,
}

/// The root module of the plugin that `build` makes; it is made at the first call that needs it.
pub fn root_module(build: fn() -> Plugin) -> PluginModuleRef {
    let _ = BUILD.set(build);
    PluginModule { abi_revision: ABI_REVISION, describe, invoke, query }.leak_into_prefix()
}

/// Runs the constructor of the root module for abi_stable.
pub fn start(module: fn() -> PluginModuleRef) -> RootModuleResult {
    astro_plugin_abi::abi_stable::library::__call_root_module_loader(module)
}

/// The port of the invocation that this thread works for. A thread that an author started works for the only
/// invocation there is; beside several it is not known for which.
pub(crate) fn current_port() -> Option<HostPort> {
    let own = PORT.try_with(Cell::get).ok().flatten();
    own.or_else(|| {
        let open = open();
        match open.ports.as_slice() {
            [one] => Some(*one),
            [] => open.newest,
            _ => open.newest.map(HostPort::of_no_invocation),
        }
    })
}

/// Does something on this thread for an invocation.
pub(crate) fn working_for<T>(port: HostPort, work: impl FnOnce() -> T) -> T {
    /// What was there before comes back, also after a panic.
    struct Before(Option<HostPort>);
    impl Drop for Before {
        fn drop(&mut self) {
            let _ = PORT.try_with(|current| current.set(self.0));
        }
    }
    let _before = Before(PORT.try_with(|current| current.replace(Some(port))).ok().flatten());
    work()
}

/// The text of the panic that was just caught on this thread, with its place when the hook saw it.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    PANIC.try_with(Cell::take).ok().flatten().unwrap_or_else(|| payload_text(payload))
}

/// Goes on with a panic of another thread as if it were of this one.
pub(crate) fn panic_again(text: String, payload: Box<dyn Any + Send>) -> ! {
    let _ = PANIC.try_with(|panic| panic.set(Some(text)));
    std::panic::resume_unwind(payload)
}

fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn plugin() -> &'static Plugin {
    PLUGIN.get_or_init(|| BUILD.get().expect("the root module was made before it is used")())
}

extern "C" fn describe() -> RVec<u8> {
    let described = guard(|| serde_json::to_vec(&plugin().manifest()).unwrap_or_default());
    described.unwrap_or_default().into()
}

extern "C" fn query(_: u64) -> *const () {
    std::ptr::null()
}

extern "C" fn invoke(port: HostPort, request: RVec<u8>) -> FfiFuture<RVec<u8>> {
    let made = guard(|| {
        install_panic_hook();
        let request = request.into_vec();
        working_for(port, || Guarded::new(port, answer(plugin(), port, request)))
    });
    FfiFuture::new(made.unwrap_or_else(|panic| Guarded::new(port, async move { panicked(&panic) })))
}

async fn answer(plugin: &'static Plugin, port: HostPort, request: Vec<u8>) -> Answer {
    handle(plugin, port, &request).await.map_or_else(Answer::Error, Answer::Ok)
}

/// What one message asks for. The test kit comes in here, too.
pub(crate) async fn handle(
    plugin: &'static Plugin,
    port: HostPort,
    request: &[u8],
) -> Result<Value, Failure> {
    let request = message::decode_request(request)?;
    let value = match request.service.as_str() {
        kind::RUN => serde_json::to_value(run(plugin, port, message::read(request.body)?).await?),
        kind::COMPLETE => serde_json::to_value(complete(plugin, port, message::read(request.body)?).await?),
        other => {
            return Err(Failure::new(code::UNIMPLEMENTED, format!("no invocation is called `{other}`")));
        }
    };
    value.map_err(|error| Failure::new(code::FAILED, error.to_string()))
}

fn entry<'p>(plugin: &'p Plugin, path: &str) -> Result<&'p Entry, Failure> {
    plugin.entry(path).ok_or_else(|| Failure::new(code::PLUGIN, format!("it has no command `{path}`")))
}

async fn run(plugin: &'static Plugin, port: HostPort, run: Run) -> Result<Outcome, Failure> {
    log_forward::install(run.log_level);
    let entry = entry(plugin, &run.path)?;
    let word = entry.path.rsplit(' ').next().unwrap_or_default();
    let ctx = Context::new(port, run.path, run.context, run.terminal);
    let ended = match (entry.run)(&entry.spec, (entry.clap)(word), run.args, ctx) {
        Ok(running) => running.await,
        Err(error) => Err(error),
    };
    match ended.map_err(crate::Error::into_parts) {
        Ok(()) => Ok(Outcome { exit_code: 0 }),
        Err((_, Some(exit_code @ 10..=99))) => Ok(Outcome { exit_code }),
        Err((_, Some(exit_code))) => Err(Failure::new(
            code::PLUGIN,
            format!("it ended with the code {exit_code}; codes of its own are 10 to 99"),
        )),
        Err((failure, None)) => Err(failure),
    }
}

async fn complete(plugin: &'static Plugin, port: HostPort, asked: Complete) -> Result<Candidates, Failure> {
    log_forward::install(asked.log_level);
    let entry = entry(plugin, &asked.path)?;
    let ctx = Context::new(port, asked.path.clone(), asked.context.clone(), Terminal::default());
    let candidates = (entry.complete)(Completing { asked }, ctx).await;
    candidates.map(|candidates| Candidates { candidates }).map_err(|error| error.into_parts().0)
}

/// The future of an invocation. It never unwinds, neither when polled nor when dropped, and whatever is logged meanwhile
/// is logged for its invocation: several are polled in turn on one thread.
struct Guarded {
    port: HostPort,
    inner: Option<Pin<Box<dyn Future<Output = Answer> + Send>>>,
}

impl Guarded {
    fn new(port: HostPort, inner: impl Future<Output = Answer> + Send + 'static) -> Self {
        let mut open = open();
        open.ports.push(port);
        open.newest = Some(port);
        Self { port, inner: Some(Box::pin(inner)) }
    }
}

impl Future for Guarded {
    type Output = RVec<u8>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<RVec<u8>> {
        let port = self.port;
        let Some(inner) = self.inner.as_mut() else {
            let again = Failure::new(code::PLUGIN, "it was polled after it ended");
            return Poll::Ready(message::encode_answer(&Answer::Error(again)).into());
        };
        let answer = match guard(|| working_for(port, || inner.as_mut().poll(task))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer,
            Err(panic) => panicked(&panic),
        };
        // What is left is dropped now, so that a panic in a drop still becomes an answer.
        let rest = self.inner.take();
        let answer = match guard(|| working_for(port, || drop(rest))) {
            Ok(()) => answer,
            Err(panic) => panicked(&panic),
        };
        Poll::Ready(message::encode_answer(&answer).into())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let rest = self.inner.take();
        // The host cancelled; the panic hook has told the log what went wrong.
        let _ = guard(|| working_for(self.port, || drop(rest)));
        open().ports.retain(|port| port.ctx() != self.port.ctx());
    }
}

fn guard<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // One that the author caught is not the one that ends the command.
    let _ = PANIC.try_with(Cell::take);
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = panic_text(&*payload);
        // A payload may panic in its own drop.
        std::mem::forget(payload);
        text
    })
}

fn panicked(text: &str) -> Answer {
    Answer::Error(Failure::new(code::PLUGIN, format!("it panicked: {text}")))
}

fn payload_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".to_owned())
}

/// Sends panic texts to the host's log instead of stderr: the plugin has its own copy of std, whose default
/// hook prints before anything can catch the panic.
fn install_panic_hook() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| std::panic::set_hook(Box::new(panic_hook)));
}

fn panic_hook(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
    let text = format!("{}{place}", payload_text(info.payload()));
    if let Some(port) = current_port() {
        // Not `plugin()`: the panic may come out of making it.
        let name = PLUGIN.get().map_or("plugin", Plugin::name);
        port.log(1, name, &format!("panic: {text}"));
    }
    let _ = PANIC.try_with(|panic| panic.set(Some(text)));
}

#[cfg(test)]
mod tests;
